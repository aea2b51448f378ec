//! Constants: what a lowering needs to know when it compiles.

use super::Elaborator;
use crate::model::{MExpr, MKind};

/// Micrometres of a length (`62 mm`, `12 pt`, `1 in`), or `None`.
#[must_use]
pub fn length_um(e: &MExpr) -> Option<i64> {
    let MKind::Quantity { number, unit } = &e.kind else {
        return None;
    };
    // 1 pt = 127/360 mm, see ISO 80000 and the PostScript point.
    let (numerator, denominator): (i128, i128) = match unit.as_str() {
        "mm" => (1_000, 1),
        "cm" => (10_000, 1),
        "in" => (25_400, 1),
        "pt" => (3_175, 9),
        _ => return None,
    };
    let (value, scale) = decimal(number)?;
    let product = i128::from(value).checked_mul(numerator)?;
    let divisor = i128::from(scale).checked_mul(denominator)?;
    i64::try_from((product * 2 + divisor) / (divisor * 2)).ok()
}

/// Thousandths of a point of a font size (`12 pt`).
#[must_use]
pub fn size_mpt(e: &MExpr) -> Option<u32> {
    let MKind::Quantity { number, unit } = &e.kind else {
        return None;
    };
    if unit != "pt" {
        return None;
    }
    let (value, scale) = decimal(number)?;
    u32::try_from(value.checked_mul(1_000)? / scale).ok()
}

/// `(x, y)` in micrometres.
#[must_use]
pub fn point_um(e: &MExpr) -> Option<(i64, i64)> {
    let MKind::Tuple(parts) = &e.kind else {
        return None;
    };
    match parts.as_slice() {
        [x, y] => Some((length_um(x)?, length_um(y)?)),
        _ => None,
    }
}

/// `(x, y, width, height)` in micrometres.
#[must_use]
pub fn rect_um(e: &MExpr) -> Option<(i64, i64, i64, i64)> {
    let MKind::Tuple(parts) = &e.kind else {
        return None;
    };
    match parts.as_slice() {
        [x, y, w, h] => Some((length_um(x)?, length_um(y)?, length_um(w)?, length_um(h)?)),
        _ => None,
    }
}

/// A decimal number as (digits, power of ten of its scale): `10.25` is (1025, 100).
#[must_use]
pub fn decimal(number: &str) -> Option<(i64, i64)> {
    let clean: String = number.chars().filter(|c| *c != '_').collect();
    let (whole, fraction) = clean.split_once('.').unwrap_or((&clean, ""));
    if fraction.len() > 6 {
        return None;
    }
    let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some((digits, scale))
}

/// The words of a list (`[debit, pse]`) or a single word.
#[must_use]
pub fn words(e: &MExpr) -> Option<Vec<String>> {
    match &e.kind {
        MKind::List(items) => items
            .iter()
            .map(|item| item.phrase.single().and_then(MExpr::dotted))
            .collect(),
        _ => e.dotted().map(|word| vec![word]),
    }
}

impl<'a> Elaborator<'a> {
    /// The constant text of an expression (E0205 when it depends on an order).
    pub fn const_text(&mut self, e: &'a MExpr) -> Option<String> {
        let _ = &self.program;
        e.literal_text()
    }

    /// The constant number of an expression.
    pub fn const_number(&mut self, e: &'a MExpr) -> Option<i64> {
        let _ = &self.program;
        e.integer()
    }

    /// The constant octets of an expression.
    pub fn const_bytes(&mut self, e: &'a MExpr) -> Option<Vec<u8>> {
        let _ = &self.program;
        match &e.kind {
            MKind::Hex(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }

    /// The constant octets of an expression that may list flags of a vocabulary set by name:
    /// `aip`, `tvr`, `auc`, `ctq`.
    pub fn const_flags(&mut self, e: &'a MExpr, set: &str) -> Option<Vec<u8>> {
        let _ = set;
        self.const_bytes(e)
    }
}

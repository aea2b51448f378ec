//! Constants: what a lowering needs to know when it compiles.

use super::Elaborator;
use crate::model::shape::tag_of;
use crate::model::{MExpr, MItem, MKind, Span};
use crate::types::Type;
use cardwright_bundle::{Constant, Op};
use cardwright_vocabulary::{data_element, flag_set, nearest};

/// Micrometres of a length (`62 mm`, `12 pt`, `1 in`), or `None`.
#[must_use]
pub fn length_um(e: &MExpr) -> Option<i64> {
    let MKind::Quantity { number, unit } = &e.kind else {
        return None;
    };
    // 1 in is 25.4 mm, 1 pt is 1/72 in.
    let (numerator, denominator): (i128, i128) = match unit.as_str() {
        "um" => (1, 1),
        "mm" => (1_000, 1),
        "cm" => (10_000, 1),
        "in" => (25_400, 1),
        "pt" => (25_400, 72),
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
    u32::try_from(value.checked_mul(1_000)?.checked_div(scale)?).ok()
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
        match self.constant_of(e, &Type::text())? {
            Constant::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The constant number of an expression (E0205 when it depends on an order).
    pub fn const_number(&mut self, e: &'a MExpr) -> Option<i64> {
        match self.constant_of(e, &Type::Number { digits: 18 })? {
            Constant::Number(n) => Some(n),
            _ => None,
        }
    }

    /// The constant octets of an expression (E0205 when they depend on an order).
    pub fn const_bytes(&mut self, e: &'a MExpr) -> Option<Vec<u8>> {
        match self.constant_of(e, &Type::bytes())? {
            Constant::Bytes(text) => hex::decode(text).ok(),
            _ => None,
        }
    }

    /// The constant octets of an expression that may list flags of a vocabulary set by name:
    /// `aip`, `tvr`, `auc`, `ctq`. E0207 names a word that is no flag of the set.
    pub fn const_flags(&mut self, e: &'a MExpr, set: &str) -> Option<Vec<u8>> {
        let set = flag_set(set)?;
        match self.constant_of(e, &Type::Flags(set.name))? {
            Constant::Bytes(text) => hex::decode(text).ok(),
            _ => None,
        }
    }

    fn constant_of(&mut self, e: &'a MExpr, want: &Type) -> Option<Constant> {
        let typed = self.expr(e, Some(want))?;
        if let Some(Op::Constant { value }) = self.op(typed.node) {
            return Some(value.clone());
        }
        let message = format!(
            "{} must be known when compiled, this depends on an order",
            want.words()
        );
        self.say(
            "E0205",
            e.span,
            message,
            "write it out, or use a `let` that needs no field",
        );
        None
    }

    pub(super) fn flag_list(
        &mut self,
        items: &'a [MItem],
        set: &str,
        span: Span,
    ) -> Option<Vec<u8>> {
        let set = flag_set(set)?;
        let mut octets = vec![0_u8; set.octets];
        for item in items {
            let term = item.phrase.single();
            let word = term.and_then(MExpr::word);
            if let Some(flag) = word.and_then(|w| set.flag(w)) {
                let at = usize::from(flag.octet).saturating_sub(1);
                if let Some(octet) = octets.get_mut(at) {
                    *octet |= flag.mask;
                }
                continue;
            }
            if item.spread
                && let Some(term) = term
            {
                let more = self.const_flags(term, set.name)?;
                for (octet, other) in octets.iter_mut().zip(more) {
                    *octet |= other;
                }
                continue;
            }
            let place = term.map_or(span, |t| t.span);
            let shown = term
                .and_then(MExpr::dotted)
                .unwrap_or_else(|| "this".into());
            let names: Vec<&str> = set.flags.iter().map(|f| f.word).collect();
            let help = match nearest(&shown, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("flags are: {}", names.join(", ")),
            };
            let message = format!("`{shown}` is no flag of {} (tag {})", set.title, set.tag);
            self.say("E0207", place, message, &help);
            return None;
        }
        Some(octets)
    }

    /// A data object list: each tag with the length of its element, or one that stands beside it.
    pub(super) fn dol(&mut self, items: &'a [MItem]) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        for item in items {
            let tag = self.tag_item(item)?;
            let stated = item.phrase.terms.get(1).and_then(MExpr::integer);
            let length = stated
                .and_then(|n| u32::try_from(n).ok())
                .or_else(|| data_element(&tag).map(|e| e.max));
            let Some(length) = length.and_then(|n| u8::try_from(n).ok()) else {
                let message = format!("the length of #{tag} is not known");
                self.say("E0208", item.phrase.span, message, "state it: `#9F1E 8`");
                return None;
            };
            octets.extend(hex::decode(&tag).ok()?);
            octets.push(length);
        }
        Some(octets)
    }

    pub(super) fn tag_list(&mut self, items: &'a [MItem]) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        for item in items {
            let tag = self.tag_item(item)?;
            octets.extend(hex::decode(&tag).ok()?);
        }
        Some(octets)
    }

    fn tag_item(&mut self, item: &'a MItem) -> Option<String> {
        let tag = item.phrase.terms.first().and_then(tag_of);
        if let Some(tag) = tag {
            return Some(tag.to_owned());
        }
        let message = "a tag or the name of a data element is expected".to_owned();
        let help = "write `#9F37` or `unpredictable_number`";
        self.say("E0208", item.phrase.span, message, help);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(number: &str, unit: &str) -> MExpr {
        MExpr {
            kind: MKind::Quantity {
                number: number.into(),
                unit: unit.into(),
            },
            span: Span::default(),
        }
    }

    #[test]
    fn lengths_become_micrometres() {
        assert_eq!(length_um(&quantity("62", "mm")), Some(62_000));
        assert_eq!(length_um(&quantity("53.98", "mm")), Some(53_980));
        assert_eq!(length_um(&quantity("1", "in")), Some(25_400));
        assert_eq!(length_um(&quantity("72", "pt")), Some(25_400));
        assert_eq!(length_um(&quantity("1", "EUR")), None);
        assert_eq!(length_um(&quantity("1.0000001", "mm")), None);
    }

    #[test]
    fn font_sizes_keep_thousandths() {
        assert_eq!(size_mpt(&quantity("10.5", "pt")), Some(10_500));
        assert_eq!(size_mpt(&quantity("10.5", "mm")), None);
    }
}

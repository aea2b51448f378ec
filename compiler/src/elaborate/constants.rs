//! Constants: what a lowering needs to know when it compiles.

use super::Elaborator;
use crate::diagnostics::Problem;
use crate::model::shape::tag_of;
use crate::model::{MExpr, MItem, MKind, Span};
use crate::types::Type;
use cardwright_bundle::{Constant, Op};
use cardwright_vocabulary::{BitError, BitField, Word, bit_field, data_element_in, nearest};

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

/// A word of a bit field: `dda`, or with its number `priority(2)`.
fn bit_word(e: &MExpr) -> Option<(String, Option<u32>)> {
    match &e.kind {
        MKind::Call { callee, args } => {
            let [only] = args.as_slice() else { return None };
            let number = only.value.integer().filter(|_| only.name.is_none())?;
            Some((callee.dotted()?, Some(u32::try_from(number).ok()?)))
        }
        _ => Some((e.dotted()?, None)),
    }
}

impl<'a> Elaborator<'a> {
    /// Whose meaning of tags holds here: the dictionary of the block or profile that an expression
    /// stands in, or EMV's own.
    #[must_use]
    pub fn dictionary(&self) -> &'a str {
        let of_decl = || self.env.this.map_or("", crate::model::dictionary);
        self.speaks.unwrap_or_else(of_decl)
    }

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

    /// The constant octets of an expression that may list words of a bit field, such as `aip` or
    /// `tvr`. E0207 names a word that does not go.
    pub fn const_flags(&mut self, e: &'a MExpr, set: &str) -> Option<Vec<u8>> {
        let set = bit_field(set)?;
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
        let set = bit_field(set)?;
        let mut value = Word::new(set);
        for item in items {
            let term = item.phrase.single();
            if item.spread
                && let Some(term) = term
            {
                value.add(&self.const_flags(term, set.name)?);
                continue;
            }
            let place = term.map_or(span, |t| t.span);
            let Some((word, number)) = term.and_then(bit_word) else {
                self.no_bit(set, "this", place);
                return None;
            };
            let Err(error) = set.set(&mut value, &word, number) else {
                continue;
            };
            let title = set.title;
            let (message, help) = match error {
                BitError::Unknown => {
                    self.no_bit(set, &word, place);
                    return None;
                }
                BitError::NumberMissing => (
                    format!("`{word}` counts: {title} needs its number"),
                    format!("write `{word}(1)`"),
                ),
                BitError::NumberTooMuch => (
                    format!("`{word}` takes no number"),
                    format!("write `{word}`"),
                ),
                BitError::NumberTooLarge(most) => (
                    format!("the number of `{word}` does not fit its bits"),
                    format!("at most {most}"),
                ),
                BitError::Clash => (
                    format!("`{word}` contradicts a word before it: they share bits of {title}"),
                    "keep one of them".to_owned(),
                ),
            };
            self.say("E0207", place, message, &help);
            return None;
        }
        Some(value.octets)
    }

    fn no_bit(&mut self, set: &BitField, shown: &str, place: Span) {
        let names = set.rows.iter().map(|row| row.word);
        let near = nearest(shown, names.clone());
        let otherwise = format!("words are: {}", names.collect::<Vec<_>>().join(", "));
        let message = format!("`{shown}` is no word of {} (`{}`)", set.title, set.name);
        let problem = Problem::error("E0207", place, message);
        self.findings().push(problem.meant(place, near, otherwise));
    }

    /// A service code out of its three words (ISO/IEC 7813); none when a term is no bare word.
    pub(super) fn service_words(&mut self, items: &'a [MItem], span: Span) -> Option<String> {
        let words = items
            .iter()
            .map(|i| i.phrase.single().and_then(MExpr::word));
        let words: Option<Vec<&str>> = words.collect();
        let found = cardwright_vocabulary::service_code_of(words.unwrap_or_default());
        match found {
            Ok(code) => Some(format!("{code:03}")),
            Err(word) => {
                let message = match word {
                    Some(word) => format!(
                        "`{word}` is no word of a service code, or its digit is given already"
                    ),
                    None => "a service code needs a word for each of its three digits".to_owned(),
                };
                let all: Vec<&str> = cardwright_vocabulary::SERVICE_CODE_WORDS
                    .iter()
                    .map(|row| row.word)
                    .collect();
                let near = word.and_then(|w| nearest(w, all.iter().copied()));
                let written = items.iter().filter_map(|i| i.phrase.single());
                let at = written.filter(|e| e.word() == word).map(|e| e.span).next();
                let otherwise = "such as `[international_chip, normal_authorization, \
                                 no_restrictions]`, which is 201";
                // A word that is known, and given twice, is no misspelling.
                let near = near.filter(|near| Some(*near) != word);
                let problem = Problem::error("E0207", span, message);
                let problem = problem.meant(at.unwrap_or(span), near, otherwise);
                self.findings().push(problem);
                None
            }
        }
    }

    /// A data object list: each tag with the length of its element, or one that stands beside it.
    pub(super) fn dol(&mut self, items: &'a [MItem]) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        for item in items {
            let tag = self.tag_item(item)?;
            let stated = item.phrase.terms.get(1).and_then(MExpr::integer);
            let length = stated
                .and_then(|n| u32::try_from(n).ok())
                .or_else(|| data_element_in(self.dictionary(), &tag).map(|e| e.asked));
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

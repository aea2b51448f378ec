//! What stands in the fields that a specimen order leaves out. Invented, and recognisably so.

use crate::photos::SPECIMEN_PICTURE;
use cardwright_bundle::{Content, Field, FieldType, Job, Op};
use cardwright_runtime::Date;
use cardwright_standards::pan;

/// Years that a specimen card is valid.
const VALID_YEARS: u16 = 4;

/// What the defaults are made from.
pub(crate) struct Defaults<'a> {
    content: &'a Content,
    job: &'a Job,
    bin: Option<&'a str>,
    today: Date,
}

impl<'a> Defaults<'a> {
    pub(crate) fn new(
        content: &'a Content,
        job: &'a Job,
        bin: Option<&'a str>,
        today: Date,
    ) -> Self {
        Self {
            content,
            job,
            bin,
            today,
        }
    }

    /// The texts of a field's occurrences.
    pub(crate) fn texts(&self, field: &Field) -> Vec<String> {
        if field.repeat > 1 {
            return vec!["1 Specimen Street".to_owned(), "Specimen Town".to_owned()];
        }
        vec![self.text(field)]
    }

    fn text(&self, field: &Field) -> String {
        let is_selector = self.is_node(self.job.program, self.job.selector, &field.name);
        if let (true, Some(product)) = (is_selector, self.job.products.first()) {
            return product.code.clone();
        }
        match &field.field_type {
            FieldType::Number { .. } => "1".to_owned(),
            FieldType::Digits { digits } => format!("{:0>width$}", 1, width = *digits as usize),
            FieldType::Pan => pan_of(self.bin.unwrap_or("99999")),
            FieldType::Date { pattern } => self.date(field).format(pattern),
            FieldType::PinBlock { .. } => crate::pin_block::SPECIMEN_PIN.to_owned(),
            FieldType::Flag { .. } => String::new(),
            _ if field.optional => String::new(),
            FieldType::Hex { .. } => "00".to_owned(),
            FieldType::Alphanumeric { length } => word(&field.name, *length as usize, true),
            FieldType::Text => word(&field.name, field.width as usize, false),
            FieldType::Picture(_) => SPECIMEN_PICTURE.to_owned(),
        }
    }

    /// The expiry of a card lies ahead; other dates are today's.
    fn date(&self, field: &Field) -> Date {
        let mut cards = self.content.cards.iter();
        if cards.any(|card| self.is_node(card.program, card.expiry, &field.name)) {
            let later = Date {
                year: self.today.year + VALID_YEARS,
                month: 12,
                day: 1,
            };
            return later.month_end();
        }
        self.today
    }

    fn is_node(&self, program: u32, node: u32, field: &str) -> bool {
        let program = self.content.programs.get(program as usize);
        let node = program.and_then(|p| p.nodes.get(node as usize));
        matches!(node.map(|n| &n.op), Some(Op::Field { field: name, .. }) if name == field)
    }
}

/// Sixteen digits that begin so, the last by the Luhn formula (ISO/IEC 7812-1).
fn pan_of(bin: &str) -> String {
    let digits: String = bin.chars().filter(char::is_ascii_digit).take(12).collect();
    let body = format!("{digits:0<15}");
    match pan::luhn_digit(&body) {
        Some(check) => format!("{body}{check}"),
        None => body,
    }
}

/// A word that fits, by what the field is called.
fn word(name: &str, width: usize, capitals: bool) -> String {
    let word = match name {
        "name" | "holder" | "cardholder" | "cardholder_name" => "Ada Specimen",
        "language" | "lang" => "en",
        "postcode" | "zip" => "10000",
        _ => "SPECIMEN",
    };
    let word = if capitals && name != "language" {
        word.to_uppercase()
    } else {
        word.to_owned()
    };
    if width == 0 {
        word
    } else {
        word.chars().take(width).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::pan_of;
    use cardwright_standards::pan::luhn_holds;

    #[test]
    fn specimen_pans_hold() {
        for bin in ["999992", "9999", ""] {
            let pan = pan_of(bin);
            assert!(
                pan.len() == 16 && pan.starts_with(bin) && luhn_holds(&pan),
                "{pan}"
            );
        }
    }
}

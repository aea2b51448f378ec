//! The cardholder verification method list, tag 8E (EMV Book 3, 10.5 and annex C3).

use crate::model::Span;

/// "Apply the next rule if this one is not successful": b7 of the first octet.
const APPLY_NEXT: u8 = 0x40;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Method code.
    pub(crate) method: u8,
    /// Condition code.
    pub(crate) condition: u8,
    /// Whether the next rule is tried when this one fails.
    pub(crate) apply_next: bool,
    /// Where it was written.
    pub(crate) span: Span,
}

impl Rule {
    /// Whether the chip itself compares the PIN.
    pub(crate) fn is_offline_pin(&self) -> bool {
        matches!(self.method, 0x01 | 0x03 | 0x04 | 0x05)
    }

    /// Whether a PIN is asked for, wherever it is compared.
    pub(crate) fn is_pin(&self) -> bool {
        self.is_offline_pin() || self.method == 0x02
    }

    /// Whether the PIN is enciphered for the chip, which needs its RSA key.
    pub(crate) fn is_enciphered_offline_pin(&self) -> bool {
        matches!(self.method, 0x04 | 0x05)
    }

    /// Whether an amount X or Y decides, in the application's currency (9F42).
    pub(crate) fn needs_currency(&self) -> bool {
        (0x06..=0x09).contains(&self.condition)
    }
}

/// The list: amounts X and Y, and rules in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// Amount X in minor units.
    pub(crate) x: u32,
    /// Amount Y in minor units.
    pub(crate) y: u32,
    /// Rules.
    pub(crate) rules: Vec<Rule>,
    /// Rules as written, with those that are not understood.
    pub(crate) lines: usize,
}

impl List {
    /// The value of tag 8E.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.x.to_be_bytes().to_vec();
        bytes.extend(self.y.to_be_bytes());
        for rule in &self.rules {
            let next = if rule.apply_next { APPLY_NEXT } else { 0 };
            bytes.extend([rule.method | next, rule.condition]);
        }
        bytes
    }
}

/// The word of a method's code.
pub(crate) fn method_word(code: u8) -> &'static str {
    word_of(cardwright_vocabulary::CVM_CODES, code)
}

/// The word of a condition's code.
pub(crate) fn condition_word(code: u8) -> &'static str {
    word_of(cardwright_vocabulary::CVM_CONDITIONS, code)
}

fn word_of(table: &'static [cardwright_vocabulary::Coded], code: u8) -> &'static str {
    table
        .iter()
        .find(|row| row.code == code)
        .map_or("unknown", |row| row.word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(method: &str, condition: &str, apply_next: bool) -> Rule {
        Rule {
            method: cardwright_vocabulary::cvm_code(method).expect("a method"),
            condition: cardwright_vocabulary::cvm_condition(condition).expect("a condition"),
            apply_next,
            span: Span::default(),
        }
    }

    /// The list of the golden card of `tests/vectors/project/vectors_perso.json`, tag 8E of DGI 0201.
    #[test]
    fn the_golden_card() {
        let list = List {
            rules: vec![
                rule("plain_pin_offline", "supported", true),
                rule("signature", "supported", false),
            ],
            ..List::default()
        };
        assert_eq!(hex::encode_upper(list.bytes()), "000000000000000041031E03");
    }

    /// A public sample with five rules (EMV Book 3 coding): plain PIN, online PIN, signature, PIN
    /// with signature, none.
    #[test]
    fn a_public_sample() {
        let list = List {
            rules: vec![
                rule("plain_pin_offline", "supported", true),
                rule("enciphered_pin_online", "supported", true),
                rule("signature", "supported", true),
                rule("plain_pin_offline_and_signature", "supported", true),
                rule("no_cvm", "always", false),
            ],
            ..List::default()
        };
        assert_eq!(
            hex::encode_upper(list.bytes()),
            "0000000000000000410342035E0343031F00"
        );
    }
}

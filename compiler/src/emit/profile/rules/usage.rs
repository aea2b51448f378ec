//! Where a card may be used: usage control, service code, offline limits, and what they say to one
//! another and to the rules of cardholder verification.

use super::super::cvm;
use super::{Rules, aip};
use crate::diagnostics::Change;
use crate::model::Span;
use cardwright_bundle::{Constant, Op};
use cardwright_vocabulary::{BitField, bit_field};

/// Results of PIN entry: they need a rule that asks for a PIN (TVR octet 3).
const OF_A_PIN: [&str; 3] = [
    "pin_try_limit_exceeded",
    "pin_entry_required_no_pinpad",
    "pin_entry_required_pin_not_entered",
];
/// Results of cardholder verification.
const OF_A_CVM: [&str; 2] = ["cvm_failed", "unrecognised_cvm"];
/// Results of velocity checking, which takes place only with both limits (EMV Book 3, 10.6.3).
const OF_LIMITS: [&str; 2] = [
    "lower_offline_limit_exceeded",
    "upper_offline_limit_exceeded",
];

/// Flags of 9F07 for use abroad.
const ABROAD: [&str; 4] = [
    "international_cash",
    "international_goods",
    "international_services",
    "international_cashback",
];

impl Rules<'_, '_, '_> {
    /// A constant element's octets.
    fn octets(&self, tag: &str) -> Option<(Vec<u8>, Span)> {
        let element = self.app.element(tag)?;
        Some((element.constant.clone()?, element.span))
    }

    /// Whether a record holds an element: others never leave the chip.
    pub(super) fn readable(&self, tag: &str) -> bool {
        let mut tags = self.app.records.iter().flat_map(|r| &r.tags);
        tags.any(|(t, _)| t == tag)
    }

    /// EMV Book 3, 10.4.2: usage control is judged by the issuer's country.
    pub(super) fn usage_control(&mut self) {
        let Some((octets, span)) = self.octets("9F07") else {
            return;
        };
        if self.readable("9F07") && !self.readable("5F28") {
            let message = "#9F07 has no meaning without #5F28, the issuer's country, in a record";
            let help = "add #5F28 to a record; its value follows from the issuer's `country`";
            self.report("E0322", span, message, help);
        }
        let Some(set) = bit_field("auc") else {
            return;
        };
        if !any_set(set, &octets, &["atm", "non_atm"]) {
            let message = "#9F07 allows neither cash machines nor any other terminal";
            let change = Some(Change::Listed(span, "non_atm".to_owned()));
            let help = "add `non_atm`, `atm`, or both";
            self.report_fix("E0345", span, message, help, change);
        }
        self.service_code(set, &octets, span);
    }

    /// The digits of the service code (ISO/IEC 7813) against usage control and the CVM list.
    fn service_code(&mut self, set: &BitField, usage: &[u8], usage_span: Span) {
        let Some((digits, span)) = self.service_digits() else {
            return;
        };
        let national = matches!(digits.first(), Some(b'5' | b'6'));
        if national && any_set(set, usage, &ABROAD) {
            let message = "the service code says national use, #9F07 allows use abroad";
            let help = "begin the service code with 1 or 2, or take the international flags out";
            self.warn_at("E0344", span, (usage_span, "usage control"), message, help);
        }
        let only_cash = matches!(digits.get(2), Some(b'3' | b'4'));
        let goods = [
            "domestic_goods",
            "international_goods",
            "domestic_services",
            "international_services",
        ];
        if only_cash && any_set(set, usage, &goods) {
            let message = "the service code says cash only, #9F07 allows goods and services";
            let help = "end the service code with another digit, or take the flags out";
            self.warn_at("E0344", span, (usage_span, "usage control"), message, help);
        }
        let asks = matches!(digits.get(2), Some(b'0' | b'3' | b'5'));
        let answers = self.app.cvm.rules.iter().any(cvm::Rule::is_pin);
        if asks && !answers && self.app.aip_has(aip::CVM) {
            let message = "the service code asks for a PIN, no rule of `cvm` does";
            let help = "end the service code with 1, 2 or 4, or add a rule with a PIN";
            let other = (self.span("cvm"), "the rules");
            self.warn_at("E0344", span, other, message, help);
        }
    }

    /// The three digits, when no order decides them.
    fn service_digits(&self) -> Option<(Vec<u8>, Span)> {
        let element = self.app.element("5F30")?;
        match self.elaborator.op(element.raw.as_ref()?.node)? {
            Op::Constant {
                value: Constant::Text(text),
            } => Some((text.clone().into_bytes(), element.span)),
            _ => None,
        }
    }

    /// Conditions of the CVM list that never hold: an amount below nothing, cashback and cash that
    /// usage control forbids.
    pub(super) fn conditions(&mut self) {
        let usage = self.octets("9F07").map(|(octets, _)| octets);
        let list = self.app.cvm.clone();
        for rule in &list.rules {
            let allowed = |flags: &[&str]| {
                let set = bit_field("auc").zip(usage.as_ref());
                set.is_none_or(|(set, octets)| any_set(set, octets, flags))
            };
            let (never, help) = match rule.condition {
                0x01 => (!allowed(&["atm"]), "#9F07 does not allow cash machines"),
                0x04 => (
                    !allowed(&["domestic_cash", "international_cash"]),
                    "#9F07 does not allow cash",
                ),
                0x05 => (
                    !allowed(&["domestic_cashback", "international_cashback"]),
                    "#9F07 does not allow cashback",
                ),
                0x06 => (
                    list.x == 0,
                    "nothing is below an amount X of 0: write `x = …`",
                ),
                0x08 => (
                    list.y == 0,
                    "nothing is below an amount Y of 0: write `y = …`",
                ),
                _ => (false, ""),
            };
            if never {
                let condition = cvm::condition_word(rule.condition);
                let message = format!("the condition `{condition}` never holds on this card");
                self.warn("E0343", rule.span, message, help);
            }
        }
    }

    /// Action codes that look at what never happens, and results that are judged twice.
    pub(super) fn action_code_results(&mut self) {
        let Some(set) = bit_field("tvr") else {
            return;
        };
        let pin = self.app.cvm.rules.iter().any(cvm::Rule::is_pin);
        let limits = self.readable("9F14") && self.readable("9F23");
        let causes: [(&[&str], bool, &str); 3] = [
            (&OF_A_PIN, pin, "a rule of `cvm` that asks for a PIN"),
            (
                &OF_A_CVM,
                self.app.aip_has(aip::CVM),
                "`cardholder_verification` in `aip`",
            ),
            (&OF_LIMITS, limits, "#9F14 and #9F23 in a record"),
        ];
        for (tag, name) in [("9F0D", "default"), ("9F0E", "denial"), ("9F0F", "online")] {
            let Some((octets, span)) = self.octets(tag) else {
                continue;
            };
            if octets.iter().all(|o| *o == 0xFF) {
                continue; // "whatever happens" names nothing
            }
            for (words, happens, cause) in &causes {
                let looked: Vec<&str> = words
                    .iter()
                    .copied()
                    .filter(|w| any_set(set, &octets, &[*w]))
                    .collect();
                if !looked.is_empty() && !happens {
                    let change = self.without(span, &looked);
                    let words = looked.join(", ");
                    let message = format!(
                        "action code `{name}` looks at {words}, which can't happen without {cause}"
                    );
                    let help = format!("take {words} out, or add {cause}");
                    self.report_fix("E0321", span, message, &help, change);
                }
            }
        }
        self.denied_first(set);
    }

    /// EMV Book 3, 10.7: a result that denies is never looked at again.
    fn denied_first(&mut self, set: &BitField) {
        let (Some((denial, span)), Some((online, _))) = (self.octets("9F0E"), self.octets("9F0F"))
        else {
            return;
        };
        if online.iter().all(|o| *o == 0xFF) {
            return;
        }
        let both = |word: &&str| any_set(set, &denial, &[*word]) && any_set(set, &online, &[*word]);
        let words: Vec<&str> = set.rows.iter().map(|row| row.word).filter(both).collect();
        if !words.is_empty() {
            let message = format!(
                "{} stands in `denial` and in `online`: the terminal declines before it goes online",
                words.join(", ")
            );
            self.warn("E0346", span, message, "leave it in one of them");
        }
    }

    /// EMV Book 3, 10.6.3: the lower limit sends online where it can, the upper always.
    pub(super) fn limits(&mut self) {
        let first = |tag: &str| {
            let (octets, span) = self.octets(tag)?;
            Some((*octets.first()?, span))
        };
        let (lower, upper) = (first("9F14"), first("9F23"));
        if let (Some((lower, span)), Some((upper, _))) = (lower, upper)
            && lower > upper
        {
            let message = format!(
                "the lower offline limit (#9F14, {lower}) is above the upper (#9F23, {upper})"
            );
            self.report("E0347", span, message, "write the smaller number in #9F14");
        }
    }
}

/// Whether one of these flags is set.
pub(super) fn any_set(set: &BitField, octets: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| set.has(octets, word))
}

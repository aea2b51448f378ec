//! Data object lists: entries that the terminal can give, at the time when it is asked.

use super::Rules;
use crate::diagnostics::Change;
use crate::model::Span;
use cardwright_vocabulary::{DataElement, data_element};

/// Objects that the first cryptogram's list must ask for (EMV Book 2, 8.1.1, table 26).
const CRYPTOGRAM_MINIMUM: [&str; 8] = ["9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37"];
/// What the issuer answers: known only after the first cryptogram.
const OF_THE_ANSWER: [&str; 2] = ["8A", "91"];
/// Known before the card's records are read: what the answer to SELECT may hold.
const BEFORE_RECORDS: [&str; 5] = ["50", "84", "87", "9F12", "5F2D"];

/// An entry: tag and length.
type Entry = (String, u8);

impl Rules<'_, '_, '_> {
    /// 8C, 8D, 9F38, 9F49, 97: known entries, once, in time, and what the chip needs.
    pub(super) fn object_lists(&mut self) {
        let app = self.app;
        for tag in ["8C", "8D", "9F38", "9F49", "97"] {
            let Some((octets, span)) = app
                .element(tag)
                .and_then(|e| Some((e.constant.clone()?, e.span)))
            else {
                continue;
            };
            let Some(entries) = entries(&octets) else {
                let message = format!("#{tag} is no list of tags and lengths");
                let help = "write it as a list: `[#9F02, #9F37]`";
                self.report("E0324", span, message, help);
                continue;
            };
            self.known(tag, &entries, span);
            self.lengths(tag, &entries, span);
            self.in_time(tag, &entries, span);
            match tag {
                "8C" => self.cryptogram_input(&entries, span),
                "8D" => self.second_cryptogram(&entries, span),
                "9F49" => self.challenge(&entries, span),
                _ => {}
            }
        }
    }

    fn known(&mut self, list: &str, entries: &[Entry], span: Span) {
        for (n, (tag, _)) in entries.iter().enumerate() {
            let row = data_element(tag);
            let constructed = tag.get(..2).and_then(|t| u8::from_str_radix(t, 16).ok());
            let constructed = constructed.is_some_and(|first| first & 0x20 != 0);
            if row.is_none() || constructed {
                let message = format!("#{list} asks for #{tag}, which no terminal can give");
                let help = "name primitive tags of EMV Book 3, annex A";
                self.report("E0324", span, message, help);
            }
            if entries.iter().take(n).any(|(t, _)| t == tag) {
                let message = format!("#{list} asks for #{tag} twice");
                let change = self.item(span, tag).map(Change::Out);
                self.report_fix("E0324", span, message, "leave one of them", change);
            }
        }
    }

    /// A terminal cuts or fills what is asked for in another length (EMV Book 3, 5.4): what is cut
    /// is not protected.
    fn lengths(&mut self, list: &str, entries: &[Entry], span: Span) {
        for (tag, length) in entries {
            let Some(row) = data_element(tag) else {
                continue;
            };
            let length = u32::from(*length);
            if row.source == "terminal" && !(row.min..=row.max).contains(&length) {
                let message = format!(
                    "#{list} asks for {length} octets of #{tag} ({}), which has {}",
                    row.title, row.max
                );
                let help = format!("leave the length out, or write `#{tag} {}`", row.max);
                let item = self.item(span, tag);
                let change = item.map(|at| Change::Instead(at, format!("#{tag}")));
                self.report_fix("E0337", span, message, &help, change);
            }
        }
    }

    /// The list of GET PROCESSING OPTIONS comes before the records, the first cryptogram's before
    /// the issuer's answer.
    fn in_time(&mut self, list: &str, entries: &[Entry], span: Span) {
        for (tag, _) in entries {
            let answer = OF_THE_ANSWER.contains(&tag.as_str());
            let of_card = |row: &DataElement| row.source.starts_with("card");
            let in_records =
                data_element(tag).is_some_and(of_card) && !BEFORE_RECORDS.contains(&tag.as_str());
            let message = match list {
                "9F38" if answer || in_records => format!(
                    "#9F38 asks for #{tag} before the terminal has read a record or asked the issuer"
                ),
                "8C" | "9F49" if answer => format!(
                    "#{list} asks for #{tag}, which the issuer gives only after the first cryptogram"
                ),
                _ => continue,
            };
            let help = "the terminal would fill in zeros: take the tag out of this list";
            let change = self.item(span, tag).map(Change::Out);
            self.report_fix("E0339", span, message, help, change);
        }
    }

    fn cryptogram_input(&mut self, entries: &[Entry], span: Span) {
        let missing: Vec<&str> = CRYPTOGRAM_MINIMUM
            .into_iter()
            .filter(|tag| !has(entries, tag))
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "#8C does not ask for #{}: the cryptogram would not cover it (EMV Book 2, 8.1.1)",
                missing.join(", #")
            );
            let more = Change::Listed(span, format!("#{}", missing.join(", #")));
            let help = "take `emv.cdol1`, or add the tags";
            self.report_fix("E0323", span, message, help, Some(more));
        }
    }

    /// The chip learns from the second list what the issuer decided.
    fn second_cryptogram(&mut self, entries: &[Entry], span: Span) {
        if !has(entries, "8A") {
            let message =
                "#8D does not ask for #8A: the chip would not learn the issuer's decision";
            let help = "take `emv.cdol2`, or add the tag (EMV Book 3, 9.3)";
            let more = Change::Listed(span, "#8A".to_owned());
            self.report_fix("E0338", span, message, help, Some(more));
        }
    }

    /// EMV Book 2, 6.5.1: a signature without the terminal's number can be replayed.
    fn challenge(&mut self, entries: &[Entry], span: Span) {
        if !has(entries, "9F37") {
            let message = "#9F49 does not ask for #9F37: an old signature would do for a new one";
            let help = "take `emv.ddol`; terminals refuse a list without it (EMV Book 2, 6.5.1)";
            let more = Change::Listed(span, "#9F37".to_owned());
            self.report_fix("E0338", span, message, help, Some(more));
        }
    }
}

fn has(entries: &[Entry], tag: &str) -> bool {
    entries.iter().any(|(t, _)| t == tag)
}

/// Tags and lengths of a data object list.
pub(super) fn entries(octets: &[u8]) -> Option<Vec<(String, u8)>> {
    let mut rest = octets;
    let mut entries = Vec::new();
    while let Some((first, mut tail)) = rest.split_first() {
        let mut tag = vec![*first];
        // ISO/IEC 8825-1, 8.1.2.4: five ones mean that the tag goes on while bit 8 is set.
        if first & 0x1F == 0x1F {
            loop {
                let (next, after) = tail.split_first()?;
                tag.push(*next);
                tail = after;
                if next & 0x80 == 0 {
                    break;
                }
            }
        }
        let (length, after) = tail.split_first()?;
        entries.push((hex::encode_upper(&tag), *length));
        rest = after;
    }
    Some(entries)
}

//! Data groupings: `DGI, length, value` as EMV CPS has them, or `DGI: value`, in hexadecimal.
//!
//! `AID: A000…` begins an application, `---` the next card.

use super::lines::{Line, lines, octets_of};
use crate::{
    data::{Application, Card, Grouping, Input, Value, is_secret},
    error::{ImportError, nothing, unreadable},
};

/// A grouping as it stands in a stream.
pub(super) struct Raw<'s> {
    /// Where it begins.
    pub(super) at: usize,
    pub(super) number: u16,
    pub(super) value: &'s [u8],
}

/// Groupings one after another; none when they do not end where the octets end.
pub(super) fn stream(octets: &[u8]) -> Option<Vec<Raw<'_>>> {
    let mut rest = octets;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let at = octets.len() - rest.len();
        let number = super::cps::number(&mut rest)?;
        let value = super::cps::grouping_value(&mut rest)?;
        all.push(Raw { at, number, value });
    }
    Some(all)
}

/// A grouping as cards have it: of keys and PINs the length only.
pub(super) fn grouping(number: u16, value: &[u8], sealed: bool) -> Grouping {
    let value = if sealed || is_secret(number) {
        Value::Sealed {
            octets: value.len(),
            padding: None,
        }
    } else {
        Value::Clear(value.to_vec())
    };
    Grouping { number, value }
}

/// Whether the first line of data holds groupings.
pub(super) fn is_dump(text: &str) -> bool {
    let mut data = lines(text).filter(|l| !is_card_end(l.text) && aid_of(l.text).is_none());
    let Some(first) = data.next() else {
        return false;
    };
    // An AID before it leaves no doubt.
    let said = lines(text).any(|l| l.number < first.number && aid_of(l.text).is_some());
    let is_usual = |number| said || is_usual(number);
    match item(first.text) {
        Some(Item::One(number, _)) => is_usual(number),
        Some(Item::Stream(octets)) => stream(&octets)
            .is_some_and(|all| !all.is_empty() && all.iter().all(|raw| is_usual(raw.number))),
        None => false,
    }
}

/// Numbers of records, internal data, keys and responses (EMV CPS); a dump of TLV seldom begins so.
fn is_usual(number: u16) -> bool {
    matches!(number,
        0x0062 | 0x00CF | 0x0101..=0x1EFF | 0x3000..=0x30FF | 0x7F01 | 0x7FFF
        | 0x8000..=0x8FFF | 0x9000..=0x94FF | 0xA001 | 0xB104)
}

enum Item {
    One(u16, Vec<u8>),
    Stream(Vec<u8>),
}

/// What a line holds.
fn item(line: &str) -> Option<Item> {
    let Some((head, value)) = line.split_once([':', '=']) else {
        return octets_of(line).map(Item::Stream);
    };
    let number = head.trim().trim_start_matches("DGI").trim();
    let number = number.trim_start_matches("0x");
    let number = u16::from_str_radix(number, 16).ok()?;
    let value = value.trim();
    if value.is_empty() {
        return Some(Item::One(number, Vec::new()));
    }
    octets_of(value).map(|value| Item::One(number, value))
}

fn is_card_end(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && line.bytes().all(|c| c == b'-')
}

/// `AID: A0 00 …`, `application A0…`, `[A0…]`.
fn aid_of(line: &str) -> Option<Vec<u8>> {
    let line = line.trim();
    let lower = line.to_ascii_lowercase();
    let rest = if lower.starts_with("aid") {
        line.get(3..)
    } else if lower.starts_with("application") {
        line.get(11..)
    } else {
        line.strip_prefix('[').and_then(|l| l.strip_suffix(']'))
    };
    let rest = rest?.trim_start_matches([':', '=', ' ', '\t']);
    octets_of(rest).filter(|aid| (5..=16).contains(&aid.len()))
}

/// Reads a dump.
pub(super) fn read(text: &str) -> Result<Input, ImportError> {
    let mut input = Input::default();
    let mut card = Card::default();
    let mut application = Application::default();
    for line in lines(text) {
        if is_card_end(line.text) {
            close(&mut card, &mut application);
            input.cards.push(std::mem::take(&mut card));
        } else if let Some(aid) = aid_of(line.text) {
            close(&mut card, &mut application);
            application.aid = aid;
        } else {
            application.groupings.extend(groupings(&line)?);
        }
    }
    close(&mut card, &mut application);
    input.cards.push(card);
    input.cards.retain(|card| !card.applications.is_empty());
    if input.cards.is_empty() {
        return Err(nothing());
    }
    Ok(input)
}

fn close(card: &mut Card, application: &mut Application) {
    let done = std::mem::take(application);
    if !done.groupings.is_empty() {
        card.applications.push(done);
    }
}

fn groupings(line: &Line<'_>) -> Result<Vec<Grouping>, ImportError> {
    let item = item(line.text)
        .ok_or_else(|| unreadable(&line.place(), "no data grouping in hexadecimal"))?;
    match item {
        Item::One(number, value) => Ok(vec![grouping(number, &value, false)]),
        Item::Stream(octets) => {
            let all = stream(&octets).ok_or_else(|| {
                unreadable(&line.place(), "a length does not fit what stands there")
            })?;
            let all = all.iter().map(|raw| grouping(raw.number, raw.value, false));
            Ok(all.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails loudly")]

    use super::*;

    #[test]
    fn both_spellings_several_applications_and_cards_are_read() {
        let text = "# a dump\nAID: A0 00 00 00 03\n0101 03 700101\n9102: A500 // answer\n\
                    8000 03 AABBCC 9010 02 0303\n[F000000001]\n3000=\n---\nAID A000000003\n0101 00\n";
        let input = read(text).expect("a dump");
        let shown: Vec<_> = input.cards.iter().map(|c| c.applications.len()).collect();
        assert_eq!(shown, [2, 1]);
        let first = input.cards.first().and_then(|c| c.applications.first());
        let first = first.expect("an application");
        assert_eq!(first.aid, [0xA0, 0, 0, 0, 3]);
        let clear = |octets: &[u8]| Value::Clear(octets.to_vec());
        let sealed = Value::Sealed {
            octets: 3,
            padding: None,
        };
        let expected = [
            (0x0101, clear(&[0x70, 1, 1])),
            (0x9102, clear(&[0xA5, 0])),
            (0x8000, sealed),
            (0x9010, clear(&[3, 3])),
        ];
        let expected = expected.map(|(number, value)| Grouping { number, value });
        assert_eq!(first.groupings, expected);
        assert!(is_dump(text));
    }

    #[test]
    fn long_lengths_are_those_of_cps_not_of_ber() {
        // EMV CPS: a length of 255 or more is FF and two octets.
        let long = format!("0101FF0100{}", "00".repeat(256));
        assert_eq!(read(&long).expect("long").cards.len(), 1);
        let ber = format!("01018182{}", "00".repeat(130));
        assert_eq!(read(&ber).expect_err("BER").code, "E0181");
        assert_eq!(read("0101 05 70").expect_err("cut").code, "E0181");
        assert_eq!(read("# nothing\n").expect_err("nothing").code, "E0184");
    }
}

//! Account numbers and names that belong to people are replaced: a draft goes into a version
//! control system.
//!
//! A number that is of no test range becomes a specimen of the same length, in every place of its
//! card where its digits stand: packed, at any half octet, and as text. Lengths stay as they are;
//! signatures over the number do not hold any more.

use crate::{
    data::{Card, Value},
    error::{ImportError, too_much},
};
use cardwright_standards::{digits, pan, tlv};
use std::collections::BTreeMap;

/// Leading digits of this project's specimens; no issuer has them.
const SPECIMEN_BIN: &str = "999992";
/// Tags whose value begins with an account number: 5A, 57 and 9F6B (EMV Book 3, Annex A; Mastercard).
const PACKED: [u32; 3] = [0x5A, 0x57, 0x9F6B];
/// Track 1 data: `B`, number, `^`, name.
const TRACK1: u32 = 0x56;
/// Names: 5F20 and its longer form 9F0B.
const NAMES: [u32; 2] = [0x5F20, 0x9F0B];
/// Fewest digits of a number that is looked for.
const DIGITS_MIN: usize = 8;

/// Account numbers of a card, and names that are replaced: each is looked for in all of its octets.
const PEOPLE_MAX: usize = 32;

/// How much was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// Different account numbers.
    pub(crate) numbers: usize,
    /// Names of cards.
    pub(crate) names: usize,
}

/// Replaces what belongs to people.
pub(crate) fn replace(cards: &mut [Card], test_bins: &[String]) -> Result<Replaced, ImportError> {
    let mut specimens: BTreeMap<String, String> = BTreeMap::new();
    let mut replaced = Replaced::default();
    for card in cards {
        let people = numbers(card);
        if people.len() > PEOPLE_MAX {
            return Err(too_much("a card", PEOPLE_MAX, "account numbers"));
        }
        let people: Vec<&String> = people.iter().filter(|n| !is_test(n, test_bins)).collect();
        if people.is_empty() {
            continue;
        }
        for number in people {
            let next = specimens.len() + 1;
            let other = specimens.entry(number.clone());
            let other = other
                .or_insert_with(|| specimen(number.len(), next))
                .clone();
            exchange(card, &nibbles_of(number), &nibbles_of(&other));
            exchange_text(card, number.as_bytes(), other.as_bytes());
        }
        for name in names(card).into_iter().take(PEOPLE_MAX) {
            let other = specimen_name(&name);
            replaced.names += usize::from(name != other);
            exchange_text(card, &name, &other);
        }
    }
    replaced.numbers = specimens.len();
    Ok(replaced)
}

fn is_test(number: &str, test_bins: &[String]) -> bool {
    let bins = test_bins.iter().map(String::as_str);
    let mut bins = bins.chain([SPECIMEN_BIN]);
    bins.any(|bin| !bin.is_empty() && number.starts_with(bin))
}

/// A number of so many digits: the specimens' BIN, a counter, the check digit.
pub(crate) fn specimen(length: usize, counter: usize) -> String {
    let body = length.saturating_sub(1);
    let width = body.saturating_sub(SPECIMEN_BIN.len());
    let counter = format!("{counter:0width$}");
    let kept = counter.len().saturating_sub(width);
    let mut number: String = SPECIMEN_BIN.chars().take(body).collect();
    number.push_str(counter.get(kept..).unwrap_or_default());
    let check = pan::luhn_digit(&number).unwrap_or('0');
    number.push(check);
    number
}

/// As long as the name: `SPECIMEN/CARDHOLDER`, cut or filled with X.
fn specimen_name(name: &[u8]) -> Vec<u8> {
    let filled = b"SPECIMEN/CARDHOLDER"
        .iter()
        .chain(std::iter::repeat(&b'X'));
    filled.take(name.len()).copied().collect()
}

fn clear_values(card: &Card) -> impl Iterator<Item = &Vec<u8>> {
    let groupings = card.applications.iter().flat_map(|a| &a.groupings);
    groupings.filter_map(|grouping| match &grouping.value {
        Value::Clear(octets) => Some(octets),
        _ => None,
    })
}

/// All account numbers of a card, the longest first, so that none is replaced inside another.
fn numbers(card: &Card) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for octets in clear_values(card) {
        let Ok(objects) = tlv::parse(octets) else {
            continue;
        };
        objects.iter().for_each(|object| visit(object, &mut found));
    }
    found.retain(|number| number.len() >= DIGITS_MIN);
    found.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    found.dedup();
    found
}

fn visit(object: &tlv::Tlv<'_>, found: &mut Vec<String>) {
    let tag = object.tag.value();
    if PACKED.contains(&tag) {
        let nibbles = digits::nibbles(object.value).take_while(|n| *n < 10);
        found.push(
            nibbles
                .filter_map(|n| char::from_digit(n.into(), 10))
                .collect(),
        );
    }
    if tag == TRACK1
        && let Some(text) = object.value.strip_prefix(b"B")
    {
        let digits = text.iter().take_while(|c| c.is_ascii_digit());
        found.push(digits.map(|c| char::from(*c)).collect());
    }
    object.children.iter().for_each(|child| visit(child, found));
}

/// Names of a card as octets, without the spaces behind.
fn names(card: &Card) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for octets in clear_values(card) {
        let Ok(objects) = tlv::parse(octets) else {
            continue;
        };
        objects
            .iter()
            .for_each(|object| visit_names(object, &mut found));
    }
    // What is shorter could stand anywhere.
    found.retain(|name| name.len() >= 3);
    found.sort_by_key(|name| std::cmp::Reverse(name.len()));
    found.dedup();
    found
}

fn visit_names(object: &tlv::Tlv<'_>, found: &mut Vec<Vec<u8>>) {
    let tag = object.tag.value();
    if NAMES.contains(&tag) {
        found.push(object.value.trim_ascii_end().to_vec());
    }
    if tag == TRACK1 {
        let name = object.value.split(|c| *c == b'^').nth(1);
        found.extend(name.map(|name| name.trim_ascii_end().to_vec()));
    }
    let children = object.children.iter();
    children.for_each(|child| visit_names(child, found));
}

fn nibbles_of(number: &str) -> Vec<u8> {
    digits::values(number)
        .map(Iterator::collect)
        .unwrap_or_default()
}

fn each_clear(card: &mut Card, mut change: impl FnMut(&mut Vec<u8>)) {
    let groupings = card.applications.iter_mut().flat_map(|a| &mut a.groupings);
    for grouping in groupings {
        if let Value::Clear(octets) = &mut grouping.value {
            change(octets);
        }
    }
}

/// Packed digits for others of the same count, at any half octet.
fn exchange(card: &mut Card, from: &[u8], to: &[u8]) {
    each_clear(card, |octets| {
        let mut nibbles: Vec<u8> = digits::nibbles(octets).collect();
        if !exchange_in(&mut nibbles, from, to) {
            return;
        }
        for (octet, pair) in octets.iter_mut().zip(nibbles.chunks_exact(2)) {
            if let [high, low] = pair {
                *octet = high << 4 | low;
            }
        }
    });
}

fn exchange_text(card: &mut Card, from: &[u8], to: &[u8]) {
    each_clear(card, |octets| {
        exchange_in(octets, from, to);
    });
}

/// Whether anything was exchanged.
fn exchange_in(within: &mut [u8], from: &[u8], to: &[u8]) -> bool {
    let mut any = false;
    if from.is_empty() || from.len() != to.len() || from == to {
        return any;
    }
    let mut at = 0;
    while let Some(place) = within.get_mut(at..at + from.len()) {
        if place == from {
            place.copy_from_slice(to);
            any = true;
            at += from.len();
        } else {
            at += 1;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::expect_used, reason = "a test fails loudly")]

    use super::*;
    use crate::data::{Application, Grouping};

    fn card(values: &[&str]) -> Card {
        let groupings = values.iter().map(|value| Grouping {
            number: 0x0101,
            value: Value::Clear(hex::decode(value).unwrap_or_default()),
        });
        let application = Application {
            groupings: groupings.collect(),
            ..Application::default()
        };
        Card {
            applications: vec![application],
        }
    }

    #[test]
    fn a_specimen_has_the_length_and_a_check_digit() {
        for length in 8..=19 {
            let number = specimen(length, 7);
            assert_eq!(number.len(), length);
            assert!(pan::luhn_holds(&number), "{number}");
            assert!(number.starts_with("999992"), "{number}");
        }
        assert_eq!(specimen(16, 2), "9999920000000029");
    }

    #[test]
    fn a_number_is_replaced_wherever_it_stands() {
        // The PAN of ISO/IEC 7812's well-known specimen, packed, in a track, shifted, as text.
        let mut cards = [card(&[
            "5A084111111111111111",
            "57124111111111111111D28122010000000000FF",
            "AB54111111111111111F",
            "34313131313131313131313131313131",
            "5F200D444F452F4A414E452020202020",
        ])];
        let replaced = replace(&mut cards, &[]).expect("few");
        assert_eq!((replaced.numbers, replaced.names), (1, 1));
        let [card] = &cards;
        let shown: Vec<String> = clear_values(card).map(hex::encode_upper).collect();
        assert_eq!(
            shown,
            [
                "5A089999920000000011",
                "57129999920000000011D28122010000000000FF",
                "AB59999920000000011F",
                "39393939393230303030303030303131",
                "5F200D53504543494D454E2020202020",
            ]
        );
        let kept = cards.clone();
        assert_eq!(replace(&mut cards, &[]), Ok(Replaced::default()));
        assert_eq!(kept, cards);
    }

    #[test]
    fn test_ranges_stay() {
        let mut cards = [card(&["5A084761739001010119"])];
        let before = cards.clone();
        replace(&mut cards, &["476173".to_owned()]).expect("few");
        assert_eq!(cards, before);
        replace(&mut cards, &[]).expect("few");
        assert_ne!(cards, before);
    }
}

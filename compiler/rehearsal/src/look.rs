//! Looking at a finished card, as expectations of tests do.

use crate::rehearse::Rehearsed;
use cardwright_runtime::datagen::{ApplicationData, DgiValue};
use cardwright_standards::{formats, tags, tlv};
use cardwright_stations::StationError;

/// Groupings whose octets are a card's records: `70`-templates (EMV CPS 2.0, table 3-1).
const RECORDS: std::ops::RangeInclusive<u16> = 0x0101..=0x1EFF;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// As text: a data element by its format, a track between its sentinels.
    pub text: String,
    /// As capital hexadecimal, for data elements.
    pub octets: Option<String>,
}

/// Finds what a subject names: `chip.#5F20`, `chip.debit.#82`, `chip.pan`, `stripe.track2`,
/// `front.line 1`, `back.panel cvv2`, `card`, `product`.
///
/// # Errors
/// R1194 when the card has no such thing.
pub fn look(made: &Rehearsed, subject: &str) -> Result<Found, StationError> {
    let data = &made.data;
    let (name, which) = subject.split_once(' ').unwrap_or((subject, ""));
    let front = name.starts_with("front.");
    let text = match name {
        "card" => Some(made.card.clone()),
        "product" => Some(made.product.clone()),
        "stripe.track1" => data.track1.clone(),
        "stripe.track2" => data.track2.clone(),
        "front.line" | "back.line" => data
            .emboss
            .iter()
            .find(|(side, line, _)| *side == front && line.to_string() == which)
            .map(|(_, _, text)| text.clone()),
        "front.panel" | "back.panel" => data
            .panels
            .iter()
            .find(|panel| panel.front == front && panel.name == which)
            .map(|panel| panel.text.clone()),
        _ => return on_chip(made, name.strip_prefix("chip.").unwrap_or(name), subject),
    };
    text.map(|text| Found { text, octets: None })
        .ok_or_else(|| absent(subject))
}

/// Whether an expectation holds.
#[must_use]
pub fn holds(found: &Found, operation: &str, value: &str, octets: bool) -> bool {
    let own = match (octets, &found.octets) {
        (true, Some(octets)) => octets.as_str(),
        _ => found.text.as_str(),
    };
    // A track may be written with its start sentinel, as a reader shows it.
    let sentinel = value
        .chars()
        .next()
        .filter(|c| found.octets.is_none() && matches!(c, ';' | '%'));
    let value = sentinel.map_or(value, |_| value.get(1..).unwrap_or_default());
    let value = if sentinel.is_some() {
        value.trim_end_matches('?')
    } else {
        value
    };
    match operation {
        "==" => own == value,
        "!=" => own != value,
        "starts" => own.starts_with(value),
        "ends" => own.ends_with(value),
        "contains" => own.contains(value),
        _ => false,
    }
}

fn on_chip(made: &Rehearsed, name: &str, subject: &str) -> Result<Found, StationError> {
    let (application, name) = match name.split_once('.') {
        Some((application, name)) => (Some(application), name),
        None => (None, name),
    };
    let applications = made.data.applications.iter();
    let mut chosen = applications.filter(|a| application.is_none_or(|wanted| a.name == wanted));
    let Some(tag) = name.strip_prefix('#') else {
        let fact = chosen.find_map(|a| a.facts.get(name).cloned());
        return fact
            .map(|text| Found { text, octets: None })
            .ok_or_else(|| absent(subject));
    };
    let tag = tlv::Tag::from_hex(tag).ok_or_else(|| absent(subject))?;
    let value = chosen
        .find_map(|a| value_of(a, tag))
        .ok_or_else(|| absent(subject))?;
    Ok(Found {
        text: text_of(tag, &value),
        octets: Some(hex::encode_upper(&value)),
    })
}

/// A data object in an application's clear groupings.
fn value_of(application: &ApplicationData, tag: tlv::Tag) -> Option<Vec<u8>> {
    application.dgis.iter().find_map(|dgi| {
        let DgiValue::Clear(octets) = &dgi.value else {
            return None;
        };
        let objects = objects(dgi.number, octets)?;
        objects.iter().find_map(|object| {
            let found = if object.tag == tag {
                Some(object)
            } else {
                object.find(tag)
            };
            found.map(|object| object.value.to_vec())
        })
    })
}

/// A clear grouping as data objects: a record, or octets that are nothing but known objects.
pub(crate) fn objects(number: u16, octets: &[u8]) -> Option<Vec<tlv::Tlv<'_>>> {
    let objects = tlv::parse(octets)
        .ok()
        .filter(|objects| !objects.is_empty())?;
    let known = objects
        .iter()
        .all(|object| tags::name(object.tag).is_some());
    (known || RECORDS.contains(&number)).then_some(objects)
}

/// A data element's value as its format writes it (EMV Book 3, 4.3).
pub(crate) fn text_of(tag: tlv::Tag, value: &[u8]) -> String {
    let written = match tags::element(tag).map(|element| element.format) {
        Some(tags::Format::A | tags::Format::An | tags::Format::Ans) => std::str::from_utf8(value)
            .ok()
            .filter(|text| text.chars().all(|c| !c.is_control()))
            .map(str::to_owned),
        Some(tags::Format::N) => formats::numeric_text(value).ok(),
        Some(tags::Format::Cn) => formats::compressed_numeric_text(value).ok(),
        _ => None,
    };
    written.unwrap_or_else(|| hex::encode_upper(value))
}

fn absent(subject: &str) -> StationError {
    StationError::new(
        "R1194",
        format!("the card has no `{subject}` that can be looked at"),
        "correct the expectation, or add it to the card; sealed values are never shown",
    )
}

#[cfg(test)]
mod tests {
    use super::{Found, holds};

    #[test]
    fn sentinels_may_be_written() {
        let track = Found {
            text: "9999=2912".into(),
            octets: None,
        };
        assert!(holds(&track, "==", ";9999=2912?", false));
        assert!(holds(&track, "starts", ";9999=", false));
        assert!(holds(&track, "starts", "9999=", false));
        assert!(!holds(&track, "==", "9999", false));
        let element = Found {
            text: "ADA".into(),
            octets: Some("414441".into()),
        };
        assert!(holds(&element, "==", "414441", true) && holds(&element, "!=", "ada", false));
    }
}

//! A data element's value as a source writes it: with names where they say all of it, by a field of
//! the order where it differs, in hexadecimal otherwise.

use crate::fields::{Fields, Identity, date_of, digits_of, pan_of, tag_name, text_of};
use cardwright_standards::{
    emv::{
        bits::{self, Reading, Word, describe},
        dol,
    },
    tags::{self, Coding, Element, Format},
    tlv::Tag,
    track,
};

/// An element as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) value: String,
    /// What a value in hexadecimal says, line by line.
    pub(crate) says: Vec<String>,
    /// The octets, when all cards have them and no order says them.
    pub(crate) constant: Option<Vec<u8>>,
}

/// Elements that are made for one card, so that they come from the order even when the file has one
/// card only: numbers, dates, names, tracks, and what is signed for the card.
const OF_ONE_CARD: [u32; 14] = [
    0x56, 0x57, 0x5A, 0x5F20, 0x5F24, 0x5F25, 0x5F34, 0x93, 0x9F0B, 0x9F1F, 0x9F20, 0x9F46, 0x9F48,
    0x9F6B,
];
/// Elements that hold tracks or parts of them.
const SENSITIVE: [u32; 5] = [0x56, 0x57, 0x9F1F, 0x9F20, 0x9F6B];
/// Elements that say who the cardholder is.
const PERSONAL: [u32; 3] = [0x5A, 0x5F20, 0x9F0B];
/// Lines of meaning that are kept at most.
const LINES_MAX: usize = 24;

/// Writes an element; none when only octets of the whole grouping can say it.
pub(crate) fn write(
    tag: Tag,
    values: &[&[u8]],
    identity: &Identity,
    fields: &mut Fields,
) -> Option<Written> {
    let first = values.first()?;
    let same = values.iter().all(|value| value == first);
    if same && !OF_ONE_CARD.contains(&tag.value()) {
        return Some(literal(tag, first));
    }
    let by_order = by_order(tag, values, identity, fields);
    // What can't be put into a field can still be written when all cards have it.
    let constant = (by_order.is_none() && same).then(|| first.to_vec());
    let value = by_order.or_else(|| Some(hexadecimal(constant.as_ref()?)))?;
    Some(Written {
        value,
        says: Vec::new(),
        constant,
    })
}

/// Octets between quotes.
pub(crate) fn hexadecimal(value: &[u8]) -> String {
    format!("x\"{}\"", hex::encode_upper(value))
}

fn by_order(
    tag: Tag,
    values: &[&[u8]],
    identity: &Identity,
    fields: &mut Fields,
) -> Option<String> {
    let element = tags::element_in("", tag);
    let name = element.map_or_else(|| tag_name(tag), |e| e.name.to_owned());
    let coding = element.map_or(Coding::Plain, |e| e.coding);
    match coding {
        Coding::Pan => {
            let numbers: Option<Vec<String>> = values.iter().map(|v| pan_of(v)).collect();
            (numbers? == identity.pan).then(|| "order.pan".to_owned())
        }
        Coding::Date => {
            let dates: Option<Vec<String>> = values.iter().map(|v| date_of(v)).collect();
            let dates = dates?;
            if identity.expiry.as_ref() == Some(&dates) {
                return Some("order.expiry".to_owned());
            }
            let name = fields.add(&name, "date \"YYMMDD\"", "", dates);
            Some(format!("order.{name}"))
        }
        Coding::Track2 => track2(values, identity, fields),
        Coding::Plain => plain(tag, element, &name, values, identity, fields),
        Coding::Dol | Coding::Tags | Coding::Bits(_) => None,
    }
}

fn plain(
    tag: Tag,
    element: Option<&Element>,
    name: &str,
    values: &[&[u8]],
    identity: &Identity,
    fields: &mut Fields,
) -> Option<String> {
    let secrecy = secrecy(tag);
    let name = match element.map_or(Format::B, |e| e.format) {
        Format::A | Format::An | Format::Ans => {
            let texts: Option<Vec<String>> = values.iter().map(|v| text_of(v)).collect();
            let texts = texts?;
            let most = texts.iter().map(String::len).max().unwrap_or(1);
            let secrecy = secrecy.map(|s| format!(" as {s}")).unwrap_or_default();
            fields.add(name, "text", format!(" width {most}{secrecy}"), texts)
        }
        Format::N => {
            let digits: Option<Vec<String>> = values.iter().map(|v| digits_of(v)).collect();
            let digits = digits?;
            if tag.value() == 0x5F34 && identity.psn.as_ref() == Some(&digits) {
                return Some("order.psn".to_owned());
            }
            let octets = element.map_or(0, |e| usize::from(e.octets_max));
            let whole = values.iter().all(|v| v.len() == octets);
            if !whole {
                return None;
            }
            fields.add(name, format!("digits {}", 2 * octets), "", digits)
        }
        Format::B | Format::Unknown => {
            if values.iter().any(|v| v.is_empty()) {
                return None;
            }
            fields.octets(name, secrecy.unwrap_or_default(), values)
        }
        Format::Cn | Format::Template => return None,
    };
    Some(format!("order.{name}"))
}

/// How secret an element of the order is, where its type does not say so.
fn secrecy(tag: Tag) -> Option<&'static str> {
    if SENSITIVE.contains(&tag.value()) {
        Some("sensitive")
    } else if PERSONAL.contains(&tag.value()) {
        Some("cardholder")
    } else {
        None
    }
}

/// `track2(order.pan, order.expiry, 201, order.track2_tail)` when all cards read so.
fn track2(values: &[&[u8]], identity: &Identity, fields: &mut Fields) -> Option<String> {
    let mut services = Vec::new();
    let mut tails = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let parts = track::parse_track_2_equivalent(value).ok()?;
        let (service, tail) = (&parts.service_code, &parts.discretionary);
        let again = track::track_2_equivalent(&parts.pan, &parts.expiry_yymm, service, tail);
        let fits = identity.pan.get(at) == Some(&parts.pan)
            && identity.expiry_yymm(at) == parts.expiry_yymm
            && again.is_ok_and(|again| again == **value)
            && !tail.is_empty();
        if !fits {
            return None;
        }
        services.push(parts.service_code.clone());
        tails.push(parts.discretionary.clone());
    }
    // Digits of one length fit a track whatever they are; others stay octets.
    let digits = tails.first()?.len();
    if tails.iter().any(|tail| tail.len() != digits) {
        return None;
    }
    let first = services.first()?.clone();
    let service = if services.iter().all(|s| *s == first) && !first.starts_with('0') {
        first
    } else {
        format!(
            "order.{}",
            fields.add("service_code", "digits 3", "", services)
        )
    };
    let tail = fields.add(
        "track2_tail",
        format!("digits {digits}"),
        " as sensitive",
        tails,
    );
    Some(format!(
        "track2(order.pan, order.expiry, {service}, order.{tail})"
    ))
}

/// A value that all cards have.
fn literal(tag: Tag, value: &[u8]) -> Written {
    let element = tags::element_in("", tag);
    let value_octets = value.to_vec();
    let named = match element.map(|e| e.coding) {
        Some(Coding::Bits(field)) => named_bits(field, value),
        Some(Coding::Dol) => object_list(value),
        Some(Coding::Tags) => tag_list(value),
        Some(Coding::Plain) => {
            let format = element.map_or(Format::B, |e| e.format);
            let is_text = matches!(format, Format::A | Format::An | Format::Ans);
            text_of(value)
                .filter(|_| is_text)
                .map(|text| format!("\"{text}\""))
        }
        _ => None,
    };
    if let Some(value) = named {
        return Written {
            value,
            says: Vec::new(),
            constant: Some(value_octets),
        };
    }
    let mut says = describe("", tag, value);
    says.truncate(LINES_MAX);
    // A number that reads as its octets says nothing new.
    says.retain(|line| *line != hex::encode_upper(value));
    Written {
        value: hexadecimal(value),
        says,
        constant: Some(value_octets),
    }
}

/// `[dda, cardholder_verification]` when these words give the octets again.
fn named_bits(field: &str, value: &[u8]) -> Option<String> {
    let field = bits::field(field)?;
    let mut word = Word::new(field);
    let mut words = Vec::new();
    for shown in field.shown(value) {
        let row = field.row(shown.word)?;
        let nothing = match row.reading {
            Reading::Bit => false,
            Reading::Code(code) => code == 0,
            Reading::Number => shown.number == Some(0),
        };
        if nothing {
            continue;
        }
        field
            .set(&mut word, shown.word, shown.number.map(u32::from))
            .ok()?;
        words.push(shown.written());
    }
    (word.octets == value).then(|| format!("[{}]", words.join(", ")))
}

fn is_written(tag: Tag) -> bool {
    tag.to_octets().len() <= 3
}

/// `[#9F02 6, #95 5]`.
fn object_list(value: &[u8]) -> Option<String> {
    let entries = dol::parse(value).ok()?;
    let fits = !entries.is_empty()
        && entries.iter().all(|e| is_written(e.tag))
        && dol::build(&entries) == value;
    let items = entries.iter().map(|e| format!("#{} {}", e.tag, e.octets));
    fits.then(|| format!("[{}]", items.collect::<Vec<_>>().join(", ")))
}

/// `[#82]`.
fn tag_list(value: &[u8]) -> Option<String> {
    let mut rest = value;
    let mut items = Vec::new();
    while !rest.is_empty() {
        let mut cut = (1..=3).filter_map(|n| rest.split_at_checked(n));
        let (tag, behind) =
            cut.find_map(|(head, behind)| Some((Tag::from_octets(head)?, behind)))?;
        items.push(format!("#{tag}"));
        rest = behind;
    }
    (!items.is_empty()).then(|| format!("[{}]", items.join(", ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails loudly")]

    use super::*;

    fn constant(tag: &str, value: &str) -> String {
        let tag = Tag::from_hex(tag).expect("a tag");
        let value = hex::decode(value).expect("octets");
        literal(tag, &value).value
    }

    #[test]
    fn names_stand_only_where_they_say_all() {
        // Values of the golden card, tests/vectors/project/vectors_perso.json; words of EMV Book 3, C1.
        assert_eq!(constant("82", "2000"), "[dda]");
        assert_eq!(constant("9F0E", "0000000000"), "[]");
        // A bit that EMV reserves.
        assert_eq!(constant("9F07", "0001"), "x\"0001\"");
        assert_eq!(constant("82", "20"), "x\"20\"");
        assert_eq!(constant("9F49", "9F3704"), "[#9F37 4]");
        assert_eq!(constant("9F49", "9F37"), "x\"9F37\"");
        assert_eq!(constant("9F4A", "82"), "[#82]");
        assert_eq!(constant("50", "54455354204445424954"), "\"TEST DEBIT\"");
        assert_eq!(constant("50", "547B"), "x\"547B\"");
        assert_eq!(constant("DF01", "00"), "x\"00\"");
    }
}

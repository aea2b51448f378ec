//! TLV with its meaning, Luhn digits, tracks.

use crate::CalcError;
use crate::arguments::{Arguments, fault, missing};
use cardwright_standards::emv::{afl, dol, flags};
use cardwright_standards::tags::{self, Format};
use cardwright_standards::tlv::{self, Tag, Tlv};
use cardwright_standards::{formats, hex, pan, track};
use serde_json::{Value, json};

/// Tags that hold a data object list.
const LISTS: [u32; 6] = [0x8C, 0x8D, 0x97, 0x9F38, 0x9F49, 0x9F4F];

/// A list of `{tag, name, value, children, meaning}`; name and meaning are null when unknown.
pub(crate) fn tlv_decode(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let octets = match arguments.optional_octets("hex")? {
        Some(octets) => octets,
        None => arguments
            .optional_octets("data")?
            .ok_or_else(|| missing("hex"))?,
    };
    let objects = tlv::parse(&octets).map_err(fault!())?;
    Ok(Value::Array(objects.iter().map(described).collect()))
}

/// The check digit to append to `pan`.
pub(crate) fn luhn(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let number = arguments.text("pan")?;
    let digit = pan::luhn_digit(&number).filter(|_| number.len() < 64);
    let digit = digit.ok_or_else(|| CalcError::new("E0791", "`pan` has digits only"))?;
    Ok(digit.to_string().into())
}

pub(crate) fn track_1(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let text = track::track_1(
        &arguments.text("pan")?,
        &arguments.text("name")?,
        &arguments.text("expiry")?,
        &arguments.text("service")?,
        &arguments.text_or("discretionary", "")?,
    );
    Ok(text.map_err(fault!())?.into())
}

pub(crate) fn track_2(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let text = track::track_2(
        &arguments.text("pan")?,
        &arguments.text("expiry")?,
        &arguments.text("service")?,
        &arguments.text_or("discretionary", "")?,
    );
    Ok(text.map_err(fault!())?.into())
}

fn described(object: &Tlv<'_>) -> Value {
    let children: Vec<Value> = object.children.iter().map(described).collect();
    json!({
        "tag": object.tag.to_string(),
        "name": tags::name(object.tag),
        "value": hex::encode(object.value),
        "children": children,
        "meaning": meaning(object.tag, object.value),
    })
}

/// What a value says, in words; none when the tables do not know.
fn meaning(tag: Tag, value: &[u8]) -> Option<String> {
    if let Some(table) = flags::of_tag(tag.value()) {
        return Some(
            table
                .set_in(value)
                .map(|flag| flag.text)
                .collect::<Vec<_>>()
                .join("; "),
        );
    }
    if LISTS.contains(&tag.value()) {
        return list_meaning(value);
    }
    match tag.value() {
        0x8E => cvm_meaning(value),
        0x94 => afl_meaning(value),
        0x5F30 => {
            let code = formats::numeric_text(value).ok()?;
            Some(flags::service_code_meaning(code.get(1..)?)?.join("; "))
        }
        _ => text_meaning(tag, value),
    }
}

fn text_meaning(tag: Tag, value: &[u8]) -> Option<String> {
    match tags::element(tag)?.format {
        Format::N => formats::numeric_text(value).ok(),
        Format::Cn => formats::compressed_numeric_text(value).ok(),
        Format::A | Format::An | Format::Ans => {
            let text = std::str::from_utf8(value).ok()?;
            formats::is_ans(text).then(|| text.to_owned())
        }
        _ => None,
    }
}

fn list_meaning(value: &[u8]) -> Option<String> {
    let entries = dol::parse(value).ok()?;
    let words = entries.iter().map(|entry| {
        let name = tags::name(entry.tag).unwrap_or("unknown");
        format!("{} {name} ({})", entry.tag, entry.octets)
    });
    Some(words.collect::<Vec<_>>().join("; "))
}

fn cvm_meaning(value: &[u8]) -> Option<String> {
    let list = flags::CvmList::parse(value)?;
    let rules = list.rules.iter().map(|(code, condition)| {
        let method = flags::code_name(flags::CVM_METHODS, code & 0x3F).unwrap_or("unknown");
        let when = flags::code_name(flags::CVM_CONDITIONS, *condition).unwrap_or("unknown");
        let otherwise = if code & flags::CVM_NEXT == 0 {
            "fail"
        } else {
            "next"
        };
        format!("{method} when {when} else {otherwise}")
    });
    let amounts = format!("X {}, Y {}", list.amount_x, list.amount_y);
    Some(
        std::iter::once(amounts)
            .chain(rules)
            .collect::<Vec<_>>()
            .join("; "),
    )
}

fn afl_meaning(value: &[u8]) -> Option<String> {
    let entries = afl::parse(value).ok()?;
    let words = entries.iter().map(|entry| {
        let afl::Entry {
            sfi,
            first,
            last,
            signed,
        } = entry;
        format!("SFI {sfi} records {first} to {last}, {signed} signed")
    });
    Some(words.collect::<Vec<_>>().join("; "))
}

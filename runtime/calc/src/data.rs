//! TLV with its meaning, Luhn digits, tracks.

use crate::CalcError;
use crate::arguments::{Arguments, fault, missing};
use cardwright_standards::emv::bits;
use cardwright_standards::tlv::{self, Tlv};
use cardwright_standards::{hex, pan, tags, track};
use serde_json::{Value, json};

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
        "meaning": bits::describe_value("", object.tag, object.value),
    })
}

//! Check values, MACs and key blocks.

use crate::CalcError;
use crate::arguments::{Arguments, fault, hex_value, key_fault, random};
use cardwright_standards::components::{self, Component, Parity};
use cardwright_standards::kcv::{Algorithm, METHODS, Method, check_value};
use cardwright_standards::keyblock::{self, Acceptance, Attributes, Header, Version};
use cardwright_standards::mac::{Cmac, Padding, retail};
use cardwright_standards::{hex, key_wrap};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) fn kcv(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let algorithm = algorithm(arguments)?;
    let method = method(arguments)?;
    let value = check_value(algorithm, method, &arguments.octets("key")?);
    Ok(hex_value(value.map_err(|error| key_fault("key", error))?))
}

fn algorithm(arguments: &Arguments<'_>) -> Result<Algorithm, CalcError> {
    let words = [("tdes", Algorithm::Tdes), ("aes", Algorithm::Aes)];
    arguments.word("algorithm", &arguments.text("algorithm")?, &words)
}

/// A method by its name or one of its other names.
fn method(arguments: &Arguments<'_>) -> Result<Method, CalcError> {
    let text = arguments.text("method")?;
    if let Some(method) = Method::of(&text) {
        return Ok(method);
    }
    let words: Vec<(&str, Method)> = METHODS.iter().map(|row| (row.name, row.method)).collect();
    arguments.word("method", &text, &words)
}

pub(crate) fn mac(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let data = arguments.octets("data")?;
    match arguments.text("algorithm")?.as_str() {
        "retail" => {
            let padding = arguments.text_or("padding", "2")?;
            let words = [
                ("1", Padding::Zeros),
                ("2", Padding::Bit),
                ("3", Padding::Length),
            ];
            let padding = arguments.word("padding", &padding, &words)?;
            let value = retail(&arguments.tdes("key")?, &data, padding);
            Ok(hex_value(value.map_err(|error| key_fault("key", error))?))
        }
        "cmac_tdes" => Ok(hex_value(Cmac::over(
            &arguments.tdes("key")?,
            &[data.as_slice()],
        ))),
        "cmac_aes" => Ok(hex_value(Cmac::over(
            &arguments.aes("key")?,
            &[data.as_slice()],
        ))),
        other => {
            let known = [("retail", ()), ("cmac_tdes", ()), ("cmac_aes", ())];
            arguments
                .word("algorithm", other, &known)
                .map(|()| Value::Null)
        }
    }
}

/// `fill` stands for the random octets behind the key; what is too much of it is not used.
pub(crate) fn tr31_wrap(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let header = Header::from_text(&arguments.text("header")?).map_err(fault!())?;
    let key = arguments.octets("key")?;
    let needed = keyblock::fill_octets(&header, key.len()).map_err(fault!())?;
    let mut fill = match arguments.optional_octets("fill")? {
        Some(fill) => fill,
        None => random(needed)?,
    };
    if fill.len() > needed {
        fill.truncate(needed);
    }
    let block = keyblock::wrap(&arguments.octets("kbpk")?, &header, &key, &fill);
    Ok(block.map_err(fault!())?.into())
}

pub(crate) fn tr31_unwrap(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let block = Zeroizing::new(arguments.text("block")?);
    let opened = keyblock::unwrap(&arguments.octets("kbpk")?, &block).map_err(fault!())?;
    Ok(json!({ "header": opened.header_text, "key": hex::encode(&opened.key) }))
}

/// What a header or a whole block says of its key, without opening it.
pub(crate) fn tr31_read(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let text = Zeroizing::new(arguments.text("block")?);
    let header = Header::of_block(&text).map_err(fault!())?;
    let attributes = match Attributes::parse(&header) {
        Ok(attributes) => attributes,
        Err(faults) => {
            let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Ok(json!({ "faults": texts }));
        }
    };
    let blocks: Vec<Value> = attributes
        .optional
        .iter()
        .map(|block| {
            let name = block.row().map_or("unknown", |row| row.name);
            json!({ "id": block.id(), "name": name, "data": block.data() })
        })
        .collect();
    Ok(json!({
        "version": attributes.version.letter().to_string(),
        "usage": format!("{} {}", attributes.usage.code(), attributes.usage.name()),
        "algorithm": attributes.algorithm.name(),
        "mode": attributes.mode.name(),
        "key_version": attributes.key_version.text(),
        "exportability": attributes.exportability.name(),
        "context": attributes.context.name(),
        "optional": blocks,
    }))
}

/// Opens a block as a site would: unknown codes, odd combinations and wrong check values refused.
pub(crate) fn tr31_open(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let block = Zeroizing::new(arguments.text("block")?);
    let acceptance = Acceptance {
        versions: &Version::ALL,
        unknown_blocks: true,
        components: true,
        odd_combinations: false,
    };
    let opened = keyblock::open(&arguments.octets("kbpk")?, &block, &acceptance);
    let opened = opened.map_err(fault!())?;
    Ok(json!({
        "header": opened.header_text,
        "key": hex::encode(&opened.key),
        "key_checked": opened.key_checked,
        "protection_key_checked": opened.protection_key_checked,
        "unknown_blocks": opened.unknown,
    }))
}

/// RFC 3394, or RFC 5649 with `padded=yes`.
pub(crate) fn keywrap_wrap(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let (kek, key) = (arguments.octets("kek")?, arguments.octets("key")?);
    let wrapped = match padded(arguments)? {
        true => key_wrap::wrap_padded(&kek, &key),
        false => key_wrap::wrap(&kek, &key),
    };
    Ok(hex_value(wrapped.map_err(fault!())?))
}

pub(crate) fn keywrap_unwrap(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let (kek, wrapped) = (arguments.octets("kek")?, arguments.octets("wrapped")?);
    let key = match padded(arguments)? {
        true => key_wrap::unwrap_padded(&kek, &wrapped),
        false => key_wrap::unwrap(&kek, &wrapped),
    };
    Ok(hex_value(key.map_err(fault!())?.as_slice()))
}

fn padded(arguments: &Arguments<'_>) -> Result<bool, CalcError> {
    let words = [("yes", true), ("no", false)];
    arguments.word("padded", &arguments.text_or("padded", "no")?, &words)
}

/// Names of the components' arguments.
const COMPONENTS: [&str; components::COMPONENTS_MAX] = ["c1", "c2", "c3", "c4", "c5"];

/// `c1` to `c5` make a key; its check value stands beside it.
pub(crate) fn components_combine(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let (algorithm, method) = (algorithm(arguments)?, method(arguments)?);
    let words = [
        ("odd", Parity::Odd),
        ("adjusted", Parity::Adjusted),
        ("ignored", Parity::Ignored),
    ];
    let parity = arguments.word("parity", &arguments.text_or("parity", "adjusted")?, &words)?;
    let mut given = Vec::new();
    for name in COMPONENTS {
        given.extend(arguments.optional_octets(name)?);
    }
    let list: Vec<Component<'_>> = given
        .iter()
        .map(|octets| Component {
            octets,
            check_value: None,
        })
        .collect();
    let expected = arguments.optional_octets("kcv")?;
    let expected = expected.as_ref().map(|octets| octets.as_slice());
    let key = components::combine(algorithm, method, parity, &list, expected);
    let key = key.map_err(fault!())?;
    let value = check_value(algorithm, method, &key).map_err(|error| key_fault("c1", error))?;
    Ok(json!({ "key": hex::encode(&key), "kcv": hex::encode(&value) }))
}

/// A key in `count` components, with the check value of each.
pub(crate) fn components_split(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let (algorithm, method) = (algorithm(arguments)?, method(arguments)?);
    let key = arguments.octets("key")?;
    let count = arguments.number("count")?;
    let known = components::COMPONENTS_MIN..=components::COMPONENTS_MAX;
    let others = count.checked_sub(1).filter(|_| known.contains(&count));
    let others = others.ok_or_else(|| crate::arguments::wrong("count", "is from 2 to 5"))?;
    let length = others * key.len();
    let octets = match arguments.optional_octets("fill")? {
        Some(fill) if fill.len() == length => fill,
        Some(_) => return Err(crate::arguments::wrong("fill", "has another length")),
        None => random(length)?,
    };
    let parts: Vec<&[u8]> = octets.chunks(key.len().max(1)).collect();
    let made = components::split(algorithm, &key, &parts).map_err(fault!())?;
    let mut list = Vec::with_capacity(made.len());
    for part in &made {
        let value = check_value(algorithm, method, part).map_err(|error| key_fault("key", error));
        list.push(json!({ "component": hex::encode(part), "kcv": hex::encode(&value?) }));
    }
    Ok(Value::Array(list))
}

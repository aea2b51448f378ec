//! Check values, MACs and key blocks.

use crate::CalcError;
use crate::arguments::{Arguments, fault, hex_value, key_fault, random};
use cardwright_standards::hex;
use cardwright_standards::kcv::{Algorithm, Method, check_value};
use cardwright_standards::keyblock::{self, Header};
use cardwright_standards::mac::{Cmac, Padding, retail};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) fn kcv(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let algorithm = arguments.text("algorithm")?;
    let algorithm = arguments.word(
        "algorithm",
        &algorithm,
        &[("tdes", Algorithm::Tdes), ("aes", Algorithm::Aes)],
    )?;
    let method = arguments.text("method")?;
    let methods = [
        ("ecb", Method::Ecb),
        ("cmac", Method::Cmac),
        ("gp", Method::GlobalPlatform),
    ];
    let method = arguments.word("method", &method, &methods)?;
    let value = check_value(algorithm, method, &arguments.octets("key")?);
    Ok(hex_value(value.map_err(|error| key_fault("key", error))?))
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

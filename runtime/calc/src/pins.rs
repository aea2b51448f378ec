//! CVV, PVV, IBM 3624 and PIN blocks.

use crate::CalcError;
use crate::arguments::{Arguments, fault, hex_value, key_fault, missing, random, wrong};
use cardwright_standards::cipher::{AesKey, Block, TdesKey};
use cardwright_standards::digits::nibbles;
use cardwright_standards::pin::{Pin, block, ibm3624};
use serde_json::Value;
use zeroize::Zeroizing;

pub(crate) fn cvv(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let key = TdesKey::new_double(&arguments.octets("key")?);
    let key = key.map_err(|error| key_fault("key", error))?;
    let (pan, expiry) = (arguments.text("pan")?, arguments.text("expiry")?);
    let service = arguments.text("service")?;
    let value = cardwright_standards::cvv::cvv(&key, &pan, &expiry, &service).map_err(fault!())?;
    Ok(value.as_str().into())
}

pub(crate) fn pvv(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let key = arguments.tdes("key")?;
    let pvki = arguments.text("pvki")?;
    let pvki = pvki.parse().map_err(|_| wrong("pvki", "is not a digit"))?;
    let pan = arguments.text("pan")?;
    let value = cardwright_standards::pin::pvv::pvv(&key, &pan, &pin(arguments)?, pvki);
    Ok(value.map_err(fault!())?.as_str().into())
}

pub(crate) fn ibm3624_pin(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let offset = arguments.text("offset")?;
    with_parameters(arguments, |key, pan, parameters| {
        let pin = ibm3624::pin_from_offset(key, pan, &offset, parameters).map_err(fault!())?;
        Ok(pin.expose().into())
    })
}

pub(crate) fn ibm3624_offset(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let pin = pin(arguments)?;
    with_parameters(arguments, |key, pan, parameters| {
        Ok(ibm3624::offset(key, pan, &pin, parameters)
            .map_err(fault!())?
            .into())
    })
}

fn with_parameters(
    arguments: &Arguments<'_>,
    with: impl FnOnce(&TdesKey, &str, &ibm3624::Parameters<'_>) -> Result<Value, CalcError>,
) -> Result<Value, CalcError> {
    let key = arguments.tdes("key")?;
    let (pan, table) = (arguments.text("pan")?, arguments.text("table")?);
    let pad = arguments.text_or("pad", "F")?;
    let mut pads = pad.chars();
    let parameters = ibm3624::Parameters {
        decimalisation_table: &table,
        validation_start: arguments.number("validation_start")?,
        validation_length: arguments.number("validation_length")?,
        pad: pads
            .next()
            .filter(|_| pads.next().is_none())
            .ok_or_else(|| wrong("pad", "is not one hexadecimal digit"))?,
    };
    with(&key, &pan, &parameters)
}

/// Formats 0 to 3 are given clear, or enciphered with 3DES when a key is there; format 4 is always
/// enciphered. `fill` is hexadecimal: a digit for each free place (formats 1 and 3), or 8 octets
/// (format 4); in format 3 the digits 0 to 9 stand for A to F in turn.
pub(crate) fn pin_block_encode(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let format = arguments.text("format")?;
    let pin = pin(arguments)?;
    let pan = || arguments.text("pan");
    let field = match format.as_str() {
        "0" => block::encode_0(&pin, &pan()?).map_err(fault!())?,
        "1" => block::encode_1(&pin, &fill_digits(arguments, false)?).map_err(fault!())?,
        "2" => block::encode_2(&pin),
        "3" => {
            let fill = fill_digits(arguments, true)?;
            block::encode_3(&pin, &pan()?, &fill).map_err(fault!())?
        }
        "4" => {
            let key = aes_key(arguments)?;
            let random = match arguments.optional("fill")? {
                Some(_) => arguments.array("fill")?,
                None => random(8)?.as_slice().try_into().unwrap_or_default(),
            };
            let block = block::encipher_4(&key, &pin, &pan()?, random).map_err(fault!())?;
            return Ok(hex_value(block));
        }
        _ => return Err(wrong("format", "is none of 0, 1, 2, 3, 4")),
    };
    match arguments.optional("key")? {
        Some(_) => Ok(hex_value(arguments.tdes("key")?.encrypt(*field))),
        None => Ok(hex_value(*field)),
    }
}

/// The PIN in a block, which is enciphered when a key is given.
pub(crate) fn pin_block_decode(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let format = arguments.text("format")?;
    let pan = || arguments.text("pan");
    if format == "4" {
        let block = arguments.array::<16>("block")?;
        let pin = block::decipher_4(&aes_key(arguments)?, &block, &pan()?).map_err(fault!())?;
        return Ok(pin.expose().into());
    }
    let mut field = Zeroizing::new(arguments.array::<8>("block")?);
    if arguments.optional("key")?.is_some() {
        *field = arguments.tdes("key")?.decrypt(*field);
    }
    let pin = match format.as_str() {
        "0" => block::decode_0(&field, &pan()?),
        "1" => block::decode_1(&field),
        "2" => block::decode_2(&field),
        "3" => block::decode_3(&field, &pan()?),
        _ => return Err(wrong("format", "is none of 0, 1, 2, 3, 4")),
    };
    Ok(pin.map_err(fault!())?.expose().into())
}

fn aes_key(arguments: &Arguments<'_>) -> Result<AesKey, CalcError> {
    arguments.optional("key")?.ok_or_else(|| missing("key"))?;
    arguments.aes("key")
}

fn pin(arguments: &Arguments<'_>) -> Result<Pin, CalcError> {
    let text = Zeroizing::new(arguments.text("pin")?);
    Pin::new(&text).map_err(fault!())
}

fn fill_digits(arguments: &Arguments<'_>, letters: bool) -> Result<Vec<u8>, CalcError> {
    let digits: Vec<u8> = match arguments.optional("fill")? {
        Some(text) => text
            .chars()
            .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("fill", "is not hexadecimal"))?,
        None if letters => return Ok(block::letter_fill(&random(10)?).collect()),
        None => nibbles(&random(5)?).collect(),
    };
    let as_letter = |digit: u8| {
        if letters && digit < 10 {
            0x0A + digit % 6
        } else {
            digit
        }
    };
    Ok(digits.into_iter().map(as_letter).collect())
}

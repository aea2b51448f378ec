//! EMV keys and cryptograms.

use crate::CalcError;
use crate::arguments::{Arguments, fault, hex_value, key_fault, wrong};
use cardwright_standards::emv::cryptogram::{self, AcPadding};
use cardwright_standards::emv::keys;
use serde_json::Value;

/// The algorithm of operations that exist for both; 3DES when nothing is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Tdes,
    Aes,
}

pub(crate) fn master_key(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let (pan, psn) = (arguments.text("pan")?, arguments.text_or("psn", "00")?);
    let key = match arguments.text("option")?.as_str() {
        "a" | "A" => keys::option_a(&arguments.tdes("key")?, &pan, &psn),
        "b" | "B" => keys::option_b(&arguments.tdes("key")?, &pan, &psn),
        "c" | "C" => keys::option_c(&arguments.aes("key")?, &pan, &psn),
        _ => return Err(wrong("option", "is none of a, b, c")),
    };
    Ok(hex_value(key.map_err(fault!())?.expose()))
}

/// `r` is 8 octets; for `visa_sm` the ATC, alone or with zeros behind it.
pub(crate) fn session_key(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let key = match arguments.text("method")?.as_str() {
        "common" | "mastercard" if algorithm(arguments)? == Algorithm::Aes => {
            keys::common_session_aes(&arguments.aes("key")?, arguments.array("r")?)
        }
        "common" | "mastercard" => {
            keys::common_session(&arguments.tdes("key")?, arguments.array("r")?)
        }
        "visa_sm" => {
            let r = arguments.octets("r")?;
            let atc = match r.as_slice() {
                [high, low] | [high, low, 0, 0, 0, 0, 0, 0] => u16::from_be_bytes([*high, *low]),
                _ => return Err(wrong("r", "is not an ATC of 2 octets")),
            };
            keys::visa_sm_session(&arguments.octets("key")?, atc)
        }
        _ => return Err(wrong("method", "is none of common, visa_sm, mastercard")),
    };
    Ok(hex_value(key.map_err(fault!())?.expose()))
}

pub(crate) fn ac(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let data = arguments.octets("data")?;
    if algorithm(arguments)? == Algorithm::Aes {
        return Ok(hex_value(cryptogram::ac_aes(&arguments.aes("key")?, &data)));
    }
    let padding = arguments.text_or("padding", "emv")?;
    let words = [("emv", AcPadding::Emv), ("visa", AcPadding::Visa)];
    let padding = arguments.word("padding", &padding, &words)?;
    let value = cryptogram::ac(&arguments.tdes("key")?, &data, padding);
    Ok(hex_value(value.map_err(|error| key_fault("key", error))?))
}

pub(crate) fn arpc(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let arqc = arguments.array("arqc")?;
    match arguments.text("method")?.as_str() {
        "1" => {
            let key = arguments.tdes("key")?;
            Ok(hex_value(cryptogram::arpc_1(
                &key,
                arqc,
                arguments.array("arc")?,
            )))
        }
        "2" => {
            let csu = arguments.array("csu")?;
            let proprietary = arguments
                .optional_octets("proprietary")?
                .unwrap_or_default();
            let value = match algorithm(arguments)? {
                Algorithm::Tdes => {
                    cryptogram::arpc_2(&arguments.tdes("key")?, arqc, csu, &proprietary)
                }
                Algorithm::Aes => {
                    cryptogram::arpc_2_aes(&arguments.aes("key")?, arqc, csu, &proprietary)
                }
            };
            Ok(hex_value(value.map_err(fault!())?))
        }
        _ => Err(wrong("method", "is none of 1, 2")),
    }
}

/// Five digits: the 16-bit value in decimal. `un` is 4 octets, `atc` 2.
pub(crate) fn cvc3(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let (track, un) = (arguments.octets("track")?, arguments.array("un")?);
    let atc = u16::from_be_bytes(arguments.array("atc")?);
    let value = cryptogram::cvc3(&arguments.tdes("key")?, &track, un, atc);
    let value = value.map_err(|error| key_fault("key", error))?;
    Ok(format!("{value:05}").into())
}

fn algorithm(arguments: &Arguments<'_>) -> Result<Algorithm, CalcError> {
    let given = arguments.text_or("algorithm", "tdes")?;
    let words = [("tdes", Algorithm::Tdes), ("aes", Algorithm::Aes)];
    arguments.word("algorithm", &given, &words)
}

//! Octets: coding and TLV.

use super::{Args, Row, no_fit, wrong_type};
use crate::{RuntimeError, Value};
use cardwright_standards::{formats, ndef, tlv};

type Result<T = Value> = std::result::Result<T, RuntimeError>;

/// Functions that give octets, or look at them.
pub(super) static TABLE: &[Row] = &[
    ("ascii", |a| {
        let text = a.text(0)?;
        if text.bytes().all(|b| (0x20..0x7F).contains(&b)) {
            Ok(Value::Bytes(text.as_bytes().to_vec()))
        } else {
            Err(no_fit("a character that is not printable ASCII"))
        }
    }),
    ("bcd", |a| {
        let octets = a.length(1)?;
        formats::numeric(a.text(0)?, octets)
            .map(Value::Bytes)
            .map_err(|_| no_fit(format!("not digits that fit {octets} octets")))
    }),
    ("certificate_bytes", |a| {
        certificate(a).map(|c| Value::Bytes(c.certificate.clone()))
    }),
    ("certificate_remainder", |a| {
        certificate(a).map(|c| Value::Bytes(c.remainder.clone()))
    }),
    ("check_values", |a| match a.get(0)? {
        Value::Sealed(sealed) => Ok(Value::Bytes(sealed.check_values.clone())),
        _ => Err(wrong_type()),
    }),
    ("cn", |a| {
        let octets = a.length(1)?;
        compressed(a.text(0)?, octets)
    }),
    ("compact_cn", |a| {
        let text = a.text(0)?;
        compressed(text, text.len().div_ceil(2))
    }),
    ("concat", |a| {
        let parts: Result<Vec<&[u8]>> = a.all().map(|v| v.bytes().ok_or_else(wrong_type)).collect();
        Ok(Value::Bytes(parts?.concat()))
    }),
    ("date_bcd", |a| {
        let digits = a.date(0)?.format(a.text(1)?);
        hex::decode(&digits)
            .map(Value::Bytes)
            .map_err(|_| no_fit("not an even number of digits"))
    }),
    ("hex", |a| Ok(Value::Text(hex::encode_upper(a.bytes(0)?)))),
    ("icc_component", |a| {
        let at = a.length(1)?;
        let component = icc_key(a)?.components.get(at).cloned();
        component
            .map(Value::Sealed)
            .ok_or_else(|| no_fit("components count from 0 to 4"))
    }),
    ("icc_exponent", |a| {
        let octets = icc_key(a)?.exponent.to_be_bytes();
        let first = octets.iter().position(|b| *b != 0).unwrap_or(3);
        Ok(Value::Bytes(
            octets.get(first..).unwrap_or_default().to_vec(),
        ))
    }),
    ("icc_modulus", |a| {
        Ok(Value::Bytes(icc_key(a)?.modulus.clone()))
    }),
    ("latin1", |a| {
        let octets: std::result::Result<Vec<u8>, _> = a
            .text(0)?
            .chars()
            .map(|c| u8::try_from(u32::from(c)))
            .collect();
        octets
            .map(Value::Bytes)
            .map_err(|_| no_fit("a character that is not ISO/IEC 8859-1"))
    }),
    ("length", |a| {
        i64::try_from(a.bytes(0)?.len())
            .map(Value::Number)
            .map_err(|_| wrong_type())
    }),
    ("ndef_message", |a| {
        let records: Result<Vec<&[u8]>> =
            a.all().map(|v| v.bytes().ok_or_else(wrong_type)).collect();
        Ok(Value::Bytes(ndef::message(&records?)))
    }),
    ("ndef_text", |a| {
        let octets = ndef::text(a.text(0)?, a.text(1)?);
        octets
            .map(Value::Bytes)
            .ok_or_else(|| no_fit("a language that is no tag such as `en`"))
    }),
    ("ndef_uri", |a| Ok(Value::Bytes(ndef::uri(a.text(0)?)))),
    ("number_bytes", |a| {
        let width = a.length(1)?;
        let octets = u64::try_from(a.number(0)?)
            .map_err(|_| no_fit("a negative number"))?
            .to_be_bytes();
        let (high, low) = octets.split_at(octets.len().saturating_sub(width));
        if high.iter().any(|b| *b != 0) {
            return Err(no_fit(format!("a number of more than {width} octets")));
        }
        let zeros = width.saturating_sub(octets.len());
        Ok(Value::Bytes([vec![0; zeros].as_slice(), low].concat()))
    }),
    ("tlv", |a| build_tlv(a.bytes(0)?, a.bytes(1)?)),
    ("tlv_if_any", |a| match a.bytes(1)? {
        [] => Ok(Value::Bytes(Vec::new())),
        value => build_tlv(a.bytes(0)?, value),
    }),
    ("unhex", |a| {
        hex::decode(a.text(0)?)
            .map(Value::Bytes)
            .map_err(|_| no_fit("not hexadecimal"))
    }),
    ("utf8", |a| Ok(Value::Bytes(a.text(0)?.as_bytes().to_vec()))),
];

fn build_tlv(tag: &[u8], value: &[u8]) -> Result {
    let mut out = Vec::with_capacity(tag.len() + 3 + value.len());
    out.extend_from_slice(tag);
    tlv::push_length(&mut out, value.len())
        .map_err(|_| no_fit("a value of more than 65,535 octets"))?;
    out.extend_from_slice(value);
    Ok(Value::Bytes(out))
}

fn compressed(text: &str, octets: usize) -> Result {
    formats::compressed_numeric(text, octets)
        .map(Value::Bytes)
        .map_err(|_| no_fit(format!("not digits that fit {octets} octets")))
}

fn certificate<'a>(args: &Args<'a>) -> Result<&'a cardwright_ports::hsm::Certificate> {
    match args.get(0)? {
        Value::Certificate(certificate) => Ok(certificate),
        _ => Err(wrong_type()),
    }
}

fn icc_key<'a>(args: &Args<'a>) -> Result<&'a cardwright_ports::hsm::IccKey> {
    match args.get(0)? {
        Value::IccKey(key) => Ok(key),
        _ => Err(wrong_type()),
    }
}

//! Offline data authentication: the chip's key, static data, certificates (EMV Book 2, 5 and 6).

use super::super::value;
use super::afl::Place;
use super::{App, Dda, records::Record};
use crate::elaborate::{Elaborator, Typed};
use crate::types::{Lengths, Type};

/// Octets of an ICC certificate that are not public key (EMV Book 2, 6.1, table 14).
const ICC_OVERHEAD: u32 = 42;

/// What the chip's key gives.
pub(super) struct Certified {
    /// The key.
    pub(super) key: Typed,
    /// Its certificate.
    pub(super) certificate: Typed,
}

/// Longest value of a certificate object; 0 when it is not there.
pub(crate) fn longest(dda: &Dda, tag: &str) -> u32 {
    let digits = |text: &str| u32::try_from(text.len() / 2).unwrap_or(0);
    let issuer = dda.issuer.bits / 8;
    match tag {
        "8F" => 1,
        "9F32" => exponent_octets(dda.issuer.exponent),
        "9F47" => exponent_octets(dda.exponent),
        "90" => dda
            .issuer
            .public
            .as_ref()
            .map_or(issuer, |p| digits(&p.certificate)),
        "92" => dda
            .issuer
            .public
            .as_ref()
            .map_or(0, |p| digits(&p.remainder)),
        "9F46" => issuer,
        "9F48" => (dda.bits / 8).saturating_sub(issuer.saturating_sub(ICC_OVERHEAD)),
        _ => 0,
    }
}

fn exponent_octets(exponent: u32) -> u32 {
    if exponent == 3 { 1 } else { 3 }
}

/// Static data to be authenticated: signed records in the order of the AFL, then the AIP when tag
/// 9F4A asks for it (EMV Book 3, 10.3).
pub(super) fn static_data(
    elaborator: &mut Elaborator<'_>,
    app: &App<'_>,
    contents: &[(&Record, Typed, Typed)],
) -> Option<Typed> {
    let span = app.decl.span;
    let mut parts: Vec<Typed> = contents
        .iter()
        .filter(|(record, ..)| record.place.signed)
        .map(|(record, content, whole)| in_hash(record.place, content, whole))
        .collect();
    if app.element("9F4A").is_some() {
        parts.push(elaborator.octets(&app.aip, span));
    }
    if parts.is_empty() {
        parts.push(elaborator.octets(&[], span));
    }
    value::concat(elaborator, &parts, span)
}

/// Files 1 to 10: without tag and length of the template; others: the whole record.
fn in_hash(place: Place, content: &Typed, whole: &Typed) -> Typed {
    if place.sfi <= 10 {
        content.clone()
    } else {
        whole.clone()
    }
}

/// The chip's key and its certificate over the static data.
pub(super) fn certify(
    elaborator: &mut Elaborator<'_>,
    app: &App<'_>,
    dda: &Dda,
    static_data: &Typed,
) -> Option<Certified> {
    let span = dda.span;
    let bits = elaborator.number(i64::from(dda.bits), span);
    let exponent = elaborator.number(i64::from(dda.exponent), span);
    let purpose = elaborator.text(&dda.owner, span);
    let key = elaborator
        .intent("rsa.generate", &[], &[bits, exponent, purpose], span)?
        .of_type(Type::IccKey { bits: dda.bits });
    let pan = app.element("5A")?.raw.clone()?;
    let expiry = app.element("5F24")?.raw.clone()?;
    let serial = elaborator.field("run", "sequence", span)?;
    let args = [pan, expiry, serial, key.clone(), static_data.clone()];
    let issuer = std::slice::from_ref(&dda.issuer_name);
    let certificate = elaborator.intent("emv.icc_certificate", issuer, &args, span)?;
    Some(Certified { key, certificate })
}

/// The value of a certificate object, and whether it may be empty.
pub(super) fn object(
    elaborator: &mut Elaborator<'_>,
    dda: &Dda,
    certified: Option<&Certified>,
    tag: &str,
) -> Option<(Typed, bool)> {
    let span = dda.span;
    let exactly = Type::Bytes(Lengths::exactly(longest(dda, tag)));
    let public = dda.issuer.public.as_ref();
    let issuer = |text: &str| hex::decode(text).ok();
    let constant = match tag {
        "8F" => Some(vec![public?.ca_index]),
        "9F32" => Some(exponent(dda.issuer.exponent)),
        "9F47" => Some(exponent(dda.exponent)),
        "90" => issuer(&public?.certificate),
        "92" => issuer(&public?.remainder),
        _ => None,
    };
    if let Some(octets) = constant {
        return Some((elaborator.octets(&octets, span), false));
    }
    let (function, if_any) = match tag {
        "9F46" => ("certificate_bytes", false),
        _ => ("certificate_remainder", true),
    };
    let certificate = &certified?.certificate;
    let value = value::apply(elaborator, function, &[certificate], exactly, span)?;
    Some((value, if_any))
}

/// An exponent as tags 9F32 and 9F47 have it.
fn exponent(exponent: u32) -> Vec<u8> {
    if exponent == 3 {
        vec![0x03]
    } else {
        vec![0x01, 0x00, 0x01]
    }
}

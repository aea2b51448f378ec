//! Offline data authentication: static data, its signature, the chip's key, certificates (EMV
//! Book 2, 5 and 6).

use super::super::{read, value};
use super::afl::Place;
use super::{App, Dda, Sda, records::Record};
use crate::elaborate::{Elaborator, Typed};
use crate::emit::Frame;
use crate::model::{Decl, MEntry};
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

/// What the issuer has signed for a card.
#[derive(Default)]
pub(super) struct Signed {
    /// The chip's key.
    pub(super) certified: Option<Certified>,
    /// Signed static application data, tag 93.
    pub(super) static_data: Option<Typed>,
}

/// The `sda` block.
pub(super) fn declared<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    decl: &'a Decl,
) -> Option<Sda> {
    let block = decl.attribute("sda")?;
    elaborator.part(decl, ("sda", block), |e| of_block(e, frame, block))
}

fn of_block<'a>(elaborator: &mut Elaborator<'a>, frame: &Frame, block: &'a MEntry) -> Option<Sda> {
    let name = block.inner("certified_by").and_then(MEntry::single)?;
    let issuer_name = elaborator.key(name, &["emv.issuer_private"])?;
    let issuer_id = elaborator.model().key_id(&issuer_name)?;
    let code = block.inner("code").and_then(MEntry::single);
    Some(Sda {
        issuer: frame.keys.get(issuer_id as usize)?.clone(),
        issuer_id,
        issuer_name,
        code: code
            .and_then(|term| elaborator.const_bytes(term))
            .unwrap_or_else(|| vec![0, 0]),
        reasoned: block
            .inner("reason")
            .and_then(read::text)
            .is_some_and(|reason| !reason.trim().is_empty()),
        span: block.span,
    })
}

/// Longest value of a certificate object; 0 when it is not there.
pub(crate) fn longest(app: &App<'_>, tag: &str) -> u32 {
    let digits = |text: &str| u32::try_from(text.len() / 2).unwrap_or(0);
    let Some((slot, ..)) = app.issuer() else {
        return 0;
    };
    let issuer = slot.bits / 8;
    let public = slot.public.as_ref();
    match (tag, &app.dda) {
        ("8F", _) => 1,
        ("9F32", _) => exponent_octets(slot.exponent),
        ("90", _) => public.map_or(issuer, |p| digits(&p.certificate)),
        ("92", _) => public.map_or(0, |p| digits(&p.remainder)),
        ("93", _) if app.sda.is_some() => issuer,
        ("9F46", Some(_)) => issuer,
        ("9F47", Some(dda)) => exponent_octets(dda.exponent),
        ("9F48", Some(dda)) => (dda.bits / 8).saturating_sub(issuer.saturating_sub(ICC_OVERHEAD)),
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

/// Signed static application data (EMV Book 2, 5.1, table 3).
pub(super) fn sign(
    elaborator: &mut Elaborator<'_>,
    sda: &Sda,
    static_data: &Typed,
) -> Option<Typed> {
    let code = elaborator.octets(&sda.code, sda.span);
    let issuer = std::slice::from_ref(&sda.issuer_name);
    let args = [code, static_data.clone()];
    let signed = elaborator.intent("emv.sign_static_data", issuer, &args, sda.span)?;
    Some(signed.of_type(Type::Bytes(Lengths::exactly(sda.issuer.bits / 8))))
}

/// The value of a certificate object, and whether it may be empty.
pub(super) fn object(
    elaborator: &mut Elaborator<'_>,
    app: &App<'_>,
    signed: &Signed,
    tag: &str,
) -> Option<(Typed, bool)> {
    let (slot, _, span) = app.issuer()?;
    let exactly = Type::Bytes(Lengths::exactly(longest(app, tag)));
    let public = slot.public.as_ref();
    let issuer = |text: &str| hex::decode(text).ok();
    let constant = match tag {
        "8F" => Some(vec![public?.ca_index]),
        "9F32" => Some(exponent(slot.exponent)),
        "9F47" => Some(exponent(app.dda.as_ref()?.exponent)),
        "90" => issuer(&public?.certificate),
        "92" => issuer(&public?.remainder),
        "93" => return Some((signed.static_data.clone()?, false)),
        _ => None,
    };
    if let Some(octets) = constant {
        return Some((elaborator.octets(&octets, span), false));
    }
    let (function, if_any) = match tag {
        "9F46" => ("certificate_bytes", false),
        _ => ("certificate_remainder", true),
    };
    let certificate = &signed.certified.as_ref()?.certificate;
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

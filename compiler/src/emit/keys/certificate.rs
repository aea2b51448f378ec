//! The issuer's certificate: read, opened with the CA's key, compared with the declaration.

use super::super::{Context, read};
use crate::diagnostics::Problem;
use crate::model::{Decl, MEntry, MKind, Span};
use cardwright_bundle::KeyPublic;
use cardwright_standards::emv::certificates::{RecoveredKey, recover_issuer_certificate};
use cardwright_standards::emv::rsa::exponent_octets;
use std::collections::BTreeMap;

/// Largest certificate file.
const MAX_OCTETS: usize = 64 << 10;

/// Text file `name = "value"`, hexadecimal or digits.
type Fields = BTreeMap<String, toml::Value>;

/// Reads `certificate` and `ca` of an issuer key; says what does not fit.
pub(super) fn read(
    context: &mut Context<'_>,
    decl: &Decl,
    bits: u32,
    exponent: u32,
) -> Option<KeyPublic> {
    let entry = attribute(context, decl, "certificate")?;
    let ca_entry = attribute(context, decl, "ca")?;
    let issuer = fields(context, decl, entry)?;
    let ca = fields(context, decl, ca_entry)?;
    let certificate = octets(context, &issuer, "certificate", entry.span)?;
    let remainder = octets(context, &issuer, "remainder", entry.span).unwrap_or_default();
    let ca_modulus = octets(context, &ca, "modulus", ca_entry.span)?;
    let ca_exponent = number(&ca, "exponent").unwrap_or(3);
    let stated = number(&issuer, "exponent").unwrap_or(exponent);
    let opened = exponent_octets(stated)
        .map_err(|e| e.to_string())
        .and_then(|e| {
            recover_issuer_certificate(&ca_modulus, ca_exponent, &certificate, &remainder, e)
                .map_err(|e| e.to_string())
        });
    let key = match opened {
        Ok(key) => key,
        Err(reason) => {
            let message = format!("the certificate does not open with this CA key: {reason}");
            report(
                context,
                "E0514",
                entry.span,
                message,
                "fetch certificate and CA key again",
            );
            return None;
        }
    };
    let place = Place {
        decl,
        span: entry.span,
    };
    compare_size(context, &place, &key, (bits, exponent), ca_modulus.len());
    compare_identity(context, &place, &key, &issuer);
    Some(KeyPublic {
        rid: hexadecimal(&rid(decl, &issuer)),
        ca_index: ca_index(decl, &issuer),
        ca_modulus: hex::encode_upper(&ca_modulus),
        ca_exponent,
        modulus: hex::encode_upper(&key.modulus),
        certificate: hex::encode_upper(&certificate),
        remainder: hex::encode_upper(&remainder),
        expiry_mmyy: hex::encode(key.expiry_mmyy),
    })
}

struct Place<'a> {
    decl: &'a Decl,
    span: Span,
}

fn attribute<'a>(context: &mut Context<'_>, decl: &'a Decl, name: &str) -> Option<&'a MEntry> {
    let found = decl.attribute(name);
    if found.is_none() {
        let message = format!("issuer key `{}` needs `{name}`", decl.name);
        let help = format!("write `{name} = file(\"keys/…\")`");
        report(context, "E0504", decl.span, message, &help);
    }
    found
}

fn fields(context: &mut Context<'_>, decl: &Decl, entry: &MEntry) -> Option<Fields> {
    let Some(path) = read::file(entry) else {
        let message = "expected a file of the project".to_owned();
        report(
            context,
            "E0504",
            entry.span,
            message,
            "write `file(\"keys/issuer.cer\")`",
        );
        return None;
    };
    let owner = context.model.sources.package(entry.span);
    let found = context.project.asset_of(owner, &path);
    let there = found.is_ok();
    let parsed = found.map_err(|e| e.reason).and_then(|bytes| {
        let text = std::str::from_utf8(&bytes).map_err(|_| "not UTF-8".to_owned())?;
        if text.len() > MAX_OCTETS {
            return Err(format!(
                "{} octets, at most {MAX_OCTETS} are read",
                text.len()
            ));
        }
        toml::from_str::<Fields>(text).map_err(|e| e.message().to_owned())
    });
    match parsed {
        Ok(fields) => Some(fields),
        Err(reason) => {
            let message = format!("`{path}` can't be read: {reason}");
            let help = match there {
                true => "it is a text file with lines such as `certificate = \"9A0B…\"`".to_owned(),
                false => format!(
                    "put the CA's file there; for tests `cardstation keys test-certificate --key {} \
                     --range BIN --out FOLDER` makes certificate and CA key",
                    decl.qualified
                ),
            };
            report(context, "E0504", entry.span, message, &help);
            None
        }
    }
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    match fields.get(name)? {
        toml::Value::String(text) => Some(text.split_whitespace().collect()),
        toml::Value::Integer(n) => Some(n.to_string()),
        _ => None,
    }
}

fn number(fields: &Fields, name: &str) -> Option<u32> {
    match fields.get(name)? {
        toml::Value::Integer(n) => u32::try_from(*n).ok(),
        toml::Value::String(text) => match text.strip_prefix("0x") {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

fn octets(context: &mut Context<'_>, fields: &Fields, name: &str, span: Span) -> Option<Vec<u8>> {
    let found = text(fields, name).and_then(|t| hex::decode(t).ok());
    if found.is_none() && name != "remainder" {
        let message = format!("the file has no hexadecimal `{name}`");
        report(
            context,
            "E0504",
            span,
            message,
            "fetch the file again from the CA",
        );
    }
    found
}

fn compare_size(
    context: &mut Context<'_>,
    place: &Place<'_>,
    key: &RecoveredKey,
    (bits, exponent): (u32, u32),
    ca_octets: usize,
) {
    let found = u32::try_from(key.modulus.len() * 8).unwrap_or(0);
    if found != bits || key.exponent != exponent {
        let message = format!(
            "the certificate is for rsa({found}, {}), the key is declared rsa({bits}, {exponent})",
            key.exponent
        );
        let help = "declare the key as it was certified, or take the right certificate";
        report(context, "E0505", place.span, message, help);
    }
    // EMV Book 2, 11.1.2: the issuer's modulus is not longer than the CA's.
    if key.modulus.len() > ca_octets {
        let message = format!(
            "the issuer key is longer than the CA key ({} octets)",
            ca_octets
        );
        report(
            context,
            "E0508",
            place.span,
            message,
            "have it certified by a CA key as long",
        );
    }
}

fn compare_identity(
    context: &mut Context<'_>,
    place: &Place<'_>,
    key: &RecoveredKey,
    fields: &Fields,
) {
    let bin = context.bin.clone();
    if let Some(bin) = bin.filter(|bin| {
        let shorter = bin.len().min(key.identifier.len());
        bin.get(..shorter) != key.identifier.get(..shorter)
    }) {
        let message = format!(
            "the certificate is for PANs that begin with {}, the issuer's begin with {bin}",
            key.identifier
        );
        let help = "terminals refuse such a card (EMV Book 2, 5.3, step 8): take the right one";
        report(context, "E0506", place.span, message, help);
    }
    let stated = number(fields, "ca_index").and_then(|n| u8::try_from(n).ok());
    let declared = ca_index(place.decl, fields);
    if stated.is_some_and(|n| n != declared) {
        let message = format!(
            "the key says CA index {declared:02X}, the certificate {:02X}",
            stated.unwrap_or(0)
        );
        report(
            context,
            "E0505",
            place.span,
            message,
            "write the index that the CA gave",
        );
    }
}

fn rid(decl: &Decl, fields: &Fields) -> Vec<u8> {
    match decl
        .attribute("rid")
        .and_then(MEntry::single)
        .map(|e| &e.kind)
    {
        Some(MKind::Hex(bytes)) => bytes.clone(),
        _ => text(fields, "rid")
            .and_then(|t| hex::decode(t).ok())
            .unwrap_or_default(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    hex::encode_upper(bytes)
}

fn ca_index(decl: &Decl, fields: &Fields) -> u8 {
    decl.attribute("ca_index")
        .and_then(|e| e.single()?.integer())
        .and_then(|n| u8::try_from(n).ok())
        .or_else(|| number(fields, "ca_index").and_then(|n| u8::try_from(n).ok()))
        .unwrap_or(0)
}

fn report(context: &mut Context<'_>, code: &str, span: Span, message: String, help: &str) {
    context
        .shared
        .findings
        .push(Problem::error(code, span, message).help(help));
}

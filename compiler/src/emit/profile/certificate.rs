//! `certificate` declarations: what the order decides of a certificate, and what is always alike.

use super::super::read;
use crate::diagnostics::Problem;
use crate::elaborate::constants::words;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::ScriptPart;
use cardwright_standards::x509::NAME_PARTS;

/// Longest texts of a name's parts.
const NAME_MOST: u32 = 64;

/// The certificate of the key in a variable.
pub(super) fn lower<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    key: String,
) -> Option<ScriptPart> {
    elaborator.within(decl, |e| certificate(e, decl, key))
}

fn certificate<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    key: String,
) -> Option<ScriptPart> {
    let model = elaborator.model();
    let issuer = decl.attribute("issuer").and_then(MEntry::single)?;
    let issuer = elaborator.key(issuer, &["certificate_signing"])?;
    let authority = model.get(&issuer)?.attribute("certificate");
    let authority = authority.and_then(read::file)?;
    let mut value = |name: &str, want: Type| -> Option<Typed> {
        let entry = decl.attribute(name)?;
        let made = elaborator.phrase(entry.value.as_ref()?, Some(&want))?;
        elaborator.sink(&made, Sink::ChipClear, "a certificate", entry.span);
        Some(made)
    };
    let serial = value("serial", Type::bytes());
    let (first, last) = (
        value("not_before", Type::Date),
        value("not_after", Type::Date),
    );
    let mut name = Vec::new();
    for part in NAME_PARTS {
        let most = if part == "country" { 2 } else { NAME_MOST };
        let made = value(part, Type::Text(Lengths::up_to(most)));
        name.extend(made.map(|made| (part.to_owned(), made.node)));
    }
    let serial = serial?;
    if serial.ty.lengths().is_none_or(|lengths| lengths.max > 20) {
        let span = decl.attribute("serial").map_or(decl.span, |e| e.span);
        elaborator.findings().push(
            Problem::error("E0469", span, "a serial number has 20 octets at most")
                .help("take a shorter number, such as the card's"),
        );
    }
    let list = |name: &str| {
        let entry = decl.attribute(name)?;
        words(entry.single()?)
    };
    Some(ScriptPart::Certificate {
        issuer: model.key_id(&issuer)?,
        authority,
        key,
        serial: serial.node,
        name,
        not_before: first?.node,
        not_after: last?.node,
        usage: list("usage").unwrap_or_else(|| vec!["digital_signature".to_owned()]),
        extended: list("extended").unwrap_or_default(),
    })
}

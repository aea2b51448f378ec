//! Applications that are not EMV's: an AID and the data groupings that the source writes.

use super::super::read;
use super::elements::{self, Element};
use super::styles::{self, Holdings};
use super::{install, quirks, script};
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry, Span, dictionary};
use crate::types::Type;
use cardwright_bundle::Application;

/// What groupings of such an application may name.
struct Own {
    elements: Vec<Element>,
    span: Span,
}

impl Holdings for Own {
    fn element(&self, _: &mut Elaborator<'_>, tag: &str) -> Option<Typed> {
        let element = self.elements.iter().find(|e| e.tag == tag)?;
        Some(element.value.clone())
    }

    fn account(&self, elaborator: &mut Elaborator<'_>) -> Option<(Typed, Typed)> {
        account(elaborator, self.span)
    }
}

/// The record's PAN, and `00`: an application that is not EMV's has no sequence number.
pub(super) fn account(elaborator: &mut Elaborator<'_>, span: Span) -> Option<(Typed, Typed)> {
    let Some(pan) = elaborator.pan_field(span) else {
        elaborator.findings().push(
            Problem::error("E0433", span, "the record has no PAN to derive from")
                .help("name what to derive from: `key(option_a, of: order.number)`"),
        );
        return None;
    };
    let sequence = elaborator.text("00", span);
    Some((pan, sequence))
}

/// Lowers one application.
pub(crate) fn lower<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl) -> Option<Application> {
    elaborator.within(decl, |e| application(e, decl))
}

fn application<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl) -> Option<Application> {
    let aid = decl.attribute("aid").and_then(MEntry::single)?;
    let aid = elaborator.const_bytes(aid)?;
    let interfaces = match decl.attribute("interfaces").and_then(MEntry::single) {
        Some(list) => crate::elaborate::constants::words(list).unwrap_or_default(),
        None => vec!["contact".to_owned()],
    };
    let own = Own {
        elements: elements::written_only(elaborator, decl, &mut std::collections::BTreeSet::new()),
        span: decl.span,
    };
    if let Some(entry) = decl.attribute("script") {
        return scripted(elaborator, decl, entry, &own, aid, interfaces);
    }
    let written = styles::written(elaborator, decl, &own);
    let quirks = quirks(elaborator, decl);
    let (dgis, pack) = styles::arrange(elaborator, decl, Vec::new(), written);
    if dgis.is_empty() && !elaborator.findings().has_errors() {
        elaborator.findings().push(
            Problem::error("E0440", decl.span, format!("`{}` holds nothing", decl.name))
                .help("write its data groupings: `dgis { dgi 0x3000 tlv = [ … ] }`"),
        );
    }
    let pack = pack && !quirks.iter().any(|(name, _)| name == "one_dgi_per_command");
    Some(Application {
        name: decl.name.clone(),
        aid: hex::encode_upper(&aid),
        applet: "plain".to_owned(),
        dictionary: dictionary(decl).to_owned(),
        when: None,
        install: install::lower(elaborator, decl),
        script: None,
        dgis,
        pack,
        facts: Vec::new(),
        keys: Vec::new(),
        derivation: String::new(),
        interfaces,
        further: Vec::new(),
        quirks,
    })
}

/// AID of NFC Forum Type 4 Tags.
const NDEF_AID: [u8; 7] = [0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];

/// Registered part of the AID of PIV applications (SP 800-73-4 part 1, 2.2).
const PIV_AID: [u8; 9] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];

/// An application that a script writes.
fn scripted<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    entry: &'a MEntry,
    own: &Own,
    aid: Vec<u8>,
    interfaces: Vec<String>,
) -> Option<Application> {
    let model = elaborator.model();
    let name = entry.single()?;
    let found = read::reference(model, name, "script")?;
    if decl.attribute("dgis").is_some() {
        let message = format!("`{}` has both a script and data groupings", decl.name);
        elaborator.findings().push(
            Problem::error("E0457", entry.span, message)
                .help("a script writes everything itself; leave one of them"),
        );
    }
    let script = script::lower(elaborator, found, own)?;
    let tag = aid == NDEF_AID;
    let access = aid.starts_with(&PIV_AID);
    let mut facts = Vec::new();
    if let Some(entry) = decl.attribute("pin") {
        let pin = elaborator.phrase(entry.value.as_ref()?, Some(&Type::Pin))?;
        facts.push(("pin".to_owned(), pin.node));
    }
    if let Some(message) = own.element(elaborator, "E104").filter(|_| tag) {
        facts.push(("ndef".to_owned(), message.node));
    }
    Some(Application {
        name: decl.name.clone(),
        aid: hex::encode_upper(&aid),
        applet: match (tag, access) {
            (true, _) => "ndef",
            (_, true) => "piv",
            _ => "native",
        }
        .to_owned(),
        dictionary: dictionary(decl).to_owned(),
        when: None,
        install: install::lower(elaborator, decl),
        script: Some(script),
        dgis: Vec::new(),
        pack: true,
        facts,
        keys: Vec::new(),
        derivation: String::new(),
        interfaces,
        further: Vec::new(),
        quirks: quirks(elaborator, decl),
    })
}

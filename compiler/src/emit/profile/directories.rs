//! Directories: PSE (EMV Book 1, 12.2) and PPSE (EMV contactless Book B, 3.3).

use super::super::value;
use super::App;
use super::afl::Place;
use crate::elaborate::{Elaborator, Typed};
use crate::model::Span;
use cardwright_bundle::{Application, Dgi, Padding};

/// `1PAY.SYS.DDF01`.
const PSE: &[u8] = b"1PAY.SYS.DDF01";
/// `2PAY.SYS.DDF01`.
const PPSE: &[u8] = b"2PAY.SYS.DDF01";
/// The directory file of the PSE.
const DIRECTORY_SFI: u8 = 1;

/// The contact directory: one record for each application.
pub(crate) fn pse(
    elaborator: &mut Elaborator<'_>,
    apps: &[App<'_>],
    span: Span,
) -> Option<Application> {
    let mut dgis = Vec::new();
    for (record, app) in (1..).zip(apps.iter().filter(|a| a.on("contact"))) {
        let entry = entry(elaborator, app, span)?;
        let whole = value::object(elaborator, "70", &entry, false, span)?;
        let place = Place {
            sfi: DIRECTORY_SFI,
            record,
            signed: false,
        };
        dgis.push(dgi(place.dgi(), &whole, "directory entry"));
    }
    let sfi = elaborator.octets(&[DIRECTORY_SFI], span);
    let mut parts = vec![value::object(elaborator, "88", &sfi, false, span)?];
    if let Some(languages) = apps.iter().find_map(|a| a.languages.clone()) {
        let languages = elaborator.octets(languages.as_bytes(), span);
        parts.push(value::object(elaborator, "5F2D", &languages, false, span)?);
    }
    let content = value::concat(elaborator, &parts, span)?;
    let template = value::object(elaborator, "A5", &content, false, span)?;
    dgis.push(dgi(0x9102, &template, "answer to SELECT"));
    Some(directory("pse", PSE, dgis, "contact"))
}

/// The contactless directory: all applications in the answer to SELECT.
pub(crate) fn ppse(
    elaborator: &mut Elaborator<'_>,
    apps: &[App<'_>],
    span: Span,
) -> Option<Application> {
    let mut entries = Vec::new();
    for app in apps.iter().filter(|a| a.on("contactless")) {
        entries.push(entry(elaborator, app, span)?);
    }
    let list = value::concat(elaborator, &entries, span)?;
    let discretionary = value::object(elaborator, "BF0C", &list, false, span)?;
    let template = value::object(elaborator, "A5", &discretionary, false, span)?;
    let dgis = vec![dgi(0x9102, &template, "answer to SELECT")];
    Some(directory("ppse", PPSE, dgis, "contactless"))
}

/// Template 61: AID, label, priority.
fn entry(elaborator: &mut Elaborator<'_>, app: &App<'_>, span: Span) -> Option<Typed> {
    let parts = [
        ("4F", app.aid.clone()),
        ("50", app.label.as_bytes().to_vec()),
        ("87", vec![app.priority]),
    ];
    let mut objects = Vec::new();
    for (tag, octets) in parts {
        let octets = elaborator.octets(&octets, span);
        objects.push(value::object(elaborator, tag, &octets, false, span)?);
    }
    let content = value::concat(elaborator, &objects, span)?;
    value::object(elaborator, "61", &content, false, span)
}

fn dgi(number: u16, value: &Typed, title: &str) -> Dgi {
    Dgi {
        number,
        node: value.node,
        encrypted: false,
        padding: Padding::None,
        joined: false,
        when: None,
        octets: None,
        title: title.to_owned(),
    }
}

fn directory(name: &str, aid: &[u8], dgis: Vec<Dgi>, interface: &str) -> Application {
    Application {
        name: name.to_owned(),
        aid: hex::encode_upper(aid),
        applet: String::new(),
        dictionary: String::new(),
        install: None,
        script: None,
        dgis,
        pack: true,
        facts: Vec::new(),
        keys: Vec::new(),
        derivation: String::new(),
        interfaces: vec![interface.to_owned()],
        quirks: Vec::new(),
    }
}

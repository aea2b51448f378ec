//! Directories: PSE (EMV Book 1, 12.2) and PPSE (EMV contactless Book B, 3.3).

use super::super::{read, value};
use super::App;
use super::afl::{Place, object_octets};
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry, MKind, Model, Span};
use cardwright_bundle::{Application, Dgi, Padding};

/// `1PAY.SYS.DDF01`.
const PSE: &[u8] = b"1PAY.SYS.DDF01";
/// `2PAY.SYS.DDF01`.
const PPSE: &[u8] = b"2PAY.SYS.DDF01";
/// The directory file of the PSE.
const DIRECTORY_SFI: u8 = 1;

/// What a directory says.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    aid: Vec<u8>,
    /// `contact` or `contactless`.
    pub(crate) interface: String,
    sfi: u8,
    languages: Option<String>,
    code_table: Option<u8>,
    preferred_names: bool,
    iin: Option<Vec<u8>>,
    country: Option<String>,
}

impl Directory {
    /// `pse` or `ppse`, as nobody says otherwise.
    pub(crate) fn usual(name: &str) -> Option<Self> {
        let (aid, interface) = match name {
            "pse" => (PSE, "contact"),
            "ppse" => (PPSE, "contactless"),
            _ => return None,
        };
        Some(Self {
            aid: aid.to_vec(),
            interface: interface.to_owned(),
            sfi: DIRECTORY_SFI,
            languages: None,
            code_table: None,
            preferred_names: false,
            iin: None,
            country: None,
        })
    }

    /// A declared one.
    pub(crate) fn declared<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl) -> Option<Self> {
        let small = |model: &Model, name: &str| {
            let number = read::integer(model, decl.attribute(name)?)?;
            u8::try_from(number).ok()
        };
        let model = elaborator.model();
        let (sfi, code_table) = (small(model, "sfi"), small(model, "code_table"));
        let text = |name: &str| decl.attribute(name).and_then(read::text);
        let word = |name: &str| decl.attribute(name).and_then(read::word);
        let mut octets = |name: &str| {
            let term = decl.attribute(name)?.single()?;
            elaborator.const_bytes(term)
        };
        Some(Self {
            aid: octets("aid")?,
            iin: octets("iin"),
            interface: word("interface")?,
            sfi: sfi.unwrap_or(DIRECTORY_SFI),
            languages: text("languages"),
            code_table,
            preferred_names: word("preferred_names").as_deref() == Some("true"),
            country: text("country"),
        })
    }

    /// Its name in the bundle.
    pub(crate) fn name(&self) -> &'static str {
        match self.interface.as_str() {
            "contact" => "pse",
            _ => "ppse",
        }
    }

    /// Octets of an application's entry, with its template.
    pub(crate) fn entry_octets(&self, app: &App<'_>) -> u32 {
        let object = |(tag, value): &(&str, Vec<u8>)| {
            object_octets(tag, u32::try_from(value.len()).unwrap_or(u32::MAX))
        };
        let content = self.objects(app).iter().map(object).sum();
        object_octets("61", content)
    }

    /// Objects of an entry: AID, label, priority; then what the directory wants besides.
    fn objects(&self, app: &App<'_>) -> Vec<(&'static str, Vec<u8>)> {
        let mut objects = vec![
            ("4F", app.aid.clone()),
            ("50", app.label.as_bytes().to_vec()),
            ("87", vec![app.priority]),
        ];
        let text = |name: &str| app.decl.attribute(name).and_then(read::text);
        if self.preferred_names
            && let Some(name) = text("preferred_name")
        {
            // Part 1 of ISO/IEC 8859 where every character has one octet there, else ASCII.
            let octets = name
                .chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
            objects.push(("9F12", octets.collect()));
        }
        if let Some(iin) = &self.iin {
            objects.push(("42", iin.clone()));
        }
        if let Some(country) = &self.country {
            objects.push(("5F55", country.as_bytes().to_vec()));
        }
        let kernel = app.decl.attribute("kernel").and_then(MEntry::single);
        if let Some(MKind::Hex(kernel)) = kernel.map(|e| &e.kind)
            && self.interface == "contactless"
        {
            objects.push(("9F2A", kernel.clone()));
        }
        objects
    }
}

/// A directory of the applications on its interface.
pub(crate) fn directory(
    elaborator: &mut Elaborator<'_>,
    directory: &Directory,
    apps: &[App<'_>],
    span: Span,
) -> Option<Application> {
    let listed = apps.iter().filter(|a| a.on(&directory.interface));
    let mut entries = Vec::new();
    for app in listed {
        let mut objects = Vec::new();
        for (tag, octets) in directory.objects(app) {
            let octets = elaborator.octets(&octets, span);
            objects.push(value::object(elaborator, tag, &octets, false, span)?);
        }
        let content = value::concat(elaborator, &objects, span)?;
        entries.push(value::object(elaborator, "61", &content, false, span)?);
    }
    let mut dgis = Vec::new();
    let parts = if directory.interface == "contact" {
        for (record, entry) in (1..).zip(&entries) {
            let whole = value::object(elaborator, "70", entry, false, span)?;
            let place = Place {
                sfi: directory.sfi,
                record,
                signed: false,
            };
            dgis.push(dgi(place.dgi(), &whole, "directory entry"));
        }
        in_front(elaborator, directory, apps, span)?
    } else {
        let list = value::concat(elaborator, &entries, span)?;
        vec![value::object(elaborator, "BF0C", &list, false, span)?]
    };
    let content = value::concat(elaborator, &parts, span)?;
    let template = value::object(elaborator, "A5", &content, false, span)?;
    dgis.push(dgi(0x9102, &template, "answer to SELECT"));
    Some(Application {
        name: directory.name().to_owned(),
        aid: hex::encode_upper(&directory.aid),
        applet: String::new(),
        dictionary: String::new(),
        install: None,
        script: None,
        dgis,
        pack: true,
        facts: Vec::new(),
        keys: Vec::new(),
        derivation: String::new(),
        interfaces: vec![directory.interface.clone()],
        quirks: Vec::new(),
    })
}

/// Template A5 of the contact directory: file, languages, code table.
fn in_front(
    elaborator: &mut Elaborator<'_>,
    directory: &Directory,
    apps: &[App<'_>],
    span: Span,
) -> Option<Vec<Typed>> {
    let sfi = elaborator.octets(&[directory.sfi], span);
    let mut parts = vec![value::object(elaborator, "88", &sfi, false, span)?];
    let own = directory.languages.clone();
    let languages = own.or_else(|| apps.iter().find_map(|a| a.languages.clone()));
    if let Some(languages) = languages {
        let languages = elaborator.octets(languages.as_bytes(), span);
        parts.push(value::object(elaborator, "5F2D", &languages, false, span)?);
    }
    if let Some(table) = directory.code_table {
        let table = elaborator.octets(&[table], span);
        parts.push(value::object(elaborator, "9F11", &table, false, span)?);
    }
    Some(parts)
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

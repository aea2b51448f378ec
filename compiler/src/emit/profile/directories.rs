//! Directories: PSE (EMV Book 1, 12.2) and PPSE (EMV contactless Book B, 3.3).

use super::super::{read, value};
use super::afl::{Place, object_octets};
use super::{App, presence};
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry, MKind, Model, Span};
use cardwright_bundle::{Application, Dgi, NodeId, Padding};

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
    let listed = || apps.iter().filter(|a| a.on(&directory.interface));
    let mut entries = Vec::new();
    for app in listed() {
        let mut objects = Vec::new();
        for (tag, octets) in directory.objects(app) {
            let octets = elaborator.octets(&octets, span);
            objects.push(value::object(elaborator, tag, &octets, false, span)?);
        }
        let content = value::concat(elaborator, &objects, span)?;
        let entry = value::object(elaborator, "61", &content, false, span)?;
        entries.push((entry, app.when.clone()));
    }
    let mut dgis = Vec::new();
    let parts = if directory.interface == "contact" {
        let mut wholes = Vec::new();
        for (entry, when) in &entries {
            let whole = value::object(elaborator, "70", entry, false, span)?;
            wholes.push((whole, when.clone()));
        }
        for (record, (whole, when)) in (1..).zip(numbered(elaborator, &wholes, span)) {
            let place = Place {
                sfi: directory.sfi,
                record,
                signed: false,
            };
            dgis.push(Dgi {
                when: when.map(|flag| flag.node),
                ..dgi(place.dgi(), &whole, "directory entry")
            });
        }
        in_front(elaborator, directory, apps, span)?
    } else {
        let there = |elaborator: &mut Elaborator<'_>, (entry, when): &(Typed, Option<Typed>)| {
            presence::perhaps(elaborator, when.as_ref(), entry.clone(), span)
        };
        let entries: Vec<Typed> = entries.iter().map(|e| there(elaborator, e)).collect();
        let list = value::concat(elaborator, &entries, span)?;
        vec![value::object(elaborator, "BF0C", &list, false, span)?]
    };
    let content = value::concat(elaborator, &parts, span)?;
    let template = value::object(elaborator, "A5", &content, false, span)?;
    dgis.push(dgi(0x9102, &template, "answer to SELECT"));
    let conditions: Option<Vec<Typed>> = listed().map(|a| a.when.clone()).collect();
    let when = present(elaborator, conditions.as_deref(), span);
    Some(Application {
        name: directory.name().to_owned(),
        aid: hex::encode_upper(&directory.aid),
        applet: String::new(),
        dictionary: String::new(),
        when,
        install: None,
        script: None,
        dgis,
        pack: true,
        facts: Vec::new(),
        keys: Vec::new(),
        derivation: String::new(),
        interfaces: vec![directory.interface.clone()],
        further: Vec::new(),
        quirks: Vec::new(),
    })
}

/// Orders that get none of a directory's applications get no directory.
fn present(
    elaborator: &mut Elaborator<'_>,
    conditions: Option<&[Typed]>,
    span: Span,
) -> Option<NodeId> {
    match conditions? {
        [one] => Some(one.node),
        several => elaborator.apply("any", several, span).map(|flag| flag.node),
    }
}

/// Entries in the records that a card has them in: terminals read from the first record to the
/// first that is missing (EMV Book 1, 12.3.2), so that there may be no gap.
fn numbered(
    elaborator: &mut Elaborator<'_>,
    entries: &[(Typed, Option<Typed>)],
    span: Span,
) -> Vec<(Typed, Option<Typed>)> {
    let mut records = Vec::new();
    for number in 0..entries.len() {
        let mut known = Vec::new();
        let Some(record) = nth(elaborator, entries, number, &mut known, span) else {
            continue;
        };
        let none = elaborator.octets(&[], span);
        records.push(match record {
            Nth::Always(entry) => (entry, None),
            Nth::Never => continue,
            Nth::When(flag, entry) => {
                let entry = elaborator.choose(&flag, &entry, &none, span);
                (entry, Some(flag))
            }
        });
    }
    records
}

/// An entry that all orders have, some, or none.
enum Nth {
    Always(Typed),
    When(Typed, Typed),
    Never,
}

/// The entry that stands at a place, from 0, where some of those before it may be missing.
fn nth(
    elaborator: &mut Elaborator<'_>,
    entries: &[(Typed, Option<Typed>)],
    place: usize,
    known: &mut Vec<(NodeId, bool)>,
    span: Span,
) -> Option<Nth> {
    let Some(((entry, when), rest)) = entries.split_first() else {
        return Some(Nth::Never);
    };
    let Some(flag) = when else {
        return match place.checked_sub(1) {
            None => Some(Nth::Always(entry.clone())),
            Some(place) => nth(elaborator, rest, place, known, span),
        };
    };
    let mut side = |elaborator: &mut Elaborator<'_>, holds: bool| {
        known.push((flag.node, holds));
        let found = match (elaborator.possible(known), holds, place.checked_sub(1)) {
            (false, ..) => None,
            (_, true, None) => Some(Nth::Always(entry.clone())),
            (_, true, Some(place)) => nth(elaborator, rest, place, known, span),
            (_, false, _) => nth(elaborator, rest, place, known, span),
        };
        known.pop();
        found
    };
    let (with, without) = (side(elaborator, true), side(elaborator, false));
    let (with, without) = match (with, without) {
        (Some(with), Some(without)) => (with, without),
        (one, other) => return one.or(other),
    };
    either(elaborator, flag, with, without, span)
}

/// What stands at a place by a flag.
fn either(
    elaborator: &mut Elaborator<'_>,
    flag: &Typed,
    with: Nth,
    without: Nth,
    span: Span,
) -> Option<Nth> {
    let not = elaborator.apply("not", std::slice::from_ref(flag), span)?;
    let both = |e: &mut Elaborator<'_>, name: &str, a: &Typed, b: &Typed| {
        e.apply(name, &[a.clone(), b.clone()], span)
    };
    Some(match (with, without) {
        (Nth::Never, Nth::Never) => Nth::Never,
        (Nth::Always(a), Nth::Always(b)) => Nth::Always(elaborator.choose(flag, &a, &b, span)),
        (Nth::Always(a), Nth::Never) => Nth::When(flag.clone(), a),
        (Nth::Never, Nth::Always(b)) => Nth::When(not, b),
        (Nth::When(f, a), Nth::Never) => Nth::When(both(elaborator, "all", flag, &f)?, a),
        (Nth::Never, Nth::When(f, b)) => Nth::When(both(elaborator, "all", &not, &f)?, b),
        (Nth::Always(a), Nth::When(f, b)) => {
            let entry = elaborator.choose(flag, &a, &b, span);
            Nth::When(both(elaborator, "any", flag, &f)?, entry)
        }
        (Nth::When(f, a), Nth::Always(b)) => {
            let entry = elaborator.choose(flag, &a, &b, span);
            Nth::When(both(elaborator, "any", &not, &f)?, entry)
        }
        (Nth::When(f, a), Nth::When(g, b)) => {
            let entry = elaborator.choose(flag, &a, &b, span);
            let there = elaborator.choose(flag, &f, &g, span);
            Nth::When(there, entry)
        }
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
        dictionary: String::new(),
        when: None,
        octets: None,
        title: title.to_owned(),
        fields: Vec::new(),
    }
}

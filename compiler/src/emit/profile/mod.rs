//! Profiles: an application's data elements, records, certificates and keys as data groupings of
//! EMV CPS, in the order in which they are sent.

pub(crate) mod afl;
mod certificate;
mod cvm;
mod dgis;
mod directories;
mod elements;
mod further;
mod install;
mod modes;
mod oda;
mod other;
mod parts;
mod presence;
mod records;
mod rules;
mod script;
mod styles;

pub(crate) use directories::{Directory, directory};
pub(crate) use elements::{Element, Track, track_of};
pub(crate) use modes::{Cvc3, Mode};
pub(crate) use other::lower as lower_other;
pub(crate) use presence::{CONDITIONS_MAX, cases};
pub(crate) use records::Record;

/// Longest octets of a record with its template.
pub(crate) fn record_octets(app: &App<'_>, record: &records::Record) -> u32 {
    records::template(records::content_octets(app, record))
}

use super::keys;
use super::read;
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, KeyChoice, Typed};
use crate::emit::Frame;
use crate::model::{Decl, MEntry, MExpr, MKind, Model, Span};
use crate::types::Type;
use cardwright_bundle::{Application, KeySlot};
use std::collections::BTreeSet;

/// The chip's own key and who certifies it.
#[derive(Clone, Debug)]
pub(crate) struct Dda {
    /// Modulus length.
    pub(crate) bits: u32,
    /// Public exponent.
    pub(crate) exponent: u32,
    /// Slot of the issuer key.
    pub(crate) issuer: KeySlot,
    /// Its number.
    pub(crate) issuer_id: u32,
    /// Its qualified name.
    pub(crate) issuer_name: String,
    /// Whose key it is: its own name, or that of the application that it shares with.
    pub(crate) owner: String,
    /// Where.
    pub(crate) span: Span,
}

/// The signature over static data, and who makes it.
#[derive(Clone, Debug)]
pub(crate) struct Sda {
    /// Slot of the issuer key.
    pub(crate) issuer: KeySlot,
    /// Its number.
    pub(crate) issuer_id: u32,
    /// Its qualified name.
    pub(crate) issuer_name: String,
    /// Data authentication code.
    pub(crate) code: Vec<u8>,
    /// Whether somebody said why.
    pub(crate) reasoned: bool,
    /// Where.
    pub(crate) span: Span,
}

/// Symmetric keys.
#[derive(Clone, Debug)]
pub(crate) struct Masters {
    /// Keys of AC, SMI, SMC.
    pub(crate) keys: [KeyChoice; 3],
    /// `a`, `b`, `c`.
    pub(crate) derivation: String,
    /// Where.
    pub(crate) span: Span,
}

/// An application on its way to data groupings.
#[derive(Clone)]
pub(crate) struct App<'a> {
    pub(crate) decl: &'a Decl,
    /// The orders whose cards have it, where not all have.
    pub(crate) when: Option<Typed>,
    pub(crate) aid: Vec<u8>,
    pub(crate) label: String,
    pub(crate) priority: u8,
    pub(crate) languages: Option<String>,
    pub(crate) interfaces: Vec<String>,
    pub(crate) aip: Vec<u8>,
    pub(crate) cvm: cvm::List,
    pub(crate) elements: Vec<Element>,
    pub(crate) records: Vec<records::Record>,
    pub(crate) dda: Option<Dda>,
    pub(crate) sda: Option<Sda>,
    pub(crate) masters: Option<Masters>,
    /// Whether certificates stand in `data`, made elsewhere.
    pub(crate) foreign: bool,
    pub(crate) mode: Mode,
    /// Whose meaning of tags its data has; empty for EMV's own.
    pub(crate) dictionary: String,
    pub(crate) cvc3: Option<Cvc3>,
    pub(crate) offline_pin: Option<(Typed, u8)>,
    pub(crate) quirks: Vec<(String, String)>,
    /// Tags, and names of attributes, whose value is not understood. That has been said where it
    /// stands; rules that need the value are silent, so that one slip gives one finding.
    pub(crate) unknown: BTreeSet<String>,
    /// The block of a further mode, where this is the application as that mode shows it.
    pub(crate) block: Option<&'a MEntry>,
    /// Tags that only this mode has, where it is a further one; they are laid out into its records.
    pub(crate) own: Option<BTreeSet<String>>,
    /// The application as its further modes show it.
    pub(crate) further: Vec<App<'a>>,
}

impl<'a> App<'a> {
    /// An attribute of the profile, or of the block of a further mode.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a MEntry> {
        match self.block {
            Some(block) => block.inner(name),
            None => self.decl.attribute(name),
        }
    }

    /// Where an attribute stands, or what it is missing from.
    pub(crate) fn span_of(&self, attribute: &str) -> Span {
        let whole = self.block.map_or(self.decl.span, |block| block.span);
        self.attribute(attribute).map_or(whole, |e| e.span)
    }

    /// Whether an element stands in records of this mode without being asked to.
    pub(crate) fn lays_out(&self, tag: &str) -> bool {
        self.own.as_ref().is_none_or(|own| own.contains(tag))
    }

    /// A data element by tag.
    pub(crate) fn element(&self, tag: &str) -> Option<&Element> {
        self.elements.iter().find(|e| e.tag == tag)
    }

    /// Whether a finding has been given already for this tag's or attribute's value.
    pub(crate) fn is_unknown(&self, what: &str) -> bool {
        self.unknown.contains(what)
    }

    /// Whether the AIP has a bit of its first octet.
    pub(crate) fn aip_has(&self, mask: u8) -> bool {
        self.aip.first().is_some_and(|b| b & mask != 0)
    }

    /// The issuer key behind certificates, its number, and where it is named.
    pub(crate) fn issuer(&self) -> Option<(&KeySlot, u32, Span)> {
        let own = self.dda.as_ref().map(|d| (&d.issuer, d.issuer_id, d.span));
        own.or_else(|| self.sda.as_ref().map(|s| (&s.issuer, s.issuer_id, s.span)))
    }

    /// Whether a terminal finds it on this interface.
    pub(crate) fn on(&self, interface: &str) -> bool {
        self.interfaces.iter().any(|i| i == interface)
    }

    /// Whether a deviation is declared.
    pub(crate) fn has_quirk(&self, name: &str) -> bool {
        self.quirks.iter().any(|(n, _)| n == name)
    }
}

/// Lowers one profile into the card's program, for the orders that get it; findings say what does not fit together.
pub(crate) fn lower<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    decl: &'a Decl,
    when: Option<Typed>,
) -> Option<(App<'a>, Application)> {
    let mut app = elaborator.within(decl, |e| gather(e, frame, decl))?;
    app.when = when;
    app.records = records::layout(elaborator, &app, &[]);
    let further = elaborator.within(decl, |e| further::magstripe(e, &app));
    if let Some(mut further) = further {
        further.records = records::layout(elaborator, &further, &app.records);
        app.further.push(further);
    }
    further::check(elaborator, &app);
    measure(elaborator, &app);
    app.further.iter().for_each(|f| measure(elaborator, f));
    let application = dgis::application(elaborator, frame, &app);
    Some((app, application?))
}

/// Notes the lengths of data elements and of records that are written by themselves.
fn measure(elaborator: &mut Elaborator<'_>, app: &App<'_>) {
    for element in app.elements.iter().filter(|e| e.span != app.decl.span) {
        if let Some(lengths) = element.value.ty.lengths() {
            elaborator.measure(element.span, lengths.min, lengths.max, None);
        }
    }
    let most = records::most(app);
    for record in app.records.iter().filter(|r| !r.certificates) {
        if record.span != app.decl.span {
            let octets = record_octets(app, record);
            elaborator.measure(record.span, 0, octets, Some(most));
        }
    }
}

fn gather<'a>(elaborator: &mut Elaborator<'a>, frame: &Frame, decl: &'a Decl) -> Option<App<'a>> {
    let aid = match decl.attribute("aid").and_then(MEntry::single) {
        Some(term) => elaborator.const_bytes(term).unwrap_or_default(),
        None => Vec::new(),
    };
    let interfaces = match decl.attribute("interfaces").and_then(MEntry::single) {
        Some(list) => crate::elaborate::constants::words(list).unwrap_or_default(),
        None => vec!["contact".to_owned()],
    };
    let mut unknown = BTreeSet::new();
    let aip = decl.attribute("aip").and_then(|entry| {
        elaborator.part(decl, ("aip", entry), |e| {
            elements::flags_of(e, entry, "aip")
        })
    });
    if aip.is_none() {
        unknown.insert("aip".to_owned());
    }
    let cvm = cvm_list(elaborator.model(), decl).unwrap_or_default();
    if cvm.lines > cvm.rules.len() {
        unknown.insert("cvm".to_owned());
    }
    let elements = elements::gather(elaborator, frame, decl, &mut unknown);
    let quirks = quirks(elaborator, decl);
    let priority = decl.attribute("priority");
    let priority = priority.and_then(|e| read::integer(elaborator.model(), e));
    Some(App {
        decl,
        when: None,
        aid,
        label: decl
            .attribute("label")
            .and_then(read::text)
            .unwrap_or_default(),
        priority: priority.and_then(|n| u8::try_from(n).ok()).unwrap_or(1) | confirmation(decl),
        languages: decl.attribute("languages").and_then(read::text),
        interfaces,
        aip: aip.unwrap_or_default(),
        cvm,
        elements,
        records: Vec::new(),
        dda: dda(elaborator, frame, decl),
        sda: oda::declared(elaborator, frame, decl),
        foreign: quirks
            .iter()
            .any(|(name, _)| name == "foreign_certificates"),
        masters: masters(elaborator, decl),
        mode: Mode::of(decl),
        dictionary: crate::model::dictionary(decl).to_owned(),
        cvc3: modes::cvc3(elaborator, decl.attribute("cvc3")),
        offline_pin: offline_pin(elaborator, decl),
        quirks,
        unknown,
        block: None,
        own: None,
        further: Vec::new(),
    })
}

/// The `cvm` block as a list; the check has reported rules that are none.
pub(crate) fn cvm_list(model: &Model, decl: &Decl) -> Option<cvm::List> {
    let block = decl.attribute("cvm")?;
    let mut list = cvm::List::default();
    for entry in block.entries() {
        let amount = read::integer(model, entry);
        match (entry.word(0), amount.and_then(|n| u32::try_from(n).ok())) {
            (Some("x"), Some(n)) => list.x = n,
            (Some("y"), Some(n)) => list.y = n,
            _ => {
                list.lines += 1;
                list.rules.extend(cvm_rule(entry));
            }
        }
    }
    Some(list)
}

fn cvm_rule(entry: &MEntry) -> Option<cvm::Rule> {
    let method = entry.word(0).and_then(cardwright_vocabulary::cvm_code);
    let condition = match entry.clause("when") {
        Some(clause) => clause.single().and_then(MExpr::word),
        None => entry.word(1).or(Some("always")),
    };
    let condition = condition.and_then(cardwright_vocabulary::cvm_condition);
    let next = entry.clause("else").and_then(|c| c.single()?.word());
    Some(cvm::Rule {
        method: method?,
        condition: condition?,
        apply_next: next == Some("next"),
        span: entry.span,
    })
}

fn dda<'a>(elaborator: &mut Elaborator<'a>, frame: &Frame, decl: &'a Decl) -> Option<Dda> {
    let block = decl.attribute("dda")?;
    let dda = elaborator.part(decl, ("dda", block), |e| own_key(e, frame, block))?;
    let owner = match dda.owner.is_empty() {
        true => decl.name.clone(),
        false => dda.owner,
    };
    Some(Dda { owner, ..dda })
}

/// The `dda` block; whose key it is stands in it only where another application shares its own.
fn own_key<'a>(elaborator: &mut Elaborator<'a>, frame: &Frame, block: &'a MEntry) -> Option<Dda> {
    let size = block.inner("key").and_then(|e| keys::rsa(e.single()?));
    let Some((bits, exponent)) = size else {
        elaborator.findings().push(
            Problem::error("E0509", block.span, "the chip's own key has no size")
                .help("write `key = rsa(1152, 3)`"),
        );
        return None;
    };
    let name = block.inner("certified_by").and_then(MEntry::single)?;
    let issuer_name = elaborator.key(name, &["emv.issuer_private"])?;
    let issuer_id = elaborator.model().key_id(&issuer_name)?;
    let issuer = frame.keys.get(issuer_id as usize)?.clone();
    let shared = block
        .inner("same_key_as")
        .and_then(MEntry::single)
        .and_then(|e| read::declaration(elaborator.model(), e, "profile"));
    Some(Dda {
        bits,
        exponent,
        issuer,
        issuer_id,
        issuer_name,
        owner: shared.map_or_else(String::new, |d| d.name.clone()),
        span: block.span,
    })
}

fn masters<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl) -> Option<Masters> {
    let block = decl.attribute("keys")?;
    elaborator.part(decl, ("keys", block), |e| master_keys(e, block))
}

fn master_keys<'a>(elaborator: &mut Elaborator<'a>, block: &'a MEntry) -> Option<Masters> {
    let mut key = |name: &str, usage: &str| {
        let term = block.inner(name)?.single()?;
        elaborator.key_choice(term, &[usage], "this place")
    };
    let ac = key("ac", "emv.application_cryptogram");
    let smi = key("smi", "emv.secure_messaging_integrity");
    let smc = key("smc", "emv.secure_messaging_confidentiality");
    let derivation = block.inner("derivation").and_then(read::word);
    let derivation = derivation.unwrap_or_else(|| "option_a".to_owned());
    Some(Masters {
        keys: [ac?, smi?, smc?],
        derivation: derivation.trim_start_matches("option_").to_owned(),
        span: block.span,
    })
}

fn offline_pin<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl) -> Option<(Typed, u8)> {
    let block = decl.attribute("offline_pin")?;
    let value = block.inner("value")?;
    let pin = elaborator.phrase(value.value.as_ref()?, Some(&Type::Pin))?;
    let tries = match block.inner("tries") {
        Some(entry) => read::integer(elaborator.model(), entry)?,
        None => 3,
    };
    Some((pin, u8::try_from(tries).ok()?))
}

/// Deviations of the card product, each with its reason, sorted; E0437 for one that nobody knows.
pub(crate) fn quirks(elaborator: &mut Elaborator<'_>, decl: &Decl) -> Vec<(String, String)> {
    let entries = decl.attribute("quirks").map_or(&[][..], MEntry::entries);
    let mut quirks: Vec<(String, String)> = Vec::new();
    for entry in entries {
        let (Some(name), Some(reason)) = (entry.word(0), read::text(entry)) else {
            continue;
        };
        if cardwright_vocabulary::quirk(name).is_none() {
            let known = cardwright_vocabulary::QUIRKS.iter().map(|row| row.name);
            let near = cardwright_vocabulary::nearest(name, known.clone());
            let otherwise = format!("known are: {}", known.collect::<Vec<_>>().join(", "));
            let message = format!("`{name}` is no deviation that anybody would act on");
            let problem = Problem::error("E0437", entry.head_span(), message);
            let problem = problem.meant(entry.head_span(), near, otherwise);
            elaborator.findings().push(problem);
            continue;
        }
        if reason.trim().is_empty() {
            let message = format!("the deviation `{name}` has no reason");
            let help = "say which card product needs it and how that is known";
            let problem = Problem::error("E0437", entry.span, message);
            elaborator.findings().push(problem.help(help));
        }
        quirks.push((name.to_owned(), reason));
    }
    quirks.sort();
    quirks
}

/// Bit 8 of the priority indicator: not without the cardholder's confirmation (EMV Book 1, 12.2.3).
fn confirmation(decl: &Decl) -> u8 {
    let asked = decl.attribute("confirmation").and_then(MEntry::single);
    match asked.and_then(MExpr::word) {
        Some("true") => 0x80,
        _ => 0,
    }
}

/// Tags of a record's list.
pub(crate) fn tags(list: &MExpr) -> Vec<(String, Span)> {
    let MKind::List(items) = &list.kind else {
        return Vec::new();
    };
    let terms = items.iter().filter_map(|i| i.phrase.single());
    terms
        .filter_map(|t| {
            let named = || {
                let row = cardwright_vocabulary::element_by_name(t.word()?)?;
                Some(row.tag.clone())
            };
            let tag = t.tag().map(str::to_ascii_uppercase).or_else(named)?;
            Some((tag, t.span))
        })
        .collect()
}

//! Records: as the profile says, or laid out by the compiler; certificates behind them.

use super::afl::{Place, length_of_length, object_octets};
use super::{App, Element};
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{MEntry, MExpr, Span};

/// EMV Book 3, 7.5: a READ RECORD answer has at most 254 octets of data.
const MOST: u32 = 254;
/// The quirk that lets the certificate of a 1984-bit issuer key stand in one record.
pub(crate) const QUIRK_255: &str = "record_of_255";

/// One record: place and tags, in order.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) tags: Vec<(String, Span)>,
    /// The compiler's own: certificates.
    pub(crate) certificates: bool,
    /// Only the orders for which this holds have it.
    pub(crate) when: Option<Typed>,
    pub(crate) span: Span,
}

/// Elements that never stand in a record: directories, GET PROCESSING OPTIONS, internal data.
pub(crate) const ELSEWHERE: [&str; 14] = [
    "50", "84", "87", "88", "9F11", "9F12", "9F38", "5F2D", "82", "94", "9F36", "9F10", "9F17",
    "9F4F",
];

/// Objects of the certificates' records (EMV Book 2, 5.1 and 6.1); 93 is the signature of SDA.
pub(crate) const CERTIFICATES: [&str; 8] = ["8F", "9F32", "92", "9F47", "9F48", "90", "9F46", "93"];

/// Elements that the compiler signs by itself: what a change could profit from (EMV Book 3, 7.2,
/// and the recommendations of Book 2 for static data).
const SIGNED: [&str; 12] = [
    "5A", "5F24", "5F25", "5F28", "5F30", "5F34", "9F07", "8E", "9F0D", "9F0E", "9F0F", "9F4A",
];

/// Elements beside the track in the first file: what stripe-like terminals look for.
const FIRST: [&str; 13] = [
    "57", "5F20", "9F0B", "9F1F", "56", "9F62", "9F63", "9F64", "9F65", "9F66", "9F67", "9F6B",
    "9F6C",
];

/// Records of an application, in the order of SFI and number. Those of a further mode that nobody
/// writes stand behind the records that are `taken`.
pub(crate) fn layout<'a>(
    elaborator: &mut Elaborator<'a>,
    app: &App<'a>,
    taken: &[Record],
) -> Vec<Record> {
    let mut records = match app.attribute("records") {
        Some(block) => written(elaborator, block),
        None => automatic(app, taken),
    };
    certificates(app, &mut records);
    records.sort_by_key(|r| r.place);
    records
}

fn written<'a>(elaborator: &mut Elaborator<'a>, block: &'a MEntry) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for entry in block.entries() {
        let Some(place) = place(entry) else {
            elaborator.findings().push(
                Problem::error(
                    "E0314",
                    entry.span,
                    "a record has an SFI from 1 to 30 and a number",
                )
                .help("write `sfi 2 record 1 signed = [#5A, #5F24]`; EMV's own data is in 1 to 10"),
            );
            continue;
        };
        if records
            .iter()
            .any(|r| r.place.sfi == place.sfi && r.place.record == place.record)
        {
            let message = format!("SFI {} record {} is written twice", place.sfi, place.record);
            elaborator.findings().push(
                Problem::error("E0311", entry.span, message).help("give it the next free number"),
            );
            continue;
        }
        records.push(Record {
            place,
            tags: entry.single().map(super::tags).unwrap_or_default(),
            certificates: false,
            when: super::presence::condition(elaborator, entry),
            span: entry.span,
        });
    }
    records
}

/// `sfi 2 record 1 signed`.
fn place(entry: &MEntry) -> Option<Place> {
    let number = |i: usize| {
        let n = entry.head.get(i).and_then(MExpr::integer)?;
        u8::try_from(n).ok()
    };
    let shape = entry.word(0) == Some("sfi") && entry.word(2) == Some("record");
    let sfi = number(1).filter(|n| (1..=30).contains(n))?;
    let record = number(3).filter(|n| *n >= 1)?;
    shape.then_some(Place {
        sfi,
        record,
        signed: entry.word(4) == Some("signed"),
    })
}

/// SFI 1: the track and the name. SFI 2: what is signed, then the rest. As many records as needed.
fn automatic(app: &App<'_>, taken: &[Record]) -> Vec<Record> {
    let own = app.dictionary == "cpa";
    let grouped = super::styles::tags_used(app.decl);
    let in_records: Vec<&Element> = app
        .elements
        .iter()
        .filter(|e| !ELSEWHERE.contains(&e.tag.as_str()) && !app.mode.with_options(&e.tag))
        .filter(|e| !CERTIFICATES.contains(&e.tag.as_str()) && app.lays_out(&e.tag))
        // Tables of an owner that stand in a data grouping of their own.
        .filter(|e| !(own && grouped.contains(&e.tag)))
        .collect();
    let group = |belongs: &dyn Fn(&str) -> bool| -> Vec<&Element> {
        in_records
            .iter()
            .copied()
            .filter(|e| belongs(&e.tag))
            .collect()
    };
    let signed = app.issuer().is_some();
    // Tag 9F6C is a version in magnetic stripe mode, and no neighbour of a track elsewhere.
    let tracks = app.mode == super::Mode::Magstripe;
    let is_first = |t: &str| FIRST.contains(&t) && (tracks || t != "9F6C");
    let is_signed = |t: &str| signed && SIGNED.contains(&t);
    let mut records = Vec::new();
    let last = |sfi: u8| {
        let numbers = taken.iter().filter(|r| r.place.sfi == sfi);
        numbers.map(|r| r.place.record).max().unwrap_or(0)
    };
    if app.block.is_some() {
        // One file: a terminal of this mode reads nothing else.
        pack(app, &in_records, (1, last(1)), false, &mut records);
        return records;
    }
    pack(app, &group(&is_first), (1, 0), false, &mut records);
    pack(
        app,
        &group(&|t| !is_first(t) && is_signed(t)),
        (2, 0),
        true,
        &mut records,
    );
    let rest = group(&|t| !is_first(t) && !is_signed(t));
    pack(app, &rest, (2, 0), false, &mut records);
    records
}

/// Elements into records of a file, behind so many that are taken.
fn pack(
    app: &App<'_>,
    elements: &[&Element],
    (sfi, taken): (u8, u8),
    signed: bool,
    records: &mut Vec<Record>,
) {
    let mut open: Option<(Vec<(String, Span)>, u32)> = None;
    let mut close = |tags: Vec<(String, Span)>| {
        let used = records
            .iter()
            .filter(|r: &&Record| r.place.sfi == sfi)
            .count();
        records.push(Record {
            place: Place {
                sfi,
                record: u8::try_from(usize::from(taken) + used + 1).unwrap_or(u8::MAX),
                signed,
            },
            tags,
            certificates: false,
            when: None,
            span: app.decl.span,
        });
    };
    for element in elements {
        let size = object_octets(&element.tag, longest(element));
        let tag = (element.tag.clone(), element.span);
        match open.take() {
            Some((mut tags, used)) if template(used + size) <= MOST => {
                tags.push(tag);
                open = Some((tags, used + size));
            }
            full => {
                if let Some((tags, _)) = full {
                    close(tags);
                }
                open = Some((vec![tag], size));
            }
        }
    }
    if let Some((tags, _)) = open {
        close(tags);
    }
}

fn longest(element: &Element) -> u32 {
    element.value.ty.lengths().map_or(0, |l| l.max)
}

/// Octets of a record template 70 around so many octets.
pub(crate) fn template(octets: u32) -> u32 {
    1 + length_of_length(octets) + octets
}

/// Records of the certificates: first fit, in the SFI behind the last that is used.
fn certificates(app: &App<'_>, records: &mut Vec<Record>) {
    let Some((_, _, span)) = app.issuer() else {
        return;
    };
    let named: Vec<String> = records
        .iter()
        .flat_map(|r| r.tags.iter().map(|(t, _)| t.clone()))
        .collect();
    let sfi = records
        .iter()
        .map(|r| r.place.sfi)
        .filter(|s| *s <= 10)
        .max();
    let sfi = sfi.unwrap_or(0).saturating_add(1).min(10);
    let first = records.iter().filter(|r| r.place.sfi == sfi).count();
    let mut bins: Vec<(Vec<(String, Span)>, u32)> = Vec::new();
    for tag in CERTIFICATES {
        let size = super::oda::longest(app, tag);
        if size == 0 || named.iter().any(|t| t == tag) {
            continue;
        }
        let octets = object_octets(tag, size);
        let entry = (tag.to_owned(), span);
        match bins
            .iter_mut()
            .find(|(_, used)| template(*used + octets) <= MOST)
        {
            Some((tags, used)) => {
                tags.push(entry);
                *used += octets;
            }
            None => bins.push((vec![entry], octets)),
        }
    }
    for (number, (tags, _)) in (first + 1..).zip(bins) {
        records.push(Record {
            place: Place {
                sfi,
                record: u8::try_from(number).unwrap_or(u8::MAX),
                signed: false,
            },
            tags,
            certificates: true,
            when: None,
            span,
        });
    }
}

/// Longest octets of a record's content, without its template.
pub(crate) fn content_octets(app: &App<'_>, record: &Record) -> u32 {
    record
        .tags
        .iter()
        .map(|(tag, _)| {
            let made = || super::oda::longest(app, tag);
            let length = app.element(tag).map_or_else(made, longest);
            object_octets(tag, length)
        })
        .sum()
}

/// Most octets of a record of this application.
pub(crate) fn most(app: &App<'_>) -> u32 {
    if app.has_quirk(QUIRK_255) {
        MOST + 1
    } else {
        MOST
    }
}

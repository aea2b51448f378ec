//! Magnetic stripe mode of an application that has another mode as well: the application as that mode
//! shows it, held against the same rules, and what its data groupings are.
//!
//! A card of two modes chooses by what the terminal offers in tag 9F66 (EMV Contactless Book A, 5.7).
//! Each mode has an answer to GET PROCESSING OPTIONS of its own; the number of the second answer's data
//! grouping is this house's.

use super::records::Record;
use super::{App, Element, Mode, cvm, dgis, elements, modes, presence};
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry};
use cardwright_bundle::{Dgi, FurtherMode};
use std::collections::BTreeSet;

/// AIP and AFL of magnetic stripe mode.
const OPTIONS: u16 = 0x9106;
/// Whose meaning tags have in magnetic stripe mode.
const DICTIONARY: &str = "mastercard";
/// What the mode shares with the application, in a record of its own or not: the card's key follows
/// from it, and its tracks are compared with it.
const OF_THE_ACCOUNT: [&str; 4] = ["5A", "5F24", "5F30", "5F34"];
/// Data of the account: the same in every mode.
const SAME: [&str; 8] = ["5A", "5F20", "5F24", "5F25", "5F28", "5F30", "5F34", "9F42"];

/// The block of the further mode.
pub(super) fn block(decl: &Decl) -> Option<&MEntry> {
    decl.attribute("magstripe").filter(|e| e.block.is_some())
}

/// The application as magnetic stripe mode shows it.
pub(super) fn magstripe<'a>(elaborator: &mut Elaborator<'a>, app: &App<'a>) -> Option<App<'a>> {
    let decl = app.decl;
    let block = block(decl)?;
    let mut unknown = app.unknown.clone();
    let aip = match block.inner("aip") {
        Some(entry) => elements::flags_of(elaborator, entry, "aip"),
        None => Some(vec![0, 0]),
    };
    unknown.remove("aip");
    if aip.is_none() {
        unknown.insert("aip".to_owned());
    }
    let data = block.inner("data").map_or(&[][..], MEntry::entries);
    let own = elaborator.speaking(Some(DICTIONARY), |e| {
        elements::of_entries(e, decl, data, &mut unknown)
    });
    for element in &own {
        elements::check_length(elaborator, DICTIONARY, element);
    }
    let tags: BTreeSet<String> = own.iter().map(|e| e.tag.clone()).collect();
    let named = named(block);
    let shared = app.elements.iter().filter(|e| {
        let wanted = OF_THE_ACCOUNT.contains(&e.tag.as_str()) || named.contains(&e.tag);
        wanted && !tags.contains(&e.tag)
    });
    let elements: Vec<Element> = own.iter().cloned().chain(shared.cloned()).collect();
    Some(App {
        aip: aip.unwrap_or_default(),
        interfaces: vec!["contactless".to_owned()],
        cvm: cvm::List::default(),
        elements,
        records: Vec::new(),
        dda: None,
        sda: None,
        masters: None,
        foreign: false,
        mode: Mode::Magstripe,
        dictionary: DICTIONARY.to_owned(),
        cvc3: modes::cvc3(elaborator, block.inner("cvc3")),
        offline_pin: None,
        unknown,
        block: Some(block),
        own: Some(tags),
        further: Vec::new(),
        ..app.clone()
    })
}

/// Tags that the block's records name.
fn named(block: &MEntry) -> BTreeSet<String> {
    let records = block.inner("records").map_or(&[][..], MEntry::entries);
    let lists = records.iter().filter_map(MEntry::single);
    let tags = lists.flat_map(super::tags);
    tags.map(|(tag, _)| tag.to_ascii_uppercase()).collect()
}

/// What two modes of one application must say alike: the account's data.
pub(super) fn agree(elaborator: &mut Elaborator<'_>, app: &App<'_>, further: &App<'_>) {
    for tag in SAME {
        let (Some(one), Some(other)) = (app.element(tag), further.element(tag)) else {
            continue;
        };
        if one.value.node != other.value.node {
            let message = format!(
                "#{tag} in magnetic stripe mode of `{}` is not the one of its other mode: the card \
                 would say both",
                app.decl.name
            );
            elaborator.findings().push(
                Problem::error("E0349", other.span, message)
                    .label(one.span, "the other value")
                    .help("take it out of the block: the profile's own value holds there too"),
            );
        }
    }
}

/// Records and the answer of the further mode, in the order in which cards take them. `there` are the
/// records of the first mode: what both modes read is sent once.
pub(super) fn groupings(
    elaborator: &mut Elaborator<'_>,
    further: &App<'_>,
    there: &[(&Record, Typed, Typed)],
) -> Option<(Vec<Dgi>, Dgi)> {
    let mut records = Vec::new();
    let mut contents = dgis::plain_records(elaborator, further)?;
    contents.sort_by_key(|(record, ..)| record.place);
    for (record, _, whole) in &contents {
        let place = record.place;
        let same = |r: &Record| (r.place.sfi, r.place.record) == (place.sfi, place.record);
        if let Some((first, _, other)) = there.iter().find(|(r, ..)| same(r)) {
            if other.node != whole.node {
                differs(elaborator, first, record);
            }
            continue;
        }
        let mut dgi = dgis::record(elaborator, further, record, whole);
        dgi.title = format!("{}, magnetic stripe mode", dgi.title);
        dgi.dictionary = DICTIONARY.to_owned();
        records.push(dgi);
    }
    let title = "AIP and AFL of magnetic stripe mode";
    let options = dgis::options(elaborator, further, OPTIONS, title)?;
    Some((records, options))
}

/// E0366: a place in a file holds one record.
fn differs(elaborator: &mut Elaborator<'_>, first: &Record, record: &Record) {
    let message = format!(
        "SFI {} record {} holds other data in the profile's other mode",
        record.place.sfi, record.place.record
    );
    elaborator.findings().push(
        Problem::error("E0366", record.span, message)
            .label(first.span, "the other record")
            .help("write the same elements in the same order in both, or take another number"),
    );
}

/// What validation and the card's terminals have to know of the modes.
pub(super) fn facts(app: &App<'_>) -> Vec<FurtherMode> {
    let modes = app.further.iter();
    modes
        .map(|further| FurtherMode {
            mode: "magstripe".to_owned(),
            options: OPTIONS,
            derivation: further
                .cvc3
                .as_ref()
                .map(|c| c.derivation.clone())
                .unwrap_or_default(),
        })
        .collect()
}

/// Holds both modes against the rules. What was said of the first is not said again of the second.
pub(super) fn check(elaborator: &mut Elaborator<'_>, app: &App<'_>) {
    let before = elaborator.findings().len();
    presence::check(elaborator, app);
    for further in &app.further {
        presence::check(elaborator, further);
        agree(elaborator, app, further);
    }
    if app.further.is_empty() {
        return;
    }
    let mut said: Vec<Problem> = Vec::new();
    for problem in elaborator.findings().split_off(before) {
        let same = |p: &Problem| {
            (&p.code, p.span, &p.message) == (&problem.code, problem.span, &problem.message)
        };
        if !said.iter().any(same) {
            said.push(problem);
        }
    }
    said.into_iter()
        .for_each(|problem| elaborator.findings().push(problem));
}

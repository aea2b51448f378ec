//! What fits: answers of the card into one APDU, and all data into the chip.

use super::super::profile::{self, App, afl};
use super::super::read;
use crate::diagnostics::Problem;
use crate::elaborate::Elaborator;
use crate::model::{MEntry, Span};

/// Data of an answer without its status word (ISO/IEC 7816-4, 5.1: short Le).
const ANSWER_MOST: u32 = 256;
/// Entries of an AFL in one answer to GET PROCESSING OPTIONS.
const AFL_MOST: usize = 252;
/// Octets that a chip's system takes for each file or key object that it holds: header, reference,
/// access conditions. An estimate; card products differ.
const OBJECT_OVERHEAD: u32 = 16;
/// Octets of an application's instance: counters, session keys, state. An estimate as well.
const INSTANCE: u32 = 512;

/// Answers, and the chip's memory when the card says how much it has.
pub(super) fn check<'a>(elaborator: &mut Elaborator<'a>, apps: &[App<'_>], chip: &'a MEntry) {
    for app in apps {
        selection(elaborator, app);
        locator(elaborator, app);
        app.further.iter().for_each(|f| locator(elaborator, f));
    }
    directories(elaborator, apps, chip);
    memory(elaborator, apps, chip);
}

fn too_long(elaborator: &mut Elaborator<'_>, span: Span, what: &str, octets: u32, most: u32) {
    let message = format!("{what} would have {octets} octets, an answer holds {most}");
    elaborator.findings().push(
        Problem::error("E0406", span, message)
            .help("shorten labels and lists, or hold fewer applications on the card"),
    );
}

/// `6F { 84, A5 { 50, 87, 9F38, 5F2D } }` (EMV Book 1, 11.3).
fn selection(elaborator: &mut Elaborator<'_>, app: &App<'_>) {
    let object = |tag: &str, octets: usize| {
        afl::object_octets(tag, u32::try_from(octets).unwrap_or(u32::MAX))
    };
    let mut inner = object("50", app.label.len()) + object("87", 1);
    if let Some(octets) = app.element("9F38").and_then(|e| e.constant.as_ref()) {
        inner += object("9F38", octets.len());
    }
    if let Some(languages) = &app.languages {
        inner += object("5F2D", languages.len());
    }
    let content = object("84", app.aid.len()) + afl::object_octets("A5", inner);
    let octets = afl::object_octets("6F", content);
    if octets > ANSWER_MOST {
        let what = format!("the answer to SELECT of `{}`", app.decl.name);
        let span = app.element("9F38").map_or(app.decl.span, |e| e.span);
        too_long(elaborator, span, &what, octets, ANSWER_MOST);
    }
}

fn locator(elaborator: &mut Elaborator<'_>, app: &App<'_>) {
    let places: Vec<_> = app.records.iter().map(|r| r.place).collect();
    let octets = afl::locator(&places).len();
    if octets > AFL_MOST {
        let what = format!("the file locator of `{}`", app.decl.name);
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        let span = app.span_of("records");
        too_long(elaborator, span, &what, octets, 252);
    }
}

/// `6F { 84, A5 { BF0C { 61 … } } }` (EMV contactless Book B, 3.3).
fn directories<'a>(elaborator: &mut Elaborator<'a>, apps: &[App<'_>], chip: &'a MEntry) {
    if elaborator.findings().has_errors() {
        return; // names that are no directories have said so, or will
    }
    let listed = super::platform::named(elaborator, chip);
    let found = listed.iter().find(|(_, d)| d.interface == "contactless");
    let Some((name, directory)) = found else {
        return;
    };
    let cases = super::applications::of_each_case(elaborator, apps);
    let entries = cases.iter().map(|apps| {
        let on = apps.iter().filter(|a| a.on("contactless"));
        on.map(|a| directory.entry_octets(a)).sum()
    });
    let entries: u32 = entries.max().unwrap_or(0);
    let inner = afl::object_octets("A5", afl::object_octets("BF0C", entries));
    let octets = afl::object_octets("6F", afl::object_octets("84", 14) + inner);
    if octets > ANSWER_MOST {
        let span = chip.inner("directories").map_or(chip.span, |e| e.span);
        let what = format!("the answer of `{name}`");
        too_long(elaborator, span, &what, octets, ANSWER_MOST);
    }
}

/// An estimate of what the chip's memory must hold, against what the card says that it has.
fn memory(elaborator: &mut Elaborator<'_>, apps: &[App<'_>], chip: &MEntry) {
    let Some(entry) = chip.inner("memory") else {
        return;
    };
    let Some(kilobytes) = read::integer(elaborator.model(), entry) else {
        return;
    };
    let available = kilobytes.saturating_mul(1024);
    let cases = super::applications::of_each_case(elaborator, apps);
    let needed = cases
        .iter()
        .map(|apps| apps.iter().copied().map(application).sum());
    let needed: u32 = needed.max().unwrap_or(0);
    if i64::from(needed) > available {
        let message = format!(
            "the applications need about {needed} octets, the chip has {available} for them"
        );
        elaborator.findings().push(
            Problem::error("E0407", entry.span, message)
                .help("take a larger chip, shorter RSA keys, or fewer applications"),
        );
    }
}

/// Records of all modes at their longest, the chip's RSA key, symmetric keys, PIN, and what the system adds.
fn application(app: &App<'_>) -> u32 {
    let held = |mode: &App<'_>, record: &profile::Record| {
        profile::record_octets(mode, record) + OBJECT_OVERHEAD
    };
    let first: u32 = app.records.iter().map(|r| held(app, r)).sum();
    // What two modes read is held once.
    let place = |r: &profile::Record| (r.place.sfi, r.place.record);
    let shared = |r: &profile::Record| app.records.iter().any(|first| place(first) == place(r));
    let further = app.further.iter().flat_map(|mode| {
        let own = mode.records.iter().filter(|r| !shared(r));
        own.map(|r| held(mode, r))
    });
    let records = first + further.sum::<u32>();
    // Five components of half the modulus (DGIs 8201 to 8205). A shared key is held once.
    let own = app.dda.as_ref().filter(|d| d.owner == app.decl.name);
    let rsa = own.map_or(0, |d| 5 * (d.bits / 16 + OBJECT_OVERHEAD));
    let keys = app
        .masters
        .as_ref()
        .map_or(0, |_| 3 * (32 + OBJECT_OVERHEAD));
    let modes = std::iter::once(app).chain(&app.further);
    let codes = modes.filter(|mode| mode.cvc3.is_some());
    let codes: u32 = codes.map(|_| 16 + 3 + 4 + 3 * OBJECT_OVERHEAD).sum();
    let pin = app
        .offline_pin
        .as_ref()
        .map_or(0, |_| 8 + 2 + OBJECT_OVERHEAD);
    INSTANCE + records + rsa + keys + codes + pin
}

//! Checks of words and numbers that no program decides: stations, interfaces, lines and panels of a
//! face, types of fields, what a mailer waits for, places in the source map.

use super::broken;
use crate::RuntimeError;
use cardwright_bundle::{
    Application, Bundle, Card, Content, Face, Field, FieldType, Flow, FormatRule, FurtherMode, Job,
    PictureRules, Record,
};
use std::collections::BTreeSet;

/// Stations of a machine that a flow may name.
const STATIONS: [&str; 8] = [
    "feed", "chip", "stripe", "emboss", "print", "vision", "carrier", "insert",
];
/// Sizes of printed characters, thousandths of a point.
const SIZES: std::ops::RangeInclusive<u32> = 1_000..=100_000;
/// An ID-1 card in micrometres (ISO/IEC 7810, 5.1).
const CARD: (u32, u32) = (85_600, 53_980);
/// Most digits of a number: what 64 bits hold for certain.
const DIGITS_MAX: u32 = 18;
/// Most characters of a field.
const LENGTH_MAX: u32 = 4_096;
/// Most pixels of a side of a picture that comes with an order, and most octets of its file.
const PICTURE_SIDE_MAX: u32 = 5_000;
const PICTURE_OCTETS_MAX: u32 = 1_000_000;
/// Largest number of a shape, such as 3 to 4.
const ASPECT_MAX: u32 = 100;
/// Most characters of a folder's name.
const FOLDER_MAX: usize = 40;
/// Most characters of a field's name.
const NAME_MAX: usize = 255;

/// Checks them all.
pub(super) fn check(bundle: &Bundle) -> Result<(), RuntimeError> {
    let content = bundle.content();
    spans(content)?;
    for card in &content.cards {
        self::card(card, bundle)?;
    }
    content.flows.iter().try_for_each(flow)?;
    for format in &content.formats {
        format.records.iter().try_for_each(names)?;
        let fields = format.records.iter().flat_map(|r| &r.fields);
        fields.into_iter().try_for_each(|f| field(f, content))?;
    }
    content.jobs.iter().try_for_each(job)
}

fn sound(sound: bool, what: &str) -> Result<(), RuntimeError> {
    match sound {
        true => Ok(()),
        false => Err(broken(what)),
    }
}

/// All places in the source map, and what the map itself refers to.
fn spans(content: &Content) -> Result<(), RuntimeError> {
    let fields = |f: &cardwright_bundle::Format| {
        let fields = f.records.iter().flat_map(|r| &r.fields).map(|x| x.span);
        let joins = f.joins.iter().map(|j| j.span);
        let rules = f.rules.iter().map(|rule| match rule {
            FormatRule::Require { span, .. } | FormatRule::Unique { span, .. } => *span,
        });
        let all: Vec<u32> = fields.chain(joins).chain(rules).chain([f.span]).collect();
        all
    };
    let scripts = content.cards.iter().filter_map(|c| c.chip.as_ref());
    let scripts = scripts
        .flat_map(|chip| &chip.applications)
        .filter_map(|a| a.script.as_ref())
        .flat_map(|s| s.commands.iter().map(|c| c.span));
    let flows = content.flows.iter();
    let flows = flows.flat_map(|f| f.steps.iter().map(|s| s.span).chain([f.span]));
    let layouts = content.layouts.iter().flat_map(|l| {
        let items = l.pages.iter().flat_map(|p| &p.items).chain(&l.items);
        items.map(|i| i.span).chain([l.span])
    });
    let mut all = content
        .formats
        .iter()
        .flat_map(fields)
        .chain(content.keys.iter().map(|k| k.span))
        .chain(content.cards.iter().map(|c| c.span))
        .chain(content.jobs.iter().map(|j| j.span))
        .chain(scripts)
        .chain(flows)
        .chain(layouts);
    let there = all.all(|span| (span as usize) < content.spans.len().max(1));
    let mut places = content.spans.iter();
    let sources = places.all(|s| (s.source as usize) < content.sources.len().max(1));
    sound(there && sources, "a place in a source that is not there")
}

fn card(card: &Card, bundle: &Bundle) -> Result<(), RuntimeError> {
    let applications = card.chip.iter().flat_map(|chip| &chip.applications);
    for application in applications {
        let known = |word: &String| matches!(word.as_str(), "contact" | "contactless");
        let derived = matches!(application.derivation.as_str(), "" | "a" | "b" | "c");
        sound(
            application.interfaces.iter().all(known) && derived,
            "an interface or a derivation that there is none",
        )?;
        further(application)?;
    }
    let coercivity = card.stripe.as_ref().map(|s| s.coercivity.as_str());
    sound(
        matches!(coercivity, None | Some("high" | "low")),
        "a stripe that is neither hard nor easy to erase",
    )?;
    card.faces.iter().try_for_each(|f| face(f, bundle))
}

/// Modes beside the first: each once, with an answer of its own.
fn further(application: &Application) -> Result<(), RuntimeError> {
    let modes: BTreeSet<&str> = application
        .further
        .iter()
        .map(|f| f.mode.as_str())
        .collect();
    let known = |further: &FurtherMode| {
        let derived = matches!(further.derivation.as_str(), "a" | "b");
        further.mode == "magstripe" && derived && further.options != 0x9104
    };
    sound(
        application.further.iter().all(known) && modes.len() == application.further.len(),
        "a further mode that there is none, or one twice",
    )
}

fn face(face: &Face, bundle: &Bundle) -> Result<(), RuntimeError> {
    let lines: BTreeSet<u8> = face.emboss.iter().map(|line| line.line).collect();
    let possible = lines.iter().all(|line| (1..=4).contains(line));
    sound(
        possible && lines.len() == face.emboss.len(),
        "an embossed line that a card does not have, or one twice",
    )?;
    for panel in &face.print {
        let there = panel.x_um < CARD.0 && panel.y_um < CARD.1 && SIZES.contains(&panel.size_mpt);
        sound(
            there && bundle.asset(&panel.font).is_some(),
            "a panel outside its card, or letters that are not there",
        )?;
    }
    let colour = |text: &String| {
        text.is_empty() || text.len() == 6 && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    sound(
        colour(&face.colours.0) && colour(&face.colours.1),
        "a colour that is none",
    )
}

fn flow(flow: &Flow) -> Result<(), RuntimeError> {
    let mut steps = flow.steps.iter();
    sound(
        steps.all(|step| STATIONS.contains(&step.station.as_str())),
        "a station that no machine has",
    )
}

/// The fields of a record: each has a name as the language writes it, and a name of its own, so that
/// what refers to one finds that one.
fn names(record: &Record) -> Result<(), RuntimeError> {
    let word = |name: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(plain)
    };
    let all: BTreeSet<&str> = record.fields.iter().map(|f| f.name.as_str()).collect();
    sound(
        all.len() == record.fields.len() && all.iter().all(|name| word(name)),
        &format!(
            "record `{}` has a field that is no name, or one twice",
            record.name
        ),
    )
}

fn field(field: &Field, content: &Content) -> Result<(), RuntimeError> {
    let possible = match &field.field_type {
        FieldType::Number { digits } => (1..=DIGITS_MAX).contains(digits),
        FieldType::Digits { digits } => (1..=LENGTH_MAX).contains(digits),
        FieldType::Alphanumeric { length } => (1..=LENGTH_MAX).contains(length),
        FieldType::Date { pattern } => pattern.len() <= 20 && pattern.contains("YY"),
        FieldType::PinBlock { format, key } => {
            // A PIN travels under a PIN key; format 2 never leaves a card (ISO 9564-1).
            let key = content.keys.get(*key as usize);
            matches!(format, 0 | 1 | 3 | 4) && key.is_some_and(|k| k.usage == "pin_encryption")
        }
        FieldType::Picture(rules) => picture(rules) && field.repeat == 1 && field.value.is_none(),
        FieldType::Flag { .. } | FieldType::Hex { .. } | FieldType::Pan | FieldType::Text => true,
    };
    sound(
        possible,
        &format!("a type that field `{}` can't have", field.name),
    )
}

/// Limits of a picture that a site can hold to, and a folder that is no way elsewhere.
fn picture(rules: &PictureRules) -> bool {
    let folder = rules.folder.bytes();
    let plain = !rules.folder.is_empty()
        && rules.folder.len() <= FOLDER_MAX
        && folder
            .into_iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let side = |least: u32, most: u32| least >= 1 && least <= most && most <= PICTURE_SIDE_MAX;
    let shape = rules
        .aspect
        .is_none_or(|(a, b)| (1..=ASPECT_MAX).contains(&a) && (1..=ASPECT_MAX).contains(&b));
    plain
        && shape
        && !rules.formats.is_empty()
        && rules.formats.len() <= 2
        && side(rules.least.0, rules.most.0)
        && side(rules.least.1, rules.most.1)
        && (1..=PICTURE_OCTETS_MAX).contains(&rules.octets)
}

fn job(job: &Job) -> Result<(), RuntimeError> {
    let after = job.mailer.as_ref().map(|m| m.after.as_str());
    sound(
        matches!(after, None | Some("produced")),
        "a mailer before its card",
    )?;
    let codes: BTreeSet<&str> = job.products.iter().map(|p| p.code.as_str()).collect();
    sound(codes.len() == job.products.len(), "a product twice")
}

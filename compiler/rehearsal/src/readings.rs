//! What a rehearsed card says, path by path: what two specimens are compared by.

use crate::{
    look,
    rehearse::{PageMade, Rehearsed},
};
use cardwright_ports::paper::Mark;
use cardwright_runtime::datagen::DgiValue;
use cardwright_standards::tlv::Tlv;
use std::collections::BTreeMap;

/// Every value that is no secret, by its path: `chip.debit.#5F20`, `stripe.track2`,
/// `front.line 1`, `layout.pin_letter.text 1`, `format.return_file.card`. Sealed values say their
/// length.
#[must_use]
pub fn readings(made: &Rehearsed) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let data = &made.data;
    for (name, track) in [("track1", &data.track1), ("track2", &data.track2)] {
        if let Some(track) = track {
            all.insert(format!("stripe.{name}"), track.clone());
        }
    }
    let side = |front: bool| if front { "front" } else { "back" };
    for (front, line, text) in &data.emboss {
        all.insert(format!("{}.line {line}", side(*front)), text.clone());
    }
    for panel in &data.panels {
        let path = format!("{}.panel {}", side(panel.front), panel.name);
        all.insert(path, panel.text.clone());
    }
    for application in &data.applications {
        for dgi in &application.dgis {
            let area = format!("chip.{}", application.name);
            let group = format!("{area}.{:04X}", dgi.number);
            match &dgi.value {
                DgiValue::Sealed(_, length, ..) => {
                    all.insert(group, format!("<sealed {length} octets>"));
                }
                DgiValue::Clear(octets) => match look::objects(dgi.number, octets) {
                    Some(found) => found.iter().for_each(|o| object(&mut all, &area, o)),
                    None => {
                        all.insert(group, hex::encode_upper(octets));
                    }
                },
            }
        }
    }
    made.pages.iter().for_each(|made| page(&mut all, made));
    for row in &made.rows {
        for (name, text) in &row.cells {
            all.insert(format!("format.{}.{name}", row.format), text.clone());
        }
    }
    for (scenario, verdict) in &made.verdicts {
        let said = verdict.failure.as_ref();
        let said = said.map_or_else(
            || "passed".to_owned(),
            |(code, what)| format!("{code} {what}"),
        );
        all.insert(format!("scenario.{scenario}.{}", verdict.name), said);
    }
    all
}

fn object(all: &mut BTreeMap<String, String>, area: &str, object: &Tlv<'_>) {
    if object.tag.is_constructed() {
        let children = object.children.iter();
        return children.for_each(|child| self::object(all, area, child));
    }
    let value = hex::encode_upper(object.value);
    all.insert(format!("{area}.#{}", object.tag), value);
}

fn page(all: &mut BTreeMap<String, String>, page: &PageMade) {
    let mut texts = 0;
    for placed in &page.sheet.marks {
        if let Mark::Text { lines, .. } = &placed.mark {
            texts += 1;
            let path = format!("layout.{}.text {texts}", page.layout);
            all.insert(path, lines.join(" / "));
        }
    }
}

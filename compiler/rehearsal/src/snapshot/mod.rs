//! A finished card as text that people review: every grouping, command, track, line, page and file.
//!
//! Sealed values show their length only, and the PIN's place on a page shows `****`; so a snapshot
//! holds no key and no PIN.

mod commands;
mod files;

use crate::{
    look,
    rehearse::{PageMade, Rehearsed},
};
use cardwright_bundle::{Application, Card, Content, FaceSide};
use cardwright_ports::paper::{Mark, Symbology};
use cardwright_runtime::{
    datagen::{ApplicationData, DgiValue},
    plan::Fields,
};
use cardwright_standards::emv::bits::describe;
use cardwright_standards::{tags, tlv::Tlv};
use std::fmt::Write as _;

/// Second line of every snapshot.
pub(crate) const HEAD: &str =
    "# TEST. Open keys, invented people. `cardwright test --update` writes it.";
/// Octets in a line of hexadecimal.
const OCTETS_A_LINE: usize = 32;

/// The snapshot of a rehearsed order.
#[must_use]
pub fn snapshot(made: &Rehearsed, content: &Content, title: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {title}");
    let _ = writeln!(out, "{HEAD}");
    let _ = writeln!(
        out,
        "\njob {}\nproduct {}\ncard {}",
        made.job, made.product, made.card
    );
    let card = content.cards.iter().find(|card| card.name == made.card);
    outside(&mut out, made, card);
    let applications = card
        .and_then(|card| card.chip.as_ref())
        .map(|chip| &chip.applications);
    for data in &made.data.applications {
        let declared = applications.and_then(|all| all.iter().find(|a| a.name == data.name));
        application(&mut out, data, declared);
    }
    if !made.exchanges.is_empty() {
        let aids = applications.into_iter().flatten();
        let aids: Vec<(&str, &str)> = aids.map(|a| (a.name.as_str(), a.aid.as_str())).collect();
        commands::commands(&mut out, &made.exchanges, &made.data.applications, &aids);
    }
    if !made.verdicts.is_empty() {
        let _ = writeln!(out, "\nvalidation");
        for (scenario, verdict) in &made.verdicts {
            let said = match &verdict.failure {
                None => "passed".to_owned(),
                Some((code, what)) => format!("FAILED {code} {what}"),
            };
            let _ = writeln!(out, "  {scenario}: {}: {said}", verdict.name);
        }
    }
    made.pages.iter().for_each(|p| page(&mut out, p));
    for row in &made.rows {
        let _ = writeln!(out, "\nrecord of {}  {}", row.format, row.file);
        for (name, text) in &row.cells {
            let _ = writeln!(out, "  {name}  {text}");
        }
    }
    let made_files = made.files.iter();
    made_files.for_each(|file| files::file(&mut out, file, &made.data.applications));
    out
}

fn outside(out: &mut String, made: &Rehearsed, card: Option<&Card>) {
    let data = &made.data;
    let tracks = [("track 1", &data.track1), ("track 2", &data.track2)];
    if tracks.iter().any(|(_, track)| track.is_some()) {
        let _ = writeln!(out, "\nstripe");
        for (name, track) in tracks {
            if let Some(track) = track {
                let _ = writeln!(out, "  {name}  {track}");
            }
        }
    }
    for (side, front) in [("front", true), ("back", false)] {
        let lines: Vec<_> = data.emboss.iter().filter(|(of, ..)| *of == front).collect();
        let panels: Vec<_> = data.panels.iter().filter(|p| p.front == front).collect();
        let pictures = pictures(made, card, front);
        if lines.is_empty() && panels.is_empty() && pictures.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{side}");
        for (_, number, text) in lines {
            let _ = writeln!(out, "  line {number}  {text}");
        }
        for panel in panels {
            let _ = writeln!(out, "  panel {}  {}", panel.name, panel.text);
        }
        for picture in pictures {
            let _ = writeln!(out, "  picture {picture}");
        }
    }
}

/// Pictures of the order on a side: field, size, format and the beginning of its digest.
fn pictures(made: &Rehearsed, card: Option<&Card>, front: bool) -> Vec<String> {
    let faces = card.into_iter().flat_map(|card| &card.faces);
    let side = faces.filter(|face| (face.side == FaceSide::Front) == front);
    let shown = side.flat_map(|face| &face.images);
    let shown = shown.filter_map(|image| {
        let field = &image.order.as_ref()?.field;
        let kept = made.record.field(&made.record_name, field);
        let kept = kept.and_then(|v| v.text()).unwrap_or_default();
        let mut parts = kept.split(' ');
        Some(match (parts.next(), parts.next(), parts.next()) {
            (Some(digest), Some(size), Some(format)) => {
                let digest = digest.get(..16).unwrap_or_default();
                format!("{field}  {format} {size} {digest}")
            }
            _ if image.asset.is_empty() => format!("{field}  none"),
            _ => format!("{field}  {}", image.asset),
        })
    });
    shown.collect()
}

fn application(out: &mut String, data: &ApplicationData, declared: Option<&Application>) {
    let aid = declared.map_or("", |a| a.aid.as_str());
    let _ = writeln!(out, "\napplication {} {aid}", data.name);
    for dgi in &data.dgis {
        let title = declared
            .and_then(|a| a.dgis.iter().find(|d| d.number == dgi.number))
            .map_or("", |d| d.title.as_str());
        match &dgi.value {
            DgiValue::Sealed(_, length, ..) => {
                let _ = writeln!(
                    out,
                    "  {:04X}  {title}\n    <sealed {length} octets>",
                    dgi.number
                );
            }
            DgiValue::Clear(octets) => {
                let count = octets.len();
                let _ = writeln!(out, "  {:04X}  {title}, {count} octets", dgi.number);
                match look::objects(dgi.number, octets) {
                    Some(objects) => {
                        let dictionary = declared.map_or("", |a| a.dictionary_of(dgi.number));
                        objects.iter().for_each(|o| object(out, dictionary, o, 4));
                    }
                    None => octets_in_lines(out, octets, 4),
                }
            }
        }
    }
}

fn object(out: &mut String, dictionary: &str, object: &Tlv<'_>, indent: usize) {
    let name = tags::name_in(dictionary, object.tag).unwrap_or("not in the table");
    let tag = hex::encode_upper(object.tag.to_octets());
    let _ = writeln!(out, "{:indent$}{tag}  {name}", "");
    if object.tag.is_constructed() {
        object
            .children
            .iter()
            .for_each(|child| self::object(out, dictionary, child, indent + 2));
        return;
    }
    octets_in_lines(out, object.value, indent + 2);
    let text = look::text_of(object.tag, object.value);
    if text != hex::encode_upper(object.value) {
        let _ = writeln!(out, "{:width$}\"{text}\"", "", width = indent + 2);
        return;
    }
    let says = describe(dictionary, object.tag, object.value);
    for line in says.iter().filter(|line| **line != text) {
        let _ = writeln!(out, "{:width$}- {line}", "", width = indent + 2);
    }
}

fn octets_in_lines(out: &mut String, octets: &[u8], indent: usize) {
    for line in octets.chunks(OCTETS_A_LINE) {
        let _ = writeln!(out, "{:indent$}{}", "", hex::encode_upper(line));
    }
}

fn page(out: &mut String, page: &PageMade) {
    let sheet = &page.sheet;
    let _ = writeln!(
        out,
        "\npage {}  {} x {} mm{}",
        page.layout,
        millimetres(sheet.width_um),
        millimetres(sheet.height_um),
        sheet
            .background
            .as_deref()
            .map(|b| format!("  over {b}"))
            .unwrap_or_default()
    );
    for placed in &sheet.marks {
        let area = &placed.area;
        let at = format!(
            "at ({}, {}, {}, {})",
            millimetres(area.x_um),
            millimetres(area.y_um),
            millimetres(area.width_um),
            millimetres(area.height_um)
        );
        match &placed.mark {
            Mark::Text {
                lines,
                fonts,
                size_mpt,
                ..
            } => {
                let font = fonts.first().map_or("", String::as_str);
                let _ = writeln!(out, "  text {at} {font} {} pt", thousandths(*size_mpt));
                for line in lines {
                    let _ = writeln!(out, "    {line}");
                }
            }
            // Projects have no components.
            Mark::Pin { font, size_mpt } | Mark::Component { font, size_mpt } => {
                let _ = writeln!(out, "  **** {at} {font} {} pt", thousandths(*size_mpt));
            }
            Mark::DataMatrix { content } => {
                let _ = writeln!(out, "  datamatrix {at} {content}");
            }
            Mark::Symbol { symbology, content } => {
                let _ = writeln!(out, "  {} {at} {content}", symbol_words(*symbology));
            }
            Mark::Image { name } => {
                let _ = writeln!(out, "  image {at} {name}");
            }
            Mark::Picture { picture, .. } => {
                let octets = picture.expose().len();
                let _ = writeln!(out, "  picture {at} of the order, {octets} octets");
            }
            Mark::Line { .. } => {
                let _ = writeln!(out, "  line {at}");
            }
            Mark::Fill { .. } => {
                let _ = writeln!(out, "  rule {at}");
            }
        }
    }
}

fn symbol_words(symbology: Symbology) -> &'static str {
    match symbology {
        Symbology::Code128 => "code128",
        Symbology::Itf => "itf",
        Symbology::Pdf417(_) => "pdf417",
        Symbology::Qr(_) => "qr",
    }
}

fn millimetres(micrometres: u32) -> String {
    thousandths(micrometres)
}

/// Thousandths as a decimal number without trailing zeros.
fn thousandths(value: u32) -> String {
    let text = format!("{}.{:03}", value / 1_000, value % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::thousandths;

    #[test]
    fn lengths_are_short() {
        assert_eq!(thousandths(85_600), "85.6");
        assert_eq!(thousandths(12_000), "12");
        assert_eq!(thousandths(5), "0.005");
    }
}

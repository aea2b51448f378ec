//! Finds the node behind the name of an output.

use super::{card_content, tree::Because};
use cardwright_bundle::{Bundle, Card, Content, DgiField, Job, NodeId, Script, ScriptPart};
use cardwright_review::elements;
use cardwright_standards::tlv::Tag;
use cardwright_stations::StationError;

/// An output.
pub(super) struct Found {
    /// Program whose nodes these are.
    pub(super) program: u32,
    /// Nodes, in the order of what they give.
    pub(super) nodes: Vec<NodeId>,
    /// Where it goes.
    pub(super) title: String,
    /// How parts of a data grouping are called.
    pub(super) parts: Vec<DgiField>,
    /// What no program makes: trees that are told already, and how many octets each has.
    pub(super) told: Vec<(Because, usize)>,
}

impl Found {
    /// Nodes of a program.
    fn nodes(program: u32, nodes: Vec<NodeId>, title: impl Into<String>) -> Self {
        Self {
            program,
            nodes,
            title: title.into(),
            parts: Vec::new(),
            told: Vec::new(),
        }
    }
}

/// Octets or characters that are asked for: the first and the last, from 1.
pub(super) type Range = Option<(usize, usize)>;

fn unknown(what: impl Into<String>) -> StationError {
    StationError::new(
        "R1198",
        what,
        "outputs: chip:APPLICATION:TAG, chip:APPLICATION:GROUPING, \
         chip:APPLICATION:GROUPING:PART, chip:APPLICATION:COMMAND, chip:install:APPLICATION, \
         chip:load:LOAD_FILE, chip:install:LOAD_FILE, chip:put_keys, track1, track2, front:line:1, back:panel:NAME, mailer:LAYOUT, mailer:LAYOUT:ITEM, carrier:LAYOUT, \
         labels:LAYOUT, file:FORMAT:FIELD; then perhaps [3..5]",
    )
}

/// Takes `[3..5]` off an output's name.
pub(super) fn range(output: &str) -> Result<(&str, Range), StationError> {
    let Some((name, rest)) = output.split_once('[') else {
        return Ok((output, None));
    };
    let inside = rest.strip_suffix(']');
    let bounds = inside.map(|text| text.split_once("..").unwrap_or((text, text)));
    let parsed = bounds.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match parsed {
        Some((first, last)) if first >= 1 && first <= last => Ok((name, Some((first, last)))),
        _ => Err(unknown(
            "a range is `[3..5]`: first and last, counted from 1",
        )),
    }
}

/// Finds an output of a card.
pub(super) fn output(
    bundle: &Bundle,
    job: &Job,
    card: &Card,
    name: &str,
) -> Result<Found, StationError> {
    let content = bundle.content();
    let parts: Vec<&str> = name.split(':').collect();
    let on_card = |node: Option<NodeId>, title: String| {
        node.map(|node| Found::nodes(card.program, vec![node], title))
    };
    let stripe = card.stripe.as_ref();
    let found = match parts.as_slice() {
        ["chip", application, rest] => match chip(content, card, application, rest) {
            Some(found) => Some(found),
            None => card_content::find(bundle, card, application, rest)?,
        },
        ["chip", application, grouping, part] => part_of(card, application, grouping, part),
        ["chip", what] => card_content::find(bundle, card, what, "")?,
        ["track1"] => on_card(stripe.and_then(|s| s.track1), "track 1".to_owned()),
        ["track2"] => on_card(stripe.and_then(|s| s.track2), "track 2".to_owned()),
        [side @ ("front" | "back"), what, which] => {
            let (node, title) = face(card, side, what, which);
            on_card(node, title)
        }
        ["mailer" | "carrier" | "labels", layout] => page(content, job, layout, None),
        ["mailer" | "carrier" | "labels", layout, item] => {
            let item = item.parse().ok();
            item.and_then(|item| page(content, job, layout, Some(item)))
        }
        ["file", format, field] => file(content, job, format, field),
        _ => None,
    };
    found.ok_or_else(|| {
        let known = known(content, job, card).join(", ");
        let what = format!(
            "card `{}` has no output `{name}`; it has {known}",
            card.name
        );
        unknown(what)
    })
}

/// The outputs of a card, those of its chip by application.
fn known(content: &Content, job: &Job, card: &Card) -> Vec<String> {
    let mut all = Vec::new();
    for application in card.chip.iter().flat_map(|chip| &chip.applications) {
        let name = &application.name;
        all.push(match &application.script {
            Some(script) => {
                let commands = script.commands.iter().map(|c| c.title.as_str());
                format!(
                    "chip:{name}:COMMAND ({})",
                    commands.collect::<Vec<_>>().join(", ")
                )
            }
            None => format!("chip:{name}:TAG"),
        });
    }
    all.extend(card_content::known(card));
    let stripe = card.stripe.as_ref();
    let tracks = [
        ("track1", stripe.and_then(|s| s.track1)),
        ("track2", stripe.and_then(|s| s.track2)),
    ];
    let tracks = tracks.into_iter().filter(|(_, node)| node.is_some());
    all.extend(tracks.map(|(name, _)| name.to_owned()));
    for face in &card.faces {
        let side = match face.side {
            cardwright_bundle::FaceSide::Front => "front",
            cardwright_bundle::FaceSide::Back => "back",
        };
        all.extend(
            face.emboss
                .iter()
                .map(|l| format!("{side}:line:{}", l.line)),
        );
        all.extend(
            face.print
                .iter()
                .map(|p| format!("{side}:panel:{}", p.name)),
        );
    }
    let mailer = job.mailer.as_ref().map(|m| format!("mailer:{}", m.layout));
    all.extend(mailer);
    all.extend(job.carrier.iter().map(|name| format!("carrier:{name}")));
    all.extend(job.labels.iter().map(|name| format!("labels:{name}")));
    let outputs = content.formats.iter();
    let outputs = outputs.filter(|f| job.outputs.iter().any(|o| o.format == f.name));
    all.extend(outputs.map(|f| format!("file:{}:FIELD", f.name)));
    all
}

fn chip(content: &Content, card: &Card, application: &str, what: &str) -> Option<Found> {
    let chip = card.chip.as_ref()?;
    let application = chip.applications.iter().find(|a| a.name == application)?;
    let program = content.programs.get(card.program as usize)?;
    if let Some(script) = &application.script {
        return command(card, script, what);
    }
    let what = what.trim_start_matches('#').to_uppercase();
    let found = |node, title: String| Found::nodes(card.program, vec![node], title);
    if let Some(tag) = Tag::from_hex(&what) {
        for dgi in &application.dgis {
            let all = elements(program, dgi.node);
            if let Some(element) = all.iter().find(|e| e.tag == Some(tag)) {
                let dictionary = application.dictionary_of(dgi.number);
                let name = cardwright_standards::tags::name_in(dictionary, tag);
                let name = name.unwrap_or("data element");
                let title = format!("{tag} {name}, in {:04X} {}", dgi.number, dgi.title);
                return Some(found(element.node, title));
            }
        }
    }
    let number = u16::from_str_radix(&what, 16).ok()?;
    let dgi = application.dgis.iter().find(|dgi| dgi.number == number)?;
    let title = format!("data grouping {}", titled(number, &dgi.title));
    let mut found = found(dgi.node, title);
    found.parts.clone_from(&dgi.fields);
    Some(found)
}

/// A grouping's number and title, where the title is not only its number.
fn titled(number: u16, title: &str) -> String {
    let number = format!("{number:04X}");
    match title.strip_prefix("DGI ") {
        Some(same) if same == number => number,
        _ => format!("{number} {title}"),
    }
}

/// A part of a grouping by its name.
fn part_of(card: &Card, application: &str, grouping: &str, name: &str) -> Option<Found> {
    let chip = card.chip.as_ref()?;
    let application = chip.applications.iter().find(|a| a.name == application)?;
    let number = u16::from_str_radix(grouping, 16).ok()?;
    let dgi = application.dgis.iter().find(|dgi| dgi.number == number)?;
    let part = dgi.fields.iter().find(|field| field.name == name)?;
    let title = format!(
        "part {name} of data grouping {}",
        titled(number, &dgi.title)
    );
    Some(Found::nodes(card.program, vec![part.node], title))
}

/// What a command of a script carries.
fn command(card: &Card, script: &Script, title: &str) -> Option<Found> {
    let mut commands = script.commands.iter();
    let command = commands.find(|command| command.title == title)?;
    let leaves = ScriptPart::leaves(&command.parts);
    let nodes: Vec<NodeId> = leaves.into_iter().flat_map(ScriptPart::nodes).collect();
    let title = format!("command `{title}` of script {}", script.name);
    (!nodes.is_empty()).then(|| Found::nodes(card.program, nodes, title))
}

fn face(card: &Card, side: &str, what: &str, which: &str) -> (Option<NodeId>, String) {
    let front = side == "front";
    let is_side = |s| (s == cardwright_bundle::FaceSide::Front) == front;
    let Some(face) = card.faces.iter().find(|f| is_side(f.side)) else {
        return (None, String::new());
    };
    let node = match what {
        "line" => {
            let mut lines = face.emboss.iter();
            lines.find(|l| l.line.to_string() == which).map(|l| l.node)
        }
        "panel" => face.print.iter().find(|p| p.name == which).map(|p| p.node),
        _ => None,
    };
    (node, format!("{side}, {what} {which}"))
}

fn page(content: &Content, job: &Job, name: &str, item: Option<usize>) -> Option<Found> {
    let mailer = job.mailer.as_ref().map(|m| m.layout.as_str());
    let used = mailer == Some(name)
        || job.carrier.as_deref() == Some(name)
        || job.labels.as_deref() == Some(name);
    let layout = content.layouts.iter().find(|l| used && l.name == name)?;
    let mut nodes = Vec::new();
    let further = layout.pages.iter().flat_map(|page| &page.items);
    for (n, entry) in layout.items.iter().chain(further).enumerate() {
        if item.is_none_or(|item| item == n + 1) {
            let drawn = serde_json::to_value(&entry.draw).ok()?;
            drawn_nodes(&drawn, &mut nodes);
            nodes.extend(entry.when);
        }
    }
    let title = format!("{} {name} on stock {}", layout.purpose, layout.stock);
    (!nodes.is_empty()).then(|| Found::nodes(layout.program, nodes, title))
}

/// The nodes of whatever an item draws.
fn drawn_nodes(value: &serde_json::Value, nodes: &mut Vec<NodeId>) {
    let id = |v: &serde_json::Value| NodeId::try_from(v.as_u64()?).ok();
    match value {
        serde_json::Value::Object(map) => {
            for (key, entry) in map {
                match key.as_str() {
                    "node" => nodes.extend(id(entry)),
                    "cells" => nodes.extend(entry.as_array().into_iter().flatten().filter_map(id)),
                    _ => drawn_nodes(entry, nodes),
                }
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|v| drawn_nodes(v, nodes)),
        _ => {}
    }
}

fn file(content: &Content, job: &Job, name: &str, field: &str) -> Option<Found> {
    let stem = |file: &str| file.split('.').next() == Some(name);
    let format = content.formats.iter().find(|format| {
        let is_output = job.outputs.iter().any(|o| o.format == format.name);
        let file = format.file_name.as_deref();
        is_output && (format.name == name || file.is_some_and(|f| f == name || stem(f)))
    })?;
    let number: Option<usize> = field.parse().ok();
    for record in format.records.iter().filter(|r| !r.once) {
        let mut fields = record.fields.iter().enumerate();
        let found = fields.find(|(n, f)| f.name == field || number == Some(n + 1));
        if let (Some(program), Some((_, found))) = (record.program, found) {
            let file = format.file_name.as_deref().unwrap_or(&format.name);
            let counted = match found.sequence {
                Some(_) => ", a number that the file's writer counts",
                None if found.value.is_none() => return None,
                None => "",
            };
            let title = format!("field {} of {file}{counted}", found.name);
            let nodes = found.value.into_iter().collect();
            return Some(Found::nodes(program, nodes, title));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_counted_from_one() {
        assert_eq!(range("track2").expect("fine"), ("track2", None));
        let three_to_five = ("chip:debit:57", Some((3, 5)));
        assert_eq!(range("chip:debit:57[3..5]").expect("fine"), three_to_five);
        assert_eq!(range("track2[7]").expect("fine"), ("track2", Some((7, 7))));
        for wrong in ["track2[0..3]", "track2[5..3]", "track2[", "track2[x..y]"] {
            assert_eq!(range(wrong).expect_err("wrong").code, "R1198", "{wrong}");
        }
    }
}

//! The report: what was placed where, what was left out and why, what was replaced.

use super::{Plan, Written};
use crate::{groupings::Form, read::Kind, shapes::Shape, specimens::Replaced};
use std::fmt::Write as _;

/// Lines of the report. None quotes a value of the file.
pub(super) fn report(
    kind: Kind,
    shapes: &[Shape<'_>],
    plans: &[Plan],
    replaced: Replaced,
    notes: &[String],
) -> Vec<String> {
    let cards: usize = shapes.iter().map(|s| s.cards.len()).sum();
    let mut lines = vec![format!(
        "read as {}: {}, {}",
        kind.words(),
        counted(cards, "card"),
        counted(shapes.len(), "product")
    )];
    for (shape, plan) in shapes.iter().zip(plans) {
        for written in &plan.applications {
            lines.extend(application(shape, written));
        }
    }
    if replaced.numbers > 0 {
        lines.push(format!(
            "replaced by specimens: {} and {}; signatures over them do not hold any more",
            counted(replaced.numbers, "account number"),
            counted(replaced.names, "name")
        ));
    }
    lines.extend(notes.iter().cloned());
    lines
}

fn counted(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

fn application(shape: &Shape<'_>, written: &Written) -> Vec<String> {
    let groupings = &written.composed.groupings;
    let count = |wanted: fn(&Form) -> bool| groupings.iter().filter(|(_, f)| wanted(f)).count();
    let elements = count(|f| matches!(f, Form::Template(..) | Form::Sequence(_) | Form::Empty));
    let octets = count(|f| matches!(f, Form::Raw(_)));
    let keys = count(|f| matches!(f, Form::Blob(..) | Form::Struct(_)));
    let name = &written.name;
    let kind = if written.profile.is_ok() {
        "profile"
    } else {
        "application"
    };
    let mut lines = vec![format!(
        "{kind} {name}, AID {}, {}: {} by elements, {octets} as octets, {keys} from keys",
        hex::encode_upper(&written.aid),
        counted(shape.cards.len(), "card"),
        counted(elements, "grouping"),
    )];
    match &written.profile {
        Err(why) if !why.is_empty() => {
            lines.push(format!("{name} is no profile: {why}"));
        }
        Ok(profile) if !profile.reads => lines.push(format!(
            "{name}: its locator (tag 94) is not what its records would give, so it stands there as it is"
        )),
        _ => {}
    }
    let added = written.added();
    if !added.is_empty() {
        let numbers: Vec<String> = added.iter().map(|n| format!("{n:04X}")).collect();
        lines.push(format!(
            "{name}: {} added: the file has no counter, keys or PIN, a card needs them",
            numbers.join(", ")
        ));
    }
    for (number, form) in groupings {
        match form {
            Form::LeftOut(why) => lines.push(format!("{name}: {number:04X} left out: {why}")),
            Form::Blob(..) => lines.push(format!(
                "{name}: {number:04X} comes from keys or a PIN that are to be bound, not from the file"
            )),
            Form::Struct(_) => lines.push(format!(
                "{name}: {number:04X} follows the keys, so it is not what the file has"
            )),
            _ => {}
        }
    }
    lines
}

/// `README.md`.
pub(super) fn page(name: &str, report: &[String]) -> String {
    let mut out = format!(
        "# {name}\n\nMade by `cardwright import`: a first draft that gives the imported data back. Read it, give \
         things\ntheir names, and move what the bank decides into the sources.\n\n## What was read\n\n"
    );
    for line in report {
        let _ = writeln!(out, "- {line}");
    }
    out.push_str(
        "\n## Next\n\n- Bind the keys: `key` declarations in `card.perso` name uses, a site binds its own.\n\
         - Elements that differ from card to card are fields of the order file.\n\
         - What EMV can check needs a `profile`: an `application` says in the report why it is none.\n",
    );
    out
}

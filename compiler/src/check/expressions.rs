//! Expressions over an order: typed in their places, and held against their sinks.

use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, field_def, is_order, want_type, written_want};
use crate::model::log::Asked;
use crate::model::shape::tag_of;
use crate::model::{Decl, MEntry, MExpr, MKind, Model};
use crate::types::{Lengths, Type};
use cardwright_vocabulary::{Attribute, Kind, Sink, Want, data_element_in};

/// The record that a declaration's expressions speak of: format and record; an empty record for
/// the rules of a file.
pub(crate) fn ground(model: &Model, decl: &Decl) -> (String, String) {
    if let Some(ground) = &decl.for_record {
        return ground.clone();
    }
    let through = |name: &str| -> Option<(String, String)> {
        let entry = decl.attribute(name)?;
        let MKind::Name(segments) = &entry.single()?.kind else {
            return None;
        };
        let target = model.resolve_decl(segments, entry.span)?;
        match name {
            "input" => {
                let named = decl.attribute("record").and_then(|e| e.single()?.word());
                let record = match named {
                    Some(record) => record.to_owned(),
                    None => main_record(target)?,
                };
                Some((target.qualified.clone(), record))
            }
            _ => target.for_record.clone(),
        }
    };
    match decl.kind.as_str() {
        "format" => (decl.qualified.clone(), String::new()),
        "job" => through("input").unwrap_or_default(),
        "scenario" => decl
            .for_decl
            .as_deref()
            .and_then(|card| model.get(card)?.for_record.clone())
            .unwrap_or_default(),
        // A flow speaks of the orders of the job that it works for.
        "flow" => {
            let mut jobs = model
                .of_kind("job")
                .filter(|job| names(model, job, "flow", decl));
            let job = jobs.next().map(|job| ground(model, job));
            job.or_else(|| only_record(model)).unwrap_or_default()
        }
        "let" | "fn" => only_record(model).unwrap_or_default(),
        _ => (String::new(), String::new()),
    }
}

/// Whether an attribute of a declaration names another.
fn names(model: &Model, decl: &Decl, attribute: &str, other: &Decl) -> bool {
    let entry = decl.attribute(attribute);
    let named = entry.and_then(|entry| match &entry.single()?.kind {
        MKind::Name(segments) => model.resolve_decl(segments, entry.span),
        _ => None,
    });
    named.is_some_and(|found| found.qualified == other.qualified)
}

/// The record of a format that is an order: the only one that may stand more than once.
fn main_record(format: &Decl) -> Option<String> {
    let records = format
        .entries
        .iter()
        .filter(|e| e.word(0) == Some("record"));
    let mut many = records.filter(|e| crate::elaborate::is_order(e));
    let first = many.next()?.word(1)?.to_owned();
    Some(first)
}

/// The record that cards, profiles and layouts of the project speak of, when it is one and the
/// same.
pub(crate) fn only_record(model: &Model) -> Option<(String, String)> {
    model.ask(Asked::Ground);
    model.only_record.clone()
}

/// Looks for that record among all declarations.
pub(crate) fn find_only_record(model: &Model) -> Option<(String, String)> {
    let mut found = None;
    for decl in model.decls.values().filter(|d| !d.standard) {
        let ground = match (decl.kind.as_str(), &decl.for_record) {
            (_, Some(ground)) => ground.clone(),
            ("format", None) => (decl.qualified.clone(), main_record(decl)?),
            _ => continue,
        };
        match &found {
            None => found = Some(ground),
            Some(other) if *other == ground => {}
            Some(_) => return None,
        }
    }
    found
}

/// A `let` is elaborated by itself where it is clear what record it speaks of; else where it is
/// used. A function is checked where it is called.
pub(super) fn value<'a>(decl: &'a Decl, elaborator: &mut Elaborator<'a>) {
    let Some(phrase) = &decl.value else {
        let help = format!("write `{} {} = …`", decl.kind, decl.name);
        elaborator.findings().push(
            crate::diagnostics::Problem::error(
                "E0212",
                decl.span,
                format!("`{}` has no value", decl.name),
            )
            .help(help),
        );
        return;
    };
    let single = phrase.single();
    if single.is_none() {
        elaborator.phrase(phrase, None);
    }
    let listed = single.is_some_and(|e| matches!(e.kind, MKind::List(_)));
    // What a list means (flags, tags, lines) is only known in its place.
    if decl.kind == "let" && !listed && !elaborator.is_groundless() {
        elaborator.phrase(phrase, None);
    }
}

/// An expression in its place, and its sink.
pub(super) fn expression<'a>(
    decl: &'a Decl,
    want: Want,
    sink: Option<Sink>,
    e: &'a MExpr,
    what: &str,
    elaborator: &mut Elaborator<'a>,
) {
    if needs_record(decl) && elaborator.is_groundless() {
        return; // a base: it is checked in what builds on it
    }
    let Some(typed) = elaborator.expr(e, want_type(want).as_ref()) else {
        return;
    };
    if let Some(sink) = sink.map(|s| placed(s, decl, what)) {
        elaborator.sink(&typed, sink, what, e.span);
    }
}

fn needs_record(decl: &Decl) -> bool {
    matches!(
        decl.kind.as_str(),
        "profile" | "application" | "card" | "layout" | "job" | "flow"
    )
}

/// The vocabulary's sink, made narrower by what is declared around it.
fn placed(sink: Sink, decl: &Decl, what: &str) -> Sink {
    match sink {
        Sink::CarrierText => {
            let purpose = decl.attribute("purpose").and_then(|e| e.single()?.word());
            if purpose == Some("mailer") {
                Sink::MailerText
            } else {
                sink
            }
        }
        Sink::PrintPanel if what.contains("\"cvv2\"") => Sink::Cvv2Panel,
        _ => sink,
    }
}

/// `sequence(files)`, the only value that a file which is read says.
fn is_sequence_of_files(e: &MExpr) -> bool {
    let MKind::Call { args, .. } = &e.kind else {
        return false;
    };
    is_sequence(e) && args.first().and_then(|a| a.value.word()) == Some("files")
}

/// A field of a record: its type, and in a file that is written its value.
pub(super) fn field<'a>(
    decl: &'a Decl,
    sink: Option<Sink>,
    entry: &'a MEntry,
    elaborator: &mut Elaborator<'a>,
) {
    let def = match field_def(elaborator.model(), entry) {
        Ok(def) => def,
        Err(problem) => {
            elaborator.findings().push(*problem);
            return;
        }
    };
    if let Type::PinBlock { .. } = &def.ty
        && let Some(under) = under_key(entry)
    {
        elaborator.key(under, &["pin_encryption"]);
    }
    if def.ty == Type::Picture {
        picture(decl, entry, elaborator);
    }
    let Some(e) = entry.single() else { return };
    if decl.for_record.is_none() && is_sequence_of_files(e) {
        return; // what comes is held against the last number that was taken
    }
    if decl.for_record.is_none() {
        let message = "a file that is read has no values";
        elaborator.findings().push(
            crate::diagnostics::Problem::error("E0212", e.span, message)
                .help("add `for orders.order` to the format to write it for each order"),
        );
        return;
    }
    if is_sequence(e) {
        return; // the writing of the file gives the number
    }
    elaborator.writing(decl);
    let Some(typed) = elaborator.expr(e, written_want(&def).as_ref()) else {
        return;
    };
    let what = format!("field `{}`", entry.word(0).unwrap_or(""));
    if let Some(sink) = sink {
        elaborator.sink(&typed, sink, &what, e.span);
    }
}

/// A picture stands in the order's own record of a file that is read: E0833.
fn picture(decl: &Decl, entry: &MEntry, elaborator: &mut Elaborator<'_>) {
    let holds = |record: &&MEntry| record.entries().iter().any(|e| e.span == entry.span);
    let mut records = decl.entries.iter().filter(|e| e.word(0) == Some("record"));
    let message = match records.find(holds) {
        _ if decl.kind != "format" => "a table holds no pictures",
        _ if decl.for_record.is_some() => "a file that is written holds no pictures",
        Some(record) if !is_order(record) => "only the record of an order has pictures",
        _ => return,
    };
    let help = "pictures come with orders: give the field to the record that stands for each order";
    let problem = Problem::error("E0833", entry.span, message).help(help);
    elaborator.findings().push(problem);
}

/// `sequence(file)`.
fn is_sequence(e: &MExpr) -> bool {
    matches!(&e.kind, MKind::Call { callee, .. } if callee.word() == Some("sequence"))
}

fn under_key(entry: &MEntry) -> Option<&MExpr> {
    let first = entry.base.as_ref()?.terms.first()?;
    let MKind::Call { args, .. } = &first.kind else {
        return None;
    };
    let under = args.iter().find(|a| a.name.as_deref() == Some("under"))?;
    Some(&under.value)
}

/// A data element's value.
pub(super) fn element<'a>(entry: &'a MEntry, e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let Some(tag) = entry.head.first().and_then(tag_of) else {
        return;
    };
    if elaborator.is_groundless() {
        return;
    }
    let row = data_element_in(elaborator.dictionary(), tag);
    let coding = row.map_or("", |r| r.coding.as_str());
    let format = row.map_or("b", |r| r.format.as_str());
    let (behind, _) = match elaborator.behind_name(e) {
        Some(found) => found,
        None => return,
    };
    let want = match (coding, format, &behind.kind) {
        (_, _, MKind::Hex(_)) => Some(Type::bytes()),
        ("dol", ..) => Some(Type::Dol),
        ("tags", ..) => Some(Type::TagList),
        ("date", ..) => Some(Type::Date),
        ("pan", ..) => Some(Type::text()),
        ("track2", ..) => Some(Type::Bytes(Lengths::up_to(19))),
        (flags, ..) if flags.starts_with("flags:") => {
            let set = flags.trim_start_matches("flags:");
            cardwright_vocabulary::bit_field(set).map(|s| Type::Flags(s.name))
        }
        (_, "n" | "cn" | "an" | "ans" | "a", _) => Some(Type::text()),
        _ => None,
    };
    let Some(typed) = elaborator.expr(e, want.as_ref()) else {
        return;
    };
    elaborator.sink(
        &typed,
        Sink::ChipClear,
        &format!("data element #{tag}"),
        e.span,
    );
}

/// A sentence that says all by its head: conditions of rules and formats, steps of scenarios.
pub(super) fn sentence<'a>(
    of_kind: &Kind,
    decl: &'a Decl,
    row: &Attribute,
    entry: &'a MEntry,
    elaborator: &mut Elaborator<'a>,
) {
    match (of_kind.name, entry.word(0)) {
        ("format", Some("require")) => crate::rules::file_rule(decl, entry, elaborator),
        ("profile.cvm", Some(_)) => super::values::cvm_rule(entry, elaborator),
        ("scenario.interface", Some("verify")) => {
            if let Some(e) = entry.head.get(2).filter(|_| !elaborator.is_groundless()) {
                elaborator.expr(e, Some(&Type::Pin));
            }
        }
        ("scenario.interface", Some("select")) => {
            if let Some(e) = entry.head.get(1) {
                super::values::reference(&["profile", "application"], e, elaborator);
            }
        }
        ("scenario.interface", Some("purchase")) => {
            if let Some(e) = entry
                .head
                .last()
                .filter(|_| row.pattern.ends_with("<name>"))
            {
                elaborator.key(e, &["emv.application_cryptogram", "emv.dynamic_numbers"]);
            }
        }
        _ => {}
    }
}

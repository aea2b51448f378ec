//! Records: how they are told apart, what belongs to an order, what is written.

use super::super::{Context, value};
use super::{fields, layout::Layout, name_of, place};
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, field_def, is_order, written_want};
use crate::model::{Decl, MEntry, MExpr, MKind};
use crate::secrecy::Sink;
use cardwright_bundle::{
    Arrangement, Field, FieldType, FileKind, PartOf, Record, RecordTest, Role, Sequence,
};

/// One record, read and perhaps written.
pub(super) fn record<'a>(
    context: &mut Context<'a>,
    decl: &'a Decl,
    entry: &'a MEntry,
    layout: &Layout,
) -> Record {
    let when = test(entry);
    if let Some(clause) = entry.clause("when")
        && when.is_none()
    {
        context.shared.findings.push(
            Problem::error(
                "E0914",
                clause.span,
                "a record is told by characters at a place",
            )
            .help(
                "write `when text(1, 2) == \"DT\"`: column, width, and the text there; \
                 `column(1) == \"DT\"` or `field(\"type\") == \"DT\"` for a whole field",
            ),
        );
    }
    let mut record = Record {
        name: name_of(entry),
        when,
        once: is_once(entry),
        fields: Vec::new(),
        program: None,
        part_of: part_of(entry),
        role: role(entry),
        path: path(entry, layout),
    };
    if decl.for_record.is_some() {
        written(context, decl, entry, layout, &mut record);
    } else {
        let entries = entry.entries().iter().filter(|e| e.base.is_some());
        let mut number = 1;
        for entry in entries {
            if let Some(field) = fields::read(context, entry, layout, number) {
                number = number.max(field.at).saturating_add(field.repeat);
                record.fields.push(field);
            }
        }
    }
    record
}

/// `text(1, 2) == "DT"`, `column(1) == "DT"`, `field("type") == "DT"`.
fn test(entry: &MEntry) -> Option<RecordTest> {
    let MKind::Binary { op, left, right } = &entry.clause("when")?.single()?.kind else {
        return None;
    };
    let MKind::Call { callee, args } = &left.kind else {
        return None;
    };
    if op != "==" {
        return None;
    }
    let number = |e: &MExpr| u32::try_from(e.integer()?).ok().filter(|n| *n > 0);
    let equals = right.literal_text()?;
    match (callee.word()?, args.as_slice()) {
        ("text", [at, width]) => Some(RecordTest {
            at: number(&at.value)?,
            width: number(&width.value)?,
            equals,
            place: None,
        }),
        ("column", [at]) => Some(RecordTest {
            at: number(&at.value)?,
            width: 0,
            equals,
            place: None,
        }),
        ("field", [at]) => {
            let tag = at.value.tag().map(str::to_owned);
            Some(RecordTest {
                at: 1,
                width: 0,
                equals,
                place: Some(tag.or_else(|| at.value.literal_text())?),
            })
        }
        _ => None,
    }
}

fn says(entry: &MEntry, words: &[&str]) -> bool {
    let mut block = entry.entries().iter();
    block.any(|e| {
        let head: Vec<&str> = e.head.iter().filter_map(MExpr::word).collect();
        head == words && e.base.is_none() && e.value.is_none()
    })
}

fn is_once(entry: &MEntry) -> bool {
    says(entry, &["once"]) || matches!(entry.word(1), Some("header" | "trailer"))
}

fn role(entry: &MEntry) -> Option<Role> {
    if says(entry, &["opens", "group"]) {
        Some(Role::Opens)
    } else if says(entry, &["closes", "group"]) {
        Some(Role::Closes)
    } else {
        None
    }
}

fn part_of(entry: &MEntry) -> Option<PartOf> {
    let number = |word: &str| {
        let mut block = entry.entries().iter();
        let found = block.find(|e| e.word(0) == Some(word) && e.base.is_none())?;
        u32::try_from(found.head.get(1)?.integer()?).ok()
    };
    Some(PartOf {
        record: entry.clause("of")?.single()?.word()?.to_owned(),
        most: number("most").unwrap_or(1),
        least: number("least").unwrap_or(0),
    })
}

/// Where a nested record stands; by itself under its own name.
fn path(entry: &MEntry, layout: &Layout) -> String {
    match place(entry) {
        Some(place) => place.trim_matches('/').replace('#', ""),
        None if layout.kind.is_tree() => name_of(entry),
        None => String::new(),
    }
}

/// The fields of a record that is written, and the program that gives them.
fn written<'a>(
    context: &mut Context<'a>,
    decl: &'a Decl,
    entry: &'a MEntry,
    layout: &Layout,
    record: &mut Record,
) {
    let model = context.model;
    let (format, order) = decl.for_record.clone().unwrap_or_default();
    // Headers, trailers and the ends of groups are about no single order.
    let around = record.once || record.role == Some(Role::Closes);
    let order = if around { String::new() } else { order };
    let mut places = Vec::new();
    let mut number = 1;
    for field in entry.entries().iter().filter(|e| e.value.is_some()) {
        let found = match &field.base {
            Some(_) if is_typed(field) || layout.kind == FileKind::FixedWidth => {
                fields::read(context, field, layout, number)
            }
            _ => Some(plain(context, field, number)),
        };
        if let Some(found) = found {
            number = number.max(found.at).saturating_add(found.repeat);
            places.push((found, field));
        }
    }
    let mut elaborator = Elaborator::new(model, &mut context.shared, &format, &order);
    elaborator.writing(decl);
    for (mut field, entry) in places {
        if valued(&mut elaborator, &mut field, entry).is_some() {
            record.fields.push(field);
        }
    }
    let program = elaborator.finish();
    record.program = Some(context.add_program(program));
}

/// Whether a field says more than `text`, so that it has a meaning of its own when it is read.
fn is_typed(entry: &MEntry) -> bool {
    let first = entry.base.as_ref().and_then(|b| b.terms.first());
    first.and_then(MExpr::word) != Some("text") || entry.clause("at").is_some()
}

/// A field of text without a place of its own.
fn plain(context: &mut Context<'_>, entry: &MEntry, number: u32) -> Field {
    Field {
        name: entry.word(0).unwrap_or_default().to_owned(),
        field_type: FieldType::Text,
        at: number,
        width: 0,
        repeat: 1,
        optional: true,
        secrecy: cardwright_bundle::Secrecy::Public,
        value: None,
        coding: cardwright_bundle::Coding::Text,
        signed: false,
        place: None,
        sequence: None,
        span: context.shared.spans.id(entry.span),
    }
}

fn valued<'a>(elaborator: &mut Elaborator<'a>, field: &mut Field, entry: &'a MEntry) -> Option<()> {
    if let Some(sequence) = sequence(entry) {
        field.sequence = Some(sequence?);
        return Some(());
    }
    let def = field_def(elaborator.model(), entry).ok()?;
    let value = if field.field_type == FieldType::Text && field.repeat == 1 {
        value::text(elaborator, entry)?
    } else {
        elaborator.phrase(entry.value.as_ref()?, written_want(&def).as_ref())?
    };
    let what = format!("field `{}`", field.name);
    elaborator.sink(&value, Sink::FileField, &what, entry.span);
    field.secrecy = if field.field_type == FieldType::Text {
        value.secrecy
    } else {
        value.secrecy.max(def.secrecy)
    };
    field.value = Some(value.node);
    Some(())
}

/// `sequence(file)`: what it numbers; `Some(None)` when that is not understood, which the check of
/// the function's words has said.
pub(super) fn sequence(entry: &MEntry) -> Option<Option<Sequence>> {
    let MKind::Call { callee, args } = &entry.single()?.kind else {
        return None;
    };
    if callee.word() != Some("sequence") {
        return None;
    }
    Some(match args.first().and_then(|a| a.value.word()) {
        Some("file") => Some(Sequence::File),
        Some("files") => Some(Sequence::Files),
        Some("group") => Some(Sequence::Group),
        Some("lines") => Some(Sequence::Lines),
        Some("groups") => Some(Sequence::Groups),
        _ => None,
    })
}

/// What records say of each other.
pub(super) fn check(
    context: &mut Context<'_>,
    decl: &Decl,
    records: &[Record],
    arrangement: Option<&Arrangement>,
) {
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("record"));
    let grouped = arrangement.is_some_and(|a| a.groups > 0);
    for (record, entry) in records.iter().zip(entries) {
        let kinds = [record.once, record.role.is_some(), record.part_of.is_some()];
        let many = kinds.iter().filter(|k| **k).count() > 1;
        let found = if many {
            Some((
                "E0951",
                "a record is one of these: once in the file, around a group, part of an order",
                "keep one of `once`, `opens group`, `closes group` and `of`",
            ))
        } else if let Some(part) = &record.part_of {
            let owner = decl
                .entries
                .iter()
                .find(|e| e.word(0) == Some("record") && e.word(1) == Some(part.record.as_str()));
            let right = owner.is_some_and(is_order) && (1..=999).contains(&part.most);
            (!right || part.least > part.most).then_some((
                "E0951",
                "a part belongs to the record of the order, at least as often as it must, at most 999 times",
                "write `record detail of order { least 1; most 4; … }`",
            ))
        } else if record.role.is_some() && decl.for_record.is_some() && !grouped {
            Some((
                "E0955",
                "a written file without `break_by` has no groups",
                "write `break_by = order.branch` into the format",
            ))
        } else {
            None
        };
        if let Some((code, message, help)) = found {
            let problem = Problem::error(code, entry.head_span(), message).help(help);
            context.shared.findings.push(problem);
        }
    }
    early_totals(context, decl, records);
}

/// A header is written before anything was counted.
fn early_totals(context: &mut Context<'_>, decl: &Decl, records: &[Record]) {
    if decl.for_record.is_none() {
        return;
    }
    let first = records.iter().position(|r| !r.once);
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("record"));
    for (index, (record, entry)) in records.iter().zip(entries).enumerate() {
        let early = record.once && first.is_none_or(|first| index < first)
            || record.role == Some(Role::Opens);
        let program = record.program.and_then(|n| {
            let index = usize::try_from(n).ok()?;
            context.content.programs.get(index)
        });
        let totals = program.is_some_and(|p| {
            p.nodes.iter().any(|n| {
                matches!(
                    n.op,
                    cardwright_bundle::Op::Count { .. } | cardwright_bundle::Op::Sum { .. }
                )
            })
        });
        if early && totals {
            let message = "what stands before the orders is written before they are counted";
            let problem = Problem::error("E0954", entry.head_span(), message)
                .help("put counts and totals into the trailer, or behind the group");
            context.shared.findings.push(problem);
        }
    }
}

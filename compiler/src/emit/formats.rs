//! File formats: what is read, what is written, and the rules of both.

mod fields;
mod rules;

pub(super) use rules::order_record;

use super::{Context, read};
use crate::diagnostics::Problem;
use crate::elaborate::Elaborator;
use crate::model::{Decl, MEntry, MExpr, MKind};
use crate::secrecy::Sink;
use cardwright_bundle::{Encoding, Field, FieldType, FileKind, Format, Line, Record, RecordTest};

/// Lowers all formats; inputs first, because programs look their fields up.
pub(super) fn lower(context: &mut Context<'_>) {
    let model = context.model;
    for decl in model.concrete("format") {
        let format = format(context, decl);
        context.content.formats.push(format);
    }
    for decl in model.concrete("format") {
        let rules = rules::lower(context, decl);
        if let Some(format) = context
            .content
            .formats
            .iter_mut()
            .find(|f| f.name == decl.name)
        {
            format.rules = rules;
        }
    }
}

fn format<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Format {
    let kind = kind(context, decl);
    let written = decl.for_record.is_some();
    let mut records = Vec::new();
    for entry in decl.entries.iter().filter(|e| e.word(0) == Some("record")) {
        records.push(if written {
            written_record(context, decl, entry)
        } else {
            read_record(context, entry)
        });
    }
    Format {
        name: decl.name.clone(),
        kind,
        encoding: match decl.attribute("encoding").and_then(read::word).as_deref() {
            Some("ascii") => Encoding::Ascii,
            Some("latin1") => Encoding::Latin1,
            _ => Encoding::Utf8,
        },
        line: match decl.attribute("line").and_then(read::word).as_deref() {
            Some("crlf") => Line::Crlf,
            _ => Line::Lf,
        },
        records,
        rules: Vec::new(),
        file_name: decl.attribute("file_name").and_then(read::text),
        span: context.shared.spans.id(decl.span),
    }
}

fn kind(context: &mut Context<'_>, decl: &Decl) -> FileKind {
    let word = decl.base.as_ref().and_then(|b| b.single()?.word());
    let character = |name: &str, default: char| {
        decl.attribute(name)
            .and_then(read::text)
            .and_then(|t| t.chars().next())
            .unwrap_or(default)
    };
    match word {
        Some("fixed_width") => FileKind::FixedWidth,
        Some("delimited") => FileKind::Delimited {
            delimiter: character("delimiter", ';'),
            quote: character("quote", '"'),
            heading: decl.attribute("heading").and_then(read::word).as_deref() == Some("true"),
        },
        Some("cps") => FileKind::Cps,
        Some("machine") => FileKind::Machine,
        _ => {
            context.shared.findings.push(
                Problem::error(
                    "E0914",
                    decl.span,
                    "a format needs a known layout of records",
                )
                .help("write `: fixed_width`, `: delimited`, `: cps` or `: machine`"),
            );
            FileKind::FixedWidth
        }
    }
}

fn name_of(entry: &MEntry) -> String {
    entry.word(1).unwrap_or_default().to_owned()
}

/// `text(1, 2) == "DT"`.
fn test(entry: &MEntry) -> Option<RecordTest> {
    let MKind::Binary { op, left, right } = &entry.clause("when")?.single()?.kind else {
        return None;
    };
    let MKind::Call { callee, args } = &left.kind else {
        return None;
    };
    let [at, width] = args.as_slice() else {
        return None;
    };
    if op != "==" || callee.word() != Some("text") {
        return None;
    }
    Some(RecordTest {
        at: u32::try_from(at.value.integer()?).ok()?,
        width: u32::try_from(width.value.integer()?).ok()?,
        equals: right.literal_text()?,
    })
}

fn is_once(entry: &MEntry) -> bool {
    let block = entry.entries();
    block
        .iter()
        .any(|e| e.word(0) == Some("once") && e.head.len() == 1)
        || matches!(entry.word(1), Some("header" | "trailer"))
}

fn read_record<'a>(context: &mut Context<'a>, entry: &'a MEntry) -> Record {
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
            .help("write `when text(1, 2) == \"DT\"`: column, width, and the text there"),
        );
    }
    let fields = entry
        .entries()
        .iter()
        .filter(|e| e.base.is_some())
        .filter_map(|e| fields::read(context, e))
        .collect();
    Record {
        name: name_of(entry),
        when,
        once: is_once(entry),
        fields,
        program: None,
    }
}

fn written_record<'a>(context: &mut Context<'a>, decl: &'a Decl, entry: &'a MEntry) -> Record {
    let model = context.model;
    let (format, record) = decl.for_record.clone().unwrap_or_default();
    let mut elaborator = Elaborator::new(model, &mut context.shared, &format, &record);
    let mut fields = Vec::new();
    for (at, field) in (1..).zip(entry.entries().iter().filter(|e| e.value.is_some())) {
        if let Some(field) = written_field(&mut elaborator, at, field) {
            fields.push(field);
        }
    }
    let program = elaborator.finish();
    let index = context.add_program(program);
    Record {
        name: name_of(entry),
        when: None,
        once: false,
        fields,
        program: Some(index),
    }
}

fn written_field<'a>(elaborator: &mut Elaborator<'a>, at: u32, entry: &'a MEntry) -> Option<Field> {
    let name = entry.word(0)?.to_owned();
    let value = super::value::text(elaborator, entry)?;
    elaborator.sink(
        &value,
        Sink::FileField,
        &format!("field `{name}`"),
        entry.span,
    );
    Some(Field {
        name,
        field_type: FieldType::Text,
        at,
        width: 0,
        repeat: 1,
        optional: true,
        secrecy: value.secrecy,
        value: Some(value.node),
        span: elaborator.span_id(entry.span),
    })
}

/// A literal number in a clause: `at 3`.
fn clause_number(entry: &MEntry, keyword: &str) -> Option<u32> {
    let number = entry
        .clause(keyword)?
        .terms
        .first()
        .and_then(MExpr::integer)?;
    u32::try_from(number).ok()
}

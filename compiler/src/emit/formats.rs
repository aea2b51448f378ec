//! File formats: what is read, what is written, and the rules of both.

mod arrange;
mod fields;
mod layout;
mod places;
mod records;
mod rules;

pub(super) use rules::order_record;

use super::{Context, read};
use crate::model::{Decl, MEntry, MExpr};
use cardwright_bundle::Format;

/// Lowers all formats; inputs first, because programs look their fields up.
pub(super) fn lower(context: &mut Context<'_>) {
    let model = context.model;
    for decl in model.concrete("format") {
        context.shared.findings.enter(decl);
        let format = format(context, decl);
        context.content.formats.push(format);
    }
    for (at, decl) in model.concrete("format").enumerate() {
        context.shared.findings.enter(decl);
        let rules = rules::lower(context, decl);
        if let Some(format) = context.content.formats.get_mut(at) {
            format.rules = rules;
        }
    }
}

fn format<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Format {
    let layout = layout::layout(context, decl);
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("record"));
    let records = entries.map(|entry| records::record(context, decl, entry, &layout));
    let records: Vec<_> = records.collect();
    let joins = arrange::joins(context, decl);
    let arrangement = arrange::arrangement(context, decl);
    records::check(context, decl, &records, arrangement.as_ref());
    places::check(context, decl, &records, &layout);
    // A name that every order makes for itself stands in the arrangement.
    let named = arrangement.as_ref().is_some_and(|a| a.file_name.is_some());
    Format {
        name: decl.name.clone(),
        kind: layout.kind,
        encoding: layout.encoding,
        line: layout.line,
        records,
        rules: Vec::new(),
        file_name: decl
            .attribute("file_name")
            .filter(|_| !named)
            .and_then(read::text),
        framing: layout.framing,
        joins,
        arrangement,
        span: context.shared.spans.id(decl.span),
    }
}

fn name_of(entry: &MEntry) -> String {
    entry.word(1).unwrap_or_default().to_owned()
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

/// Where a clause `at` says that a thing stands by name: a path, a tag, a heading.
fn place(entry: &MEntry) -> Option<String> {
    let term = entry.clause("at")?.terms.first()?;
    let tag = term.tag().map(str::to_owned);
    tag.or_else(|| term.literal_text())
}

//! Places of a fixed-width record: no column belongs to two fields without a word about it.

use super::super::Context;
use super::layout::Layout;
use crate::diagnostics::Problem;
use crate::model::{Decl, MEntry};
use cardwright_bundle::{Field, FileKind, Record};

/// E0958: two fields share columns. In a file that is written the later one would overwrite the
/// other; in one that is read it is nearly always a slip in a width, so it is a warning.
pub(super) fn check(context: &mut Context<'_>, decl: &Decl, records: &[Record], layout: &Layout) {
    if layout.kind != FileKind::FixedWidth {
        return;
    }
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("record"));
    for (record, entry) in records.iter().zip(entries) {
        let mut fields: Vec<(&Field, &MEntry)> = record
            .fields
            .iter()
            .filter_map(|field| {
                let mut written = entry.entries().iter();
                let found = written.find(|e| e.word(0) == Some(field.name.as_str()))?;
                Some((field, found))
            })
            .collect();
        fields.sort_by_key(|(field, _)| field.at);
        let mut before: Option<(&Field, &MEntry)> = None;
        for (field, place) in fields {
            if let Some((other, its)) = before
                && last(other) >= field.at
            {
                let shared = (field.at, last(other).min(last(field)));
                report(context, decl, (field, place), (other, its), shared);
            }
            // The one that reaches farthest is what the next may run into.
            if before.is_none_or(|(other, _)| last(field) >= last(other)) {
                before = Some((field, place));
            }
        }
    }
}

/// The last column of a field, repetitions and all.
fn last(field: &Field) -> u32 {
    let columns = field.width.saturating_mul(field.repeat);
    field.at.saturating_add(columns.saturating_sub(1))
}

fn report(
    context: &mut Context<'_>,
    decl: &Decl,
    (field, place): (&Field, &MEntry),
    (other, its): (&Field, &MEntry),
    (from, to): (u32, u32),
) {
    let columns = if from == to {
        format!("column {from}")
    } else {
        format!("columns {from} to {to}")
    };
    let message = format!(
        "`{}` and `{}` share {columns} of the record",
        other.name, field.name
    );
    let problem = if decl.for_record.is_some() {
        Problem::error("E0958", place.span, message)
    } else {
        Problem::warning("E0958", place.span, message)
    };
    let until = last(other);
    let label = format!("reaches to column {until}");
    context
        .shared
        .findings
        .push(problem.label(its.span, &label).help(
            "correct `at` or `width`; if a file is really read twice over, leave the whole out \
             and join the parts",
        ));
}

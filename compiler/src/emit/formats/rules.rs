//! Rules of a format: what refuses a file, and what rejects a record.

use super::super::Context;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MArg, MClause, MEntry, MExpr, MKind};
use crate::secrecy::Sink;
use crate::types::Type;
use cardwright_bundle::{FormatRule, Severity};

/// All `require` entries of a format.
pub(super) fn lower<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Vec<FormatRule> {
    let words = words(context, decl);
    decl.entries
        .iter()
        .filter(|e| e.word(0) == Some("require"))
        .filter_map(|e| rule(context, decl, e))
        .chain(words)
        .collect()
}

/// Fields that hold one of several words: a record with another is rejected.
fn words<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Vec<FormatRule> {
    let mut rules = Vec::new();
    for record in decl.entries.iter().filter(|e| e.word(0) == Some("record")) {
        for field in record
            .entries()
            .iter()
            .filter(|_| decl.for_record.is_none())
        {
            if let Some(words) = super::fields::one_of(field) {
                rules.extend(held_to(context, decl, record, field, &words));
            }
        }
    }
    rules
}

fn held_to<'a>(
    context: &mut Context<'a>,
    decl: &'a Decl,
    record: &MEntry,
    field: &MEntry,
    words: &[String],
) -> Option<FormatRule> {
    let (record, name) = (super::name_of(record), field.word(0)?);
    let model = context.model;
    let mut elaborator = Elaborator::new(model, &mut context.shared, &decl.qualified, &record);
    let value = elaborator.field(&record, name, field.span)?;
    let mut flags = Vec::new();
    for word in words {
        let word = elaborator.text(word, field.span);
        flags.push(elaborator.apply("equal", &[value.clone(), word], field.span)?);
    }
    if field.clause("optional").is_some() {
        flags.push(elaborator.apply("is_blank", &[value], field.span)?);
    }
    let condition = elaborator.apply("any", &flags, field.span)?;
    let said = format!("`{name}` is none of: {}", words.join(", "));
    let message = elaborator.text(&said, field.span);
    let span = elaborator.span_id(field.span);
    let program = elaborator.finish();
    Some(FormatRule::Require {
        program: context.add_program(program),
        group: None,
        condition: condition.node,
        message: message.node,
        refuses: Severity::Record,
        span,
    })
}

fn rule<'a>(context: &mut Context<'a>, decl: &'a Decl, entry: &'a MEntry) -> Option<FormatRule> {
    let condition = entry.head.get(1)?;
    let refuses = refuses(entry);
    if let Some((record, fields)) = unique(condition) {
        return Some(FormatRule::Unique {
            record,
            fields,
            message: entry
                .clause("else")
                .and_then(|c| c.single()?.literal_text())
                .unwrap_or_else(|| "this is in the file twice".to_owned()),
            refuses,
            span: context.shared.spans.id(entry.span),
        });
    }
    require(context, decl, entry, refuses)
}

/// `refuses record`, `reject record`, or the whole file.
fn refuses(entry: &MEntry) -> Severity {
    let says_record = |clause: &MClause| {
        matches!(clause.keyword.as_str(), "reject" | "refuses")
            && clause.terms.first().and_then(MExpr::word) == Some("record")
    };
    if entry.clauses.iter().any(says_record) {
        Severity::Record
    } else {
        Severity::File
    }
}

/// `unique(order.pan, order.expiry)`: record and fields.
fn unique(condition: &MExpr) -> Option<(String, Vec<String>)> {
    let MKind::Call { callee, args } = &condition.kind else {
        return None;
    };
    if callee.word() != Some("unique") {
        return None;
    }
    let paths: Vec<(String, String)> = args
        .iter()
        .map(|MArg { value, .. }| {
            let dotted = value.dotted()?;
            let (record, field) = dotted.split_once('.')?;
            Some((record.to_owned(), field.to_owned()))
        })
        .collect::<Option<_>>()?;
    let record = paths.first()?.0.clone();
    Some((record, paths.into_iter().map(|(_, field)| field).collect()))
}

fn require<'a>(
    context: &mut Context<'a>,
    decl: &'a Decl,
    entry: &'a MEntry,
    refuses: Severity,
) -> Option<FormatRule> {
    // A rule on a record runs for each; a rule on the file once, at its end.
    let record = match refuses {
        Severity::File if crate::rules::repeated_record(decl, entry.head.get(1)?).is_some() => {
            return None; // E0214 has been said
        }
        Severity::File => String::new(),
        Severity::Record => order_record(decl)?,
    };
    let model = context.model;
    let mut elaborator = Elaborator::new(model, &mut context.shared, &decl.qualified, &record);
    let condition = elaborator.expr(entry.head.get(1)?, Some(&Type::Flag))?;
    let message = message(&mut elaborator, entry)?;
    elaborator.sink(&condition, Sink::Condition, "this rule", entry.span);
    elaborator.sink(&message, Sink::ErrorText, "this rule's message", entry.span);
    let span = elaborator.span_id(entry.span);
    let program = elaborator.finish();
    let program = context.add_program(program);
    Some(FormatRule::Require {
        program,
        condition: condition.node,
        message: message.node,
        refuses,
        group: entry
            .clause("per")
            .and_then(|c| c.single()?.word())
            .map(str::to_owned),
        span,
    })
}

fn message<'a>(elaborator: &mut Elaborator<'a>, entry: &'a MEntry) -> Option<Typed> {
    match entry.clause("else").and_then(MClause::single) {
        Some(text) => elaborator.expr(text, Some(&Type::text())),
        None => Some(elaborator.text("a rule of the format is broken", entry.span)),
    }
}

/// The record that stands many times.
pub(in crate::emit) fn order_record(decl: &Decl) -> Option<String> {
    let mut records = decl.entries.iter().filter(|e| e.word(0) == Some("record"));
    let many = records.find(|e| crate::elaborate::is_order(e))?;
    Some(super::name_of(many))
}

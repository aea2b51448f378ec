//! Second files that orders are joined with; sorting, groups and names of written files.

use super::super::{Context, read};
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, field_def, is_order, joined_record, record_of};
use crate::model::{Decl, MEntry, MExpr, MKind};
use crate::secrecy::Sink;
use crate::types::Type;
use cardwright_bundle::{Arrangement, Join};

/// All `join` entries of a format.
pub(super) fn joins(context: &mut Context<'_>, decl: &Decl) -> Vec<Join> {
    let mut joins: Vec<Join> = Vec::new();
    for entry in decl.entries.iter().filter(|e| e.word(0) == Some("join")) {
        match join(context, decl, entry) {
            Ok(join) if joins.iter().all(|j| j.name != join.name) => joins.push(join),
            Ok(join) => say(context, entry, &format!("`{}` is joined twice", join.name)),
            Err(message) => say(context, entry, &message),
        }
    }
    joins
}

fn say(context: &mut Context<'_>, entry: &MEntry, message: &str) {
    let problem = Problem::error("E0952", entry.span, message).help(
        "write `join branch of branches.branch on order.branch == branch.code`, \
         with `optional` when an order may find nothing",
    );
    context.shared.findings.push(problem);
}

fn join(context: &mut Context<'_>, decl: &Decl, entry: &MEntry) -> Result<Join, String> {
    let name = entry.word(1).unwrap_or_default().to_owned();
    if record_of(decl, &name).is_some() {
        return Err(format!("`{name}` is a record of this format already"));
    }
    let Some((other, record)) = joined_record(context.model, entry) else {
        return Err("the second file's format and record are not found".to_owned());
    };
    if other.qualified == decl.qualified {
        return Err("a format is joined with another one".to_owned());
    }
    let Some(theirs) = record_of(other, &record) else {
        return Err(format!(
            "the format `{}` has no record `{record}`",
            other.name
        ));
    };
    let mut records = decl.entries.iter().filter(|e| e.word(0) == Some("record"));
    let ours = records
        .find(|e| is_order(e))
        .ok_or("the format has no order")?;
    let condition = entry.clause("on").and_then(|c| c.single());
    let mut pairs = Vec::new();
    equal(
        condition.ok_or("`on` says which fields are equal")?,
        &mut pairs,
    )
    .ok_or("the key is fields that are equal, joined by `and`")?;
    let mut on = Vec::new();
    for (left, right) in pairs {
        let own = ours.word(1).unwrap_or_default();
        let pair = match (left.0.as_str(), right.0.as_str()) {
            (a, b) if a == own && b == name => (left.1, right.1),
            (a, b) if a == name && b == own => (right.1, left.1),
            _ => {
                return Err(format!(
                    "the key compares a field of `{own}` and one of `{name}`"
                ));
            }
        };
        comparable(context, ours, theirs, &pair)?;
        on.push(pair);
    }
    Ok(Join {
        name,
        format: other.name.clone(),
        record,
        on,
        optional: entry.clause("optional").is_some(),
        span: context.shared.spans.id(entry.span),
    })
}

type Path = (String, String);

/// `a.b == c.d and e.f == g.h`.
fn equal(e: &MExpr, pairs: &mut Vec<(Path, Path)>) -> Option<()> {
    let MKind::Binary { op, left, right } = &e.kind else {
        return None;
    };
    match op.as_str() {
        "and" => {
            equal(left, pairs)?;
            equal(right, pairs)
        }
        "==" => {
            let path = |e: &MExpr| {
                let dotted = e.dotted()?;
                let (record, field) = dotted.split_once('.')?;
                Some((record.to_owned(), field.to_owned()))
            };
            pairs.push((path(left)?, path(right)?));
            Some(())
        }
        _ => None,
    }
}

/// Keys are compared as they are: text with text, numbers with numbers.
fn comparable(
    context: &Context<'_>,
    ours: &MEntry,
    theirs: &MEntry,
    (own, other): &Path,
) -> Result<(), String> {
    let kind = |record: &MEntry, name: &str| -> Result<u8, String> {
        let mut fields = record.entries().iter();
        let field = fields.find(|e| e.word(0) == Some(name) && e.base.is_some());
        let lacks = || {
            format!(
                "the record `{}` has no field `{name}`",
                record.word(1).unwrap_or("")
            )
        };
        let def = field_def(context.model, field.ok_or_else(lacks)?);
        Ok(match def.map(|d| d.ty) {
            Ok(Type::Number { .. }) => 1,
            Ok(Type::Date) => 2,
            Ok(Type::Lines { .. } | Type::PinBlock { .. } | Type::Flag) => {
                return Err(format!("`{name}` is no key"));
            }
            Ok(_) => 3,
            Err(_) => 0,
        })
    };
    let (a, b) = (kind(ours, own)?, kind(theirs, other)?);
    if a == 0 || b == 0 || a == b {
        return Ok(());
    }
    Err(format!(
        "`{own}` and `{other}` are of two types and never equal"
    ))
}

/// `sort_by`, `break_by` and a name of its own for each file.
pub(super) fn arrangement<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Option<Arrangement> {
    let named = decl
        .attribute("file_name")
        .filter(|e| read::text(e).is_none());
    let (sort, groups) = (decl.attribute("sort_by"), decl.attribute("break_by"));
    let first = sort.or(groups).or(named)?;
    let secret = decl.base.as_ref().and_then(|b| b.single()?.word());
    if decl.for_record.is_none() || matches!(secret, Some("cps" | "machine")) {
        let message =
            "only files of fields that are written are sorted, grouped or named by orders";
        let problem = Problem::error("E0955", first.span, message)
            .help("leave it out, or write the format `for orders.order`");
        context.shared.findings.push(problem);
        return None;
    }
    let model = context.model;
    let (format, order) = decl.for_record.clone()?;
    let mut elaborator = Elaborator::new(model, &mut context.shared, &format, &order);
    let mut keys = Vec::new();
    for entry in groups.into_iter() {
        keys.extend(values(&mut elaborator, entry));
    }
    let count = keys.len();
    for entry in sort.into_iter() {
        keys.extend(values(&mut elaborator, entry));
    }
    let file_name = named.and_then(|entry| {
        let value = super::super::value::text(&mut elaborator, entry)?;
        elaborator.sink(&value, Sink::FileName, "`file_name`", entry.span);
        Some(value.node)
    });
    let program = elaborator.finish();
    Some(Arrangement {
        program: context.add_program(program),
        sort: keys,
        groups: u32::try_from(count).unwrap_or(0),
        file_name,
    })
}

fn values<'a>(elaborator: &mut Elaborator<'a>, entry: &'a MEntry) -> Vec<u32> {
    let model = elaborator.model();
    let Some(value) = entry.single() else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    for item in read::items(model, value) {
        let Some(typed) = elaborator.expr(item, None) else {
            continue;
        };
        // The sequence of a file shows what it is sorted by.
        elaborator.sink(
            &typed,
            Sink::FileField,
            "what the file is sorted by",
            item.span,
        );
        let comparable = matches!(
            typed.ty.value_type(),
            cardwright_bundle::ValueType::Text
                | cardwright_bundle::ValueType::Number
                | cardwright_bundle::ValueType::Date
        );
        if !comparable {
            let problem = Problem::error(
                "E0955",
                item.span,
                format!("{} has no sequence", typed.ty.words()),
            )
            .help("sort by text, numbers or dates");
            elaborator.findings().push(problem);
        }
        keys.push(typed.node);
    }
    keys
}

//! Fields of records that are read: place, meaning, secrecy.

use super::super::Context;
use super::clause_number;
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, field_def};
use crate::model::{MEntry, MExpr, MKind};
use cardwright_bundle::{Field, FieldType, Secrecy};

/// One field, or nothing when its type or place is not understood (E0915).
pub(super) fn read<'a>(context: &mut Context<'a>, entry: &'a MEntry) -> Option<Field> {
    let name = entry.word(0)?.to_owned();
    field_def(context.model, entry).ok()?; // what is wrong with its type has been said
    let Some((field_type, repeat)) = meaning(context, entry) else {
        problem(context, entry, "the field's type is not understood");
        return None;
    };
    let width = clause_number(entry, "width").or_else(|| natural_width(&field_type));
    let (Some(at), Some(width)) = (clause_number(entry, "at"), width) else {
        problem(context, entry, "the field has no place in the line");
        return None;
    };
    Some(Field {
        secrecy: field_def(context.model, entry).map_or(Secrecy::Cardholder, |d| d.secrecy),
        name,
        field_type,
        at,
        width,
        repeat,
        optional: entry.clause("optional").is_some(),
        value: None,
        span: context.shared.spans.id(entry.span),
    })
}

fn problem(context: &mut Context<'_>, entry: &MEntry, message: &str) {
    context.shared.findings.push(
        Problem::error("E0915", entry.span, message)
            .help("write such as `pan : pan at 3 width 19` or `expiry : date \"YYMM\" at 52`"),
    );
}

/// Type and number of occurrences.
fn meaning<'a>(context: &mut Context<'a>, entry: &'a MEntry) -> Option<(FieldType, u32)> {
    let base = entry.base.as_ref()?;
    let first = base.terms.first()?;
    let second = base.terms.get(1);
    if let MKind::Index { base, index } = &first.kind {
        let repeat = u32::try_from(index.integer()?).ok()?;
        return (base.word() == Some("text")).then_some((FieldType::Text, repeat));
    }
    if let MKind::Call { callee, args } = &first.kind {
        let format = args
            .first()?
            .value
            .word()?
            .strip_prefix("iso")?
            .parse()
            .ok()?;
        let key = args.iter().find(|a| a.name.as_deref() == Some("under"))?;
        let key = key_slot(context, entry, &key.value, format)?;
        return (callee.word() == Some("pin_block"))
            .then_some((FieldType::PinBlock { format, key }, 1));
    }
    let length = || {
        second
            .and_then(MExpr::integer)
            .and_then(|n| u32::try_from(n).ok())
    };
    let word = second.and_then(MExpr::literal_text);
    let field_type = match first.word()? {
        "text" | "ans" => FieldType::Text,
        "n" => FieldType::Number { digits: length()? },
        "digits" => FieldType::Digits { digits: length()? },
        "an" => FieldType::Alphanumeric { length: length()? },
        "hex" | "b" => FieldType::Hex { length: length()? },
        "pan" => FieldType::Pan,
        "date" => FieldType::Date { pattern: word? },
        "flag" => FieldType::Flag { word: word? },
        _ => return None,
    };
    Some((field_type, 1))
}

fn key_slot<'a>(
    context: &mut Context<'a>,
    entry: &MEntry,
    name: &'a MExpr,
    format: u8,
) -> Option<u32> {
    let model = context.model;
    let mut elaborator = Elaborator::new(model, &mut context.shared, "", "");
    let key = elaborator.key(name, &["pin_encryption"])?;
    drop(elaborator);
    let slot = model.key_id(&key)?;
    let algorithm = context.content.keys.get(slot as usize)?.algorithm.clone();
    // ISO 9564-1, 9.3: format 4 is defined for AES, the others for 8-octet blocks.
    if (format == 4) != algorithm.starts_with("aes") || !matches!(format, 0 | 1 | 3 | 4) {
        context.shared.findings.push(
            Problem::error(
                "E0612",
                entry.span,
                format!("a PIN block of format {format} can't be under a {algorithm} key"),
            )
            .help("format 4 goes under AES, formats 0, 1 and 3 under triple DES (ISO 9564-1)"),
        );
    }
    Some(slot)
}

/// Width that a type has by itself, in characters.
fn natural_width(field_type: &FieldType) -> Option<u32> {
    match field_type {
        FieldType::Number { digits } | FieldType::Digits { digits } => Some(*digits),
        FieldType::Alphanumeric { length } => Some(*length),
        FieldType::Date { pattern } => u32::try_from(pattern.len()).ok(),
        FieldType::Flag { word } => u32::try_from(word.chars().count()).ok(),
        FieldType::PinBlock { format, .. } => Some(if *format == 4 { 32 } else { 16 }),
        FieldType::Hex { length } => length.checked_mul(2),
        FieldType::Text | FieldType::Pan => None,
    }
}

//! Checks formats: places and lengths within bounds, names that are there, values within clearance.

use super::{
    broken,
    references::{FLAG, TEXT, no_intents, program, sink},
};
use crate::RuntimeError;
use cardwright_bundle::{
    Arrangement, Content, Encoding, Field, FieldType, FileKind, Format, FormatRule, Framing, Join,
    Prefix, Record, Secrecy, Tagging, ValueType,
};

/// Largest number of a column, and most characters of a record.
const COLUMN_MAX: u32 = 64 << 10;
/// Most octets of a field.
const WIDTH_MAX: u32 = 4096;
/// Most records of one kind in one order.
const PARTS_MAX: u32 = 999;
/// Most characters of a path, a tag or a heading.
const PATH_MAX: usize = 200;

/// Checks one format.
pub(super) fn check(format: &Format, content: &Content) -> Result<(), RuntimeError> {
    check_framing(format)?;
    for record in &format.records {
        check_values(record, content)?;
        check_record(record, format)?;
        for field in &record.fields {
            check_field(field)?;
        }
    }
    for rule in &format.rules {
        check_rule(rule, format, content)?;
    }
    for join in &format.joins {
        check_join(join, format, content)?;
    }
    match &format.arrangement {
        Some(arrangement) => check_arrangement(arrangement, content),
        None => Ok(()),
    }
}

fn check_framing(format: &Format) -> Result<(), RuntimeError> {
    let framed = match format.framing {
        Framing::Lines => true,
        Framing::Blocks { octets } => (1..=COLUMN_MAX).contains(&octets),
        Framing::Prefixed { prefix, .. } => match prefix {
            Prefix::Big(n) | Prefix::Little(n) => (1..=4).contains(&n),
            Prefix::Decimal(n) => (1..=8).contains(&n),
            Prefix::Rdw => true,
        },
    };
    let tagged = match &format.kind {
        FileKind::Tagged(Tagging::Length { tag, length }) => *tag <= 16 && (1..=6).contains(length),
        FileKind::Tagged(Tagging::Separated { assign, separator }) => assign != separator,
        FileKind::Delimited {
            delimiter, quote, ..
        } => delimiter != quote && delimiter.is_ascii() && quote.is_ascii(),
        _ => true,
    };
    let wide = matches!(
        format.encoding,
        Encoding::Utf16 | Encoding::Utf16be | Encoding::Utf16le
    );
    if !framed || !tagged || wide && !matches!(format.framing, Framing::Lines) {
        return Err(broken(&format!("impossible framing of `{}`", format.name)));
    }
    Ok(())
}

/// The least that a field of a type holds, whatever the bundle says of it.
const fn least(field_type: &FieldType) -> Secrecy {
    match field_type {
        FieldType::PinBlock { .. } => Secrecy::Sensitive,
        FieldType::Pan | FieldType::Picture(_) => Secrecy::Cardholder,
        _ => Secrecy::Public,
    }
}

fn check_field(field: &Field) -> Result<(), RuntimeError> {
    if field.secrecy < least(&field.field_type) {
        return Err(RuntimeError::new(
            "R1102",
            format!(
                "field `{}` holds {:?} data at least and would pass as {:?}",
                field.name,
                least(&field.field_type),
                field.secrecy
            ),
            "refuse this bundle and tell its author: a correct compiler never does this",
        ));
    }
    let octets = matches!(
        field.field_type,
        FieldType::Hex { .. } | FieldType::PinBlock { .. }
    );
    let digits = matches!(
        field.field_type,
        FieldType::Number { .. }
            | FieldType::Digits { .. }
            | FieldType::Date { .. }
            | FieldType::Pan
    );
    use cardwright_bundle::Coding;
    let coded = match field.coding {
        Coding::Text => true,
        Coding::Octets => octets,
        Coding::Binary | Coding::Little => matches!(field.field_type, FieldType::Number { .. }),
        Coding::Bcd | Coding::Packed | Coding::Zoned => digits,
    };
    let place = field.place.as_ref().is_none_or(|p| p.len() <= PATH_MAX);
    let possible = (1..=COLUMN_MAX).contains(&field.at)
        && field.width <= WIDTH_MAX
        && (1..=64).contains(&field.repeat);
    if possible && coded && place {
        return Ok(());
    }
    Err(broken(&format!(
        "an impossible place of field `{}`",
        field.name
    )))
}

/// A record's relations: to an order, to a group, to its mark.
fn check_record(record: &Record, format: &Format) -> Result<(), RuntimeError> {
    let part = record.part_of.as_ref().is_none_or(|part| {
        let owner = format.records.iter().find(|r| r.name == part.record);
        let owner = owner.is_some_and(|r| !r.once && r.part_of.is_none() && r.role.is_none());
        owner && (1..=PARTS_MAX).contains(&part.most) && part.least <= part.most
    });
    let mark = record.when.as_ref().is_none_or(|test| {
        (1..=COLUMN_MAX).contains(&test.at)
            && test.width <= WIDTH_MAX
            && test.equals.len() <= WIDTH_MAX as usize
    });
    let alone = usize::from(record.once)
        + usize::from(record.role.is_some())
        + usize::from(record.part_of.is_some());
    let same = format.records.iter().filter(|r| r.name == record.name);
    let named = same.count() == 1 && !record.name.is_empty();
    if part && mark && alone <= 1 && named && record.path.len() <= PATH_MAX {
        return Ok(());
    }
    Err(broken(&format!(
        "record `{}` in a way that can't be",
        record.name
    )))
}

fn check_values(record: &Record, content: &Content) -> Result<(), RuntimeError> {
    let values: Vec<_> = record
        .fields
        .iter()
        .filter_map(|f| f.value.map(|id| (f, id)))
        .collect();
    let Some(index) = record.program else {
        return if values.is_empty() {
            Ok(())
        } else {
            Err(broken("a written record without a program"))
        };
    };
    let program = program(content, index)?;
    let types = [
        ValueType::Text,
        ValueType::Number,
        ValueType::Date,
        ValueType::Bytes,
        ValueType::Flag,
        ValueType::TextList,
    ];
    for (field, id) in values {
        let name = format!("file field `{}`", field.name);
        sink(program, id, &types, Secrecy::Cardholder, &name)?;
    }
    Ok(())
}

fn check_rule(rule: &FormatRule, format: &Format, content: &Content) -> Result<(), RuntimeError> {
    match rule {
        FormatRule::Require {
            program: index,
            condition,
            message,
            group,
            ..
        } => {
            let program = program(content, *index)?;
            no_intents(program)?;
            // What a rule says goes into reports, and what it decides is seen there.
            sink(
                program,
                *condition,
                FLAG,
                Secrecy::Cardholder,
                "a file rule",
            )?;
            sink(
                program,
                *message,
                TEXT,
                Secrecy::Public,
                "a file rule's message",
            )?;
            let known = group.as_ref().is_none_or(|name| {
                format
                    .records
                    .iter()
                    .any(|r| r.name == *name && r.role.is_some())
            });
            if !known {
                return Err(broken("a group of a rule that is not there"));
            }
        }
        FormatRule::Unique { record, fields, .. } => {
            let record = format.records.iter().find(|r| r.name == *record);
            let known = record.is_some_and(|r| {
                !fields.is_empty() && fields.iter().all(|f| r.fields.iter().any(|x| x.name == *f))
            });
            if !known {
                return Err(broken("a field of a `unique` rule that is not there"));
            }
        }
    }
    Ok(())
}

fn check_join(join: &Join, format: &Format, content: &Content) -> Result<(), RuntimeError> {
    let other = content.formats.iter().find(|f| f.name == join.format);
    let theirs = other.and_then(|f| f.records.iter().find(|r| r.name == join.record));
    let named = |fields: &[Field], name: &String| fields.iter().any(|f| f.name == *name);
    let mut orders = format.records.iter().filter(|r| !r.once);
    let fits = theirs.is_some_and(|theirs| {
        orders.any(|ours| {
            join.on
                .iter()
                .all(|(a, b)| named(&ours.fields, a) && named(&theirs.fields, b))
        })
    });
    let clash = format.records.iter().any(|r| r.name == join.name);
    let same = format.joins.iter().filter(|j| j.name == join.name).count();
    if fits && !join.on.is_empty() && !clash && same == 1 && join.format != format.name {
        return Ok(());
    }
    Err(broken(&format!(
        "a join `{}` that can't be made",
        join.name
    )))
}

fn check_arrangement(arrangement: &Arrangement, content: &Content) -> Result<(), RuntimeError> {
    let program = program(content, arrangement.program)?;
    let types = [ValueType::Text, ValueType::Number, ValueType::Date];
    for id in &arrangement.sort {
        sink(
            program,
            *id,
            &types,
            Secrecy::Cardholder,
            "what a file is sorted by",
        )?;
    }
    if let Some(id) = arrangement.file_name {
        sink(program, id, TEXT, Secrecy::Public, "the name of a file")?;
    }
    if arrangement.groups as usize > arrangement.sort.len() {
        return Err(broken("groups that the sorting does not make"));
    }
    Ok(())
}

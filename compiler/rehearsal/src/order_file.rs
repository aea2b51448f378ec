//! An order file as a bank would send it: header, the one order with its parts, trailer.
//!
//! Intake then reads it like any other file, so that a rehearsed order obeys the format's rules.

use crate::{default_fields::Defaults, pin_block, rehearse::Order};
use cardwright_bundle::{
    Content, Field, FieldType, FileKind, Format, FormatRule, Job, Join, Record,
};
use cardwright_files::{CellError, Cells, Writer};
use cardwright_runtime::intake::BrokenRule;
use cardwright_stations::StationError;
use std::collections::BTreeMap;

/// The texts of one record, by field.
type Texts = BTreeMap<String, Vec<String>>;

fn input<'c>(content: &'c Content, name: &str) -> Result<&'c Format, StationError> {
    let format = content.formats.iter().find(|f| f.name == name);
    format.ok_or_else(|| {
        StationError::new(
            "R1101",
            "a job without its input format",
            "build the bundle again",
        )
    })
}

/// The octets of the file.
pub(crate) fn write(
    content: &Content,
    job: &Job,
    order: &Order,
    defaults: &Defaults<'_>,
) -> Result<Vec<u8>, StationError> {
    let format = input(content, &job.input)?;
    // Files that are only read are written as the rows that they stand for.
    let format = &written(format);
    let mut writer = Writer::new(format);
    let mut octets = writer.begin().map_err(refused)?;
    for (index, record) in format.records.iter().enumerate() {
        let is_order = record.name == job.record;
        let copies = match &record.part_of {
            Some(part) if part.record == job.record => part.least,
            Some(_) => 0,
            None => u32::from(is_order || record.once || record.role.is_some()),
        };
        for _ in 0..copies {
            let texts = if is_order {
                order_texts(content, record, order, defaults)?
            } else {
                default_texts(record, defaults)
            };
            let cells = cells(record, &texts)?;
            octets.extend(writer.record(index, &cells).map_err(refused)?);
        }
    }
    octets.extend(writer.end().map_err(refused)?);
    Ok(octets)
}

/// The format in which the rehearsal writes a job's input, and those of its second files by name.
pub(crate) fn formats(
    content: &Content,
    job: &Job,
) -> Result<(Format, BTreeMap<String, Format>), StationError> {
    let own = input(content, &job.input)?;
    let seconds = own.joins.iter().map(|join| {
        let format = written(input(content, &join.format)?);
        Ok((join.format.clone(), format))
    });
    let seconds = seconds.collect::<Result<_, StationError>>()?;
    Ok((without_totals(content, written(own)), seconds))
}

/// The format in which the rehearsal writes: a spreadsheet's rows stand as delimited lines.
fn written(format: &Format) -> Format {
    let mut format = format.clone();
    if let FileKind::Spreadsheet { heading, .. } = format.kind {
        format.kind = FileKind::Delimited {
            delimiter: ';',
            quote: '"',
            heading,
        };
        if heading {
            for record in &mut format.records {
                for (at, field) in (1..).zip(&mut record.fields) {
                    field.at = at;
                }
            }
        }
    }
    format
}

/// A format without its rules on the whole file or on groups: what trailers say of one order that a
/// rehearsal made up is nobody's claim. Rules on the order itself stay.
fn without_totals(content: &Content, mut format: Format) -> Format {
    format.rules.retain(|rule| match rule {
        FormatRule::Require { program, .. } => {
            let program = usize::try_from(*program).ok();
            let program = program.and_then(|at| content.programs.get(at));
            program.is_none_or(|p| !p.record.is_empty())
        }
        FormatRule::Unique { .. } => true,
    });
    format
}

/// A rule that the rehearsed file broke, by its number in the bundle: the file has no rules on totals.
pub(crate) fn in_bundle(content: &Content, input: &Format, rule: BrokenRule) -> BrokenRule {
    let BrokenRule::Format(at) = rule else {
        return rule;
    };
    let all = content.formats.iter().find(|f| f.name == input.name);
    let all = all.map_or(&[][..], |f| f.rules.as_slice());
    let mut kept = input.rules.iter().peekable();
    let numbers = all
        .iter()
        .enumerate()
        .filter(|(_, rule)| kept.next_if_eq(rule).is_some());
    let mut numbers = numbers.map(|(number, _)| number);
    BrokenRule::Format(numbers.nth(at).unwrap_or(at))
}

/// The second file of a join, with one record: the order's.
pub(crate) fn joined(
    content: &Content,
    job: &Job,
    join: &Join,
    order: &Order,
    defaults: &Defaults<'_>,
) -> Result<Vec<u8>, StationError> {
    let ours = input(content, &job.input)?;
    let theirs = written(input(content, &join.format)?);
    let ours = ours.records.iter().find(|r| r.name == job.record);
    let mut writer = Writer::new(&theirs);
    let mut octets = writer.begin().map_err(refused)?;
    for (index, record) in theirs.records.iter().enumerate() {
        if record.name != join.record {
            continue;
        }
        let mut texts = default_texts(record, defaults);
        if let Some(ours) = ours {
            let order = order_texts(content, ours, order, defaults)?;
            for (own, other) in &join.on {
                texts.insert(other.clone(), order.get(own).cloned().unwrap_or_default());
            }
        }
        let cells = cells(record, &texts)?;
        octets.extend(writer.record(index, &cells).map_err(refused)?);
    }
    octets.extend(writer.end().map_err(refused)?);
    Ok(octets)
}

fn default_texts(record: &Record, defaults: &Defaults<'_>) -> Texts {
    let fields = record.fields.iter();
    fields
        .map(|f| (f.name.clone(), defaults.texts(f)))
        .collect()
}

/// The order's fields: what its author wrote, defaults for the rest, PINs as blocks.
fn order_texts(
    content: &Content,
    record: &Record,
    order: &Order,
    defaults: &Defaults<'_>,
) -> Result<Texts, StationError> {
    for name in order.fields.keys() {
        if !record.fields.iter().any(|f| f.name == *name) {
            let names: Vec<&str> = record.fields.iter().map(|f| f.name.as_str()).collect();
            return Err(StationError::new(
                "R1191",
                format!(
                    "`{}` has no field `{name}`; it has {}",
                    record.name,
                    names.join(", ")
                ),
                "correct the name of the field",
            ));
        }
    }
    let mut texts = Texts::new();
    for field in &record.fields {
        let written = order.fields.get(&field.name).cloned();
        texts.insert(
            field.name.clone(),
            written.unwrap_or_else(|| defaults.texts(field)),
        );
    }
    let pan = record
        .fields
        .iter()
        .find(|f| matches!(f.field_type, FieldType::Pan));
    let pan = pan
        .and_then(|f| texts.get(&f.name)?.first().cloned())
        .unwrap_or_default();
    for field in &record.fields {
        let Some(text) = texts.get_mut(&field.name).and_then(|t| t.first_mut()) else {
            continue;
        };
        match &field.field_type {
            FieldType::PinBlock { format, key } if !text.is_empty() => {
                *text = pin_block::text(content, (*format, *key), text, &pan)?;
            }
            FieldType::Flag { word } if text == "true" => *text = word.clone(),
            FieldType::Flag { .. } if text == "false" => text.clear(),
            _ => {}
        }
    }
    Ok(texts)
}

/// One text for each occurrence of each field.
fn cells(record: &Record, texts: &Texts) -> Result<Cells, StationError> {
    let cells = record.fields.iter().map(|field| occurrences(field, texts));
    Ok(Cells::new(cells.collect::<Result<_, _>>()?))
}

fn occurrences(field: &Field, texts: &Texts) -> Result<Vec<String>, StationError> {
    let mut cells = texts.get(&field.name).cloned().unwrap_or_default();
    if cells.len() > field.repeat as usize {
        return Err(StationError::new(
            "R1192",
            format!(
                "`{}` has {} values, it occurs {} times",
                field.name,
                cells.len(),
                field.repeat
            ),
            "leave some out",
        ));
    }
    cells.resize(field.repeat as usize, String::new());
    Ok(cells)
}

fn refused(error: CellError) -> StationError {
    let field = error.field.unwrap_or_else(|| "the record".to_owned());
    StationError::new(
        "R1192",
        format!("`{field}`: {}", error.reason),
        "shorten the value, or widen the field or change the encoding in the format",
    )
}

//! A specimen order as the file that a bank would send: header, the one order, trailer.
//!
//! Intake then reads it like any other file, so that a rehearsed order obeys the format's rules.

use crate::{default_fields::Defaults, pin_block, rehearse::Order};
use cardwright_bundle::{Content, Encoding, Field, FieldType, FileKind, Format, Job, Line, Record};
use cardwright_stations::StationError;
use std::collections::BTreeMap;

/// The texts of one record, by field.
type Texts = BTreeMap<String, Vec<String>>;

/// The octets of the file.
pub(crate) fn write(
    content: &Content,
    job: &Job,
    order: &Order,
    defaults: &Defaults<'_>,
) -> Result<Vec<u8>, StationError> {
    let format = content.formats.iter().find(|f| f.name == job.input);
    let format = format.ok_or_else(|| {
        StationError::new(
            "R1101",
            "a job without its input format",
            "build the bundle again",
        )
    })?;
    let mut octets = Vec::new();
    for record in &format.records {
        let texts = if record.name == job.record {
            order_texts(content, record, order, defaults)?
        } else if record.once {
            record
                .fields
                .iter()
                .map(|f| (f.name.clone(), defaults.texts(f)))
                .collect()
        } else {
            continue;
        };
        octets.extend(encode(&line(format, record, &texts)?, format)?);
    }
    Ok(octets)
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

fn line(format: &Format, record: &Record, texts: &Texts) -> Result<String, StationError> {
    match &format.kind {
        FileKind::Delimited {
            delimiter, quote, ..
        } => delimited(record, texts, *delimiter, *quote),
        _ => fixed_width(record, texts),
    }
}

fn fixed_width(record: &Record, texts: &Texts) -> Result<String, StationError> {
    let mut line: Vec<char> = Vec::new();
    if let Some(test) = &record.when {
        write_at(&mut line, test.at, test.width, &test.equals);
    }
    for field in &record.fields {
        for (n, text) in cells(field, texts)?.iter().enumerate() {
            if text.chars().count() > field.width as usize {
                return Err(too_long(field));
            }
            let n = u32::try_from(n).map_err(|_| too_long(field))?;
            write_at(
                &mut line,
                field.at.saturating_add(n * field.width),
                field.width,
                text,
            );
        }
    }
    Ok(line.into_iter().collect())
}

fn write_at(line: &mut Vec<char>, at: u32, width: u32, text: &str) {
    let start = at.saturating_sub(1) as usize;
    let end = start + width as usize;
    if line.len() < end {
        line.resize(end, ' ');
    }
    for (place, character) in line.iter_mut().skip(start).zip(text.chars()) {
        *place = character;
    }
}

fn delimited(
    record: &Record,
    texts: &Texts,
    delimiter: char,
    quote: char,
) -> Result<String, StationError> {
    let mut columns: BTreeMap<u32, String> = BTreeMap::new();
    if let Some(test) = &record.when {
        columns.insert(test.at, test.equals.clone());
    }
    for field in &record.fields {
        for (column, text) in (field.at..).zip(cells(field, texts)?) {
            let doubled = text.replace(quote, &format!("{quote}{quote}"));
            let needs = text.contains([delimiter, quote]);
            columns.insert(
                column,
                if needs {
                    format!("{quote}{doubled}{quote}")
                } else {
                    text
                },
            );
        }
    }
    let last = columns.keys().next_back().copied().unwrap_or(0);
    let cells: Vec<String> = (1..=last)
        .map(|column| columns.remove(&column).unwrap_or_default())
        .collect();
    Ok(cells.join(&delimiter.to_string()))
}

/// One text for each occurrence of a field.
fn cells(field: &Field, texts: &Texts) -> Result<Vec<String>, StationError> {
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

fn too_long(field: &Field) -> StationError {
    StationError::new(
        "R1192",
        format!(
            "the value of `{}` is longer than {} characters",
            field.name, field.width
        ),
        "shorten the value, or widen the field in the format",
    )
}

fn encode(line: &str, format: &Format) -> Result<Vec<u8>, StationError> {
    let refused = || {
        StationError::new(
            "R1192",
            format!(
                "the order can't be written in the encoding of `{}`",
                format.name
            ),
            "take characters that the encoding has, or choose `encoding = utf8`",
        )
    };
    let mut octets = match format.encoding {
        Encoding::Utf8 => line.as_bytes().to_vec(),
        Encoding::Ascii if line.is_ascii() => line.as_bytes().to_vec(),
        Encoding::Ascii => return Err(refused()),
        Encoding::Latin1 => line
            .chars()
            .map(|c| u8::try_from(u32::from(c)).map_err(|_| refused()))
            .collect::<Result<_, _>>()?,
    };
    octets.extend_from_slice(match format.line {
        Line::Lf => b"\n",
        Line::Crlf => b"\r\n",
    });
    Ok(octets)
}

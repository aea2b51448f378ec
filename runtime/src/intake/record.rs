//! One record: found by its mark, cut into fields, each field read by its type.

use super::{Once, fields};
use crate::{Value, plan::Fields};
use cardwright_bundle::{FileKind, Format, Record as Declared};
use std::collections::BTreeMap;
use zeroize::Zeroize;

/// Why a record is wrong.
pub(super) struct FieldError {
    pub(super) code: &'static str,
    pub(super) field: Option<String>,
    pub(super) reason: String,
}

/// A record that was read, with the records that stand once in its file; wiped when dropped.
pub struct Record {
    name: String,
    values: BTreeMap<String, Value>,
    once: Once,
}

impl Record {
    pub(super) fn new(name: String, values: BTreeMap<String, Value>, once: Once) -> Self {
        Self { name, values, once }
    }

    /// A record made by hand, for tests and specimens.
    pub fn specimen(name: &str, values: BTreeMap<String, Value>) -> Self {
        Self {
            name: name.to_owned(),
            values,
            once: Once::new(),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        for value in self.values.values_mut() {
            value.zeroize();
        }
    }
}

impl Fields for Record {
    fn field(&self, record: &str, field: &str) -> Option<&Value> {
        if record == self.name {
            self.values.get(field)
        } else {
            self.once.get(record)?.get(field)
        }
    }
}

/// The declared record that a line is.
pub(super) fn find<'f>(format: &'f Format, line: &str) -> Option<&'f Declared> {
    format.records.iter().find(|record| match &record.when {
        None => true,
        Some(test) => fields::columns(line, test.at, test.width) == Some(test.equals.as_str()),
    })
}

/// Reads all fields of a line.
pub(super) fn parse(
    format: &Format,
    declared: &Declared,
    line: &str,
) -> Result<BTreeMap<String, Value>, FieldError> {
    let cells = match &format.kind {
        FileKind::Delimited {
            delimiter, quote, ..
        } => Some(split(line, *delimiter, *quote)?),
        _ => {
            check_length(declared, line)?;
            None
        }
    };
    let mut values = BTreeMap::new();
    for field in &declared.fields {
        let texts: Result<Vec<&str>, FieldError> = (0..field.repeat)
            .map(|n| {
                let cell = match &cells {
                    Some(cells) => cells.get((field.at + n) as usize - 1).map(String::as_str),
                    None => fields::columns(line, field.at + n * field.width, field.width),
                };
                cell.ok_or_else(|| FieldError {
                    code: "R1504",
                    field: Some(field.name.clone()),
                    reason: "the record ends before this field".into(),
                })
            })
            .collect();
        let value = fields::read(field, &texts?).map_err(|(code, reason)| FieldError {
            code,
            field: Some(field.name.clone()),
            reason,
        })?;
        values.insert(field.name.clone(), value);
    }
    Ok(values)
}

fn check_length(declared: &Declared, line: &str) -> Result<(), FieldError> {
    let needed = declared
        .fields
        .iter()
        .map(|f| f.at - 1 + f.width * f.repeat)
        .max()
        .unwrap_or(0);
    let found = line.chars().count();
    let tail_is_blank = line.chars().skip(needed as usize).all(|c| c == ' ');
    if found >= needed as usize && tail_is_blank {
        return Ok(());
    }
    Err(FieldError {
        code: "R1504",
        field: None,
        reason: format!("the record has {found} characters, the format says {needed}"),
    })
}

fn split(line: &str, delimiter: char, quote: char) -> Result<Vec<String>, FieldError> {
    let wrong = |reason: &str| FieldError {
        code: "R1504",
        field: None,
        reason: reason.into(),
    };
    let byte = |c: char| u8::try_from(c).map_err(|_| wrong("the delimiter is not ASCII"));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(byte(delimiter)?)
        .quote(byte(quote)?)
        .from_reader(line.as_bytes());
    let mut records = reader.records();
    let record = records
        .next()
        .and_then(Result::ok)
        .ok_or_else(|| wrong("the fields can't be told apart"))?;
    if records.next().is_some() {
        return Err(wrong("a quote that is not closed"));
    }
    Ok(record.iter().map(str::to_owned).collect())
}

//! One record: its texts read by their types, the parts of its order, and what stands around it.

use super::{Once, fields, totals};
use crate::{Value, plan::Fields};
use cardwright_bundle::{Field, Format, Record as Declared};
use cardwright_files::Cells;
use cardwright_ports::paper::PictureData;
use std::collections::BTreeMap;
use zeroize::Zeroize;

/// Between the texts of a kept record; no text that was taken holds a control character.
const BETWEEN_CELLS: char = '\u{1F}';
/// Between kept records.
const BETWEEN_RECORDS: char = '\u{1E}';

/// The values of one record by field.
pub(super) type FieldValues = BTreeMap<String, Value>;

/// Why a record is wrong.
#[derive(Clone)]
pub(super) struct FieldError {
    pub(super) code: &'static str,
    pub(super) field: Option<String>,
    pub(super) reason: String,
}

impl From<cardwright_files::CellError> for FieldError {
    fn from(error: cardwright_files::CellError) -> Self {
        Self {
            code: error.code,
            field: error.field,
            reason: error.reason,
        }
    }
}

/// A part of an order, or a record that is joined to it.
#[derive(Clone)]
pub(super) struct Part {
    /// Name that its fields are called by.
    pub(super) name: String,
    pub(super) values: FieldValues,
    /// As it is kept with the order.
    pub(super) kept: String,
}

/// A record that was read, with its parts and the records that stand around it; wiped when dropped.
pub struct Record {
    name: String,
    values: FieldValues,
    /// Records of the order, by name, in their sequence.
    parts: BTreeMap<String, Vec<FieldValues>>,
    /// Header, trailer, group, joined records, and the parts as programs see them.
    others: Once,
    /// Pictures by field, where somebody has fetched them.
    pictures: BTreeMap<String, PictureData>,
}

impl Record {
    pub(super) fn new(
        format: &Format,
        name: String,
        values: FieldValues,
        parts: Vec<Part>,
        once: Once,
    ) -> Self {
        let mut record = Self {
            name,
            values,
            parts: BTreeMap::new(),
            others: once,
            pictures: BTreeMap::new(),
        };
        for part in parts {
            record.parts.entry(part.name).or_default().push(part.values);
        }
        for declared in &format.records {
            if let Some(part_of) = &declared.part_of {
                let found = record
                    .parts
                    .get(&declared.name)
                    .map_or(&[][..], Vec::as_slice);
                let seen = seen(declared, found, part_of.most);
                record.others.insert(declared.name.clone(), seen);
            }
        }
        record
    }

    /// A record made by hand, for tests and specimens.
    pub fn specimen(name: &str, values: BTreeMap<String, Value>) -> Self {
        Self {
            name: name.to_owned(),
            values,
            parts: BTreeMap::new(),
            others: Once::new(),
            pictures: BTreeMap::new(),
        }
    }

    /// Puts a picture under its field's name.
    pub fn hang(&mut self, field: String, picture: PictureData) {
        self.pictures.insert(field, picture);
    }

    /// How often a part stands in the order.
    pub(super) fn parts(&self, name: &str) -> usize {
        self.parts.get(name).map_or(0, Vec::len)
    }
}

/// How programs see the parts of a name: plain fields when there can be one, lists otherwise.
fn seen(declared: &Declared, found: &[FieldValues], most: u32) -> FieldValues {
    let fields = declared.fields.iter();
    let pairs = fields.filter_map(|field| {
        let value = if most > 1 {
            let texts = found.iter().filter_map(|values| values.get(&field.name));
            Value::TextList(texts.map(text).collect())
        } else {
            match found.first().and_then(|values| values.get(&field.name)) {
                Some(value) => value.clone(),
                None => absent(field)?,
            }
        };
        Some((field.name.clone(), value))
    });
    pairs.collect()
}

/// What a field of a record that is not there holds: nothing, or it may not be asked for.
pub(super) fn absent(field: &Field) -> Option<Value> {
    if field.repeat > 1 {
        return Some(Value::TextList(Vec::new()));
    }
    match field.field_type {
        cardwright_bundle::FieldType::Flag { .. } => Some(Value::Flag(false)),
        _ => fields::empty(&field.field_type).ok(),
    }
}

/// A value of a list.
fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Date(date) => date.format("YYYYMMDD"),
        Value::Bytes(bytes) => hex::encode_upper(bytes),
        Value::TextList(lines) => lines.join(" "),
        Value::Flag(true) => "1".to_owned(),
        _ => String::new(),
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let parts = self.parts.values_mut().flatten();
        let all = parts
            .chain(self.others.values_mut())
            .chain([&mut self.values]);
        for value in all.flat_map(BTreeMap::values_mut) {
            value.zeroize();
        }
    }
}

impl Fields for Record {
    fn field(&self, record: &str, field: &str) -> Option<&Value> {
        if record == self.name {
            self.values.get(field)
        } else {
            self.others.get(record)?.get(field)
        }
    }

    fn count(&self, record: &str) -> i64 {
        i64::try_from(self.parts(record)).unwrap_or(i64::MAX)
    }

    fn sum(&self, record: &str, field: &str, digits: u32) -> Option<i64> {
        let parts = self.parts.get(record).map_or(&[][..], Vec::as_slice);
        let values = parts.iter().filter_map(|values| values.get(field));
        values
            .map(text)
            .try_fold(0, |sum, text| totals::plus(sum, &text, digits))
    }

    fn picture(&self, field: &str) -> Option<PictureData> {
        self.pictures.get(field).cloned()
    }
}

/// Reads all fields of a record by their types.
pub(super) fn values(declared: &Declared, cells: &Cells) -> Result<FieldValues, FieldError> {
    let mut values = BTreeMap::new();
    for (index, field) in declared.fields.iter().enumerate() {
        let value = fields::read(field, cells.of(index)).map_err(|(code, reason)| FieldError {
            code,
            field: Some(field.name.clone()),
            reason,
        })?;
        values.insert(field.name.clone(), value);
    }
    Ok(values)
}

/// A record as it is kept: its name, and every text of it.
pub(super) fn kept(name: &str, cells: &Cells) -> String {
    let mut kept = name.to_owned();
    for text in cells.all().iter().flatten() {
        kept.push(BETWEEN_CELLS);
        kept.push_str(text.trim_matches(' '));
    }
    kept
}

/// A kept record with another text in a field that occurs once.
pub(super) fn with_text(kept: &str, declared: &Declared, field: usize, text: &str) -> String {
    let before = declared.fields.iter().take(field);
    let place = 1 + before.map(|f| f.repeat as usize).sum::<usize>();
    let mut parts: Vec<&str> = kept.split(BETWEEN_CELLS).collect();
    if let Some(part) = parts.get_mut(place) {
        *part = text;
    }
    parts.join(&BETWEEN_CELLS.to_string())
}

/// Several kept records in one text.
pub(super) fn bound(kept: &[String]) -> String {
    kept.join(&BETWEEN_RECORDS.to_string())
}

/// Kept records, each by itself.
pub(super) fn unbound(text: &str) -> impl Iterator<Item = &str> {
    text.split(BETWEEN_RECORDS)
}

/// Name and texts of a kept record.
pub(super) fn recalled(kept: &str, declared: &Declared) -> Cells {
    let mut texts = kept.split(BETWEEN_CELLS).skip(1).map(str::to_owned);
    let fields = declared.fields.iter();
    let cells = fields.map(|field| texts.by_ref().take(field.repeat as usize).collect());
    Cells::new(cells.collect())
}

/// The name of a kept record.
pub(super) fn name_of(kept: &str) -> &str {
    kept.split(BETWEEN_CELLS).next().unwrap_or_default()
}

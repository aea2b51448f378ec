//! A second file, joined to orders by key: held in memory, bounded, each key once.

use super::{Part, record, refused};
use crate::RuntimeError;
use cardwright_bundle::{Content, Format, Join, Record as Declared};
use std::{collections::BTreeMap, io::BufRead, ops::ControlFlow};

/// Most records of a joined file.
pub const JOINED_RECORDS_MAX: usize = 1_000_000;
/// Most octets that the records of a joined file may take.
const JOINED_BYTES_MAX: usize = 256 << 20;

/// One joined file.
pub(crate) struct Table<'a> {
    pub(crate) join: &'a Join,
    format: &'a Format,
    pub(super) declared: &'a Declared,
    /// Kept records by key; none before the file was read.
    rows: Option<BTreeMap<String, String>>,
}

impl<'a> Table<'a> {
    /// Finds what a join speaks of.
    pub(crate) fn new(content: &'a Content, join: &'a Join) -> Option<Self> {
        let format = content.formats.iter().find(|f| f.name == join.format)?;
        let declared = format.records.iter().find(|r| r.name == join.record)?;
        Some(Self {
            join,
            format,
            declared,
            rows: None,
        })
    }

    /// Reads the second file.
    pub(crate) fn read(
        &mut self,
        format: Option<&Format>,
        file: &mut dyn BufRead,
    ) -> Result<(), RuntimeError> {
        let format = format.unwrap_or(self.format);
        let mut rows = BTreeMap::new();
        let mut octets = 0usize;
        let mut failure = None;
        let name = &self.join.name;
        cardwright_files::read(format, file, &mut |found| {
            let taken = self.take(found, &mut rows, &mut octets);
            match taken {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })
        .map_err(|e| RuntimeError::new(e.code, format!("file of `{name}`: {}", e.what), e.mend))?;
        if let Some(error) = failure {
            return Err(error);
        }
        self.rows = Some(rows);
        Ok(())
    }

    fn take(
        &self,
        found: cardwright_files::Found,
        rows: &mut BTreeMap<String, String>,
        octets: &mut usize,
    ) -> Result<(), RuntimeError> {
        let name = &self.join.name;
        let line = found.place.line;
        let declared = found
            .record
            .and_then(|index| self.format.records.get(index));
        if declared.is_some_and(|d| d.name != self.join.record) {
            return Ok(());
        }
        let bad = |reason: &str| {
            let what = format!("file of `{name}`, line {line}: {reason}");
            refused("R1530", what, "correct the second file")
        };
        let cells = found.cells.map_err(|e| bad(&e.reason))?;
        let values = record::values(self.declared, &cells).map_err(|e| {
            let field = e.field.map(|f| format!("{f}: ")).unwrap_or_default();
            bad(&format!("{field}{}", e.reason))
        })?;
        let theirs = self.join.on.iter().map(|(_, field)| values.get(field));
        let key = key(theirs).ok_or_else(|| bad("the key is blank"))?;
        let kept = record::kept(name, &cells);
        *octets += kept.len() + key.len();
        if rows.len() >= JOINED_RECORDS_MAX || *octets > JOINED_BYTES_MAX {
            let what = format!("the file of `{name}` holds more than the limit");
            return Err(refused("R1503", what, "check that this is the right file"));
        }
        if rows.insert(key, kept).is_some() {
            let what = format!("file of `{name}`, line {line}: a key that stands there before");
            return Err(refused(
                "R1531",
                what,
                "leave one of the two in the second file",
            ));
        }
        Ok(())
    }

    /// The record for an order; none when there is no such key.
    pub(super) fn find(&self, order: &record::FieldValues) -> Result<Option<Part>, RuntimeError> {
        let Some(rows) = &self.rows else {
            let what = format!(
                "the orders are joined with `{}`, whose file is not given",
                self.join.name
            );
            return Err(refused("R1532", what, "name it: `--with NAME=FILE`"));
        };
        let ours = self.join.on.iter().map(|(field, _)| order.get(field));
        let kept = key(ours).and_then(|key| rows.get(&key));
        Ok(kept.and_then(|kept| self.recall(kept)))
    }

    /// A joined record from its kept form.
    pub(super) fn recall(&self, kept: &str) -> Option<Part> {
        let cells = record::recalled(kept, self.declared);
        Some(Part {
            name: self.join.name.clone(),
            values: record::values(self.declared, &cells).ok()?,
            kept: kept.to_owned(),
        })
    }

    /// What an order without its record sees: blank fields.
    pub(super) fn blank(&self) -> record::FieldValues {
        let fields = self.declared.fields.iter();
        let values = fields.filter_map(|f| Some((f.name.clone(), record::absent(f)?)));
        values.collect()
    }
}

/// A key from its fields' values; numbers without the zeros that they stand behind.
fn key<'v>(values: impl Iterator<Item = Option<&'v crate::Value>>) -> Option<String> {
    let mut key = String::new();
    for value in values {
        let text = super::rules::plain(value?);
        if text.is_empty() {
            return None;
        }
        key.push_str(&format!("{}:{text}", text.len()));
    }
    Some(key)
}

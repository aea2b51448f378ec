//! Lookup tables that a bundle carries: rows of plain values, sorted by their keys.

use crate::{Secrecy, SpanId, ValueType};
use serde::{Deserialize, Serialize};

/// How a key finds its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKey {
    /// The row whose `from` is the key.
    Exact,
    /// The row whose `from` is the longest beginning of the key.
    Longest,
    /// The row with `from` <= beginning of the key <= `to`; all bounds are digits of one length.
    Range,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableColumn {
    /// Name.
    pub name: String,
    /// Type of its cells: text, octets, number or flag.
    pub gives: ValueType,
    /// How secret they are.
    pub secrecy: Secrecy,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupRow {
    /// Key, beginning of a key, or first key of a range.
    pub from: String,
    /// Last key of a range; empty for others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Cells in the order of the columns: text as it is, octets as hexadecimal in capitals, numbers
    /// in decimal, flags as `true` and `false`.
    pub cells: Vec<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupTable {
    /// Qualified name in the source.
    pub name: String,
    /// How keys find rows.
    pub key: TableKey,
    /// Columns.
    pub columns: Vec<TableColumn>,
    /// Rows, sorted by `from`, each once; ranges do not overlap.
    pub rows: Vec<LookupRow>,
    /// Where it was declared.
    pub span: SpanId,
}

impl LookupTable {
    /// The row of a key, in time that grows with the logarithm of the number of rows.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&LookupRow> {
        match self.key {
            TableKey::Exact => self.exact(key),
            TableKey::Longest => {
                let ends = key.char_indices().map(|(at, c)| at + c.len_utf8());
                let mut ends: Vec<usize> = ends.take(LONGEST_PREFIX).collect();
                ends.reverse();
                ends.into_iter()
                    .filter_map(|end| key.get(..end))
                    .find_map(|beginning| self.exact(beginning))
            }
            TableKey::Range => {
                let beginning = key.get(..self.rows.first()?.from.len())?;
                let after = self.rows.partition_point(|r| r.from.as_str() <= beginning);
                let row = self.rows.get(after.checked_sub(1)?)?;
                (beginning <= row.to.as_str()).then_some(row)
            }
        }
    }

    fn exact(&self, key: &str) -> Option<&LookupRow> {
        let at = self
            .rows
            .binary_search_by(|r| r.from.as_str().cmp(key))
            .ok()?;
        self.rows.get(at)
    }
}

/// Longest beginning of a key that a row may name, characters.
pub const LONGEST_PREFIX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(key: TableKey, bounds: &[(&str, &str)]) -> LookupTable {
        let rows = bounds.iter().map(|(from, to)| LookupRow {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            cells: Vec::new(),
        });
        LookupTable {
            name: "t".into(),
            key,
            columns: Vec::new(),
            rows: rows.collect(),
            span: 0,
        }
    }

    fn found<'t>(table: &'t LookupTable, key: &str) -> Option<&'t str> {
        table.find(key).map(|row| row.from.as_str())
    }

    #[test]
    fn the_longest_beginning_wins() {
        let table = table(TableKey::Longest, &[("4", ""), ("42", ""), ("4211", "")]);
        assert_eq!(found(&table, "4211000000000000"), Some("4211"));
        assert_eq!(found(&table, "4299000000000000"), Some("42"));
        assert_eq!(found(&table, "4000"), Some("4"));
        assert_eq!(found(&table, "5"), None);
        assert_eq!(found(&table, ""), None);
        assert_eq!(found(&table, "é"), None);
    }

    #[test]
    fn ranges_hold_their_bounds() {
        let table = table(
            TableKey::Range,
            &[("400000", "400999"), ("402000", "402000")],
        );
        assert_eq!(found(&table, "4000000000000000"), Some("400000"));
        assert_eq!(found(&table, "4009990000000000"), Some("400000"));
        assert_eq!(found(&table, "401000"), None);
        assert_eq!(found(&table, "402000123"), Some("402000"));
        assert_eq!(found(&table, "402001"), None);
        assert_eq!(found(&table, "399999"), None);
        assert_eq!(found(&table, "4020"), None, "shorter than a bound");
    }

    #[test]
    fn an_empty_table_has_no_row() {
        for key in [TableKey::Exact, TableKey::Longest, TableKey::Range] {
            assert_eq!(found(&table(key, &[]), "4"), None);
        }
    }
}

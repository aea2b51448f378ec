//! Checks a bundle's lookup tables: types, order, bounds; a search relies on them.

use crate::{RuntimeError, Value};
use cardwright_bundle::{Content, LONGEST_PREFIX, LookupTable, Secrecy, TableKey, ValueType};
use std::collections::BTreeSet;

/// Most columns of a table.
const MAX_COLUMNS: usize = 64;
/// Most rows of all tables together.
const MAX_ROWS: usize = 200_000;
/// Longest key or cell, octets.
const MAX_CELL: usize = 4_096;

/// Checks all tables.
pub(super) fn check(content: &Content) -> Result<(), RuntimeError> {
    let rows: usize = content.tables.iter().map(|t| t.rows.len()).sum();
    if rows > MAX_ROWS || content.tables.len() > MAX_COLUMNS * 16 {
        return Err(wrong("", "more rows than a site takes"));
    }
    let mut names = BTreeSet::new();
    for table in &content.tables {
        if !names.insert(table.name.as_str()) {
            return Err(wrong(&table.name, "it is there twice"));
        }
        if table.span as usize >= content.spans.len().max(1) {
            return Err(wrong(&table.name, "a span that is not there"));
        }
        one(table).map_err(|what| wrong(&table.name, what))?;
    }
    Ok(())
}

fn one(table: &LookupTable) -> Result<(), &'static str> {
    let names: BTreeSet<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    if table.columns.len() > MAX_COLUMNS || names.len() != table.columns.len() {
        return Err("its columns are too many, or one is there twice");
    }
    for column in &table.columns {
        let plain = matches!(
            column.gives,
            ValueType::Text | ValueType::Bytes | ValueType::Number | ValueType::Flag
        );
        if !plain || column.secrecy >= Secrecy::Secret {
            return Err("a column of a type that no table has");
        }
    }
    for row in &table.rows {
        bounds(table, &row.from, &row.to)?;
        if row.cells.len() != table.columns.len() {
            return Err("a row with more or fewer cells than columns");
        }
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            if cell.len() > MAX_CELL || value(column.gives, cell).is_none() {
                return Err("a cell that is not what its column says");
            }
        }
    }
    let sorted = table.rows.windows(2).all(|pair| match pair {
        [a, b] if table.key == TableKey::Range => a.to < b.from && a.from.len() == b.from.len(),
        [a, b] => a.from < b.from,
        _ => true,
    });
    if sorted {
        Ok(())
    } else {
        Err("its rows are not in order, or two have one key")
    }
}

fn bounds(table: &LookupTable, from: &str, to: &str) -> Result<(), &'static str> {
    let good = match table.key {
        TableKey::Exact => to.is_empty() && from.len() <= MAX_CELL,
        TableKey::Longest => to.is_empty() && (1..=LONGEST_PREFIX).contains(&from.chars().count()),
        TableKey::Range => {
            let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            (1..=LONGEST_PREFIX).contains(&from.len())
                && from.len() == to.len()
                && digits(from)
                && digits(to)
                && from <= to
        }
    };
    if good {
        Ok(())
    } else {
        Err("a key that no row can have")
    }
}

/// A cell's value; `None` when it is not in its one canonical form.
pub(crate) fn value(gives: ValueType, cell: &str) -> Option<Value> {
    match gives {
        ValueType::Text => Some(Value::Text(cell.to_owned())),
        ValueType::Bytes => {
            let octets = hex::decode(cell).ok()?;
            (hex::encode_upper(&octets) == cell).then_some(Value::Bytes(octets))
        }
        ValueType::Number => {
            let number: i64 = cell.parse().ok()?;
            (number.to_string() == cell).then_some(Value::Number(number))
        }
        ValueType::Flag => match cell {
            "true" => Some(Value::Flag(true)),
            "false" => Some(Value::Flag(false)),
            _ => None,
        },
        _ => None,
    }
}

fn wrong(table: &str, what: &str) -> RuntimeError {
    RuntimeError::new(
        "R1109",
        format!("the table `{table}`: {what}"),
        "refuse this bundle and tell its author: a correct compiler never does this",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwright_bundle::{LookupRow, TableColumn};

    fn table(key: TableKey, rows: &[(&str, &str, &str)]) -> LookupTable {
        LookupTable {
            name: "t".into(),
            key,
            columns: vec![TableColumn {
                name: "n".into(),
                gives: ValueType::Number,
                secrecy: Secrecy::Public,
            }],
            rows: rows
                .iter()
                .map(|(from, to, cell)| LookupRow {
                    from: (*from).into(),
                    to: (*to).into(),
                    cells: vec![(*cell).into()],
                })
                .collect(),
            span: 0,
        }
    }

    #[test]
    fn a_table_in_order_is_taken() {
        assert!(one(&table(TableKey::Exact, &[("A", "", "1"), ("B", "", "-2")])).is_ok());
        assert!(
            one(&table(
                TableKey::Range,
                &[("10", "19", "1"), ("20", "20", "2")]
            ))
            .is_ok()
        );
        assert!(
            one(&table(
                TableKey::Longest,
                &[("4", "", "1"), ("42", "", "2")]
            ))
            .is_ok()
        );
    }

    #[test]
    fn what_a_search_could_not_rely_on_is_refused() {
        let bad = [
            table(TableKey::Exact, &[("B", "", "1"), ("A", "", "2")]),
            table(TableKey::Exact, &[("A", "", "1"), ("A", "", "2")]),
            table(TableKey::Exact, &[("A", "B", "1")]),
            table(TableKey::Exact, &[("A", "", "01")]),
            table(TableKey::Exact, &[("A", "", "x")]),
            table(TableKey::Longest, &[("", "", "1")]),
            table(TableKey::Range, &[("10", "19", "1"), ("15", "20", "2")]),
            table(TableKey::Range, &[("10", "19", "1"), ("200", "300", "2")]),
            table(TableKey::Range, &[("19", "10", "1")]),
            table(TableKey::Range, &[("1A", "1B", "1")]),
        ];
        for table in bad {
            assert!(one(&table).is_err(), "{:?}", table.rows);
        }
        let mut secret = table(TableKey::Exact, &[("A", "", "1")]);
        if let Some(column) = secret.columns.first_mut() {
            column.secrecy = Secrecy::Secret;
        }
        assert!(one(&secret).is_err());
    }
}

//! Lookup tables: rows from the source or from a CSV file, typed, sorted, each key once.

mod cells;
mod rows;

use super::{Decl, MEntry, MExpr, MKind, Model, Span};
use crate::diagnostics::{Findings, Problem};
use crate::elaborate::{FieldDef, field_def};
use crate::project::Project;
use crate::types::Type;
use cardwright_bundle::{LookupRow, LookupTable, Secrecy, TableColumn, TableKey};
use std::sync::Arc;

/// Most rows of a table.
pub const MAX_TABLE_ROWS: usize = 100_000;

/// A table as read: what a bundle would carry, and where each row was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableData {
    /// Rows sorted by key.
    pub table: LookupTable,
    /// Types of the columns.
    pub types: Vec<Type>,
    /// Places of the rows' cells, in the order of the sorted rows.
    pub places: Vec<Vec<Span>>,
    /// Numbers of the sorted rows in the order in which they were written.
    pub written: Vec<usize>,
}

impl TableData {
    /// A column by name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.table.columns.iter().position(|c| c.name == name)
    }

    /// The type of a key.
    #[must_use]
    pub fn key_type(&self) -> Type {
        Type::text()
    }

    /// A cell, and where it was written.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<(&str, Span)> {
        let cell = self.table.rows.get(row)?.cells.get(column)?;
        let place = self.places.get(row)?.get(column).copied()?;
        Some((cell, place))
    }
}

/// A column while a table is read.
struct Column {
    name: String,
    def: FieldDef,
    /// Word for yes, of a flag.
    yes: Option<String>,
    secrecy: Secrecy,
}

/// A row while a table is read: cells in the order of the columns, in canonical form.
struct Row {
    cells: Vec<String>,
    places: Vec<Span>,
}

/// Reads all tables of the Model.
pub(super) fn read(project: &Project<'_>, model: &mut Model, findings: &mut Findings) {
    let names: Vec<String> = model
        .of_kind("table")
        .filter(|d| !d.poisoned)
        .map(|d| d.qualified.clone())
        .collect();
    for name in names {
        let Some(decl) = model.get(&name).cloned() else {
            continue;
        };
        if let Some(data) = one(project, model, &decl, findings) {
            model.tables.insert(name, Arc::new(data));
        }
    }
}

fn one(
    project: &Project<'_>,
    model: &mut Model,
    decl: &Decl,
    findings: &mut Findings,
) -> Option<TableData> {
    let columns = columns(model, decl, findings)?;
    let (key, keys) = key(decl, &columns, findings)?;
    let before = findings.len();
    let rows = match (&decl.value, decl.attribute("rows")) {
        (Some(value), None) => rows::of_file(project, model, decl, value, &columns, findings)?,
        (None, Some(list)) => rows::of_list(list, &columns, findings),
        _ => {
            let message = "a table has its rows in a file or in its block, one of both";
            let help = "write `table t = file(\"t.csv\") { … }`, or `rows = [(…), …]`";
            findings.push(Problem::error("E0230", decl.span, message).help(help));
            return None;
        }
    };
    if findings.len() > before {
        return None;
    }
    sorted(decl, key, &keys, &columns, rows, findings)
}

/// Columns, and their types. What is wrong with a type itself is said where the block is checked.
fn columns(model: &Model, decl: &Decl, findings: &mut Findings) -> Option<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    let fields = decl.entries.iter().filter(|e| e.base.is_some());
    for entry in fields {
        let name = entry.word(0)?.to_owned();
        let def = field_def(model, entry).ok()?;
        let plain = matches!(
            def.ty,
            Type::Alphanumeric(_)
                | Type::Bytes(_)
                | Type::Digits(_)
                | Type::Flag
                | Type::Number { .. }
                | Type::Text(_)
        );
        let blank = def.optional && !matches!(def.ty, Type::Alphanumeric(_) | Type::Text(_));
        if !plain || blank || def.repeat > 1 {
            let message = format!("a table's column can't be {}", def.ty.words());
            let help = "columns are `text 30`, `an 4`, `digits 8`, `n 3`, `hex 16` or `flag \"Y\"`; \
                        only text may be `optional`";
            findings.push(Problem::error("E0230", entry.span, message).help(help));
            return None;
        }
        let yes = entry
            .base
            .as_ref()
            .and_then(|b| b.terms.get(1)?.literal_text());
        let secrecy = stated(entry);
        columns.push(Column {
            name,
            def,
            yes,
            secrecy,
        });
    }
    Some(columns)
}

/// How secret a column is: public, unless `as cardholder` or `as sensitive` says otherwise.
fn stated(entry: &MEntry) -> Secrecy {
    let words = entry.clauses.iter().filter(|c| c.keyword == "as");
    let mut level = Secrecy::Public;
    for clause in words {
        level = match clause.single().and_then(MExpr::word) {
            Some("cardholder") => Secrecy::Cardholder,
            Some("sensitive") => Secrecy::Sensitive,
            _ => level,
        };
    }
    level
}

/// `key = code`, `key = from..to`, `key = prefix(bin)`: kind, and numbers of the columns.
fn key(decl: &Decl, columns: &[Column], findings: &mut Findings) -> Option<(TableKey, Vec<usize>)> {
    let entry = decl.attribute("key")?;
    let value = entry.single()?;
    let (kind, words) = match &value.kind {
        MKind::Binary { op, left, right } if op == ".." => {
            (TableKey::Range, vec![left.word(), right.word()])
        }
        MKind::Call { callee, args } if callee.word() == Some("prefix") => (
            TableKey::Longest,
            args.iter().map(|a| a.value.word()).collect(),
        ),
        _ => (TableKey::Exact, vec![value.word()]),
    };
    let at = |word: &Option<&str>| columns.iter().position(|c| Some(c.name.as_str()) == *word);
    let keys: Option<Vec<usize>> = words.iter().map(at).collect();
    let asked = if kind == TableKey::Range { 2 } else { 1 };
    let good = |n: &usize| {
        columns.get(*n).is_some_and(|c| match kind {
            TableKey::Exact => !c.def.optional && c.def.ty.is_text(),
            _ => {
                matches!(c.def.ty, Type::Digits(_)) || {
                    kind == TableKey::Longest && c.def.ty.is_text() && !c.def.optional
                }
            }
        })
    };
    match keys.filter(|k| k.len() == asked && k.iter().all(good)) {
        Some(keys) => Some((kind, keys)),
        None => {
            let message = "the key names columns that a key can be made of";
            let help = "write `key = code` with a column of text, `key = prefix(bin)` for the \
                        longest beginning, `key = from..to` with two columns of type `digits`";
            findings.push(Problem::error("E0230", value.span, message).help(help));
            None
        }
    }
}

/// Rows in the order of their keys; E0233 and E0234 say which of them can't stand together.
fn sorted(
    decl: &Decl,
    key: TableKey,
    keys: &[usize],
    columns: &[Column],
    rows: Vec<Row>,
    findings: &mut Findings,
) -> Option<TableData> {
    let bound = |row: &Row, n: usize| -> String {
        let column = keys.get(n).copied();
        let cell = column.and_then(|c| row.cells.get(c));
        cell.cloned().unwrap_or_default()
    };
    let place = |row: &Row| {
        let column = keys.first().copied().unwrap_or(0);
        row.places.get(column).copied().unwrap_or(decl.span)
    };
    let mut all: Vec<(String, String, usize, Row)> = Vec::new();
    for (written, row) in rows.into_iter().enumerate() {
        let to = if key == TableKey::Range {
            bound(&row, 1)
        } else {
            String::new()
        };
        all.push((bound(&row, 0), to, written, row));
    }
    all.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    let before = findings.len();
    for (from, to, _, row) in &all {
        if key == TableKey::Range && from > to {
            let message = format!("the range {from} to {to} is empty");
            let help = "the first bound is not above the second";
            findings.push(Problem::error("E0234", place(row), message).help(help));
        }
    }
    for pair in all.windows(2) {
        let [(a_from, a_to, _, first), (b_from, b_to, _, second)] = pair else {
            continue;
        };
        if key == TableKey::Range && a_to >= b_from {
            let message = format!("the ranges {a_from} to {a_to} and {b_from} to {b_to} overlap");
            findings.push(
                Problem::error("E0234", place(second), message)
                    .label(place(first), "the other range")
                    .help("let each key fall into one range"),
            );
        } else if key != TableKey::Range && a_from == b_from {
            let message = format!("the key {a_from:?} is there twice");
            findings.push(
                Problem::error("E0233", place(second), message)
                    .label(place(first), "first here")
                    .help("keep one of the rows"),
            );
        }
    }
    if findings.len() > before {
        return None;
    }
    let mut written: Vec<(usize, usize)> = all.iter().map(|r| r.2).zip(0..).collect();
    written.sort_unstable();
    let (mut table_rows, mut places) = (Vec::new(), Vec::new());
    for (from, to, _, row) in all {
        table_rows.push(LookupRow {
            from,
            to,
            cells: row.cells,
        });
        places.push(row.places);
    }
    Some(TableData {
        table: LookupTable {
            name: decl.qualified.clone(),
            key,
            columns: columns
                .iter()
                .map(|c| TableColumn {
                    name: c.name.clone(),
                    gives: c.def.ty.value_type(),
                    secrecy: c.secrecy,
                })
                .collect(),
            rows: table_rows,
            span: 0,
        },
        types: columns.iter().map(|c| c.def.ty.clone()).collect(),
        places,
        written: written.into_iter().map(|(_, at)| at).collect(),
    })
}

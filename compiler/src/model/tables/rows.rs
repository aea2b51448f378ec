//! Rows: a list in the source, or the lines of a CSV file.

use super::{Column, MAX_TABLE_ROWS, Row, cells};
use crate::diagnostics::{Findings, Problem};
use crate::model::{Decl, MEntry, MExpr, MKind, MPhrase, Model, SourceFile, Span};
use crate::project::Project;

/// Most faults of one table that are told.
const TOLD: usize = 20;

/// `rows = [("DEBI", "AURORA DEBIT"), …]`.
pub(super) fn of_list(entry: &MEntry, columns: &[Column], findings: &mut Findings) -> Vec<Row> {
    let Some(MKind::List(items)) = entry.single().map(|e| &e.kind) else {
        let message = "`rows` is a list of rows";
        let help = "write `rows = [(\"DEBI\", \"DEBIT\"), (\"GOLD\", \"GOLD\")]`";
        findings.push(Problem::error("E0230", entry.span, message).help(help));
        return Vec::new();
    };
    if items.len() > MAX_TABLE_ROWS {
        too_many(entry.span, findings);
        return Vec::new();
    }
    let mut rows = Vec::new();
    for item in items {
        let cells = match item.phrase.terms.as_slice() {
            [one] => match &one.kind {
                MKind::Tuple(parts) => parts.iter().collect(),
                _ => vec![one],
            },
            several => several.iter().collect(),
        };
        if cells.len() != columns.len() {
            findings.push(width(item.phrase.span, cells.len(), columns));
            continue;
        }
        let mut row = Row {
            cells: Vec::new(),
            places: cells.iter().map(|e| e.span).collect(),
        };
        for (column, e) in columns.iter().zip(cells) {
            let written = literal(e, column);
            let canonical = match written {
                Some(text) => cells::canonical(column, &text),
                None => Err("a cell is written out: text, number, octets, true or false".into()),
            };
            match canonical {
                Ok(cell) => row.cells.push(cell),
                Err(reason) => findings.push(bad(e.span, column, &reason)),
            }
        }
        rows.push(row);
    }
    rows
}

/// What stands in a cell, as a CSV file would write it.
fn literal(e: &MExpr, column: &Column) -> Option<String> {
    match &e.kind {
        MKind::Text(_) => e.literal_text(),
        MKind::Integer(n) => Some(n.to_string()),
        MKind::Hex(octets) => Some(hex::encode_upper(octets)),
        _ => match e.word()? {
            "true" => column.yes.clone(),
            "false" => Some(String::new()),
            _ => None,
        },
    }
}

fn width(span: Span, found: usize, columns: &[Column]) -> Problem {
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let message = format!("this row has {found} cells, the table has {}", names.len());
    Problem::error("E0232", span, message).help(format!("its columns are: {}", names.join(", ")))
}

fn bad(span: Span, column: &Column, reason: &str) -> Problem {
    Problem::error("E0232", span, reason).help(format!(
        "the column `{}` is {}",
        column.name,
        column.def.ty.words()
    ))
}

fn too_many(span: Span, findings: &mut Findings) {
    let message = format!("the table has more than {MAX_TABLE_ROWS} rows");
    let help = "split it, or join ranges that say the same";
    findings.push(Problem::error("E0235", span, message).help(help));
}

/// `= file("branches.csv")`: a first line names the columns; others than the table's are passed
/// over.
pub(super) fn of_file(
    project: &Project<'_>,
    model: &mut Model,
    decl: &Decl,
    value: &MPhrase,
    columns: &[Column],
    findings: &mut Findings,
) -> Option<Vec<Row>> {
    let path = match value.single().map(|e| &e.kind) {
        Some(MKind::Call { callee, args }) if callee.word() == Some("file") => {
            args.first().and_then(|a| a.value.literal_text())
        }
        _ => None,
    };
    let Some(path) = path else {
        let message = "a table's rows come from a file";
        let help = "write `table branches = file(\"branches.csv\") { … }`";
        findings.push(Problem::error("E0230", value.span, message).help(help));
        return None;
    };
    let owner = model.sources.package(decl.span).map(str::to_owned);
    let read = project
        .asset_of(owner.as_deref(), &path)
        .map_err(|e| e.reason)
        .and_then(|octets| {
            String::from_utf8(octets).map_err(|e| {
                let at = e.utf8_error().valid_up_to();
                format!("not UTF-8 from octet {at} on; save the file as UTF-8")
            })
        });
    let text = match read {
        Ok(text) => text,
        Err(reason) => {
            let message = format!("`{path}` can't be read: {reason}");
            let help = "name a CSV file of the project, in UTF-8";
            findings.push(Problem::error("E0231", value.span, message).help(help));
            return None;
        }
    };
    let shown = owner.map_or_else(|| path.clone(), |label| format!("{label}/{path}"));
    let file = super::super::parse::add_file(model, SourceFile::new(shown, &text, true));
    let separator = decl
        .attribute("separator")
        .and_then(|e| e.single()?.literal_text());
    let mut lines = Lines {
        text: &text,
        file,
        separator: separator.and_then(|s| s.bytes().next()).unwrap_or(b','),
        columns,
    };
    lines.rows(value.span, findings)
}

struct Lines<'t> {
    text: &'t str,
    file: u32,
    separator: u8,
    columns: &'t [Column],
}

impl Lines<'_> {
    fn rows(&mut self, span: Span, findings: &mut Findings) -> Option<Vec<Row>> {
        let body = self.text.strip_prefix('\u{FEFF}').unwrap_or(self.text);
        let skipped = self.text.len() - body.len();
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.separator)
            .flexible(true)
            .from_reader(body.as_bytes());
        let places = self.heading(&mut reader, skipped, span, findings)?;
        let mut rows = Vec::new();
        let before = findings.len();
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let message = format!("the file can't be read on: {error}");
                    findings.push(Problem::error("E0231", span, message).help("save it as CSV"));
                    break;
                }
            }
            if rows.len() >= MAX_TABLE_ROWS {
                too_many(span, findings);
                break;
            }
            let start = record.position().map_or(0, csv::Position::byte);
            let start = usize::try_from(start).unwrap_or(0) + skipped;
            rows.push(self.row(&record, start, &places, findings));
            if findings.len() - before >= TOLD {
                let message = format!("more than {TOLD} cells are wrong; the rest is not told");
                findings.push(Problem::error("E0232", span, message).help("correct these first"));
                break;
            }
        }
        Some(rows)
    }

    /// Numbers of the file's columns, in the order of the table's.
    fn heading(
        &self,
        reader: &mut csv::Reader<&[u8]>,
        skipped: usize,
        span: Span,
        findings: &mut Findings,
    ) -> Option<Vec<usize>> {
        let heads: Vec<String> = match reader.headers() {
            Ok(heads) => heads.iter().map(|h| h.trim().to_owned()).collect(),
            Err(_) => Vec::new(),
        };
        let mut places = Vec::new();
        for column in self.columns {
            let mut found = heads.iter().enumerate().filter(|(_, h)| **h == column.name);
            match (found.next(), found.next()) {
                (Some((at, _)), None) => places.push(at),
                (first, _) => {
                    let names: Vec<&str> = heads.iter().map(String::as_str).take(40).collect();
                    let twice = if first.is_some() {
                        "names it twice"
                    } else {
                        "lacks it"
                    };
                    let message = format!("the column `{}`: the first line {twice}", column.name);
                    let help = format!(
                        "the first line names the columns; it has: {}",
                        names.join(", ")
                    );
                    let place = self.span(skipped, self.text.lines().next().map_or(0, str::len));
                    let problem = Problem::error("E0231", place, message);
                    findings.push(problem.label(span, "the table").help(help));
                    return None;
                }
            }
        }
        Some(places)
    }

    fn row(
        &self,
        record: &csv::StringRecord,
        start: usize,
        places: &[usize],
        findings: &mut Findings,
    ) -> Row {
        let spans = self.fields(start);
        let whole = spans.last().map_or(start, |(_, end)| *end);
        let mut row = Row {
            cells: Vec::new(),
            places: Vec::new(),
        };
        for (column, at) in self.columns.iter().zip(places) {
            let (from, to) = spans.get(*at).copied().unwrap_or((start, whole));
            let place = self.span(from, to);
            row.places.push(place);
            match cells::canonical(column, record.get(*at).unwrap_or("")) {
                Ok(cell) => row.cells.push(cell),
                Err(reason) => findings.push(bad(place, column, &reason)),
            }
        }
        row
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            start: number(start),
            end: number(end),
        }
    }

    /// Where the fields of the record that begins at an octet stand, quotes and all.
    fn fields(&self, start: usize) -> Vec<(usize, usize)> {
        let rest = self.text.get(start..).unwrap_or("");
        // Blank lines before a record belong to none.
        let blank = rest
            .bytes()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        let (mut quoted, mut from) = (false, start + blank);
        let mut fields = Vec::new();
        for (at, octet) in rest.bytes().enumerate().skip(blank) {
            match octet {
                b'"' => quoted = !quoted,
                b'\r' | b'\n' if !quoted => {
                    fields.push((from, start + at));
                    return fields;
                }
                octet if octet == self.separator && !quoted => {
                    fields.push((from, start + at));
                    from = start + at + 1;
                }
                _ => {}
            }
        }
        fields.push((from, self.text.len()));
        fields
    }
}

//! Spreadsheets (`.xlsx`): the rows of one sheet. The file is bounded twice: as it lies on the disk,
//! and unpacked, because a few octets can unpack to gigabytes.

use crate::{
    CellError, FileError, Found, Place, RECORD_BYTES_MAX, SPREADSHEET_BYTES_MAX,
    UNPACKED_BYTES_MAX, flat,
};
use calamine::{DataRef, Reader, Xlsx, XlsxError, open_workbook_from_rs};
use cardwright_bundle::{FieldType, Format, Record};
use std::{
    io::{BufRead, Cursor, Read},
    ops::ControlFlow,
};

/// Most parts of the archive.
const PARTS_MAX: usize = 1000;
/// Most columns that are looked at.
const COLUMNS_MAX: usize = 1024;
/// Numbers that a spreadsheet keeps digit by digit: it has 15 of them.
const EXACT: f64 = 1e15;

/// Reads a sheet.
pub(crate) fn read(
    file: &mut dyn BufRead,
    format: &Format,
    (sheet, heading): (Option<&str>, bool),
    visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let octets = bounded(file)?;
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(octets)).map_err(|_| no_xlsx())?;
    let names = book.sheet_names();
    let name = match sheet {
        Some(sheet) => names.into_iter().find(|name| name == sheet),
        None => names.into_iter().next(),
    };
    let name = name.ok_or_else(|| refused("the file has no such sheet"))?;
    let mut rows = Rows {
        format,
        heading: None,
        wants_heading: heading,
        visit,
    };
    let mut cells = book.worksheet_cells_reader(&name).map_err(|e| wrong(&e))?;
    let (mut row, mut texts): (u32, Vec<Cell>) = (0, Vec::new());
    while let Some(cell) = cells.next_cell().map_err(|e| wrong(&e))? {
        let (at, column) = cell.get_position();
        if at < row {
            return Err(refused("the rows are out of order"));
        }
        if at > row {
            if rows.row(row, std::mem::take(&mut texts))?.is_break() {
                return Ok(());
            }
            row = at;
        }
        let column = column as usize;
        if column >= COLUMNS_MAX {
            return Err(refused("the sheet has more than 1024 columns"));
        }
        if texts.len() <= column {
            texts.resize_with(column + 1, Cell::default);
        }
        if let Some(place) = texts.get_mut(column) {
            *place = Cell::new(cell.get_value());
        }
    }
    rows.row(row, texts).map(|_| ())
}

/// The whole file, after a look at what it unpacks to.
fn bounded(file: &mut dyn BufRead) -> Result<Vec<u8>, FileError> {
    let mut octets = Vec::new();
    file.take(SPREADSHEET_BYTES_MAX + 1)
        .read_to_end(&mut octets)
        .map_err(|e| FileError::unreadable(&e))?;
    if octets.len() as u64 > SPREADSHEET_BYTES_MAX {
        return Err(FileError::too_large(format!(
            "the spreadsheet is larger than {SPREADSHEET_BYTES_MAX} octets"
        )));
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(&octets)).map_err(|_| no_xlsx())?;
    if archive.len() > PARTS_MAX {
        return Err(refused("the file has too many parts"));
    }
    // What the archive says about sizes may be a lie: every part is unpacked and counted.
    let mut room = UNPACKED_BYTES_MAX;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| no_xlsx())?;
        let mut part = part.take(room + 1);
        let unpacked = std::io::copy(&mut part, &mut std::io::sink()).map_err(|_| no_xlsx())?;
        room = room.checked_sub(unpacked).ok_or_else(|| {
            FileError::too_large(format!(
                "the spreadsheet unpacks to more than {UNPACKED_BYTES_MAX} octets"
            ))
        })?;
    }
    Ok(octets)
}

fn no_xlsx() -> FileError {
    refused("the file is no `.xlsx` spreadsheet")
}

fn refused(what: &str) -> FileError {
    FileError::new(
        "R1525",
        what,
        "save the sheet as `.xlsx` without a password",
    )
}

fn wrong(_: &XlsxError) -> FileError {
    FileError::new(
        "R1523",
        "the spreadsheet is not well formed",
        "save it again",
    )
}

/// One cell: its text, and its date where it has one.
#[derive(Default)]
struct Cell {
    text: String,
    /// Year, month, day.
    date: Option<(u16, u8, u8)>,
    /// Why it has no text.
    wrong: Option<&'static str>,
}

impl Cell {
    fn new(value: &DataRef<'_>) -> Self {
        let text = |text: &str| Self {
            text: text.to_owned(),
            ..Self::default()
        };
        let wrong = |wrong| Self {
            wrong: Some(wrong),
            ..Self::default()
        };
        match value {
            DataRef::Empty => Self::default(),
            DataRef::Int(number) => text(&number.to_string()),
            DataRef::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => {
                text(&format!("{number:.0}"))
            }
            DataRef::Float(_) => {
                wrong("a number with a fraction or of more than 15 digits: format the cell as text")
            }
            DataRef::String(string) => text(string),
            DataRef::SharedString(string) => text(string),
            DataRef::Bool(flag) => text(if *flag { "true" } else { "false" }),
            DataRef::DateTime(date) if !date.is_duration() => {
                let (year, month, day, ..) = date.to_ymd_hms_milli();
                Self {
                    date: Some((year, month, day)),
                    ..Self::default()
                }
            }
            DataRef::DateTimeIso(iso) => text(iso),
            _ => wrong("an error value or a duration"),
        }
    }
}

struct Rows<'a> {
    format: &'a Format,
    heading: Option<Vec<String>>,
    wants_heading: bool,
    visit: &'a mut dyn FnMut(Found) -> ControlFlow<()>,
}

impl Rows<'_> {
    fn row(&mut self, row: u32, cells: Vec<Cell>) -> Result<ControlFlow<()>, FileError> {
        let blank = |cell: &Cell| cell.text.trim().is_empty() && cell.date.is_none();
        if cells.iter().all(|cell| blank(cell) && cell.wrong.is_none()) {
            return Ok(ControlFlow::Continue(()));
        }
        let texts: Vec<String> = cells.iter().map(|cell| cell.text.clone()).collect();
        if texts.iter().map(String::len).sum::<usize>() > RECORD_BYTES_MAX {
            return Err(FileError::too_large(format!(
                "row {} holds more than {RECORD_BYTES_MAX} octets",
                row + 1
            )));
        }
        if self.wants_heading && self.heading.is_none() {
            self.heading = Some(texts);
            return Ok(ControlFlow::Continue(()));
        }
        let record = flat::find_text(self.format, "", Some(&texts));
        let found = record.and_then(|index| self.format.records.get(index));
        let cells = match found {
            Some(found) => self.cut(found, &cells, texts),
            None => Err(CellError::record(
                "R1505",
                "no record of the format begins like this row",
            )),
        };
        Ok((self.visit)(Found {
            place: Place {
                line: u64::from(row) + 1,
                octet: 0,
            },
            record,
            cells,
        }))
    }

    /// Cells by their fields: dates by the field's pattern, truths by its word.
    fn cut(
        &self,
        record: &Record,
        cells: &[Cell],
        mut texts: Vec<String>,
    ) -> Result<crate::Cells, CellError> {
        for field in &record.fields {
            let named = field.place.as_deref().zip(self.heading.as_deref());
            let at = match named {
                Some((name, heading)) => heading.iter().position(|found| found.trim() == name),
                None => Some(field.at.saturating_sub(1) as usize),
            };
            let at = at.unwrap_or(usize::MAX);
            let Some(cell) = cells.get(at) else {
                // A row ends with its last cell that is not empty.
                if at < COLUMNS_MAX && texts.len() <= at {
                    texts.resize(at + 1, String::new());
                }
                continue;
            };
            if let Some(reason) = cell.wrong {
                return Err(CellError::field("R1522", &field.name, reason));
            }
            let text = match (&field.field_type, cell.date, cell.text.as_str()) {
                (FieldType::Date { pattern }, Some(date), _) => dated(date, pattern),
                (_, Some(date), _) => dated(date, "YYYY-MM-DD"),
                (FieldType::Flag { word }, _, "true") => word.clone(),
                (FieldType::Flag { .. }, _, "false") => String::new(),
                // A sheet takes leading zeros off.
                (FieldType::Digits { digits }, _, text)
                    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) =>
                {
                    format!("{text:0>width$}", width = *digits as usize)
                }
                _ => continue,
            };
            if let Some(place) = texts.get_mut(at) {
                *place = text;
            }
        }
        flat::cut_cells(record, &texts, self.heading.as_deref())
    }
}

fn dated((year, month, day): (u16, u8, u8), pattern: &str) -> String {
    pattern
        .replace("YYYY", &format!("{year:04}"))
        .replace("YY", &format!("{:02}", year % 100))
        .replace("MM", &format!("{month:02}"))
        .replace("DD", &format!("{day:02}"))
}

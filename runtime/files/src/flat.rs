//! Flat records: fields at columns, fields between delimiters.

use crate::{CellError, Cells, characters::Characters, coding};
use cardwright_bundle::{Field, FileKind, Format, Record};

/// Characters `at` (from 1) to `at + width` of a line, or none when the line is shorter.
pub(crate) fn columns(line: &str, at: u32, width: u32) -> Option<&str> {
    let (start, width) = (at.checked_sub(1)? as usize, width as usize);
    if line.is_ascii() {
        return line.get(start..start.checked_add(width)?);
    }
    let mut offsets = line
        .char_indices()
        .map(|(offset, _)| offset)
        .chain([line.len()]);
    let first = offsets.nth(start)?;
    let last = if width == 0 {
        first
    } else {
        offsets.nth(width - 1)?
    };
    line.get(first..last)
}

/// Whether a field of the format is not characters, so that its columns are octets.
pub(crate) fn is_mixed(format: &Format) -> bool {
    let mut fields = format.records.iter().flat_map(|r| &r.fields);
    fields.any(|field| !field.coding.is_text())
}

/// Octets of a field's occurrence in a record of octets.
fn octets_at(field: &Field, n: u32, octets: &[u8]) -> Option<Vec<u8>> {
    let width = field.width as usize;
    let start = (field.at.checked_sub(1)? as usize).checked_add(width.checked_mul(n as usize)?)?;
    let found = octets.get(start..start.checked_add(width)?)?;
    Some(found.to_vec())
}

/// The declared record that a record of octets is.
pub(crate) fn find_octets(
    format: &Format,
    octets: &[u8],
    characters: &Characters,
) -> Option<usize> {
    format.records.iter().position(|record| match &record.when {
        None => true,
        Some(test) => {
            let start = test.at.saturating_sub(1) as usize;
            let place = octets.get(start..start.saturating_add(test.width as usize));
            place
                .and_then(|place| characters.decode(place).ok())
                .as_deref()
                == Some(test.equals.as_str())
        }
    })
}

/// The declared record that a line of text is.
pub(crate) fn find_text(format: &Format, line: &str, cells: Option<&[String]>) -> Option<usize> {
    format.records.iter().position(|record| match &record.when {
        None => true,
        Some(test) => match cells {
            Some(cells) if test.width == 0 => {
                cells.get(test.at.saturating_sub(1) as usize) == Some(&test.equals)
            }
            _ => columns(line, test.at, test.width) == Some(test.equals.as_str()),
        },
    })
}

fn ends_before(field: &Field) -> CellError {
    CellError::field("R1504", &field.name, "the record ends before this field")
}

/// All fields, each occurrence by `cell`.
pub(crate) fn gather(
    record: &Record,
    cell: impl Fn(&Field, u32) -> Result<String, CellError>,
) -> Result<Cells, CellError> {
    let fields = record.fields.iter();
    let texts = fields.map(|field| (0..field.repeat).map(|n| cell(field, n)).collect());
    Ok(Cells::new(texts.collect::<Result<_, _>>()?))
}

/// Fields of a line at their columns, counted in characters.
pub(crate) fn cut_text(record: &Record, line: &str) -> Result<Cells, CellError> {
    let found = line.chars().count();
    let needed = check_length(record, found)?;
    if !line.chars().skip(needed).all(|c| c == ' ') {
        return Err(wrong_length(found, needed));
    }
    gather(record, |field, n| {
        let at = field.at.saturating_add(n.saturating_mul(field.width));
        columns(line, at, field.width)
            .map(str::to_owned)
            .ok_or_else(|| ends_before(field))
    })
}

/// Fields of a record at their columns, counted in octets.
pub(crate) fn cut_octets(
    record: &Record,
    octets: &[u8],
    characters: &Characters,
) -> Result<Cells, CellError> {
    let needed = check_length(record, octets.len())?;
    let tail = octets.get(needed..).unwrap_or_default();
    if !tail.iter().all(|octet| *octet == 0)
        && !characters
            .decode(tail)
            .is_ok_and(|tail| tail.chars().all(|c| c == ' '))
    {
        return Err(wrong_length(octets.len(), needed));
    }
    gather(record, |field, n| {
        let octets = octets_at(field, n, octets).ok_or_else(|| ends_before(field))?;
        coding::decode(field, &octets, characters)
    })
}

fn width_of(record: &Record) -> usize {
    let ends = record.fields.iter().map(|field| {
        let width = u64::from(field.width).saturating_mul(u64::from(field.repeat));
        u64::from(field.at.saturating_sub(1)).saturating_add(width)
    });
    let mark = record.when.as_ref().map_or(0, |test| {
        u64::from(test.at.saturating_sub(1)) + u64::from(test.width)
    });
    usize::try_from(ends.max().unwrap_or(0).max(mark)).unwrap_or(usize::MAX)
}

fn check_length(record: &Record, found: usize) -> Result<usize, CellError> {
    let needed = width_of(record);
    if found >= needed {
        return Ok(needed);
    }
    Err(wrong_length(found, needed))
}

fn wrong_length(found: usize, needed: usize) -> CellError {
    let reason = format!("the record has {found} characters, the format says {needed}");
    CellError::record("R1504", reason)
}

/// The fields between delimiters.
pub(crate) fn split(line: &str, delimiter: char, quote: char) -> Result<Vec<String>, CellError> {
    let byte = |c: char| {
        u8::try_from(c).map_err(|_| CellError::record("R1504", "the delimiter is not one octet"))
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(byte(delimiter)?)
        .quote(byte(quote)?)
        .from_reader(line.as_bytes());
    let mut records = reader.records();
    let record = records
        .next()
        .and_then(Result::ok)
        .ok_or_else(|| CellError::record("R1504", "the fields can't be told apart"))?;
    if records.next().is_some() || is_open(line, delimiter, quote) {
        return Err(CellError::record("R1504", "a quote that is not closed"));
    }
    Ok(record.iter().map(str::to_owned).collect())
}

/// Whether the line ends inside quotes.
fn is_open(line: &str, delimiter: char, quote: char) -> bool {
    #[derive(Clone, Copy)]
    enum At {
        Begin,
        Bare,
        Quoted,
        /// A quote inside quotes: their end, or the first of two.
        Quote,
    }
    let mut at = At::Begin;
    for character in line.chars() {
        at = match at {
            At::Quoted if character == quote => At::Quote,
            At::Quoted => At::Quoted,
            At::Quote if character == quote => At::Quoted,
            At::Begin if character == quote => At::Quoted,
            _ if character == delimiter => At::Begin,
            _ => At::Bare,
        };
    }
    matches!(at, At::Quoted)
}

/// What a spreadsheet would take for a formula stands behind an apostrophe in a delimited file.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@'])
}

/// A field of a delimited record, its guard against formulas taken off.
fn unguarded(field: &Field, cell: &str) -> String {
    let guarded = cell.strip_prefix('\'').filter(|rest| is_formula(rest));
    match guarded {
        Some(rest) if !is_number(field) => rest.to_owned(),
        _ => cell.to_owned(),
    }
}

fn is_number(field: &Field) -> bool {
    matches!(
        field.field_type,
        cardwright_bundle::FieldType::Number { .. }
    )
}

/// Fields of a delimited record or a row by number, or by the heading's names.
pub(crate) fn cut_cells(
    record: &Record,
    cells: &[String],
    heading: Option<&[String]>,
) -> Result<Cells, CellError> {
    gather(record, |field, n| {
        let first = match (&field.place, heading) {
            (Some(name), Some(heading)) => heading
                .iter()
                .position(|found| found.trim() == name.as_str())
                .ok_or_else(|| {
                    CellError::field("R1525", &field.name, "the heading has no such column")
                })?,
            _ => field.at.saturating_sub(1) as usize,
        };
        let cell = cells.get(first.saturating_add(n as usize));
        cell.map(|cell| unguarded(field, cell))
            .ok_or_else(|| ends_before(field))
    })
}

/// A record with fields at columns, to be written.
pub(crate) fn fixed(
    record: &Record,
    cells: &Cells,
    characters: &Characters,
    mixed: bool,
) -> Result<Vec<u8>, CellError> {
    if mixed {
        return fixed_octets(record, cells, characters);
    }
    let mut line: Vec<char> = vec![' '; width_of(record)];
    if let Some(test) = &record.when {
        put(&mut line, test.at, &test.equals.chars().collect::<Vec<_>>());
    }
    for (index, field) in record.fields.iter().enumerate() {
        for (n, text) in (0..field.repeat).zip(cells.of(index)) {
            if text.chars().count() > field.width as usize {
                return Err(too_long(field));
            }
            let octets = coding::encode(field, text, Some(field.width as usize), characters)?;
            let text = characters.decode(&octets).unwrap_or_default();
            let at = field.at.saturating_add(n.saturating_mul(field.width));
            put(&mut line, at, &text.chars().collect::<Vec<_>>());
        }
    }
    let line: String = line.into_iter().collect();
    characters
        .encode(&line)
        .ok_or_else(|| CellError::record("R1526", "a character that the encoding lacks"))
}

fn fixed_octets(
    record: &Record,
    cells: &Cells,
    characters: &Characters,
) -> Result<Vec<u8>, CellError> {
    let space = characters.encode(" ").and_then(|s| s.first().copied());
    let mut octets = vec![space.unwrap_or(b' '); width_of(record)];
    if let Some(test) = &record.when {
        let mark = characters.encode(&test.equals).unwrap_or_default();
        put(&mut octets, test.at, &mark);
    }
    for (index, field) in record.fields.iter().enumerate() {
        for n in 0..field.repeat {
            let text = cells.of(index).get(n as usize).map_or("", String::as_str);
            let found = coding::encode(field, text, Some(field.width as usize), characters)?;
            if found.len() > field.width as usize {
                return Err(too_long(field));
            }
            let at = field.at.saturating_add(n.saturating_mul(field.width));
            put(&mut octets, at, &found);
        }
    }
    Ok(octets)
}

fn put<T: Copy>(line: &mut [T], at: u32, text: &[T]) {
    let places = line.iter_mut().skip(at.saturating_sub(1) as usize);
    for (place, value) in places.zip(text) {
        *place = *value;
    }
}

pub(crate) fn too_long(field: &Field) -> CellError {
    let reason = format!("longer than its {} characters", field.width);
    CellError::field("R1526", &field.name, reason)
}

/// A delimited record, to be written.
pub(crate) fn delimited(record: &Record, cells: &Cells, format: &Format) -> Option<String> {
    let FileKind::Delimited {
        delimiter, quote, ..
    } = format.kind
    else {
        return None;
    };
    let mut row: Vec<String> = Vec::new();
    let mut set = |at: u32, text: String| {
        let at = at.saturating_sub(1) as usize;
        if row.len() <= at {
            row.resize(at + 1, String::new());
        }
        if let Some(cell) = row.get_mut(at) {
            *cell = text;
        }
    };
    if let Some(test) = &record.when {
        set(test.at, test.equals.clone());
    }
    for (index, field) in record.fields.iter().enumerate() {
        for (n, text) in (0..field.repeat).zip(cells.of(index)) {
            let guard = if is_formula(text) && !is_number(field) {
                "'"
            } else {
                ""
            };
            set(field.at.saturating_add(n), format!("{guard}{text}"));
        }
    }
    Some(join(&row, delimiter, quote))
}

/// Cells between delimiters; quoted where they must be.
pub(crate) fn join(row: &[String], delimiter: char, quote: char) -> String {
    let quoted = |cell: &String| {
        // A line of one empty cell would be an empty line, which is no record.
        let alone = row.len() == 1 && cell.is_empty();
        if alone || cell.contains([delimiter, quote, '\n', '\r']) {
            let doubled = cell.replace(quote, &format!("{quote}{quote}"));
            format!("{quote}{doubled}{quote}")
        } else {
            cell.clone()
        }
    };
    let cells: Vec<String> = row.iter().map(quoted).collect();
    cells.join(&delimiter.to_string())
}

//! Rows of text files.

use crate::StationError;
use cardwright_bundle::{Encoding, Format, Line, Record};
use cardwright_runtime::{Value, plan::Values};

/// The fields of a record as text.
pub(super) fn cells(record: &Record, values: &Values) -> Result<Vec<String>, StationError> {
    record
        .fields
        .iter()
        .map(|field| match field.value {
            None => Ok(String::new()),
            Some(id) => Ok(match values.get(id)? {
                Value::Text(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Flag(flag) => if *flag { "Y" } else { "N" }.to_owned(),
                Value::Date(date) => date.format("YYYYMMDD"),
                Value::Bytes(bytes) => hex::encode_upper(bytes),
                _ => return Err(no_fit(&field.name)),
            }),
        })
        .collect()
}

fn no_fit(field: &str) -> StationError {
    StationError::new(
        "R1108",
        format!("field `{field}` of an output file can't hold its value"),
        "make the field wider, or shorten the value in its expression",
    )
}

/// Cells between delimiters; quoted where they must be.
pub(super) fn delimited(cells: &[String], delimiter: char, quote: char) -> String {
    let quoted = |cell: &String| {
        // A cell that a spreadsheet would take for a formula is quoted with a leading apostrophe.
        let cell = if cell.starts_with(['=', '+', '-', '@']) {
            format!("'{cell}")
        } else {
            cell.clone()
        };
        let needs = cell.contains([delimiter, quote, '\n', '\r']);
        if needs {
            let doubled = cell.replace(quote, &format!("{quote}{quote}"));
            format!("{quote}{doubled}{quote}")
        } else {
            cell
        }
    };
    cells
        .iter()
        .map(quoted)
        .collect::<Vec<_>>()
        .join(&delimiter.to_string())
}

/// Cells at their columns.
pub(super) fn fixed_width(record: &Record, cells: &[String]) -> Result<String, StationError> {
    let width = record
        .fields
        .iter()
        .map(|f| f.at + f.width - 1)
        .max()
        .unwrap_or(0) as usize;
    let mut line = vec![' '; width];
    if let Some(test) = &record.when {
        write_at(&mut line, test.at, test.width, &test.equals, "mark")?;
    }
    for (field, cell) in record.fields.iter().zip(cells) {
        write_at(&mut line, field.at, field.width, cell, &field.name)?;
    }
    Ok(line.into_iter().collect())
}

fn write_at(
    line: &mut Vec<char>,
    at: u32,
    width: u32,
    text: &str,
    field: &str,
) -> Result<(), StationError> {
    if text.chars().count() > width as usize {
        return Err(no_fit(field));
    }
    let start = at.saturating_sub(1) as usize;
    let end = start + width as usize;
    if line.len() < end {
        line.resize(end, ' ');
    }
    for (place, character) in line.iter_mut().skip(start).zip(text.chars()) {
        *place = character;
    }
    Ok(())
}

/// A line in the format's encoding, with its end.
pub(super) fn encode(line: &str, format: &Format) -> Result<Vec<u8>, StationError> {
    let mut bytes = match format.encoding {
        Encoding::Utf8 => line.as_bytes().to_vec(),
        Encoding::Ascii if line.is_ascii() => line.as_bytes().to_vec(),
        Encoding::Ascii => return Err(no_fit("(a character that is not ASCII)")),
        Encoding::Latin1 => line
            .chars()
            .map(|c| u8::try_from(u32::from(c)))
            .collect::<Result<_, _>>()
            .map_err(|_| no_fit("(a character that is not ISO/IEC 8859-1)"))?,
    };
    bytes.extend_from_slice(match format.line {
        Line::Lf => b"\n",
        Line::Crlf => b"\r\n",
    });
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::delimited;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let cells = [
            "a;b".to_owned(),
            "say \"x\"".to_owned(),
            "=1+1".to_owned(),
            "ok".to_owned(),
        ];
        assert_eq!(delimited(&cells, ';', '"'), r#""a;b";"say ""x""";'=1+1;ok"#);
    }
}

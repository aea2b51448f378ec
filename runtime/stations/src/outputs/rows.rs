//! Values of a record as the texts that files hold.

use crate::StationError;
use cardwright_bundle::{Field, FieldType, Record};
use cardwright_files::{CellError, Cells};
use cardwright_runtime::{Value, plan::Values};

/// The fields of a record as text; numbers that the writing gives are still blank.
pub(super) fn cells(record: &Record, values: &Values) -> Result<Cells, StationError> {
    let fields = record.fields.iter().map(|field| match field.value {
        None => Ok(vec![String::new()]),
        Some(id) => texts(field, values.get(id)?),
    });
    Ok(Cells::new(fields.collect::<Result<_, _>>()?))
}

fn texts(field: &Field, value: &Value) -> Result<Vec<String>, StationError> {
    Ok(vec![match (value, &field.field_type) {
        (Value::Text(text), _) => text.clone(),
        (Value::Number(number), _) => number.to_string(),
        (Value::Flag(true), FieldType::Flag { word }) => word.clone(),
        (Value::Flag(false), FieldType::Flag { .. }) => String::new(),
        (Value::Flag(flag), _) => if *flag { "Y" } else { "N" }.to_owned(),
        (Value::Date(date), FieldType::Date { pattern }) => date.format(pattern),
        (Value::Date(date), _) => date.format("YYYYMMDD"),
        (Value::Bytes(bytes), _) => hex::encode_upper(bytes),
        (Value::TextList(lines), _) => {
            let mut lines = lines.clone();
            if lines.len() > field.repeat as usize {
                return Err(no_fit(&field.name, "more values than it occurs"));
            }
            lines.resize(field.repeat as usize, String::new());
            return Ok(lines);
        }
        _ => return Err(no_fit(&field.name, "something that is no text")),
    }])
}

pub(super) fn no_fit(field: &str, why: &str) -> StationError {
    StationError::new(
        "R1108",
        format!("field `{field}` of an output file can't hold its value: {why}"),
        "make the field wider, or shorten the value in its expression",
    )
}

/// What the format itself finds wrong with a value.
pub(super) fn refused(error: CellError) -> StationError {
    let field = error.field.unwrap_or_else(|| "(record)".to_owned());
    StationError::new(
        error.code,
        format!("field `{field}` of an output file: {}", error.reason),
        "make the field wider, or shorten the value in its expression",
    )
}

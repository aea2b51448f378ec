//! What goes back to the bank about a card: the fields of the job's text files.
//!
//! Files for other machines (CPS, tagged modules) hold the card's groupings again, under a
//! transport key; they are not repeated here.

use cardwright_bundle::{FileKind, Format, Job, Record as Declared, Role};
use cardwright_ports::HsmSession;
use cardwright_runtime::{
    Loaded, RuntimeError, Value,
    datagen::CardData,
    plan::{BoundKeys, Fields, Prepared, Run, RunFacts},
};
use cardwright_stations::StationError;

/// One record of a text file.
pub struct Row {
    /// Format that wrote it.
    pub format: String,
    /// File name.
    pub file: String,
    /// Fields in order: name and text.
    pub cells: Vec<(String, String)>,
}

/// An order that was made, as its files see it.
pub(crate) struct Finished<'a> {
    pub(crate) fields: &'a dyn Fields,
    pub(crate) facts: &'a RunFacts,
    pub(crate) data: &'a CardData,
    pub(crate) order: u64,
}

/// The rows of all text files of a job.
pub(crate) fn rows(
    loaded: &Loaded,
    job: &Job,
    keys: &BoundKeys,
    session: &mut dyn HsmSession,
    finished: &Finished<'_>,
) -> Result<Vec<Row>, StationError> {
    let mut facts = finished.facts.clone();
    facts.set("result", Value::Text("produced".to_owned()));
    facts.set("serial", Value::Text(String::new()));
    let mut rows = Vec::new();
    for output in &job.outputs {
        let formats = &loaded.content().formats;
        let Some(format) = formats
            .iter()
            .find(|f| f.name == output.format && is_text(f))
        else {
            continue;
        };
        for record in &format.records {
            // Headers, trailers and ends of groups are about all orders, not about this one.
            if record.once || record.role == Some(Role::Closes) {
                continue;
            }
            let Some(program) = record.program else {
                continue;
            };
            let program = Prepared::new(loaded.program(program)?, keys, loaded)?;
            let mut draws = finished.data.draws.clone();
            let mut run = Run {
                fields: finished.fields,
                facts: &facts,
                session: Some(&mut *session),
                job: &job.name,
                order: finished.order,
                draws: &mut draws,
            };
            let values = program.run(&mut run)?;
            let value = |id: u32| values.get(id).and_then(text);
            rows.push(Row {
                format: format.name.clone(),
                file: format.file_name.clone().unwrap_or_default(),
                cells: cells(record, value)?,
            });
        }
    }
    Ok(rows)
}

fn is_text(format: &Format) -> bool {
    !matches!(format.kind, FileKind::Cps | FileKind::Machine)
}

fn cells(
    record: &Declared,
    value: impl Fn(u32) -> Result<String, RuntimeError>,
) -> Result<Vec<(String, String)>, StationError> {
    let fields = record.fields.iter();
    let cells = fields.map(|field| {
        let text = field.value.map(&value).transpose()?.unwrap_or_default();
        Ok((field.name.clone(), text))
    });
    cells.collect()
}

/// A value as a text file writes it.
fn text(value: &Value) -> Result<String, RuntimeError> {
    Ok(match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => if *flag { "Y" } else { "N" }.to_owned(),
        Value::Date(date) => date.format("YYYYMMDD"),
        Value::Bytes(octets) => hex::encode_upper(octets),
        Value::TextList(lines) => lines.join(" / "),
        // What the HSM sealed never stands in a text file.
        _ => "<sealed>".to_owned(),
    })
}

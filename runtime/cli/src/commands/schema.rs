//! `schema`: JSON Schemas of what a site reads and writes.

use crate::{
    arguments::{Schema, SchemaName},
    failure::Failure,
    site::SiteFile,
    terminal,
};
use cardwright_stations::report::Report;
use schemars::{JsonSchema, generate::SchemaSettings};

/// Prints a schema; without a name, their names.
pub(crate) fn run(arguments: &Schema) -> Result<u8, Failure> {
    let settings = SchemaSettings::draft2020_12();
    let text = match arguments.name {
        None => "report\nsite".to_owned(),
        // What is empty may be left out where the type says so.
        Some(SchemaName::Report) => schema::<Report>(settings.for_serialize()),
        // What has a default may be left out.
        Some(SchemaName::Site) => schema::<SiteFile>(settings),
    };
    terminal::print(&text);
    Ok(0)
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> String {
    let made = settings.into_generator().into_root_schema_for::<T>();
    serde_json::to_string_pretty(&made).unwrap_or_default()
}

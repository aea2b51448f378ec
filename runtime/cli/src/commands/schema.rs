//! `schema`: JSON Schemas of what a site reads and writes.

use crate::{
    arguments::{Schema, SchemaName},
    failure::Failure,
    site::SiteFile,
    terminal,
};
use cardwright_keys::reports;
use cardwright_stations::report::Report;
use clap::{ValueEnum, builder::PossibleValue};
use schemars::{JsonSchema, generate::SchemaSettings};

/// Prints a schema; without a name, their names.
pub(crate) fn run(arguments: &Schema) -> Result<u8, Failure> {
    let Some(name) = arguments.name else {
        for name in SchemaName::value_variants() {
            let name = name.to_possible_value();
            terminal::print(name.as_ref().map_or("", PossibleValue::get_name));
        }
        return Ok(0);
    };
    let settings = SchemaSettings::draft2020_12();
    // What is empty may be left out where the type says so.
    let written = settings.clone().for_serialize();
    let text = match name {
        SchemaName::Report => schema::<Report>(written),
        // What has a default may be left out.
        SchemaName::Site => schema::<SiteFile>(settings),
        SchemaName::KeysList => schema::<reports::InventoryReport>(written),
        SchemaName::KeysDue => schema::<reports::DueReport>(written),
        SchemaName::KeysUse => schema::<reports::UseReport>(written),
        SchemaName::KeysCheck => schema::<reports::CheckReport>(written),
        SchemaName::KeysPackages => schema::<reports::PackagesReport>(written),
        SchemaName::KeysSites => schema::<reports::SitesReport>(written),
    };
    terminal::print(&text);
    Ok(0)
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> String {
    let made = settings.into_generator().into_root_schema_for::<T>();
    serde_json::to_string_pretty(&made).unwrap_or_default()
}

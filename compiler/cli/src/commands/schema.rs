//! `schema`: JSON Schemas of what this tool reads and writes.

use super::inspect::Inspected;
use crate::{
    arguments::Schema,
    failure::{Failure, exit},
    findings::FindingShown,
    project::write_whole,
    terminal,
};
use cardwright_compiler::project::Manifest;
use cardwright_rehearsal::Why;
use cardwright_review::{Comparison, Speeds};
use schemars::{JsonSchema, Schema as Made, generate::SchemaSettings};

/// A schema's name, and what makes it.
type Named = (&'static str, fn() -> Made);

/// Sorted.
static SCHEMAS: &[Named] = &[
    ("diff", written::<Comparison>),
    ("finding", written::<FindingShown>),
    ("inspect", written::<Inspected>),
    ("manifest", read::<Manifest>),
    ("speeds", read::<Speeds>),
    ("why", written::<Why>),
];

/// Of what is read: what has a default may be left out.
fn read<T: JsonSchema>() -> Made {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
}

/// Of what is written: what is empty may be left out where the type says so.
fn written<T: JsonSchema>() -> Made {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>()
}

/// Carries the verb out.
pub(crate) fn run(arguments: &Schema) -> Result<u8, Failure> {
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, &e))?;
        for (name, make) in SCHEMAS {
            let path = folder.join(format!("{name}.json"));
            write_whole(&path, text(&make()).as_bytes())?;
            terminal::print(&path.display().to_string());
        }
        return Ok(0);
    }
    let Some(name) = arguments.name.as_deref() else {
        SCHEMAS.iter().for_each(|(name, _)| terminal::print(name));
        return Ok(0);
    };
    let found = SCHEMAS.iter().find(|(of, _)| *of == name).ok_or_else(|| {
        let names: Vec<&str> = SCHEMAS.iter().map(|(name, _)| *name).collect();
        let what = format!("no schema `{name}`; there are {}", names.join(", "));
        Failure::new(exit::USAGE, "E0188", what, "leave the name out to see all")
    })?;
    terminal::print(text(&found.1()).trim_end());
    Ok(0)
}

fn text(schema: &Made) -> String {
    format!(
        "{}\n",
        serde_json::to_string_pretty(schema).unwrap_or_default()
    )
}

//! Load: a bundle is hostile until every reference, type, secrecy level and limit was checked.
//!
//! Nothing here touches a key, a device or a store.

mod content_management;
mod formats;
mod layouts;
mod program;
mod references;
mod script;
mod tables;
mod taint;
mod words;

pub(crate) use tables::value as cell_value;

use crate::RuntimeError;
use cardwright_bundle::{Bundle, Content, Job, Limits, LookupTable, Program, Trust};
use std::sync::Arc;

/// A bundle that was verified and whose every reference holds.
#[derive(Clone, Debug)]
pub struct Loaded {
    bundle: Bundle,
    /// The content's tables, shared by all programs that look into them.
    tables: Vec<Arc<LookupTable>>,
}

/// Opens, verifies and checks a bundle.
pub fn load(bytes: &[u8], limits: &Limits, trust: &Trust) -> Result<Loaded, RuntimeError> {
    let bundle = Bundle::open(bytes, limits)?;
    bundle.trusted_by(trust)?;
    check(&bundle)?;
    Ok(Loaded::of(bundle))
}

/// Checks a bundle that the author's side holds in memory, for rehearsal.
pub fn accept(bundle: Bundle) -> Result<Loaded, RuntimeError> {
    check(&bundle)?;
    Ok(Loaded::of(bundle))
}

fn check(bundle: &Bundle) -> Result<(), RuntimeError> {
    for (index, program) in bundle.content().programs.iter().enumerate() {
        program::check(index, program, bundle.content())?;
    }
    tables::check(bundle.content())?;
    words::check(bundle)?;
    references::check(bundle)
}

impl Loaded {
    /// The bundle.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    fn of(bundle: Bundle) -> Self {
        let tables = bundle.content().tables.iter().cloned().map(Arc::new);
        Self {
            tables: tables.collect(),
            bundle,
        }
    }

    /// A table by index.
    pub fn table(&self, index: u32) -> Result<Arc<LookupTable>, RuntimeError> {
        self.tables
            .get(index as usize)
            .cloned()
            .ok_or_else(|| broken("a table that is not there"))
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        self.bundle.content()
    }

    /// A program by index.
    pub fn program(&self, index: u32) -> Result<&Program, RuntimeError> {
        self.content()
            .programs
            .get(index as usize)
            .ok_or_else(|| broken("a program that is not there"))
    }

    /// A job by name, or the only one.
    pub fn job(&self, name: Option<&str>) -> Result<&Job, RuntimeError> {
        let jobs = &self.content().jobs;
        let found = match name {
            Some(name) => jobs.iter().find(|job| job.name == name),
            None => jobs.first().filter(|_| jobs.len() == 1),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
            RuntimeError::new(
                "R1105",
                format!("the bundle's jobs are: {}", names.join(", ")),
                "name one of them with `--job`",
            )
        })
    }
}

pub(crate) fn broken(what: &str) -> RuntimeError {
    RuntimeError::new(
        "R1101",
        format!("the bundle refers to {what}"),
        "build the bundle again with a compiler of this version",
    )
}

//! `intake`: an order file becomes a job that waits.

use super::{bundle, run};
use crate::{arguments::Intake, failure::Failure, site::Site, terminal};
use cardwright_ports::Store;
use std::path::Path;

/// Takes a file in.
pub(crate) fn run(site: &Path, arguments: &Intake) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    let bytes = bundle::read(&arguments.bundle)?;
    let loaded = bundle::verify(&site, &bytes)?;
    let store = site.store()?;
    bundle::accept(&site, &store, &loaded, &bytes)?;
    let id = run::intake(
        &site,
        &store,
        &loaded,
        &arguments.orders,
        (&arguments.with, arguments.file_number),
        arguments.job.as_deref(),
    )?;
    let counts = store.counts(id)?;
    terminal::print(&format!(
        "job {id}: {} orders taken, {} records refused",
        counts.total(),
        counts.refused
    ));
    Ok(0)
}

//! `dump`: the stable text print of bundle, plan and journal.

use crate::{
    arguments::{Dump, DumpNoun},
    failure::Failure,
    site::Site,
    terminal,
};
use cardwright_bundle::{Bundle, Limits};
use cardwright_ports::Store;
use cardwright_runtime::{load, print};
use std::path::Path;

/// Prints one noun.
pub(crate) fn run(site: &Path, arguments: &Dump) -> Result<u8, Failure> {
    match &arguments.noun {
        DumpNoun::Bundle { file } => {
            let bundle = open(file)?;
            let text = serde_json::to_string_pretty(bundle.content()).unwrap_or_default();
            terminal::print(&text);
        }
        DumpNoun::Plan { file } => {
            let loaded = load::accept(open(file)?)?;
            terminal::print(print::plan(&loaded)?.trim_end());
        }
        DumpNoun::Journal { job } => {
            let store = Site::open(site)?.store()?;
            let mut after = 0;
            loop {
                let lines = store.journal(*job, after, 1_000)?;
                let Some((last, ..)) = lines.last() else {
                    break;
                };
                after = *last;
                lines.iter().for_each(|(_, _, line)| terminal::print(line));
            }
        }
    }
    Ok(0)
}

fn open(file: &Path) -> Result<Bundle, Failure> {
    let bytes = super::bundle::read(file)?;
    Bundle::open(&bytes, &Limits::default())
        .map_err(|e| cardwright_runtime::RuntimeError::from(e).into())
}

//! The output files of a job for one order, as octets: written by the line's own writers into a
//! scratch folder.

use cardwright_bundle::{Card, FileKind, Format, Job};
use cardwright_ports::HsmSession;
use cardwright_runtime::{
    Loaded,
    datagen::CardData,
    plan::{BoundKeys, Fields, RunFacts},
};
use cardwright_stations::{
    StationError,
    outputs::{Finished, OutputFiles},
};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileNature {
    /// A bank's file.
    Plain,
    /// EMV CPS records.
    Cps,
    /// Lines of tagged modules.
    Machine,
}

/// One output file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMade {
    /// Format that wrote it.
    pub format: String,
    /// File name.
    pub name: String,
    /// What it is.
    pub nature: FileNature,
    /// Its octets. Secrets in it are under a transport key.
    pub octets: Vec<u8>,
}

/// An order and its card, as files see them.
pub(crate) struct Source<'s> {
    pub(crate) loaded: &'s Loaded,
    pub(crate) job: &'s Job,
    pub(crate) keys: &'s BoundKeys,
    pub(crate) card: &'s Card,
    pub(crate) fields: &'s dyn Fields,
    pub(crate) facts: &'s RunFacts,
    pub(crate) data: &'s CardData,
    pub(crate) order: u64,
}

/// Writes all files of the job for one order.
pub(crate) fn files(
    source: &Source<'_>,
    session: &mut dyn HsmSession,
) -> Result<Vec<FileMade>, StationError> {
    if source.job.outputs.is_empty() {
        return Ok(Vec::new());
    }
    let folder = tempfile::tempdir().map_err(|error| scratch(&error))?;
    let mut files = OutputFiles::create(folder.path(), source.loaded, source.job, source.keys)?;
    let finished = Finished {
        fields: source.fields,
        facts: source.facts,
        card: source.card,
        data: source.data,
        job: &source.job.name,
        order: source.order,
    };
    files.add(&finished, session)?;
    let written = files.finish()?;
    let formats = &source.loaded.content().formats;
    let made = written.into_iter().map(|file| {
        let path = folder.path().join(&file.name);
        Ok(FileMade {
            octets: std::fs::read(path).map_err(|error| scratch(&error))?,
            nature: nature(formats, &file.format),
            format: file.format,
            name: file.name,
        })
    });
    made.collect()
}

fn nature(formats: &[Format], name: &str) -> FileNature {
    match formats.iter().find(|f| f.name == name).map(|f| &f.kind) {
        Some(FileKind::Cps) => FileNature::Cps,
        Some(FileKind::Machine) => FileNature::Machine,
        _ => FileNature::Plain,
    }
}

fn scratch(error: &std::io::Error) -> StationError {
    StationError::new(
        "R1196",
        format!("no scratch folder for the output files: {error}"),
        "make room in the folder for temporary files",
    )
}

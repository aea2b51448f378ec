//! Output files: what the bank and its partners get back, written by the bundle's own formats.
//!
//! Files are written beside their final name and renamed when complete, so that a file with the
//! final name is always whole.

mod cps;
mod machine;
mod rows;

use crate::{StationError, error::file_error};
use cardwright_bundle::{Card, FileKind, Format, Job};
use cardwright_ports::HsmSession;
use cardwright_runtime::{
    Loaded,
    datagen::CardData,
    plan::{BoundKeys, Fields, Prepared, Run, RunFacts},
};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// One finished order, as output files see it.
pub struct Finished<'a> {
    /// The order's fields.
    pub fields: &'a dyn Fields,
    /// Facts of the run.
    pub facts: &'a RunFacts,
    /// Its card.
    pub card: &'a Card,
    /// Its data.
    pub data: &'a CardData,
    /// Job identifier.
    pub job: &'a str,
    /// Order number.
    pub order: u64,
}

/// A file that was written.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct WrittenFile {
    /// Name in `files/`.
    pub name: String,
    /// Format that wrote it.
    pub format: String,
    /// Card records in it.
    pub records: u64,
    /// Octets.
    pub octets: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// All output files of a job.
pub struct OutputFiles<'a> {
    files: Vec<OutputFile<'a>>,
}

struct OutputFile<'a> {
    format: &'a Format,
    loaded: &'a Loaded,
    programs: Vec<Option<Prepared>>,
    transport: Option<(cardwright_ports::hsm::KeyHandle, String)>,
    name: String,
    path: PathBuf,
    out: BufWriter<File>,
    hash: sha2::Sha256,
    records: u64,
    octets: u64,
}

impl<'a> OutputFiles<'a> {
    /// Opens the files that a job declares, in a folder that exists.
    pub fn create(
        folder: &Path,
        loaded: &'a Loaded,
        job: &'a Job,
        keys: &BoundKeys,
    ) -> Result<Self, StationError> {
        let mut files = Vec::with_capacity(job.outputs.len());
        for output in &job.outputs {
            let format = loaded
                .content()
                .formats
                .iter()
                .find(|f| f.name == output.format);
            let format = format.ok_or_else(|| missing(&output.format))?;
            let name = safe_name(format)?;
            let path = folder.join(&name);
            let part = folder.join(format!(".{name}.part"));
            let file =
                crate::report::private_file(&part).map_err(|e| file_error("an output file", &e))?;
            let programs = format
                .records
                .iter()
                .map(|record| {
                    let index = record.program;
                    index
                        .map(|i| Ok(Prepared::new(loaded.program(i)?, keys)?))
                        .transpose()
                })
                .collect::<Result<_, StationError>>()?;
            let transport = match output.transport_key {
                Some(slot) => {
                    let name = loaded
                        .content()
                        .keys
                        .get(slot as usize)
                        .map(|k| k.check_value.clone());
                    Some((keys.get(slot)?, name.unwrap_or_default()))
                }
                None => None,
            };
            let mut file = OutputFile {
                format,
                loaded,
                programs,
                transport,
                name,
                path,
                out: BufWriter::new(file),
                hash: sha2::Digest::new(),
                records: 0,
                octets: 0,
            };
            file.begin()?;
            files.push(file);
        }
        Ok(Self { files })
    }

    /// Adds a finished order to every file; call in the orders' own sequence.
    pub fn add(
        &mut self,
        finished: &Finished<'_>,
        session: &mut dyn HsmSession,
    ) -> Result<(), StationError> {
        self.files
            .iter_mut()
            .try_for_each(|file| file.add(finished, session))
    }

    /// Ends all files and gives them their names.
    pub fn finish(self) -> Result<Vec<WrittenFile>, StationError> {
        self.files.into_iter().map(OutputFile::finish).collect()
    }
}

impl OutputFile<'_> {
    fn begin(&mut self) -> Result<(), StationError> {
        if let FileKind::Delimited {
            heading: true,
            delimiter,
            quote,
        } = self.format.kind
        {
            let fields = self
                .format
                .records
                .iter()
                .find(|r| !r.once)
                .map(|r| r.fields.as_slice());
            let names: Vec<String> = fields
                .unwrap_or_default()
                .iter()
                .map(|f| f.name.clone())
                .collect();
            let line = rows::delimited(&names, delimiter, quote);
            let bytes = rows::encode(&line, self.format)?;
            self.write(&bytes)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        finished: &Finished<'_>,
        session: &mut dyn HsmSession,
    ) -> Result<(), StationError> {
        for at in 0..self.format.records.len() {
            let Some(record) = self.format.records.get(at).filter(|r| !r.once) else {
                continue;
            };
            let Some(program) = self.programs.get(at).and_then(Option::as_ref) else {
                continue;
            };
            let mut draws = finished.data.draws.clone();
            let mut run = Run {
                fields: finished.fields,
                facts: finished.facts,
                session: Some(session),
                job: finished.job,
                order: finished.order,
                draws: &mut draws,
            };
            let values = program.run(&mut run)?;
            let cells = rows::cells(record, &values)?;
            let bytes = match self.format.kind {
                FileKind::Delimited {
                    delimiter, quote, ..
                } => rows::encode(&rows::delimited(&cells, delimiter, quote), self.format)?,
                FileKind::FixedWidth => {
                    rows::encode(&rows::fixed_width(record, &cells)?, self.format)?
                }
                FileKind::Cps => {
                    let (key, check) = self.transport_key()?;
                    cps::record(self.loaded, finished, &cells, key, check, session)?
                }
                FileKind::Machine => {
                    let (key, check) = self.transport_key()?;
                    machine::record(self.loaded, finished, &cells, key, check, session)?
                }
            };
            self.write(&bytes)?;
        }
        self.records += 1;
        Ok(())
    }

    fn transport_key(&self) -> Result<(cardwright_ports::hsm::KeyHandle, &str), StationError> {
        self.transport
            .as_ref()
            .map(|(key, check)| (*key, check.as_str()))
            .ok_or_else(|| {
                StationError::new(
                    "R1101",
                    "a file with secrets and no transport key",
                    "give the format a `transport` key",
                )
            })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StationError> {
        sha2::Digest::update(&mut self.hash, bytes);
        self.octets += bytes.len() as u64;
        self.out
            .write_all(bytes)
            .map_err(|e| file_error("an output file", &e))
    }

    fn finish(self) -> Result<WrittenFile, StationError> {
        let failed = |e: std::io::Error| file_error("an output file", &e);
        let file = self.out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        let part = self.path.with_file_name(format!(".{}.part", self.name));
        std::fs::rename(&part, &self.path).map_err(failed)?;
        Ok(WrittenFile {
            name: self.name,
            format: self.format.name.clone(),
            records: self.records,
            octets: self.octets,
            sha256: hex::encode_upper(sha2::Digest::finalize(self.hash)),
        })
    }
}

fn missing(format: &str) -> StationError {
    StationError::new(
        "R1101",
        format!("no format `{format}`"),
        "build the bundle again",
    )
}

/// A file name from a bundle is hostile: one plain name, no path.
fn safe_name(format: &Format) -> Result<String, StationError> {
    let name = format
        .file_name
        .clone()
        .unwrap_or_else(|| format!("{}.txt", format.name));
    let plain = name.len() <= 64
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if plain {
        return Ok(name);
    }
    Err(StationError::new(
        "R1292",
        "a file name with something else than letters, digits, dots and dashes",
        "give the format a plain `file_name`",
    ))
}

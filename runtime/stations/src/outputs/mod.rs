//! Output files: what the bank and its partners get back, written by the bundle's own formats.
//!
//! Files are written beside their final name and renamed when complete, so that a file with the
//! final name is always whole.

mod cps;
mod machine;
mod rows;
mod sheet;
mod spool;

use crate::StationError;
use cardwright_bundle::{Arrangement, Card, FileKind, Format, Job, NodeId, Role, Sequence};
use cardwright_ports::{HsmSession, batch::CardAnswer};
use cardwright_runtime::{
    Loaded,
    datagen::CardData,
    plan::{BoundKeys, Draws, Fields, Part, Prepared, Row, RunFacts},
};
use sheet::{Around, Sheet};
use spool::{Item, SortKey, Spool};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Most files that one format may write in a job.
const FILES_MAX: usize = 200;

/// Gives a file of a format its number among all that were written; the same file always the same.
pub type Numbers<'a> = &'a dyn Fn(&str, &str) -> Result<u64, StationError>;

/// Numbers of a site that has written nothing.
fn first(_: &str, _: &str) -> Result<u64, StationError> {
    Ok(1)
}

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
    outputs: Vec<Output<'a>>,
}

/// One declared output: a file, or a file for each name that its orders give.
struct Output<'a> {
    format: &'a Format,
    loaded: &'a Loaded,
    folder: PathBuf,
    programs: Vec<Option<Prepared>>,
    transport: Option<(cardwright_ports::hsm::KeyHandle, String)>,
    arrangement: Option<(&'a Arrangement, Prepared)>,
    /// What headers and trailers may say of the input and of the run.
    around: Around,
    spool: Option<Spool>,
    sheets: BTreeMap<String, Sheet<'a>>,
    numbers: Numbers<'a>,
}

impl<'a> OutputFiles<'a> {
    /// Opens the files that a job declares, in a folder that exists; each is the first of its format.
    pub fn create(
        folder: &Path,
        loaded: &'a Loaded,
        job: &'a Job,
        keys: &BoundKeys,
    ) -> Result<Self, StationError> {
        Self::numbered(folder, loaded, job, keys, &first)
    }

    /// The same where the site's store numbers them.
    pub fn numbered(
        folder: &Path,
        loaded: &'a Loaded,
        job: &'a Job,
        keys: &BoundKeys,
        numbers: Numbers<'a>,
    ) -> Result<Self, StationError> {
        let outputs = job.outputs.iter();
        let outputs = outputs.map(|output| Output::create(folder, loaded, output, keys, numbers));
        Ok(Self {
            outputs: outputs.collect::<Result<_, _>>()?,
        })
    }

    /// Adds a finished order to every file; call in the orders' own sequence.
    pub fn add(
        &mut self,
        finished: &Finished<'_>,
        session: &mut dyn HsmSession,
    ) -> Result<(), StationError> {
        self.add_all(std::slice::from_ref(finished), session)
    }

    /// Adds finished orders of one job to every file, in their sequence: the HSM gets each kind of call for all
    /// of them together.
    pub fn add_all(
        &mut self,
        finished: &[Finished<'_>],
        session: &mut dyn HsmSession,
    ) -> Result<(), StationError> {
        self.outputs
            .iter_mut()
            .try_for_each(|output| output.add_all(finished, session))
    }

    /// Ends all files and gives them their names.
    pub fn finish(self) -> Result<Vec<WrittenFile>, StationError> {
        let mut written = Vec::new();
        for output in self.outputs {
            written.extend(output.finish()?);
        }
        Ok(written)
    }
}

impl<'a> Output<'a> {
    fn create(
        folder: &Path,
        loaded: &'a Loaded,
        output: &'a cardwright_bundle::Output,
        keys: &BoundKeys,
        numbers: Numbers<'a>,
    ) -> Result<Self, StationError> {
        let formats = &loaded.content().formats;
        let format = formats.iter().find(|f| f.name == output.format);
        let format = format.ok_or_else(|| missing(&output.format))?;
        // What no field holds, and the side of a choice that an order does not take, cost no call.
        let prepare = |index: u32, nodes: Vec<NodeId>| -> Result<Prepared, StationError> {
            let part = Part {
                nodes,
                ..Part::default()
            };
            let program = loaded.program(index)?;
            Ok(Prepared::of_parts(program, keys, loaded, vec![part])?)
        };
        let programs = format.records.iter().map(|record| {
            let nodes = || record.fields.iter().filter_map(|f| f.value).collect();
            let program = record.program.map(|index| prepare(index, nodes()));
            program.transpose()
        });
        let transport = match output.transport_key {
            Some(slot) => {
                let key = loaded.content().keys.get(slot as usize);
                let check = key.map(|k| k.check_value.clone()).unwrap_or_default();
                Some((keys.get(slot)?, check))
            }
            None => None,
        };
        let arrangement = match &format.arrangement {
            Some(arrangement) => {
                let sort = arrangement.sort.iter().copied();
                let nodes = sort.chain(arrangement.file_name).collect();
                Some((arrangement, prepare(arrangement.program, nodes)?))
            }
            None => None,
        };
        let mut output = Self {
            format,
            loaded,
            folder: folder.to_owned(),
            programs: programs.collect::<Result<_, _>>()?,
            transport,
            arrangement,
            around: Around::default(),
            spool: None,
            sheets: BTreeMap::new(),
            numbers,
        };
        let arrangement = output.format.arrangement.as_ref();
        if arrangement.is_none_or(|a| a.file_name.is_none()) {
            let name = output.constant_name();
            output.open(&name)?;
        }
        if arrangement.is_some_and(|a| !a.sort.is_empty()) {
            let name = format!(".{}.spool", output.format.name);
            output.spool = Some(Spool::create(&folder.join(name))?);
        }
        Ok(output)
    }

    fn constant_name(&self) -> String {
        let name = self.format.file_name.clone();
        name.unwrap_or_else(|| format!("{}.txt", self.format.name))
    }

    /// The file of a name, which is opened when it is the first time.
    fn open(&mut self, name: &str) -> Result<&mut Sheet<'a>, StationError> {
        if !self.sheets.contains_key(name) {
            if self.sheets.len() >= FILES_MAX {
                return Err(StationError::new(
                    "R1288",
                    format!("`{}` makes more than {FILES_MAX} files", self.format.name),
                    "name files by something that fewer orders differ in",
                ));
            }
            safe_name(name)?;
            let mut fields = self.format.records.iter().flat_map(|r| &r.fields);
            let number = match fields.any(|f| f.sequence == Some(Sequence::Files)) {
                true => (self.numbers)(&self.format.name, name)?,
                false => 1,
            };
            let sheet = Sheet::create(&self.folder, name, self.format, self.loaded, number)?;
            self.sheets.insert(name.to_owned(), sheet);
        }
        self.sheets
            .get_mut(name)
            .ok_or_else(|| missing(&self.format.name))
    }

    fn add_all(
        &mut self,
        finished: &[Finished<'_>],
        session: &mut dyn HsmSession,
    ) -> Result<(), StationError> {
        let items = self.items(finished, session)?;
        if matches!(self.format.kind, FileKind::Cps | FileKind::Machine) {
            let records = self.secret_records(finished, &items, session)?;
            for (finished, octets) in finished.iter().zip(records) {
                self.around.see(finished, self.format, self.loaded);
                let name = self.constant_name();
                self.open(&name)?.raw(&octets)?;
            }
            return Ok(());
        }
        for (finished, mut item) in finished.iter().zip(items) {
            self.around.see(finished, self.format, self.loaded);
            match &mut self.spool {
                Some(spool) => spool.add(&item)?,
                None => self.emit(&mut item)?,
            }
        }
        Ok(())
    }

    /// What orders give to the file, before their places in it are known.
    fn items(
        &self,
        finished: &[Finished<'_>],
        session: &mut dyn HsmSession,
    ) -> Result<Vec<Item>, StationError> {
        let mut draws: Vec<Draws> = finished.iter().map(|f| f.data.draws.clone()).collect();
        let job = finished.first().map_or("", |first| first.job);
        let mut run = |program: &Prepared| {
            let rows = finished
                .iter()
                .zip(&mut draws)
                .map(|(finished, draws)| Row {
                    fields: finished.fields,
                    facts: finished.facts,
                    order: finished.order,
                    draws,
                });
            let mut rows: Vec<Row<'_>> = rows.collect();
            program.run_rows(&mut rows, &mut Some(&mut *session), job)
        };
        let blank = |_: &Finished<'_>| Item::new(self.constant_name());
        let mut items: Vec<Item> = finished.iter().map(blank).collect();
        for (index, record) in self.format.records.iter().enumerate() {
            let of_order = !record.once && record.role != Some(Role::Closes);
            let program = self.programs.get(index).and_then(Option::as_ref);
            if let (Some(program), true) = (program, of_order) {
                for (item, values) in items.iter_mut().zip(run(program)) {
                    let cells = rows::cells(record, &values)?;
                    item.records.push((index, cells.all().to_vec()));
                }
            }
        }
        if let Some((arrangement, program)) = &self.arrangement {
            for (item, values) in items.iter_mut().zip(run(program)) {
                for id in &arrangement.sort {
                    item.sort.push(SortKey::of(values.get(*id)?)?);
                }
                item.groups = arrangement.groups as usize;
                if let Some(id) = arrangement.file_name {
                    values.text(id)?.clone_into(&mut item.file);
                }
            }
        }
        Ok(items)
    }

    /// Writes an order into its file.
    fn emit(&mut self, item: &mut Item) -> Result<(), StationError> {
        let around = std::mem::take(&mut self.around);
        let programs = std::mem::take(&mut self.programs);
        let result = self
            .open(&item.file)
            .and_then(|sheet| sheet.order(item, &programs, &around));
        (self.around, self.programs) = (around, programs);
        result
    }

    /// Records with secrets: the values of all of them go under the transport key in one batch.
    fn secret_records(
        &self,
        finished: &[Finished<'_>],
        items: &[Item],
        session: &mut dyn HsmSession,
    ) -> Result<Vec<Vec<u8>>, StationError> {
        let (key, check) = self.transport_key()?;
        let is_cps = matches!(self.format.kind, FileKind::Cps);
        let texts: Vec<machine::Texts> = match is_cps {
            true => Vec::new(),
            false => finished.iter().map(machine::texts).collect(),
        };
        let mut calls = Vec::new();
        for (place, finished) in finished.iter().enumerate() {
            calls.extend(
                texts
                    .get(place)
                    .into_iter()
                    .flat_map(|t| machine::calls(t, key)),
            );
            calls.extend(cps::calls(finished, key)?);
        }
        let mut answers = match calls.as_slice() {
            [] => Vec::new(),
            calls => session.batch(calls),
        }
        .into_iter()
        .map(|answer| match answer? {
            CardAnswer::Octets(octets) => Ok(octets),
            _ => Err(no_answer()),
        });
        let mut records = Vec::with_capacity(finished.len());
        for (finished, item) in finished.iter().zip(items) {
            let cells = item.records.iter().flat_map(|(_, cells)| cells).flatten();
            let cells: Vec<String> = cells.cloned().collect();
            let mut chip = Enciphered {
                check_value: check,
                answers: &mut answers,
            };
            records.push(match is_cps {
                true => cps::record(self.loaded, finished, &cells, &mut chip)?,
                false => machine::record(self.loaded, finished, &cells, &mut chip)?,
            });
        }
        Ok(records)
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

    fn finish(mut self) -> Result<Vec<WrittenFile>, StationError> {
        if let Some(spool) = self.spool.take() {
            spool.replay(&mut |mut item| self.emit(&mut item))?;
        }
        let (programs, around) = (self.programs, self.around);
        let sheets = self.sheets.into_values();
        sheets
            .map(|sheet| sheet.finish(&programs, &around))
            .collect()
    }
}

/// Values under a transport key, in the sequence in which they were asked for.
struct Enciphered<'e> {
    /// Check value of the key.
    check_value: &'e str,
    answers: &'e mut dyn Iterator<Item = Result<Vec<u8>, StationError>>,
}

impl Enciphered<'_> {
    fn next(&mut self) -> Result<Vec<u8>, StationError> {
        self.answers.next().ok_or_else(no_answer)?
    }
}

fn no_answer() -> StationError {
    StationError::new(
        "R1101",
        "an HSM that answered otherwise than it was asked",
        "look at the HSM's driver",
    )
}

fn missing(format: &str) -> StationError {
    StationError::new(
        "R1101",
        format!("no format `{format}`"),
        "build the bundle again",
    )
}

/// A file name from a bundle or an order is hostile: one plain name, no path.
fn safe_name(name: &str) -> Result<(), StationError> {
    let plain = (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if plain {
        return Ok(());
    }
    Err(StationError::new(
        "R1292",
        "a file name with something else than letters, digits, dots and dashes",
        "give the format a plain `file_name`",
    ))
}

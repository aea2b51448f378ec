//! One output file while it is written: header, groups, records, trailer, and what is counted.

use super::{
    Finished, WrittenFile, rows,
    spool::{Item, SortKey},
};
use crate::{StationError, error::file_error};
use cardwright_bundle::{Format, Op, Role, Sequence};
use cardwright_files::{Cells, Writer};
use cardwright_runtime::{
    Loaded, Value,
    intake::Totals,
    plan::{Draws, Fields, Prepared, Run, RunFacts, Values},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// What headers and trailers may say beside totals: the run, and what stands once in the input.
#[derive(Default)]
pub(super) struct Around {
    facts: Option<RunFacts>,
    once: BTreeMap<(String, String), Value>,
}

impl Around {
    /// Remembers, from the first order, what is the same for all.
    pub(super) fn see(&mut self, finished: &Finished<'_>, format: &Format, loaded: &Loaded) {
        if self.facts.is_some() {
            return;
        }
        self.facts = Some(finished.facts.clone());
        let records = format.records.iter();
        let around = records.filter(|r| r.once || r.role == Some(Role::Closes));
        let programs = around.filter_map(|r| loaded.program(r.program?).ok());
        for node in programs.flat_map(|program| &program.nodes) {
            if let Op::Field { record, field } = &node.op
                && let Some(value) = finished.fields.field(record, field)
            {
                self.once
                    .insert((record.clone(), field.clone()), value.clone());
            }
        }
    }
}

/// The fields and totals that a header or trailer sees.
struct Seen<'s> {
    around: &'s Around,
    totals: &'s Totals,
}

impl Fields for Seen<'_> {
    fn field(&self, record: &str, field: &str) -> Option<&Value> {
        let key = (record.to_owned(), field.to_owned());
        self.around.once.get(&key)
    }
    fn count(&self, record: &str) -> i64 {
        self.totals.count(record)
    }
    fn sum(&self, record: &str, field: &str, digits: u32) -> Option<i64> {
        self.totals.sum(record, field, digits)
    }
}

/// One file.
pub(super) struct Sheet<'a> {
    format: &'a Format,
    writer: Writer<'a>,
    name: String,
    path: PathBuf,
    out: BufWriter<File>,
    hash: sha2::Sha256,
    octets: u64,
    orders: u64,
    begun: bool,
    totals: Totals,
    group_totals: Totals,
    group: Option<Vec<SortKey>>,
    groups: i64,
    lines: i64,
    /// Its number among all files of its format.
    number: u64,
}

impl<'a> Sheet<'a> {
    /// Opens a file beside its final name.
    pub(super) fn create(
        folder: &Path,
        name: &str,
        format: &'a Format,
        loaded: &'a Loaded,
        number: u64,
    ) -> Result<Self, StationError> {
        let part = folder.join(format!(".{name}.part"));
        let file =
            crate::report::private_file(&part).map_err(|e| file_error("an output file", &e))?;
        let programs = format.records.iter().filter_map(|r| r.program);
        let programs: Vec<u32> = programs.collect();
        let totals = Totals::new(loaded.content(), format, programs.into_iter());
        Ok(Self {
            format,
            writer: Writer::new(format),
            name: name.to_owned(),
            path: folder.join(name),
            out: BufWriter::new(file),
            hash: sha2::Digest::new(),
            octets: 0,
            orders: 0,
            begun: false,
            group_totals: totals.clone(),
            totals,
            group: None,
            groups: 0,
            lines: 0,
            number,
        })
    }

    /// A record that is octets already.
    pub(super) fn raw(&mut self, octets: &[u8]) -> Result<(), StationError> {
        self.orders += 1;
        self.write(octets)
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), StationError> {
        sha2::Digest::update(&mut self.hash, octets);
        self.octets += octets.len() as u64;
        self.out
            .write_all(octets)
            .map_err(|e| file_error("an output file", &e))
    }

    /// The records of an order, behind the head of its group when that is a new one.
    pub(super) fn order(
        &mut self,
        item: &mut Item,
        programs: &[Option<Prepared>],
        around: &Around,
    ) -> Result<(), StationError> {
        self.begin(programs, around)?;
        if let Some(group) = item.group().map(<[SortKey]>::to_vec)
            && self.group.as_ref() != Some(&group)
        {
            self.close_group(programs, around)?;
            self.group = Some(group);
            self.groups += 1;
            self.group_totals.clear();
            self.records(&mut item.records, true)?;
        }
        self.records(&mut item.records, false)?;
        self.orders += 1;
        Ok(())
    }

    /// An order's own records, or those that open its group.
    fn records(
        &mut self,
        records: &mut [(usize, Vec<Vec<String>>)],
        opens: bool,
    ) -> Result<(), StationError> {
        for (index, texts) in records {
            let declared = self.format.records.get(*index);
            if declared.is_some_and(|r| (r.role == Some(Role::Opens)) == opens) {
                self.record(*index, std::mem::take(texts))?;
            }
        }
        Ok(())
    }

    fn record(&mut self, index: usize, mut texts: Vec<Vec<String>>) -> Result<(), StationError> {
        let Some(declared) = self.format.records.get(index) else {
            return Ok(());
        };
        self.lines += 1;
        for (field, texts) in declared.fields.iter().zip(&mut texts) {
            let number = match field.sequence {
                None => continue,
                Some(Sequence::File) => self.totals.count(&declared.name) + 1,
                Some(Sequence::Files) => i64::try_from(self.number).unwrap_or(i64::MAX),
                Some(Sequence::Group) => self.group_totals.count(&declared.name) + 1,
                Some(Sequence::Lines) => self.lines,
                Some(Sequence::Groups) => self.groups,
            };
            *texts = vec![number.to_string()];
        }
        let cells = Cells::new(texts);
        self.totals.add(&declared.name, Some(&cells));
        self.group_totals.add(&declared.name, Some(&cells));
        let octets = self.writer.record(index, &cells).map_err(rows::refused)?;
        self.write(&octets)
    }

    /// What stands before the first order: a heading, and the records that stand once before them.
    fn begin(
        &mut self,
        programs: &[Option<Prepared>],
        around: &Around,
    ) -> Result<(), StationError> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let octets = self.writer.begin().map_err(rows::refused)?;
        self.write(&octets)?;
        self.once(programs, around, true)
    }

    /// Records that stand once, before or behind the orders.
    fn once(
        &mut self,
        programs: &[Option<Prepared>],
        around: &Around,
        before: bool,
    ) -> Result<(), StationError> {
        let first = self.format.records.iter().position(|r| !r.once);
        for (index, declared) in self.format.records.iter().enumerate() {
            let is_before = first.is_none_or(|first| index < first);
            if declared.once && is_before == before {
                let totals = self.totals.clone();
                self.of_totals(index, programs, around, &totals)?;
            }
        }
        Ok(())
    }

    fn close_group(
        &mut self,
        programs: &[Option<Prepared>],
        around: &Around,
    ) -> Result<(), StationError> {
        if self.group.take().is_none() {
            return Ok(());
        }
        for (index, declared) in self.format.records.iter().enumerate() {
            if declared.role == Some(Role::Closes) {
                let totals = self.group_totals.clone();
                self.of_totals(index, programs, around, &totals)?;
            }
        }
        Ok(())
    }

    /// A header, a trailer or the end of a group.
    fn of_totals(
        &mut self,
        index: usize,
        programs: &[Option<Prepared>],
        around: &Around,
        totals: &Totals,
    ) -> Result<(), StationError> {
        let declared = self.format.records.get(index);
        let program = programs.get(index).and_then(Option::as_ref);
        let (Some(declared), Some(program)) = (declared, program) else {
            return Ok(());
        };
        let none = RunFacts::default();
        let mut draws = Draws::default();
        let values: Values = program.run(&mut Run {
            fields: &Seen { around, totals },
            facts: around.facts.as_ref().unwrap_or(&none),
            session: None,
            job: "",
            order: 0,
            draws: &mut draws,
        })?;
        let texts = match rows::cells(declared, &values) {
            Ok(cells) => cells.all().to_vec(),
            // A file without orders knows neither the input's header nor the run.
            Err(_) if around.facts.is_none() => without_orders(declared, &values),
            Err(error) => return Err(error),
        };
        self.record(index, texts)
    }

    /// Ends the file and gives it its name.
    pub(super) fn finish(
        mut self,
        programs: &[Option<Prepared>],
        around: &Around,
    ) -> Result<WrittenFile, StationError> {
        if !matches!(
            self.format.kind,
            cardwright_bundle::FileKind::Cps | cardwright_bundle::FileKind::Machine
        ) {
            self.begin(programs, around)?;
            self.close_group(programs, around)?;
            self.once(programs, around, false)?;
            let octets = self.writer.end().map_err(rows::refused)?;
            self.write(&octets)?;
        }
        let failed = |e: std::io::Error| file_error("an output file", &e);
        let file = self.out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        let part = self.path.with_file_name(format!(".{}.part", self.name));
        std::fs::rename(&part, &self.path).map_err(failed)?;
        Ok(WrittenFile {
            name: self.name,
            format: self.format.name.clone(),
            records: self.orders,
            octets: self.octets,
            sha256: hex::encode_upper(sha2::Digest::finalize(self.hash)),
        })
    }
}

/// The fields that have a value although there is no order; the others are blank.
fn without_orders(declared: &cardwright_bundle::Record, values: &Values) -> Vec<Vec<String>> {
    let fields = declared.fields.iter();
    let texts = fields.map(|field| {
        let number = field.value.and_then(|id| values.get(id).ok()?.number());
        vec![number.map(|n| n.to_string()).unwrap_or_default()]
    });
    texts.collect()
}

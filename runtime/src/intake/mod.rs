//! Intake: an order file, read by the bundle's own format.
//!
//! A scan goes over the whole file before anything is taken: a record that is wrong is rejected
//! with line, field and reason while the rest goes on; a file that breaks a rule of the whole is
//! refused whole. Memory does not grow with the file: what a `unique` rule has seen lies with the
//! store, and good and bad records are shown to the caller one by one.

mod fields;
mod join;
mod pictures;
mod record;
mod rules;
mod scan;
mod totals;

use crate::{
    Date, Loaded, RuntimeError, Value,
    load::broken,
    plan::{BoundKeys, Draws, Prepared, Run, RunFacts},
};
use cardwright_bundle::{FieldType, Format, Job, PictureRules, Sequence};
use cardwright_ports::store::Seen;
use std::{collections::BTreeMap, io::BufRead};

pub use join::JOINED_RECORDS_MAX;
pub use pictures::{Fetched, KeptPicture, NotTaken, Pictures};
use record::Part;
pub use record::Record;
pub use totals::Totals;

/// Most records of one file.
pub const RECORDS_MAX: u64 = 10_000_000;
/// Most rejections that are worth going on after.
pub const REJECTIONS_MAX: u64 = 100_000;

/// An order that was taken.
#[derive(Clone)]
pub struct Order {
    /// Number among the file's orders, from 1, rejected ones counted.
    pub number: u64,
    /// Line in the file, from 1.
    pub line: u64,
    /// Product code.
    pub product: String,
    /// 0 express, 1 normal.
    pub priority: u8,
    /// The texts of its records: what is kept, encrypted, for the job.
    pub text: String,
    /// Its pictures: kept, encrypted, apart from the texts, which name them by their digests.
    pub pictures: Vec<KeptPicture>,
}

/// A rule that an order broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenRule {
    /// Of the job's conditions on orders, by its number from 0.
    Job(usize),
    /// Of the format's rules, by its number from 0.
    Format(usize),
}

/// A record that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rejection {
    /// Line in the file, from 1.
    pub line: u64,
    /// Number of the order, if the record was one.
    pub order: Option<u64>,
    /// Stable code.
    pub code: String,
    /// Field, if one is to blame.
    pub field: Option<String>,
    /// Why; never a value of the record.
    pub reason: String,
    /// The rule that was broken, if one was. No report has it: it counts in this bundle only.
    #[serde(skip)]
    pub rule: Option<BrokenRule>,
}

/// What a scan found.
#[derive(Clone, Default)]
pub struct Summary {
    /// Order records in the file.
    pub orders: u64,
    /// Orders taken.
    pub accepted: u64,
    /// Records not taken.
    pub rejected: u64,
    /// Fields of the records that stand once (header, trailer).
    pub once: Once,
    /// Their lines, to be kept with each order so that it can be read again by itself.
    pub once_lines: Vec<String>,
}

/// A record that a scan shows.
pub enum Shown {
    /// A good order.
    Order(Order),
    /// A record that is not taken.
    Rejection(Rejection),
}

/// Records that stand once in a file, by name.
pub type Once = BTreeMap<String, BTreeMap<String, Value>>;

/// Reads order files for one job of a bundle.
pub struct Intake<'a> {
    pub(crate) format: &'a Format,
    pub(crate) job: &'a Job,
    pub(crate) program: Prepared,
    pub(crate) rules: Vec<rules::Rule<'a>>,
    pub(crate) tables: Vec<join::Table<'a>>,
    totals: Totals,
    pub(crate) today: Date,
    pictures: Option<&'a dyn Pictures>,
}

impl<'a> Intake<'a> {
    /// Prepares the job's format and rules.
    pub fn new(loaded: &'a Loaded, job: &'a Job, today: Date) -> Result<Self, RuntimeError> {
        let format = loaded
            .content()
            .formats
            .iter()
            .find(|format| format.name == job.input)
            .ok_or_else(|| broken("an input format that is not there"))?;
        Self::over(loaded, job, format, today)
    }

    /// The same, over another writing of the job's format: what a rehearsal writes itself.
    pub fn over(
        loaded: &'a Loaded,
        job: &'a Job,
        format: &'a Format,
        today: Date,
    ) -> Result<Self, RuntimeError> {
        let program = Prepared::new(loaded.program(job.program)?, &BoundKeys::none(), loaded)?;
        let rules = rules::prepare(loaded, format)?;
        let tables = format
            .joins
            .iter()
            .map(|join| join::Table::new(loaded.content(), join))
            .collect::<Option<_>>()
            .ok_or_else(|| broken("a second file that is not there"))?;
        Ok(Self {
            format,
            job,
            program,
            rules,
            tables,
            totals: Totals::of_rules(loaded.content(), format),
            today,
            pictures: None,
        })
    }

    /// From now on, scans fetch the pictures of orders, and reject an order for a bad one. Without
    /// it, orders that a scan shows are judged by their texts alone, and are not to be kept.
    pub fn fetch_from(&mut self, pictures: &'a dyn Pictures) {
        self.pictures = Some(pictures);
    }

    /// Fields of the job's record that hold pictures.
    pub fn picture_fields(&self) -> impl Iterator<Item = (&'a str, &'a PictureRules)> {
        pictures::fields(self.format, &self.job.record).map(|(_, name, rules)| (name, rules))
    }

    /// The pictures of an order that was read again: field and SHA-256 of each.
    ///
    /// # Errors
    /// R1107 where the order does not name its pictures as intake does.
    pub fn pictures_of(&self, record: &Record) -> Result<Vec<(String, [u8; 32])>, RuntimeError> {
        pictures::named(self.format, &self.job.record, record)
    }

    /// Reads a second file that orders are joined with, by the join's name.
    pub fn join(&mut self, name: &str, file: &mut dyn BufRead) -> Result<(), RuntimeError> {
        match self.tables.iter_mut().find(|t| t.join.name == name) {
            Some(table) => table.read(None, file),
            None => {
                let names: Vec<&str> = self.tables.iter().map(|t| t.join.name.as_str()).collect();
                let what = format!(
                    "`{name}` is joined to nothing; joined are: {}",
                    names.join(", ")
                );
                Err(refused("R1532", what, "name a join of the format"))
            }
        }
    }

    /// Reads a second file in another writing of its format.
    pub fn join_as(
        &mut self,
        name: &str,
        format: &Format,
        file: &mut dyn BufRead,
    ) -> Result<(), RuntimeError> {
        let mut tables = self.tables.iter_mut();
        match tables.find(|t| t.join.name == name) {
            Some(table) => table.read(Some(format), file),
            None => Err(broken("a second file that is not there")),
        }
    }

    /// Names of the second files that are wanted.
    pub fn joins(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|table| table.join.name.as_str())
    }

    /// The number that a file says it has in its customer's sequence, and how many digits such
    /// numbers have; none where the format keeps no sequence.
    pub fn file_number(&self, once: &Once) -> Option<(u64, u32)> {
        let mut numbered = self
            .format
            .records
            .iter()
            .filter(|r| r.once)
            .flat_map(|record| {
                let fields = record.fields.iter().map(move |field| (record, field));
                fields.filter(|(_, field)| field.sequence == Some(Sequence::Files))
            });
        let (record, field) = numbered.next()?;
        let digits = match field.field_type {
            FieldType::Number { digits } => digits,
            _ => 18,
        };
        let number = match once.get(&record.name)?.get(&field.name)? {
            Value::Number(number) => u64::try_from(*number).ok()?,
            Value::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        Some((number, digits))
    }

    /// The format that is read.
    pub fn format(&self) -> &Format {
        self.format
    }

    /// Goes over a whole file and shows each order and each record that is not taken, in the order
    /// of their lines; an error refuses the whole file. `seen` is empty.
    pub fn scan(
        &self,
        file: &mut dyn BufRead,
        seen: &mut dyn Seen,
        visit: &mut Visit<'_>,
    ) -> Result<Summary, RuntimeError> {
        scan::scan(self, file, seen, visit)
    }

    /// Reads an order again from the text that was kept, with the file's header and trailer.
    pub fn reread(&self, order: &Order, once_lines: &[String]) -> Result<Record, RuntimeError> {
        let mut once = Once::new();
        for kept in once_lines {
            let (name, values) = self.recall(kept)?;
            once.insert(name, values);
        }
        let mut own = None;
        let mut parts = Vec::new();
        for kept in record::unbound(&order.text) {
            let (name, values) = self.recall(kept)?;
            let declared = self.format.records.iter().find(|r| r.name == name);
            if name == self.job.record {
                own = Some(values);
            } else if declared.is_some_and(|d| d.part_of.is_some()) {
                let kept = String::new();
                parts.push(Part { name, values, kept });
            } else {
                once.insert(name, values);
            }
        }
        let own = own.ok_or_else(|| broken("an order that is none"))?;
        for table in &self.tables {
            let name = table.join.name.clone();
            once.entry(name).or_insert_with(|| table.blank());
        }
        let name = self.job.record.clone();
        Ok(Record::new(self.format, name, own, parts, once))
    }

    /// Name and values of a kept record, which may be one that was joined.
    fn recall(&self, kept: &str) -> Result<(String, record::FieldValues), RuntimeError> {
        let name = record::name_of(kept);
        let own = self.format.records.iter().find(|r| r.name == name);
        let joined = || self.tables.iter().find(|t| t.join.name == name);
        let declared = own
            .or_else(|| Some(joined()?.declared))
            .ok_or_else(|| broken("a kept record that the format lacks"))?;
        let values = record::values(declared, &record::recalled(kept, declared))
            .map_err(|e| RuntimeError::new("R1107", e.reason, "restore the job's data"))?;
        Ok((name.to_owned(), values))
    }

    pub(crate) fn facts(&self, number: u64) -> RunFacts {
        let mut facts = RunFacts::default();
        facts.set("date", Value::Date(self.today));
        facts.set(
            "sequence",
            Value::Number(i64::try_from(number).unwrap_or(i64::MAX)),
        );
        facts
    }
}

/// What a scan shows its records to.
pub type Visit<'v> = dyn FnMut(Shown) -> Result<(), RuntimeError> + 'v;

/// Facts and draws for programs that only look at the file.
pub(crate) fn look(
    program: &Prepared,
    fields: &dyn crate::plan::Fields,
    facts: &RunFacts,
) -> Result<crate::plan::Values, RuntimeError> {
    let mut draws = Draws::default();
    program.run(&mut Run {
        fields,
        facts,
        session: None,
        job: "",
        order: 0,
        draws: &mut draws,
    })
}

pub(crate) fn refused(
    code: &'static str,
    what: impl Into<String>,
    mend: &'static str,
) -> RuntimeError {
    RuntimeError::new(code, what, mend)
}

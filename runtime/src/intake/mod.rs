//! Intake: an order file, read by the bundle's own format.
//!
//! A scan goes over the whole file before anything is taken: a record that is wrong is rejected
//! with line, field and reason while the rest goes on; a file that breaks a rule of the whole is
//! refused whole. Memory does not grow with the file: what a `unique` rule has seen lies with the
//! store, and good and bad records are shown to the caller one by one.

mod fields;
mod lines;
mod record;
mod rules;

use crate::{
    Date, Loaded, RuntimeError, Value,
    load::broken,
    plan::{BoundKeys, Draws, Prepared, Run, RunFacts},
};
use cardwright_bundle::{FileKind, Format, Job};
use cardwright_ports::store::Seen;
use std::{collections::BTreeMap, io::BufRead};

pub use record::Record;

/// Most characters of one line.
pub const LINE_BYTES_MAX: usize = 64 << 10;
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
    /// The line's text: what is kept, encrypted, for the job.
    pub text: String,
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
    pub(crate) today: Date,
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
        let program = Prepared::new(loaded.program(job.program)?, &BoundKeys::none())?;
        let rules = rules::prepare(loaded, format)?;
        Ok(Self {
            format,
            job,
            program,
            rules,
            today,
        })
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
        let mut scan = Scan::new(self, seen);
        let mut lines = lines::Lines::new(file, self.format);
        if let FileKind::Delimited { heading: true, .. } = self.format.kind {
            // The first line names the columns; the format's own order is what counts.
            lines.next_line()?;
        }
        while let Some(line) = lines.next_line()? {
            scan.line(line, visit)?;
        }
        scan.finish()
    }

    /// Reads an order again from the text that was kept, with the file's header and trailer.
    pub fn reread(&self, order: &Order, once_lines: &[String]) -> Result<Record, RuntimeError> {
        let mut once = Once::new();
        for line in once_lines {
            if let Some(declared) = record::find(self.format, line) {
                let values = record::parse(self.format, declared, line)
                    .map_err(|e| RuntimeError::new("R1107", e.reason, "restore the job's data"))?;
                once.insert(declared.name.clone(), values);
            }
        }
        let declared = record::find(self.format, &order.text)
            .ok_or_else(|| broken("an order that is none"))?;
        let values = record::parse(self.format, declared, &order.text)
            .map_err(|e| RuntimeError::new("R1107", e.reason, "restore the job's data"))?;
        Ok(Record::new(declared.name.clone(), values, once))
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

struct Scan<'s, 'a> {
    intake: &'s Intake<'a>,
    summary: Summary,
    counts: BTreeMap<String, i64>,
    seen: &'s mut dyn Seen,
    records: u64,
    /// Name of a record that stands once and came after orders: the end of the file.
    trailer: Option<String>,
}

impl<'s, 'a> Scan<'s, 'a> {
    fn new(intake: &'s Intake<'a>, seen: &'s mut dyn Seen) -> Self {
        Self {
            intake,
            summary: Summary::default(),
            counts: BTreeMap::new(),
            seen,
            records: 0,
            trailer: None,
        }
    }

    fn line(&mut self, line: lines::Line, visit: &mut Visit<'_>) -> Result<(), RuntimeError> {
        self.records += 1;
        if self.records > RECORDS_MAX {
            let what = format!("more than {RECORDS_MAX} records");
            return Err(refused("R1503", what, "split the file"));
        }
        let text = match line.text {
            Ok(text) => text,
            Err(reason) => return self.reject(bad(line.number, None, "R1502", &reason), visit),
        };
        let Some(declared) = record::find(self.intake.format, &text) else {
            let reason = "no record of the format begins like this line";
            return self.reject(bad(line.number, None, "R1505", reason), visit);
        };
        if let Some(trailer) = self.trailer.as_ref().filter(|_| !declared.once) {
            let what = format!("line {} comes after the `{trailer}` record", line.number);
            return Err(refused("R1512", what, "have the file written again"));
        }
        *self.counts.entry(declared.name.clone()).or_default() += 1;
        let number = (declared.name == self.intake.job.record).then(|| {
            self.summary.orders += 1;
            self.summary.orders
        });
        let values = match record::parse(self.intake.format, declared, &text) {
            Ok(values) => values,
            Err(error) if number.is_some() => {
                let rejection = Rejection {
                    field: error.field,
                    ..bad(line.number, number, error.code, &error.reason)
                };
                return self.reject(rejection, visit);
            }
            // A header or trailer that can't be read leaves nothing to trust in the file.
            Err(error) => {
                let what = format!("line {}, {}: {}", line.number, declared.name, error.reason);
                return Err(refused("R1512", what, "have the file written again"));
            }
        };
        match number {
            Some(number) => self.order(line.number, number, text, values, visit),
            None => self.once(declared, text, values),
        }
    }

    fn once(
        &mut self,
        declared: &cardwright_bundle::Record,
        text: String,
        values: BTreeMap<String, Value>,
    ) -> Result<(), RuntimeError> {
        if declared.once && self.summary.once.contains_key(&declared.name) {
            let what = format!("a second `{}` record", declared.name);
            return Err(refused("R1512", what, "have the file written again"));
        }
        if declared.once && self.summary.orders > 0 {
            self.trailer = Some(declared.name.clone());
        }
        if declared.once {
            self.summary.once.insert(declared.name.clone(), values);
            self.summary.once_lines.push(text);
        }
        Ok(())
    }

    fn order(
        &mut self,
        line: u64,
        number: u64,
        text: String,
        values: BTreeMap<String, Value>,
        visit: &mut Visit<'_>,
    ) -> Result<(), RuntimeError> {
        let name = self.intake.job.record.clone();
        let record = Record::new(name, values, self.summary.once.clone());
        if let Some(broken) = rules::check_record(self.intake, &record, number, self.seen)? {
            if broken.refuses_file {
                let what = format!("line {line}: {}", broken.reason);
                return Err(refused(broken.code, what, "have the file written again"));
            }
            let rejection = bad(line, Some(number), broken.code, &broken.reason);
            return self.reject(rejection, visit);
        }
        let (product, priority) = match rules::choose(self.intake, &record, number)? {
            Ok(chosen) => chosen,
            Err((code, reason)) => {
                return self.reject(bad(line, Some(number), code, &reason), visit);
            }
        };
        self.summary.accepted += 1;
        visit(Shown::Order(Order {
            number,
            line,
            product,
            priority,
            text,
        }))
    }

    fn reject(&mut self, rejection: Rejection, visit: &mut Visit<'_>) -> Result<(), RuntimeError> {
        if self.summary.rejected >= REJECTIONS_MAX {
            let what = format!("more than {REJECTIONS_MAX} bad records");
            return Err(refused(
                "R1503",
                what,
                "check that this is the right file and format",
            ));
        }
        self.summary.rejected += 1;
        visit(Shown::Rejection(rejection))
    }

    fn finish(self) -> Result<Summary, RuntimeError> {
        for declared in self.intake.format.records.iter().filter(|r| r.once) {
            if !self.summary.once.contains_key(&declared.name) {
                let what = format!("the file has no `{}` record", declared.name);
                return Err(refused(
                    "R1512",
                    what,
                    "fetch the file again: it may be cut short",
                ));
            }
        }
        rules::check_file(self.intake, &self.summary, &self.counts)?;
        Ok(self.summary)
    }
}

/// A record that is not taken, with no field to blame.
fn bad(line: u64, order: Option<u64>, code: &str, reason: &str) -> Rejection {
    Rejection {
        line,
        order,
        code: code.to_owned(),
        field: None,
        reason: reason.to_owned(),
    }
}

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

//! The report of a job: derived from the store and the machine's ledger, never from what this
//! process remembers, so that it covers all processes that worked on the job.

use super::{
    Line,
    closing::{NotDrawn, WRITTEN},
    refused,
};
use crate::{
    StationError,
    error::file_error,
    outputs::WrittenFile,
    report::{
        CheckCount, LetterInDoubt, Picture, REJECTED_MAX, Reconciliation, RejectedOrder,
        ReplacedKey, Report, SCHEMA_VERSION, StationTime, Stopped, Subject, Validated,
        private_file,
    },
};
use cardwright_bundle::Environment;
use cardwright_ports::store::{
    Counts, MailerState, OrderKey, OrderQuery, OrderState, Tally, TallyKind,
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
};

/// Orders that are read at a time.
const PAGE: usize = 500;
/// Acts that this computer does; the others are the machine's own.
const COMPUTED: [&str; 4] = ["generate", "chip", "validate", "mailer"];

/// Blanks as the machine's own ledger counts them for the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closing {
    /// Taken from stock.
    pub issued: u64,
    /// Left as good.
    pub good: u64,
    /// In bins.
    pub rejected: u64,
    /// In slots.
    pub inside: u64,
}

/// What the report needs beside the line.
pub struct Finish {
    /// Lanes of the last run.
    pub lanes: usize,
    /// The machine's ledger.
    pub blanks: Closing,
    /// Job.
    pub job_id: u64,
    /// Code and reason where the run stopped before the job's end.
    pub stopped: Option<Stopped>,
}

/// What was written when the job's books were closed.
#[derive(Default, serde::Deserialize)]
struct WrittenSummary {
    carriers: u64,
    #[serde(default)]
    carriers_not_drawn: Vec<NotDrawn>,
    files: Vec<WrittenFile>,
    pictures: Vec<String>,
}

/// Rejected orders as they go by: all of them to a file, the first to the report.
struct Rejects {
    file: BufWriter<File>,
    first: Vec<RejectedOrder>,
    orders: u64,
    not_orders: u64,
}

impl Rejects {
    fn take(&mut self, order: RejectedOrder) -> Result<(), StationError> {
        match order.order {
            Some(_) => self.orders += 1,
            None => self.not_orders += 1,
        }
        let line = serde_json::to_string(&order).unwrap_or_default();
        writeln!(self.file, "{line}").map_err(|e| file_error("rejected.jsonl", &e))?;
        self.first.push(order);
        if self.first.len() >= 2 * REJECTED_MAX {
            self.shorten();
        }
        Ok(())
    }

    fn shorten(&mut self) {
        self.first.sort_by_key(|r| r.line);
        self.first.truncate(REJECTED_MAX);
    }
}

impl Line<'_> {
    /// The report of the job as the store and the machine's ledger have it. Writes
    /// `rejected.jsonl`, which has every rejected order while the report has the first ones.
    pub fn report(&self, finish: &Finish) -> Result<(Report, Vec<Picture>), StationError> {
        let parts = &self.parts;
        let counts = parts.store.counts(parts.row.id)?;
        let path = parts.out.join("rejected.jsonl");
        let file = private_file(&path).map_err(|e| file_error("rejected.jsonl", &e))?;
        let mut rejects = Rejects {
            file: BufWriter::new(file),
            first: Vec::new(),
            orders: 0,
            not_orders: 0,
        };
        refused(parts.store, parts.row.id, &mut |row| {
            let (field, reason) = self.split_field(row.reason);
            rejects.take(RejectedOrder {
                line: row.line,
                order: row.reference.parse().ok(),
                code: row.code,
                field,
                reason,
            })
        })?;
        let products = self.gather(&mut rejects)?;
        rejects.shorten();
        let flushed = rejects.file.flush();
        flushed.map_err(|e| file_error("rejected.jsonl", &e))?;
        let produced = counts.in_state(OrderState::Done);
        let orders = counts.total() + counts.refused - rejects.not_orders;
        let unknown = counts.in_state(OrderState::Unknown);
        let (written, pictures) = self.written();
        let tallies = parts.store.tallies(parts.row.id)?;
        let of = |kind| tallies.iter().filter(move |t| t.kind == kind);
        let run = sum(of(TallyKind::Run));
        let cards = sum(of(TallyKind::Cards));
        let seconds = run.total_us as f64 / 1e6;
        let report = Report {
            schema_version: SCHEMA_VERSION,
            test: parts.loaded.content().environment == Environment::Test,
            subject: self.subject(finish),
            orders,
            accepted: counts.total(),
            produced,
            failed: unfinished(&counts),
            unknown: unknown + counts.mailers_in(MailerState::Unknown),
            mailers: counts.mailers_in(MailerState::Printed),
            letters_not_drawn: counts.mailers_in(MailerState::Undrawn),
            letters_in_doubt: self.letters_in_doubt(&written)?,
            carriers: written.carriers,
            carriers_not_drawn: written.carriers_not_drawn.len() as u64,
            validated: Validated {
                passed: cards.count,
                failed: cards.failed,
                checks: of(TallyKind::Check).map(check).collect(),
            },
            runs: run.count,
            seconds,
            cards_per_second: produced as f64 / seconds.max(0.001),
            reconciliation: reconcile(orders, produced, rejects.orders, unknown, finish.blanks),
            stations: station_times(&tallies),
            products,
            files: written.files,
            replaced_keys: of(TallyKind::Replaced).map(replaced_key).collect(),
            rejected: rejects.first,
            stopped: finish.stopped.clone(),
        };
        Ok((report, pictures))
    }

    /// Intake notes a field in front of the reason: `pan: the check digit is wrong`.
    fn split_field(&self, reason: String) -> (Option<String>, String) {
        let records = &self.intake.format().records;
        match reason.split_once(": ") {
            Some((field, rest))
                if records
                    .iter()
                    .flat_map(|r| &r.fields)
                    .any(|f| f.name == field) =>
            {
                (Some(field.to_owned()), rest.to_owned())
            }
            _ => (None, reason),
        }
    }

    /// Products by name, and the orders that were rejected after intake.
    fn gather(&self, rejects: &mut Rejects) -> Result<BTreeMap<String, u64>, StationError> {
        let mut products = BTreeMap::new();
        let mut after = 0;
        loop {
            let query = OrderQuery {
                states: vec![OrderState::Done, OrderState::Rejected],
                mailer: None,
                after,
                limit: PAGE,
            };
            let rows = self.parts.store.orders(self.parts.row.id, &query)?;
            let Some(last) = rows.last() else {
                return Ok(products);
            };
            after = last.key.order;
            for row in rows {
                if row.status.state == OrderState::Done {
                    *products.entry(row.product).or_default() += 1;
                } else {
                    rejects.take(RejectedOrder {
                        line: row.line,
                        order: Some(row.key.order),
                        code: row.status.code.unwrap_or_default(),
                        field: None,
                        reason: row.status.reason.unwrap_or_default(),
                    })?;
                }
            }
        }
    }

    /// The first letters that can't be drawn or may have been printed, and the carriers that can't
    /// be drawn, each with its cause.
    fn letters_in_doubt(
        &self,
        written: &WrittenSummary,
    ) -> Result<Vec<LetterInDoubt>, StationError> {
        let mut letters = Vec::new();
        for mailer in [MailerState::Undrawn, MailerState::Unknown] {
            let query = OrderQuery {
                states: Vec::new(),
                mailer: Some(mailer),
                after: 0,
                limit: PAGE,
            };
            for row in self.parts.store.orders(self.parts.row.id, &query)? {
                let (code, reason) = match row.mailer_why {
                    Some(why) => (why.code, why.reason),
                    None => (String::new(), "no reason was noted".to_owned()),
                };
                letters.push(LetterInDoubt {
                    order: row.key.order,
                    line: row.line,
                    state: mailer.name().to_owned(),
                    code,
                    reason,
                });
            }
        }
        for carrier in written.carriers_not_drawn.iter().take(PAGE) {
            let job = self.parts.row.id;
            let order = carrier.order;
            letters.push(LetterInDoubt {
                order,
                line: self.parts.store.order(OrderKey { job, order })?.line,
                state: "CARRIER UNDRAWN".to_owned(),
                code: carrier.code.clone(),
                reason: carrier.reason.clone(),
            });
        }
        Ok(letters)
    }

    /// What [`Line::write_files`] has left; nothing before the job's end.
    fn written(&self) -> (WrittenSummary, Vec<Picture>) {
        let out = self.parts.out;
        let text = std::fs::read(out.join(WRITTEN)).unwrap_or_default();
        let written: WrittenSummary = serde_json::from_slice(&text).unwrap_or_default();
        let picture = |(at, title): (usize, &String)| {
            let png = std::fs::read(out.join(format!(".picture-{at}.png"))).ok()?;
            let title = title.clone();
            Some(Picture { title, png })
        };
        let titles = written.pictures.iter().enumerate();
        let pictures = titles.filter_map(picture).collect();
        (written, pictures)
    }

    fn subject(&self, finish: &Finish) -> Subject {
        let parts = &self.parts;
        let content = parts.loaded.content();
        Subject {
            issuer: content.issuer.name.clone(),
            bundle: content.name.clone(),
            version: content.version.clone(),
            digest: hex::encode_upper(parts.loaded.bundle().digest()),
            job: parts.job.name.clone(),
            job_id: finish.job_id.to_string(),
            order_file: parts.row.file_name.clone(),
            order_file_sha256: parts.row.file_sha256.clone(),
            date: self.date.format("YYYY-MM-DD"),
            hsm: parts.hsm.info().name,
            machine: parts.machine.describe().name,
            lanes: finish.lanes,
        }
    }
}

fn sum<'t>(tallies: impl Iterator<Item = &'t Tally>) -> Tally {
    let mut sum = Tally::new(TallyKind::Run, "");
    tallies.for_each(|tally| sum.add(tally));
    sum
}

fn replaced_key(tally: &Tally) -> ReplacedKey {
    ReplacedKey {
        version: tally.name.clone(),
        cards: tally.count,
    }
}

fn check(tally: &Tally) -> CheckCount {
    CheckCount {
        name: tally.name.clone(),
        passed: tally.count,
        failed: tally.failed,
    }
}

/// This computer's own time for what it computes; the machine's for what it does.
fn station_times(tallies: &[Tally]) -> Vec<StationTime> {
    let computed = COMPUTED.iter().filter_map(|act| {
        tallies
            .iter()
            .find(|t| t.kind == TallyKind::Computer && t.name == *act)
            .map(|tally| station(tally.name.clone(), tally, false))
    });
    let machine = tallies
        .iter()
        .filter(|t| t.kind == TallyKind::Machine)
        .map(|tally| station(format!("{} (machine)", tally.name), tally, true));
    computed.chain(machine).collect()
}

fn station(name: String, tally: &Tally, simulated: bool) -> StationTime {
    StationTime {
        station: name,
        count: tally.count,
        mean_ms: tally.total_us as f64 / tally.count.max(1) as f64 / 1_000.0,
        max_ms: tally.longest_us as f64 / 1_000.0,
        simulated,
    }
}

fn unfinished(counts: &Counts) -> u64 {
    let closed = [OrderState::Done, OrderState::Rejected, OrderState::Unknown];
    let closed: u64 = closed.iter().map(|state| counts.in_state(*state)).sum();
    counts.total().saturating_sub(closed)
}

fn reconcile(
    input: u64,
    produced: u64,
    rejected: u64,
    unknown: u64,
    blanks: Closing,
) -> Reconciliation {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Reconciliation {
        input,
        produced,
        rejected,
        unknown,
        unaccounted: signed(input) - signed(produced) - signed(rejected) - signed(unknown),
        blanks_issued: blanks.issued,
        blanks_good: blanks.good,
        blanks_rejected: blanks.rejected,
        blanks_in_machine: blanks.inside,
        blanks_unaccounted: signed(blanks.issued)
            - signed(blanks.good)
            - signed(blanks.rejected)
            - signed(blanks.inside),
    }
}

//! The end of a job: output files, carriers, and the report.

use super::{Line, refused};
use crate::{
    StationError, faces,
    outputs::{Finished, OutputFiles, WrittenFile},
    pages::{Page, Pages, Revealer},
    report::{
        CheckCount, Picture, Reconciliation, RejectedOrder, Report, SCHEMA_VERSION, StationTime,
        Subject, Validated, write_whole,
    },
};
use cardwright_bundle::{Environment, FaceSide};
use cardwright_ports::store::{Counts, OrderQuery, OrderRow, OrderState};
use cardwright_runtime::{Value, datagen::CardData, engine};
use std::collections::BTreeMap;

/// Orders that are read at a time.
const PAGE: usize = 250;
const CARRIERS_PER_DOCUMENT: usize = 50;
const WRITTEN: &str = "written.json";
const PICTURE_DPI: u32 = 110;

/// Blanks as the machine's own ledger has them.
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
pub struct Finish<'f> {
    /// Wall-clock seconds of this run.
    pub seconds: f64,
    /// Lanes.
    pub lanes: usize,
    /// Time by station, as the machine reported it.
    pub stations: &'f BTreeMap<&'static str, engine::StationTime>,
    /// The machine's ledger.
    pub blanks: Closing,
    /// Carriers and files, when written in this run.
    pub job_id: u64,
}

impl Line<'_> {
    /// Writes the bank's files and the carriers; once, before the job's key is destroyed.
    pub(crate) fn write_files(&self) -> Result<(), StationError> {
        let parts = &self.parts;
        let mut session = parts.hsm.open_session()?;
        let folder = parts.out.join("files");
        let mut files = OutputFiles::create(&folder, parts.loaded, parts.job, &self.keys)?;
        let carrier = match &parts.job.carrier {
            Some(name) => Some(Pages::new(parts.loaded, name, &self.keys)?),
            None => None,
        };
        let mut carriers: Vec<(u64, Page)> = Vec::new();
        let (mut written, mut pictures) = (0u64, Vec::new());
        let label = self.draw_label();
        self.each_done(&mut |row, data| {
            let record = self.record(row.key)?;
            let order = row.key.order;
            let mut facts = self.facts(order);
            facts.set("result", Value::Text("produced".into()));
            facts.set(
                "serial",
                Value::Text(row.status.serial.clone().unwrap_or_default()),
            );
            let made = self.made(&row.product)?;
            let finished = Finished {
                fields: &record,
                facts: &facts,
                card: made.card,
                data,
                job: &label,
                order,
            };
            files.add(&finished, session.as_mut())?;
            if let Some(layout) = &carrier {
                let session = session.as_mut();
                let page = layout.make(&record, &facts, session, &label, order, &data.draws)?;
                carriers.push((order, page));
                written += 1;
                if carriers.len() >= CARRIERS_PER_DOCUMENT {
                    self.print_carriers(&mut carriers)?;
                }
            }
            if pictures.is_empty() {
                pictures = self.pictures(row, data)?;
            }
            Ok(())
        })?;
        self.print_carriers(&mut carriers)?;
        let files = files.finish()?;
        for (at, picture) in pictures.iter().enumerate() {
            write_whole(&parts.out.join(format!(".picture-{at}.png")), &picture.png)?;
        }
        let summary = serde_json::json!({
            "carriers": written,
            "files": files,
            "pictures": pictures.iter().map(|p| &p.title).collect::<Vec<_>>(),
        });
        write_whole(
            &parts.out.join(format!(".{WRITTEN}")),
            summary.to_string().as_bytes(),
        )
    }

    fn each_done(
        &self,
        visit: &mut dyn FnMut(&OrderRow, &CardData) -> Result<(), StationError>,
    ) -> Result<(), StationError> {
        let mut after = 0;
        loop {
            let query = OrderQuery {
                states: vec![OrderState::Done],
                mailer: None,
                after,
                limit: PAGE,
            };
            let rows = self.parts.store.orders(self.parts.row.id, &query)?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.key.order;
            for row in &rows {
                let data = self.card_data(row.key)?.ok_or_else(|| {
                    StationError::new("R1107", "a card's data are gone", "restore the job")
                })?;
                visit(row, &data)?;
            }
        }
    }

    fn print_carriers(&self, carriers: &mut Vec<(u64, Page)>) -> Result<(), StationError> {
        let (Some((first, _)), Some((last, _))) = (carriers.first(), carriers.last()) else {
            return Ok(());
        };
        let layout = self.parts.job.carrier.as_deref().unwrap_or("carrier");
        let name = format!("{layout}-{first:06}-{last:06}.pdf");
        let (sheets, pages): (Vec<_>, Vec<_>) = carriers
            .drain(..)
            .map(|(_, page)| (page.sheet.clone(), page))
            .unzip();
        let mut session = self.parts.hsm.open_session()?;
        let mut revealer = Revealer::new(&pages, session.as_mut());
        let document = self
            .parts
            .paper
            .pdf(&self.stationery, &sheets, &mut revealer)?;
        write_whole(
            &self.parts.out.join("carriers").join(name),
            document.expose(),
        )
    }

    /// Both faces of a card and its letter, with everything masked that a report may not show.
    fn pictures(&self, row: &OrderRow, data: &CardData) -> Result<Vec<Picture>, StationError> {
        let made = self.made(&row.product)?;
        let mut pictures = Vec::new();
        for (side, title) in [(FaceSide::Front, "front"), (FaceSide::Back, "back")] {
            if let Some(sheet) = faces::face(made.card, side, data, true) {
                let png = self
                    .parts
                    .paper
                    .picture(&self.stationery, &sheet, 3 * PICTURE_DPI)?;
                pictures.push(Picture {
                    title: format!("{} face", title),
                    png,
                });
            }
        }
        if let Some(mailer) = &self.parts.job.mailer {
            let layout = Pages::new(self.parts.loaded, &mailer.layout, &self.keys)?;
            let mut session = self.parts.hsm.open_session()?;
            let record = self.record(row.key)?;
            let facts = self.facts(row.key.order);
            let label = self.draw_label();
            let session = session.as_mut();
            let page = layout.make(&record, &facts, session, &label, row.key.order, &data.draws)?;
            let png = self
                .parts
                .paper
                .picture(&self.stationery, &page.sheet, PICTURE_DPI)?;
            pictures.push(Picture {
                title: "PIN letter".into(),
                png,
            });
        }
        Ok(pictures)
    }

    /// The report of the job as the store and the machine's ledger have it.
    pub fn report(&self, finish: &Finish<'_>) -> Result<(Report, Vec<Picture>), StationError> {
        let parts = &self.parts;
        let counts = parts.store.counts(parts.row.id)?;
        let mut rejected = Vec::new();
        refused(parts.store, parts.row.id, &mut |row| {
            let (field, reason) = self.split_field(row.reason);
            rejected.push(RejectedOrder {
                line: row.line,
                order: row.reference.parse().ok(),
                code: row.code,
                field,
                reason,
            });
        })?;
        let products = self.gather(&mut rejected)?;
        rejected.sort_by_key(|r| r.line);
        let not_orders = rejected.iter().filter(|r| r.order.is_none()).count() as u64;
        let produced = counts.in_state(OrderState::Done);
        let orders = counts.total() + counts.refused - not_orders;
        let unknown = counts.in_state(OrderState::Unknown);
        let (files, carriers, pictures) = self.written();
        let (passed, failed) = self.tally.cards();
        // A job that went on after a stop has validated cards that this process has not seen.
        let passed = passed.max(self.validated_before()?);
        let report = Report {
            schema_version: SCHEMA_VERSION,
            test: parts.loaded.content().environment == Environment::Test,
            subject: self.subject(finish),
            orders,
            accepted: counts.total(),
            produced,
            failed: unfinished(&counts),
            unknown: unknown + counts.mailers_in(cardwright_ports::store::MailerState::Unknown),
            mailers: counts.mailers_in(cardwright_ports::store::MailerState::Printed),
            carriers,
            validated: Validated {
                passed,
                failed,
                checks: self.checks(),
            },
            seconds: finish.seconds,
            cards_per_second: produced as f64 / finish.seconds.max(0.001),
            reconciliation: reconcile(orders, produced, &rejected, unknown, finish.blanks),
            stations: self.station_times(finish),
            products,
            files,
            rejected,
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
    fn gather(
        &self,
        rejected: &mut Vec<RejectedOrder>,
    ) -> Result<BTreeMap<String, u64>, StationError> {
        let mut products = BTreeMap::new();
        let mut after = 0;
        loop {
            let query = OrderQuery {
                states: Vec::new(),
                mailer: None,
                after,
                limit: 2_000,
            };
            let rows = self.parts.store.orders(self.parts.row.id, &query)?;
            let Some(last) = rows.last() else {
                return Ok(products);
            };
            after = last.key.order;
            for row in rows {
                match row.status.state {
                    OrderState::Done => *products.entry(row.product).or_default() += 1,
                    OrderState::Rejected => rejected.push(RejectedOrder {
                        line: row.line,
                        order: Some(row.key.order),
                        code: row.status.code.unwrap_or_default(),
                        field: None,
                        reason: row.status.reason.unwrap_or_default(),
                    }),
                    _ => {}
                }
            }
        }
    }

    /// Cards whose journal line says that their checks passed.
    fn validated_before(&self) -> Result<u64, StationError> {
        let (mut after, mut passed) = (0, 0);
        loop {
            let lines = self.parts.store.journal(self.parts.row.id, after, 1_000)?;
            let Some((last, ..)) = lines.last() else {
                return Ok(passed);
            };
            after = *last;
            let good = lines
                .iter()
                .filter(|(_, _, line)| line.contains("checks passed"));
            passed += good.count() as u64;
        }
    }

    fn written(&self) -> (Vec<WrittenFile>, u64, Vec<Picture>) {
        let out = self.parts.out;
        let text = std::fs::read(out.join(format!(".{WRITTEN}"))).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        let files = value
            .get("files")
            .and_then(|files| serde_json::from_value(files.clone()).ok())
            .unwrap_or_default();
        let carriers = value
            .get("carriers")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        let titles = value.get("pictures").and_then(serde_json::Value::as_array);
        let pictures = titles
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(at, title)| {
                let png = std::fs::read(out.join(format!(".picture-{at}.png"))).ok()?;
                Some(Picture {
                    title: title.as_str()?.to_owned(),
                    png,
                })
            })
            .collect();
        (files, carriers, pictures)
    }

    fn subject(&self, finish: &Finish<'_>) -> Subject {
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

    fn checks(&self) -> Vec<CheckCount> {
        let checks = self.tally.checks();
        checks
            .into_iter()
            .map(|(name, (passed, failed))| CheckCount {
                name,
                passed,
                failed,
            })
            .collect()
    }

    /// This computer's own time for what it computes; the machine's for what it does.
    fn station_times(&self, finish: &Finish<'_>) -> Vec<StationTime> {
        let own = self.tally.times();
        let mut rows = Vec::new();
        for act in ["generate", "chip", "validate", "mailer"] {
            if let Some(time) = own.get(act) {
                rows.push(station(
                    act,
                    time.count,
                    time.total_us,
                    time.longest_us,
                    false,
                ));
            }
        }
        for (act, time) in finish.stations {
            let computed = matches!(*act, "generate" | "validate" | "mailer" | "gate");
            if !computed && time.total_us > 0 {
                let name = format!("{act} (machine)");
                rows.push(station(
                    &name,
                    time.count,
                    time.total_us,
                    time.longest_us,
                    true,
                ));
            }
        }
        rows
    }
}

fn station(name: &str, count: u64, total_us: u64, longest_us: u64, simulated: bool) -> StationTime {
    StationTime {
        station: name.to_owned(),
        count,
        mean_ms: total_us as f64 / count.max(1) as f64 / 1_000.0,
        max_ms: longest_us as f64 / 1_000.0,
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
    rejected: &[RejectedOrder],
    unknown: u64,
    blanks: Closing,
) -> Reconciliation {
    let rejected = rejected.iter().filter(|r| r.order.is_some()).count() as u64;
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

//! `job`: look at jobs, go on, give up, settle what is unknown.

use super::production::{self, Going, SystemClock};
use crate::{
    arguments::{self, Format, FoundCard, Job, JobVerb},
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_ports::{
    Clock, Store,
    store::{
        AuditEntry, Batch, Counts, JobId, JobRow, JobState, MailerState, OrderKey, OrderQuery,
        OrderRow, OrderState,
    },
};
use cardwright_runtime::engine::{self, Found, FoundForm, Settlement};
use cardwright_store::SqliteStore;
use serde_json::json;
use std::path::Path;

/// Carries the verb out.
pub(crate) fn run(site: &Path, arguments: &Job) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    let store = site.store()?;
    match &arguments.verb {
        JobVerb::List { format } => list(&store, *format),
        JobVerb::Show { job, format } => show(&store, *job, *format),
        JobVerb::Run(going) => go(&site, &store, going, None),
        JobVerb::Resume {
            going,
            authorized_by,
        } => go(&site, &store, going, authorized_by.as_deref()),
        JobVerb::Pause { job } => pause(&site, &store, *job),
        JobVerb::Cancel { job, by, reason } => {
            note_reason(&store, *job, by, reason)?;
            engine::cancel(&store, &SystemClock, *job, by)?;
            terminal::print(&format!("job {job} is cancelled: {reason}"));
            Ok(0)
        }
        JobVerb::Settle {
            job,
            order,
            found,
            by,
            mailer,
        } => settle(
            &store,
            OrderKey {
                job: *job,
                order: *order,
            },
            *found,
            by,
            *mailer,
        ),
        JobVerb::Report { job, out } => report(&store, *job, out),
    }
}

fn list(store: &SqliteStore, format: Format) -> Result<u8, Failure> {
    let mut rows = Vec::new();
    for row in store.jobs()? {
        let counts = store.counts(row.id)?;
        rows.push((row, counts));
    }
    if format == Format::Json {
        let jobs: Vec<_> = rows
            .iter()
            .map(|(row, counts)| {
                json!({"job": row.id, "name": row.name, "state": row.state.name(),
                    "file": row.file_name, "orders": counts.total(),
                    "done": counts.in_state(OrderState::Done),
                    "unknown": counts.in_state(OrderState::Unknown)})
            })
            .collect();
        terminal::json(&json!({ "schema_version": 1, "jobs": jobs }));
    } else {
        terminal::note_when(rows.is_empty(), "no job was taken in");
        for (row, counts) in rows {
            terminal::print(&format!(
                "{:>5}  {:<22} {:<22} {:>7} orders {:>7} done {:>4} unknown  {}",
                row.id,
                row.name,
                row.state.name(),
                counts.total(),
                counts.in_state(OrderState::Done),
                counts.in_state(OrderState::Unknown),
                row.file_name
            ));
        }
    }
    Ok(0)
}

fn show(store: &SqliteStore, id: JobId, format: Format) -> Result<u8, Failure> {
    let row = store.job(id)?;
    let counts = store.counts(id)?;
    let query = OrderQuery {
        states: vec![OrderState::Unknown, OrderState::Exception],
        mailer: None,
        after: 0,
        limit: 1_000,
    };
    let doubtful = store.orders(id, &query)?;
    let letters = |mailer| {
        let query = OrderQuery {
            states: Vec::new(),
            mailer: Some(mailer),
            ..query.clone()
        };
        store.orders(id, &query)
    };
    let shown = Shown {
        row,
        counts,
        doubtful,
        unknown: letters(MailerState::Unknown)?,
        undrawn: letters(MailerState::Undrawn)?,
    };
    match format {
        Format::Json => terminal::json(&shown.json()),
        Format::Human => shown.print(),
    }
    Ok(0)
}

/// What `show` says of a job.
struct Shown {
    row: JobRow,
    counts: Counts,
    doubtful: Vec<OrderRow>,
    unknown: Vec<OrderRow>,
    undrawn: Vec<OrderRow>,
}

impl Shown {
    fn json(&self) -> serde_json::Value {
        let orders = self.counts.orders.iter();
        let mailers = self.counts.mailers.iter();
        let doubtful = self.doubtful.iter().map(|o| {
            json!({"order": o.key.order, "line": o.line, "blank": o.status.blank,
                "serial": o.status.serial, "code": o.status.code, "reason": o.status.reason})
        });
        let undrawn = self.undrawn.iter().map(|o| {
            json!({"order": o.key.order, "line": o.line,
                "code": o.mailer_why.as_ref().map(|w| &w.code),
                "reason": o.mailer_why.as_ref().map(|w| &w.reason)})
        });
        let unknown = self.unknown.iter().map(|o| o.key.order);
        json!({
            "schema_version": 1, "job": self.row.id, "name": self.row.name,
            "state": self.row.state.name(),
            "orders": by_name(orders.map(|(state, n)| (state.name(), n))),
            "mailers": by_name(mailers.map(|(state, n)| (state.name(), n))),
            "refused": self.counts.refused,
            "in_doubt": doubtful.collect::<Vec<_>>(),
            "mailers_in_doubt": unknown.collect::<Vec<_>>(),
            "mailers_not_drawn": undrawn.collect::<Vec<_>>(),
        })
    }

    fn print(&self) {
        let Self { row, counts, .. } = self;
        terminal::print(&format!(
            "job {} {} is {}",
            row.id,
            row.name,
            row.state.name()
        ));
        for (state, count) in &counts.orders {
            terminal::print(&format!("  {:<18} {count}", state.name()));
        }
        for (state, count) in &counts.mailers {
            terminal::print(&format!("  mailer {:<11} {count}", state.name()));
        }
        for order in &self.doubtful {
            terminal::print(&format!(
                "  order {} (line {}): blank {} serial {}: {}",
                order.key.order,
                order.line,
                order.status.blank.unwrap_or(0),
                order.status.serial.as_deref().unwrap_or("-"),
                order.status.reason.as_deref().unwrap_or("-")
            ));
        }
        for (what, letters) in [
            ("can't be drawn", &self.undrawn),
            ("may have been printed", &self.unknown),
        ] {
            for order in letters {
                let why = order.mailer_why.as_ref();
                let why = why.map(|w| format!(": {} {}", w.code, w.reason));
                terminal::print(&format!(
                    "  letter of order {} (line {}) {what}{}",
                    order.key.order,
                    order.line,
                    why.unwrap_or_default()
                ));
            }
        }
    }
}

fn by_name<'n>(
    counts: impl Iterator<Item = (&'static str, &'n u64)>,
) -> serde_json::Map<String, serde_json::Value> {
    counts
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect()
}

fn go(
    site: &Site,
    store: &SqliteStore,
    going: &arguments::Going,
    authorized_by: Option<&str>,
) -> Result<u8, Failure> {
    let clock = SystemClock;
    let mut row = store.job(going.job)?;
    if row.state == JobState::Running {
        engine::recover(store, &clock, going.job, "operator")?;
        row = store.job(going.job)?;
    }
    let loaded = production::bundle_of(site, &row)?;
    std::fs::create_dir_all(&going.out).map_err(|e| Failure::file(&going.out, &e))?;
    let waits = row.state == JobState::WaitingAuthorization;
    let begin = || match (waits, authorized_by) {
        (true, Some(who)) => engine::authorize(store, &clock, going.job, who),
        // Without an authorization the engine itself refuses.
        _ => engine::start(store, &clock, going.job, "operator"),
    };
    let how = Going {
        out: &going.out,
        lanes: going.lanes,
        keep_cards: going.keep_cards,
    };
    let (report, outcome) = production::produce(site, store, &loaded, going.job, &begin, &how)?;
    Ok(production::summary(
        &report,
        &outcome,
        &going.out,
        Format::Human,
    ))
}

/// The reason stands in the audit log before the job is given up.
fn note_reason(store: &SqliteStore, job: JobId, by: &str, reason: &str) -> Result<(), Failure> {
    let entry = AuditEntry {
        actor: by.to_owned(),
        act: "cancel".to_owned(),
        key: OrderKey { job, order: 0 },
        detail: reason.to_owned(),
    };
    let at = SystemClock.unix_seconds();
    let audit = vec![entry];
    Ok(store.commit(&Batch {
        at,
        require: None,
        changes: Vec::new(),
        audit,
    })?)
}

/// Asks the process that runs the job to stop between cards.
fn pause(site: &Site, store: &SqliteStore, job: JobId) -> Result<u8, Failure> {
    let state = store.job(job)?.state;
    if state != JobState::Running {
        return Err(Failure::new(
            exit::ENVIRONMENT,
            "R1461",
            format!("job {job} is {}, not RUNNING", state.name()),
            "only a running job can be paused",
        ));
    }
    let wish = site.pause_wish(job);
    std::fs::write(&wish, b"").map_err(|e| Failure::file(&wish, &e))?;
    terminal::print(&format!(
        "job {job} stops after the cards that are in the machine"
    ));
    Ok(0)
}

fn settle(
    store: &SqliteStore,
    key: OrderKey,
    found: FoundCard,
    by: &str,
    mailer: bool,
) -> Result<u8, Failure> {
    let settlement = if mailer {
        let form = match found {
            FoundCard::Good => FoundForm::Printed,
            FoundCard::Destroyed | FoundCard::Nothing => FoundForm::Destroyed,
            FoundCard::GivenUp => FoundForm::GivenUp,
        };
        engine::approve_mailer(store, &SystemClock, key, form, by)?
    } else {
        let card = match found {
            FoundCard::Good => Found::GoodCard,
            FoundCard::Destroyed => Found::DestroyedCard,
            FoundCard::Nothing => Found::NoCard,
            FoundCard::GivenUp => {
                return Err(Failure::new(
                    exit::USAGE,
                    "R1461",
                    "a card can't be given up",
                    "say where it was found; only a letter that can't be drawn is given up",
                ));
            }
        };
        engine::approve(store, &SystemClock, key, card, by)?
    };
    match settlement {
        Settlement::Settled => terminal::print(&format!("order {} is settled", key.order)),
        Settlement::WaitsForSecond => terminal::print("noted; another person must find the same"),
    }
    Ok(0)
}

fn report(store: &SqliteStore, job: JobId, out: &Path) -> Result<u8, Failure> {
    let row = store.job(job)?;
    let path = out.join("report.json");
    if path.exists() {
        terminal::print(&format!(
            "report of job {job}: {}",
            out.join("report.html").display()
        ));
        return Ok(0);
    }
    Err(Failure::new(
        exit::ENVIRONMENT,
        "R1298",
        format!(
            "job {job} is {} and has no report in {}",
            row.state.name(),
            out.display()
        ),
        "reports are written when a run ends: name the folder that `run` wrote to",
    ))
}

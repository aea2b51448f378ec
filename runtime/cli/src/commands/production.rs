//! Production: joins store, HSM, machine and paper to a line and runs a job on it.

use super::blanks;
use crate::{
    failure::{Failure, exit},
    site::{Site, read_file},
    site_hsm::SiteHsm,
    terminal,
};
use cardwright_bundle::Limits;
use cardwright_keys::inventory::BoundVersions;
use cardwright_machine::SimulatedMachine;
use cardwright_ports::{
    Clock, Hsm, HsmSession, SecretBytes, Store,
    machine::Machine,
    store::{JobId, JobRow, Sealer},
};
use cardwright_runtime::{
    Loaded,
    engine::{
        End, EngineError, Executor, Ports, Progress, Route, RunOutcome, Settings, Start, Switch,
    },
};
use cardwright_stations::{
    Line, LineParts, StationError,
    line::{Closing, Finish},
    report::{Report, Stopped},
};
use cardwright_store::{JobSealer, SqliteStore};
use std::{
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Rejected orders and letters in doubt that the terminal names.
const SHOWN_MAX: usize = 12;

/// The system's clock.
pub(crate) struct SystemClock;

static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn unix_seconds(&self) -> i64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
    }
    fn monotonic_us(&self) -> u64 {
        u64::try_from(BEGUN.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// How a job is run.
pub(crate) struct Going<'a> {
    pub(crate) out: &'a Path,
    pub(crate) lanes: Option<usize>,
    pub(crate) keep_cards: bool,
}

/// A job's sealer from its wrapped key.
pub(crate) fn sealer(
    row: &JobRow,
    session: &mut dyn HsmSession,
) -> Result<Box<dyn Sealer>, Failure> {
    let wrapped = row.wrapped_key.as_ref().ok_or_else(|| {
        Failure::new(
            exit::ENVIRONMENT,
            "R1417",
            format!("job {} has ended; its key was destroyed", row.id),
            "its report was written when it ended; for missing cards take a new order file in",
        )
    })?;
    let label = format!("{} {}", row.file_sha256, row.name);
    let key = session.open_job_key(&label, wrapped)?;
    Ok(Box::new(JobSealer::new(&key)?))
}

/// Makes a sealer for a new job.
pub(crate) fn new_sealer(key: &SecretBytes) -> Result<Box<dyn Sealer>, StationError> {
    Ok(Box::new(JobSealer::new(key)?))
}

/// The accepted bundle of a job.
pub(crate) fn bundle_of(site: &Site, row: &JobRow) -> Result<Loaded, Failure> {
    let path = site.bundle_path(&row.bundle_digest);
    super::bundle::verify(
        site,
        &read_file(&path, Limits::default().bundle_bytes as u64)?,
    )
}

/// Runs a started job to its end, a pause, or trouble, and writes the report.
pub(crate) fn produce(
    site: &Site,
    store: &SqliteStore,
    loaded: &Loaded,
    id: JobId,
    begin: &dyn Fn() -> Result<Start, EngineError>,
    going: &Going<'_>,
) -> Result<(Report, RunOutcome), Failure> {
    let row = store.job(id)?;
    let job = loaded.job(Some(&row.name))?;
    let labels = super::keys::ready(site, store, loaded)?;
    let lanes = site.lanes(going.lanes)?;
    let hsm = site.hsm_for(lanes)?;
    let mut session = hsm.open_session()?;
    let sealer = sealer(&row, session.as_mut())?;
    let _alone = site.lock_machine()?;
    let machine = site.machine(blanks::chips(loaded.content(), job))?;
    let paper = site.paper();
    let clock = SystemClock;
    let binding = BoundVersions::new(store, &clock, &labels);
    let line = Line::new(LineParts {
        loaded,
        job,
        row: &row,
        hsm: &hsm,
        labels: &labels,
        binding: &binding,
        store,
        pool: store,
        ahead: ahead(site, &hsm),
        machine: &machine,
        paper: &paper,
        clock: &clock,
        sealer: sealer.as_ref(),
        out: going.out,
        keep_cards: going.keep_cards,
    })?;
    super::keys::note_job(store, loaded, &row, &labels)?;
    let route = Route::of_flow(flow_of(loaded, job)?)?;
    fill_stocks(site, &machine, job, &route)?;
    machine.begin_job(id)?;
    let settings = Settings::with_lanes(lanes, job.stop_after_rejects);
    let ports = Ports {
        store,
        clock: &clock,
        hands: &line,
    };
    super::pool::announce(site, &line.pool_reach()?);
    let executor = Executor::new(ports, id, begin()?, route, settings);
    let asked = hsm.operations();
    let outcome = super::pool::keep_filled(site, &hsm, store, lanes, || {
        watched(site, store, id, &executor)
    })?;
    let finish = Finish {
        lanes,
        blanks: closing(&machine, id)?,
        job_id: id,
        stopped: stopped(&outcome.end),
    };
    let (report, pictures) = line.report(&finish)?;
    report.write(going.out, &pictures)?;
    write_journal(store, id, going.out)?;
    tell_operations(asked, hsm.operations());
    Ok((report, outcome))
}

/// A job's blanks, as the machine's ledger counts them.
fn closing(machine: &SimulatedMachine, id: JobId) -> Result<Closing, Failure> {
    let blanks = machine.blanks_of(id)?;
    Ok(Closing {
        issued: blanks.issued,
        good: blanks.good,
        rejected: blanks.rejected,
        inside: blanks.in_machine,
    })
}

fn stopped(end: &End) -> Option<Stopped> {
    match end {
        End::Paused(stop) => Some(Stopped {
            code: stop.code.clone(),
            reason: stop.reason.clone(),
        }),
        _ => None,
    }
}

fn tell_operations(before: Option<u64>, now: Option<u64>) {
    if let (Some(before), Some(now)) = (before, now) {
        let asked = now.saturating_sub(before);
        terminal::note(&format!("the HSM was asked for {asked} operations"));
    }
}

/// Orders whose data are made together: as the site says, else as its HSM is best asked.
fn ahead(site: &Site, hsm: &SiteHsm) -> usize {
    let ahead = site.file.ahead.unwrap_or_else(|| hsm.ahead());
    ahead.clamp(1, 1_000)
}

fn flow_of<'c>(
    loaded: &'c Loaded,
    job: &cardwright_bundle::Job,
) -> Result<&'c cardwright_bundle::Flow, Failure> {
    let mut flows = loaded.content().flows.iter();
    flows.find(|flow| flow.name == job.flow).ok_or_else(|| {
        Failure::new(
            exit::TRUST,
            "R1101",
            "no flow of that name",
            "build the bundle again",
        )
    })
}

/// Runs a job with a progress bar, and with an ear for the wish to pause.
fn watched(
    site: &Site,
    store: &SqliteStore,
    id: JobId,
    executor: &Executor<'_>,
) -> Result<RunOutcome, Failure> {
    let bar = progress_bar(store.counts(id)?.total());
    let switch = Switch::default();
    let wish = site.pause_wish(id);
    let outcome = executor.run(&switch, &|progress: &Progress| {
        show(&bar, progress);
        if wish.exists() {
            switch.pause();
        }
    });
    let _ = std::fs::remove_file(&wish);
    bar.finish_and_clear();
    Ok(outcome?)
}

fn fill_stocks(
    site: &Site,
    machine: &SimulatedMachine,
    job: &cardwright_bundle::Job,
    route: &Route,
) -> Result<(), Failure> {
    let own = job
        .products
        .iter()
        .filter_map(|product| product.stock.as_deref());
    for stock in own.chain([route.stock.as_str()]) {
        if machine.stock_level(stock).unwrap_or(0) == 0 {
            machine.load_stock(stock, site.file.machine.first_stock)?;
        }
    }
    Ok(())
}

fn progress_bar(total: u64) -> indicatif::ProgressBar {
    use std::io::IsTerminal;
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(total);
    let style = "{bar:32} {pos}/{len} cards  {per_sec}  {msg}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &indicatif::ProgressBar, progress: &Progress) {
    bar.set_position(progress.done + progress.rejected);
    if progress.mailers > 0 {
        bar.set_message(format!("{} letters", progress.mailers));
    }
}

fn write_journal(store: &SqliteStore, id: JobId, out: &Path) -> Result<(), Failure> {
    use std::io::Write;
    let path = out.join("journal.jsonl");
    let failed = |e: std::io::Error| Failure::file(&path, &e);
    let file = std::fs::File::create(&path).map_err(failed)?;
    let mut file = std::io::BufWriter::new(file);
    let mut after = 0;
    loop {
        let lines = store.journal(id, after, 1_000)?;
        let Some((last, ..)) = lines.last() else {
            break;
        };
        after = *last;
        for (_, _, line) in &lines {
            writeln!(file, "{line}").map_err(failed)?;
        }
    }
    file.flush().map_err(failed)
}

/// Prints the summary of a run and gives its exit code.
pub(crate) fn summary(
    report: &Report,
    outcome: &RunOutcome,
    out: &Path,
    format: crate::arguments::Format,
) -> u8 {
    let ended = matches!(outcome.end, End::Done);
    if format == crate::arguments::Format::Json {
        terminal::json(&serde_json::to_value(report).unwrap_or_default());
    } else {
        human(report, outcome, out);
    }
    if report.is_clean() && ended {
        0
    } else {
        exit::PARTLY
    }
}

fn human(report: &Report, outcome: &RunOutcome, out: &Path) {
    let r = &report.reconciliation;
    terminal::print(&format!(
        "{} orders: {} produced, {} rejected, {} unknown, {} unaccounted",
        r.input, r.produced, r.rejected, r.unknown, r.unaccounted
    ));
    terminal::print(&format!(
        "{} cards validated, {} failed; {} PIN letters, {} carriers, {} files",
        report.validated.passed,
        report.validated.failed,
        report.mailers,
        report.carriers,
        report.files.len()
    ));
    let runs = match report.runs {
        0 | 1 => String::new(),
        runs => format!(", {runs} runs"),
    };
    terminal::print(&format!(
        "{:.1} s, {:.1} cards a second, {} lanes{runs}",
        report.seconds, report.cards_per_second, report.subject.lanes
    ));
    if let Some(words) = not_ended(&outcome.end) {
        terminal::print(&words);
    }
    for order in report.rejected.iter().take(SHOWN_MAX) {
        let field = order
            .field
            .as_deref()
            .map(|f| format!("{f}: "))
            .unwrap_or_default();
        terminal::print(&format!(
            "  line {:>6}  {}  {field}{}",
            order.line, order.code, order.reason
        ));
    }
    let all = report.reconciliation.rejected as usize;
    if all > SHOWN_MAX {
        let more = all - SHOWN_MAX;
        terminal::print(&format!("  … {more} more in rejected.jsonl"));
    }
    for letter in report.letters_in_doubt.iter().take(SHOWN_MAX) {
        terminal::print(&format!(
            "  letter of order {} is {}: {} {}",
            letter.order, letter.state, letter.code, letter.reason
        ));
    }
    terminal::print(&format!("report: {}", out.join("report.html").display()));
}

/// Why a run left its job open, in words; nothing when the job has ended.
fn not_ended(end: &End) -> Option<String> {
    match end {
        End::Done => None,
        End::Paused(stop) => Some(format!(
            "the job is paused ({} {}); {}",
            stop.code,
            stop.reason,
            what_to_do(&stop.code)
        )),
        End::Cancelled => Some("the job was given up; orders without a card are rejected".into()),
        End::Fenced => Some("another process has taken the job over".into()),
        End::LeftToOthers => Some("nothing more to do here; others still work on the job".into()),
    }
}

fn what_to_do(code: &str) -> &'static str {
    match code {
        "R1456" => "find the cards and forms, settle each with two people, then `job resume`",
        "R1464" => {
            "put the key or another version of it into use (`keys resume`, `keys replace`), then \
             `job resume`"
        }
        "R1463" => {
            "mend the cause and `job resume`, or give each letter up with two people: \
             `job settle JOB ORDER --mailer --found given-up --by NAME`"
        }
        _ => "go on with `cardstation job resume`",
    }
}

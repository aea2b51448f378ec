//! `keys pool`: ICC keys made ahead, and the filling while a job leaves processors idle.

use super::production::SystemClock;
use crate::{
    arguments::Format,
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_ports::{Clock, Hsm, KeyPool, Store, pool::PoolLevel};
use cardwright_stations::pool::{self, KeyKind, Reach};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// Keys that are made between two commits.
const BATCH: u64 = 16;
/// Most keys of one level.
const LEVEL_MAX: u64 = 10_000_000;

/// A level that the pool is kept at.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolTable {
    /// Modulus bits, a multiple of 8 from 512 to 1984.
    pub(crate) bits: u32,
    /// Public exponent, 3 or 65537.
    pub(crate) exponent: u32,
    /// Keys that should wait.
    pub(crate) level: u64,
}

#[derive(clap::Args)]
pub(crate) struct Pool {
    #[command(subcommand)]
    verb: PoolVerb,
}

#[derive(clap::Subcommand)]
enum PoolVerb {
    /// Keys that wait and keys that were used, by size and exponent.
    Show {
        /// For people or for programs.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Make keys ahead, on all processors: up to the levels of site.toml, or up to those given.
    Fill(Fill),
}

#[derive(clap::Args)]
struct Fill {
    /// Modulus bits.
    #[arg(long, requires = "level")]
    bits: Option<u32>,
    /// Public exponent.
    #[arg(long, default_value_t = 65_537)]
    exponent: u32,
    /// Keys that should wait afterwards.
    #[arg(long, requires = "bits")]
    level: Option<u64>,
    /// Processors to use; all without it.
    #[arg(long)]
    threads: Option<usize>,
}

/// Carries a verb out.
pub(crate) fn run(site: &Path, arguments: &Pool) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    match &arguments.verb {
        PoolVerb::Show { format } => show(&site, *format),
        PoolVerb::Fill(wanted) => fill(&site, wanted),
    }
}

fn show(site: &Site, format: Format) -> Result<u8, Failure> {
    let levels = site.store()?.pool_levels()?;
    if format == Format::Json {
        let rows: Vec<_> = levels
            .iter()
            .map(|l| {
                serde_json::json!({"bits": l.bits, "exponent": l.exponent, "unused": l.unused,
                    "used": l.used, "level": wanted_level(site, (l.bits, l.exponent))})
            })
            .collect();
        terminal::json(&serde_json::json!({"schema_version": 1, "pool": rows}));
        return Ok(0);
    }
    if levels.is_empty() {
        terminal::print("the pool is empty; `cardstation keys pool fill` makes keys ahead");
    }
    for l in &levels {
        let level = wanted_level(site, (l.bits, l.exponent));
        let level = level.map_or_else(String::new, |n| format!(", level {n}"));
        terminal::print(&format!(
            "RSA-{} e={}: {} waiting, {} used{level}",
            l.bits, l.exponent, l.unused, l.used
        ));
    }
    Ok(0)
}

fn wanted_level(site: &Site, kind: KeyKind) -> Option<u64> {
    let mut tables = site.file.pool.iter();
    let table = tables.find(|t| (t.bits, t.exponent) == kind)?;
    Some(table.level)
}

fn fill(site: &Site, wanted: &Fill) -> Result<u8, Failure> {
    let levels: Vec<PoolTable> = match (wanted.bits, wanted.level) {
        (Some(bits), Some(level)) => vec![PoolTable {
            bits,
            exponent: wanted.exponent,
            level,
        }],
        _ => site.file.pool.clone(),
    };
    if levels.is_empty() {
        return Err(Failure::new(
            exit::USAGE,
            "R1271",
            "site.toml says no level for the pool, and none was given",
            "add `[[pool]] bits = 1152, exponent = 65537, level = 1000`, or give --bits and --level",
        ));
    }
    if let Some(high) = levels.iter().find(|l| l.level > LEVEL_MAX) {
        let what = format!("a pool of {} keys", high.level);
        return Err(Failure::new(
            exit::USAGE,
            "R1271",
            what,
            "ten millions are the most",
        ));
    }
    let threads = wanted.threads.unwrap_or_else(processors).clamp(1, 256);
    let _alone = site.lock_machine()?;
    let (hsm, store) = (site.hsm()?, site.store()?);
    for level in &levels {
        let begun = Instant::now();
        let made = fill_to(&hsm, &store, level, threads)?;
        let seconds = begun.elapsed().as_secs_f64();
        let rate = made as f64 / seconds.max(0.001);
        terminal::print(&format!(
            "RSA-{} e={}: {made} made in {seconds:.1} s, {rate:.0} a second",
            level.bits, level.exponent
        ));
    }
    Ok(0)
}

/// Fills one kind to its level on several threads; how many keys were made.
fn fill_to<S: Store + KeyPool>(
    hsm: &dyn Hsm,
    store: &S,
    level: &PoolTable,
    threads: usize,
) -> Result<u64, Failure> {
    let kind = (level.bits, level.exponent);
    let missing = level
        .level
        .saturating_sub(unused(&store.pool_levels()?, kind));
    let left = Mutex::new(missing);
    let work = || -> Result<(), Failure> {
        let mut session = hsm.open_session()?;
        loop {
            let count = {
                let Ok(mut left) = left.lock() else {
                    return Ok(());
                };
                let count = BATCH.min(*left);
                *left -= count;
                count
            };
            if count == 0 {
                return Ok(());
            }
            make(store, session.as_mut(), kind, count)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // What a worker had committed before it broke down stays; what it had not is not claimed.
        let broken = |_| {
            Err(Failure::new(
                exit::ENVIRONMENT,
                "R1454",
                "a thread that made keys broke down",
                "`cardstation keys pool show` says what is there; fill again, and report the fault",
            ))
        };
        let results = workers.into_iter().map(|w| w.join().unwrap_or_else(broken));
        results.collect::<Result<Vec<()>, Failure>>()
    })?;
    Ok(missing)
}

fn make(
    store: &dyn Store,
    session: &mut dyn cardwright_ports::HsmSession,
    kind: KeyKind,
    count: u64,
) -> Result<(), Failure> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|e| {
        let what = format!("the operating system gives no random octets: {e}");
        Failure::new(
            exit::ENVIRONMENT,
            "R1312",
            what,
            "check its random number generator",
        )
    })?;
    let batch = format!("pool {}", hex::encode(nonce));
    let at = SystemClock.unix_seconds();
    Ok(pool::fill(
        store,
        session,
        kind,
        (&batch, count),
        ("operator", at),
    )?)
}

fn unused(levels: &[PoolLevel], kind: KeyKind) -> u64 {
    let level = levels.iter().find(|l| (l.bits, l.exponent) == kind);
    level.map_or(0, |l| l.unused)
}

/// Processors of this machine.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Says before a job starts whether the pool will last; nothing where no pool is kept.
pub(crate) fn announce(site: &Site, reach: &[Reach]) {
    for kind in reach {
        let kept = wanted_level(site, (kind.bits, kind.exponent)).is_some();
        if kind.unused == 0 && !kept {
            continue;
        }
        let (bits, exponent, needed) = (kind.bits, kind.exponent, kind.needed);
        let verdict = match kind.short() {
            0 => "the pool will last".to_owned(),
            short => format!("{short} must be made while cards are made"),
        };
        terminal::note(&format!(
            "keys RSA-{bits} e={exponent}: {needed} needed, {} in the pool: {verdict}",
            kind.unused
        ));
    }
}

/// Keeps the pool at its levels while a job runs, on processors that no lane uses.
pub(crate) fn keep_filled<S: Store + KeyPool, T>(
    site: &Site,
    hsm: &dyn Hsm,
    store: &S,
    lanes: usize,
    job: impl FnOnce() -> T,
) -> T {
    let idle = processors().saturating_sub(lanes);
    if idle == 0 || site.file.pool.is_empty() {
        return job();
    }
    let stop = AtomicBool::new(false);
    let fill = || {
        let Ok(mut session) = hsm.open_session() else {
            return;
        };
        while !stop.load(Ordering::Relaxed) {
            let Ok(levels) = store.pool_levels() else {
                return;
            };
            let low = |t: &&PoolTable| unused(&levels, (t.bits, t.exponent)) < t.level;
            let Some(table) = site.file.pool.iter().find(low) else {
                // Levels fall when cards are made; a moment's rest costs nothing.
                std::thread::park_timeout(std::time::Duration::from_millis(200));
                continue;
            };
            let kind = (table.bits, table.exponent);
            // The line tells of an HSM or a store that fails.
            if make(store, session.as_mut(), kind, 1).is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..idle).map(|_| scope.spawn(fill)).collect();
        let done = job();
        stop.store(true, Ordering::Relaxed);
        workers.iter().for_each(|w| w.thread().unpark());
        done
    })
}

//! `run`: the whole line in one go.

use super::{
    bundle,
    production::{self, Going, SystemClock},
};
use crate::{
    arguments::Run,
    failure::{Failure, exit},
    site::Site,
};
use cardwright_ports::{
    Hsm, Store,
    store::{JobId, JobState},
};
use cardwright_runtime::engine;
use cardwright_stations::{Taking, order_file_hash, take};
use std::path::{Path, PathBuf};

/// Intake, data generation, personalization, validation, letters, files, report.
pub(crate) fn run(site: &Path, arguments: &Run) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    // Nothing of the site is touched before the bundle is proven.
    let bytes = bundle::read(&arguments.bundle)?;
    let loaded = bundle::verify(&site, &bytes)?;
    let store = site.store()?;
    interrupted(&store, &arguments.orders)?;
    bundle::accept(&site, &store, &loaded, &bytes)?;
    // No order file is taken in for keys that are not ready, or for more lanes than there can be.
    let _ = site.lanes(arguments.lanes)?;
    super::keys::ready(&site, &store, &loaded)?;
    std::fs::create_dir_all(&arguments.out).map_err(|e| Failure::file(&arguments.out, &e))?;
    let id = intake(
        &site,
        &store,
        &loaded,
        &arguments.orders,
        (&arguments.with, arguments.file_number),
        arguments.job.as_deref(),
    )?;
    let going = Going {
        out: &arguments.out,
        lanes: arguments.lanes,
        keep_cards: arguments.keep_cards,
    };
    let begin = || engine::start(&store, &SystemClock, id, "operator");
    let (report, outcome) = production::produce(&site, &store, &loaded, id, &begin, &going)?;
    Ok(production::summary(
        &report,
        &outcome,
        &arguments.out,
        arguments.format,
    ))
}

/// Takes an order file in.
pub(crate) fn intake(
    site: &Site,
    store: &dyn Store,
    loaded: &cardwright_runtime::Loaded,
    orders: &Path,
    (joined, file_number): (&[(String, PathBuf)], Option<u64>),
    job: Option<&str>,
) -> Result<JobId, Failure> {
    let hsm = site.hsm()?;
    let mut session = hsm.open_session()?;
    let taking = Taking {
        loaded,
        job: loaded.job(job)?,
        joined,
        file_number,
        store,
        clock: &SystemClock,
    };
    Ok(take(&taking, orders, session.as_mut(), &production::new_sealer)?.id)
}

/// A job of this file that a crash or a pause has stopped is gone on with, never begun again.
fn interrupted(store: &dyn Store, orders: &Path) -> Result<(), Failure> {
    let clock = SystemClock;
    // An intake that did not end has left nothing physical behind.
    for row in store
        .jobs()?
        .iter()
        .filter(|row| row.state == JobState::Intake)
    {
        store.abandon_intake(
            cardwright_ports::Clock::unix_seconds(&clock),
            row.id,
            "operator",
        )?;
    }
    let Some(id) = store.job_of_file(&order_file_hash(orders)?)? else {
        return Ok(());
    };
    let mut row = store.job(id)?;
    if row.state == JobState::Running {
        let found = engine::recover(store, &clock, id, "operator")?;
        crate::terminal::note(&format!(
            "job {id} was interrupted: {} orders wait, {} cards and {} letters are in doubt",
            found.requeued,
            found.unknown.len(),
            found.unknown_mailers.len()
        ));
        row = store.job(id)?;
    }
    match row.state {
        JobState::WaitingAuthorization => Err(Failure::new(
            exit::PARTLY,
            "R1418",
            format!("job {id} was interrupted and waits for an authorization"),
            "look at the line, then `cardstation job resume JOB --authorized-by NAME --out DIR`",
        )),
        JobState::Paused | JobState::Loaded => Err(Failure::new(
            exit::PARTLY,
            "R1461",
            format!("job {id} has taken this file and is {}", row.state.name()),
            "go on with `cardstation job resume JOB --out DIR`",
        )),
        _ => Ok(()),
    }
}

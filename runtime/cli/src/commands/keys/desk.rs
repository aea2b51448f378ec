//! The desk at which people manage keys: store, a session of the HSM, and what was cut off last
//! time, ended first.

use super::time;
use crate::{
    arguments::inventory::Who,
    commands::production::SystemClock,
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_keys::{
    Clerk, Ledger,
    inventory::{Ending, Inventory, People},
};
use cardwright_ports::{Clock, CustodyHsm, KeyCustody};

impl Who {
    /// As key management takes them, now.
    pub(crate) fn people(&self) -> People<'_> {
        People {
            who: &self.who,
            second: self.second.as_deref(),
            at: SystemClock.unix_seconds(),
        }
    }
}

/// Opens store and HSM, ends what was cut off, and lets a clerk work.
pub(super) fn at_desk<T>(
    site: &Site,
    people: &People<'_>,
    act: impl FnOnce(&mut Clerk<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = site.store()?;
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let mut clerk = Clerk::new(&store, custody.as_mut());
    for ending in clerk.recover(people).map_err(Failure::keys)? {
        terminal::note(&told(&ending));
    }
    act(&mut clerk)
}

/// Lets somebody act on the inventory alone, also while the HSM, or a token of it, is away. What was cut
/// off is ended first where the HSM can be reached; else it waits, and people are told for what.
pub(super) fn at_books<T>(
    site: &Site,
    people: &People<'_>,
    act: impl FnOnce(&dyn Ledger) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = site.store()?;
    let inventory = Inventory::read(&store).map_err(Failure::keys)?;
    let waiting = inventory.entries().filter(|e| e.pending.is_some()).count();
    drop(store);
    if waiting > 0
        && let Err(away) = at_desk(site, people, |_| Ok(()))
    {
        terminal::note(&format!(
            "keys with an act that was cut off: {waiting}; they wait for the HSM ({})",
            away.words()
        ));
    }
    act(&site.store()?)
}

/// The same for what works on store and HSM without a clerk.
pub(super) fn open_desk<T>(
    site: &Site,
    people: &People<'_>,
    act: impl FnOnce(&dyn Ledger, &mut dyn KeyCustody) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = site.store()?;
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let mut clerk = Clerk::new(&store, custody.as_mut());
    for ending in clerk.recover(people).map_err(Failure::keys)? {
        terminal::note(&told(&ending));
    }
    act(&store, custody.as_mut())
}

/// What became of an act that was cut off.
fn told(ending: &Ending) -> String {
    match ending {
        Ending::Enter { group } => format!("`{group}` was cut off; its keys are there: entered"),
        Ending::TakeBack { group, .. } => {
            format!("`{group}` was cut off: taken back, nothing kept")
        }
        Ending::Destroy { label, .. } => format!("the destruction of {label} was cut off: ended"),
        Ending::Differs { label } => format!(
            "{label}: the HSM has another key under this label than the one that was announced; \
             look at `cardstation keys check`"
        ),
    }
}

/// A time on the command line.
pub(super) fn time_of(text: Option<&String>) -> Result<Option<i64>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let read = time::parse(text);
    read.map(Some).ok_or_else(|| {
        Failure::new(
            exit::USAGE,
            "R1355",
            format!("`{text}` is no time"),
            "write a day such as `2026-12-01`, or `2026-12-01T06:00:00Z`; times are UTC",
        )
    })
}

/// Writes a file that must be new; it is whole on the disk when this returns, or not there.
pub(super) fn write_new(path: &std::path::Path, octets: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let failed = |e: std::io::Error| Failure::file(path, &e);
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    written.map_err(|e| {
        // Half a token or package must not lie where a whole one is looked for.
        let _ = std::fs::remove_file(path);
        failed(e)
    })
}

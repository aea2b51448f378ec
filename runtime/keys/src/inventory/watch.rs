//! A running job's look at the inventory: are the versions that it was bound to still in use?

use super::{Inventory, KeyEntry, Labels, State};
use cardwright_ports::{Binding, Clock, Registers, binding::Withdrawn, register::Register};
use std::sync::{Mutex, PoisonError};

/// The key versions of one run of a job.
///
/// The inventory is read only when it has changed since the last look, or when the first of the
/// keys comes to its end; else a look is one small question to the store.
pub struct BoundVersions<'a> {
    registers: &'a dyn Registers,
    clock: &'a dyn Clock,
    labels: Vec<String>,
    seen: Mutex<Option<Seen>>,
}

/// What the last look found, all keys in use.
#[derive(Clone, Copy)]
struct Seen {
    epoch: u64,
    /// When the first key comes to its end, seconds since 1970.
    until: i64,
}

impl<'a> BoundVersions<'a> {
    /// Of the versions that the job's keys were resolved to. Keys that the inventory does not know
    /// have none: nobody can take them out of use.
    pub fn new(registers: &'a dyn Registers, clock: &'a dyn Clock, labels: &Labels) -> Self {
        Self {
            registers,
            clock,
            labels: labels.values().cloned().collect(),
            seen: Mutex::new(None),
        }
    }

    /// Reads the inventory; when the first key comes to its end.
    fn read(&self, now: i64) -> Result<i64, Withdrawn> {
        let unreadable = |e: crate::KeysError| Withdrawn {
            code: e.code,
            what: e.what,
        };
        let inventory = Inventory::read(self.registers).map_err(unreadable)?;
        let mut until = i64::MAX;
        for label in &self.labels {
            let entry = inventory.get(label);
            if let Some(why) = out_of_use(label, entry, now) {
                return Err(Withdrawn {
                    code: WITHDRAWN,
                    what: why,
                });
            }
            let end = entry.and_then(|e| e.active_to).unwrap_or(i64::MAX);
            until = until.min(end);
        }
        Ok(until)
    }
}

/// Stands in the engine's table, since it is how a run ends.
const WITHDRAWN: &str = "R1464";

impl Binding for BoundVersions<'_> {
    fn holds(&self) -> Result<(), Withdrawn> {
        if self.labels.is_empty() {
            return Ok(());
        }
        let now = self.clock.unix_seconds();
        // Asked before the rows are read: a change in between is met at the next look.
        let epoch = self.registers.register_epoch(Register::Keys);
        let epoch = epoch.map_err(|e| Withdrawn {
            code: e.code,
            what: e.what,
        })?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_some_and(|s| s.epoch == epoch && now < s.until) {
            return Ok(());
        }
        *seen = None;
        let until = self.read(now)?;
        *seen = Some(Seen { epoch, until });
        Ok(())
    }
}

/// Only an active key makes cards; a retired one may still open and check what it made before.
fn out_of_use(label: &str, entry: Option<&KeyEntry>, now: i64) -> Option<String> {
    let Some(entry) = entry else {
        return Some(format!("{label} is not in the inventory any more"));
    };
    if entry.state != State::Active {
        return Some(format!("{label} is {}", entry.state.name()));
    }
    match entry.in_period(now) {
        true => None,
        false => Some(format!("{label} has expired: its period is over")),
    }
}

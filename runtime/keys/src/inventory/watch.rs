//! A running job's look at the inventory: are the versions that it was bound to still in use?

use super::{Inventory, KeyEntry, Labels, State};
use cardwright_ports::binding::{Unfit, Withdrawn};
use cardwright_ports::{Binding, Clock, Registers, register::Register};
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

/// Both stand in the engine's table: how a run ends, and why an order gets no card.
const WITHDRAWN: &str = "R1464";
const OUTDATED: &str = "R1465";

fn unreadable(error: crate::KeysError) -> Withdrawn {
    Withdrawn {
        code: error.code,
        what: error.what,
    }
}

fn never(what: String) -> Unfit {
    let code = OUTDATED;
    Unfit::Never(Withdrawn { code, what })
}

/// The name in a label, `aurora.cvk` of `aurora.cvk@2`.
fn name_of(label: &str) -> &str {
    label.rsplit_once('@').map_or(label, |(name, _)| name)
}

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

    fn versions(&self) -> &[String] {
        &self.labels
    }

    fn serves(&self, made_with: Option<&[String]>) -> Result<Vec<String>, Unfit> {
        if self.labels.is_empty() && made_with.is_none_or(<[String]>::is_empty) {
            return Ok(Vec::new());
        }
        let Some(made_with) = made_with else {
            let what = "the data do not say which key versions they were made with";
            return Err(never(what.to_owned()));
        };
        let unknown = |label: &&String| {
            let mut names = made_with.iter().map(|with| name_of(with));
            !names.any(|name| name == name_of(label))
        };
        if let Some(label) = self.labels.iter().find(unknown) {
            let name = name_of(label);
            let what = format!("the data were made before the inventory had a key {name}");
            return Err(never(what));
        }
        let mut others = made_with.iter().filter(|with| !self.labels.contains(with));
        let Some(first) = others.next() else {
            return Ok(Vec::new());
        };
        let inventory = Inventory::read(self.registers);
        let inventory = inventory.map_err(|e| Unfit::Waits(unreadable(e)))?;
        let now = self.clock.unix_seconds();
        let mut replaced = Vec::new();
        for label in std::iter::once(first).chain(others) {
            serves_still(label, inventory.get(label), now)?;
            replaced.push(label.clone());
        }
        Ok(replaced)
    }
}

/// A version that is not the one in use. One that another took the place of in the ordinary way was
/// in use when the data were made, and issuers accept its cards; any other end says that somebody
/// wants no more cards of it.
fn serves_still(label: &str, entry: Option<&KeyEntry>, now: i64) -> Result<(), Unfit> {
    let Some(entry) = entry else {
        let what =
            format!("the data were made with {label}, which is not in the inventory any more");
        return Err(never(what));
    };
    let what = format!(
        "the data were made with {label}, which is {}",
        entry.state.name()
    );
    let replaced = entry.replaced_by.is_some();
    match entry.state {
        State::Active if replaced || entry.in_period(now) => Ok(()),
        State::Active => Err(never(format!(
            "the data were made with {label}, whose period is over"
        ))),
        State::Retired if replaced => Ok(()),
        State::Retired => Err(never(format!("{what} without a successor"))),
        State::Suspended => Err(Unfit::Waits(Withdrawn {
            code: WITHDRAWN,
            what,
        })),
        State::PreActive | State::Destroyed | State::Compromised => Err(never(what)),
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

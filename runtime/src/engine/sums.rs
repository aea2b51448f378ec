//! What the acts of a job add up to: times, checks, cards. The sums ride with the records of the
//! acts that they count, so that they are as true after a crash as the records are.

use super::effect::Event;
use cardwright_ports::Clock;
use cardwright_ports::store::{Change, JobId, Tally, TallyKind};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sums that are not in the store yet.
#[derive(Default)]
pub(super) struct Sums(BTreeMap<(TallyKind, String), Tally>);

impl Sums {
    fn add(&mut self, tally: Tally) {
        let key = (tally.kind, tally.name.clone());
        match self.0.get_mut(&key) {
            Some(sum) => sum.add(&tally),
            None => drop(self.0.insert(key, tally)),
        }
    }

    /// One act: this computer's time, and the machine's own where it claims one.
    pub(super) fn acted(&mut self, act: &str, spent_us: u64, event: &Event) {
        self.add(Tally::time(TallyKind::Computer, act, spent_us));
        let machine = match event {
            Event::Did { duration_us, .. } | Event::Fed { duration_us, .. } => *duration_us,
            _ => 0,
        };
        if machine > 0 {
            self.add(Tally::time(TallyKind::Machine, act, machine));
        }
        if let Event::Kept { replaced } = event {
            for label in replaced {
                self.add(Tally::verdict(TallyKind::Replaced, label.clone(), true));
            }
        }
    }

    /// A card's checks; a card that was not sampled has none.
    pub(super) fn checked(&mut self, checks: impl Iterator<Item = (String, bool)>) {
        let mut card = None;
        for (name, passed) in checks {
            card = Some(card.unwrap_or(true) && passed);
            self.add(Tally::verdict(TallyKind::Check, name, passed));
        }
        if let Some(passed) = card {
            self.add(Tally::verdict(TallyKind::Cards, "", passed));
        }
    }

    /// Several as one.
    pub(super) fn joined<'s>(all: impl Iterator<Item = &'s Sums>) -> Self {
        let mut joined = Self::default();
        for tally in all.flat_map(|sums| sums.0.values()) {
            joined.add(tally.clone());
        }
        joined
    }

    /// What makes them durable.
    pub(super) fn changes(self, job: JobId) -> impl Iterator<Item = Change> {
        let tallies = self.0.into_values();
        tallies.map(move |tally| Change::Tally(job, tally))
    }
}

/// Wall-clock time of a run that is in no record yet.
pub(super) struct Stopwatch {
    counted_us: AtomicU64,
    /// 1 until the first lap is counted: the job has been run by one process more.
    runs: AtomicU64,
}

/// A part of a run.
pub(super) struct Lap {
    runs: u64,
    spent_us: u64,
    until_us: u64,
}

impl Lap {
    pub(super) fn tally(&self) -> Tally {
        Tally {
            count: self.runs,
            total_us: self.spent_us,
            longest_us: self.spent_us,
            ..Tally::new(TallyKind::Run, "")
        }
    }
}

impl Stopwatch {
    pub(super) fn begin(clock: &dyn Clock) -> Self {
        Self {
            counted_us: AtomicU64::new(clock.monotonic_us()),
            runs: AtomicU64::new(1),
        }
    }

    /// The time since the last record.
    pub(super) fn lap(&self, clock: &dyn Clock) -> Lap {
        let until_us = clock.monotonic_us();
        let spent_us = until_us.saturating_sub(self.counted_us.load(Ordering::SeqCst));
        Lap {
            runs: self.runs.load(Ordering::SeqCst),
            spent_us,
            until_us,
        }
    }

    /// Its record is durable.
    pub(super) fn counted(&self, lap: &Lap) {
        self.counted_us.store(lap.until_us, Ordering::SeqCst);
        self.runs.store(0, Ordering::SeqCst);
    }
}

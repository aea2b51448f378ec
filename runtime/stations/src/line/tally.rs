//! What a line counts while it works: checks passed and failed, this computer's own time.

use crate::validation::Verdict;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Time of one kind of act on this computer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActTime {
    /// Acts.
    pub count: u64,
    /// Sum, microseconds.
    pub total_us: u64,
    /// Longest, microseconds.
    pub longest_us: u64,
}

#[derive(Default)]
struct Inner {
    checks: BTreeMap<String, (u64, u64)>,
    times: BTreeMap<&'static str, ActTime>,
    passed: u64,
    failed: u64,
}

/// Shared by all lanes.
#[derive(Default)]
pub struct Tally(Mutex<Inner>);

impl Tally {
    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a card's verdicts.
    pub(crate) fn validated(&self, verdicts: &[Verdict]) {
        self.with(|inner| {
            for verdict in verdicts {
                let (passed, failed) = inner.checks.entry(verdict.name.clone()).or_default();
                *(if verdict.failure.is_none() {
                    passed
                } else {
                    failed
                }) += 1;
            }
            let all = verdicts.iter().all(|v| v.failure.is_none());
            *(if all {
                &mut inner.passed
            } else {
                &mut inner.failed
            }) += 1;
        });
    }

    /// Counts time that this computer spent.
    pub(crate) fn spent(&self, act: &'static str, spent_us: u64) {
        self.with(|inner| {
            let time = inner.times.entry(act).or_default();
            time.count += 1;
            time.total_us = time.total_us.saturating_add(spent_us);
            time.longest_us = time.longest_us.max(spent_us);
        });
    }

    /// Cards that passed all checks, and those that did not.
    pub fn cards(&self) -> (u64, u64) {
        self.with(|inner| (inner.passed, inner.failed))
    }

    /// Checks by name: passed, failed.
    pub fn checks(&self) -> BTreeMap<String, (u64, u64)> {
        self.with(|inner| inner.checks.clone())
    }

    /// Times by act.
    pub fn times(&self) -> BTreeMap<&'static str, ActTime> {
        self.with(|inner| inner.times.clone())
    }
}

//! What an executor is given and what it tells: ports, settings, switch, progress, boundary.

use super::control::End;
use super::hands::Hands;
use cardwright_ports::store::OrderKey;
use cardwright_ports::{Clock, Store};
use std::sync::atomic::{AtomicU8, Ordering};

/// What the executor works through.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Ledger and audit.
    pub store: &'a dyn Store,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Lanes.
    pub hands: &'a dyn Hands,
}

/// How it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Workers, each with its own lane.
    pub lanes: usize,
    /// Orders in a wave; chip slots times lanes is a good measure.
    pub wave: usize,
    /// Mailers in one document; independent of lanes, so that documents are, too.
    pub mailers_per_document: usize,
    /// Rejects at which the line stops by itself; 0 for never. Cards of the wave that is under way
    /// are finished.
    pub stop_after_rejects: u32,
}

impl Settings {
    /// Usual settings for a number of lanes.
    pub fn with_lanes(lanes: usize, stop_after_rejects: u32) -> Self {
        Self {
            lanes,
            wave: lanes.saturating_mul(8),
            mailers_per_document: 50,
            stop_after_rejects,
        }
    }
}

/// A switch that another thread may turn while a run goes on; it acts between waves.
#[derive(Debug, Default)]
pub struct Switch(AtomicU8);

/// What a switch was turned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Not,
    Pause,
    Cancel,
}

impl Switch {
    pub(crate) fn turned(&self) -> Turned {
        match self.0.load(Ordering::SeqCst) {
            0 => Turned::Not,
            1 => Turned::Pause,
            _ => Turned::Cancel,
        }
    }

    /// Stop between cards, to go on later.
    pub fn pause(&self) {
        self.0.fetch_max(1, Ordering::SeqCst);
    }
    /// Give the job up.
    pub fn cancel(&self) {
        self.0.fetch_max(2, Ordering::SeqCst);
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Orders done in this run.
    pub done: u64,
    /// Orders rejected.
    pub rejected: u64,
    /// Orders that wait for another attempt.
    pub remakes: u64,
    /// Orders and mailers in doubt.
    pub unknown: u64,
    /// Mailers printed.
    pub mailers: u64,
    /// Mailers that can't be drawn.
    pub undrawn: u64,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOutcome {
    /// How it ended.
    pub end: End,
    /// What it did.
    pub progress: Progress,
}

/// Says that the process ends here; only crash tests do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// Called before every effect: before each commit with key `None`, before each act with its order.
pub trait Boundary: Send + Sync {
    /// Whether to go on.
    fn before(&self, order: Option<OrderKey>, effect: &str) -> Result<(), Stopped>;
}

/// Never stops.
pub struct NoBoundary;

impl Boundary for NoBoundary {
    fn before(&self, _: Option<OrderKey>, _: &str) -> Result<(), Stopped> {
        Ok(())
    }
}

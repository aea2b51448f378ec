//! Crashes at every boundary, random schedules, seeded protocol bugs; the oracle is the simulated
//! machine's own ledger.

mod boundaries;
mod bugs;
mod control;
mod faults;
mod hands;
mod oracle;
mod races;
mod schedules;
mod world;

pub(crate) use bugs::Bugs;

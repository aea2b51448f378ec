//! A simulated card machine with its own physical ledger.
//!
//! The ledger is the oracle of every test of the production protocol: it says what physically
//! happened, in a folder of its own, and knows nothing of orders, stores or bundles. It holds no
//! PAN, track or PIN: contents are keyed hashes under a key that never leaves the folder.

mod chip;
mod codes;
mod faults;
mod ledger;
mod simulator;

pub use codes::CODES;
pub use faults::{Act, Fault, FaultKind};
pub use ledger::{Duplicate, JobBlanks, Ledger, LedgerAudit};
pub use simulator::{ChipFactory, MachineSettings, SimulatedMachine};

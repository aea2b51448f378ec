//! The production protocol: a pure step over one order and one job, and an executor that carries
//! its effects out through ports.
//!
//! [`step`] takes a card's or a mailer's state and an event and gives the next state and effects;
//! [`control`] does the same for the job. Neither does I/O. A [`Effect::Record`] is durable before
//! the act that stands behind it is begun. The [`Executor`] drives waves of orders: all records of
//! a wave become one commit, then the acts of the wave run in parallel.
//!
//! What holds: a card leaves only after a compare-and-set of its order on state and epoch; an order
//! with an intent is never taken over; after a crash it is `UNKNOWN` until two people have found
//! its card. The window that stays is between the durable release and the physical eject: a crash
//! there leaves the order `UNKNOWN`, too.

mod codes;
pub mod control;
mod doubts;
mod effect;
mod executor;
mod hands;
mod order;
mod record;
mod recovery;
mod route;
mod settings;
mod settlement;
mod sums;
#[cfg(test)]
mod tests;

pub use codes::{CODES, EngineError};
pub use control::{End, Stop};
pub use effect::{Act, Effect, Event, Trouble};
pub use executor::Executor;
pub use hands::{Hands, Lane, Workpiece};
pub use order::{Outcome, State, step};
pub use recovery::{Recovery, Start, authorize, cancel, join, recover, start};
pub use route::{Move, Route};
pub use settings::{Boundary, NoBoundary, Ports, Progress, RunOutcome, Settings, Stopped, Switch};
pub use settlement::{
    Found, FoundForm, Settlement, approve, approve_mailer, finding, settle, settle_mailer,
};

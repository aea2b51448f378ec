//! A driver for payment HSMs that take host commands over TCP, and a simulator of ours for tests.
//!
//! The command set is the widely documented one with two-character codes: a frame of two octets of
//! length, a header that comes back, a code, fields; the answer has the code with its second
//! character one further and a two-character error. Layouts are data ([`layout`]); each says
//! whether it is held by published messages, by published descriptions, or is a proposal of ours.
//! What the commands can't do is refused with a code and never done in the host's memory instead.

pub mod custody;
mod driver;
pub mod error;
pub mod framing;
pub mod keys;
pub mod layout;
mod pool;
mod sealed;
mod session;
pub mod simulator;

pub use driver::{HostCommandHsm, Settings};
pub use error::CODES;
pub use pool::PoolSettings;

//! HSMs that speak PKCS#11: every intent of the port, composed of what the token really does.
//!
//! At opening, the driver tries each mechanism with published vectors ([`capability`]): what the
//! token lists counts for nothing. For every intent a table ([`composition`]) ranks the ways to
//! carry it out, and the best that works and that the site allows is taken. Keys are sensitive,
//! not extractable, and of one use ([`objects`]).
//!
//! A call that does not return is left alone in its thread and the session given up (`link`);
//! tokens that hold the same keys share the load and stand in for each other (`token`).

pub mod bench;
pub mod capability;
mod channel_keys;
pub mod composition;
mod custody;
mod draw;
pub mod error;
mod genuine;
mod held;
mod hsm;
mod known;
mod link;
mod making;
pub mod objects;
pub mod return_codes;
mod ring;
mod seal;
mod session;
pub mod settings;
mod together;
mod token;
mod tool;
mod waiting;

pub use error::CODES;
pub use hsm::{Description, Pkcs11Hsm, Status};
pub use settings::{HostMemory, Pin, Relogin, Settings};

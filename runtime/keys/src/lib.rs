//! The key management station: what keys a site has and in which state, who may do what to them,
//! and how they travel.
//!
//! Nouns are rows of the site's registers, JSON without secrets. Verbs are functions of what is
//! known: they give changes and audit entries, and a caller commits both together. What needs the
//! HSM goes through [`cardwright_ports::KeyCustody`]; this crate does no input or output of its own.

pub mod ceremony;
mod clerk;
mod error;
pub mod exchange;
pub mod inventory;
pub mod issuer;
pub mod packages;
pub mod reports;

pub use clerk::{Clerk, Hand, Ledger, enter_act, enter_replacement};
pub use error::{Code, KeysError};

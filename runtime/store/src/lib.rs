//! Job ledger and audit log: SQLite for sites, memory for rehearsals and simulations.
//!
//! The rules of the protocol stand once, in `rules`, over the [`Store`](cardwright_ports::Store)'s
//! rows; a backend only knows how to keep rows and how to make a transaction durable.

mod audit;
mod codes;
mod memory;
mod rows;
mod rules;
mod sealer;
mod site_key;
mod sqlite;

pub use codes::CODES;
pub use memory::MemoryStore;
pub use sealer::JobSealer;
pub use site_key::SiteKey;
pub use sqlite::SqliteStore;

//! The runtime: Bundle to Plan to Journal, through ports only.
//!
//! [`load`] takes a hostile bundle and gives a [`Loaded`] one or a refusal; [`intake`] reads order
//! files by the bundle's own format; [`plan`] runs a bundle's programs for one record;
//! [`datagen`] makes a card's data once and for all; [`engine`] is the production protocol.

pub mod certified;
pub mod codes;
pub mod datagen;
pub mod engine;
mod error;
mod functions;
pub mod intake;
pub mod load;
pub mod plan;
pub mod print;
mod value;

pub use error::RuntimeError;
pub use load::Loaded;
pub use value::{Date, Value};

//! Stations: compositions of runtime and ports that carry the trade's names.
//!
//! [`take`] is intake into the store, [`Line`] the hands that the engine's acts are done with,
//! [`perso`] the chip, [`validation`] the terminal, [`pages`] letters and carriers, [`outputs`] the
//! bank's files, [`report`] what people read.

pub mod abilities;
mod codes;
mod content;
pub mod content_data;
mod error;
pub mod faces;
pub mod line;
pub mod outputs;
pub mod pages;
pub mod perso;
mod pictures;
pub mod pool;
pub mod report;
mod script;
mod take;
mod transport;
pub mod validation;

pub use codes::CODES;
pub use error::StationError;
pub use line::{Line, LineParts};
pub use pictures::{Delivery, read_clean};
pub use take::{MakeSealer, TakenJob, Taking, order_file_hash, take};

//! The paper driver judged by other programs' eyes: lopdf reads its PDFs, rxing its barcodes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod components;
mod fonts;
mod hostile;
mod pages;
mod pictures;
mod pins;
mod sheets;
mod stationery;
mod symbols;
mod text;

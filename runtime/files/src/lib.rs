//! Files of records by a bundle's formats: octets to texts and back.
//!
//! A format is one declaration: how records are told apart (lines, blocks, lengths, elements), what
//! octets stand for characters, how each field stands in its record, and which records belong
//! together. [`read`] and [`Writer`] are two functions over that declaration; what a field's text
//! means (a PAN, a date) is the business of those who ask.
//!
//! ```text
//! octets --framing--> frame --flat, tagged--> cells     one text for each occurrence of a field
//!        --xml, json, tlv--> tree ----------> cells
//!        --spreadsheet--> row --------------> cells
//! ```
//! Memory does not grow with the file, but for a spreadsheet, which is bounded.

mod cells;
mod characters;
pub mod codes;
mod coding;
mod ebcdic;
mod flat;
mod framing;
mod json;
mod read;
mod spreadsheet;
mod tagged;
mod tlv;
mod tree;
mod write;
mod xml;

pub use cells::{CellError, Cells, FileError, Place};
pub use read::{Found, read};
pub use write::Writer;

/// Most octets of one record.
pub const RECORD_BYTES_MAX: usize = 64 << 10;
/// Deepest nesting of elements, objects and templates.
pub const DEPTH_MAX: usize = 32;
/// Most elements, members or data objects of one record.
pub const NODES_MAX: usize = 4096;
/// Largest spreadsheet file, as it lies on the disk.
pub const SPREADSHEET_BYTES_MAX: u64 = 32 << 20;
/// Largest spreadsheet, unpacked.
pub const UNPACKED_BYTES_MAX: u64 = 256 << 20;

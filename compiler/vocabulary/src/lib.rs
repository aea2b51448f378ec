//! The one table of what the language's words mean.
//!
//! Kinds, attributes, sentence patterns, flags, data elements, key uses, functions and sinks are
//! rows of data here. The checker, the reference book, hover and completion all read these rows,
//! so that a new attribute is one row and nothing else has to learn of it.

mod cvm;
mod elements;
mod functions;
mod key_uses;
mod kinds;
mod pattern;
mod quirks;
mod reference;
mod rows;
mod sinks;
mod suggest;

pub use cardwright_standards::emv::bits::{
    Bit, BitError, BitField, Reading, SERVICE_CODE_WORDS, ServiceCode, Word, field as bit_field,
    fields as bit_fields, service_code_of,
};
pub use cvm::{CVM_CODES, CVM_CONDITIONS, Coded, cvm_code, cvm_condition};
pub use elements::{
    DataElement, data_element, data_element_in, data_elements, element_by_name, is_known_tag,
};
pub use functions::{FUNCTIONS, Function, Gives, Param, Takes, function};
pub use key_uses::{KEY_ALGORITHMS, KEY_USES, KeyUseRow, key_use};
pub use kinds::{KINDS, kind, top_kinds};
pub use pattern::{Piece, pieces};
pub use quirks::{QUIRKS, QuirkRow, quirk};
pub use reference::{reference_markdown, signature, takes_markdown};
pub use rows::{Attribute, ClauseRow, CodeList, Is, Kind, Merge, Need, Shape, SpeaksOf, Want};
pub use sinks::{Level, RUN_FIELDS, RunField, SINKS, Sink, SinkRow};
pub use suggest::nearest;

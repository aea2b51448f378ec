//! Calculators for engineers: the operations of `cardstation calc`, one JSON object in, one out.
//!
//! Input is hostile: every length is limited, nothing panics, and no argument is ever repeated in
//! an error. Results hold keys and PINs where that is what was asked for; this is a tool for test
//! keys.

mod arguments;
mod channels;
mod data;
mod emv;
mod jsonl;
mod keys;
mod pins;

pub use jsonl::{LINE_OCTETS_MAX, run_jsonl};

use arguments::Arguments;
use serde_json::{Map, Value};

/// Why there is no result: a stable code and what is wrong, never a value that was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CalcError {
    /// Stable code.
    pub code: &'static str,
    /// What was found and expected.
    pub message: String,
}

impl CalcError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Code, title, explanation, mend, source of the rule.
pub static CODES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "E0090",
        "not a JSON object",
        "A line of `calc --jsonl` is one JSON object with a member `op`.",
        "Write one object a line; strings in quotes, hexadecimal without prefix.",
        "house: arguments of calculators",
    ),
    (
        "E0091",
        "unknown operation",
        "There is no calculator of that name.",
        "The message names those that there are.",
        "house: arguments of calculators",
    ),
    (
        "E0092",
        "missing argument",
        "The calculator needs an argument that is not there.",
        "Add the argument that the message names.",
        "house: arguments of calculators",
    ),
    (
        "E0093",
        "argument not understood",
        "An argument has a wrong type, is not hexadecimal, or is none of the known words.",
        "Correct the argument that the message names.",
        "house: arguments of calculators",
    ),
    (
        "E0094",
        "line too long",
        "A line of `calc --jsonl` has up to 1 MiB.",
        "Shorten the input.",
        "house: arguments of calculators",
    ),
    (
        "E0095",
        "no randomness",
        "The system gave no random octets.",
        "Pass `fill` for a fixed result.",
        "house: arguments of calculators",
    ),
];

type Operation = fn(&Arguments<'_>) -> Result<Value, CalcError>;

/// Every operation by name.
static OPERATIONS: &[(&str, Operation)] = &[
    ("cvv", pins::cvv),
    ("pvv", pins::pvv),
    ("ibm3624.pin", pins::ibm3624_pin),
    ("ibm3624.offset", pins::ibm3624_offset),
    ("pinblock.encode", pins::pin_block_encode),
    ("pinblock.decode", pins::pin_block_decode),
    ("kcv", keys::kcv),
    ("emv.master_key", emv::master_key),
    ("emv.session_key", emv::session_key),
    ("emv.ac", emv::ac),
    ("emv.arpc", emv::arpc),
    ("emv.cvc3", emv::cvc3),
    ("mac", keys::mac),
    ("tr31.wrap", keys::tr31_wrap),
    ("tr31.unwrap", keys::tr31_unwrap),
    ("tr31.read", keys::tr31_read),
    ("tr31.open", keys::tr31_open),
    ("keywrap.wrap", keys::keywrap_wrap),
    ("keywrap.unwrap", keys::keywrap_unwrap),
    ("components.split", keys::components_split),
    ("components.combine", keys::components_combine),
    ("scp02.session", channels::scp02_session),
    ("scp03.session", channels::scp03_session),
    ("gp.diversify", channels::diversify),
    ("tlv.decode", data::tlv_decode),
    ("luhn", data::luhn),
    ("track1", data::track_1),
    ("track2", data::track_2),
];

/// Names of all operations.
pub fn operations() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|(name, _)| *name)
}

/// Performs one operation. `arguments` may hold further members, such as `op`.
pub fn calc(op: &str, arguments: &Map<String, Value>) -> Result<Value, CalcError> {
    match OPERATIONS.iter().find(|(name, _)| *name == op) {
        Some((_, operation)) => operation(&Arguments(arguments)),
        None => {
            let names: Vec<&str> = operations().collect();
            Err(CalcError::new(
                "E0091",
                format!("no such operation; known: {}", names.join(", ")),
            ))
        }
    }
}

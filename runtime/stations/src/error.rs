//! Why a station failed.

use cardwright_runtime::RuntimeError;

/// A failure with a stable code; never data of a card or an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct StationError {
    /// Stable code.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl StationError {
    /// Makes one.
    pub fn new(code: &'static str, what: impl Into<String>, mend: &'static str) -> Self {
        Self {
            code,
            what: what.into(),
            mend,
        }
    }
}

macro_rules! from {
    ($($other:ty),*) => {$(
        impl From<$other> for StationError {
            fn from(error: $other) -> Self {
                Self { code: error.code, what: error.what, mend: error.mend }
            }
        }
    )*};
}
from!(
    RuntimeError,
    cardwright_runtime::engine::EngineError,
    cardwright_ports::HsmError,
    cardwright_ports::PaperError,
    cardwright_ports::machine::MachineError,
    cardwright_ports::store::StoreError
);

impl From<cardwright_ports::CardError> for StationError {
    fn from(error: cardwright_ports::CardError) -> Self {
        Self {
            code: error.code,
            what: error.what,
            mend: "look at the reader and the card",
        }
    }
}

/// A file could not be written or read.
pub(crate) fn file_error(what: &str, error: &std::io::Error) -> StationError {
    StationError::new(
        "R1291",
        format!("{what}: {}", error.kind()),
        "check the folder and the disk",
    )
}

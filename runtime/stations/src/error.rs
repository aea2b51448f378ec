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
    /// Whether the same may succeed later, such as with another HSM session: no order is to blame.
    pub retryable: bool,
}

impl StationError {
    /// Makes one.
    pub fn new(code: &'static str, what: impl Into<String>, mend: &'static str) -> Self {
        Self {
            code,
            what: what.into(),
            mend,
            retryable: false,
        }
    }
}

macro_rules! from {
    ($($other:ty),*) => {$(
        impl From<$other> for StationError {
            fn from(error: $other) -> Self {
                Self::new(error.code, error.what, error.mend)
            }
        }
    )*};
}

impl From<RuntimeError> for StationError {
    fn from(error: RuntimeError) -> Self {
        Self {
            retryable: error.retryable,
            ..Self::new(error.code, error.what, error.mend)
        }
    }
}

impl From<cardwright_ports::HsmError> for StationError {
    fn from(error: cardwright_ports::HsmError) -> Self {
        Self {
            retryable: error.retryable,
            ..Self::new(error.code, error.what, error.mend)
        }
    }
}

from!(
    cardwright_runtime::engine::EngineError,
    cardwright_ports::PaperError,
    cardwright_ports::machine::MachineError,
    cardwright_ports::store::StoreError
);

impl From<cardwright_ports::CardError> for StationError {
    fn from(error: cardwright_ports::CardError) -> Self {
        Self::new(error.code, error.what, "look at the reader and the card")
    }
}

/// A file could not be written or read.
pub(crate) fn file_error(what: &str, error: &std::io::Error) -> StationError {
    StationError::new(
        "R1291",
        format!("{what}: {error}"),
        "check the folder and the disk",
    )
}

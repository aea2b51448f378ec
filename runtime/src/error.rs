//! Why the runtime refuses.

/// A refusal with a stable code; bands R10 bundle, R11 plan, R15 intake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct RuntimeError {
    /// Stable code.
    pub code: &'static str,
    /// What was found and expected; public, never a value of a record.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
    /// Whether the same may succeed later, such as with another HSM session: no order is to blame.
    pub retryable: bool,
}

impl RuntimeError {
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

impl From<cardwright_bundle::BundleError> for RuntimeError {
    fn from(error: cardwright_bundle::BundleError) -> Self {
        Self {
            code: error.code,
            what: error.what,
            mend: error.mend,
            retryable: false,
        }
    }
}

impl From<cardwright_ports::HsmError> for RuntimeError {
    fn from(error: cardwright_ports::HsmError) -> Self {
        Self {
            code: error.code,
            what: error.what,
            mend: error.mend,
            retryable: error.retryable,
        }
    }
}

//! Why a bundle is refused.

/// A refusal, with a stable code (band R10).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct BundleError {
    /// `R1001` …
    pub code: &'static str,
    /// What was found and what was expected.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl BundleError {
    pub(crate) fn new(code: &'static str, what: impl Into<String>, mend: &'static str) -> Self {
        Self {
            code,
            what: what.into(),
            mend,
        }
    }
}

//! Why key management refuses: one error for all rooms, and the tables of their codes.

use cardwright_ports::{HsmError, StoreError};

/// A refusal; never holds a key, a component or a PIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct KeysError {
    /// Stable code: band R13, or R14 from the store.
    pub code: &'static str,
    /// What was found and expected; public.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl From<HsmError> for KeysError {
    fn from(error: HsmError) -> Self {
        Self {
            code: error.code,
            what: error.what,
            mend: error.mend,
        }
    }
}

impl From<StoreError> for KeysError {
    fn from(error: StoreError) -> Self {
        Self {
            code: error.code,
            what: error.what,
            mend: error.mend,
        }
    }
}

/// A code with its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable code.
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it means, for the page of the code.
    pub explanation: &'static str,
    /// What to do.
    pub mend: &'static str,
}

impl Code {
    /// The error, with what was found; never a secret.
    pub fn found(&self, what: impl Into<String>) -> KeysError {
        KeysError {
            code: self.code,
            what: what.into(),
            mend: self.mend,
        }
    }
}

/// Declares the codes of a room: a constant each, and `CODES` with all of them.
macro_rules! codes {
    ($($name:ident $code:literal $title:literal $explanation:literal $mend:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: $crate::Code = $crate::Code {
                code: $code,
                title: $title,
                explanation: $explanation,
                mend: $mend,
            };
        )*
        /// Code, title, explanation, mend; for `explain` and the pages.
        pub static CODES: &[(&str, &str, &str, &str)] = &[
            $(($code, $title, $explanation, $mend),)*
        ];
    };
}
pub(crate) use codes;

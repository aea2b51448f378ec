//! The table of the compiler's codes.

/// A code's page: code, title, explanation, how to mend.
pub type CodeRow = (&'static str, &'static str, &'static str, &'static str);

/// All codes of this crate, sorted.
pub static CODES: &[CodeRow] = &[];

/// The row of a code.
#[must_use]
pub fn explanation(code: &str) -> Option<&'static CodeRow> {
    CODES.iter().find(|row| row.0 == code)
}

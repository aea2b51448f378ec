//! Words of cardholder verification rules (EMV Book 3, Annex C3).

pub use cardwright_standards::emv::bits::{CVM_CONDITIONS, CVM_METHODS as CVM_CODES, Coded};

/// A rule's method by its word.
#[must_use]
pub fn cvm_code(word: &str) -> Option<u8> {
    CVM_CODES.iter().find(|c| c.word == word).map(|c| c.code)
}

/// A rule's condition by its word.
#[must_use]
pub fn cvm_condition(word: &str) -> Option<u8> {
    CVM_CONDITIONS
        .iter()
        .find(|c| c.word == word)
        .map(|c| c.code)
}

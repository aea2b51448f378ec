//! EMV: keys, cryptograms, secure messaging and certificates of Books 2 and 3.

pub mod cryptogram;
pub mod keys;
pub mod script;

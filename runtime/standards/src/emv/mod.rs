//! EMV: keys, cryptograms, secure messaging and certificates of Books 2 and 3.

pub mod afl;
pub mod bits;
pub mod certificates;
pub mod cryptogram;
pub mod dol;
pub mod dynamic_track;

pub mod keys;
pub mod oda;
pub mod rsa;
pub mod script;

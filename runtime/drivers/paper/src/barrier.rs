//! The last barrier against third-party parsers.

use crate::error::{self, Failure};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work` and turns a panic inside it into an error.
///
/// Fonts and background PDFs come with a bundle and are read by third-party parsers. Our own code
/// does not panic; should a parser do it on a crafted file, one document fails and not the lane.
/// Nothing that `work` touched is used afterwards, which makes the assertion sound.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(error::library("a font or background could not be handled")))
}

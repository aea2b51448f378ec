//! `calc`: calculators for engineers.

use crate::{arguments::Calc, failure::Failure};

/// Calculates.
pub(crate) fn run(_arguments: &Calc) -> Result<u8, Failure> {
    Ok(0)
}

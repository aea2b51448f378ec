//! Tree to Bundle: lower, check, emit. Pure: files come in through a trait.

pub mod diagnostics;
pub mod elaborate;
pub mod model;
pub mod project;
pub mod secrecy;
pub mod types;

//! The Cardwright language: grammar, lossless tree, typed views, formatter.
//!
//! [`parse`] takes any text and gives a [`Tree`] with a list of [`Diagnostic`]s; [`ast`] looks at
//! the tree as packages, imports, entries, phrases and expressions; [`format`](fn@format) lays a
//! text out. The crate knows no word of the trade: what `profile` or `#9F0D` mean is the
//! vocabulary's business.

// pest without `std` names it, in the tests.
#[cfg(test)]
extern crate alloc;

pub mod ast;
mod characters;
mod codes;
mod diagnostic;
mod errors;
mod format;
mod hints;
mod kind;
pub mod limits;
mod literal;
mod matcher;
mod operations;
mod parse;
#[cfg(test)]
mod referee;
mod scan;
mod tree;
pub mod words;

pub use codes::CODES;
pub use diagnostic::{Diagnostic, Label, Range, Severity};
pub use format::format;
pub use kind::Kind;
pub use parse::{Parsed, parse};
pub use tree::{Node, Tree};

//! Typed views over the tree. A view is a node and its tree; every accessor gives an `Option`, a
//! `Vec` or an `Error` variant, so that a broken source can be looked at as far as it goes.

mod entry;
mod expression;
mod file;
mod text;

pub use entry::{Clause, Entry, Phrase};
pub use expression::{Arg, Expr, ExprKind, ListItem, Segment};
pub use file::{File, Import, Path};
pub use text::TextPart;

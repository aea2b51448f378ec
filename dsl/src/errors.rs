//! Syntax errors: every `error_…` and `missing_…` node becomes one diagnostic, one a line.

use crate::diagnostic::{Diagnostic, Range};
use crate::kind::Kind;
use crate::limits::{NESTING_MAX, SOURCE_BYTES_MAX};
use crate::tree::{Node, Tree};

/// Every syntax code with its title, explanation and repair.
pub static CODES: &[(&str, &str, &str, &str)] = &[];

/// All diagnostics of a tree in source order, at most one syntax error a line.
pub(crate) fn collect(tree: &Tree, limits: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut found = limits;
    tree.root().walk(&mut |node| found.extend(describe(node)));
    found.sort_by_key(|diagnostic| diagnostic.range);
    found
}

fn describe(node: Node<'_>) -> Option<Diagnostic> {
    if node.kind().is_error() && node.kind() != Kind::ErrorSource {
        return Some(Diagnostic::error(
            "E0001",
            node.range(),
            node.kind().label(),
        ));
    }
    None
}

/// A source beyond the size limit.
pub(crate) fn source_too_large(bytes: usize) -> Diagnostic {
    let message = format!("the source has {bytes} bytes, the limit is {SOURCE_BYTES_MAX}");
    Diagnostic::error("E0020", Range::default(), message)
}

/// A bracket beyond the nesting limit.
pub(crate) fn nested_too_deep(bracket: Range) -> Diagnostic {
    let message = format!("brackets nest deeper than {NESTING_MAX} levels here");
    Diagnostic::error("E0021", bracket, message)
}

/// A piece that the grammar engine gave up on.
pub(crate) fn source_refused(piece: Range) -> Diagnostic {
    Diagnostic::error(
        "E0022",
        piece,
        "this part of the source is nested too deeply to be read",
    )
}

//! The formatter: lays a source out from its tree, keeping every word and every comment.
//!
//! Blocks are indented by two spaces, `:`, `=` and clauses of neighbouring lines stand in columns,
//! at most one blank line separates groups, line breaks inside brackets stay where they are. What
//! is broken is printed as it was written.

mod align;
mod lines;
mod print;

use crate::kind::Kind;
use crate::parse::parse;
use crate::tree::Tree;

/// Lays a source text out. A text whose braces do not match comes back as it is, because nobody
/// can know yet how its lines nest.
pub fn format(source: &str) -> String {
    let tree = parse(source).tree;
    if !nests(&tree) {
        return source.to_owned();
    }
    let laid_out = print::print(&tree);
    if laid_out == source {
        return laid_out;
    }
    // A formatter that changes what a card source says must not exist: compare before returning.
    if words(&parse(&laid_out).tree) == words(&tree) {
        laid_out
    } else {
        source.to_owned()
    }
}

/// Whether every bracket has its partner and the whole source was read.
fn nests(tree: &Tree) -> bool {
    let mut nests = true;
    tree.root().walk(&mut |node| {
        let broken = [Kind::MissingClose, Kind::ErrorClose, Kind::ErrorSource];
        nests &= !broken.contains(&node.kind());
    });
    nests
}

/// Everything that a source says: its leaves without spaces, line ends and separators.
fn words(tree: &Tree) -> Vec<(Kind, &str)> {
    let mut words = Vec::new();
    tree.root().walk(&mut |node| {
        // An empty file is a leaf.
        let layout = matches!(
            node.kind(),
            Kind::Whitespace
                | Kind::Newline
                | Kind::Semicolon
                | Kind::MissingSeparator
                | Kind::File
        );
        if node.is_leaf() && !layout {
            words.push((node.kind(), node.text().trim_end()));
        }
    });
    words
}

//! Growing selections: from the word under the cursor to the expression, the entry, the block.

use crate::documents::Document;
use cardwright_dsl::Node;
use lsp_types::{Position, SelectionRange};

/// The selections around each position, smallest first.
pub(crate) fn ranges(document: &Document, positions: &[Position]) -> Vec<SelectionRange> {
    positions
        .iter()
        .map(|position| around(document, document.text.offset(*position)))
        .collect()
}

fn around(document: &Document, offset: usize) -> SelectionRange {
    let mut chain = SelectionRange {
        range: document
            .text
            .node_range(document.parsed.tree.root().range()),
        parent: None,
    };
    let mut at = document.parsed.tree.root();
    while let Some(inner) = holding(at, offset) {
        let range = document.text.node_range(inner.range());
        if range != chain.range {
            chain = SelectionRange {
                range,
                parent: Some(Box::new(chain)),
            };
        }
        at = inner;
    }
    chain
}

/// The child that holds an offset; at a border the one that is no space.
fn holding(node: Node<'_>, offset: usize) -> Option<Node<'_>> {
    let touches = |child: &Node<'_>| {
        let range = child.range();
        !range.is_empty() && range.start <= offset && offset <= range.end
    };
    let mut touching = node.children().filter(touches);
    let first = touching.next()?;
    match touching.next() {
        Some(second) if !second.kind().is_trivia() => Some(second),
        _ => Some(first),
    }
}

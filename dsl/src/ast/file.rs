//! The file: its documentation, package, imports and entries.

use crate::ast::Entry;
use crate::diagnostic::Range;
use crate::kind::Kind;
use crate::tree::{Node, Tree};

/// A whole source file.
#[derive(Clone, Copy, Debug)]
pub struct File<'t> {
    node: Node<'t>,
}

impl<'t> File<'t> {
    /// The file of a tree.
    pub fn of(tree: &'t Tree) -> File<'t> {
        File { node: tree.root() }
    }

    /// The name behind `package`, if there is one.
    pub fn package(self) -> Option<Path<'t>> {
        self.node.children_of(Kind::Package).find_map(path_in)
    }

    /// All `package` lines after the first, which have no meaning.
    pub fn further_packages(self) -> Vec<Range> {
        self.node
            .children_of(Kind::Package)
            .skip(1)
            .map(Node::range)
            .collect()
    }

    /// The `use` lines that name something, in order.
    pub fn imports(self) -> Vec<Import<'t>> {
        let with_path = |node: &Node<'t>| path_in(*node).is_some();
        self.node
            .children_of(Kind::Import)
            .filter(with_path)
            .map(|node| Import { node })
            .collect()
    }

    /// The entries, in order; broken ones too.
    pub fn entries(self) -> Vec<Entry<'t>> {
        self.node.children_of(Kind::Entry).map(Entry::new).collect()
    }

    /// The text of the `//!` lines.
    pub fn docs(self) -> Option<String> {
        let lines: Vec<&str> = self
            .node
            .children_of(Kind::FileDoc)
            .map(|node| doc_line(node.text(), "//!"))
            .collect();
        if lines.is_empty() {
            None
        } else {
            Some(lines.join("\n"))
        }
    }

    /// Where the file stands: all of it.
    pub fn range(self) -> Range {
        self.node.range()
    }
}

/// `use std.emv`.
#[derive(Clone, Copy, Debug)]
pub struct Import<'t> {
    node: Node<'t>,
}

impl<'t> Import<'t> {
    /// What is imported.
    pub fn path(self) -> Path<'t> {
        Path {
            node: self.node.child(Kind::Path).unwrap_or(self.node),
        }
    }

    /// The whole line without its line end.
    pub fn range(self) -> Range {
        self.node.range()
    }

    /// Whether the line is broken; then its path may be only the beginning of one.
    pub fn has_error(self) -> bool {
        self.node.has_error()
    }
}

/// A dotted name.
#[derive(Clone, Copy, Debug)]
pub struct Path<'t> {
    node: Node<'t>,
}

impl Path<'_> {
    /// The name as written, `std.emv`.
    pub fn text(self) -> String {
        self.node.text().to_owned()
    }

    /// Where it stands.
    pub fn range(self) -> Range {
        self.node.range()
    }
}

fn path_in(node: Node<'_>) -> Option<Path<'_>> {
    node.child(Kind::Path).map(|node| Path { node })
}

/// The text of a documentation line without its mark and the one space behind it.
pub(crate) fn doc_line<'s>(text: &'s str, mark: &str) -> &'s str {
    let body = text.strip_prefix(mark).unwrap_or(text);
    body.strip_prefix(' ').unwrap_or(body).trim_end()
}

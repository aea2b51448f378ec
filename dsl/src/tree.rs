//! The lossless tree: an arena of nodes whose leaves, read in order, are the source text.

use crate::diagnostic::Range;
use crate::kind::Kind;
use std::fmt::Write;

/// Index of a node in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(u32);

/// No node: the parent of the root.
const NOBODY: NodeId = NodeId(u32::MAX);

/// A node. Places are octets of the source, and of the list of children.
#[derive(Clone, Copy, Debug)]
struct NodeData {
    start: u32,
    end: u32,
    first_child: u32,
    children: u32,
    parent: NodeId,
    /// Its number among its siblings.
    place: u32,
    /// Height of the tree under it; a leaf has 1.
    height: u32,
    kind: Kind,
    /// Whether this node or one below it means an error.
    error: bool,
}

impl NodeData {
    fn range(&self) -> Range {
        Range::new(self.start as usize, self.end as usize)
    }
}

/// A parsed source text. Every byte of the source lies in exactly one leaf.
#[derive(Clone, Debug)]
pub struct Tree {
    source: String,
    line_starts: Vec<usize>,
    nodes: Vec<NodeData>,
    /// Children of all nodes, those of one node side by side.
    children: Vec<NodeId>,
    root: NodeId,
}

/// A node together with its tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    tree: &'t Tree,
    id: NodeId,
}

impl Tree {
    /// The source text, put together again from the leaves.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.source.len());
        self.root().walk(&mut |node| {
            if node.is_leaf() {
                text.push_str(node.text());
            }
        });
        text
    }

    /// The source text as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The node of the whole file.
    pub fn root(&self) -> Node<'_> {
        Node {
            tree: self,
            id: self.root,
        }
    }

    /// Number of nodes, a measure of the work that a text makes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// A stable dump: one node a line, leaves with their text, spaces and line ends left out.
    pub fn print(&self) -> String {
        let mut out = String::new();
        print_node(self.root(), 0, &mut out);
        out
    }

    /// Line and column (both from 1, columns in characters) of a byte offset.
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.source.len());
        let line = self.line_index(offset);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.source.get(start..).unwrap_or("");
        let column = before
            .char_indices()
            .take_while(|(at, _)| start + at < offset)
            .count()
            + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }

    /// Number of the line (from 1) that holds a byte offset; cheaper than [`Tree::line_column`].
    pub(crate) fn line_index(&self, offset: usize) -> usize {
        self.line_starts
            .partition_point(|start| *start <= offset)
            .max(1)
    }

    fn data(&self, id: NodeId) -> Option<&NodeData> {
        self.nodes.get(id.0 as usize)
    }

    fn children_of(&self, data: &NodeData) -> &[NodeId] {
        let from = data.first_child as usize;
        let children = self.children.get(from..from + data.children as usize);
        children.unwrap_or(&[])
    }
}

impl<'t> Node<'t> {
    /// What the node is.
    pub fn kind(self) -> Kind {
        self.tree
            .data(self.id)
            .map_or(Kind::Punctuation, |data| data.kind)
    }

    /// Where the node stands.
    pub fn range(self) -> Range {
        self.tree
            .data(self.id)
            .map_or(Range::default(), NodeData::range)
    }

    /// The tree that the node belongs to.
    pub fn tree(self) -> &'t Tree {
        self.tree
    }

    /// The source text of the node.
    pub fn text(self) -> &'t str {
        let range = self.range();
        self.tree.source.get(range.start..range.end).unwrap_or("")
    }

    /// Whether the node has no children.
    pub fn is_leaf(self) -> bool {
        self.tree
            .data(self.id)
            .is_none_or(|data| data.children == 0)
    }

    /// The children in source order, trivia included.
    pub fn children(self) -> impl DoubleEndedIterator<Item = Node<'t>> + Clone {
        let children = self
            .tree
            .data(self.id)
            .map_or(&[][..], |data| self.tree.children_of(data));
        children.iter().map(move |id| Node {
            tree: self.tree,
            id: *id,
        })
    }

    /// The first child of a kind.
    pub fn child(self, kind: Kind) -> Option<Node<'t>> {
        self.children().find(|node| node.kind() == kind)
    }

    /// The children of a kind.
    pub fn children_of(self, kind: Kind) -> impl Iterator<Item = Node<'t>> {
        self.children().filter(move |node| node.kind() == kind)
    }

    /// The children that are expressions.
    pub fn expressions(self) -> impl Iterator<Item = Node<'t>> {
        self.children().filter(|node| node.kind().is_expression())
    }

    /// The node around this one.
    pub fn parent(self) -> Option<Node<'t>> {
        let parent = self.tree.data(self.id)?.parent;
        (parent != NOBODY).then_some(Node {
            tree: self.tree,
            id: parent,
        })
    }

    /// The siblings before this node, the nearest first.
    pub fn siblings_before(self) -> impl Iterator<Item = Node<'t>> {
        let place = self
            .tree
            .data(self.id)
            .map_or(0, |data| data.place as usize);
        let siblings = self
            .parent()
            .and_then(|parent| self.tree.data(parent.id))
            .and_then(|data| self.tree.children_of(data).get(..place))
            .unwrap_or(&[]);
        siblings.iter().rev().map(move |id| Node {
            tree: self.tree,
            id: *id,
        })
    }

    /// Whether this node or one below it means an error.
    pub fn has_error(self) -> bool {
        self.tree.data(self.id).is_some_and(|data| data.error)
    }

    /// Calls `visit` for this node and every node below it, parents first.
    pub fn walk(self, visit: &mut impl FnMut(Node<'t>)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }
}

fn print_node(node: Node<'_>, depth: usize, out: &mut String) {
    if matches!(node.kind(), Kind::Whitespace | Kind::Newline) {
        return;
    }
    out.push_str(&"  ".repeat(depth));
    out.push_str(node.kind().label());
    if node.is_leaf() && !node.range().is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(out, " {:?}", node.text());
    }
    out.push('\n');
    for child in node.children() {
        print_node(child, depth + 1, out);
    }
}

/// Puts a tree together, leaves first. Gaps between children become punctuation leaves.
pub(crate) struct TreeBuilder<'s> {
    source: &'s str,
    nodes: Vec<NodeData>,
    children: Vec<NodeId>,
}

/// A source is at most 256 KiB and no byte makes more than a few nodes: u32 is enough.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'s> TreeBuilder<'s> {
    /// A builder with room for about so many nodes.
    pub(crate) fn new(source: &'s str, nodes: usize) -> Self {
        TreeBuilder {
            source,
            nodes: Vec::with_capacity(nodes),
            children: Vec::with_capacity(nodes),
        }
    }

    pub(crate) fn source(&self) -> &'s str {
        self.source
    }

    /// A node without children.
    pub(crate) fn leaf(&mut self, kind: Kind, range: Range) -> NodeId {
        self.push(kind, range, 0)
    }

    /// A node that spans `range`; what its children leave free becomes punctuation.
    pub(crate) fn node(&mut self, kind: Kind, range: Range, children: &[NodeId]) -> NodeId {
        if children.is_empty() {
            return self.leaf(kind, range);
        }
        let mut at = range.start;
        let mut count = 0;
        let mut gaps = false;
        for child in children {
            let place = self.range(*child);
            gaps |= place.start > at;
            at = place.end.max(at);
        }
        gaps |= range.end > at;
        if !gaps {
            self.children.extend_from_slice(children);
            return self.push(kind, range, children.len());
        }
        let mut at = range.start;
        for child in children {
            let place = self.range(*child);
            if place.start > at {
                let gap = self.leaf(Kind::Punctuation, Range::new(at, place.start));
                self.children.push(gap);
                count += 1;
            }
            self.children.push(*child);
            count += 1;
            at = place.end.max(at);
        }
        if range.end > at {
            let gap = self.leaf(Kind::Punctuation, Range::new(at, range.end));
            self.children.push(gap);
            count += 1;
        }
        self.push(kind, range, count)
    }

    /// A node that spans exactly its children.
    pub(crate) fn wrap(&mut self, kind: Kind, children: &[NodeId]) -> NodeId {
        let first = children
            .first()
            .map(|id| self.range(*id))
            .unwrap_or_default();
        let last = children
            .last()
            .map(|id| self.range(*id))
            .unwrap_or_default();
        self.node(kind, Range::new(first.start, last.end), children)
    }

    fn data(&self, id: NodeId) -> Option<&NodeData> {
        self.nodes.get(id.0 as usize)
    }

    pub(crate) fn range(&self, id: NodeId) -> Range {
        self.data(id).map_or(Range::default(), NodeData::range)
    }

    pub(crate) fn kind(&self, id: NodeId) -> Kind {
        self.data(id).map_or(Kind::Punctuation, |data| data.kind)
    }

    /// Height of the tree under a node; a leaf has 1.
    pub(crate) fn height(&self, id: NodeId) -> u32 {
        self.data(id).map_or(0, |data| data.height)
    }

    /// The finished tree.
    pub(crate) fn finish(mut self, root: NodeId) -> Tree {
        self.nodes.shrink_to_fit();
        self.children.shrink_to_fit();
        let mut line_starts = vec![0];
        line_starts.extend(self.source.match_indices('\n').map(|(at, _)| at + 1));
        Tree {
            source: self.source.to_owned(),
            line_starts,
            nodes: self.nodes,
            children: self.children,
            root,
        }
    }

    /// Adds a node whose children are the last so many of the list.
    fn push(&mut self, kind: Kind, range: Range, children: usize) -> NodeId {
        let id = NodeId(short(self.nodes.len()));
        let first_child = self.children.len().saturating_sub(children);
        let (mut height, mut error) = (0, kind.is_error());
        let own = self.children.get(first_child..).unwrap_or(&[]);
        for (place, child) in own.iter().enumerate() {
            if let Some(child) = self.nodes.get_mut(child.0 as usize) {
                (child.parent, child.place) = (id, short(place));
                height = height.max(child.height);
                error |= child.error;
            }
        }
        self.nodes.push(NodeData {
            start: short(range.start),
            end: short(range.end),
            first_child: short(first_child),
            children: short(children),
            parent: NOBODY,
            place: 0,
            height: height + 1,
            kind,
            error,
        });
        id
    }
}

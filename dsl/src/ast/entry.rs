//! Entries, phrases and clauses: the uniform part of the language.

use crate::ast::file::doc_line;
use crate::ast::{Expr, ExprKind};
use crate::diagnostic::Range;
use crate::kind::Kind;
use crate::tree::Node;

/// One entry: `head : base = value { block }` with clauses behind each phrase.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    node: Node<'t>,
}

impl<'t> Entry<'t> {
    pub(crate) fn new(node: Node<'t>) -> Entry<'t> {
        Entry { node }
    }

    /// The entry that a node is, for tools that come from a place in the text.
    pub fn of(node: Node<'t>) -> Option<Entry<'t>> {
        (node.kind() == Kind::Entry).then_some(Entry { node })
    }

    /// The text of the `///` lines directly above, without marks.
    pub fn doc(self) -> Option<String> {
        let mut lines = Vec::new();
        let mut line_ends = 0;
        for node in self.node.siblings_before() {
            match node.kind() {
                Kind::DocComment => {
                    lines.push(doc_line(node.text(), "///"));
                    line_ends = 0;
                }
                Kind::Newline if line_ends == 0 => line_ends = 1,
                Kind::Whitespace => {}
                // A comment behind something on the same line speaks of that.
                kind if line_ends == 0 && !kind.is_trivia() => {
                    lines.pop();
                    break;
                }
                _ => break,
            }
        }
        lines.reverse();
        if lines.is_empty() {
            None
        } else {
            Some(lines.join("\n"))
        }
    }

    /// The words that say what the entry is.
    pub fn head(self) -> Phrase<'t> {
        Phrase {
            node: self.node.child(Kind::Head).unwrap_or(self.node),
        }
    }

    /// The phrase behind `:`.
    pub fn base(self) -> Option<Phrase<'t>> {
        self.node.child(Kind::Base).map(|node| Phrase { node })
    }

    /// The phrase behind `=`.
    pub fn value(self) -> Option<Phrase<'t>> {
        self.node.child(Kind::Value).map(|node| Phrase { node })
    }

    /// All clauses in source order, whichever phrase they follow.
    pub fn clauses(self) -> Vec<Clause<'t>> {
        let phrases = [Some(self.head()), self.base(), self.value()];
        phrases
            .into_iter()
            .flatten()
            .flat_map(Phrase::clauses)
            .collect()
    }

    /// The first clause with this keyword.
    pub fn clause(self, keyword: &str) -> Option<Clause<'t>> {
        self.clauses()
            .into_iter()
            .find(|clause| clause.keyword() == keyword)
    }

    /// The entries between the braces, if there are braces.
    pub fn block(self) -> Option<Vec<Entry<'t>>> {
        self.node.child(Kind::Block).map(entries_of)
    }

    /// The braces and what is between them.
    pub fn block_range(self) -> Option<Range> {
        self.node.child(Kind::Block).map(Node::range)
    }

    /// The entry without its doc comment.
    pub fn range(self) -> Range {
        self.node.range()
    }

    /// Whether the entry or anything in it is broken; later phases keep silent about it then.
    pub fn has_error(self) -> bool {
        self.node.has_error()
    }

    /// The `index`-th head term if it is a plain word (a name without a dot).
    pub fn word(self, index: usize) -> Option<String> {
        self.head().word(index)
    }

    /// The source text of the entry.
    pub fn text(self) -> &'t str {
        self.node.text()
    }
}

/// Terms side by side, followed by clauses.
#[derive(Clone, Copy, Debug)]
pub struct Phrase<'t> {
    node: Node<'t>,
}

impl<'t> Phrase<'t> {
    pub(crate) fn new(node: Node<'t>) -> Phrase<'t> {
        Phrase { node }
    }

    /// The terms before the first clause.
    pub fn terms(self) -> Vec<Expr<'t>> {
        self.node.expressions().map(Expr::new).collect()
    }

    /// The clauses.
    pub fn clauses(self) -> Vec<Clause<'t>> {
        self.node
            .children_of(Kind::Clause)
            .map(|node| Clause { node })
            .collect()
    }

    /// The first clause with this keyword.
    pub fn clause(self, keyword: &str) -> Option<Clause<'t>> {
        self.clauses()
            .into_iter()
            .find(|clause| clause.keyword() == keyword)
    }

    /// Where the phrase stands, its clauses included.
    pub fn range(self) -> Range {
        self.node.range()
    }

    /// The only term of a phrase that has one term and no clause.
    pub fn single(self) -> Option<Expr<'t>> {
        let alone = self.node.child(Kind::Clause).is_none();
        let mut terms = self.node.expressions();
        let first = terms.next().filter(|_| alone)?;
        if terms.next().is_some() {
            None
        } else {
            Some(Expr::new(first))
        }
    }

    /// The `index`-th term if it is a plain word (a name without a dot).
    pub fn word(self, index: usize) -> Option<String> {
        Expr::new(self.node.expressions().nth(index)?).word()
    }

    /// The source text of the phrase.
    pub fn text(self) -> &'t str {
        self.node.text()
    }
}

/// A reserved word with the terms behind it, as in `at 3` or `when text(1, 2) == "HD"`.
#[derive(Clone, Copy, Debug)]
pub struct Clause<'t> {
    node: Node<'t>,
}

impl<'t> Clause<'t> {
    /// The word that starts the clause.
    pub fn keyword(&self) -> &'t str {
        self.node.child(Kind::ClauseKeyword).map_or("", Node::text)
    }

    /// Where the word stands.
    pub fn keyword_range(&self) -> Range {
        self.node
            .child(Kind::ClauseKeyword)
            .map_or(self.node.range(), Node::range)
    }

    /// The terms behind the word, up to the next clause.
    pub fn terms(&self) -> Vec<Expr<'t>> {
        self.node.expressions().map(Expr::new).collect()
    }

    /// The only term of a clause that has one.
    pub fn single(&self) -> Option<Expr<'t>> {
        let mut terms = self.node.expressions();
        let first = terms.next()?;
        if terms.next().is_some() {
            None
        } else {
            Some(Expr::new(first))
        }
    }

    /// Where the clause stands, its word included.
    pub fn range(&self) -> Range {
        self.node.range()
    }
}

/// The entries of a block or record.
pub(crate) fn entries_of(block: Node<'_>) -> Vec<Entry<'_>> {
    block.children_of(Kind::Entry).map(Entry::new).collect()
}

impl Expr<'_> {
    /// The expression as a plain word: a name of one segment.
    pub fn word(&self) -> Option<String> {
        match self.kind() {
            ExprKind::Name(segments) => match segments.as_slice() {
                [only] if !only.is_tag => Some(only.text.clone()),
                _ => None,
            },
            _ => None,
        }
    }
}

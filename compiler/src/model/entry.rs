//! Entries and expressions as owned data: the mirror of the tree's typed views.

use super::Span;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// What a base says about an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Who inherits must give a value.
    Required,
    /// Who inherits may give another value.
    Default,
    /// Nobody may give another value.
    Final,
}

/// One entry. Copies share it: what builds on a base holds the base's own entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MEntry(Arc<EntryParts>);

impl From<EntryParts> for MEntry {
    fn from(parts: EntryParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for MEntry {
    type Target = EntryParts;

    fn deref(&self) -> &EntryParts {
        &self.0
    }
}

impl DerefMut for MEntry {
    /// The parts for a change, which other copies do not see.
    fn deref_mut(&mut self) -> &mut EntryParts {
        Arc::make_mut(&mut self.0)
    }
}

/// Head words, clauses, value, block of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryParts {
    /// Head terms, without a leading `required`, `default` or `final`.
    pub head: Vec<MExpr>,
    /// What stands after the colon.
    pub base: Option<MPhrase>,
    /// All clauses of the entry, those of its head, base and value together.
    pub clauses: Vec<MClause>,
    /// What stands after the equals sign.
    pub value: Option<MPhrase>,
    /// Entries of its block; `None` when it has none.
    pub block: Option<Vec<MEntry>>,
    /// Mark of the declaration that it comes from.
    pub mark: Option<Mark>,
    /// Doc comment.
    pub doc: Option<String>,
    /// Qualified name of the declaration that wrote it.
    pub origin: String,
    /// Where.
    pub span: Span,
}

impl MEntry {
    /// Its parts; they are copied only where others share them.
    pub(crate) fn into_parts(self) -> EntryParts {
        Arc::unwrap_or_clone(self.0)
    }

    /// What tells this entry from others for as long as it is there.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Head term `i` when it is a plain name of one segment.
    #[must_use]
    pub fn word(&self, i: usize) -> Option<&str> {
        self.head.get(i)?.word()
    }

    /// A clause by keyword.
    #[must_use]
    pub fn clause(&self, keyword: &str) -> Option<&MClause> {
        self.clauses.iter().find(|c| c.keyword == keyword)
    }

    /// The value when it is a single term.
    #[must_use]
    pub fn single(&self) -> Option<&MExpr> {
        self.value.as_ref()?.single()
    }

    /// An entry of the block by its only head word.
    #[must_use]
    pub fn inner(&self, name: &str) -> Option<&MEntry> {
        super::find(self.entries(), name)
    }

    /// Entries of the block; none when there is no block.
    #[must_use]
    pub fn entries(&self) -> &[MEntry] {
        self.block.as_deref().unwrap_or(&[])
    }

    /// Span of the head.
    #[must_use]
    pub fn head_span(&self) -> Span {
        match (self.head.first(), self.head.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => self.span,
        }
    }
}

/// A clause: keyword and terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MClause {
    /// `when`, `for`, `at`, `else`, `as`, `each`, `width`, `under`, `after`, `sample`, …
    pub keyword: String,
    /// Terms.
    pub terms: Vec<MExpr>,
    /// Where.
    pub span: Span,
}

impl MClause {
    /// Its only term.
    #[must_use]
    pub fn single(&self) -> Option<&MExpr> {
        match self.terms.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// Terms side by side, and clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MPhrase {
    /// Terms.
    pub terms: Vec<MExpr>,
    /// Clauses.
    pub clauses: Vec<MClause>,
    /// Where.
    pub span: Span,
}

impl MPhrase {
    /// Its only term.
    #[must_use]
    pub fn single(&self) -> Option<&MExpr> {
        match self.terms.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// An expression and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MExpr {
    /// What it is.
    pub kind: MKind,
    /// Where.
    pub span: Span,
}

impl MExpr {
    /// The word, when it is a plain name of one segment.
    #[must_use]
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            MKind::Name(segments) => match segments.as_slice() {
                [one] if !one.is_tag => Some(&one.text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The dotted name, when it is a name.
    #[must_use]
    pub fn dotted(&self) -> Option<String> {
        match &self.kind {
            MKind::Name(segments) => Some(
                segments
                    .iter()
                    .map(|s| {
                        if s.is_tag {
                            format!("#{}", s.text)
                        } else {
                            s.text.clone()
                        }
                    })
                    .collect::<Vec<_>>()
                    .join("."),
            ),
            _ => None,
        }
    }

    /// The integer, when it is a literal one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match &self.kind {
            MKind::Integer(n) => Some(*n),
            MKind::Negate(inner) => inner.integer().and_then(i64::checked_neg),
            _ => None,
        }
    }

    /// The text, when it is a literal without embedded expressions.
    #[must_use]
    pub fn literal_text(&self) -> Option<String> {
        let MKind::Text(parts) = &self.kind else {
            return None;
        };
        let mut text = String::new();
        for part in parts {
            match part {
                MPart::Literal(literal) => text.push_str(literal),
                MPart::Embedded(_) => return None,
            }
        }
        Some(text)
    }

    /// The tag in upper-case hexadecimal, when it is a literal one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        match &self.kind {
            MKind::Tag(tag) => Some(tag),
            MKind::Name(segments) => match segments.as_slice() {
                [one] if one.is_tag => Some(&one.text),
                _ => None,
            },
            _ => None,
        }
    }
}

/// One segment of a dotted name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MSegment {
    /// Word, or a tag's hexadecimal digits in capitals.
    pub text: String,
    /// Whether it is a tag: `chip.#5F20`.
    pub is_tag: bool,
    /// Where.
    pub span: Span,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MPart {
    /// Characters.
    Literal(String),
    /// `{expression}`.
    Embedded(MExpr),
}

/// An element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MItem {
    /// Written with `...`: its elements are meant.
    pub spread: bool,
    /// Terms and clauses.
    pub phrase: MPhrase,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MArg {
    /// Name of a named argument.
    pub name: Option<String>,
    /// Value.
    pub value: MExpr,
}

/// Kinds of expression; the mirror of the tree's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MKind {
    /// `a + b`, `a == b`, `a and b`, …
    Binary {
        /// Operator as written.
        op: String,
        /// Left.
        left: Box<MExpr>,
        /// Right.
        right: Box<MExpr>,
    },
    /// `f(a, name: b)`.
    Call {
        /// What is called.
        callee: Box<MExpr>,
        /// Arguments.
        args: Vec<MArg>,
    },
    /// `10.00`.
    Decimal(String),
    /// `x"A0 00"`.
    Hex(Vec<u8>),
    /// `if c then a else b`.
    If {
        /// Condition.
        condition: Box<MExpr>,
        /// Value when true.
        then: Box<MExpr>,
        /// Value when false.
        otherwise: Box<MExpr>,
    },
    /// `a[1]`.
    Index {
        /// What is indexed.
        base: Box<MExpr>,
        /// Which.
        index: Box<MExpr>,
    },
    /// `42`, `0x92`.
    Integer(i64),
    /// `[a, ...b]`.
    List(Vec<MItem>),
    /// `order.pan`.
    Name(Vec<MSegment>),
    /// `-a`.
    Negate(Box<MExpr>),
    /// `not a`.
    Not(Box<MExpr>),
    /// `a |> f(b)`.
    Pipe {
        /// What flows.
        left: Box<MExpr>,
        /// What it flows into.
        right: Box<MExpr>,
    },
    /// Broken by a syntax error; nothing is said about it.
    Poison,
    /// `62 mm`.
    Quantity {
        /// Number as written.
        number: String,
        /// Unit.
        unit: String,
    },
    /// `{ a = 1; b = 2 }`.
    Record(Vec<MEntry>),
    /// `#9F0D`.
    Tag(String),
    /// `"…"`.
    Text(Vec<MPart>),
    /// `(a, b)`.
    Tuple(Vec<MExpr>),
}

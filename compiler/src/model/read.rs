//! From the tree's typed views to owned entries and expressions.

use super::{
    EntryParts, MArg, MClause, MEntry, MExpr, MItem, MKind, MPart, MPhrase, MSegment, Mark, Span,
};
use cardwright_dsl::Range;
use cardwright_dsl::ast::{Clause, Entry, Expr, ExprKind, ListItem, Phrase, TextPart};

/// An entry as the Model holds it, broken or not, for tools that look at a text while it is typed.
#[must_use]
pub fn read_entry(entry: Entry<'_>, file: u32) -> MEntry {
    Reader { file, origin: "" }.entry(entry)
}

/// An expression as the Model holds it, for the same tools.
#[must_use]
pub fn read_expression(e: &Expr<'_>, file: u32) -> MExpr {
    Reader { file, origin: "" }.expr(e)
}

/// Reads entries of one declaration in one file.
pub(super) struct Reader<'n> {
    /// File number of all spans.
    pub(super) file: u32,
    /// Qualified name of the declaration.
    pub(super) origin: &'n str,
}

impl Reader<'_> {
    /// A span of this file.
    pub(super) fn span(&self, range: Range) -> Span {
        Span {
            file: self.file,
            start: u32::try_from(range.start).unwrap_or(u32::MAX),
            end: u32::try_from(range.end).unwrap_or(u32::MAX),
        }
    }

    /// Healthy entries; broken ones have got their findings from the parser.
    pub(super) fn entries(&self, entries: Vec<Entry<'_>>) -> Vec<MEntry> {
        entries
            .into_iter()
            .filter(|e| !e.has_error())
            .map(|e| self.entry(e))
            .collect()
    }

    /// One entry.
    pub(super) fn entry(&self, entry: Entry<'_>) -> MEntry {
        let mut head: Vec<MExpr> = entry
            .head()
            .terms()
            .into_iter()
            .map(|t| self.expr(&t))
            .collect();
        let mark = take_mark(&mut head);
        let parts = EntryParts {
            head,
            base: entry.base().map(|p| self.phrase(p)),
            clauses: self.clauses(&entry.clauses()),
            value: entry.value().map(|p| self.phrase(p)),
            block: entry.block().map(|b| self.entries(b)),
            mark,
            doc: entry.doc(),
            origin: self.origin.to_owned(),
            span: self.span(entry.range()),
        };
        parts.into()
    }

    /// Clauses.
    pub(super) fn clauses(&self, clauses: &[Clause<'_>]) -> Vec<MClause> {
        clauses
            .iter()
            .map(|c| MClause {
                keyword: c.keyword().to_owned(),
                terms: c.terms().iter().map(|t| self.expr(t)).collect(),
                span: self.span(c.range()),
            })
            .collect()
    }

    /// A phrase.
    pub(super) fn phrase(&self, phrase: Phrase<'_>) -> MPhrase {
        let terms: Vec<MExpr> = phrase.terms().iter().map(|t| self.expr(t)).collect();
        MPhrase {
            clauses: self.clauses(&phrase.clauses()),
            span: terms.first().zip(terms.last()).map_or_else(
                || self.span(phrase.range()),
                |(first, last)| first.span.to(last.span),
            ),
            terms,
        }
    }

    /// An expression.
    pub(super) fn expr(&self, e: &Expr<'_>) -> MExpr {
        let boxed = |e: &Expr<'_>| Box::new(self.expr(e));
        let kind = match e.kind() {
            ExprKind::Paren(inner) => return self.expr(&inner),
            ExprKind::Name(segments) => MKind::Name(
                segments
                    .into_iter()
                    .map(|s| MSegment {
                        text: s.text,
                        is_tag: s.is_tag,
                        span: self.span(s.range),
                    })
                    .collect(),
            ),
            ExprKind::Tag(tag) => MKind::Tag(tag),
            ExprKind::Integer(n) => MKind::Integer(n),
            ExprKind::Decimal(text) => MKind::Decimal(text),
            ExprKind::Quantity { number, unit } => MKind::Quantity { number, unit },
            ExprKind::Text(parts) => MKind::Text(parts.iter().map(|p| self.part(p)).collect()),
            ExprKind::Hex(bytes) => MKind::Hex(bytes),
            ExprKind::List(items) => MKind::List(items.iter().map(|i| self.item(i)).collect()),
            ExprKind::Tuple(parts) => MKind::Tuple(parts.iter().map(|p| self.expr(p)).collect()),
            ExprKind::Record(entries) => MKind::Record(self.entries(entries)),
            ExprKind::Call { callee, args } => MKind::Call {
                callee: boxed(&callee),
                args: args
                    .iter()
                    .map(|a| MArg {
                        name: a.name.clone(),
                        value: self.expr(&a.value),
                    })
                    .collect(),
            },
            ExprKind::Index { base, index } => MKind::Index {
                base: boxed(&base),
                index: boxed(&index),
            },
            ExprKind::Pipe { left, right } => MKind::Pipe {
                left: boxed(&left),
                right: boxed(&right),
            },
            ExprKind::Binary { op, left, right } => MKind::Binary {
                op: op.to_owned(),
                left: boxed(&left),
                right: boxed(&right),
            },
            ExprKind::Not(inner) => MKind::Not(boxed(&inner)),
            ExprKind::Negate(inner) => MKind::Negate(boxed(&inner)),
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => MKind::If {
                condition: boxed(&condition),
                then: boxed(&then),
                otherwise: boxed(&otherwise),
            },
            ExprKind::Error => MKind::Poison,
        };
        MExpr {
            kind,
            span: self.span(e.range()),
        }
    }

    fn part(&self, part: &TextPart<'_>) -> MPart {
        match part {
            TextPart::Literal(text) => MPart::Literal(text.clone()),
            TextPart::Embedded(e) => MPart::Embedded(self.expr(e)),
        }
    }

    fn item(&self, item: &ListItem<'_>) -> MItem {
        MItem {
            spread: item.spread,
            phrase: self.phrase(item.phrase),
        }
    }
}

/// Takes a leading `required`, `default` or `final` off a head that goes on after it.
fn take_mark(head: &mut Vec<MExpr>) -> Option<Mark> {
    if head.len() < 2 {
        return None;
    }
    let mark = match head.first().and_then(MExpr::word)? {
        "required" => Mark::Required,
        "default" => Mark::Default,
        "final" => Mark::Final,
        _ => return None,
    };
    head.remove(0);
    Some(mark)
}

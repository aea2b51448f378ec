//! Spans that move with the text around them when a source changes elsewhere.

use super::{
    Decl, MArg, MClause, MEntry, MExpr, MItem, MKind, MPart, MPhrase, MSegment, Made, SourceFile,
    Span, TableData,
};
use std::sync::Arc;

/// What changed between two texts: all before it stands where it stood, all behind it has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edit {
    /// Octets that both texts begin with.
    before: u32,
    /// Where the common end began.
    behind: u32,
    /// How far the common end moved.
    by: i64,
}

impl Edit {
    fn between(old: &str, new: &str) -> Option<Self> {
        if old == new {
            return None;
        }
        let (old, new) = (old.as_bytes(), new.as_bytes());
        let pairs = old.iter().zip(new);
        let before = pairs.take_while(|(a, b)| a == b).count();
        let most = old.len().min(new.len()) - before;
        let pairs = old.iter().rev().zip(new.iter().rev());
        let same = pairs.take(most).take_while(|(a, b)| a == b).count();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Some(Self {
            before: number(before),
            behind: number(old.len() - same),
            by: i64::from(number(new.len())) - i64::from(number(old.len())),
        })
    }

    /// Where a span stands now; none when what it covers has changed.
    fn place(self, span: Span) -> Option<Span> {
        if span.end <= self.before {
            return Some(span);
        }
        if span.start < self.behind {
            return None;
        }
        let moved = |at: u32| u32::try_from(i64::from(at) + self.by).ok();
        Some(Span {
            file: span.file,
            start: moved(span.start)?,
            end: moved(span.end)?,
        })
    }
}

/// The changes of all sources between two checks, by the number of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edits {
    edits: Vec<Option<Edit>>,
}

impl Edits {
    /// What changed; none when the files are others, or stand in another order.
    pub(super) fn between(old: &[SourceFile], new: &[SourceFile]) -> Option<Self> {
        let same = |(old, new): (&SourceFile, &SourceFile)| {
            old.path == new.path && old.package == new.package && old.standard == new.standard
        };
        if old.len() != new.len() || !old.iter().zip(new).all(same) {
            return None;
        }
        let pairs = old.iter().zip(new);
        let edits = pairs.map(|(old, new)| Edit::between(&old.text, &new.text));
        Some(Self {
            edits: edits.collect(),
        })
    }

    /// Whether no source changed.
    pub(crate) fn are_none(&self) -> bool {
        self.edits.iter().all(Option::is_none)
    }

    /// Moves all spans of a thing; `false` when one of them covers what has changed.
    pub(crate) fn carry(&self, thing: &mut impl Spans) -> bool {
        let mut whole = true;
        thing.spans(&mut |span| {
            let edit = usize::try_from(span.file).ok();
            let edit = edit.and_then(|n| self.edits.get(n).copied().flatten());
            // A span of nothing stands for no place at all.
            if let Some(edit) = edit.filter(|_| *span != Span::default()) {
                match edit.place(*span) {
                    Some(moved) => *span = moved,
                    None => whole = false,
                }
            }
        });
        whole
    }
}

/// A thing with spans in it.
pub(crate) trait Spans {
    /// Shows all of them.
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span));
}

impl Spans for Span {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(self);
    }
}

impl<T: Spans> Spans for Option<T> {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        if let Some(thing) = self {
            thing.spans(visit);
        }
    }
}

impl<T: Spans> Spans for Vec<T> {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        for thing in self {
            thing.spans(visit);
        }
    }
}

impl<T: Spans> Spans for Box<T> {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        (**self).spans(visit);
    }
}

impl<T: Spans + Clone> Spans for Arc<T> {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        Arc::make_mut(self).spans(visit);
    }
}

impl Spans for (Span, String) {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(&mut self.0);
    }
}

impl Spans for TableData {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.places.spans(visit);
    }
}

impl Spans for Decl {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.base.spans(visit);
        for (_, declared, span) in &mut self.params {
            declared.spans(visit);
            visit(span);
        }
        self.value.spans(visit);
        self.clauses.spans(visit);
        self.entries.spans(visit);
        visit(&mut self.span);
        self.made.spans(visit);
    }
}

impl Spans for Made {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(&mut self.template);
        visit(&mut self.whole);
        self.rows.spans(visit);
    }
}

impl Spans for MEntry {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.head.spans(visit);
        self.base.spans(visit);
        self.clauses.spans(visit);
        self.value.spans(visit);
        self.block.spans(visit);
        visit(&mut self.span);
    }
}

impl Spans for MClause {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.terms.spans(visit);
        visit(&mut self.span);
    }
}

impl Spans for MPhrase {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.terms.spans(visit);
        self.clauses.spans(visit);
        visit(&mut self.span);
    }
}

impl Spans for MSegment {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(&mut self.span);
    }
}

impl Spans for MPart {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        if let MPart::Embedded(e) = self {
            e.spans(visit);
        }
    }
}

impl Spans for MItem {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.phrase.spans(visit);
    }
}

impl Spans for MArg {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.value.spans(visit);
    }
}

impl Spans for MExpr {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(&mut self.span);
        match &mut self.kind {
            MKind::Binary { left, right, .. } | MKind::Pipe { left, right } => {
                left.spans(visit);
                right.spans(visit);
            }
            MKind::Call { callee, args } => {
                callee.spans(visit);
                args.spans(visit);
            }
            MKind::If {
                condition,
                then,
                otherwise,
            } => {
                condition.spans(visit);
                then.spans(visit);
                otherwise.spans(visit);
            }
            MKind::Index { base, index } => {
                base.spans(visit);
                index.spans(visit);
            }
            MKind::List(items) => items.spans(visit),
            MKind::Name(segments) => segments.spans(visit),
            MKind::Negate(inner) | MKind::Not(inner) => inner.spans(visit),
            MKind::Record(entries) => entries.spans(visit),
            MKind::Text(parts) => parts.spans(visit),
            MKind::Tuple(parts) => parts.spans(visit),
            MKind::Decimal(_)
            | MKind::Hex(_)
            | MKind::Integer(_)
            | MKind::Poison
            | MKind::Quantity { .. }
            | MKind::Tag(_) => {}
        }
    }
}

//! Cells and elements put in where their names stand.

use super::{Bound, OF_AN_ENTRY};
use crate::diagnostics::{Findings, Problem};
use crate::model::{
    EntryParts, MArg, MClause, MEntry, MExpr, MItem, MKind, MPart, MPhrase, MSegment, Model, Span,
};
use cardwright_bundle::{Secrecy, ValueType};

/// What the names of all `for`s around stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings(Vec<(String, Bound)>);

impl Bindings {
    /// With one more.
    pub(super) fn with(&self, name: &str, bound: Bound) -> Self {
        let mut all = self.0.clone();
        all.push((name.to_owned(), bound));
        Self(all)
    }

    fn get(&self, name: &str) -> Option<&Bound> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, b)| b)
    }
}

/// Puts values in.
pub(super) struct Substitution<'s> {
    pub(super) model: &'s Model,
    pub(super) findings: &'s mut Findings,
    pub(super) bound: &'s Bindings,
    pub(super) fuel: &'s mut usize,
}

impl Substitution<'_> {
    /// An entry without its block.
    pub(super) fn entry(&mut self, entry: &MEntry) -> Option<MEntry> {
        self.spend(OF_AN_ENTRY, entry.span)?;
        let head: Option<Vec<MExpr>> = entry.head.iter().map(|e| self.expr(e)).collect();
        let parts = EntryParts {
            head: head?,
            base: self.perhaps(entry.base.as_ref())?,
            clauses: self.clauses(&entry.clauses)?,
            value: self.perhaps(entry.value.as_ref())?,
            block: None,
            mark: entry.mark,
            doc: entry.doc.clone(),
            origin: entry.origin.clone(),
            span: entry.span,
        };
        Some(parts.into())
    }

    fn perhaps(&mut self, phrase: Option<&MPhrase>) -> Option<Option<MPhrase>> {
        match phrase {
            Some(phrase) => Some(Some(self.phrase(phrase)?)),
            None => Some(None),
        }
    }

    fn phrase(&mut self, phrase: &MPhrase) -> Option<MPhrase> {
        let terms: Option<Vec<MExpr>> = phrase.terms.iter().map(|t| self.expr(t)).collect();
        Some(MPhrase {
            terms: terms?,
            clauses: self.clauses(&phrase.clauses)?,
            span: phrase.span,
        })
    }

    fn clauses(&mut self, clauses: &[MClause]) -> Option<Vec<MClause>> {
        clauses
            .iter()
            .map(|clause| {
                let terms: Option<Vec<MExpr>> = clause.terms.iter().map(|t| self.expr(t)).collect();
                Some(MClause {
                    keyword: clause.keyword.clone(),
                    terms: terms?,
                    span: clause.span,
                })
            })
            .collect()
    }

    /// Spends fuel; `None` where none is left, which is said once.
    fn spend(&mut self, cost: usize, span: Span) -> Option<()> {
        if *self.fuel == 0 {
            return None;
        }
        *self.fuel = self.fuel.saturating_sub(cost);
        if *self.fuel == 0 {
            let message = "all copies together are too large";
            let help = "move what does not depend on the row into a base: `profile \"…\" : base`";
            self.findings
                .push(Problem::error("E0141", span, message).help(help));
            return None;
        }
        Some(())
    }

    /// An expression with values put in. `None` when all copies together grow too large.
    pub(super) fn expr(&mut self, e: &MExpr) -> Option<MExpr> {
        self.spend(1, e.span)?;
        let kind = match &e.kind {
            MKind::Name(segments) => return Some(self.name(e, segments)),
            MKind::Text(parts) => MKind::Text(self.parts(parts)?),
            MKind::Call { callee, args } => return self.call(e.span, callee, args),
            MKind::Binary { op, left, right } => MKind::Binary {
                op: op.clone(),
                left: self.boxed(left)?,
                right: self.boxed(right)?,
            },
            MKind::If {
                condition,
                then,
                otherwise,
            } => MKind::If {
                condition: self.boxed(condition)?,
                then: self.boxed(then)?,
                otherwise: self.boxed(otherwise)?,
            },
            MKind::Index { base, index } => MKind::Index {
                base: self.boxed(base)?,
                index: self.boxed(index)?,
            },
            MKind::List(items) => MKind::List(
                items
                    .iter()
                    .map(|item| {
                        Some(MItem {
                            spread: item.spread,
                            phrase: self.phrase(&item.phrase)?,
                        })
                    })
                    .collect::<Option<_>>()?,
            ),
            MKind::Negate(inner) => MKind::Negate(self.boxed(inner)?),
            MKind::Not(inner) => MKind::Not(self.boxed(inner)?),
            MKind::Pipe { left, right } => MKind::Pipe {
                left: self.boxed(left)?,
                right: self.boxed(right)?,
            },
            MKind::Record(entries) => MKind::Record(
                entries
                    .iter()
                    .map(|entry| {
                        let mut copied = self.entry(entry)?;
                        copied.block.clone_from(&entry.block);
                        Some(copied)
                    })
                    .collect::<Option<_>>()?,
            ),
            MKind::Tuple(parts) => {
                MKind::Tuple(parts.iter().map(|p| self.expr(p)).collect::<Option<_>>()?)
            }
            MKind::Decimal(_)
            | MKind::Hex(_)
            | MKind::Integer(_)
            | MKind::Poison
            | MKind::Quantity { .. }
            | MKind::Tag(_) => e.kind.clone(),
        };
        Some(MExpr { kind, span: e.span })
    }

    fn boxed(&mut self, e: &MExpr) -> Option<Box<MExpr>> {
        self.expr(e).map(Box::new)
    }

    fn name(&mut self, e: &MExpr, segments: &[MSegment]) -> MExpr {
        let first = segments.first().filter(|s| !s.is_tag);
        let bound = first.and_then(|s| self.bound.get(&s.text));
        match (bound, segments) {
            (Some(Bound::Element(value)), [_]) => value.clone(),
            (Some(Bound::Row(table, row)), [_, column]) => {
                let (table, row) = (table.clone(), *row);
                self.cell(e, &table, row, column)
            }
            (Some(_), _) => {
                let row = matches!(bound, Some(Bound::Row(..)));
                let (message, help) = if row {
                    ("a row is no value", "name one of its columns: `row.code`")
                } else {
                    ("an element of a list has no parts", "leave the part out")
                };
                self.findings
                    .push(Problem::error("E0142", e.span, message).help(help));
                poison(e.span)
            }
            (None, _) => e.clone(),
        }
    }

    /// A cell as what would be written in its place; its span is that of the row.
    fn cell(&mut self, e: &MExpr, table: &str, row: usize, column: &MSegment) -> MExpr {
        let data = self.model.tables.get(table);
        let at = data.and_then(|d| d.column(&column.text));
        let found = data.zip(at).and_then(|(data, at)| {
            let (cell, span) = data.cell(row, at)?;
            Some((data.table.columns.get(at)?, cell.to_owned(), span))
        });
        let Some((of, cell, span)) = found else {
            let names: Vec<&str> = data.map_or_else(Vec::new, |d| {
                d.table.columns.iter().map(|c| c.name.as_str()).collect()
            });
            let near = cardwright_vocabulary::nearest(&column.text, names.iter().copied());
            let message = format!("the table has no column `{}`", column.text);
            let problem = Problem::error("E0142", e.span, message);
            let otherwise = format!("it has: {}", names.join(", "));
            self.findings
                .push(problem.meant(column.span, near, otherwise));
            return poison(e.span);
        };
        if of.secrecy > Secrecy::Public {
            return self.secret_cell(e, &column.text, of.secrecy);
        }
        let kind = match of.gives {
            ValueType::Number => cell.parse().map(MKind::Integer).ok(),
            ValueType::Bytes => hex::decode(&cell).map(MKind::Hex).ok(),
            ValueType::Flag => Some(MKind::Name(vec![MSegment {
                text: cell.clone(),
                is_tag: false,
                span,
            }])),
            _ => None,
        };
        let text = || MKind::Text(vec![MPart::Literal(cell)]);
        MExpr {
            kind: kind.unwrap_or_else(text),
            span,
        }
    }

    /// A cell that is not public can't become a constant of the source: a constant has no secrecy.
    fn secret_cell(&mut self, e: &MExpr, column: &str, secrecy: Secrecy) -> MExpr {
        let level = crate::secrecy::level(secrecy);
        let message = format!("column `{column}` is {level} and would become a constant of a copy");
        let help =
            "look it up where it is used: `lookup(table.column, key)` keeps how secret it is";
        let mut problem = Problem::error("E1001", e.span, message).help(help);
        problem.path = vec![
            (e.span, format!("column `{column}`, {level}")),
            (e.span, "as a constant of a copy".to_owned()),
        ];
        self.findings.push(problem);
        poison(e.span)
    }

    /// Parts of a text; what was put in becomes part of the text.
    fn parts(&mut self, parts: &[MPart]) -> Option<Vec<MPart>> {
        let mut joined: Vec<MPart> = Vec::new();
        for part in parts {
            let next = match part {
                MPart::Literal(text) => MPart::Literal(text.clone()),
                MPart::Embedded(inner) => {
                    let put = self.expr(inner)?;
                    let text = put.literal_text().or_else(|| {
                        let changed = put.kind != inner.kind;
                        let number = put.integer().map(|n| n.to_string());
                        number.or_else(|| put.word().filter(|_| changed).map(str::to_owned))
                    });
                    text.map_or(MPart::Embedded(put), MPart::Literal)
                }
            };
            match (joined.last_mut(), next) {
                (Some(MPart::Literal(before)), MPart::Literal(text)) => before.push_str(&text),
                (_, next) => joined.push(next),
            }
        }
        Some(joined)
    }

    /// A call; `name("gold_{row.code}")` becomes the name that the text spells.
    fn call(&mut self, span: Span, callee: &MExpr, args: &[MArg]) -> Option<MExpr> {
        let args: Option<Vec<MArg>> = args
            .iter()
            .map(|arg| {
                Some(MArg {
                    name: arg.name.clone(),
                    value: self.expr(&arg.value)?,
                })
            })
            .collect();
        let args = args?;
        if callee.word() == Some("name") {
            return Some(self.spelt(span, &args));
        }
        let kind = MKind::Call {
            callee: self.boxed(callee)?,
            args,
        };
        Some(MExpr { kind, span })
    }

    fn spelt(&mut self, span: Span, args: &[MArg]) -> MExpr {
        let text = match args {
            [one] => one.value.literal_text(),
            _ => None,
        };
        let words: Option<Vec<String>> = text.map(|t| t.split('.').map(str::to_owned).collect());
        match words.filter(|words| words.iter().all(|w| is_word(w))) {
            Some(words) => {
                let segment = |text| MSegment {
                    text,
                    is_tag: false,
                    span,
                };
                MExpr {
                    kind: MKind::Name(words.into_iter().map(segment).collect()),
                    span,
                }
            }
            None => {
                let message = "`name` spells a name from a text that is known for each row";
                let help = "write `name(\"{row.code}_debit\")`";
                self.findings
                    .push(Problem::error("E0142", span, message).help(help));
                poison(span)
            }
        }
    }
}

fn poison(span: Span) -> MExpr {
    MExpr {
        kind: MKind::Poison,
        span,
    }
}

/// Whether a text could be written as a name.
pub(super) fn is_word(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && text.len() <= 100
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

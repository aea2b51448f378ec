//! What an expression may begin with: sets of octets, by which alternatives are passed over.

use pest_meta::optimizer::{OptimizedExpr, OptimizedRule};
use std::collections::BTreeMap;

/// A set of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set([bool; 256]);

impl Set {
    pub(crate) const NONE: Self = Self([false; 256]);
    pub(crate) const ALL: Self = Self([true; 256]);

    fn of(octets: impl Iterator<Item = u8>) -> Self {
        let octets: Vec<u8> = octets.collect();
        Self::where_it(|octet| octets.contains(&octet))
    }

    fn where_it(is: impl Fn(u8) -> bool) -> Self {
        let mut octets = 0..=u8::MAX;
        Self([(); 256].map(|()| octets.next().is_some_and(&is)))
    }

    fn has(self, octet: u8) -> bool {
        self.0.get(usize::from(octet)).copied().unwrap_or(false)
    }

    fn join(self, other: Self, both: impl Fn(bool, bool) -> bool) -> Self {
        Self::where_it(|octet| both(self.has(octet), other.has(octet)))
    }

    pub(crate) fn or(self, other: Self) -> Self {
        self.join(other, |a, b| a || b)
    }

    fn and(self, other: Self) -> Self {
        self.join(other, |a, b| a && b)
    }

    fn but(self, other: Self) -> Self {
        self.join(other, |a, b| a && !b)
    }

    pub(crate) fn is_ascii(self) -> bool {
        self.0.iter().skip(128).all(|has| !has)
    }

    /// As a pattern: `0x61..=0x7A | 0x5F`.
    pub(crate) fn pattern(self) -> String {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for octet in (0..=u8::MAX).filter(|octet| self.has(*octet)) {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(octet) => *last = octet,
                _ => ranges.push((octet, octet)),
            }
        }
        let ranges = ranges.iter().map(|(from, to)| match from == to {
            true => format!("{from:#04x}"),
            false => format!("{from:#04x}..={to:#04x}"),
        });
        ranges.collect::<Vec<_>>().join(" | ")
    }
}

/// What is known of an expression or rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// Octets that a match that takes any text may begin with.
    pub(crate) first: Set,
    /// Whether it may match without taking text.
    pub(crate) empty: bool,
}

/// What is known of all rules, by name.
pub(crate) struct Starts<'g> {
    rules: BTreeMap<&'g str, (&'g OptimizedExpr, Start)>,
}

impl<'g> Starts<'g> {
    /// Finds out about all rules: begins with nothing known and goes on until nothing is new.
    pub(crate) fn of(rules: &'g [OptimizedRule]) -> Self {
        let nothing = Start {
            first: Set::NONE,
            empty: false,
        };
        let all = rules.iter().map(|r| (r.name.as_str(), (&r.expr, nothing)));
        let mut starts = Self {
            rules: all.collect(),
        };
        loop {
            let now = rules.iter().map(|rule| starts.start(&rule.expr));
            let now: Vec<Start> = now.collect();
            let mut new = false;
            for (rule, start) in rules.iter().zip(now) {
                if let Some((_, known)) = starts.rules.get_mut(rule.name.as_str()) {
                    new |= *known != start;
                    *known = start;
                }
            }
            if !new {
                return starts;
            }
        }
    }

    /// How an expression may begin.
    pub(crate) fn start(&self, e: &OptimizedExpr) -> Start {
        let takes = |first| Start {
            first,
            empty: false,
        };
        match e {
            OptimizedExpr::Str(text) => Start {
                first: Set::of(text.bytes().take(1)),
                empty: text.is_empty(),
            },
            OptimizedExpr::Range(..) => takes(self.class(e).unwrap_or(Set::ALL)),
            OptimizedExpr::Ident(name) => match (built_in(name), self.rules.get(name.as_str())) {
                (Some(first), _) => takes(first),
                (None, Some((_, start))) => *start,
                // The start and the end of the text.
                (None, None) => Start {
                    first: Set::NONE,
                    empty: true,
                },
            },
            OptimizedExpr::PosPred(_) | OptimizedExpr::NegPred(_) => Start {
                first: Set::NONE,
                empty: true,
            },
            OptimizedExpr::Seq(..) => self.sequence(&flat(e)),
            OptimizedExpr::Choice(one, other) => {
                let (one, other) = (self.start(one), self.start(other));
                Start {
                    first: one.first.or(other.first),
                    empty: one.empty || other.empty,
                }
            }
            OptimizedExpr::Opt(inner) | OptimizedExpr::Rep(inner) => Start {
                first: self.start(inner).first,
                empty: true,
            },
            OptimizedExpr::RestoreOnErr(inner) => self.start(inner),
            _ => Start {
                first: Set::ALL,
                empty: true,
            },
        }
    }

    /// One after the other: what comes behind something empty is held by the looks before it.
    fn sequence(&self, parts: &[&OptimizedExpr]) -> Start {
        let (mut first, mut may) = (Set::NONE, Set::ALL);
        for part in parts {
            match part {
                OptimizedExpr::PosPred(inner) if !self.start(inner).empty => {
                    may = may.and(self.start(inner).first);
                }
                OptimizedExpr::NegPred(inner) => {
                    may = may.but(self.class(inner).unwrap_or(Set::NONE));
                }
                _ => {
                    let start = self.start(part);
                    first = first.or(start.first.and(may));
                    if !start.empty {
                        return Start {
                            first,
                            empty: false,
                        };
                    }
                }
            }
        }
        Start { first, empty: true }
    }

    /// The octets of an expression that takes exactly one ASCII character.
    pub(crate) fn class(&self, e: &OptimizedExpr) -> Option<Set> {
        let found = match e {
            OptimizedExpr::Str(text) if text.len() == 1 => Set::of(text.bytes()),
            OptimizedExpr::Range(from, to) => match (from.as_bytes(), to.as_bytes()) {
                ([from], [to]) => Set::of(*from..=*to),
                _ => return None,
            },
            OptimizedExpr::Ident(name) if name != "ANY" => match built_in(name) {
                Some(set) => set,
                // A rule that makes a node is more than its octets, but not for a look at it.
                None => self.class(self.rules.get(name.as_str())?.0)?,
            },
            OptimizedExpr::Choice(one, other) => self.class(one)?.or(self.class(other)?),
            OptimizedExpr::RestoreOnErr(inner) => self.class(inner)?,
            _ => return None,
        };
        found.is_ascii().then_some(found)
    }
}

/// The octets that a rule of pest's own begins with.
fn built_in(name: &str) -> Option<Set> {
    Some(match name {
        "ANY" => Set::ALL,
        "ASCII_DIGIT" => Set::of(b'0'..=b'9'),
        "ASCII_HEX_DIGIT" => Set::of((b'0'..=b'9').chain(b'a'..=b'f').chain(b'A'..=b'F')),
        _ => return None,
    })
}

/// The parts of a sequence.
pub(crate) fn flat(e: &OptimizedExpr) -> Vec<&OptimizedExpr> {
    match e {
        OptimizedExpr::Seq(one, other) => {
            let mut parts = flat(one);
            parts.extend(flat(other));
            parts
        }
        OptimizedExpr::RestoreOnErr(inner) => flat(inner),
        _ => vec![e],
    }
}

/// The alternatives of a choice.
pub(crate) fn ways(e: &OptimizedExpr) -> Vec<&OptimizedExpr> {
    match e {
        OptimizedExpr::Choice(one, other) => {
            let mut all = ways(one);
            all.extend(ways(other));
            all
        }
        OptimizedExpr::RestoreOnErr(inner) => ways(inner),
        _ => vec![e],
    }
}

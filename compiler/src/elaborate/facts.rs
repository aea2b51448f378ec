//! What is known of values where a condition around them holds: sets and intervals, one for each
//! value, so that a condition that can never hold is found without trying every order.

use crate::types::Type;
use cardwright_bundle::{Constant, NodeId, Op, Program, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// What one value may still be.
#[derive(Clone, Debug, PartialEq)]
enum Domain {
    /// One of these.
    In(BTreeSet<String>),
    /// None of these.
    NotIn(BTreeSet<String>),
    /// Between these, both included.
    Between(i64, i64),
    /// This.
    Flag(bool),
}

/// Facts by node.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    of: BTreeMap<NodeId, Domain>,
    /// What was learnt contradicts itself: no order is so.
    impossible: bool,
}

impl Facts {
    /// With what follows when a condition holds, or when it does not.
    pub(super) fn given(&self, program: &Program, flag: NodeId, holds: bool) -> Self {
        let mut facts = self.clone();
        facts.learn(program, flag, holds);
        facts
    }

    /// Whether a value's type says what it may be: fields of an order, as their formats check them.
    pub(super) fn typed(&mut self, program: &Program, node: NodeId, ty: &Type) {
        if self.of.contains_key(&node) || !matches!(op(program, node), Some(Op::Field { .. })) {
            return;
        }
        let domain = match ty {
            Type::Number { digits } if *digits <= 18 => {
                Domain::Between(0, 10_i64.saturating_pow(*digits) - 1)
            }
            Type::OneOf(words) => Domain::In(words.iter().map(|w| format!("t{w}")).collect()),
            _ => return,
        };
        self.of.insert(node, domain);
    }

    /// What a lookup can find at all: the cells of its column, and what stands in for a missing row.
    pub(super) fn found<'c>(
        &mut self,
        node: NodeId,
        gives: ValueType,
        cells: impl Iterator<Item = &'c str>,
    ) {
        if self.of.contains_key(&node) {
            return;
        }
        let domain = match gives {
            ValueType::Number => {
                let numbers: Option<Vec<i64>> = cells.map(|cell| cell.parse().ok()).collect();
                let numbers = numbers.unwrap_or_default();
                let (Some(least), Some(most)) = (numbers.iter().min(), numbers.iter().max()) else {
                    return;
                };
                Domain::Between(*least, *most)
            }
            ValueType::Text => Domain::In(cells.map(|cell| format!("t{cell}")).collect()),
            _ => return,
        };
        self.of.insert(node, domain);
    }

    /// Whether a condition must hold or can't; `None` when either may be.
    pub(super) fn truth(&self, program: &Program, flag: NodeId) -> Option<bool> {
        if let Some(Domain::Flag(known)) = self.of.get(&flag) {
            return Some(*known);
        }
        match op(program, flag)? {
            Op::Constant {
                value: Constant::Flag(flag),
            } => Some(*flag),
            Op::Apply { function, args } => match (function.as_str(), args.as_slice()) {
                ("not", [inner]) => self.truth(program, *inner).map(|b| !b),
                ("all", args) => self.several(program, args, false),
                ("any", args) => self.several(program, args, true),
                ("equal", [a, b]) => self.equal(program, *a, *b),
                ("less", [a, b]) => self.less(program, *a, *b),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a table is known to list a key.
    pub(super) fn lists(&self, program: &Program, table: u32, key: NodeId) -> bool {
        self.of.iter().any(|(node, domain)| {
            *domain == Domain::Flag(true)
                && matches!(op(program, *node), Some(Op::Listed { table: t, key: k })
                    if *t == table && *k == key)
        })
    }

    /// Whether no order can be so.
    pub(super) fn are_impossible(&self) -> bool {
        self.impossible
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    fn several(&self, program: &Program, args: &[NodeId], decides: bool) -> Option<bool> {
        let known: Vec<Option<bool>> = args.iter().map(|a| self.truth(program, *a)).collect();
        if known.contains(&Some(decides)) {
            return Some(decides);
        }
        known
            .iter()
            .all(|k| *k == Some(!decides))
            .then_some(!decides)
    }

    fn equal(&self, program: &Program, a: NodeId, b: NodeId) -> Option<bool> {
        let (node, constant) = sides(program, a, b)?;
        match self.of.get(&node)? {
            Domain::In(words) => {
                let word = word(constant)?;
                match (words.contains(&word), words.len()) {
                    (false, _) => Some(false),
                    (true, 1) => Some(true),
                    _ => None,
                }
            }
            Domain::NotIn(words) => words.contains(&word(constant)?).then_some(false),
            Domain::Between(least, most) => {
                let n = number(constant)?;
                match (least == most, (*least..=*most).contains(&n)) {
                    (_, false) => Some(false),
                    (true, true) => Some(true),
                    _ => None,
                }
            }
            Domain::Flag(_) => None,
        }
    }

    fn less(&self, program: &Program, a: NodeId, b: NodeId) -> Option<bool> {
        let (a, b) = (self.range(program, a)?, self.range(program, b)?);
        if a.1 < b.0 {
            Some(true)
        } else if a.0 >= b.1 {
            Some(false)
        } else {
            None
        }
    }

    fn range(&self, program: &Program, node: NodeId) -> Option<(i64, i64)> {
        match (op(program, node)?, self.of.get(&node)) {
            (Op::Constant { value }, _) => number(value).map(|n| (n, n)),
            (_, Some(Domain::Between(least, most))) => Some((*least, *most)),
            _ => None,
        }
    }

    fn learn(&mut self, program: &Program, flag: NodeId, holds: bool) {
        self.impossible |= self.truth(program, flag) == Some(!holds);
        match op(program, flag) {
            Some(Op::Apply { function, args }) => match (function.as_str(), args.as_slice()) {
                ("not", [inner]) => self.learn(program, *inner, !holds),
                ("all", args) if holds => args.iter().for_each(|a| self.learn(program, *a, true)),
                ("any", args) if !holds => args.iter().for_each(|a| self.learn(program, *a, false)),
                ("equal", [a, b]) => self.learn_equal(program, *a, *b, holds),
                ("less", [a, b]) => self.learn_less(program, *a, *b, holds),
                _ => {}
            },
            Some(Op::Constant { .. }) | None => return,
            Some(_) => {}
        }
        self.of.insert(flag, Domain::Flag(holds));
    }

    fn learn_equal(&mut self, program: &Program, a: NodeId, b: NodeId, holds: bool) {
        let Some((node, constant)) = sides(program, a, b) else {
            return;
        };
        if let Some(n) = number(constant) {
            let (least, most) = self.range(program, node).unwrap_or((i64::MIN, i64::MAX));
            let domain = match holds {
                true => Domain::Between(n, n),
                false if n == least => Domain::Between(least.saturating_add(1), most),
                false if n == most => Domain::Between(least, most.saturating_sub(1)),
                false => Domain::Between(least, most),
            };
            self.of.insert(node, domain);
            return;
        }
        let Some(word) = word(constant) else { return };
        let domain = match (holds, self.of.remove(&node)) {
            (true, _) => Domain::In([word].into()),
            (false, Some(Domain::In(mut words))) => {
                words.remove(&word);
                Domain::In(words)
            }
            (false, Some(Domain::NotIn(mut words))) => {
                words.insert(word);
                Domain::NotIn(words)
            }
            (false, _) => Domain::NotIn([word].into()),
        };
        self.of.insert(node, domain);
    }

    /// `a < b` holds or not, where one of them is constant.
    fn learn_less(&mut self, program: &Program, a: NodeId, b: NodeId, holds: bool) {
        let constant = |node| match op(program, node) {
            Some(Op::Constant { value }) => number(value),
            _ => None,
        };
        let (node, least, most) = match (constant(a), constant(b), holds) {
            (None, Some(n), true) => (a, i64::MIN, n.saturating_sub(1)),
            (None, Some(n), false) => (a, n, i64::MAX),
            (Some(n), None, true) => (b, n.saturating_add(1), i64::MAX),
            (Some(n), None, false) => (b, i64::MIN, n),
            _ => return,
        };
        let known = self.range(program, node).unwrap_or((i64::MIN, i64::MAX));
        let domain = Domain::Between(known.0.max(least), known.1.min(most));
        self.of.insert(node, domain);
    }
}

/// The value that is no constant, and the constant.
fn sides(program: &Program, a: NodeId, b: NodeId) -> Option<(NodeId, &Constant)> {
    match (op(program, a)?, op(program, b)?) {
        (Op::Constant { .. }, Op::Constant { .. }) => None,
        (_, Op::Constant { value }) => Some((a, value)),
        (Op::Constant { value }, _) => Some((b, value)),
        _ => None,
    }
}

fn op(program: &Program, node: NodeId) -> Option<&Op> {
    let node = program.nodes.get(usize::try_from(node).ok()?)?;
    Some(&node.op)
}

fn number(constant: &Constant) -> Option<i64> {
    match constant {
        Constant::Number(n) => Some(*n),
        _ => None,
    }
}

/// A text or octets, told apart.
fn word(constant: &Constant) -> Option<String> {
    match constant {
        Constant::Text(text) => Some(format!("t{text}")),
        Constant::Bytes(text) => Some(format!("b{text}")),
        _ => None,
    }
}

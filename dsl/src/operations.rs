//! Gives flat runs of operands and operators their precedence, and literals their last check.

use crate::kind::Kind;
use crate::limits::EXPRESSION_HEIGHT_MAX;
use crate::tree::{NodeId, TreeBuilder};

/// Strength of a binary operator; a stronger one binds closer. All associate to the left.
fn strength(operator: &str) -> u8 {
    match operator {
        "|>" => 1,
        "or" => 2,
        "and" => 3,
        "==" | "!=" | "<" | "<=" | ">" | ">=" => 5,
        ".." => 6,
        _ => 7,
    }
}

/// `not` holds a comparison, `-` holds a single operand.
fn prefix_strength(operator: &str) -> u8 {
    if operator == "not" { 5 } else { 8 }
}

/// The tree of `operand (operator operand)*` with trivia in between.
pub(crate) fn binary(builder: &mut TreeBuilder<'_>, items: Vec<NodeId>) -> NodeId {
    if let [single] = items.as_slice() {
        return *single;
    }
    if too_high(builder, &items) {
        return builder.wrap(Kind::ErrorChain, &items);
    }
    let mut climb = Climb {
        builder,
        items,
        at: 0,
    };
    let mut tree = climb.expression(0);
    let rest: Vec<NodeId> = climb.items.split_off(climb.at.min(climb.items.len()));
    if !rest.is_empty() {
        let mut all = vec![tree];
        all.extend(rest);
        tree = builder.wrap(Kind::ErrorChain, &all);
    }
    tree
}

/// The tree of `primary (arguments | index)*`.
pub(crate) fn postfix(builder: &mut TreeBuilder<'_>, items: Vec<NodeId>) -> NodeId {
    if too_high(builder, &items) {
        return builder.wrap(Kind::ErrorChain, &items);
    }
    let mut items = items.into_iter();
    let Some(mut tree) = items.next() else {
        return builder.wrap(Kind::ErrorChain, &[]);
    };
    for suffix in items {
        let call = builder.kind(suffix) == Kind::Arguments;
        let kind = if call { Kind::Call } else { Kind::Index };
        tree = builder.wrap(kind, &[tree, suffix]);
    }
    tree
}

/// The tree of `if a then b else if c then d else e`: the second `if` is the first one's `else`.
pub(crate) fn conditional(builder: &mut TreeBuilder<'_>, items: Vec<NodeId>) -> NodeId {
    if too_high(builder, &items) {
        return builder.wrap(Kind::ErrorChain, &items);
    }
    // From the end to the front: what stands behind an arm is its alternative.
    let mut tail: Vec<NodeId> = Vec::new();
    for item in items.into_iter().rev() {
        tail.push(item);
        if builder.kind(item) == Kind::IfArm {
            tail.reverse();
            tail = vec![builder.wrap(Kind::If, &tail)];
        }
    }
    match tail.as_slice() {
        [single] => *single,
        _ => builder.wrap(Kind::ErrorChain, &tail),
    }
}

/// Literals that the grammar's pattern lets through but that have no value.
pub(crate) fn checked_kind(kind: Kind, text: &str) -> Kind {
    match kind {
        Kind::Number if crate::literal::number(text).is_none() => Kind::ErrorNumber,
        Kind::Escape if crate::literal::escape(text).is_none() => Kind::ErrorEscape,
        other => other,
    }
}

/// A base starts with a name; a literal there means that `:` was written for `=`.
pub(crate) fn base_kind(builder: &TreeBuilder<'_>, children: &[NodeId]) -> Kind {
    match children.first().map(|first| builder.kind(*first)) {
        Some(Kind::Text | Kind::Hex | Kind::Number | Kind::Quantity | Kind::List | Kind::Tag) => {
            Kind::ErrorBase
        }
        _ => Kind::Base,
    }
}

/// Whether the nested tree of these items could be higher than the limit.
fn too_high(builder: &TreeBuilder<'_>, items: &[NodeId]) -> bool {
    let highest = items
        .iter()
        .map(|item| builder.height(*item))
        .max()
        .unwrap_or(0);
    let steps = items
        .iter()
        .filter(|item| !builder.kind(**item).is_trivia())
        .count();
    steps > 1 && (steps as u64) + u64::from(highest) > u64::from(EXPRESSION_HEIGHT_MAX)
}

/// Precedence climbing over the flat items. Trivia goes into the node whose parts it separates.
struct Climb<'b, 's> {
    builder: &'b mut TreeBuilder<'s>,
    items: Vec<NodeId>,
    at: usize,
}

impl Climb<'_, '_> {
    fn expression(&mut self, weakest: u8) -> NodeId {
        let mut left = self.operand();
        loop {
            let start = self.at;
            let mut parts = vec![left];
            self.trivia(&mut parts);
            let operator = self.items.get(self.at).copied();
            let Some(operator) = operator.filter(|id| self.builder.kind(*id) == Kind::Operator)
            else {
                self.at = start;
                return left;
            };
            let power = strength(self.text(operator));
            if power < weakest {
                self.at = start;
                return left;
            }
            self.at += 1;
            parts.push(operator);
            self.trivia(&mut parts);
            parts.push(self.expression(power + 1));
            left = self.builder.wrap(Kind::Binary, &parts);
        }
    }

    fn operand(&mut self) -> NodeId {
        let Some(item) = self.items.get(self.at).copied() else {
            return self.builder.wrap(Kind::ErrorChain, &[]);
        };
        self.at += 1;
        if self.builder.kind(item) != Kind::PrefixOperator {
            return item;
        }
        let mut parts = vec![item];
        let power = prefix_strength(self.text(item));
        self.trivia(&mut parts);
        parts.push(self.expression(power));
        self.builder.wrap(Kind::Prefix, &parts)
    }

    fn trivia(&mut self, into: &mut Vec<NodeId>) {
        while let Some(item) = self.items.get(self.at).copied() {
            if !self.builder.kind(item).is_trivia() {
                break;
            }
            into.push(item);
            self.at += 1;
        }
    }

    fn text(&self, id: NodeId) -> &str {
        let range = self.builder.range(id);
        self.builder
            .source()
            .get(range.start..range.end)
            .unwrap_or("")
    }
}

//! What a run has to work out: parts that a record has or has not, and the side of a choice that is
//! taken. What nobody asks for is never asked of the HSM.

use super::{Bound, Values};
use cardwright_bundle::NodeId;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Nodes that are asked for together, where a condition holds.
#[derive(Debug, Default)]
pub struct Part {
    /// Flag; none: always. It has to be among what is asked for around it.
    pub when: Option<NodeId>,
    /// Nodes that are asked for.
    pub nodes: Vec<NodeId>,
    /// Parts of the part.
    pub parts: Vec<Part>,
}

/// What runs of a program work out.
pub(super) enum Wanted {
    /// All nodes, in their order.
    Everything,
    /// Parts.
    Parts {
        /// Nodes that every run needs, sorted.
        always: Vec<NodeId>,
        /// The same by node.
        asked: Vec<bool>,
        /// Parts with a condition.
        sometimes: Vec<Part>,
    },
}

impl Wanted {
    /// Parts of a program.
    pub(super) fn of(parts: Vec<Part>, steps: &[Bound]) -> Self {
        let mut walk = Walk::of_length(steps.len());
        let mut sometimes = Vec::new();
        let mut open = parts;
        while let Some(part) = open.pop() {
            match part.when {
                None => {
                    part.nodes.iter().for_each(|id| walk.want(*id, steps));
                    open.extend(part.parts);
                }
                Some(when) => {
                    walk.want(when, steps);
                    sometimes.push(part);
                }
            }
        }
        let mut always: Vec<NodeId> = walk.next.into_iter().map(|Reverse(id)| id).collect();
        always.sort_unstable();
        Self::Parts {
            always,
            asked: walk.asked,
            sometimes,
        }
    }
}

/// One record on its way through a program: nodes are worked out by rising number, so that what a
/// node needs is there before it; the side of a choice is asked for once its condition is known.
#[derive(Default)]
pub(super) struct Walk<'p> {
    /// Where all nodes are worked out: the one whose turn it is.
    cursor: Option<NodeId>,
    asked: Vec<bool>,
    next: BinaryHeap<Reverse<NodeId>>,
    parts: Vec<&'p Part>,
}

impl<'p> Walk<'p> {
    fn of_length(length: usize) -> Self {
        Self {
            asked: vec![false; length],
            ..Self::default()
        }
    }

    /// At the beginning of a run.
    pub(super) fn new(wanted: &'p Wanted) -> Self {
        match wanted {
            Wanted::Everything => Self {
                cursor: Some(0),
                ..Self::default()
            },
            Wanted::Parts {
                always,
                asked,
                sometimes,
            } => Self {
                asked: asked.clone(),
                next: always
                    .iter()
                    .map(|id| Reverse(*id))
                    .collect::<Vec<_>>()
                    .into(),
                parts: sometimes.iter().collect(),
                cursor: None,
            },
        }
    }

    /// The node whose turn it is. When no more are asked for, parts whose condition holds ask for
    /// theirs; none: the run is done.
    pub(super) fn turn(&mut self, steps: &[Bound], values: &Values) -> Option<NodeId> {
        if let Some(id) = self.cursor {
            return ((id as usize) < steps.len()).then_some(id);
        }
        loop {
            if let Some(Reverse(id)) = self.next.peek() {
                return Some(*id);
            }
            if self.parts.is_empty() {
                return None;
            }
            for part in std::mem::take(&mut self.parts) {
                // A condition that could not be worked out is told by whoever looks at the part.
                if part
                    .when
                    .is_some_and(|when| values.flag(when).ok() != Some(true))
                {
                    continue;
                }
                part.nodes.iter().for_each(|id| self.want(*id, steps));
                for inner in &part.parts {
                    inner.when.iter().for_each(|id| self.want(*id, steps));
                    self.parts.push(inner);
                }
            }
        }
    }

    /// The node whose turn it is has its value.
    pub(super) fn done(&mut self) {
        match &mut self.cursor {
            Some(at) => *at += 1,
            None => drop(self.next.pop()),
        }
    }

    /// Asks for a node and what it needs; a node that was asked for before is not asked again.
    pub(super) fn want(&mut self, id: NodeId, steps: &[Bound]) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(asked @ false) = self.asked.get_mut(id as usize) else {
                continue;
            };
            *asked = true;
            self.next.push(Reverse(id));
            if let Some(step) = steps.get(id as usize) {
                step.needs(|id| open.push(id));
            }
        }
    }
}

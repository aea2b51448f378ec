//! What a value shows beside its level: the account, or an enciphered PIN. Computed anew from a
//! bundle's programs, because a hostile bundle says of itself what it likes.

use cardwright_bundle::{
    Content, Effect, Field, FieldType, Node, NodeId, Op, Program, Secrecy, ValueType, function,
    keeps_whole,
};

/// What the nodes of a program show.
#[derive(Clone, Debug, Default)]
pub(super) struct Taints {
    of: Vec<Taint>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Taint {
    account: bool,
    enciphered_pin: bool,
}

impl Taints {
    /// Looks at every node; a program that refers to what is not there shows nothing more.
    pub(super) fn of(program: &Program, content: &Content) -> Self {
        let mut taints = Self::default();
        let mut whole = Vec::new();
        for node in &program.nodes {
            let next = taints.next(node, program, content, &whole);
            whole.push(is_whole(node, &whole));
            taints.of.push(next);
        }
        taints
    }

    /// Whether a value shows the PAN, or enough of it to find the account.
    pub(super) fn shows_account(&self, id: NodeId) -> bool {
        self.at(id).account
    }

    /// Whether a value is or holds an enciphered PIN, which is for transit only.
    pub(super) fn holds_pin(&self, id: NodeId) -> bool {
        self.at(id).enciphered_pin
    }

    fn at(&self, id: NodeId) -> Taint {
        self.of.get(id as usize).copied().unwrap_or_default()
    }

    fn any(&self, ids: &[NodeId]) -> Taint {
        ids.iter().fold(Taint::default(), |all, id| {
            let one = self.at(*id);
            Taint {
                account: all.account || one.account,
                enciphered_pin: all.enciphered_pin || one.enciphered_pin,
            }
        })
    }

    fn next(&self, node: &Node, program: &Program, content: &Content, whole: &[bool]) -> Taint {
        match &node.op {
            Op::Field { record, field } => match found(record, field, program, content) {
                Some(found) => Taint {
                    account: matches!(found.field_type, FieldType::Pan),
                    enciphered_pin: matches!(found.field_type, FieldType::PinBlock { .. }),
                },
                None => Taint::default(),
            },
            Op::Apply {
                function: name,
                args,
            } => {
                let effect = function(name).map(|f| f.effect);
                let lowers = match effect {
                    Some(Effect::Becomes(Secrecy::Public)) => true,
                    Some(Effect::Lowers) => lowers(args, program, whole),
                    _ => false,
                };
                match lowers || !readable(node.gives, name) {
                    true => Taint::default(),
                    false => self.any(args),
                }
            }
            Op::Intent { intent, .. } => Taint {
                account: false,
                enciphered_pin: intent == "pin.export",
            },
            Op::Choose {
                then, otherwise, ..
            } => self.any(&[*then, *otherwise]),
            Op::Lookup {
                otherwise: Some(id),
                ..
            } => self.at(*id),
            Op::Constant { .. }
            | Op::Count { .. }
            | Op::Listed { .. }
            | Op::Lookup {
                otherwise: None, ..
            }
            | Op::Sum { .. } => Taint::default(),
        }
    }
}

/// Whether a node still holds each field that it is made of as a whole.
pub(super) fn is_whole(node: &Node, before: &[bool]) -> bool {
    match &node.op {
        Op::Constant { .. } | Op::Field { .. } => true,
        Op::Apply { function, args } => keeps_whole(function) && all_whole(args, before),
        _ => false,
    }
}

/// Whether all operands are whole.
pub(super) fn all_whole(args: &[NodeId], whole: &[bool]) -> bool {
    args.iter()
        .all(|id| whole.get(*id as usize).copied().unwrap_or_default())
}

/// Whether a lowering by name lowers these operands.
fn lowers(args: &[NodeId], program: &Program, whole: &[bool]) -> bool {
    let level = |id: &NodeId| program.nodes.get(*id as usize).map(|n| n.secrecy);
    all_whole(args, whole)
        && args
            .iter()
            .filter_map(level)
            .all(|l| l <= Secrecy::Cardholder)
}

/// Whether the digits of what went in are still in the result; a count or comparison of them is not.
fn readable(gives: ValueType, name: &str) -> bool {
    match gives {
        ValueType::Text | ValueType::TextList | ValueType::Bytes => true,
        ValueType::Number => matches!(name, "add" | "subtract" | "to_number"),
        _ => false,
    }
}

fn found<'c>(
    record: &str,
    field: &str,
    program: &Program,
    content: &'c Content,
) -> Option<&'c Field> {
    let format = content.formats.iter().find(|f| f.name == program.format)?;
    let own = format.records.iter().find(|r| r.name == record);
    let fields = match own {
        Some(own) => &own.fields,
        None => {
            let join = format.joins.iter().find(|j| j.name == record)?;
            let other = content.formats.iter().find(|f| f.name == join.format)?;
            &other.records.iter().find(|r| r.name == join.record)?.fields
        }
    };
    fields.iter().find(|f| f.name == field)
}

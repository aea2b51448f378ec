//! Checks a program: order, operands, types, and that no node claims to be less secret than it is.

use super::broken;
use super::taint::{all_whole, is_whole};
use crate::RuntimeError;
use cardwright_bundle::{
    Constant, Content, Effect, FieldType, Instruction, Node, NodeId, Op, Operand, Program, Secrecy,
    ValueType, function, intent,
};

/// Checks every node of a program.
pub(super) fn check(
    index: usize,
    program: &Program,
    content: &Content,
) -> Result<(), RuntimeError> {
    let mut whole = Vec::with_capacity(program.nodes.len());
    for (at, node) in program.nodes.iter().enumerate() {
        let before = Before {
            nodes: program.nodes.get(..at).unwrap_or_default(),
            whole: &whole,
        };
        let (gives, least) =
            infer(node, before, program, content).map_err(|e| locate(e, index, at))?;
        if gives != node.gives {
            let what = format!(
                "a node that gives {gives:?} where {:?} is claimed",
                node.gives
            );
            return Err(locate(broken(&what), index, at));
        }
        if node.secrecy < least {
            return Err(locate(
                RuntimeError::new(
                    "R1102",
                    format!("{least:?} data would pass as {:?}", node.secrecy),
                    "refuse this bundle and tell its author: a correct compiler never does this",
                ),
                index,
                at,
            ));
        }
        if node.span as usize >= content.spans.len().max(1) {
            return Err(locate(broken("a span that is not there"), index, at));
        }
        whole.push(is_whole(node, &whole));
    }
    Ok(())
}

/// What stands before a node: the nodes, and which of them are whole values.
#[derive(Clone, Copy)]
struct Before<'n> {
    nodes: &'n [Node],
    whole: &'n [bool],
}

fn locate(mut error: RuntimeError, program: usize, node: usize) -> RuntimeError {
    error.what = format!("program {program}, node {node}: {}", error.what);
    error
}

fn infer(
    node: &Node,
    before: Before<'_>,
    program: &Program,
    content: &Content,
) -> Result<(ValueType, Secrecy), RuntimeError> {
    match &node.op {
        Op::Field { record, field } => field_type(record, field, program, content),
        Op::Constant { value } => Ok((constant_type(value), Secrecy::Public)),
        Op::Count { .. } => Ok((ValueType::Number, Secrecy::Public)),
        Op::Sum {
            format,
            record,
            field,
            digits,
        } => sum_type(format, record, field, *digits, content),
        Op::Apply {
            function: name,
            args,
        } => {
            let instruction =
                function(name).ok_or_else(|| broken(&format!("an unknown function `{name}`")))?;
            apply(instruction, args, before)
        }
        Op::Intent {
            intent: name,
            keys,
            args,
        } => {
            let instruction =
                intent(name).ok_or_else(|| broken(&format!("an unknown intent `{name}`")))?;
            let known = keys.iter().all(|key| (*key as usize) < content.keys.len());
            if keys.len() != instruction.keys || !known {
                return Err(broken(&format!("keys that `{name}` does not take")));
            }
            apply(instruction, args, before)
        }
        Op::Listed { table, key } => {
            let key = table_key(*table, *key, before, content)?;
            Ok((ValueType::Flag, key.secrecy))
        }
        Op::Lookup {
            table,
            column,
            key,
            otherwise,
        } => {
            let key = table_key(*table, *key, before, content)?;
            let found = content.tables.get(*table as usize);
            let column = found
                .and_then(|t| t.columns.get(*column as usize))
                .ok_or_else(|| broken("a column that is not there"))?;
            // Who sees the cell learns something of the key that found it.
            let mut secrecy = key.secrecy.max(column.secrecy);
            if let Some(id) = otherwise {
                let node = get(before, *id)?;
                if node.gives != column.gives {
                    return Err(broken("a lookup that gives two types"));
                }
                secrecy = secrecy.max(node.secrecy);
            }
            Ok((column.gives, secrecy))
        }
        Op::Choose {
            condition,
            then,
            otherwise,
        } => {
            let (condition, then, otherwise) = (
                get(before, *condition)?,
                get(before, *then)?,
                get(before, *otherwise)?,
            );
            if condition.gives != ValueType::Flag || then.gives != otherwise.gives {
                return Err(broken("a choice between values of two types"));
            }
            // What a secret decides is as secret as the secret.
            let secrecy = condition.secrecy.max(then.secrecy).max(otherwise.secrecy);
            Ok((then.gives, secrecy))
        }
    }
}

/// The key of a lookup: a text, and a table that is there.
fn table_key<'n>(
    table: u32,
    key: NodeId,
    before: Before<'n>,
    content: &Content,
) -> Result<&'n Node, RuntimeError> {
    let key = get(before, key)?;
    if content.tables.get(table as usize).is_none() || key.gives != ValueType::Text {
        return Err(broken(
            "a table that is not there, or a key that is no text",
        ));
    }
    Ok(key)
}

fn get(before: Before<'_>, id: NodeId) -> Result<&Node, RuntimeError> {
    before
        .nodes
        .get(id as usize)
        .ok_or_else(|| broken("a node that comes later"))
}

fn apply(
    instruction: &Instruction,
    args: &[NodeId],
    before: Before<'_>,
) -> Result<(ValueType, Secrecy), RuntimeError> {
    let operands = instruction.operands;
    let enough = if instruction.variadic {
        args.len() + 1 >= operands.len()
    } else {
        args.len() == operands.len()
    };
    if !enough {
        return Err(broken(&format!(
            "`{}` with {} operands",
            instruction.name,
            args.len()
        )));
    }
    let mut joined = Secrecy::Public;
    let mut previous = None;
    for (at, id) in args.iter().enumerate() {
        let node = get(before, *id)?;
        let operand = operands.get(at).or(operands.last());
        if !operand.is_some_and(|operand| fits(*operand, node.gives, previous)) {
            let what = format!(
                "operand {} of `{}` of type {:?}",
                at + 1,
                instruction.name,
                node.gives
            );
            return Err(broken(&what));
        }
        if instruction.name.starts_with("ndef_") && node.secrecy > Secrecy::Cardholder {
            let what = "an NDEF message would hold what pays, for any telephone to read";
            let mend = "refuse this bundle and tell its author: a correct compiler never does this";
            return Err(RuntimeError::new("R1103", what, mend));
        }
        joined = joined.max(node.secrecy);
        previous = Some(node.gives);
    }
    let secrecy = match instruction.effect {
        Effect::Becomes(level) => level,
        // A mask of a part, or of a verification value, would hide nothing.
        Effect::Lowers if joined <= Secrecy::Cardholder && all_whole(args, before.whole) => {
            Secrecy::Public
        }
        Effect::Join | Effect::Lowers => joined,
    };
    Ok((instruction.gives, secrecy))
}

fn fits(operand: Operand, found: ValueType, previous: Option<ValueType>) -> bool {
    match operand {
        Operand::One(wanted) => found == wanted,
        Operand::Either(a, b) => found == a || found == b,
        Operand::Same => Some(found) == previous,
        Operand::Plain => matches!(
            found,
            ValueType::Text
                | ValueType::Bytes
                | ValueType::Number
                | ValueType::Flag
                | ValueType::Date
        ),
    }
}

fn constant_type(value: &Constant) -> ValueType {
    match value {
        Constant::Text(_) => ValueType::Text,
        Constant::Bytes(_) => ValueType::Bytes,
        Constant::Number(_) => ValueType::Number,
        Constant::Flag(_) => ValueType::Flag,
    }
}

fn field_type(
    record: &str,
    field: &str,
    program: &Program,
    content: &Content,
) -> Result<(ValueType, Secrecy), RuntimeError> {
    if record == "run" {
        return match field {
            "date" => Ok((ValueType::Date, Secrecy::Public)),
            "sequence" => Ok((ValueType::Number, Secrecy::Public)),
            "reference" | "job" | "result" | "reason" | "serial" => {
                Ok((ValueType::Text, Secrecy::Public))
            }
            _ => Err(broken(&format!("`run.{field}`"))),
        };
    }
    let format = content
        .formats
        .iter()
        .find(|format| format.name == program.format);
    let Some((found, list)) = format.and_then(|f| visible(f, record, field, program, content))
    else {
        return Err(broken(&format!("the field `{record}.{field}`")));
    };
    if matches!(found.field_type, FieldType::Picture(_)) {
        return Err(broken("a picture as a value"));
    }
    if list {
        return Ok((ValueType::TextList, found.secrecy));
    }
    let gives = match found.field_type {
        _ if found.repeat > 1 => ValueType::TextList,
        FieldType::Text
        | FieldType::Digits { .. }
        | FieldType::Alphanumeric { .. }
        | FieldType::Pan
        | FieldType::Picture(_) => ValueType::Text,
        FieldType::Number { .. } => ValueType::Number,
        FieldType::Date { .. } => ValueType::Date,
        FieldType::Flag { .. } => ValueType::Flag,
        FieldType::PinBlock { .. } | FieldType::Hex { .. } => ValueType::Bytes,
    };
    Ok((gives, found.secrecy))
}

/// A field that a program may see, and whether it comes as a list: of its own record, of one that
/// stands once or heads a group, of a part of its order, of a joined record.
fn visible<'c>(
    format: &'c cardwright_bundle::Format,
    record: &str,
    field: &str,
    program: &Program,
    content: &'c Content,
) -> Option<(&'c cardwright_bundle::Field, bool)> {
    let own = format.records.iter().find(|r| r.name == record);
    if let Some(own) = own {
        let part = own.part_of.as_ref();
        let is_part = part.is_some_and(|p| p.record == program.record);
        let seen = own.once || own.role.is_some() || own.name == program.record || is_part;
        let found = own.fields.iter().find(|f| f.name == field)?;
        return seen.then_some((found, is_part && part.is_some_and(|p| p.most > 1)));
    }
    let join = format.joins.iter().find(|j| j.name == record)?;
    let other = content.formats.iter().find(|f| f.name == join.format)?;
    let other = other.records.iter().find(|r| r.name == join.record)?;
    let found = other.fields.iter().find(|f| f.name == field)?;
    Some((found, false))
}

/// A sum is as secret as what it sums: with one record it is the value itself. A hash total of PANs
/// that keeps no more than four digits shows no more than a truncated PAN does (PCI DSS 3.4.1).
fn sum_type(
    format: &str,
    record: &str,
    field: &str,
    digits: u32,
    content: &Content,
) -> Result<(ValueType, Secrecy), RuntimeError> {
    let found = content
        .formats
        .iter()
        .find(|f| f.name == format)
        .and_then(|f| f.records.iter().find(|r| r.name == record))
        .and_then(|r| r.fields.iter().find(|f| f.name == field));
    let found = found.ok_or_else(|| broken(&format!("the field `{record}.{field}`")))?;
    let is_pan = matches!(found.field_type, FieldType::Pan);
    match (&found.field_type, digits) {
        _ if digits > 18 => Err(broken("a sum of more than 18 digits")),
        // What a written file holds is taken for cardholder data at least.
        _ if found.value.is_some() && !is_pan => {
            Ok((ValueType::Number, found.secrecy.max(Secrecy::Cardholder)))
        }
        (FieldType::PinBlock { .. } | FieldType::Picture(_), _) => {
            Err(broken("a sum of PIN blocks or pictures"))
        }
        _ if is_pan && (1..=4).contains(&digits) => Ok((ValueType::Number, Secrecy::Public)),
        _ => Ok((ValueType::Number, found.secrecy)),
    }
}

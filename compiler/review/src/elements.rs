//! The data elements that stand in a data grouping, read off the term that makes it.

use crate::side::{Side, Step};
use cardwright_bundle::{Constant, NodeId, Op, Program};
use cardwright_standards::tlv::Tag;

/// Deepest template inside a grouping.
const DEPTH_MAX: usize = 8;
/// Most elements of a grouping.
const ELEMENTS_MAX: usize = 4_096;

/// Where an element stands and which node gives its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its tag; none for octets that are no data object.
    pub tag: Option<Tag>,
    /// Templates around it, outermost first, as `70` or `6F/A5`.
    pub within: String,
    /// Its value's node.
    pub node: NodeId,
}

/// What the walk needs to know of a node.
enum Shape {
    /// `tlv`: node of the tag, node of the value.
    Object(usize, usize),
    /// `concat`.
    Row(Vec<usize>),
    /// Anything else.
    Leaf,
}

/// The elements of a term in the order of their octets.
#[must_use]
pub fn elements(program: &Program, node: NodeId) -> Vec<Element> {
    let shape = |id: usize| match program.nodes.get(id).map(|n| &n.op) {
        Some(Op::Apply { function, args }) => {
            let args: Vec<usize> = args.iter().map(|id| *id as usize).collect();
            shape_of(function, &args)
        }
        _ => Shape::Leaf,
    };
    let bytes = |id: usize| match program.nodes.get(id).map(|n| &n.op) {
        Some(Op::Constant {
            value: Constant::Bytes(text),
        }) => Some(text.clone()),
        _ => None,
    };
    let mut found = Vec::new();
    split(&shape, &bytes, node as usize, "", DEPTH_MAX, &mut found);
    found
}

/// The same of a side's node.
pub(crate) fn elements_of(side: &Side, program: usize, node: u64) -> Vec<Element> {
    let steps = side.program(program);
    let shape = |id: usize| match steps.get(id) {
        Some(step) if step.op == "apply" => shape_of(step.name(), &step.args),
        _ => Shape::Leaf,
    };
    let bytes = |id: usize| match steps.get(id).and_then(Step::constant) {
        Some(("bytes", value)) => value.as_str().map(str::to_owned),
        _ => None,
    };
    let mut found = Vec::new();
    let node = usize::try_from(node).unwrap_or(usize::MAX);
    split(&shape, &bytes, node, "", DEPTH_MAX, &mut found);
    found
}

fn shape_of(function: &str, args: &[usize]) -> Shape {
    match (function, args) {
        ("tlv" | "tlv_if_any", [tag, value]) => Shape::Object(*tag, *value),
        ("concat", parts) => Shape::Row(parts.to_vec()),
        _ => Shape::Leaf,
    }
}

fn split(
    shape: &dyn Fn(usize) -> Shape,
    bytes: &dyn Fn(usize) -> Option<String>,
    id: usize,
    within: &str,
    depth: usize,
    found: &mut Vec<Element>,
) {
    if found.len() >= ELEMENTS_MAX {
        return;
    }
    let leaf = |tag, id| Element {
        tag,
        within: within.to_owned(),
        node: NodeId::try_from(id).unwrap_or(NodeId::MAX),
    };
    match shape(id) {
        Shape::Row(parts) if depth > 0 => {
            for part in parts {
                split(shape, bytes, part, within, depth - 1, found);
            }
        }
        Shape::Object(tag, value) => {
            let tag = bytes(tag).as_deref().and_then(Tag::from_hex);
            let inside = !matches!(shape(value), Shape::Leaf);
            match tag {
                Some(tag) if tag.is_constructed() && inside && depth > 0 => {
                    let slash = if within.is_empty() { "" } else { "/" };
                    let within = format!("{within}{slash}{tag}");
                    split(shape, bytes, value, &within, depth - 1, found);
                }
                Some(tag) => found.push(leaf(Some(tag), value)),
                None => found.push(leaf(None, id)),
            }
        }
        _ => found.push(leaf(None, id)),
    }
}

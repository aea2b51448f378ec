//! The tree of operations behind a node, with values as far as they may be seen.

use cardwright_bundle::{Content, DgiField, Job, Node, NodeId, Op, Program, Secrecy};
use cardwright_runtime::{Value, plan::Values};
use schemars::JsonSchema;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Deepest operation that is told.
const DEPTH_MAX: usize = 24;
/// Most operations of one answer.
const NODES_MAX: usize = 400;
/// Longest public value that is shown whole, characters.
const SHOWN_MAX: usize = 96;

/// An operation and what it was given.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Because {
    /// Number of the node in its program; none for what no program makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
    /// Name of the part of a data grouping that it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Function, `field`, `literal`, `choice`, or the HSM's operation.
    pub operation: String,
    /// Its value: whole when public, masked when a cardholder's, else only what it is.
    pub value: String,
    /// `public`, `cardholder`, `sensitive` or `secret`.
    pub secrecy: String,
    /// Where it was written, `file:line:column`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The order's field, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
    /// Keys that the HSM uses for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// Where it was told already: its parts stand there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub told_above: bool,
    /// What it was computed from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Because>,
}

/// Where a value stands in the order file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Input {
    /// Record.
    pub record: String,
    /// Field.
    pub field: String,
    /// Line in the file, from 1; none where the record is another than the order's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// First column, or number of the delimited column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Characters, where columns are fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
}

/// A key by name and use; never its value.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Key {
    /// Name.
    pub name: String,
    /// Use.
    #[serde(rename = "use")]
    pub usage: String,
}

/// Tells trees.
pub(super) struct Teller<'t> {
    content: &'t Content,
    job: &'t Job,
    program: &'t Program,
    values: &'t Values,
    line: u64,
    names: BTreeMap<NodeId, Vec<String>>,
    told: RefCell<BTreeSet<NodeId>>,
    fields: RefCell<BTreeSet<(String, String)>>,
}

/// Octets or characters of a part that are asked for, from 0, the end excluded.
type Window = Option<(usize, usize)>;

impl<'t> Teller<'t> {
    pub(super) fn new(
        content: &'t Content,
        job: &'t Job,
        program: &'t Program,
        values: &'t Values,
        line: u64,
    ) -> Self {
        Self {
            content,
            job,
            program,
            values,
            line,
            names: BTreeMap::new(),
            told: RefCell::default(),
            fields: RefCell::default(),
        }
    }

    /// Says how parts of what is told are called.
    pub(super) fn named(mut self, parts: &[DgiField]) -> Self {
        for part in parts {
            let names = self.names.entry(part.node).or_default();
            names.push(part.name.clone());
        }
        self
    }

    /// Fields that were told of.
    pub(super) fn fields(&self) -> BTreeSet<(String, String)> {
        self.fields.borrow().clone()
    }

    /// The tree of a node; with a range only what these octets or characters come from.
    pub(super) fn tell(&self, node: NodeId, range: Option<(usize, usize)>) -> Because {
        self.node(
            node,
            range.map(|(first, last)| (first - 1, last)),
            DEPTH_MAX,
        )
    }

    fn node(&self, id: NodeId, window: Window, depth: usize) -> Because {
        let Some(node) = self.program.nodes.get(id as usize) else {
            return nothing(id);
        };
        let mut because = Because {
            node: Some(id),
            part: self
                .names
                .get(&id)
                .map_or_else(String::new, |names| names.join(", ")),
            operation: operation(&node.op),
            value: self.shown(id, node),
            secrecy: format!("{:?}", node.secrecy).to_lowercase(),
            place: place(self.content, node.span),
            input: None,
            keys: Vec::new(),
            told_above: false,
            parts: Vec::new(),
        };
        if let Op::Field { record, field } = &node.op {
            because.input = self.input(record, field);
            self.fields
                .borrow_mut()
                .insert((record.clone(), field.clone()));
        }
        if let Op::Intent { keys, .. } = &node.op {
            let slots = keys
                .iter()
                .filter_map(|key| self.content.keys.get(*key as usize));
            because.keys = slots
                .map(|slot| Key {
                    name: slot.name.clone(),
                    usage: slot.usage.clone(),
                })
                .collect();
        }
        let parts = self.parts(node, window);
        let known = self.told.borrow().contains(&id) && window.is_none();
        if parts.is_empty() || known || depth == 0 || self.told.borrow().len() >= NODES_MAX {
            because.told_above = known && !parts.is_empty();
            return because;
        }
        if window.is_none() {
            self.told.borrow_mut().insert(id);
        }
        let parts = parts.into_iter();
        because.parts = parts.map(|(id, w)| self.node(id, w, depth - 1)).collect();
        because
    }

    /// Operands; with a window only those that reach into it, with their own windows.
    fn parts(&self, node: &Node, window: Window) -> Vec<(NodeId, Window)> {
        let all = operands(&node.op);
        let whole = || all.iter().map(|id| (*id, None)).collect();
        // Of a choice only the branch that was taken matters.
        if let Op::Choose {
            condition,
            then,
            otherwise,
        } = &node.op
        {
            let taken = match self.values.flag(*condition) {
                Ok(true) => *then,
                _ => *otherwise,
            };
            return vec![(*condition, None), (taken, window)];
        }
        let (Some(window), Op::Apply { function, args }) = (window, &node.op) else {
            return whole();
        };
        match (function.as_str(), args.as_slice()) {
            ("concat" | "concat_text", args) => {
                let sized = args.iter().map(|id| (*id, self.length(*id)));
                narrowed(sized, window, 1)
            }
            ("ascii" | "latin1", [text]) => vec![(*text, Some(window))],
            ("tlv", [_, value]) => {
                let header = self.length_of_object(node, *value);
                let (from, to) = window;
                match to.checked_sub(header) {
                    Some(to) if to > 0 => {
                        vec![(*value, Some((from.saturating_sub(header), to)))]
                    }
                    _ => whole(),
                }
            }
            // PAN, separator, YYMM, service code, discretionary data (ISO/IEC 7813), two digits
            // in an octet of tag 57.
            ("track2" | "track2_equivalent", [pan, expiry, service, rest]) => {
                let digits = if function == "track2" { 1 } else { 2 };
                let pan_digits = self.length(*pan) + 1;
                let sized = [
                    (*pan, pan_digits),
                    (*expiry, 4),
                    (*service, 3),
                    (*rest, self.length(*rest)),
                ];
                narrowed(sized.into_iter(), window, digits)
            }
            _ => whole(),
        }
    }

    /// Octets of tag and length before an object's value.
    fn length_of_object(&self, node: &Node, value: NodeId) -> usize {
        let own = self
            .program
            .nodes
            .iter()
            .position(|n| std::ptr::eq(n, node));
        let own = own.and_then(|id| NodeId::try_from(id).ok());
        let whole = own.map_or(0, |id| self.length(id));
        whole.saturating_sub(self.length(value))
    }

    /// Octets or characters of a value.
    fn length(&self, id: NodeId) -> usize {
        match self.values.get(id) {
            Ok(Value::Text(text)) => text.chars().count(),
            Ok(Value::Bytes(octets)) => octets.len(),
            _ => 0,
        }
    }

    fn input(&self, record: &str, field: &str) -> Option<Input> {
        if record == "run" {
            return None;
        }
        let formats = &self.content.formats;
        let format = formats.iter().find(|f| f.name == self.job.input);
        let declared = format.and_then(|f| f.records.iter().find(|r| r.name == record));
        let found = declared.and_then(|r| r.fields.iter().find(|f| f.name == field));
        Some(Input {
            record: record.to_owned(),
            field: field.to_owned(),
            line: (record == self.job.record).then_some(self.line),
            column: found.map(|f| f.at).filter(|at| *at > 0),
            width: found.map(|f| f.width * f.repeat).filter(|width| *width > 0),
        })
    }

    /// A value as far as its secrecy lets it be seen.
    fn shown(&self, id: NodeId, node: &Node) -> String {
        let value = match self.values.get(id) {
            Ok(value) => value,
            Err(error) => return format!("no value ({})", error.code),
        };
        match node.secrecy {
            Secrecy::Public => public(value),
            Secrecy::Cardholder => masked(value),
            Secrecy::Sensitive => format!("<sensitive {}>", size(value)),
            Secrecy::Secret => format!("<secret, sealed by the HSM: {}>", size(value)),
        }
    }
}

/// Parts of a row that reach into a window; `units` of a part make one of the window's.
fn narrowed(
    parts: impl Iterator<Item = (NodeId, usize)>,
    (from, to): (usize, usize),
    units: usize,
) -> Vec<(NodeId, Window)> {
    let (from, to) = (from.saturating_mul(units), to.saturating_mul(units));
    let mut start = 0_usize;
    let mut found = Vec::new();
    for (id, length) in parts {
        let end = start.saturating_add(length);
        if start < to && end > from {
            let window = (from.saturating_sub(start), to.min(end) - start);
            let whole = window == (0, length);
            found.push((id, Some(window).filter(|_| !whole)));
        }
        start = end;
    }
    found
}

fn nothing(id: NodeId) -> Because {
    Because {
        node: Some(id),
        part: String::new(),
        operation: "nothing".to_owned(),
        value: String::new(),
        secrecy: "public".to_owned(),
        place: String::new(),
        input: None,
        keys: Vec::new(),
        told_above: false,
        parts: Vec::new(),
    }
}

fn operation(op: &Op) -> String {
    match op {
        Op::Field { record, field } => format!("field {record}.{field}"),
        Op::Constant { .. } => "literal".to_owned(),
        Op::Apply { function, .. } => function.clone(),
        Op::Intent { intent, .. } => format!("hsm {intent}"),
        Op::Choose { .. } => "choice".to_owned(),
        other => {
            let name = serde_json::to_value(other).ok();
            let name = name
                .as_ref()
                .and_then(|v| v.get("op"))
                .and_then(|v| v.as_str());
            name.unwrap_or("operation").to_owned()
        }
    }
}

/// The operands of an operation, first to last; read off its JSON, so that a new operation is told
/// without a line here.
pub(super) fn operands(op: &Op) -> Vec<NodeId> {
    let id = |v: &serde_json::Value| NodeId::try_from(v.as_u64()?).ok();
    match op {
        Op::Apply { args, .. } | Op::Intent { args, .. } => args.clone(),
        Op::Choose {
            condition,
            then,
            otherwise,
        } => vec![*condition, *then, *otherwise],
        Op::Field { .. } | Op::Constant { .. } | Op::Count { .. } => Vec::new(),
        other => {
            let value = serde_json::to_value(other).unwrap_or_default();
            let keys = ["args", "key", "otherwise"];
            let found = keys.iter().filter_map(|key| value.get(key));
            found.filter_map(id).collect()
        }
    }
}

/// Where a span is; empty for what the compiler made.
pub(super) fn place(content: &Content, span: u32) -> String {
    let found = content.spans.get(span as usize).filter(|_| span != 0);
    let text = found.and_then(|span| {
        let source = content.sources.get(span.source as usize)?;
        Some(format!("{}:{}:{}", source.path, span.line, span.column))
    });
    text.unwrap_or_default()
}

fn public(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => format!("\"{text}\""),
        Value::TextList(lines) => format!("\"{}\"", lines.join(" / ")),
        Value::Bytes(octets) => hex::encode_upper(octets),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Date(date) => date.format("YYYY-MM-DD"),
        _ => format!("<{}>", size(value)),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}… ({})", text.get(..at).unwrap_or_default(), size(value)),
        None => text,
    }
}

/// A cardholder's value: a number keeps six and four digits, as on a receipt; the rest its first
/// character.
fn masked(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("\"{}\"", mask(text)),
        Value::TextList(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| mask(line)).collect();
            format!("\"{}\"", lines.join(" / "))
        }
        other => format!("<cardholder's, {}>", size(other)),
    }
}

fn mask(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let count = text.chars().count();
    let clear = |n: usize| digits >= 12 && (n < 6 || n + 4 >= count);
    let shown = text.chars().enumerate().map(|(n, c)| match c {
        ' ' | '/' => c,
        c if clear(n) || (digits < 12 && n == 0 && !c.is_ascii_digit()) => c,
        _ => '*',
    });
    shown.collect()
}

/// What a value is, without what it says.
fn size(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{} characters", text.chars().count()),
        Value::TextList(lines) => format!("{} lines", lines.len()),
        Value::Bytes(octets) => format!("{} octets", octets.len()),
        Value::Number(_) => "number".to_owned(),
        Value::Flag(_) => "flag".to_owned(),
        Value::Date(_) => "date".to_owned(),
        Value::Pin(_) => "PIN".to_owned(),
        Value::Sealed(sealed) => format!("{} octets", sealed.clear_length),
        Value::IccKey(_) => "RSA key of the chip".to_owned(),
        Value::Certificate(_) => "certificate".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{mask, narrowed};

    #[test]
    fn numbers_keep_six_and_four_names_one() {
        assert_eq!(mask("9999920000000029"), "999992******0029");
        assert_eq!(mask("LOVELACE/ADA"), "L*******/***");
        assert_eq!(mask("2912"), "****");
    }

    #[test]
    fn octets_lead_to_their_parts() {
        // Track 2 data of 16 digits: octet 9 holds the separator and the first of the year.
        let parts = [(1, 17), (2, 4), (3, 3), (4, 9)];
        let at = |from, to| -> Vec<u32> {
            narrowed(parts.into_iter(), (from, to), 2)
                .into_iter()
                .map(|(id, _)| id)
                .collect()
        };
        assert_eq!(at(0, 8), [1]);
        assert_eq!(at(8, 9), [1, 2]);
        assert_eq!(at(10, 11), [2, 3]);
        assert_eq!(at(12, 13), [4]);
    }
}

//! One of the two bundles: its content as JSON, and every node of its programs with a class that
//! equal terms of both bundles share.

use cardwright_bundle::Content;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Deepest term that is printed; below it stands `…`.
const DEPTH_MAX: usize = 9;
/// Longest print, characters.
const PRINT_MAX: usize = 480;

/// Terms that are the same in both bundles have the same class.
#[derive(Default)]
pub(crate) struct Classes(HashMap<String, u32>);

impl Classes {
    fn of(&mut self, text: String) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(text).or_insert(next)
    }
}

/// A node.
pub(crate) struct Step {
    /// Operation: `apply`, `intent` …
    pub(crate) op: String,
    /// Function, intent, field: what is left of the operation without its operands.
    pub(crate) head: Map<String, Value>,
    /// Operands.
    pub(crate) args: Vec<usize>,
    /// Equal terms have equal classes.
    pub(crate) class: u32,
    span: usize,
}

impl Step {
    /// The function's or intent's name.
    pub(crate) fn name(&self) -> &str {
        let found = self
            .head
            .get("function")
            .or_else(|| self.head.get("intent"));
        found.and_then(Value::as_str).unwrap_or_default()
    }

    /// The keys of an operation of the HSM.
    pub(crate) fn keys(&self) -> String {
        let keys = self.head.get("keys").and_then(Value::as_array);
        let keys = keys.into_iter().flatten().filter_map(Value::as_str);
        keys.collect::<Vec<_>>().join(", ")
    }

    /// The literal of a constant.
    pub(crate) fn constant(&self) -> Option<(&str, &Value)> {
        let value = self.head.get("value").filter(|_| self.op == "constant")?;
        let (kind, value) = value.as_object()?.iter().next()?;
        Some((kind, value))
    }
}

/// A bundle.
pub(crate) struct Side {
    pub(crate) content: Value,
    programs: Vec<Vec<Step>>,
}

impl Side {
    /// Reads a content; classes are shared with the other side's.
    pub(crate) fn new(content: &Content, classes: &mut Classes) -> Self {
        let content = serde_json::to_value(content).unwrap_or_default();
        let mut side = Self {
            programs: Vec::new(),
            content,
        };
        let programs = side.list("programs").len();
        for number in 0..programs {
            let nodes = side
                .list("programs")
                .get(number)
                .and_then(|p| p.get("nodes"));
            let nodes = nodes.and_then(Value::as_array).cloned().unwrap_or_default();
            let mut steps = Vec::with_capacity(nodes.len());
            for node in &nodes {
                let step = side.step(node, &steps, classes);
                steps.push(step);
            }
            side.programs.push(steps);
        }
        side
    }

    /// A list of the content.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        let found = self.content.get(name).and_then(Value::as_array);
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// A node.
    pub(crate) fn node(&self, program: usize, id: u64) -> Option<&Step> {
        let id = usize::try_from(id).ok()?;
        self.programs.get(program)?.get(id)
    }

    /// The nodes of a program.
    pub(crate) fn program(&self, number: usize) -> &[Step] {
        self.programs
            .get(number)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The name of a key slot.
    pub(crate) fn key(&self, slot: u64) -> String {
        self.named("keys", slot)
    }

    fn named(&self, list: &str, at: u64) -> String {
        let found = usize::try_from(at)
            .ok()
            .and_then(|at| self.list(list).get(at));
        let name = found
            .and_then(|entry| entry.get("name"))
            .and_then(Value::as_str);
        name.map_or_else(|| format!("{list} {at}"), str::to_owned)
    }

    /// The name of a lookup table's column.
    fn column(&self, table: u64, at: u64) -> String {
        let table = usize::try_from(table).ok();
        let table = table.and_then(|at| self.list("tables").get(at));
        let columns = table.and_then(|t| t.get("columns")?.as_array());
        let column = usize::try_from(at).ok().and_then(|at| columns?.get(at));
        let name = column.and_then(|c| c.get("name")?.as_str());
        name.map_or_else(|| format!("column {at}"), str::to_owned)
    }

    /// Where a node was written, `debit.perso:11:14`; none for what the compiler made.
    pub(crate) fn place(&self, step: &Step) -> Option<String> {
        if step.span == 0 {
            return None;
        }
        let span = self.list("spans").get(step.span)?;
        let number = |key: &str| span.get(key).and_then(Value::as_u64);
        let source = usize::try_from(number("source")?).ok()?;
        let path = self.list("sources").get(source)?.get("path")?.as_str()?;
        Some(format!("{path}:{}:{}", number("line")?, number("column")?))
    }

    fn step(&self, node: &Value, before: &[Step], classes: &mut Classes) -> Step {
        let mut head = node
            .get("op")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let op = take_text(&mut head, "op");
        let mut args = Vec::new();
        for key in ["args", "condition", "then", "otherwise", "key"] {
            match head.get(key) {
                Some(Value::Number(id)) => args.extend(id.as_u64()),
                Some(Value::Array(ids)) => args.extend(ids.iter().filter_map(Value::as_u64)),
                _ => continue,
            }
            head.remove(key);
        }
        // An operand stands before its operation; what claims otherwise is no term.
        let mut known = Vec::with_capacity(args.len());
        known.extend(args.into_iter().filter_map(|id| usize::try_from(id).ok()));
        known.retain(|id| *id < before.len());
        if let Some(Value::Array(keys)) = head.get("keys") {
            let names = keys
                .iter()
                .filter_map(Value::as_u64)
                .map(|slot| self.key(slot).into());
            let names = Value::Array(names.collect());
            head.insert("keys".into(), names);
        }
        if let Some(table) = head.get("table").and_then(Value::as_u64) {
            if let Some(column) = head.get("column").and_then(Value::as_u64) {
                head.insert("column".into(), self.column(table, column).into());
            }
            head.insert("table".into(), self.named("tables", table).into());
        }
        let classes_of = known
            .iter()
            .filter_map(|id| before.get(*id))
            .map(|s| s.class);
        let operands: Vec<u32> = classes_of.collect();
        let text = Value::Object(head.clone()).to_string();
        let span = node.get("span").and_then(Value::as_u64).unwrap_or_default();
        Step {
            class: classes.of(format!("{op}{text}{operands:?}")),
            op,
            head,
            args: known,
            span: usize::try_from(span).unwrap_or_default(),
        }
    }

    /// A term as its author might write it, cut when it is deep or long.
    pub(crate) fn print(&self, program: usize, id: u64) -> String {
        let mut out = String::new();
        let nodes = self.program(program);
        if let Ok(id) = usize::try_from(id) {
            term(nodes, id, DEPTH_MAX, &mut out);
        }
        cut(out)
    }
}

/// Cuts a text that is too long to be read.
pub(crate) fn cut(text: String) -> String {
    match text.char_indices().nth(PRINT_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn take_text(head: &mut Map<String, Value>, key: &str) -> String {
    match head.remove(key) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// Operations that are written between their operands.
const INFIX: [(&str, &str); 5] = [
    ("all", "and"),
    ("any", "or"),
    ("equal", "=="),
    ("less", "<"),
    ("plus", "+"),
];
/// The same with `not` before them.
const INFIX_NOT: [(&str, &str); 2] = [("equal", "!="), ("less", ">=")];

fn term(nodes: &[Step], id: usize, depth: usize, out: &mut String) {
    let Some(step) = nodes.get(id) else {
        out.push('?');
        return;
    };
    if depth == 0 || out.len() > PRINT_MAX * 4 {
        out.push('…');
        return;
    }
    if let Some((kind, value)) = step.constant() {
        out.push_str(&literal(kind, value));
        return;
    }
    if let Some((word, args)) = infix(nodes, step) {
        for (n, arg) in args.iter().enumerate() {
            let inner = nodes.get(*arg).and_then(|step| infix(nodes, step));
            let open = inner.is_some_and(|(inner, args)| args.len() > 1 && binds(inner, word));
            out.push_str(&if n > 0 {
                format!(" {word} ")
            } else {
                String::new()
            });
            out.push_str(if open { "(" } else { "" });
            term(nodes, *arg, depth - 1, out);
            out.push_str(if open { ")" } else { "" });
        }
        return;
    }
    if step.op == "choose" {
        for (word, arg) in ["if ", " then ", " else "].iter().zip(&step.args) {
            out.push_str(word);
            term(nodes, *arg, depth - 1, out);
        }
        return;
    }
    head(step, out);
    if step.op == "field" {
        return;
    }
    out.push('(');
    for (n, arg) in step.args.iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        term(nodes, *arg, depth - 1, out);
    }
    out.push(')');
}

/// Whether an operation inside another needs brackets: only comparisons stand in `and` without.
fn binds(inner: &str, outer: &str) -> bool {
    let joins = |word: &str| matches!(word, "and" | "or");
    inner != outer && (joins(inner) || !joins(outer))
}

/// Word and operands of what is written between its operands.
fn infix<'n>(nodes: &'n [Step], step: &'n Step) -> Option<(&'static str, &'n [usize])> {
    if step.op != "apply" {
        return None;
    }
    let word = |table: &'static [(&str, &str)], name: &str| {
        let row = table.iter().find(|(function, _)| *function == name);
        row.map(|(_, word)| *word)
    };
    match (step.name(), step.args.as_slice()) {
        ("not", [inner]) => {
            let inner = nodes.get(*inner).filter(|step| step.op == "apply")?;
            Some((word(&INFIX_NOT, inner.name())?, &inner.args))
        }
        (name, args) if args.len() > 1 => Some((word(&INFIX, name)?, args)),
        _ => None,
    }
}

/// What stands before the operands.
fn head(step: &Step, out: &mut String) {
    let text = |key: &str| {
        let found = step.head.get(key).and_then(Value::as_str);
        found.unwrap_or_default()
    };
    match step.op.as_str() {
        "field" => out.push_str(&format!("{}.{}", text("record"), text("field"))),
        "apply" => out.push_str(text("function")),
        "intent" => {
            out.push_str(&format!("hsm {}[{}]", text("intent"), step.keys()));
        }
        "lookup" => out.push_str(&format!("lookup {}.{}", text("table"), text("column"))),
        op => {
            let parts = step.head.values().map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            out.push_str(&format!("{op} {}", parts.collect::<Vec<_>>().join(" ")));
        }
    }
}

/// A literal as its author might write it.
pub(crate) fn literal(kind: &str, value: &Value) -> String {
    match (kind, value) {
        ("bytes", Value::String(text)) => format!("x\"{text}\""),
        (_, value) => value.to_string(),
    }
}

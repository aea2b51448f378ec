//! Two contents side by side: generic over their JSON, exact about terms.

use crate::{
    groups, meaning,
    side::{Side, cut, literal},
    tables,
};
use cardwright_standards::tlv::Tag;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

/// Most cells of an alignment table; longer lists are compared place by place.
const ALIGN_MAX: usize = 1 << 20;
/// Most places in one term that are named one by one.
const CAUSES_MAX: usize = 16;

/// Classes of the parts that differ; none on the side where there is no such part.
pub(crate) type Cause = (Option<u32>, Option<u32>);

/// A difference, before what has one cause is brought together.
pub(crate) struct Raw {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
    pub(crate) meaning: Vec<String>,
    pub(crate) place: Option<String>,
    pub(crate) cause: Option<Cause>,
    /// Whether the part that differs is this path's own value, not one that it is computed from.
    pub(crate) own: bool,
}

/// Where the walk is.
#[derive(Clone)]
pub(crate) struct At {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    /// Programs around it, old and new.
    pub(crate) programs: (usize, usize),
    /// Whether a term that stands here may be called its own.
    pub(crate) owns: bool,
}

impl At {
    pub(crate) fn new(path: &str, kind: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            programs: (usize::MAX, usize::MAX),
            owns: true,
        }
    }

    /// One step further in.
    pub(crate) fn child(&self, key: &str) -> Self {
        let found = tables::KINDS
            .iter()
            .find(|(container, _)| *container == key);
        let mut at = self.clone();
        at.kind = found.map_or(self.kind, |(_, kind)| kind);
        if !tables::UNNAMED.contains(&key) {
            let name = key.strip_suffix("_um").or_else(|| key.strip_suffix("_mpt"));
            at.push(name.unwrap_or(key));
        }
        at
    }

    pub(crate) fn push(&mut self, name: &str) {
        if !self.path.is_empty() && !name.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
    }
}

/// A place where two terms part.
struct Part {
    old: Option<usize>,
    new: Option<usize>,
    /// Operation around it, and which operand it is.
    role: Option<(String, usize)>,
    /// Whether only codings stand around it.
    own: bool,
}

/// The walk.
pub(crate) struct Walk<'s> {
    pub(crate) old: &'s Side,
    pub(crate) new: &'s Side,
    pub(crate) found: Vec<Raw>,
}

impl<'s> Walk<'s> {
    pub(crate) fn new(old: &'s Side, new: &'s Side) -> Self {
        Self {
            old,
            new,
            found: Vec::new(),
        }
    }

    /// Compares two values that stand under one key.
    pub(crate) fn value(&mut self, at: &At, key: &str, old: &Value, new: &Value) {
        if tables::SKIPPED.contains(&key) {
            return;
        }
        match (old, new) {
            (Value::Null, Value::Null) => {}
            (Value::Object(a), Value::Object(b)) => self.objects(at, a, b),
            (Value::Array(a), Value::Array(b)) => self.lists(at, key, a, b),
            _ if is_node(key, old) && is_node(key, new) => {
                self.nodes(at, old.as_u64(), new.as_u64());
            }
            _ => {
                let shown = |side: &Side, program, value: &Value| {
                    (!value.is_null()).then(|| cut(print(side, program, key, value)))
                };
                let old = shown(self.old, at.programs.0, old);
                let new = shown(self.new, at.programs.1, new);
                if old != new {
                    self.leaf(at, old, new);
                }
            }
        }
    }

    /// Says that something that is no term differs.
    pub(crate) fn leaf(&mut self, at: &At, old: Option<String>, new: Option<String>) {
        self.found.push(Raw {
            path: at.path.clone(),
            kind: at.kind,
            old,
            new,
            meaning: Vec::new(),
            place: None,
            cause: None,
            own: true,
        });
    }

    fn objects(
        &mut self,
        at: &At,
        old: &serde_json::Map<String, Value>,
        new: &serde_json::Map<String, Value>,
    ) {
        let mut at = at.clone();
        let program = |map: &serde_json::Map<String, Value>| {
            usize::try_from(map.get("program")?.as_u64()?).ok()
        };
        at.programs.0 = program(old).unwrap_or(at.programs.0);
        at.programs.1 = program(new).unwrap_or(at.programs.1);
        // Another variant of a choice: said as one change, not as one that went and one that came.
        if let (Some((a, _)), Some((b, _))) = (old.iter().next(), new.iter().next())
            && old.len() == 1
            && new.len() == 1
            && a != b
        {
            let shown = |side, program, map: &serde_json::Map<String, Value>| {
                Some(cut(print(side, program, "", &Value::Object(map.clone()))))
            };
            let old = shown(self.old, at.programs.0, old);
            let new = shown(self.new, at.programs.1, new);
            return self.leaf(&at, old, new);
        }
        let more = new.keys().filter(|key| !old.contains_key(*key));
        let keys: Vec<&String> = old.keys().chain(more).collect();
        for key in keys {
            let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
            let (a, b) = (of(old).unwrap_or_default(), of(new).unwrap_or_default());
            self.value(&at.child(key), key, &a, &b);
        }
    }

    fn lists(&mut self, at: &At, key: &str, old: &[Value], new: &[Value]) {
        if key == "dgis" {
            return groups::compare(self, at, old, new);
        }
        let all = || old.iter().chain(new);
        if tables::NODES.contains(&key) && all().all(Value::is_u64) {
            return self.places(at, key, old, new);
        }
        if all().all(|v| v.as_array().is_some_and(|pair| pair.len() == 2)) {
            return self.pairs(at, key, old, new);
        }
        if !all().all(Value::is_object) {
            let shown = |side, program, list: &[Value]| {
                let value = Value::Array(list.to_vec());
                Some(cut(print(side, program, key, &value))).filter(|_| !list.is_empty())
            };
            let (a, b) = (
                shown(self.old, at.programs.0, old),
                shown(self.new, at.programs.1, new),
            );
            if a != b {
                self.leaf(at, a, b);
            }
            return;
        }
        let names = |list: &[Value]| -> Option<Vec<String>> {
            let names: Vec<String> = list.iter().map(|v| name(key, v)).collect::<Option<_>>()?;
            let distinct: BTreeSet<&String> = names.iter().collect();
            (distinct.len() == names.len()).then_some(names)
        };
        match (names(old), names(new)) {
            (Some(a), Some(b)) => self.named(at, key, (&a, old), (&b, new)),
            _ => self.aligned(at, key, old, new),
        }
    }

    /// Entries with names.
    fn named(
        &mut self,
        at: &At,
        key: &str,
        (old_names, old): (&[String], &[Value]),
        (new_names, new): (&[String], &[Value]),
    ) {
        let find = |names: &[String], list: &[Value], name: &String| {
            let at = names.iter().position(|n| n == name)?;
            list.get(at).cloned()
        };
        let more = new_names.iter().filter(|name| !old_names.contains(name));
        for name in old_names.iter().chain(more) {
            let mut here = at.clone();
            here.push(name);
            let a = find(old_names, old, name).unwrap_or_default();
            let b = find(new_names, new, name).unwrap_or_default();
            self.value(&here, key, &a, &b);
        }
        let kept = |names: &[String], others: &[String]| -> Vec<String> {
            names
                .iter()
                .filter(|n| others.contains(n))
                .cloned()
                .collect()
        };
        let (a, b) = (kept(old_names, new_names), kept(new_names, old_names));
        // Products, keys and files are sorted; order has meaning on the card and on the line.
        if a != b {
            let mut here = at.clone();
            here.push("order");
            self.leaf(&here, Some(a.join(", ")), Some(b.join(", ")));
        }
    }

    /// Pairs: a name and what belongs to it, or two nodes.
    fn pairs(&mut self, at: &At, key: &str, old: &[Value], new: &[Value]) {
        let key = match key {
            key if tables::NODE_PAIRS.contains(&key) => "node",
            key if tables::KEY_PAIRS.contains(&key) => "key",
            _ => "",
        };
        let entry = |list: &[Value], name: &str| {
            let found = list
                .iter()
                .find(|p| p.get(0).and_then(Value::as_str) == Some(name));
            found
                .and_then(|pair| pair.get(1))
                .cloned()
                .unwrap_or_default()
        };
        let names = old
            .iter()
            .chain(new)
            .map(|p| p.get(0).and_then(Value::as_str));
        if let Some(names) = names.collect::<Option<BTreeSet<&str>>>() {
            for name in names {
                let mut here = at.clone();
                here.push(name);
                self.value(&here, key, &entry(old, name), &entry(new, name));
            }
            return;
        }
        for n in 0..old.len().max(new.len()) {
            for (part, word) in ["condition", "message"].into_iter().enumerate() {
                let mut here = at.clone();
                here.push(&format!("{} {word}", n + 1));
                let of = |list: &[Value]| list.get(n)?.get(part)?.as_u64();
                self.nodes(&here, of(old), of(new));
            }
        }
    }

    /// Nodes one after another.
    fn places(&mut self, at: &At, key: &str, old: &[Value], new: &[Value]) {
        for n in 0..old.len().max(new.len()) {
            let mut here = at.clone();
            here.push(&format!("{} {}", key.trim_end_matches('s'), n + 1));
            let of = |list: &[Value]| list.get(n).and_then(Value::as_u64);
            self.nodes(&here, of(old), of(new));
        }
    }

    /// Entries without names: those that are the same are taken out, the rest is paired in order.
    fn aligned(&mut self, at: &At, key: &str, old: &[Value], new: &[Value]) {
        let sign = |side: &Side, program: usize, list: &[Value]| -> Vec<String> {
            list.iter()
                .map(|v| signature(side, program, key, v))
                .collect()
        };
        let (a, b) = (
            sign(self.old, at.programs.0, old),
            sign(self.new, at.programs.1, new),
        );
        let same = common(&a, &b);
        let (mut i, mut j) = (0, 0);
        for (to_i, to_j) in same.into_iter().chain([(a.len(), b.len())]) {
            for n in 0..(to_i - i).max(to_j - j) {
                let left = old.get(i + n).filter(|_| i + n < to_i);
                let right = new.get(j + n).filter(|_| j + n < to_j);
                let mut here = at.clone();
                let (list, number) = if right.is_some() {
                    (new, j + n)
                } else {
                    (old, i + n)
                };
                here.push(&label(list, number));
                let (left, right) = (left.cloned(), right.cloned());
                let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
                self.value(&here, key, &left, &right);
            }
            (i, j) = (to_i + 1, to_j + 1);
        }
    }

    /// Two nodes, or one that came or went.
    fn nodes(&mut self, at: &At, old: Option<u64>, new: Option<u64>) {
        self.terms(at, None, old, new);
    }

    /// Two terms of a path; `tag` where they give the value of a data element.
    pub(crate) fn terms(&mut self, at: &At, tag: Option<Tag>, old: Option<u64>, new: Option<u64>) {
        let a = old.and_then(|id| self.old.node(at.programs.0, id));
        let b = new.and_then(|id| self.new.node(at.programs.1, id));
        if a.map(|s| s.class) == b.map(|s| s.class) {
            return;
        }
        let index = |id: Option<u64>| id.and_then(|id| usize::try_from(id).ok());
        let whole = Part {
            old: index(old),
            new: index(new),
            role: None,
            own: true,
        };
        let parts = match (whole.old, whole.new) {
            (Some(old), Some(new)) => self.parts(at, old, new),
            _ => Vec::new(),
        };
        if parts.is_empty() || parts.len() > CAUSES_MAX {
            return self.part(at, tag, &whole, (old, new));
        }
        for part in &parts {
            self.part(at, tag, part, (old, new));
        }
    }

    fn part(&mut self, at: &At, tag: Option<Tag>, part: &Part, root: (Option<u64>, Option<u64>)) {
        let own = part.own && at.owns;
        let number = |id: Option<usize>| id.and_then(|id| u64::try_from(id).ok());
        let (old, new) = (number(part.old), number(part.new));
        let fold = |side, program, id: Option<u64>| meaning::fold(side, program, id?);
        let folded = (
            fold(self.old, at.programs.0, root.0),
            fold(self.new, at.programs.1, root.1),
        );
        let print = |side: &Side, program, id: Option<u64>| id.map(|id| side.print(program, id));
        let mut raw = Raw {
            path: at.path.clone(),
            kind: at.kind,
            old: print(self.old, at.programs.0, old),
            new: print(self.new, at.programs.1, new),
            meaning: Vec::new(),
            place: self.place(at, old, new),
            cause: Some((
                old.and_then(|id| self.old.node(at.programs.0, id))
                    .map(|s| s.class),
                new.and_then(|id| self.new.node(at.programs.1, id))
                    .map(|s| s.class),
            )),
            own,
        };
        if let Some(tag) = tag.filter(|_| part.own) {
            raw.kind = meaning::kind_of(tag);
            let known =
                |octets: &Option<Vec<u8>>, side: Option<u64>| octets.is_some() || side.is_none();
            if known(&folded.0, root.0) && known(&folded.1, root.1) {
                raw.meaning = meaning::of_element(tag, folded.0.as_deref(), folded.1.as_deref());
                raw.old = folded.0.as_deref().map(hex::encode_upper);
                raw.new = folded.1.as_deref().map(hex::encode_upper);
            }
        }
        if let Some((function, operand)) = &part.role
            && meaning::is_service_code(function, *operand)
            && let (Some(a), Some(b)) = (&raw.old, &raw.new)
        {
            raw.meaning = meaning::of_service_code(a, b);
            raw.kind = "service code";
        }
        self.found.push(raw);
    }

    fn place(&self, at: &At, old: Option<u64>, new: Option<u64>) -> Option<String> {
        let of = |side: &Side, program, id: Option<u64>| side.place(side.node(program, id?)?);
        of(self.new, at.programs.1, new).or_else(|| of(self.old, at.programs.0, old))
    }

    /// The smallest parts in which two terms differ. No recursion: a term may be as deep as its
    /// program is long.
    fn parts(&self, at: &At, old: usize, new: usize) -> Vec<Part> {
        let (olds, news) = (
            self.old.program(at.programs.0),
            self.new.program(at.programs.1),
        );
        let mut open = vec![(old, new, None, true)];
        let mut seen = HashSet::new();
        let mut parts = Vec::new();
        while let Some((old, new, role, own)) = open.pop() {
            let (Some(a), Some(b)) = (olds.get(old), news.get(new)) else {
                continue;
            };
            if a.class == b.class || !seen.insert((old, new)) {
                continue;
            }
            let inside = own && tables::CODINGS.contains(&a.name());
            let one_operation = a.op == b.op && a.head == b.head && a.op != "constant";
            if one_operation && a.args.len() == b.args.len() && !a.args.is_empty() {
                let pairs = a.args.iter().zip(&b.args).enumerate().rev();
                open.extend(
                    pairs.map(|(n, (x, y))| {
                        (*x, *y, Some((a.name().to_owned(), n)), inside && n == 0)
                    }),
                );
            } else if one_operation && a.name() == "concat" {
                self.rows((olds, &a.args), (news, &b.args), &mut parts);
            } else {
                parts.push(Part {
                    old: Some(old),
                    new: Some(new),
                    role,
                    own,
                });
            }
        }
        parts
    }

    /// Parts of a row that stand on one side only.
    fn rows(
        &self,
        (olds, a): (&[crate::side::Step], &[usize]),
        (news, b): (&[crate::side::Step], &[usize]),
        parts: &mut Vec<Part>,
    ) {
        // A data object is known by its value: its element has the same cause.
        let inner = |steps: &[crate::side::Step], id: usize| match steps.get(id) {
            Some(s) if s.name() == "tlv" => s.args.get(1).copied().unwrap_or(id),
            _ => id,
        };
        let class = |steps: &[crate::side::Step], id: usize| steps.get(id).map(|s| s.class);
        let part = |old, new| Part {
            old,
            new,
            role: None,
            own: false,
        };
        let has = |steps, list: &[usize], wanted| list.iter().any(|id| class(steps, *id) == wanted);
        let gone = a.iter().filter(|id| !has(news, b, class(olds, **id)));
        parts.extend(gone.map(|id| part(Some(inner(olds, *id)), None)));
        let come = b.iter().filter(|id| !has(olds, a, class(news, **id)));
        parts.extend(come.map(|id| part(None, Some(inner(news, *id)))));
    }
}

fn is_node(key: &str, value: &Value) -> bool {
    tables::NODES.contains(&key) && (value.is_u64() || value.is_null())
}

/// What an entry of a list is called.
fn name(list: &str, entry: &Value) -> Option<String> {
    let key = tables::NAMES
        .iter()
        .find(|key| entry.get(**key).is_some())?;
    match entry.get(*key)? {
        Value::String(text) if list == "print" => Some(format!("panel {text}")),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format!("{key} {number}")),
        _ => None,
    }
}

/// What an entry without a name is called: what it is, and the how manieth of its sort.
fn label(list: &[Value], at: usize) -> String {
    let sort = |entry: &Value| {
        let draw = entry.get("draw").and_then(|d| d.get("kind"));
        let found = draw
            .or_else(|| entry.get("rule"))
            .or_else(|| entry.get("check"));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let own = list.get(at).map(sort).unwrap_or_default();
    let before = list
        .iter()
        .take(at)
        .filter(|entry| sort(entry) == own)
        .count();
    format!("{own} {}", before + 1).trim_start().to_owned()
}

/// A value with each node as its class: equal when nothing in it differs.
fn signature(side: &Side, program: usize, key: &str, value: &Value) -> String {
    let mut out = String::new();
    write(side, program, key, value, true, &mut out);
    out
}

/// A value for people.
pub(crate) fn print(side: &Side, program: usize, key: &str, value: &Value) -> String {
    let mut out = String::new();
    write(side, program, key, value, false, &mut out);
    out
}

fn write(side: &Side, program: usize, key: &str, value: &Value, exact: bool, out: &mut String) {
    match value {
        Value::Number(number) => {
            let id = number.as_u64().unwrap_or_default();
            if tables::NODES.contains(&key) {
                let class = side.node(program, id).map(|s| s.class);
                out.push_str(&match exact {
                    true => format!("%{class:?}"),
                    false => side.print(program, id),
                });
            } else if tables::KEYS.contains(&key) {
                out.push_str(&side.key(id));
            } else {
                out.push_str(&measured(key, id).unwrap_or_else(|| number.to_string()));
            }
        }
        Value::Array(list) => {
            for (n, entry) in list.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                write(side, program, key, entry, exact, out);
            }
        }
        Value::Object(map) => {
            let own = map.get("program").and_then(Value::as_u64);
            let program = own.and_then(|p| usize::try_from(p).ok()).unwrap_or(program);
            if let (1, Some((kind, inner))) = (map.len(), map.iter().next())
                && matches!(kind.as_str(), "text" | "bytes" | "number" | "flag")
                && !inner.is_object()
            {
                out.push_str(&literal(kind, inner));
                return;
            }
            let mut first = true;
            for (key, entry) in map {
                let empty = entry.is_null() || entry.as_array().is_some_and(Vec::is_empty);
                if tables::SKIPPED.contains(&key.as_str()) || (empty && !exact) {
                    continue;
                }
                out.push_str(if first { "" } else { ", " });
                first = false;
                let open = if entry.is_object() { "(" } else { "" };
                let name = key.trim_end_matches("_um").trim_end_matches("_mpt");
                out.push_str(&format!("{name} {open}"));
                write(side, program, key, entry, exact, out);
                out.push_str(if entry.is_object() { ")" } else { "" });
            }
        }
        Value::String(text) => out.push_str(text),
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "yes" } else { "no" }),
    }
}

/// A length or size with its unit.
fn measured(key: &str, value: u64) -> Option<String> {
    let unit = if key.ends_with("_um") {
        "mm"
    } else if key.ends_with("_mpt") {
        "pt"
    } else {
        return None;
    };
    let text = format!("{}.{:03}", value / 1_000, value % 1_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Some(format!("{text} {unit}"))
}

/// A longest common subsequence: pairs of places.
fn common(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    if a.len().saturating_mul(b.len()) > ALIGN_MAX {
        let same = a.iter().zip(b).enumerate().filter(|(_, (x, y))| x == y);
        return same.map(|(n, _)| (n, n)).collect();
    }
    let width = b.len() + 1;
    let mut best = vec![0_u32; (a.len() + 1) * width];
    let of = |best: &[u32], i: usize, j: usize| best.get(i * width + j).copied().unwrap_or(0);
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let longest = if a.get(i) == b.get(j) {
                of(&best, i + 1, j + 1) + 1
            } else {
                of(&best, i + 1, j).max(of(&best, i, j + 1))
            };
            if let Some(cell) = best.get_mut(i * width + j) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() && j < b.len() {
        if a.get(i) == b.get(j) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if of(&best, i + 1, j) >= of(&best, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

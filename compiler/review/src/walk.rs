//! Two contents side by side: generic over their JSON, exact about terms.

use crate::{
    align::common,
    groups, meaning,
    print::{label, name, print, signature},
    side::{Side, Step, cut},
    tables,
};
use cardwright_standards::tlv::Tag;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    rc::Rc,
};

/// Most places in one term that are named one by one.
const CAUSES_MAX: usize = 16;

/// Classes of the parts that differ; none on the side where there is no such part.
pub(crate) type Cause = (Option<u32>, Option<u32>);

/// A difference, before what has one cause is brought together.
pub(crate) struct Raw {
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) kind: &'static str,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
    pub(crate) meaning: Vec<String>,
    pub(crate) place: Option<String>,
    pub(crate) cause: Option<Cause>,
    /// Whether the part that differs is this path's own value, not one that it is computed from.
    pub(crate) own: bool,
    /// Whether only the order of what it is computed from differs.
    pub(crate) reordered: bool,
}

/// Where the walk is.
#[derive(Clone)]
pub(crate) struct At {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    /// The innermost thing with a name: a field, a key, an item of a page.
    entity: String,
    /// What of it, in words; empty for the thing itself.
    attribute: String,
    /// Programs around it, old and new.
    pub(crate) programs: (usize, usize),
    /// Whether a term that stands here may be called its own.
    pub(crate) owns: bool,
    /// Whose meaning of tags holds here.
    pub(crate) dictionary: String,
    /// Names of the columns of the lookup table around it.
    columns: Rc<[String]>,
}

impl At {
    pub(crate) fn new(path: &str, kind: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            entity: String::new(),
            attribute: String::new(),
            programs: (usize::MAX, usize::MAX),
            owns: true,
            dictionary: String::new(),
            columns: Rc::new([]),
        }
    }

    /// One step further in.
    pub(crate) fn child(&self, key: &str) -> Self {
        let found = tables::KINDS
            .iter()
            .find(|(container, _)| *container == key);
        let mut at = self.clone();
        if let Some((_, kind)) = found {
            at.kind = kind;
            // An installation is one of an application, which names it.
            if *kind != "installation" {
                at.entity.clear();
            }
            at.attribute.clear();
        }
        // PUT KEY brings the issuer's own.
        if key == "keys" && self.kind == "chip" {
            at.kind = "new card keys";
        }
        if !tables::UNNAMED.contains(&key) {
            let name = key.strip_suffix("_um").or_else(|| key.strip_suffix("_mpt"));
            let name = name.unwrap_or(key);
            match found {
                None => at.attribute(name),
                Some(_) => at.step(name),
            }
        }
        at
    }

    /// Into something with a name.
    pub(crate) fn push(&mut self, name: &str) {
        self.entity = name.to_owned();
        self.attribute = String::new();
        self.step(name);
    }

    /// Says what the innermost thing is called by people.
    pub(crate) fn name(&mut self, title: &str) {
        let only_number = title.strip_prefix("DGI ") == Some(self.entity.as_str());
        if !title.is_empty() && !only_number {
            self.entity = format!("{} ({title})", self.entity);
        }
    }

    /// To a part of the innermost thing that has no name.
    pub(crate) fn part(&mut self, number: usize) {
        self.path.push_str(&format!(" part {number}"));
        self.attribute = format!("part {number}");
    }

    /// To something of the innermost thing.
    pub(crate) fn attribute(&mut self, name: &str) {
        self.attribute = name.replace('_', " ");
        self.step(name);
    }

    fn step(&mut self, name: &str) {
        if !self.path.is_empty() && !name.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
    }

    /// What differs, in words: `width of format field postcode`.
    fn title(&self) -> String {
        let thing = match self.entity.is_empty() {
            true => self.kind.to_owned(),
            false => format!("{} {}", self.kind, self.entity),
        };
        match self.attribute.as_str() {
            "" => thing,
            attribute => format!("{attribute} of {thing}"),
        }
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
    /// A row of the same parts in another order.
    reordered: bool,
    /// An operation of the HSM that is the same but for its keys.
    keys: bool,
}

impl Part {
    /// What it is of its path's value, where it says nothing by itself.
    fn word(&self) -> Option<&'static str> {
        if self.keys {
            return Some("key");
        }
        let (function, operand) = self.role.as_ref()?;
        let mut rows = tables::OPERANDS.iter();
        let row = rows.find(|(of, n, _)| of == function && n == operand);
        row.map(|(.., word)| *word)
    }
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
            (Value::Object(a), Value::Object(b)) if !(is_constant(a) && is_constant(b)) => {
                self.objects(at, a, b);
            }
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
        let meaning = match (at.attribute.as_str(), &old, &new) {
            ("security level", Some(old), Some(new)) => meaning::of_security_level(old, new),
            ("privileges", Some(old), Some(new)) => meaning::of_privileges(old, new),
            _ => Vec::new(),
        };
        self.found.push(Raw {
            path: at.path.clone(),
            title: at.title(),
            kind: at.kind,
            old,
            new,
            meaning,
            place: None,
            cause: None,
            own: true,
            reordered: false,
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
        if let Some(Value::String(dictionary)) = new.get("dictionary") {
            at.dictionary.clone_from(dictionary);
        }
        if let (Some(Value::Array(columns)), Some(_)) = (new.get("columns"), new.get("rows")) {
            let names = columns.iter().filter_map(|c| c.get("name")?.as_str());
            at.columns = names.map(str::to_owned).collect();
        }
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
        if key == "cells" && old.len() == new.len() && old.len() == at.columns.len() {
            return self.cells(at, old, new);
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
        let map = |names: &[String], list: &[Value]| -> BTreeMap<String, Value> {
            names.iter().cloned().zip(list.iter().cloned()).collect()
        };
        let (a, b) = (map(old_names, old), map(new_names, new));
        let more = new_names.iter().filter(|name| !a.contains_key(*name));
        for name in old_names.iter().chain(more) {
            let mut here = at.clone();
            here.push(name);
            let of = |map: &BTreeMap<String, Value>| map.get(name).cloned().unwrap_or_default();
            self.value(&here, key, &of(&a), &of(&b));
        }
        let kept = |names: &[String], others: &BTreeMap<String, Value>| -> Vec<String> {
            let both = names.iter().filter(|name| others.contains_key(*name));
            both.cloned().collect()
        };
        let (a, b) = (kept(old_names, &b), kept(new_names, &a));
        // Products, keys and files are sorted; order has meaning on the card and on the line.
        if a != b {
            let mut here = at.clone();
            here.push("order");
            self.leaf(&here, Some(a.join(", ")), Some(b.join(", ")));
        }
    }

    /// Pairs: a name and what belongs to it, or two nodes.
    fn pairs(&mut self, at: &At, list: &str, old: &[Value], new: &[Value]) {
        let key = match list {
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
                match list {
                    "settings" => here.attribute(name),
                    _ => here.push(name),
                }
                self.value(&here, key, &entry(old, name), &entry(new, name));
            }
            return;
        }
        for n in 0..old.len().max(new.len()) {
            let of = |list: &[Value], part: usize| list.get(n)?.get(part)?.as_u64();
            let said = match of(new, 1) {
                Some(id) => Some(self.new.print(at.programs.1, id)),
                None => of(old, 1).map(|id| self.old.print(at.programs.0, id)),
            };
            for (part, word) in ["condition", "message"].into_iter().enumerate() {
                let mut here = at.clone();
                here.push(&format!("{}", n + 1));
                here.entity = said.clone().unwrap_or_default();
                here.attribute(word);
                self.nodes(&here, of(old, part), of(new, part));
            }
        }
    }

    /// The cells of a lookup table's row, by the names of their columns.
    fn cells(&mut self, at: &At, old: &[Value], new: &[Value]) {
        for ((column, a), b) in at.columns.iter().zip(old).zip(new) {
            let mut here = at.clone();
            here.attribute(column);
            self.value(&here, "", a, b);
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
            reordered: false,
            keys: false,
        };
        let parts = match (whole.old, whole.new) {
            (Some(old), Some(new)) => self.parts(at, old, new),
            _ => Vec::new(),
        };
        let one = tables::WHOLE.contains(&at.attribute.as_str());
        if one || parts.is_empty() || parts.len() > CAUSES_MAX {
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
        let mut folded = (
            fold(self.old, at.programs.0, root.0),
            fold(self.new, at.programs.1, root.1),
        );
        // One case of several: its own octets say what they mean.
        if folded == (None, None) {
            folded = (
                fold(self.old, at.programs.0, old),
                fold(self.new, at.programs.1, new),
            );
        }
        let print = |side: &Side, program, id: Option<u64>| match part.keys {
            true => Some(side.node(program, id?)?.keys()),
            false => id.map(|id| side.print(program, id)),
        };
        // Of a condition a part says nothing.
        let whole = tables::WHOLE.contains(&at.attribute.as_str());
        let shown = if whole { root } else { (old, new) };
        let mut raw = Raw {
            path: at.path.clone(),
            title: at.title(),
            kind: at.kind,
            old: print(self.old, at.programs.0, shown.0),
            new: print(self.new, at.programs.1, shown.1),
            meaning: Vec::new(),
            place: self.place(at, old, new),
            cause: Some((
                old.and_then(|id| self.old.node(at.programs.0, id))
                    .map(|s| s.class),
                new.and_then(|id| self.new.node(at.programs.1, id))
                    .map(|s| s.class),
            )),
            own,
            reordered: part.reordered,
        };
        if let Some(word) = part.word() {
            raw.title = format!("{word} of {}", raw.title);
        }
        let speaks = &at.dictionary;
        if let Some(tag) = tag {
            raw.title = meaning::title_of(speaks, tag);
        }
        if let Some(tag) = tag.filter(|_| part.own) {
            raw.kind = meaning::kind_of(speaks, tag);
            let known =
                |octets: &Option<Vec<u8>>, side: Option<u64>| octets.is_some() || side.is_none();
            if known(&folded.0, old) && known(&folded.1, new) {
                let octets = (folded.0.as_deref(), folded.1.as_deref());
                raw.meaning = meaning::of_element(speaks, tag, octets);
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
            let coding = own && tables::CODINGS.contains(&a.name());
            let cases = own && a.op == "choose";
            let inside = move |n: usize| (coding && n == 0) || (cases && n > 0);
            let same_parts = a.args.len() == b.args.len()
                && a.args
                    .iter()
                    .zip(&b.args)
                    .all(|(x, y)| olds.get(*x).map(|s| s.class) == news.get(*y).map(|s| s.class));
            if a.op == "intent" && b.op == "intent" && a.name() == b.name() && same_parts {
                parts.push(Part {
                    old: Some(old),
                    new: Some(new),
                    role: None,
                    own,
                    reordered: false,
                    keys: true,
                });
                continue;
            }
            let one_operation = a.op == b.op && a.head == b.head && a.op != "constant";
            if one_operation && a.name() == "concat" {
                let pairs = self.rows((olds, old), (news, new), own, &mut parts);
                open.extend(pairs.into_iter().map(|(x, y)| (x, y, None, false)));
            } else if one_operation && a.args.len() == b.args.len() && !a.args.is_empty() {
                let pairs = a.args.iter().zip(&b.args).enumerate().rev();
                open.extend(
                    pairs.map(|(n, (x, y))| (*x, *y, Some((a.name().to_owned(), n)), inside(n))),
                );
            } else {
                parts.push(Part {
                    old: Some(old),
                    new: Some(new),
                    role,
                    own,
                    reordered: false,
                    keys: false,
                });
            }
        }
        parts
    }

    /// Two rows: what stands on one side only, and pairs that are to be looked into.
    fn rows(
        &self,
        (olds, old): (&[Step], usize),
        (news, new): (&[Step], usize),
        own: bool,
        parts: &mut Vec<Part>,
    ) -> Vec<(usize, usize)> {
        // A data object is known by its value: its element has the same cause.
        let inner = |steps: &[Step], id: usize| match steps.get(id) {
            Some(s) if s.name() == "tlv" => s.args.get(1).copied().unwrap_or(id),
            _ => id,
        };
        let classes = |steps: &[Step], id: usize| -> Vec<(usize, u32)> {
            let args = steps.get(id).map(|s| s.args.as_slice()).unwrap_or_default();
            let class = |id: &usize| Some((*id, steps.get(*id)?.class));
            args.iter().filter_map(class).collect()
        };
        let (a, b) = (classes(olds, old), classes(news, new));
        let without = |list: &[(usize, u32)], other: &[(usize, u32)]| -> Vec<usize> {
            let known: HashSet<u32> = other.iter().map(|(_, class)| *class).collect();
            let only = list.iter().filter(|(_, class)| !known.contains(class));
            only.map(|(id, _)| *id).collect()
        };
        let (gone, come) = (without(&a, &b), without(&b, &a));
        let part = |old, new, reordered| Part {
            old,
            new,
            role: None,
            own: own && reordered,
            reordered,
            keys: false,
        };
        if gone.is_empty() && come.is_empty() {
            parts.push(part(Some(old), Some(new), true));
        }
        if gone.len() == come.len() {
            return gone.into_iter().zip(come).collect();
        }
        parts.extend(
            gone.into_iter()
                .map(|id| part(Some(inner(olds, id)), None, false)),
        );
        parts.extend(
            come.into_iter()
                .map(|id| part(None, Some(inner(news, id)), false)),
        );
        Vec::new()
    }
}

/// A plain value with its type, such as `{"number": 8}`.
fn is_constant(map: &serde_json::Map<String, Value>) -> bool {
    let kinds = ["bytes", "flag", "number", "text"];
    map.len() == 1
        && kinds
            .iter()
            .any(|k| map.get(*k).is_some_and(|v| !v.is_object()))
}

fn is_node(key: &str, value: &Value) -> bool {
    tables::NODES.contains(&key) && (value.is_u64() || value.is_null())
}

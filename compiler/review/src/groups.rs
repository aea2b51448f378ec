//! Data groupings: compared element by element, wherever on the chip an element stands.

use crate::{
    align::common,
    elements::{Element, elements_of},
    meaning::title_of,
    side::Side,
    walk::{At, Walk},
};
use cardwright_standards::tlv::Tag;
use serde_json::Value;
use std::collections::BTreeSet;

/// An element and its grouping.
struct Placed {
    group: String,
    /// Whose meaning of tags it has, where it is not the application's.
    dictionary: String,
    element: Element,
    /// Its name, where it is a part of a grouping that is made of such.
    part: Option<String>,
}

/// Compares the groupings of one application.
pub(crate) fn compare(walk: &mut Walk<'_>, at: &At, old: &[Value], new: &[Value]) {
    let (old_names, new_names) = (names(old), names(new));
    for name in union(&old_names, &new_names) {
        let mut here = at.clone();
        here.push(&name);
        here.kind = "grouping";
        let find = |names: &[String], list: &[Value]| {
            let at = names.iter().position(|n| *n == name)?;
            list.get(at).cloned()
        };
        settings(walk, &here, find(&old_names, old), find(&new_names, new));
    }
    let shared = |names: &[String], other: &[String]| -> Vec<String> {
        names
            .iter()
            .filter(|n| other.contains(n))
            .cloned()
            .collect()
    };
    let (a, b) = (
        shared(&old_names, &new_names),
        shared(&new_names, &old_names),
    );
    if a != b {
        let mut here = at.clone();
        here.push("order of groupings");
        walk.leaf(&here, Some(a.join(" ")), Some(b.join(" ")));
    }
    let placed_old = placed(walk.old, at.programs.0, old, &old_names);
    let placed_new = placed(walk.new, at.programs.1, new, &new_names);
    objects(walk, at, &placed_old, &placed_new);
    let title = |(dgi, name): (&Value, &String)| {
        let title = dgi.get("title").and_then(Value::as_str);
        (name.clone(), title.unwrap_or_default().to_owned())
    };
    let titles = new.iter().zip(&new_names).map(title);
    let titles: Vec<_> = titles
        .chain(old.iter().zip(&old_names).map(title))
        .collect();
    parts(walk, at, (&placed_old, &placed_new), &titles);
    rest(walk, at, (&placed_old, &placed_new), &titles);
}

/// Parts of groupings, by their names.
fn parts(
    walk: &mut Walk<'_>,
    at: &At,
    (old, new): (&[Placed], &[Placed]),
    titles: &[(String, String)],
) {
    let groups: BTreeSet<&String> = old.iter().chain(new).map(|p| &p.group).collect();
    for group in groups {
        let of = |list: &[Placed]| -> Vec<(String, u64)> {
            let mine = list.iter().filter(|p| p.group == **group);
            mine.filter_map(|p| Some((p.part.clone()?, u64::from(p.element.node))))
                .collect()
        };
        let (a, b) = (of(old), of(new));
        let mut here = at.clone();
        here.push(group);
        if let Some((_, title)) = titles.iter().find(|(name, _)| name == group) {
            here.name(title);
        }
        let name = |(name, _): &(String, u64)| name.clone();
        let (names_a, names_b): (Vec<String>, Vec<String>) =
            (a.iter().map(name).collect(), b.iter().map(name).collect());
        for name in union(&names_a, &names_b) {
            let node = |list: &[(String, u64)]| {
                let found = list.iter().find(|(own, _)| *own == name);
                found.map(|(_, node)| *node)
            };
            let mut part = here.clone();
            part.attribute(&name);
            walk.terms(&part, None, node(&a), node(&b));
        }
        let shared = |names: &[String], other: &[String]| -> Vec<String> {
            let kept = names.iter().filter(|n| other.contains(n));
            kept.cloned().collect()
        };
        let (a, b) = (shared(&names_a, &names_b), shared(&names_b, &names_a));
        if a != b {
            here.attribute("order");
            walk.leaf(&here, Some(a.join(" ")), Some(b.join(" ")));
        }
    }
}

/// Numbers of groupings; the second of one number is `0101 #2`.
fn names(list: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(list.len());
    for dgi in list {
        let number = dgi
            .get("number")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let name = format!("{number:04X}");
        let before = names.iter().filter(|n| n.starts_with(&name)).count();
        names.push(match before {
            0 => name,
            n => format!("{name} #{}", n + 1),
        });
    }
    names
}

fn union(a: &[String], b: &[String]) -> Vec<String> {
    let more = b.iter().filter(|name| !a.contains(name));
    a.iter().chain(more).cloned().collect()
}

/// What a grouping is beside its value.
fn settings(walk: &mut Walk<'_>, at: &At, old: Option<Value>, new: Option<Value>) {
    let title = |dgi: &Value| dgi.get("title").and_then(Value::as_str).map(str::to_owned);
    match (old, new) {
        (Some(old), Some(new)) => {
            for key in ["encrypted", "padding", "joined", "octets", "title"] {
                let of = |dgi: &Value| dgi.get(key).cloned().unwrap_or_default();
                walk.value(&at.child(key), key, &of(&old), &of(&new));
            }
        }
        (old, new) => {
            let said = |dgi: Option<Value>| dgi.as_ref().map(|d| title(d).unwrap_or_default());
            walk.leaf(at, said(old), said(new));
        }
    }
}

fn placed(side: &Side, program: usize, list: &[Value], names: &[String]) -> Vec<Placed> {
    let of = |(dgi, name): (&Value, &String)| {
        let node = |value: &Value| value.get("node").and_then(Value::as_u64);
        let parts = dgi.get("fields").and_then(Value::as_array);
        let parts = parts.map(Vec::as_slice).unwrap_or_default();
        let element = |value: &Value| Element {
            tag: None,
            within: String::new(),
            node: node(value)
                .and_then(|id| u32::try_from(id).ok())
                .unwrap_or(u32::MAX),
        };
        let dictionary = dgi.get("dictionary").and_then(Value::as_str);
        let placed = |element: Element, part: Option<&Value>| Placed {
            group: name.clone(),
            dictionary: dictionary.unwrap_or_default().to_owned(),
            element,
            part: part.and_then(|part| Some(part.get("name")?.as_str()?.to_owned())),
        };
        if parts.is_empty() {
            let found = elements_of(side, program, node(dgi).unwrap_or(u64::MAX)).into_iter();
            return found
                .map(|element| placed(element, None))
                .collect::<Vec<_>>();
        }
        let named = parts.iter().map(|part| placed(element(part), Some(part)));
        named.collect()
    };
    list.iter().zip(names).flat_map(of).collect()
}

/// Data objects, by their tags.
fn objects(walk: &mut Walk<'_>, at: &At, old: &[Placed], new: &[Placed]) {
    let tags = |list: &[Placed]| -> BTreeSet<u32> {
        list.iter()
            .filter_map(|p| p.element.tag)
            .map(Tag::value)
            .collect()
    };
    let all: Vec<u32> = tags(old).union(&tags(new)).copied().collect();
    for value in all {
        let Some(tag) = Tag::new(value) else {
            continue;
        };
        let of = |list: &[Placed]| -> Vec<(String, u64)> {
            let mine = list.iter().filter(|p| p.element.tag == Some(tag));
            mine.map(|p| (place(p), u64::from(p.element.node)))
                .collect()
        };
        let (mut a, mut b) = (of(old), of(new));
        let several = a.len() > 1 || b.len() > 1;
        // First those that stand where they stood, then the others in order.
        let mut pairs = Vec::new();
        a.retain(
            |(place, node)| match b.iter().position(|(p, _)| p == place) {
                Some(n) => {
                    let (_, other) = b.remove(n);
                    pairs.push((place.clone(), Some(*node), Some(other)));
                    false
                }
                None => true,
            },
        );
        let mut moved = Vec::new();
        for n in 0..a.len().max(b.len()) {
            let (left, right) = (a.get(n), b.get(n));
            let place = right.or(left).map(|(p, _)| p.clone()).unwrap_or_default();
            pairs.push((place, left.map(|l| l.1), right.map(|r| r.1)));
            if let (Some(left), Some(right)) = (left, right) {
                moved.push((left.0.clone(), right.0.clone()));
            }
        }
        for (place, left, right) in pairs {
            let mut here = at.clone();
            let mut all = new.iter().chain(old).filter(|p| p.element.tag == Some(tag));
            let found = all.find(|p| self::place(p) == place);
            if let Some(placed) = found.filter(|p| !p.dictionary.is_empty()) {
                here.dictionary.clone_from(&placed.dictionary);
            }
            here.push(&format!("#{tag}"));
            if several {
                here.path.push_str(&format!(" in {place}"));
            }
            let element = Some(tag);
            walk.terms(&here, element, left, right);
        }
        for (from, to) in moved {
            let mut here = at.clone();
            here.kind = "record";
            here.push(&format!("#{tag}"));
            here.name(&title_of(&at.dictionary, tag));
            walk.leaf(
                &here,
                Some(format!("stands in {from}")),
                Some(format!("stands in {to}")),
            );
        }
    }
    sequences(walk, at, old, new);
}

/// The order of elements inside a grouping that holds the same ones.
fn sequences(walk: &mut Walk<'_>, at: &At, old: &[Placed], new: &[Placed]) {
    let groups: BTreeSet<&String> = old.iter().chain(new).map(|p| &p.group).collect();
    for group in groups {
        let tags = |list: &[Placed]| -> Vec<String> {
            let mine = list.iter().filter(|p| p.group == **group);
            mine.filter_map(|p| p.element.tag)
                .map(|t| format!("#{t}"))
                .collect()
        };
        let (a, b) = (tags(old), tags(new));
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        if a != b && sorted(&a) == sorted(&b) {
            let mut here = at.clone();
            here.kind = "record";
            here.push(group);
            walk.leaf(&here, Some(a.join(" ")), Some(b.join(" ")));
        }
    }
}

/// Octets that are no data objects, grouping by grouping.
fn rest(
    walk: &mut Walk<'_>,
    at: &At,
    (old, new): (&[Placed], &[Placed]),
    titles: &[(String, String)],
) {
    let groups: BTreeSet<&String> = old.iter().chain(new).map(|p| &p.group).collect();
    for group in groups {
        let of = |list: &[Placed]| -> Vec<u64> {
            let mine = list
                .iter()
                .filter(|p| p.group == **group && p.element.tag.is_none() && p.part.is_none());
            mine.map(|p| u64::from(p.element.node)).collect()
        };
        let (a, b) = (of(old), of(new));
        let classes = |side: &Side, program: usize, list: &[u64]| -> Vec<String> {
            let class = |id: &u64| side.node(program, *id).map(|s| s.class);
            list.iter().map(|id| format!("{:?}", class(id))).collect()
        };
        let same = common(
            &classes(walk.old, at.programs.0, &a),
            &classes(walk.new, at.programs.1, &b),
        );
        let title = titles.iter().find(|(name, _)| name == group);
        let (mut i, mut j) = (0, 0);
        for (to_i, to_j) in same.into_iter().chain([(a.len(), b.len())]) {
            for n in 0..(to_i - i).max(to_j - j) {
                let mut here = at.clone();
                here.push(group);
                if let Some((_, title)) = title {
                    here.name(title);
                }
                if a.len() > 1 || b.len() > 1 {
                    here.part(j + n + 1);
                }
                let left = a.get(i + n).copied().filter(|_| i + n < to_i);
                let right = b.get(j + n).copied().filter(|_| j + n < to_j);
                walk.terms(&here, None, left, right);
            }
            (i, j) = (to_i + 1, to_j + 1);
        }
    }
}

/// Where an element stands: grouping and templates.
fn place(placed: &Placed) -> String {
    match placed.element.within.as_str() {
        "" | "70" => placed.group.clone(),
        within => format!("{}/{within}", placed.group),
    }
}

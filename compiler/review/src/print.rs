//! Parts of a content as people read them, and as signatures that equal parts share.

use crate::{
    side::{Side, literal},
    tables,
};
use serde_json::Value;

/// What an entry of a list is called.
pub(crate) fn name(list: &str, entry: &Value) -> Option<String> {
    let key = tables::NAMES
        .iter()
        .find(|key| entry.get(**key).is_some())?;
    match entry.get(*key)? {
        Value::String(text) if list == "print" => Some(format!("panel {text}")),
        // A row of a lookup table is named by the keys that it answers to.
        Value::String(from) if *key == "from" => match entry.get("to").and_then(Value::as_str) {
            Some(to) => Some(format!("{from} to {to}")),
            None => Some(from.clone()),
        },
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format!("{key} {number}")),
        _ => None,
    }
}

/// What an entry without a name is called: what it is, and the how manieth of its sort.
pub(crate) fn label(list: &[Value], at: usize) -> String {
    let sort = |entry: &Value| {
        let draw = entry.get("draw").and_then(|d| d.get("kind"));
        let keys = ["rule", "check", "title", "part", "variable"];
        let own = || keys.iter().find_map(|key| entry.get(key));
        let found = draw.or_else(own).and_then(Value::as_str);
        found.unwrap_or_default().replace('_', " ")
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
pub(crate) fn signature(side: &Side, program: usize, key: &str, value: &Value) -> String {
    let mut out = String::new();
    write(side, program, key, value, true, &mut out);
    out
}

/// A value for people, without the name that its title says.
pub(crate) fn print(side: &Side, program: usize, key: &str, value: &Value) -> String {
    let mut out = String::new();
    let named = tables::NAMES.iter().find(|k| value.get(**k).is_some());
    if let (Some(named), Value::Object(map)) = (named, value) {
        let mut rest = map.clone();
        rest.remove(*named);
        write(side, program, key, &Value::Object(rest), false, &mut out);
        if !out.is_empty() {
            return out;
        }
        return name(key, value).unwrap_or_default();
    }
    write(side, program, key, value, false, &mut out);
    out
}

/// A pair of a name and a plain value, as settings are kept.
fn setting(value: &Value) -> Option<(&str, &str, &Value)> {
    let pair = value.as_array().filter(|pair| pair.len() == 2)?;
    let (kind, inner) = pair.get(1)?.as_object()?.iter().next()?;
    Some((pair.first()?.as_str()?, kind, inner))
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
                let coded = hexadecimal(key, id).or_else(|| measured(key, id));
                out.push_str(&coded.unwrap_or_else(|| number.to_string()));
            }
        }
        Value::Array(list) => {
            for (n, entry) in list.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                if let Some((name, kind, inner)) = setting(entry).filter(|_| !exact) {
                    out.push_str(&format!("{name} {}", literal(kind, inner)));
                    continue;
                }
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
            if let Some(words) = status_words(map) {
                out.push_str(&words);
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
                let unsaid = key == "settings" && !exact;
                out.push_str(&if unsaid {
                    String::new()
                } else {
                    format!("{name} {open}")
                });
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

/// Numbers that the standards write in hexadecimal.
fn hexadecimal(key: &str, value: u64) -> Option<String> {
    tables::OCTETS
        .contains(&key)
        .then(|| format!("{value:02X}"))
}

/// A range of status words: `9000`, `6100-61FF`.
fn status_words(map: &serde_json::Map<String, Value>) -> Option<String> {
    let bound = |key: &str| map.get(key).and_then(Value::as_u64);
    let (first, last) = (bound("first")?, bound("last")?);
    Some(match first == last {
        true => format!("{first:04X}"),
        false => format!("{first:04X}-{last:04X}"),
    })
}

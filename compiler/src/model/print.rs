//! The stable text print of a Model, for `dump model` and for snapshots.

use super::shape::key_of;
use super::{Decl, MEntry, MPhrase, Mark, Model};
use std::fmt::Write as _;

/// The Model as text: every declaration of the project with its effective entries, and with the
/// declaration that each inherited one comes from.
#[must_use]
pub fn print(model: &Model) -> String {
    let mut out = String::new();
    for decl in model.decls.values().filter(|d| !d.standard) {
        print_decl(model, decl, &mut out);
    }
    out
}

fn print_decl(model: &Model, decl: &Decl, out: &mut String) {
    let _ = write!(out, "{} {}", decl.kind, decl.qualified);
    if !decl.params.is_empty() {
        let names: Vec<&str> = decl.params.iter().map(|(n, _, _)| n.as_str()).collect();
        let _ = write!(out, "({})", names.join(", "));
    }
    if !decl.bases.is_empty() {
        let _ = write!(out, " : {}", decl.bases.join(" : "));
    } else if let Some(base) = &decl.base {
        let _ = write!(out, " : {}", phrase(model, base));
    }
    if let Some((format, record)) = &decl.for_record {
        let _ = write!(out, " for {format}.{record}");
    }
    if let Some(target) = &decl.for_decl {
        let _ = write!(out, " for {target}");
    }
    if let Some(value) = &decl.value {
        let _ = write!(out, " = {}", phrase(model, value));
    }
    if decl.poisoned {
        out.push_str("  [broken]");
    }
    out.push('\n');
    print_entries(model, decl, &decl.entries, 1, out);
}

fn print_entries(model: &Model, decl: &Decl, entries: &[MEntry], depth: usize, out: &mut String) {
    for entry in entries {
        let _ = write!(out, "{}{}", "  ".repeat(depth), head(model, entry));
        if let Some(base) = &entry.base {
            let _ = write!(out, " : {}", phrase(model, base));
        }
        if let Some(value) = &entry.value {
            let _ = write!(out, " = {}", phrase(model, value));
        }
        for clause in &entry.clauses {
            let _ = write!(out, " {}", tidy(model.sources.text(clause.span)));
        }
        match entry.mark {
            Some(Mark::Required) => out.push_str("  [required]"),
            Some(Mark::Default) => out.push_str("  [default]"),
            Some(Mark::Final) => out.push_str("  [final]"),
            None => {}
        }
        if entry.origin != decl.qualified {
            let _ = write!(out, "  [from {}]", entry.origin);
        }
        out.push('\n');
        print_entries(model, decl, entry.entries(), depth + 1, out);
    }
}

fn head(model: &Model, entry: &MEntry) -> String {
    let key = key_of(None, entry);
    if key.contains('…') {
        return tidy(model.sources.text(entry.head_span()));
    }
    key
}

fn phrase(model: &Model, phrase: &MPhrase) -> String {
    tidy(model.sources.text(phrase.span))
}

/// Source text on one line.
pub(super) fn tidy(text: &str) -> String {
    text.lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ")
}

//! What is declared or imported and never used.

use super::resolve::Imported;
use super::{Decl, MEntry, MExpr, MKind, MPart, MPhrase, Model};
use crate::diagnostics::{Change, Findings, Problem};
use std::collections::HashSet;

/// Every plain use of a name: in which file, and its first two segments.
#[derive(Default)]
struct Uses<'m> {
    first: HashSet<(u32, &'m str)>,
    decls: HashSet<String>,
}

/// Warns of imports, lets, functions and keys that nothing uses.
pub(super) fn report_unused(model: &Model, findings: &mut Findings) {
    let mut uses = Uses::default();
    for decl in model.decls.values() {
        // Effective entries name more than the file's own: all that counts is that it is named.
        walk_decl(decl, true, &mut |e| note(model, e, &mut uses));
    }
    let broken = model.decls.values().any(|d| d.poisoned) || !model.poisoned.is_empty();
    if broken {
        return; // the broken text may be what uses them
    }
    for (file, scope) in model.scopes.iter().enumerate() {
        let Ok(file) = u32::try_from(file) else { break };
        if model.sources.file(file).is_none_or(|f| f.standard) {
            continue;
        }
        for import in &scope.imports {
            // `std.emv` stands for the vocabulary of EMV as well, whose words have no prefix.
            let hidden = import.target == Imported::Poisoned;
            let repeated = (file, import.alias.clone());
            if import.path != "std.emv"
                && !model.repeated.contains(&repeated)
                && !hidden
                && !applies(model, &import.path)
                && !uses.first.contains(&(file, import.alias.as_str()))
            {
                let message = format!("`{}` is imported and not used", import.path);
                findings.push(
                    Problem::warning("E0115", import.span, message)
                        .help("take the line out")
                        .fix(Change::Out(import.span)),
                );
            }
        }
    }
    report_unnamed(model, findings);
    for decl in model.decls.values().filter(|d| !d.standard) {
        let word = match decl.kind.as_str() {
            "let" => "value",
            "fn" => "function",
            "key" => "key",
            "table" => "table",
            _ => continue,
        };
        let broken = decl.kind == "table" && !model.tables.contains_key(&decl.qualified);
        let repeated = broken
            || model
                .repeated
                .iter()
                .any(|(_, name)| decl.kind == "table" && *name == decl.name);
        if !repeated && !uses.decls.contains(&decl.qualified) {
            let message = format!("the {word} `{}` is declared and not used", decl.name);
            findings.push(
                Problem::warning("E0116", decl.span, message)
                    .help("take it out, or use it")
                    .fix(Change::Out(decl.span)),
            );
        }
    }
}

/// Whether a package speaks for itself: its rules hold wherever it is imported.
fn applies(model: &Model, package: &str) -> bool {
    let inside = |d: &Decl| {
        let rest = d.qualified.strip_prefix(package);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    model.of_kind("rule").any(inside)
}

/// Kinds that stand for themselves in no bundle: something must name them.
const NAMED: [&str; 9] = [
    "application",
    "card",
    "flow",
    "format",
    "layout",
    "profile",
    "scenario",
    "script",
    "stock",
];

/// E0118: what no other declaration names, in a project that has jobs. A project without any is a
/// package: what it declares is for others.
fn report_unnamed(model: &Model, findings: &mut Findings) {
    let own = || model.decls.values().filter(|d| !d.standard);
    if !own().any(|d| d.kind == "job") {
        return;
    }
    let mut named: HashSet<String> = HashSet::new();
    for decl in model.decls.values() {
        walk_decl(decl, true, &mut |e| {
            if let MKind::Name(segments) = &e.kind
                && let super::Target::Decl { qualified, .. } = model.resolve(segments, e.span)
                && qualified != decl.qualified
            {
                named.insert(qualified);
            }
        });
        named.extend(decl.for_record.iter().map(|(format, _)| format.clone()));
    }
    for decl in own().filter(|d| NAMED.contains(&d.kind.as_str()) && !d.poisoned) {
        if named.contains(&decl.qualified) {
            continue;
        }
        let message = format!("no job comes to the {} `{}`", decl.kind, decl.name);
        let help = match decl.kind.as_str() {
            "format" => {
                "name it among a job's `outputs`, as its `input` or in a join; or take it out"
            }
            "scenario" => "name it among a product's `scenarios`; or take it out",
            "layout" => {
                "name it as a job's mailer, carrier or labels, or in a flow; or take it out"
            }
            _ => "name it where it belongs, or take it out",
        };
        findings.push(Problem::warning("E0118", decl.span, message).help(help));
    }
}

/// Visits all expressions of a declaration; what it builds on only where that is asked for.
pub(super) fn walk_decl<'m>(decl: &'m Decl, base: bool, visit: &mut impl FnMut(&'m MExpr)) {
    walk_entries(&decl.entries, visit);
    for phrase in decl.value.iter().chain(decl.base.iter().filter(|_| base)) {
        walk_phrase(phrase, visit);
    }
    for clause in &decl.clauses {
        clause.terms.iter().for_each(|t| walk(t, visit));
    }
}

fn note<'m>(model: &'m Model, e: &'m MExpr, uses: &mut Uses<'m>) {
    let MKind::Name(segments) = &e.kind else {
        return;
    };
    if let Some(first) = segments.first() {
        uses.first.insert((e.span.file, first.text.as_str()));
        if let super::Target::Decl { qualified, .. } = model.resolve(segments, e.span) {
            uses.decls.insert(qualified);
        }
    }
}

fn walk_entries<'m>(entries: &'m [MEntry], visit: &mut impl FnMut(&'m MExpr)) {
    for entry in entries {
        entry.head.iter().for_each(|t| walk(t, visit));
        for phrase in entry.base.iter().chain(entry.value.iter()) {
            walk_phrase(phrase, visit);
        }
        for clause in &entry.clauses {
            clause.terms.iter().for_each(|t| walk(t, visit));
        }
        walk_entries(entry.entries(), visit);
    }
}

fn walk_phrase<'m>(phrase: &'m MPhrase, visit: &mut impl FnMut(&'m MExpr)) {
    phrase.terms.iter().for_each(|t| walk(t, visit));
    for clause in &phrase.clauses {
        clause.terms.iter().for_each(|t| walk(t, visit));
    }
}

/// Visits an expression and all within it.
pub(crate) fn walk<'m>(e: &'m MExpr, visit: &mut impl FnMut(&'m MExpr)) {
    visit(e);
    match &e.kind {
        MKind::Binary { left, right, .. } | MKind::Pipe { left, right } => {
            walk(left, visit);
            walk(right, visit);
        }
        MKind::Call { callee, args } => {
            walk(callee, visit);
            args.iter().for_each(|a| walk(&a.value, visit));
        }
        MKind::If {
            condition,
            then,
            otherwise,
        } => {
            walk(condition, visit);
            walk(then, visit);
            walk(otherwise, visit);
        }
        MKind::Index { base, index } => {
            walk(base, visit);
            walk(index, visit);
        }
        MKind::List(items) => items.iter().for_each(|i| walk_phrase(&i.phrase, visit)),
        MKind::Negate(inner) | MKind::Not(inner) => walk(inner, visit),
        MKind::Record(entries) => walk_entries(entries, visit),
        MKind::Text(parts) => {
            for part in parts {
                if let MPart::Embedded(inner) = part {
                    walk(inner, visit);
                }
            }
        }
        MKind::Tuple(parts) => parts.iter().for_each(|p| walk(p, visit)),
        MKind::Decimal(_)
        | MKind::Hex(_)
        | MKind::Integer(_)
        | MKind::Name(_)
        | MKind::Poison
        | MKind::Quantity { .. }
        | MKind::Tag(_) => {}
    }
}

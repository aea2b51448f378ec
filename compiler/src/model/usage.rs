//! What is declared or imported and never used.

use super::log::Names;
use super::resolve::Imported;
use super::{Decl, MEntry, MExpr, MKind, MPart, MPhrase, Model};
use crate::diagnostics::{Change, Findings, Problem};
use foldhash::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Numbers of the names in a declaration, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct NamesOf {
    /// In what it says. Effective entries name more than the file's own: all that counts is that
    /// it is named.
    pub(super) own: Vec<u32>,
    /// In what stands after its colon.
    pub(super) base: Vec<u32>,
}

impl NamesOf {
    /// Collects the names of a declaration; `known` are those of entries, which are shared by all that
    /// inherit them.
    pub(super) fn of(model: &Model, decl: &Decl, names: &mut Names, known: &mut NamesIn) -> Self {
        let mut found = Self::default();
        let mut note = |e: &MExpr, list: &mut Vec<u32>| {
            if let MKind::Name(segments) = &e.kind
                && let Some(first) = segments.first().filter(|first| !first.is_tag)
            {
                let second = segments.get(1).map(|s| s.text.as_str());
                list.push(names.of(model, e.span.file, &first.text, second).0);
            }
        };
        for entry in decl.entries.iter() {
            of_entry(entry, known, &mut note, &mut found.own);
        }
        walk_words(decl, false, &mut |e| note(e, &mut found.own));
        if let Some(phrase) = &decl.base {
            walk_phrase(phrase, &mut |e| note(e, &mut found.base));
        }
        for list in [&mut found.own, &mut found.base] {
            list.sort_unstable();
            list.dedup();
        }
        found
    }
}

/// Entries whose names are known; with more of them those are forgotten that nobody asks for.
const MOST_NAMED: usize = 20_000;

/// Names in entries by their address.
#[derive(Debug, Default)]
pub(super) struct NamesIn {
    /// Each with its entry, which stays where it is for as long as its address stands for it.
    now: HashMap<usize, (MEntry, Vec<u32>)>,
    before: HashMap<usize, (MEntry, Vec<u32>)>,
}

impl NamesIn {
    /// Begins a check. Where there are many, what nobody asks for from here on is forgotten when
    /// there are many again.
    pub(super) fn begin(&mut self) {
        if self.now.len() > MOST_NAMED {
            self.before = std::mem::take(&mut self.now);
        }
    }

    fn get(&mut self, entry: &MEntry) -> Option<&[u32]> {
        let address = entry.address();
        if let Some(known) = self.before.remove(&address) {
            self.now.insert(address, known);
        }
        self.now.get(&address).map(|(_, list)| list.as_slice())
    }
}

/// Collects the names of an entry; those of one that was come upon before are known.
fn of_entry(
    entry: &MEntry,
    known: &mut NamesIn,
    note: &mut impl FnMut(&MExpr, &mut Vec<u32>),
    into: &mut Vec<u32>,
) {
    if let Some(list) = known.get(entry) {
        into.extend_from_slice(list);
        return;
    }
    let mut list = Vec::new();
    walk_head(entry, &mut |e| note(e, &mut list));
    for inner in entry.entries() {
        of_entry(inner, known, note, &mut list);
    }
    list.sort_unstable();
    list.dedup();
    into.extend_from_slice(&list);
    known.now.insert(entry.address(), (entry.clone(), list));
}

/// Most comparisons of an unknown name with a known one.
const MOST_COMPARED: usize = 4_000_000;

/// Which names the declarations of a Model use, in its order, and what they mean.
pub(super) struct Uses<'k> {
    of: Vec<Arc<NamesOf>>,
    names: &'k Names,
    /// Places in the Model of the declarations that names mean, by the number of the name.
    targets: &'k [Option<usize>],
}

impl<'k> Uses<'k> {
    pub(super) fn new(
        of: Vec<Arc<NamesOf>>,
        names: &'k Names,
        targets: &'k [Option<usize>],
    ) -> Self {
        Self { of, names, targets }
    }

    /// Places of what the declaration at a place names; with what it builds on, if that is asked.
    pub(super) fn targets(&self, at: usize, base: bool) -> impl Iterator<Item = usize> {
        let of = self.of.get(at).into_iter();
        let numbers =
            of.flat_map(move |of| of.own.iter().chain(of.base.iter().filter(move |_| base)));
        numbers.filter_map(|number| *self.targets.get(usize::try_from(*number).ok()?)?)
    }

    /// Whether unknown names times known ones are more than anyone would have compared.
    pub(super) fn are_too_many(&self, model: &Model) -> bool {
        let used = self.used();
        let unknown = (0_u32..).zip(used).filter(|(_, used)| *used);
        let unknown = unknown.filter(|(number, _)| {
            let meant = self.names.get(*number).map(|(_, _, meant)| &meant.target);
            meant == Some(&super::Target::Unknown)
        });
        unknown.count().saturating_mul(model.decls.len()) > MOST_COMPARED
    }

    /// Which names are used, by number.
    fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.targets.len()];
        for of in &self.of {
            for number in of.own.iter().chain(&of.base) {
                if let Some(used) = used.get_mut(*number as usize) {
                    *used = true;
                }
            }
        }
        used
    }

    /// File and first segment of every name.
    fn firsts(&self) -> HashSet<(u32, &str)> {
        let numbers = (0_u32..).zip(self.used()).filter(|(_, used)| *used);
        numbers
            .filter_map(|(number, _)| self.names.get(number))
            .map(|(file, first, _)| (file, first))
            .collect()
    }
}

/// Warns of imports, lets, functions and keys that nothing uses.
pub(super) fn report_unused(model: &Model, uses: &Uses<'_>, findings: &mut Findings) {
    let broken = model.decls.values().any(|d| d.poisoned) || !model.poisoned.is_empty();
    if broken {
        return; // the broken text may be what uses them
    }
    let firsts = uses.firsts();
    for (file, scope) in model.scopes.iter().enumerate() {
        let Ok(file) = u32::try_from(file) else { break };
        if model.sources.file(file).is_none_or(|f| f.standard) {
            continue;
        }
        for import in scope.imports() {
            // `std.emv` stands for the vocabulary of EMV as well, whose words have no prefix.
            let hidden = import.target == Imported::Poisoned;
            let repeated = (file, import.alias.clone());
            if import.path != "std.emv"
                && !model.repeated.contains(&repeated)
                && !hidden
                && !applies(model, &import.path)
                && !firsts.contains(&(file, import.alias.as_str()))
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
    report_unnamed(model, uses, findings);
    let mut named = vec![false; model.decls.len()];
    for at in 0..model.decls.len() {
        for target in uses.targets(at, true) {
            if let Some(named) = named.get_mut(target) {
                *named = true;
            }
        }
    }
    for (decl, named) in model.decls.values().zip(named) {
        if decl.standard || named {
            continue;
        }
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
        if !repeated {
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
fn report_unnamed(model: &Model, uses: &Uses<'_>, findings: &mut Findings) {
    let own = || model.decls.values().filter(|d| !d.standard);
    if !own().any(|d| d.kind == "job") {
        return;
    }
    let mut named = vec![false; model.decls.len()];
    for (at, decl) in model.decls.values().enumerate() {
        let format = decl.for_record.iter();
        let format = format.filter_map(|(format, _)| model.decls.get_index_of(format));
        for target in uses.targets(at, true).filter(|to| *to != at).chain(format) {
            if let Some(named) = named.get_mut(target) {
                *named = true;
            }
        }
    }
    for (decl, named) in model.decls.values().zip(named) {
        if decl.standard || named || decl.poisoned || !NAMED.contains(&decl.kind.as_str()) {
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
    walk_words(decl, base, visit);
}

/// Visits the expressions of a declaration that do not stand in its entries.
fn walk_words<'m>(decl: &'m Decl, base: bool, visit: &mut impl FnMut(&'m MExpr)) {
    for phrase in decl.value.iter().chain(decl.base.iter().filter(|_| base)) {
        walk_phrase(phrase, visit);
    }
    for clause in &decl.clauses {
        clause.terms.iter().for_each(|t| walk(t, visit));
    }
}

/// How many expressions entries hold.
pub(super) fn size(entries: &[MEntry]) -> usize {
    let mut size = entries.len();
    walk_entries(entries, &mut |_| size += 1);
    size
}

fn walk_entries<'m>(entries: &'m [MEntry], visit: &mut impl FnMut(&'m MExpr)) {
    entries.iter().for_each(|entry| walk_entry(entry, visit));
}

fn walk_entry<'m>(entry: &'m MEntry, visit: &mut impl FnMut(&'m MExpr)) {
    walk_head(entry, visit);
    walk_entries(entry.entries(), visit);
}

/// Visits what an entry says before its block.
fn walk_head<'m>(entry: &'m MEntry, visit: &mut impl FnMut(&'m MExpr)) {
    entry.head.iter().for_each(|t| walk(t, visit));
    for phrase in entry.base.iter().chain(entry.value.iter()) {
        walk_phrase(phrase, visit);
    }
    for clause in &entry.clauses {
        clause.terms.iter().for_each(|t| walk(t, visit));
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

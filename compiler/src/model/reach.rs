//! What a declaration needs: names followed from declaration to declaration.

use super::{Decl, MExpr, MKind, Model, Target, gather, usage};
use crate::diagnostics::{Findings, Problem};
use std::collections::HashSet;

/// Kinds that a bundle holds for a job's sake; the rest is put in where it is named.
const PARTS: &[&str] = &[
    "card", "flow", "format", "job", "key", "layout", "profile", "scenario", "table",
];

/// Marks what the project names in its packages: that goes into the bundle with its own things.
pub(super) fn want(model: &mut Model) {
    let own = model.decls.values().filter(|d| !d.standard);
    let reached = reach(model, own);
    let offered = |model: &Model, decl: &Decl| model.sources.package(decl.span).is_some();
    let named: Vec<String> = reached
        .into_iter()
        .filter(|name| model.get(name).is_some_and(|d| offered(model, d)))
        .collect();
    for name in named {
        if let Some(decl) = model.decls.get_mut(&name) {
            decl.wanted = true;
        }
    }
}

/// Says which bundles of the manifest name jobs that are not there.
pub(super) fn bundles_exist(model: &mut Model, findings: &mut Findings) {
    let mut wrong = Vec::new();
    for (bundle, entry) in &model.manifest.bundles {
        let jobs: Vec<&str> = model.concrete("job").map(|d| d.name.as_str()).collect();
        if entry.jobs.is_empty() {
            wrong.push((format!("the bundle `{bundle}` has no job"), None));
        }
        for job in entry.jobs.iter().filter(|j| !jobs.contains(&j.as_str())) {
            let near = cardwright_vocabulary::nearest(job, jobs.iter().copied());
            let near = near.map(|n| format!("did you mean `{n}`?"));
            wrong.push((format!("the bundle `{bundle}` names a job `{job}`"), near));
        }
    }
    for (message, near) in wrong {
        let span = gather::place(model, "cardwright.toml");
        let help = near.unwrap_or_else(|| "name declared jobs: `jobs = [\"daily\"]`".to_owned());
        findings.push(Problem::error("E0129", span, message).help(help));
    }
}

/// Leaves out all that the jobs of one bundle do not need. `false` when there is no such bundle.
pub(crate) fn keep_bundle(model: &mut Model, bundle: &str) -> bool {
    let Some(entry) = model.manifest.bundles.get(bundle) else {
        return false;
    };
    let jobs = || {
        model
            .concrete("job")
            .filter(|d| entry.jobs.contains(&d.name))
    };
    let mut kept: HashSet<String> = jobs().map(|d| d.qualified.clone()).collect();
    kept.extend(reach(model, jobs()));
    for decl in model.decls.values_mut() {
        decl.left_out = PARTS.contains(&decl.kind.as_str()) && !kept.contains(&decl.qualified);
    }
    model.manifest.name = format!("{}-{bundle}", model.manifest.name);
    true
}

/// Qualified names of all that declarations name, directly or not. What is only built on is not
/// among them, but what it names is: its entries are part of what builds on it.
fn reach<'m>(model: &'m Model, from: impl Iterator<Item = &'m Decl>) -> HashSet<String> {
    let mut reached: HashSet<String> = HashSet::new();
    let mut open: Vec<&'m Decl> = from.collect();
    while let Some(decl) = open.pop() {
        let mut named = names(model, decl);
        named.extend(decl.for_record.iter().map(|(format, _)| format.clone()));
        named.extend(decl.for_decl.clone());
        for name in named {
            if let Some(next) = model.get(&name)
                && reached.insert(name)
            {
                open.push(next);
            }
        }
    }
    reached
}

/// What the effective entries, the value and the clauses of a declaration name.
fn names(model: &Model, decl: &Decl) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |e: &MExpr| {
        if let MKind::Name(segments) = &e.kind
            && let Target::Decl { qualified, .. } = model.resolve(segments, e.span)
        {
            found.push(qualified);
        }
    };
    let inherits = !decl.bases.is_empty();
    usage::walk_decl(decl, !inherits, &mut note);
    found
}

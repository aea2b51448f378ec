//! What a declaration needs: names followed from declaration to declaration.

use super::usage::Uses;
use super::{Decl, MExpr, MKind, Model, Target, gather, usage};
use crate::diagnostics::{Findings, Problem};
use indexmap::IndexSet;
use std::sync::Arc;

/// Kinds that a bundle holds for a job's sake; the rest is put in where it is named.
const PARTS: &[&str] = &[
    "card", "flow", "format", "job", "key", "layout", "profile", "scenario", "table",
];

/// Marks what the project names in its packages: that goes into the bundle with its own things.
pub(super) fn want(model: &mut Model, uses: &Uses<'_>) {
    let own = model.decls.values().enumerate();
    let own = own.filter(|(_, d)| !d.standard).map(|(at, _)| at);
    let reached = reach(model, own.collect(), |at, decl| {
        uses.targets(at, decl.bases.is_empty()).collect()
    });
    for at in reached {
        if let Some((_, decl)) = model.decls.get_index_mut(at) {
            let wanted = model.sources.package(decl.span).is_some();
            if decl.wanted != wanted {
                Arc::make_mut(decl).wanted = wanted;
            }
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
    let jobs = model
        .concrete("job")
        .filter(|d| entry.jobs.contains(&d.name))
        .filter_map(|d| model.decls.get_index_of(&d.qualified));
    let jobs: Vec<usize> = jobs.collect();
    let mut kept: IndexSet<usize> = jobs.iter().copied().collect();
    kept.extend(reach(model, jobs, |_, decl| names(model, decl)));
    model.slots.take();
    for (at, decl) in model.decls.values_mut().enumerate() {
        let left_out = PARTS.contains(&decl.kind.as_str()) && !kept.contains(&at);
        Arc::make_mut(decl).left_out = left_out;
    }
    model.manifest.name = format!("{}-{bundle}", model.manifest.name);
    true
}

/// Places of all that declarations name, directly or not. What is only built on is not among
/// them, but what it names is: its entries are part of what builds on it.
fn reach(
    model: &Model,
    from: Vec<usize>,
    names: impl Fn(usize, &Decl) -> Vec<usize>,
) -> IndexSet<usize> {
    let mut reached: IndexSet<usize> = IndexSet::new();
    let mut open = from;
    while let Some(at) = open.pop() {
        let Some((_, decl)) = model.decls.get_index(at) else {
            continue;
        };
        let format = decl.for_record.iter().map(|(format, _)| format);
        let spoken = format.chain(&decl.for_decl);
        let spoken = spoken.filter_map(|name| model.decls.get_index_of(name));
        for next in names(at, decl).into_iter().chain(spoken) {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

/// What the effective entries, the value and the clauses of a declaration name.
fn names(model: &Model, decl: &Decl) -> Vec<usize> {
    let mut found = Vec::new();
    let mut note = |e: &MExpr| {
        if let MKind::Name(segments) = &e.kind
            && let Target::Decl { qualified, .. } = model.resolve(segments, e.span)
        {
            found.extend(model.decls.get_index_of(&qualified));
        }
    };
    let inherits = !decl.bases.is_empty();
    usage::walk_decl(decl, !inherits, &mut note);
    found
}

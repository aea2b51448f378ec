//! The check of a Model against the vocabulary: every entry a known row, every value what its row
//! says, every expression typed and every sink cleared.

mod expressions;
mod placeholder;
mod rows;
mod values;

pub(crate) use expressions::{find_only_record, ground, only_record};

use crate::diagnostics::{Findings, Problem};
use crate::elaborate::{Elaborator, MOST_STEPS, Shared, too_much};
use crate::model::{Decl, Model};
use crate::session::{AT_ONCE, Keeper, Outcome, Task};
use cardwright_vocabulary::{function, kind};

/// Checks all declarations of the project.
pub(crate) fn check(model: &Model, findings: &mut Findings, mut keeper: Option<&mut Keeper<'_>>) {
    let own = |d: &&Decl| (!d.standard || d.wanted) && !d.poisoned;
    let own: Vec<(&Decl, Option<&Decl>)> = model
        .decls
        .values()
        .map(|d| &**d)
        .filter(own)
        .map(|d| (d, None))
        .collect();
    let made = |decl: &Decl| {
        let shared = one(model, decl);
        Outcome::of(shared.findings, shared.steps)
    };
    let mut steps = 0;
    for some in own.chunks(AT_ONCE) {
        if let Some(keeper) = keeper.as_deref_mut() {
            keeper.prepare(model, Task::Check, some, |decl, _| made(decl));
        }
        for (decl, _) in some {
            if findings.are_too_many(decl.span) {
                return;
            }
            if steps > MOST_STEPS {
                findings.push(too_much(decl.span));
                return;
            }
            let fresh;
            let outcome = match keeper.as_deref_mut() {
                Some(keeper) => keeper.outcome(model, Task::Check, decl, None, || made(decl)),
                None => {
                    fresh = made(decl);
                    Some(&fresh)
                }
            };
            let Some(outcome) = outcome else { continue };
            steps += outcome.steps;
            let problems = outcome.problems.iter();
            problems.for_each(|p| findings.push(p.clone()));
        }
    }
    let mut shared = Shared::default();
    crate::rules::check(model, &mut shared, keeper);
    findings.append(shared.findings);
}

/// Findings about one declaration.
fn one(model: &Model, decl: &Decl) -> Shared {
    let mut shared = Shared::default();
    let (format, record) = expressions::ground(model, decl);
    shared.findings.enter(decl);
    declaration(decl, Elaborator::new(model, &mut shared, &format, &record));
    shared
}

fn declaration<'a>(decl: &'a Decl, mut elaborator: Elaborator<'a>) {
    let Some(of_kind) = kind(&decl.kind) else {
        return;
    };
    shadowing(decl, &mut elaborator);
    match decl.kind.as_str() {
        "let" | "fn" => expressions::value(decl, &mut elaborator),
        "test" => rows::entries(of_kind, decl, &decl.entries, &mut elaborator, false),
        _ => {
            elaborator.within(decl, |e| {
                rows::entries(of_kind, decl, &decl.entries, e, decl.is_concrete());
            });
            if decl.kind == "key" {
                values::algorithm(decl, &mut elaborator);
            }
        }
    }
}

/// A let or function may not hide a word of the language.
fn shadowing(decl: &Decl, elaborator: &mut Elaborator<'_>) {
    let hides = matches!(decl.kind.as_str(), "let" | "fn") && function(&decl.name).is_some()
        || matches!(decl.name.as_str(), "run" | "mailer" | "true" | "false");
    if hides {
        elaborator.findings().push(
            Problem::error(
                "E0117",
                decl.span,
                format!("`{}` is a word of the language already", decl.name),
            )
            .help("give it another name"),
        );
    }
}

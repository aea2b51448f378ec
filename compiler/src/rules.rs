//! Rules that authors write: on files, on orders, and on what they declare.

mod known;

use crate::diagnostics::{BrokenRule, Change, Problem, Severity};
use crate::elaborate::{Elaborator, Shared};
use crate::model::{Decl, MEntry, MExpr, MKind, Model, walk};
use crate::secrecy::Sink;
use crate::session::{Keeper, Outcome, Task};
use crate::types::Type;
use known::Eye;
use std::collections::HashMap;

/// Checks all rules of the Model: those on orders for their types and secrecy, those on kinds
/// against every concrete declaration.
pub(crate) fn check(model: &Model, shared: &mut Shared, mut keeper: Option<&mut Keeper<'_>>) {
    overrides(model, shared);
    let mut concrete: HashMap<&str, Vec<&Decl>> = HashMap::new();
    let mut pairs = 0;
    for rule in model.of_kind("rule").filter(|d| !d.poisoned) {
        if shared.findings.are_too_many(rule.span) {
            return;
        }
        let mut task = |other: Option<&Decl>, make: &dyn Fn(&mut Shared)| {
            let Some(keeper) = keeper.as_deref_mut() else {
                make(shared);
                return;
            };
            let outcome = keeper.outcome(model, Task::Rule, rule, other, || {
                let mut own = Shared::default();
                make(&mut own);
                Outcome::of(own.findings, own.steps)
            });
            let problems = outcome.map_or(&[][..], |outcome| &outcome.problems);
            problems
                .iter()
                .for_each(|p| shared.findings.push(p.clone()));
        };
        if let Some(kind) = &rule.for_decl {
            let decls = concrete.entry(kind);
            let decls = decls.or_insert_with(|| model.concrete(kind).collect());
            pairs += decls.len();
            if pairs > MOST_PAIRS {
                shared.findings.push(too_many(rule));
                return;
            }
            for decl in decls {
                task(Some(decl), &|shared| held(model, rule, decl, shared));
            }
        } else if let Some((format, record)) = &rule.for_record {
            task(None, &|shared| {
                let mut elaborator = Elaborator::new(model, shared, format, record);
                for entry in rule.entries.iter() {
                    on_order(entry, &mut elaborator);
                }
            });
        } else {
            shared.findings.push(
                Problem::error("E0113", rule.span, "a rule says what it speaks of").help(
                    "add `for orders.order` for a rule on each order, `for profile` for one on \
                     each profile",
                ),
            );
        }
    }
}

/// Most declarations that the rules of a project are held against, counted for each rule.
const MOST_PAIRS: usize = 50_000;

/// Says, of the first rule that is too much, that it is so.
fn too_many(rule: &Decl) -> Problem {
    let message = format!(
        "from here on no rule is held against anything: rules times declarations are more than \
         {MOST_PAIRS}"
    );
    let help = "join rules, one may have several requirements, or split the project";
    Problem::error("E0119", rule.span, message).help(help)
}

/// One requirement of a rule, with its `because`.
#[derive(Clone, Copy)]
pub(crate) struct Requirement<'a> {
    /// What must hold.
    pub(crate) condition: &'a MExpr,
    /// What is said.
    pub(crate) because: Option<&'a MExpr>,
    /// `for x in list`: for every element of the list.
    pub(crate) each: Option<(&'a str, &'a MExpr)>,
}

/// Requirements of a rule; `because` may be a clause or the entry after.
pub(crate) fn requirements(rule: &Decl) -> Vec<Requirement<'_>> {
    let mut found: Vec<Requirement<'_>> = Vec::new();
    for entry in rule.entries.iter() {
        match (entry.word(0), entry.head.get(1)) {
            (Some("require"), Some(condition)) => found.push(Requirement {
                condition,
                because: entry.clause("because").and_then(|c| c.single()),
                each: entry.clauses.iter().find_map(crate::model::each),
            }),
            (Some("because"), Some(text)) => {
                if let Some(last) = found.last_mut() {
                    last.because = Some(text);
                }
            }
            _ => {}
        }
    }
    found
}

fn on_order<'a>(entry: &'a MEntry, elaborator: &mut Elaborator<'a>) {
    let Some(term) = entry.head.get(1) else {
        return;
    };
    match entry.word(0) {
        Some("require" | "when") => {
            if let Some(flag) = elaborator.expr(term, Some(&Type::Flag)) {
                elaborator.sink(&flag, Sink::Condition, "this rule", entry.span);
            }
            if let Some(each) = entry.clause("for") {
                let what = "a rule on orders asks each order once: `for` has no list here";
                elaborator
                    .findings()
                    .push(Problem::error("E0213", each.span, what).help(
                        "write a requirement for each, or a rule on a kind: `rule … for profile`",
                    ));
            }
            if let Some(because) = entry.clause("because").and_then(|c| c.single()) {
                message(because, entry, elaborator);
            }
        }
        Some("because") => message(term, entry, elaborator),
        _ => {}
    }
}

fn message<'a>(text: &'a MExpr, entry: &'a MEntry, elaborator: &mut Elaborator<'a>) {
    if let Some(text) = elaborator.expr(text, Some(&Type::text())) {
        elaborator.sink(&text, Sink::ErrorText, "this rule's message", entry.span);
    }
}

/// A rule of a format: `require … else "…"`.
pub(crate) fn file_rule<'a>(format: &'a Decl, entry: &'a MEntry, elaborator: &mut Elaborator<'a>) {
    let Some(condition) = entry.head.get(1) else {
        return;
    };
    let record = repeated_record(format, condition);
    let called = match &condition.kind {
        MKind::Call { callee, .. } => callee.word(),
        _ => None,
    };
    let unique = called == Some("unique");
    if let Some(record) = record.as_deref().filter(|_| !unique)
        && !refuses_record(entry)
    {
        let message = format!("this rule looks at each `{record}`, but would refuse the file");
        elaborator.findings().push(
            Problem::error("E0214", entry.head_span(), message)
                .help("add `reject record` after the condition")
                .fix(Change::Behind(condition.span, " reject record".to_owned())),
        );
    }
    elaborator.for_record(record.as_deref().unwrap_or(""), |elaborator| {
        if let MKind::Call { callee, args } = &condition.kind
            && callee.word() == Some("unique")
        {
            for arg in args {
                unique_field(&arg.value, elaborator);
            }
        } else if let Some(flag) = elaborator.expr(condition, Some(&Type::Flag)) {
            elaborator.sink(&flag, Sink::Condition, "this rule", entry.span);
        }
        if let Some(text) = entry.clause("else").and_then(|c| c.single())
            && let Some(text) = elaborator.expr(text, Some(&Type::text()))
        {
            elaborator.sink(&text, Sink::ErrorText, "this rule's message", entry.span);
        }
    });
}

fn refuses_record(entry: &MEntry) -> bool {
    entry.clauses.iter().any(|c| {
        matches!(c.keyword.as_str(), "reject" | "refuses")
            && c.single().and_then(MExpr::word) == Some("record")
    })
}

fn unique_field<'a>(e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let is_field = matches!(&e.kind, MKind::Name(segments) if segments.len() == 2);
    if !is_field {
        elaborator.findings().push(
            Problem::error("E0203", e.span, "`unique` compares fields of a record")
                .help("write `unique(order.pan, order.expiry)`"),
        );
        return;
    }
    elaborator.expr(e, None);
}

/// The record whose fields a condition speaks of, when that may stand more than once.
pub(crate) fn repeated_record(format: &Decl, condition: &MExpr) -> Option<String> {
    let mut found = None;
    let mut summed = Vec::new();
    walk(condition, &mut |e| {
        if let MKind::Call { callee, args } = &e.kind
            && matches!(callee.word(), Some("sum" | "hash_total"))
        {
            // A total speaks of all records, not of each.
            summed.extend(args.iter().map(|arg| arg.value.span));
        }
        let MKind::Name(segments) = &e.kind else {
            return;
        };
        if summed.contains(&e.span) {
            return;
        }
        let [first, _, ..] = segments.as_slice() else {
            return;
        };
        let Some(record) = crate::elaborate::record_of(format, &first.text) else {
            return;
        };
        let many = crate::elaborate::is_order(record) || record.clause("of").is_some();
        if many && found.is_none() {
            found = Some(first.text.clone());
        }
    });
    found
}

fn held(model: &Model, rule: &Decl, decl: &Decl, shared: &mut Shared) {
    let eye = Eye::new(model, decl);
    let when = rule.entries.iter().filter(|e| e.word(0) == Some("when"));
    for entry in when {
        let term = entry.head.get(1);
        match term.and_then(|t| truth(&eye, rule, t, shared)) {
            Some(true) => {}
            _ => return,
        }
    }
    for requirement in requirements(rule) {
        let Some((name, list)) = requirement.each else {
            one(&eye, rule, requirement, shared);
            continue;
        };
        // `require … for x in list`: for every element.
        match eye.elements(list) {
            Some(elements) => {
                for element in &elements {
                    one(&eye.bound(name, element), rule, requirement, shared);
                }
            }
            None => undecided(&eye, rule, list, shared),
        }
    }
}

/// One requirement on one declaration, or on one element of a list.
fn one(eye: &Eye<'_>, rule: &Decl, requirement: Requirement<'_>, shared: &mut Shared) {
    if truth(eye, rule, requirement.condition, shared) != Some(false) {
        return;
    }
    let because = requirement
        .because
        .map_or_else(|| "it does not hold".to_owned(), |text| eye.say(text));
    let decl = eye.decl;
    let message = format!(
        "{} `{}` breaks the rule `{}`: {because}",
        decl.kind, decl.name, rule.name
    );
    let severity = severity(eye.model, rule);
    let reference = text_of(rule, "reference");
    let mut problem = Problem::new(severity, "E0380", decl.span, message)
        .label(requirement.condition.span, "the rule");
    if let Some(reference) = &reference {
        problem = problem.help(format!("see {reference}"));
    }
    problem.rule = Some(BrokenRule {
        id: rule.qualified.clone(),
        reference,
    });
    shared.findings.push(problem);
}

/// A rule's own severity, or the graver one that the manifest gives it.
fn severity(model: &Model, rule: &Decl) -> Severity {
    let own = graveness(word_of(rule, "severity").as_deref().unwrap_or("error"));
    let given = model.manifest.rules.get(&rule.qualified);
    let given = given.and_then(|word| graveness(word));
    // Error comes first in the order of severities.
    let own = own.unwrap_or(Severity::Error);
    given.map_or(own, |given| given.min(own))
}

fn graveness(word: &str) -> Option<Severity> {
    Some(match word {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        "note" => Severity::Note,
        _ => return None,
    })
}

/// Says which lines of the manifest's `[rules]` name no rule, or would make one less grave.
fn overrides(model: &Model, shared: &mut Shared) {
    for (id, word) in &model.manifest.rules {
        let rule = model.get(id).filter(|d| d.kind == "rule");
        let message = match (rule, graveness(word)) {
            (None, _) => format!("`[rules]` of the manifest: there is no rule `{id}` here"),
            (Some(_), None) => format!("`[rules]` of the manifest: `{word}` is no severity"),
            (Some(rule), Some(given)) => {
                let own = word_of(rule, "severity").and_then(|w| graveness(&w));
                let own = own.unwrap_or(Severity::Error);
                if given <= own {
                    continue;
                }
                format!("`[rules]` of the manifest: `{id}` would become less grave")
            }
        };
        let span = rule.map(|r| r.span).unwrap_or_default();
        shared.findings.push(
            Problem::error("E0382", span, message)
                .help("name a rule of a package that is used, and a graver severity"),
        );
    }
}

fn word_of(decl: &Decl, name: &str) -> Option<String> {
    decl.attribute(name)?.single()?.word().map(str::to_owned)
}

fn text_of(decl: &Decl, name: &str) -> Option<String> {
    decl.attribute(name)?.single()?.literal_text()
}

fn truth(eye: &Eye<'_>, rule: &Decl, e: &MExpr, shared: &mut Shared) -> Option<bool> {
    let found = eye.truth(e);
    if found.is_none() {
        undecided(eye, rule, e, shared);
    }
    found
}

fn undecided(eye: &Eye<'_>, rule: &Decl, e: &MExpr, shared: &mut Shared) {
    let decl = eye.decl;
    let message = format!(
        "the rule `{}` can't be decided for the {} `{}`",
        rule.name, decl.kind, decl.name
    );
    shared.findings.push(
        Problem::error("E0381", e.span, message)
            .label(decl.span, "asked of this")
            .help(
                "rules on declarations know `present(x)`, `includes(list, word)`, `length(x)`, \
                 `count(list)`, `starts(x, \"…\")`, == != < <= > >=, and, or, not, and \
                 `require … for x in list`",
            ),
    );
}

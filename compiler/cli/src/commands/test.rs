//! `test`: the project's tests, rehearsed; snapshots beside the project.

mod difference;
mod snapshots;

use crate::{
    arguments::{Format, Test},
    failure::{Failure, exit},
    project::Folder,
    terminal,
};
use cardwright_bundle::Environment;
use cardwright_compiler::{
    emit::{self, TestCase},
    model::Sources,
};
use cardwright_rehearsal::{Order, Rehearsal, Rehearsed, holds, look};
use serde_json::json;
use snapshots::{Kept, Shelf};

/// One reason why a test does not pass.
struct Complaint {
    code: &'static str,
    what: String,
    place: String,
}

/// What became of a test.
struct Outcome {
    name: String,
    complaints: Vec<Complaint>,
    kept: Option<Kept>,
}

/// Carries the verb out.
pub(crate) fn run(arguments: &Test) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    let (checked, bundle) = super::built(&folder, Environment::Test)?;
    let sources = &checked.model.sources;
    let (cases, _) = emit::test_cases(&checked.model);
    let bin = emit::issuer_bin(&checked.model);
    let all = cases.len();
    let wanted = |case: &TestCase| match &arguments.only {
        Some(only) => case.name.contains(only.as_str()),
        None => true,
    };
    let cases: Vec<TestCase> = cases.into_iter().filter(wanted).collect();
    let mut shelf = Shelf::new(folder.root(), arguments.update);
    let mut outcomes = Vec::new();
    if !cases.is_empty() {
        let mut rehearsal = Rehearsal::new(bundle)?;
        for case in &cases {
            outcomes.push(rehearse(
                &mut rehearsal,
                case,
                bin.clone(),
                sources,
                &mut shelf,
            )?);
        }
    }
    // Snapshots of tests that are gone would never be looked at again.
    let stale = if arguments.only.is_none() {
        shelf.stale()?
    } else {
        Vec::new()
    };
    match arguments.format {
        Format::Human => human(&outcomes, &stale, all, arguments.update),
        Format::Json => outcomes
            .iter()
            .for_each(|outcome| terminal::print(&object(outcome))),
    }
    let bad = outcomes.iter().any(Outcome::is_bad) || (!stale.is_empty() && !arguments.update);
    Ok(if bad { exit::FINDINGS } else { 0 })
}

fn rehearse(
    rehearsal: &mut Rehearsal,
    case: &TestCase,
    bin: Option<String>,
    sources: &Sources,
    shelf: &mut Shelf,
) -> Result<Outcome, Failure> {
    let place = |span| {
        let place = sources.place(span);
        format!("{}:{}:{}", place.file, place.line, place.column)
    };
    let order = Order {
        fields: case.fields.iter().cloned().collect(),
        bin,
    };
    let mut outcome = Outcome {
        name: case.name.clone(),
        complaints: Vec::new(),
        kept: None,
    };
    let made = match rehearsal.order(&order) {
        Ok(made) => made,
        Err(error) => {
            let what = format!("{}; {}", error.what, error.mend);
            outcome.complaints.push(Complaint {
                code: error.code,
                what,
                place: place(case.span),
            });
            return Ok(outcome);
        }
    };
    for expectation in &case.expectations {
        let complaint = match look(&made, &expectation.subject) {
            Err(error) => Some((error.code, error.what)),
            Ok(found) => {
                let (operation, value) = (&expectation.operation, &expectation.value);
                let good = holds(&found, operation, value, expectation.octets);
                let shown = match &found.octets {
                    Some(octets) if expectation.octets => octets,
                    _ => &found.text,
                };
                let subject = &expectation.subject;
                let what = format!("{subject} is `{shown}`, expected {operation} `{value}`");
                (!good).then_some(("", what))
            }
        };
        if let Some((code, what)) = complaint {
            let place = place(expectation.span);
            outcome.complaints.push(Complaint { code, what, place });
        }
    }
    for (scenario, verdict) in &made.verdicts {
        if let Some((code, what)) = &verdict.failure {
            let what = format!("{scenario}: {}: {what}", verdict.name);
            outcome.complaints.push(Complaint {
                code,
                what,
                place: place(case.span),
            });
        }
    }
    if case.snapshot {
        outcome.kept = Some(shelf.keep(&case.name, &text(rehearsal, &made, &case.name))?);
    }
    Ok(outcome)
}

fn text(rehearsal: &Rehearsal, made: &Rehearsed, name: &str) -> String {
    cardwright_rehearsal::snapshot(made, rehearsal.bundle().content(), name)
}

impl Outcome {
    fn is_bad(&self) -> bool {
        !self.complaints.is_empty() || matches!(self.kept, Some(Kept::Missing | Kept::Differs(_)))
    }
}

fn human(outcomes: &[Outcome], stale: &[String], all: usize, update: bool) {
    for outcome in outcomes {
        let word = if outcome.is_bad() { "FAILED" } else { "passed" };
        let note = match &outcome.kept {
            Some(Kept::Written) => "  (snapshot written: read it)",
            Some(Kept::Missing) => "  (no snapshot yet: run with --update and read it)",
            _ => "",
        };
        terminal::print(&format!("{word}  {}{note}", outcome.name));
        for complaint in &outcome.complaints {
            let code = if complaint.code.is_empty() {
                String::new()
            } else {
                format!("{} ", complaint.code)
            };
            terminal::print(&format!(
                "        {}: {code}{}",
                complaint.place, complaint.what
            ));
        }
        if let Some(Kept::Differs(difference)) = &outcome.kept {
            terminal::print(difference.trim_end());
        }
    }
    for path in stale {
        let done = if update { "removed" } else { "STALE" };
        terminal::print(&format!("{done}   {path}: no test writes it any more"));
    }
    let bad = outcomes.iter().filter(|o| o.is_bad()).count();
    let run = outcomes.len();
    let left = all.saturating_sub(run);
    let left = if left > 0 {
        format!(", {left} left out")
    } else {
        String::new()
    };
    terminal::note(&format!(
        "{} passed, {bad} failed{left}",
        run - bad.min(run)
    ));
}

fn object(outcome: &Outcome) -> String {
    let complaints = outcome
        .complaints
        .iter()
        .map(|c| json!({ "code": c.code, "message": c.what, "place": c.place }));
    let snapshot = outcome.kept.as_ref().map(|kept| match kept {
        Kept::Same => "same",
        Kept::Written => "written",
        Kept::Missing => "missing",
        Kept::Differs(_) => "differs",
    });
    let difference = match &outcome.kept {
        Some(Kept::Differs(difference)) => Some(difference),
        _ => None,
    };
    json!({
        "schema_version": 1,
        "test": outcome.name,
        "passed": !outcome.is_bad(),
        "complaints": complaints.collect::<Vec<_>>(),
        "snapshot": snapshot,
        "difference": difference,
    })
    .to_string()
}

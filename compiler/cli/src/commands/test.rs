//! `test`: the project's tests, rehearsed; snapshots beside the project.

mod coverage;
mod difference;
mod judge;
mod junit;
mod mutants;
mod mutate;
mod report;
mod snapshots;

use crate::{
    arguments::{Format, Test},
    failure::{Failure, exit},
    project::{Folder, write_whole},
};
use cardwright_bundle::Environment;
use cardwright_compiler::emit::{self, TestCase};
use cardwright_rehearsal::Rehearsal;
use judge::{Complaint, Judge, Judged};
use snapshots::{Kept, Shelf};

/// What became of a test.
struct Outcome {
    name: String,
    complaints: Vec<Complaint>,
    /// Files of its snapshot.
    kept: Vec<(String, Kept)>,
    /// Where it is declared.
    place: String,
    /// How long it took, seconds.
    seconds: f64,
}

impl Outcome {
    fn is_bad(&self) -> bool {
        let differs = |kept: &Kept| matches!(kept, Kept::Missing | Kept::Differs(_));
        !self.complaints.is_empty() || self.kept.iter().any(|(_, kept)| differs(kept))
    }
}

/// Carries the verb out.
pub(crate) fn run(arguments: &Test) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    let (checked, bundle) = super::built(&folder, Environment::Test)?;
    let (cases, _) = emit::test_cases(&checked.model);
    let all = cases.len();
    let wanted = |case: &TestCase| match &arguments.only {
        Some(only) => case.name.contains(only.as_str()),
        None => true,
    };
    let cases: Vec<TestCase> = cases.into_iter().filter(wanted).collect();
    let judge = Judge::new(&checked.model);
    let mut shelf = Shelf::new(folder.root(), arguments.update);
    let mut rehearsal = Rehearsal::new(bundle)?;
    rehearsal.photos_below(folder.root());
    if arguments.coverage {
        rehearsal.cover();
    }
    let mut outcomes = Vec::new();
    for case in &cases {
        outcomes.push(rehearse(&mut rehearsal, case, &judge, &mut shelf)?);
    }
    // Snapshots of tests that are gone would never be looked at again.
    let stale = if arguments.only.is_none() {
        shelf.stale()?
    } else {
        Vec::new()
    };
    match arguments.format {
        Format::Human => report::human(&outcomes, &stale, all, arguments.update),
        Format::Json => report::json(&outcomes),
    }
    if let Some(path) = &arguments.junit {
        let name = &checked.model.manifest.name;
        write_whole(path, junit::xml(name, &outcomes).as_bytes())?;
    }
    if arguments.coverage {
        coverage::show(&rehearsal, arguments.format);
    }
    let bad = outcomes.iter().any(Outcome::is_bad) || (!stale.is_empty() && !arguments.update);
    if bad {
        return Ok(exit::FINDINGS);
    }
    // Tests that fail already notice nothing more.
    let survived = match arguments.mutate {
        true => mutate::run(&mut rehearsal, &cases, &judge, arguments)?,
        false => 0,
    };
    Ok(if survived > 0 { exit::FINDINGS } else { 0 })
}

fn rehearse(
    rehearsal: &mut Rehearsal,
    case: &TestCase,
    judge: &Judge<'_>,
    shelf: &mut Shelf,
) -> Result<Outcome, Failure> {
    let start = std::time::Instant::now();
    let Judged {
        complaints,
        text,
        drawings,
        ..
    } = judge.judge(rehearsal, case);
    let mut kept = Vec::new();
    if let (true, Some(text)) = (case.snapshot, text) {
        let name = shelf.name(&case.name);
        let pictures = cardwright_rehearsal::pictures(rehearsal, &drawings)?;
        kept = shelf.keep(&name, &text, &pictures)?;
    }
    Ok(Outcome {
        name: case.name.clone(),
        complaints,
        kept,
        place: judge.place(case.span),
        seconds: start.elapsed().as_secs_f64(),
    })
}

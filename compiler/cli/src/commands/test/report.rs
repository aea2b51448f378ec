//! What is said about tests, for people and for programs.

use super::{Outcome, snapshots::Kept};
use crate::terminal;
use serde_json::json;

/// A line a test, then what is wrong with it.
pub(super) fn human(outcomes: &[Outcome], stale: &[String], all: usize, update: bool) {
    for outcome in outcomes {
        let word = if outcome.is_bad() { "FAILED" } else { "passed" };
        let has = |wanted: fn(&Kept) -> bool| outcome.kept.iter().any(|(_, kept)| wanted(kept));
        let note = if has(|kept| matches!(kept, Kept::Missing)) {
            "  (no snapshot yet: run with --update and read it)"
        } else if has(|kept| matches!(kept, Kept::Written)) {
            "  (snapshot written: read it)"
        } else {
            ""
        };
        terminal::print(&format!("{word}  {}{note}", outcome.name));
        for complaint in &outcome.complaints {
            let code = if complaint.code.is_empty() {
                String::new()
            } else {
                format!("{} ", complaint.code)
            };
            let (place, what) = (&complaint.place, &complaint.what);
            terminal::print(&format!("        {place}: {code}{what}"));
        }
        for (file, kept) in &outcome.kept {
            if let Kept::Differs(difference) = kept {
                terminal::print(&format!("      {file}"));
                terminal::print(difference.trim_end());
            }
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

/// An object a test, a line each.
pub(super) fn json(outcomes: &[Outcome]) {
    for outcome in outcomes {
        terminal::print(&object(outcome));
    }
}

fn object(outcome: &Outcome) -> String {
    let complaints = outcome
        .complaints
        .iter()
        .map(|c| json!({ "code": c.code, "message": c.what, "place": c.place }));
    let word = |kept: &Kept| match kept {
        Kept::Same => "same",
        Kept::Written => "written",
        Kept::Missing => "missing",
        Kept::Differs(_) => "differs",
    };
    let difference = |kept: &Kept| match kept {
        Kept::Differs(difference) => Some(difference.clone()),
        _ => None,
    };
    let files = outcome.kept.iter().map(
        |(file, kept)| json!({ "file": file, "state": word(kept), "difference": difference(kept) }),
    );
    // The text comes first: what was said before there were pictures is still said.
    let text = outcome.kept.first().map(|(_, kept)| kept);
    json!({
        "schema_version": 1,
        "test": outcome.name,
        "place": outcome.place,
        "passed": !outcome.is_bad(),
        "complaints": complaints.collect::<Vec<_>>(),
        "snapshot": text.map(word),
        "difference": text.and_then(difference),
        "files": files.collect::<Vec<_>>(),
    })
    .to_string()
}

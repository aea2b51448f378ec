//! `--mutate`: changes one thing of the bundle at a time; a test should notice each.

use super::{
    judge::{Judge, Judged},
    mutants::{self, Mutant, Scope},
};
use crate::{
    arguments::{Format, Test},
    failure::Failure,
    terminal,
};
use cardwright_bundle::{Bundle, Content};
use cardwright_compiler::emit::TestCase;
use cardwright_rehearsal::{Rehearsal, picture_difference, pictures};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a test gives without a mutation.
struct Baseline<'c> {
    case: &'c TestCase,
    whole: Judged,
    /// Without commands and validation, for what no chip ever sees.
    outside: Judged,
}

/// What became of a mutant.
enum Fate {
    /// A test noticed it.
    Noticed,
    /// The bundle is not loaded any more: it never reaches a card.
    Refused,
    /// Nobody saw anything.
    Survived,
}

/// Runs the mutants; gives how many survived.
pub(super) fn run(
    rehearsal: &mut Rehearsal,
    cases: &[TestCase],
    judge: &Judge<'_>,
    arguments: &Test,
) -> Result<usize, Failure> {
    let original = rehearsal.bundle().clone();
    let content = original.content();
    let plain = serde_json::to_value(content).unwrap_or(Value::Null);
    let baselines = baselines(rehearsal, cases, judge);
    let chosen = mutants::mutants(content, arguments.mutants, arguments.seed);
    let (mut survivors, mut refused) = (Vec::new(), 0usize);
    for mutant in &chosen {
        let fate = match mutant.applied(&plain) {
            None => Fate::Refused,
            Some(changed) => fate(rehearsal, &original, changed, &baselines, judge, mutant)?,
        };
        match fate {
            Fate::Noticed => {}
            Fate::Refused => refused += 1,
            Fate::Survived => survivors.push(mutant),
        }
    }
    rehearsal.write_chips(true);
    rehearsal.replace(original.clone())?;
    let count = survivors.len();
    match arguments.format {
        Format::Human => human(&survivors, content, (chosen.len(), refused), arguments.seed),
        Format::Json => {
            terminal::print(&object(
                &survivors,
                content,
                (chosen.len(), refused),
                arguments.seed,
            ));
        }
    }
    Ok(count)
}

fn baselines<'c>(
    rehearsal: &mut Rehearsal,
    cases: &'c [TestCase],
    judge: &Judge<'_>,
) -> Vec<Baseline<'c>> {
    let cases = cases.iter();
    let each = cases.map(|case| {
        rehearsal.write_chips(true);
        let whole = judge.judge(rehearsal, case);
        rehearsal.write_chips(false);
        Baseline {
            case,
            whole,
            outside: judge.judge(rehearsal, case),
        }
    });
    each.collect()
}

fn fate(
    rehearsal: &mut Rehearsal,
    original: &Bundle,
    changed: Content,
    baselines: &[Baseline<'_>],
    judge: &Judge<'_>,
    mutant: &Mutant,
) -> Result<Fate, Failure> {
    let touched: Vec<&Baseline<'_>> = baselines
        .iter()
        .filter(|b| touches(&mutant.scope, &b.whole, original.content()))
        .collect();
    if touched.is_empty() {
        return Ok(Fate::Survived);
    }
    let types: BTreeMap<&str, &str> = original
        .content()
        .assets
        .iter()
        .map(|asset| (asset.name.as_str(), asset.media_type.as_str()))
        .collect();
    let assets = original.assets().iter().map(|(name, octets)| {
        let media_type = types.get(name.as_str()).copied().unwrap_or_default();
        (name.clone(), (media_type.to_owned(), octets.clone()))
    });
    let bundle = Bundle::seal(changed, assets.collect())?;
    if rehearsal.replace(bundle).is_err() {
        return Ok(Fate::Refused);
    }
    // Pages and files are made after the card: what only they have needs no chip.
    let chip = matches!(mutant.scope, Scope::Card(_) | Scope::Job(_));
    rehearsal.write_chips(chip);
    for baseline in touched {
        let before = if chip {
            &baseline.whole
        } else {
            &baseline.outside
        };
        let after = judge.judge(rehearsal, baseline.case);
        if notices(rehearsal, baseline.case, before, &after)? {
            return Ok(Fate::Noticed);
        }
    }
    Ok(Fate::Survived)
}

/// Whether a test has anything to do with a part of the bundle.
fn touches(scope: &Scope, judged: &Judged, content: &Content) -> bool {
    let job = content
        .jobs
        .iter()
        .find(|j| Some(&j.name) == judged.job.as_ref());
    match (scope, job) {
        (Scope::Card(card), _) => judged.card.as_ref() == Some(card),
        (Scope::Job(name), Some(job)) => *name == job.name,
        (Scope::Layout(name), Some(job)) => {
            let mailer = job.mailer.as_ref().map(|m| &m.layout);
            [job.carrier.as_ref(), job.labels.as_ref(), mailer].contains(&Some(name))
        }
        (Scope::Format(name), Some(job)) => {
            job.input == *name || job.outputs.iter().any(|o| o.format == *name)
        }
        // An order that was refused got as far as the job's intake.
        (Scope::Job(_) | Scope::Format(_), None) => true,
        (Scope::Layout(_), None) => false,
    }
}

/// Whether a test would fail now.
fn notices(
    rehearsal: &Rehearsal,
    case: &TestCase,
    before: &Judged,
    after: &Judged,
) -> Result<bool, Failure> {
    if after.complaints != before.complaints {
        return Ok(true);
    }
    if !case.snapshot {
        return Ok(false);
    }
    if after.text != before.text || after.drawings.len() != before.drawings.len() {
        return Ok(true);
    }
    for (old, new) in before.drawings.iter().zip(&after.drawings) {
        if old == new {
            continue;
        }
        // Drawn only where something is laid out otherwise; a page that can't be drawn is noticed.
        let old = pictures(rehearsal, std::slice::from_ref(old));
        let new = pictures(rehearsal, std::slice::from_ref(new));
        let (Ok(old), Ok(new)) = (old, new) else {
            return Ok(true);
        };
        let mut pairs = old.iter().zip(&new);
        if pairs.any(|((_, old), (_, new))| picture_difference(old, new).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn human(survivors: &[&Mutant], content: &Content, (all, refused): (usize, usize), seed: u64) {
    let noticed = all.saturating_sub(survivors.len() + refused);
    terminal::print(&format!(
        "\nmutation  {all} mutants: {noticed} noticed, {refused} refused by the loader, {} survived \
         (seed {seed})",
        survivors.len()
    ));
    for mutant in survivors {
        let (place, family, what) = (mutant.place(content), mutant.family, &mutant.what);
        terminal::print(&format!("SURVIVED  {place}  {family}: {what}"));
        terminal::print(&format!("          {}", mutant.pointer));
        terminal::print(&format!("          {}", mutant.advice()));
    }
}

fn object(
    survivors: &[&Mutant],
    content: &Content,
    (all, refused): (usize, usize),
    seed: u64,
) -> String {
    let listed = survivors.iter().map(|mutant| {
        json!({
            "place": mutant.place(content), "kind": mutant.family, "what": mutant.what,
            "path": mutant.pointer, "old": mutant.old, "new": mutant.new,
            "add": mutant.advice(),
        })
    });
    json!({
        "schema_version": 1,
        "mutation": {
            "mutants": all,
            "refused": refused,
            "noticed": all.saturating_sub(survivors.len() + refused),
            "seed": seed,
            "survivors": listed.collect::<Vec<_>>(),
        },
    })
    .to_string()
}

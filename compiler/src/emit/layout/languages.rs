//! Items by language: each language's items are drawn for the orders of that language, and every
//! language that an order can name has items.

use super::items::Page;
use crate::diagnostics::Problem;
use crate::elaborate::Typed;
use crate::model::{MEntry, MExpr};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{Constant, NodeId, Op, Program};
use std::collections::BTreeSet;

/// The word for all languages that are not named.
const OTHER: &str = "other";
/// Nodes that the search for values looks at: what is larger counts as any value.
const STEPS_MAX: u32 = 500;

/// Lowers `language = order.language { en { … } other { … } }`.
pub(super) fn lower<'a>(page: &mut Page<'_, 'a>, entry: &'a MEntry) {
    let Some(value) = entry.value.as_ref() else {
        let problem = Problem::error("E0820", entry.head_span(), "which language is meant?");
        page.say(problem.help("write `language = order.language { en { … } other { … } }`"));
        return;
    };
    let want = Type::Text(Lengths::up_to(40));
    let Some(value) = page.elaborator.phrase(value, Some(&want)) else {
        return;
    };
    page.elaborator.sink(
        &value,
        Sink::Condition,
        "the choice of the language",
        entry.span,
    );
    let codes: Vec<(String, &MEntry)> = entry
        .entries()
        .iter()
        .filter_map(|e| Some((code(e)?, e)))
        .collect();
    covered(page, entry, &value, &codes);
    let mut named: Vec<Typed> = Vec::new();
    for (code, inner) in codes.iter().filter(|(code, _)| code != OTHER) {
        let text = page.elaborator.text(code, inner.head_span());
        let same = [value.clone(), text];
        let Some(flag) = page.elaborator.apply("equal", &same, inner.head_span()) else {
            continue;
        };
        named.push(flag.clone());
        page.condition = Some(flag);
        page.items(inner.entries());
        page.condition = None;
    }
    if let Some((_, inner)) = codes.iter().find(|(code, _)| code == OTHER) {
        let span = inner.head_span();
        let any = match named.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            all => page.elaborator.apply("any", all, span),
        };
        page.condition = any.and_then(|any| page.elaborator.apply("not", &[any], span));
        page.items(inner.entries());
        page.condition = None;
    }
}

fn code(entry: &MEntry) -> Option<String> {
    let head = entry.head.first()?;
    head.word()
        .map(str::to_owned)
        .or_else(|| MExpr::literal_text(head))
}

/// E0820: a value that can occur and has no items, or items for one that can't.
fn covered(page: &mut Page<'_, '_>, entry: &MEntry, value: &Typed, codes: &[(String, &MEntry)]) {
    let known: BTreeSet<&str> = codes.iter().map(|(code, _)| code.as_str()).collect();
    let mut values = BTreeSet::new();
    let mut steps = STEPS_MAX;
    let finite = possible(
        page.elaborator.program(),
        value.node,
        &mut values,
        &mut steps,
    );
    let other = known.contains(OTHER);
    let problem = if finite {
        let missing = values
            .iter()
            .find(|v| !other && !known.contains(v.as_str()));
        let dead = codes
            .iter()
            .find(|(code, _)| code != OTHER && !values.contains(code));
        match (missing, dead) {
            (Some(missing), _) => {
                let message = format!("the language \"{missing}\" can occur and has no items");
                Some(Problem::error("E0820", entry.head_span(), message))
            }
            (None, Some((code, inner))) => {
                let message = format!("no order has the language \"{code}\"");
                Some(Problem::error("E0820", inner.head_span(), message))
            }
            (None, None) => None,
        }
    } else if other {
        None
    } else {
        let message = "an order may name another language, for which nothing is printed";
        Some(Problem::error("E0820", entry.head_span(), message))
    };
    if let Some(problem) = problem {
        page.say(problem.help("add `other { … }`, and take out what can't occur"));
    }
}

/// Collects the values that a node can have; false when they are not a few constants.
fn possible(program: &Program, id: NodeId, values: &mut BTreeSet<String>, steps: &mut u32) -> bool {
    *steps = steps.saturating_sub(1);
    if *steps == 0 {
        return false;
    }
    match program.nodes.get(id as usize).map(|n| &n.op) {
        Some(Op::Constant {
            value: Constant::Text(text),
        }) => {
            values.insert(text.clone());
            true
        }
        Some(Op::Choose {
            then, otherwise, ..
        }) => {
            possible(program, *then, values, steps) && possible(program, *otherwise, values, steps)
        }
        _ => false,
    }
}

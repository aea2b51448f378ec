//! PINs that are drawn: the one on a letter is that of the card, or of a file that goes to whoever
//! checks it. Two places that draw give two PINs.

use super::Context;
use crate::diagnostics::Problem;
use cardwright_bundle::{Constant, Item, ItemKind, Job, NodeId, Op, Program};
use std::collections::BTreeSet;

/// E0604: a letter with a PIN that nothing else holds.
pub(super) fn lower(context: &mut Context<'_>) {
    let jobs = context.content.jobs.iter();
    let problems: Vec<Problem> = jobs.filter_map(|job| alone(context, job)).collect();
    problems.into_iter().for_each(|p| context.push(p));
}

fn alone(context: &Context<'_>, job: &Job) -> Option<Problem> {
    let content = &context.content;
    let program = |at: u32| content.programs.get(usize::try_from(at).ok()?);
    let mailer = job.mailer.as_ref()?;
    let layout = content.layouts.iter().find(|l| l.name == mailer.layout)?;
    let letter = program(layout.program)?;
    let further = layout.pages.iter().flat_map(|page| &page.items);
    let pin = |item: &Item| match item.draw {
        ItemKind::Pin { node, .. } => Some((node, item.span)),
        _ => None,
    };
    let mut pins = layout.items.iter().chain(further).filter_map(pin);
    let (span, drawn) = pins.find_map(|(node, span)| Some((span, drawn_under(letter, node)?)))?;
    let products = job.products.iter();
    let cards = products.filter_map(|p| content.cards.iter().find(|c| c.name == p.card));
    let outputs = job.outputs.iter();
    let formats = outputs.filter_map(|o| content.formats.iter().find(|f| f.name == o.format));
    let records = formats.flat_map(|f| &f.records).filter_map(|r| r.program);
    let all = cards.map(|c| c.program).chain(records);
    let held: BTreeSet<String> = all.filter_map(program).flat_map(purposes).collect();
    if held.contains(&drawn) {
        return None;
    }
    let spans = context.shared.spans.spans();
    let span = spans.get(span as usize).copied().unwrap_or_default();
    let message = "this PIN is drawn for the letter alone: neither card nor file has it";
    let help = "write one `let pin = pin.generate(4)`, and name it in the card and in the letter";
    Some(Problem::error("E0604", span, message).help(help))
}

/// The purpose of a node that draws a PIN.
fn purpose(program: &Program, op: &Op) -> Option<String> {
    let Op::Intent { intent, args, .. } = op else {
        return None;
    };
    match intent.as_str() {
        "pin.generate" => Some(String::new()),
        "pin.draw" => {
            let named = program.nodes.get(usize::try_from(*args.get(1)?).ok()?)?;
            match &named.op {
                Op::Constant {
                    value: Constant::Text(text),
                } => Some(text.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// All purposes that a program draws PINs for.
fn purposes(program: &Program) -> Vec<String> {
    let nodes = program.nodes.iter();
    nodes
        .filter_map(|node| purpose(program, &node.op))
        .collect()
}

/// What a value is drawn for, be it chosen among several.
fn drawn_under(program: &Program, node: NodeId) -> Option<String> {
    let mut asked = vec![node];
    // Arguments stand before what is made of them: this ends.
    while let Some(id) = asked.pop() {
        let found = program.nodes.get(usize::try_from(id).ok()?)?;
        if let Some(purpose) = purpose(program, &found.op) {
            return Some(purpose);
        }
        if let Op::Choose {
            then, otherwise, ..
        } = &found.op
        {
            asked.extend([*then, *otherwise]);
        }
    }
    None
}

//! PINs that are drawn: the one on a letter is that of the card, or of a file that goes to whoever
//! checks it. Two places that draw give two PINs.

use super::Context;
use crate::diagnostics::Problem;
use crate::model::Span;
use cardwright_bundle::{Constant, Item, ItemKind, Job, Layout, NodeId, Op, Program};
use std::collections::BTreeSet;

/// E0604: a letter with a PIN that nothing else holds.
pub(super) fn lower(context: &mut Context<'_>) {
    let jobs = context.content.jobs.iter();
    let problems: Vec<Problem> = jobs.filter_map(|job| alone(context, job)).collect();
    problems.into_iter().for_each(|p| context.push(p));
}

/// A layout with a PIN that is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    layout: String,
    /// Where the PIN stands.
    pub(crate) span: Span,
    /// Where it is drawn.
    pub(crate) drawn: Site,
}

/// A place where a PIN is drawn, with the calls that lead there.
pub(crate) type Site = Vec<Span>;

/// The letter that a layout is, while its program is there.
pub(super) fn letter(context: &Context<'_>, layout: &Layout) -> Option<Letter> {
    let program = usize::try_from(layout.program).ok()?;
    let program = context.content.programs.get(program)?;
    let further = layout.pages.iter().flat_map(|page| &page.items);
    let pin = |item: &Item| match item.draw {
        ItemKind::Pin { node, .. } => Some((node, item.span)),
        _ => None,
    };
    let mut pins = layout.items.iter().chain(further).filter_map(pin);
    let (span, drawn) = pins.find_map(|(node, span)| Some((span, drawn_under(program, node)?)))?;
    let spans = context.shared.spans.spans();
    let span = spans.get(usize::try_from(span).ok()?).copied();
    Some(Letter {
        layout: layout.name.clone(),
        span: span.unwrap_or_default(),
        drawn: site(context, &drawn)?,
    })
}

/// All places where a program draws PINs.
pub(super) fn sites(context: &Context<'_>, program: u32) -> Vec<Site> {
    if context.apart {
        // Places of this program only; its steps may go on from those of others.
        return context.shared.pins.clone();
    }
    let program = usize::try_from(program).ok();
    let program = program.and_then(|at| context.content.programs.get(at));
    let purposes = program.map(purposes).unwrap_or_default();
    purposes
        .iter()
        .filter_map(|name| site(context, name))
        .collect()
}

/// The place behind a purpose: the first place has none, the others are counted.
fn site(context: &Context<'_>, purpose: &str) -> Option<Site> {
    let number: usize = match purpose {
        "" => 1,
        number => number.parse().ok()?,
    };
    context.shared.pins.get(number.checked_sub(1)?).cloned()
}

fn alone(context: &Context<'_>, job: &Job) -> Option<Problem> {
    let content = &context.content;
    let mailer = job.mailer.as_ref()?;
    let letter = context.letters.iter().find(|l| l.layout == mailer.layout)?;
    let products = job.products.iter();
    let mut cards = products.filter_map(|p| context.cards.iter().find(|c| c.name == p.card));
    let outputs = job.outputs.iter();
    let formats = outputs.filter_map(|o| content.formats.iter().find(|f| f.name == o.format));
    let records = formats.flat_map(|f| &f.records).filter_map(|r| r.program);
    let mut files = records.map(|program| sites(context, program));
    let held = cards.any(|card| card.drawn.contains(&letter.drawn))
        || files.any(|drawn| drawn.contains(&letter.drawn));
    if held {
        return None;
    }
    let message = "this PIN is drawn for the letter alone: neither card nor file has it";
    let help = "write one `let pin = pin.generate(4)`, and name it in the card and in the letter";
    Some(Problem::error("E0604", letter.span, message).help(help))
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

fn purposes(program: &Program) -> BTreeSet<String> {
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

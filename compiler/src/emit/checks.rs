//! Checks over the whole bundle: keys against what they carry, and against one another.

use super::Context;
use super::card::Facts;
use super::keys::strength;
use crate::diagnostics::Problem;
use crate::model::Span;
use cardwright_bundle::{Job, KeySlot};
use std::collections::HashSet;

/// All of them.
pub(super) fn lower(context: &mut Context<'_>) {
    channels(context);
    transport(context);
    purposes(context);
}

fn span(context: &Context<'_>, id: u32) -> Span {
    let spans = context.shared.spans.spans();
    spans.get(id as usize).copied().unwrap_or_default()
}

/// The strongest symmetric key that a card's applications get.
fn strongest<'k>(keys: &'k [KeySlot], cards: &[&Facts]) -> Option<&'k KeySlot> {
    cards
        .iter()
        .flat_map(|card| &card.carried)
        .filter_map(|id| keys.get(*id as usize))
        .filter(|slot| strength(&slot.algorithm) > 0)
        .max_by_key(|slot| strength(&slot.algorithm))
}

/// The chip's keys travel under the channel's: it is at least as strong (ISO 11568, X9.24-1).
fn channels(context: &mut Context<'_>) {
    let content = &context.content;
    let mut problems = Vec::new();
    for card in &context.cards {
        let channel = card.channel;
        let channel = channel.and_then(|id| content.keys.get(id as usize));
        let (Some(channel), Some(carried)) = (channel, strongest(&content.keys, &[card])) else {
            continue;
        };
        if strength(&carried.algorithm) > strength(&channel.algorithm) {
            let message = format!(
                "`{}` ({}) opens the channel that carries keys of `{}` ({}) into the chip: a chain \
                 is as strong as its weakest key",
                channel.name, channel.algorithm, carried.name, carried.algorithm
            );
            let problem = Problem::error("E0510", card.span, message)
                .label(span(context, channel.span), "the channel's master key")
                .help("take SCP03 with an AES key as strong as the application's keys");
            problems.push(problem);
        }
    }
    for problem in problems {
        context.push(problem);
    }
}

/// A key travels in a file under one that is at least as strong (ISO 11568, X9.24-1).
fn transport(context: &mut Context<'_>) {
    let content = &context.content;
    let made = |job: &Job| -> Vec<&Facts> {
        let products = job.products.iter().map(|p| p.card.as_str());
        let products: HashSet<&str> = products.collect();
        let named = |c: &&Facts| products.contains(c.name.as_str());
        context.cards.iter().filter(named).collect()
    };
    let mut problems = Vec::new();
    for job in &content.jobs {
        let carried = strongest(&content.keys, &made(job));
        for output in &job.outputs {
            let key = output.transport_key;
            let key = key.and_then(|k| content.keys.get(k as usize));
            let (Some(key), Some(carried)) = (key, carried) else {
                continue;
            };
            if strength(&carried.algorithm) > strength(&key.algorithm) {
                let message = format!(
                    "`{}` ({}) would carry {} keys in `{}`: a chain is as strong as its weakest key",
                    key.name, key.algorithm, carried.algorithm, output.format
                );
                let problem = Problem::error("E0510", span(context, key.span), message)
                    .help("make the transport key as strong as the keys that it carries");
                problems.push(problem);
            }
        }
    }
    for problem in problems {
        context.push(problem);
    }
}

/// A key has one use, and each operation takes keys of its own use: what is left is one key under
/// two names. Equal check values, where a key form states them, tell it.
fn purposes(context: &mut Context<'_>) {
    let stated: Vec<(usize, &KeySlot)> = context
        .model
        .keys()
        .zip(&context.content.keys)
        .enumerate()
        .filter(|(_, (decl, slot))| {
            decl.attribute("check").is_some() && !slot.check_value.is_empty()
        })
        .map(|(at, (_, slot))| (at, slot))
        .collect();
    let mut problems = Vec::new();
    for (at, slot) in &stated {
        let same = |other: &&(usize, &KeySlot)| {
            let other = other.1;
            other.check_value == slot.check_value
                && other.check_method == slot.check_method
                && other.algorithm == slot.algorithm
        };
        let earlier = stated.iter().take_while(|(n, _)| n < at).find(same);
        let Some((_, first)) = earlier else {
            continue;
        };
        let message = format!(
            "`{}` and `{}` have the same check value: they are one key, for {} and for {}",
            slot.name, first.name, slot.usage, first.usage
        );
        let problem = Problem::error("E0503", span(context, slot.span), message)
            .label(span(context, first.span), "the same key")
            .help("have a key made for each purpose, and write the check value of its own form");
        problems.push(problem);
    }
    for problem in problems {
        context.push(problem);
    }
}

//! The nodes that something in a bundle asks its program for.

use cardwright_bundle::{Card, Item, ItemKind, Job, NodeId, Op, ScriptPart};

/// What an operation refers to.
pub(super) fn arguments(op: &Op) -> Vec<NodeId> {
    match op {
        Op::Apply { args, .. } | Op::Intent { args, .. } => args.clone(),
        Op::Choose {
            condition,
            then,
            otherwise,
        } => vec![*condition, *then, *otherwise],
        Op::Field { .. } | Op::Constant { .. } | Op::Count { .. } | Op::Sum { .. } => Vec::new(),
    }
}

/// What a card holds and shows.
pub(super) fn card(card: &Card) -> Vec<NodeId> {
    let mut nodes = vec![card.pan, card.psn, card.expiry];
    for application in card.chip.iter().flat_map(|chip| &chip.applications) {
        nodes.extend(application.dgis.iter().map(|dgi| dgi.node));
        nodes.extend(application.facts.iter().map(|(_, node)| *node));
        let commands = application.script.iter().flat_map(|s| &s.commands);
        nodes.extend(
            commands
                .flat_map(|c| &c.parts)
                .filter_map(|part| match part {
                    ScriptPart::Value { node } | ScriptPart::Secret { node, .. } => Some(*node),
                    ScriptPart::Variable { .. } => None,
                }),
        );
    }
    if let Some(stripe) = &card.stripe {
        nodes.extend(stripe.track1);
        nodes.extend(stripe.track2);
    }
    for face in &card.faces {
        nodes.extend(face.emboss.iter().map(|line| line.node));
        nodes.extend(face.print.iter().map(|panel| panel.node));
    }
    nodes
}

/// What an item of a page draws.
pub(super) fn item(item: &Item) -> Option<NodeId> {
    match &item.draw {
        ItemKind::Text { node, .. }
        | ItemKind::Pin { node, .. }
        | ItemKind::DataMatrix { node } => Some(*node),
        ItemKind::Rule { .. } | ItemKind::Face { .. } => None,
    }
}

/// What a job asks of an order.
pub(super) fn job(job: &Job) -> Vec<NodeId> {
    let mut nodes = vec![job.selector];
    nodes.extend(job.priority);
    nodes.extend(job.accept.iter().map(|(condition, _)| *condition));
    nodes
}

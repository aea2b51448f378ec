//! The nodes that something in a bundle asks its program for.

use cardwright_bundle::{
    Application, Card, Item, ItemKind, Job, Layout, NodeId, Op, Panel, ScriptPart,
};

/// What an operation refers to.
pub(super) fn arguments(op: &Op) -> Vec<NodeId> {
    match op {
        Op::Apply { args, .. } | Op::Intent { args, .. } => args.clone(),
        Op::Choose {
            condition,
            then,
            otherwise,
        } => vec![*condition, *then, *otherwise],
        Op::Listed { key, .. } => vec![*key],
        Op::Lookup { key, otherwise, .. } => {
            let mut nodes = vec![*key];
            nodes.extend(*otherwise);
            nodes
        }
        Op::Field { .. } | Op::Constant { .. } | Op::Count { .. } | Op::Sum { .. } => Vec::new(),
    }
}

/// Applications of a card's chip.
pub(super) fn applications(card: &Card) -> impl Iterator<Item = &Application> {
    card.chip.iter().flat_map(|chip| &chip.applications)
}

/// What an application holds.
pub(super) fn application(application: &Application) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = Vec::new();
    for dgi in &application.dgis {
        nodes.extend(dgi.when.into_iter().chain([dgi.node]));
    }
    nodes.extend(application.facts.iter().map(|(_, node)| *node));
    let commands = application.script.iter().flat_map(|s| &s.commands);
    nodes.extend(
        commands
            .flat_map(|c| ScriptPart::leaves(&c.parts))
            .flat_map(ScriptPart::nodes),
    );
    nodes
}

/// What a card holds and shows, but for its applications and panels.
pub(super) fn card(card: &Card) -> Vec<NodeId> {
    let mut nodes = vec![card.pan, card.psn, card.expiry];
    if let Some(stripe) = &card.stripe {
        nodes.extend(stripe.track1);
        nodes.extend(stripe.track2);
    }
    for face in &card.faces {
        nodes.extend(face.emboss.iter().map(|line| line.node));
    }
    nodes
}

/// Printed panels of both faces.
pub(super) fn panels(card: &Card) -> impl Iterator<Item = &Panel> {
    card.faces.iter().flat_map(|face| &face.print)
}

/// Items of all pages of a layout.
pub(super) fn items(layout: &Layout) -> impl Iterator<Item = &Item> {
    let further = layout.pages.iter().flat_map(|page| &page.items);
    layout.items.iter().chain(further)
}

/// Something that is drawn or left out by a condition, with what it draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// `item`, or `row` of a table.
    pub(super) kind: &'static str,
    /// Number of the row, from 1; 0 for an item.
    pub(super) number: usize,
    /// Flag node.
    pub(super) when: Option<NodeId>,
    /// Nodes that are drawn.
    pub(super) draws: Vec<NodeId>,
}

/// An item and the rows of its table. The first part is the item itself.
pub(super) fn parts(item: &Item) -> Vec<Part> {
    let (draws, rows) = match &item.draw {
        ItemKind::Text { node, .. }
        | ItemKind::Pin { node, .. }
        | ItemKind::Symbol { node, .. }
        | ItemKind::DataMatrix { node } => (vec![*node], Vec::new()),
        ItemKind::Table(table) => (Vec::new(), table.rows.iter().collect()),
        ItemKind::Rule { .. }
        | ItemKind::Face { .. }
        | ItemKind::Image { .. }
        | ItemKind::Line { .. } => (Vec::new(), Vec::new()),
    };
    let whole = Part {
        kind: "item",
        number: 0,
        when: item.when,
        draws,
    };
    let rows = (1..).zip(rows).map(|(number, row)| Part {
        kind: "row",
        number,
        when: row.when,
        draws: row.cells.clone(),
    });
    std::iter::once(whole).chain(rows).collect()
}

/// Layouts that a job prints for each order.
pub(super) fn pages(job: &Job) -> impl Iterator<Item = &str> {
    let mailer = job.mailer.as_ref().map(|m| m.layout.as_str());
    let others = job
        .carrier
        .as_deref()
        .into_iter()
        .chain(job.labels.as_deref());
    others.chain(mailer)
}

/// What a job asks of an order.
pub(super) fn job(job: &Job) -> Vec<NodeId> {
    let mut nodes = vec![job.selector];
    nodes.extend(job.priority);
    nodes.extend(job.accept.iter().map(|(condition, _)| *condition));
    nodes
}

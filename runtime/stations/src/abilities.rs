//! Before a job starts: whether this site's HSM can open the chips' channels, and give them what they
//! take under the channel's key for sensitive data.

use std::collections::BTreeSet;

use cardwright_bundle::{Application, Card, Chip, NodeId, Op, Program};
use cardwright_ports::hsm::{CardSecret, HsmSession};
use cardwright_runtime::{Loaded, plan::BoundKeys};

use crate::StationError;
use crate::perso::{channel_spec, diversification};

/// Asks the HSM for every chip of a bundle.
///
/// # Errors
/// The HSM's own, with the card's name: what it can't do, and what it lacks.
pub fn check(
    loaded: &Loaded,
    keys: &BoundKeys,
    session: &mut dyn HsmSession,
) -> Result<(), StationError> {
    let content = loaded.content();
    for card in &content.cards {
        let Some((chip, channel)) = chip_of(card) else {
            continue;
        };
        let spec = channel_spec(chip, channel, keys)?;
        let mut secrets: Vec<CardSecret> = match content.programs.get(card.program as usize) {
            Some(program) => secrets(chip, program).into_iter().collect(),
            None => Vec::new(),
        };
        if let Some(new) = &chip.content.keys {
            secrets.push(CardSecret::NewKeys {
                key: keys.get(new.key)?,
                diversification: diversification(&new.diversification)?,
            });
        }
        session.check_channel(&spec, &secrets).map_err(|refused| {
            let mut error = StationError::from(refused);
            error.what = format!("card `{}`: {}", card.name, error.what);
            error
        })?;
    }
    Ok(())
}

fn chip_of(card: &Card) -> Option<(&Chip, &cardwright_bundle::Channel)> {
    let chip = card.chip.as_ref()?;
    Some((chip, chip.channel.as_ref()?))
}

/// What the enciphered groupings of a chip are made of.
fn secrets(chip: &Chip, program: &Program) -> BTreeSet<CardSecret> {
    let groupings = |application: &Application| {
        let enciphered = application.dgis.iter().filter(|dgi| dgi.encrypted);
        enciphered.map(|dgi| dgi.node).collect::<Vec<_>>()
    };
    let mut found = BTreeSet::new();
    for start in chip.applications.iter().flat_map(groupings) {
        let (mut known, mut open) = (BTreeSet::new(), vec![(start, false)]);
        while let Some((id, joined)) = open.pop() {
            let node = program.nodes.get(id as usize);
            let Some(node) = node.filter(|_| known.insert((id, joined))) else {
                continue;
            };
            let intent = match &node.op {
                Op::Intent { intent, .. } => intent.as_str(),
                _ => "",
            };
            match (intent, joined) {
                ("emv.master_keys" | "key.card", false) => found.insert(CardSecret::MasterKeys),
                ("emv.master_keys" | "key.card", true) => found.insert(CardSecret::JoinedKeys),
                ("rsa.generate", _) => found.insert(CardSecret::RsaKey),
                _ => false,
            };
            // What an intent makes of keys is no key: only joining gives back what it was given.
            if intent.is_empty() || intent == "blob.join" {
                let joined = joined || intent == "blob.join";
                open.extend(operands(&node.op).into_iter().map(|id| (id, joined)));
            }
        }
    }
    found
}

/// The nodes that a node is made of.
fn operands(op: &Op) -> Vec<NodeId> {
    match op {
        Op::Apply { args, .. } | Op::Intent { args, .. } => args.clone(),
        Op::Choose {
            then, otherwise, ..
        } => vec![*then, *otherwise],
        Op::Lookup { otherwise, .. } => otherwise.iter().copied().collect(),
        _ => Vec::new(),
    }
}

//! What was cut off: announced acts, compared with what the HSM has, and how each is ended.

use super::{Inventory, KeyEntry, PendingAct};
use crate::KeysError;
use cardwright_ports::custody::KeyFacts;
use std::collections::{BTreeMap, BTreeSet};

/// How an act that was cut off is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All keys of the group are there: they are entered.
    Enter {
        /// Group.
        group: String,
    },
    /// Some are missing, or the act needs more than its keys: those that are there are destroyed,
    /// then the announcement goes.
    TakeBack {
        /// Group.
        group: String,
        /// Labels of keys to be destroyed.
        destroy: Vec<String>,
    },
    /// Two people wanted a key destroyed: it is, if it still is there.
    Destroy {
        /// Label.
        label: String,
        /// Whether the HSM still has it.
        there: bool,
    },
    /// A key of that label is there that is not the announced one: people must look.
    Differs {
        /// Label.
        label: String,
    },
}

impl Inventory {
    /// How each pending act is ended, given all keys of the HSM.
    pub fn endings(&self, found: &[KeyFacts]) -> Result<Vec<Ending>, KeysError> {
        let found: BTreeMap<&str, &KeyFacts> =
            found.iter().map(|f| (f.label.as_str(), f)).collect();
        let mut groups: BTreeSet<&str> = BTreeSet::new();
        let mut endings = Vec::new();
        for entry in self.entries() {
            match &entry.pending {
                Some(p) if p.act == PendingAct::Destroy => endings.push(Ending::Destroy {
                    label: entry.label(),
                    there: found.contains_key(entry.label().as_str()),
                }),
                Some(p) => {
                    groups.insert(&p.group);
                }
                None => {}
            }
        }
        for group in groups {
            let members: Vec<&KeyEntry> = self.group(group).collect();
            endings.push(ending(group, &members, &found)?);
        }
        Ok(endings)
    }
}

fn ending(
    group: &str,
    members: &[&KeyEntry],
    found: &BTreeMap<&str, &KeyFacts>,
) -> Result<Ending, KeysError> {
    let mut destroy = Vec::new();
    let mut whole = true;
    for entry in members {
        let label = entry.label();
        let transient = entry.pending.as_ref().map(|p| p.act) == Some(PendingAct::Transient);
        whole &= !transient;
        match found.get(label.as_str()) {
            None => whole = false,
            Some(facts) if entry.agrees_with(facts)? => destroy.push(label),
            Some(_) => return Ok(Ending::Differs { label }),
        }
    }
    let group = group.to_owned();
    Ok(match whole {
        true => Ending::Enter { group },
        false => Ending::TakeBack { group, destroy },
    })
}

//! The inventory beside the HSM: what is missing, what is too much, what is another key.

use super::{Inventory, KeyEntry, KeyLabel, State, check_text};
use crate::KeysError;
use cardwright_ports::custody::{KeyFacts, Spread};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A difference between inventory and HSM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Label in the HSM.
    pub label: String,
    /// What differs.
    pub kind: DifferenceKind,
    /// In words.
    pub what: String,
}

/// Kinds of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The inventory has it, the HSM has not.
    Missing,
    /// The HSM has it, the inventory has not.
    Extra,
    /// It was destroyed, says the inventory; the HSM still has it.
    StillThere,
    /// Algorithm, use, exportability or check value are others.
    Differs,
    /// An act on it was cut off.
    Pending,
    /// Some tokens of the HSM lack it, or hold another key under its label.
    NotEverywhere,
}

impl Inventory {
    /// Compares every entry with the keys of the HSM. Keys of the HSM whose label has no version
    /// are open test keys and no difference when `test_keys` says so.
    pub fn compare(
        &self,
        found: &[KeyFacts],
        test_keys: bool,
    ) -> Result<Vec<Difference>, KeysError> {
        let facts: BTreeMap<&str, &KeyFacts> =
            found.iter().map(|f| (f.label.as_str(), f)).collect();
        let mut seen = BTreeSet::new();
        let mut differences = Vec::new();
        for entry in self.entries() {
            let label = entry.label();
            if let Some((kind, what)) = difference(entry, facts.get(label.as_str()).copied())? {
                differences.push(Difference {
                    label: label.clone(),
                    kind,
                    what,
                });
            }
            seen.insert(label);
        }
        for label in facts.keys().filter(|label| !seen.contains(**label)) {
            if test_keys && KeyLabel::parse(label).is_none() {
                continue;
            }
            differences.push(Difference {
                label: (*label).to_owned(),
                kind: DifferenceKind::Extra,
                what: "the HSM has it, the inventory has not".to_owned(),
            });
        }
        Ok(differences)
    }
}

/// A key that not all tokens hold, in words.
pub(crate) fn not_everywhere(spread: &Spread) -> Difference {
    let lacking = spread.lacking.join(", ");
    let what = match spread.differs {
        true => "the tokens hold different keys under this label".to_owned(),
        false => format!("{lacking} lacks it; `cardstation keys copy` brings it there"),
    };
    Difference {
        label: spread.label.clone(),
        kind: DifferenceKind::NotEverywhere,
        what,
    }
}

type Found = Option<(DifferenceKind, String)>;

fn difference(entry: &KeyEntry, found: Option<&KeyFacts>) -> Result<Found, KeysError> {
    use DifferenceKind as K;
    if let Some(pending) = &entry.pending {
        return Ok(Some((
            K::Pending,
            format!("{} has not ended", pending.group),
        )));
    }
    let Some(facts) = found else {
        return Ok((entry.state != State::Destroyed).then(|| {
            (
                K::Missing,
                "the inventory has it, the HSM has not".to_owned(),
            )
        }));
    };
    if entry.state == State::Destroyed {
        let what = "the inventory says that it is destroyed; the HSM has it";
        return Ok(Some((K::StillThere, what.to_owned())));
    }
    if entry.agrees_with(facts)? {
        return Ok(None);
    }
    let found: Vec<String> = facts
        .check_values
        .iter()
        .map(check_text)
        .map(|c| c.value)
        .collect();
    let own: Vec<&str> = entry
        .check_values
        .iter()
        .map(|c| c.value.as_str())
        .collect();
    let what = format!(
        "inventory: {} {} {} {}; HSM: {} {} {:?} {}",
        entry.algorithm,
        entry.usage,
        entry.exportability,
        own.join(" "),
        facts.algorithm.name(),
        super::use_name(facts.usage),
        facts.exportability,
        found.join(" ")
    );
    Ok(Some((K::Differs, what)))
}

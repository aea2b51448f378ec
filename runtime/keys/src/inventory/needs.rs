//! What keys a bundle needs, compared with the inventory before a job may start.

use super::{
    Inventory, KeyEntry, NEED_CHECK_VALUE, NEED_DIFFERS, NEED_MISSING, NEED_PERIOD, NEED_STATE,
    State, enter::list, entry::same_check,
};
use crate::{Code, KeysError};
use std::collections::BTreeMap;

/// A key that a bundle needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Logical name.
    pub name: String,
    /// Algorithm's name.
    pub algorithm: String,
    /// Bits of an RSA modulus, else 0.
    pub bits: u32,
    /// Public exponent, else 0.
    pub exponent: u32,
    /// Use's name.
    pub usage: String,
    /// Method of its check value.
    pub check_method: String,
    /// Check value, hexadecimal.
    pub check_value: String,
}

/// Labels of the versions in use, by logical name. A name that the inventory does not know has
/// none; it binds as it is written.
pub type Labels = BTreeMap<String, String>;

/// A key that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Logical name.
    pub name: String,
    /// Why.
    pub code: Code,
    /// In words.
    pub what: String,
}

impl Inventory {
    /// The version of each needed key that is in use now; or, at once, all that are not ready. A
    /// TEST key that the inventory has never heard of is left to the HSM's open test keys.
    pub fn resolve(&self, needs: &[Need], live: bool, at: i64) -> Result<Labels, KeysError> {
        let mut labels = Labels::new();
        let mut missing = Vec::new();
        for need in needs {
            match self.resolved(need, live, at) {
                Ok(Some(label)) => {
                    labels.insert(need.name.clone(), label);
                }
                Ok(None) => {}
                Err(found) => missing.push(found),
            }
        }
        let Some(first) = missing.first() else {
            return Ok(labels);
        };
        let all: Vec<String> = missing
            .iter()
            .map(|m| format!("{} {}", m.code.code, m.what))
            .collect();
        let what = match missing.len() {
            1 => first.what.clone(),
            count => format!("{count} keys are not ready: {}", list(&all)),
        };
        Err(first.code.found(what))
    }

    fn resolved(&self, need: &Need, live: bool, at: i64) -> Result<Option<String>, Missing> {
        let missing = |code: Code, what: String| Missing {
            name: need.name.clone(),
            code,
            what,
        };
        if self.versions(&need.name).next().is_none() {
            return match live {
                false => Ok(None),
                true => Err(missing(
                    NEED_MISSING,
                    format!("{} is not in the inventory", need.name),
                )),
            };
        }
        let Some(entry) = self.in_use(&need.name, at) else {
            let (code, what) = self.why_not(&need.name, at);
            return Err(missing(code, what));
        };
        let label = entry.label();
        let same = entry.algorithm == need.algorithm
            && (need.bits == 0 || entry.bits == need.bits)
            && (need.exponent == 0 || entry.exponent == need.exponent);
        if !same {
            let what = format!(
                "{label} is {}, the bundle asks for {}",
                sized(&entry.algorithm, entry.bits, entry.exponent),
                sized(&need.algorithm, need.bits, need.exponent)
            );
            return Err(missing(NEED_DIFFERS, what));
        }
        if entry.usage != need.usage {
            let what = format!(
                "{label} is for {}, the bundle asks for {}",
                entry.usage, need.usage
            );
            return Err(missing(NEED_DIFFERS, what));
        }
        let own = entry
            .check_values
            .iter()
            .find(|c| c.method == need.check_method);
        if let Some(own) = own
            && !same_check(&own.digits(), &need.check_value)
        {
            let what = format!(
                "{label} has check value {} ({}), the bundle expects {}",
                own.value, own.method, need.check_value
            );
            return Err(missing(NEED_CHECK_VALUE, what));
        }
        Ok(Some(label))
    }

    /// Why no version of a name is in use.
    fn why_not(&self, name: &str, at: i64) -> (Code, String) {
        let active = |e: &&KeyEntry| e.state == State::Active && e.pending.is_none();
        if let Some(entry) = self.versions(name).rfind(active) {
            let label = entry.label();
            return match entry.active_from {
                Some(from) if from > at => (
                    NEED_PERIOD,
                    format!("{label} is not yet in use: its period has not begun"),
                ),
                _ => (
                    NEED_PERIOD,
                    format!("{label} has expired: its period is over"),
                ),
            };
        }
        let newest = self.versions(name).next_back();
        let what = newest.map_or_else(
            || format!("{name} has no version"),
            |e| match &e.pending {
                Some(_) => format!("{}: an act on it has not ended", e.label()),
                None => format!("{} is {}", e.label(), e.state.name()),
            },
        );
        (NEED_STATE, what)
    }
}

fn sized(algorithm: &str, bits: u32, exponent: u32) -> String {
    match bits {
        0 => algorithm.to_owned(),
        bits => format!("{algorithm} {bits} exponent {exponent}"),
    }
}

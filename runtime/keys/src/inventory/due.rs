//! What has to be done soon: keys before their end, keys past it, acts that wait.

use super::{Inventory, KeyEntry, State};
use schemars::JsonSchema;
use serde::Serialize;

const DAY_SECONDS: i64 = 86_400;

/// Why a key is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// An act on it was cut off.
    Pending,
    /// Its period is over and it was not retired.
    Expired,
    /// Its period ends soon and no version stands ready to follow.
    EndsWithoutSuccessor,
    /// Its period ends soon.
    Ends,
    /// It is active and has no end.
    NoEnd,
    /// It is suspended: it is to be resumed or retired.
    Suspended,
    /// It is compromised and still there.
    Compromised,
    /// One person has asked for an act and waits for another.
    Asked,
    /// Its period should have begun, and it was not activated.
    NotActivated,
}

impl Why {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Why::Pending => "an act on it was cut off",
            Why::Expired => "its period is over; retire it",
            Why::EndsWithoutSuccessor => "its period ends and nothing follows",
            Why::Ends => "its period ends; another version follows",
            Why::NoEnd => "it is in use without an end",
            Why::Suspended => "it is suspended; resume or retire it",
            Why::Compromised => "it is compromised; destroy it",
            Why::Asked => "one person has asked for an act; another must, too",
            Why::NotActivated => "its period has begun, it was not activated",
        }
    }
}

/// A key that somebody has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Due {
    /// Label.
    pub label: String,
    /// Owner.
    pub owner: String,
    /// Why.
    pub why: Why,
    /// When, seconds since 1970, where there is a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

impl Inventory {
    /// Keys that are due within some days, the most pressing first.
    pub fn due(&self, at: i64, days: u32) -> Vec<Due> {
        let until = at.saturating_add(i64::from(days).saturating_mul(DAY_SECONDS));
        let mut found: Vec<Due> = self
            .entries()
            .filter_map(|entry| {
                let (why, when) = self.why_due(entry, at, until)?;
                Some(Due {
                    label: entry.label(),
                    owner: entry.owner.clone(),
                    why,
                    at: when,
                })
            })
            .collect();
        found.sort_by(|a, b| (a.why, a.at, &a.label).cmp(&(b.why, b.at, &b.label)));
        found
    }

    fn why_due(&self, entry: &KeyEntry, at: i64, until: i64) -> Option<(Why, Option<i64>)> {
        if let Some(pending) = &entry.pending {
            return Some((Why::Pending, Some(pending.at)));
        }
        if let Some(asked) = &entry.asked {
            return Some((Why::Asked, Some(asked.at)));
        }
        let last = entry.history.last().map(|step| step.at);
        match (entry.state, entry.active_from, entry.active_to) {
            (State::Active, _, Some(end)) if end <= at => Some((Why::Expired, Some(end))),
            (State::Active, _, Some(end)) if end <= until => match self.follows(entry, end) {
                true => Some((Why::Ends, Some(end))),
                false => Some((Why::EndsWithoutSuccessor, Some(end))),
            },
            (State::Active, _, None) => Some((Why::NoEnd, None)),
            (State::Suspended, ..) => Some((Why::Suspended, last)),
            (State::Compromised, ..) => Some((Why::Compromised, last)),
            (State::PreActive, Some(from), _) if from <= at => {
                Some((Why::NotActivated, Some(from)))
            }
            _ => None,
        }
    }

    /// Whether another version is active from the end on.
    fn follows(&self, entry: &KeyEntry, end: i64) -> bool {
        self.versions(&entry.name).any(|other| {
            other.version != entry.version && other.state == State::Active && other.in_period(end)
        })
    }
}

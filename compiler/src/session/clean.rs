//! What was found in order for one declaration is in order for every other that holds the same entry
//! and gives the same answers: what 200 heirs inherit is looked at once.
//!
//! Only what has no finding is shared: a finding names the declaration that it is about.

use super::turn::{self, Part};
use crate::model::log::Asked;
use crate::model::{Decl, MEntry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An entry, and what it was held against: addresses of both, and the number of the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) entry: usize,
    pub(crate) against: usize,
    pub(crate) ground: usize,
}

/// What an entry rested on that was in order.
#[derive(Debug)]
pub(crate) struct InOrder {
    /// What was looked for in the declaration around it, and found.
    own: Vec<(String, Option<usize>)>,
    asked: Vec<Asked>,
    /// Expressions that were worked out.
    pub(crate) steps: u32,
}

/// Most cases of one entry that are kept: what heirs overrule differs, mostly in few ways.
const MOST_CASES: usize = 8;

/// Parts of the map, so that threads do not wait for one another.
const PARTS: usize = 16;

type Known = foldhash::HashMap<Place, Vec<Arc<InOrder>>>;

/// All that was found in order in one check. Addresses stand for entries as long as the Model of
/// that check does.
#[derive(Debug, Default)]
pub(crate) struct Clean {
    parts: [Mutex<Known>; PARTS],
    grounds: Mutex<HashMap<Ground, usize>>,
}

/// The kind of a declaration; the format and record that its expressions speak of.
type Ground = (String, String, String);

impl Clean {
    /// The number of a ground.
    pub(crate) fn ground(&self, kind: &str, format: &str, record: &str) -> usize {
        let ground = (kind.to_owned(), format.to_owned(), record.to_owned());
        let mut grounds = self.grounds.lock().unwrap_or_else(PoisonError::into_inner);
        let next = grounds.len();
        *grounds.entry(ground).or_insert(next)
    }

    fn part(&self, place: &Place) -> Option<MutexGuard<'_, Known>> {
        // Addresses are multiples of sixteen.
        let part = self.parts.get((place.entry / 16) % PARTS)?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether an entry was in order for another declaration that gives the same answers; what it
    /// rested on is asked for this one.
    pub(crate) fn known(&self, place: &Place, decl: &Decl) -> Option<Arc<InOrder>> {
        let part = self.part(place)?;
        let same = |(path, found): &(String, Option<usize>)| {
            decl.entry_by(path).map(MEntry::address) == *found
        };
        let mut cases = part.get(place)?.iter();
        let known = cases.find(|case| case.own.iter().all(same)).cloned();
        drop(part);
        if let Some(known) = &known {
            turn::ask_again(decl, &known.own, &known.asked);
        }
        known
    }

    /// Keeps that an entry is in order.
    pub(crate) fn keep(&self, place: Place, part: Part, steps: u32) {
        if !part.questions.files.is_empty() {
            return;
        }
        let Some(mut known) = self.part(&place) else {
            return;
        };
        let cases = known.entry(place).or_default();
        if cases.len() < MOST_CASES {
            cases.push(Arc::new(InOrder {
                own: part.own,
                asked: part.questions.asked,
                steps,
            }));
        }
    }
}

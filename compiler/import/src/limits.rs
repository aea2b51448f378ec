//! How much is imported at most: a draft is read by people.

use crate::{
    data::Card,
    error::{ImportError, too_much},
};

/// Octets of a file.
pub(crate) const FILE_OCTETS_MAX: usize = 16 << 20;
/// Cards of a file.
const CARDS_MAX: usize = 10_000;
/// Applications of a card.
const APPLICATIONS_MAX: usize = 16;
/// Data groupings of an application.
const GROUPINGS_MAX: usize = 256;
/// Products of a draft.
pub(crate) const SHAPES_MAX: usize = 16;
/// Columns of a product's order file.
pub(crate) const FIELDS_MAX: usize = 200;

/// Refuses more.
pub(crate) fn check(cards: &[Card]) -> Result<(), ImportError> {
    if cards.len() > CARDS_MAX {
        return Err(too_much("the file", CARDS_MAX, "cards"));
    }
    for card in cards {
        if card.applications.len() > APPLICATIONS_MAX {
            return Err(too_much("a card", APPLICATIONS_MAX, "applications"));
        }
        let mut all = card.applications.iter();
        if all.any(|a| a.groupings.len() > GROUPINGS_MAX) {
            return Err(too_much("an application", GROUPINGS_MAX, "groupings"));
        }
    }
    Ok(())
}

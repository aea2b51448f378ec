//! Kinds of declarations and blocks, one file for each region of the trade.

mod application;
mod card;
mod data;
mod general;
mod line;
mod paper;
mod profile;
mod script;

use crate::Kind;
use std::collections::HashMap;
use std::sync::LazyLock;

/// All kinds: declarations first, then blocks, each region together.
pub static KINDS: LazyLock<Vec<&'static Kind>> = LazyLock::new(|| {
    [
        general::KINDS,
        data::KINDS,
        profile::KINDS,
        application::KINDS,
        script::KINDS,
        card::KINDS,
        paper::KINDS,
        line::KINDS,
    ]
    .into_iter()
    .flatten()
    .collect()
});

static BY_NAME: LazyLock<HashMap<&'static str, &'static Kind>> =
    LazyLock::new(|| KINDS.iter().map(|kind| (kind.name, *kind)).collect());

/// A kind by its name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    BY_NAME.get(name).copied()
}

/// Kinds that are declared at the top of a file.
pub fn top_kinds() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().copied().filter(|kind| kind.top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Is, Shape};

    #[test]
    fn every_block_has_its_kind_and_every_kind_one_row_for_a_pattern() {
        for kind in KINDS.iter() {
            for row in kind.attributes {
                let block = match row.shape {
                    Shape::Block(name)
                    | Shape::BareOrBlock(name)
                    | Shape::ValueAndBlock(_, name) => Some(name),
                    _ => None,
                };
                if let Some(name) = block {
                    assert!(super::kind(name).is_some(), "{name}");
                }
                if let Shape::Value(Is::Flags(set)) = row.shape {
                    assert!(crate::bit_field(set).is_some(), "{set}");
                }
                if row.pattern == "dictionary"
                    && let Shape::Value(Is::Word(words)) = row.shape
                {
                    let known = cardwright_standards::tags::DICTIONARIES;
                    assert_eq!(
                        words.iter().skip(1).collect::<Vec<_>>(),
                        known.iter().collect::<Vec<_>>()
                    );
                }
                let same = kind.attributes.iter().filter(|r| r.pattern == row.pattern);
                assert_eq!(same.count(), 1, "{} {}", kind.name, row.pattern);
                assert!(!row.doc.is_empty());
            }
        }
    }
}

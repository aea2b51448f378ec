//! Cards of one shape are one product: the same applications with the same groupings, whatever
//! the values.

use crate::{
    data::{Application, Card, Channel, Padding, Value},
    error::{ImportError, nothing, too_much},
    limits::SHAPES_MAX,
};
use std::collections::BTreeMap;

/// A product's cards.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'c> {
    /// Numbers in the file, from 1, and the cards.
    pub(crate) cards: Vec<(usize, &'c Card)>,
}

impl<'c> Shape<'c> {
    /// The applications of the shape, each with that application of every card.
    pub(crate) fn applications(&self) -> Vec<Vec<&'c Application>> {
        let first = self
            .cards
            .first()
            .map_or(0, |(_, card)| card.applications.len());
        let of = |at: usize| {
            let cards = self.cards.iter();
            cards
                .filter_map(|(_, card)| card.applications.get(at))
                .collect()
        };
        (0..first).map(of).collect()
    }
}

/// What cards of one shape have in common.
type Key<'c> = Vec<(&'c [u8], Option<Channel>, Vec<(u16, Kind)>)>;

/// What is known of a grouping but its octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Clear,
    Sealed(usize, Option<Padding>),
    Transported,
}

/// The products of a file, in the order of their first cards.
pub(crate) fn shapes(cards: &[Card]) -> Result<Vec<Shape<'_>>, ImportError> {
    let mut places: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    let mut shapes: Vec<Shape<'_>> = Vec::new();
    for (number, card) in (1..).zip(cards) {
        let next = shapes.len();
        let at = *places.entry(key(card)).or_insert(next);
        match shapes.get_mut(at) {
            Some(shape) => shape.cards.push((number, card)),
            None => shapes.push(Shape {
                cards: vec![(number, card)],
            }),
        }
        if shapes.len() > SHAPES_MAX {
            return Err(too_much("the file", SHAPES_MAX, "kinds of cards"));
        }
    }
    if shapes.is_empty() {
        return Err(nothing());
    }
    Ok(shapes)
}

fn key(card: &Card) -> Key<'_> {
    let applications = card.applications.iter().map(|application| {
        let groupings = application.groupings.iter().map(|grouping| {
            let kind = match &grouping.value {
                Value::Clear(_) => Kind::Clear,
                Value::Sealed { octets, padding } => Kind::Sealed(*octets, *padding),
                Value::Transported { .. } => Kind::Transported,
            };
            (grouping.number, kind)
        });
        (
            application.aid.as_slice(),
            application.channel,
            groupings.collect(),
        )
    });
    applications.collect()
}

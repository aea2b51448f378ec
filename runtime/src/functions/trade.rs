//! What only this trade has: tracks, names on cards, check digits.

use super::{Row, no_fit};
use crate::{RuntimeError, Value};
use cardwright_standards::{names, pan, track};

type Result<T = Value> = std::result::Result<T, RuntimeError>;

/// Functions of the trade.
pub(super) static TABLE: &[Row] = &[
    ("embossing_name", |a| {
        let most = a.length(1)?;
        text(
            names::embossing_name(a.text(0)?, most),
            "no name that can be embossed",
        )
    }),
    ("emv_name", |a| {
        let most = a.length(1)?;
        let name =
            names::emv_name(a.text(0)?).map_err(|_| no_fit("no name that a card can hold"))?;
        // Names are at most 26 characters; a shorter place cuts, as the trade does.
        Ok(Value::Text(name.chars().take(most).collect()))
    }),
    ("latin", |a| {
        text(names::latin(a.text(0)?), "a script without a Latin form")
    }),
    ("luhn", |a| Ok(Value::Flag(pan::luhn_holds(a.text(0)?)))),
    ("track1", |a| {
        let expiry = a.date(2)?.format("YYMM");
        // A name as its holder writes it is brought into track 1's form; one in that form stays.
        let name =
            names::emv_name(a.text(1)?).map_err(|_| no_fit("no name that a card can hold"))?;
        let made = track::track_1(a.text(0)?, &name, &expiry, a.text(3)?, a.text(4)?);
        let made = made.map(|text| {
            text.trim_start_matches('%')
                .trim_end_matches('?')
                .to_owned()
        });
        text(
            made,
            "track 1 is too long, or holds a character that it has not",
        )
    }),
    ("track2", |a| {
        let expiry = a.date(1)?.format("YYMM");
        let made = track::track_2(a.text(0)?, &expiry, a.text(2)?, a.text(3)?);
        let made = made.map(|text| {
            text.trim_start_matches(';')
                .trim_end_matches('?')
                .to_owned()
        });
        text(
            made,
            "track 2 is too long, or holds a character that it has not",
        )
    }),
    ("track2_equivalent", |a| {
        let expiry = a.date(1)?.format("YYMM");
        track::track_2_equivalent(a.text(0)?, &expiry, a.text(2)?, a.text(3)?)
            .map(Value::Bytes)
            .map_err(|_| no_fit("tag 57 would be longer than 19 octets"))
    }),
];

fn text<E>(made: std::result::Result<String, E>, what: &str) -> Result {
    made.map(Value::Text).map_err(|_| no_fit(what))
}

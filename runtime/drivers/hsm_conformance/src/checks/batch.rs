//! Many calls at once: each answer is what the call by itself gives.

use cardwright_ports::batch::{CardAnswer, CardCall};
use cardwright_ports::hsm::KeyHandle;

use super::{PAN, checks};
use crate::bench::{Bench, Checked, Stop, holds};

checks! {
    "batch.cards" "batch" "verification values of several cards at once, one of them malformed" PSEC cards;
}

/// Expiry, service code and the name of the value; none is refused.
const WANTED: [(&str, &str, Option<&str>); 4] = [
    ("2812", "201", Some("cvv.track")),
    ("2812", "2O1", None),
    ("1228", "000", Some("cvv.printed_mmyy")),
    ("2812", "999", Some("cvv.chip")),
];

fn cards(b: &mut Bench<'_>) -> Checked {
    let key: KeyHandle = b.key("cvk")?;
    let calls: Vec<CardCall<'_>> = WANTED
        .iter()
        .map(
            |(expiry, service_code, _)| CardCall::CardVerificationValue {
                key,
                pan: PAN,
                expiry,
                service_code,
            },
        )
        .collect();
    let answers = b.session.batch(&calls);
    holds(answers.len() == WANTED.len(), "not one answer a call")?;
    for (answer, (_, _, expected)) in answers.into_iter().zip(WANTED) {
        match (answer, expected) {
            (Ok(CardAnswer::Text(digits)), Some(name)) => b.same_text(&digits, name)?,
            (Err(_), None) => {}
            (Err(error), Some(_)) => {
                return Err(Stop::Refused {
                    intent: "batch",
                    error,
                });
            }
            _ => return Err(Stop::Wrong("an answer of another call".to_owned())),
        }
    }
    Ok(())
}

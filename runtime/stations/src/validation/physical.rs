//! Stripe, embossing, and what must be the same on all of them.

use super::{
    Failure, Specimen,
    readings::{self, Fact},
    terminal::Terminal,
    unknown_check,
};
use cardwright_bundle::Check;

/// Whether a check compares something with what the chip gave.
pub(super) fn of_the_chip(check: &Check) -> bool {
    check.check.starts_with("chip_")
}

/// Checks the outside of a card against its source, or against its chip.
pub(super) fn check(
    check: &Check,
    specimen: &Specimen<'_>,
    terminal: Option<&Terminal>,
) -> Result<(), Failure> {
    let data = specimen.data;
    match check.check.as_str() {
        "track1_matches_source" => {
            let read = specimen.stripe.and_then(|s| s.track1.as_deref());
            same(read, data.track1.as_deref(), "track 1")
        }
        "track2_matches_source" => {
            let read = specimen.stripe.and_then(|s| s.track2.as_deref());
            same(read, data.track2.as_deref(), "track 2")
        }
        "embossing_matches_source" => embossing(specimen),
        "chip_pan_is_stripe_pan" => agree(terminal, Fact::Pan, stripe_part(specimen, 0)?),
        "chip_expiry_is_stripe_expiry" => {
            let stripe = stripe_part(specimen, 1)?.get(..4).unwrap_or_default();
            agree(terminal, Fact::Expiry, stripe)
        }
        "chip_service_code_is_stripe_service_code" => {
            let stripe = stripe_part(specimen, 1)?.get(4..7).unwrap_or_default();
            agree(terminal, Fact::ServiceCode, stripe)
        }
        "chip_pan_is_embossed_pan" => {
            let lines = specimen
                .vision
                .map(|v| v.lines.as_slice())
                .unwrap_or_default();
            let line = lines
                .iter()
                .find(|line| line.line == 1)
                .map(|line| line.text.replace(' ', ""));
            let digits =
                line.ok_or_else(|| Failure::new("R1257", "embossed line 1 could not be read"))?;
            agree(terminal, Fact::Pan, &digits)
        }
        other => Err(unknown_check(other)),
    }
}

fn same(found: Option<&str>, expected: Option<&str>, what: &str) -> Result<(), Failure> {
    match (found, expected) {
        (Some(found), Some(expected)) if found == expected => Ok(()),
        (None, _) => Err(Failure::new("R1257", format!("{what} could not be read"))),
        _ => Err(Failure::new(
            "R1258",
            format!("{what} is not what the card should have"),
        )),
    }
}

/// Holds what every reading of the chip gave of a fact against what stands on the outside.
fn agree(terminal: Option<&Terminal>, fact: Fact, outside: &str) -> Result<(), Failure> {
    for given in readings::all(terminal, fact)? {
        same(Some(&given), Some(outside), fact.name())?;
    }
    Ok(())
}

fn embossing(specimen: &Specimen<'_>) -> Result<(), Failure> {
    let lines = specimen
        .vision
        .map(|v| v.lines.as_slice())
        .unwrap_or_default();
    for (_, number, text) in &specimen.data.emboss {
        let read = lines
            .iter()
            .find(|line| line.line == *number)
            .map(|line| line.text.as_str());
        same(read, Some(text), &format!("embossed line {number}"))?;
    }
    Ok(())
}

/// Part of track 2: 0 the PAN, 1 what follows the separator.
fn stripe_part<'s>(specimen: &'s Specimen<'_>, part: usize) -> Result<&'s str, Failure> {
    specimen
        .stripe
        .and_then(|stripe| stripe.track2.as_deref())
        .and_then(|track| track.splitn(2, '=').nth(part))
        .ok_or_else(|| Failure::new("R1257", "track 2 could not be read"))
}

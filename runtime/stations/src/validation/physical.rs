//! Stripe, embossing, and what must be the same on all of them.

use super::{Failure, Specimen, terminal::Terminal, unknown_check};
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
        "chip_pan_is_stripe_pan" => same(
            Some(&chip_pan(terminal)?),
            Some(stripe_part(specimen, 0)?),
            "the PAN",
        ),
        "chip_expiry_is_stripe_expiry" => {
            let stripe = stripe_part(specimen, 1)?.get(..4).unwrap_or_default();
            same(Some(&chip_expiry(terminal)?), Some(stripe), "the expiry")
        }
        "chip_pan_is_embossed_pan" => {
            let lines = specimen
                .vision
                .map(|v| v.lines.as_slice())
                .unwrap_or_default();
            let line = lines
                .iter()
                .find(|line| line.line == 1)
                .map(|line| line.text.as_str());
            let digits = line.map(|text| text.replace(' ', ""));
            same(Some(&chip_pan(terminal)?), digits.as_deref(), "the PAN")
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

fn chip_pan(terminal: Option<&Terminal>) -> Result<String, Failure> {
    Ok(hex::encode(chip_value(terminal, "5A")?)
        .trim_end_matches('f')
        .to_owned())
}

fn chip_expiry(terminal: Option<&Terminal>) -> Result<String, Failure> {
    Ok(hex::encode(chip_value(terminal, "5F24")?)
        .chars()
        .take(4)
        .collect())
}

fn chip_value<'t>(terminal: Option<&'t Terminal>, tag: &str) -> Result<&'t [u8], Failure> {
    terminal
        .ok_or_else(|| Failure::new("R1251", "the chip was not read before"))?
        .objects
        .need(tag)
}

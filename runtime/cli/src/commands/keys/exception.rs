//! `keys exception`: dated, signed exceptions from the rules of key exchange.

use super::custodian::two_officers;
use super::exchange::{form, today};
use super::talk::talk;
use crate::{
    arguments::{Format, exchange::ExceptionVerb},
    commands::production::SystemClock,
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_keys::{
    Ledger,
    ceremony::{Present, people},
    exchange::{Grant, day, exceptions, grant},
};
use cardwright_ports::Clock;
use serde_json::json;

/// Carries a verb out.
pub(super) fn run(site: &Site, verb: &ExceptionVerb) -> Result<u8, Failure> {
    let (form_name, partner, until, reason, weaker, answers) = match verb {
        ExceptionVerb::List { format } => return list(site, *format),
        ExceptionVerb::Add {
            form,
            partner,
            until,
            reason,
            weaker_wrapping,
            weaker_form,
            answers,
        } => (
            form,
            partner,
            until,
            reason,
            (*weaker_wrapping, *weaker_form),
            answers,
        ),
    };
    let wish = Grant {
        form: form(form_name)?,
        partner: partner.clone(),
        weaker_wrapping: weaker.0,
        weaker_form: weaker.1,
        until: day(until).ok_or_else(|| {
            let what = format!("`{until}` is no day");
            Failure::new(
                exit::USAGE,
                "R1385",
                what,
                "write a day such as `2026-12-31`",
            )
        })?,
        reason: reason.clone(),
    };
    let mut talk = talk(answers.as_deref(), site.test_keys_only())?;
    let store = site.store()?;
    talk.tell(&format!(
        "An exception: {form_name} with {partner} until {until}. Reason: {reason}"
    ));
    let officers = two_officers(site, &store, talk.as_mut())?;
    let officers: Vec<&Present> = officers.iter().collect();
    let now = SystemClock.unix_seconds();
    let granted = grant(&store, &wish, &officers, (now, today(now)?));
    let (row, changes) = granted.map_err(Failure::keys)?;
    store.keep(&changes.into_batch(now))?;
    terminal::print(&format!("{} is granted until {}", row.id, row.until));
    Ok(0)
}

fn list(site: &Site, format: Format) -> Result<u8, Failure> {
    let store = site.store()?;
    let all = exceptions(&store).map_err(Failure::keys)?;
    let people = people(&store).map_err(Failure::keys)?;
    let people: Vec<_> = people.into_iter().map(|(_, person)| person).collect();
    let holds = |row: &cardwright_keys::exchange::ExceptionRow| row.checked(&people).is_ok();
    if format == Format::Json {
        let rows: Vec<_> = all
            .iter()
            .map(|row| json!({ "exception": row, "signatures_hold": holds(row) }))
            .collect();
        terminal::json(&json!({ "schema_version": 1, "exceptions": rows }));
        return Ok(0);
    }
    terminal::note_when(all.is_empty(), "no exception was granted");
    for row in &all {
        let signers: Vec<&str> = row.signatures.iter().map(|s| s.name.as_str()).collect();
        let doubt = if holds(row) {
            ""
        } else {
            "  SIGNATURES DO NOT HOLD"
        };
        terminal::print(&format!(
            "{:<15}{:<12}{:<20}{} to {}  {}{doubt}\n    {}",
            row.id,
            row.form,
            row.partner,
            row.granted,
            row.until,
            signers.join(" and "),
            row.reason
        ));
    }
    if all.is_empty() {
        terminal::note("no exception");
    }
    Ok(0)
}

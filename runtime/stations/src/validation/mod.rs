//! Validation: a finished card is read as a terminal would read it, before it may leave.
//!
//! The checks are the scenario's; each gives a verdict. A verdict names data elements and status
//! words, never values.

mod chip;
mod fast;
mod groupings;
mod magstripe;
mod modes;
mod objects;
mod physical;
mod piv;
mod purchase;
mod readings;
mod tag;
mod terminal;

use crate::StationError;
use cardwright_bundle::{Card, Check, Constant, Scenario};
use cardwright_ports::{
    CardChannel, HsmSession,
    hsm::Draw,
    machine::{StripeRead, VisionRead},
};
use cardwright_runtime::{Date, Loaded, datagen::CardData, plan::BoundKeys};
use terminal::Terminal;

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `contact authenticate_dda`.
    pub name: String,
    /// Why it failed: code and words; none when it passed.
    pub failure: Option<(&'static str, String)>,
    /// Whether the check could not be made at all, such as without an HSM: the card may be good.
    pub undecided: bool,
}

/// What a check found wrong.
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) what: String,
    undecided: bool,
}

impl Failure {
    pub(crate) fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            undecided: false,
        }
    }
}

impl<E: Into<StationError>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        Self {
            code: error.code,
            what: error.what,
            undecided: error.retryable,
        }
    }
}

/// A card in the line, with what the machine read back from its outside.
pub struct Specimen<'a> {
    /// What the card should hold.
    pub data: &'a CardData,
    /// The chip.
    pub chip: Option<&'a mut dyn CardChannel>,
    /// What the stripe gave back.
    pub stripe: Option<&'a StripeRead>,
    /// What the camera saw.
    pub vision: Option<&'a VisionRead>,
}

/// A scenario, ready for its cards.
pub struct Validator<'a> {
    loaded: &'a Loaded,
    card: &'a Card,
    scenario: &'a Scenario,
    keys: &'a BoundKeys,
    today: Date,
}

impl<'a> Validator<'a> {
    /// Prepares a scenario by name.
    pub fn new(
        loaded: &'a Loaded,
        scenario: &str,
        keys: &'a BoundKeys,
        today: Date,
    ) -> Result<Self, StationError> {
        let missing =
            |what: &str| StationError::new("R1101", format!("no {what}"), "build the bundle again");
        let content = loaded.content();
        let scenario = content
            .scenarios
            .iter()
            .find(|s| s.name == scenario)
            .ok_or_else(|| missing("such scenario"))?;
        let card = content
            .cards
            .iter()
            .find(|c| c.name == scenario.card)
            .ok_or_else(|| missing("such card"))?;
        Ok(Self {
            loaded,
            card,
            scenario,
            keys,
            today,
        })
    }

    /// Runs every check. After a failure on an interface the interface's later checks are still
    /// run: each says for itself what does not hold.
    pub fn run(
        &self,
        mut specimen: Specimen<'_>,
        session: &mut dyn HsmSession,
        draw: &Draw<'_>,
    ) -> Vec<Verdict> {
        let mut terminal: Option<Terminal> = None;
        // The interface on which the last `select` named what this order's card does not have.
        let mut absent: Option<&str> = None;
        let mut verdicts = Vec::with_capacity(self.scenario.checks.len());
        for check in &self.scenario.checks {
            let on = check.on.as_str();
            let outcome = match on {
                "contact" | "contactless" => {
                    if check.check == "select" {
                        absent = self.is_absent(check, specimen.data).then_some(on);
                    }
                    match (absent == Some(on), check.check.as_str()) {
                        // What is said of an application holds where there is none.
                        (true, other) if other != "select" => Ok(()),
                        _ => self.on_chip(check, &mut specimen, &mut terminal, session, draw),
                    }
                }
                _ if absent.is_some() && terminal.is_none() && physical::of_the_chip(check) => {
                    Ok(())
                }
                _ => physical::check(check, &specimen, terminal.as_ref()),
            };
            verdicts.push(Verdict {
                name: format!("{} {}", check.on, check.check.replace('_', " ")),
                undecided: outcome.as_ref().is_err_and(|failure| failure.undecided),
                failure: outcome.err().map(|failure| (failure.code, failure.what)),
            });
        }
        verdicts
    }

    /// Whether a `select` names an application that this order's card does not have.
    fn is_absent(&self, check: &Check, data: &CardData) -> bool {
        let name = setting(check, "application").unwrap_or_default();
        let mut declared = self.card.chip.iter().flat_map(|chip| &chip.applications);
        let found = declared.find(|application| application.name == name);
        found.is_some_and(|application| matches!(data.of(application), Ok(None)))
    }

    fn on_chip(
        &self,
        check: &Check,
        specimen: &mut Specimen<'_>,
        terminal: &mut Option<Terminal>,
        session: &mut dyn HsmSession,
        draw: &Draw<'_>,
    ) -> Result<(), Failure> {
        let Some(channel) = specimen.chip.as_deref_mut() else {
            return Err(Failure::new("R1250", "the card has no chip in a reader"));
        };
        let mut visit = chip::Visit {
            loaded: self.loaded,
            card: self.card,
            keys: self.keys,
            today: self.today,
            data: specimen.data,
            channel,
            session,
            draw,
        };
        if check.check == "select" && self.is_absent(check, visit.data) {
            return visit.expect_absent(check);
        }
        if check.check == "select" {
            let mut selected = visit.select(check)?;
            let before = terminal.take().map(Terminal::into_readings);
            selected.earlier = before.unwrap_or_default();
            *terminal = Some(selected);
            return Ok(());
        }
        let terminal = terminal
            .as_mut()
            .filter(|terminal| terminal.interface == check.on)
            .ok_or_else(|| Failure::new("R1251", "no application is selected"))?;
        match check.check.as_str() {
            "read_records" => visit.read_records(terminal),
            "ndef_matches_source" => visit.ndef_matches_source(terminal),
            "groupings_match_source" => visit.groupings_match_source(terminal),
            "objects_match_source" => visit.objects_match_source(terminal),
            "authenticate_card" => visit.authenticate_card(terminal),
            "authenticate_management" => visit.authenticate_management(terminal),
            "data_matches_source" => visit.data_matches_source(terminal),
            "authenticate_sda" => visit.authenticate_sda(terminal),
            "authenticate_dda" => visit.authenticate_dda(terminal),
            "verify_pin" => visit.verify_pin(terminal, setting(check, "method")),
            "authenticate_fdda" => visit.authenticate_fast(terminal),
            "purchase" => visit.purchase(terminal, check),
            "purchase_fast" => visit.purchase_fast(terminal, check),
            "purchase_magstripe" => visit.purchase_magstripe(terminal, check),
            other => Err(unknown_check(other)),
        }
    }
}

pub(crate) fn unknown_check(name: &str) -> Failure {
    Failure::new(
        "R1252",
        format!("this runtime does not know the check `{name}`"),
    )
}

/// A text setting of a check.
pub(crate) fn setting<'c>(check: &'c Check, name: &str) -> Option<&'c str> {
    check
        .settings
        .iter()
        .find(|(n, _)| n == name)
        .and_then(|(_, value)| match value {
            Constant::Text(text) => Some(text.as_str()),
            _ => None,
        })
}

/// A number setting of a check.
pub(crate) fn number(check: &Check, name: &str) -> Option<i64> {
    check
        .settings
        .iter()
        .find(|(n, _)| n == name)
        .and_then(|(_, value)| match value {
            Constant::Number(number) => Some(*number),
            _ => None,
        })
}

//! EMV consistency of one application: what a terminal would stumble over, said before any card is
//! touched. One function for each subject.

mod account;
mod data;
mod lists;
mod security;
mod usage;

use super::App;
use crate::diagnostics::Problem;
use crate::elaborate::Elaborator;
use crate::model::{Decl, Span};

pub(crate) use security::application_data;

/// AIP, octet 1 (EMV Book 3, annex C1).
pub(crate) mod aip {
    /// Static data authentication.
    pub(crate) const SDA: u8 = 0x40;
    /// Dynamic data authentication.
    pub(crate) const DDA: u8 = 0x20;
    /// Cardholder verification.
    pub(crate) const CVM: u8 = 0x10;
    /// Issuer authentication by EXTERNAL AUTHENTICATE.
    pub(crate) const ISSUER_AUTHENTICATION: u8 = 0x04;
    /// Combined dynamic data authentication.
    pub(crate) const CDA: u8 = 0x01;
}

/// Collects findings of one application.
pub(super) struct Rules<'e, 'a, 'm> {
    elaborator: &'e mut Elaborator<'a>,
    app: &'e App<'m>,
}

/// All rules.
pub(super) fn check(elaborator: &mut Elaborator<'_>, app: &App<'_>) {
    let mut rules = Rules { elaborator, app };
    rules.identity();
    rules.mandatory_data();
    rules.account();
    rules.dates();
    rules.records();
    rules.track2();
    rules.object_lists();
    rules.usage_control();
    rules.limits();
    rules.cardholder_verification();
    rules.conditions();
    rules.offline_pin();
    rules.authentication();
    rules.action_codes();
    rules.action_code_results();
    rules.issuer_application_data();
    rules.keys();
}

impl Rules<'_, '_, '_> {
    fn report(&mut self, code: &str, span: Span, message: impl Into<String>, help: &str) {
        let problem = Problem::error(code, span, message).help(help);
        self.elaborator.findings().push(problem);
    }

    fn warn(&mut self, code: &str, span: Span, message: impl Into<String>, help: &str) {
        let problem = Problem::warning(code, span, message).help(help);
        self.elaborator.findings().push(problem);
    }

    fn warn_at(
        &mut self,
        code: &str,
        span: Span,
        (other, label): (Span, &str),
        message: impl Into<String>,
        help: &str,
    ) {
        let problem = Problem::warning(code, span, message).label(other, label);
        self.elaborator.findings().push(problem.help(help));
    }

    fn span(&self, attribute: &str) -> Span {
        super::read::span_of(self.decl(), attribute)
    }

    fn decl(&self) -> &Decl {
        self.app.decl
    }
}

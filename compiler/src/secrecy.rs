//! Sinks: where a value ends, and how much each may hold.
//!
//! A value reaches a sink below its secrecy only through a named operation that lowers it. What is
//! refused is shown with the whole way from the input field to the sink. The clearances are rows
//! of the vocabulary.

pub use cardwright_vocabulary::Sink;

use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Step, Typed};
use crate::model::Span;
use cardwright_bundle::{Constant, Op, Secrecy};
use cardwright_vocabulary::Level;
use std::rc::Rc;

/// The bundle's level for a level of the vocabulary.
#[must_use]
pub const fn secrecy_of(level: Level) -> Secrecy {
    match level {
        Level::Public => Secrecy::Public,
        Level::Cardholder => Secrecy::Cardholder,
        Level::Sensitive => Secrecy::Sensitive,
        Level::Secret => Secrecy::Secret,
    }
}

/// A level in words.
#[must_use]
pub const fn level(secrecy: Secrecy) -> &'static str {
    match secrecy {
        Secrecy::Public => "public",
        Secrecy::Cardholder => "cardholder data",
        Secrecy::Sensitive => "sensitive",
        Secrecy::Secret => "secret",
    }
}

impl Elaborator<'_> {
    /// Lets a value end in a sink, or says why it may not: E1001 when it is too secret, E1002 when
    /// it shows the PAN beside a PIN, E1003 when the CVV2 panel would hold
    /// something else, E1005 when an enciphered PIN would stay somewhere. `what`
    /// names the sink in this place, such as `line 2 of the mailer`.
    pub fn sink(&mut self, value: &Typed, sink: Sink, what: &str, span: Span) -> bool {
        let clearance = secrecy_of(sink.clearance());
        let source = || source(value);
        let words = sink.words();
        if value.secrecy > clearance {
            let message = format!(
                "{} is {} and would reach {what}: {words} takes {} at most",
                source(),
                level(value.secrecy),
                level(clearance),
            );
            let advice = sink.row().map_or("", |row| row.advice);
            self.refuse("E1001", value, &message, advice, (sink, what, span));
            return false;
        }
        if value.shows_pan && sink.row().is_some_and(|row| !row.takes_pan) {
            let message = format!(
                "{} shows the account and would reach {what}: {words} never shows it beside a PIN",
                source()
            );
            let advice = "show `last_digits(…)` at most, or better a reference: `run.reference`";
            self.refuse("E1002", value, &message, advice, (sink, what, span));
            return false;
        }
        if value.holds_pin && matches!(sink, Sink::ChipClear | Sink::Stripe) {
            let message = format!(
                "{} is an enciphered PIN and would reach {what}: it is for transit only",
                source()
            );
            let advice = "the chip takes the PIN by `offline_pin`, the stripe a value made from \
                          it: `pvv(…)`";
            self.refuse("E1005", value, &message, advice, (sink, what, span));
            return false;
        }
        if sink == Sink::Cvv2Panel && value.secrecy == Secrecy::Sensitive && !self.is_cvv2(value) {
            let message = format!("{what} may hold the CVV2 and nothing else that is sensitive");
            let advice = "use `cvv2(key, pan, expiry)`: the verification value of service code 000";
            self.refuse("E1003", value, &message, advice, (sink, what, span));
            return false;
        }
        true
    }

    fn refuse(
        &mut self,
        code: &str,
        value: &Typed,
        message: &str,
        advice: &str,
        (sink, what, span): (Sink, &str, Span),
    ) {
        let mut path = way(&value.path);
        path.push((span, format!("{what}: {}", sink.words())));
        let mut problem = Problem::error(code, span, message).help(advice);
        if let Some((first, source)) = path.first() {
            problem = problem.label(*first, format!("{source} comes from here"));
        }
        problem.path = path;
        self.findings().push(problem);
    }

    /// Whether a value is the verification value of service code 000 and nothing else.
    fn is_cvv2(&self, value: &Typed) -> bool {
        let Some(Op::Intent { intent, args, .. }) = self.op(value.node) else {
            return false;
        };
        let service = args.last().and_then(|n| self.op(*n));
        intent == "cvv"
            && matches!(service, Some(Op::Constant { value: Constant::Text(t) }) if t == "000")
    }
}

/// Where the most secret part of a value comes from, in short.
pub(crate) fn source(value: &Typed) -> String {
    way(&value.path)
        .first()
        .map_or_else(String::new, |(_, what)| {
            what.split(", ").next().unwrap_or(what).to_owned()
        })
}

/// The steps of a value, from its source on.
pub(crate) fn way(last: &Rc<Step>) -> Vec<(Span, String)> {
    let mut steps = Vec::new();
    let mut at = Some(last);
    while let Some(step) = at {
        steps.push((step.span, step.what.to_string()));
        at = step.from.as_ref();
    }
    steps.reverse();
    steps
}

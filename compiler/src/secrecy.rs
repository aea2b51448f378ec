//! Sinks: where a value ends, and how much each may hold.
//!
//! A value reaches a sink below its secrecy only through a named operation that lowers it. What is
//! refused is shown with the whole way from the input field to the sink.

use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Step, Typed};
use crate::model::Span;
use cardwright_bundle::Secrecy;
use std::rc::Rc;

/// A place where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sink {
    /// Text or barcode of a carrier.
    CarrierText,
    /// A DGI in clear.
    ChipClear,
    /// A DGI under the channel's data encryption key.
    ChipEncrypted,
    /// A flag that decides what is drawn, taken or refused: its outcome is visible.
    Condition,
    /// The printed panel of the card verification value.
    Cvv2Panel,
    /// Embossed characters.
    Embossing,
    /// Text of an error or a refusal.
    ErrorText,
    /// A field of an output file.
    FileField,
    /// Name of an output file.
    FileName,
    /// A line of a log.
    Log,
    /// The PIN field of a mailer.
    MailerPin,
    /// Text or barcode of a PIN mailer.
    MailerText,
    /// A metric.
    Metric,
    /// Any other printed panel of a card's face.
    PrintPanel,
    /// A line of the report.
    Report,
    /// A track of the stripe.
    Stripe,
}

impl Sink {
    /// The most that it may hold.
    #[must_use]
    pub const fn clearance(self) -> Secrecy {
        match self {
            Sink::Condition
            | Sink::ErrorText
            | Sink::FileName
            | Sink::Log
            | Sink::Metric
            | Sink::Report => Secrecy::Public,
            Sink::CarrierText
            | Sink::Embossing
            | Sink::FileField
            | Sink::MailerText
            | Sink::PrintPanel => Secrecy::Cardholder,
            Sink::ChipClear | Sink::Cvv2Panel | Sink::Stripe => Secrecy::Sensitive,
            Sink::ChipEncrypted | Sink::MailerPin => Secrecy::Secret,
        }
    }

    /// Its name in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Sink::CarrierText => "the text of a carrier",
            Sink::ChipClear => "a DGI in clear",
            Sink::ChipEncrypted => "an encrypted DGI",
            Sink::Condition => "a condition whose outcome is visible",
            Sink::Cvv2Panel => "the CVV2 panel",
            Sink::Embossing => "the embossing",
            Sink::ErrorText => "the text of a refusal",
            Sink::FileField => "a field of an output file",
            Sink::FileName => "the name of a file",
            Sink::Log => "a log",
            Sink::MailerPin => "the PIN field of a mailer",
            Sink::MailerText => "the text of a PIN mailer",
            Sink::Metric => "a metric",
            Sink::PrintPanel => "a printed panel",
            Sink::Report => "the report",
            Sink::Stripe => "a track of the stripe",
        }
    }

    /// How a value gets there rightly.
    const fn advice(self) -> &'static str {
        match self {
            Sink::FileField => {
                "lower it: `mask(…)` or `last_digits(…)` for a PAN, `encrypt(…, under: key)` with \
                 a transport key for anything else"
            }
            Sink::Condition => {
                "decide by a public field; a branch on a secret shows the secret by what it does"
            }
            Sink::CarrierText | Sink::MailerText => {
                "a PIN belongs into the `pin` block of a mailer, verification values and tracks \
                 into the card"
            }
            Sink::Embossing | Sink::PrintPanel => {
                "a CVV2 belongs into the panel \"cvv2\", other verification values into chip and \
                 stripe, a PIN into neither"
            }
            Sink::ChipClear => "send it in an encrypted DGI: `offline_pin` and `keys` do so",
            Sink::Stripe => {
                "a stripe holds tracks and verification values; a PIN goes there only as `pvv(…)` \
                 or `ibm3624_offset(…)`"
            }
            _ => "lower it by name: `mask(…)`, `last_digits(…)`, `kcv(…)`; or leave it out",
        }
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
    /// Lets a value end in a sink, or says by E1001 why it may not. `what` names the sink in this
    /// place, such as `line 2 of the mailer`.
    pub fn sink(&mut self, value: &Typed, sink: Sink, what: &str, span: Span) -> bool {
        if value.secrecy > sink.clearance() {
            let message = format!(
                "{} would reach {what}: {} takes at most {} values",
                described(value),
                sink.words(),
                level(sink.clearance()),
            );
            self.refuse("E1001", value, &message, sink, what, span);
            return false;
        }
        true
    }

    fn refuse(
        &mut self,
        code: &str,
        value: &Typed,
        message: &str,
        sink: Sink,
        what: &str,
        span: Span,
    ) {
        let mut path = way(&value.path);
        path.push((span, format!("{what} ({})", sink.words())));
        let mut problem = Problem::error(code, span, message).help(sink.advice());
        problem.path = path;
        self.findings().push(problem);
    }
}

fn described(value: &Typed) -> String {
    let source = way(&value.path)
        .first()
        .map_or_else(String::new, |(_, what)| what.clone());
    format!("{source}, which is {},", level(value.secrecy))
}

/// The steps of a value, from its source on.
fn way(last: &Rc<Step>) -> Vec<(Span, String)> {
    let mut steps = Vec::new();
    let mut at = Some(last);
    while let Some(step) = at {
        steps.push((step.span, step.what.clone()));
        at = step.from.as_ref();
    }
    steps.reverse();
    steps
}

//! What expectations of tests compare: a value of another type than the card shows can never be
//! what is expected, and what the card keeps secret is shown to nobody.

use super::{Context, Expectation, TestCase};
use crate::diagnostics::Problem;
use crate::model::{MExpr, MKind};
use crate::secrecy::{Sink, level, secrecy_of};
use cardwright_bundle::Secrecy;
use cardwright_standards::tags::{self, Format};
use cardwright_standards::tlv::Tag;

/// What an expectation looks at, as far as its values go.
enum Shown {
    /// Octets and what their format makes of them.
    Element(Format, &'static str),
    /// Digits, without octets.
    Digits,
    /// A text, without octets.
    Text,
}

/// Says why a value can never be what a subject shows: E0244.
pub(super) fn mistyped(subject: &str, operation: &str, value: &MExpr) -> Option<Problem> {
    let shown = shown(subject)?;
    let literal = value.literal_text();
    let digits = |text: &String| text.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal = |text: &String| {
        let known = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
        text.bytes().all(known)
    };
    let (holds, write) = match (shown, &value.kind) {
        (Shown::Element(Format::A | Format::An | Format::Ans, name), MKind::Integer(_)) => (
            format!("{name} is a text"),
            "write it between quotes: `\"…\"`",
        ),
        (Shown::Element(Format::N | Format::Cn, name), MKind::Text(_))
            if !literal.as_ref().is_none_or(digits) =>
        {
            (
                format!("{name} is digits"),
                "write digits, or octets: `x\"…\"`",
            )
        }
        (Shown::Element(Format::B, name), MKind::Integer(_)) => {
            (format!("{name} is octets"), "write `x\"…\"`")
        }
        (Shown::Element(Format::B, name), MKind::Text(_))
            if !literal.as_ref().is_none_or(hexadecimal) =>
        {
            (format!("{name} is octets"), "write `x\"…\"`")
        }
        (Shown::Digits, MKind::Hex(_)) => (
            format!("`{subject}` is digits"),
            "write the digits as they are, without `x\"…\"`",
        ),
        (Shown::Text, MKind::Hex(_) | MKind::Integer(_)) => (
            format!("`{subject}` is a text"),
            "write it between quotes: `\"…\"`",
        ),
        (_, MKind::Name(_)) => (
            format!("`{subject}` is neither true nor false"),
            "write the text that is shown, between quotes",
        ),
        _ => return None,
    };
    let never = match operation {
        "!=" => "it always differs from this",
        _ => "this can never be",
    };
    Some(Problem::error("E0244", value.span, format!("{holds}: {never}")).help(write))
}

fn shown(subject: &str) -> Option<Shown> {
    let name = subject.split(' ').next().unwrap_or_default();
    let Some(chip) = name.strip_prefix("chip.") else {
        return match name {
            "front.line" | "back.line" | "front.panel" | "back.panel" => None,
            _ => Some(Shown::Text),
        };
    };
    let last = chip.rsplit('.').next().unwrap_or_default();
    match last.strip_prefix('#').and_then(Tag::from_hex) {
        Some(tag) => tags::element(tag).map(|e| Shown::Element(e.format, e.title)),
        None => matches!(last, "pan" | "psn" | "expiry").then_some(Shown::Digits),
    }
}

/// E1001: an expectation asks for what the card keeps under a key.
pub(super) fn secrets(context: &mut Context<'_>, cases: &[TestCase]) {
    let expectations = cases.iter().flat_map(|case| &case.expectations);
    for expectation in expectations {
        if let Some(problem) = secret(context, expectation) {
            context.push(problem);
        }
    }
}

fn secret(context: &Context<'_>, expectation: &Expectation) -> Option<Problem> {
    let chip = expectation.subject.strip_prefix("chip.")?;
    let (application, name) = match chip.split_once('.') {
        Some((application, name)) => (Some(application), name),
        None => (None, chip),
    };
    // The PIN is the only secret that has a name among what a card tells of itself.
    let held = (name == "pin").then(|| {
        let mut all = context.cards.iter().flat_map(|card| &card.applications);
        all.find(|a| a.offline_pin && application.is_none_or(|wanted| a.name == wanted))
    });
    let mut path = held.flatten()?.pin.clone();
    let source = path.first().map_or("the PIN", |(_, what)| what.as_str());
    let source = source.split(", ").next().unwrap_or(source);
    let words = Sink::Expectation.words();
    let message = format!(
        "{source} is {} and would reach `{}`: {words} takes {} at most",
        level(Secrecy::Secret),
        expectation.subject,
        level(secrecy_of(Sink::Expectation.clearance())),
    );
    path.push((expectation.span, format!("this expectation: {words}")));
    let advice = Sink::Expectation.row().map_or("", |row| row.advice);
    let mut problem = Problem::error("E1001", expectation.span, message).help(advice);
    problem.path = path;
    Some(problem)
}

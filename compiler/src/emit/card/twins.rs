//! Applications of one card: what both hold says the same, and is protected alike.

use super::super::profile::App;
use crate::diagnostics::Problem;
use crate::elaborate::Elaborator;
use crate::model::Span;

/// Facts of the holder and the account, whichever application tells them. PAN, expiry and sequence
/// number have a rule of their own (E0332).
const OF_THE_ACCOUNT: [(&str, &str); 5] = [
    ("5F20", "the cardholder's name"),
    ("5F25", "the effective date"),
    ("5F28", "the issuer's country"),
    ("5F30", "the service code"),
    ("9F42", "the currency"),
];

/// All pairs of applications.
pub(super) fn check(elaborator: &mut Elaborator<'_>, apps: &[App<'_>]) {
    for (n, app) in apps.iter().enumerate() {
        for other in apps.iter().skip(n + 1) {
            if !super::applications::on_one_card(elaborator, app, other) {
                continue;
            }
            values(elaborator, app, other);
            signatures(elaborator, app, other);
        }
    }
}

/// The same data element with two values.
fn values(elaborator: &mut Elaborator<'_>, app: &App<'_>, other: &App<'_>) {
    for (tag, what) in OF_THE_ACCOUNT {
        let (Some(a), Some(b)) = (app.element(tag), other.element(tag)) else {
            continue;
        };
        if a.value.node != b.value.node {
            let message = format!(
                "{what} (#{tag}) in `{}` is not the one in `{}`: the card would say both",
                other.decl.name, app.decl.name
            );
            elaborator.findings().push(
                Problem::error("E0349", b.span, message)
                    .label(a.span, "the other value")
                    .help("write the same value in both, or put it in a `let`"),
            );
        }
    }
}

/// Where a tag stands in a record: signed or not.
fn signed(app: &App<'_>, tag: &str) -> Option<(bool, Span)> {
    let mut records = app.records.iter();
    records.find_map(|r| {
        let (_, span) = r.tags.iter().find(|(t, _)| t == tag)?;
        Some((r.place.signed, *span))
    })
}

/// The same octets signed in one application and bare in the other: who changes the bare ones is
/// not found out where they are read.
fn signatures(elaborator: &mut Elaborator<'_>, app: &App<'_>, other: &App<'_>) {
    if app.issuer().is_none() || other.issuer().is_none() {
        return;
    }
    for element in &app.elements {
        let Some(twin) = other.element(&element.tag) else {
            continue;
        };
        let places = (signed(app, &element.tag), signed(other, &element.tag));
        let (Some((a, at)), Some((b, there))) = places else {
            continue;
        };
        if a != b && twin.value.node == element.value.node {
            let (bare, span, protected, label) = if a {
                (other, there, app, at)
            } else {
                (app, at, other, there)
            };
            let message = format!(
                "#{} is signed in `{}` and bare in `{}`, though it is the same data",
                element.tag, protected.decl.name, bare.decl.name
            );
            elaborator.findings().push(
                Problem::warning("E0348", span, message)
                    .label(label, "signed here")
                    .help("move it to a `signed` record in both, or in neither"),
            );
        }
    }
}

//! `test "…"` declarations as plain data, for whoever rehearses them.
//!
//! A test gives an order's fields as they would stand in the file, and says what must come of it.
//! Tests are no part of a bundle: a site has no use for them.

use crate::diagnostics::{Findings, Problem};
use crate::model::{Decl, MEntry, MExpr, MKind, Model, Span};

/// What operations an expectation may use.
const OPERATIONS: &[&str] = &["==", "!=", "starts", "ends", "contains"];

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    /// Name as written between the quotes.
    pub name: String,
    /// The order, field by field; a list gives several texts.
    pub fields: Vec<(String, Vec<String>)>,
    /// What must hold.
    pub expectations: Vec<Expectation>,
    /// Whether all that the card holds is kept in a file for review.
    pub snapshot: bool,
    /// Whether the order must be refused: an expectation looks at `rejected`.
    pub rejects: bool,
    /// Where it is declared.
    pub span: Span,
}

/// One condition of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// What is looked at: `chip.#5F20`, `chip.debit.#82`, `stripe.track2`, `front.line 1`,
    /// `back.panel cvv2`, `rejected`.
    pub subject: String,
    /// `==`, `!=`, `starts`, `ends`, `contains`.
    pub operation: String,
    /// What it is compared with; octets as capital hexadecimal.
    pub value: String,
    /// Whether the value was written as octets: `x"38 00"`.
    pub octets: bool,
    /// Where it was written.
    pub span: Span,
}

/// All tests of the project, in the order of files and lines, and what can't be read in them.
#[must_use]
pub fn test_cases(model: &Model) -> (Vec<TestCase>, Findings) {
    let mut findings = Findings::new();
    let tests = model.of_kind("test").filter(|d| !d.standard && !d.poisoned);
    let cases = tests.map(|decl| case(model, decl, &mut findings)).collect();
    (cases, findings)
}

/// The leading digits of the issuer's PANs, when the issuer says them.
#[must_use]
pub fn issuer_bin(model: &Model) -> Option<String> {
    let wanted = model.manifest.issuer.as_deref();
    let mut issuers = model.of_kind("issuer").filter(|d| !d.poisoned);
    let issuer = match wanted {
        Some(name) => issuers.find(|d| d.name == name),
        None => issuers.next(),
    };
    issuer?.attribute("bin")?.single()?.literal_text()
}

fn case(model: &Model, decl: &Decl, findings: &mut Findings) -> TestCase {
    let order = decl.attribute("order").and_then(MEntry::single);
    let entries = match order.map(|e| &e.kind) {
        Some(MKind::Record(entries)) => entries.as_slice(),
        _ => &[],
    };
    let mut fields = Vec::new();
    for entry in entries {
        let Some(name) = entry.word(0) else { continue };
        match entry.single().and_then(|e| texts(model, e)) {
            Some(value) => fields.push((name.to_owned(), value)),
            None => findings.push(
                Problem::error("E0205", entry.span, format!("`{name}` has no plain value"))
                    .help("write the text that would stand in the order file, or a list of texts"),
            ),
        }
    }
    let mut expectations = Vec::new();
    for block in decl.entries.iter().filter(|e| e.word(0) == Some("expect")) {
        for entry in block.entries() {
            match expectation(model, entry) {
                Some((found, None)) => expectations.push(found),
                Some((_, Some(mistyped))) => findings.push(mistyped),
                None => findings.push(unclear(entry)),
            }
        }
    }
    let rejects = |e: &Expectation| e.subject.starts_with("rejected");
    TestCase {
        name: decl.name.clone(),
        fields,
        rejects: expectations.iter().any(rejects),
        expectations,
        snapshot: decl.attribute("snapshot").is_some(),
        span: decl.span,
    }
}

fn unclear(entry: &MEntry) -> Problem {
    Problem::error("E0209", entry.span, "this expectation can't be read").help(
        "write `chip.#5F20 == \"…\"`, `starts(stripe.track2, \"…\")`, `front.line 1 == \"…\"` or \
         `back.panel \"cvv2\" == \"…\"`, or `rejected == \"R1507\"` for an order that must be refused",
    )
}

/// A field's value as the texts of its occurrences.
fn texts(model: &Model, e: &MExpr) -> Option<Vec<String>> {
    if let MKind::List(items) = &e.kind {
        return items
            .iter()
            .map(|item| plain(model, item.phrase.single().filter(|_| !item.spread)?))
            .collect();
    }
    Some(vec![plain(model, e)?])
}

/// A literal as the text of it.
fn plain(model: &Model, e: &MExpr) -> Option<String> {
    match &e.kind {
        MKind::Text(_) => e.literal_text(),
        // As written: leading zeros count in an order file.
        MKind::Integer(_) => Some(model.sources.text(e.span).trim().to_owned()),
        MKind::Decimal(number) => Some(number.clone()),
        MKind::Hex(octets) => Some(hex::encode_upper(octets)),
        MKind::Name(_) => e
            .word()
            .filter(|w| matches!(*w, "true" | "false"))
            .map(str::to_owned),
        _ => None,
    }
}

/// An expectation, and why it can never hold, if so.
fn expectation(model: &Model, entry: &MEntry) -> Option<(Expectation, Option<Problem>)> {
    let made = |subject: String, operation: &str, value: &MExpr| {
        OPERATIONS.contains(&operation).then_some(())?;
        let subject = known_subject(subject)?;
        let mistyped = super::expectations::mistyped(&subject, operation, value);
        let expectation = Expectation {
            subject,
            operation: operation.to_owned(),
            value: plain(model, value)?,
            octets: matches!(value.kind, MKind::Hex(_)),
            span: entry.span,
        };
        Some((expectation, mistyped))
    };
    match entry.head.as_slice() {
        // `chip.#5F20 == "…"`, `starts(stripe.track2, "…")`
        [only] => match &only.kind {
            MKind::Binary { op, left, right } => made(left.dotted()?, op, right),
            MKind::Call { callee, args } => match args.as_slice() {
                [subject, value] => made(subject.value.dotted()?, callee.word()?, &value.value),
                _ => None,
            },
            _ => None,
        },
        // `front.line 1 == "…"`, `back.panel "cvv2" == "…"`
        [subject, comparison] => match &comparison.kind {
            MKind::Binary { op, left, right } => {
                let which = plain(model, left)?;
                made(format!("{} {which}", subject.dotted()?), op, right)
            }
            _ => None,
        },
        // `stripe.track2 starts "…"`
        [subject, operation, value] => made(subject.dotted()?, operation.word()?, value),
        // `front.line 1 starts "…"`
        [subject, which, operation, value] => {
            let subject = format!("{} {}", subject.dotted()?, plain(model, which)?);
            made(subject, operation.word()?, value)
        }
        _ => None,
    }
}

/// A subject that a finished card has.
fn known_subject(subject: String) -> Option<String> {
    let (name, which) = match subject.split_once(' ') {
        Some((name, which)) => (name, Some(which)),
        None => (subject.as_str(), None),
    };
    let known = match (name, which) {
        ("stripe.track1" | "stripe.track2" | "card" | "product", None) => true,
        ("rejected" | "rejected.field" | "rejected.reason", None) => true,
        ("front.line" | "back.line", Some(line)) => matches!(line, "1" | "2" | "3" | "4"),
        ("front.panel" | "back.panel", Some(panel)) => !panel.is_empty(),
        (_, None) => name
            .strip_prefix("chip.")
            .is_some_and(|rest| !rest.is_empty()),
        _ => false,
    };
    known.then_some(subject)
}

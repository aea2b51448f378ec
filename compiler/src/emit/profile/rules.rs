//! EMV consistency of one application: what a terminal would stumble over, said before any card is
//! touched. One function for each subject.

mod account;
mod data;
mod lists;
mod modes;
mod security;
mod usage;

use super::App;
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::model::shape::tag_of;
use crate::model::{Decl, MEntry, MExpr, MItem, MKind, Span};

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

/// Codes of findings that compare something with an attribute.
const RESTS_ON: [(&str, &str); 4] = [
    ("E0308", "aip"),
    ("E0309", "aip"),
    ("E0321", "aip"),
    ("E0321", "cvm"),
];

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
    rules.modes();
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
        self.push(Problem::error(code, span, message).help(help));
    }

    /// The same with the change that mends it.
    fn report_fix(
        &mut self,
        code: &str,
        span: Span,
        message: impl Into<String>,
        help: &str,
        change: Option<Change>,
    ) {
        let mut problem = Problem::error(code, span, message).help(help);
        problem.change = change;
        self.push(problem);
    }

    /// One word more in the AIP, where the profile itself says what it holds.
    fn in_aip(&self, word: &str) -> Option<Change> {
        let entry = self.app.attribute("aip")?;
        let value = entry.value.as_ref()?;
        Some(Change::Listed(value.span, word.to_owned()))
    }

    /// The list that is written as the value of the entry at a place.
    fn list_at(&self, at: Span) -> Option<(&MExpr, &[MItem])> {
        let value = entry_at(&self.decl().entries, at)?.single()?;
        match &value.kind {
            MKind::List(items) => Some((value, items)),
            _ => None,
        }
    }

    /// Words or tags taken out of the list of the entry at a place.
    fn without(&self, at: Span, words: &[&str]) -> Option<Change> {
        let (list, items) = self.list_at(at)?;
        let unwanted = |item: &MItem| item.phrase.terms.first().is_some_and(|e| names(e, words));
        let mut out = items.iter().filter(|item| unwanted(item));
        let first = out.next()?;
        if out.next().is_none() {
            return Some(Change::Out(first.phrase.span));
        }
        let sources = &self.elaborator.model().sources;
        let kept = items.iter().filter(|item| !unwanted(item));
        let kept: Vec<&str> = kept.map(|item| sources.text(item.phrase.span)).collect();
        Some(Change::Instead(list.span, format!("[{}]", kept.join(", "))))
    }

    /// The last item of a tag in the list of the entry at a place.
    fn item(&self, at: Span, tag: &str) -> Option<Span> {
        let (_, items) = self.list_at(at)?;
        let named = |item: &&MItem| item.phrase.terms.first().is_some_and(|e| names(e, &[tag]));
        items.iter().rev().find(named).map(|item| item.phrase.span)
    }

    /// A finding that rests on a tag's or attribute's value: a consequence where that is unknown.
    fn report_on(
        &mut self,
        need: &str,
        (code, span): (&str, Span),
        message: impl Into<String>,
        help: &str,
    ) {
        let mut problem = Problem::error(code, span, message).help(help);
        problem.consequence = self.app.is_unknown(need);
        self.elaborator.findings().push(problem);
    }

    /// Marks what only follows from an attribute that is not understood.
    fn push(&mut self, mut problem: Problem) {
        let mut rests = RESTS_ON.iter().filter(|(code, _)| *code == problem.code);
        problem.consequence = rests.any(|(_, attribute)| self.app.is_unknown(attribute));
        self.elaborator.findings().push(problem);
    }

    fn warn(&mut self, code: &str, span: Span, message: impl Into<String>, help: &str) {
        let problem = Problem::warning(code, span, message).help(help);
        self.elaborator.findings().push(problem);
    }

    /// The same with the change that mends it.
    fn warn_fix(
        &mut self,
        code: &str,
        span: Span,
        message: impl Into<String>,
        help: &str,
        change: Option<Change>,
    ) {
        let mut problem = Problem::warning(code, span, message).help(help);
        problem.change = change;
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

    /// Another value for the entry at a place; none where its base wrote it.
    fn instead(&self, at: Span, value: &str) -> Option<Change> {
        let value_of = entry_at(&self.decl().entries, at)?.value.as_ref()?;
        Some(Change::Instead(value_of.span, value.to_owned()))
    }

    /// Another word at the beginning of the entry at a place.
    fn method_instead(&self, at: Span, word: &str) -> Option<Change> {
        let first = entry_at(&self.decl().entries, at)?.head.first()?;
        Some(Change::Instead(first.span, word.to_owned()))
    }

    /// An attribute more of the profile.
    fn more(&self, text: &str) -> Option<Change> {
        Some(Change::Entry(self.decl().span, text.to_owned()))
    }

    /// A data element more.
    fn more_data(&self, text: &str) -> Option<Change> {
        let own = |entry: &&MEntry| entry.origin == self.decl().qualified;
        match self.decl().attribute("data").filter(own) {
            Some(data) => Some(Change::Entry(data.span, text.to_owned())),
            None => self.more(&format!("data {{ {text} }}")),
        }
    }

    /// Whether a record of a format has a field: only then its name is something to write.
    fn has_field(&self, path: &str) -> bool {
        let Some((record, field)) = path.split_once('.') else {
            return false;
        };
        let formats = self.elaborator.model().of_kind("format");
        let mut entries = formats.flat_map(|format| format.entries.iter());
        entries.any(|e| {
            let own = e.word(0) == Some("record") && e.word(1) == Some(record);
            own && e.entries().iter().any(|f| f.word(0) == Some(field))
        })
    }

    fn span(&self, attribute: &str) -> Span {
        self.app.span_of(attribute)
    }

    fn decl(&self) -> &Decl {
        self.app.decl
    }
}

/// The entry that stands at a place.
fn entry_at(entries: &[MEntry], at: Span) -> Option<&MEntry> {
    let around = entries.iter().find(|e| e.span.holds(at))?;
    if around.span == at {
        return Some(around);
    }
    entry_at(around.entries(), at)
}

/// Whether a term is one of some words or tags.
fn names(term: &MExpr, words: &[&str]) -> bool {
    let written = tag_of(term).or_else(|| term.word());
    written.is_some_and(|written| words.contains(&written))
        || term.word().is_some_and(|w| words.contains(&w))
}

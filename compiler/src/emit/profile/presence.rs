//! Presence: data elements and records that only some orders have, and every case that orders can
//! make of a profile. Each case is held against all rules of EMV; what an order gets is chosen when
//! its card is made.

use super::super::value;
use super::afl::{Place, locator};
use super::records::Record;
use super::{App, Element, rules};
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{MEntry, Span};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::NodeId;

/// Most conditions of one profile: 64 cases are looked at.
pub(crate) const CONDITIONS_MAX: usize = 6;

/// Elements that are asked for before any record is read, or that the compiler itself builds on:
/// they are there for all orders or for none.
const ALWAYS: [&str; 18] = [
    "56", "57", "5A", "5F24", "82", "8E", "94", "9F38", "9F49", "9F4A", "9F62", "9F63", "9F64",
    "9F65", "9F66", "9F67", "9F69", "9F6B",
];

/// The `when` clause of an entry as a flag that anyone may see the outcome of.
pub(super) fn condition<'a>(elaborator: &mut Elaborator<'a>, entry: &'a MEntry) -> Option<Typed> {
    let term = entry.clause("when")?.single()?;
    let flag = elaborator.expr(term, Some(&Type::Flag))?;
    elaborator.sink(&flag, Sink::Condition, "`when`", term.span);
    Some(flag)
}

/// Octets that are there when a flag holds, else none.
pub(super) fn perhaps(
    elaborator: &mut Elaborator<'_>,
    when: Option<&Typed>,
    octets: Typed,
    span: Span,
) -> Typed {
    match when {
        Some(flag) => {
            let nothing = elaborator.octets(&[], span);
            elaborator.choose(flag, &octets, &nothing, span)
        }
        None => octets,
    }
}

/// When a record is there: as its own clause says, and only with something in it.
pub(super) fn of_record(
    elaborator: &mut Elaborator<'_>,
    app: &App<'_>,
    record: &Record,
) -> Option<Typed> {
    let flags: Option<Vec<Typed>> = record
        .tags
        .iter()
        .map(|(tag, _)| app.element(tag).and_then(|e| e.when.clone()))
        .collect();
    let any = match flags {
        Some(flags) if flags.len() > 1 => elaborator.apply("any", &flags, record.span),
        Some(flags) => flags.into_iter().next(),
        None => None,
    };
    match (record.when.clone(), any) {
        (Some(own), Some(any)) => elaborator.apply("all", &[own, any], record.span),
        (own, any) => own.or(any),
    }
}

/// The application file locator: chosen among those of the cases.
pub(super) fn afl(elaborator: &mut Elaborator<'_>, app: &App<'_>, span: Span) -> Typed {
    let mut always: Vec<Place> = Vec::new();
    let mut open: Vec<(Place, Typed)> = Vec::new();
    for record in &app.records {
        match of_record(elaborator, app, record) {
            Some(when) => open.push((record.place, when)),
            None => always.push(record.place),
        }
    }
    open.truncate(CONDITIONS_MAX);
    let mut known: Vec<(NodeId, bool)> = app.when.iter().map(|f| (f.node, true)).collect();
    chosen(elaborator, &open, always, &mut known, span)
}

fn chosen(
    elaborator: &mut Elaborator<'_>,
    open: &[(Place, Typed)],
    places: Vec<Place>,
    known: &mut Vec<(NodeId, bool)>,
    span: Span,
) -> Typed {
    let Some(((place, when), rest)) = open.split_first() else {
        return elaborator.octets(&locator(&places), span);
    };
    let mut branch = |elaborator: &mut Elaborator<'_>, holds: bool| {
        known.push((when.node, holds));
        let mut places = places.clone();
        if holds {
            places.push(*place);
        }
        let possible = elaborator.possible(known);
        let made = possible.then(|| chosen(elaborator, rest, places, known, span));
        known.pop();
        made
    };
    let (with, without) = (branch(elaborator, true), branch(elaborator, false));
    match (with, without) {
        (Some(with), Some(without)) => elaborator.choose(when, &with, &without, span),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => elaborator.octets(&locator(&places), span),
    }
}

/// Holds every case that orders can make against the rules. What is wrong in all of them is said
/// plainly, the rest with its case.
pub(super) fn check(elaborator: &mut Elaborator<'_>, app: &App<'_>) {
    let conditions = conditions(app);
    if conditions.is_empty() {
        rules::check(elaborator, app);
        return;
    }
    let mut sound = true;
    for element in app.elements.iter().filter(|e| e.when.is_some()) {
        if ALWAYS.contains(&element.tag.as_str())
            || super::records::ELSEWHERE.contains(&element.tag.as_str())
        {
            let message = format!("#{} is there for all orders or for none", element.tag);
            let help = "leave `when` out, and choose its value: `if … then … else …`";
            let problem = Problem::error("E0360", element.span, message).help(help);
            elaborator.findings().push(problem);
            sound = false;
        }
    }
    if !sound {
        return; // every case without it would say that it is missing
    }
    if conditions.len() > CONDITIONS_MAX {
        let message = format!(
            "{} conditions make more cases than are looked at, {CONDITIONS_MAX} are allowed",
            conditions.len()
        );
        let help = "give elements that come together the same condition, by a `let`";
        let problem = Problem::error("E0361", app.decl.span, message).help(help);
        elaborator.findings().push(problem);
        return;
    }
    let cases = cases(elaborator, app.when.as_ref(), &conditions);
    let mut said: Vec<(Problem, Vec<usize>)> = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let before = elaborator.findings().len();
        rules::check(elaborator, &in_case(app, case));
        for problem in elaborator.findings().split_off(before) {
            let same = |(p, _): &&mut (Problem, Vec<usize>)| {
                (&p.code, p.span, &p.message) == (&problem.code, problem.span, &problem.message)
            };
            match said.iter_mut().find(same) {
                Some((_, numbers)) => numbers.push(number),
                None => said.push((problem, vec![number])),
            }
        }
    }
    for (mut problem, numbers) in said {
        if numbers.len() < cases.len()
            && let Some(case) = numbers.first().and_then(|n| cases.get(*n))
        {
            for (flag, holds) in case {
                let words = elaborator.model().sources.text(flag.path.span).to_owned();
                let holds = if *holds { "holds" } else { "does not hold" };
                let label = format!("in the case that `{words}` {holds}");
                problem = problem.label(flag.path.span, label);
            }
        }
        elaborator.findings().push(problem);
    }
}

/// The conditions of a profile, each once.
fn conditions(app: &App<'_>) -> Vec<Typed> {
    let mut found: Vec<Typed> = Vec::new();
    let elements = app.elements.iter().filter_map(|e| e.when.as_ref());
    for flag in elements.chain(app.records.iter().filter_map(|r| r.when.as_ref())) {
        if !found.iter().any(|f| f.node == flag.node) {
            found.push(flag.clone());
        }
    }
    found
}

/// Conditions, and whether they hold.
pub(crate) type Case = Vec<(Typed, bool)>;

/// All cases that orders can make where something holds for all of them, at most as many as
/// [`CONDITIONS_MAX`] conditions make.
pub(crate) fn cases(
    elaborator: &Elaborator<'_>,
    given: Option<&Typed>,
    conditions: &[Typed],
) -> Vec<Case> {
    let conditions = conditions.iter().take(CONDITIONS_MAX);
    let mut cases: Vec<Case> = vec![Vec::new()];
    for condition in conditions {
        let mut next = Vec::new();
        for case in cases {
            for holds in [true, false] {
                let mut case = case.clone();
                case.push((condition.clone(), holds));
                let flags = case.iter().map(|(f, h)| (f.node, *h));
                let known = given.map(|flag| (flag.node, true));
                let flags: Vec<(NodeId, bool)> = known.into_iter().chain(flags).collect();
                if elaborator.possible(&flags) {
                    next.push(case);
                }
            }
        }
        cases = next;
    }
    cases
}

/// The application as the orders of a case get it.
fn in_case<'a>(app: &App<'a>, case: &Case) -> App<'a> {
    let holds = |when: Option<&Typed>| {
        when.is_none_or(|flag| {
            let known = case.iter().find(|(f, _)| f.node == flag.node);
            known.is_none_or(|(_, holds)| *holds)
        })
    };
    let (there, absent): (Vec<Element>, Vec<Element>) = app
        .elements
        .iter()
        .cloned()
        .partition(|e| holds(e.when.as_ref()));
    let records = app.records.iter().filter(|r| holds(r.when.as_ref()));
    let records = records.cloned().map(|mut record| {
        record
            .tags
            .retain(|(tag, _)| !absent.iter().any(|e| e.tag == *tag));
        record
    });
    App {
        elements: there,
        records: records.filter(|r| !r.tags.is_empty()).collect(),
        ..app.clone()
    }
}

/// The PAN sequence number of an order: the element's where it is there, else 00.
pub(super) fn number_or_none(
    elaborator: &mut Elaborator<'_>,
    element: &Element,
    span: Span,
) -> Option<Typed> {
    let raw = element.raw.clone()?;
    Some(match &element.when {
        Some(when) => {
            let none = elaborator.text("00", span);
            let ty = Type::Digits(Lengths::exactly(2));
            elaborator.choose(when, &raw, &none, span).of_type(ty)
        }
        None => raw,
    })
}

/// A data object of an element, where the order has it.
pub(super) fn object(
    elaborator: &mut Elaborator<'_>,
    element: &Element,
    span: Span,
) -> Option<Typed> {
    let whole = value::object(elaborator, &element.tag, &element.value, false, span)?;
    Some(perhaps(elaborator, element.when.as_ref(), whole, span))
}

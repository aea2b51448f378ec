//! The applications of a card's list: those that every card has, and those that only some orders
//! get. What two applications have to agree about is asked only of those that one order gets both of.

use super::super::Frame;
use super::super::profile::{self, App};
use super::super::read;
use super::wrong_record;
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MClause, MEntry, MExpr, Span};
use crate::secrecy::Sink;
use crate::types::Type;
use cardwright_bundle::{Application, NodeId};

/// The applications of a list, lowered.
#[derive(Default)]
pub(super) struct Listed<'a> {
    /// EMV's own.
    pub(super) apps: Vec<App<'a>>,
    /// All, in the order in which they are written.
    pub(super) applications: Vec<Application>,
    /// Those that are not EMV's.
    pub(super) others: Vec<Application>,
    /// Whether all could be lowered; if not, they have said why.
    pub(super) complete: bool,
}

/// Lowers the applications that a chip lists.
pub(super) fn lower<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    card: &'a Decl,
    chip: &'a MEntry,
) -> Listed<'a> {
    let mut listed = Listed::default();
    let list = chip.inner("applications").and_then(MEntry::single);
    let named = list.map_or_else(Vec::new, |l| read::conditional(elaborator.model(), l));
    let wanted = named.len();
    for (name, clause) in named {
        let when = match clause {
            Some(clause) => match condition(elaborator, clause) {
                Some(flag) => Some(flag),
                None => continue, // it has said why
            },
            None => None,
        };
        one(elaborator, frame, card, (name, when), &mut listed);
    }
    listed.complete = listed.applications.len() == wanted;
    if listed.complete {
        cases(elaborator, &listed.applications, chip);
    }
    listed
}

/// `when` behind an application's name: anyone who has the card sees its outcome.
fn condition<'a>(elaborator: &mut Elaborator<'a>, clause: &'a MClause) -> Option<Typed> {
    let term = clause.single()?;
    let flag = elaborator.expr(term, Some(&Type::Flag))?;
    elaborator.sink(&flag, Sink::Condition, "`when`", term.span);
    Some(flag)
}

fn one<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    card: &'a Decl,
    (name, when): (&'a MExpr, Option<Typed>),
    listed: &mut Listed<'a>,
) {
    let model = elaborator.model();
    let found = match read::declaration(model, name, "application") {
        Some(other) => Some(other).filter(|d| !d.poisoned),
        None => read::reference(model, name, "profile"),
    };
    let Some(found) = found else {
        return;
    };
    if found.for_record != card.for_record {
        return wrong_record(elaborator, card, found, name.span);
    }
    let node = when.as_ref().map(|flag| flag.node);
    if found.kind == "application" {
        if let Some(mut application) = profile::lower_other(elaborator, found) {
            application.when = node;
            listed.others.push(application.clone());
            listed.applications.push(application);
        }
        return;
    }
    if let Some((app, mut application)) = profile::lower(elaborator, frame, found, when) {
        application.when = node;
        listed.apps.push(app);
        listed.applications.push(application);
    } else if !elaborator.findings().has_errors() {
        // Never silent: what can't be emitted has a finding.
        let message = format!("`{}` can't be made, and nothing says why", found.name);
        let problem = Problem::error("E0499", found.span, message);
        elaborator
            .findings()
            .push(problem.help("report it with the profile"));
    }
}

/// Every case has an application, and there are not more cases than are looked at.
fn cases(elaborator: &mut Elaborator<'_>, applications: &[Application], chip: &MEntry) {
    let span = chip.inner("applications").map_or(chip.span, |e| e.span);
    let mut flags: Vec<NodeId> = applications.iter().filter_map(|a| a.when).collect();
    let none: Vec<(NodeId, bool)> = flags.iter().map(|flag| (*flag, false)).collect();
    let always = applications.len() > flags.len();
    flags.sort_unstable();
    flags.dedup();
    if flags.len() > profile::CONDITIONS_MAX {
        let message = format!(
            "{} conditions of applications make more cases than are looked at, {} are allowed",
            flags.len(),
            profile::CONDITIONS_MAX
        );
        let help = "give applications that come together the same condition, by a `let`";
        let problem = Problem::error("E0361", span, message).help(help);
        return elaborator.findings().push(problem);
    }
    if !always && !applications.is_empty() && elaborator.possible(&none) {
        let message = "an order for which no condition holds gets a chip without an application";
        let help = "leave one application without `when`, or write conditions of which one always \
                    holds: `a when c, b when not c`";
        let problem = Problem::error("E0362", span, message).help(help);
        elaborator.findings().push(problem);
    }
}

/// Whether an order can get both of two things with conditions.
pub(super) fn together(
    elaborator: &Elaborator<'_>,
    one: Option<NodeId>,
    other: Option<NodeId>,
) -> bool {
    let both = one.into_iter().chain(other).map(|flag| (flag, true));
    elaborator.possible(&both.collect::<Vec<_>>())
}

/// The same of two EMV applications.
pub(super) fn on_one_card(elaborator: &Elaborator<'_>, one: &App<'_>, other: &App<'_>) -> bool {
    let node = |app: &App<'_>| app.when.as_ref().map(|flag| flag.node);
    together(elaborator, node(one), node(other))
}

/// The applications of each case that orders can make of a card.
pub(super) fn of_each_case<'p, 'a>(
    elaborator: &Elaborator<'_>,
    apps: &'p [App<'a>],
) -> Vec<Vec<&'p App<'a>>> {
    let conditions: Vec<Typed> = apps.iter().filter_map(|a| a.when.clone()).collect();
    let cases = profile::cases(elaborator, None, &conditions);
    let there = |app: &&App<'_>, case: &[(Typed, bool)]| {
        app.when.as_ref().is_none_or(|flag| {
            case.iter()
                .any(|(known, holds)| known.node == flag.node && *holds)
        })
    };
    let cases = cases.iter();
    cases
        .map(|case| apps.iter().filter(|app| there(app, case)).collect())
        .collect()
}

/// Where applications that no order gets both of differ in what the card is known by, the card has
/// to say it itself.
pub(super) fn one_identity(
    elaborator: &mut Elaborator<'_>,
    apps: &[App<'_>],
    tag: &str,
    span: Span,
) {
    let node = |app: &App<'_>| Some(app.element(tag)?.raw.as_ref()?.node);
    let Some(first) = apps.iter().find(|app| node(app).is_some()) else {
        return;
    };
    for app in apps {
        if node(app).is_some_and(|n| Some(n) != node(first)) && !on_one_card(elaborator, first, app)
        {
            let message = format!(
                "`{}` and `{}` say different things in #{tag}: which is the card's?",
                first.decl.name, app.decl.name
            );
            let help = "write `pan`, `psn` or `expiry` into the card: `psn = if … then … else …`";
            let problem = Problem::error("E0332", span, message).help(help);
            elaborator.findings().push(problem);
        }
    }
}

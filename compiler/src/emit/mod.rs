//! Emit: a checked Model becomes a bundle's content and assets, and is held against the rules of
//! EMV, of keys, of the stripe, of paper and of the line.
//!
//! One file per kind of declaration. Nothing stops at the first finding: what can be emitted is.

mod card;
mod checks;
mod codes;
mod drawn;
mod expectations;
mod flow;
mod fonts;
mod formats;
mod job;
mod keys;
mod layout;
mod piece;
mod profile;
mod read;
mod scenario;
mod sources;
mod test_cases;
mod value;

pub use codes::CODES;
pub(crate) use fonts::bytes as font_bytes;
pub use layout::{CODES as LAYOUT_CODES, measure};
pub(crate) use piece::{Frame, Piece};
pub use test_cases::{Expectation, TestCase, issuer_bin, test_cases};

use crate::diagnostics::{Finding, Findings, Problem, Severity};
use crate::elaborate::Shared;
use crate::model::{Decl, MEntry, Model};
use crate::project::Project;
use crate::session::{Keeper, Session};
use crate::standard_codes;
use cardwright_bundle::{Bundle, Content, Environment, Issuer, Limits, Program};
use cardwright_vocabulary::CodeList;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A bundle's content and its assets: name to media type and octets.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// What the bundle says.
    pub content: Content,
    /// Files that it carries.
    pub assets: BTreeMap<String, (String, Vec<u8>)>,
    /// Lengths that it came upon, where they were written.
    pub measures: Vec<crate::Measure>,
}

/// What all lowerings share.
pub(crate) struct Context<'a> {
    model: &'a Model,
    project: &'a Project<'a>,
    environment: Environment,
    shared: Shared,
    content: Content,
    assets: BTreeMap<String, (String, Vec<u8>)>,
    /// Leading digits of the issuer's PANs, when the issuer says them.
    bin: Option<String>,
    /// Profiles that cards name.
    placed: BTreeSet<String>,
    /// What cards turned out to hold, for layouts, flows, scenarios and jobs.
    cards: Vec<card::Facts>,
    /// What their faces turned out to show, where those were made by themselves.
    sides: Vec<card::Sides>,
    /// Letters with a PIN that is drawn, for jobs.
    letters: Vec<drawn::Letter>,
    /// What was made before cards and layouts.
    frame: Arc<Frame>,
    /// Whether there were errors before cards and layouts, each of which is made by itself.
    flawed: bool,
    /// Whether this is for findings only: nothing of it goes into a bundle.
    apart: bool,
}

impl Context<'_> {
    /// Adds a program and gives its index; an equal one is shared.
    fn add_program(&mut self, program: Program) -> u32 {
        let programs = &mut self.content.programs;
        let at = programs.iter().position(|p| *p == program);
        let index = at.unwrap_or_else(|| {
            programs.push(program);
            programs.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    fn push(&mut self, problem: Problem) {
        self.shared.findings.push(problem);
    }
}

/// Emits a Model. Findings say all that is wrong; the content is good only when none is an error.
#[must_use]
pub fn emit(model: &Model, project: &Project<'_>, environment: Environment) -> (Emitted, Findings) {
    emit_all(model, project, environment, true, None)
}

/// Emits a Model; profiles that no card holds only where the check found no error, for what
/// follows from one is not said.
fn emit_all(
    model: &Model,
    project: &Project<'_>,
    environment: Environment,
    unplaced: bool,
    mut keeper: Option<&mut Keeper<'_>>,
) -> (Emitted, Findings) {
    let content = empty(model, environment);
    let mut context = Context {
        model,
        project,
        environment,
        shared: Shared::default(),
        assets: BTreeMap::new(),
        bin: None,
        placed: BTreeSet::new(),
        cards: Vec::new(),
        sides: Vec::new(),
        letters: Vec::new(),
        frame: Frame::of(&content, None, false),
        content,
        flawed: false,
        apart: false,
    };
    issuer(&mut context);
    keys::lower(&mut context);
    formats::lower(&mut context);
    context.flawed = context.shared.findings.has_errors();
    context.frame = Frame::of(&context.content, context.bin.clone(), context.flawed);
    if let Some(keeper) = keeper.as_deref_mut() {
        keeper.frame(&context.frame);
    }
    card::lower(&mut context, keeper.as_deref_mut());
    if unplaced {
        card::unplaced(&mut context, keeper.as_deref_mut());
    }
    layout::lower(&mut context, keeper.as_deref_mut());
    flow::lower(&mut context);
    scenario::lower(&mut context);
    job::lower(&mut context);
    context.shared.findings.leave();
    checks::lower(&mut context);
    drawn::lower(&mut context);
    expectations::secrets(&mut context, &test_cases(model).0);
    if keeper.is_none() {
        tables(&mut context);
        sources::lower(&mut context);
    }
    let emitted = Emitted {
        content: context.content,
        assets: context.assets,
        measures: context.shared.measures.drain(..).collect(),
    };
    (emitted, context.shared.findings)
}

/// All findings of a project: of the language, and of what it makes.
///
/// Where names or syntax are broken, nothing is emitted: what follows would speak of ruins.
#[must_use]
pub fn check(project: &Project<'_>, environment: Environment) -> crate::Checked {
    Session::default().check(project, environment)
}

/// What follows on the check of the language in a check of everything; gives lengths.
pub(crate) fn go_on(
    model: &Model,
    findings: &mut Findings,
    environment: Environment,
    keeper: &mut Keeper<'_>,
) -> Vec<crate::Measure> {
    let project = keeper.project;
    if broken(model, findings) {
        return Vec::new();
    }
    let sound = !findings.has_errors();
    let (emitted, found) = emit_all(model, project, environment, sound, Some(keeper));
    findings.append(found);
    findings.append(test_cases(model).1);
    emitted.measures
}

/// Whether names or syntax are broken.
fn broken(model: &Model, findings: &Findings) -> bool {
    let broken = |code: &str| code.starts_with("E00") || code.starts_with("E01");
    findings.may_be_broken()
        && findings
            .resolve(&model.sources)
            .iter()
            .any(|f| broken(&f.code) && f.severity == Severity::Error)
}

/// From a project to a sealed, unsigned bundle with all jobs.
///
/// # Errors
/// All findings, when one of them is an error.
pub fn build(project: &Project<'_>, environment: Environment) -> Result<Bundle, Vec<Finding>> {
    sealed(run_for(project, environment, None))
}

/// The same for a project that was checked and found without an error: its Model is not made
/// again.
///
/// # Errors
/// What is found on the way, when something of it is an error.
pub fn build_checked(
    checked: &crate::Checked,
    project: &Project<'_>,
    environment: Environment,
) -> Result<Bundle, Vec<Finding>> {
    if !checked.is_good() {
        return Err(checked.findings.clone());
    }
    let (emitted, found) = emit_all(&checked.model, project, environment, true, None);
    seal(&checked.model, found, Some(emitted))
}

/// The same for one bundle of the manifest: its jobs, and what they need.
///
/// # Errors
/// All findings, when one of them is an error; E0129 when there is no such bundle.
pub fn build_bundle(
    project: &Project<'_>,
    environment: Environment,
    bundle: &str,
) -> Result<Bundle, Vec<Finding>> {
    sealed(run_for(project, environment, Some(bundle)))
}

type Run = (Model, Findings, Option<Emitted>);

fn sealed((model, findings, emitted): Run) -> Result<Bundle, Vec<Finding>> {
    seal(&model, findings, emitted)
}

fn seal(
    model: &Model,
    mut findings: Findings,
    emitted: Option<Emitted>,
) -> Result<Bundle, Vec<Finding>> {
    let Some(emitted) = emitted.filter(|_| !findings.has_errors()) else {
        return Err(findings.resolve(&model.sources));
    };
    let sealed = match beyond(&emitted) {
        Some(reason) => Err(reason),
        None => Bundle::seal(emitted.content, emitted.assets).map_err(|error| error.to_string()),
    };
    sealed.map_err(|reason| {
        let span = crate::model::Span::default();
        let help = "split the project into several, each with its own manifest";
        findings.push(Problem::error("E0499", span, reason).help(help));
        findings.resolve(&model.sources)
    })
}

/// What of a bundle is more than a site would load.
fn beyond(emitted: &Emitted) -> Option<String> {
    let limits = Limits::default();
    let content = &emitted.content;
    let counted = [
        ("files", emitted.assets.len(), limits.assets),
        ("keys", content.keys.len(), limits.entries),
        ("formats", content.formats.len(), limits.entries),
        ("programs", content.programs.len(), limits.entries),
        ("cards", content.cards.len(), limits.entries),
        ("layouts", content.layouts.len(), limits.entries),
        ("flows", content.flows.len(), limits.entries),
        ("scenarios", content.scenarios.len(), limits.entries),
        ("jobs", content.jobs.len(), limits.entries),
        ("sources", content.sources.len(), limits.entries),
    ];
    let octets: usize = emitted.assets.values().map(|(_, bytes)| bytes.len()).sum();
    let nodes = content.programs.iter().map(|p| p.nodes.len()).max();
    let sizes = [
        ("octets of files", octets, limits.bundle_bytes),
        ("steps in one program", nodes.unwrap_or(0), limits.nodes),
    ];
    let mut all = counted.into_iter().chain(sizes);
    let (what, found, most) = all.find(|(_, found, most)| found > most)?;
    Some(format!(
        "a bundle of {found} {what} is made, a site loads at most {most}"
    ))
}

fn run_for(project: &Project<'_>, environment: Environment, bundle: Option<&str>) -> Run {
    let mut findings = Findings::new();
    let mut model = crate::model::lower(project, &mut findings);
    if let Some(bundle) = bundle
        && !crate::model::keep_bundle(&mut model, bundle)
    {
        let names: Vec<&str> = model.manifest.bundles.keys().map(String::as_str).collect();
        let message = format!("the manifest has no bundle `{bundle}`");
        let help = format!("it has: {}", names.join(", "));
        let span = crate::model::Span::default();
        findings.push(Problem::error("E0129", span, message).help(help));
    }
    crate::check::check(&model, &mut findings, None);
    if broken(&model, &findings) {
        return (model, findings, None);
    }
    let sound = !findings.has_errors();
    let (emitted, found) = emit_all(&model, project, environment, sound, None);
    findings.append(found);
    if bundle.is_none() {
        findings.append(test_cases(&model).1);
    }
    (model, findings, Some(emitted))
}

fn empty(model: &Model, environment: Environment) -> Content {
    Content {
        schema: 1,
        name: model.manifest.name.clone(),
        version: model.manifest.version.clone(),
        sequence: model.manifest.sequence,
        environment,
        issuer: Issuer {
            id: String::new(),
            name: String::new(),
            country: 0,
            currency: 0,
        },
        keys: Vec::new(),
        formats: Vec::new(),
        programs: Vec::new(),
        cards: Vec::new(),
        layouts: Vec::new(),
        flows: Vec::new(),
        scenarios: Vec::new(),
        jobs: Vec::new(),
        tables: Vec::new(),
        assets: Vec::new(),
        sources: Vec::new(),
        spans: Vec::new(),
    }
}

/// The tables that programs look into, in the order of their numbers.
fn tables(context: &mut Context<'_>) {
    let model = context.model;
    for name in context.shared.tables.clone() {
        if let Some(data) = model.table(&name) {
            let span = model.get(&name).map(|d| d.span).unwrap_or_default();
            context.content.tables.push(cardwright_bundle::LookupTable {
                span: context.shared.spans.id(span),
                ..data.table.clone()
            });
        }
    }
}

/// The issuer that the manifest names, or the only one.
fn issuer(context: &mut Context<'_>) {
    let model = context.model;
    let mut issuers = model.of_kind("issuer").filter(|d| !d.poisoned);
    let wanted = model.manifest.issuer.as_deref();
    let found: Option<&Decl> = match wanted {
        Some(name) => issuers.find(|d| d.name == name),
        None => issuers.next(),
    };
    let Some(decl) = found else {
        let (message, name) = match wanted {
            Some(name) => {
                let message =
                    format!("the manifest says `issuer = \"{name}\"`, and none is declared so");
                (message, name)
            }
            None => ("the project declares no issuer".to_owned(), "NAME"),
        };
        let help = format!(
            "declare `issuer {name} {{ name = \"…\"; country = …; currency = …; bin = \"…\" }}`"
        );
        context.push(Problem::error("E0916", crate::model::Span::default(), message).help(help));
        return;
    };
    if let Some(other) = issuers.next().filter(|_| wanted.is_none()) {
        let message = format!(
            "there are two issuers, `{}` and `{}`, and the manifest does not say which it is",
            decl.name, other.name
        );
        context.push(
            Problem::error("E0916", other.span, message)
                .label(decl.span, "the other one")
                .help("write `issuer = \"NAME\"` into cardwright.toml, or keep one of them"),
        );
    }
    let number = |name: &str, list: CodeList| {
        let term = decl.attribute(name).and_then(MEntry::single);
        let found = term.and_then(|e| match e.word() {
            Some(word) => standard_codes::number_of(list, word),
            None => e.integer().and_then(|n| u16::try_from(n).ok()),
        });
        found.unwrap_or(0)
    };
    context.bin = decl.attribute("bin").and_then(read::text);
    context.content.issuer = Issuer {
        id: decl.name.clone(),
        name: decl
            .attribute("name")
            .and_then(read::text)
            .unwrap_or_default(),
        country: number("country", CodeList::Countries),
        currency: number("currency", CodeList::Currencies),
    };
}

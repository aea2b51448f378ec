//! Findings: what is wrong in a project, where, and how to mend it.
//!
//! Inside the compiler a finding is a [`Problem`] with byte spans; what leaves it is a [`Finding`]
//! with paths, lines and columns, ready for people, JSON and editors.

mod codes;
mod fix;
mod render;

pub use codes::{CODES, CodeRow, explanation};
pub use fix::{Change, Edit, Fix, apply};
pub use render::human;

use crate::model::{Decl, Made, Sources, Span, Spans};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// How grave a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is built.
    Error,
    /// Something is built that the author probably did not mean.
    Warning,
    /// Something worth knowing.
    Note,
}

/// A place in a source file; lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Path inside the project or package.
    pub file: String,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
}

/// A second place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What is to be seen there.
    pub message: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

/// One step of a leak: from the input field, through lets and functions, to the sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStep {
    /// What happens to the value there.
    pub what: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

/// A finding as the tools show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, such as `E1001`.
    pub code: String,
    /// How grave.
    pub severity: Severity,
    /// What was found and what was expected.
    pub message: String,
    /// What to type next.
    pub help: Option<String>,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Other places that matter.
    pub labels: Vec<Label>,
    /// The way of a secret, from its source to the sink; empty for other findings.
    pub path: Vec<PathStep>,
    /// The rule of a project or package that is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<BrokenRule>,
    /// The change that mends it, where the help names a definite one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

/// A rule that an author wrote, and that a declaration breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BrokenRule {
    /// Its qualified name: `house.rules.label_short`.
    pub id: String,
    /// Where it comes from.
    pub reference: Option<String>,
}

/// A finding inside the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable code.
    pub code: String,
    /// How grave.
    pub severity: Severity,
    /// What was found and what was expected.
    pub message: String,
    /// What to type next.
    pub help: Option<String>,
    /// Where.
    pub span: Span,
    /// Other places.
    pub labels: Vec<(Span, String)>,
    /// The way of a secret.
    pub path: Vec<(Span, String)>,
    /// The rule of a project or package that is broken.
    pub rule: Option<BrokenRule>,
    /// The change that mends it.
    pub change: Option<Change>,
    /// Whether it only follows from another error: shown when there is no other.
    pub consequence: bool,
}

impl Spans for Problem {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(&mut self.span);
        self.labels.spans(visit);
        self.path.spans(visit);
        if let Some(change) = &mut self.change {
            visit(change.span_mut());
        }
    }
}

impl Problem {
    /// An error.
    pub fn error(code: &str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    /// A warning.
    pub fn warning(code: &str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    /// A finding of any severity.
    pub fn new(severity: Severity, code: &str, span: Span, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            severity,
            message: message.into(),
            help: None,
            span,
            labels: Vec::new(),
            path: Vec::new(),
            rule: None,
            change: None,
            consequence: false,
        }
    }

    /// A finding that only follows from another one: it is shown when no other error is left, so
    /// that one slip gives one finding and nothing wrong is ever built.
    #[must_use]
    pub fn consequence(mut self) -> Self {
        self.consequence = true;
        self
    }

    /// With advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the change that mends it.
    #[must_use]
    pub fn fix(mut self, change: Change) -> Self {
        self.change = Some(change);
        self
    }

    /// With the advice to write a known word instead of what stands at a place, or else another.
    #[must_use]
    pub fn meant(self, at: Span, near: Option<&str>, otherwise: impl Into<String>) -> Self {
        match near {
            Some(near) => self
                .help(format!("did you mean `{near}`?"))
                .fix(Change::Instead(at, near.to_owned())),
            None => self.help(otherwise),
        }
    }

    /// The same for a name that was looked up: `near` stands for its first segments.
    #[must_use]
    pub fn meant_name(
        self,
        segments: &[crate::model::MSegment],
        near: Option<&str>,
        otherwise: impl Into<String>,
    ) -> Self {
        let Some(near) = near else {
            return self.help(otherwise);
        };
        let mut problem = self.help(format!("did you mean `{near}`?"));
        problem.change = Change::name(segments, near);
        problem
    }

    /// With another place.
    #[must_use]
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push((span, message.into()));
        self
    }
}

/// Most findings of one check; behind them nothing more is looked for.
const MOST_FINDINGS: usize = 20_000;

/// Collects the problems of one run; nothing stops at the first.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    problems: Vec<Problem>,
    /// The copy that is looked at, when a `for … in …` made it: its name and what it was made from.
    copy: Option<(String, Made)>,
    /// Whether errors were found before, which are not in this collection.
    earlier: bool,
    /// Whether it was said that there are too many.
    full: bool,
}

impl Findings {
    /// An empty collection behind others, in which there may be errors.
    pub(crate) fn after(errors: bool) -> Self {
        Self {
            earlier: errors,
            ..Self::default()
        }
    }

    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, mut problem: Problem) {
        if let Some((name, made)) = &self.copy {
            name_copy(&mut problem, name, made);
        }
        self.problems.push(problem);
    }

    /// Says what is looked at from here on, so that problems of a copy name it and its row.
    pub fn enter(&mut self, decl: &Decl) {
        self.copy = decl.made.clone().map(|made| (decl.name.clone(), made));
    }

    /// Says that no declaration is looked at any more.
    pub fn leave(&mut self) {
        self.copy = None;
    }

    /// Whether there is an error among them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.earlier || self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether there are so many that nothing more is looked for; says so once, of what would come
    /// next.
    pub(crate) fn are_too_many(&mut self, next: Span) -> bool {
        let many = self.problems.len() > MOST_FINDINGS;
        if many && !std::mem::replace(&mut self.full, true) {
            let message =
                format!("from here on nothing is checked: there are {MOST_FINDINGS} findings");
            let help = "mend the first ones; the others are often their consequences";
            self.push(Problem::error("E0119", next, message).help(help));
        }
        many
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether names or syntax may be broken; [`Findings::resolve`] says whether they are.
    pub(crate) fn may_be_broken(&self) -> bool {
        let broken = |p: &Problem| p.code.starts_with("E00") || p.code.starts_with("E01");
        let mut problems = self.problems.iter();
        problems.any(|p| p.severity == Severity::Error && broken(p))
    }

    /// Takes the problems back that came after so many, in their order.
    pub(crate) fn split_off(&mut self, at: usize) -> Vec<Problem> {
        self.problems.split_off(at.min(self.problems.len()))
    }

    /// Moves another collection's problems into this one.
    pub fn append(&mut self, other: Findings) {
        self.problems.extend(other.problems);
    }

    /// The findings with places, sorted by file and position, each once. Where an early phase has
    /// found fault with a value, later phases' faults with the same words are left out.
    #[must_use]
    pub fn resolve(&self, sources: &Sources) -> Vec<Finding> {
        let mut first: HashMap<Span, &Problem> = HashMap::new();
        let mut trees = fix::Trees::new();
        let mut kept = Vec::new();
        let is_error = |p: &&Problem| p.severity == Severity::Error;
        let mut errors = self.problems.iter().filter(is_error);
        let causes = errors.clone().any(|p| !p.consequence);
        let broken = errors.any(|p| p.code.starts_with("E00"));
        let mut shown: BTreeMap<(u32, &str), (usize, Span)> = BTreeMap::new();
        for problem in &self.problems {
            let of_syntax = broken && OF_SYNTAX.contains(&problem.code.as_str());
            if of_syntax || (causes && problem.consequence) {
                continue;
            }
            let earlier = first.get(&problem.span);
            if earlier.is_none_or(|other| !covers(other, problem)) {
                let place = (problem.span.file, problem.code.as_str());
                let (count, last) = shown.entry(place).or_default();
                *count += 1;
                if *count <= MOST_OF_A_CODE {
                    *last = problem.span;
                    kept.push(finding(problem, sources, &mut trees));
                }
            }
            if earlier.is_none() && problem.severity == Severity::Error {
                first.insert(problem.span, problem);
            }
        }
        for ((_, code), (count, last)) in shown {
            if let Some(more) = count.checked_sub(MOST_OF_A_CODE).filter(|more| *more > 0) {
                let message = format!("{more} more findings {code} of this file are not shown");
                let note = Problem::new(Severity::Note, "E0024", last, message);
                kept.push(finding(&note, sources, &mut trees));
            }
        }
        kept.sort_by(|a, b| (&a.place, &a.code, &a.message).cmp(&(&b.place, &b.code, &b.message)));
        kept.dedup_by(|a, b| a.place == b.place && a.code == b.code && a.message == b.message);
        narrowest(kept)
    }
}

/// Most findings of one code that are shown of one file; a note says how many more there are.
const MOST_OF_A_CODE: usize = 500;

/// Findings that a lost bracket or quotation mark brings about all over a file: what is missing,
/// what stands at a wrong level, what nobody uses. They wait until the text can be read.
const OF_SYNTAX: &[&str] = &[
    "E0102", "E0103", "E0109", "E0116", "E0301", "E0312", "E0341",
];

/// A problem of a copy says which one it is, what stands there once, and the row.
fn name_copy(problem: &mut Problem, name: &str, made: &Made) {
    problem.message = format!("in `{name}`: {}", problem.message);
    if !made.whole.holds(problem.span) {
        problem
            .labels
            .push((made.template, format!("`{name}` is made here")));
    }
    for row in made.rows.iter().filter(|row| !row.holds(problem.span)) {
        problem.labels.push((*row, "from this row".to_owned()));
    }
}

/// One leak is told once, at its narrowest place: the language sees the value, what it makes sees
/// the whole entry around it.
fn narrowest(findings: Vec<Finding>) -> Vec<Finding> {
    let inside = |inner: &Place, outer: &Place| {
        let (from, to) = (
            (inner.line, inner.column),
            (inner.end_line, inner.end_column),
        );
        inner != outer
            && inner.file == outer.file
            && from >= (outer.line, outer.column)
            && to <= (outer.end_line, outer.end_column)
    };
    let told = |one: &Finding| {
        // A finding without a way is told as it is; to compare all with all would take too long.
        !one.path.is_empty()
            && findings.iter().any(|other| {
                other.code == one.code
                    && other.path.first() == one.path.first()
                    && inside(&other.place, &one.place)
            })
    };
    let twice: Vec<bool> = findings.iter().map(told).collect();
    let once = findings.into_iter().zip(twice).filter(|(_, twice)| !twice);
    once.map(|(finding, _)| finding).collect()
}

/// Whether the earlier problem says all that the later one at the same place has to say.
fn covers(earlier: &Problem, later: &Problem) -> bool {
    let about_a_value = ["E0106", "E0114", "E02", "E05", "E10"]
        .iter()
        .any(|band| earlier.code.starts_with(band));
    // One expression has one type: the same code again is the same complaint in other words.
    let once = ["E0201", "E0203", "E1001"].contains(&earlier.code.as_str());
    about_a_value && (earlier.code != later.code || once)
}

fn finding(problem: &Problem, sources: &Sources, trees: &mut fix::Trees) -> Finding {
    let change = problem.change.as_ref();
    Finding {
        fix: change.and_then(|change| fix::fix(change, sources, trees)),
        code: problem.code.clone(),
        severity: problem.severity,
        message: problem.message.clone(),
        rule: problem.rule.clone(),
        help: problem.help.clone(),
        place: sources.place(problem.span),
        labels: problem
            .labels
            .iter()
            .map(|(span, message)| Label {
                message: message.clone(),
                place: sources.place(*span),
            })
            .collect(),
        path: problem
            .path
            .iter()
            .map(|(span, what)| PathStep {
                what: what.clone(),
                place: sources.place(*span),
            })
            .collect(),
    }
}

//! `for row in table`: one declaration or entry for each row of a table or element of a list.
//!
//! What stands there once is copied with the row's cells put in, before anything is inherited. A
//! copy is an ordinary declaration; it remembers what it was made from, so that a finding can name
//! both. The number of copies and their size are bounded.

mod condition;
mod substitute;

use super::{Decl, MClause, MEntry, MExpr, MKind, Model, Span, Target};
use crate::diagnostics::{Findings, Problem};
use std::sync::Arc;
use substitute::Bindings;

/// Most copies that one `for` makes.
const MAX_COPIES: usize = 2_000;
/// Most expressions of all copies of a project together.
const MAX_EXPRESSIONS: usize = 600_000;
/// So many expressions an entry counts for besides those that it holds.
const OF_AN_ENTRY: usize = 10;

/// What a copy was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The head of what stands there once.
    pub template: Span,
    /// The whole of it.
    pub whole: Span,
    /// The rows, from the outermost `for`.
    pub rows: Vec<Span>,
}

/// One value that a `for` gives.
#[derive(Clone, Debug)]
enum Bound {
    /// A row of a table.
    Row(String, usize),
    /// An element of a list.
    Element(MExpr),
}

/// Declarations that stand for several: kept aside until tables are read.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// The whole entry.
    pub(super) entry: MEntry,
    /// Package that it is in.
    pub(super) package: String,
    /// Whether a package wrote it.
    pub(super) standard: bool,
    /// Whether a syntax error is in it.
    pub(super) poisoned: bool,
}

/// Whether a declaration or entry stands for several.
pub(super) fn repeats(clauses: &[MClause]) -> bool {
    clauses.iter().any(|c| each(c).is_some())
}

/// Variable and source of `for row in table`.
pub(crate) fn each(clause: &MClause) -> Option<(&str, &MExpr)> {
    match clause.terms.as_slice() {
        [name, word, source] if clause.keyword == "for" && word.word() == Some("in") => {
            Some((name.word()?, source))
        }
        _ => None,
    }
}

/// Makes all copies: of declarations, then of entries within declarations.
/// `repeating` names the declarations that hold such entries.
pub(super) fn carry_out(
    model: &mut Model,
    templates: Vec<Template>,
    repeating: Vec<String>,
    findings: &mut Findings,
) {
    let written = model.decls.len();
    let mut fuel = MAX_EXPRESSIONS;
    for template in templates {
        if fuel == 0 {
            break;
        }
        let mut maker = Maker {
            model,
            findings,
            fuel: &mut fuel,
        };
        let copies = maker.copies(&template.entry, &Bindings::default());
        for (entry, rows) in copies {
            declare(model, &template, entry, rows, findings);
        }
    }
    let made = model.decls.iter().skip(written);
    let made = made.filter(|(_, decl)| holds_repeats(decl));
    let made: Vec<String> = made.map(|(name, _)| name.clone()).collect();
    for name in repeating.into_iter().chain(made) {
        let Some(decl) = model.get(&name) else {
            continue;
        };
        let entries = decl.entries.clone();
        let mut maker = Maker {
            model,
            findings,
            fuel: &mut fuel,
        };
        let entries = maker.entries(&entries, &Bindings::default());
        if let Some(decl) = model.decls.get_mut(&name) {
            Arc::make_mut(decl).entries = Arc::new(entries);
        }
    }
}

/// Whether a declaration holds entries that stand for several. In a rule, `for x in list` asks for
/// every element; nothing is copied.
pub(super) fn holds_repeats(decl: &Decl) -> bool {
    decl.kind != "rule" && within(&decl.entries)
}

/// Whether an entry among these, at any depth, stands for several.
fn within(entries: &[MEntry]) -> bool {
    entries
        .iter()
        .any(|e| repeats(&e.clauses) || within(e.entries()))
}

struct Maker<'m> {
    model: &'m mut Model,
    findings: &'m mut Findings,
    fuel: &'m mut usize,
}

impl Maker<'_> {
    /// Entries with those that stand for several copied, and names of outer `for`s put in.
    fn entries(&mut self, entries: &[MEntry], bound: &Bindings) -> Vec<MEntry> {
        let mut all = Vec::new();
        for entry in entries {
            if repeats(&entry.clauses) {
                let copies = self.copies(entry, bound);
                all.extend(copies.into_iter().map(|(entry, _)| entry));
            } else {
                all.extend(self.copy(entry, bound));
            }
        }
        all
    }

    /// One copy of an entry: its own expressions, then its block.
    fn copy(&mut self, entry: &MEntry, bound: &Bindings) -> Option<MEntry> {
        let block = entry.block.as_ref().map(|b| self.entries(b, bound));
        let mut maker = substitute::Substitution {
            model: self.model,
            findings: self.findings,
            bound,
            fuel: self.fuel,
        };
        let mut copied = maker.entry(entry)?;
        copied.block = block;
        Some(copied)
    }

    /// All copies of an entry, each with the rows that it was made from.
    fn copies(&mut self, entry: &MEntry, outer: &Bindings) -> Vec<(MEntry, Vec<Span>)> {
        let mut plain = entry.clone();
        plain.clauses.clear();
        let mut steps: Vec<(&str, &MExpr, Option<&MExpr>)> = Vec::new();
        let mut clauses = entry.clauses.iter().peekable();
        while let Some(clause) = clauses.next() {
            let Some((name, source)) = each(clause) else {
                plain.clauses.push(clause.clone());
                continue;
            };
            // `when` right after it chooses among the rows.
            let filter = clauses.next_if(|c| c.keyword == "when");
            steps.push((name, source, filter.and_then(MClause::single)));
        }
        strip(&mut plain.base);
        strip(&mut plain.value);
        let mut found = vec![(outer.clone(), Vec::new())];
        for (name, source, filter) in steps {
            found = self.step(name, source, filter, found);
            if found.len() > MAX_COPIES {
                let message = format!("this would be made more than {MAX_COPIES} times");
                let help = "choose among the rows: `for t in table when t.active == \"yes\"`";
                let problem = Problem::error("E0141", entry.head_span(), message);
                self.findings.push(problem.help(help));
                return Vec::new();
            }
        }
        let mut copies = Vec::new();
        for (bound, rows) in found {
            match self.copy(&plain, &bound) {
                Some(copy) => copies.push((copy, rows)),
                None => break,
            }
        }
        copies
    }

    fn step(
        &mut self,
        name: &str,
        source: &MExpr,
        filter: Option<&MExpr>,
        found: Vec<(Bindings, Vec<Span>)>,
    ) -> Vec<(Bindings, Vec<Span>)> {
        let Some(values) = self.values(source) else {
            return Vec::new();
        };
        let mut next = Vec::new();
        'outer: for (bound, rows) in found {
            for (value, span) in &values {
                if next.len() > MAX_COPIES {
                    break 'outer;
                }
                let bound = bound.with(name, value.clone());
                match filter.map(|f| self.holds(f, &bound)) {
                    Some(None) => return Vec::new(),
                    Some(Some(false)) => continue,
                    Some(Some(true)) | None => {}
                }
                let mut rows = rows.clone();
                rows.push(*span);
                next.push((bound, rows));
            }
        }
        next
    }

    fn holds(&mut self, filter: &MExpr, bound: &Bindings) -> Option<bool> {
        let mut maker = substitute::Substitution {
            model: self.model,
            findings: self.findings,
            bound,
            fuel: self.fuel,
        };
        let decided = condition::holds(&maker.expr(filter)?);
        if decided.is_none() {
            let message = "this can't be decided when compiled";
            let help = "compare cells and texts: == != < <= > >=, with `and`, `or`, `not`";
            self.findings
                .push(Problem::error("E0140", filter.span, message).help(help));
        }
        decided
    }

    /// The rows of a table or the elements of a list, each with its place.
    fn values(&mut self, source: &MExpr) -> Option<Vec<(Bound, Span)>> {
        if let MKind::List(items) = &source.kind {
            let elements = items.iter().filter_map(|i| i.phrase.single());
            return Some(
                elements
                    .map(|e| (Bound::Element(e.clone()), e.span))
                    .collect(),
            );
        }
        let MKind::Name(segments) = &source.kind else {
            self.no_source(source);
            return None;
        };
        let name = match self.model.resolve(segments, source.span) {
            Target::Poisoned => return None,
            Target::Decl { qualified, used } if used == segments.len() => qualified,
            _ => {
                self.no_source(source);
                return None;
            }
        };
        if let Some(first) = segments.first() {
            let place = (source.span.file, first.text.clone());
            self.model.repeated.insert(place);
        }
        match self.model.tables.get(&name) {
            Some(data) => Some(
                data.written
                    .iter()
                    .map(|row| {
                        let span = data.places.get(*row).and_then(|p| p.first()).copied();
                        (Bound::Row(name.clone(), *row), span.unwrap_or_default())
                    })
                    .collect(),
            ),
            None if self.model.get(&name).is_some_and(|d| d.kind == "table") => None,
            None => {
                let listed = self.model.get(&name).filter(|d| d.kind == "let");
                let list = listed.and_then(|d| d.value.as_ref()?.single()).cloned();
                match list.filter(|e| matches!(e.kind, MKind::List(_))) {
                    Some(list) => self.values(&list),
                    None => {
                        self.no_source(source);
                        None
                    }
                }
            }
        }
    }

    fn no_source(&mut self, source: &MExpr) {
        let segments = match &source.kind {
            MKind::Name(segments) => segments.as_slice(),
            _ => &[],
        };
        let otherwise =
            "write `for row in table` with a declared table, or `for x in [\"a\", \"b\"]`";
        let message = "this is neither a table nor a list";
        let problem = Problem::error("E0140", source.span, message);
        self.findings.push(
            self.model
                .advise(problem, segments, &["table", "let"], otherwise),
        );
    }
}

/// Takes clauses of repetition off a phrase: they were read from the entry.
fn strip(phrase: &mut Option<super::MPhrase>) {
    if let Some(phrase) = phrase {
        let mut after = false;
        phrase.clauses.retain(|c| {
            let each = each(c).is_some();
            let filter = after && c.keyword == "when";
            after = each;
            !each && !filter
        });
    }
}

/// Puts a copy among the declarations.
fn declare(
    model: &mut Model,
    template: &Template,
    entry: MEntry,
    rows: Vec<Span>,
    findings: &mut Findings,
) {
    let kind = entry.word(0).unwrap_or("").to_owned();
    let head = entry.head.get(1);
    let name = head.and_then(|e| e.word().map(str::to_owned).or_else(|| e.literal_text()));
    let name = name.filter(|n| substitute::is_word(n) || kind == "test");
    let (Some(name), Some(head)) = (name, head) else {
        let message = "the name of a copy is no word";
        let help =
            "a name has letters, digits and `_`: `profile \"{row.code}_debit\" … for row in rows`";
        let mut problem = Problem::error("E0142", entry.head_span(), message).help(help);
        for row in rows {
            problem = problem.label(row, "made from this");
        }
        findings.push(problem);
        return;
    };
    if cardwright_vocabulary::kind(&kind).is_none_or(|k| !k.top) {
        let span = entry.head_span();
        let message = format!("there is no kind of declaration `{kind}`");
        findings.push(Problem::error("E0101", span, message));
        return;
    }
    let key = if kind == "test" {
        format!("test {name:?}")
    } else {
        name.clone()
    };
    let qualified = super::resolve::join(&template.package, &key);
    if let Some(first) = model.decls.get(&qualified) {
        let message = format!("`{name}` is declared twice");
        let mut problem =
            Problem::error("E0105", head.span, message).label(first.span, "first here");
        for row in rows {
            problem = problem.label(row, "made from this");
        }
        findings.push(problem.help("let each row give another name"));
        return;
    }
    if kind != "test" {
        let names = &mut model
            .packages
            .entry(template.package.clone())
            .or_default()
            .names;
        names.insert(name.clone(), qualified.clone());
    }
    let span = head.span;
    let entry = entry.into_parts();
    let mut entries = entry.block.unwrap_or_default();
    written_by(&mut entries, &qualified);
    let decl = Decl {
        span,
        kind,
        name,
        qualified: qualified.clone(),
        package: template.package.clone(),
        doc: entry.doc,
        for_record: None,
        for_decl: None,
        base: entry.base,
        bases: Vec::new(),
        params: Vec::new(),
        value: entry.value,
        clauses: entry.clauses,
        entries: Arc::new(entries),
        poisoned: template.poisoned,
        standard: template.standard,
        wanted: false,
        left_out: false,
        made: Some(Made {
            template: template.entry.head_span(),
            whole: template.entry.span,
            rows,
        }),
    };
    model.decls.insert(qualified, Arc::new(decl));
}

fn written_by(entries: &mut [MEntry], origin: &str) {
    for entry in entries {
        origin.clone_into(&mut entry.origin);
        if let Some(block) = &mut entry.block {
            written_by(block, origin);
        }
    }
}

//! Trees to declarations: packages, imports, names declared twice.

use super::kept::Kept;
use super::parse::{add_file, package_line, parse_all};
use super::read::Reader;
use super::repeat::{self, Template};
use super::resolve::{Import, Imported, Scope, join};
use super::{Decl, MExpr, MKind, Model, SourceFile, Span, inherit, packages, reach, tables, usage};
use crate::diagnostics::{Change, Findings, Problem, Severity};
use crate::project::{Project, standard_packages};
use cardwright_dsl::Parsed;
use cardwright_dsl::ast::{Entry, File};
use cardwright_vocabulary::{kind, nearest, top_kinds};
use std::sync::Arc;

/// Most `use` lines of one file.
const MAX_IMPORTS: usize = 1_000;

/// Lowers a project's sources to a Model. Problems go into `findings`; the Model holds all that
/// could be understood.
pub fn lower(project: &Project<'_>, findings: &mut Findings) -> Model {
    lower_kept(project, findings, &mut Kept::default())
}

/// The same with what was kept of an earlier time.
pub(crate) fn lower_kept(project: &Project<'_>, findings: &mut Findings, kept: &mut Kept) -> Model {
    let mut model = Model {
        manifest: project.manifest.clone(),
        ..Model::default()
    };
    troubles(project, &mut model, findings);
    let mut parsed = parse_all(project, &mut model, kept);
    for (file, parsed) in &parsed.files {
        syntax(*file, parsed, findings);
    }
    if let Some(problem) = parsed.beyond.take() {
        // What a part of a project says would only be what the rest is missing for.
        findings.push(problem);
        parsed.files.clear();
    }
    let parsed = parsed.files;
    for (file, parsed) in &parsed {
        scope_of(*file, parsed, &mut model, findings);
    }
    kept.read_tops(&model, &parsed);
    let mut several = Several::default();
    for (file, parsed) in &parsed {
        let tops = kept.tops(&model, *file, parsed);
        declare_all(*file, &tops, &mut model, &mut several, findings);
    }
    imports(&parsed, &mut model, findings);
    tables::read(project, &mut model, findings);
    repeat::carry_out(&mut model, several.templates, several.repeating, findings);
    kept.recognise(&mut model);
    packages::check(project, &mut model, findings);
    inherit::carry_out(&mut model, kept, findings);
    let uses = kept.uses(&model);
    reach::want(&mut model, &uses);
    reach::bundles_exist(&mut model, findings);
    usage::report_unused(&model, &uses, findings);
    model.mute = uses.are_too_many(&model);
    model.only_record = crate::check::find_only_record(&model);
    kept.settle(&model);
    model.slots.take();
    model
}

fn troubles(project: &Project<'_>, model: &mut Model, findings: &mut Findings) {
    for trouble in &project.troubles {
        let span = place(model, &trouble.path);
        let general = match trouble.code {
            "E0110" => {
                "a manifest has `name = \"my-bank\"`, `version = \"1.0.0\"` and `sequence = 1`, and \
                 may have `issuer`, `[dependencies]` and `[bundles.NAME]`"
            }
            _ => "save the file as UTF-8 text, or split it into several of the same package",
        };
        let help = trouble.help.clone().unwrap_or_else(|| general.to_owned());
        findings.push(Problem::error(trouble.code, span, trouble.message.clone()).help(help));
    }
}

/// The beginning of a file that is no source, such as the manifest.
pub(super) fn place(model: &mut Model, path: &str) -> Span {
    let file = add_file(model, SourceFile::new(path, "", false));
    Span {
        file,
        ..Span::default()
    }
}

fn syntax(file: u32, parsed: &Parsed, findings: &mut Findings) {
    let reader = Reader { file, origin: "" };
    for diagnostic in &parsed.diagnostics {
        let severity = match diagnostic.severity {
            cardwright_dsl::Severity::Error => Severity::Error,
            cardwright_dsl::Severity::Warning => Severity::Warning,
            cardwright_dsl::Severity::Note => Severity::Note,
        };
        let mut problem = Problem::new(
            severity,
            diagnostic.code,
            reader.span(diagnostic.range),
            diagnostic.message.clone(),
        );
        problem.help.clone_from(&diagnostic.help);
        problem.change = diagnostic.fix.as_ref().map(|(range, text)| {
            let at = reader.span(*range);
            match range.is_empty() {
                true => Change::Behind(at, text.clone()),
                false => Change::Instead(at, text.clone()),
            }
        });
        for label in &diagnostic.labels {
            problem = problem.label(reader.span(label.range), label.message.clone());
        }
        findings.push(problem);
    }
}

fn scope_of(file: u32, parsed: &Parsed, model: &mut Model, findings: &mut Findings) {
    let reader = Reader { file, origin: "" };
    let tree = File::of(&parsed.tree);
    for range in tree.further_packages() {
        findings.push(
            Problem::error(
                "E0112",
                reader.span(range),
                "a file belongs to one package; this is its second `package` line",
            )
            .help("move the declarations of the other package into a file of their own"),
        );
    }
    let owner = model.sources.file(file).and_then(|f| f.package.clone());
    let owner = owner.and_then(|label| Some(label.split_once('@')?.0.replace('-', "_")));
    let package = tree.package().map_or_else(
        || match (&owner, model.manifest.name.as_str()) {
            (Some(owner), _) => owner.clone(),
            (None, "") => "main".to_owned(),
            (None, name) => name.replace('-', "_"),
        },
        |path| path.text(),
    );
    model.packages.entry(package.clone()).or_default();
    if let Some(scope) = usize::try_from(file)
        .ok()
        .and_then(|n| model.scopes.get_mut(n))
    {
        scope.package = package;
    }
}

/// What stands at the top of a file, for itself.
#[derive(Clone, Debug)]
pub(super) enum Top {
    /// A declaration, and whether entries in it stand for several.
    Decl(Arc<Decl>, bool),
    /// What is none, and what is wrong with it, where that was not said before.
    Other(Option<Problem>),
    /// A name of a kind that is unknown, and what is said of it.
    Hidden(String, Option<Problem>),
    /// A declaration that stands for several.
    Template(Template),
}

/// Reads what stands at the top of a file.
pub(super) fn tops(model: &Model, file: u32, parsed: &Parsed) -> Vec<Top> {
    let span = Span {
        file,
        ..Span::default()
    };
    let scope = model.scope(span);
    let package = scope.map_or("", |s| s.package.as_str());
    let standard = model.sources.file(file).is_some_and(|f| f.standard);
    let reader = Reader { file, origin: "" };
    let entries = File::of(&parsed.tree).entries().into_iter();
    let top = |entry| top(&reader, entry, package, standard);
    entries.map(top).collect()
}

fn top(reader: &Reader<'_>, entry: Entry<'_>, package: &str, standard: bool) -> Top {
    if repeat::repeats(&reader.clauses(&entry.clauses())) {
        return Top::Template(Template {
            entry: reader.entry(entry),
            package: package.to_owned(),
            standard,
            poisoned: entry.has_error(),
        });
    }
    let Some(named) = name_of(reader, entry) else {
        return Top::Other(nameless(reader, entry));
    };
    let qualified = join(package, &named.key());
    if kind(&named.kind).is_none_or(|k| !k.top) {
        let problem = (!entry.has_error()).then(|| unknown_kind(&named));
        return Top::Hidden(qualified, problem);
    }
    let decl = declaration(reader.file, entry, named, &qualified, package, standard);
    let repeats = repeat::holds_repeats(&decl);
    Top::Decl(Arc::new(decl), repeats)
}

/// What stands for several.
#[derive(Default)]
struct Several {
    templates: Vec<Template>,
    /// Qualified names of declarations that hold such entries.
    repeating: Vec<String>,
}

fn declare_all(
    file: u32,
    tops: &[Top],
    model: &mut Model,
    several: &mut Several,
    findings: &mut Findings,
) {
    let span = Span {
        file,
        ..Span::default()
    };
    let package = model
        .scope(span)
        .map(|s| s.package.clone())
        .unwrap_or_default();
    for top in tops {
        let (decl, repeats) = match top {
            Top::Decl(decl, repeats) => (decl, *repeats),
            Top::Template(template) => {
                several.templates.push(template.clone());
                continue;
            }
            Top::Other(problem) => {
                problem.iter().for_each(|p| findings.push(p.clone()));
                continue;
            }
            Top::Hidden(name, problem) => {
                problem.iter().for_each(|p| findings.push(p.clone()));
                model.poisoned.insert(name.clone());
                continue;
            }
        };
        if let Some(first) = model.decls.get(&decl.qualified) {
            let message = format!("`{}` is declared twice", decl.name);
            findings.push(
                Problem::error("E0105", decl.span, message)
                    .label(first.span, "first here")
                    .help("give one of them another name"),
            );
            continue;
        }
        if decl.kind != "test" {
            let names = &mut model.packages.entry(package.clone()).or_default().names;
            names.insert(decl.name.clone(), decl.qualified.clone());
        }
        if repeats {
            several.repeating.push(decl.qualified.clone());
        }
        model.decls.insert(decl.qualified.clone(), Arc::clone(decl));
    }
}

struct Named {
    kind: String,
    kind_span: Span,
    name: String,
    span: Span,
    params: Vec<(String, Option<MExpr>, Span)>,
}

impl Named {
    /// What tells it apart in its package; tests have texts for names and their own space.
    fn key(&self) -> String {
        if self.kind == "test" {
            format!("test {:?}", self.name)
        } else {
            self.name.clone()
        }
    }
}

fn name_of(reader: &Reader<'_>, entry: Entry<'_>) -> Option<Named> {
    let head: Vec<MExpr> = entry
        .head()
        .terms()
        .iter()
        .map(|t| reader.expr(t))
        .collect();
    let [first, second, ..] = head.as_slice() else {
        return None;
    };
    let kind = first.word()?.to_owned();
    let mut params = Vec::new();
    let name = match &second.kind {
        MKind::Call { callee, args } => {
            for arg in args {
                let name = arg
                    .name
                    .clone()
                    .or_else(|| arg.value.word().map(str::to_owned));
                let declared = arg.name.as_ref().map(|_| arg.value.clone());
                params.push((name?, declared, arg.value.span));
            }
            callee.word()?.to_owned()
        }
        MKind::Text(_) => second.literal_text()?,
        _ => second.word()?.to_owned(),
    };
    Some(Named {
        kind,
        kind_span: first.span,
        name,
        span: second.span,
        params,
    })
}

fn nameless(reader: &Reader<'_>, entry: Entry<'_>) -> Option<Problem> {
    let span = reader.span(entry.head().range());
    let message = "a declaration begins with its kind and its name";
    let help = "write it as `profile debit { … }` or `let icvv = …`";
    (!entry.has_error()).then(|| Problem::error("E0103", span, message).help(help))
}

fn unknown_kind(named: &Named) -> Problem {
    let names: Vec<&str> = top_kinds().map(|k| k.name).collect();
    let problem = Problem::error(
        "E0101",
        named.kind_span,
        format!("there is no kind of declaration `{}`", named.kind),
    );
    let near = nearest(&named.kind, names.iter().copied());
    let otherwise = format!("kinds are: {}", names.join(", "));
    problem.meant(named.kind_span, near, otherwise)
}

fn declaration(
    file: u32,
    entry: Entry<'_>,
    named: Named,
    qualified: &str,
    package: &str,
    standard: bool,
) -> Decl {
    let reader = Reader {
        file,
        origin: qualified,
    };
    Decl {
        kind: named.kind,
        name: named.name,
        qualified: qualified.to_owned(),
        package: package.to_owned(),
        doc: entry.doc(),
        for_record: None,
        for_decl: None,
        base: entry.base().map(|p| reader.phrase(p)),
        bases: Vec::new(),
        params: named.params,
        value: entry.value().map(|p| reader.phrase(p)),
        clauses: reader.clauses(&entry.clauses()),
        entries: Arc::new(entry.block().map(|b| reader.entries(b)).unwrap_or_default()),
        span: named.span,
        poisoned: entry.has_error(),
        standard,
        wanted: false,
        left_out: false,
        made: None,
    }
}

fn imports(parsed: &[(u32, Arc<Parsed>)], model: &mut Model, findings: &mut Findings) {
    for (file, parsed) in parsed {
        let reader = Reader {
            file: *file,
            origin: "",
        };
        let mut found = Scope::default();
        let mut lines = File::of(&parsed.tree).imports();
        if let Some(import) = lines.get(MAX_IMPORTS) {
            let span = reader.span(import.path().range());
            let message = format!("a file has at most {MAX_IMPORTS} `use` lines");
            let help = "split it into several files of the same package";
            findings.push(Problem::error("E0111", span, message).help(help));
            lines.truncate(MAX_IMPORTS);
        }
        for import in lines.into_iter().filter(|import| !import.has_error()) {
            let path = import.path().text();
            let span = reader.span(import.path().range());
            let alias = path.rsplit('.').next().unwrap_or(&path).to_owned();
            let target = imported(model, &path).unwrap_or_else(|| {
                unknown_import(model, &path, span, findings);
                Imported::Poisoned
            });
            if let Some(other) = found.import(&alias) {
                let message = if other.path == path {
                    format!("`{path}` is imported twice")
                } else {
                    format!(
                        "`{}` and `{path}` would both be called `{alias}` here",
                        other.path
                    )
                };
                let mut problem =
                    Problem::error("E0105", span, message).label(other.span, "first here");
                if other.path == path {
                    problem = problem.help("take one of them out").fix(Change::Out(span));
                }
                findings.push(problem);
                continue;
            }
            found.add(Import {
                alias,
                path,
                target,
                span,
            });
        }
        if let Some(scope) = usize::try_from(*file)
            .ok()
            .and_then(|n| model.scopes.get_mut(n))
        {
            found.package = std::mem::take(&mut scope.package);
            *scope = found;
        }
    }
}

fn imported(model: &Model, path: &str) -> Option<Imported> {
    if model.packages.contains_key(path) {
        return Some(Imported::Package(path.to_owned()));
    }
    let (package, name) = path.rsplit_once('.')?;
    let names = &model.packages.get(package)?.names;
    names.get(name).cloned().map(Imported::Decl)
}

fn unknown_import(model: &Model, path: &str, span: Span, findings: &mut Findings) {
    let standard = standard_packages().filter_map(|(_, text)| package_line(text));
    let known: Vec<&str> = model
        .packages
        .keys()
        .map(String::as_str)
        .chain(standard)
        .collect();
    let problem = Problem::error("E0104", span, format!("there is no package `{path}`"));
    findings.push(problem.meant(
        span,
        nearest(path, known),
        "packages are those that files of this project name in their `package` line, and the \
         standard ones, which begin with `std.`",
    ));
}

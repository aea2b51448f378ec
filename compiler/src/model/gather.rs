//! Trees to declarations: packages, imports, names declared twice.

use super::read::Reader;
use super::resolve::{Import, Imported, Scope, join};
use super::{Decl, MExpr, MKind, Model, SourceFile, Span, inherit, usage};
use crate::diagnostics::{Findings, Problem, Severity};
use crate::project::{Project, standard_packages};
use cardwright_dsl::ast::{Entry, File};
use cardwright_dsl::{Parsed, parse};
use cardwright_vocabulary::{kind, nearest, top_kinds};
use std::collections::BTreeMap;

/// Lowers a project's sources to a Model. Problems go into `findings`; the Model holds all that
/// could be understood.
pub fn lower(project: &Project<'_>, findings: &mut Findings) -> Model {
    let mut model = Model {
        manifest: project.manifest.clone(),
        ..Model::default()
    };
    troubles(project, &mut model, findings);
    let parsed = parse_all(project, &mut model);
    for (file, parsed) in &parsed {
        syntax(*file, parsed, findings);
        scope_of(*file, parsed, &mut model, findings);
    }
    for (file, parsed) in &parsed {
        declare_all(*file, parsed, &mut model, findings);
    }
    imports(&parsed, &mut model, findings);
    inherit::carry_out(&mut model, findings);
    usage::report_unused(&model, findings);
    model
}

fn troubles(project: &Project<'_>, model: &mut Model, findings: &mut Findings) {
    for (code, path, message) in &project.troubles {
        let file = add_file(model, SourceFile::new(path.clone(), "", false));
        let span = Span {
            file,
            ..Span::default()
        };
        let help = match *code {
            "E0110" => {
                "a manifest has `name = \"my-bank\"`, `version = \"1.0.0\"` and `sequence = 1`, and \
                 may have `issuer`, `[dependencies]` and `[bundles.NAME]`"
            }
            _ => "save the file as UTF-8 text, or split it into several of the same package",
        };
        findings.push(Problem::error(code, span, message.clone()).help(help));
    }
}

fn add_file(model: &mut Model, file: SourceFile) -> u32 {
    let number = u32::try_from(model.sources.files.len()).unwrap_or(u32::MAX);
    model.sources.files.push(file);
    model.scopes.push(Scope::default());
    number
}

/// The project's files, and those of the standard packages that they use, directly or not.
fn parse_all(project: &Project<'_>, model: &mut Model) -> Vec<(u32, Parsed)> {
    let mut all = Vec::new();
    let mut wanted: Vec<String> = Vec::new();
    let add = |model: &mut Model, path: &str, text: &str, standard, wanted: &mut Vec<String>| {
        let file = add_file(model, SourceFile::new(path, text, standard));
        let parsed = parse(text);
        let imports = File::of(&parsed.tree).imports();
        wanted.extend(imports.iter().map(|i| i.path().text()));
        (file, parsed)
    };
    for source in &project.sources {
        all.push(add(model, &source.path, &source.text, false, &mut wanted));
    }
    let mut standard: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (path, text) in standard_packages() {
        if let Some(package) = package_line(text) {
            standard.entry(package).or_default().push((path, text));
        }
    }
    while let Some(path) = wanted.pop() {
        let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
        let Some(files) = standard
            .remove(path.as_str())
            .or_else(|| standard.remove(owner))
        else {
            continue;
        };
        for (path, text) in files {
            all.push(add(model, path, text, true, &mut wanted));
        }
    }
    all
}

fn package_line(text: &str) -> Option<&str> {
    text.lines()
        .find_map(|line| line.strip_prefix("package "))
        .map(|rest| rest.split("//").next().unwrap_or(rest).trim())
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
    let package = tree.package().map_or_else(
        || match model.manifest.name.as_str() {
            "" => "main".to_owned(),
            name => name.replace('-', "_"),
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

fn declare_all(file: u32, parsed: &Parsed, model: &mut Model, findings: &mut Findings) {
    let span = Span {
        file,
        ..Span::default()
    };
    let package = model
        .scope(span)
        .map(|s| s.package.clone())
        .unwrap_or_default();
    let standard = model.sources.file(file).is_some_and(|f| f.standard);
    for entry in File::of(&parsed.tree).entries() {
        let reader = Reader { file, origin: "" };
        let Some(named) = name_of(&reader, entry) else {
            nameless(&reader, entry, findings);
            continue;
        };
        let qualified = join(&package, &named.key());
        if kind(&named.kind).is_none_or(|k| !k.top) {
            if !entry.has_error() {
                unknown_kind(&named, findings);
            }
            model.poisoned.insert(qualified);
            continue;
        }
        if let Some(first) = model.decls.get(&qualified) {
            findings.push(
                Problem::error(
                    "E0105",
                    named.span,
                    format!("`{}` is declared twice", named.name),
                )
                .label(first.span, "first here")
                .help("give one of them another name"),
            );
            continue;
        }
        let decl = declaration(file, entry, named, &qualified, &package, standard);
        if decl.kind != "test" {
            let names = &mut model.packages.entry(package.clone()).or_default().names;
            names.insert(decl.name.clone(), qualified.clone());
        }
        model.decls.insert(qualified, decl);
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

fn nameless(reader: &Reader<'_>, entry: Entry<'_>, findings: &mut Findings) {
    if entry.has_error() {
        return;
    }
    findings.push(
        Problem::error(
            "E0103",
            reader.span(entry.head().range()),
            "a declaration begins with its kind and its name",
        )
        .help("write it as `profile debit { … }` or `let icvv = …`"),
    );
}

fn unknown_kind(named: &Named, findings: &mut Findings) {
    let names: Vec<&str> = top_kinds().map(|k| k.name).collect();
    let problem = Problem::error(
        "E0101",
        named.kind_span,
        format!("there is no kind of declaration `{}`", named.kind),
    );
    findings.push(match nearest(&named.kind, names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("kinds are: {}", names.join(", "))),
    });
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
        entries: entry.block().map(|b| reader.entries(b)).unwrap_or_default(),
        span: named.span,
        poisoned: entry.has_error(),
        standard,
    }
}

fn imports(parsed: &[(u32, Parsed)], model: &mut Model, findings: &mut Findings) {
    for (file, parsed) in parsed {
        let reader = Reader {
            file: *file,
            origin: "",
        };
        let mut found: Vec<Import> = Vec::new();
        let lines = File::of(&parsed.tree).imports();
        for import in lines.into_iter().filter(|import| !import.has_error()) {
            let path = import.path().text();
            let span = reader.span(import.path().range());
            let alias = path.rsplit('.').next().unwrap_or(&path).to_owned();
            let target = imported(model, &path).unwrap_or_else(|| {
                unknown_import(model, &path, span, findings);
                Imported::Poisoned
            });
            if let Some(other) = found.iter().find(|i| i.alias == alias) {
                let message = if other.path == path {
                    format!("`{path}` is imported twice")
                } else {
                    format!(
                        "`{}` and `{path}` would both be called `{alias}` here",
                        other.path
                    )
                };
                findings
                    .push(Problem::error("E0105", span, message).label(other.span, "first here"));
                continue;
            }
            found.push(Import {
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
            scope.imports = found;
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
    findings.push(match nearest(path, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(
            "packages are those that files of this project name in their `package` line, and the \
             standard ones, which begin with `std.`",
        ),
    });
}

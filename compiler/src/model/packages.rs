//! Packages against each other: each speaks under its own name, none is declared in vain.

use super::{Model, Span, gather, parse};
use crate::diagnostics::{Findings, Problem};
use crate::project::{Package, Project};

const HELP: &str = "the name in a `package` line begins with the name of its own manifest";

/// Checks the `package` lines of all files, and which packages are used.
pub(super) fn check(project: &Project<'_>, model: &mut Model, findings: &mut Findings) {
    let roots: Vec<String> = project
        .packages
        .iter()
        .filter(|p| !p.is_standard())
        .map(Package::root)
        .collect();
    for package in project.packages.iter().filter(|p| !p.is_standard()) {
        for source in &package.sources {
            let said = parse::package_line(&source.text).unwrap_or("");
            let first = said.split('.').next().unwrap_or("");
            if said.is_empty() || first == package.root() {
                continue;
            }
            let span = gather::place(model, &format!("{}/{}", package.label(), source.path));
            let own = package.root();
            let message = format!("a file of the package `{own}` says it is of `{said}`");
            findings.push(Problem::error("E0128", span, message).help(HELP));
        }
    }
    let files = model.sources.files.iter().zip(&model.scopes);
    for (number, (file, scope)) in files.enumerate() {
        let first = scope.package.split('.').next().unwrap_or("");
        let taken = first == "std" || roots.iter().any(|r| r == first);
        if taken && !file.standard && !file.text.is_empty() {
            let span = line_of_package(number, &file.text);
            let message = format!(
                "`{}` is the name of a package that the project uses",
                scope.package
            );
            findings.push(Problem::error("E0128", span, message).help(HELP));
        }
    }
    unused(project, model, findings);
}

/// The first line that says `package`.
fn line_of_package(file: usize, text: &str) -> Span {
    let at = text.lines().find(|line| line.starts_with("package "));
    let start = at.and_then(|line| text.find(line)).unwrap_or(0);
    let length = at.map_or(0, str::len);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        file: number(file),
        start: number(start),
        end: number(start + length),
    }
}

/// Warns of a dependency of the project that no file uses.
fn unused(project: &Project<'_>, model: &mut Model, findings: &mut Findings) {
    let mut idle = Vec::new();
    for name in project.manifest.dependencies.keys() {
        let root = name.replace('-', "_");
        let found = project.packages.iter().any(|p| p.name == *name);
        let used = model
            .scopes
            .iter()
            .zip(&model.sources.files)
            .any(|(scope, file)| {
                let imports = scope.imports();
                let mut roots = imports.map(|i| i.path.split('.').next());
                !file.standard && roots.any(|f| f == Some(&root))
            });
        // The standard packages cost nothing, and a project may use them tomorrow.
        if found && !used && name != "std" {
            idle.push(name.clone());
        }
    }
    for name in idle {
        let span = gather::place(model, "cardwright.toml");
        let message = format!("the package `{name}` is a dependency, and nothing uses it");
        let help = format!(
            "write `use {}`, or take the line out",
            name.replace('-', "_")
        );
        findings.push(Problem::warning("E0130", span, message).help(help));
    }
}

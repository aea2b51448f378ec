//! Files to trees: the project's, then those of the packages that they use, as far as a project's
//! limits go.

use super::kept::Kept;
use super::resolve::Scope;
use super::{Model, SourceFile, gather};
use crate::diagnostics::Problem;
use crate::project::{
    MAX_PROJECT_ERRORS, MAX_PROJECT_NODES, Package, Project, ProjectSource, standard_packages,
};
use cardwright_dsl::Parsed;
use cardwright_dsl::ast::File;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was parsed.
pub(super) struct Trees {
    /// Numbers of files, and their trees.
    pub(super) files: Vec<(u32, Arc<Parsed>)>,
    /// The limit that was passed, at the file that passed it: neither it nor any later one is
    /// among them.
    pub(super) beyond: Option<Problem>,
    nodes: usize,
    errors: usize,
}

impl Trees {
    /// Takes a file; `false` where it goes beyond a limit.
    fn add(&mut self, mut file: SourceFile, parsed: Arc<Parsed>, model: &mut Model) -> bool {
        self.nodes += parsed.tree.node_count();
        self.errors += parsed.diagnostics.len();
        let limit = match (
            self.nodes > MAX_PROJECT_NODES,
            self.errors > MAX_PROJECT_ERRORS,
        ) {
            (true, _) => format!(
                "the sources of a project, with the packages that it uses, have at most {MAX_PROJECT_NODES} \
                 nodes of syntax together (words, numbers, signs, and what is made of them)"
            ),
            (false, true) => {
                format!("the sources of a project have at most {MAX_PROJECT_ERRORS} errors")
            }
            (false, false) => {
                file.tree = Some(Arc::clone(&parsed));
                self.files.push((add_file(model, file), parsed));
                return true;
            }
        };
        let place = gather::place(model, &file.path);
        let message = format!("from this file on nothing is looked at: {limit}");
        let help = "make several projects of it, with a package for what they share; what was \
                    written by a program is often shorter as a table and `for row in`";
        self.beyond = Some(Problem::error("E0119", place, message).help(help));
        false
    }
}

pub(super) fn add_file(model: &mut Model, file: SourceFile) -> u32 {
    let number = u32::try_from(model.sources.files.len()).unwrap_or(u32::MAX);
    model.sources.files.push(file);
    model.scopes.push(Scope::default());
    number
}

/// A file of a package that is read when somebody uses that package.
enum Offered<'p> {
    Standard(&'static str, &'static str),
    Of(&'p Package, &'p ProjectSource),
}

impl Offered<'_> {
    fn file(&self) -> SourceFile {
        match self {
            Offered::Standard(path, text) => SourceFile::new(*path, *text, true),
            Offered::Of(package, source) => {
                SourceFile::of_package(&package.label(), &source.path, &source.text)
            }
        }
    }
}

/// The project's files, and those of the packages that they use, directly or not.
pub(super) fn parse_all(project: &Project<'_>, model: &mut Model, kept: &mut Kept) -> Trees {
    let mut trees = Trees {
        files: Vec::new(),
        beyond: None,
        nodes: 0,
        errors: 0,
    };
    let mut wanted: Vec<String> = Vec::new();
    let mut add = |file: SourceFile, kept: &mut Kept, wanted: &mut Vec<String>| {
        let parsed = kept.parsed(&file);
        let imports = File::of(&parsed.tree).imports();
        wanted.extend(imports.iter().map(|i| i.path().text()));
        trees.add(file, parsed, model)
    };
    let mut within = true;
    for sources in side_by_side(&project.sources) {
        kept.parse_all(sources);
        let mut files = sources
            .iter()
            .map(|source| SourceFile::new(&source.path, &source.text, false));
        within = within && files.all(|file| add(file, kept, &mut wanted));
        if !within {
            return trees;
        }
    }
    let mut offered = offers(project);
    while let Some(path) = wanted.pop() {
        let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
        let files = offered
            .remove(path.as_str())
            .or_else(|| offered.remove(owner));
        let mut files = files.into_iter().flatten();
        if !files.all(|file| add(file.file(), kept, &mut wanted)) {
            break;
        }
    }
    trees
}

/// Octets of sources that are parsed before their nodes are counted.
const AT_ONCE: usize = 512 << 10;

/// Sources in their order, so many together as are parsed side by side.
fn side_by_side(sources: &[ProjectSource]) -> impl Iterator<Item = &[ProjectSource]> {
    let mut octets = 0;
    sources.chunk_by(move |one, next| {
        octets += one.text.len();
        let together = octets + next.text.len() <= AT_ONCE;
        if !together {
            octets = 0;
        }
        together
    })
}

/// Files of all packages within reach, by the name in their `package` line.
fn offers<'p>(project: &'p Project<'_>) -> BTreeMap<String, Vec<Offered<'p>>> {
    let mut offered: BTreeMap<String, Vec<Offered<'p>>> = BTreeMap::new();
    for (path, text) in standard_packages() {
        if let Some(package) = package_line(text) {
            let files = offered.entry(package.to_owned()).or_default();
            files.push(Offered::Standard(path, text));
        }
    }
    for package in project.packages.iter().filter(|p| !p.is_standard()) {
        for source in &package.sources {
            let name = package_line(&source.text).map_or_else(|| package.root(), str::to_owned);
            let files = offered.entry(name).or_default();
            files.push(Offered::Of(package, source));
        }
    }
    offered
}

pub(super) fn package_line(text: &str) -> Option<&str> {
    text.lines()
        .find_map(|line| line.strip_prefix("package "))
        .map(|rest| rest.split("//").next().unwrap_or(rest).trim())
}

//! What a name means, in the scope of the file that it was written in.

use super::log::Asked;
use super::{Decl, MSegment, Model, Span};
use crate::diagnostics::{Change, Problem};
use cardwright_vocabulary::nearest;
use indexmap::IndexMap;

/// What a dotted name begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A declaration, and how many segments named it.
    Decl {
        /// Qualified name.
        qualified: String,
        /// Segments used; the rest are attributes or fields of it.
        used: usize,
    },
    /// Hidden by a syntax error.
    Poisoned,
    /// Nothing of that name.
    Unknown,
}

/// What an import's last segment stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Imported {
    Package(String),
    Decl(String),
    Poisoned,
}

#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) alias: String,
    pub(crate) path: String,
    pub(crate) target: Imported,
    pub(crate) span: Span,
}

/// Package and imports of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) package: String,
    /// Imports by alias, in their order.
    imports: IndexMap<String, Import>,
}

impl Scope {
    /// All imports.
    pub(crate) fn imports(&self) -> impl Iterator<Item = &Import> + Clone {
        self.imports.values()
    }

    /// Whether all names mean the same here as in another, wherever it stands.
    pub(super) fn means(&self, other: &Scope) -> bool {
        let same = |(one, other): (&Import, &Import)| {
            one.alias == other.alias && one.path == other.path && one.target == other.target
        };
        self.package == other.package
            && self.imports.len() == other.imports.len()
            && self.imports().zip(other.imports()).all(same)
    }

    /// An import by its alias.
    pub(crate) fn import(&self, alias: &str) -> Option<&Import> {
        self.imports.get(alias)
    }

    pub(super) fn add(&mut self, import: Import) {
        self.imports.insert(import.alias.clone(), import);
    }
}

/// Names of one package: short name to qualified name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) names: IndexMap<String, String>,
}

impl Model {
    pub(crate) fn scope(&self, span: Span) -> Option<&Scope> {
        self.scope_of(span.file)
    }

    fn scope_of(&self, file: u32) -> Option<&Scope> {
        self.scopes.get(usize::try_from(file).ok()?)
    }

    /// Resolves a dotted name in the scope of the file of `span`.
    #[must_use]
    pub fn resolve(&self, segments: &[MSegment], span: Span) -> Target {
        let Some(first) = segments.first().filter(|first| !first.is_tag) else {
            return Target::Unknown;
        };
        let second = segments.get(1).map(|second| second.text.as_str());
        self.logged(span.file, &first.text, second)
            .unwrap_or_else(|| self.look(span.file, &first.text, second))
    }

    /// Looks a name up in the scope of a file.
    pub(super) fn look(&self, file: u32, first: &str, second: Option<&str>) -> Target {
        let Some(scope) = self.scope_of(file) else {
            return Target::Unknown;
        };
        if let Some(qualified) = self.in_package(&scope.package, first) {
            return self.target(qualified, 1);
        }
        let hidden = |package: &str, name: &str| {
            !self.poisoned.is_empty() && self.poisoned.contains(&join(package, name))
        };
        if hidden(&scope.package, first) {
            return Target::Poisoned;
        }
        let Some(import) = scope.import(first) else {
            return Target::Unknown;
        };
        match (&import.target, second) {
            (Imported::Poisoned, _) => Target::Poisoned,
            (Imported::Decl(qualified), _) => self.target(qualified, 1),
            (Imported::Package(package), Some(second)) => match self.in_package(package, second) {
                Some(qualified) => self.target(qualified, 2),
                None if hidden(package, second) => Target::Poisoned,
                None => Target::Unknown,
            },
            (Imported::Package(_), None) => Target::Unknown,
        }
    }

    /// The declaration that a whole name means, if it is one.
    #[must_use]
    pub fn resolve_decl(&self, segments: &[MSegment], span: Span) -> Option<&Decl> {
        match self.resolve(segments, span) {
            Target::Decl { qualified, used } if used == segments.len() => self.get(&qualified),
            _ => None,
        }
    }

    /// A known name near to one that is unknown, for advice.
    #[must_use]
    pub fn similar(&self, segments: &[MSegment], span: Span, kinds: &[&str]) -> Option<String> {
        self.ask(Asked::Anything);
        let scope = self.scope(span).filter(|_| !self.mute)?;
        let wanted = |qualified: &String| {
            kinds.is_empty()
                || self
                    .get(qualified)
                    .is_some_and(|d| kinds.contains(&d.kind.as_str()))
        };
        let names = |package: &str| {
            self.packages
                .get(package)
                .into_iter()
                .flat_map(|p| p.names.iter())
                .filter(|(_, qualified)| wanted(qualified))
                .map(|(name, _)| name.as_str())
        };
        let first = &segments.first()?.text;
        if let Some(second) = segments.get(1) {
            let import = scope.import(first);
            if let Some(Imported::Package(package)) = import.map(|i| &i.target) {
                return nearest(&second.text, names(package)).map(|n| format!("{first}.{n}"));
            }
        }
        let aliases = scope.imports().map(|i| i.alias.as_str());
        nearest(first, names(&scope.package).chain(aliases)).map(str::to_owned)
    }

    /// The package or declaration that a file would have to import for a name to mean something:
    /// the only one of that name.
    #[must_use]
    pub fn import_for(&self, segments: &[MSegment], span: Span) -> Option<String> {
        self.ask(Asked::Anything);
        let scope = self.scope(span).filter(|_| !self.mute)?;
        let (first, second) = (segments.first()?, segments.get(1));
        if first.is_tag || scope.import(&first.text).is_some() {
            return None;
        }
        let mut found = Vec::new();
        if let Some(second) = second.filter(|s| !s.is_tag) {
            for package in self.importable() {
                let last = package.rsplit('.').next().unwrap_or(&package);
                let has = |p: &Package| p.names.contains_key(&second.text);
                if last == first.text && self.packages.get(&package).is_none_or(has) {
                    found.push(package);
                }
            }
        }
        for (name, package) in &self.packages {
            if *name != scope.package && package.names.contains_key(&first.text) {
                found.push(join(name, &first.text));
            }
        }
        match found.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    /// A finding about a name that means nothing, with what was probably meant: a declaration to
    /// import, a known name near to it, or else some other advice.
    #[must_use]
    pub fn advise(
        &self,
        problem: Problem,
        segments: &[MSegment],
        kinds: &[&str],
        otherwise: impl Into<String>,
    ) -> Problem {
        let span = segments.first().map(|s| s.span).unwrap_or_default();
        if let Some(path) = self.import_for(segments, span) {
            return problem
                .help(format!("import it: `use {path}`"))
                .fix(Change::Use(span, path));
        }
        let near = self.similar(segments, span, kinds);
        problem.meant_name(segments, near.as_deref(), otherwise)
    }

    fn in_package(&self, package: &str, name: &str) -> Option<&String> {
        self.packages.get(package)?.names.get(name)
    }

    fn target(&self, qualified: &str, used: usize) -> Target {
        if self.decls.get(qualified).is_none_or(|d| d.poisoned) {
            return Target::Poisoned;
        }
        Target::Decl {
            qualified: qualified.to_owned(),
            used,
        }
    }
}

/// A package's name and a name in it.
pub(crate) fn join(package: &str, name: &str) -> String {
    format!("{package}.{name}")
}

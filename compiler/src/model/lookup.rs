//! What names mean at a place, for tools that look at a project while it is being typed: broken
//! declarations have names, too, and each segment of a dotted name means something of its own.

use super::log::Asked;
use super::resolve::{Imported, Scope};
use super::shape::tag_of;
use super::{Decl, MEntry, MExpr, MSegment, Model, Span};
use crate::elaborate::{Elaborator, FieldDef, Shared, Typed, field_def, record_of};
use cardwright_vocabulary::{RUN_FIELDS, RunField};

/// Most declarations that a file sees where the only one of a sort is still looked for.
const MOST_LOOKED_THROUGH: usize = 500;

/// What one segment of a name means.
#[derive(Clone, Copy, Debug)]
pub enum Named<'m> {
    /// An attribute of a declaration.
    Attribute(&'m Decl, &'m MEntry),
    /// A declaration.
    Decl(&'m Decl),
    /// A field: its format, record and own entry.
    Field(&'m Decl, &'m MEntry, &'m MEntry),
    /// An import or a package.
    Package,
    /// A parameter of a function, by its number.
    Parameter(&'m Decl, usize),
    /// A record of a format.
    Record(&'m Decl, &'m MEntry),
    /// `run`.
    Run,
    /// A field of `run`.
    RunField(&'static RunField),
}

/// A name as a file writes it that imports its package under an alias, or has it itself.
fn written(alias: Option<&str>, name: &str) -> String {
    alias.map_or_else(|| name.to_owned(), |alias| format!("{alias}.{name}"))
}

/// A name that a file may write, and what it means.
#[derive(Clone, Debug)]
pub struct Visible<'m> {
    /// As it is written: `imk_ac`, `cpa.application`.
    pub written: String,
    /// What it means.
    pub decl: &'m Decl,
}

impl Model {
    /// The declaration whose name stands at a place.
    #[must_use]
    pub fn declared_at(&self, file: u32, start: u32) -> Option<&Decl> {
        self.decls
            .values()
            .find(|d| d.span.file == file && d.span.start == start)
            .map(|d| &**d)
    }

    /// The record that a declaration's expressions speak of; for one that does not say, or is
    /// broken, the one that it most probably means.
    #[must_use]
    pub fn ground_of(&self, within: Option<&Decl>) -> Option<(&Decl, String)> {
        let stated = within.map(|d| crate::check::ground(self, d));
        let clause = || {
            let clause = within?.clauses.iter().find(|c| c.keyword == "for")?;
            let super::MKind::Name(path) = &clause.single()?.kind else {
                return None;
            };
            match self.declared(path, clause.span).as_slice() {
                [.., Named::Record(format, record)] => Some((
                    format.qualified.clone(),
                    record.word(1).unwrap_or_default().to_owned(),
                )),
                [.., Named::Decl(decl)] => decl.for_record.clone(),
                _ => None,
            }
        };
        let (format, record) = stated
            .filter(|(format, _)| !format.is_empty())
            .or_else(clause)
            .or_else(|| crate::check::only_record(self))
            .or_else(|| self.decls.values().find_map(|d| d.for_record.clone()))?;
        Some((self.get(&format)?, record))
    }

    /// What each segment of a name means in an expression of a declaration; as many as are
    /// understood.
    #[must_use]
    pub fn names<'m>(
        &'m self,
        within: Option<&'m Decl>,
        segments: &[MSegment],
        span: Span,
    ) -> Vec<Named<'m>> {
        let Some(first) = segments.first() else {
            return Vec::new();
        };
        if let Some(decl) = within {
            let at = decl
                .params
                .iter()
                .position(|(name, ..)| *name == first.text);
            if let Some(at) = at {
                return vec![Named::Parameter(decl, at)];
            }
            let own = attributes(decl, &decl.entries, segments);
            let inside = |named: &Named<'_>| match named {
                Named::Attribute(_, entry) => entry.span.holds(span),
                _ => false,
            };
            if !own.is_empty() && own.len() == segments.len() && !own.iter().any(inside) {
                return own;
            }
        }
        if first.text == "run" {
            let field = segments.get(1).and_then(|s| run_field(&s.text));
            let field = field.map(Named::RunField);
            return std::iter::once(Named::Run).chain(field).collect();
        }
        let of_record = self
            .ground_of(within)
            .and_then(|(format, _)| in_format(format, segments));
        of_record.unwrap_or_else(|| self.declared(segments, span))
    }

    /// What each segment of a name means where only declarations are named: after `for`, as a base.
    #[must_use]
    pub fn declared<'m>(&'m self, segments: &[MSegment], span: Span) -> Vec<Named<'m>> {
        let Some((first, scope)) = segments.first().zip(self.scope(span)) else {
            return Vec::new();
        };
        let here = |package: &str, name: &str| {
            let qualified = self.packages.get(package)?.names.get(name)?;
            self.get(qualified)
        };
        let mut found = Vec::new();
        let decl = match here(&scope.package, &first.text) {
            Some(decl) => Some(decl),
            None => {
                let import = scope.import(&first.text);
                match import.map(|i| &i.target) {
                    Some(Imported::Decl(qualified)) => self.get(qualified),
                    Some(Imported::Package(package)) => {
                        found.push(Named::Package);
                        segments.get(1).and_then(|s| here(package, &s.text))
                    }
                    _ => None,
                }
            }
        };
        let Some(decl) = decl else { return found };
        found.push(Named::Decl(decl));
        let rest = segments.get(found.len()..).unwrap_or(&[]);
        if decl.kind == "format"
            && let Some(inner) = in_format(decl, rest)
        {
            found.extend(inner);
        } else {
            found.extend(attributes(decl, &decl.entries, rest));
        }
        found
    }

    /// Declarations that a file may name, as it writes them: its package's and its imports'.
    #[must_use]
    pub fn visible(&self, file: u32) -> Vec<Visible<'_>> {
        let seen = self.seen(file).map(|(alias, name, decl)| Visible {
            written: written(alias, name),
            decl,
        });
        seen.collect()
    }

    /// The only declaration of a sort that a file may name, as the file writes it; none, too, where
    /// the file sees so many that a look for each finding would be no bounded work.
    pub(crate) fn only_visible(&self, file: u32, fits: impl Fn(&Decl) -> bool) -> Option<String> {
        let mut fitting = None;
        for (count, (alias, name, decl)) in self.seen(file).enumerate() {
            let fits = fits(decl);
            if count == MOST_LOOKED_THROUGH || (fits && fitting.is_some()) {
                return None;
            }
            fitting = fitting.or(fits.then_some((alias, name)));
        }
        fitting.map(|(alias, name)| written(alias, name))
    }

    /// What a file may name: alias of an imported package, name, declaration.
    fn seen(&self, file: u32) -> impl Iterator<Item = (Option<&str>, &str, &Decl)> {
        // That any change may answer otherwise is all that is noted: no single declaration is.
        self.ask(Asked::Anything);
        let span = Span {
            file,
            ..Span::default()
        };
        let scope = self.scope(span).into_iter();
        let own = scope.clone().map(|scope| (None, scope.package.as_str()));
        let imports = scope.flat_map(Scope::imports);
        let packages = imports.clone().filter_map(|import| match &import.target {
            Imported::Package(name) => Some((Some(import.alias.as_str()), name.as_str())),
            _ => None,
        });
        let of_packages = own.chain(packages).flat_map(|(alias, package)| {
            let names = self.packages.get(package).map(|p| &p.names);
            let names = names.into_iter().flatten();
            names.map(move |(name, qualified)| (alias, name.as_str(), qualified))
        });
        let of_imports = imports.filter_map(|import| match &import.target {
            Imported::Decl(qualified) => Some((None, import.alias.as_str(), qualified)),
            _ => None,
        });
        let all = of_packages.chain(of_imports);
        all.filter_map(|(alias, name, qualified)| {
            let decl = self.decls.get(qualified)?;
            Some((alias, name, &**decl))
        })
    }

    /// Names of all packages that a file may import.
    #[must_use]
    pub fn importable(&self) -> Vec<String> {
        self.ask(Asked::Anything);
        let standard = crate::project::standard_packages();
        let mut found: Vec<String> = standard
            .filter_map(|(_, text)| super::parse::package_line(text))
            .chain(self.packages.keys().map(String::as_str))
            .map(str::to_owned)
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// The value of an expression of a declaration: type, lengths, secrecy; `None` where it can't
    /// be told, about which nothing is said.
    #[must_use]
    pub fn typed(
        &self,
        within: &Decl,
        e: &MExpr,
        want: Option<&crate::types::Type>,
    ) -> Option<Typed> {
        let (format, record) = match self.ground_of(Some(within)) {
            Some((format, record)) => (format.qualified.clone(), record),
            None => Default::default(),
        };
        let mut shared = Shared::default();
        let mut elaborator = Elaborator::new(self, &mut shared, &format, &record);
        elaborator.within(within, |elaborator| elaborator.expr(e, want))
    }

    /// The constant octets of a list of flags, or of octets.
    #[must_use]
    pub fn flags_of(&self, within: &Decl, e: &MExpr, set: &str) -> Option<Vec<u8>> {
        let mut shared = Shared::default();
        let mut elaborator = Elaborator::new(self, &mut shared, "", "");
        elaborator.within(within, |elaborator| elaborator.const_flags(e, set))
    }

    /// Type and secrecy of a field.
    #[must_use]
    pub fn field_type(&self, field: &MEntry) -> Option<FieldDef> {
        field_def(self, field).ok()
    }

    /// The text of an expression or entry on one line.
    #[must_use]
    pub fn one_line(&self, span: Span) -> String {
        super::print::tidy(self.sources.text(span))
    }
}

fn run_field(name: &str) -> Option<&'static RunField> {
    RUN_FIELDS.iter().find(|field| field.name == name)
}

/// A record of a format and a field of it.
fn in_format<'m>(format: &'m Decl, segments: &[MSegment]) -> Option<Vec<Named<'m>>> {
    let record = record_of(format, &segments.first()?.text)?;
    let mut found = vec![Named::Record(format, record)];
    let field = segments.get(1).and_then(|s| record.inner(&s.text));
    found.extend(field.map(|field| Named::Field(format, record, field)));
    Some(found)
}

/// The attributes that a path of words names, block by block.
fn attributes<'m>(decl: &'m Decl, entries: &'m [MEntry], path: &[MSegment]) -> Vec<Named<'m>> {
    let mut found = Vec::new();
    let mut entries = entries;
    for segment in path {
        let entry = if segment.is_tag {
            let tag = |e: &&MEntry| e.head.first().and_then(tag_of) == Some(&segment.text);
            entries.iter().rev().find(tag)
        } else {
            super::find(entries, &segment.text)
        };
        let Some(entry) = entry else { break };
        found.push(Named::Attribute(decl, entry));
        entries = entry.entries();
    }
    found
}

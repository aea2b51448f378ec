//! The Model: every declaration with its names resolved and its inheritance carried out.
//!
//! The Model owns its data and borrows nothing from the trees. An expression's names are resolved
//! in the scope of the file that it was written in, which its span tells; so an entry that a
//! profile inherits keeps meaning what it meant where it was written.

mod alike;
mod entry;
mod gather;
mod inherit;
mod kept;
pub(crate) mod log;
mod lookup;
mod moved;
mod packages;
mod parse;
mod print;
mod reach;
mod read;
mod repeat;
mod resolve;
pub mod shape;
mod source;
mod tables;
mod usage;

pub use entry::{
    EntryParts, MArg, MClause, MEntry, MExpr, MItem, MKind, MPart, MPhrase, MSegment, Mark,
};
pub use gather::lower;
pub(crate) use gather::lower_kept;
pub(crate) use kept::{Kept, Upkeep};
pub use lookup::{Named, Visible};
pub(crate) use moved::Spans;
pub use print::print;
pub(crate) use reach::keep_bundle;
pub use read::{read_entry, read_expression};
pub use repeat::Made;
pub(crate) use repeat::each;
pub use resolve::Target;
pub use source::{SourceFile, Sources, Span};
pub use tables::{MAX_TABLE_ROWS, TableData};
pub(crate) use usage::walk;

use crate::project::Manifest;
use crate::session::turn;
use indexmap::IndexMap;
use log::Asked;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// One declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decl {
    /// Kind: `issuer`, `key`, `format`, `profile`, …
    pub kind: String,
    /// Name as written.
    pub name: String,
    /// Package and name: `aurora.debit.imk_ac`.
    pub qualified: String,
    /// Package.
    pub package: String,
    /// Doc comment.
    pub doc: Option<String>,
    /// The record that it speaks of: qualified name of the format, and the record's name.
    pub for_record: Option<(String, String)>,
    /// For `scenario … for card`: the qualified name of what it speaks of when that is no record.
    pub for_decl: Option<String>,
    /// What stands after the colon as written (`tdes2`, `rsa(1984, 3)`, `fixed_width`, a base).
    pub base: Option<MPhrase>,
    /// Bases by inheritance, nearest first, as qualified names.
    pub bases: Vec<String>,
    /// Parameters of a `fn`: name, declared type.
    pub params: Vec<(String, Option<MExpr>, Span)>,
    /// Value of a `let` or `fn`.
    pub value: Option<MPhrase>,
    /// Clauses of the head.
    pub clauses: Vec<MClause>,
    /// Effective entries, after inheritance; shared with whoever keeps them from check to check.
    pub entries: Arc<Vec<MEntry>>,
    /// Where its name stands.
    pub span: Span,
    /// Broken by a syntax error: later phases say nothing about it.
    pub poisoned: bool,
    /// Written by a package rather than by the project.
    pub standard: bool,
    /// Of a package that is no standard one, and named by the project: it goes into the bundle.
    pub wanted: bool,
    /// Nothing in the bundle that is being made needs it.
    pub left_out: bool,
    /// What it was made from, when a `for … in …` made it.
    pub made: Option<Made>,
}

impl Decl {
    /// An effective attribute or block by its only head word: `attribute("aid")`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&MEntry> {
        let found = find(&self.entries, name);
        turn::ask_own(self, || name.to_owned(), found);
        found
    }

    /// The effective entry that a path of words and tags names, block by block.
    pub(crate) fn entry(&self, path: &[MSegment]) -> Option<&MEntry> {
        let steps = path.iter().map(|s| (s.text.as_str(), s.is_tag));
        let found = entry_at(&self.entries, steps);
        turn::ask_own(self, || path_of(path), found);
        found
    }

    /// The same by a path as it is noted.
    pub(crate) fn entry_by(&self, path: &str) -> Option<&MEntry> {
        let steps = path.split('.').map(|step| match step.strip_prefix('#') {
            Some(tag) => (tag, true),
            None => (step, false),
        });
        entry_at(&self.entries, steps)
    }

    /// Whether it is a concrete thing rather than a base that others build on.
    #[must_use]
    pub fn is_concrete(&self) -> bool {
        let needs_record = matches!(
            self.kind.as_str(),
            "profile" | "application" | "card" | "certificate" | "layout"
        );
        (!self.standard || self.wanted)
            && !self.left_out
            && !self.poisoned
            && (!needs_record || self.for_record.is_some())
    }
}

/// The dictionary that a declaration's tags are read by; empty for EMV's own.
#[must_use]
pub fn dictionary(decl: &Decl) -> &str {
    let entry = decl.attribute("dictionary");
    entry
        .and_then(|e| e.single()?.word())
        .filter(|word| *word != "emv")
        .unwrap_or("")
}

fn entry_at<'a, 'p>(
    mut entries: &'a [MEntry],
    path: impl Iterator<Item = (&'p str, bool)>,
) -> Option<&'a MEntry> {
    let mut found = None;
    for (step, is_tag) in path {
        let tag = |e: &&MEntry| e.head.first().and_then(shape::tag_of) == Some(step);
        let entry = match is_tag {
            true => entries.iter().rev().find(tag),
            false => find(entries, step),
        }?;
        entries = entry.entries();
        found = Some(entry);
    }
    found
}

fn path_of(path: &[MSegment]) -> String {
    let steps = path.iter().map(|s| match s.is_tag {
        true => format!("#{}", s.text),
        false => s.text.clone(),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// The entry whose head is one word, among entries.
#[must_use]
pub fn find<'a>(entries: &'a [MEntry], name: &str) -> Option<&'a MEntry> {
    entries
        .iter()
        .rev()
        .find(|e| e.head.len() == 1 && e.word(0) == Some(name))
}

/// A project with all names resolved.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The project's manifest.
    pub manifest: Manifest,
    /// All source files, the project's and the standard packages' that it uses.
    pub sources: Sources,
    /// Declarations by qualified name, in the order of files and lines.
    /// What nobody changed since the last check is the same as then.
    pub decls: IndexMap<String, Arc<Decl>>,
    /// Tables by qualified name; those with faults are not here.
    pub tables: IndexMap<String, Arc<TableData>>,
    /// First segments of the tables and lists that a `for … in …` names, by file.
    pub(crate) repeated: std::collections::BTreeSet<(u32, String)>,
    /// Names that a syntax error hides; nothing is said about them.
    pub poisoned: std::collections::BTreeSet<String>,
    pub(crate) scopes: Vec<resolve::Scope>,
    pub(crate) packages: IndexMap<String, resolve::Package>,
    /// The record that the whole project speaks of, when it is one and the same.
    pub(crate) only_record: Option<(String, String)>,
    /// Whether there are so many unknown names, and so many that they might mean, that no advice
    /// is given.
    pub(crate) mute: bool,
    /// Slots of keys by qualified name, once somebody has asked for one.
    slots: OnceLock<HashMap<String, u32>>,
    /// Notes what is asked, while somebody wants to know.
    log: Option<Arc<log::Log>>,
}

impl Model {
    /// A declaration by qualified name.
    #[must_use]
    pub fn get(&self, qualified: &str) -> Option<&Decl> {
        let Some((at, _, decl)) = self.decls.get_full(qualified) else {
            if !qualified.is_empty() {
                self.ask(Asked::Names);
            }
            return None;
        };
        self.ask_decl(at);
        Some(decl)
    }

    /// A table's rows by its qualified name; none where the table has faults.
    #[must_use]
    pub fn table(&self, qualified: &str) -> Option<&TableData> {
        self.get(qualified)?;
        self.tables.get(qualified).map(|data| &**data)
    }

    /// All declarations of a kind, the standard packages' too, in order.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Decl> + 'a {
        match cardwright_vocabulary::kind(kind) {
            Some(known) => self.ask(Asked::Kind(known.name)),
            None => self.ask(Asked::Anything),
        }
        let all = self.decls.values().map(|d| &**d);
        all.filter(move |d| d.kind == kind)
    }

    /// The project's own concrete declarations of a kind: what a bundle is made from.
    pub fn concrete<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Decl> + 'a {
        self.of_kind(kind).filter(|d| d.is_concrete())
    }

    /// Keys in the order of their slots in the bundle: `keys().nth(id)`.
    pub fn keys(&self) -> impl Iterator<Item = &Decl> {
        self.ask(Asked::Keys);
        let keys = self.decls.values().map(|d| &**d);
        keys.filter(|d| d.kind == "key" && !d.poisoned && !d.left_out)
    }

    /// The bundle's slot number of a key.
    #[must_use]
    pub fn key_id(&self, qualified: &str) -> Option<u32> {
        self.ask(Asked::Keys);
        let slots = self.slots.get_or_init(|| {
            let keys = self.keys().map(|d| d.qualified.clone());
            keys.zip(0..).collect()
        });
        slots.get(qualified).copied()
    }
}

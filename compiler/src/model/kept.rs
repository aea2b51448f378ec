//! What is kept between two checks of one project: trees by text, declarations by what they were
//! made from, and in which revision each of them last became another.

use super::alike::Alike;
use super::gather::{self, Top};
use super::log::{Asked, Log, Names};
use super::moved::Edits;
use super::resolve::Scope;
use super::usage::{NamesIn, NamesOf, Uses};
use super::{Decl, MEntry, Model, SourceFile, TableData};
use crate::diagnostics::Problem;
use crate::project::{Manifest, ProjectSource};
use crate::session::pool;
use cardwright_dsl::{Parsed, parse};
use indexmap::IndexMap;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Names that may be kept although nobody may use them any more; beyond it all is done anew.
const STALE_NAMES: usize = 50_000;

/// What is kept of a file, for as long as its text stays the same.
#[derive(Debug)]
struct Read {
    text: String,
    parsed: Arc<Parsed>,
    /// The number and package that its declarations were read for, and they.
    tops: Option<(u32, String, Arc<Vec<Top>>)>,
}

impl Read {
    fn known_tops(&self, file: u32, package: &str) -> Option<&Arc<Vec<Top>>> {
        let (number, of, tops) = self.tops.as_ref()?;
        (*number == file && of == package).then_some(tops)
    }
}

/// The package of a file.
fn package_of(model: &Model, file: u32) -> &str {
    let span = super::Span {
        file,
        ..super::Span::default()
    };
    model.scope(span).map_or("", |scope| scope.package.as_str())
}

/// What a declaration's entries were merged from, and the result.
#[derive(Clone, Debug)]
struct Merged {
    kind: String,
    own: Arc<Vec<MEntry>>,
    base: Option<Arc<Vec<MEntry>>>,
    made: Arc<Vec<MEntry>>,
    /// Whether something is asked for among the result.
    asks: bool,
    problems: Vec<Problem>,
    /// What was said of its own entries alone.
    of_own: Vec<Problem>,
}

/// Entries that were merged before, whether something is asked for among them, and what was said.
type Known<'k> = (Arc<Vec<MEntry>>, bool, &'k [Problem]);

/// What inheritance found out about a declaration besides its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Head {
    for_record: Option<(String, String)>,
    for_decl: Option<String>,
    bases: Vec<String>,
    poisoned: bool,
    wanted: bool,
}

impl Head {
    fn of(decl: &Decl) -> Self {
        Self {
            for_record: decl.for_record.clone(),
            for_decl: decl.for_decl.clone(),
            bases: decl.bases.clone(),
            poisoned: decl.poisoned,
            wanted: decl.wanted,
        }
    }
}

/// A declaration from check to check.
#[derive(Debug)]
struct Life {
    /// As it was written, before inheritance.
    raw: Arc<Decl>,
    raw_changed: u32,
    head: Head,
    /// The revision in which what it says last changed; to have moved is no change.
    changed: u32,
    /// The same of all but a card's faces.
    faceless: u32,
    /// The last revision in which it was there.
    seen: u32,
    merged: Option<Merged>,
    /// Its entries after inheritance.
    effective: Option<Arc<Vec<MEntry>>>,
    uses: Option<(Arc<Decl>, Arc<NamesOf>)>,
}

/// All that says what names mean.
#[derive(Debug, Default)]
struct Seen {
    /// Names of the declarations in their order, and whether they are poisoned.
    decls: Vec<(String, bool)>,
    poisoned: BTreeSet<String>,
    scopes: Vec<Scope>,
}

/// What was kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    revision: u32,
    manifest: Option<Manifest>,
    files: HashMap<String, Read>,
    sources: Vec<SourceFile>,
    edits: Option<Edits>,
    lives: IndexMap<String, Life>,
    tables: IndexMap<String, Arc<TableData>>,
    names: Names,
    /// The names in single entries.
    named_in: NamesIn,
    seen: Seen,
    /// Places in the Model of the declarations that names mean, by the number of the name.
    targets: Vec<Option<usize>>,
    kinds: HashMap<&'static str, (Vec<u32>, u32)>,
    keys: (Vec<u32>, u32),
    ground: (Option<(String, String)>, u32),
    /// When a declaration last came or went.
    named: u32,
    /// When anything last changed.
    any: u32,
}

/// What became of kept things in a revision.
pub(crate) enum Upkeep<'k> {
    /// Nothing of before holds.
    Anew,
    /// Spans have moved.
    Moved(&'k Edits),
}

impl Kept {
    /// The revision of the last check.
    pub(crate) fn revision(&self) -> u32 {
        self.revision
    }

    /// What became of kept things.
    pub(crate) fn upkeep(&self) -> Upkeep<'_> {
        self.edits.as_ref().map_or(Upkeep::Anew, Upkeep::Moved)
    }

    /// The tree of a file.
    pub(super) fn parsed(&mut self, file: &SourceFile) -> Arc<Parsed> {
        if let Some(read) = self.files.get(&file.path).filter(|r| r.text == file.text) {
            return Arc::clone(&read.parsed);
        }
        let parsed = Arc::new(parse(&file.text));
        let read = Read {
            text: file.text.clone(),
            parsed: Arc::clone(&parsed),
            tops: None,
        };
        self.files.insert(file.path.clone(), read);
        parsed
    }

    /// Parses those sources side by side whose text is another.
    pub(super) fn parse_all(&mut self, sources: &[ProjectSource]) {
        let known = |s: &&ProjectSource| self.files.get(&s.path).is_some_and(|r| r.text == s.text);
        let open: Vec<&ProjectSource> = sources.iter().filter(|s| !known(s)).collect();
        let parsed = pool::each(&open, |source| parse(&source.text));
        for (source, parsed) in open.into_iter().zip(parsed) {
            let read = Read {
                text: source.text.clone(),
                parsed: Arc::new(parsed),
                tops: None,
            };
            self.files.insert(source.path.clone(), read);
        }
    }

    /// Reads side by side what stands at the top of files, where it is not known.
    pub(super) fn read_tops(&mut self, model: &Model, files: &[(u32, Arc<Parsed>)]) {
        let open: Vec<_> = files
            .iter()
            .filter(|(file, _)| {
                let source = model.sources.file(*file);
                let read = source.and_then(|source| self.files.get(&source.path));
                let package = package_of(model, *file);
                read.is_some_and(|read| read.known_tops(*file, package).is_none())
            })
            .collect();
        let tops = pool::each(&open, |(file, parsed)| {
            Arc::new(gather::tops(model, *file, parsed))
        });
        for ((file, _), tops) in open.into_iter().zip(tops) {
            let source = model.sources.file(*file);
            if let Some(read) = source.and_then(|source| self.files.get_mut(&source.path)) {
                read.tops = Some((*file, package_of(model, *file).to_owned(), tops));
            }
        }
    }

    /// What stands at the top of a file.
    pub(super) fn tops(&self, model: &Model, file: u32, parsed: &Parsed) -> Arc<Vec<Top>> {
        let source = model.sources.file(file);
        let read = source.and_then(|source| self.files.get(&source.path));
        let known = read.and_then(|read| read.known_tops(file, package_of(model, file)));
        // A file that stands there twice is read for each.
        known.map_or_else(|| Arc::new(gather::tops(model, file, parsed)), Arc::clone)
    }

    /// Begins a revision: knows declarations again that are what they were, moved or not.
    pub(super) fn recognise(&mut self, model: &mut Model) {
        self.revision += 1;
        let known = self.manifest.as_ref() == Some(&model.manifest);
        let edits = Edits::between(&self.sources, &model.sources.files);
        self.edits = edits.filter(|_| known && self.names.len() <= STALE_NAMES);
        if self.edits.is_none() {
            let files = std::mem::take(&mut self.files);
            *self = Self {
                revision: self.revision,
                manifest: Some(model.manifest.clone()),
                files,
                ..Self::default()
            };
        }
        for decl in model.decls.values_mut() {
            self.recognise_one(decl);
        }
        self.sources.clone_from(&model.sources.files);
    }

    fn recognise_one(&mut self, decl: &mut Arc<Decl>) {
        let now = self.revision;
        let Some(life) = self.lives.get_mut(&decl.qualified) else {
            self.named = now;
            let life = Life {
                raw: Arc::clone(decl),
                raw_changed: now,
                head: Head::default(),
                changed: now,
                faceless: now,
                seen: now,
                merged: None,
                effective: None,
                uses: None,
            };
            self.lives.insert(decl.qualified.clone(), life);
            return;
        };
        if life.seen + 1 != now {
            self.named = now;
            life.raw_changed = now;
        }
        life.seen = now;
        let as_it_was = life.raw == *decl;
        // Entries of a file whose text is the same are the same ones.
        if as_it_was && Arc::ptr_eq(&life.raw.entries, &decl.entries) {
            *decl = Arc::clone(&life.raw);
            return;
        }
        let mut moved = Arc::clone(&life.raw);
        let whole = self.edits.as_ref().is_some_and(|e| e.carry(&mut moved));
        if !(whole && moved == *decl) {
            life.raw_changed = now;
        } else if as_it_was {
            *decl = Arc::clone(&life.raw);
            return;
        }
        life.raw = Arc::clone(decl);
    }

    /// Entries that were merged before from the same own ones and the same base, and what was said.
    pub(super) fn merged(&self, decl: &Decl, base: Option<&Arc<Vec<MEntry>>>) -> Option<Known<'_>> {
        let merged = self.lives.get(&decl.qualified)?.merged.as_ref()?;
        let same_base = match (&merged.base, base) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        let same = same_base && Arc::ptr_eq(&merged.own, &decl.entries) && merged.kind == decl.kind;
        same.then(|| {
            (
                Arc::clone(&merged.made),
                merged.asks,
                merged.problems.as_slice(),
            )
        })
    }

    /// What was said before of the same own entries alone.
    pub(super) fn of_own(&self, decl: &Decl) -> Option<&[Problem]> {
        let merged = self.lives.get(&decl.qualified)?.merged.as_ref()?;
        let same = Arc::ptr_eq(&merged.own, &decl.entries) && merged.kind == decl.kind;
        same.then_some(merged.of_own.as_slice())
    }

    /// Keeps what entries were merged to, and what was said: of the own entries alone, and of both.
    pub(super) fn keep_merged(
        &mut self,
        decl: &Decl,
        base: Option<Arc<Vec<MEntry>>>,
        (made, asks): (&Arc<Vec<MEntry>>, bool),
        (of_own, problems): (Vec<Problem>, Vec<Problem>),
    ) {
        if let Some(life) = self.lives.get_mut(&decl.qualified) {
            life.merged = Some(Merged {
                kind: decl.kind.clone(),
                own: Arc::clone(&decl.entries),
                base,
                made: Arc::clone(made),
                asks,
                problems,
                of_own,
            });
        }
    }

    /// The names that declarations use, and what they mean now.
    pub(super) fn uses(&mut self, model: &Model) -> Uses<'_> {
        self.look_up(model);
        let mut named = std::mem::take(&mut self.named_in);
        named.begin();
        let mut of = Vec::with_capacity(model.decls.len());
        for decl in model.decls.values() {
            let life = self.lives.get_mut(&decl.qualified);
            let known = life.as_ref().and_then(|life| life.uses.as_ref());
            if let Some((_, names)) = known.filter(|(of, _)| of == decl) {
                of.push(Arc::clone(names));
                continue;
            }
            let names = Arc::new(NamesOf::of(model, decl, &mut self.names, &mut named));
            if let Some(life) = life {
                life.uses = Some((Arc::clone(decl), Arc::clone(&names)));
            }
            of.push(names);
        }
        self.named_in = named;
        let known = self.targets.len();
        let new = self.names.targets(model, known);
        self.targets.extend(new);
        Uses::new(of, &self.names, &self.targets)
    }

    /// Looks all names up again, unless they can only mean what they meant: the same declarations
    /// stand there, in the same order, and files import the same.
    fn look_up(&mut self, model: &Model) {
        let decls = || model.decls.iter().map(|(name, decl)| (name, decl.poisoned));
        let seen = &self.seen;
        let same = decls().eq(seen.decls.iter().map(|(name, poisoned)| (name, *poisoned)))
            && seen.poisoned == model.poisoned
            && seen.scopes.len() == model.scopes.len()
            && seen
                .scopes
                .iter()
                .zip(&model.scopes)
                .all(|(old, new)| old.means(new));
        if same {
            self.names.go_on(self.revision);
            return;
        }
        self.names.refresh(model, self.revision);
        self.targets.clear();
        self.seen = Seen {
            decls: decls()
                .map(|(name, poisoned)| (name.clone(), poisoned))
                .collect(),
            poisoned: model.poisoned.clone(),
            scopes: model.scopes.clone(),
        };
    }

    /// Notes what changed, now that the Model is whole.
    pub(super) fn settle(&mut self, model: &Model) {
        let now = self.revision;
        self.settle_decls(model);
        let mut kinds: HashMap<&'static str, (Vec<u32>, bool)> = HashMap::new();
        let mut keys = Vec::new();
        for decl in model.decls.values() {
            let Some((at, _, life)) = self.lives.get_full(&decl.qualified) else {
                continue;
            };
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            if decl.kind == "key" && !decl.poisoned {
                keys.push(number);
            }
            if let Some(kind) = cardwright_vocabulary::kind(&decl.kind) {
                let (members, changed) = kinds.entry(kind.name).or_default();
                members.push(number);
                *changed |= life.changed == now;
            }
        }
        for kind in cardwright_vocabulary::top_kinds() {
            let (members, changed) = kinds.remove(kind.name).unwrap_or_default();
            let kept = self.kinds.entry(kind.name).or_default();
            if changed || kept.0 != members {
                *kept = (members, now);
            }
        }
        if self.keys.0 != keys {
            self.keys = (keys, now);
        }
        if self.ground.0 != model.only_record {
            self.ground = (model.only_record.clone(), now);
        }
        if !self.edits.as_ref().is_some_and(Edits::are_none) {
            self.any = now;
        }
    }

    fn settle_decls(&mut self, model: &Model) {
        let now = self.revision;
        for life in self.lives.values_mut().filter(|l| l.seen + 1 == now) {
            // It is not there any more.
            (life.changed, life.faceless) = (now, now);
            (life.uses, life.merged, life.effective) = (None, None, None);
            self.named = now;
        }
        let raw_changed = |name: &String| {
            let life = self.lives.get(name);
            life.is_none_or(|life| life.raw_changed == now)
        };
        let mut alike = Alike::after(self.edits.as_ref());
        // What a base says otherwise does not reach those who say it themselves.
        let mut change = |decl: &Decl| {
            if raw_changed(&decl.qualified) || self.table_changed(model, &decl.qualified) {
                return (true, true);
            }
            if !decl.bases.iter().any(raw_changed) {
                return (false, false);
            }
            let life = self.lives.get(&decl.qualified);
            let Some(old) = life.and_then(|life| life.effective.as_ref()) else {
                return (true, true);
            };
            let changed = !alike.entries(old, &decl.entries);
            let faceless = changed && !alike.faceless(old, &decl.entries);
            (changed, faceless)
        };
        let changed = model.decls.values().map(|decl| change(decl));
        let changed: Vec<(bool, bool)> = changed.collect();
        for (decl, (changed, faceless)) in model.decls.values().zip(changed) {
            let head = Head::of(decl);
            let Some(life) = self.lives.get_mut(&decl.qualified) else {
                continue;
            };
            let other_head = life.head != head;
            if changed || other_head {
                life.changed = now;
            }
            if faceless || other_head {
                life.faceless = now;
            }
            life.head = head;
            life.effective = Some(Arc::clone(&decl.entries));
        }
        self.tables.clone_from(&model.tables);
    }

    fn table_changed(&self, model: &Model, name: &str) -> bool {
        match (self.tables.get(name), model.tables.get(name)) {
            (Some(old), Some(new)) if old == new => {
                let edits = self.edits.as_ref();
                !edits.is_some_and(|e| e.are_none() || e.carry(&mut Arc::clone(old)))
            }
            (Some(old), Some(new)) => {
                let mut moved = Arc::clone(old);
                let whole = self.edits.as_ref().is_some_and(|e| e.carry(&mut moved));
                !(whole && moved == *new)
            }
            (old, new) => old.is_some() != new.is_some(),
        }
    }

    /// Has the questions that are asked of a Model noted.
    pub(crate) fn listen(&mut self, model: &mut Model) {
        let number = |name: &String| self.lives.get_index_of(name);
        let numbers = model.decls.keys().map(number);
        let numbers = numbers.map(|n| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX));
        let log = Log::new(numbers.collect(), std::mem::take(&mut self.names));
        model.log = Some(Arc::new(log));
    }

    /// Takes the names back when all questions were asked.
    pub(crate) fn hear_out(&mut self, model: &mut Model) {
        if let Some(log) = model.log.take() {
            self.names = log.take_names();
        }
    }

    fn life(&self, number: u32) -> Option<&Life> {
        let at = usize::try_from(number).ok()?;
        self.lives.get_index(at).map(|(_, life)| life)
    }

    /// The revision in which an answer last changed; the files that are no sources, and what the
    /// emission makes, are not known here.
    pub(crate) fn changed(&self, asked: Asked) -> u32 {
        match asked {
            Asked::Anything => self.any,
            Asked::Decl(number) => self.life(number).map_or(self.revision, |life| life.changed),
            Asked::Faceless(number) => self.life(number).map_or(self.revision, |l| l.faceless),
            Asked::Ground => self.ground.1,
            Asked::Keys => self.keys.1,
            Asked::Kind(kind) => self.kinds.get(kind).map_or(self.revision, |k| k.1),
            Asked::Names => self.named,
            Asked::Asset(_) | Asked::Frame | Asked::Name(_) => self.revision,
        }
    }
}

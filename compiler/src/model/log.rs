//! What was asked of a Model while one thing was made from it: the thing can be kept for as long
//! as the answers stay the same.

use super::{Decl, Model, Target};
use crate::session::{Clean, turn};
use indexmap::{Equivalent, IndexMap};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// A question. Numbers of declarations, names and files are the same from check to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Asked {
    /// Something that any change may answer otherwise, such as advice on a name that is unknown.
    Anything,
    /// A file that is no source.
    Asset(u32),
    /// A declaration: what it holds after inheritance, and the rows of its table.
    Decl(u32),
    /// The same without a card's faces.
    Faceless(u32),
    /// The record that the whole project speaks of.
    Ground,
    /// The slots of all keys.
    Keys,
    /// All declarations of a kind.
    Kind(&'static str),
    /// What a name means in a file.
    Name(u32),
    /// Which names are declared.
    Names,
    /// What the emission has made before cards and layouts: issuer, keys, formats.
    Frame,
}

/// A dotted name in a file; what it means rests on two segments at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    file: u32,
    first: String,
    second: Option<String>,
}

/// The same, borrowed.
struct NameRef<'n> {
    file: u32,
    first: &'n str,
    second: Option<&'n str>,
}

impl Hash for NameRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.file.hash(state);
        self.first.hash(state);
        self.second.hash(state);
    }
}

impl Equivalent<Name> for NameRef<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        self.file == name.file && self.first == name.first && self.second == name.second.as_deref()
    }
}

/// What a name meant when it was last looked up.
#[derive(Clone, Debug)]
pub(crate) struct Meant {
    pub(crate) target: Target,
    /// The revision in which it came to mean that.
    pub(crate) changed: u32,
}

/// All names that were ever looked up, by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    all: IndexMap<Name, Meant, foldhash::fast::RandomState>,
    revision: u32,
}

impl Names {
    /// Looks all names up again.
    pub(super) fn refresh(&mut self, model: &Model, revision: u32) {
        self.revision = revision;
        for (name, meant) in &mut self.all {
            let target = model.look(name.file, &name.first, name.second.as_deref());
            if target != meant.target {
                *meant = Meant {
                    target,
                    changed: revision,
                };
            }
        }
    }

    /// Begins a revision in which all names mean what they meant.
    pub(super) fn go_on(&mut self, revision: u32) {
        self.revision = revision;
    }

    /// Places in the Model of the declarations that names mean, from a number on.
    pub(super) fn targets(&self, model: &Model, from: usize) -> Vec<Option<usize>> {
        let rest = self.all.get_range(from..).into_iter();
        let target = |meant: &Meant| match &meant.target {
            Target::Decl { qualified, .. } => model.decls.get_index_of(qualified),
            _ => None,
        };
        let all = rest.flat_map(|names| names.values());
        all.map(target).collect()
    }

    /// The number of a name and what it means.
    pub(super) fn of(
        &mut self,
        model: &Model,
        file: u32,
        first: &str,
        second: Option<&str>,
    ) -> (u32, &Meant) {
        let name = NameRef {
            file,
            first,
            second,
        };
        let at = match self.all.get_index_of(&name) {
            Some(at) => at,
            None => {
                let meant = Meant {
                    target: model.look(file, first, second),
                    changed: self.revision,
                };
                let name = Name {
                    file,
                    first: first.to_owned(),
                    second: second.map(str::to_owned),
                };
                self.all.insert_full(name, meant).0
            }
        };
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        // Just looked up or put in.
        match self.all.get_index(at) {
            Some((_, meant)) => (number, meant),
            None => (number, &UNKNOWN),
        }
    }

    /// The number of a name that was looked up before, and what it means.
    fn known(&self, file: u32, first: &str, second: Option<&str>) -> Option<(u32, Target)> {
        let name = NameRef {
            file,
            first,
            second,
        };
        let (at, _, meant) = self.all.get_full(&name)?;
        Some((u32::try_from(at).ok()?, meant.target.clone()))
    }

    /// A name's file and first segment, and what it means.
    pub(super) fn get(&self, number: u32) -> Option<(u32, &str, &Meant)> {
        let (name, meant) = self.all.get_index(usize::try_from(number).ok()?)?;
        Some((name.file, &name.first, meant))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

static UNKNOWN: Meant = Meant {
    target: Target::Unknown,
    changed: 0,
};

/// Lasting numbers, while questions are noted.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Of the declarations, in the order of the Model.
    numbers: Vec<u32>,
    /// Of the names; whoever works on the Model adds to them.
    names: RwLock<Names>,
    /// What was found in order.
    clean: Clean,
    /// The number of this check among all of the process.
    check: u64,
}

/// How many checks there were.
static CHECKS: AtomicU64 = AtomicU64::new(0);

impl Log {
    pub(super) fn new(numbers: Vec<u32>, names: Names) -> Self {
        Self {
            numbers,
            names: RwLock::new(names),
            clean: Clean::default(),
            check: CHECKS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The names, when nobody looks them up any more.
    pub(super) fn take_names(&self) -> Names {
        std::mem::take(&mut *self.names.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model {
    /// What was found in order, while questions are noted.
    pub(crate) fn clean(&self) -> Option<&Clean> {
        self.log.as_deref().map(|log| &log.clean)
    }

    /// The number of the check, while questions are noted.
    pub(crate) fn check_number(&self) -> Option<u64> {
        self.log.as_deref().map(|log| log.check)
    }

    /// Notes a question, while questions are noted.
    pub(crate) fn ask(&self, asked: Asked) {
        if self.log.is_some() {
            turn::ask(asked);
        }
    }

    /// Notes the question for a declaration by its place in the Model.
    pub(super) fn ask_decl(&self, at: usize) {
        if let Some(number) = self.log.as_ref().and_then(|log| log.numbers.get(at)) {
            turn::ask(Asked::Decl(*number));
        }
    }

    /// The lasting number of a declaration, while questions are noted.
    pub(crate) fn number_of(&self, decl: &Decl) -> Option<u32> {
        let log = self.log.as_ref()?;
        let at = self.decls.get_index_of(&decl.qualified)?;
        log.numbers.get(at).copied()
    }

    /// The revision in which a name came to mean what it means.
    pub(crate) fn name_changed(&self, number: u32) -> u32 {
        let log = self.log.as_ref();
        let changed = |log: &Arc<Log>| Some(log.names().get(number)?.2.changed);
        log.and_then(changed).unwrap_or(u32::MAX)
    }

    /// What a name means, from the log or looked up; its number is noted.
    pub(super) fn logged(&self, file: u32, first: &str, second: Option<&str>) -> Option<Target> {
        let log = self.log.as_ref()?;
        let known = log.names().known(file, first, second);
        let (number, target) = known.unwrap_or_else(|| {
            let mut names = log.names.write().unwrap_or_else(PoisonError::into_inner);
            let (number, meant) = names.of(self, file, first, second);
            (number, meant.target.clone())
        });
        turn::ask(Asked::Name(number));
        Some(target)
    }
}

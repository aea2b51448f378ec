//! What was asked of a Model while one thing was made from it: the thing can be kept for as long
//! as the answers stay the same.

use super::{Decl, Model, Target};
use indexmap::{Equivalent, IndexMap};
use std::hash::{Hash, Hasher};

/// A question. Numbers of declarations, names and files are the same from check to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    /// Something that any change may answer otherwise, such as advice on a name that is unknown.
    Anything,
    /// A file that is no source.
    Asset(u32),
    /// A declaration: what it holds after inheritance, and the rows of its table.
    Decl(u32),
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
    all: IndexMap<Name, Meant>,
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

/// Notes questions between two turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Lasting numbers of the declarations, in the order of the Model.
    pub(super) numbers: Vec<u32>,
    pub(super) names: Names,
    asked: Vec<Asked>,
    /// The turn in which a declaration or name was noted last, by its number.
    decls_noted: Vec<u32>,
    names_noted: Vec<u32>,
    turn: u32,
}

impl Log {
    pub(super) fn new(numbers: Vec<u32>, names: Names) -> Self {
        Self {
            numbers,
            names,
            ..Self::default()
        }
    }

    fn note(&mut self, asked: Asked) {
        let (noted, number) = match asked {
            Asked::Decl(number) => (&mut self.decls_noted, number),
            Asked::Name(number) => (&mut self.names_noted, number),
            _ => {
                self.asked.push(asked);
                return;
            }
        };
        let Ok(at) = usize::try_from(number) else {
            return;
        };
        if noted.len() <= at {
            noted.resize(at + 1, 0);
        }
        if let Some(last) = noted.get_mut(at).filter(|last| **last != self.turn) {
            *last = self.turn;
            self.asked.push(asked);
        }
    }
}

impl Model {
    /// Notes a question, while questions are noted.
    pub(crate) fn ask(&self, asked: Asked) {
        if let Some(log) = self.log.borrow_mut().as_mut() {
            log.note(asked);
        }
    }

    /// Notes the question for a declaration by its place in the Model.
    pub(super) fn ask_decl(&self, at: usize) {
        if let Some(log) = self.log.borrow_mut().as_mut()
            && let Some(number) = log.numbers.get(at).copied()
        {
            log.note(Asked::Decl(number));
        }
    }

    /// The lasting number of a declaration, while questions are noted.
    pub(crate) fn number_of(&self, decl: &Decl) -> Option<u32> {
        let at = self.decls.get_index_of(&decl.qualified)?;
        self.log.borrow().as_ref()?.numbers.get(at).copied()
    }

    /// Begins to note questions anew.
    pub(crate) fn begin_turn(&self) {
        if let Some(log) = self.log.borrow_mut().as_mut() {
            log.turn += 1;
            log.asked.clear();
        }
    }

    /// The questions since the turn began.
    pub(crate) fn end_turn(&self) -> Vec<Asked> {
        let mut log = self.log.borrow_mut();
        log.as_mut()
            .map(|log| std::mem::take(&mut log.asked))
            .unwrap_or_default()
    }

    /// The revision in which a name came to mean what it means.
    pub(crate) fn name_changed(&self, number: u32) -> u32 {
        let log = self.log.borrow();
        let meant = log.as_ref().and_then(|log| log.names.get(number));
        meant.map_or(u32::MAX, |(_, _, meant)| meant.changed)
    }

    /// What a name means, from the log or looked up; its number is noted.
    pub(super) fn logged(&self, file: u32, first: &str, second: Option<&str>) -> Option<Target> {
        let mut log = self.log.borrow_mut();
        let log = log.as_mut()?;
        let (number, meant) = log.names.of(self, file, first, second);
        let target = meant.target.clone();
        log.note(Asked::Name(number));
        Some(target)
    }
}

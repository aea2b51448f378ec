//! Outcomes of single tasks, kept for as long as the answers stay the same that they rest on.

use super::turn::{self, FileName, Questions};
use super::{STACK_LEAST, STACK_MOST, pool};
use crate::Measure;
use crate::diagnostics::{Findings, Problem};
use crate::emit::{Frame, Piece};
use crate::model::log::Asked;
use crate::model::{Decl, Kept, Model, Span, Spans, Upkeep};
use crate::project::Project;
use foldhash::HashMap;
use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What is done for one declaration, or for two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// Its card is made, without its faces.
    Card,
    /// It is held against the vocabulary.
    Check,
    /// Its card's faces are made.
    Faces,
    /// Its pages are laid out.
    Layout,
    /// It is held against a rule.
    Rule,
    /// A profile that no card holds is made all the same.
    Unplaced,
}

/// A task and the lasting numbers of its declarations.
type Key = (Task, u32, Option<u32>);

/// What came of a task.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) problems: Vec<Problem>,
    pub(crate) measures: Vec<Measure>,
    /// Expressions that were worked out for it.
    pub(crate) steps: u64,
    /// What the emission goes on with.
    pub(crate) piece: Option<Box<Piece>>,
}

impl Outcome {
    /// Findings, and the work of finding them.
    pub(crate) fn of(mut findings: Findings, steps: u64) -> Self {
        Self {
            problems: findings.split_off(0),
            steps,
            ..Self::default()
        }
    }
}

impl Spans for Outcome {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.problems.spans(visit);
        self.measures.spans(visit);
        self.piece.spans(visit);
    }
}

impl Spans for Measure {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(&mut self.span);
    }
}

#[derive(Debug)]
struct Unit {
    asked: Vec<Asked>,
    /// The last revision in which it held.
    held: u32,
    outcome: Outcome,
}

/// A file that is no source: digest of its octets, none when it can't be read; the revision in
/// which it changed; the one in which it was last looked at.
type Asset = (Option<[u8; 32]>, u32, u32);

/// All that is kept.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    units: HashMap<Key, Unit>,
    assets: IndexMap<FileName, Asset>,
    frame: Option<(Arc<Frame>, u32)>,
}

impl Memo {
    /// Begins a revision: spans move with their texts.
    pub(crate) fn begin(&mut self, kept: &Kept) {
        match kept.upkeep() {
            Upkeep::Anew => *self = Self::default(),
            Upkeep::Moved(edits) if edits.are_none() => {}
            Upkeep::Moved(edits) => self.units.retain(|_, u| edits.carry(&mut u.outcome)),
        }
    }
}

fn key(model: &Model, task: Task, decl: &Decl, other: Option<&Decl>) -> Option<Key> {
    let other = other.and_then(|other| model.number_of(other));
    Some((task, model.number_of(decl)?, other))
}

/// Gives outcomes, kept ones where they hold.
pub(crate) struct Keeper<'s> {
    pub(crate) kept: &'s Kept,
    pub(crate) memo: &'s mut Memo,
    pub(crate) project: &'s Project<'s>,
}

impl Keeper<'_> {
    /// The outcome of a task.
    pub(crate) fn outcome(
        &mut self,
        model: &Model,
        task: Task,
        decl: &Decl,
        other: Option<&Decl>,
        make: impl FnOnce() -> Outcome,
    ) -> Option<&Outcome> {
        let key = key(model, task, decl, other)?;
        if !self.holds(model, &key) {
            self.keep(key, turn::listen(make));
        }
        self.memo.units.get(&key).map(|unit| &unit.outcome)
    }

    /// Makes those outcomes of a task that do not hold, side by side.
    pub(crate) fn prepare<'m>(
        &mut self,
        model: &'m Model,
        task: Task,
        of: &[(&'m Decl, Option<&'m Decl>)],
        make: impl Fn(&'m Decl, Option<&'m Decl>) -> Outcome + Sync,
    ) {
        let mut open = Vec::new();
        for (decl, other) in of {
            if let Some(key) = key(model, task, decl, *other).filter(|key| !self.holds(model, key))
            {
                open.push((key, *decl, *other));
            }
        }
        let made = pool::each(&open, |(_, decl, other)| {
            stacker::maybe_grow(STACK_LEAST, STACK_MOST, || {
                turn::listen(|| make(decl, *other))
            })
        });
        for ((key, ..), made) in open.into_iter().zip(made) {
            self.keep(key, made);
        }
    }

    fn keep(&mut self, key: Key, (outcome, questions): (Outcome, Questions)) {
        let mut asked = questions.asked;
        asked.push(match key.0 {
            Task::Card => Asked::Faceless(key.1),
            _ => Asked::Decl(key.1),
        });
        asked.extend(key.2.map(Asked::Decl));
        if outcome.piece.is_some() {
            asked.push(Asked::Frame);
        }
        for name in questions.files {
            asked.push(Asked::Asset(self.asset(name)));
        }
        let unit = Unit {
            asked,
            held: self.kept.revision(),
            outcome,
        };
        self.memo.units.insert(key, unit);
    }

    fn holds(&mut self, model: &Model, key: &Key) -> bool {
        let Some(unit) = self.memo.units.get_mut(key) else {
            return false;
        };
        let held = unit.held;
        if held == self.kept.revision() {
            return true;
        }
        let asked = std::mem::take(&mut unit.asked);
        let same = |asked: &Asked| self.changed(model, *asked) <= held;
        let holds = asked.iter().all(same);
        if let Some(unit) = self.memo.units.get_mut(key) {
            unit.asked = asked;
            if holds {
                unit.held = self.kept.revision();
            }
        }
        holds
    }

    fn changed(&mut self, model: &Model, asked: Asked) -> u32 {
        match asked {
            Asked::Asset(number) => self.asset_changed(number),
            Asked::Frame => self.memo.frame.as_ref().map_or(u32::MAX, |frame| frame.1),
            Asked::Name(number) => model.name_changed(number),
            other => self.kept.changed(other),
        }
    }

    /// Says what the emission has made before its tasks.
    pub(crate) fn frame(&mut self, frame: &Arc<Frame>) {
        if self.memo.frame.as_ref().is_none_or(|(old, _)| old != frame) {
            self.memo.frame = Some((Arc::clone(frame), self.kept.revision()));
        }
    }

    /// The number of a file.
    fn asset(&mut self, name: FileName) -> u32 {
        let now = self.kept.revision();
        let at = match self.memo.assets.get_index_of(&name) {
            Some(at) => at,
            None => {
                let digest = digest(self.project, &name);
                self.memo.assets.insert_full(name, (digest, now, now)).0
            }
        };
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn asset_changed(&mut self, number: u32) -> u32 {
        let now = self.kept.revision();
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let Some((name, asset)) = self.memo.assets.get_index_mut(at) else {
            return u32::MAX;
        };
        if asset.2 != now {
            let found = digest(self.project, name);
            if found != asset.0 {
                (asset.0, asset.1) = (found, now);
            }
            asset.2 = now;
        }
        asset.1
    }
}

fn digest(project: &Project<'_>, name: &FileName) -> Option<[u8; 32]> {
    let octets = project.asset_of(name.0.as_deref(), &name.1).ok()?;
    Some(Sha256::digest(octets).into())
}

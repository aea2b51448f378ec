//! Cards and layouts: each is made by itself, so that a session can keep what came of it.

use super::{Context, card, drawn::Letter, empty};
use crate::diagnostics::Findings;
use crate::elaborate::{MOST_STEPS, Shared, too_much};
use crate::model::{Decl, Span, Spans};
use crate::session::{AT_ONCE, Keeper, Outcome, Task};
use cardwright_bundle::{Content, Format, Issuer, KeySlot, Layout};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What cards and layouts see of what was made before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(super) issuer: Issuer,
    pub(super) keys: Vec<KeySlot>,
    pub(super) formats: Vec<Format>,
    bin: Option<String>,
    flawed: bool,
}

impl Frame {
    pub(super) fn of(content: &Content, bin: Option<String>, flawed: bool) -> Arc<Self> {
        Arc::new(Self {
            issuer: content.issuer.clone(),
            keys: content.keys.clone(),
            formats: content.formats.clone(),
            bin,
            flawed,
        })
    }
}

/// What flows, scenarios, jobs and checks go on with.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    cards: Vec<card::Facts>,
    sides: Vec<card::Sides>,
    placed: BTreeSet<String>,
    layouts: Vec<Layout>,
    letters: Vec<Letter>,
}

impl Spans for Piece {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        // A layout's spans are numbers, and its own is given anew.
        self.cards.spans(visit);
        self.sides.spans(visit);
        for letter in &mut self.letters {
            visit(&mut letter.span);
            letter.drawn.iter_mut().for_each(&mut *visit);
        }
    }
}

impl<'a> Context<'a> {
    /// Makes cards or layouts. With a keeper nothing goes into the bundle: what came of them may be
    /// of an earlier time.
    pub(super) fn pieces(
        &mut self,
        mut keeper: Option<&mut Keeper<'_>>,
        task: Task,
        decls: &[&'a Decl],
        make: fn(&mut Context<'a>, &'a Decl),
    ) {
        for some in decls.chunks(AT_ONCE) {
            if self.shared.steps <= MOST_STEPS
                && let Some(keeper) = keeper.as_deref_mut()
            {
                let ground = &*self;
                let some: Vec<_> = some.iter().map(|decl| (*decl, None)).collect();
                keeper.prepare(self.model, task, &some, |decl, _| ground.made(decl, make));
            }
            for decl in some {
                self.piece(keeper.as_deref_mut(), task, decl, make);
            }
        }
    }

    /// What comes of a card or a layout.
    fn made(&self, decl: &'a Decl, make: fn(&mut Context<'a>, &'a Decl)) -> Outcome {
        let mut apart = self.apart();
        apart.alone(decl, make);
        apart.outcome()
    }

    fn piece(
        &mut self,
        keeper: Option<&mut Keeper<'_>>,
        task: Task,
        decl: &'a Decl,
        make: fn(&mut Context<'a>, &'a Decl),
    ) {
        let Some(keeper) = keeper else {
            if self.enough(decl) {
                self.alone(decl, make);
            }
            return;
        };
        if !self.enough(decl) {
            return;
        }
        let model = self.model;
        let outcome = keeper.outcome(model, task, decl, None, || self.made(decl, make));
        let Some(outcome) = outcome else { return };
        self.shared.steps += outcome.steps;
        let problems = outcome.problems.iter();
        problems.for_each(|p| self.shared.findings.push(p.clone()));
        self.shared
            .measures
            .extend(outcome.measures.iter().cloned());
        let Some(piece) = &outcome.piece else { return };
        self.cards.extend(piece.cards.iter().cloned());
        self.sides.extend(piece.sides.iter().cloned());
        self.placed.extend(piece.placed.iter().cloned());
        self.letters.extend(piece.letters.iter().cloned());
        let span = self.shared.spans.id(decl.span);
        let layouts = piece.layouts.iter().cloned();
        self.content
            .layouts
            .extend(layouts.map(|layout| Layout { span, ..layout }));
    }

    /// Whether the work of one emission is still bounded; says once where it is not.
    fn enough(&mut self, decl: &Decl) -> bool {
        if self.shared.findings.are_too_many(decl.span) {
            return false;
        }
        if self.shared.steps <= MOST_STEPS {
            return true;
        }
        if self.shared.steps < u64::MAX {
            self.shared.steps = u64::MAX;
            self.push(too_much(decl.span));
        }
        false
    }

    /// Makes a card or a layout whose findings know nothing of those of others.
    fn alone(&mut self, decl: &'a Decl, make: fn(&mut Context<'a>, &'a Decl)) {
        let own = Findings::after(self.flawed);
        let before = std::mem::replace(&mut self.shared.findings, own);
        self.shared.findings.enter(decl);
        make(self, decl);
        let own = std::mem::replace(&mut self.shared.findings, before);
        self.shared.findings.append(own);
    }

    /// The same ground, and nothing on it.
    fn apart(&self) -> Self {
        Self {
            model: self.model,
            project: self.project,
            environment: self.environment,
            shared: Shared::default(),
            content: empty(self.model, self.environment),
            assets: BTreeMap::new(),
            bin: self.bin.clone(),
            placed: BTreeSet::new(),
            cards: Vec::new(),
            sides: Vec::new(),
            letters: Vec::new(),
            frame: Arc::clone(&self.frame),
            flawed: self.flawed,
            apart: true,
        }
    }

    /// The same ground once more, for a declaration that is made again.
    pub(super) fn apart_again(&self, decl: &Decl) -> Self {
        let mut again = self.apart();
        again.shared.findings = Findings::after(self.flawed);
        again.shared.findings.enter(decl);
        again
    }

    fn outcome(self) -> Outcome {
        let mut outcome = Outcome::of(self.shared.findings, self.shared.steps);
        outcome.measures = self.shared.measures.into_iter().collect();
        outcome.piece = Some(Box::new(Piece {
            cards: self.cards,
            sides: self.sides,
            placed: self.placed,
            layouts: self.content.layouts,
            letters: self.letters,
        }));
        outcome
    }
}

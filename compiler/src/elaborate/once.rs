//! What many declarations inherit is held against the vocabulary once.

use super::Elaborator;
use crate::model::{Decl, MEntry};
use crate::session::{Place, turn};

/// Kinds of which everything that an entry's check looks for in its declaration is noted.
const KINDS: [&str; 4] = ["application", "card", "layout", "profile"];

impl<'a> Elaborator<'a> {
    /// Holds an entry of a declaration against something, which its address stands for; not again
    /// where it was in order for another declaration for which it rests on the same.
    ///
    /// The outcome knows nothing of the entries before it, so that it is the same for all.
    pub(crate) fn once(
        &mut self,
        decl: &'a Decl,
        entry: &'a MEntry,
        against: usize,
        check: impl FnOnce(&mut Self),
    ) {
        if decl.bases.is_empty() || !KINDS.contains(&decl.kind.as_str()) {
            return check(self);
        }
        if entry.origin == decl.qualified {
            // Nobody has had it before; the lets are as for all others.
            let lets = std::mem::take(&mut self.lets);
            check(self);
            self.lets = lets;
            return;
        }
        let place = self.place(decl, entry, against);
        let known = place.and_then(|place| self.model.clean()?.known(&place, decl));
        if let Some(known) = known.filter(|known| known.steps < self.fuel) {
            self.fuel -= known.steps;
            self.shared.steps = self.shared.steps.saturating_add(u64::from(known.steps));
            return;
        }
        let (found, fuel) = (self.findings().len(), self.fuel);
        let lets = std::mem::take(&mut self.lets);
        let ((), part) = turn::overhear(decl, || check(self));
        self.lets = lets;
        let in_order = self.findings().len() == found && self.fuel > 0;
        if let (Some(place), true, Some(clean)) = (place, in_order, self.model.clean()) {
            clean.keep(place, part, fuel - self.fuel);
        }
    }

    /// What an entry's outcome is kept under, where it is kept.
    fn place(&mut self, decl: &Decl, entry: &MEntry, against: usize) -> Option<Place> {
        // A block with a dictionary of its own may be another for the next heir.
        let clean = self.model.clean().filter(|_| self.speaks.is_none())?;
        let format = self.format.map_or("", |format| &format.qualified);
        let record = &self.program.record;
        let new = || clean.ground(&decl.kind, format, record);
        Some(Place {
            entry: entry.address(),
            against,
            ground: *self.ground.get_or_insert_with(new),
        })
    }
}

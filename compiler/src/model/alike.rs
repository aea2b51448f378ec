//! Whether entries say what they said in the check before, be they moved or not.

use super::moved::Edits;
use super::{EntryParts, MEntry, Span};
use foldhash::HashMap;

/// Compares entries of two checks, each pair once: most are shared by many heirs.
pub(super) struct Alike<'e> {
    edits: Option<&'e Edits>,
    known: HashMap<(usize, usize), bool>,
}

impl<'e> Alike<'e> {
    /// What has become of the texts since.
    pub(super) fn after(edits: Option<&'e Edits>) -> Self {
        Self {
            edits,
            known: HashMap::default(),
        }
    }

    /// Whether all entries are what they were. Both sides live for as long as this.
    pub(super) fn entries(&mut self, old: &[MEntry], new: &[MEntry]) -> bool {
        let mut pairs = old.iter().zip(new);
        old.len() == new.len() && pairs.all(|(old, new)| self.entry(old, new))
    }

    /// Whether all but a card's faces is what it was.
    pub(super) fn faceless(&mut self, old: &[MEntry], new: &[MEntry]) -> bool {
        let other = |entry: &&MEntry| entry.word(0) != Some("face");
        let mut new = new.iter().filter(other);
        let mut pairs = old.iter().filter(other).map(|old| (old, new.next()));
        let alike = pairs.all(|(old, new)| new.is_some_and(|new| self.entry(old, new)));
        alike && new.next().is_none()
    }

    fn entry(&mut self, old: &MEntry, new: &MEntry) -> bool {
        let pair = (old.address(), new.address());
        if pair.0 == pair.1 {
            return true; // its file is the same
        }
        if let Some(known) = self.known.get(&pair) {
            return *known;
        }
        let alike = match (&old.block, &new.block) {
            (Some(of_old), Some(of_new)) => self.entries(of_old, of_new) && self.words(old, new),
            (None, None) => self.words(old, new),
            _ => false,
        };
        self.known.insert(pair, alike);
        alike
    }

    /// All but the blocks.
    fn words(&self, old: &MEntry, new: &MEntry) -> bool {
        let mut moved = bare(old);
        let whole = self.edits.is_none_or(|edits| edits.carry(&mut moved));
        whole && moved == bare(new)
    }
}

/// An entry without its block; around a block there may be more blanks and comments than before, and
/// what was found at the whole of it is found again.
fn bare(entry: &MEntry) -> MEntry {
    let span = match entry.block {
        Some(_) => Span::default(),
        None => entry.span,
    };
    MEntry::from(EntryParts {
        head: entry.head.clone(),
        base: entry.base.clone(),
        clauses: entry.clauses.clone(),
        value: entry.value.clone(),
        block: None,
        mark: entry.mark,
        doc: entry.doc.clone(),
        origin: entry.origin.clone(),
        span,
    })
}

//! Sealed values that are known to be whole: those that this process sealed, or opened, in a token. Their tag
//! is not asked for again, which is two of the three questions of opening a value.
//!
//! What is kept is a hash of everything that the tag is over and of the tag itself: a value that differs in one
//! bit, or is opened as another kind, is not known and is asked for. Nothing of it is secret.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// Most values that are remembered, those of some thousand cards: about two megabytes.
const KNOWN_MAX: usize = 16_384;

/// A sealed value's hash, tag included.
pub(crate) type Print = [u8; 32];

/// What is known in one token.
#[derive(Default)]
pub(crate) struct Genuine(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The token's generation when they were seen: another one may be another token.
    generation: u64,
    prints: HashSet<Print>,
    /// The same, the oldest first.
    order: VecDeque<Print>,
}

/// The hash of what a tag is over and of the tag.
pub(crate) fn print(text: &[u8], tag: &[u8]) -> Print {
    Sha256::new()
        .chain_update(text)
        .chain_update(tag)
        .finalize()
        .into()
}

impl Genuine {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a value's tag was right before, in the token as it is now.
    pub(crate) fn knows(&self, generation: u64, print: &Print) -> bool {
        let known = self.known();
        known.generation == generation && known.prints.contains(print)
    }

    /// Remembers a value whose tag is right; the oldest is forgotten for it.
    pub(crate) fn keep(&self, generation: u64, print: Print) {
        let mut known = self.known();
        if generation < known.generation {
            return;
        }
        if generation > known.generation {
            *known = Known {
                generation,
                ..Known::default()
            };
        }
        if known.prints.insert(print) {
            known.order.push_back(print);
        }
        if known.order.len() > KNOWN_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.prints.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_value_in_the_same_token_is_known() {
        let genuine = Genuine::default();
        let value = print(b"kind, bound data, blob", &[7; 16]);
        assert!(!genuine.knows(1, &value));
        genuine.keep(1, value);
        assert!(genuine.knows(1, &value));
        assert!(!genuine.knows(1, &print(b"kind, bound data, blob", &[8; 16])));
        assert!(!genuine.knows(1, &print(b"kind, bound data, blub", &[7; 16])));
        // The token was lost and came back: it may be another.
        assert!(!genuine.knows(2, &value));
        genuine.keep(2, print(b"another", &[7; 16]));
        assert!(!genuine.knows(2, &value));
        // What a job of the old one still brings is not taken.
        genuine.keep(1, value);
        assert!(!genuine.knows(2, &value) && !genuine.knows(1, &value));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let genuine = Genuine::default();
        let of = |n: usize| print(&n.to_be_bytes(), b"");
        for n in 0..=KNOWN_MAX {
            genuine.keep(1, of(n));
            genuine.keep(1, of(n));
        }
        assert!(!genuine.knows(1, &of(0)));
        assert!(genuine.knows(1, &of(1)) && genuine.knows(1, &of(KNOWN_MAX)));
        assert_eq!(genuine.known().prints.len(), KNOWN_MAX);
    }
}

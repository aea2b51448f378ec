//! Keys of cards that wait in a token, as objects of a session, between the card's data and its machine, so that
//! they need not be derived a second time.
//!
//! Nothing depends on them: each is what a sealed recipe makes, and is derived again where it does not wait any
//! more, after a power cut or in another token. They are found by the sealed value that they belong to, are used once, and are
//! destroyed by closing the session that they were made in.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardwright_pkcs11_raw::{Object, Session};

use crate::genuine::Print;
use crate::link;
use crate::objects::Kind;

/// Most objects that wait in a token: those of about 170 cards with three keys.
const OBJECTS_MAX: usize = 512;

fn guarded<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session for what some cards' jobs make. It is closed, and all that was made in it destroyed, with the last of
/// these cards.
pub(crate) struct OwnSession {
    session: Mutex<Option<Session>>,
    cards: AtomicUsize,
}

impl OwnSession {
    pub(crate) fn new(session: Session) -> Arc<Self> {
        Arc::new(Self {
            session: Mutex::new(Some(session)),
            cards: AtomicUsize::new(0),
        })
    }

    /// Something done in it; `None` when it is closed.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Session) -> T) -> Option<T> {
        guarded(&self.session).as_ref().map(work)
    }

    fn close(&self) {
        drop(guarded(&self.session).take());
    }
}

impl Drop for OwnSession {
    fn drop(&mut self) {
        let session = guarded(&self.session).take();
        // A token that hangs must not hold up a lane: only threads of sessions wait for it.
        if session.is_some() && !link::is_here() {
            let thread = std::thread::Builder::new().name("pkcs11".to_owned());
            let _ = thread.spawn(move || drop(session));
        }
    }
}

/// The keys of one card that wait.
pub(crate) struct CardObjects {
    pub(crate) keys: Vec<(Kind, Object)>,
    /// Token and generation that they are in.
    pub(crate) at: (usize, u64),
    room: Arc<OwnSession>,
    ended: AtomicBool,
}

impl CardObjects {
    pub(crate) fn new(
        keys: Vec<(Kind, Object)>,
        at: (usize, u64),
        room: &Arc<OwnSession>,
    ) -> Arc<Self> {
        room.cards.fetch_add(1, Ordering::SeqCst);
        Arc::new(Self {
            keys,
            at,
            room: Arc::clone(room),
            ended: AtomicBool::new(false),
        })
    }

    /// They were used. With the last card of a session it is closed.
    pub(crate) fn end(&self) {
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        if self.room.cards.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.room.close();
        }
    }
}

impl Drop for CardObjects {
    fn drop(&mut self) {
        // The session goes with the last who has it.
        if !self.ended.swap(true, Ordering::SeqCst) {
            self.room.cards.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// What waits in one token.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<Cards>);

#[derive(Default)]
struct Cards {
    by_value: HashMap<Print, Arc<CardObjects>>,
    /// The same, the oldest first; some may be gone.
    order: VecDeque<Print>,
    objects: usize,
}

impl Cards {
    fn take(&mut self, print: &Print) -> Option<Arc<CardObjects>> {
        let found = self.by_value.remove(print)?;
        self.objects -= found.keys.len().min(self.objects);
        Some(found)
    }

    fn oldest(&mut self) -> Option<Arc<CardObjects>> {
        loop {
            let print = self.order.pop_front()?;
            if let Some(found) = self.take(&print) {
                return Some(found);
            }
        }
    }
}

impl Waiting {
    /// Lets keys wait; the oldest go for them.
    pub(crate) fn keep(&self, print: Print, objects: Arc<CardObjects>) {
        let mut gone = Vec::new();
        let mut cards = guarded(&self.0);
        gone.extend(cards.take(&print));
        cards.objects += objects.keys.len();
        cards.by_value.insert(print, objects);
        cards.order.push_back(print);
        while cards.objects > OBJECTS_MAX {
            match cards.oldest() {
                Some(oldest) => gone.push(oldest),
                None => break,
            }
        }
        if cards.order.len() > 2 * OBJECTS_MAX {
            let Cards {
                by_value, order, ..
            } = &mut *cards;
            order.retain(|print| by_value.contains_key(print));
        }
        // Sessions are closed when nobody waits for the list.
        drop(cards);
        drop(gone);
    }

    /// The keys of a sealed value, for one use.
    pub(crate) fn take(&self, print: &Print) -> Option<Arc<CardObjects>> {
        guarded(&self.0).take(print)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        guarded(&self.0).by_value.is_empty()
    }

    /// Nothing waits any more.
    pub(crate) fn clear(&self) {
        let gone = std::mem::take(&mut *guarded(&self.0));
        drop(gone);
    }
}

//! A session of the pool that one lane keeps: the keys of its open channels live with it.
//!
//! All work of the lane goes through it while it is kept, so that a lane never waits for itself. It goes
//! back to the pool when the last channel is closed; when a call in it fails it is given up, and the
//! token destroys what was in it. A kept session that was not used for longer than the site allows is
//! taken away when another lane waits for one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use cardwright_pkcs11_raw::Object;

use crate::error::{self, Refused, Trouble};
use crate::hsm::Shared;
use crate::link::Link;
use crate::token::Token;
use crate::tool::Tool;

/// The place of a session that is kept.
pub(crate) struct Hold {
    place: Mutex<Place>,
    /// The token's generation when it was taken: handles of another one are void.
    generation: u64,
}

struct Place {
    /// Nothing once it was given up or taken away.
    link: Option<Link>,
    used: Instant,
}

impl Hold {
    pub(crate) fn new(link: Link, generation: u64) -> Self {
        let used = Instant::now();
        let place = Mutex::new(Place {
            link: Some(link),
            used,
        });
        Self { place, generation }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the session away if nobody has used it for so long, and nobody does now.
    pub(crate) fn stale(&self, longest: Duration) -> Option<Link> {
        let mut place = self.place.try_lock().ok()?;
        let idle = Instant::now().saturating_duration_since(place.used);
        match idle >= longest {
            true => place.link.take(),
            false => None,
        }
    }
}

/// The sessions of a token that lanes keep.
#[derive(Default)]
pub(crate) struct Holds(Mutex<Vec<Weak<Hold>>>);

impl Holds {
    pub(crate) fn add(&self, hold: &Arc<Hold>) {
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        holds.retain(|known| known.strong_count() > 0);
        holds.push(Arc::downgrade(hold));
    }

    /// A session that its lane has not used for so long.
    pub(crate) fn stale(&self, longest: Duration) -> Option<Link> {
        let holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut holds = holds.iter().filter_map(Weak::upgrade);
        holds.find_map(|hold| hold.stale(longest))
    }
}

/// A lane's session.
pub(crate) struct Held {
    shared: Arc<Shared>,
    token: Arc<Token>,
    hold: Arc<Hold>,
}

impl Held {
    pub(crate) fn new(shared: &Arc<Shared>, token: &Arc<Token>, hold: Arc<Hold>) -> Self {
        Self {
            shared: Arc::clone(shared),
            token: Arc::clone(token),
            hold,
        }
    }

    /// Whether it is still there.
    pub(crate) fn lives(&self) -> bool {
        self.hold.place().link.is_some() && self.token.generation() == self.hold.generation
    }

    /// Carries a job out in it, within the deadline. A failure of the token ends it.
    ///
    /// # Errors
    /// R1326 when it is lost; the job's own; R1328 when it does not answer in time.
    pub(crate) fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tool<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Refused> {
        self.shared.check_state()?;
        let mut place = self.hold.place();
        let Some(link) = place.link.take() else {
            return Err(lost());
        };
        if self.token.generation() != self.hold.generation {
            self.token.lose(link);
            return Err(lost());
        }
        let (plan, token) = (Arc::clone(&self.shared.plan), Arc::clone(&self.token));
        let (result, kept) = self
            .token
            .run(link, self.shared.settings.deadline, move |session| {
                job(&Tool::new(session, &plan, &token)?)
            });
        place.link = kept;
        place.used = Instant::now();
        drop(place);
        if let Err(refused) = &result {
            self.shared.note(refused);
            if refused.retryable {
                self.token.failed(refused);
            }
        }
        result
    }

    /// Gives it up: its session is closed, and what was in it destroyed.
    pub(crate) fn give_up(&self) {
        if let Some(link) = self.hold.place().link.take() {
            self.token.lose(link);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(link) = self.hold.place().link.take() {
            self.token.give_back(link, self.hold.generation);
        }
    }
}

fn lost() -> Refused {
    error::SESSION.found("the session that held the keys of this channel is gone")
}

/// Objects that live in a kept session, and go with the last who knows of them.
pub(crate) struct Kept {
    held: Arc<Held>,
    objects: Mutex<Vec<Object>>,
}

impl Kept {
    pub(crate) fn new(held: Arc<Held>, objects: Vec<Object>) -> Self {
        Self {
            held,
            objects: Mutex::new(objects),
        }
    }

    /// The session.
    pub(crate) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// One more that goes with the others.
    pub(crate) fn add(&self, object: Object) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.push(object);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = std::mem::take(&mut *objects);
        if objects.is_empty() || !self.held.lives() {
            return;
        }
        let destroyed = self.held.work(move |tool| {
            for object in objects {
                tool.session()?.destroy(object)?;
            }
            Ok(())
        });
        // Whatever kept the token from it: the session's end does it.
        if destroyed.is_err() {
            self.held.give_up();
        }
    }
}

//! One token: its sessions, its login, its health.
//!
//! Sessions are opened when they are needed, up to a limit, each in a thread of its own, and kept.
//! A session in which a call failed is thrown away: it may hold half an operation. The PIN is tried
//! once; when the token has refused it, it is not tried again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cardwright_pkcs11_raw::ck::CK_ULONG;
use cardwright_pkcs11_raw::{Module, Session};

use crate::error::{self, Refused, Trouble, of_failure};
use crate::genuine::Genuine;
use crate::held::{Hold, Holds};
use crate::link::{Ended, Link};
use crate::ring::Ring;
use crate::settings::{Relogin, Settings, TokenName};
use crate::tool::Storage;
use crate::waiting::Waiting;

/// Failures one after another that take a token out.
const FAILURES_MAX: u32 = 3;

/// How often who waits for a session looks for one that its lane has left alone.
const LOOK: Duration = Duration::from_millis(50);

/// Longest wait for one session to be closed at the end.
const GOODBYE: Duration = Duration::from_secs(1);

/// Whether a token is used.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// It is.
    Up,
    /// It failed; it is asked again later.
    Resting(Instant),
    /// Never again in this process.
    Out(Refused),
}

/// Sessions and what belongs to one stay of the token.
struct Pool {
    idle: Vec<Link>,
    turns: Turns,
    open: usize,
    slot: Option<CK_ULONG>,
    /// Grows whenever handles may have changed.
    generation: u64,
    storage: Option<Storage>,
}

/// Who waits for a session, in the order in which they came. Without it a lane that gives one back
/// and asks again at once is there before the one that is woken, and a batch with much to do one
/// by one keeps all sessions until the others give up.
#[derive(Default)]
struct Turns {
    waiting: VecDeque<u64>,
    last: u64,
}

impl Turns {
    fn enter(&mut self) -> u64 {
        self.last += 1;
        self.waiting.push_back(self.last);
        self.last
    }

    fn is_next(&self, turn: u64) -> bool {
        self.waiting.front() == Some(&turn)
    }

    fn leave(&mut self, turn: u64) {
        self.waiting.retain(|waiting| *waiting != turn);
    }
}

struct Health {
    state: State,
    failures: u32,
}

/// A session, or room for one.
enum Found {
    Idle(Link),
    /// Counted as open already.
    Room,
    /// One that its lane has left alone.
    Stale(Link),
}

/// A token.
pub(crate) struct Token {
    pub(crate) index: usize,
    name: TokenName,
    module: Arc<Module>,
    settings: Arc<Settings>,
    pool: Mutex<Pool>,
    freed: Condvar,
    health: Mutex<Health>,
    login: Arc<Login>,
    abandoned: AtomicU64,
    /// Sessions that were given up, each closed when its last call has returned.
    late: Mutex<Vec<Receiver<()>>>,
    served: AtomicU64,
    holds: Holds,
    genuine: Genuine,
    waiting: Waiting,
    ring: Arc<RwLock<Ring>>,
}

/// What all sessions of a token share about its login.
#[derive(Default)]
struct Login {
    /// One login at a time.
    gate: Mutex<()>,
    refused: AtomicBool,
    done: AtomicU32,
}

fn guarded<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Token {
    pub(crate) fn new(
        index: usize,
        module: &Arc<Module>,
        settings: &Arc<Settings>,
        ring: &Arc<RwLock<Ring>>,
    ) -> Option<Self> {
        Some(Self {
            index,
            name: settings.tokens.get(index)?.clone(),
            module: Arc::clone(module),
            settings: Arc::clone(settings),
            pool: Mutex::new(Pool {
                idle: Vec::new(),
                turns: Turns::default(),
                open: 0,
                slot: None,
                generation: 1,
                storage: None,
            }),
            freed: Condvar::new(),
            health: Mutex::new(Health {
                state: State::Up,
                failures: 0,
            }),
            login: Arc::default(),
            abandoned: AtomicU64::new(0),
            late: Mutex::default(),
            served: AtomicU64::new(0),
            holds: Holds::default(),
            genuine: Genuine::default(),
            waiting: Waiting::default(),
            ring: Arc::clone(ring),
        })
    }

    pub(crate) fn name(&self) -> &TokenName {
        &self.name
    }

    /// Its generation: handles of another one are void.
    pub(crate) fn generation(&self) -> u64 {
        guarded(&self.pool).generation
    }

    pub(crate) fn storage(&self) -> Option<Storage> {
        guarded(&self.pool).storage
    }

    pub(crate) fn keep_storage(&self, generation: u64, storage: Storage) {
        let mut pool = guarded(&self.pool);
        if pool.generation == generation {
            pool.storage = Some(storage);
        }
    }

    /// Sealed values that are known to be whole.
    pub(crate) fn genuine(&self) -> &Genuine {
        &self.genuine
    }

    /// Keys of cards that wait in it.
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// All bound keys.
    pub(crate) fn ring(&self) -> &RwLock<Ring> {
        &self.ring
    }

    /// Sessions given up so far.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Sessions that were given up and whose last call has not returned yet.
    pub(crate) fn late_calls(&self) -> usize {
        let mut late = guarded(&self.late);
        late.retain(|ended| matches!(ended.try_recv(), Err(TryRecvError::Empty)));
        late.len()
    }

    /// Jobs carried out so far.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Logins so far.
    pub(crate) fn logins(&self) -> u32 {
        self.login.done.load(Ordering::Relaxed)
    }

    /// Sessions at work now.
    pub(crate) fn load(&self) -> usize {
        let pool = guarded(&self.pool);
        pool.open - pool.idle.len().min(pool.open)
    }

    pub(crate) fn state(&self) -> State {
        guarded(&self.health).state.clone()
    }

    /// Never again.
    pub(crate) fn take_out(&self, why: Refused) {
        guarded(&self.health).state = State::Out(why);
    }

    /// It answers again.
    pub(crate) fn bring_back(&self) {
        let mut health = guarded(&self.health);
        health.failures = 0;
        if matches!(health.state, State::Resting(_)) {
            health.state = State::Up;
        }
    }

    /// Counts a failure that another token may not have; after some it rests.
    pub(crate) fn failed(&self, refused: &Refused) {
        let mut health = guarded(&self.health);
        health.failures += 1;
        let gone = refused.code == error::NO_TOKEN.code;
        let up = matches!(health.state, State::Up | State::Resting(_));
        if up && (gone || health.failures >= FAILURES_MAX) {
            health.state = State::Resting(Instant::now());
        }
    }

    /// Forgets its slot, sessions and handles: it may be in another slot, or another one in its.
    pub(crate) fn forget(&self) {
        let mut pool = guarded(&self.pool);
        let idle = std::mem::take(&mut pool.idle);
        pool.open -= idle.len().min(pool.open);
        pool.generation += 1;
        pool.slot = None;
        pool.storage = None;
        drop(pool);
        // Their threads close the sessions.
        drop(idle);
        self.waiting.clear();
        self.freed.notify_all();
    }

    /// The slot that it is in now.
    fn slot(&self) -> Result<CK_ULONG, Refused> {
        if let Some(slot) = guarded(&self.pool).slot {
            return Ok(slot);
        }
        let tokens = self.module.tokens().map_err(|f| of_failure(&f))?;
        let mut fitting = tokens.iter().filter(|t| match &self.name {
            TokenName::Label(label) => t.label == *label,
            TokenName::Slot(slot) => t.slot == *slot,
        });
        let missing = || error::NO_TOKEN.found(self.name.to_string());
        let found = fitting.next().ok_or_else(missing)?;
        if fitting.next().is_some() {
            let what = format!("two tokens are labelled as {}", self.name);
            return Err(error::SETTINGS.found(what));
        }
        if found.pin_locked {
            return Err(error::LOGIN.found(format!("{}: the PIN is locked", self.name)));
        }
        guarded(&self.pool).slot = Some(found.slot);
        Ok(found.slot)
    }

    /// Carries a job out in a session, within the deadline.
    pub(crate) fn with_session<T: Send + 'static>(
        &self,
        deadline: Duration,
        job: impl FnOnce(&Session) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Refused> {
        let (link, generation) = self.take()?;
        let (result, kept) = self.run(link, deadline, job);
        if let Some(link) = kept {
            self.give_back(link, generation);
        }
        result
    }

    /// Carries a job out in one session; gives the session back unless it is lost. A session in
    /// which a call failed is: it may hold half an operation.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        link: Link,
        deadline: Duration,
        job: impl FnOnce(&Session) -> Result<T, Trouble> + Send + 'static,
    ) -> (Result<T, Refused>, Option<Link>) {
        match link.run(deadline, job) {
            Ended::Returned(Ok(value)) => {
                self.served.fetch_add(1, Ordering::Relaxed);
                (Ok(value), Some(link))
            }
            Ended::Returned(Err(trouble)) => {
                let kept = matches!(&trouble, Trouble::Ours(r) if r.code != error::TOKEN.code);
                let refused = Refused::from(trouble);
                let link = match kept {
                    true => Some(link),
                    false => {
                        self.lose(link);
                        None
                    }
                };
                let void = [error::SESSION.code, error::NO_TOKEN.code];
                if void.contains(&refused.code) {
                    self.forget();
                }
                (Err(refused), link)
            }
            Ended::Late => {
                guarded(&self.late).push(link.give_up());
                self.one_less();
                (Err(self.late(deadline)), None)
            }
        }
    }

    /// A session that a lane keeps.
    pub(crate) fn hold(&self) -> Result<Arc<Hold>, Refused> {
        let (link, generation) = self.take()?;
        let hold = Arc::new(Hold::new(link, generation));
        self.holds.add(&hold);
        Ok(hold)
    }

    fn late(&self, deadline: Duration) -> Refused {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        error::LATE.found(format!(
            "{} did not answer within {} ms",
            self.name,
            deadline.as_millis()
        ))
    }

    /// A session: a free one, a new one, or, when all are in use, the next that comes back; whoever
    /// came first is served first.
    fn take(&self) -> Result<(Link, u64), Refused> {
        let patience = Instant::now() + self.settings.wait;
        let mut pool = guarded(&self.pool);
        let turn = pool.turns.enter();
        loop {
            let found = match pool.turns.is_next(turn) {
                true => self.found(&mut pool),
                false => None,
            };
            let left = patience.saturating_duration_since(Instant::now());
            if found.is_some() || left.is_zero() {
                pool.turns.leave(turn);
                let (generation, open) = (pool.generation, pool.open);
                drop(pool);
                // Only who is next goes on, so that all have to look.
                self.freed.notify_all();
                return match found {
                    Some(found) => self.taken(found, generation),
                    None => Err(error::BUSY
                        .found(format!("all {open} sessions with {} are in use", self.name))),
                };
            }
            let woken = self.freed.wait_timeout(pool, left.min(LOOK));
            pool = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What whoever is next may have now.
    fn found(&self, pool: &mut Pool) -> Option<Found> {
        if let Some(link) = pool.idle.pop() {
            return Some(Found::Idle(link));
        }
        if pool.open < self.settings.sessions {
            pool.open += 1;
            return Some(Found::Room);
        }
        self.holds.stale(self.settings.channel).map(Found::Stale)
    }

    /// A session, and the generation that its handles are of.
    fn taken(&self, found: Found, generation: u64) -> Result<(Link, u64), Refused> {
        match found {
            Found::Idle(link) => Ok((link, generation)),
            Found::Room => {
                let opened = self.open(generation);
                if opened.is_err() {
                    self.one_less();
                }
                opened
            }
            Found::Stale(link) => self.instead_of(link, generation),
        }
    }

    /// A new session in the place of one that its lane has left alone. The new one first: with its
    /// last session a token logs the user out.
    fn instead_of(&self, stale: Link, generation: u64) -> Result<(Link, u64), Refused> {
        let opened = self.open(generation);
        // Its thread closes it, and with it goes what was in it.
        stale.end(GOODBYE);
        if opened.is_err() {
            self.one_less();
        }
        opened
    }

    fn one_less(&self) {
        let mut pool = guarded(&self.pool);
        pool.open = pool.open.saturating_sub(1);
        drop(pool);
        self.freed.notify_all();
    }

    /// Ends a session; its thread closes it.
    pub(crate) fn lose(&self, link: Link) {
        drop(link);
        self.one_less();
    }

    pub(crate) fn give_back(&self, link: Link, generation: u64) {
        let mut pool = guarded(&self.pool);
        if pool.generation != generation {
            drop(pool);
            return self.lose(link);
        }
        pool.idle.push(link);
        drop(pool);
        self.freed.notify_all();
    }

    /// Opens a session and logs in, if nobody has yet; gives the generation that handles are of in it.
    fn open(&self, generation: u64) -> Result<(Link, u64), Refused> {
        let slot = self.slot()?;
        let (module, settings) = (Arc::clone(&self.module), Arc::clone(&self.settings));
        let login = Arc::clone(&self.login);
        let name = self.name.to_string();
        let deadline = self.settings.deadline;
        let again = Arc::new(AtomicBool::new(false));
        let logged_in = Arc::clone(&again);
        let opened = Link::start(deadline, move || {
            let session = Session::open(&module, slot)?;
            let entered = login.ensure(&session, &settings, &name)?;
            logged_in.store(entered == Entered::Again, Ordering::SeqCst);
            Ok(session)
        });
        match opened {
            Ok(Ended::Returned(link)) => match again.load(Ordering::SeqCst) {
                true => Ok((link, self.renewed())),
                false => Ok((link, generation)),
            },
            Ok(Ended::Late) => Err(self.late(deadline)),
            Err(trouble) => Err(Refused::from(trouble)),
        }
    }

    /// The user was logged out and is in again: handles of private objects are others now (PKCS#11 2.40,
    /// 6.7.7), and those of sessions are gone. It happens with the last session that is lost.
    fn renewed(&self) -> u64 {
        let mut pool = guarded(&self.pool);
        pool.generation += 1;
        pool.storage = None;
        let generation = pool.generation;
        drop(pool);
        self.waiting.clear();
        generation
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut guarded(&self.pool).idle);
        idle.into_iter().for_each(|link| link.end(GOODBYE));
    }
}

/// How a session came to be logged in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entered {
    /// For the first time, or somebody is.
    AsBefore,
    /// The user had been logged out.
    Again,
}

impl Login {
    /// Logs in if the token says that nobody is, as often as the policy allows, and never again
    /// once the PIN was refused.
    fn ensure(
        &self,
        session: &Session,
        settings: &Settings,
        name: &str,
    ) -> Result<Entered, Trouble> {
        let _gate = guarded(&self.gate);
        if session.is_logged_in()? {
            // By whomever: another login would be one more.
            self.done.fetch_max(1, Ordering::SeqCst);
            return Ok(Entered::AsBefore);
        }
        if self.refused.load(Ordering::SeqCst) {
            let what = format!("{name} refused the PIN before; it is not tried again");
            return Err(error::LOGIN.found(what).into());
        }
        let most = match settings.relogin {
            Relogin::Never => 1,
            Relogin::Once => 2,
            Relogin::Always => u32::MAX,
        };
        let done = self.done.load(Ordering::SeqCst);
        if done >= most {
            let what = format!("{name} logged the user out; hsm.relogin allows no other login");
            let mut refused = error::SESSION.found(what);
            refused.retryable = false;
            return Err(refused.into());
        }
        let result = session.log_in(settings.pin.expose());
        if let Err(failure) = &result
            && of_failure(failure).code == error::LOGIN.code
        {
            self.refused.store(true, Ordering::SeqCst);
        }
        result?;
        self.done.store(done.saturating_add(1), Ordering::SeqCst);
        match done {
            0 => Ok(Entered::AsBefore),
            _ => Ok(Entered::Again),
        }
    }
}

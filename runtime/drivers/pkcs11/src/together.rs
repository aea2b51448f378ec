//! Many cards' work in few calls of the token.
//!
//! What a card needs is written as if it were alone: a job that asks for blocks under a key and goes
//! on with the answer. For many cards each job runs until it asks; what all ask of one key goes to
//! the token in one call; then each runs again from its start, finds what it was answered before,
//! and goes on to its next question. A job gives the same questions for the same answers, so that
//! its result is what it is alone. A job that needs more than blocks says so, and is done alone.
//!
//! In a room of their own, which is a session that is closed behind them, jobs may make objects as well:
//! what was derived or wrapped is remembered like an answer, and nothing is destroyed one by one.

use std::cell::{Cell, OnceCell, RefCell};

use cardwright_pkcs11_raw::ck::CK_ULONG;
use cardwright_pkcs11_raw::{Mechanism, Object, Outcome, Session};
use zeroize::Zeroizing;

use crate::error::{self, Refused, Trouble};
use crate::tool::{Tool, as_long};

/// Most octets of one call: less than what any token is known to take at once.
pub(crate) const CALL_OCTETS: usize = 4_096;
/// Most jobs of one round: what waits for them is in memory.
pub(crate) const JOBS_MAX: usize = 256;
/// Most questions of one job that are joined with others'.
const QUESTIONS_MAX: usize = 64;

/// What a card, or anything else, needs of a token.
pub(crate) type Job<T> = Box<dyn Fn(&Tool<'_>) -> Result<T, Trouble> + Send + Sync>;

/// A job of a closure.
pub(crate) fn job<T>(
    work: impl Fn(&Tool<'_>) -> Result<T, Trouble> + Send + Sync + 'static,
) -> Job<T> {
    Box::new(work)
}

/// A job whose result is made into another.
pub(crate) fn then<T: 'static, U>(first: Job<T>, make: fn(T) -> U) -> Job<U>
where
    U: 'static,
{
    Box::new(move |tool| first(tool).map(make))
}

/// Blocks under one key in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cipher {
    /// ECB of AES or triple DES, each block for itself; or CBC, which is never joined.
    pub(crate) mechanism: CK_ULONG,
    pub(crate) key: Object,
    /// Whether it deciphers.
    pub(crate) back: bool,
    /// Where CBC begins, in as many octets as the cipher's block has.
    pub(crate) initial: Option<([u8; 16], usize)>,
}

impl Cipher {
    /// Asks the token, with as few calls as its longest one allows.
    pub(crate) fn carry_out(
        &self,
        session: &Session,
        octets: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        if let Some((initial, block)) = self.initial {
            let initial = initial.get(..block).unwrap_or_default().to_vec();
            let mechanism = Mechanism::Initial(self.mechanism, initial);
            let found = session.encrypt(&mechanism, self.key, octets)?;
            return as_long(Zeroizing::new(found), octets.len());
        }
        let mechanism = Mechanism::Plain(self.mechanism);
        let mut out = Zeroizing::new(Vec::with_capacity(octets.len()));
        for part in octets.chunks(CALL_OCTETS) {
            let found = match self.back {
                true => session.decrypt(&mechanism, self.key, part)?,
                false => Zeroizing::new(session.encrypt(&mechanism, self.key, part)?),
            };
            out.extend_from_slice(&as_long(found, part.len())?);
        }
        Ok(out)
    }
}

type Question = (Cipher, Zeroizing<Vec<u8>>);

/// A session for the objects of some jobs; it is opened for the first, and closed with all of them.
pub(crate) struct Room<'s> {
    base: &'s Session,
    own: OnceCell<Session>,
}

impl<'s> Room<'s> {
    fn new(base: &'s Session) -> Self {
        Self {
            base,
            own: OnceCell::new(),
        }
    }

    /// The session that what is made belongs to.
    fn session(&self) -> Result<&Session, Trouble> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let opened = self.base.another()?;
        Ok(self.own.get_or_init(|| opened))
    }
}

/// What a step in a room gave.
#[derive(Clone)]
pub(crate) enum Made {
    /// An object, which lives as long as the room.
    Object(Object),
    /// Octets that may be seen, such as a wrapped key.
    Octets(Vec<u8>),
}

/// One job among many: what it was answered, and what it asks next.
#[derive(Default)]
pub(crate) struct Turn<'r> {
    answers: RefCell<Vec<Zeroizing<Vec<u8>>>>,
    at: Cell<usize>,
    asked: RefCell<Option<Question>>,
    /// How many jobs it is one of.
    company: usize,
    room: Option<&'r Room<'r>>,
    made: RefCell<Vec<Made>>,
    made_at: Cell<usize>,
    decisions: RefCell<Vec<bool>>,
    decided_at: Cell<usize>,
}

impl Turn<'_> {
    /// What a step makes, made once however often the job runs.
    pub(crate) fn once(
        &self,
        step: impl FnOnce(&Session) -> Outcome<Made>,
    ) -> Result<Made, Trouble> {
        let place = self.made_at.get();
        if let Some(known) = self.made.borrow().get(place) {
            self.made_at.set(place + 1);
            return Ok(known.clone());
        }
        let room = self.room.ok_or(Trouble::Alone)?;
        if place >= QUESTIONS_MAX {
            return Err(Trouble::Alone);
        }
        let made = step(room.session()?)?;
        self.made.borrow_mut().push(made.clone());
        self.made_at.set(place + 1);
        Ok(made)
    }

    /// What the job found when it ran first: what others did since changes none of its questions.
    pub(crate) fn decided(&self, find: impl FnOnce() -> bool) -> bool {
        let place = self.decided_at.get();
        self.decided_at.set(place + 1);
        if let Some(known) = self.decisions.borrow().get(place) {
            return *known;
        }
        let found = find();
        self.decisions.borrow_mut().push(found);
        found
    }

    /// Whether what was made goes with the room.
    pub(crate) fn tidies(&self) -> bool {
        self.room.is_some()
    }

    /// The answer, if it was given; else the job waits for it.
    pub(crate) fn ask(&self, cipher: Cipher, octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let place = self.at.get();
        if let Some(known) = self.answers.borrow().get(place) {
            self.at.set(place + 1);
            return as_long(known.clone(), octets.len());
        }
        if place >= QUESTIONS_MAX {
            return Err(Trouble::Alone);
        }
        self.asked
            .replace(Some((cipher, Zeroizing::new(octets.to_vec()))));
        Err(Trouble::Later)
    }

    /// Whether so many questions after one another, joined with those of the others, are fewer than one
    /// of its own.
    pub(crate) fn is_worth(&self, questions: usize) -> bool {
        questions < self.company
    }

    fn begin(&self) {
        self.at.set(0);
        self.made_at.set(0);
        self.decided_at.set(0);
    }
}

/// How a job among many ended; `None` when it must be done alone.
pub(crate) type End<T> = Option<Result<T, Refused>>;

/// Carries jobs out together. A refusal is the job's own; what the token itself did wrong ends all.
pub(crate) fn carry_out<T>(tool: &Tool<'_>, jobs: &[Job<T>]) -> Result<Vec<End<T>>, Trouble> {
    let jobs: Vec<&Job<T>> = jobs.iter().collect();
    carry_out_in(tool, &jobs, None)
}

/// The same for jobs that make objects, in a room of their own.
pub(crate) fn carry_out_in_a_room<T>(
    tool: &Tool<'_>,
    jobs: &[&Job<T>],
) -> Result<Vec<End<T>>, Trouble> {
    let room = Room::new(tool.session()?);
    carry_out_in(tool, jobs, Some(&room))
}

fn carry_out_in<'r, T>(
    tool: &Tool<'_>,
    jobs: &[&Job<T>],
    room: Option<&'r Room<'r>>,
) -> Result<Vec<End<T>>, Trouble> {
    let turn = |_: &&Job<T>| Turn {
        company: jobs.len(),
        room,
        ..Turn::default()
    };
    let turns: Vec<Turn<'r>> = jobs.iter().map(turn).collect();
    let mut ends: Vec<Option<End<T>>> = jobs.iter().map(|_| None).collect();
    loop {
        let open = turns.iter().zip(jobs).zip(&mut ends);
        for ((turn, job), end) in open.filter(|(_, end)| end.is_none()) {
            turn.begin();
            *end = match job(&tool.among(turn)) {
                Ok(value) => Some(Some(Ok(value))),
                Err(Trouble::Later) => None,
                Err(Trouble::Alone) => Some(None),
                Err(Trouble::Ours(refused)) if refused.code != error::ANSWER.code => {
                    Some(Some(Err(refused)))
                }
                Err(trouble) => return Err(trouble),
            };
        }
        if !answer(tool, &turns)? {
            return Ok(ends.into_iter().map(Option::flatten).collect());
        }
    }
}

/// Asks the token what the jobs ask, one call a key; whether there was anything to ask.
fn answer(tool: &Tool<'_>, turns: &[Turn<'_>]) -> Result<bool, Trouble> {
    let asked: Vec<(&Turn<'_>, Question)> = turns
        .iter()
        .filter_map(|turn| Some((turn, turn.asked.take()?)))
        .collect();
    let mut ciphers: Vec<Cipher> = Vec::new();
    for (turn, (cipher, octets)) in &asked {
        if cipher.initial.is_some() {
            turn.answers
                .borrow_mut()
                .push(tool.carry_out(*cipher, octets)?);
        } else if !ciphers.contains(cipher) {
            ciphers.push(*cipher);
        }
    }
    for cipher in ciphers {
        let of_it = || asked.iter().filter(|(_, (c, _))| *c == cipher);
        let length = of_it().map(|(_, (_, octets))| octets.len()).sum();
        // Room for all at once: growing would leave copies behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(length));
        of_it().for_each(|(_, (_, own))| octets.extend_from_slice(own));
        let found = tool.carry_out(cipher, &octets)?;
        let mut rest = found.as_slice();
        for (turn, (_, own)) in of_it() {
            let (first, after) = rest.split_at_checked(own.len()).unwrap_or_default();
            turn.answers
                .borrow_mut()
                .push(Zeroizing::new(first.to_vec()));
            rest = after;
        }
    }
    Ok(!asked.is_empty())
}

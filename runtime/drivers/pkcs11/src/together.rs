//! Many cards' work in few calls of the token.
//!
//! What a card needs is written as if it were alone: a job that asks for blocks under a key and goes
//! on with the answer. For many cards each job runs until it asks; what all ask of one key goes to
//! the token in one call; then each runs again from its start, finds what it was answered before,
//! and goes on to its next question. A job gives the same questions for the same answers, so that
//! its result is what it is alone. A job that needs more than blocks says so, and is done alone.
//!
//! In a room of their own, which is a session that is closed behind them, jobs may make objects as well:
//! what was derived or wrapped is remembered like an answer, and nothing is destroyed one by one. What a job was
//! answered before it needed a room goes with it into the room, and what it made there goes with it out again, so that
//! its questions before and after are joined with those of all the others.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

use cardwright_pkcs11_raw::ck::CK_ULONG;
use cardwright_pkcs11_raw::{Mechanism, Object, Outcome, Session};
use zeroize::Zeroizing;

use crate::error::{self, Refused, Trouble};
use crate::tool::{Tool, as_long};
use crate::waiting::{CardObjects, OwnSession};

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
    own: OnceCell<Arc<OwnSession>>,
}

impl<'s> Room<'s> {
    fn new(base: &'s Session) -> Self {
        Self {
            base,
            own: OnceCell::new(),
        }
    }

    /// The session that what is made belongs to.
    fn own(&self) -> Result<&Arc<OwnSession>, Trouble> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let opened = OwnSession::new(self.base.another()?);
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

/// What one job among many was answered, found and made so far.
#[derive(Clone, Default)]
pub(crate) struct Past {
    answers: Vec<Zeroizing<Vec<u8>>>,
    made: Vec<Made>,
    decisions: Vec<bool>,
    waiting: Vec<Option<Arc<CardObjects>>>,
    /// How many jobs it was one of when it began: what it asks depends on it.
    company: Option<usize>,
    /// The room that it has left, and the token that it is in.
    left: Option<(Arc<OwnSession>, (usize, u64))>,
    /// Whether it is done in a room, and goes on with all the others.
    outside: bool,
}

impl Past {
    /// Whether it goes on with all the others.
    pub(crate) fn is_outside(&self) -> bool {
        self.outside
    }
}

/// One job among many: its past, and what it asks next.
pub(crate) struct Turn<'r> {
    past: RefCell<Past>,
    at: Cell<Places>,
    asked: RefCell<Option<Question>>,
    /// How many jobs it is one of.
    company: usize,
    room: Option<&'r Room<'r>>,
}

/// How far a job has come in its past.
#[derive(Clone, Copy, Default)]
struct Places {
    answers: usize,
    made: usize,
    decisions: usize,
    waiting: usize,
}

impl<'r> Turn<'r> {
    fn new(mut past: Past, jobs: usize, room: Option<&'r Room<'r>>) -> Self {
        let company = *past.company.get_or_insert(jobs);
        Self {
            past: RefCell::new(past),
            at: Cell::default(),
            asked: RefCell::default(),
            company,
            room,
        }
    }

    /// The place of the next of something; the one after it from now on.
    fn place(&self, of: impl Fn(&mut Places) -> &mut usize) -> usize {
        let mut at = self.at.get();
        let next = of(&mut at);
        let place = *next;
        *next += 1;
        self.at.set(at);
        place
    }
}

impl Turn<'_> {
    /// What a step makes in the room's own session, made once however often the job runs.
    pub(crate) fn once(
        &self,
        step: impl FnOnce(&Session) -> Outcome<Made>,
    ) -> Result<Made, Trouble> {
        self.remembered(|room| match room.own()?.with(step) {
            Some(made) => Ok(made?),
            None => Err(Trouble::Alone),
        })
    }

    /// The same in another session.
    pub(crate) fn once_in(
        &self,
        session: &Session,
        step: impl FnOnce(&Session) -> Outcome<Made>,
    ) -> Result<Made, Trouble> {
        self.remembered(|_| Ok(step(session)?))
    }

    fn remembered(
        &self,
        step: impl FnOnce(&Room<'_>) -> Result<Made, Trouble>,
    ) -> Result<Made, Trouble> {
        let place = self.place(|at| &mut at.made);
        if let Some(known) = self.past.borrow().made.get(place) {
            return Ok(known.clone());
        }
        let room = self.room.ok_or(Trouble::Alone)?;
        if place >= QUESTIONS_MAX {
            return Err(Trouble::Alone);
        }
        let made = step(room)?;
        self.past.borrow_mut().made.push(made.clone());
        Ok(made)
    }

    /// What the job found when it ran first: what others did since changes none of its questions.
    pub(crate) fn decided(&self, find: impl FnOnce() -> bool) -> bool {
        let place = self.place(|at| &mut at.decisions);
        if let Some(known) = self.past.borrow().decisions.get(place) {
            return *known;
        }
        let found = find();
        self.past.borrow_mut().decisions.push(found);
        found
    }

    /// The keys that waited for the job when it ran first.
    pub(crate) fn waited_for(
        &self,
        take: impl FnOnce() -> Option<Arc<CardObjects>>,
    ) -> Option<Arc<CardObjects>> {
        let place = self.place(|at| &mut at.waiting);
        if let Some(known) = self.past.borrow().waiting.get(place) {
            return known.clone();
        }
        let found = take();
        self.past.borrow_mut().waiting.push(found.clone());
        found
    }

    /// Leaves the room, if the job is in one.
    pub(crate) fn leave(&self, at: (usize, u64)) -> Result<(), Trouble> {
        let Some(room) = self.room else {
            return Ok(());
        };
        let mut past = self.past.borrow_mut();
        past.left = room.own.get().map(|own| (Arc::clone(own), at));
        past.outside = true;
        Err(Trouble::Outside)
    }

    /// The room that the job has left, and where.
    pub(crate) fn own_session(&self) -> Option<(Arc<OwnSession>, (usize, u64))> {
        self.past.borrow().left.clone()
    }

    /// Whether what was made goes with its room.
    pub(crate) fn tidies(&self) -> bool {
        self.room.is_some() || self.past.borrow().outside
    }

    /// The answer, if it was given; else the job waits for it.
    pub(crate) fn ask(&self, cipher: Cipher, octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let place = self.place(|at| &mut at.answers);
        if let Some(known) = self.past.borrow().answers.get(place) {
            return as_long(known.clone(), octets.len());
        }
        if place >= QUESTIONS_MAX {
            return Err(Trouble::Alone);
        }
        self.asked
            .replace(Some((cipher, Zeroizing::new(octets.to_vec()))));
        Err(Trouble::Later)
    }

    fn answer(&self, found: Zeroizing<Vec<u8>>) {
        self.past.borrow_mut().answers.push(found);
    }

    /// Whether so many questions after one another, joined with those of the others, are fewer than one
    /// of its own.
    pub(crate) fn is_worth(&self, questions: usize) -> bool {
        questions < self.company
    }

    fn begin(&self) {
        self.at.set(Places::default());
    }
}

/// How a job among many ended.
pub(crate) enum End<T> {
    /// It is done, or refused.
    Done(Result<T, Refused>),
    /// It must go on elsewhere.
    Left(Past),
}

impl<T> End<T> {
    /// A job that has not begun.
    pub(crate) fn not_begun() -> Self {
        Self::Left(Past::default())
    }
}

/// Carries jobs out together, each with its past. A refusal is the job's own; what the token itself did wrong
/// ends all.
pub(crate) fn carry_out<T>(
    tool: &Tool<'_>,
    jobs: &[(&Job<T>, Past)],
) -> Result<Vec<End<T>>, Trouble> {
    carry_out_in(tool, jobs, None)
}

/// The same for jobs that make objects, in a room of their own.
pub(crate) fn carry_out_in_a_room<T>(
    tool: &Tool<'_>,
    jobs: &[(&Job<T>, Past)],
) -> Result<Vec<End<T>>, Trouble> {
    let room = Room::new(tool.session()?);
    carry_out_in(tool, jobs, Some(&room))
}

fn carry_out_in<'r, T>(
    tool: &Tool<'_>,
    jobs: &[(&Job<T>, Past)],
    room: Option<&'r Room<'r>>,
) -> Result<Vec<End<T>>, Trouble> {
    let turn = |(_, past): &(&Job<T>, Past)| Turn::new(past.clone(), jobs.len(), room);
    let turns: Vec<Turn<'r>> = jobs.iter().map(turn).collect();
    let mut ends: Vec<Option<Result<T, Refused>>> = jobs.iter().map(|_| None).collect();
    let mut left: Vec<bool> = vec![false; jobs.len()];
    loop {
        let open = turns.iter().zip(jobs).zip(ends.iter_mut().zip(&mut left));
        for ((turn, (job, _)), (end, left)) in
            open.filter(|(_, (end, left))| end.is_none() && !**left)
        {
            turn.begin();
            match job(&tool.among(turn)) {
                Ok(value) => *end = Some(Ok(value)),
                Err(Trouble::Later) => {}
                Err(Trouble::Alone | Trouble::Outside) => *left = true,
                Err(Trouble::Ours(refused)) if refused.code != error::ANSWER.code => {
                    *end = Some(Err(refused));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        if !answer(tool, &turns)? {
            break;
        }
    }
    let ends = turns.into_iter().zip(ends);
    let end = |(turn, end): (Turn<'_>, Option<Result<T, Refused>>)| match end {
        Some(result) => End::Done(result),
        None => End::Left(turn.past.into_inner()),
    };
    Ok(ends.map(end).collect())
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
            turn.answer(tool.carry_out(*cipher, octets)?);
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
            turn.answer(Zeroizing::new(first.to_vec()));
            rest = after;
        }
    }
    Ok(!asked.is_empty())
}

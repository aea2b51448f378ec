//! Many calls at once: what they need of one key goes to the token in one call, what can't be joined
//! goes over several sessions side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cardwright_ports::batch::{CardAnswer, CardCall, PinCall, RsaCall};
use cardwright_ports::hsm::{DekPadding, IccCertificateFields};

use super::Session;
use super::cards::{RsaWanted, wanted};
use crate::composition::{Intent, Way};
use crate::error::{self, Refused, Trouble};
use crate::objects::Flags;
use crate::together::{self, End, JOBS_MAX, Job, Past, job, then};
use crate::tool::Tool;

/// Most jobs that make objects in one room: all are done within one deadline.
const ROOM_MAX: usize = 8;
/// Most RSA keys that are made before they are sealed.
const RSA_KEYS_MAX: usize = 32;

type Answer = Result<CardAnswer, Refused>;

/// How jobs are done together.
type Together = fn(&Tool<'_>, &[(&Job<CardAnswer>, Past)]) -> Result<Vec<End<CardAnswer>>, Trouble>;

/// The answers so far; `None` where there is none yet.
type Answers = Vec<Option<Answer>>;

impl Session {
    pub(super) fn many(&self, calls: &[CardCall<'_>]) -> Vec<Answer> {
        let mut answers: Answers = calls.iter().map(|_| None).collect();
        let (mut jobs, mut places) = (Vec::new(), Vec::new());
        let mut keys: Vec<(usize, RsaWanted)> = Vec::new();
        for (place, (call, slot)) in calls.iter().zip(&mut answers).enumerate() {
            match self.task(call) {
                Ok(Task::Job(job)) => {
                    jobs.push(job);
                    places.push(place);
                }
                Ok(Task::HostKey(wanted)) => keys.push((place, wanted)),
                Err(refused) => *slot = Some(Err(refused)),
            }
        }
        let jobs: Arc<Vec<Job<CardAnswer>>> = Arc::new(jobs);
        let mut ends: Vec<End<CardAnswer>> = jobs.iter().map(|_| End::not_begun()).collect();
        self.together(&jobs, &mut ends, |_| true);
        self.in_rooms(&jobs, &mut ends);
        self.together(&jobs, &mut ends, Past::is_outside);
        self.each_alone(&jobs, &mut ends);
        for (place, end) in places.into_iter().zip(ends) {
            if let (Some(slot), End::Done(answer)) = (answers.get_mut(place), end) {
                *slot = Some(answer);
            }
        }
        for part in keys.chunks(RSA_KEYS_MAX) {
            let wanted = part.iter().map(|(_, wanted)| wanted.clone()).collect();
            for ((place, _), made) in part.iter().zip(self.host_rsa_keys(wanted)) {
                if let Some(slot) = answers.get_mut(*place) {
                    *slot = Some(made.map(|key| CardAnswer::IccKey(Box::new(key))));
                }
            }
        }
        let missing = || Err(error::TOKEN.found("a call without an answer"));
        let answers = answers.into_iter();
        answers
            .map(|answer| answer.unwrap_or_else(missing))
            .collect()
    }

    /// Jobs that have not ended and are of some kind, joined. When the token fails, each is to be done alone, so
    /// that a value that a token stumbles over is the fault of one card only; not when it is gone.
    fn together(
        &self,
        jobs: &Arc<Vec<Job<CardAnswer>>>,
        ends: &mut [End<CardAnswer>],
        of: impl Fn(&Past) -> bool,
    ) {
        let places = left(ends, of);
        for part in places.chunks(JOBS_MAX).filter(|part| part.len() > 1) {
            let found = self.joined_part(jobs, part, pasts(ends, part), together::carry_out);
            put(ends, part, found);
        }
    }

    /// What has not ended yet and makes objects, some at a time in a session that is closed behind them.
    fn in_rooms(&self, jobs: &Arc<Vec<Job<CardAnswer>>>, ends: &mut [End<CardAnswer>]) {
        let left = left(ends, |_| true);
        if left.len() < 2 {
            return;
        }
        let size = left.len().div_ceil(self.workers(left.len())).min(ROOM_MAX);
        let parts = left.chunks(size).map(|part| {
            let pasts = pasts(ends, part);
            (part.to_vec(), Mutex::new(pasts))
        });
        let parts: Vec<(Vec<usize>, Mutex<Vec<Past>>)> = parts.collect();
        let done = self.side_by_side(&parts, |(part, pasts)| {
            let pasts = std::mem::take(&mut *pasts.lock().unwrap_or_else(PoisonError::into_inner));
            self.joined_part(jobs, part, pasts, together::carry_out_in_a_room)
        });
        for ((part, _), found) in done {
            put(ends, part, found);
        }
    }

    /// Some jobs, each with its past, joined in one of the ways.
    fn joined_part(
        &self,
        jobs: &Arc<Vec<Job<CardAnswer>>>,
        part: &[usize],
        pasts: Vec<Past>,
        way: Together,
    ) -> Vec<End<CardAnswer>> {
        let (of_part, places) = (Arc::clone(jobs), part.to_vec());
        let ended = self.work(move |tool| {
            let jobs = places.iter().filter_map(|at| of_part.get(*at));
            let jobs: Vec<_> = jobs.zip(pasts.iter().cloned()).collect();
            way(tool, &jobs)
        });
        let same = |end: fn(&Refused) -> End<CardAnswer>, refused: &Refused| {
            part.iter().map(|_| end(refused)).collect()
        };
        match ended {
            Ok(ends) => ends,
            Err(refused) if is_lasting(&refused) => {
                same(|refused| End::Done(Err(refused.clone())), &refused)
            }
            Err(refused) => same(|_| End::not_begun(), &refused),
        }
    }

    /// What has not ended yet, each for itself, over as many sessions as there are.
    fn each_alone(&self, jobs: &Arc<Vec<Job<CardAnswer>>>, ends: &mut [End<CardAnswer>]) {
        let left = left(ends, |_| true);
        let done = self.side_by_side(&left, |place| {
            let (jobs, place) = (Arc::clone(jobs), *place);
            let lacking = || error::TOKEN.found("a job that is not there");
            self.work(move |tool| match jobs.get(place) {
                Some(job) => job(tool),
                None => Err(lacking().into()),
            })
        });
        for (place, answer) in done {
            if let Some(end) = ends.get_mut(*place) {
                *end = End::Done(answer);
            }
        }
    }

    /// Sessions that work at once; a lane that keeps one has that one.
    fn workers(&self, parts: usize) -> usize {
        match self.channels.held() {
            Some(_) => 1,
            None => self.shared.settings.sessions.min(parts).max(1),
        }
    }

    /// Work on parts, over as many sessions as there are.
    fn side_by_side<'p, P: Sync, T: Send>(
        &self,
        parts: &'p [P],
        work: impl Fn(&P) -> T + Sync,
    ) -> Vec<(&'p P, T)> {
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut done = Vec::new();
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((part, work(part)));
            }
            done
        };
        match self.workers(parts.len()) {
            1 => worker(),
            workers => std::thread::scope(|scope| {
                let started: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
                let joined = started.into_iter().filter_map(|thread| thread.join().ok());
                joined.flatten().collect()
            }),
        }
    }

    /// What a call is made of.
    fn task(&self, call: &CardCall<'_>) -> Result<Task, Refused> {
        use CardAnswer as A;
        Ok(Task::Job(match call {
            CardCall::CardVerificationValue {
                key,
                pan,
                expiry,
                service_code,
            } => then(
                self.verification_value(*key, pan, expiry, service_code)?,
                A::Text,
            ),
            CardCall::JoinSealed { parts } => then(self.joined(parts)?, A::Sealed),
            CardCall::IccMasterKeys {
                derivation,
                keys,
                pan,
                psn,
            } => then(self.card_keys(*derivation, *keys, pan, psn)?, A::Sealed),
            CardCall::CardKey {
                derivation,
                key,
                account,
                sequence,
            } => then(
                self.one_card_key(*derivation, *key, account, sequence)?,
                A::Sealed,
            ),
            CardCall::EncryptForTransport { clear, transport } => {
                then(self.encrypt_clear(*transport, clear)?, A::Octets)
            }
            CardCall::ExportSealed { sealed, transport } => {
                let padding = DekPadding::Iso7816IfNeeded;
                then(self.encrypt_sealed(*transport, sealed, padding)?, A::Octets)
            }
            CardCall::DynamicCodeVector { path, track } => {
                let code = self.dynamic_code(path, track, [0; 4])?;
                then(code, |(vector, _)| A::Octets(vector.to_vec()))
            }
            CardCall::Pin(call) => self.pin_job(call)?,
            CardCall::Rsa(call) => return self.rsa_task(call),
        }))
    }

    fn pin_job(&self, call: &PinCall<'_>) -> Result<Job<CardAnswer>, Refused> {
        use CardAnswer as A;
        Ok(match call {
            PinCall::Generate { length, label } => {
                then(self.generated_pin(*length, &label.draw())?, A::Pin)
            }
            PinCall::Import {
                key,
                format,
                block,
                pan,
            } => then(self.imported_pin(*key, *format, block, pan)?, A::Pin),
            PinCall::Export {
                pin,
                key,
                format,
                pan,
                label,
            } => {
                let draw = label.draw();
                then(
                    self.exported_pin(pin, *key, *format, pan, &draw)?,
                    A::Octets,
                )
            }
            PinCall::CardBlock { pin } => then(self.reference_block(pin)?, A::Sealed),
            PinCall::CardField {
                pin,
                format,
                pan,
                label,
            } => then(
                self.card_field(pin, *format, pan, &label.draw())?,
                A::Sealed,
            ),
            PinCall::VerificationValue {
                key,
                pan,
                pin,
                pvki,
            } => then(self.visa_value(*key, pan, pin, *pvki)?, A::Text),
            PinCall::Ibm3624Offset {
                key,
                pan,
                pin,
                parameters,
            } => then(self.ibm_offset(*key, pan, pin, parameters)?, A::Text),
            PinCall::Natural {
                key,
                pan,
                length,
                parameters,
            } => then(self.ibm_natural(*key, pan, *length, parameters)?, A::Pin),
        })
    }

    fn rsa_task(&self, call: &RsaCall<'_>) -> Result<Task, Refused> {
        use CardAnswer as A;
        Ok(Task::Job(match call {
            RsaCall::IccKey {
                bits,
                exponent,
                label,
            } => {
                let wanted = wanted(*bits, *exponent, &label.draw())?;
                let intent = Intent::of_card_rsa_keys(*exponent);
                let way = self.shared.plan.way(intent, Flags::NONE)?;
                if way != Way::Inside {
                    return Ok(Task::HostKey(wanted));
                }
                let (bits, exponent, _) = wanted;
                job(move |tool| {
                    let key = super::cards::rsa_inside(tool, bits, exponent)?;
                    Ok(A::IccKey(Box::new(key)))
                })
            }
            RsaCall::IccCertificate {
                issuer,
                pan,
                expiry_mmyy,
                serial,
                modulus,
                exponent,
                static_data,
            } => {
                let fields = IccCertificateFields {
                    pan,
                    expiry_mmyy,
                    serial: *serial,
                    modulus,
                    exponent: *exponent,
                    static_data,
                };
                then(self.icc_certificate(*issuer, &fields)?, A::Certificate)
            }
            RsaCall::StaticData {
                issuer,
                data_authentication_code,
                static_data,
            } => {
                let code = *data_authentication_code;
                then(
                    self.signed_static_data(*issuer, code, static_data)?,
                    A::Octets,
                )
            }
        }))
    }
}

/// The places of what has not ended and is of some kind.
fn left(ends: &[End<CardAnswer>], of: impl Fn(&Past) -> bool) -> Vec<usize> {
    let ends = ends.iter().enumerate();
    ends.filter(|(_, end)| matches!(end, End::Left(past) if of(past)))
        .map(|(place, _)| place)
        .collect()
}

/// The pasts of jobs at places; each has none until it is put back.
fn pasts(ends: &mut [End<CardAnswer>], places: &[usize]) -> Vec<Past> {
    let mut taken = Vec::with_capacity(places.len());
    for place in places {
        taken.push(match ends.get_mut(*place) {
            Some(End::Left(past)) => std::mem::take(past),
            _ => Past::default(),
        });
    }
    taken
}

fn put(ends: &mut [End<CardAnswer>], places: &[usize], found: Vec<End<CardAnswer>>) {
    for (place, found) in places.iter().zip(found) {
        if let Some(end) = ends.get_mut(*place) {
            *end = found;
        }
    }
}

/// What a call needs.
enum Task {
    /// Work of the token.
    Job(Job<CardAnswer>),
    /// An RSA key that is made here, between two visits to the token.
    HostKey(RsaWanted),
}

/// Whether each call by itself would fail in the same way, some only after a long wait.
fn is_lasting(refused: &Refused) -> bool {
    let lasting = [
        error::LATE,
        error::NO_TOKEN,
        error::BUSY,
        error::SESSION,
        error::LOGIN,
        error::ANSWER,
        error::ERROR_STATE,
    ];
    lasting.iter().any(|code| code.code == refused.code)
}

//! Which functions were called how often, and waits for measuring as if a token were slower.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The functions that are called, in the order of their counters.
pub const FUNCTIONS: [&str; 24] = [
    "C_GetSlotList",
    "C_GetTokenInfo",
    "C_OpenSession",
    "C_CloseSession",
    "C_GetSessionInfo",
    "C_Login",
    "C_FindObjectsInit",
    "C_FindObjects",
    "C_FindObjectsFinal",
    "C_GetAttributeValue",
    "C_CreateObject",
    "C_DestroyObject",
    "C_GenerateKey",
    "C_GenerateKeyPair",
    "C_DeriveKey",
    "C_WrapKey",
    "C_UnwrapKey",
    "C_EncryptInit",
    "C_Encrypt",
    "C_DecryptInit",
    "C_Decrypt",
    "C_SignInit",
    "C_Sign",
    "C_GenerateRandom",
];

/// Functions that a token need not be asked for: they begin what another one carries out, or are about
/// sessions.
const WITHOUT_WORK: [&str; 11] = [
    "C_GetSlotList",
    "C_GetTokenInfo",
    "C_OpenSession",
    "C_CloseSession",
    "C_GetSessionInfo",
    "C_Login",
    "C_FindObjectsInit",
    "C_FindObjectsFinal",
    "C_EncryptInit",
    "C_DecryptInit",
    "C_SignInit",
];

/// Operations among counted calls: `C_EncryptInit` and `C_Encrypt` are one.
pub fn operations(calls: &BTreeMap<&'static str, u64>) -> u64 {
    let works = calls
        .iter()
        .filter(|(name, _)| !WITHOUT_WORK.contains(name));
    works.map(|(_, count)| count).sum()
}

/// How often operations may begin.
struct Pace {
    apart: Duration,
    next: Instant,
}

/// Counters of a module, and how it is held up.
pub(crate) struct Counting {
    counters: [AtomicU64; FUNCTIONS.len()],
    pace: Mutex<Option<Pace>>,
    /// Microseconds that each operation is held up in its own session.
    latency: AtomicU64,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            counters: [const { AtomicU64::new(0) }; FUNCTIONS.len()],
            pace: Mutex::new(None),
            latency: AtomicU64::new(0),
        }
    }
}

impl Counting {
    /// Calls so far by function; those that were never called are left out.
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.counters.iter().map(|c| c.load(Ordering::Relaxed));
        FUNCTIONS
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// At most so many operations a second.
    pub(crate) fn limit(&self, a_second: Option<f64>) {
        let pace = a_second.filter(|rate| *rate > 0.0).map(|rate| Pace {
            apart: Duration::from_secs_f64(1.0 / rate),
            next: Instant::now(),
        });
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = pace;
    }

    /// Each operation so many microseconds longer.
    pub(crate) fn hold_up(&self, microseconds: u64) {
        self.latency.store(microseconds, Ordering::Relaxed);
    }

    /// Counts a call, when it may begin.
    pub(crate) fn count(&self, function: &'static str) {
        self.wait(function);
        let place = FUNCTIONS.iter().position(|name| *name == function);
        if let Some(counter) = place.and_then(|place| self.counters.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until an operation may begin.
    fn wait(&self, function: &'static str) {
        if WITHOUT_WORK.contains(&function) {
            return;
        }
        let latency = self.latency.load(Ordering::Relaxed);
        if latency > 0 {
            std::thread::sleep(Duration::from_micros(latency));
        }
        let turn = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(pace) = pace.as_mut() else { return };
            let turn = pace.next.max(Instant::now());
            pace.next = turn + pace.apart;
            turn
        };
        std::thread::sleep(turn.saturating_duration_since(Instant::now()));
    }
}

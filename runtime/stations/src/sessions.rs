//! HSM sessions: one for each worker, opened when the worker first needs it.

use crate::StationError;
use cardwright_ports::{Hsm, HsmSession};
use std::sync::Mutex;

/// Sessions by worker.
pub struct Sessions<'a> {
    hsm: &'a dyn Hsm,
    workers: Vec<Mutex<Option<Box<dyn HsmSession>>>>,
}

impl<'a> Sessions<'a> {
    /// Room for so many workers; the calling thread has its own.
    pub fn new(hsm: &'a dyn Hsm, workers: usize) -> Self {
        let workers = (0..workers.saturating_add(1))
            .map(|_| Mutex::new(None))
            .collect();
        Self { hsm, workers }
    }

    /// Runs something with this worker's session.
    pub fn with<R>(
        &self,
        work: impl FnOnce(&mut dyn HsmSession) -> Result<R, StationError>,
    ) -> Result<R, StationError> {
        let place = rayon::current_thread_index().map_or(0, |index| index + 1);
        let worker = self
            .workers
            .get(place % self.workers.len().max(1))
            .ok_or_else(|| {
                StationError::new(
                    "R1320",
                    "no session for this worker",
                    "report this as a bug",
                )
            })?;
        // A worker that died inside a call may have left the session in any state: drop it.
        let mut slot = match worker.lock() {
            Ok(slot) => slot,
            Err(poisoned) => {
                let mut slot = poisoned.into_inner();
                *slot = None;
                slot
            }
        };
        if slot.is_none() {
            *slot = Some(self.hsm.open_session()?);
        }
        match slot.as_deref_mut() {
            Some(session) => work(session),
            None => Err(StationError::new(
                "R1320",
                "no session",
                "report this as a bug",
            )),
        }
    }
}

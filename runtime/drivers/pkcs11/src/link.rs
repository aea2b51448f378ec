//! A session in a thread of its own: a call that does not return holds up nobody but itself.

use std::cell::Cell;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use cardwright_pkcs11_raw::Session;

use crate::error::{self, Refused, Trouble};

type Job = Box<dyn FnOnce(&Session) + Send>;

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is the thread of a session, which may wait for a token.
pub(crate) fn is_here() -> bool {
    HERE.get()
}

/// A session that takes jobs. Dropped, it ends with its thread when its last job returns.
pub(crate) struct Link {
    jobs: mpsc::Sender<Job>,
    /// Closed when the thread has closed its session.
    ended: mpsc::Receiver<()>,
}

/// What became of a job.
pub(crate) enum Ended<T> {
    /// It returned.
    Returned(T),
    /// It is still at work; the link is to be given up.
    Late,
}

impl Link {
    /// Opens a session by `open` in a new thread.
    pub(crate) fn start(
        deadline: Duration,
        open: impl FnOnce() -> Result<Session, Trouble> + Send + 'static,
    ) -> Result<Ended<Self>, Trouble> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (ready, answer) = mpsc::sync_channel(1);
        let (ending, ended) = mpsc::sync_channel::<()>(1);
        let worker = move || {
            HERE.set(true);
            // Goes last, after the session.
            let _ending = ending;
            let session = match open() {
                Ok(session) => session,
                Err(trouble) => {
                    let _ = ready.send(Err(trouble));
                    return;
                }
            };
            // Who asked may have given up; then there is nothing to do.
            if ready.send(Ok(())).is_ok() {
                for job in todo {
                    job(&session);
                }
            }
        };
        let thread = std::thread::Builder::new().name("pkcs11".to_owned());
        thread.spawn(worker).map_err(|e| {
            Trouble::Ours(error::TOKEN.found(format!("no thread for a session: {e}")))
        })?;
        match answer.recv_timeout(deadline) {
            Ok(Ok(())) => Ok(Ended::Returned(Self { jobs, ended })),
            Ok(Err(trouble)) => Err(trouble),
            Err(RecvTimeoutError::Timeout) => Ok(Ended::Late),
            Err(RecvTimeoutError::Disconnected) => Err(Trouble::Ours(fell())),
        }
    }

    /// Ends the thread of a link without a job and waits until its session is closed, not for ever: a
    /// module that is unloaded with a call in it falls.
    pub(crate) fn end(self, patience: Duration) {
        let Self { jobs, ended } = self;
        drop(jobs);
        let _ = ended.recv_timeout(patience);
    }

    /// Gives up a link with a job that is late. What is returned is closed when the job has come to its
    /// end and the session is closed.
    pub(crate) fn give_up(self) -> mpsc::Receiver<()> {
        self.ended
    }

    /// Carries a job out, waiting no longer than the deadline.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        job: impl FnOnce(&Session) -> Result<T, Trouble> + Send + 'static,
    ) -> Ended<Result<T, Trouble>> {
        let (done, answer) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |session| {
            let _ = done.send(job(session));
        });
        if self.jobs.send(job).is_err() {
            return Ended::Returned(Err(Trouble::Ours(fell())));
        }
        match answer.recv_timeout(deadline) {
            Ok(result) => Ended::Returned(result),
            Err(RecvTimeoutError::Timeout) => Ended::Late,
            Err(RecvTimeoutError::Disconnected) => Ended::Returned(Err(Trouble::Ours(fell()))),
        }
    }
}

fn fell() -> Refused {
    error::TOKEN.found("the thread of a session fell")
}

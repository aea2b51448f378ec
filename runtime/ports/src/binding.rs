//! Whether the keys that a job was bound to when it started are still in use.

/// Why a job must make nothing more with its keys. Public words only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Stable code: R1464, or the store's own where the inventory can't be read.
    pub code: &'static str,
    /// Which key, and how it stands.
    pub what: String,
}

/// Looked at before anything is made with a job's keys; so cheap that it is asked for each order.
pub trait Binding: Send + Sync {
    /// Nothing while all keys are in use as they were bound.
    fn holds(&self) -> Result<(), Withdrawn>;
}

/// Keys that nobody takes out of use while a job runs: those of rehearsals and open test keys.
pub struct Unwatched;

impl Binding for Unwatched {
    fn holds(&self) -> Result<(), Withdrawn> {
        Ok(())
    }
}

//! Whether the keys that a job was bound to when it started are still in use.

/// Why a job must make nothing more with its keys. Public words only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Stable code: R1464, or the store's own where the inventory can't be read.
    pub code: &'static str,
    /// Which key, and how it stands.
    pub what: String,
}

/// Why data that were made earlier go on no card. Public words only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A key that they were made with may come back: the order waits.
    Waits(Withdrawn),
    /// A key that they were made with never makes a card again.
    Never(Withdrawn),
}

/// Looked at before anything is made with a job's keys; so cheap that it is asked for each order.
pub trait Binding: Send + Sync {
    /// Nothing while all keys are in use as they were bound.
    fn holds(&self) -> Result<(), Withdrawn>;

    /// The versions that data are made with now, as labels; kept with the data.
    fn versions(&self) -> &[String];

    /// Whether data that were made with these versions, perhaps in an earlier run, may go on a card
    /// now. Gives those among them that others have replaced. `None` stands for data that do not say
    /// what they were made with.
    fn serves(&self, made_with: Option<&[String]>) -> Result<Vec<String>, Unfit>;
}

/// Keys that nobody takes out of use while a job runs: those of rehearsals and open test keys.
pub struct Unwatched;

impl Binding for Unwatched {
    fn holds(&self) -> Result<(), Withdrawn> {
        Ok(())
    }

    fn versions(&self) -> &[String] {
        &[]
    }

    fn serves(&self, _: Option<&[String]>) -> Result<Vec<String>, Unfit> {
        Ok(Vec::new())
    }
}

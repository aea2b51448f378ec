//! Codes of the engine: R1450 to R1469.

use cardwright_ports::StoreError;

/// Code, title, explanation, mend.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1450",
        "the flow does not begin with a feeder",
        "A card must leave a named stock before any station can work on it.",
        "put `feed { stock = … }` first in the flow",
    ),
    (
        "R1451",
        "a writing station after the carrier",
        "A card is validated before it is affixed to its carrier; nothing may write to it \
         later.",
        "move chip, stripe, emboss, print and vision before carrier and insert",
    ),
    (
        "R1452",
        "the job was running when the process ended",
        "Its orders must be looked through before anything goes on: those with a card \
         become UNKNOWN.",
        "recover the job, look at the line, then authorize it",
    ),
    (
        "R1453",
        "an answer that does not fit the act",
        "A lane answered with an event that can't follow; the card is treated as in doubt.",
        "keep the journal and report it; find the card",
    ),
    (
        "R1454",
        "a lane broke down",
        "Software of a lane ended unexpectedly in the middle of an act; the card is in \
         doubt.",
        "keep the journal and report it; find the card",
    ),
    (
        "R1455",
        "the release gate is closed",
        "The order, its epoch or its job changed while the card was in the machine; it \
         may not leave.",
        "the card goes to the reject bin; look who recovered or stopped the job",
    ),
    (
        "R1456",
        "unknown orders or mailers stand against it",
        "A job ends only when every order is done or rejected and no mailer is in doubt.",
        "find the cards and forms and settle them with two people",
    ),
    (
        "R1457",
        "too many rejects",
        "The line stopped by itself after as many rejected cards as the job allows.",
        "look at the rejected cards and the stock, then resume",
    ),
    (
        "R1458",
        "a station or flow that the engine does not know",
        "The flow names a station that no engine of this version can drive.",
        "load a newer runtime or correct the flow",
    ),
    (
        "R1460",
        "the job was cancelled",
        "An order without a card ended because its job was given up.",
        "take the order in again if the card is still wanted",
    ),
    (
        "R1461",
        "the job can't be started from here",
        "Only a job that is loaded or paused can be started; one that waits needs an \
         authorization.",
        "look at the job's state",
    ),
    (
        "R1462",
        "a crash left this order or mailer in doubt",
        "The process ended while a card or form of this order was in the machine.",
        "find the card or form by its number and settle it with two people",
    ),
    (
        "R1463",
        "letters that can't be drawn stand against the job's end",
        "Their cards have left, but a letter does not fit its page or its data can't be read. It \
         was found out before any paper was touched, so that there is no form to look for. The \
         job's key, and with it the PIN, is kept until the letters are printed or given up.",
        "mend what the letter's own code says and resume the job, or give the letter up with two \
         people: `cardstation job settle JOB ORDER --mailer --found given-up --by NAME`",
    ),
    (
        "R1464",
        "a key of the job went out of use while the job ran",
        "Somebody suspended, retired or destroyed a key that the job is bound to, said that it is \
         compromised, or its period ended. The job noticed before it made the next card's data. \
         Cards that had their data were finished; all other orders wait, and nothing of them \
         exists.",
        "look at the key with `cardstation keys show`; resume it, or put another version into \
         use, then go on with `cardstation job resume`; after a compromise tell the bank which \
         cards `cardstation keys use` and the journal name",
    ),
    (
        "R1465",
        "an order's data are of a key version that makes no more cards",
        "The data of this order were made in an earlier run, before its card failed or the run \
         stopped. Since then a key version that they were made with was destroyed, retired without \
         a successor, said to be compromised, or has expired; or nobody can tell which versions \
         they were made with. Data are made once, so that the order gets no card; no blank was fed \
         for it.",
        "order the card again in another file, with the version that is in use now; if a letter of \
         this order was printed, find it and destroy it",
    ),
];

/// A refusal of the engine, or the store's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct EngineError {
    /// Stable code, band R14 or what a port gave.
    pub code: &'static str,
    /// What was found.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl EngineError {
    pub(crate) fn new(code: &'static str, what: impl Into<String>) -> Self {
        let mend = CODES
            .iter()
            .find(|c| c.0 == code)
            .map_or("see the code's page", |c| c.3);
        Self {
            code,
            what: what.into(),
            mend,
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self {
            code: error.code,
            what: error.what,
            mend: error.mend,
        }
    }
}

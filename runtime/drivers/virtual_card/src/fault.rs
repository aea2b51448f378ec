//! Faults that are not status words: a card that can't be made, read back or reached.

use cardwright_ports::CardError;

/// Code, title, explanation, how to mend.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1280",
        "The virtual card can't be made",
        "The description of a blank does not make a card: protocol option, key lengths, \
         diversification, key version or AIDs do not fit together.",
        "Correct the blank's description; triple DES methods go with SCP02, KDF3 with SCP03.",
    ),
    (
        "R1281",
        "The kept card can't be read",
        "The file is not a virtual card of this version, or its content contradicts itself.",
        "Personalize the card again, or use the release that kept it.",
    ),
    (
        "R1282",
        "The virtual card has no power",
        "A command was sent before the card was reset.",
        "Reset the card first.",
    ),
    (
        "R1283",
        "The virtual reader can't be reached",
        "The connection to the reader that the vpcd driver makes failed, ended or sent a frame \
         out of bounds.",
        "Start pcscd with the vpcd driver and check host and port (35963 unless configured).",
    ),
];

/// Why a card can't be made, read back or reached. Never holds data of the card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct CardFault {
    /// Stable code, one of [`CODES`].
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl CardFault {
    fn new(code: &'static str, what: impl Into<String>) -> Self {
        let mend = CODES
            .iter()
            .find(|(c, ..)| *c == code)
            .map_or("", |(_, _, _, mend)| mend);
        Self {
            code,
            what: what.into(),
            mend,
        }
    }

    pub(crate) fn blank(what: impl Into<String>) -> Self {
        Self::new("R1280", what)
    }

    pub(crate) fn snapshot(what: impl Into<String>) -> Self {
        Self::new("R1281", what)
    }

    pub(crate) fn reader(what: impl Into<String>) -> Self {
        Self::new("R1283", what)
    }

    pub(crate) fn no_power() -> CardError {
        CardError {
            code: "R1282",
            what: "a command was sent to a virtual card that has not been reset".into(),
        }
    }
}

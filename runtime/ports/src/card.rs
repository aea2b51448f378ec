//! A card in a reader or slot.

use crate::SecretBytes;

/// Why a card did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}")]
pub struct CardError {
    /// Stable code, band R12.
    pub code: &'static str,
    /// What happened; never data of the card.
    pub what: String,
}

/// A channel to one card. A card's answers are hostile: callers check every length.
pub trait CardChannel: Send {
    /// Powers the card up anew and gives its answer to reset.
    fn reset(&mut self) -> Result<Vec<u8>, CardError>;
    /// Sends a command APDU (ISO/IEC 7816-4) and gives data and status word.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError>;
    /// Brings the card into a reader's field: what follows, until the next reset, is contactless.
    /// A card or reader without that interface refuses with R1209.
    fn enter_field(&mut self) -> Result<(), CardError> {
        Err(CardError {
            code: "R1209",
            what: "no contactless interface here".into(),
        })
    }
    /// A simulated card's whole state, for `--keep-cards`; a real card has none to give.
    fn snapshot(&self) -> Option<SecretBytes> {
        None
    }
}

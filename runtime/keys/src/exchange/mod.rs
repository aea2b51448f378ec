//! Keys given out and taken in under other keys, by policy: key blocks, AES key wrap, RSA-OAEP,
//! ECDH, and legacy forms by signed exception.

pub mod binding;
mod codes;
mod exceptions;
mod give;
mod header;
mod public;
mod take;
pub mod tr34;

pub use codes::*;
pub use exceptions::{ExceptionRow, Grant, day, exceptions, grant};
pub use give::{Given, Giving, give};
pub use public::{public_key_der, public_key_of_der};
pub use take::{Taking, take};

use crate::KeysError;
use crate::inventory::KeyEntry;
use cardwright_ports::custody::{KeyAlgorithm, OaepHash, PublicKey};
use cardwright_standards::key_policy::{Form, KeyKind, Refusal};

/// Under what a key travels.
#[derive(Clone, Copy, Debug)]
pub enum Carrier<'a> {
    /// A symmetric key of ours, by label.
    Under(&'a str),
    /// RSA-OAEP: out, a receiver's public key; in, our key pair by label.
    Oaep {
        /// Receiver's public key.
        receiver: Option<&'a PublicKey>,
        /// Label of our key pair.
        own: &'a str,
        /// Hash.
        hash: OaepHash,
    },
    /// ECDH on P-256.
    Ecdh {
        /// Label of our key pair.
        own: &'a str,
        /// The other side's point.
        peer: &'a PublicKey,
        /// Shared information of both sides.
        info: &'a [u8],
    },
}

impl Carrier<'_> {
    /// What the inventory notes as wrapping key.
    fn under(&self) -> &str {
        match self {
            Self::Under(label) => label,
            Self::Oaep { own, .. } | Self::Ecdh { own, .. } => own,
        }
    }
}

/// Family and bits of an algorithm.
pub(crate) fn kind(algorithm: KeyAlgorithm) -> KeyKind {
    match algorithm {
        KeyAlgorithm::Tdes2 => KeyKind::TDES2,
        KeyAlgorithm::Tdes3 => KeyKind::TDES3,
        KeyAlgorithm::Aes128 => KeyKind::AES128,
        KeyAlgorithm::Aes192 => KeyKind::AES192,
        KeyAlgorithm::Aes256 => KeyKind::AES256,
        KeyAlgorithm::Rsa { bits, .. } => KeyKind::rsa(bits),
        KeyAlgorithm::P256 => KeyKind::P256,
    }
}

/// Family and bits of somebody's public key.
fn public_kind(key: &PublicKey) -> KeyKind {
    match key {
        PublicKey::Rsa { modulus, .. } => KeyKind::rsa(modulus.len() as u32 * 8),
        PublicKey::P256(_) => KeyKind::P256,
    }
}

/// Policy's word: what only an exception would mend is told apart.
fn refusal(refused: Refusal) -> KeysError {
    match refused {
        Refusal::NeedsException(_)
        | Refusal::ExceptionForm(_)
        | Refusal::ExceptionDay(..)
        | Refusal::ExceptionIncomplete => EXCEPTION.found(refused.to_string()),
        _ => NOT_ALLOWED.found(refused.to_string()),
    }
}

/// Versions A and C bind a key less than anything newer: they pass by exception only.
fn is_old(form: Form) -> bool {
    matches!(form.name(), "key-block-a" | "key-block-c")
}

/// Refuses a wrapping key that is not to be used now.
fn usable(entry: &KeyEntry, at: i64, protect: bool) -> Result<(), KeysError> {
    let allowed = entry.state.allows();
    let may = match protect {
        true => allowed.protect && entry.in_period(at),
        false => allowed.process,
    };
    if may && entry.pending.is_none() {
        return Ok(());
    }
    let state = entry.state.name();
    let period = if entry.in_period(at) {
        ""
    } else {
        ", outside its period"
    };
    let what = format!("the wrapping key {} is {state}{period}", entry.label());
    Err(NOT_ALLOWED.found(what))
}

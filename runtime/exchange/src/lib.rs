//! Key exchange that needs ASN.1: TR-34, RSA-OAEP and ECDH transport, certificate requests of
//! issuers and the certificates that answer them.
//!
//! Pure, as `standards` is: no I/O, no clock, no randomness of its own. Private keys may stay in an
//! HSM: whoever holds one implements [`RsaPrivate`] or [`EcdhPrivate`]. What comes from a partner
//! is hostile: every length is limited, and nothing is believed before its signature held.
//!
//! TR-34 and the ECDH transport are proven against a counterpart of our own and against OpenSSL,
//! not against another vendor's device.

pub mod agreement;
mod ber;
mod certificates;
mod cms;
mod error;
pub mod issuer;
mod request;
mod rsa;
pub mod tr34;
pub mod transport;

pub use agreement::EcdhPrivate;
pub use certificates::{Certificate, Purpose, RevocationList, Trust};
pub use error::{CODES, ExchangeError};
pub use request::certificate_request;
pub use rsa::{OaepHash, RsaPrivate, RsaPublicKey, oaep_decode, signature_block};

/// Random octets, from an HSM or the system.
pub trait Random {
    /// Fills with random octets.
    fn fill(&mut self, to: &mut [u8]) -> Result<(), ExchangeError>;
}

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = u64;

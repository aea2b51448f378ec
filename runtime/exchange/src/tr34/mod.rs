//! TR-34: a key distribution host (KDH) gives a key receiving device (KRD) its first symmetric key
//! under the device's RSA key, signed by the host.
//!
//! Two passes: the device sends a random number token, the host's key token answers with that
//! nonce. One pass: the key token carries the time instead. The key travels with its X9.143 header;
//! the header stands in the open as a signed attribute and again inside the enciphered part, beside
//! the host's name, so that nobody can take the enciphered part and sign it as his own.
//!
//! Structures as public descriptions of TR-34:2019 have them. Proven with a counterpart of our own
//! and with OpenSSL's CMS, not with another vendor's device. Tokens are written in DER; signed ones with
//! indefinite lengths are read as well. Version 1 of the inner block is written as 1, as deployed hosts do.

mod binding;
mod credential;
mod inside;
mod key_token;

pub use binding::{
    Binding, Rebinding, authority_rebind_token, authority_unbind_token, open_authority_rebind,
    open_authority_unbind, open_rebind, open_unbind, rebind_token, unbind_token,
};
pub use credential::{
    Credential, credential_token, open_credential, open_random_token, random_token,
};
pub use inside::{Device, Frame, InsideToken, Proven, Sealed, inside_key_token, prove_key_token};
pub use key_token::{
    Delivery, Expected, Freshness, KeyToken, Received, Receiver, key_token, open_key_token,
};

pub use crate::cms::ContentCipher;

use crate::ExchangeError;
use der::asn1::{Any, ObjectIdentifier, OctetString};
use x509_cert::attr::Attributes;

/// id-randomNonce (PKCS#9).
const RANDOM_NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.25.3");
/// Fewest octets of a nonce.
pub const NONCE_OCTETS_MIN: usize = 8;
/// Most octets of a nonce.
pub const NONCE_OCTETS_MAX: usize = 16;

fn check_nonce(nonce: &[u8]) -> Result<(), ExchangeError> {
    match nonce.len() {
        NONCE_OCTETS_MIN..=NONCE_OCTETS_MAX => Ok(()),
        _ => Err(ExchangeError::Malformed(
            "nonce: 8 to 16 octets are expected",
        )),
    }
}

fn octet_string(value: &Any) -> Option<Vec<u8>> {
    let octets = value.decode_as::<OctetString>().ok()?;
    Some(octets.as_bytes().to_vec())
}

/// Compares the nonce among signed attributes with the one that was sent.
fn compare_nonce(attributes: &Attributes, expected: &[u8]) -> Result<(), ExchangeError> {
    let found = crate::cms::value_of(attributes, RANDOM_NONCE).and_then(octet_string);
    match found {
        Some(found) if found == expected => Ok(()),
        Some(_) => Err(ExchangeError::Freshness(
            "its nonce is not the one that was sent",
        )),
        None => Err(ExchangeError::Freshness("it has no nonce")),
    }
}

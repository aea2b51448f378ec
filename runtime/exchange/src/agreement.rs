//! A key under a key that two sides agree on: ECDH on P-256 with an ephemeral key of the sender, a
//! key derivation, AES key wrap.
//!
//! Derivations: ANSI X9.63 (SEC 1, 3.6.1) and the one-step function of NIST SP 800-56C, both with
//! SHA-256. They differ in where the counter stands. The agreement by itself proves no sender; the
//! receiver compares the check value, or the exchange is signed around it.

use crate::{ExchangeError, Random};
use cardwright_standards::key_policy::{self, Day, Exception, Form, KeyKind};
use cardwright_standards::key_wrap;
use cardwright_standards::keyblock::{self, Algorithm};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Most octets that are derived: one wrapping key.
const DERIVED_MAX: usize = 32;
/// Most octets of shared information.
const INFO_MAX: usize = 1024;
/// How often a scalar is drawn; one in 2^32 is outside the field.
const DRAWS_MAX: usize = 4;

/// How the wrapping key is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivation {
    /// ANSI X9.63: hash of `Z | counter | information`.
    X963,
    /// NIST SP 800-56C: hash of `counter | Z | information`.
    OneStep,
}

/// Derives a key from what two sides agreed on.
pub fn derive(
    derivation: Derivation,
    agreed: &[u8],
    information: &[u8],
    octets: usize,
) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
    if !(1..=DERIVED_MAX).contains(&octets) || information.len() > INFO_MAX {
        return Err(ExchangeError::Malformed("key derivation"));
    }
    // One hash is enough for the longest wrapping key.
    let counter = 1u32.to_be_bytes();
    let mut hash = Sha256::new();
    match derivation {
        Derivation::X963 => {
            hash.update(agreed);
            hash.update(counter);
        }
        Derivation::OneStep => {
            hash.update(counter);
            hash.update(agreed);
        }
    }
    hash.update(information);
    let hash = Zeroizing::new(<[u8; 32]>::from(hash.finalize()));
    Ok(Zeroizing::new(hash.iter().take(octets).copied().collect()))
}

/// Whoever holds an ECDH private key on P-256.
pub trait EcdhPrivate {
    /// The public point, uncompressed: `04`, x, y.
    fn public_point(&self) -> &[u8];

    /// The x coordinate of the product with another's point; the point must be on the curve.
    fn agree(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExchangeError>;
}

/// A key of this process: a sender's ephemeral one, or a test's.
pub struct MemoryKey {
    secret: SecretKey,
    point: Vec<u8>,
}

impl MemoryKey {
    /// Draws a key.
    pub fn draw(random: &mut dyn Random) -> Result<Self, ExchangeError> {
        let mut scalar = Zeroizing::new([0u8; 32]);
        for _ in 0..DRAWS_MAX {
            random.fill(scalar.as_mut_slice())?;
            if let Ok(key) = Self::from_scalar(scalar.as_slice()) {
                return Ok(key);
            }
        }
        Err(ExchangeError::Private("no scalar of the field was drawn"))
    }

    /// The key of a scalar of 32 octets.
    pub fn from_scalar(scalar: &[u8]) -> Result<Self, ExchangeError> {
        let secret = SecretKey::from_slice(scalar);
        let secret = secret.map_err(|_| ExchangeError::Malformed("scalar on P-256"))?;
        let point = secret.public_key().to_encoded_point(false);
        Ok(Self {
            point: point.as_bytes().to_vec(),
            secret,
        })
    }
}

impl EcdhPrivate for MemoryKey {
    fn public_point(&self) -> &[u8] {
        &self.point
    }

    fn agree(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
        let other = PublicKey::from_sec1_bytes(point);
        let other = other.map_err(|_| ExchangeError::Malformed("point on P-256"))?;
        let scalar = self.secret.to_nonzero_scalar();
        let shared = p256::ecdh::diffie_hellman(scalar, other.as_affine());
        Ok(Zeroizing::new(shared.raw_secret_bytes().to_vec()))
    }
}

/// A key that travels under an agreed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The sender's ephemeral point, uncompressed.
    pub point: Vec<u8>,
    /// The wrapped key: RFC 5649.
    pub wrapped: Vec<u8>,
}

/// What both sides fix beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Derivation.
    pub derivation: Derivation,
    /// Octets of the AES wrapping key: 16, 24 or 32.
    pub wrapping_octets: usize,
    /// Shared information, such as both sides' names.
    pub information: &'a [u8],
}

/// Wraps a key to a partner's point.
pub fn wrap(
    terms: &Terms<'_>,
    recipient: &[u8],
    (algorithm, key): (Algorithm, &[u8]),
    (exception, today): (Option<&Exception<'_>>, Day),
    random: &mut dyn Random,
) -> Result<Agreed, ExchangeError> {
    let kind = KeyKind::from(keyblock::check_key(algorithm, key)?);
    let (form, curve) = (Form::EcdhKeyWrap, KeyKind::P256);
    key_policy::may_wrap(curve, kind, form, exception, today)?;
    let ephemeral = MemoryKey::draw(random)?;
    let agreed = ephemeral.agree(recipient)?;
    let wrapping = wrapping_key(terms, &agreed)?;
    Ok(Agreed {
        wrapped: key_wrap::wrap_padded(&wrapping, key)?,
        point: ephemeral.point,
    })
}

/// Opens a wrapped key; it must be one of the algorithm.
pub fn unwrap(
    terms: &Terms<'_>,
    private: &dyn EcdhPrivate,
    algorithm: Algorithm,
    agreed: &Agreed,
) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
    // An own point that comes back would agree on what anybody may know of it.
    if agreed.point == private.public_point() {
        return Err(ExchangeError::Malformed("point on P-256"));
    }
    let shared = private.agree(&agreed.point)?;
    let key = key_wrap::unwrap_padded(&wrapping_key(terms, &shared)?, &agreed.wrapped)?;
    keyblock::check_key(algorithm, &key)?;
    Ok(key)
}

fn wrapping_key(terms: &Terms<'_>, agreed: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
    let octets = terms.wrapping_octets;
    if !matches!(octets, 16 | 24 | 32) {
        return Err(ExchangeError::Malformed("length of the wrapping key"));
    }
    derive(terms.derivation, agreed, terms.information, octets)
}

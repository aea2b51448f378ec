//! Private keys out of wrapped octets, as sources of objects.

use cardwright_custody_rules::private_keys::{self as rules, PrivateKey};
use cardwright_ports::custody::KeyAlgorithm;

use super::make::Source;
use crate::error::{self, Refused};
use crate::known::RsaParts;

pub(super) use rules::{block_octets, point};

/// The private key of what a key block carried.
pub(super) fn of_block(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<Source, Refused> {
    source(rules::of_block(algorithm, octets)?, algorithm)
}

/// The private key of PKCS #8.
pub(super) fn of_wrap(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<Source, Refused> {
    source(rules::of_wrap(algorithm, octets)?, algorithm)
}

fn source(key: PrivateKey, algorithm: KeyAlgorithm) -> Result<Source, Refused> {
    match (key, algorithm) {
        (PrivateKey::Rsa(primes), KeyAlgorithm::Rsa { exponent, .. }) => {
            let parts = RsaParts::from_primes(&primes.first, &primes.second, exponent);
            let none = || cardwright_custody_rules::WRAPPED.found("primes without a key inside");
            let parts = parts.ok_or_else(none)?;
            primes.check(&parts.modulus)?;
            Ok(Source::Rsa(parts))
        }
        (PrivateKey::P256(key), _) => Ok(Source::P256(key)),
        (PrivateKey::Rsa(_), _) => Err(error::KEY_DIFFERS.found("an RSA key")),
    }
}

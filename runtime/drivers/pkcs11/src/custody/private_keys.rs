//! Private keys as octets, for the moment of wrapping: PKCS #1 and SEC 1 inside key blocks
//! (X9.143, 7.3), PKCS #8 under AES key wrap, as tokens have it.

use cardwright_custody_rules::WRAPPED;
use cardwright_ports::custody::KeyAlgorithm;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::DecodePrivateKey;
use pkcs1::der::Decode;
use pkcs8::PrivateKeyInfo;
use zeroize::Zeroizing;

use super::make::Source;
use crate::error::{self, Refused};
use crate::known::RsaParts;

fn unreadable() -> Refused {
    WRAPPED.found("no private key of that kind inside")
}

/// What a key block carries, out of the PKCS #8 that a token gives.
pub(super) fn block_octets(
    algorithm: KeyAlgorithm,
    pkcs8: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    match algorithm {
        KeyAlgorithm::Rsa { .. } => {
            let info = PrivateKeyInfo::from_der(pkcs8).map_err(|_| unreadable())?;
            Ok(Zeroizing::new(info.private_key.to_vec()))
        }
        _ => {
            let key = p256::SecretKey::from_pkcs8_der(pkcs8).map_err(|_| unreadable())?;
            Ok(ec_octets(&key))
        }
    }
}

/// The private key of what a key block carried.
pub(super) fn of_block(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<Source, Refused> {
    match algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => rsa(octets, bits, exponent).map(Source::Rsa),
        KeyAlgorithm::P256 => {
            let key = p256::SecretKey::from_sec1_der(octets).map_err(|_| unreadable())?;
            // The curve must be said, or a key of another one of this size would be taken.
            match ec_octets(&key).as_slice() == octets {
                true => Ok(Source::P256(key)),
                false => Err(unreadable()),
            }
        }
        _ => Err(unreadable()),
    }
}

/// The private key of PKCS #8.
pub(super) fn of_wrap(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<Source, Refused> {
    match algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => {
            let info = PrivateKeyInfo::from_der(octets).map_err(|_| unreadable())?;
            if info.algorithm != pkcs1::ALGORITHM_ID {
                return Err(unreadable());
            }
            rsa(info.private_key, bits, exponent).map(Source::Rsa)
        }
        KeyAlgorithm::P256 => p256::SecretKey::from_pkcs8_der(octets)
            .map(Source::P256)
            .map_err(|_| unreadable()),
        _ => Err(unreadable()),
    }
}

fn rsa(octets: &[u8], bits: u32, exponent: u32) -> Result<RsaParts, Refused> {
    let read = pkcs1::RsaPrivateKey::from_der(octets).map_err(|_| unreadable())?;
    let parts = RsaParts::from_primes(read.prime1.as_bytes(), read.prime2.as_bytes(), exponent);
    let parts = parts.ok_or_else(unreadable)?;
    let agrees = parts.modulus.len() as u32 * 8 == bits
        && read.modulus.as_bytes() == parts.modulus
        && read.public_exponent.as_bytes() == parts.exponent;
    match agrees {
        true => Ok(parts),
        false => {
            Err(error::KEY_DIFFERS.found("an RSA key whose size, exponent or modulus is another"))
        }
    }
}

/// The point of a private key, uncompressed (SEC 1, 2.3.3).
pub(super) fn point(key: &p256::SecretKey) -> Vec<u8> {
    key.public_key().to_encoded_point(false).as_bytes().to_vec()
}

/// `ECPrivateKey` (RFC 5915, 3) with the curve and the public point; for P-256 every length is fixed.
fn ec_octets(key: &p256::SecretKey) -> Zeroizing<Vec<u8>> {
    const HEAD: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
    const CURVE: [u8; 12] = [
        0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07,
    ];
    const PUBLIC: [u8; 5] = [0xA1, 0x44, 0x03, 0x42, 0x00];
    let scalar = Zeroizing::new(key.to_bytes());
    let mut octets = Zeroizing::new(Vec::with_capacity(121));
    for part in [&HEAD[..], &scalar, &CURVE, &PUBLIC, &point(key)] {
        octets.extend_from_slice(part);
    }
    octets
}

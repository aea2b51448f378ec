//! Private keys as octets, for the moment of wrapping: PKCS #1 and SEC 1 inside key blocks
//! (X9.143, 7.3), PKCS #8 under AES key wrap, as tokens have it.

use cardwright_ports::HsmError;
use cardwright_ports::custody::KeyAlgorithm;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::DecodePrivateKey;
use pkcs1::der::Decode;
use pkcs8::PrivateKeyInfo;
use zeroize::Zeroizing;

use crate::refusal::{KEY_DIFFERS, WRAPPED};

/// A private key as its octets say it, before a driver has made a key of it.
pub enum PrivateKey {
    /// RSA.
    Rsa(RsaPrimes),
    /// On P-256.
    P256(p256::SecretKey),
}

/// The primes of an RSA key, and the modulus that its octets say they have.
pub struct RsaPrimes {
    /// One prime, big endian.
    pub first: Zeroizing<Vec<u8>>,
    /// The other.
    pub second: Zeroizing<Vec<u8>>,
    modulus: Vec<u8>,
}

impl RsaPrimes {
    /// Refuses octets whose modulus is not the one that the primes make.
    ///
    /// # Errors
    /// R1301.
    pub fn check(&self, modulus: &[u8]) -> Result<(), HsmError> {
        match self.modulus == modulus {
            true => Ok(()),
            false => Err(differs()),
        }
    }
}

fn unreadable() -> HsmError {
    WRAPPED.found("no private key of that kind inside")
}

fn differs() -> HsmError {
    KEY_DIFFERS.found("an RSA key whose size, exponent or modulus is another")
}

/// The private key of what a key block carried.
///
/// # Errors
/// R1375 for other octets, R1301 for an RSA key of another size or exponent.
pub fn of_block(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<PrivateKey, HsmError> {
    match algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => rsa(octets, bits, exponent),
        KeyAlgorithm::P256 => {
            let key = p256::SecretKey::from_sec1_der(octets).map_err(|_| unreadable())?;
            // The curve must be said, or a key of another one of this size would be taken.
            match ec_octets(&key).as_slice() == octets {
                true => Ok(PrivateKey::P256(key)),
                false => Err(unreadable()),
            }
        }
        _ => Err(unreadable()),
    }
}

/// The private key of PKCS #8.
///
/// # Errors
/// As [`of_block`].
pub fn of_wrap(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<PrivateKey, HsmError> {
    match algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => {
            let info = PrivateKeyInfo::from_der(octets).map_err(|_| unreadable())?;
            match info.algorithm == pkcs1::ALGORITHM_ID {
                true => rsa(info.private_key, bits, exponent),
                false => Err(unreadable()),
            }
        }
        KeyAlgorithm::P256 => p256::SecretKey::from_pkcs8_der(octets)
            .map(PrivateKey::P256)
            .map_err(|_| unreadable()),
        _ => Err(unreadable()),
    }
}

/// What a key block carries, out of PKCS #8.
///
/// # Errors
/// R1375 for octets that are none.
pub fn block_octets(algorithm: KeyAlgorithm, pkcs8: &[u8]) -> Result<Zeroizing<Vec<u8>>, HsmError> {
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

fn rsa(octets: &[u8], bits: u32, exponent: u32) -> Result<PrivateKey, HsmError> {
    let read = pkcs1::RsaPrivateKey::from_der(octets).map_err(|_| unreadable())?;
    let public = exponent.to_be_bytes();
    let public = public.get(exponent.leading_zeros() as usize / 8..);
    let modulus = read.modulus.as_bytes();
    if modulus.len() as u64 * 8 != u64::from(bits)
        || Some(read.public_exponent.as_bytes()) != public
    {
        return Err(differs());
    }
    Ok(PrivateKey::Rsa(RsaPrimes {
        first: Zeroizing::new(read.prime1.as_bytes().to_vec()),
        second: Zeroizing::new(read.prime2.as_bytes().to_vec()),
        modulus: modulus.to_vec(),
    }))
}

/// The point of a private key, uncompressed, 65 octets (SEC 1, 2.3.3).
pub fn point(key: &p256::SecretKey) -> Vec<u8> {
    key.public_key().to_encoded_point(false).as_bytes().to_vec()
}

/// `ECPrivateKey` (RFC 5915, 3) with the curve and the public point; for P-256 every length is fixed.
pub fn ec_octets(key: &p256::SecretKey) -> Zeroizing<Vec<u8>> {
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

//! Private keys as octets, for the moment of wrapping: PKCS #1 and SEC 1 inside key blocks
//! (X9.143, 7.3), PKCS #8 under AES key wrap, as PKCS #11 tokens have it.

use cardwright_ports::custody::KeyAlgorithm;
use cardwright_rsa::RsaKey;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use pkcs1::der::asn1::UintRef;
use pkcs1::der::{Decode, Encode};
use pkcs8::PrivateKeyInfo;
use zeroize::Zeroizing;

use crate::error::{self, Refused};
use crate::keys::{Material, rsa_from_primes};

/// PKCS #1 or SEC 1, as key blocks carry it.
pub(super) fn block_octets(material: &Material) -> Result<Zeroizing<Vec<u8>>, Refused> {
    match material {
        Material::Tdes(octets, _) | Material::Aes(octets, _) => {
            Ok(Zeroizing::new(octets.expose().to_vec()))
        }
        Material::Rsa(key) => pkcs1_octets(key),
        Material::P256(key) => Ok(ec_octets(key)),
    }
}

/// The octets of a symmetric key, PKCS #8 of a private key.
pub(super) fn wrap_octets(material: &Material) -> Result<Zeroizing<Vec<u8>>, Refused> {
    match material {
        Material::Tdes(..) | Material::Aes(..) => block_octets(material),
        Material::Rsa(key) => {
            let inner = pkcs1_octets(key)?;
            let info = PrivateKeyInfo::new(pkcs1::ALGORITHM_ID, &inner);
            info.to_der().map(Zeroizing::new).map_err(|_| unwritable())
        }
        Material::P256(key) => key
            .to_pkcs8_der()
            .map(|document| document.to_bytes())
            .map_err(|_| unwritable()),
    }
}

/// The private key of what a key block carried.
pub(super) fn of_block(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<Material, Refused> {
    match algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => rsa(octets, bits, exponent).map(Material::Rsa),
        KeyAlgorithm::P256 => {
            let key = p256::SecretKey::from_sec1_der(octets).map_err(|_| unreadable())?;
            // The curve must be said, or a key of another one of this size would be taken.
            if ec_octets(&key).as_slice() != octets {
                return Err(unreadable());
            }
            Ok(Material::P256(key))
        }
        _ => Err(unreadable()),
    }
}

/// The private key of PKCS #8.
pub(super) fn of_wrap(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<Material, Refused> {
    match algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => {
            let info = PrivateKeyInfo::from_der(octets).map_err(|_| unreadable())?;
            if info.algorithm != pkcs1::ALGORITHM_ID {
                return Err(unreadable());
            }
            rsa(info.private_key, bits, exponent).map(Material::Rsa)
        }
        KeyAlgorithm::P256 => p256::SecretKey::from_pkcs8_der(octets)
            .map(Material::P256)
            .map_err(|_| unreadable()),
        _ => Err(unreadable()),
    }
}

fn rsa(octets: &[u8], bits: u32, exponent: u32) -> Result<RsaKey, Refused> {
    let read = pkcs1::RsaPrivateKey::from_der(octets).map_err(|_| unreadable())?;
    let key = rsa_from_primes(read.prime1.as_bytes(), read.prime2.as_bytes(), exponent)?;
    let public = exponent.to_be_bytes();
    let public = public.get(exponent.leading_zeros() as usize / 8..);
    let agrees = key.bits() == bits
        && read.modulus.as_bytes() == key.modulus()
        && Some(read.public_exponent.as_bytes()) == public;
    if agrees {
        return Ok(key);
    }
    Err(error::KEY_DIFFERS.found("an RSA key whose size, exponent or modulus is another"))
}

/// `ECPrivateKey` (RFC 5915, 3) with the curve and the public point; for P-256 every length is fixed.
fn ec_octets(key: &p256::SecretKey) -> Zeroizing<Vec<u8>> {
    const HEAD: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
    const CURVE: [u8; 12] = [
        0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07,
    ];
    const PUBLIC: [u8; 5] = [0xA1, 0x44, 0x03, 0x42, 0x00];
    let scalar = Zeroizing::new(key.to_bytes());
    let point = crate::keys::point(key);
    let mut octets = Zeroizing::new(Vec::with_capacity(121));
    for part in [&HEAD[..], &scalar, &CURVE, &PUBLIC, &point] {
        octets.extend_from_slice(part);
    }
    octets
}

/// `RSAPrivateKey` (RFC 8017, A.1.2).
fn pkcs1_octets(key: &RsaKey) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let [q_inverse, d_q, d_p, q, p] = key.components();
    let exponent = key.exponent().to_be_bytes();
    let d = key.private_exponent();
    let number = |octets| UintRef::new(octets).map_err(|_| unwritable());
    let written = pkcs1::RsaPrivateKey {
        modulus: number(key.modulus())?,
        public_exponent: number(&exponent)?,
        private_exponent: number(&d)?,
        prime1: number(p)?,
        prime2: number(q)?,
        exponent1: number(d_p)?,
        exponent2: number(d_q)?,
        coefficient: number(q_inverse)?,
        other_prime_infos: None,
    };
    written
        .to_der()
        .map(Zeroizing::new)
        .map_err(|_| unwritable())
}

fn unwritable() -> Refused {
    error::UNSUITABLE.found("a private key that can't be written")
}

fn unreadable() -> Refused {
    error::WRAPPED.found("no private key of that kind inside")
}

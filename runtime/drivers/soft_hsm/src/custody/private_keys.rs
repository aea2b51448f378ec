//! Private keys as octets, for the moment of wrapping: PKCS #1 and SEC 1 inside key blocks
//! (X9.143, 7.3), PKCS #8 under AES key wrap, as PKCS #11 tokens have it.

use cardwright_custody_rules::private_keys::{self as rules, PrivateKey};
use cardwright_ports::custody::KeyAlgorithm;
use cardwright_rsa::RsaKey;
use p256::pkcs8::EncodePrivateKey;
use pkcs1::der::Encode;
use pkcs1::der::asn1::UintRef;
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
        Material::P256(key) => Ok(rules::ec_octets(key)),
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
    material(rules::of_block(algorithm, octets)?, algorithm)
}

/// The private key of PKCS #8.
pub(super) fn of_wrap(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<Material, Refused> {
    material(rules::of_wrap(algorithm, octets)?, algorithm)
}

fn material(key: PrivateKey, algorithm: KeyAlgorithm) -> Result<Material, Refused> {
    match (key, algorithm) {
        (PrivateKey::Rsa(primes), KeyAlgorithm::Rsa { exponent, .. }) => {
            let key = rsa_from_primes(&primes.first, &primes.second, exponent)?;
            primes.check(key.modulus())?;
            Ok(Material::Rsa(key))
        }
        (PrivateKey::P256(key), _) => Ok(Material::P256(key)),
        (PrivateKey::Rsa(_), _) => Err(error::KEY_DIFFERS.found("an RSA key")),
    }
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

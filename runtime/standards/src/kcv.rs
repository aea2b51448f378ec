//! Key check values: public proofs that two places hold the same key.
//!
//! The methods differ for the same key, so a check value is compared only with one of the same
//! method. [`METHODS`] names each of them once; the names are those of profiles, site files and
//! calculators.

use crate::cipher::{AesKey, Block, CipherError, TdesKey};
use crate::mac::Cmac;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// How a check value is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// First 3 octets of the encryption of a block of zeros.
    Ecb,
    /// First 2 octets of it: four digits, as older HSMs print them.
    EcbShort,
    /// All of it.
    EcbWhole,
    /// First 3 octets of the encryption of a block of `01` (AES), of zeros (DES).
    GlobalPlatform,
    /// First 5 octets of the CMAC over a block of zeros.
    Cmac,
    /// First 3 octets of it: six digits, as HSMs print them.
    CmacShort,
    /// First 3 octets of the SHA-1 of the key itself.
    Sha1,
    /// First 8 octets of the SHA-256 of the key itself, for RSA of the modulus.
    Sha256,
}

/// One method.
#[derive(Debug)]
pub struct MethodRow {
    /// Which.
    pub method: Method,
    /// Its name.
    pub name: &'static str,
    /// Other names that it goes by.
    pub aliases: &'static [&'static str],
    /// How it is made.
    pub text: &'static str,
    /// Who wants it; `unverified` where the layout was not found in print.
    pub source: &'static str,
}

const fn row(
    method: Method,
    name: &'static str,
    aliases: &'static [&'static str],
    text: &'static str,
    source: &'static str,
) -> MethodRow {
    MethodRow {
        method,
        name,
        aliases,
        text,
        source,
    }
}

/// Every method.
pub static METHODS: &[MethodRow] = &[
    row(
        Method::Ecb,
        "ecb",
        &["visa", "s-ansi", "legacy", "pkcs11"],
        "encrypted zeros, 3 octets",
        "ANSI X9.24-1, annex A (legacy); PKCS#11, CKA_CHECK_VALUE of ciphers",
    ),
    row(
        Method::EcbShort,
        "ecb4",
        &["check-digits"],
        "encrypted zeros, 4 digits",
        "check digits of older HSMs",
    ),
    row(
        Method::EcbWhole,
        "ecb16",
        &["full"],
        "encrypted zeros, the whole block",
        "older HSMs and paper forms",
    ),
    row(
        Method::GlobalPlatform,
        "gp",
        &["globalplatform", "cps"],
        "encrypted block of 01 (AES) or of zeros (3DES), 3 octets",
        "GlobalPlatform Amendment D; EMV CPS 2.0",
    ),
    row(
        Method::Cmac,
        "cmac",
        &["x9.24"],
        "CMAC over zeros, 5 octets",
        "ANSI X9.24-1:2017, annex A; ANSI X9.143, 6.3.6.7",
    ),
    row(
        Method::CmacShort,
        "cmac6",
        &[],
        "CMAC over zeros, 6 digits",
        "what HSMs print of X9.24-1:2017, annex A",
    ),
    row(
        Method::Sha1,
        "sha1",
        &[],
        "SHA-1 of the key, 3 octets",
        "PKCS#11, CKA_CHECK_VALUE of generic secrets",
    ),
    row(
        Method::Sha256,
        "sha256",
        &[],
        "SHA-256 of the key or modulus, 8 octets",
        "house, for HMAC keys and moduli; unverified",
    ),
];

impl Method {
    /// The method of a name or alias.
    pub fn of(name: &str) -> Option<Self> {
        let found = METHODS
            .iter()
            .find(|row| row.name == name || row.aliases.contains(&name));
        found.map(|row| row.method)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = METHODS.iter().find(|row| row.method == self);
        found.map_or("", |row| row.name)
    }

    /// The method that X9.24-1 has for an algorithm.
    pub fn of_x9_24(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Tdes => Self::Ecb,
            Algorithm::Aes => Self::Cmac,
        }
    }
}

/// Algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// 3DES, 16 or 24 octets.
    Tdes,
    /// AES, 16, 24 or 32 octets.
    Aes,
}

/// Check value of key octets, as long as the method has it.
pub fn check_value(
    algorithm: Algorithm,
    method: Method,
    key: &[u8],
) -> Result<Vec<u8>, CipherError> {
    let first = |octets: &[u8], length: usize| octets.iter().take(length).copied().collect();
    Ok(match (algorithm, method) {
        (_, Method::Sha1) => first(&Sha1::digest(key), 3),
        (_, Method::Sha256) => first(&Sha256::digest(key), 8),
        (Algorithm::Tdes, Method::Cmac) => first(&tdes_cmac(key)?, 5),
        (Algorithm::Tdes, Method::CmacShort) => first(&tdes_cmac(key)?, 3),
        (Algorithm::Tdes, Method::EcbWhole) => TdesKey::new(key)?.encrypt([0; 8]).to_vec(),
        (Algorithm::Tdes, Method::EcbShort) => first(&tdes(&TdesKey::new(key)?), 2),
        (Algorithm::Tdes, Method::Ecb | Method::GlobalPlatform) => {
            tdes(&TdesKey::new(key)?).to_vec()
        }
        (Algorithm::Aes, Method::Ecb) => aes_over(&AesKey::new(key)?, 0x00).to_vec(),
        (Algorithm::Aes, Method::EcbShort) => first(&aes_over(&AesKey::new(key)?, 0x00), 2),
        (Algorithm::Aes, Method::EcbWhole) => AesKey::new(key)?.encrypt([0; 16]).to_vec(),
        (Algorithm::Aes, Method::GlobalPlatform) => aes(&AesKey::new(key)?).to_vec(),
        (Algorithm::Aes, Method::Cmac) => aes_cmac(&AesKey::new(key)?).to_vec(),
        (Algorithm::Aes, Method::CmacShort) => first(&aes_cmac(&AesKey::new(key)?), 3),
    })
}

/// First 3 octets of the encryption of zeros.
pub fn tdes(key: &TdesKey) -> [u8; 3] {
    let [a, b, c, ..] = key.encrypt([0; 8]);
    [a, b, c]
}

/// [`tdes`] of several keys, in less time than one by one.
pub fn tdes_each<const L: usize>(keys: [&TdesKey; L]) -> [[u8; 3]; L] {
    TdesKey::encrypt_under(keys, [[0; 8]; L]).map(|[a, b, c, ..]| [a, b, c])
}

/// First 3 octets of the encryption of sixteen `01` (GlobalPlatform, EMV CPS 2.0).
pub fn aes(key: &AesKey) -> [u8; 3] {
    aes_over(key, 0x01)
}

/// First 5 octets of the CMAC over zeros (ANSI X9.24-1).
pub fn aes_cmac(key: &AesKey) -> [u8; 5] {
    let [a, b, c, d, e, ..] = Cmac::over(key, &[&[0; 16]]);
    [a, b, c, d, e]
}

fn tdes_cmac(key: &[u8]) -> Result<[u8; 8], CipherError> {
    Ok(Cmac::over(&TdesKey::new(key)?, &[&[0; 8]]))
}

fn aes_over(key: &AesKey, octet: u8) -> [u8; 3] {
    let [a, b, c, ..] = key.encrypt([octet; 16]);
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(algorithm: Algorithm, method: Method, key: &[u8]) -> String {
        crate::hex::encode(&check_value(algorithm, method, key).unwrap())
    }

    // Vectors "AES KCV GP(01*16) 504A77 zero 189956 CMAC-KCV5 6F2F9BE174" of this project's list.
    #[test]
    fn three_methods_three_values() {
        let key: [u8; 16] = std::array::from_fn(|i| 0x40 + i as u8);
        let value = |method| value(Algorithm::Aes, method, &key);
        assert_eq!(value(Method::GlobalPlatform), "504A77");
        assert_eq!(value(Method::Ecb), "189956");
        assert_eq!(value(Method::EcbShort), "1899");
        assert_eq!(value(Method::Cmac), "6F2F9BE174");
        assert_eq!(value(Method::CmacShort), "6F2F9B");
    }

    // The keys of NIST's CMAC-TDES examples; zeros enciphered by `openssl enc -des-ede3`.
    #[test]
    fn encrypted_zeros_of_openssl() {
        let key = "8AA83BF8CBDA10620BC1BF19FBB6CD58BC313D4A371CA8B5";
        let key = crate::hex::decode(key).unwrap();
        assert_eq!(
            value(Algorithm::Tdes, Method::EcbWhole, &key),
            "C8CC74E98A7329A2"
        );
        let key = crate::hex::decode("4CF15134A2850DD58A3D10BA80570D38").unwrap();
        assert_eq!(value(Algorithm::Tdes, Method::Ecb, &key), "C7679B");
    }

    // SHA-1 and SHA-256 of "abc" (FIPS 180-4, examples).
    #[test]
    fn digests_of_generic_secrets() {
        assert_eq!(value(Algorithm::Aes, Method::Sha1, b"abc"), "A9993E");
        assert_eq!(
            value(Algorithm::Aes, Method::Sha256, b"abc"),
            "BA7816BF8F01CFEA"
        );
    }

    #[test]
    fn every_method_has_one_name() {
        for row in METHODS {
            for name in row.aliases.iter().chain([&row.name]) {
                assert_eq!(Method::of(name), Some(row.method), "{name}");
            }
            assert_eq!(row.method.name(), row.name);
        }
        assert_eq!(Method::of("md5"), None);
    }
}

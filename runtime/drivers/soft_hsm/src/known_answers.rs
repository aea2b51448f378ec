//! Known answers: published values that every HSM must compute before it is trusted.
//!
//! The inputs and values are those of the standards' pages named beside them.

use cardwright_rsa::{RsaKey, raise};
use cardwright_standards::cipher::{AesKey, Block, TdesKey};
use cardwright_standards::emv::keys;
use cardwright_standards::globalplatform::{CardKeys, scp02, scp03};
use cardwright_standards::pin::{Pin, block, pvv};
use cardwright_standards::{cipher, cvv};
use sha2::{Digest, Sha256};

use crate::error::{self, Refused};

const PAN: &str = "4761739001010119";
/// The double-length key of many published examples.
const DOUBLE: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];
/// GlobalPlatform's test key, octets 40 to 4F.
const COUNTED: [u8; 16] = [
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
];
/// Primes of the 896-bit PIN key in the project's own RSA chain (tests/vectors/project).
const RSA_P: &str = "D786D4AA9874AC36DC8E1A2767B2BFADA6B7A5F4AD8C0009A1DE37A25A8EDDC209EC6AC0BED5420072EBD3BFEC4E56FA38E895547720C86D";
const RSA_Q: &str = "D65ABD74F18E2C42E9E7734DA86BDE09DA4ED51D39D35A1A301843A94227CF25EED9A3B7CCB6531CF3F0B8A795D3D04DB3CAF7436DE82BFD";

/// Name of a check and whether it passed.
pub type Answer = (&'static str, bool);
/// Name of a check and its expected value.
pub type Expected<'e> = (&'e str, &'e str);

/// What the checks must give, as published (the standards' pages) or, for RSA, as Python's
/// `pow(text, d, n)` gives it.
pub const EXPECTED: &[Expected<'static>] = &[
    ("triple DES check value", "8BAF47"),
    (
        "AES-128 (FIPS 197, C.1)",
        "69C4E0D86A7B0430D8CDB78070B4C55A",
    ),
    (
        "SHA-256 (FIPS 180-4)",
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
    ),
    ("card verification value", "479 324"),
    ("PIN block format 0 (ISO 9564-1)", "041223C6FFEFEFEE"),
    ("PIN verification value", "0949"),
    (
        "ICC master key, option A",
        "80A89B585BBF64C2F12915BF578FABE0",
    ),
    (
        "SCP02 session keys",
        "C39AC2D18F94A22B14C04DBB8CF69B7FF5352F994F0CAE5DB807D08AE3E055DB",
    ),
    (
        "SCP03 session keys",
        "77AB873F813A0D647EAB50F7380B769B17F0BD4E1986E45A262D5E22B3086203",
    ),
    ("RSA sign and open", "778052E9ABC83CA6"),
];

type Check = (&'static str, fn() -> Option<String>);

const CHECKS: [Check; 10] = [
    ("triple DES check value", tdes),
    ("AES-128 (FIPS 197, C.1)", aes),
    ("SHA-256 (FIPS 180-4)", sha_256),
    ("card verification value", card_verification),
    ("PIN block format 0 (ISO 9564-1)", pin_block),
    ("PIN verification value", pin_value),
    ("ICC master key, option A", icc_master_key),
    ("SCP02 session keys", scp02_session),
    ("SCP03 session keys", scp03_session),
    ("RSA sign and open", rsa),
];

/// All known answers, for `cardstation check`.
pub fn known_answers() -> Vec<Answer> {
    answers_against(EXPECTED)
}

/// The same against a table of expected values; a check that has none there has not passed.
pub(crate) fn answers_against(expected: &[Expected<'_>]) -> Vec<Answer> {
    let passed = |(name, check): &Check| {
        let value = expected.iter().find(|(known, _)| known == name);
        let found = check();
        (
            *name,
            found.is_some() && found.as_deref() == value.map(|(_, v)| *v),
        )
    };
    CHECKS.iter().map(passed).collect()
}

/// Refuses to start when an answer is wrong: every HSM is opened through here with the answers
/// that this build and this processor give.
///
/// # Errors
/// R1311 with the name of the first wrong answer.
pub fn self_test(answers: &[Answer]) -> Result<(), Refused> {
    let wrong = answers.iter().find(|(_, passed)| !passed);
    wrong.map_or(Ok(()), |(name, _)| Err(error::SELF_TEST.found(*name)))
}

fn text(octets: &[u8]) -> Option<String> {
    Some(hex::encode_upper(octets))
}

fn tdes() -> Option<String> {
    // GlobalPlatform's key check value of the test key.
    let key = TdesKey::new(&COUNTED).ok()?;
    let both_ways = key.decrypt(key.encrypt([7; 8])) == [7; 8];
    text(key.encrypt([0; 8]).get(..3)?).filter(|_| both_ways)
}

fn aes() -> Option<String> {
    let key: [u8; 16] = std::array::from_fn(|i| i as u8);
    let clear: [u8; 16] = std::array::from_fn(|i| 0x11 * i as u8);
    let key = AesKey::new(&key).ok()?;
    let both_ways = key.decrypt(key.encrypt(clear)) == clear;
    text(&key.encrypt(clear)).filter(|_| both_ways)
}

fn sha_256() -> Option<String> {
    text(&Sha256::digest(b"abc"))
}

fn card_verification() -> Option<String> {
    let key = TdesKey::new(&DOUBLE).ok()?;
    let value = |service| cvv::cvv(&key, PAN, "2812", service).ok();
    Some(format!(
        "{} {}",
        value("201")?.as_str(),
        value("999")?.as_str()
    ))
}

fn pin_block() -> Option<String> {
    let pin = Pin::new("1234").ok()?;
    text(block::encode_0(&pin, PAN).ok()?.as_slice())
}

fn pin_value() -> Option<String> {
    let key = TdesKey::new(&DOUBLE).ok()?;
    let value = pvv::pvv(&key, PAN, &Pin::new("1234").ok()?, 1).ok()?;
    Some(value.as_str().to_owned())
}

fn icc_master_key() -> Option<String> {
    let key = keys::option_a(&TdesKey::new(&DOUBLE).ok()?, PAN, "01").ok()?;
    text(key.expose())
}

fn counted_keys() -> Option<CardKeys> {
    let key = || cipher::KeyBytes::new(&COUNTED).ok();
    Some(CardKeys {
        enc: key()?,
        mac: key()?,
        dek: key()?,
    })
}

fn scp02_session() -> Option<String> {
    let keys = scp02::SessionKeys::derive(&counted_keys()?, [0x00, 0x03]).ok()?;
    text(&[keys.enc.expose(), keys.dek.expose()].concat())
}

fn scp03_session() -> Option<String> {
    let host = std::array::from_fn(|i| 1 + i as u8);
    let card = std::array::from_fn(|i| 0xA1 + i as u8);
    let keys = scp03::SessionKeys::derive(&counted_keys()?, host, card).ok()?;
    text(&[keys.enc.expose(), keys.rmac.expose()].concat())
}

fn rsa() -> Option<String> {
    let key = RsaKey::from_primes(&hex::decode(RSA_P).ok()?, &hex::decode(RSA_Q).ok()?, 3).ok()?;
    let clear = vec![0x42; key.modulus().len()];
    let signature = key
        .apply(&clear, &mut crate::entropy::Stream::new(&[0; 32]))
        .ok()?;
    let opens = raise(key.modulus(), 3, &signature).ok()? == clear;
    text(signature.get(..8)?).filter(|_| opens)
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_known() {
        assert!(
            known_answers().iter().all(|(_, passed)| *passed),
            "{:?}",
            known_answers()
        );
    }
}

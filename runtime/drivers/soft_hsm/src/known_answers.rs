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

/// All known answers, for `cardstation check`.
pub fn known_answers() -> Vec<Answer> {
    vec![
        ("triple DES check value", tdes().is_some()),
        ("AES-128 (FIPS 197, C.1)", aes().is_some()),
        ("SHA-256 (FIPS 180-4)", sha_256()),
        ("card verification value", card_verification().is_some()),
        ("PIN block format 0 (ISO 9564-1)", pin_block().is_some()),
        ("PIN verification value", pin_value().is_some()),
        ("ICC master key, option A", icc_master_key().is_some()),
        ("SCP02 session keys", scp02_session().is_some()),
        ("SCP03 session keys", scp03_session().is_some()),
        ("RSA sign and open", rsa().is_some()),
    ]
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

fn same(found: &[u8], expected: &str) -> Option<()> {
    (hex::encode_upper(found) == expected).then_some(())
}

fn tdes() -> Option<()> {
    // GlobalPlatform's key check value of the test key.
    let key = TdesKey::new(&COUNTED).ok()?;
    same(key.encrypt([0; 8]).get(..3)?, "8BAF47")?;
    (key.decrypt(key.encrypt([7; 8])) == [7; 8]).then_some(())
}

fn aes() -> Option<()> {
    let key: [u8; 16] = std::array::from_fn(|i| i as u8);
    let text: [u8; 16] = std::array::from_fn(|i| 0x11 * i as u8);
    let key = AesKey::new(&key).ok()?;
    same(&key.encrypt(text), "69C4E0D86A7B0430D8CDB78070B4C55A")?;
    (key.decrypt(key.encrypt(text)) == text).then_some(())
}

fn sha_256() -> bool {
    let expected = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    same(&Sha256::digest(b"abc"), expected).is_some()
}

fn card_verification() -> Option<()> {
    let key = TdesKey::new(&DOUBLE).ok()?;
    let value = |service| cvv::cvv(&key, PAN, "2812", service).ok();
    (value("201")?.as_str() == "479" && value("999")?.as_str() == "324").then_some(())
}

fn pin_block() -> Option<()> {
    let pin = Pin::new("1234").ok()?;
    let clear = block::encode_0(&pin, PAN).ok()?;
    same(clear.as_slice(), "041223C6FFEFEFEE")
}

fn pin_value() -> Option<()> {
    let key = TdesKey::new(&DOUBLE).ok()?;
    let value = pvv::pvv(&key, PAN, &Pin::new("1234").ok()?, 1).ok()?;
    (value.as_str() == "0949").then_some(())
}

fn icc_master_key() -> Option<()> {
    let key = keys::option_a(&TdesKey::new(&DOUBLE).ok()?, PAN, "01").ok()?;
    same(key.expose(), "80A89B585BBF64C2F12915BF578FABE0")
}

fn counted_keys() -> Option<CardKeys> {
    let key = || cipher::KeyBytes::new(&COUNTED).ok();
    Some(CardKeys {
        enc: key()?,
        mac: key()?,
        dek: key()?,
    })
}

fn scp02_session() -> Option<()> {
    let keys = scp02::SessionKeys::derive(&counted_keys()?, [0x00, 0x03]).ok()?;
    same(keys.enc.expose(), "C39AC2D18F94A22B14C04DBB8CF69B7F")?;
    same(keys.dek.expose(), "F5352F994F0CAE5DB807D08AE3E055DB")
}

fn scp03_session() -> Option<()> {
    let host = std::array::from_fn(|i| 1 + i as u8);
    let card = std::array::from_fn(|i| 0xA1 + i as u8);
    let keys = scp03::SessionKeys::derive(&counted_keys()?, host, card).ok()?;
    same(keys.enc.expose(), "77AB873F813A0D647EAB50F7380B769B")?;
    same(keys.rmac.expose(), "17F0BD4E1986E45A262D5E22B3086203")
}

fn rsa() -> Option<()> {
    let key = RsaKey::from_primes(&hex::decode(RSA_P).ok()?, &hex::decode(RSA_Q).ok()?, 3).ok()?;
    let text = vec![0x42; key.modulus().len()];
    let signature = key
        .apply(&text, &mut crate::entropy::Stream::new(&[0; 32]))
        .ok()?;
    // The first octets as Python's pow(text, d, n) gives them.
    same(signature.get(..8)?, "778052E9ABC83CA6")?;
    (raise(key.modulus(), 3, &signature).ok()? == text).then_some(())
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

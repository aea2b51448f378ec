//! PIN blocks of ISO 9564-1 format 4 under the bank's open test key.

use cardwright_standards::{
    cipher::AesKey,
    pin::{Pin, block},
    test_keys,
};

/// The zone PIN key that the bank and the bureau share; a test key that everybody knows.
pub(crate) fn open_test_key() -> Result<AesKey, String> {
    let key = test_keys::symmetric_key("aurora.zpk_in", "aes128").map_err(|e| e.to_string())?;
    AesKey::new(key.expose()).map_err(|e| e.to_string())
}

/// A PIN as an enciphered block, hexadecimal.
pub(crate) fn enciphered(key: &AesKey, pin: u32, pan: &str, random: [u8; 8]) -> Option<String> {
    let pin = Pin::new(&format!("{:04}", pin % 10_000)).ok()?;
    let block = block::encipher_4(key, &pin, pan, random).ok()?;
    Some(hex::encode_upper(block))
}

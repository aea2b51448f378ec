//! Card verification values: CVV and CVC (track), CVV2 and CVC2 (printed), iCVV (chip).
//!
//! One function makes all three: the printed value has service code 000, the chip's 999. The
//! expiry goes in as the issuer orders it: YYMM for tracks and chip, YYMM or MMYY when printed.

use crate::cipher::{Block, TdesKey, xor};
use crate::digits::{self, Digits};
use crate::pan::{self, PanError};

/// Why no value was made. Never holds PAN or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CvvError {
    /// The PAN.
    #[error(transparent)]
    Pan(#[from] PanError),
    /// Not four digits.
    #[error("the expiry date has four digits")]
    Expiry,
    /// Not three digits.
    #[error("the service code has three digits")]
    ServiceCode,
    /// A key with three parts.
    #[error("a card verification key has 16 octets")]
    Key,
}

impl CvvError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pan(error) => error.code(),
            Self::Key => "E0590",
            Self::Expiry | Self::ServiceCode => "E0792",
        }
    }
}

/// The three-digit value over PAN, expiry and service code.
///
/// Where the ciphertext holds fewer than three decimal digits, the letters A to F go on as 0 to 5.
pub fn cvv(
    key: &TdesKey,
    pan: &str,
    expiry: &str,
    service_code: &str,
) -> Result<Digits<3>, CvvError> {
    let [first, second] = blocks(pan, expiry, service_code)?;
    check_key(key)?;
    let result = key.encrypt(xor(key.left().encrypt(first), second));
    Ok(value(result))
}

/// Whether a key makes values at all.
pub fn check_key(key: &TdesKey) -> Result<(), CvvError> {
    if key.is_triple() {
        return Err(CvvError::Key);
    }
    Ok(())
}

/// The blocks whose ciphertexts under the whole key hold the values, of many cards at once: the
/// first of each two under the left key, and the second added.
pub fn sums(key: &TdesKey, blocks: &[[[u8; 8]; 2]]) -> Vec<[u8; 8]> {
    let mut sums: Vec<[u8; 8]> = blocks.iter().map(|[first, _]| *first).collect();
    key.left().encrypt_many(&mut sums);
    for (sum, [_, second]) in sums.iter_mut().zip(blocks) {
        *sum = xor(*sum, *second);
    }
    sums
}

/// The two blocks that the value is made of: the first is enciphered under the left key, the second
/// added, and the sum enciphered under the whole key.
pub fn blocks(pan: &str, expiry: &str, service_code: &str) -> Result<[[u8; 8]; 2], CvvError> {
    pan::check_format(pan)?;
    if expiry.len() != 4 || !digits::is_digits(expiry) {
        return Err(CvvError::Expiry);
    }
    if service_code.len() != 3 || !digits::is_digits(service_code) {
        return Err(CvvError::ServiceCode);
    }
    // 19 + 4 + 3 digits at most: always within the two blocks.
    let text = pan
        .bytes()
        .chain(expiry.bytes())
        .chain(service_code.bytes());
    Ok(halves(digits::pack::<16>(text.map(|digit| digit & 0x0F))))
}

/// The three digits of the last ciphertext.
pub fn value(result: [u8; 8]) -> Digits<3> {
    Digits::from_values(digits::decimalise::<3>(&result).unwrap_or_default())
}

fn halves(block: [u8; 16]) -> [[u8; 8]; 2] {
    let value = u128::from_be_bytes(block);
    [
        ((value >> 64) as u64).to_be_bytes(),
        (value as u64).to_be_bytes(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expiry: &str, service: &str) -> String {
        let key = crate::hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap();
        let key = TdesKey::new(&key).unwrap();
        cvv(&key, "4761739001010119", expiry, service)
            .unwrap()
            .as_str()
            .to_owned()
    }

    // Values of pyemv and psec, see tests/vectors/project/vectors.toml.
    #[test]
    fn stripe_print_and_chip() {
        assert_eq!(value("2812", "201"), "479");
        assert_eq!(value("2812", "000"), "260");
        assert_eq!(value("1228", "000"), "445");
        assert_eq!(value("2812", "999"), "324");
    }
}

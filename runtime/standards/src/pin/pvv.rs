//! PIN verification value, Visa method.

use super::block::Field8;
use super::{Pin, PinError};
use crate::cipher::{Block, TdesKey};
use crate::digits::{self, Digits};
use crate::pan::{self, PanError};

/// Highest key index that a PVV may name; 0 means "no PVV".
pub const PVKI_MAX: u8 = 9;

/// The four-digit PVV over 11 digits of the PAN, the key index and the first four PIN digits.
pub fn pvv(key: &TdesKey, pan: &str, pin: &Pin, pvki: u8) -> Result<Digits<4>, PinError> {
    Ok(value(key.encrypt(*block(pan, pin, pvki)?)))
}

/// The block that is enciphered: 11 digits of the PAN, the key's index, 4 digits of the PIN.
pub fn block(pan: &str, pin: &Pin, pvki: u8) -> Result<Field8, PinError> {
    pan::check_format(pan)?;
    if pan.len() < 12 {
        return Err(PanError::Length(pan.len()).into());
    }
    if pvki > PVKI_MAX {
        return Err(PinError::Parameter(
            "the PIN verification key index is one digit",
        ));
    }
    let values = digits::values(pan).ok_or(PanError::NotDigits)?;
    let mut account = [0u8; 11];
    for (place, value) in account.iter_mut().rev().zip(values.rev().skip(1)) {
        *place = value;
    }
    let digits = account
        .into_iter()
        .chain([pvki])
        .chain(pin.values().take(4));
    Ok(Field8::new(digits::pack(digits)))
}

/// The four digits of the ciphertext.
pub fn value(result: [u8; 8]) -> Digits<4> {
    Digits::from_values(digits::decimalise(&result).unwrap_or_default())
}

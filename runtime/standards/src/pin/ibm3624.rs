//! IBM 3624: natural PIN out of the PAN, and the offset between it and the customer's PIN.

use super::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, Pin, PinError};
use crate::cipher::{Block, TdesKey};
use crate::digits;
use crate::pan;
use zeroize::Zeroizing;

/// What an issuer agrees with its authorization host.
pub struct Parameters<'a> {
    /// Sixteen digits: what each nibble 0 to F of the ciphertext becomes.
    pub decimalisation_table: &'a str,
    /// First PAN digit of the validation data, from 0.
    pub validation_start: usize,
    /// Digits of the validation data, up to 16.
    pub validation_length: usize,
    /// What fills the validation data to 16 nibbles on the right: `0` to `F`.
    pub pad: char,
}

/// The natural PIN of `length` digits.
pub fn natural_pin(
    key: &TdesKey,
    pan: &str,
    length: usize,
    parameters: &Parameters<'_>,
) -> Result<Pin, PinError> {
    let result = Zeroizing::new(key.encrypt(validation_block(pan, parameters)?));
    natural_pin_of(&result, length, parameters)
}

/// The natural PIN of an enciphered [`validation_block`].
pub fn natural_pin_of(
    result: &[u8; 8],
    length: usize,
    parameters: &Parameters<'_>,
) -> Result<Pin, PinError> {
    if !(PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&length) {
        return Err(PinError::Length);
    }
    let natural = natural_digits(result, parameters)?;
    Pin::from_values(natural.iter().copied().take(length))
}

/// The offset that, added to the natural PIN, gives `pin`; as long as the PIN.
pub fn offset(
    key: &TdesKey,
    pan: &str,
    pin: &Pin,
    parameters: &Parameters<'_>,
) -> Result<String, PinError> {
    let result = Zeroizing::new(key.encrypt(validation_block(pan, parameters)?));
    offset_of(&result, pin, parameters)
}

/// The offset of an enciphered [`validation_block`].
pub fn offset_of(
    result: &[u8; 8],
    pin: &Pin,
    parameters: &Parameters<'_>,
) -> Result<String, PinError> {
    let natural = natural_digits(result, parameters)?;
    let digits = pin.values().zip(natural.iter());
    Ok(digits
        .map(|(digit, natural)| char::from(b'0' + (10 + digit - natural) % 10))
        .collect())
}

/// The PIN that an offset stands for; as long as the offset.
pub fn pin_from_offset(
    key: &TdesKey,
    pan: &str,
    offset: &str,
    parameters: &Parameters<'_>,
) -> Result<Pin, PinError> {
    let offset = digits::values(offset).ok_or(PinError::Parameter(
        "an offset has digits only, 4 to 12 of them",
    ))?;
    let result = Zeroizing::new(key.encrypt(validation_block(pan, parameters)?));
    let natural = natural_digits(&result, parameters)?;
    if offset.len() > PIN_DIGITS_MAX {
        return Err(PinError::Length);
    }
    Pin::from_values(
        offset
            .zip(natural.iter())
            .map(|(offset, natural)| (offset + natural) % 10),
    )
}

/// The block that is enciphered: digits of the PAN and pad nibbles.
pub fn validation_block(pan: &str, parameters: &Parameters<'_>) -> Result<[u8; 8], PinError> {
    pan::check_format(pan)?;
    table(parameters)?;
    let pad = parameters.pad.to_digit(16);
    let pad = pad.ok_or(PinError::Parameter("the pad is one hexadecimal digit"))? as u8;
    let end = parameters
        .validation_start
        .checked_add(parameters.validation_length);
    let data = end
        .filter(|_| (1..=16).contains(&parameters.validation_length))
        .and_then(|end| pan.get(parameters.validation_start..end))
        .ok_or(PinError::Parameter(
            "the validation data are 1 to 16 digits within the PAN",
        ))?;
    let nibbles = data
        .bytes()
        .map(|digit| digit & 0x0F)
        .chain(std::iter::repeat(pad));
    Ok(digits::pack(nibbles))
}

fn table<'a>(parameters: &Parameters<'a>) -> Result<&'a [u8], PinError> {
    let table = parameters.decimalisation_table.as_bytes();
    if table.len() != 16 || !table.iter().all(u8::is_ascii_digit) {
        return Err(PinError::Parameter("a decimalisation table has 16 digits"));
    }
    Ok(table)
}

/// All 16 decimalised digits.
fn natural_digits(
    result: &[u8; 8],
    parameters: &Parameters<'_>,
) -> Result<Zeroizing<[u8; 16]>, PinError> {
    let table = table(parameters)?;
    let mut values = Zeroizing::new([0u8; 16]);
    for (place, nibble) in values.iter_mut().zip(digits::nibbles(result)) {
        *place = table
            .get(usize::from(nibble))
            .map_or(0, |digit| digit & 0x0F);
    }
    Ok(values)
}

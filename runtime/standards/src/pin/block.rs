//! PIN blocks of ISO 9564-1, formats 0, 1, 2, 3 and 4: clear fields, and the two AES steps of
//! format 4.
//!
//! Random fill is passed in. Decoding is strict: control, length, digits and fill must be exactly
//! what the format says, so that a wrong key or PAN does not pass for a PIN.

use super::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, Pin, PinError};
use crate::cipher::{AesKey, Block, xor};
use crate::digits;
use crate::pan::{self, PanError};
use zeroize::{Zeroize, Zeroizing};

/// A clear field of 8 octets, wiped on drop.
pub type Field8 = Zeroizing<[u8; 8]>;
/// A clear field of 16 octets, wiped on drop.
pub type Field16 = Zeroizing<[u8; 16]>;

/// Format 0: `0 L PIN F…` xor `0000` and 12 digits of the PAN (ISO 9564-1, 9.3.2).
pub fn encode_0(pin: &Pin, pan: &str) -> Result<Field8, PinError> {
    let account = account_field(pan)?;
    Ok(Zeroizing::new(xor(
        *plain_field(0, pin, std::iter::repeat(0x0F)),
        account,
    )))
}

/// Format 1: `1 L PIN` and fill (9.3.3). One fill nibble (0 to 15) for each free position.
pub fn encode_1(pin: &Pin, fill: &[u8]) -> Result<Field8, PinError> {
    let fill = checked_fill(pin, fill, 0x00)?;
    Ok(plain_field(1, pin, fill))
}

/// Format 2: `2 L PIN F…`, for the card only (9.3.4).
pub fn encode_2(pin: &Pin) -> Field8 {
    plain_field(2, pin, std::iter::repeat(0x0F))
}

/// Format 3: as format 0 with fill A to F (9.3.5). One fill nibble (10 to 15) for each free
/// position.
pub fn encode_3(pin: &Pin, pan: &str, fill: &[u8]) -> Result<Field8, PinError> {
    let account = account_field(pan)?;
    let fill = checked_fill(pin, fill, 0x0A)?;
    Ok(Zeroizing::new(xor(*plain_field(3, pin, fill), account)))
}

/// Format 4, PIN field: `4 L PIN A…` and 8 random octets (9.4.2.2).
pub fn pin_field_4(pin: &Pin, random: [u8; 8]) -> Field16 {
    let left = *plain_field(4, pin, std::iter::repeat(0x0A));
    Zeroizing::new(joined(left, random))
}

/// Format 4, PAN field: `M PAN 0…`, M the digits over 12; a shorter PAN is padded to 12 digits with
/// zeros on the left (9.4.2.3).
pub fn pan_field_4(pan: &str) -> Result<[u8; 16], PinError> {
    let values = digits::values(pan).ok_or(PanError::NotDigits)?;
    let length = values.len();
    if length == 0 || length > pan::PAN_DIGITS_MAX {
        return Err(PanError::Length(length).into());
    }
    let over = length.saturating_sub(12) as u8;
    let zeros = std::iter::repeat_n(0, 12usize.saturating_sub(length));
    Ok(digits::pack(
        std::iter::once(over).chain(zeros).chain(values),
    ))
}

/// Format 4, enciphered: AES(AES(PIN field) xor PAN field) (9.4.3).
pub fn encipher_4(
    key: &AesKey,
    pin: &Pin,
    pan: &str,
    random: [u8; 8],
) -> Result<[u8; 16], PinError> {
    let pan_field = pan_field_4(pan)?;
    let inner = key.encrypt(*pin_field_4(pin, random));
    Ok(key.encrypt(xor(inner, pan_field)))
}

/// Format 4, deciphered.
pub fn decipher_4(key: &AesKey, block: &[u8; 16], pan: &str) -> Result<Pin, PinError> {
    let pan_field = pan_field_4(pan)?;
    let field = Zeroizing::new(key.decrypt(xor(key.decrypt(*block), pan_field)));
    decode_pin_field_4(&field)
}

/// The PIN of a format 0 block.
pub fn decode_0(block: &[u8; 8], pan: &str) -> Result<Pin, PinError> {
    let field = Zeroizing::new(xor(*block, account_field(pan)?));
    decode(0, field.as_slice(), |fill| fill == 0x0F)
}

/// The PIN of a format 1 block.
pub fn decode_1(block: &[u8; 8]) -> Result<Pin, PinError> {
    decode(1, block, |_| true)
}

/// The PIN of a format 2 block.
pub fn decode_2(block: &[u8; 8]) -> Result<Pin, PinError> {
    decode(2, block, |fill| fill == 0x0F)
}

/// The PIN of a format 3 block.
pub fn decode_3(block: &[u8; 8], pan: &str) -> Result<Pin, PinError> {
    let field = Zeroizing::new(xor(*block, account_field(pan)?));
    decode(3, field.as_slice(), |fill| fill >= 0x0A)
}

/// The PIN of a format 4 PIN field.
pub fn decode_pin_field_4(field: &[u8; 16]) -> Result<Pin, PinError> {
    let (left, _) = field.split_first_chunk::<8>().ok_or(PinError::Content)?;
    decode(4, left, |fill| fill == 0x0A)
}

/// Fill nibbles A to F for [`encode_3`] out of random octets, one octet each.
pub fn letter_fill(random: &[u8]) -> impl Iterator<Item = u8> + '_ {
    random.iter().map(|octet| 0x0A + octet % 6)
}

/// `0000` and the 12 rightmost digits of the PAN without its check digit, zeros on the left of a
/// shorter one (9.3.2.2).
fn account_field(pan: &str) -> Result<[u8; 8], PanError> {
    pan::check_format(pan)?;
    let values = digits::values(pan).ok_or(PanError::NotDigits)?;
    let mut account = [0u8; 12];
    for (place, value) in account.iter_mut().rev().zip(values.rev().skip(1)) {
        *place = value;
    }
    Ok(digits::pack([0; 4].into_iter().chain(account)))
}

fn plain_field(control: u8, pin: &Pin, fill: impl IntoIterator<Item = u8>) -> Field8 {
    let head = [control, pin.length() as u8];
    Zeroizing::new(digits::pack(
        head.into_iter().chain(pin.values()).chain(fill),
    ))
}

fn checked_fill(pin: &Pin, fill: &[u8], lowest: u8) -> Result<impl Iterator<Item = u8>, PinError> {
    let needed = 14usize.saturating_sub(pin.length());
    let fill = fill.get(..needed).ok_or(PinError::Fill)?;
    if !fill.iter().all(|nibble| (lowest..=0x0F).contains(nibble)) {
        return Err(PinError::Fill);
    }
    Ok(fill.iter().copied())
}

fn decode(control: u8, field: &[u8], fill_is_right: impl Fn(u8) -> bool) -> Result<Pin, PinError> {
    let mut nibbles = digits::nibbles(field);
    if nibbles.next() != Some(control) {
        return Err(PinError::Control(control));
    }
    let length = usize::from(nibbles.next().unwrap_or(0));
    if !(PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&length) {
        return Err(PinError::Content);
    }
    let pin = Pin::from_values(nibbles.by_ref().take(length)).map_err(|_| PinError::Content)?;
    if nibbles.all(fill_is_right) {
        Ok(pin)
    } else {
        Err(PinError::Content)
    }
}

fn joined(left: [u8; 8], right: [u8; 8]) -> [u8; 16] {
    let mut block = [0u8; 16];
    let mut parts = left;
    for (place, octet) in block.iter_mut().zip(parts.iter().chain(&right)) {
        *place = *octet;
    }
    parts.zeroize();
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_its_pin_back() {
        let pan = "4761739001010119";
        let key = AesKey::new(&[7; 16]).unwrap();
        for text in ["1234", "98765", "000000000000"] {
            let pin = Pin::new(text).unwrap();
            let fill: Vec<u8> = letter_fill(&[3, 8, 9, 250, 77, 1, 2, 3, 4, 5]).collect();
            assert_eq!(
                decode_0(&encode_0(&pin, pan).unwrap(), pan)
                    .unwrap()
                    .expose(),
                text
            );
            assert_eq!(
                decode_1(&encode_1(&pin, &fill).unwrap()).unwrap().expose(),
                text
            );
            assert_eq!(decode_2(&encode_2(&pin)).unwrap().expose(), text);
            let block = encode_3(&pin, pan, &fill).unwrap();
            assert_eq!(decode_3(&block, pan).unwrap().expose(), text);
            let block = encipher_4(&key, &pin, pan, [9; 8]).unwrap();
            assert_eq!(decipher_4(&key, &block, pan).unwrap().expose(), text);
            assert!(decipher_4(&key, &block, "4761739001010127").is_err());
        }
    }

    // Values of psec, see tests/vectors/project/vectors.toml.
    #[test]
    fn known_blocks() {
        let pin = Pin::new("1234").unwrap();
        let hex = |octets: &[u8]| crate::hex::encode(octets);
        assert_eq!(
            hex(&*encode_0(&pin, "4761739001010119").unwrap()),
            "041223C6FFEFEFEE"
        );
        assert_eq!(hex(&*encode_2(&pin)), "241234FFFFFFFFFF");
        let field = pan_field_4("4761739001010119").unwrap();
        assert_eq!(hex(&field), "44761739001010119000000000000000");
    }

    #[test]
    fn fill_must_suit_the_format() {
        let pin = Pin::new("1234").unwrap();
        assert!(encode_1(&pin, &[0; 9]).is_err());
        assert!(encode_3(&pin, "4761739001010119", &[0x09; 10]).is_err());
    }
}

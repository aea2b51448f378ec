//! What a card keeps of a PIN, and what is enciphered for it: fields of 8 octets beside those of
//! ISO 9564, and the clear text of an offline PIN under the card's public key.

use super::block::{Field8, encode_2};
use super::{Pin, PinError};
use zeroize::Zeroizing;

/// Octets of an offline PIN's clear text before its fill: `7F`, block, challenge.
const HEAD_OCTETS: usize = 17;
/// Octets of a card's challenge (GET CHALLENGE, EMV Book 3, 6.5.6).
const CHALLENGE_OCTETS: usize = 8;
/// Longest modulus of a card, in octets.
const MODULUS_OCTETS_MAX: usize = 256;

/// ASCII digits, `FF` to eight octets (SP 800-73-4, 2.4.3).
///
/// # Errors
/// A PIN of more than 8 digits.
pub fn ascii_field(pin: &Pin) -> Result<Field8, PinError> {
    let mut field = Zeroizing::new([0xFF; 8]);
    if pin.length() > field.len() {
        return Err(PinError::Parameter(
            "a PIN of more than 8 digits in 8 octets",
        ));
    }
    for (slot, digit) in field.iter_mut().zip(pin.expose().bytes()) {
        *slot = digit;
    }
    Ok(field)
}

/// Two digits an octet, `F` to eight octets.
pub fn packed_field(pin: &Pin) -> Field8 {
    let mut field = Zeroizing::new([0xFF; 8]);
    for (at, digit) in pin.expose().bytes().enumerate() {
        if let Some(slot) = field.get_mut(at / 2) {
            let digit = digit & 0x0F;
            *slot = match at % 2 {
                0 => digit << 4 | 0x0F,
                _ => *slot & 0xF0 | digit,
            };
        }
    }
    field
}

/// The layout of format 2 with control nibble 0: a block of format 0 before the PAN.
pub fn plain_field_0(pin: &Pin) -> Field8 {
    let mut field = encode_2(pin);
    if let Some(control) = field.first_mut() {
        *control &= 0x0F;
    }
    field
}

/// Clear text of an offline PIN as long as the card's modulus: `7F`, the block of format 2, the
/// card's challenge, fill (EMV Book 2, 7.2, table 25). `fill` fills octets with unpredictable ones.
///
/// # Errors
/// Another length of the challenge, a modulus that is too short or too long.
pub fn offline_text(
    pin: &Pin,
    modulus_octets: usize,
    challenge: &[u8],
    fill: impl FnOnce(&mut [u8]),
) -> Result<Zeroizing<Vec<u8>>, PinError> {
    check_offline(modulus_octets, challenge)?;
    let mut clear = Zeroizing::new(vec![0u8; modulus_octets]);
    let block = encode_2(pin);
    let head = [0x7F].iter().chain(block.iter()).chain(challenge);
    for (slot, octet) in clear.iter_mut().zip(head) {
        *slot = *octet;
    }
    fill(clear.get_mut(HEAD_OCTETS..).unwrap_or_default());
    Ok(clear)
}

/// Whether an offline PIN can be enciphered for a card at all.
///
/// # Errors
/// Another length of the challenge, a modulus that is too short or too long.
pub fn check_offline(modulus_octets: usize, challenge: &[u8]) -> Result<(), PinError> {
    if challenge.len() != CHALLENGE_OCTETS {
        return Err(PinError::Parameter(
            "a card challenge that has not 8 octets",
        ));
    }
    match (HEAD_OCTETS..=MODULUS_OCTETS_MAX).contains(&modulus_octets) {
        true => Ok(()),
        false => Err(PinError::Parameter(
            "a card's modulus too short or too long",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    fn pin(text: &str) -> Pin {
        Pin::new(text).unwrap()
    }

    #[test]
    fn fields_of_cards() {
        // SP 800-73-4, 2.4.3: "31 32 33 34 35 36 FF FF" for 123456.
        let field = ascii_field(&pin("123456")).unwrap();
        assert_eq!(hex::encode(field.as_slice()), "313233343536FFFF");
        assert!(ascii_field(&pin("123456789")).is_err());
        let packed = |text| hex::encode(packed_field(&pin(text)).as_slice());
        assert_eq!(packed("1234"), "1234FFFFFFFFFFFF");
        assert_eq!(packed("12345"), "12345FFFFFFFFFFF");
        let plain = plain_field_0(&pin("1234"));
        assert_eq!(hex::encode(plain.as_slice()), "041234FFFFFFFFFF");
    }

    #[test]
    fn an_offline_pin_before_it_is_enciphered() {
        let fill = |octets: &mut [u8]| octets.fill(0xAB);
        let text = offline_text(&pin("1234"), 64, &[1, 2, 3, 4, 5, 6, 7, 8], fill).unwrap();
        let (head, tail) = text.split_at(17);
        assert_eq!(hex::encode(head), "7F241234FFFFFFFFFF0102030405060708");
        assert!(tail.len() == 47 && tail.iter().all(|octet| *octet == 0xAB));
        assert!(check_offline(64, &[0; 7]).is_err());
        assert!(check_offline(16, &[0; 8]).is_err() && check_offline(257, &[0; 8]).is_err());
    }
}

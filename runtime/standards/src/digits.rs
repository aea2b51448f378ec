//! Decimal digits: small wiped strings of digits, and decimalisation of ciphertext.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` decimal digits, such as a CVV or a PVV. Sensitive: no Debug, wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Digits<const N: usize>([u8; N]);

impl<const N: usize> Digits<N> {
    /// From digit values 0 to 9; values above are reduced modulo 10.
    pub fn from_values(values: [u8; N]) -> Self {
        Self(values.map(|value| b'0' + value % 10))
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The high and low nibbles of octets, left to right.
pub fn nibbles(octets: &[u8]) -> impl Iterator<Item = u8> + '_ {
    octets.iter().flat_map(|octet| [octet >> 4, octet & 0x0F])
}

/// Packs nibbles into octets from the left; missing nibbles are zero, surplus ones are dropped.
pub fn pack<const N: usize>(values: impl IntoIterator<Item = u8>) -> [u8; N] {
    let mut block = [0u8; N];
    let mut values = values.into_iter();
    for octet in &mut block {
        let high = values.next().unwrap_or(0) & 0x0F;
        let low = values.next().unwrap_or(0) & 0x0F;
        *octet = high << 4 | low;
    }
    block
}

/// Picks `N` decimal digits out of ciphertext: first every nibble 0 to 9 from left to right, then
/// the nibbles A to F from left to right as 0 to 5. This is how CVV, PVV (Visa method) and option
/// B of EMV Book 2 A1.4.2 decimalise. Gives none when the octets hold fewer than `N` nibbles.
pub fn decimalise<const N: usize>(octets: &[u8]) -> Option<[u8; N]> {
    let decimals = nibbles(octets).filter(|nibble| *nibble < 10);
    let letters = nibbles(octets).filter(|nibble| *nibble >= 10);
    let mut picked = decimals.chain(letters.map(|nibble| nibble - 10));
    let mut values = [0u8; N];
    for value in &mut values {
        *value = picked.next()?;
    }
    Some(values)
}

/// The value of each digit of a text; none when a character is not an ASCII digit.
pub fn values(text: &str) -> Option<impl DoubleEndedIterator<Item = u8> + ExactSizeIterator + '_> {
    is_digits(text).then(|| text.bytes().map(|digit| digit - b'0'))
}

/// Whether a text consists of ASCII digits only; true for the empty text.
pub fn is_digits(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_before_letters() {
        assert_eq!(decimalise::<3>(&[0xA1, 0xB2, 0x3C]), Some([1, 2, 3]));
        assert_eq!(decimalise::<3>(&[0xAB, 0xCD, 0xE9]), Some([9, 0, 1]));
        assert_eq!(decimalise::<3>(&[0xAF]), None);
    }

    #[test]
    fn nibbles_are_packed_from_the_left() {
        assert_eq!(pack::<2>([1, 2, 3]), [0x12, 0x30]);
        assert!(values("12a").is_none());
        assert_eq!(Digits::from_values([1, 0, 9]).as_str(), "109");
    }
}

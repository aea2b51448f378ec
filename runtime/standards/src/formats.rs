//! Data element formats of EMV Book 3, 4.3: n, cn, an, ans, a, b.

use crate::digits;

/// The longest data element that is coded here, in octets.
pub const OCTETS_MAX: usize = 4096;

/// Why text can't be coded in a format. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// More characters than the element has room for.
    #[error("{found} characters do not fit into {room}")]
    TooLong {
        /// Characters given.
        found: usize,
        /// Characters that fit.
        room: usize,
    },
    /// A character outside the format's repertoire.
    #[error("character {position} is not allowed in format {format}")]
    Character {
        /// From 1.
        position: usize,
        /// Name of the format.
        format: &'static str,
    },
    /// Coded octets that are not of the format.
    #[error("the octets are not coded in format {format}")]
    Octets {
        /// Name of the format.
        format: &'static str,
    },
}

impl FormatError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0390"
    }
}

/// Numeric: digits, right justified, padded with leading zero nibbles to `octets`.
pub fn numeric(text: &str, octets: usize) -> Result<Vec<u8>, FormatError> {
    check(text, octets, "n")?;
    let zeros = octets * 2 - text.len();
    Ok(pack(
        std::iter::repeat_n(0, zeros).chain(values(text)),
        octets,
    ))
}

/// Compressed numeric: digits, left justified, padded with trailing `F` nibbles to `octets`.
pub fn compressed_numeric(text: &str, octets: usize) -> Result<Vec<u8>, FormatError> {
    check(text, octets, "cn")?;
    Ok(pack(values(text).chain(std::iter::repeat(0x0F)), octets))
}

/// Digits of a numeric element, leading zeros kept.
pub fn numeric_text(coded: &[u8]) -> Result<String, FormatError> {
    text_of(digits::nibbles(coded), "n")
}

/// Digits of a compressed numeric element, without its `F` padding.
pub fn compressed_numeric_text(coded: &[u8]) -> Result<String, FormatError> {
    let mut padding = digits::nibbles(coded).skip_while(|nibble| *nibble != 0x0F);
    if !padding.all(|nibble| nibble == 0x0F) {
        return Err(FormatError::Octets { format: "cn" });
    }
    text_of(
        digits::nibbles(coded).take_while(|nibble| *nibble != 0x0F),
        "cn",
    )
}

/// Alphabetic (EMV Book 3, 4.3): letters of ASCII.
pub fn is_a(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_alphabetic())
}

/// Alphanumeric: letters and digits of ASCII.
pub fn is_an(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

/// Alphanumeric special: the common character set of EMV Book 4 annex B, 20 to 7E.
pub fn is_ans(text: &str) -> bool {
    text.bytes().all(|octet| (0x20..=0x7E).contains(&octet))
}

/// The first character (from 1) of `text` that `allowed` refuses.
pub fn first_refused(text: &str, allowed: impl Fn(char) -> bool) -> Option<usize> {
    text.chars()
        .position(|character| !allowed(character))
        .map(|position| position + 1)
}

fn check(text: &str, octets: usize, format: &'static str) -> Result<(), FormatError> {
    if let Some(position) = first_refused(text, |character| character.is_ascii_digit()) {
        return Err(FormatError::Character { position, format });
    }
    let room = octets.min(OCTETS_MAX) * 2;
    if text.len() > room || octets > OCTETS_MAX {
        return Err(FormatError::TooLong {
            found: text.len(),
            room,
        });
    }
    Ok(())
}

fn values(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().map(|digit| digit & 0x0F)
}

fn pack(mut nibbles: impl Iterator<Item = u8>, octets: usize) -> Vec<u8> {
    let mut next = || nibbles.next().unwrap_or(0);
    (0..octets).map(|_| next() << 4 | next()).collect()
}

fn text_of(nibbles: impl Iterator<Item = u8>, format: &'static str) -> Result<String, FormatError> {
    nibbles
        .map(|nibble| char::from_digit(u32::from(nibble), 10))
        .collect::<Option<String>>()
        .ok_or(FormatError::Octets { format })
}

#[cfg(test)]
mod tests {
    use super::*;

    // EMV Book 3, 4.3 gives 12345 in six octets: n 00 00 00 01 23 45, cn 12 34 5F FF FF FF.
    #[test]
    fn the_examples_of_book_3() {
        assert_eq!(numeric("12345", 6), Ok(vec![0, 0, 0, 1, 0x23, 0x45]));
        let coded = compressed_numeric("12345", 6);
        assert_eq!(coded, Ok(vec![0x12, 0x34, 0x5F, 0xFF, 0xFF, 0xFF]));
        assert_eq!(
            compressed_numeric_text(&[0x12, 0x34, 0x5F, 0xFF]),
            Ok("12345".into())
        );
        assert_eq!(numeric_text(&[0, 0x12]), Ok("0012".into()));
    }

    #[test]
    fn what_is_refused() {
        let too_long = FormatError::TooLong { found: 5, room: 4 };
        assert_eq!(numeric("12345", 2), Err(too_long));
        let character = FormatError::Character {
            position: 2,
            format: "cn",
        };
        assert_eq!(compressed_numeric("1A", 2), Err(character));
        let octets = FormatError::Octets { format: "cn" };
        assert_eq!(compressed_numeric_text(&[0x1F, 0x2F]), Err(octets));
        assert!(numeric("1", usize::MAX).is_err());
        assert!(is_ans("A/B ~") && !is_ans("é") && is_an("aZ9") && !is_an(" ") && is_a("a"));
    }
}

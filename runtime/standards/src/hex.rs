//! Hexadecimal text, upper case out, any case in.

/// Why a text is not hexadecimal. The text itself is not repeated: it may be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// An odd number of characters.
    #[error("hexadecimal text must have an even number of characters, found {0}")]
    OddLength(usize),
    /// A character outside 0-9, A-F, a-f.
    #[error("character {0} is not a hexadecimal digit")]
    NotHexadecimal(usize),
}

/// Octets as upper-case hexadecimal text.
pub fn encode(octets: &[u8]) -> String {
    ::hex::encode_upper(octets)
}

/// Hexadecimal text as octets. Spaces are not accepted.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    if !text.len().is_multiple_of(2) {
        return Err(HexError::OddLength(text.len()));
    }
    ::hex::decode(text).map_err(|error| match error {
        ::hex::FromHexError::InvalidHexCharacter { index, .. } => {
            HexError::NotHexadecimal(index + 1)
        }
        _ => HexError::OddLength(text.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_faults() {
        assert_eq!(decode("00aBFf"), Ok(vec![0, 0xAB, 0xFF]));
        assert_eq!(encode(&[0, 0xAB]), "00AB");
        assert_eq!(decode("123"), Err(HexError::OddLength(3)));
        assert_eq!(decode("1x"), Err(HexError::NotHexadecimal(2)));
    }
}

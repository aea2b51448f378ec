//! PINs: ISO 9564-1 blocks, Visa PVV, IBM 3624 offset. A clear PIN is a wiped type without Debug.

pub mod block;
pub mod card;
pub mod ibm3624;
pub mod pvv;

use crate::pan::PanError;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Fewest digits of a PIN (ISO 9564-1, 5.1).
pub const PIN_DIGITS_MIN: usize = 4;
/// Most digits of a PIN (ISO 9564-1, 5.1).
pub const PIN_DIGITS_MAX: usize = 12;

/// Why a PIN operation failed. Never holds digits of a PIN or PAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Wrong number of digits.
    #[error("a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits")]
    Length,
    /// A character that is not a digit.
    #[error("a PIN has digits only")]
    NotDigits,
    /// The PAN.
    #[error(transparent)]
    Pan(#[from] PanError),
    /// The control nibble is not that of the format.
    #[error("the block is not a PIN block of format {0}")]
    Control(u8),
    /// Length, digits or fill are not what the format asks for: wrong key, wrong PAN or a changed
    /// block.
    #[error("the PIN block does not hold a PIN for this PAN")]
    Content,
    /// The block has a wrong length.
    #[error("a PIN block of format {format} has {expected} octets, found {found}")]
    BlockLength {
        /// Format number.
        format: u8,
        /// Octets needed.
        expected: usize,
        /// Octets found.
        found: usize,
    },
    /// Too few or unsuitable fill digits were passed in.
    #[error("fill digits are missing or outside A to F")]
    Fill,
    /// A parameter of a verification method, named.
    #[error("{0}")]
    Parameter(&'static str),
}

impl PinError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length | Self::NotDigits => "E0690",
            Self::Pan(error) => error.code(),
            Self::Control(_) | Self::Content | Self::BlockLength { .. } => "E0691",
            Self::Fill | Self::Parameter(_) => "E0692",
        }
    }
}

/// A clear PIN of 4 to 12 digits: no Debug, no Clone, compared in constant time, wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Pin {
    text: [u8; PIN_DIGITS_MAX],
    length: usize,
}

impl Pin {
    /// From text.
    pub fn new(text: &str) -> Result<Self, PinError> {
        if !text.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(PinError::NotDigits);
        }
        Self::from_values(text.bytes().map(|octet| octet - b'0'))
    }

    /// From digit values 0 to 9.
    pub fn from_values(values: impl IntoIterator<Item = u8>) -> Result<Self, PinError> {
        let mut pin = Self {
            text: [0; PIN_DIGITS_MAX],
            length: 0,
        };
        for value in values {
            if value > 9 {
                return Err(PinError::NotDigits);
            }
            *pin.text.get_mut(pin.length).ok_or(PinError::Length)? = b'0' + value;
            pin.length += 1;
        }
        if pin.length < PIN_DIGITS_MIN {
            return Err(PinError::Length);
        }
        Ok(pin)
    }

    /// Number of digits.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The digits as text, for the moment of their use.
    pub fn expose(&self) -> &str {
        let digits = self.text.get(..self.length).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }

    /// The value of each digit.
    pub(crate) fn values(&self) -> impl Iterator<Item = u8> + '_ {
        self.text.iter().take(self.length).map(|octet| octet & 0x0F)
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && bool::from(self.text.ct_eq(&other.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_to_twelve_digits() {
        assert!(Pin::new("123").is_err() && Pin::new("1234567890123").is_err());
        assert!(matches!(Pin::new("12a4"), Err(PinError::NotDigits)));
        assert_eq!(Pin::new("123456789012").unwrap().expose(), "123456789012");
        assert!(Pin::new("1234").unwrap() == Pin::from_values([1, 2, 3, 4]).unwrap());
    }
}

//! AES key wrap: RFC 3394 (NIST SP 800-38F, KW) for keys of whole 8 octets, RFC 5649 (KWP) for any
//! length, such as private keys in DER.

use crate::cipher::CipherError;
use aes_kw::{AesKw, AesKwp, Error, KeyInit};
use zeroize::Zeroizing;

/// Longest wrapped key in octets; longer than any key.
pub const WRAPPED_MAX: usize = 8192;

/// Why a key can't be wrapped or opened. Never holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyWrapError {
    /// The wrapping key.
    #[error("the wrapping key: {0}")]
    WrappingKey(#[from] CipherError),
    /// RFC 3394 takes at least two blocks of 8 octets, and whole ones.
    #[error("RFC 3394 wraps whole blocks of 8 octets, at least 2; use the padded form")]
    Blocks,
    /// Too short or too long.
    #[error("{0} octets are no wrapped key")]
    Length(usize),
    /// Another wrapping key, or changed.
    #[error("the wrapped key does not open: another wrapping key, or it was changed")]
    Integrity,
}

impl KeyWrapError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrappingKey(error) => error.code(),
            _ => "E0599",
        }
    }
}

/// Both forms under keys of every length.
trait Wrapping {
    fn wrap<'b>(&self, key: &[u8], to: &'b mut [u8]) -> Result<&'b [u8], Error>;
    fn unwrap<'b>(&self, key: &[u8], to: &'b mut [u8]) -> Result<&'b [u8], Error>;
}

macro_rules! wrapping {
    ($($form:ident $cipher:ident),*) => {$(
        impl Wrapping for $form<aes::$cipher> {
            fn wrap<'b>(&self, key: &[u8], to: &'b mut [u8]) -> Result<&'b [u8], Error> {
                self.wrap_key(key, to)
            }
            fn unwrap<'b>(&self, key: &[u8], to: &'b mut [u8]) -> Result<&'b [u8], Error> {
                self.unwrap_key(key, to)
            }
        }
    )*};
}

wrapping!(AesKw Aes128, AesKw Aes192, AesKw Aes256, AesKwp Aes128, AesKwp Aes192, AesKwp Aes256);

/// The cipher of a wrapping key; with padding or without.
fn cipher(padded: bool, key: &[u8]) -> Result<Box<dyn Wrapping>, CipherError> {
    let wrong = |_| CipherError::KeyLength {
        found: key.len(),
        expected: "AES keys have 16, 24 or 32 octets",
    };
    Ok(match (padded, key.len()) {
        (false, 16) => Box::new(AesKw::<aes::Aes128>::new_from_slice(key).map_err(wrong)?),
        (false, 24) => Box::new(AesKw::<aes::Aes192>::new_from_slice(key).map_err(wrong)?),
        (false, _) => Box::new(AesKw::<aes::Aes256>::new_from_slice(key).map_err(wrong)?),
        (true, 16) => Box::new(AesKwp::<aes::Aes128>::new_from_slice(key).map_err(wrong)?),
        (true, 24) => Box::new(AesKwp::<aes::Aes192>::new_from_slice(key).map_err(wrong)?),
        (true, _) => Box::new(AesKwp::<aes::Aes256>::new_from_slice(key).map_err(wrong)?),
    })
}

/// Wraps a key of whole 8 octets, at least 16 (RFC 3394, 2.2.1).
pub fn wrap(wrapping_key: &[u8], key: &[u8]) -> Result<Vec<u8>, KeyWrapError> {
    if key.len() < 16 || !key.len().is_multiple_of(8) || key.len() > WRAPPED_MAX {
        return Err(KeyWrapError::Blocks);
    }
    let mut wrapped = vec![0; key.len() + 8];
    cipher(false, wrapping_key)?
        .wrap(key, &mut wrapped)
        .map(|_| ())
        .map_err(|_| KeyWrapError::Blocks)?;
    Ok(wrapped)
}

/// Opens what [`wrap`] made (RFC 3394, 2.2.2).
pub fn unwrap(wrapping_key: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyWrapError> {
    let length = wrapped.len();
    if !(24..=WRAPPED_MAX).contains(&length) || !length.is_multiple_of(8) {
        return Err(KeyWrapError::Length(length));
    }
    let mut key = Zeroizing::new(vec![0; length - 8]);
    cipher(false, wrapping_key)?
        .unwrap(wrapped, &mut key)
        .map(|_| ())
        .map_err(|_| KeyWrapError::Integrity)?;
    Ok(key)
}

/// Wraps a key of any length with padding (RFC 5649, 4.1).
pub fn wrap_padded(wrapping_key: &[u8], key: &[u8]) -> Result<Vec<u8>, KeyWrapError> {
    if key.is_empty() || key.len() > WRAPPED_MAX - 16 {
        return Err(KeyWrapError::Length(key.len()));
    }
    let mut wrapped = vec![0; key.len().next_multiple_of(8) + 8];
    cipher(true, wrapping_key)?
        .wrap(key, &mut wrapped)
        .map(|_| ())
        .map_err(|_| KeyWrapError::Length(key.len()))?;
    Ok(wrapped)
}

/// Opens what [`wrap_padded`] made (RFC 5649, 4.2).
pub fn unwrap_padded(
    wrapping_key: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyWrapError> {
    let length = wrapped.len();
    if !(16..=WRAPPED_MAX).contains(&length) || !length.is_multiple_of(8) {
        return Err(KeyWrapError::Length(length));
    }
    let mut key = Zeroizing::new(vec![0; length]);
    let octets = cipher(true, wrapping_key)?
        .unwrap(wrapped, &mut key)
        .map(|key| key.len())
        .map_err(|_| KeyWrapError::Integrity)?;
    key.truncate(octets);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_and_length_is_refused() {
        let (kek, key) = ([3; 16], [7; 21]);
        let plain = wrap(&kek, &key[..16]).unwrap();
        let padded = wrap_padded(&kek, &key).unwrap();
        for at in 0..plain.len() * 8 {
            let mut changed = plain.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(unwrap(&kek, &changed).err(), Some(KeyWrapError::Integrity));
        }
        for at in 0..padded.len() * 8 {
            let mut changed = padded.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(
                unwrap_padded(&kek, &changed).err(),
                Some(KeyWrapError::Integrity)
            );
        }
        for length in 0..padded.len() {
            assert!(unwrap_padded(&kek, &padded[..length]).is_err());
            assert!(unwrap(&kek, &plain[..length.min(plain.len() - 1)]).is_err());
        }
        assert_eq!(
            unwrap(&[4; 16], &plain).err(),
            Some(KeyWrapError::Integrity)
        );
        assert_eq!(wrap(&kek, &key).err(), Some(KeyWrapError::Blocks));
        assert_eq!(wrap(&kek, &key[..8]).err(), Some(KeyWrapError::Blocks));
        assert!(wrap_padded(&kek, &[]).is_err());
        assert_eq!(
            wrap(&kek[..15], &key[..16]).err().map(|it| it.code()),
            Some("E0590")
        );
    }
}

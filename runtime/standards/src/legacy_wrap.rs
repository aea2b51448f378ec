//! Legacy wrapping of 3DES keys under a 3DES key, without header and MAC: each 8 octets by
//! themselves (ANSI X9.17 for double and triple-length keys), or chained.
//!
//! Nothing binds the parts of such a key to each other or to a use, so that parts can be exchanged
//! and the key be used for something else. [`crate::key_policy`] lets it pass only by an explicit
//! exception with a last day. Vendor forms with variants of the wrapping key are not made here.

use crate::cipher::{self, CipherError, TdesKey};
use crate::des_keys::{self, Weakness};
use zeroize::Zeroizing;

/// How the parts are enciphered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyForm {
    /// Each part by itself.
    Ecb,
    /// Chained from a block of zeros or an agreed one.
    Cbc([u8; 8]),
}

/// Why a legacy wrapped key is refused. Never holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// The wrapping key.
    #[error("the wrapping key: {0}")]
    WrappingKey(#[from] CipherError),
    /// Only 3DES keys travel like this.
    #[error("legacy forms carry 3DES keys of 16 or 24 octets, found {0}")]
    Length(usize),
    /// The parity is the only sign that the key opened right.
    #[error("the key has no odd parity: another wrapping key, or it was changed")]
    Parity,
    /// A weak key.
    #[error("the key is refused: {0}")]
    Weak(#[from] Weakness),
}

impl LegacyError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrappingKey(error) => error.code(),
            _ => "E0599",
        }
    }
}

/// Wraps a 3DES key; it gets odd parity first, as the receiver will look for it.
pub fn wrap(form: LegacyForm, wrapping_key: &[u8], key: &[u8]) -> Result<Vec<u8>, LegacyError> {
    check_length(key)?;
    let wrapping = TdesKey::new(wrapping_key)?;
    let mut data = Zeroizing::new(key.to_vec());
    des_keys::set_odd_parity(&mut data);
    check_weak(&data)?;
    match form {
        LegacyForm::Ecb => cipher::ecb_encrypt(&wrapping, &mut data)?,
        LegacyForm::Cbc(initial) => cipher::cbc_encrypt(&wrapping, initial, &mut data)?,
    }
    Ok(data.to_vec())
}

/// Opens a wrapped 3DES key. A key without odd parity, or a weak one, is refused.
pub fn unwrap(
    form: LegacyForm,
    wrapping_key: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, LegacyError> {
    check_length(wrapped)?;
    let wrapping = TdesKey::new(wrapping_key)?;
    let mut data = Zeroizing::new(wrapped.to_vec());
    match form {
        LegacyForm::Ecb => cipher::ecb_decrypt(&wrapping, &mut data)?,
        LegacyForm::Cbc(initial) => cipher::cbc_decrypt(&wrapping, initial, &mut data)?,
    }
    if !des_keys::has_odd_parity(&data) {
        return Err(LegacyError::Parity);
    }
    check_weak(&data)?;
    Ok(data)
}

fn check_length(key: &[u8]) -> Result<(), LegacyError> {
    match key.len() {
        16 | 24 => Ok(()),
        other => Err(LegacyError::Length(other)),
    }
}

fn check_weak(key: &[u8]) -> Result<(), LegacyError> {
    des_keys::weakness(key).map_or(Ok(()), |weakness| Err(weakness.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    // Made with OpenSSL 3.0: `openssl enc -des-ede3 -nopad` and `-des-ede3-cbc -iv 0`, with the key
    // of NIST SP 800-67, B.1, over the double-length key of pyemv's tests.
    #[test]
    fn ecb_and_cbc_of_openssl() {
        let kek = hex::decode("0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123").unwrap();
        let key = hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap();
        for (form, expected) in [(LegacyForm::Ecb, ECB), (LegacyForm::Cbc([0; 8]), CBC)] {
            let wrapped = wrap(form, &kek, &key).unwrap();
            assert_eq!(hex::encode(&wrapped), expected);
            assert_eq!(*unwrap(form, &kek, &wrapped).unwrap(), key);
        }
    }

    const ECB: &str = "F2AFD84EE809E2B50737F6C53750D4A4";
    const CBC: &str = "F2AFD84EE809E2B54323C84321BD5A51";

    #[test]
    fn what_is_refused() {
        let (kek, form) = ([0x1C; 16], LegacyForm::Ecb);
        let key = hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap();
        let wrapped = wrap(form, &kek, &key).unwrap();
        let other = unwrap(form, b"another key of 1", &wrapped);
        assert_eq!(other.err(), Some(LegacyError::Parity));
        assert_eq!(
            wrap(form, &kek, &key[..8]).err(),
            Some(LegacyError::Length(8))
        );
        assert_eq!(unwrap(form, &kek, &[]).err(), Some(LegacyError::Length(0)));
        let equal = [&wrapped[..8], &wrapped[..8]].concat();
        let equal = unwrap(form, &kek, &equal);
        assert_eq!(equal.err(), Some(LegacyError::Weak(Weakness::EqualParts)));
        assert_eq!(
            wrap(form, &kek, &[0; 16]).err(),
            Some(LegacyError::Weak(Weakness::Weak(1)))
        );
        assert_eq!(
            wrap(form, &kek[..8], &key).err().map(|it| it.code()),
            Some("E0590")
        );
    }
}

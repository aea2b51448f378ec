//! Key blocks: ANSI X9.143 (formerly TR-31), versions A, B, C and D, and ISO 20038's version E.
//!
//! A block is a readable header with optional blocks, the enciphered key with its length and random
//! fill, and a MAC that binds both. Versions A and C encipher first and MAC the ciphertext with
//! variants of the protection key; B, D and E derive both keys with CMAC, MAC the clear key and
//! start the encryption (CBC, for E CTR) with the MAC.
//!
//! [`wrap`] and [`unwrap`] do the cryptography and no more. [`open`] and [`seal`] are for keys that
//! are to be used: they know what the header's codes mean, refuse what does not go together, and
//! verify the check values that a block carries.

mod attributes;
mod binding;
mod header;
mod open;
mod optional;
mod outside;
mod private_key;
mod terms;

pub use attributes::{Attributes, Fault, KeyVersion, Shown};
pub use binding::{DerivationTexts, ProtectionKeys};
pub use header::{Header, OptionalBlock};
pub use open::{Acceptance, KeyType, Opened, check_key, open, open_with, seal, seal_with};
pub use optional::{
    Certificate, CheckValue, CheckValueMethod, Derivation, HmacHash, OPTIONAL_BLOCKS, Optional,
    OptionalRow,
};
pub use outside::{Apart, prepared};
pub use private_key::{PrivateKeyForm, private_key_form};
pub use terms::{
    ALGORITHMS, Algorithm, AlgorithmRow, CONTEXTS, Context, EXPORTABILITIES, Exportability, MODES,
    Mode, ModeRow, USAGES, Usage, UsageRow, Version,
};

use crate::cipher::{CipherError, KEY_OCTETS_MAX};
use crate::hex;
use binding::BlockKeys;
use zeroize::Zeroizing;

/// Longest key block in characters: its length has four digits.
pub const CHARACTERS_MAX: usize = 9999;
/// Longest key that is wrapped, in octets.
pub const KEY_MAX: usize = 4096;

/// Why a key block can't be made or opened. Never holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyBlockError {
    /// The header is malformed, with the field's name.
    #[error("key block header: {0}")]
    Header(&'static str),
    /// The protection key.
    #[error("the key block protection key: {0}")]
    ProtectionKey(#[from] CipherError),
    /// The length field, or what follows the header.
    #[error("the key block's length does not fit what it holds")]
    Length,
    /// The MAC: another protection key, or a changed block.
    #[error("the key block's MAC is wrong: another protection key, or it was changed")]
    Mac,
    /// The key inside is malformed.
    #[error("the key inside the block has an impossible length")]
    Key,
    /// Fill that does not make whole blocks.
    #[error("{needed} octets of random fill are needed, found {found}")]
    Fill {
        /// Octets needed.
        needed: usize,
        /// Octets given.
        found: usize,
    },
    /// Header, optional blocks or key do not go together, or the caller does not accept them.
    #[error("key block refused: {0}")]
    Refused(#[from] Fault),
    /// A check value in the block is another than that of the key it speaks of.
    #[error("optional block {0}: the check value is that of another key")]
    CheckValue(&'static str),
}

impl KeyBlockError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ProtectionKey(error) => error.code(),
            Self::Mac => "E0592",
            Self::Refused(_) => "E0596",
            Self::CheckValue(_) => "E0597",
            _ => "E0591",
        }
    }
}

/// What was inside a key block.
pub struct Unwrapped {
    /// Header.
    pub header: Header,
    /// Header and optional blocks as they stood in the block.
    pub header_text: String,
    /// Key.
    pub key: Zeroizing<Vec<u8>>,
    /// Random fill behind the key.
    pub fill: Zeroizing<Vec<u8>>,
}

/// How many octets of random fill [`wrap`] needs: up to a whole block, and for DES and AES keys up
/// to the longest key of the algorithm, so that the block's length does not tell the key's.
pub fn fill_octets(header: &Header, key_octets: usize) -> Result<usize, KeyBlockError> {
    let version = Version::of(header.version)?;
    let longest = match header.algorithm {
        'T' | 'D' => 24,
        'A' => KEY_OCTETS_MAX,
        _ => 0,
    };
    let hidden = longest.max(key_octets);
    let block = version.payload_block();
    if block == 1 {
        return Ok(hidden - key_octets);
    }
    Ok(((2 + hidden) / block + 1) * block - 2 - key_octets)
}

/// Wraps a key with random fill behind it, [`fill_octets`] of it or any other number that makes
/// whole blocks.
pub fn wrap(
    protection_key: &[u8],
    header: &Header,
    key: &[u8],
    fill: &[u8],
) -> Result<String, KeyBlockError> {
    let version = Version::of(header.version)?;
    let keys = ProtectionKeys::of(version, protection_key)?;
    wrap_with(&keys, header, key, fill)
}

/// The same with keys that were derived before.
fn wrap_with(
    keys: &ProtectionKeys,
    header: &Header,
    key: &[u8],
    fill: &[u8],
) -> Result<String, KeyBlockError> {
    let version = Version::of(header.version)?;
    if version != keys.version {
        return Err(KeyBlockError::Header("its version is another one"));
    }
    let bits = u16::try_from(key.len() * 8)
        .ok()
        .filter(|_| key.len() <= KEY_MAX);
    let bits = bits.ok_or(KeyBlockError::Key)?;
    let octets = 2 + key.len() + fill.len();
    if !octets.is_multiple_of(version.payload_block()) {
        let needed = fill_octets(header, key.len())?;
        return Err(KeyBlockError::Fill {
            needed,
            found: fill.len(),
        });
    }
    let mut data = Zeroizing::new(Vec::with_capacity(octets));
    data.extend_from_slice(&bits.to_be_bytes());
    data.extend_from_slice(key);
    data.extend_from_slice(fill);
    let tail = (data.len() + version.mac_octets()) * 2;
    let text = header.to_text(version.header_block(), tail)?;
    let mac = keys.keys.seal(text.as_bytes(), &mut data)?;
    Ok(format!("{text}{}{}", hex::encode(&data), hex::encode(&mac)))
}

/// Opens a key block and checks its MAC.
pub fn unwrap(protection_key: &[u8], block: &str) -> Result<Unwrapped, KeyBlockError> {
    let keys = |version| BlockKeys::new(version, protection_key).map_err(KeyBlockError::from);
    unwrap_by(block, keys).map(|(unwrapped, _)| unwrapped)
}

/// Opens with the keys of the block's version, and gives them back.
fn unwrap_by<K: AsRef<BlockKeys>>(
    block: &str,
    keys: impl FnOnce(Version) -> Result<K, KeyBlockError>,
) -> Result<(Unwrapped, K), KeyBlockError> {
    let apart = Apart::of(block)?;
    let keys = keys(apart.version)?;
    let mut data = Zeroizing::new(apart.data);
    let text = apart.header_text.as_bytes();
    keys.as_ref().open(text, &mut data, &apart.mac)?;
    let (bits, clear) = data.split_first_chunk::<2>().ok_or(KeyBlockError::Key)?;
    let bits = usize::from(u16::from_be_bytes(*bits));
    let parts = clear
        .split_at_checked(bits / 8)
        .filter(|_| bits.is_multiple_of(8));
    let (key, fill) = parts.ok_or(KeyBlockError::Key)?;
    let unwrapped = Unwrapped {
        header: apart.header,
        header_text: apart.header_text,
        key: Zeroizing::new(key.to_vec()),
        fill: Zeroizing::new(fill.to_vec()),
    };
    Ok((unwrapped, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block that is whole but for what it says of its key's length.
    fn with_length(version: Version, bits: u16) -> String {
        let header = Header::from_text(&format!("{}0000P0TE00E0000", version.letter())).unwrap();
        let mut data = [&bits.to_be_bytes()[..], &[0x11; 30]].concat();
        let tail = (data.len() + version.mac_octets()) * 2;
        let text = header.to_text(version.header_block(), tail).unwrap();
        let keys = BlockKeys::new(version, &[9; 16]).unwrap();
        let mac = keys.seal(text.as_bytes(), &mut data).unwrap();
        format!("{text}{}{}", hex::encode(&data), hex::encode(&mac))
    }

    #[test]
    fn a_key_is_not_longer_than_its_block() {
        for version in Version::ALL {
            let opened = |bits| unwrap(&[9; 16], &with_length(version, bits));
            assert_eq!(opened(128).ok().map(|it| it.key.len()), Some(16));
            assert_eq!(opened(240).ok().map(|it| it.fill.len()), Some(0));
            for bits in [241, 248, 256, 0x8000, u16::MAX, 129, 7] {
                assert_eq!(opened(bits).err(), Some(KeyBlockError::Key), "{bits}");
            }
        }
    }
}

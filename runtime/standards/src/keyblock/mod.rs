//! Key blocks: ANSI X9.143 (formerly TR-31), versions A, B, C and D.
//!
//! A block is a readable header with optional blocks, the enciphered key with its length and random
//! fill, and a MAC that binds both. Versions A and C encipher first and MAC the ciphertext with
//! variants of the protection key; B and D derive both keys with CMAC, MAC the clear key and use
//! the MAC as IV.

mod header;

pub use header::{Header, OptionalBlock};

use crate::cipher::{self, AesKey, CipherError, KEY_OCTETS_MAX, KeyBytes, TdesKey};
use crate::hex;
use crate::mac::{self, Cmac, Padding};
use subtle::ConstantTimeEq;
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
}

impl KeyBlockError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ProtectionKey(error) => error.code(),
            Self::Mac => "E0592",
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
    let block = version.block_octets();
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
    let bits = u16::try_from(key.len() * 8)
        .ok()
        .filter(|_| key.len() <= KEY_MAX);
    let bits = bits.ok_or(KeyBlockError::Key)?;
    let octets = 2 + key.len() + fill.len();
    if !octets.is_multiple_of(version.block_octets()) {
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
    let text = header.to_text(version.block_octets(), tail)?;
    let keys = BlockKeys::new(version, protection_key)?;
    let mac = keys.seal(text.as_bytes(), &mut data)?;
    Ok(format!("{text}{}{}", hex::encode(&data), hex::encode(&mac)))
}

/// Opens a key block and checks its MAC.
pub fn unwrap(protection_key: &[u8], block: &str) -> Result<Unwrapped, KeyBlockError> {
    if !block.is_ascii() || block.len() > CHARACTERS_MAX {
        return Err(KeyBlockError::Length);
    }
    let (header, text, rest) = Header::parse(block)?;
    let version = Version::of(header.version)?;
    if header.length != block.len() {
        return Err(KeyBlockError::Length);
    }
    let octets = hex::decode(rest).map_err(|_| KeyBlockError::Length)?;
    let split = octets
        .len()
        .checked_sub(version.mac_octets())
        .ok_or(KeyBlockError::Length)?;
    let (data, found) = octets
        .split_at_checked(split)
        .ok_or(KeyBlockError::Length)?;
    let whole = data.len().is_multiple_of(version.block_octets());
    if data.is_empty() || !whole || text.len() % version.block_octets() != 0 {
        return Err(KeyBlockError::Length);
    }
    let mut data = Zeroizing::new(data.to_vec());
    let keys = BlockKeys::new(version, protection_key)?;
    keys.open(text.as_bytes(), &mut data, found)?;
    let (bits, clear) = data.split_first_chunk::<2>().ok_or(KeyBlockError::Key)?;
    let bits = usize::from(u16::from_be_bytes(*bits));
    let parts = clear
        .split_at_checked(bits / 8)
        .filter(|_| bits.is_multiple_of(8));
    let (key, fill) = parts.ok_or(KeyBlockError::Key)?;
    Ok(Unwrapped {
        header,
        header_text: text.to_owned(),
        key: Zeroizing::new(key.to_vec()),
        fill: Zeroizing::new(fill.to_vec()),
    })
}

/// The four versions differ in cipher and in how keys are bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// A and C: 3DES, key variants.
    Variant,
    /// B: 3DES, derived keys.
    DerivedTdes,
    /// D: AES, derived keys.
    DerivedAes,
}

impl Version {
    fn of(letter: char) -> Result<Self, KeyBlockError> {
        match letter {
            'A' | 'C' => Ok(Self::Variant),
            'B' => Ok(Self::DerivedTdes),
            'D' => Ok(Self::DerivedAes),
            _ => Err(KeyBlockError::Header("the version is not A, B, C or D")),
        }
    }

    fn block_octets(self) -> usize {
        if self == Self::DerivedAes { 16 } else { 8 }
    }

    fn mac_octets(self) -> usize {
        match self {
            Self::Variant => 4,
            Self::DerivedTdes => 8,
            Self::DerivedAes => 16,
        }
    }
}

/// Encryption and MAC keys of one protection key.
#[allow(clippy::large_enum_variant, reason = "lives for one call")]
enum BlockKeys {
    Variant { enc: TdesKey, mac: TdesKey },
    DerivedTdes { enc: TdesKey, mac: TdesKey },
    DerivedAes { enc: AesKey, mac: AesKey },
}

impl BlockKeys {
    fn new(version: Version, protection_key: &[u8]) -> Result<Self, CipherError> {
        Ok(match version {
            Version::Variant => {
                let variant = |mask: u8| {
                    let octets = protection_key.iter().map(|octet| octet ^ mask);
                    TdesKey::new(&Zeroizing::new(octets.collect::<Vec<u8>>()))
                };
                Self::Variant {
                    enc: variant(0x45)?,
                    mac: variant(0x4D)?,
                }
            }
            Version::DerivedTdes => {
                let master = TdesKey::new(protection_key)?;
                let algorithm = u8::from(master.is_triple());
                let derived = |usage| {
                    let key = derive(&master, usage, algorithm, protection_key.len())?;
                    TdesKey::new(key.expose())
                };
                Self::DerivedTdes {
                    enc: derived(0)?,
                    mac: derived(1)?,
                }
            }
            Version::DerivedAes => {
                let master = AesKey::new(protection_key)?;
                let algorithm = protection_key.len() as u8 / 8;
                let derived = |usage| {
                    let key = derive(&master, usage, algorithm, protection_key.len())?;
                    AesKey::new(key.expose())
                };
                Self::DerivedAes {
                    enc: derived(0)?,
                    mac: derived(1)?,
                }
            }
        })
    }

    /// Enciphers in place; gives the MAC.
    fn seal(&self, header: &[u8], data: &mut [u8]) -> Result<Vec<u8>, KeyBlockError> {
        Ok(match self {
            Self::Variant { enc, mac } => {
                cipher::cbc_encrypt(enc, header_iv(header)?, data)?;
                variant_mac(mac, header, data)
            }
            Self::DerivedTdes { enc, mac } => {
                let value = Cmac::over(mac, &[header, data]);
                cipher::cbc_encrypt(enc, value, data)?;
                value.to_vec()
            }
            Self::DerivedAes { enc, mac } => {
                let value = Cmac::over(mac, &[header, data]);
                cipher::cbc_encrypt(enc, value, data)?;
                value.to_vec()
            }
        })
    }

    /// Deciphers in place after or before the MAC was checked, as the version has it.
    fn open(&self, header: &[u8], data: &mut [u8], found: &[u8]) -> Result<(), KeyBlockError> {
        let expected = match self {
            Self::Variant { enc, mac } => {
                let expected = variant_mac(mac, header, data);
                cipher::cbc_decrypt(enc, header_iv(header)?, data)?;
                expected
            }
            Self::DerivedTdes { enc, mac } => {
                let initial = found.try_into().map_err(|_| KeyBlockError::Length)?;
                cipher::cbc_decrypt(enc, initial, data)?;
                Cmac::over(mac, &[header, data]).to_vec()
            }
            Self::DerivedAes { enc, mac } => {
                let initial = found.try_into().map_err(|_| KeyBlockError::Length)?;
                cipher::cbc_decrypt(enc, initial, data)?;
                Cmac::over(mac, &[header, data]).to_vec()
            }
        };
        if bool::from(expected.ct_eq(found)) {
            Ok(())
        } else {
            Err(KeyBlockError::Mac)
        }
    }
}

/// The first 8 characters of the header.
fn header_iv(header: &[u8]) -> Result<[u8; 8], KeyBlockError> {
    header.first_chunk().copied().ok_or(KeyBlockError::Length)
}

/// 4 octets of the CBC-MAC; header and ciphertext are whole blocks.
fn variant_mac(key: &TdesKey, header: &[u8], data: &[u8]) -> Vec<u8> {
    let value = mac::cbc_mac(key, &[header, data].concat(), Padding::Zeros);
    value.into_iter().take(4).collect()
}

/// `counter | usage | 00 | algorithm | length in bits` under CMAC, as long as the protection key.
fn derive<const N: usize>(
    master: &impl cipher::Block<N>,
    usage: u8,
    algorithm: u8,
    octets: usize,
) -> Result<KeyBytes, CipherError> {
    let [high, low] = (octets as u16 * 8).to_be_bytes();
    let mut stream = Zeroizing::new([0u8; KEY_OCTETS_MAX]);
    for (place, counter) in stream.chunks_exact_mut(N).zip(1u8..) {
        let block = Cmac::over(master, &[&[counter, 0, usage, 0, 0, algorithm, high, low]]);
        place.copy_from_slice(&block);
    }
    KeyBytes::new(stream.get(..octets).unwrap_or_default())
}

//! How a key block binds header and key: the four bindings behind the five versions.

use super::{KeyBlockError, Version};
use crate::cipher::{self, AesKey, CipherError, KEY_OCTETS_MAX, KeyBytes, TdesKey};
use crate::mac::{self, Cmac, Padding};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a derived key is for (X9.143, 7.2; ISO 20038, 6): encryption with CBC.
const USE_CBC: u8 = 0;
/// What a derived key is for: the MAC.
const USE_MAC: u8 = 1;
/// What a derived key is for: encryption with CTR (ISO 20038; proven with its annex B.2).
const USE_CTR: u8 = 2;

/// Encryption and MAC keys of one protection key.
#[allow(clippy::large_enum_variant, reason = "lives for one call")]
pub(super) enum BlockKeys {
    Variant { enc: TdesKey, mac: TdesKey },
    DerivedTdes { enc: TdesKey, mac: TdesKey },
    DerivedAes { enc: AesKey, mac: AesKey },
    CounterAes { enc: AesKey, mac: AesKey },
}

impl BlockKeys {
    pub(super) fn new(version: Version, protection_key: &[u8]) -> Result<Self, CipherError> {
        Ok(match version {
            Version::A | Version::C => {
                let variant = |mask: u8| {
                    let octets = protection_key.iter().map(|octet| octet ^ mask);
                    TdesKey::new(&Zeroizing::new(octets.collect::<Vec<u8>>()))
                };
                Self::Variant {
                    enc: variant(0x45)?,
                    mac: variant(0x4D)?,
                }
            }
            Version::B => {
                let master = TdesKey::new(protection_key)?;
                let algorithm = u8::from(master.is_triple());
                let derived = |usage| {
                    let key = derive(&master, usage, algorithm, protection_key.len())?;
                    TdesKey::new(key.expose())
                };
                Self::DerivedTdes {
                    enc: derived(USE_CBC)?,
                    mac: derived(USE_MAC)?,
                }
            }
            Version::D => {
                let (enc, mac) = aes_keys(protection_key, USE_CBC)?;
                Self::DerivedAes { enc, mac }
            }
            Version::E => {
                let (enc, mac) = aes_keys(protection_key, USE_CTR)?;
                Self::CounterAes { enc, mac }
            }
        })
    }

    /// Enciphers in place; gives the MAC.
    pub(super) fn seal(&self, header: &[u8], data: &mut [u8]) -> Result<Vec<u8>, KeyBlockError> {
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
            Self::CounterAes { enc, mac } => {
                let value = Cmac::over(mac, &[header, data]);
                cipher::ctr(enc, value, data);
                value.to_vec()
            }
        })
    }

    /// Deciphers in place after or before the MAC was checked, as the version has it.
    pub(super) fn open(
        &self,
        header: &[u8],
        data: &mut [u8],
        found: &[u8],
    ) -> Result<(), KeyBlockError> {
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
            Self::CounterAes { enc, mac } => {
                let initial = found.try_into().map_err(|_| KeyBlockError::Length)?;
                cipher::ctr(enc, initial, data);
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

/// Encryption and MAC key of versions D and E.
fn aes_keys(protection_key: &[u8], encryption: u8) -> Result<(AesKey, AesKey), CipherError> {
    let master = AesKey::new(protection_key)?;
    let algorithm = protection_key.len() as u8 / 8;
    let derived = |usage| {
        let key = derive(&master, usage, algorithm, protection_key.len())?;
        AesKey::new(key.expose())
    };
    Ok((derived(encryption)?, derived(USE_MAC)?))
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

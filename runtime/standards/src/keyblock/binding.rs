//! How a key block binds header and key: the four bindings behind the five versions.

use super::{KeyBlockError, Version};
use crate::cipher::{self, AesKey, CipherError, KEY_OCTETS_MAX, KeyBytes, TdesKey};
use crate::kcv;
use crate::mac::{self, Cmac, Padding};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a derived key is for (X9.143, 7.2; ISO 20038, 6): encryption with CBC.
const USE_CBC: u8 = 0;
/// What a derived key is for: the MAC.
const USE_MAC: u8 = 1;
/// What a derived key is for: encryption with CTR (ISO 20038; proven with its annex B.2).
const USE_CTR: u8 = 2;

/// What versions B, D and E ask of a protection key that stays in its HSM: texts for a CMAC each,
/// whose results one after another are the derived key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivationTexts {
    /// For the key that enciphers.
    pub encryption: Vec<[u8; 8]>,
    /// For the key that makes the MAC.
    pub mac: Vec<[u8; 8]>,
}

impl DerivationTexts {
    /// For a protection key of so many octets; none for versions A and C, whose keys are variants of
    /// the protection key itself.
    pub fn of(version: Version, octets: usize) -> Option<Self> {
        let (encryption, algorithm, block) = match version {
            Version::A | Version::C => return None,
            Version::B => (USE_CBC, u8::from(octets == 24), 8),
            Version::D => (USE_CBC, octets as u8 / 8, 16),
            Version::E => (USE_CTR, octets as u8 / 8, 16),
        };
        let texts = |usage| {
            let counters = 1..=octets.div_ceil(block) as u8;
            counters
                .map(|counter| derivation_text(counter, usage, algorithm, octets))
                .collect()
        };
        Some(Self {
            encryption: texts(encryption),
            mac: texts(USE_MAC),
        })
    }
}

/// `counter | usage | 00 | algorithm | length in bits`.
fn derivation_text(counter: u8, usage: u8, algorithm: u8, octets: usize) -> [u8; 8] {
    let [high, low] = (octets as u16 * 8).to_be_bytes();
    [counter, 0, usage, 0, 0, algorithm, high, low]
}

/// The keys of one protection key, and the check values that a block may carry of it.
pub struct ProtectionKeys {
    pub(super) version: Version,
    pub(super) keys: BlockKeys,
    /// Check values of the protection key: from zeros enciphered, and by CMAC.
    pub(super) checks: [Vec<u8>; 2],
}

impl ProtectionKeys {
    /// Out of the protection key itself.
    ///
    /// # Errors
    /// A key that the version can't have.
    pub fn of(version: Version, protection_key: &[u8]) -> Result<Self, KeyBlockError> {
        let keys = BlockKeys::new(version, protection_key)?;
        let algorithm = match version.is_aes() {
            true => kcv::Algorithm::Aes,
            false => kcv::Algorithm::Tdes,
        };
        Ok(Self {
            version,
            keys,
            checks: [
                kcv::check_value(algorithm, kcv::Method::Ecb, protection_key)?,
                kcv::check_value(algorithm, kcv::Method::Cmac, protection_key)?,
            ],
        })
    }

    /// Out of what an HSM derived by [`DerivationTexts`], encryption key first, with the protection
    /// key's check values: from zeros enciphered, and by CMAC.
    ///
    /// # Errors
    /// Versions A and C, and keys of a wrong length.
    pub fn derived(
        version: Version,
        (encryption, mac): (&[u8], &[u8]),
        checks: [Vec<u8>; 2],
    ) -> Result<Self, KeyBlockError> {
        let keys = match version {
            Version::A | Version::C => {
                return Err(KeyBlockError::Header(
                    "versions A and C have no derived keys",
                ));
            }
            Version::B => BlockKeys::DerivedTdes {
                enc: TdesKey::new(encryption)?,
                mac: TdesKey::new(mac)?,
            },
            Version::D => BlockKeys::DerivedAes {
                enc: AesKey::new(encryption)?,
                mac: AesKey::new(mac)?,
            },
            Version::E => BlockKeys::CounterAes {
                enc: AesKey::new(encryption)?,
                mac: AesKey::new(mac)?,
            },
        };
        Ok(Self {
            version,
            keys,
            checks,
        })
    }
}

/// Encryption and MAC keys of one protection key.
#[allow(clippy::large_enum_variant, reason = "lives for one call")]
pub(super) enum BlockKeys {
    Variant { enc: TdesKey, mac: TdesKey },
    DerivedTdes { enc: TdesKey, mac: TdesKey },
    DerivedAes { enc: AesKey, mac: AesKey },
    CounterAes { enc: AesKey, mac: AesKey },
}

impl AsRef<BlockKeys> for BlockKeys {
    fn as_ref(&self) -> &BlockKeys {
        self
    }
}

impl AsRef<BlockKeys> for ProtectionKeys {
    fn as_ref(&self) -> &BlockKeys {
        &self.keys
    }
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

/// CMAC over the texts, as long as the protection key.
fn derive<const N: usize>(
    master: &impl cipher::Block<N>,
    usage: u8,
    algorithm: u8,
    octets: usize,
) -> Result<KeyBytes, CipherError> {
    let mut stream = Zeroizing::new([0u8; KEY_OCTETS_MAX]);
    for (place, counter) in stream.chunks_exact_mut(N).zip(1u8..) {
        let text = derivation_text(counter, usage, algorithm, octets);
        place.copy_from_slice(&Cmac::over(master, &[&text]));
    }
    KeyBytes::new(stream.get(..octets).unwrap_or_default())
}

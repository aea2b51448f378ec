//! Block ciphers with keys that are expanded once: 3DES (ISO/IEC 18033-3) and AES (FIPS 197), in
//! ECB and CBC mode (ISO/IEC 10116).
//!
//! An issuer's key is expanded when it is bound and then used for every card; the operations
//! themselves do not allocate. Key types have no Debug and are wiped on drop.

use crate::des::{Schedule, Triple, Way};
use aes::{Aes128, Aes192, Aes256};
use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Longest symmetric key in octets.
pub const KEY_OCTETS_MAX: usize = 32;
/// Blocks that ECB takes side by side; more would not fit the processor's registers. Three keys of
/// a card are six blocks.
const LANES: usize = 3;
/// Blocks that a chain deciphers at once.
const CHAIN: usize = 256;

/// Why a cipher can't be used so. Never holds key or data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The key has a length that the algorithm does not know.
    #[error("a key of {found} octets does not fit: {expected}")]
    KeyLength {
        /// Octets given.
        found: usize,
        /// What is accepted, in words.
        expected: &'static str,
    },
    /// Data that are not whole blocks.
    #[error("{found} octets are not a whole number of blocks of {block}")]
    NotWholeBlocks {
        /// Octets given.
        found: usize,
        /// Octets of a block.
        block: usize,
    },
    /// Padding that is not `80 00…`.
    #[error("the data do not end in the padding 80 00…")]
    Padding,
}

impl CipherError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyLength { .. } => "E0590",
            Self::NotWholeBlocks { .. } | Self::Padding => "E0593",
        }
    }
}

/// The octets of a symmetric key: up to 32, without allocation, wiped on drop, never printed.
pub struct KeyBytes {
    octets: Zeroizing<[u8; KEY_OCTETS_MAX]>,
    length: usize,
}

impl KeyBytes {
    /// Copies a key of 1 to 32 octets.
    pub fn new(key: &[u8]) -> Result<Self, CipherError> {
        let mut octets = Zeroizing::new([0u8; KEY_OCTETS_MAX]);
        match octets.get_mut(..key.len()) {
            Some(place) if !key.is_empty() => place.copy_from_slice(key),
            _ => {
                return Err(CipherError::KeyLength {
                    found: key.len(),
                    expected: "1 to 32 octets",
                });
            }
        }
        Ok(Self {
            octets,
            length: key.len(),
        })
    }

    /// A double-length key from its two halves.
    pub(crate) fn from_halves(left: [u8; 8], right: [u8; 8]) -> Self {
        let mut octets = Zeroizing::new([0u8; KEY_OCTETS_MAX]);
        for (place, octet) in octets.iter_mut().zip(left.iter().chain(&right)) {
            *place = *octet;
        }
        Self { octets, length: 16 }
    }

    /// The octets, for the moment of their use.
    pub fn expose(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// The octets to change in place, such as for parity.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.length).unwrap_or_default()
    }

    /// Length in octets.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl PartialEq for KeyBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

/// One block in, one block out.
pub trait Block<const N: usize> {
    /// Enciphers one block.
    fn encrypt(&self, block: [u8; N]) -> [u8; N];
    /// Deciphers one block.
    fn decrypt(&self, block: [u8; N]) -> [u8; N];

    /// Enciphers blocks that do not depend on each other; may be faster than one by one.
    #[inline]
    fn encrypt_each<const L: usize>(&self, blocks: [[u8; N]; L]) -> [[u8; N]; L] {
        blocks.map(|block| self.encrypt(block))
    }

    /// Deciphers blocks that do not depend on each other; may be faster than one by one.
    #[inline]
    fn decrypt_each<const L: usize>(&self, blocks: [[u8; N]; L]) -> [[u8; N]; L] {
        blocks.map(|block| self.decrypt(block))
    }

    /// Enciphers any number of blocks in place, each by itself.
    fn encrypt_many(&self, blocks: &mut [[u8; N]]) {
        encrypt_by_lanes(self, blocks);
    }

    /// Deciphers any number of blocks in place, each by itself.
    fn decrypt_many(&self, blocks: &mut [[u8; N]]) {
        decrypt_by_lanes(self, blocks);
    }
}

fn encrypt_by_lanes<const N: usize>(key: &(impl Block<N> + ?Sized), blocks: &mut [[u8; N]]) {
    let (groups, rest) = blocks.as_chunks_mut::<LANES>();
    for group in groups {
        *group = key.encrypt_each(*group);
    }
    for block in rest {
        *block = key.encrypt(*block);
    }
}

fn decrypt_by_lanes<const N: usize>(key: &(impl Block<N> + ?Sized), blocks: &mut [[u8; N]]) {
    let (groups, rest) = blocks.as_chunks_mut::<LANES>();
    for group in groups {
        *group = key.decrypt_each(*group);
    }
    for block in rest {
        *block = key.decrypt(*block);
    }
}

/// Single DES. Exists only as a part of retail MACs, CVVs and SCP02; it protects nothing by
/// itself.
#[derive(Clone, Copy)]
pub struct DesPart<'k>(&'k Schedule);

impl Block<8> for DesPart<'_> {
    #[inline]
    fn encrypt(&self, block: [u8; 8]) -> [u8; 8] {
        self.0.single(block, Way::Encrypt)
    }

    #[inline]
    fn decrypt(&self, block: [u8; 8]) -> [u8; 8] {
        self.0.single(block, Way::Decrypt)
    }

    fn encrypt_many(&self, blocks: &mut [[u8; 8]]) {
        self.0.many(blocks, Way::Encrypt);
    }

    fn decrypt_many(&self, blocks: &mut [[u8; 8]]) {
        self.0.many(blocks, Way::Decrypt);
    }
}

/// 3DES with two or three keys, expanded. All that is done with it takes a time that depends on the
/// number of blocks alone.
pub struct TdesKey {
    key: Triple,
    is_triple: bool,
}

impl TdesKey {
    /// Expands a key of 16 or 24 octets. Parity bits are ignored, as DES does.
    pub fn new(key: &[u8]) -> Result<Self, CipherError> {
        match key.as_chunks::<8>() {
            ([first, second], []) => Ok(Self {
                key: Triple::double(*first, *second),
                is_triple: false,
            }),
            ([first, second, third], []) => Ok(Self {
                key: Triple::new([*first, *second, *third]),
                is_triple: true,
            }),
            _ => Err(CipherError::KeyLength {
                found: key.len(),
                expected: "3DES keys have 16 or 24 octets",
            }),
        }
    }

    /// Expands a key of 16 octets; refuses three-key 3DES where a standard knows only two keys.
    pub fn new_double(key: &[u8]) -> Result<Self, CipherError> {
        match <&[u8; 16]>::try_from(key) {
            Ok(double) => Ok(Self::from_double(double)),
            Err(_) => Err(CipherError::KeyLength {
                found: key.len(),
                expected: "this use takes a 3DES key of 16 octets",
            }),
        }
    }

    /// Expands a double-length key.
    pub fn from_double(key: &[u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *key;
        Self {
            key: Triple::double([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]),
            is_triple: false,
        }
    }

    /// Whether it has three keys.
    pub fn is_triple(&self) -> bool {
        self.is_triple
    }

    /// The left part.
    pub fn left(&self) -> DesPart<'_> {
        let [left, _, _] = self.key.parts();
        DesPart(left)
    }

    /// The second part.
    pub fn right(&self) -> DesPart<'_> {
        let [_, right, _] = self.key.parts();
        DesPart(right)
    }
}

impl TdesKey {
    /// Enciphers blocks that do not depend on each other, each under its own key, in less time
    /// than one by one.
    #[inline]
    pub fn encrypt_under<const L: usize>(keys: [&Self; L], blocks: [[u8; 8]; L]) -> [[u8; 8]; L] {
        Triple::each(keys.map(|key| &key.key), blocks, Way::Encrypt)
    }

    /// Deciphers as [`Self::encrypt_under`] enciphers.
    #[inline]
    pub fn decrypt_under<const L: usize>(keys: [&Self; L], blocks: [[u8; 8]; L]) -> [[u8; 8]; L] {
        Triple::each(keys.map(|key| &key.key), blocks, Way::Decrypt)
    }

    /// Enciphers any number of blocks in place, each under its own key; one key stands for all.
    pub fn encrypt_batch(keys: &[&Self], blocks: &mut [[u8; 8]]) {
        Self::batch(keys, blocks, Way::Encrypt);
    }

    /// Deciphers as [`Self::encrypt_batch`] enciphers.
    pub fn decrypt_batch(keys: &[&Self], blocks: &mut [[u8; 8]]) {
        Self::batch(keys, blocks, Way::Decrypt);
    }

    fn batch(keys: &[&Self], blocks: &mut [[u8; 8]], way: Way) {
        // One key for all takes less than a key for each, also where it was named many times.
        let one = match keys {
            [first, rest @ ..] => rest.iter().all(|key| std::ptr::eq(*key, *first)),
            [] => true,
        };
        let used = if one {
            keys.get(..1).unwrap_or_default()
        } else {
            keys
        };
        let used: Vec<&Triple> = used.iter().map(|key| &key.key).collect();
        Triple::many(&used, blocks, way);
    }
}

impl Block<8> for TdesKey {
    #[inline]
    fn encrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let [block] = Self::encrypt_under([self], [block]);
        block
    }

    #[inline]
    fn decrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let [block] = Self::decrypt_under([self], [block]);
        block
    }

    #[inline]
    fn encrypt_each<const L: usize>(&self, blocks: [[u8; 8]; L]) -> [[u8; 8]; L] {
        Self::encrypt_under([self; L], blocks)
    }

    #[inline]
    fn decrypt_each<const L: usize>(&self, blocks: [[u8; 8]; L]) -> [[u8; 8]; L] {
        Self::decrypt_under([self; L], blocks)
    }

    fn encrypt_many(&self, blocks: &mut [[u8; 8]]) {
        Triple::many(&[&self.key], blocks, Way::Encrypt);
    }

    fn decrypt_many(&self, blocks: &mut [[u8; 8]]) {
        Triple::many(&[&self.key], blocks, Way::Decrypt);
    }
}

/// AES with 128, 192 or 256 bits, expanded.
pub enum AesKey {
    /// AES-128.
    Bits128(Aes128),
    /// AES-192.
    Bits192(Aes192),
    /// AES-256.
    Bits256(Aes256),
}

impl AesKey {
    /// Expands a key of 16, 24 or 32 octets.
    pub fn new(key: &[u8]) -> Result<Self, CipherError> {
        let refused = |_| CipherError::KeyLength {
            found: key.len(),
            expected: "AES keys have 16, 24 or 32 octets",
        };
        match key.len() {
            16 => Aes128::new_from_slice(key)
                .map(Self::Bits128)
                .map_err(refused),
            24 => Aes192::new_from_slice(key)
                .map(Self::Bits192)
                .map_err(refused),
            _ => Aes256::new_from_slice(key)
                .map(Self::Bits256)
                .map_err(refused),
        }
    }

    /// Octets of the key.
    pub fn key_octets(&self) -> usize {
        match self {
            Self::Bits128(_) => 16,
            Self::Bits192(_) => 24,
            Self::Bits256(_) => 32,
        }
    }
}

impl Block<16> for AesKey {
    #[inline]
    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array(block);
        match self {
            Self::Bits128(key) => key.encrypt_block(&mut block),
            Self::Bits192(key) => key.encrypt_block(&mut block),
            Self::Bits256(key) => key.encrypt_block(&mut block),
        }
        block.0
    }

    #[inline]
    fn decrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array(block);
        match self {
            Self::Bits128(key) => key.decrypt_block(&mut block),
            Self::Bits192(key) => key.decrypt_block(&mut block),
            Self::Bits256(key) => key.decrypt_block(&mut block),
        }
        block.0
    }
}

/// Enciphers whole blocks in place, each by itself.
pub fn ecb_encrypt<const N: usize>(
    key: &impl Block<N>,
    data: &mut [u8],
) -> Result<(), CipherError> {
    key.encrypt_many(whole_blocks(data)?);
    Ok(())
}

/// Deciphers whole blocks in place, each by itself.
pub fn ecb_decrypt<const N: usize>(
    key: &impl Block<N>,
    data: &mut [u8],
) -> Result<(), CipherError> {
    key.decrypt_many(whole_blocks(data)?);
    Ok(())
}

/// Enciphers whole blocks in place with cipher block chaining.
pub fn cbc_encrypt<const N: usize>(
    key: &impl Block<N>,
    initial: [u8; N],
    data: &mut [u8],
) -> Result<(), CipherError> {
    let mut chain = initial;
    for block in whole_blocks(data)? {
        chain = key.encrypt(xor(chain, *block));
        *block = chain;
    }
    Ok(())
}

/// Deciphers whole blocks in place with cipher block chaining.
pub fn cbc_decrypt<const N: usize>(
    key: &impl Block<N>,
    initial: [u8; N],
    data: &mut [u8],
) -> Result<(), CipherError> {
    // Unlike enciphering, each block can be deciphered by itself.
    let blocks = whole_blocks(data)?;
    let mut chain = initial;
    let mut before = [[0; N]; CHAIN];
    for group in blocks.chunks_mut(CHAIN) {
        for (slot, block) in before.iter_mut().zip(group.iter()) {
            *slot = *block;
        }
        key.decrypt_many(group);
        for (block, ciphertext) in group.iter_mut().zip(before) {
            *block = xor(chain, *block);
            chain = ciphertext;
        }
    }
    Ok(())
}

/// Enciphers or deciphers data of any length in place with a counter that starts at `initial` and
/// is the whole block (NIST SP 800-38A, 6.5).
pub fn ctr<const N: usize>(key: &impl Block<N>, initial: [u8; N], data: &mut [u8]) {
    let mut counter = initial;
    for part in data.chunks_mut(N) {
        for (octet, mask) in part.iter_mut().zip(key.encrypt(counter)) {
            *octet ^= mask;
        }
        for octet in counter.iter_mut().rev() {
            *octet = octet.wrapping_add(1);
            if *octet != 0 {
                break;
            }
        }
    }
}

/// Appends `80 00…` up to the next whole block (ISO/IEC 7816-4, ISO/IEC 9797-1 method 2).
pub fn pad_80(data: &mut Vec<u8>, block: usize) {
    data.push(0x80);
    let block = block.max(1);
    data.resize(data.len().div_ceil(block) * block, 0);
}

/// The data in front of their `80 00…` padding.
pub fn strip_80(data: &[u8]) -> Result<&[u8], CipherError> {
    let end = data
        .iter()
        .rposition(|octet| *octet != 0)
        .ok_or(CipherError::Padding)?;
    match (data.get(end), data.get(..end)) {
        (Some(0x80), Some(clear)) => Ok(clear),
        _ => Err(CipherError::Padding),
    }
}

/// Exclusive or of two blocks.
#[inline]
pub fn xor<const N: usize>(mut left: [u8; N], right: [u8; N]) -> [u8; N] {
    for (octet, other) in left.iter_mut().zip(right) {
        *octet ^= other;
    }
    left
}

fn whole_blocks<const N: usize>(data: &mut [u8]) -> Result<&mut [[u8; N]], CipherError> {
    let found = data.len();
    let (blocks, rest) = data.as_chunks_mut::<N>();
    if rest.is_empty() {
        Ok(blocks)
    } else {
        Err(CipherError::NotWholeBlocks { found, block: N })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        crate::hex::decode(text).unwrap()
    }

    // NIST SP 800-38A, F.2.1 and F.2.5: CBC-AES128 and CBC-AES256, first block.
    #[test]
    fn aes_cbc_of_sp_800_38a() {
        let cases = [
            (
                "2B7E151628AED2A6ABF7158809CF4F3C",
                "7649ABAC8119B246CEE98E9B12E9197D",
            ),
            (
                "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4",
                "F58C4C04D6E5F1BA779EABFB5F7BFBD6",
            ),
        ];
        for (key, expected) in cases {
            let key = AesKey::new(&hex(key)).unwrap();
            let initial: [u8; 16] = std::array::from_fn(|i| i as u8);
            let mut data = hex("6BC1BEE22E409F96E93D7E117393172A");
            cbc_encrypt(&key, initial, &mut data).unwrap();
            assert_eq!(data, hex(expected));
            cbc_decrypt(&key, initial, &mut data).unwrap();
            assert_eq!(data, hex("6BC1BEE22E409F96E93D7E117393172A"));
        }
    }

    // NIST SP 800-38A, F.5.1: CTR-AES128; the last block cut, the counter carries.
    #[test]
    fn aes_ctr_of_sp_800_38a() {
        let key = AesKey::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let initial = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF").try_into().unwrap();
        let mut data = hex("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF");
        ctr(&key, initial, &mut data);
        assert_eq!(
            data,
            hex("874D6191B620E3261BEF6864990DB6CE9806F66B7970FDFF8617187BB9FF")
        );
    }

    // NIST SP 800-67, B.1: TDEA with three keys in ECB mode.
    #[test]
    fn tdes_ecb_of_sp_800_67() {
        let key = TdesKey::new(&hex("0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123")).unwrap();
        let clear = b"The qufck brown fox jump";
        let mut data = clear.to_vec();
        ecb_encrypt(&key, &mut data).unwrap();
        assert_eq!(
            data,
            hex("A826FD8CE53B855FCCE21C8112256FE668D5C05DD9B6B900")
        );
        ecb_decrypt(&key, &mut data).unwrap();
        assert_eq!(data, clear);
    }

    // Another implementation: the `des` crate, with two and with three keys, one to seven blocks.
    #[test]
    fn tdes_ecb_agrees_with_the_des_crate() {
        let octets: Vec<u8> = (0..24u8).map(|i| i.wrapping_mul(37) ^ 0x5A).collect();
        let clear: Vec<u8> = (0..56u8).map(|i| i.wrapping_mul(91)).collect();
        for key_octets in [16, 24] {
            let key = TdesKey::new(&octets[..key_octets]).unwrap();
            // Two keys are three with the first again as third.
            let peer_key: Vec<u8> = octets[..key_octets]
                .iter()
                .chain(&octets)
                .take(24)
                .copied()
                .collect();
            let peer = ::des::TdesEde3::new_from_slice(&peer_key).unwrap();
            for blocks in 1..=7 {
                let mut ours = clear[..8 * blocks].to_vec();
                ecb_encrypt(&key, &mut ours).unwrap();
                for (block, text) in ours.chunks(8).zip(clear.chunks(8)) {
                    let mut expected = Array(<[u8; 8]>::try_from(text).unwrap());
                    peer.encrypt_block(&mut expected);
                    assert_eq!(block, expected.0);
                }
                ecb_decrypt(&key, &mut ours).unwrap();
                assert_eq!(ours, clear[..8 * blocks]);
            }
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(TdesKey::new(&[0; 8]).is_err());
        assert!(TdesKey::new_double(&[0; 24]).is_err());
        assert!(AesKey::new(&[0; 17]).is_err());
        assert!(KeyBytes::new(&[]).is_err() && KeyBytes::new(&[0; 33]).is_err());
        let key = AesKey::new(&[0; 16]).unwrap();
        assert!(ecb_encrypt(&key, &mut [0; 15]).is_err());
    }

    #[test]
    fn padding_comes_off_again() {
        for length in 0..20 {
            let clear = vec![0x80; length];
            let mut data = clear.clone();
            pad_80(&mut data, 8);
            assert_eq!(data.len() % 8, 0);
            assert_eq!(strip_80(&data).unwrap(), clear);
        }
        assert!(strip_80(&[0, 0]).is_err() && strip_80(&[]).is_err());
        assert!(strip_80(&[0x81, 0]).is_err());
    }
}

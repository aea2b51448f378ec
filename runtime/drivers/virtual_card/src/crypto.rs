//! The chip's own cryptography, on raw block ciphers, from the text of the standards.

use aes::{Aes128, Aes192, Aes256};
use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// Octets that are wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// Wraps octets so that they are wiped.
pub(crate) fn secret(octets: &[u8]) -> Secret {
    Zeroizing::new(octets.to_vec())
}

/// A block cipher with its key. Key lengths that no cipher has can't be made.
pub(crate) enum Cipher {
    Des(Des),
    Tdes(TdesEde2),
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

/// Which family a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Double-length DES keys.
    Tdes,
    /// AES keys of 16, 24 or 32 octets.
    Aes,
}

impl Family {
    /// Octets of a block.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::Tdes => 8,
            Self::Aes => 16,
        }
    }
}

impl Cipher {
    /// Single DES with the first eight octets of a key.
    pub(crate) fn des_left(key: &[u8]) -> Option<Self> {
        let left = key.get(..8)?;
        Des::new_from_slice(left).ok().map(Self::Des)
    }

    /// Triple DES with a double-length key, or AES.
    pub(crate) fn new(family: Family, key: &[u8]) -> Option<Self> {
        match (family, key.len()) {
            (Family::Tdes, 16) => TdesEde2::new_from_slice(key).ok().map(Self::Tdes),
            (Family::Aes, 16) => Aes128::new_from_slice(key).ok().map(Self::Aes128),
            (Family::Aes, 24) => Aes192::new_from_slice(key).ok().map(Self::Aes192),
            (Family::Aes, 32) => Aes256::new_from_slice(key).ok().map(Self::Aes256),
            _ => None,
        }
    }

    /// Octets of a block.
    pub(crate) fn block(&self) -> usize {
        match self {
            Self::Des(_) | Self::Tdes(_) => 8,
            Self::Aes128(_) | Self::Aes192(_) | Self::Aes256(_) => 16,
        }
    }

    fn encrypt_block(&self, block: &mut [u8]) {
        match self {
            Self::Des(c) => encrypt(c, block),
            Self::Tdes(c) => encrypt(c, block),
            Self::Aes128(c) => encrypt(c, block),
            Self::Aes192(c) => encrypt(c, block),
            Self::Aes256(c) => encrypt(c, block),
        }
    }

    fn decrypt_block(&self, block: &mut [u8]) {
        match self {
            Self::Des(c) => decrypt(c, block),
            Self::Tdes(c) => decrypt(c, block),
            Self::Aes128(c) => decrypt(c, block),
            Self::Aes192(c) => decrypt(c, block),
            Self::Aes256(c) => decrypt(c, block),
        }
    }

    /// ECB encryption of whole blocks.
    pub(crate) fn ecb_encrypt(&self, clear: &[u8]) -> Secret {
        let mut out = secret(clear);
        for block in out.chunks_exact_mut(self.block()) {
            self.encrypt_block(block);
        }
        out
    }

    /// ECB decryption of whole blocks.
    pub(crate) fn ecb_decrypt(&self, text: &[u8]) -> Secret {
        let mut out = secret(text);
        for block in out.chunks_exact_mut(self.block()) {
            self.decrypt_block(block);
        }
        out
    }

    /// CBC encryption of whole blocks; a short `iv` counts as followed by zeros.
    pub(crate) fn cbc_encrypt(&self, iv: &[u8], clear: &[u8]) -> Secret {
        let mut chain = iv.to_vec();
        chain.resize(self.block(), 0);
        let mut out = secret(clear);
        for block in out.chunks_exact_mut(self.block()) {
            xor(block, &chain);
            self.encrypt_block(block);
            chain.copy_from_slice(block);
        }
        out
    }

    /// CBC decryption of whole blocks; a short `iv` counts as followed by zeros.
    pub(crate) fn cbc_decrypt(&self, iv: &[u8], text: &[u8]) -> Secret {
        let mut chain = iv.to_vec();
        chain.resize(self.block(), 0);
        let mut out = secret(text);
        for block in out.chunks_exact_mut(self.block()) {
            let next = block.to_vec();
            self.decrypt_block(block);
            xor(block, &chain);
            chain = next;
        }
        out
    }
}

fn encrypt<C: BlockCipherEncrypt + BlockSizeUser>(cipher: &C, block: &mut [u8]) {
    if let Ok(block) = <&mut Array<u8, C::BlockSize>>::try_from(block) {
        cipher.encrypt_block(block);
    }
}

fn decrypt<C: BlockCipherDecrypt + BlockSizeUser>(cipher: &C, block: &mut [u8]) {
    if let Ok(block) = <&mut Array<u8, C::BlockSize>>::try_from(block) {
        cipher.decrypt_block(block);
    }
}

/// `a ^= b`, as far as both reach.
pub(crate) fn xor(a: &mut [u8], b: &[u8]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x ^= y;
    }
}

/// ISO/IEC 9797-1 padding method 2: `80`, then zeros to the block.
pub(crate) fn pad(octets: &[u8], block: usize) -> Secret {
    let mut out = secret(octets);
    out.push(0x80);
    while !out.len().is_multiple_of(block) {
        out.push(0);
    }
    out
}

/// Takes padding method 2 off; nothing when it is not there.
pub(crate) fn unpad(octets: &[u8]) -> Option<&[u8]> {
    let end = octets.iter().rposition(|o| *o != 0)?;
    match octets.split_at_checked(end)? {
        (clear, [0x80, ..]) => Some(clear),
        _ => None,
    }
}

/// Retail MAC: ISO/IEC 9797-1 algorithm 3 with padding method 2, chained from `iv`.
pub(crate) fn retail_mac(key: &[u8], iv: &[u8], data: &[u8]) -> Option<[u8; 8]> {
    retail_mac_of_blocks(key, iv, &pad(data, 8))
}

fn retail_mac_of_blocks(key: &[u8], iv: &[u8], blocks: &[u8]) -> Option<[u8; 8]> {
    let single = Cipher::des_left(key)?;
    let triple = Cipher::new(Family::Tdes, key)?;
    let (head, last) = blocks.split_last_chunk::<8>()?;
    let body = single.cbc_encrypt(iv, head);
    let chain = body.last_chunk::<8>().map_or(iv, |block| block.as_slice());
    triple.cbc_encrypt(chain, last).last_chunk::<8>().copied()
}

/// Full triple DES CBC MAC with padding method 2 (SCP02 cryptograms, GP 2.3.1 B.1.2.1).
pub(crate) fn full_tdes_mac(key: &[u8], data: &[u8]) -> Option<[u8; 8]> {
    Cipher::new(Family::Tdes, key)?
        .cbc_encrypt(&[], &pad(data, 8))
        .last_chunk::<8>()
        .copied()
}

/// AES CMAC (NIST SP 800-38B) over the pieces one after the other.
pub(crate) fn aes_cmac(key: &[u8], pieces: &[&[u8]]) -> Option<[u8; 16]> {
    fn run<M: Mac + KeyInit>(key: &[u8], pieces: &[&[u8]]) -> Option<[u8; 16]> {
        let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
        for piece in pieces {
            mac.update(piece);
        }
        mac.finalize().into_bytes().as_slice().try_into().ok()
    }
    match key.len() {
        16 => run::<Cmac<Aes128>>(key, pieces),
        24 => run::<Cmac<Aes192>>(key, pieces),
        32 => run::<Cmac<Aes256>>(key, pieces),
        _ => None,
    }
}

/// The MAC of a payment application: retail MAC, or the left half of a CMAC (EMV Book 2, A1.2).
pub(crate) fn emv_mac(family: Family, key: &[u8], data: &[u8]) -> Option<[u8; 8]> {
    match family {
        Family::Tdes => retail_mac(key, &[], data),
        Family::Aes => aes_cmac(key, &[data])?.first_chunk::<8>().copied(),
    }
}

/// The whole MAC over data that already are a whole number of blocks.
pub(crate) fn emv_mac_of_blocks(family: Family, key: &[u8], blocks: &[u8]) -> Option<Vec<u8>> {
    Some(match family {
        Family::Tdes => retail_mac_of_blocks(key, &[], blocks)?.to_vec(),
        Family::Aes => aes_cmac(key, &[blocks])?.to_vec(),
    })
}

/// Common session key derivation (EMV Book 2, A1.3.1) for a diversification value of up to a
/// block, zero filled: octet 3 becomes `F0` and `0F` where two blocks are needed.
pub(crate) fn session_key(family: Family, master: &[u8], value: &[u8]) -> Option<Secret> {
    let cipher = Cipher::new(family, master)?;
    let mut block = value.to_vec();
    block.resize(cipher.block(), 0);
    if master.len() == cipher.block() {
        return Some(cipher.ecb_encrypt(&block));
    }
    let mut key = Secret::default();
    for mark in [0xF0, 0x0F] {
        *block.get_mut(2)? = mark;
        key.extend_from_slice(&cipher.ecb_encrypt(&block));
    }
    key.truncate(master.len());
    Some(key)
}

/// Check value of a key: zeros for DES, sixteen `01` for AES (GP 2.3.1 B.5, EMV CPS 2.0).
pub(crate) fn check_value(family: Family, key: &[u8]) -> Option<[u8; 3]> {
    let cipher = Cipher::new(family, key)?;
    let filler = if family == Family::Tdes { 0 } else { 1 };
    let text = cipher.ecb_encrypt(&vec![filler; cipher.block()]);
    text.first_chunk::<3>().copied()
}

/// SHA-1 over the pieces one after the other.
pub(crate) fn sha1(pieces: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// Whether two values are equal, in time that does not depend on them.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    const MK: &str = "80A89B585BBF64C2F12915BF578FABE0";
    const AC_INPUT: &str =
        "00000000100000000000000008400000000000084023010100112233445800000103A00000";

    /// Values that pyemv 1.x gives for the ICC master key of IMK 0123…, PAN 4761739001010119.
    #[test]
    fn triple_des_cryptograms_as_pyemv_makes_them() {
        let key = session_key(Family::Tdes, &h(MK), &h("0001")).unwrap();
        // Keys are equal but for parity, which pyemv adjusts and DES ignores.
        assert_eq!(key[0] & 0xFE, 0x38);
        let ac = emv_mac(Family::Tdes, &key, &h(AC_INPUT)).unwrap();
        assert_eq!(ac.to_vec(), h("48E61816BC3D6216"));
        let arpc = emv_mac(Family::Tdes, &key, &[&ac[..], &h("00820000")].concat()).unwrap();
        assert_eq!(arpc[..4], h("AE6D7189"));
        let sm = session_key(Family::Tdes, &h(MK), &ac).unwrap();
        let script = [&h("841E000008")[..], &h("0001"), &ac].concat();
        assert_eq!(
            retail_mac(&sm, &[], &script).unwrap().to_vec(),
            h("EB8A58B7845B0079")
        );
        assert_eq!(
            check_value(Family::Tdes, &h(MK)).unwrap().to_vec(),
            h("DEEE3D")
        );
    }

    /// The check value that GlobalPlatformPro prints for the well-known test key.
    #[test]
    fn aes_check_value() {
        let key = h("404142434445464748494A4B4C4D4E4F");
        assert_eq!(
            check_value(Family::Aes, &key).unwrap().to_vec(),
            h("504A77")
        );
    }

    #[test]
    fn padding_comes_off_only_where_it_is() {
        assert_eq!(unpad(&pad(&[1, 2], 8)).unwrap(), [1, 2]);
        assert_eq!(unpad(&pad(&[0x80; 8], 8)).unwrap(), [0x80; 8]);
        assert!(unpad(&[1, 2, 3]).is_none());
        assert!(unpad(&[0; 8]).is_none());
    }
}

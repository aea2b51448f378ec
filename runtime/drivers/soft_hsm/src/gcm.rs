//! AES-256-GCM (NIST SP 800-38D) for short values, with nonces of 12 octets.
//!
//! Composed of the block cipher and GHASH for one reason: a value here is two or three blocks
//! long, and each call of the cipher sets up lanes for many. Here the block of the tag and the
//! first of the key stream are one call. The tests hold it against another implementation.

use aes::Aes256Enc;
use cipher::{Array, BlockCipherEncrypt, KeyInit};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub(crate) const NONCE_OCTETS: usize = 12;
pub(crate) const TAG_OCTETS: usize = 16;
/// Octets of a call: four blocks, enough for a PIN or three keys of a card with the tag's block.
const STREAM_OCTETS: usize = 64;

/// A key, expanded for both parts.
pub(crate) struct Gcm {
    cipher: Aes256Enc,
    hash: GHash,
}

impl Gcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let cipher = Aes256Enc::new(&Array(*key));
        let mut subkey = Zeroizing::new([0; 16]);
        cipher.encrypt_block((&mut *subkey).into());
        Self {
            hash: GHash::new((&*subkey).into()),
            cipher,
        }
    }

    /// Enciphers in place and gives the tag (7.1).
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE_OCTETS],
        associated: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_OCTETS] {
        let head = self.stream(nonce, 1);
        self.apply(nonce, &head, data);
        self.tag(&head, associated, data)
    }

    /// Checks the tag and only then deciphers in place (7.2); none when the tag is wrong.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE_OCTETS],
        associated: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_OCTETS],
    ) -> Option<()> {
        let head = self.stream(nonce, 1);
        let expected = self.tag(&head, associated, data);
        if !bool::from(expected.ct_eq(tag)) {
            return None;
        }
        self.apply(nonce, &head, data);
        Some(())
    }

    /// Enciphered counter blocks from a number on; number 1 is the tag's, 2 the first of data.
    fn stream(&self, nonce: &[u8; NONCE_OCTETS], number: u32) -> Zeroizing<[u8; STREAM_OCTETS]> {
        let mut stream = Zeroizing::new([0; STREAM_OCTETS]);
        let (blocks, _) = stream.as_chunks_mut::<16>();
        for (block, number) in blocks.iter_mut().zip(number..) {
            let octets = nonce.iter().copied().chain(number.to_be_bytes());
            for (place, octet) in block.iter_mut().zip(octets) {
                *place = octet;
            }
        }
        self.cipher
            .encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
        stream
    }

    /// Data xor key stream; `head` is the stream from block 1 on.
    fn apply(&self, nonce: &[u8; NONCE_OCTETS], head: &[u8; STREAM_OCTETS], data: &mut [u8]) {
        let near = data.len().min(STREAM_OCTETS - TAG_OCTETS);
        let (near, far) = data.split_at_mut_checked(near).unwrap_or_default();
        xor(near, head.iter().skip(TAG_OCTETS));
        for (part, number) in far.chunks_mut(STREAM_OCTETS).zip((5..).step_by(4)) {
            xor(part, self.stream(nonce, number).iter());
        }
    }

    /// GHASH over associated data, ciphertext and both lengths in bits, under block 1.
    fn tag(&self, head: &[u8; STREAM_OCTETS], associated: &[u8], data: &[u8]) -> [u8; TAG_OCTETS] {
        let mut hash = self.hash.clone();
        hash.update_padded(associated);
        hash.update_padded(data);
        let bits = (associated.len() as u128 * 8) << 64 | (data.len() as u128 * 8);
        hash.update(&[Array(bits.to_be_bytes())]);
        let mut tag: [u8; TAG_OCTETS] = hash.finalize().into();
        xor(&mut tag, head.iter());
        tag
    }
}

fn xor<'a>(data: &mut [u8], stream: impl Iterator<Item = &'a u8>) {
    for (octet, mask) in data.iter_mut().zip(stream) {
        *octet ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::aead::AeadInOut;

    // Another implementation: the `aes-gcm` crate, over lengths around the blocks and the calls.
    #[test]
    fn agrees_with_the_aes_gcm_crate() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8 * 7);
        let ours = Gcm::new(&key);
        let theirs = aes_gcm::Aes256Gcm::new(&key.into());
        for length in (0..200).chain([1_023, 1_024, 1_025, 4_096]) {
            let nonce: [u8; 12] = std::array::from_fn(|i| (i * length) as u8);
            let clear: Vec<u8> = (0..length).map(|i| (i * 31) as u8).collect();
            for associated in [&b""[..], b"0123456789abcdef", b"some 17 octets...", &clear] {
                let (mut data, mut expected) = (clear.clone(), clear.clone());
                let tag = ours.encrypt(&nonce, associated, &mut data);
                let expected_tag = theirs
                    .encrypt_inout_detached(
                        &nonce.into(),
                        associated,
                        expected.as_mut_slice().into(),
                    )
                    .unwrap();
                assert_eq!((&data, tag), (&expected, expected_tag.into()));
                let mut wrong = tag;
                wrong[length % 16] ^= 1;
                assert!(
                    ours.decrypt(&nonce, associated, &mut data, &wrong)
                        .is_none()
                );
                assert_eq!(data, expected, "untouched under a wrong tag");
                ours.decrypt(&nonce, associated, &mut data, &tag).unwrap();
                assert_eq!(data, clear);
            }
        }
    }

    // The GCM specification of McGrew and Viega, appendix B, test cases 13 and 14: AES-256, key,
    // nonce and text of zeros, no associated data.
    #[test]
    fn published_cases() {
        let gcm = Gcm::new(&[0; 32]);
        let tag = gcm.encrypt(&[0; 12], b"", &mut []);
        assert_eq!(hex::encode(tag), "530f8afbc74536b9a963b4f1c4cb738b");
        let mut data = [0; 16];
        let tag = gcm.encrypt(&[0; 12], b"", &mut data);
        assert_eq!(hex::encode(data), "cea7403d4d606b6e074ec5d3baf39d18");
        assert_eq!(hex::encode(tag), "d0d1c8a799996bf0265b98b5d48ab919");
    }
}

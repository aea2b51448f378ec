//! Randomness that is drawn once: streams from the site's root secret and a label.
//!
//! A draw is bound to job, order and purpose, not to the moment or the lane that asks for it: the
//! same label gives the same octets in every session, another site's root gives others. The label
//! is hashed under the root with HMAC-SHA-256, and the result keys AES-256 in counter mode.

use aes::Aes256Enc;
use cardwright_ports::hsm::Draw;
use cardwright_rsa::{NoRandomness, RandomSource};
use cipher::{Array, BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{self, Refused};

/// Octets of a root secret.
pub(crate) const ROOT_OCTETS: usize = 32;

/// The secret from which one site draws everything.
pub(crate) struct Root {
    secret: Zeroizing<[u8; ROOT_OCTETS]>,
    hash: KeyedHash,
}

impl Root {
    pub(crate) fn new(octets: [u8; ROOT_OCTETS]) -> Self {
        Self {
            hash: KeyedHash::new(&octets),
            secret: Zeroizing::new(octets),
        }
    }

    /// A new root from the operating system.
    pub(crate) fn fresh() -> Result<Self, Refused> {
        let mut octets = Zeroizing::new([0; ROOT_OCTETS]);
        match getrandom::fill(octets.as_mut_slice()) {
            Ok(()) => Ok(Self::new(*octets)),
            Err(e) => Err(error::RANDOMNESS.found(format!("the operating system says: {e}"))),
        }
    }

    pub(crate) fn expose(&self) -> &[u8; ROOT_OCTETS] {
        &self.secret
    }

    /// A keyed hash of parts.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.hash.over(parts)
    }

    /// A key of its own for a purpose inside the HSM.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.hash(&[b"cardwright soft hsm key", purpose.as_bytes()]))
    }

    /// The stream of one draw.
    pub(crate) fn draw(&self, draw: &Draw<'_>, kind: &str) -> Stream {
        Stream::new(&Zeroizing::new(self.hash(&[
            b"cardwright soft hsm draw",
            kind.as_bytes(),
            draw.job.as_bytes(),
            &draw.order.to_be_bytes(),
            draw.purpose.as_bytes(),
        ])))
    }
}

/// HMAC-SHA-256 whose key is taken in once.
pub(crate) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a key with zeros to a block of the hash (RFC 2104, 2).
        let mut block = Zeroizing::new([0u8; 64]);
        for (slot, octet) in block.iter_mut().zip(key) {
            *slot = *octet;
        }
        Self(<Hmac<Sha256> as KeyInit>::new((&*block).into()))
    }

    /// Over parts, each with its length in front so that no two lists are one text.
    pub(crate) fn over(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// A stream of octets: AES-256 over a counter.
pub struct Stream {
    cipher: Aes256Enc,
    counter: u128,
    block: Array<u8, cipher::consts::U16>,
    used: usize,
}

impl Stream {
    /// The stream of a key; the same key gives the same octets.
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: Aes256Enc::new(&Array(*key)),
            counter: 0,
            block: Array([0; 16]),
            used: 16,
        }
    }

    /// The next octets of the stream.
    pub fn fill(&mut self, octets: &mut [u8]) {
        for octet in octets {
            *octet = self.next();
        }
    }

    fn next(&mut self) -> u8 {
        if self.used == 16 {
            // Block by block: most draws are short, and setting up wide lanes costs more than one.
            self.block.0 = self.counter.to_be_bytes();
            self.counter = self.counter.wrapping_add(1);
            self.cipher.encrypt_block(&mut self.block);
            self.used = 0;
        }
        let octet = self.block.0.get(self.used).copied();
        self.used += 1;
        octet.unwrap_or_default()
    }

    /// A decimal digit, each equally likely.
    pub(crate) fn digit(&mut self) -> u8 {
        loop {
            // 250 is the largest multiple of ten in an octet.
            let octet = self.next();
            if octet < 250 {
                return octet % 10;
            }
        }
    }
}

impl RandomSource for Stream {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        Self::fill(self, octets);
        Ok(())
    }
}

/// The operating system's generator, for what need not come out the same again: blinding.
pub(crate) struct System;

impl RandomSource for System {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(octets).map_err(|_| NoRandomness)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.block.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(root: &Root, job: &str, order: u64, purpose: &str) -> [u8; 40] {
        let mut octets = [0; 40];
        let draw = Draw {
            job,
            order,
            purpose,
        };
        root.draw(&draw, "test").fill(&mut octets);
        octets
    }

    #[test]
    fn the_label_decides_and_nothing_else() {
        let root = Root::new([7; 32]);
        let first = octets(&root, "a", 1, "pin");
        assert_eq!(first, octets(&root, "a", 1, "pin"));
        for other in [
            octets(&root, "a", 2, "pin"),
            octets(&root, "b", 1, "pin"),
            octets(&root, "a", 1, "pi"),
            octets(&Root::new([8; 32]), "a", 1, "pin"),
        ] {
            assert_ne!(first, other);
        }
    }

    // AES-256 in counter mode over zeros; the first block is FIPS 197's cipher of a zero block
    // under a zero key (NIST CAVP, AES-256 ECB, all zero: DC95C078A2408989AD48A21492842087).
    #[test]
    fn the_stream_is_aes_256_in_counter_mode() {
        let mut block = [0; 16];
        Stream::new(&[0; 32]).fill(&mut block);
        assert_eq!(hex::encode_upper(block), "DC95C078A2408989AD48A21492842087");
    }

    #[test]
    fn digits_are_even() {
        let mut stream = Stream::new(&[1; 32]);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[usize::from(stream.digit())] += 1;
        }
        // 10,000 expected, standard deviation 95: six of them are far beyond chance.
        assert!(
            counts.iter().all(|c| c.abs_diff(10_000) < 570),
            "{counts:?}"
        );
    }
}

//! What is drawn: streams of octets from a seed that the token made out of a label.

use aes::Aes256Enc;
use cardwright_ports::hsm::Draw;
use cipher::{Array, BlockCipherEncrypt, KeyInit};
use zeroize::{Zeroize, Zeroizing};

/// Octets of a seed.
pub(crate) const SEED_OCTETS: usize = 32;

/// A stream of octets: AES-256 over a counter.
pub(crate) struct Stream {
    cipher: Aes256Enc,
    counter: u128,
    block: Array<u8, cipher::consts::U16>,
    used: usize,
}

impl Stream {
    pub(crate) fn new(seed: &[u8; SEED_OCTETS]) -> Self {
        Self {
            cipher: Aes256Enc::new(&Array(*seed)),
            counter: 0,
            block: Array([0; 16]),
            used: 16,
        }
    }

    fn next(&mut self) -> u8 {
        if self.used == 16 {
            self.block.0 = self.counter.to_be_bytes();
            self.counter = self.counter.wrapping_add(1);
            self.cipher.encrypt_block(&mut self.block);
            self.used = 0;
        }
        let octet = self.block.0.get(self.used).copied();
        self.used += 1;
        octet.unwrap_or_default()
    }

    pub(crate) fn fill(&mut self, octets: &mut [u8]) {
        for octet in octets {
            *octet = self.next();
        }
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

impl cardwright_rsa::RandomSource for Stream {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), cardwright_rsa::NoRandomness> {
        Stream::fill(self, octets);
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.block.0.zeroize();
    }
}

/// Parts as one text, each with its length in front so that no two lists are one text.
pub(crate) fn joined(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let octets = parts.iter().map(|part| part.len() + 8).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(octets));
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    }
    text
}

/// The label of a draw of some kind.
pub(crate) fn label(draw: &Draw<'_>, kind: &str) -> Zeroizing<Vec<u8>> {
    joined(&[
        b"cardwright pkcs11 draw",
        kind.as_bytes(),
        draw.job.as_bytes(),
        &draw.order.to_be_bytes(),
        draw.purpose.as_bytes(),
    ])
}

/// What identifies a draw, as context of a seal.
pub(crate) fn context(draw: &Draw<'_>) -> Vec<u8> {
    let mut context = Vec::with_capacity(draw.job.len() + draw.purpose.len() + 9);
    context.extend_from_slice(draw.job.as_bytes());
    context.push(0);
    context.extend_from_slice(&draw.order.to_be_bytes());
    context.extend_from_slice(draw.purpose.as_bytes());
    context
}

//! The chip's random numbers: a seeded generator, so that a card in a test behaves the same twice.

use crate::crypto::{Cipher, Family, Secret};

/// AES-128 in counter mode. Seed and counter are part of the card's state, so no value repeats.
pub(crate) struct Entropy {
    pub(crate) seed: Secret,
    pub(crate) counter: u64,
}

impl Entropy {
    /// `seed` has 16 octets; any other gives zeros, which [`crate::snapshot`] keeps out.
    pub(crate) fn new(seed: Secret, counter: u64) -> Self {
        Self { seed, counter }
    }

    /// The next eight octets.
    pub(crate) fn draw(&mut self) -> [u8; 8] {
        self.counter = self.counter.wrapping_add(1);
        let block = u128::from(self.counter).to_be_bytes();
        Cipher::new(Family::Aes, &self.seed)
            .and_then(|cipher| cipher.ecb_encrypt(&block).first_chunk::<8>().copied())
            .unwrap_or_default()
    }
}

//! A random source that gives the same octets for the same seed.

use cardwright_rsa::{NoRandomness, RandomSource};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// ChaCha20 over a seed.
pub(crate) struct Stream(ChaCha20Rng);

impl Stream {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(*seed))
    }
}

impl RandomSource for Stream {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        self.0.fill_bytes(octets);
        Ok(())
    }
}

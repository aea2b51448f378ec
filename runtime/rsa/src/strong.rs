//! The strong probable prime test of one number (Miller and Rabin), one base after the other.

use zeroize::{Zeroize, Zeroizing};

use crate::limbs::odd_part;
use crate::montgomery::Modulus;

/// A number with what its tests need.
pub(crate) struct StrongTest<const L: usize> {
    modulus: Modulus<L>,
    /// The odd part of `n - 1`.
    odd: [u64; L],
    /// How often 2 divides `n - 1`.
    twos: usize,
}

impl<const L: usize> StrongTest<L> {
    /// `None` for an even number and for 1.
    pub(crate) fn new(number: &[u64; L]) -> Option<Self> {
        let modulus = Modulus::new(*number)?;
        let mut odd = *number;
        let twos = odd_part(&mut odd);
        Some(Self { modulus, odd, twos })
    }

    /// Base 2 takes squares and doublings only: nearly all numbers that pass the sieve fail here
    /// at the price of squares alone.
    pub(crate) fn passes_two(&self, bits: usize) -> bool {
        self.ends_well(self.modulus.power_of_two(&self.odd, bits))
    }

    /// Whether it is a strong probable prime to all these bases, each below it.
    pub(crate) fn passes(&self, bases: &[Zeroizing<[u64; L]>]) -> bool {
        let r_squared = self.modulus.r_squared();
        bases.iter().all(|base| {
            let base = Zeroizing::new(self.modulus.multiply(base, &r_squared));
            self.ends_well(self.modulus.power(&base, &self.odd))
        })
    }

    /// `power` is the base to the odd part: it or one of its squares must be as for a prime.
    fn ends_well(&self, mut power: [u64; L]) -> bool {
        let minus_one = self.modulus.minus_one();
        if power == *self.modulus.one() {
            return true;
        }
        for _ in 0..self.twos {
            if power == minus_one {
                return true;
            }
            power = self.modulus.square(&power);
        }
        power.zeroize();
        false
    }
}

impl<const L: usize> Drop for StrongTest<L> {
    fn drop(&mut self) {
        self.odd.zeroize();
    }
}

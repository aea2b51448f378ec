//! Removes from a window of odd numbers those with a small prime factor and those that would be
//! 1 modulo the public exponent.
//!
//! The residues of the window's start are found for several primes at once: small primes are
//! packed into 64-bit products, the start is reduced by Montgomery steps modulo each product
//! (no division), and one multiplication per prime gives the first index to strike out.

use std::sync::OnceLock;

use crate::limbs::inverse_modulo_prime;

/// Sieving primes are below this. Beyond it, striking out costs more than the tests it saves.
const LIMIT: u32 = 1 << 16;
/// Limbs of the largest prime that is searched.
const LIMBS_MAX: usize = 32;

/// A sieving prime.
struct SmallPrime {
    prime: u32,
    /// `floor(2^64 / prime)`, for a remainder without division.
    reciprocal: u64,
    /// `-(2^64)^L / 2` modulo the prime: from the reduced start to the first index.
    factor: u32,
}

/// Primes whose product fits into 64 bits.
struct Pack {
    product: u64,
    /// `product^-1 mod 2^64`.
    inverse: u64,
    primes: Vec<SmallPrime>,
}

/// The packs for starts of a certain count of limbs.
pub(crate) struct Sieve {
    packs: Vec<Pack>,
    limbs: usize,
}

impl Sieve {
    /// The sieve for numbers of `limbs` limbs, made at its first use; `None` for a count that no
    /// key has.
    pub(crate) fn for_limbs(limbs: usize) -> Option<&'static Self> {
        static SIEVES: [OnceLock<Sieve>; LIMBS_MAX + 1] =
            [const { OnceLock::new() }; LIMBS_MAX + 1];
        SIEVES
            .get(limbs)
            .map(|cell| cell.get_or_init(|| Self::new(limbs)))
    }

    fn new(limbs: usize) -> Self {
        let mut packs: Vec<Pack> = Vec::new();
        for prime in odd_primes_below(LIMIT) {
            let small = SmallPrime {
                prime,
                reciprocal: u64::MAX / u64::from(prime),
                factor: index_factor(prime, limbs),
            };
            let room = packs
                .last_mut()
                .and_then(|p| Some((p.product.checked_mul(u64::from(prime))?, p)));
            match room {
                Some((product, pack)) => {
                    pack.product = product;
                    pack.primes.push(small);
                }
                None => packs.push(Pack {
                    product: u64::from(prime),
                    inverse: 0,
                    primes: vec![small],
                }),
            }
        }
        for pack in &mut packs {
            pack.inverse = inverse(pack.product);
        }
        Self { packs, limbs }
    }

    /// Marks (with 1) in `window` each index `i` for which `start + 2 i` has a small factor or is
    /// 1 modulo `exponent`. `start` is odd and has the sieve's count of limbs.
    pub(crate) fn strike(&self, start: &[u64], exponent: u32, window: &mut [u8]) {
        debug_assert_eq!(start.len(), self.limbs);
        window.fill(0);
        for pack in &self.packs {
            let reduced = pack.reduce(start);
            for small in &pack.primes {
                let first = small.times_factor(small.remainder(reduced));
                strike_every(window, first, small.prime);
            }
        }
        // 1 - start = 2 i (mod exponent)
        let rest = crate::limbs::remainder(start, exponent);
        let one_off = u64::from(exponent) + 1 - u64::from(rest);
        let half = u64::from(exponent.div_ceil(2));
        let first = one_off * half % u64::from(exponent);
        strike_every(window, first as u32, exponent);
    }
}

impl Pack {
    /// `start * 2^(-64 L)` modulo the product.
    #[inline]
    fn reduce(&self, start: &[u64]) -> u64 {
        let mut value = 0u64;
        for &limb in start {
            let (sum, carry) = value.overflowing_add(limb);
            let m = sum.wrapping_mul(self.inverse);
            let high = ((u128::from(m) * u128::from(self.product)) >> 64) as u64;
            let (difference, borrow) = u64::from(carry).overflowing_sub(high);
            value = if borrow {
                difference.wrapping_add(self.product)
            } else {
                difference
            };
        }
        value
    }
}

impl SmallPrime {
    #[inline]
    fn remainder(&self, value: u64) -> u32 {
        let quotient = ((u128::from(value) * u128::from(self.reciprocal)) >> 64) as u64;
        let mut rest = value.wrapping_sub(quotient.wrapping_mul(u64::from(self.prime)));
        // The truncated reciprocal makes the quotient at most two too small.
        for _ in 0..2 {
            if rest >= u64::from(self.prime) {
                rest -= u64::from(self.prime);
            }
        }
        rest as u32
    }

    #[inline]
    fn times_factor(&self, rest: u32) -> u32 {
        self.remainder(u64::from(rest) * u64::from(self.factor))
    }
}

#[inline]
fn strike_every(window: &mut [u8], first: u32, step: u32) {
    let tail = window.get_mut(first as usize..).unwrap_or_default();
    for mark in tail.iter_mut().step_by(step as usize) {
        *mark = 1;
    }
}

/// `-(2^64)^limbs / 2` modulo an odd prime.
fn index_factor(prime: u32, limbs: usize) -> u32 {
    let p = u64::from(prime);
    let word = ((1u128 << 64) % u128::from(prime)) as u64;
    let shifted = (0..limbs).fold(1u64, |product, _| product * word % p);
    let half = u64::from(inverse_modulo_prime(2, prime));
    ((p - shifted) * half % p) as u32
}

/// `n^-1 mod 2^64` for an odd `n`.
fn inverse(n: u64) -> u64 {
    (0..5).fold(n, |x, _| {
        x.wrapping_mul(2u64.wrapping_sub(n.wrapping_mul(x)))
    })
}

/// Odd primes below a limit, by Eratosthenes' sieve.
fn odd_primes_below(limit: u32) -> Vec<u32> {
    let mut composite = vec![0u8; limit as usize];
    let mut primes = Vec::new();
    for n in (3..limit).step_by(2) {
        if composite.get(n as usize) == Some(&0) {
            primes.push(n);
            let square = n.saturating_mul(n);
            strike_every(&mut composite, square, n);
        }
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sieve_has_every_odd_prime_once() {
        // There are 6,542 primes below 65,536 (OEIS A007053(16)), one of them even.
        assert_eq!(odd_primes_below(1 << 16).len(), 6_541);
    }

    #[test]
    fn marks_agree_with_trial_division() {
        let start = [0x1234_5678_9ABC_DEF1u64, 0xFEDC_BA98, 77, 5];
        for exponent in [3, 65_537] {
            let mut window = vec![0; 600];
            Sieve::for_limbs(4)
                .unwrap()
                .strike(&start, exponent, &mut window);
            for (i, &mark) in window.iter().enumerate() {
                let mut number = start;
                number[0] += 2 * i as u64;
                let divides = odd_primes_below(LIMIT)
                    .iter()
                    .any(|&p| crate::limbs::remainder(&number, p) == 0);
                let one = crate::limbs::remainder(&number, exponent) == 1;
                assert_eq!(mark == 1, divides || one, "index {i}, e {exponent}");
            }
        }
    }
}

//! The search for a prime of a key: a random odd start, a sieved window, then tests.

use zeroize::{Zeroize, Zeroizing};

use crate::limbs::from_octets;
use crate::montgomery::{Modulus, bit_length, set_bit};
use crate::sieve::Sieve;
use crate::{RandomSource, RsaError};

/// Windows that are searched before a search is given up; one is nearly always enough.
const WINDOWS_MAX: u32 = 1_000;
/// Random-base rounds for primes of at least `LONG_PRIME_BITS`: with random candidates the chance
/// of a composite is below 2^-80 already without the base 2 test (Damgard, Landrock, Pomerance).
const ROUNDS_LONG: u32 = 5;
const ROUNDS_SHORT: u32 = 7;
const LONG_PRIME_BITS: usize = 550;
/// Useless bases in a row after which the source is taken for dead.
const BASES_MAX: u32 = 100;
/// Octets of the longest prime.
const OCTETS_MAX: usize = 256;

/// A random prime of exactly `bits` bits whose two highest bits are set and that is not 1 modulo
/// `exponent`. Each call draws its own window.
pub(crate) fn search<const L: usize>(
    bits: usize,
    exponent: u32,
    source: &mut dyn RandomSource,
) -> Result<Zeroizing<[u64; L]>, RsaError> {
    let sieve = Sieve::for_limbs(L).ok_or_else(|| RsaError::Size("a prime too long".to_owned()))?;
    // About ten primes are in it (half as many for exponent 3).
    let mut window = Zeroizing::new(vec![0u8; bits * 8]);
    for _ in 0..WINDOWS_MAX {
        let start = random_odd::<L>(bits, source)?;
        sieve.strike(start.as_slice(), exponent, &mut window);
        for (index, _) in window.iter().enumerate().filter(|(_, mark)| **mark == 0) {
            let candidate = Zeroizing::new(plus(&start, 2 * index as u64));
            if bit_length(candidate.as_slice()) == bits && is_prime(&candidate, bits, source)? {
                return Ok(candidate);
            }
        }
    }
    Err(RsaError::Randomness("no prime in a thousand windows"))
}

/// A random odd number of `bits` bits with its two highest bits set.
fn random_odd<const L: usize>(
    bits: usize,
    source: &mut dyn RandomSource,
) -> Result<Zeroizing<[u64; L]>, RsaError> {
    let mut octets = Zeroizing::new([0u8; OCTETS_MAX]);
    let length = bits.div_ceil(8);
    let mut number = Zeroizing::new([0u64; L]);
    if let Some(octets) = octets.get_mut(..length) {
        source.fill(octets)?;
        if let (Some(first), 1..) = (octets.first_mut(), bits % 8) {
            *first &= 0xFF >> (8 - bits % 8);
        }
        *number = from_octets(octets).unwrap_or([0; L]);
    }
    set_bit(number.as_mut_slice(), bits - 1);
    set_bit(number.as_mut_slice(), bits - 2);
    set_bit(number.as_mut_slice(), 0);
    Ok(number)
}

fn plus<const L: usize>(number: &[u64; L], addend: u64) -> [u64; L] {
    let mut sum = *number;
    let mut carry = addend;
    for limb in &mut sum {
        let (value, over) = limb.overflowing_add(carry);
        *limb = value;
        carry = u64::from(over);
    }
    sum
}

/// Strong test to base 2, then rounds with random bases (Miller and Rabin).
fn is_prime<const L: usize>(
    candidate: &[u64; L],
    bits: usize,
    source: &mut dyn RandomSource,
) -> Result<bool, RsaError> {
    let Some(test) = StrongTest::new(candidate) else {
        return Ok(false);
    };
    if !test.passes_base_two() {
        return Ok(false);
    }
    let rounds = if bits >= LONG_PRIME_BITS {
        ROUNDS_LONG
    } else {
        ROUNDS_SHORT
    };
    for _ in 0..rounds {
        if !test.passes_random_base(source)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Strong probable prime test of one number.
struct StrongTest<const L: usize> {
    modulus: Modulus<L>,
    /// The odd part of `n - 1`.
    odd: [u64; L],
    /// How often 2 divides `n - 1`.
    twos: usize,
}

impl<const L: usize> StrongTest<L> {
    fn new(candidate: &[u64; L]) -> Option<Self> {
        let modulus = Modulus::new(*candidate)?;
        let mut odd = *candidate;
        if let Some(lowest) = odd.first_mut() {
            *lowest &= !1;
        }
        let twos = trailing_zeros(&odd);
        shift_right(&mut odd, twos);
        Some(Self { modulus, odd, twos })
    }

    /// Base 2 needs doublings only: about half of the numbers that pass the sieve fail here at
    /// the price of squarings alone.
    fn passes_base_two(&self) -> bool {
        let mut power = *self.modulus.one();
        for bit in (0..bit_length(&self.odd)).rev() {
            power = self.modulus.square(&power);
            if self
                .odd
                .get(bit / 64)
                .is_some_and(|l| l >> (bit % 64) & 1 == 1)
            {
                power = self.modulus.double(&power);
            }
        }
        self.ends_well(power)
    }

    fn passes_random_base(&self, source: &mut dyn RandomSource) -> Result<bool, RsaError> {
        // Any residue serves as a base already in Montgomery's form; it is cut to one bit less
        // than the number so that it is below it. The values 0, 1 and -1 prove nothing.
        let mut octets = Zeroizing::new([0u8; OCTETS_MAX]);
        let bits = bit_length(self.modulus.limbs()) - 1;
        let Some(octets) = octets.get_mut(..bits.div_ceil(8)) else {
            return Ok(false);
        };
        for _ in 0..BASES_MAX {
            source.fill(octets)?;
            if let (Some(first), 1..) = (octets.first_mut(), bits % 8) {
                *first &= 0xFF >> (8 - bits % 8);
            }
            let base: [u64; L] = from_octets(octets).unwrap_or([0; L]);
            let trivial =
                base == [0; L] || base == *self.modulus.one() || base == self.modulus.minus_one();
            if !trivial {
                return Ok(self.ends_well(self.modulus.power(&base, &self.odd)));
            }
        }
        Ok(false)
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

fn trailing_zeros(limbs: &[u64]) -> usize {
    limbs
        .iter()
        .enumerate()
        .find(|(_, l)| **l != 0)
        .map_or(0, |(i, l)| 64 * i + l.trailing_zeros() as usize)
}

fn shift_right(limbs: &mut [u64], bits: usize) {
    for _ in 0..bits {
        let mut carry = 0;
        for limb in limbs.iter_mut().rev() {
            let low = *limb & 1;
            *limb = *limb >> 1 | carry << 63;
            carry = low;
        }
    }
}

//! The search for a prime of a key: a random odd start, a sieved window, then tests.
//!
//! What is left of the window after the sieve is tested in a random order, so that each prime of
//! the window is as likely as the next: the first one behind the start would be likelier the
//! longer the gap before it. See docs/rsa.md for what bias stays and for the bound of error.

use zeroize::Zeroizing;

use crate::lanes::{Arithmetic, GROUP};
use crate::limbs::{from_octets, is_below};
use crate::montgomery::{bit_length, set_bit};
use crate::sieve::Sieve;
use crate::{RandomSource, RsaError};

/// Windows that are searched before a search is given up; one is nearly always enough.
const WINDOWS_MAX: u32 = 1_000;
/// Useless draws in a row after which the source is taken for dead.
const DRAWS_MAX: u32 = 200;
/// Octets of the longest prime.
const OCTETS_MAX: usize = 256;
/// Bits of the shortest number that is taken for a prime; no factor of a key is near it.
const BITS_MIN: usize = 8;
/// Odd numbers in a window, for each bit of the prime. About twenty primes are in it, half as many
/// for exponent 3.
const WINDOW_PER_BIT: usize = 8;

/// Random bases by length of the prime, from this many bits on: what keeps the chance that a key
/// has a composite factor below `2^-100` (Damgard, Landrock and Pomerance; docs/rsa.md). Never
/// fewer than four.
const ROUNDS: [(usize, usize); 15] = [
    (972, 4),
    (784, 5),
    (656, 6),
    (568, 7),
    (504, 8),
    (452, 9),
    (412, 10),
    (380, 11),
    (352, 12),
    (328, 13),
    (308, 14),
    (292, 15),
    (280, 16),
    (264, 17),
    (256, 18),
];
/// Bases for a number that nobody drew at random: each leaves at most a quarter, `4^-50 = 2^-100`.
const ROUNDS_FOREIGN: usize = 50;

/// A random prime of exactly `bits` bits whose two highest bits are set and that is not 1 modulo
/// `exponent`. Each call draws its own window.
pub(crate) fn search<const L: usize>(
    bits: usize,
    exponent: u32,
    arithmetic: Arithmetic,
    source: &mut dyn RandomSource,
) -> Result<Zeroizing<[u64; L]>, RsaError> {
    let too_long = || RsaError::Size("a prime too long".to_owned());
    let sieve = Sieve::for_limbs(L).ok_or_else(too_long)?;
    let mut window = Zeroizing::new(vec![0u8; bits * WINDOW_PER_BIT]);
    let mut left = Zeroizing::new(Vec::with_capacity(window.len()));
    for _ in 0..WINDOWS_MAX {
        let start = random_odd::<L>(bits, source)?;
        sieve.strike(start.as_slice(), exponent, &mut window);
        left.clear();
        left.extend(
            (0u32..)
                .zip(window.iter())
                .filter(|(_, mark)| **mark == 0)
                .map(|(i, _)| i),
        );
        while !left.is_empty() {
            let group = draw_group(&start, &mut left, bits, source)?;
            let numbers: Vec<&[u64; L]> = group.iter().map(|number| &**number).collect();
            let mut numbers = numbers.as_slice();
            while let Some(place) = arithmetic.first_strong_two(numbers, bits) {
                let (tested, rest) = numbers.split_at_checked(place + 1).unwrap_or_default();
                if let Some(number) = tested.last()
                    && holds(number, bits, rounds(bits), arithmetic, source)?
                {
                    return Ok(Zeroizing::new(**number));
                }
                numbers = rest;
            }
        }
    }
    Err(RsaError::Randomness("no prime in a thousand windows"))
}

/// Up to eight of the numbers that are left, at random.
fn draw_group<const L: usize>(
    start: &[u64; L],
    left: &mut Vec<u32>,
    bits: usize,
    source: &mut dyn RandomSource,
) -> Result<Vec<Zeroizing<[u64; L]>>, RsaError> {
    let mut group = Vec::with_capacity(GROUP);
    while group.len() < GROUP && !left.is_empty() {
        let place = random_below(left.len(), source)?;
        let index = left.swap_remove(place);
        let number = Zeroizing::new(plus(start, 2 * u64::from(index)));
        // A start just below the next power of two has longer numbers behind it.
        if bit_length(number.as_slice()) == bits {
            group.push(number);
        }
    }
    Ok(group)
}

/// Each number below a limit of at most 65,536 equally likely.
fn random_below(limit: usize, source: &mut dyn RandomSource) -> Result<usize, RsaError> {
    let mask = limit.next_power_of_two() - 1;
    for _ in 0..DRAWS_MAX {
        let mut octets = Zeroizing::new([0; 2]);
        source.fill(octets.as_mut_slice())?;
        let place = usize::from(u16::from_le_bytes(*octets)) & mask;
        if place < limit {
            return Ok(place);
        }
    }
    Err(RsaError::Randomness("the random source repeats itself"))
}

/// A random odd number of `bits` bits with its two highest bits set.
fn random_odd<const L: usize>(
    bits: usize,
    source: &mut dyn RandomSource,
) -> Result<Zeroizing<[u64; L]>, RsaError> {
    let mut number = random_bits(bits, source)?;
    set_bit(number.as_mut_slice(), bits - 1);
    set_bit(number.as_mut_slice(), bits - 2);
    set_bit(number.as_mut_slice(), 0);
    Ok(number)
}

/// A random number below `2^bits`.
fn random_bits<const L: usize>(
    bits: usize,
    source: &mut dyn RandomSource,
) -> Result<Zeroizing<[u64; L]>, RsaError> {
    let mut octets = Zeroizing::new([0u8; OCTETS_MAX]);
    let mut number = Zeroizing::new([0u64; L]);
    if let Some(octets) = octets.get_mut(..bits.div_ceil(8)) {
        source.fill(octets)?;
        if let (Some(first), 1..) = (octets.first_mut(), bits % 8) {
            *first &= 0xFF >> (8 - bits % 8);
        }
        *number = from_octets(octets).unwrap_or([0; L]);
    }
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

/// Bases for a random candidate of so many bits.
fn rounds(bits: usize) -> usize {
    let row = ROUNDS.iter().find(|(from, _)| bits >= *from);
    row.map_or(ROUNDS_FOREIGN, |(_, rounds)| *rounds)
}

/// Strong tests to random bases, each drawn evenly from 2 to `n - 2`.
fn holds<const L: usize>(
    number: &[u64; L],
    bits: usize,
    rounds: usize,
    arithmetic: Arithmetic,
    source: &mut dyn RandomSource,
) -> Result<bool, RsaError> {
    let bases: Result<Vec<_>, _> = (0..rounds)
        .map(|_| base_for(number, bits, source))
        .collect();
    Ok(arithmetic.strong(number, bits, &bases?))
}

fn base_for<const L: usize>(
    number: &[u64; L],
    bits: usize,
    source: &mut dyn RandomSource,
) -> Result<Zeroizing<[u64; L]>, RsaError> {
    for _ in 0..DRAWS_MAX {
        let base = random_bits::<L>(bits, source)?;
        if bit_length(base.as_slice()) > 1 && is_below(&plus(&base, 1), number) {
            return Ok(base);
        }
    }
    Err(RsaError::Randomness("the random source repeats itself"))
}

/// Whether a number that somebody else made is prime; composites pass with a chance of at most
/// `2^-100`, whoever chose them.
pub(crate) fn is_prime<const L: usize>(
    number: &[u64; L],
    arithmetic: Arithmetic,
    source: &mut dyn RandomSource,
) -> Result<bool, RsaError> {
    let bits = bit_length(number);
    let odd = number.first().is_some_and(|lowest| lowest & 1 == 1);
    if !odd || bits < BITS_MIN {
        return Ok(false);
    }
    if arithmetic.first_strong_two(&[number], bits).is_none() {
        return Ok(false);
    }
    holds(number, bits, ROUNDS_FOREIGN, arithmetic, source)
}

//! DES of few blocks in registers, on any processor: constant in time.
//!
//! An S-box's output bit is a number of 64 bits, an answer for each of its inputs; turned by the
//! input it has the answer where permutation P wants it. No address and no branch depends on key or
//! data; a turn by a variable takes one time on every processor that this is compiled for.

use zeroize::Zeroize;

use super::standard::{P, spread_keys, substituted};
use super::{RoundKeys, Way};

/// Left and right half between the permutations; both rotated right by one, so that the
/// expansion of a half is two words of aligned groups.
#[derive(Clone, Copy)]
struct Halves(u32, u32);

/// Expands a key; parity bits are ignored. A round's key has the groups of odd S-boxes in the high
/// half, of even ones in the low half, each group in the top six bits of an octet.
pub(super) fn expand(key: [u8; 8]) -> RoundKeys {
    super::gathered(key, &SPREAD_KEYS, 0)
}

/// The stages one after the other for blocks that do not depend on each other, each under its own
/// keys. They go round by round side by side, which leaves the processor more to choose from.
#[inline]
pub(super) fn run<const L: usize>(
    stages: &[([&RoundKeys; L], Way)],
    blocks: [[u8; 8]; L],
) -> [[u8; 8]; L] {
    let mut blocks = blocks.map(Halves::enter);
    for (keys, way) in stages {
        for round in 0..16 {
            let number = way.round(round);
            for (Halves(left, right), keys) in blocks.iter_mut().zip(keys) {
                let key = keys.get(number).copied().unwrap_or_default();
                (*left, *right) = (*right, *left ^ substitute(*right, key));
            }
        }
        // The last round does not exchange the halves.
        for Halves(left, right) in &mut blocks {
            (*left, *right) = (*right, *left);
        }
    }
    let out = blocks.map(Halves::leave);
    for Halves(left, right) in &mut blocks {
        left.zeroize();
        right.zeroize();
    }
    out
}

impl Halves {
    /// Initial permutation.
    #[inline]
    fn enter(block: [u8; 8]) -> Self {
        let value = u64::from_be_bytes(block);
        let (mut left, mut right) = ((value >> 32) as u32, value as u32);
        exchange(&mut left, &mut right, 4, 0x0F0F_0F0F);
        exchange(&mut left, &mut right, 16, 0x0000_FFFF);
        exchange(&mut right, &mut left, 2, 0x3333_3333);
        exchange(&mut right, &mut left, 8, 0x00FF_00FF);
        exchange(&mut left, &mut right, 1, 0x5555_5555);
        Self(left.rotate_right(1), right.rotate_right(1))
    }

    /// Final permutation, the inverse of the initial one.
    #[inline]
    fn leave(self) -> [u8; 8] {
        let (mut left, mut right) = (self.0.rotate_left(1), self.1.rotate_left(1));
        exchange(&mut left, &mut right, 1, 0x5555_5555);
        exchange(&mut right, &mut left, 8, 0x00FF_00FF);
        exchange(&mut right, &mut left, 2, 0x3333_3333);
        exchange(&mut left, &mut right, 16, 0x0000_FFFF);
        exchange(&mut left, &mut right, 4, 0x0F0F_0F0F);
        (u64::from(left) << 32 | u64::from(right)).to_be_bytes()
    }
}

/// Exchanges the bits of `b` under the mask with those of `a` that are `shift` places higher.
#[inline(always)]
fn exchange(a: &mut u32, b: &mut u32, shift: u32, mask: u32) {
    let difference = (*a >> shift ^ *b) & mask;
    *b ^= difference;
    *a ^= difference << shift;
}

/// The round function on a rotated half.
#[inline(always)]
fn substitute(half: u32, key: u64) -> u32 {
    let odd = half ^ (key >> 32) as u32;
    let even = half.rotate_left(4) ^ key as u32;
    let [s1, s2, s3, s4, s5, s6, s7, s8] = &const { boxes() };
    (answer(s1, odd >> 26) | answer(s3, odd >> 18) | answer(s5, odd >> 10) | answer(s7, odd >> 2))
        | (answer(s2, even >> 26)
            | answer(s4, even >> 18)
            | answer(s6, even >> 10)
            | answer(s8, even >> 2))
}

/// The answers of one output bit, and the place in the next half that they have when they are
/// turned by the input.
type OutputBit = (u64, u32);

/// Looks an input of six bits up in all answers of an S-box. A turn takes its count modulo 64, so
/// that what stands above the six bits does not matter.
#[inline(always)]
fn answer(bits: &[OutputBit; 4], input: u32) -> u32 {
    let [a, b, c, d] = bits.map(|(answers, place)| answers.rotate_right(input) as u32 & place);
    (a | b) | (c | d)
}

/// S-boxes and permutation P in one.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn boxes() -> [[OutputBit; 4]; 8] {
    let mut tables = [[(0, 0); 4]; 8];
    let mut to = 0;
    while to < 32 {
        let from = P[to] as usize - 1;
        let (number, bit) = (from / 4, from % 4);
        // From the right, in a half that is rotated right by one.
        let place = (31 - to as u32 + 31) % 32;
        let mut answers = 0u64;
        let mut input = 0;
        while input < 64 {
            let answer = substituted(number, input) >> (3 - bit) & 1;
            answers |= (answer as u64) << input;
            input += 1;
        }
        tables[number][bit] = (answers.rotate_left(place), 1 << place);
        to += 1;
    }
    tables
}

/// What each bit of the key adds to the keys of all rounds.
static SPREAD_KEYS: [[u64; 16]; 64] = spread_keys(&places());

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn places() -> [[u64; 6]; 8] {
    let mut places = [[0; 6]; 8];
    let mut number = 0;
    while number < 8 {
        let mut bit = 0;
        while bit < 6 {
            // Odd S-boxes (even numbers from 0) in the high half; two groups share an octet's
            // place.
            let half = if number % 2 == 0 { 32 } else { 0 };
            places[number][bit] = 1 << (half + 31 - 8 * (number / 2) - bit);
            bit += 1;
        }
        number += 1;
    }
    places
}

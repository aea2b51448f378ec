//! DES (FIPS 46-3) of many blocks at once, bit by bit: constant in time.
//!
//! A plane holds one bit of all blocks, a block in each of its places. Permutations are then a
//! choice of planes and S-boxes are circuits of logical operations, so that neither a branch nor an
//! address depends on data or key. Each block may have a key of its own: keys are planes as well,
//! and a round's key is a choice of them.

use std::array;
use std::ops::{BitAnd, BitOr, BitXor, Not};

use zeroize::{Zeroize, Zeroizing};

use super::circuits::{s1, s2, s3, s4, s5, s6, s7, s8};
use super::standard::{P, ROUND_KEYS};
use super::{Keys, Way};

/// Blocks in one word of a plane.
const WORD: usize = 64;
/// Words of a plane where many blocks wait; the compiler joins them to vectors.
const WIDE: usize = 4;

/// One bit of `64 W` blocks.
#[derive(Clone, Copy)]
pub(super) struct Plane<const W: usize>(pub(super) [u64; W]);

impl<const W: usize> Plane<W> {
    const ZERO: Self = Self([0; W]);

    /// `self & !other`.
    #[inline(always)]
    pub(super) fn without(self, other: Self) -> Self {
        Self(array::from_fn(|i| word(&self.0, i) & !word(&other.0, i)))
    }
}

#[inline(always)]
fn word<const W: usize>(words: &[u64; W], place: usize) -> u64 {
    words.get(place).copied().unwrap_or(0)
}

macro_rules! by_words {
    ($($trait:ident $name:ident $operator:tt),*) => {$(
        impl<const W: usize> $trait for Plane<W> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Self(array::from_fn(|i| word(&self.0, i) $operator word(&other.0, i)))
            }
        }
    )*};
}
by_words!(BitAnd bitand &, BitOr bitor |, BitXor bitxor ^);

impl<const W: usize> Not for Plane<W> {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0.map(|w| !w))
    }
}

impl<const W: usize> Zeroize for Plane<W> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

type Planes<const W: usize> = Zeroizing<[Plane<W>; 64]>;

/// Triple DES of all blocks in place, each under its own keys; one set of keys stands for all.
pub(super) fn triple(keys: &[&Keys], blocks: &mut [[u8; 8]], way: Way) {
    let one = keys.len() == 1;
    let mut keys = keys;
    let mut rest = blocks;
    while !rest.is_empty() {
        let wide = rest.len() > WORD;
        let count = rest.len().min(if wide { WIDE * WORD } else { WORD });
        let (now, later) = rest.split_at_mut(count);
        let (used, left) = keys.split_at_checked(count).unwrap_or((keys, &[]));
        let used = if one { keys } else { used };
        if wide {
            group::<WIDE>(used, now, way);
        } else {
            group::<1>(used, now, way);
        }
        keys = if one { keys } else { left };
        rest = later;
    }
}

fn group<const W: usize>(keys: &[&Keys], blocks: &mut [[u8; 8]], way: Way) {
    let mut planes = enter::<W>(blocks);
    let order = match way {
        Way::Encrypt => [0, 1, 2],
        Way::Decrypt => [2, 1, 0],
    };
    for (stage, number) in order.into_iter().enumerate() {
        let key = key_planes::<W>(keys, number);
        single(
            &mut planes,
            &key,
            if stage == 1 { way.other() } else { way },
        );
    }
    leave(&planes, blocks);
}

/// The planes of one of the three keys.
fn key_planes<const W: usize>(keys: &[&Keys], number: usize) -> Planes<W> {
    let octets = |keys: &Keys| keys.get(number).copied().unwrap_or([0; 8]);
    if let [all] = keys {
        let key = u64::from_be_bytes(octets(all));
        return Zeroizing::new(array::from_fn(|bit| {
            // Boxed, so that the compiler does not make two cases of it.
            Plane([std::hint::black_box((key >> (63 - bit) & 1).wrapping_neg()); W])
        }));
    }
    let each: Zeroizing<Vec<[u8; 8]>> = Zeroizing::new(keys.iter().map(|k| octets(k)).collect());
    enter(&each)
}

/// Blocks as planes; plane `b` holds bit `b` from the left of each block.
fn enter<const W: usize>(blocks: &[[u8; 8]]) -> Planes<W> {
    let mut planes: Planes<W> = Zeroizing::new([Plane::ZERO; 64]);
    for (place, chunk) in blocks.chunks(WORD).take(W).enumerate() {
        let mut rows = Zeroizing::new([0u64; WORD]);
        for (row, block) in rows.iter_mut().zip(chunk) {
            *row = u64::from_be_bytes(*block);
        }
        transpose(&mut rows);
        for (plane, row) in planes.iter_mut().zip(rows.iter()) {
            if let Some(word) = plane.0.get_mut(place) {
                *word = *row;
            }
        }
    }
    planes
}

fn leave<const W: usize>(planes: &Planes<W>, blocks: &mut [[u8; 8]]) {
    for (place, chunk) in blocks.chunks_mut(WORD).take(W).enumerate() {
        let mut rows = Zeroizing::new(planes.map(|plane| word(&plane.0, place)));
        transpose(&mut rows);
        for (block, row) in chunk.iter_mut().zip(rows.iter()) {
            *block = row.to_be_bytes();
        }
    }
}

/// Rows and columns of a square of bits exchanged, halves first, then halves of halves.
#[expect(
    clippy::indexing_slicing,
    reason = "low and low + width are below 64: low has not the bit that width is"
)]
fn transpose(rows: &mut [u64; WORD]) {
    let mut width = 32;
    let mut mask = 0x0000_0000_FFFF_FFFFu64;
    while width > 0 {
        for low in (0..WORD).filter(|row| row & width == 0) {
            let difference = (rows[low] ^ rows[low + width] >> width) & mask;
            rows[low] ^= difference;
            rows[low + width] ^= difference << width;
        }
        width /= 2;
        mask ^= mask << width;
    }
}

/// One DES of all blocks.
#[expect(
    clippy::indexing_slicing,
    reason = "permutations are made at compile time of the standard's numbers, all within bounds"
)]
fn single<const W: usize>(planes: &mut Planes<W>, key: &Planes<W>, way: Way) {
    let entered = |at: usize| planes[usize::from(IP[at]) - 1];
    let mut left: Zeroizing<[Plane<W>; 32]> = Zeroizing::new(array::from_fn(entered));
    let mut right: Zeroizing<[Plane<W>; 32]> =
        Zeroizing::new(array::from_fn(|at| entered(at + 32)));
    for round in 0..16 {
        let choice = match way {
            Way::Encrypt => &ROUND_KEYS[round],
            Way::Decrypt => &ROUND_KEYS[15 - round],
        };
        let (target, source) = if round % 2 == 0 {
            (&mut left, &right)
        } else {
            (&mut right, &left)
        };
        let mut round = Round {
            target,
            source,
            key,
            choice,
        };
        round.substitute(0, s1);
        round.substitute(1, s2);
        round.substitute(2, s3);
        round.substitute(3, s4);
        round.substitute(4, s5);
        round.substitute(5, s6);
        round.substitute(6, s7);
        round.substitute(7, s8);
    }
    // After sixteen rounds the halves are exchanged once more.
    for at in 0..32 {
        planes[usize::from(IP[at]) - 1] = right[at];
        planes[usize::from(IP[at + 32]) - 1] = left[at];
    }
}

/// What the eight S-boxes of a round work on.
struct Round<'r, const W: usize> {
    target: &'r mut [Plane<W>; 32],
    source: &'r [Plane<W>; 32],
    key: &'r [Plane<W>; 64],
    choice: &'r [u8; 48],
}

impl<const W: usize> Round<'_, W> {
    #[inline(always)]
    #[expect(
        clippy::indexing_slicing,
        reason = "the number is below 8 and permutations are within bounds"
    )]
    fn substitute(&mut self, number: usize, circuit: impl Fn([Plane<W>; 6]) -> [Plane<W>; 4]) {
        let inputs: [Plane<W>; 6] = array::from_fn(|bit| {
            // The expansion: four bits of this box and the neighbours' next to them.
            let from = (4 * number + bit + 31) % 32;
            self.source[from] ^ self.key[usize::from(self.choice[6 * number + bit])]
        });
        for (output, to) in circuit(inputs).into_iter().zip(&SPREAD[number]) {
            let to = usize::from(*to);
            self.target[to] = self.target[to] ^ output;
        }
    }
}

/// Initial permutation; what comes out of the last round goes back by its inverse.
const IP: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6,
    64, 56, 48, 40, 32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61,
    53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];

/// To which bits of the other half, from the left, the four outputs of an S-box go.
static SPREAD: [[u8; 4]; 8] = spread();

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn spread() -> [[u8; 4]; 8] {
    let mut table = [[0; 4]; 8];
    let mut to = 0;
    while to < 32 {
        let from = P[to] as usize - 1;
        table[from / 4][from % 4] = to as u8;
        to += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

    fn next(state: &mut u64) -> [u8; 8] {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (*state ^ *state >> 29).to_be_bytes()
    }

    fn peer(keys: &Keys) -> ::des::TdesEde3 {
        ::des::TdesEde3::new_from_slice(keys.as_flattened()).unwrap()
    }

    // Another implementation: the `des` crate.
    #[test]
    fn agrees_with_another_implementation_for_any_number_of_blocks_and_keys() {
        let mut state = 5;
        for count in [1, 2, 3, 63, 64, 65, 200, 256, 257, 600] {
            let keys: Vec<Keys> = (0..count)
                .map(|_| array::from_fn(|_| next(&mut state)))
                .collect();
            let clear: Vec<[u8; 8]> = (0..count).map(|_| next(&mut state)).collect();
            let own: Vec<&Keys> = keys.iter().collect();
            for used in [&own[..], &own[..1]] {
                let mut blocks = clear.clone();
                triple(used, &mut blocks, Way::Encrypt);
                for (place, block) in blocks.iter().enumerate() {
                    let mut expected = Array(clear[place]);
                    peer(used[place.min(used.len() - 1)]).encrypt_block(&mut expected);
                    assert_eq!(*block, expected.0, "{count} blocks, {} keys", used.len());
                }
                let mut back = blocks.clone();
                triple(used, &mut back, Way::Decrypt);
                assert_eq!(back, clear);
                let mut expected = Array(blocks[0]);
                peer(used[0]).decrypt_block(&mut expected);
                assert_eq!(expected.0, clear[0]);
            }
        }
    }

    // SP 800-67's example, in the last place of two words.
    #[test]
    fn a_published_block_in_any_place() {
        let keys: Keys = [
            0x0123_4567_89AB_CDEFu64,
            0x2345_6789_ABCD_EF01,
            0x4567_89AB_CDEF_0123,
        ]
        .map(u64::to_be_bytes);
        let mut blocks = vec![[0; 8]; 128];
        blocks[127] = *b"The qufc";
        triple(&[&keys], &mut blocks, Way::Encrypt);
        assert_eq!(blocks[127], 0xA826_FD8C_E53B_855Fu64.to_be_bytes());
        assert_eq!(blocks[0], blocks[126]);
    }
}

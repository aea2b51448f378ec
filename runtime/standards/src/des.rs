//! DES (FIPS 46-3) by tables, for the many single blocks of a card's data.
//!
//! Substitution and permutation of a round are one lookup for each S-box; the tables are computed
//! from the standard's at compile time. Triple DES skips the permutations between its stages,
//! which cancel each other. Like every DES by tables it does not hide its addresses from whoever
//! shares the processor's cache. Where many blocks wait together, `des_slices` is faster and
//! constant in time.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A round key: the groups of odd S-boxes in the high half, of even ones in the low half, each
/// group in the top six bits of an octet.
type RoundKey = u64;

/// The sixteen round keys of a DES key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Schedule([RoundKey; 16]);

/// Left and right half between the permutations; both rotated right by one, so that the
/// expansion of a half is two words of aligned groups.
#[derive(Clone, Copy)]
pub(crate) struct Halves(u32, u32);

impl Schedule {
    /// Expands a key; parity bits are ignored.
    pub(crate) fn new(key: [u8; 8]) -> Self {
        let mut cd = 0u64;
        for (table, octet) in CHOICE_1.iter().zip(key) {
            cd |= pick(table, octet >> 4) | pick(table, 16 + (octet & 0x0F));
        }
        let (mut c, mut d) = ((cd >> 28) as u32 & MASK_28, cd as u32 & MASK_28);
        let mut keys = [0; 16];
        for (slot, shift) in keys.iter_mut().zip(SHIFTS) {
            c = (c << shift | c >> (28 - shift)) & MASK_28;
            d = (d << shift | d >> (28 - shift)) & MASK_28;
            let [c1, c2, c3, c4, d1, d2, d3, d4] = &CHOICE_2;
            *slot = choose(c1, c >> 21)
                | choose(c2, c >> 14)
                | choose(c3, c >> 7)
                | choose(c4, c)
                | choose(d1, d >> 21)
                | choose(d2, d >> 14)
                | choose(d3, d >> 7)
                | choose(d4, d);
        }
        Self(keys)
    }

    /// Sixteen rounds and the exchange of the halves.
    #[inline]
    pub(crate) fn encrypt(&self, block: Halves) -> Halves {
        let [block] = encrypt([self], [block]);
        block
    }

    /// The same with the round keys in reverse.
    #[inline]
    pub(crate) fn decrypt(&self, block: Halves) -> Halves {
        let [block] = decrypt([self], [block]);
        block
    }
}

/// Enciphers blocks that do not depend on each other, each under its own key. They go round by
/// round side by side: a round mostly waits for its tables, and the processor uses the wait for
/// the other blocks.
#[inline]
pub(crate) fn encrypt<const L: usize>(
    keys: [&Schedule; L],
    mut blocks: [Halves; L],
) -> [Halves; L] {
    let keys = keys.map(|key| key.0.as_chunks::<2>().0);
    for place in 0..8 {
        two_rounds(&mut blocks, keys.map(|key| key_pair(key, place)));
    }
    blocks.map(Halves::exchanged)
}

/// Deciphers as [`encrypt`] enciphers.
#[inline]
pub(crate) fn decrypt<const L: usize>(
    keys: [&Schedule; L],
    mut blocks: [Halves; L],
) -> [Halves; L] {
    let keys = keys.map(|key| key.0.as_chunks::<2>().0);
    for place in 0..8 {
        let reversed = keys.map(|key| {
            let [first, second] = key_pair(key, 7 - place);
            [second, first]
        });
        two_rounds(&mut blocks, reversed);
    }
    blocks.map(Halves::exchanged)
}

#[inline(always)]
fn key_pair(pairs: &[[RoundKey; 2]], place: usize) -> [RoundKey; 2] {
    pairs.get(place).copied().unwrap_or([0; 2])
}

#[inline(always)]
fn two_rounds<const L: usize>(blocks: &mut [Halves; L], keys: [[RoundKey; 2]; L]) {
    for (Halves(left, right), [first, _]) in blocks.iter_mut().zip(keys) {
        *left ^= round(*right, first);
    }
    for (Halves(left, right), [_, second]) in blocks.iter_mut().zip(keys) {
        *right ^= round(*left, second);
    }
}

impl Halves {
    /// Initial permutation.
    #[inline]
    pub(crate) fn enter(block: [u8; 8]) -> Self {
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
    pub(crate) fn leave(self) -> [u8; 8] {
        let (mut left, mut right) = (self.0.rotate_left(1), self.1.rotate_left(1));
        exchange(&mut left, &mut right, 1, 0x5555_5555);
        exchange(&mut right, &mut left, 8, 0x00FF_00FF);
        exchange(&mut right, &mut left, 2, 0x3333_3333);
        exchange(&mut left, &mut right, 16, 0x0000_FFFF);
        exchange(&mut left, &mut right, 4, 0x0F0F_0F0F);
        (u64::from(left) << 32 | u64::from(right)).to_be_bytes()
    }

    #[inline(always)]
    fn exchanged(self) -> Self {
        Self(self.1, self.0)
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
fn round(half: u32, key: RoundKey) -> u32 {
    let odd = half ^ (key >> 32) as u32;
    let even = half.rotate_left(4) ^ key as u32;
    let [s1, s2, s3, s4, s5, s6, s7, s8] = &BOXES;
    // Each S-box fills four bits of its own, so that "or", plus and exclusive or are one. Three
    // operators stay a tree when they are compiled; one becomes a chain that is twice as long.
    let odd = (look(s1, odd >> 26) | look(s3, odd >> 18))
        .wrapping_add(look(s5, odd >> 10) | look(s7, odd >> 2));
    let even = (look(s2, even >> 26) | look(s4, even >> 18))
        .wrapping_add(look(s6, even >> 10) | look(s8, even >> 2));
    odd ^ even
}

#[inline(always)]
fn look(table: &[u32; 64], bits: u32) -> u32 {
    table.get((bits & 63) as usize).copied().unwrap_or(0)
}

#[inline(always)]
fn pick(table: &[u64; 32], index: u8) -> u64 {
    table.get(usize::from(index)).copied().unwrap_or(0)
}

#[inline(always)]
fn choose(table: &[u64; 128], bits: u32) -> u64 {
    table.get((bits & 0x7F) as usize).copied().unwrap_or(0)
}

const MASK_28: u32 = (1 << 28) - 1;

/// Left shifts before each round key (FIPS 46-3, appendix 1).
pub(crate) const SHIFTS: [u32; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

/// S-box and permutation P in one: 6 bits of input to 32 bits, rotated right by one.
static BOXES: [[u32; 64]; 8] = boxes();
/// Permuted choice 1 by octet of the key: sixteen entries for its high nibble, sixteen for its low.
static CHOICE_1: [[u64; 32]; 8] = choice_1();
/// Permuted choice 2 by seven bits of C and D.
static CHOICE_2: [[u64; 128]; 8] = choice_2();

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn boxes() -> [[u32; 64]; 8] {
    let mut tables = [[0u32; 64]; 8];
    let mut number = 0;
    while number < 8 {
        let mut input = 0;
        while input < 64 {
            // Bits 1 and 6 choose the row, bits 2 to 5 the column.
            let row = (input >> 4 & 2) | (input & 1);
            let output = S[number][row * 16 + (input >> 1 & 15)] as u32;
            let word = output << (28 - 4 * number);
            let mut bit = 0;
            let mut permuted = 0u32;
            while bit < 32 {
                let from = word >> (32 - P[bit] as u32) & 1;
                permuted |= from << (31 - bit);
                bit += 1;
            }
            tables[number][input] = permuted.rotate_right(1);
            input += 1;
        }
        number += 1;
    }
    tables
}

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn choice_1() -> [[u64; 32]; 8] {
    let mut tables = [[0u64; 32]; 8];
    let mut place = 0;
    while place < 56 {
        // Bits count from 1, from the left.
        let bit = PC1[place] as usize - 1;
        let (octet, within) = (bit / 8, bit % 8);
        let mut nibble = 0;
        while nibble < 16 {
            if nibble >> (3 - within % 4) & 1 == 1 {
                tables[octet][(within / 4) * 16 + nibble] |= 1 << (55 - place);
            }
            nibble += 1;
        }
        place += 1;
    }
    tables
}

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn choice_2() -> [[u64; 128]; 8] {
    let mut tables = [[0u64; 128]; 8];
    let mut place = 0;
    while place < 48 {
        let bit = PC2[place] as usize - 1;
        let (group, within) = (place / 6, place % 6);
        // Odd S-boxes (even groups from 0) in the high half; two groups share an octet's place.
        let half = if group % 2 == 0 { 32 } else { 0 };
        let target = half + 31 - 8 * (group / 2) - within;
        let mut part = 0;
        while part < 128 {
            if part >> (6 - bit % 7) & 1 == 1 {
                tables[bit / 7][part] |= 1 << target;
            }
            part += 1;
        }
        place += 1;
    }
    tables
}

/// Permutation P.
pub(crate) const P: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19,
    13, 30, 6, 22, 11, 4, 25,
];

/// Permuted choice 1: C, then D.
pub(crate) const PC1: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60,
    52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29,
    21, 13, 5, 28, 20, 12, 4,
];

/// Permuted choice 2.
pub(crate) const PC2: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52,
    31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

/// S-boxes, row by row.
pub(crate) const S: [[u8; 64]; 8] = [
    [
        14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12,
        11, 9, 5, 3, 8, 4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9,
        1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
    ],
    [
        15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1,
        10, 6, 9, 11, 5, 0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15,
        4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
    ],
    [
        10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5,
        14, 12, 11, 15, 1, 13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6,
        9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
    ],
    [
        7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2,
        12, 1, 10, 14, 9, 10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1,
        13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
    ],
    [
        2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15,
        10, 3, 9, 8, 6, 4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14,
        2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
    ],
    [
        12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13,
        14, 0, 11, 3, 8, 9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5,
        15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
    ],
    [
        4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5,
        12, 2, 15, 8, 6, 1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4,
        10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
    ],
    [
        13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6,
        11, 0, 14, 9, 2, 7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10,
        8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
    ],
];

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

    #[test]
    fn agrees_with_another_implementation() {
        let mut state = 7;
        for _ in 0..2_000 {
            let (key, block) = (next(&mut state), next(&mut state));
            let ours = Schedule::new(key);
            let theirs = des::Des::new(&Array(key));
            let mut expected = Array(block);
            theirs.encrypt_block(&mut expected);
            assert_eq!(ours.encrypt(Halves::enter(block)).leave(), expected.0);
            let mut expected = Array(block);
            theirs.decrypt_block(&mut expected);
            assert_eq!(ours.decrypt(Halves::enter(block)).leave(), expected.0);
        }
    }

    #[test]
    fn blocks_side_by_side_are_those_one_by_one() {
        fn check<const L: usize>(state: &mut u64) {
            let keys: [[u8; 8]; L] = std::array::from_fn(|_| next(state));
            let blocks: [[u8; 8]; L] = std::array::from_fn(|_| next(state));
            let schedules = keys.map(Schedule::new);
            let ours = encrypt(schedules.each_ref(), blocks.map(Halves::enter));
            let back = decrypt(schedules.each_ref(), ours);
            for lane in 0..L {
                let mut expected = Array(blocks[lane]);
                des::Des::new(&Array(keys[lane])).encrypt_block(&mut expected);
                assert_eq!(ours[lane].leave(), expected.0);
                assert_eq!(back[lane].leave(), blocks[lane]);
            }
        }
        let mut state = 11;
        for _ in 0..500 {
            check::<1>(&mut state);
            check::<2>(&mut state);
            check::<3>(&mut state);
            check::<6>(&mut state);
        }
    }

    // The classic worked example: key 133457799BBCDFF1, text 0123456789ABCDEF.
    #[test]
    fn worked_example() {
        let key = Schedule::new(0x1334_5779_9BBC_DFF1u64.to_be_bytes());
        let text = 0x0123_4567_89AB_CDEFu64.to_be_bytes();
        let enciphered = key.encrypt(Halves::enter(text)).leave();
        assert_eq!(enciphered, 0x85E8_1354_0F0A_B405u64.to_be_bytes());
        assert_eq!(key.decrypt(Halves::enter(enciphered)).leave(), text);
    }
}

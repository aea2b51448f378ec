//! DES of up to eight blocks in a vector of AVX-512, each under its own key: constant in time.
//!
//! A half of a block is its expansion, an octet for each S-box, eight blocks in a vector. A table
//! of 64 entries is exactly one register: a look-up (VBMI) takes no address, and one instruction
//! has room for two S-boxes, which the seventh bit of an index tells apart.
//!
//! Permutation P gives six S-boxes one bit each of what an S-box puts out. So an entry is an octet
//! whose bit `i` is what S-box `i` of the next round gets, and the permutation is the exchange of
//! rows and columns of eight by eight bits, for which there is one instruction (GFNI). An octet
//! then has a bit of each of the eight S-boxes, two of them empty, which two differs from S-box to
//! S-box. [`COMPACT`] is one linear map to six bits that loses nothing for any of them; the tables
//! are for inputs that went through it, and round keys are written so from the start.
//!
//! Not safe Rust is only the call of functions that are compiled for instructions which not every
//! processor has. [`Vbmi`] can be had from [`Vbmi::detect`] alone, and each call is given one.

#![expect(
    unsafe_code,
    reason = "decision 0022: calls of functions with target features"
)]
#![allow(
    clippy::indexing_slicing,
    reason = "vectors are counted by the type; iterators keep the compiler from using registers"
)]

use core::arch::x86_64::{
    __m512i, _mm256_extract_epi64, _mm512_bitshuffle_epi64_mask, _mm512_extracti64x4_epi64,
    _mm512_gf2p8affine_epi64_epi8, _mm512_mask_add_epi8, _mm512_maskz_permutex2var_epi8,
    _mm512_multishift_epi64_epi8, _mm512_or_si512, _mm512_set_epi64, _mm512_set1_epi8,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi16, _mm512_srli_epi16,
    _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

use super::standard::{ROUND_KEYS, source, substituted};
use super::{RoundKeys, Way};

/// Proof that this processor has the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vbmi(());

/// Blocks in a vector.
pub(super) const WIDTH: usize = 8;

/// Where the keys of the blocks are.
pub(super) trait Rows {
    /// The keys of one round of a stage, for each block of a vector.
    fn row(&self, stage: usize, vector: usize, round: usize) -> [u64; WIDTH];
}

impl Vbmi {
    /// The proof, where the processor and the operating system allow it.
    pub(super) fn detect() -> Option<Self> {
        let here = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512bitalg")
            && is_x86_feature_detected!("gfni");
        here.then_some(Self(()))
    }

    /// Expands a key; parity bits are ignored. A round's key has an octet for each S-box, as an
    /// index into its table.
    pub(super) fn expand(self, key: [u8; 8]) -> RoundKeys {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { expand(key) }
    }

    /// The stages one after the other, for `V` vectors of blocks.
    pub(super) fn run<const V: usize>(
        self,
        rows: &impl Rows,
        ways: &[Way],
        blocks: &mut [[u64; WIDTH]; V],
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { run(rows, ways, blocks) }
    }
}

/// Eight rounds in a vector. One instruction (BITALG) chooses a bit of the key for each octet of
/// it; eight times that, and the octets have their bits as permutation P would have left them.
#[target_feature(enable = "avx512f,avx512bw,avx512bitalg,gfni")]
fn expand(key: [u8; 8]) -> RoundKeys {
    let key = all(u64::from_be_bytes(key));
    let mut rounds = [0; 16];
    let (halves, _) = rounds.as_chunks_mut::<WIDTH>();
    for (half, chosen) in halves.iter_mut().zip(&CHOICES) {
        let mut spread = _mm512_setzero_si512();
        for (place, (bits, used)) in chosen.iter().zip(USED).enumerate() {
            let found = _mm512_bitshuffle_epi64_mask(key, load(*bits)) & used;
            spread = _mm512_mask_add_epi8(spread, found, spread, _mm512_set1_epi8(1 << place));
        }
        let compact = _mm512_gf2p8affine_epi64_epi8::<0>(spread, all(COMPACT_MATRIX));
        *half = store(_mm512_xor_si512(compact, all(SECOND_OF_PAIR)));
    }
    rounds
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn run<const V: usize>(rows: &impl Rows, ways: &[Way], blocks: &mut [[u64; WIDTH]; V]) {
    let mut left = [_mm512_setzero_si512(); V];
    let mut right = left;
    for vector in 0..V {
        let block = load(blocks[vector]);
        left[vector] = enter(block, EVEN_COLUMNS);
        right[vector] = enter(block, ODD_COLUMNS);
    }
    for (stage, way) in ways.iter().enumerate() {
        for pair in 0..8 {
            for vector in 0..V {
                let key = load(rows.row(stage, vector, way.round(2 * pair)));
                left[vector] = round(left[vector], right[vector], key);
            }
            for vector in 0..V {
                let key = load(rows.row(stage, vector, way.round(2 * pair + 1)));
                right[vector] = round(right[vector], left[vector], key);
            }
        }
        // After sixteen rounds the halves are exchanged once more.
        (left, right) = (right, left);
    }
    for vector in 0..V {
        blocks[vector] = store(leave(left[vector], right[vector]));
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(row: [u64; WIDTH]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = row.map(u64::cast_signed);
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(from: __m512i) -> [u64; WIDTH] {
    let low = _mm512_extracti64x4_epi64::<0>(from);
    let high = _mm512_extracti64x4_epi64::<1>(from);
    [
        _mm256_extract_epi64::<0>(low),
        _mm256_extract_epi64::<1>(low),
        _mm256_extract_epi64::<2>(low),
        _mm256_extract_epi64::<3>(low),
        _mm256_extract_epi64::<0>(high),
        _mm256_extract_epi64::<1>(high),
        _mm256_extract_epi64::<2>(high),
        _mm256_extract_epi64::<3>(high),
    ]
    .map(i64::cast_unsigned)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(octets: u64) -> __m512i {
    _mm512_set1_epi64(octets.cast_signed())
}

/// Each octet of the index looked up in the table of its place.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn look_up(tables: &Tables, index: __m512i) -> __m512i {
    let [a, b, c, d, e, f, g, h] = tables.map(|table| load(table));
    let a = _mm512_maskz_permutex2var_epi8(0x0303_0303_0303_0303, a, index, b);
    let c = _mm512_maskz_permutex2var_epi8(0x0C0C_0C0C_0C0C_0C0C, c, index, d);
    let e = _mm512_maskz_permutex2var_epi8(0x3030_3030_3030_3030, e, index, f);
    let g = _mm512_maskz_permutex2var_epi8(0xC0C0_C0C0_C0C0_C0C0, g, index, h);
    let ace = _mm512_ternarylogic_epi64::<0xFE>(a, c, e);
    _mm512_or_si512(ace, g)
}

/// `to` exclusive or the round function of `from`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn round(to: __m512i, from: __m512i, key: __m512i) -> __m512i {
    let found = look_up(&const { boxes() }, _mm512_xor_si512(from, key));
    let spread = _mm512_gf2p8affine_epi64_epi8::<0>(all(TRANSPOSE), found);
    let compact = _mm512_gf2p8affine_epi64_epi8::<0>(spread, all(COMPACT_MATRIX));
    _mm512_xor_si512(to, compact)
}

/// The half of the initial permutation that the columns of the block make, expanded.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn enter(block: __m512i, columns: u64) -> __m512i {
    let half = _mm512_gf2p8affine_epi64_epi8::<0>(all(columns), block);
    let windows = _mm512_multishift_epi64_epi8(all(EXPANSION), half);
    // (windows & low six bits) | second of pair
    let index = _mm512_ternarylogic_epi64::<0xEA>(windows, all(SIX_BITS), all(SECOND_OF_PAIR));
    look_up(&const { compacted() }, index)
}

/// The final permutation.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn leave(left: __m512i, right: __m512i) -> __m512i {
    let second = all(SECOND_OF_PAIR);
    let left = look_up(&const { plain() }, _mm512_xor_si512(left, second));
    let right = look_up(&const { plain() }, _mm512_xor_si512(right, second));
    // High digits stand in even octets, low ones in odd: the left half's octets come together in
    // the odd places, the right half's in the even ones.
    let odd = all(0xFF00_FF00_FF00_FF00);
    let left = _mm512_or_si512(left, _mm512_slli_epi16::<8>(left));
    let right = _mm512_or_si512(right, _mm512_srli_epi16::<8>(right));
    // odd ? left : right
    let octets = _mm512_ternarylogic_epi64::<0xCA>(odd, left, right);
    _mm512_gf2p8affine_epi64_epi8::<0>(all(BACK), octets)
}

/// A table of 64 octets for each S-box, as the eight words of a vector.
type Tables = [[u64; 8]; 8];

/// Octet `i` asks for column `i` of the matrix that the data are.
const TRANSPOSE: u64 = 0x8040_2010_0804_0201;
/// The same from the other end, for what leaves.
const BACK: u64 = 0x0102_0408_1020_4080;
/// Columns 8, 6, 4, 2 of a block are the octets of the initial permutation's left half, last one
/// first; twice, so that windows may go round.
const EVEN_COLUMNS: u64 = 0x4010_0401_4010_0401;
/// Columns 7, 5, 3, 1: the right half.
const ODD_COLUMNS: u64 = 0x8020_0802_8020_0802;
/// From which bit on, counted from the right, an S-box's window of the half begins.
const EXPANSION: u64 = 0x1F03_070B_0F13_171B;
const SIX_BITS: u64 = 0x3F3F_3F3F_3F3F_3F3F;
/// The bit that leads to the second table of a pair.
const SECOND_OF_PAIR: u64 = 0x4000_4000_4000_4000;

/// For each of the six bits of an index the S-boxes, counted from 0, whose bits are added for it.
///
/// The map loses nothing for an S-box if neither of its two empty bits, nor their sum, is in what
/// the map sends to zero beside zero itself; [`compacted`] would not compile if it did.
const COMPACT: [&[u32]; 6] = [&[1, 0], &[3, 2], &[4, 2], &[5, 0, 2], &[6, 0, 2], &[7, 0]];
/// [`COMPACT`] as the instruction wants it: the row of bit 0 last.
const COMPACT_MATRIX: u64 = compact_matrix();

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn compact_matrix() -> u64 {
    let mut octets = [0u8; 8];
    let mut bit = 0;
    while bit < 6 {
        let mut at = 0;
        while at < COMPACT[bit].len() {
            octets[7 - bit] |= 1 << (7 - COMPACT[bit][at]);
            at += 1;
        }
        bit += 1;
    }
    u64::from_le_bytes(octets)
}

/// What becomes of an S-box's six input bits, the first of them the highest.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn compact(number: usize, input: usize) -> u8 {
    // The bit that comes from S-box `s` stands in place 7 - s, as the exchange leaves it.
    let mut spread = 0u8;
    let mut bit = 0;
    while bit < 6 {
        let (from, _) = source(number, bit);
        spread |= ((input >> (5 - bit) & 1) as u8) << (7 - from);
        bit += 1;
    }
    let rows = COMPACT_MATRIX.to_le_bytes();
    let mut index = 0;
    let mut bit = 0;
    while bit < 6 {
        index |= ((spread & rows[7 - bit]).count_ones() as u8 & 1) << bit;
        bit += 1;
    }
    index
}

/// From an S-box's input to the index into its table.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn compacted() -> Tables {
    let mut tables = [[0; 64]; 8];
    let mut number = 0;
    while number < 8 {
        let mut seen = 0u64;
        let mut input = 0;
        while input < 64 {
            tables[number][input] = compact(number, input);
            seen |= 1 << tables[number][input];
            input += 1;
        }
        assert!(seen == u64::MAX, "two inputs share an index");
        number += 1;
    }
    words(&tables)
}

/// Back from an index to the four bits of a half that are the S-box's own: the high digit of its
/// octet for even numbers, the low one for odd ones.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn plain() -> Tables {
    let mut tables = [[0; 64]; 8];
    let mut number = 0;
    while number < 8 {
        let mut input = 0;
        while input < 64 {
            let own = (input >> 1 & 15) as u8;
            let index = compact(number, input) as usize;
            tables[number][index] = if number % 2 == 0 { own << 4 } else { own };
            input += 1;
        }
        number += 1;
    }
    words(&tables)
}

/// The S-boxes: bit `i` of an entry is what S-box `i` gets in the next round.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn boxes() -> Tables {
    let mut tables = [[0; 64]; 8];
    let mut number = 0;
    while number < 8 {
        let mut input = 0;
        while input < 64 {
            let output = substituted(number, input);
            let mut entry = 0u8;
            let mut to = 0;
            while to < 48 {
                let (from, bit) = source(to / 6, to % 6);
                if from == number {
                    entry |= ((output >> (3 - bit) & 1) as u8) << (to / 6);
                }
                to += 1;
            }
            tables[number][compact(number, input) as usize] = entry;
            input += 1;
        }
        number += 1;
    }
    words(&tables)
}

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn words(tables: &[[u8; 64]; 8]) -> Tables {
    let mut words = [[0; 8]; 8];
    let mut at = 0;
    while at < 512 {
        words[at / 64][at % 64 / 8] |= (tables[at / 64][at % 64] as u64) << (at % 8 * 8);
        at += 1;
    }
    words
}

/// For each eight rounds and each place of an octet: which bit of the key, from the right, comes
/// there in each S-box's octet of each round.
static CHOICES: [[[u64; WIDTH]; 8]; 2] = choices();
/// The octets in which a place is not empty, in each round alike.
const USED: [u64; 8] = used();

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn choices() -> [[[u64; WIDTH]; 8]; 2] {
    let mut choices = [[[0; WIDTH]; 8]; 2];
    let mut round = 0;
    while round < 16 {
        let mut at = 0;
        while at < 48 {
            let (number, bit) = (at / 6, at % 6);
            let (from, _) = source(number, bit);
            let chosen = 63 - ROUND_KEYS[round][at] as u64;
            choices[round / 8][7 - from][round % 8] |= chosen << (8 * number);
            at += 1;
        }
        round += 1;
    }
    choices
}

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn used() -> [u64; 8] {
    let mut used = [0; 8];
    let mut at = 0;
    while at < 48 {
        let (from, _) = source(at / 6, at % 6);
        used[7 - from] |= 0x0101_0101_0101_0101 << (at / 6);
        at += 1;
    }
    used
}

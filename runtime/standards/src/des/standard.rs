//! The tables of DES as FIPS 46-3 prints them, and what follows from them alone.

/// Left shifts before each round key (FIPS 46-3, appendix 1).
pub(super) const SHIFTS: [u32; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

/// Permutation P.
pub(super) const P: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19,
    13, 30, 6, 22, 11, 4, 25,
];

/// Permuted choice 1: C, then D.
pub(super) const PC1: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60,
    52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29,
    21, 13, 5, 28, 20, 12, 4,
];

/// Permuted choice 2.
pub(super) const PC2: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52,
    31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

/// S-boxes, row by row.
pub(super) const S: [[u8; 64]; 8] = [
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

/// Which bits of the key, from the left, a round's key takes: six for each S-box.
pub(super) static ROUND_KEYS: [[u8; 48]; 16] = round_keys();

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
const fn round_keys() -> [[u8; 48]; 16] {
    let mut table = [[0; 48]; 16];
    let mut shifted = 0;
    let mut round = 0;
    while round < 16 {
        shifted += SHIFTS[round] as usize;
        let mut bit = 0;
        while bit < 48 {
            // C and D are rotated each in itself.
            let place = PC2[bit] as usize - 1;
            let half = place / 28 * 28;
            let before = half + (place - half + shifted) % 28;
            table[round][bit] = PC1[before] - 1;
            bit += 1;
        }
        round += 1;
    }
    table
}

/// The key's bits in the standard's places of a round's key: for each bit of the key from the left
/// and each round what it adds, by an engine's own way to write a round's key. `place` gives what
/// one bit of an S-box's six, counted from the left, adds.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
pub(super) const fn spread_keys(places: &[[u64; 6]; 8]) -> [[u64; 16]; 64] {
    let mut table = [[0; 16]; 64];
    let mut round = 0;
    while round < 16 {
        let mut bit = 0;
        while bit < 48 {
            table[ROUND_KEYS[round][bit] as usize][round] ^= places[bit / 6][bit % 6];
            bit += 1;
        }
        round += 1;
    }
    table
}

/// What an S-box gives for its six input bits, the first of them the highest.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
pub(super) const fn substituted(number: usize, input: usize) -> usize {
    // Bits 1 and 6 choose the row, bits 2 to 5 the column.
    let row = (input >> 4 & 2) | (input & 1);
    S[number][row * 16 + (input >> 1 & 15)] as usize
}

/// Which output bit of which S-box, from the left, comes to the input bit `bit` of an S-box in the
/// next round: permutation P and the expansion.
#[expect(
    clippy::indexing_slicing,
    reason = "at compile time: an index outside fails the build"
)]
pub(super) const fn source(number: usize, bit: usize) -> (usize, usize) {
    let from = P[(4 * number + bit + 31) % 32] as usize - 1;
    (from / 4, from % 4)
}

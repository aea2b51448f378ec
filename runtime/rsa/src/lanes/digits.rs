//! From 64-bit limbs to digits of 52 bits, a number to each lane, and back.

#![allow(
    clippy::indexing_slicing,
    reason = "each index is checked or below a count of the type"
)]

use zeroize::Zeroizing;

use super::ifma::{Moduli, OddParts, Row};
use crate::limbs::{negated_inverse, odd_part};

const DIGIT_BITS: usize = 52;
const DIGIT_MASK: u64 = (1 << DIGIT_BITS) - 1;

/// Numbers as rows of digits; lanes without a number repeat the last one.
pub(super) fn rows<const K: usize, const W: usize>(numbers: &[&[u64]]) -> Zeroizing<[Row<W>; K]> {
    let mut rows = Zeroizing::new([[0; W]; K]);
    let Some(last) = numbers.len().checked_sub(1) else {
        return rows;
    };
    for lane in 0..W {
        let number = numbers[lane.min(last)];
        for (place, row) in rows.iter_mut().enumerate() {
            row[lane] = digit(number, place * DIGIT_BITS);
        }
    }
    rows
}

/// 52 bits from a place on.
fn digit(number: &[u64], at: usize) -> u64 {
    let limb = |index: usize| number.get(index).copied().unwrap_or(0);
    let (index, shift) = (at / 64, at % 64);
    let wide = u128::from(limb(index)) | u128::from(limb(index + 1)) << 64;
    (wide >> shift) as u64 & DIGIT_MASK
}

/// The number of one lane, into as many limbs as there are.
pub(super) fn limbs<const K: usize, const W: usize>(
    rows: &[Row<W>; K],
    lane: usize,
    number: &mut [u64],
) {
    number.fill(0);
    for (place, row) in rows.iter().enumerate() {
        let (index, shift) = (place * DIGIT_BITS / 64, place * DIGIT_BITS % 64);
        let wide = u128::from(row[lane]) << shift;
        if let Some(limb) = number.get_mut(index) {
            *limb |= wide as u64;
        }
        if let Some(limb) = number.get_mut(index + 1) {
            *limb |= (wide >> 64) as u64;
        }
    }
}

/// Odd moduli of exactly `bits` bits.
pub(super) fn moduli<const K: usize, const W: usize>(
    numbers: &[&[u64]],
    bits: usize,
) -> Moduli<K, W> {
    let digits = rows(numbers);
    Moduli {
        negated_inverse: digits[0].map(|lowest| negated_inverse(lowest) & DIGIT_MASK),
        digits,
        bits,
    }
}

/// What strong tests of odd numbers need.
pub(super) fn odd_parts<const K: usize, const W: usize>(numbers: &[&[u64]]) -> OddParts<K, W> {
    let mut twos = [0; W];
    let parts: Vec<Zeroizing<Vec<u64>>> = numbers
        .iter()
        .zip(&mut twos)
        .map(|(number, two)| {
            let mut part = Zeroizing::new(number.to_vec());
            *two = odd_part(&mut part) as u64;
            part
        })
        .collect();
    let parts: Vec<&[u64]> = parts.iter().map(|part| part.as_slice()).collect();
    OddParts {
        digits: rows(&parts),
        twos,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_limbs_again() {
        let a = [
            0x0123_4567_89AB_CDEFu64,
            0xFEDC_BA98_7654_3210,
            0x8000_0000_0000_0001,
        ];
        let b = [u64::MAX; 3];
        let digits = rows::<4, 4>(&[&a, &b]);
        // 52 bits are thirteen hexadecimal digits.
        assert_eq!(digits[0][0], 0x3_4567_89AB_CDEF);
        assert_eq!(digits[1][0], 0x9_8765_4321_0012);
        for (lane, expected) in [(0, a), (1, b), (3, b)] {
            let mut back = [7; 3];
            limbs(&digits, lane, &mut back);
            assert_eq!(back, expected, "the last one is repeated");
        }
    }
}

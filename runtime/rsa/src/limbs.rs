//! Octets to limbs and back, and the few operations on whole numbers that a key needs.

use crate::montgomery::accumulate;

/// Big-endian octets as limbs; `None` when they need more.
pub(crate) fn from_octets<const L: usize>(octets: &[u8]) -> Option<[u64; L]> {
    let mut limbs = [0u64; L];
    let mut slots = limbs.iter_mut();
    for chunk in octets.rchunks(8) {
        let value = chunk.iter().fold(0u64, |v, &o| v << 8 | u64::from(o));
        match slots.next() {
            Some(slot) => *slot = value,
            None if value == 0 => {}
            None => return None,
        }
    }
    Some(limbs)
}

/// Limbs as big-endian octets, right-aligned into `octets`; higher limbs that do not fit are cut.
pub(crate) fn to_octets(limbs: &[u64], octets: &mut [u8]) {
    octets.fill(0);
    for (chunk, limb) in octets.rchunks_mut(8).zip(limbs) {
        let bytes = limb.to_be_bytes();
        for (slot, byte) in chunk.iter_mut().rev().zip(bytes.iter().rev()) {
            *slot = *byte;
        }
    }
}

/// The remainder by a small number; 0 for a divisor of 0.
pub(crate) fn remainder(limbs: &[u64], divisor: u32) -> u32 {
    let divisor = u128::from(divisor.max(1));
    let rest = limbs
        .iter()
        .rev()
        .fold(0u128, |rest, &l| (rest << 64 | u128::from(l)) % divisor);
    rest as u32
}

/// Turns limbs into `(factor * limbs + 1) / divisor`, for a product that leaves no remainder.
pub(crate) fn scale(limbs: &mut [u64], factor: u32, divisor: u32) {
    // One limb more than the number holds the product; the quotient fits again.
    let mut carry = 1u128;
    for limb in limbs.iter_mut() {
        let wide = u128::from(*limb) * u128::from(factor) + carry;
        *limb = wide as u64;
        carry = wide >> 64;
    }
    let divisor = u128::from(divisor.max(1));
    let mut rest = carry % divisor;
    for limb in limbs.iter_mut().rev() {
        let wide = rest << 64 | u128::from(*limb);
        *limb = (wide / divisor) as u64;
        rest = wide % divisor;
    }
}

/// Clears all bits from a place on.
pub(crate) fn weaken(limbs: &mut [u64], bits: usize) {
    for (index, limb) in limbs.iter_mut().enumerate() {
        let kept = bits.saturating_sub(64 * index).min(64);
        *limb &= 1u64
            .checked_shl(kept as u32)
            .map_or(u64::MAX, |bit| bit - 1);
    }
}

/// The full product, low and high half.
pub(crate) fn multiply<const L: usize>(a: &[u64; L], b: &[u64; L]) -> [[u64; L]; 2] {
    let mut product = [[0u64; L]; 2];
    let t = product.as_flattened_mut();
    for (i, &factor) in a.iter().enumerate() {
        if let Some(row) = t.get_mut(i..=i + L) {
            let carry = accumulate(row, factor, b);
            if let Some(top) = row.last_mut() {
                *top = carry;
            }
        }
    }
    product
}

/// `-n^-1 mod 2^64` for an odd `n`, by Newton's iteration.
pub(crate) fn negated_inverse(n: u64) -> u64 {
    // n is its own inverse modulo 8; each step doubles the number of right bits.
    let mut inverse = n;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(n.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg()
}

/// Turns an odd `n` into the odd part of `n - 1`; how often 2 divided `n - 1`.
pub(crate) fn odd_part(limbs: &mut [u64]) -> usize {
    if let Some(lowest) = limbs.first_mut() {
        *lowest &= !1;
    }
    let zeros = limbs
        .iter()
        .enumerate()
        .find(|(_, l)| **l != 0)
        .map_or(0, |(i, l)| 64 * i + l.trailing_zeros() as usize);
    limbs.rotate_left(zeros / 64);
    let whole = limbs.len().saturating_sub(zeros / 64);
    if let Some(moved) = limbs.get_mut(whole..) {
        moved.fill(0);
    }
    let mut above = 0u64;
    for limb in limbs.iter_mut().rev() {
        let wide = u128::from(above) << 64 | u128::from(*limb);
        above = *limb;
        *limb = (wide >> (zeros % 64)) as u64;
    }
    zeros
}

/// `a < b`, without telling where they differ.
pub(crate) fn is_below<const L: usize>(a: &[u64; L], b: &[u64; L]) -> bool {
    crate::montgomery::subtract(a, b).1 == 1
}

/// The inverse of `a` modulo a small prime.
pub(crate) fn inverse_modulo_prime(a: u32, prime: u32) -> u32 {
    // Fermat: a^(prime - 2).
    let modulus = u64::from(prime);
    let mut base = u64::from(a) % modulus;
    let mut exponent = prime.saturating_sub(2);
    let mut result = 1 % modulus;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    result as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_round_trip_and_do_not_overflow() {
        let octets: Vec<u8> = (1..=20).collect();
        let limbs = from_octets::<3>(&octets).unwrap();
        let mut back = [0; 20];
        to_octets(&limbs, &mut back);
        assert_eq!(back.as_slice(), octets);
        assert!(from_octets::<2>(&octets).is_none());
        assert_eq!(from_octets::<1>(&[0, 0, 0, 0, 0, 0, 0, 0, 7]), Some([7]));
    }

    #[test]
    fn small_arithmetic() {
        assert_eq!(
            remainder(&[5, 1], 7),
            ((1u128 << 64) + 5).rem_euclid(7) as u32
        );
        // (2 * (2^64 + 1) + 1) / 5 has no remainder: 2^65 + 3 = 5 * 7378697629483820647.
        let mut number = [1, 1];
        scale(&mut number, 2, 5);
        assert_eq!(number, [7_378_697_629_483_820_647, 0]);
        let mut number = [u64::MAX; 3];
        weaken(&mut number, 65);
        assert_eq!(number, [u64::MAX, 1, 0]);
        let mut number = [1, 0, 6];
        assert_eq!((odd_part(&mut number), number), (129, [3, 0, 0]));
        let mut number = [13, 5];
        assert_eq!((odd_part(&mut number), number), (2, [3 | 1 << 62, 1]));
        assert_eq!(multiply(&[u64::MAX], &[u64::MAX]), [[1], [u64::MAX - 1]]);
        assert_eq!(inverse_modulo_prime(3, 65_537) * 3 % 65_537, 1);
    }
}

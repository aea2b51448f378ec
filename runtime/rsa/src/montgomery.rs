//! Arithmetic modulo an odd number of fixed width, in Montgomery's form, without secret branches.
//!
//! `L` is the number of 64-bit limbs, least significant first. No value decides a branch or an
//! address, so that the time of [`Modulus::power`] does not tell the exponent.

use zeroize::Zeroize;

use crate::limbs::negated_inverse;

/// An odd modulus with what Montgomery's reduction needs.
pub(crate) struct Modulus<const L: usize> {
    limbs: [u64; L],
    /// `-limbs^-1 mod 2^64`.
    negated_inverse: u64,
    /// `R mod n` with `R = 2^(64 L)`: the number one in Montgomery's form.
    one: [u64; L],
}

impl<const L: usize> Modulus<L> {
    /// The modulus; `None` when it is even or below 3.
    pub(crate) fn new(limbs: [u64; L]) -> Option<Self> {
        let lowest = *limbs.first()?;
        let bits = bit_length(&limbs);
        if lowest & 1 == 0 || bits < 2 {
            return None;
        }
        let mut modulus = Self {
            limbs,
            negated_inverse: negated_inverse(lowest),
            one: [0; L],
        };
        // 2^(bits - 1) is below the modulus; doubling it leads to R.
        let mut one = [0; L];
        set_bit(&mut one, bits - 1);
        for _ in bits - 1..64 * L {
            one = modulus.double(&one);
        }
        modulus.one = one;
        Some(modulus)
    }

    /// The modulus' own limbs.
    pub(crate) fn limbs(&self) -> &[u64; L] {
        &self.limbs
    }

    /// The number one in Montgomery's form.
    pub(crate) fn one(&self) -> &[u64; L] {
        &self.one
    }

    /// `n - 1` in Montgomery's form.
    pub(crate) fn minus_one(&self) -> [u64; L] {
        subtract(&self.limbs, &self.one).0
    }

    /// `R^2 mod n`, which brings a number into Montgomery's form.
    pub(crate) fn r_squared(&self) -> [u64; L] {
        // 2^k in Montgomery's form for k = 64 L, bit by bit from the top.
        let exponent = 64 * L;
        let mut power = self.double(&self.one);
        for bit in (0..exponent.ilog2()).rev() {
            power = self.square(&power);
            if exponent >> bit & 1 == 1 {
                power = self.double(&power);
            }
        }
        power
    }

    /// `2 a mod n` for `a < n`.
    #[inline(always)]
    pub(crate) fn double(&self, a: &[u64; L]) -> [u64; L] {
        let mut sum = *a;
        let mut carry = 0;
        for limb in &mut sum {
            let top = *limb >> 63;
            *limb = *limb << 1 | carry;
            carry = top;
        }
        self.reduce_once(&sum, carry)
    }

    /// `a + b mod n` for both below `n`.
    pub(crate) fn add(&self, a: &[u64; L], b: &[u64; L]) -> [u64; L] {
        let mut sum = *a;
        let mut carry = 0;
        for (s, &limb) in sum.iter_mut().zip(b) {
            (*s, carry) = add_carry(*s, limb, carry);
        }
        self.reduce_once(&sum, carry)
    }

    /// `a - b mod n` for both below `n`.
    pub(crate) fn subtract(&self, a: &[u64; L], b: &[u64; L]) -> [u64; L] {
        let (mut difference, borrow) = subtract(a, b);
        let mask = borrow.wrapping_neg();
        let mut carry = 0;
        for (d, &limb) in difference.iter_mut().zip(&self.limbs) {
            (*d, carry) = add_carry(*d, limb & mask, carry);
        }
        difference
    }

    /// `a b / R mod n`, for `b < n` and any `a` of `L` limbs (coarsely integrated operand
    /// scanning).
    #[inline]
    pub(crate) fn multiply(&self, a: &[u64; L], b: &[u64; L]) -> [u64; L] {
        let mut t = [0u64; L];
        let mut top = 0u64;
        for &factor in a {
            let carry = accumulate(&mut t, factor, b);
            let (high, over) = top.overflowing_add(carry);
            let carry = self.reduce_row(&mut t);
            let (high, over_again) = high.overflowing_add(carry);
            if let Some(last) = t.last_mut() {
                *last = high;
            }
            top = u64::from(over) + u64::from(over_again);
        }
        self.reduce_once(&t, top)
    }

    /// `a^2 / R mod n` for `a < n`: each cross product once, doubled, then reduced.
    #[inline]
    pub(crate) fn square(&self, a: &[u64; L]) -> [u64; L] {
        let [low, high] = square_wide(a);
        self.reduce_wide(low, &high)
    }

    /// `(low + R high) / R mod n` for a number below `n R`.
    #[inline(always)]
    fn reduce_wide(&self, mut low: [u64; L], high: &[u64; L]) -> [u64; L] {
        for _ in 0..L {
            let carry = self.reduce_row(&mut low);
            if let Some(last) = low.last_mut() {
                *last = carry;
            }
        }
        let mut carry = 0;
        for (l, &h) in low.iter_mut().zip(high) {
            (*l, carry) = add_carry(*l, h, carry);
        }
        self.reduce_once(&low, carry)
    }

    /// Adds the multiple of `n` that clears the lowest limb and moves the rest down one limb;
    /// what belongs into the highest limb is given back, that limb itself is stale.
    #[inline(always)]
    #[expect(
        clippy::indexing_slicing,
        reason = "0 < j < L, the length of both; L is never 0; iterators cost a third more time"
    )]
    fn reduce_row(&self, t: &mut [u64; L]) -> u64 {
        let m = t[0].wrapping_mul(self.negated_inverse);
        let (_, mut carry) = multiply_add(t[0], m, self.limbs[0], 0);
        for j in 1..L {
            (t[j - 1], carry) = multiply_add(t[j], m, self.limbs[j], carry);
        }
        carry
    }

    /// `sum - n` if the sum (with its carry) is not below `n`, else the sum.
    #[inline(always)]
    fn reduce_once(&self, sum: &[u64; L], carry: u64) -> [u64; L] {
        let (mut difference, borrow) = subtract(sum, &self.limbs);
        // Keep the sum when subtracting borrowed more than the carry holds.
        let keep = (borrow & !carry & 1).wrapping_neg();
        for (d, &s) in difference.iter_mut().zip(sum) {
            *d = (*d & !keep) | (s & keep);
        }
        difference
    }

    /// `base^exponent` in Montgomery's form, by windows of four bits read in full from a table:
    /// neither branches nor addresses depend on base or exponent.
    pub(crate) fn power(&self, base: &[u64; L], exponent: &[u64]) -> [u64; L] {
        let mut table = [[0u64; L]; 16];
        let mut entry = self.one;
        for slot in &mut table {
            *slot = entry;
            entry = self.multiply(&entry, base);
        }
        let mut result = self.one;
        for &limb in exponent.iter().rev() {
            for window in (0..16).rev() {
                for _ in 0..4 {
                    result = self.square(&result);
                }
                let factor = select(&table, limb >> (4 * window) & 15);
                result = self.multiply(&result, &factor);
            }
        }
        table.zeroize();
        result
    }

    /// 2 to the exponent's lowest `bits` bits in Montgomery's form: squares, doubled where a bit is
    /// set. The doubled number is always made and the right one taken without a branch.
    pub(crate) fn power_of_two(&self, exponent: &[u64], bits: usize) -> [u64; L] {
        let mut power = self.one;
        for bit in (0..bits).rev() {
            power = self.square(&power);
            let double = self.double(&power);
            let limb = exponent.get(bit / 64).copied().unwrap_or(0);
            let mask = (limb >> (bit % 64) & 1).wrapping_neg();
            for (p, &d) in power.iter_mut().zip(&double) {
                *p ^= (*p ^ d) & mask;
            }
        }
        power
    }

    /// `base^exponent` for a public exponent.
    pub(crate) fn power_public(&self, base: &[u64; L], exponent: u32) -> [u64; L] {
        let mut result = self.one;
        for bit in (0..u32::BITS - exponent.leading_zeros()).rev() {
            result = self.square(&result);
            if exponent >> bit & 1 == 1 {
                result = self.multiply(&result, base);
            }
        }
        result
    }

    /// Out of Montgomery's form.
    pub(crate) fn leave(&self, a: &[u64; L]) -> [u64; L] {
        self.reduce_wide(*a, &[0; L])
    }
}

impl<const L: usize> Drop for Modulus<L> {
    fn drop(&mut self) {
        self.limbs.zeroize();
        self.one.zeroize();
        self.negated_inverse.zeroize();
    }
}

/// Bits of a number of limbs.
pub(crate) fn bit_length(limbs: &[u64]) -> usize {
    limbs
        .iter()
        .enumerate()
        .rev()
        .find(|(_, l)| **l != 0)
        .map_or(0, |(i, l)| 64 * i + 64 - l.leading_zeros() as usize)
}

/// Sets one bit; a bit beyond the number is left out.
pub(crate) fn set_bit(limbs: &mut [u64], bit: usize) {
    if let Some(limb) = limbs.get_mut(bit / 64) {
        *limb |= 1 << (bit % 64);
    }
}

/// `a - b` modulo `2^(64 L)`, and the borrow.
#[inline(always)]
pub(crate) fn subtract<const L: usize>(a: &[u64; L], b: &[u64; L]) -> ([u64; L], u64) {
    let mut difference = *a;
    let mut borrow = false;
    for (d, &limb) in difference.iter_mut().zip(b) {
        let (first, one) = d.overflowing_sub(limb);
        let (second, two) = first.overflowing_sub(u64::from(borrow));
        *d = second;
        borrow = one | two;
    }
    (difference, u64::from(borrow))
}

/// Low and high half of `t + a b + carry`, which never overflows.
#[inline(always)]
fn multiply_add(t: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let wide = u128::from(a) * u128::from(b) + u128::from(t) + u128::from(carry);
    (wide as u64, (wide >> 64) as u64)
}

#[inline(always)]
fn add_carry(a: u64, b: u64, carry: u64) -> (u64, u64) {
    let wide = u128::from(a) + u128::from(b) + u128::from(carry);
    (wide as u64, (wide >> 64) as u64)
}

/// `row += factor * limbs` over as many limbs as both have; the carry.
#[inline(always)]
pub(crate) fn accumulate(row: &mut [u64], factor: u64, limbs: &[u64]) -> u64 {
    let mut carry = 0;
    for (r, &limb) in row.iter_mut().zip(limbs) {
        (*r, carry) = multiply_add(*r, factor, limb, carry);
    }
    carry
}

/// The square of `a`: low and high half.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    reason = "i < j < L, so every index is below 2 L; iterators cost a third more time here"
)]
fn square_wide<const L: usize>(a: &[u64; L]) -> [[u64; L]; 2] {
    let mut wide = [[0u64; L]; 2];
    let t = wide.as_flattened_mut();
    for i in 0..L {
        let mut carry = 0;
        for j in i + 1..L {
            (t[i + j], carry) = multiply_add(t[i + j], a[i], a[j], carry);
        }
        t[i + L] = carry;
    }
    let mut shifted = 0;
    let mut carry = 0;
    for i in 0..L {
        let square = u128::from(a[i]) * u128::from(a[i]);
        let (low, high) = (t[2 * i], t[2 * i + 1]);
        (t[2 * i], carry) = add_carry(low << 1 | shifted, square as u64, carry);
        (t[2 * i + 1], carry) = add_carry(high << 1 | low >> 63, (square >> 64) as u64, carry);
        shifted = high >> 63;
    }
    wide
}

/// The entry of a table without telling which.
#[inline(always)]
fn select<const L: usize>(table: &[[u64; L]; 16], index: u64) -> [u64; L] {
    let mut chosen = [0u64; L];
    for (i, entry) in (0u64..).zip(table) {
        let difference = i ^ index;
        // All ones when equal: a difference below 16 minus one borrows only from zero.
        let mask = (difference.wrapping_sub(1) >> 63).wrapping_neg();
        for (c, &limb) in chosen.iter_mut().zip(entry) {
            *c |= limb & mask;
        }
    }
    chosen
}

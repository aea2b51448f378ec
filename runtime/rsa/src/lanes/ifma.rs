//! Exponentiations side by side in the lanes of AVX-512's 52-bit multiply and add (IFMA).
//!
//! Each lane has a modulus, a base and an exponent of its own; all lanes do the same work, so that
//! neither a branch nor an address depends on a number. Numbers are `K` digits of 52 bits, least
//! significant first, a digit of all lanes in one vector. Products are Montgomery's with
//! `R = 2^(52 K)`; numbers stay below `4 n`, which `R >= 16 n` allows, and are brought below `n`
//! where they are compared or leave.
//!
//! The only code of this crate that is not safe Rust: a function compiled for instructions that
//! not every processor has may only be called where they are. [`Ifma`] can be had from
//! [`Ifma::detect`] alone, and each call below is given one.

#![allow(
    clippy::indexing_slicing,
    reason = "digits are counted by the type; iterators keep the compiler from using registers"
)]
#![expect(
    unsafe_code,
    reason = "decision 0015: calls of functions with target features"
)]

use core::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi64, _mm256_and_si256, _mm256_cmpeq_epi64_mask,
    _mm256_extract_epi64, _mm256_madd52hi_epu64, _mm256_madd52lo_epu64, _mm256_mask_mov_epi64,
    _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_sllv_epi64, _mm256_srai_epi64, _mm256_srli_epi64, _mm256_srlv_epi64, _mm256_sub_epi64,
    _mm256_xor_si256, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask,
    _mm512_extracti64x4_epi64, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_mov_epi64,
    _mm512_or_si512, _mm512_set_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_sllv_epi64,
    _mm512_srai_epi64, _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_sub_epi64, _mm512_xor_si512,
};

use zeroize::Zeroizing;

/// Proof that this processor has the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ifma(());

impl Ifma {
    /// The proof, where the processor and the operating system allow it.
    pub(crate) fn detect() -> Option<Self> {
        let here = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512ifma");
        here.then_some(Self(()))
    }
}

/// The same digit of all lanes, as plain numbers.
pub(crate) type Row<const W: usize> = [u64; W];

/// Moduli of exactly `bits` bits, one in each lane, with what Montgomery's reduction needs.
pub(crate) struct Moduli<const K: usize, const W: usize> {
    pub(crate) digits: Zeroizing<[Row<W>; K]>,
    /// `-n^-1 mod 2^52`.
    pub(crate) negated_inverse: Row<W>,
    pub(crate) bits: usize,
}

/// Odd parts of `n - 1` and how often 2 divides it, for strong tests.
pub(crate) struct OddParts<const K: usize, const W: usize> {
    pub(crate) digits: Zeroizing<[Row<W>; K]>,
    pub(crate) twos: Row<W>,
}

impl Ifma {
    /// Strong tests to base 2 of eight numbers: one bit for each that passes.
    pub(crate) fn strong_two<const K: usize>(
        self,
        moduli: &Moduli<K, 8>,
        odd: &OddParts<K, 8>,
    ) -> u8 {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { eight::strong_two(moduli, odd) }
    }

    /// Strong tests to a base below each of eight numbers: one bit for each that passes.
    pub(crate) fn strong<const K: usize>(
        self,
        moduli: &Moduli<K, 8>,
        odd: &OddParts<K, 8>,
        bases: &[Row<8>; K],
    ) -> u8 {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { eight::strong(moduli, odd, bases) }
    }

    /// Four powers of bases below their moduli; each below its modulus.
    pub(crate) fn power<const K: usize>(
        self,
        moduli: &Moduli<K, 4>,
        bases: &[Row<4>; K],
        exponents: &[Row<4>; K],
    ) -> Zeroizing<[Row<4>; K]> {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { four::power_of(moduli, bases, exponents) }
    }
}

/// Digits up to which a square is written out row by row; longer ones are multiplied.
const SQUARE_DIGITS_MAX: usize = 20;
const DIGIT_BITS: usize = 52;
const DIGIT_MASK: i64 = (1 << DIGIT_BITS) - 1;
/// Bits of an exponent that are taken at once; they divide a digit.
const WINDOW_BITS: usize = 4;
const TABLE: usize = 1 << WINDOW_BITS;

/// A body for each row of a square, with the row's number as a constant.
macro_rules! each_row {
    ($digits:ident, $row:ident => $body:block) => {
        each_row!(@ $digits, $row, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19)
    };
    (@ $digits:ident, $row:ident, $body:block, $($number:literal)*) => {
        $(if $number < $digits {
            const $row: usize = $number;
            $body
        })*
    };
}

/// The arithmetic for one width of vectors.
macro_rules! kernel {
    (
        $name:ident, $lanes:literal, $vector:ident, $features:literal,
        $lo:ident $hi:ident $add:ident $sub:ident $and:ident $or:ident $xor:ident $zero:ident
        $one:ident $shift_right:ident $sign:ident $shift_right_by:ident $shift_left_by:ident
        $equal:ident $choose:ident,
        load $row:ident => $load:expr, store $from:ident => $store:expr
    ) => {
        mod $name {
            use super::*;

            type V = $vector;
            type Lanes = Row<$lanes>;

            /// What every step of one exponentiation uses.
            struct Setting<const K: usize> {
                n: Zeroizing<[V; K]>,
                negated_inverse: V,
                /// `R mod n`: the number one in Montgomery's form.
                one: Zeroizing<[V; K]>,
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn load($row: Lanes) -> V {
                $load
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn store($from: V) -> Lanes {
                $store
            }

            #[target_feature(enable = $features)]
            fn loaded<const K: usize>(rows: &[Lanes; K]) -> Zeroizing<[V; K]> {
                let mut number = Zeroizing::new([$zero(); K]);
                for (digit, row) in number.iter_mut().zip(rows) {
                    *digit = load(*row);
                }
                number
            }

            /// Carries from digit to digit; the digits then have 52 bits.
            #[inline]
            #[target_feature(enable = $features)]
            fn carry<const K: usize>(t: &mut [V; K]) {
                let mask = $one(DIGIT_MASK);
                for j in 1..K {
                    t[j] = $add(t[j], $shift_right::<52>(t[j - 1]));
                    t[j - 1] = $and(t[j - 1], mask);
                }
            }

            /// `a b / R`, below `2 n` for both below `4 n`; digits are not carried.
            #[inline]
            #[target_feature(enable = $features)]
            fn multiply_loose<const K: usize>(
                setting: &Setting<K>,
                a: &[V; K],
                b: &[V; K],
            ) -> [V; K] {
                let n = &*setting.n;
                let mut t = [$zero(); K];
                for &digit in a {
                    for j in 0..K {
                        t[j] = $lo(t[j], digit, b[j]);
                    }
                    let m = $lo($zero(), t[0], setting.negated_inverse);
                    let over = $shift_right::<52>($lo(t[0], m, n[0]));
                    for j in 1..K {
                        t[j] = $lo(t[j], m, n[j]);
                    }
                    for j in 0..K {
                        let above = if j + 1 < K { t[j + 1] } else { $zero() };
                        t[j] = $hi($hi(above, digit, b[j]), m, n[j]);
                    }
                    t[0] = $add(t[0], over);
                }
                t
            }

            #[inline(never)]
            #[target_feature(enable = $features)]
            fn multiply<const K: usize>(
                setting: &Setting<K>,
                a: &[V; K],
                b: &[V; K],
            ) -> [V; K] {
                let mut product = multiply_loose(setting, a, b);
                carry(&mut product);
                product
            }

            /// `a^2 / R` like [`multiply_loose`]; each product of two digits once.
            ///
            /// Row `i` multiplies digit `i` by itself and by twice what is above it. Doubling
            /// carries a bit from digit to digit; the one that comes from digit `i` itself does
            /// not belong there, so that the digit next above takes its plain double.
            #[inline]
            #[target_feature(enable = $features)]
            fn square_loose<const K: usize>(setting: &Setting<K>, a: &[V; K]) -> [V; K] {
                if K > SQUARE_DIGITS_MAX {
                    return multiply_loose(setting, a, a);
                }
                let n = &*setting.n;
                let mut double = [$zero(); K];
                let mut carried = [$zero(); K];
                for j in 0..K {
                    double[j] = $add(a[j], a[j]);
                    carried[j] = double[j];
                    if j > 0 {
                        carried[j] = $add(carried[j], $shift_right::<51>(a[j - 1]));
                    }
                }
                let mut t = [$zero(); K];
                each_row!(K, I => {
                    t[I] = $lo(t[I], a[I], a[I]);
                    if I + 1 < K {
                        t[I + 1] = $lo(t[I + 1], a[I], double[I + 1]);
                    }
                    for j in I + 2..K {
                        t[j] = $lo(t[j], a[I], carried[j]);
                    }
                    let m = $lo($zero(), t[0], setting.negated_inverse);
                    let over = $shift_right::<52>($lo(t[0], m, n[0]));
                    for j in 1..K {
                        t[j] = $lo(t[j], m, n[j]);
                    }
                    for j in 0..K {
                        let above = if j + 1 < K { t[j + 1] } else { $zero() };
                        t[j] = $hi(above, m, n[j]);
                    }
                    t[I] = $hi(t[I], a[I], a[I]);
                    if I + 1 < K {
                        t[I + 1] = $hi(t[I + 1], a[I], double[I + 1]);
                    }
                    for j in I + 2..K {
                        t[j] = $hi(t[j], a[I], carried[j]);
                    }
                    t[0] = $add(t[0], over);
                });
                t
            }

            /// `a^2 / R`, doubled in the lanes where the bit is 1.
            #[inline(never)]
            #[target_feature(enable = $features)]
            fn square<const K: usize>(
                setting: &Setting<K>,
                a: &[V; K],
                bit: V,
            ) -> [V; K] {
                let mut product = square_loose(setting, a);
                for digit in &mut product {
                    *digit = $shift_left_by(*digit, bit);
                }
                carry(&mut product);
                product
            }

            /// `a - b` and all ones in the lanes where that is below zero.
            #[inline]
            #[target_feature(enable = $features)]
            fn difference<const K: usize>(a: &[V; K], b: &[V; K]) -> ([V; K], V) {
                let mask = $one(DIGIT_MASK);
                let mut result = [$zero(); K];
                let mut borrow = $zero();
                for j in 0..K {
                    let digit = $add($sub(a[j], b[j]), borrow);
                    borrow = $sign::<63>(digit);
                    result[j] = $and(digit, mask);
                }
                (result, borrow)
            }

            /// `a mod n` for `a` below `2 n`.
            #[inline]
            #[target_feature(enable = $features)]
            fn reduced<const K: usize>(a: &[V; K], n: &[V; K]) -> [V; K] {
                let (mut result, below) = difference(a, n);
                for (digit, whole) in result.iter_mut().zip(a) {
                    *digit = $xor(*digit, $and($xor(*digit, *whole), below));
                }
                result
            }

            /// `2 a`, with carries.
            #[inline]
            #[target_feature(enable = $features)]
            fn doubled<const K: usize>(a: &[V; K]) -> [V; K] {
                let mut result = *a;
                for digit in &mut result {
                    *digit = $add(*digit, *digit);
                }
                carry(&mut result);
                result
            }

            /// One bit for each lane in which both numbers have the same digits.
            #[inline]
            #[target_feature(enable = $features)]
            fn same<const K: usize>(a: &[V; K], b: &[V; K]) -> u8 {
                let mut differing = $zero();
                for j in 0..K {
                    differing = $or(differing, $xor(a[j], b[j]));
                }
                $equal(differing, $zero())
            }

            #[target_feature(enable = $features)]
            fn setting<const K: usize>(moduli: &Moduli<K, $lanes>) -> Setting<K> {
                let n = loaded(&moduli.digits);
                // 2^bits is below 2 n; doubling leads from its remainder to R's.
                let mut power = [$zero(); K];
                power[moduli.bits / DIGIT_BITS] = $one(1 << (moduli.bits % DIGIT_BITS));
                let mut one = Zeroizing::new(reduced(&power, &n));
                for _ in moduli.bits..DIGIT_BITS * K {
                    *one = reduced(&doubled(&one), &n);
                }
                Setting {
                    n,
                    negated_inverse: load(moduli.negated_inverse),
                    one,
                }
            }

            /// Bit `at` of each exponent.
            #[inline]
            #[target_feature(enable = $features)]
            fn bit<const K: usize>(exponents: &[V; K], at: usize) -> V {
                let place = $one((at % DIGIT_BITS) as i64);
                $and($shift_right_by(exponents[at / DIGIT_BITS], place), $one(1))
            }

            /// Into Montgomery's form: `a R mod n`.
            #[target_feature(enable = $features)]
            fn entered<const K: usize>(setting: &Setting<K>, a: &[V; K]) -> [V; K] {
                // 2^(52 K) in Montgomery's form is R^2; its exponent bit by bit from the top.
                let exponent = DIGIT_BITS * K;
                let mut power = doubled(&setting.one);
                for place in (0..exponent.ilog2()).rev() {
                    power = square(setting, &power, $zero());
                    if exponent >> place & 1 == 1 {
                        power = doubled(&power);
                    }
                }
                multiply(setting, a, &power)
            }

            /// Powers in Montgomery's form of bases in Montgomery's form. The table is read in
            /// full for each window of the exponents.
            #[target_feature(enable = $features)]
            fn power<const K: usize>(
                setting: &Setting<K>,
                base: &[V; K],
                exponents: &[V; K],
                bits: usize,
            ) -> Zeroizing<[V; K]> {
                let mut table = Zeroizing::new([[$zero(); K]; TABLE]);
                table[0] = *setting.one;
                for entry in 1..TABLE {
                    table[entry] = multiply(setting, &table[entry - 1], base);
                }
                let mut result = Zeroizing::new(*setting.one);
                for window in (0..bits.div_ceil(WINDOW_BITS)).rev() {
                    for _ in 0..WINDOW_BITS {
                        *result = square(setting, &result, $zero());
                    }
                    let at = window * WINDOW_BITS;
                    let place = $one((at % DIGIT_BITS) as i64);
                    let digit = exponents[at / DIGIT_BITS];
                    let index = $and($shift_right_by(digit, place), $one(TABLE as i64 - 1));
                    let mut factor = table[0];
                    for entry in 1..TABLE {
                        let here = $equal(index, $one(entry as i64));
                        for j in 0..K {
                            factor[j] = $choose(factor[j], here, table[entry][j]);
                        }
                    }
                    *result = multiply(setting, &result, &factor);
                }
                result
            }

            /// `power` is the base to the odd part: it, or one of its squares, must be as it is
            /// for a prime.
            #[target_feature(enable = $features)]
            fn ends_well<const K: usize>(
                setting: &Setting<K>,
                mut power: Zeroizing<[V; K]>,
                twos: &Lanes,
            ) -> u8 {
                let (minus_one, _) = difference(&setting.n, &setting.one);
                let now = reduced(&power, &setting.n);
                let mut passed = same(&now, &setting.one) | same(&now, &minus_one);
                let most = twos.iter().copied().max().unwrap_or(0);
                for squared in 1..most {
                    *power = square(setting, &power, $zero());
                    let hit = same(&reduced(&power, &setting.n), &minus_one);
                    for (lane, count) in twos.iter().enumerate() {
                        passed |= hit & u8::from(squared < *count) << lane;
                    }
                }
                passed
            }

            #[allow(dead_code, reason = "each width has what it is used for")]
            #[target_feature(enable = $features)]
            pub(super) fn strong_two<const K: usize>(
                moduli: &Moduli<K, $lanes>,
                odd: &OddParts<K, $lanes>,
            ) -> u8 {
                let setting = setting(moduli);
                let exponents = loaded(&odd.digits);
                let mut result = Zeroizing::new(*setting.one);
                for at in (0..moduli.bits).rev() {
                    *result = square(&setting, &result, bit(&exponents, at));
                }
                // Below 4 n after the last doubling: one step more than `ends_well` takes.
                *result = multiply(&setting, &result, &setting.one);
                ends_well(&setting, result, &odd.twos)
            }

            #[allow(dead_code, reason = "each width has what it is used for")]
            #[target_feature(enable = $features)]
            pub(super) fn strong<const K: usize>(
                moduli: &Moduli<K, $lanes>,
                odd: &OddParts<K, $lanes>,
                bases: &[Lanes; K],
            ) -> u8 {
                let setting = setting(moduli);
                let base = Zeroizing::new(entered(&setting, &*loaded(bases)));
                let exponents = loaded(&odd.digits);
                let result = power(&setting, &base, &exponents, moduli.bits);
                ends_well(&setting, result, &odd.twos)
            }

            #[allow(dead_code, reason = "each width has what it is used for")]
            #[target_feature(enable = $features)]
            pub(super) fn power_of<const K: usize>(
                moduli: &Moduli<K, $lanes>,
                bases: &[Lanes; K],
                exponents: &[Lanes; K],
            ) -> Zeroizing<[Lanes; K]> {
                let setting = setting(moduli);
                let base = Zeroizing::new(entered(&setting, &*loaded(bases)));
                let result = power(&setting, &base, &*loaded(exponents), moduli.bits);
                // Times one leaves Montgomery's form.
                let mut unit = [$zero(); K];
                unit[0] = $one(1);
                let plain = Zeroizing::new(multiply(&setting, &result, &unit));
                let plain = Zeroizing::new(reduced(&plain, &setting.n));
                let mut rows = Zeroizing::new([[0; $lanes]; K]);
                for (row, digit) in rows.iter_mut().zip(plain.iter()) {
                    *row = store(*digit);
                }
                rows
            }
        }
    };
}

kernel!(
    eight, 8, __m512i, "avx512f,avx512vl,avx512ifma",
    _mm512_madd52lo_epu64 _mm512_madd52hi_epu64 _mm512_add_epi64 _mm512_sub_epi64
    _mm512_and_si512 _mm512_or_si512 _mm512_xor_si512 _mm512_setzero_si512
    _mm512_set1_epi64 _mm512_srli_epi64 _mm512_srai_epi64 _mm512_srlv_epi64 _mm512_sllv_epi64
    _mm512_cmpeq_epi64_mask _mm512_mask_mov_epi64,
    load row => {
        let [a, b, c, d, e, f, g, h] = row.map(u64::cast_signed);
        _mm512_set_epi64(h, g, f, e, d, c, b, a)
    },
    store from => {
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
);

kernel!(
    four, 4, __m256i, "avx512f,avx512vl,avx512ifma",
    _mm256_madd52lo_epu64 _mm256_madd52hi_epu64 _mm256_add_epi64 _mm256_sub_epi64
    _mm256_and_si256 _mm256_or_si256 _mm256_xor_si256 _mm256_setzero_si256
    _mm256_set1_epi64x _mm256_srli_epi64 _mm256_srai_epi64 _mm256_srlv_epi64 _mm256_sllv_epi64
    _mm256_cmpeq_epi64_mask _mm256_mask_mov_epi64,
    load row => {
        let [a, b, c, d] = row.map(u64::cast_signed);
        _mm256_set_epi64x(d, c, b, a)
    },
    store from => {
        [
            _mm256_extract_epi64::<0>(from),
            _mm256_extract_epi64::<1>(from),
            _mm256_extract_epi64::<2>(from),
            _mm256_extract_epi64::<3>(from),
        ]
        .map(i64::cast_unsigned)
    }
);

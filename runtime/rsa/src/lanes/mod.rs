//! Strong tests and powers, one after the other or side by side: the same answers either way.

#[cfg(target_arch = "x86_64")]
mod digits;
#[cfg(target_arch = "x86_64")]
mod ifma;

use zeroize::Zeroizing;

use crate::strong::StrongTest;

/// Numbers that are tested in one go.
pub(crate) const GROUP: usize = 8;

/// How long exponentiations are carried out. What comes out does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arithmetic {
    /// One number after the other, in 64-bit limbs, on any processor.
    Scalar,
    /// Eight numbers side by side in AVX-512's 52-bit multiply and add.
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Ifma),
}

impl Arithmetic {
    /// The fastest that this processor has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = ifma::Ifma::detect() {
            return Self::Ifma(proof);
        }
        Self::Scalar
    }

    /// A name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "64-bit limbs",
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(_) => "AVX-512 IFMA",
        }
    }

    /// The first of at most eight odd numbers of exactly `bits` bits that is a strong probable
    /// prime to base 2.
    pub(crate) fn first_strong_two<const L: usize>(
        self,
        numbers: &[&[u64; L]],
        bits: usize,
    ) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if let Self::Ifma(proof) = self {
            let slices: Vec<&[u64]> = numbers.iter().map(|n| n.as_slice()).collect();
            let passed = with_digits!(bits, K => proof.strong_two::<K>(
                &digits::moduli(&slices, bits), &digits::odd_parts(&slices)));
            let lane = passed.trailing_zeros() as usize;
            return (lane < numbers.len()).then_some(lane);
        }
        numbers
            .iter()
            .position(|number| StrongTest::new(number).is_some_and(|test| test.passes_two(bits)))
    }

    /// Whether an odd number of exactly `bits` bits is a strong probable prime to all bases, each
    /// above 1 and below the number.
    pub(crate) fn strong<const L: usize>(
        self,
        number: &[u64; L],
        bits: usize,
        bases: &[Zeroizing<[u64; L]>],
    ) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Self::Ifma(proof) = self {
            return bases.chunks(GROUP).all(|group| {
                let bases: Vec<&[u64]> = group.iter().map(|base| base.as_slice()).collect();
                let numbers = [number.as_slice(); GROUP];
                let passed = with_digits!(bits, K => proof.strong::<K>(
                    &digits::moduli(&numbers, bits),
                    &digits::odd_parts(&numbers),
                    &digits::rows(&bases),
                ));
                passed == u8::MAX
            });
        }
        StrongTest::new(number).is_some_and(|test| test.passes(bases))
    }

    /// Whether four powers cost no more than two.
    pub(crate) fn has_lanes(self) -> bool {
        self != Self::Scalar
    }

    /// `base^exponent mod modulus`; `None` without lanes.
    pub(crate) fn power<const L: usize>(
        self,
        modulus: &[u64; L],
        bits: usize,
        base: &[u64; L],
        exponent: &[u64; L],
    ) -> Option<Zeroizing<[u64; L]>> {
        let [power, ..] = self.powers([modulus; 4], bits, [base; 4], [exponent; 4])?;
        Some(power)
    }

    /// `base^exponent mod modulus` for four bases below their moduli of exactly `bits` bits, and
    /// exponents as long; `None` without lanes.
    pub(crate) fn powers<const L: usize>(
        self,
        moduli: [&[u64; L]; 4],
        bits: usize,
        bases: [&[u64; L]; 4],
        exponents: [&[u64; L]; 4],
    ) -> Option<[Zeroizing<[u64; L]>; 4]> {
        #[cfg(target_arch = "x86_64")]
        if let Self::Ifma(proof) = self {
            return Some(ifma_powers(proof, moduli, bits, bases, exponents));
        }
        let _ = (moduli, bits, bases, exponents);
        None
    }
}

#[cfg(target_arch = "x86_64")]
fn ifma_powers<const L: usize>(
    proof: ifma::Ifma,
    moduli: [&[u64; L]; 4],
    bits: usize,
    bases: [&[u64; L]; 4],
    exponents: [&[u64; L]; 4],
) -> [Zeroizing<[u64; L]>; 4] {
    with_digits!(bits, K => {
            let rows = proof.power::<K>(
                &digits::moduli(&moduli.map(<[u64; L]>::as_slice), bits),
                &digits::rows(&bases.map(<[u64; L]>::as_slice)),
                &digits::rows(&exponents.map(<[u64; L]>::as_slice)),
            );
            std::array::from_fn(|lane| {
                let mut power = Zeroizing::new([0; L]);
                digits::limbs(&rows, lane, power.as_mut_slice());
                power
            })
    })
}

/// Runs a body with a count of digits that holds `bits` bits and the four above that sums need.
#[cfg(target_arch = "x86_64")]
macro_rules! with_digits {
    ($bits:expr, $digits:ident => $body:expr) => {
        with_digits!(@ ($bits + 4).div_ceil(52), $digits => $body,
            0..=6 => 6, 7..=10 => 10, 11 | 12 => 12, 13 | 14 => 14, 15 | 16 => 16, 17 | 18 => 18,
            19 | 20 => 20, 21..=30 => 30, _ => 40)
    };
    (@ $count:expr, $digits:ident => $body:expr, $($found:pat => $width:literal),*) => {
        match $count {
            $($found => {
                const $digits: usize = $width;
                $body
            })*
        }
    };
}
#[cfg(target_arch = "x86_64")]
use with_digits;

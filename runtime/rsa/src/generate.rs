//! Key generation: two primes from two windows of their own, and what follows from them.

use zeroize::Zeroizing;

use crate::lanes::Arithmetic;
use crate::limbs::{multiply, to_octets};
use crate::montgomery::bit_length;
use crate::prime::search;
use crate::private::RsaKey;
use crate::{RandomSource, RsaError, check_size, with_half_limbs};

/// Draws of a second prime before the search is given up; one is practically always enough.
const DRAWS_MAX: u32 = 100;
/// The primes must differ by more than `2^(bits / 2 - 100)` (FIPS 186-5, A.1.3).
pub(crate) const DISTANCE_BITS: usize = 100;

/// A new key of exactly `bits` bits. The same source gives the same key.
///
/// Both primes have their two highest bits set, so that the modulus has its exact length; `p` is
/// the larger one. The private exponent `d = (1 + k phi) / e` is at least `phi / e` and so beyond
/// `2^(bits / 2)` for both exponents. The key has signed and verified once before it is returned.
///
/// # Errors
/// [`RsaError::Size`] for sizes that are not allowed, [`RsaError::Randomness`] when the source
/// fails or gives what is not random, [`RsaError::Fault`] when the new key does not verify.
pub fn generate(
    bits: u32,
    exponent: u32,
    source: &mut dyn RandomSource,
) -> Result<RsaKey, RsaError> {
    generate_by(Arithmetic::best(), bits, exponent, source)
}

/// [`generate`] with a certain arithmetic, which changes the time it takes and nothing else.
///
/// # Errors
/// As [`generate`].
pub fn generate_by(
    arithmetic: Arithmetic,
    bits: u32,
    exponent: u32,
    source: &mut dyn RandomSource,
) -> Result<RsaKey, RsaError> {
    check_size(bits, exponent)?;
    with_half_limbs!(bits, LIMBS => pair::<LIMBS>(arithmetic, bits, exponent, source),
        else Err(RsaError::modulus_bits(bits)))
}

fn pair<const L: usize>(
    arithmetic: Arithmetic,
    bits: u32,
    exponent: u32,
    source: &mut dyn RandomSource,
) -> Result<RsaKey, RsaError> {
    let half = bits as usize / 2;
    let first = search::<L>(half, exponent, arithmetic, source)?;
    for _ in 0..DRAWS_MAX {
        let second = search::<L>(half, exponent, arithmetic, source)?;
        let (large, small) = if first.iter().rev().gt(second.iter().rev()) {
            (&first, &second)
        } else {
            (&second, &first)
        };
        let (distance, _) = crate::montgomery::subtract(large, small);
        if bit_length(&distance) <= half - DISTANCE_BITS {
            continue;
        }
        if bit_length(multiply(large, small).as_flattened()) != bits as usize {
            continue;
        }
        let width = half.div_ceil(8);
        let mut p = Zeroizing::new(vec![0; width]);
        let mut q = Zeroizing::new(vec![0; width]);
        to_octets(large.as_slice(), &mut p);
        to_octets(small.as_slice(), &mut q);
        return RsaKey::from_primes_by(arithmetic, &p, &q, exponent);
    }
    Err(RsaError::Randomness(
        "no second prime far enough from the first",
    ))
}

//! RSA keys of chips, issuers and authorities: prime search, key generation, private and public
//! operation.
//!
//! Pure arithmetic: no clock, no file, no randomness of its own. Lengths are checked at the
//! border; inside, numbers are arrays of 64-bit limbs whose count is part of the type. The same
//! random octets give the same key on every processor.

mod crt;
mod error;
mod generate;
mod lanes;
mod limbs;
mod montgomery;
mod prime;
mod private;
mod public;
mod sieve;
mod strong;

pub use error::{NoRandomness, RsaError};
pub use generate::{generate, generate_by};
pub use lanes::Arithmetic;
pub use private::{RsaKey, is_prime};
pub use public::raise;

/// Smallest modulus, in bits.
pub const MODULUS_BITS_MIN: u32 = 512;
/// Largest modulus, in bits.
pub const MODULUS_BITS_MAX: u32 = 4096;
/// The public exponents that EMV allows (Book 2, B2.1).
pub const EXPONENTS: [u32; 2] = [3, 65_537];

/// Where random octets come from: an operating system, an HSM, a labelled draw, a seed in tests.
pub trait RandomSource {
    /// Fills the octets.
    ///
    /// # Errors
    /// When there is no randomness; then nothing is made.
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness>;
}

/// Whether a key of this size may be made or taken in.
///
/// # Errors
/// [`RsaError::Size`] for a modulus that is no multiple of 8 bits from 512 to 4096, or another
/// exponent than 3 and 65537.
pub fn check_size(bits: u32, exponent: u32) -> Result<(), RsaError> {
    let whole = bits.is_multiple_of(8);
    if !whole || !(MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits) {
        return Err(RsaError::modulus_bits(bits));
    }
    if !EXPONENTS.contains(&exponent) {
        return Err(RsaError::exponent(exponent));
    }
    Ok(())
}

/// Runs a body with the limb count of half a modulus as a constant: exact or nearly so up to 2048
/// bits, where chips are; each count is compiled apart.
macro_rules! with_half_limbs {
    ($bits:expr, $limbs:ident => $body:expr, else $other:expr) => {
        with_half_limbs!(@ $bits.div_ceil(2).div_ceil(64), $limbs => $body, else $other,
            4 => 4, 5 | 6 => 6, 7 | 8 => 8, 9 => 9, 10 => 10, 11 => 11, 12 => 12, 13 | 14 => 14,
            15 | 16 => 16, 17..=20 => 20, 21..=24 => 24, 25..=32 => 32)
    };
    (@ $count:expr, $limbs:ident => $body:expr, else $other:expr,
        $($found:pat => $width:literal),*) => {
        match $count {
            $($found => {
                const $limbs: usize = $width;
                $body
            })*
            _ => $other,
        }
    };
}
pub(crate) use with_half_limbs;

//! RSA keys of chips and issuers: prime search, key generation and the private operation.
//!
//! Pure Rust without unsafe code. Lengths are checked at the border; inside, numbers are arrays of
//! 64-bit limbs whose count is part of the type.

mod generate;
mod limbs;
mod montgomery;
mod prime;
mod private;
mod public;
mod sieve;

pub use generate::generate;
pub use private::RsaKey;
pub use public::raise;

use crate::error::{self, Refused};

/// Smallest modulus, in bits.
pub const MODULUS_BITS_MIN: u32 = 512;
/// Largest modulus, in bits.
pub const MODULUS_BITS_MAX: u32 = 2048;
/// The public exponents that EMV allows (Book 2, B2.1).
pub const EXPONENTS: [u32; 2] = [3, 65_537];

/// Where random octets come from; a labelled draw in the HSM, a seeded one in tests.
pub trait RandomSource {
    /// Fills the octets.
    fn fill(&mut self, octets: &mut [u8]);
}

/// Whether a key of this size may be made or taken in.
pub fn check_size(bits: u32, exponent: u32) -> Result<(), Refused> {
    let whole = bits.is_multiple_of(8);
    if !whole || !(MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits) {
        return Err(error::RSA_SIZE.found(format!("a modulus of {bits} bits")));
    }
    if !EXPONENTS.contains(&exponent) {
        return Err(error::RSA_SIZE.found(format!("public exponent {exponent}")));
    }
    Ok(())
}

/// Runs a body with the limb count of half a modulus as a constant.
macro_rules! with_half_limbs {
    ($bits:expr, $limbs:ident => $body:expr, else $other:expr) => {
        match $bits.div_ceil(2).div_ceil(64) {
            4 => {
                const $limbs: usize = 4;
                $body
            }
            5 => {
                const $limbs: usize = 5;
                $body
            }
            6 => {
                const $limbs: usize = 6;
                $body
            }
            7 => {
                const $limbs: usize = 7;
                $body
            }
            8 => {
                const $limbs: usize = 8;
                $body
            }
            9 => {
                const $limbs: usize = 9;
                $body
            }
            10 => {
                const $limbs: usize = 10;
                $body
            }
            11 => {
                const $limbs: usize = 11;
                $body
            }
            12 => {
                const $limbs: usize = 12;
                $body
            }
            13 => {
                const $limbs: usize = 13;
                $body
            }
            14 => {
                const $limbs: usize = 14;
                $body
            }
            15 => {
                const $limbs: usize = 15;
                $body
            }
            16 => {
                const $limbs: usize = 16;
                $body
            }
            _ => $other,
        }
    };
}
pub(crate) use with_half_limbs;

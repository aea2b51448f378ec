//! The public operation: raising to 3 or 65537 modulo somebody's modulus.

use crate::limbs::{from_octets, to_octets};
use crate::montgomery::{Modulus, bit_length, subtract};
use crate::{EXPONENTS, MODULUS_BITS_MAX, MODULUS_BITS_MIN, RsaError};

/// What both operations say of an input that is too large.
pub(crate) const NOT_BELOW: &str = "an RSA input that is not below the modulus";

/// `input^exponent mod modulus`, as long as the modulus. Nothing here is secret.
///
/// # Errors
/// [`RsaError::Size`] for a modulus that is even, shorter than 512 or longer than 4096 bits, or
/// another exponent; [`RsaError::Argument`] when the input is not below the modulus.
pub fn raise(modulus: &[u8], exponent: u32, input: &[u8]) -> Result<Vec<u8>, RsaError> {
    if !EXPONENTS.contains(&exponent) {
        return Err(RsaError::exponent(exponent));
    }
    match modulus.len().div_ceil(32) {
        2 => raise_limbs::<8>(modulus, exponent, input),
        3 => raise_limbs::<12>(modulus, exponent, input),
        4 => raise_limbs::<16>(modulus, exponent, input),
        5 => raise_limbs::<20>(modulus, exponent, input),
        6 => raise_limbs::<24>(modulus, exponent, input),
        7 => raise_limbs::<28>(modulus, exponent, input),
        8 => raise_limbs::<32>(modulus, exponent, input),
        9 | 10 => raise_limbs::<40>(modulus, exponent, input),
        11 | 12 => raise_limbs::<48>(modulus, exponent, input),
        13..=16 => raise_limbs::<64>(modulus, exponent, input),
        _ => Err(wrong_modulus()),
    }
}

fn wrong_modulus() -> RsaError {
    RsaError::Size("a modulus that is even or not of 512 to 4096 bits".to_owned())
}

fn raise_limbs<const L: usize>(
    modulus: &[u8],
    exponent: u32,
    input: &[u8],
) -> Result<Vec<u8>, RsaError> {
    let limbs: [u64; L] = from_octets(modulus).ok_or_else(wrong_modulus)?;
    let allowed = MODULUS_BITS_MIN as usize..=MODULUS_BITS_MAX as usize;
    if !allowed.contains(&bit_length(&limbs)) {
        return Err(wrong_modulus());
    }
    let number: [u64; L] = from_octets(input)
        .filter(|n| subtract(n, &limbs).1 == 1)
        .ok_or(RsaError::Argument(NOT_BELOW))?;
    let modulus_form = Modulus::new(limbs).ok_or_else(wrong_modulus)?;
    let base = modulus_form.multiply(&number, &modulus_form.r_squared());
    let power = modulus_form.leave(&modulus_form.power_public(&base, exponent));
    let mut octets = vec![0; modulus.len()];
    to_octets(&power, &mut octets);
    Ok(octets)
}

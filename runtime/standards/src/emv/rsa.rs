//! The public RSA operation of EMV (Book 2, annex B2.1) and public key helpers. Raw: the padding is
//! in the blocks that EMV defines.

use num_bigint_dig::BigUint;

/// Longest modulus of EMV in octets (Book 2, annex D1.1).
pub const MODULUS_OCTETS_MAX: usize = 248;

/// Why the operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RsaError {
    /// Modulus empty, too long or with a zero in front.
    #[error("an EMV modulus has 1 to {MODULUS_OCTETS_MAX} octets without leading zeros, found {0}")]
    Modulus(usize),
    /// Neither 3 nor 65537 (Book 2, annex D1.1).
    #[error("the public exponent must be 3 or 65537")]
    Exponent,
    /// The text has another length than the modulus, or is not below it.
    #[error("the text does not fit the modulus")]
    Text,
}

/// The octets of an exponent as EMV stores them: `03` or `010001`.
pub fn exponent_octets(exponent: u32) -> Result<&'static [u8], RsaError> {
    match exponent {
        3 => Ok(&[0x03]),
        65_537 => Ok(&[0x01, 0x00, 0x01]),
        _ => Err(RsaError::Exponent),
    }
}

/// An exponent from its octets, leading zeros allowed.
pub fn exponent_value(octets: &[u8]) -> Result<u32, RsaError> {
    if octets.len() > 4 {
        return Err(RsaError::Exponent);
    }
    let value = octets
        .iter()
        .fold(0u32, |value, octet| value << 8 | u32::from(*octet));
    exponent_octets(value).map(|_| value)
}

/// `text` to the power `exponent` modulo `modulus`, as long as the modulus.
pub fn public_operation(modulus: &[u8], exponent: u32, text: &[u8]) -> Result<Vec<u8>, RsaError> {
    exponent_octets(exponent)?;
    let fits = (1..=MODULUS_OCTETS_MAX).contains(&modulus.len());
    let odd = modulus.last().is_some_and(|last| last & 1 == 1);
    if !fits || !odd || modulus.first() == Some(&0) {
        return Err(RsaError::Modulus(modulus.len()));
    }
    let n = BigUint::from_bytes_be(modulus);
    let base = BigUint::from_bytes_be(text);
    if text.len() != modulus.len() || base >= n {
        return Err(RsaError::Text);
    }
    let result = base.modpow(&BigUint::from(exponent), &n).to_bytes_be();
    let mut padded = vec![0; modulus.len().saturating_sub(result.len())];
    padded.extend_from_slice(&result);
    Ok(padded)
}

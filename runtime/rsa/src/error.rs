//! Why an RSA operation is refused; whoever uses this crate gives each reason a code of its own.

/// Why an operation failed. Never holds a key or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RsaError {
    /// A modulus, an exponent or factors that make no key.
    #[error("{0}")]
    Size(String),
    /// An input that the operation does not take.
    #[error("{0}")]
    Argument(&'static str),
    /// The random source failed, or gives what no random source gives.
    #[error("{0}")]
    Randomness(&'static str),
    /// A result that its public key does not confirm; it did not leave.
    #[error("an RSA result that its public key does not confirm")]
    Fault,
}

impl RsaError {
    pub(crate) fn modulus_bits(bits: u32) -> Self {
        Self::Size(format!("a modulus of {bits} bits"))
    }

    pub(crate) fn exponent(exponent: u32) -> Self {
        Self::Size(format!("public exponent {exponent}"))
    }
}

/// A source of randomness that can't give any now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random source failed")]
pub struct NoRandomness;

impl From<NoRandomness> for RsaError {
    fn from(_: NoRandomness) -> Self {
        Self::Randomness("the random source failed")
    }
}

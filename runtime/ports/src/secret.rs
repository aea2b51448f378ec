//! Secrets: types that can't be printed, cloned or serialized, and are wiped when dropped.

use zeroize::Zeroizing;

/// Secret octets, such as an unwrapped job key.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the octets over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The octets, for the moment of their use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Secret digits, such as a clear PIN while its page is drawn.
pub struct SecretDigits(Zeroizing<String>);

impl SecretDigits {
    /// Takes the digits over; the caller keeps no copy.
    pub fn new(digits: String) -> Self {
        Self(Zeroizing::new(digits))
    }

    /// The digits, for the moment of their use.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

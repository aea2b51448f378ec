//! The key pool: ICC keys that were made ahead. Their private parts are sealed by the HSM; each is
//! used once, bound to its order in the commit that binds the order's card data.

use crate::StoreError;

/// A key to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPooledKey {
    /// Modulus bits.
    pub bits: u32,
    /// Public exponent.
    pub exponent: u32,
    /// SHA-256 of the modulus: no key is added twice, not even after it was used.
    pub digest: [u8; 32],
    /// The key: modulus, and components as the HSM sealed them.
    pub key: Vec<u8>,
}

/// An unused key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PooledKey {
    /// Number in the pool, never given twice.
    pub id: u64,
    /// The key, as it was added.
    pub key: Vec<u8>,
}

/// How many keys of a size and exponent there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLevel {
    /// Modulus bits.
    pub bits: u32,
    /// Public exponent.
    pub exponent: u32,
    /// Keys that wait.
    pub unused: u64,
    /// Keys that were bound to orders.
    pub used: u64,
}

/// Reads the pool; it changes by [`crate::store::Change::PoolKey`] and by the keys that
/// [`crate::store::CardData`] names.
pub trait KeyPool: Send + Sync {
    /// Levels, by size and exponent.
    fn pool_levels(&self) -> Result<Vec<PoolLevel>, StoreError>;
    /// Unused keys of a size and exponent after a number, oldest first.
    fn pool_keys(
        &self,
        bits: u32,
        exponent: u32,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PooledKey>, StoreError>;
}

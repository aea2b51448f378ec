//! An HSM in memory for TEST keys: nothing that it holds protects a real card.

pub mod entropy;
pub mod error;
pub mod rsa_key;

//! An HSM in memory for test keys

//! What was drawn for an order: once, and bound to it.
//!
//! A PIN or an ICC key is drawn by the HSM the first time that a program asks for it. From then on
//! every program of the same order gets the same value, also after a restart, because the draws
//! are part of the order's card data.

use cardwright_ports::hsm::{IccKey, Sealed, SealedPin};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Drawn values by purpose.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Draws {
    pins: BTreeMap<String, Vec<u8>>,
    icc_keys: BTreeMap<String, DrawnKey>,
    /// Keys made ahead that this order may take.
    #[serde(skip)]
    ready: Vec<ReadyKey>,
    /// Numbers in the pool of those that it took.
    #[serde(skip)]
    taken: Vec<u64>,
}

/// An ICC key that was made ahead.
#[derive(Clone)]
pub struct ReadyKey {
    /// Number in the pool.
    pub id: u64,
    /// Modulus bits that it was made for.
    pub bits: u32,
    /// The key.
    pub key: IccKey,
}

/// An ICC key in a form that can be stored; its components are sealed by the HSM.
#[derive(Clone, Serialize, Deserialize)]
struct DrawnKey {
    modulus: Vec<u8>,
    exponent: u32,
    components: Vec<(Vec<u8>, u32, Vec<u8>)>,
}

impl Draws {
    /// Nothing drawn yet; ICC keys are taken from these first.
    pub fn with_keys(ready: Vec<ReadyKey>) -> Self {
        Self {
            ready,
            ..Self::default()
        }
    }

    /// Takes a key made ahead, if there is one of the size and exponent.
    pub(super) fn take_ready(&mut self, bits: u32, exponent: u32) -> Option<IccKey> {
        let fits = |k: &ReadyKey| (k.bits, k.key.exponent) == (bits, exponent);
        let place = self.ready.iter().position(fits)?;
        let ready = self.ready.remove(place);
        self.taken.push(ready.id);
        Some(ready.key)
    }

    /// Numbers in the pool of the keys that this order took.
    pub fn taken(&self) -> &[u64] {
        &self.taken
    }

    /// A PIN that was drawn before.
    pub fn pin(&self, purpose: &str) -> Option<SealedPin> {
        self.pins.get(purpose).cloned().map(SealedPin)
    }

    /// Remembers a PIN.
    pub fn keep_pin(&mut self, purpose: &str, pin: &SealedPin) {
        self.pins.insert(purpose.to_owned(), pin.0.clone());
    }

    /// An ICC key that was drawn before.
    pub fn icc_key(&self, purpose: &str) -> Option<IccKey> {
        let key = self.icc_keys.get(purpose)?;
        let components: Vec<Sealed> = key
            .components
            .iter()
            .map(|(blob, clear_length, check_values)| Sealed {
                blob: blob.clone(),
                clear_length: *clear_length,
                check_values: check_values.clone(),
            })
            .collect();
        Some(IccKey {
            modulus: key.modulus.clone(),
            exponent: key.exponent,
            components: components.try_into().ok()?,
        })
    }

    /// Remembers an ICC key.
    pub fn keep_icc_key(&mut self, purpose: &str, key: &IccKey) {
        let components = key
            .components
            .iter()
            .map(|c| (c.blob.clone(), c.clear_length, c.check_values.clone()))
            .collect();
        let drawn = DrawnKey {
            modulus: key.modulus.clone(),
            exponent: key.exponent,
            components,
        };
        self.icc_keys.insert(purpose.to_owned(), drawn);
    }
}

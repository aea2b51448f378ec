//! Keys and expected values, from `tests/vectors/hsm/values.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// The numbers of an RSA key, big endian. TEST keys only.
#[derive(Clone, Debug, Deserialize)]
pub struct RsaParts {
    /// Modulus.
    #[serde(deserialize_with = "octets")]
    pub n: Vec<u8>,
    /// Private exponent.
    #[serde(deserialize_with = "octets")]
    pub d: Vec<u8>,
    /// The larger prime.
    #[serde(deserialize_with = "octets")]
    pub p: Vec<u8>,
    /// The smaller prime.
    #[serde(deserialize_with = "octets")]
    pub q: Vec<u8>,
    /// d mod p-1.
    #[serde(deserialize_with = "octets")]
    pub dp: Vec<u8>,
    /// d mod q-1.
    #[serde(deserialize_with = "octets")]
    pub dq: Vec<u8>,
    /// q^-1 mod p.
    #[serde(deserialize_with = "octets")]
    pub qinv: Vec<u8>,
    /// Public exponent.
    pub e: u32,
    /// Use by its name; empty for a card's key.
    pub r#use: String,
}

/// A symmetric key.
#[derive(Deserialize)]
pub(crate) struct SymmetricKey {
    pub(crate) algorithm: String,
    pub(crate) r#use: String,
    #[serde(deserialize_with = "octets")]
    pub(crate) value: Vec<u8>,
}

/// The whole file.
#[derive(Deserialize)]
pub(crate) struct Values {
    pub(crate) keys: BTreeMap<String, SymmetricKey>,
    pub(crate) rsa: BTreeMap<String, RsaParts>,
    values: BTreeMap<String, String>,
}

impl Values {
    pub(crate) fn read() -> Result<Self, String> {
        let text = include_str!("../../../../tests/vectors/hsm/values.json");
        serde_json::from_str(text).map_err(|e| format!("values.json: {e}"))
    }

    /// An expected value as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values
            .get(name)
            .map_or("no such value", String::as_str)
    }

    /// An expected value as octets.
    pub(crate) fn octets(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap_or_default()
    }
}

fn octets<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(source)?;
    hex::decode(text).map_err(serde::de::Error::custom)
}

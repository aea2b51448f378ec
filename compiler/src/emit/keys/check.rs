//! Check values: of open test keys for TEST builds, and their methods.

use cardwright_bundle::KeySlot;
use cardwright_standards::kcv::{Algorithm, Method, check_value};
use cardwright_standards::test_keys;
use sha2::{Digest, Sha256};

/// The method that the trade uses for an algorithm and use: zeros for DES, GlobalPlatform's for the
/// card's own keys, CMAC for other AES keys (ANSI X9.24-1), SHA-256 of the modulus for RSA.
pub(super) fn method(algorithm: &str, usage: &str) -> &'static str {
    match algorithm {
        "rsa" => "sha256",
        "tdes2" | "tdes3" => "ecb",
        _ if matches!(usage, "card_issuance" | "card_key") || usage.starts_with("emv.") => "gp",
        _ => "cmac",
    }
}

/// Octets of a check value by method.
pub(super) fn octets(method: &str) -> usize {
    match method {
        "sha256" => 8,
        "cmac" => 5,
        _ => 3,
    }
}

/// First 8 octets of SHA-256 over the modulus.
pub(super) fn of_modulus(modulus: &str) -> String {
    let bytes = hex::decode(modulus).unwrap_or_default();
    let digest = Sha256::digest(&bytes);
    hex::encode_upper(digest.get(..8).unwrap_or_default())
}

/// Check value of the open test key of the slot's name.
pub(super) fn of_open_test_key(slot: &KeySlot) -> Option<String> {
    let key = test_keys::symmetric_key(&slot.name, &slot.algorithm).ok()?;
    let algorithm = if slot.algorithm.starts_with("tdes") {
        Algorithm::Tdes
    } else {
        Algorithm::Aes
    };
    let method = match slot.check_method.as_str() {
        "cmac" => Method::Cmac,
        "gp" => Method::GlobalPlatform,
        _ => Method::Ecb,
    };
    let value = check_value(algorithm, method, key.expose()).ok()?;
    Some(hex::encode_upper(value))
}

//! What several test files need.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use cardwright_ports::HsmError;
use cardwright_ports::hsm::{Hsm, HsmSession, KeyHandle, KeyRequest, KeyUse};
use cardwright_soft_hsm::SoftHsm;

pub const PAN: &str = "4761739001010119";
pub const DOUBLE: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];

pub fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

pub fn hsm() -> SoftHsm {
    SoftHsm::in_memory([0x5A; 32]).unwrap()
}

pub fn request(name: &str, algorithm: &str, usage: KeyUse) -> KeyRequest {
    KeyRequest {
        name: name.to_owned(),
        algorithm: algorithm.to_owned(),
        bits: 0,
        exponent: 0,
        usage,
    }
}

pub fn rsa_request(name: &str, bits: u32, exponent: u32, usage: KeyUse) -> KeyRequest {
    KeyRequest {
        bits,
        exponent,
        ..request(name, "rsa", usage)
    }
}

/// An HSM with one key of known octets.
pub fn hsm_with(name: &str, algorithm: &str, usage: KeyUse, octets: &[u8]) -> (SoftHsm, KeyHandle) {
    let hsm = hsm();
    let request = request(name, algorithm, usage);
    hsm.add_test_key(&request, octets).unwrap();
    let handle = hsm.open_session().unwrap().bind(&request).unwrap();
    (hsm, handle)
}

/// An open test key, and its octets as everybody knows them.
pub fn open_key(
    session: &mut dyn HsmSession,
    name: &str,
    algorithm: &str,
    usage: KeyUse,
) -> (KeyHandle, Vec<u8>) {
    let handle = session.bind(&request(name, algorithm, usage)).unwrap();
    let octets = cardwright_standards::test_keys::symmetric_key(name, algorithm).unwrap();
    (handle, octets.expose().to_vec())
}

pub fn code<T>(result: Result<T, HsmError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(e) => e.code,
    }
}

/// What opens the file of a folder's HSM: a key in another folder.
pub fn unlock(folder: &std::path::Path) -> cardwright_soft_hsm::Unlock {
    cardwright_soft_hsm::Unlock::key_file(folder.join("unlock").join("soft-hsm.key"))
}

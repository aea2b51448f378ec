//! `sign`: adds one signature.

use crate::{
    arguments::Sign,
    failure::{Failure, exit},
    project::{open_bundle, read_file, write_whole},
    terminal,
};
use cardwright_bundle::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use std::path::Path;
use zeroize::Zeroizing;

/// Largest key file, octets.
const KEY_FILE_MAX: u64 = 16 << 10;

/// Carries the verb out.
pub(crate) fn run(arguments: &Sign) -> Result<u8, Failure> {
    let mut bundle = open_bundle(&arguments.bundle)?;
    let key = read_key(&arguments.key)?;
    bundle.sign(&key);
    let path = arguments.output.as_ref().unwrap_or(&arguments.bundle);
    write_whole(path, &bundle.to_bytes()?)?;
    terminal::note(&format!(
        "{} signatures on {}; digest",
        bundle.signatures().len(),
        path.display()
    ));
    terminal::print(&hex::encode_upper(bundle.digest()));
    Ok(0)
}

fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let bytes = Zeroizing::new(read_file(path, KEY_FILE_MAX)?);
    // What is wrong with a key is never said in detail: the file is secret.
    let wrong = || {
        Failure::new(
            exit::ENVIRONMENT,
            "E0193",
            format!("{} holds no Ed25519 private key", path.display()),
            "make one with `cardwright keygen -o FILE`, or give PKCS#8 PEM",
        )
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong())?.trim();
    let mut seed = Zeroizing::new([0u8; 32]);
    if hex::decode_to_slice(text, seed.as_mut_slice()).is_err() {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(text).map_err(|_| wrong())?;
        seed = Zeroizing::new(key.to_bytes());
    }
    Ok(SigningKey::from_seed(&seed))
}

//! `keys test-certificate`: certificates of open test keys.

use crate::{
    arguments::keys::TestCertificate,
    failure::{Failure, exit},
    terminal,
};
use cardwright_soft_hsm::{
    SoftHsm,
    test_ca::{self, AURORA, TestCa},
};
use std::path::Path;

/// Certifies an issuer's open test key. Everybody has both private keys: the same arguments give the
/// same files everywhere.
pub(crate) fn run(wanted: &TestCertificate) -> Result<u8, Failure> {
    refuse(wanted)?;
    let chain = TestCa {
        issuer_key: &wanted.key,
        issuer_identifier: &wanted.range,
        expiry_mmyy: &wanted.expiry,
        bits: wanted.bits,
        exponent: wanted.exponent,
        ..AURORA
    };
    let hsm = SoftHsm::in_memory([0; 32])?;
    let files = test_ca::files(&hsm, &chain)?;
    std::fs::create_dir_all(&wanted.out).map_err(|e| Failure::file(&wanted.out, &e))?;
    let certificate = wanted.out.join("issuer-92.cer");
    let authority = wanted.out.join("test-ca-92.pub");
    keep(&certificate, &files.issuer_certificate)?;
    keep(&authority, &files.ca_public_key)?;
    for path in [&certificate, &authority] {
        terminal::print(&path.display().to_string());
    }
    terminal::note("TEST only: everybody has the private keys of this issuer and this CA");
    Ok(0)
}

fn refuse(wanted: &TestCertificate) -> Result<(), Failure> {
    let usage = |what: &str, mend: &str| Err(Failure::new(exit::USAGE, "R1289", what, mend));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let word = |text: &str| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let named = wanted.key.split_once('.');
    if !named.is_some_and(|(issuer, key)| word(issuer) && word(key)) {
        return usage(
            "a key is named by its issuer and its own name",
            "write it as `cardwright inspect` shows it: `aurora.issuer_rsa`",
        );
    }
    if !(3..=8).contains(&wanted.range.len()) || !digits(&wanted.range) {
        return usage(
            "a certificate is for PANs that begin with 3 to 8 digits",
            "write such as `--range 999992`",
        );
    }
    let month = wanted.expiry.get(..2).and_then(|m| m.parse::<u8>().ok());
    if wanted.expiry.len() != 4
        || !digits(&wanted.expiry)
        || !month.is_some_and(|m| (1..=12).contains(&m))
    {
        return usage("the last month is MMYY", "write such as `--expiry 1235`");
    }
    Ok(())
}

/// Writes a file that is new, or finds that it says the same.
fn keep(path: &Path, text: &str) -> Result<(), Failure> {
    match std::fs::read(path) {
        Ok(there) if there == text.as_bytes() => Ok(()),
        Ok(_) => Err(Failure::new(
            exit::ENVIRONMENT,
            "R1289",
            format!("{} is there and says something else", path.display()),
            "take the file away, or name another folder",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::write(path, text).map_err(|e| Failure::file(path, &e))
        }
        Err(error) => Err(Failure::file(path, &error)),
    }
}

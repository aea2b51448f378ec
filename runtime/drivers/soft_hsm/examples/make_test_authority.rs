//! Writes the certificate of a test authority for access cards: an open test key of 2048 bits,
//! signed by itself; or of a key that signs what cards hold.
//!
//! `cargo run -p cardwright-soft-hsm --example make_test_authority -- kestrel.badge_ca "Kestrel TEST
//! badges" examples/kestrel-access/keys/badge-ca.cer`
//!
//! With a fourth and fifth argument it writes the certificate of another open test key, which signs
//! what cards hold, by that authority:
//!
//! `… -- kestrel.content_key "Kestrel TEST contents" examples/kestrel-access/keys/content-signer.cer
//! kestrel.badge_ca examples/kestrel-access/keys/badge-ca.cer`
//!
//! Everybody everywhere gets the same file, and everybody knows the private key.

use cardwright_ports::{
    Hsm, HsmSession,
    hsm::{KeyHandle, KeyRequest, KeyUse},
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::x509;
use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a command line speaks on stderr")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (out, made) = match arguments.as_slice() {
        [key, name, out] => (out, certificate(key, name)),
        [key, name, out, issuer, file] => (out, content_signer(key, name, issuer, file)),
        _ => {
            eprintln!("usage: make_test_authority KEY NAME OUT [AUTHORITY FILE]");
            return ExitCode::from(2);
        }
    };
    match made.and_then(|der| std::fs::write(out, der).map_err(|e| e.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("make_test_authority: {what}");
            ExitCode::from(3)
        }
    }
}

fn bound(
    session: &mut dyn HsmSession,
    key: &str,
    usage: KeyUse,
) -> Result<(KeyHandle, Vec<u8>), String> {
    let request = KeyRequest {
        name: key.to_owned(),
        algorithm: "rsa".to_owned(),
        bits: 2048,
        exponent: 65_537,
        usage,
    };
    let key = session.bind(&request).map_err(|e| e.to_string())?;
    let (modulus, _) = session.public_key(key).map_err(|e| e.to_string())?;
    Ok((key, modulus))
}

fn certificate(key: &str, name: &str) -> Result<Vec<u8>, String> {
    let hsm = SoftHsm::in_memory([0; 32]).map_err(|e| e.to_string())?;
    let mut session = hsm.open_session().map_err(|e| e.to_string())?;
    let (key, modulus) = bound(session.as_mut(), key, KeyUse::CertificateSigning)?;
    let own = x509::test_authority(name, &modulus, &[1, 0, 1]).map_err(|e| e.to_string())?;
    let signature = session
        .sign_certificate(key, &own)
        .map_err(|e| e.to_string())?;
    x509::assemble(&own, &signature).map_err(|e| e.to_string())
}

fn content_signer(key: &str, name: &str, issuer: &str, file: &str) -> Result<Vec<u8>, String> {
    let hsm = SoftHsm::in_memory([0; 32]).map_err(|e| e.to_string())?;
    let mut session = hsm.open_session().map_err(|e| e.to_string())?;
    let (_, modulus) = bound(session.as_mut(), key, KeyUse::ContentSigning)?;
    let (issuer, _) = bound(session.as_mut(), issuer, KeyUse::CertificateSigning)?;
    let file = std::fs::read(file).map_err(|e| e.to_string())?;
    let authority = x509::Authority::read(&file).map_err(|e| e.to_string())?;
    let holder = x509::Holder {
        serial: &[2],
        name: vec![("common_name", name)],
        not_before: (2026, 1, 1),
        not_after: (2045, 12, 31),
        usage: vec!["digital_signature"],
        extended: vec!["content_signing"],
    };
    let public = x509::CardPublicKey::Rsa {
        modulus,
        exponent: vec![1, 0, 1],
    };
    let own = x509::to_be_signed(&holder, &authority, &public).map_err(|e| e.to_string())?;
    let signature = session
        .sign_certificate(issuer, &own)
        .map_err(|e| e.to_string())?;
    x509::assemble(&own, &signature).map_err(|e| e.to_string())
}

//! Writes the certificate of a test authority for access cards: an open test key of 2048 bits,
//! signed by itself.
//!
//! `cargo run -p cardwright-soft-hsm --example make_test_authority -- kestrel.badge_ca "Kestrel TEST
//! badges" examples/kestrel-access/keys/badge-ca.cer`
//!
//! Everybody everywhere gets the same file, and everybody knows the private key.

use cardwright_ports::{
    Hsm,
    hsm::{KeyRequest, KeyUse},
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::x509;
use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a command line speaks on stderr")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [key, name, out] = arguments.as_slice() else {
        eprintln!("usage: make_test_authority KEY NAME OUT");
        return ExitCode::from(2);
    };
    match certificate(key, name).and_then(|der| std::fs::write(out, der).map_err(|e| e.to_string()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("make_test_authority: {what}");
            ExitCode::from(3)
        }
    }
}

fn certificate(key: &str, name: &str) -> Result<Vec<u8>, String> {
    let hsm = SoftHsm::in_memory([0; 32]).map_err(|e| e.to_string())?;
    let mut session = hsm.open_session().map_err(|e| e.to_string())?;
    let request = KeyRequest {
        name: key.to_owned(),
        algorithm: "rsa".to_owned(),
        bits: 2048,
        exponent: 65_537,
        usage: KeyUse::CertificateSigning,
    };
    let key = session.bind(&request).map_err(|e| e.to_string())?;
    let (modulus, _) = session.public_key(key).map_err(|e| e.to_string())?;
    let own = x509::test_authority(name, &modulus, &[1, 0, 1]).map_err(|e| e.to_string())?;
    let signature = session
        .sign_certificate(key, &own)
        .map_err(|e| e.to_string())?;
    x509::assemble(&own, &signature).map_err(|e| e.to_string())
}

//! Writes the example bank's issuer certificate and its test CA's public key.
//!
//! `cargo run -p cardwright-soft-hsm --example make_test_ca -- --out examples/aurora-bank/keys`
//!
//! Both keys are open test keys: everybody everywhere gets the same files, and everybody knows the
//! private keys. They prove nothing but that the arithmetic is right.

use std::path::PathBuf;
use std::process::ExitCode;

use cardwright_soft_hsm::{SoftHsm, test_ca};

#[expect(clippy::print_stderr, reason = "a command line speaks on stderr")]
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let out = match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(flag), Some(folder), None) if flag == "--out" => PathBuf::from(folder),
        _ => {
            eprintln!("usage: make_test_ca --out DIR");
            return ExitCode::from(2);
        }
    };
    match write(&out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("make_test_ca: {what}");
            ExitCode::from(3)
        }
    }
}

fn write(out: &std::path::Path) -> Result<(), String> {
    let hsm = SoftHsm::in_memory([0; 32]).map_err(|e| e.to_string())?;
    let files = test_ca::files(&hsm, &test_ca::AURORA).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(out).map_err(|e| e.to_string())?;
    for (name, text) in [
        ("issuer-92.cer", files.issuer_certificate),
        ("test-ca-92.pub", files.ca_public_key),
    ] {
        std::fs::write(out.join(name), text).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

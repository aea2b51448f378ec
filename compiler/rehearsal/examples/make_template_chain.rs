//! Writes the certificates that `cardwright new` puts into a project with a chip.
//!
//! `cargo run -p cardwright-rehearsal --example make_template_chain -- DIR`
//!
//! Made from open test keys: everybody gets the same files, and everybody knows the private keys.

use cardwright_soft_hsm::{SoftHsm, test_ca};
use std::{error::Error, path::Path};

/// The chain of the templates' bank. The CA is the one of the example bank.
const CHAIN: test_ca::TestCa<'static> = test_ca::TestCa {
    issuer_key: "bank.issuer_rsa",
    issuer_identifier: "999993",
    serial: [0, 0, 2],
    ..test_ca::AURORA
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder")?;
    let folder = Path::new(&folder);
    let hsm = SoftHsm::in_memory([0; 32])?;
    let files = test_ca::files(&hsm, &CHAIN).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("issuer-92.cer"), files.issuer_certificate)?;
    std::fs::write(folder.join("test-ca-92.pub"), files.ca_public_key)?;
    Ok(())
}

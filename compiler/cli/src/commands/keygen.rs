//! `keygen`: a signer's key.

use crate::{
    arguments::Keygen,
    failure::{Failure, exit},
    terminal,
};
use cardwright_bundle::SigningKey;
use std::io::Write;
use zeroize::Zeroizing;

/// Carries the verb out.
pub(crate) fn run(arguments: &Keygen) -> Result<u8, Failure> {
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| {
        let what = format!("the system gives no randomness: {error}");
        Failure::new(
            exit::ENVIRONMENT,
            "E0192",
            what,
            "try again on a working system",
        )
    })?;
    let path = &arguments.output;
    let text = Zeroizing::new(format!("{}\n", hex::encode_upper(*seed)));
    let mut file = private_file(path).map_err(|e| Failure::file(path, &e))?;
    file.write_all(text.as_bytes())
        .map_err(|e| Failure::file(path, &e))?;
    file.sync_all().map_err(|e| Failure::file(path, &e))?;
    terminal::note(&format!(
        "private key in {}; the public key is",
        path.display()
    ));
    terminal::print(&hex::encode_upper(SigningKey::from_seed(&seed).public().0));
    Ok(0)
}

/// A new file that only its owner can read; there must be none of that name.
fn private_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

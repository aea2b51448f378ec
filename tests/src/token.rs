//! A site whose HSM is SoftHSM or NSS's softoken, reached by PKCS#11, with fresh tokens.

use crate::station::Station;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The PIN of every token.
pub const PIN: &str = "481516";

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// SoftHSM's library.
pub fn module() -> &'static str {
    let there = |module: &&str| Path::new(module).exists();
    let found = MODULES.into_iter().find(|module| there(module));
    found.expect("this test needs the package softhsm2")
}

/// Makes fresh tokens in a folder; gives SoftHSM's settings, and each token's own folder.
pub fn make(folder: &Path, labels: &[&str]) -> (PathBuf, Vec<PathBuf>) {
    let tokens = folder.join("tokens");
    std::fs::create_dir(&tokens).expect("a folder");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    let settings = folder.join("softhsm2.conf");
    std::fs::write(&settings, text).expect("a file");
    let mut folders: Vec<PathBuf> = Vec::new();
    for label in labels {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label])
            .args(["--so-pin", "12345678", "--pin", PIN])
            .env("SOFTHSM2_CONF", &settings)
            .output()
            .unwrap_or_else(|e| panic!("this test needs the package softhsm2: {e}"));
        assert!(made.status.success(), "{made:?}");
        let entries = std::fs::read_dir(&tokens).expect("a folder").flatten();
        let new = entries.map(|e| e.path()).find(|p| !folders.contains(p));
        folders.push(new.expect("a token's folder"));
    }
    (settings, folders)
}

/// A site with a fresh token; `more` lines for its settings.
pub fn site(more: &str) -> Station {
    site_of(&["site"], more).0
}

/// A site with fresh tokens, and their folders: one that is moved away is a token that is away.
pub fn site_of(labels: &[&str], more: &str) -> (Station, Vec<PathBuf>) {
    let station = Station::new();
    let (_, folders) = make(&station.path(""), labels);
    pin(&station, 0o600);
    let path = station.site().join("site.toml");
    let text = std::fs::read_to_string(&path).expect("a site's file");
    let table = format!(
        "{text}\n[hsm]\nkind = \"pkcs11\"\nmodule = \"{}\"\ntokens = {labels:?}\npin_file = \"hsm/pin\"\n{more}",
        module()
    );
    std::fs::write(path, table).expect("a site's file");
    (station, folders)
}

const NSS_MODULES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
    "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
    "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
    "/usr/lib/aarch64-linux-gnu/nss/libsoftokn3.so",
    "/usr/lib64/libsoftokn3.so",
];

/// A site with a fresh database of NSS's softoken; `more` lines for its settings.
pub fn nss_site(more: &str) -> Station {
    let station = Station::new();
    pin(&station, 0o600);
    let database = station.path("nss");
    std::fs::create_dir(&database).expect("a folder");
    let made = Command::new("certutil")
        .arg("-N")
        .args(["-d", &format!("sql:{}", database.display())])
        .arg("-f")
        .arg(station.site().join("hsm/pin"))
        .output()
        .unwrap_or_else(|e| panic!("this test needs the package libnss3-tools: {e}"));
    assert!(made.status.success(), "{made:?}");
    let there = |module: &&str| Path::new(module).exists();
    let module = NSS_MODULES.into_iter().find(|module| there(module));
    let module = module.expect("this test needs the package libnss3");
    let parameters = format!(
        "configdir='sql:{}' certPrefix='' keyPrefix='' secmod='' flags=noModDB dbTokenDescription='site'",
        database.display()
    );
    let path = station.site().join("site.toml");
    let text = std::fs::read_to_string(&path).expect("a site's file");
    let table = format!(
        "{text}\n[hsm]\nkind = \"pkcs11\"\nmodule = \"{module}\"\nparameters = \"{parameters}\"\n\
         tokens = [\"site\"]\npin_file = \"hsm/pin\"\n{more}"
    );
    std::fs::write(path, table).expect("a site's file");
    station
}

/// Writes the file of the PIN with a mode.
pub fn pin(station: &Station, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let path = station.site().join("hsm/pin");
    std::fs::write(&path, format!("{PIN}\n")).expect("a site's file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a site's file");
}

//! A site whose HSM is SoftHSM, reached by PKCS#11, with a fresh token.

use crate::station::Station;
use std::process::Command;

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// A site with a fresh token; `more` lines for its settings.
pub fn site(more: &str) -> Station {
    let station = Station::new();
    let tokens = station.path("tokens");
    std::fs::create_dir(&tokens).expect("a site's file");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    let settings = station.write("softhsm2.conf", text.as_bytes());
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "site"])
        .args(["--so-pin", "12345678", "--pin", "481516"])
        .env("SOFTHSM2_CONF", settings)
        .output()
        .unwrap_or_else(|e| panic!("this test needs the package softhsm2: {e}"));
    assert!(made.status.success(), "{made:?}");
    pin(&station, 0o600);
    let module = MODULES.iter().find(|m| std::path::Path::new(m).exists());
    let module = module.expect("this test needs the package softhsm2");
    let path = station.site().join("site.toml");
    let text = std::fs::read_to_string(&path).expect("a site's file");
    let table = format!(
        "{text}\n[hsm]\nkind = \"pkcs11\"\nmodule = \"{module}\"\ntokens = [\"site\"]\npin_file = \"hsm/pin\"\n{more}"
    );
    std::fs::write(path, table).expect("a site's file");
    station
}

/// Writes the file of the PIN with a mode.
pub fn pin(station: &Station, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let path = station.site().join("hsm/pin");
    std::fs::write(&path, "481516\n").expect("a site's file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a site's file");
}

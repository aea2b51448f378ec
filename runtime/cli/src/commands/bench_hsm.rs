//! Rows of `bench` about an HSM: calls for a card and cards in an hour, in SoftHSM and in SoftHSM slowed
//! down to the speed of real HSMs, a plain program's beside ours.
//!
//! SoftHSM reads its folder from the environment when it is loaded, so the measuring runs in a process of
//! its own.

use crate::failure::Failure;
use cardwright_pkcs11::bench::{self, Bench, Figure, PREFERRED, REFUSED, figures_inside};
use cardwright_pkcs11::capability::Capability;
use cardwright_pkcs11::settings::TokenName;
use cardwright_pkcs11::{HostMemory, Pin, Pkcs11Hsm, Settings};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where packages put SoftHSM.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
const LABEL: &str = "bench";
const USER_PIN: &str = "48151623";

/// A figure of ours and a peer's.
#[derive(Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) ours: f64,
    pub(super) theirs: f64,
    pub(super) peer: Peer,
    /// The ratio that is wanted, if one is.
    pub(super) wanted: Option<f64>,
}

/// Who did the same work.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Peer {
    Plain,
    Naive,
    OneLane,
}

/// What is counted.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Unit {
    Operations,
    Functions,
    Hourly,
}

impl From<Figure> for Measured {
    fn from(figure: Figure) -> Self {
        let unit = match figure.unit {
            bench::Unit::Operations => Unit::Operations,
            bench::Unit::Functions => Unit::Functions,
            bench::Unit::Hourly => Unit::Hourly,
        };
        let peer = match figure.peer {
            bench::Peer::Plain => Peer::Plain,
            bench::Peer::Naive => Peer::Naive,
            bench::Peer::OneLane => Peer::OneLane,
        };
        Self {
            name: figure.name,
            unit,
            ours: figure.ours,
            theirs: figure.theirs,
            peer,
            wanted: figure.wanted,
        }
    }
}

/// A token's folder that goes with the measuring.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("cardstation-bench-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|e| Failure::file(&path, &e))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Figures, or why there are none.
pub(super) fn figures(seconds: f64) -> Result<Result<Vec<Measured>, String>, Failure> {
    let Some(module) = MODULES.iter().map(Path::new).find(|path| path.exists()) else {
        return Ok(Err("SoftHSM is not on this machine".to_owned()));
    };
    let folder = Folder::new()?;
    let tokens = folder.0.join("tokens");
    std::fs::create_dir(&tokens).map_err(|e| Failure::file(&tokens, &e))?;
    let settings = folder.0.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    std::fs::write(&settings, text).map_err(|e| Failure::file(&settings, &e))?;
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", LABEL])
        .args(["--so-pin", "12345678", "--pin", USER_PIN])
        .env("SOFTHSM2_CONF", &settings)
        .stdin(Stdio::null())
        .output();
    match made {
        Ok(output) if output.status.success() => {}
        _ => return Ok(Err("softhsm2-util makes no token".to_owned())),
    }
    let own = std::env::current_exe();
    let own = own.map_err(|e| Failure::file(Path::new("cardstation"), &e))?;
    let output = Command::new(own)
        .args(["bench", "--seconds", &seconds.to_string(), "--in-token"])
        .arg(module)
        .env("SOFTHSM2_CONF", &settings)
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|e| Failure::file(Path::new("cardstation"), &e))?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr)
            .trim()
            .to_owned()));
    }
    let said = serde_json::from_slice(&output.stdout);
    Ok(said.map_err(|e| format!("the measuring process said something else: {e}")))
}

fn opened(module: &Path, avoid: &[Capability]) -> Result<Bench, Failure> {
    let pin = Pin::new(USER_PIN.as_bytes().to_vec())?;
    let tokens = vec![TokenName::Label(LABEL.to_owned())];
    let mut settings = Settings::new(module.to_owned(), tokens, pin);
    settings.host_memory = HostMemory::Allowed;
    settings.test_only = true;
    settings.avoid = avoid.to_vec();
    let hsm = Pkcs11Hsm::open(settings)?;
    hsm.prepare()?;
    Ok(Bench::new(hsm)?)
}

/// Measures in the token of this process; prints the figures as JSON.
pub(super) fn in_token(module: &Path, seconds: f64) -> Result<u8, Failure> {
    let mut inside = opened(module, &REFUSED)?;
    let of_inside = figures_inside(&mut inside, seconds)?;
    inside.end()?;
    let mut rows = bench::figures(&mut opened(module, &PREFERRED)?, seconds)?;
    rows.extend(of_inside);
    let rows: Vec<Measured> = rows.into_iter().map(Measured::from).collect();
    let text = serde_json::to_string(&rows).unwrap_or_default();
    crate::terminal::print(&text);
    Ok(0)
}

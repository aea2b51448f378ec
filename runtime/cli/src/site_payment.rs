//! A payment HSM by host commands as `site.toml` names it: kind `payment` of `[hsm]`.

use cardwright_host_commands::{HostCommandHsm, PoolSettings, Settings};
use cardwright_ports::HsmError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A payment HSM, or several under one LMK.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentTable {
    /// Addresses, `host:port`.
    addresses: Vec<String>,
    /// The key table, keys under the LMK; a relative path begins at the site.
    #[serde(default = "key_table")]
    keys: PathBuf,
    /// Characters of the message header.
    #[serde(default = "four")]
    header: usize,
    /// Characters of a PIN under the LMK.
    #[serde(default = "thirteen")]
    pin_characters: usize,
    /// LMK identifier, two digits, where requests name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lmk: Option<String>,
    /// LMK check value that diagnostics must give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lmk_check: Option<String>,
    /// Key from which PINs are drawn; without it the HSM draws anew at each call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    draw_key: Option<String>,
    /// Whether command layouts may be used that are proposals; then LIVE bundles are refused.
    #[serde(default)]
    proposed_commands: bool,
    /// Whether a clear PIN may be in this program's memory, for mailers.
    #[serde(default)]
    clear_pins: bool,
    /// Connections with each HSM.
    #[serde(default = "four")]
    connections: usize,
    /// Longest time of one answer, milliseconds.
    #[serde(default = "ten_seconds")]
    deadline_ms: u64,
    /// Longest wait for a free connection, milliseconds.
    #[serde(default = "ten_seconds")]
    wait_ms: u64,
    /// Whether the HSM holds TEST keys only; then LIVE bundles are refused.
    #[serde(default)]
    pub(crate) test_only: bool,
}

fn key_table() -> PathBuf {
    PathBuf::from("hsm/payment-keys.toml")
}

fn four() -> usize {
    4
}

fn thirteen() -> usize {
    13
}

fn ten_seconds() -> u64 {
    10_000
}

impl PaymentTable {
    /// Connects, with paths from the site's folder.
    pub(crate) fn open(&self, site: &Path) -> Result<HostCommandHsm, HsmError> {
        let wrong = |what: String| cardwright_host_commands::error::ARGUMENT.found(what);
        let mut hosts: Vec<SocketAddr> = Vec::new();
        for address in &self.addresses {
            let found = address.to_socket_addrs().ok().and_then(|mut a| a.next());
            hosts.push(found.ok_or_else(|| wrong(format!("hsm.addresses: {address}")))?);
        }
        let mut pool = PoolSettings::new(hosts);
        pool.connections = self.connections;
        pool.answer = Duration::from_millis(self.deadline_ms);
        pool.wait = Duration::from_millis(self.wait_ms);
        let mut settings = Settings::new(pool);
        settings.header = self.header;
        settings.pin_characters = self.pin_characters;
        if let Some(lmk) = &self.lmk {
            let digits = lmk.as_bytes().try_into();
            let digits = digits.map_err(|_| wrong("hsm.lmk: two digits".to_owned()))?;
            settings.lmk = Some(digits);
        }
        settings.lmk_check.clone_from(&self.lmk_check);
        settings.draw_key.clone_from(&self.draw_key);
        settings.proposed_commands = self.proposed_commands;
        settings.host_memory = self.clear_pins;
        settings.test_only = self.test_only;
        HostCommandHsm::open(settings, &site.join(&self.keys))
    }

    /// Whether layouts of our own proposal are allowed.
    pub(crate) fn proposes(&self) -> bool {
        self.proposed_commands
    }
}

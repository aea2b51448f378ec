//! A simulator, a driver over it, and how keys get in.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::time::Duration;

use cardwright_host_commands::keys::{Entry, KeyTable, STORAGE, USAGES, algorithm_of};
use cardwright_host_commands::simulator::{Simulator, SimulatorSettings};
use cardwright_host_commands::{HostCommandHsm, PoolSettings, Settings};
use cardwright_hsm_conformance::{ClearKey, KeyLoader};
use cardwright_ports::HsmError;
use cardwright_ports::hsm::{KeyRequest, KeyUse};
use cardwright_standards::keyblock::{self, Header};

pub const PAN: &str = "4761739001010119";
pub const SEED: [u8; 32] = [0x31; 32];
/// The clear transport key under which test keys come in; AES-256.
pub const ZMK: [u8; 32] = [0x5A; 32];

pub fn simulator() -> Simulator {
    Simulator::start(SimulatorSettings::local(SEED)).unwrap()
}

fn entry(name: &str, algorithm: &str, usage: &str, block: String) -> Entry {
    Entry {
        name: name.to_owned(),
        algorithm: algorithm.to_owned(),
        r#use: usage.to_owned(),
        block,
        check_value: String::new(),
        modulus: String::new(),
        exponent: 0,
    }
}

/// A table with a storage key, a transport key, and a key that PINs are drawn from.
pub fn table(simulator: &Simulator) -> KeyTable {
    let lmk = simulator.lmk();
    let draw: Vec<u8> = (1..=16).map(|n| 2 * n - u8::from(n % 3 == 0)).collect();
    let mut table = KeyTable::default();
    let storage = lmk.protect("D0", 'A', "00", &[0x77; 32]).unwrap();
    table
        .add(entry("storage", "aes256", STORAGE, storage))
        .unwrap();
    let zmk = lmk.protect("K0", 'A', "00", &ZMK).unwrap();
    table.add(entry("zmk", "aes256", "transport", zmk)).unwrap();
    let draw = lmk.protect("V1", 'T', "00", &draw).unwrap();
    table
        .add(entry("draw", "tdes2", "pin_verification_ibm3624", draw))
        .unwrap();
    table
}

/// Settings for simulators: everything allowed, short times.
pub fn settings(simulators: &[&Simulator]) -> Settings {
    let hosts = simulators.iter().map(|s| s.address()).collect();
    let mut pool = PoolSettings::new(hosts);
    pool.answer = Duration::from_secs(20);
    let mut settings = Settings::new(pool);
    settings.draw_key = Some("draw".to_owned());
    settings.proposed_commands = true;
    settings.host_memory = true;
    settings.test_only = true;
    settings
}

pub fn driver(simulator: &Simulator) -> HostCommandHsm {
    HostCommandHsm::with_keys(settings(&[simulator]), table(simulator)).unwrap()
}

/// Symmetric keys come in as TR-31 blocks by A6; RSA keys as the simulator protects them.
pub struct Loader<'h> {
    pub simulator: &'h Simulator,
    pub hsm: &'h HostCommandHsm,
}

impl KeyLoader for Loader<'_> {
    fn load(&self, request: &KeyRequest, key: ClearKey<'_>) -> Result<(), HsmError> {
        match key {
            ClearKey::Symmetric(octets) => {
                let block = tr31(request, octets);
                self.hsm.import_key(request, "zmk", &block)
            }
            ClearKey::Rsa(parts) => {
                let lmk = self.simulator.lmk();
                let private = lmk.protect_rsa(&parts.p, &parts.q, parts.e).unwrap();
                let mut made = entry(&request.name, "rsa", name_of(request.usage), hex(&private));
                made.modulus = hex(&parts.n);
                made.exponent = parts.e;
                self.hsm.add_key(made)
            }
        }
    }
}

pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|o| format!("{o:02X}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    cardwright_standards::hex::decode(text).unwrap()
}

pub fn name_of(usage: KeyUse) -> &'static str {
    KeyUse::NAMES.iter().find(|(u, _)| *u == usage).unwrap().1
}

/// A clear key as key block of version D under the test transport key.
pub fn tr31(request: &KeyRequest, key: &[u8]) -> String {
    let (_, usage, mode) = USAGES.iter().find(|(u, _, _)| *u == request.usage).unwrap();
    let (_, letter) = algorithm_of(&request.algorithm).unwrap();
    let header = Header::from_text(&format!("D0016{usage}{letter}{mode}00E0000")).unwrap();
    let fill = vec![0x11; keyblock::fill_octets(&header, key.len()).unwrap()];
    keyblock::wrap(&ZMK, &header, key, &fill).unwrap()
}

pub fn request(name: &str, algorithm: &str, usage: KeyUse) -> KeyRequest {
    KeyRequest {
        name: name.to_owned(),
        algorithm: algorithm.to_owned(),
        bits: 0,
        exponent: 0,
        usage,
    }
}

pub fn code<T>(result: Result<T, HsmError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(e) => e.code,
    }
}

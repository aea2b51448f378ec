//! The conformance kit against SoftHSM and against opencryptoki's soft token.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use cardwright_hsm_conformance::{ClearKey, KeyLoader, Settings, run};
use cardwright_pkcs11::Pkcs11Hsm;
use cardwright_ports::HsmError;
use cardwright_ports::hsm::KeyRequest;
use common::{Ground, with_opencryptoki, with_soft_hsm};

struct Loader<'h>(&'h Pkcs11Hsm);

impl KeyLoader for Loader<'_> {
    fn load(&self, request: &KeyRequest, key: ClearKey<'_>) -> Result<(), HsmError> {
        match key {
            ClearKey::Symmetric(octets) => self.0.import_key(request, octets),
            ClearKey::Rsa(parts) => self.0.import_rsa_key(request, (&parts.p, &parts.q)),
        }
    }
}

fn kit(ground: &Ground, settings: &Settings<'_>) {
    let hsm = ground.prepared();
    for line in hsm.describe() {
        println!("{line:?}");
    }
    let report = run(&hsm, &Loader(&hsm), settings);
    println!("{report}");
    println!("{:?}", hsm.status());
    println!("{:?}", hsm.calls());
    assert!(report.failures().is_empty());
    assert!(report.rows.len() > 100, "{}", report.rows.len());
}

/// What a token of this kind can't do, by intent and code.
const SETTINGS: Settings<'static> = Settings {
    may_refuse: &[],
    fresh_draws: &["icc_rsa_key"],
};

#[test]
fn soft_hsm_passes_the_kit() {
    with_soft_hsm("soft_hsm_passes_the_kit", 1, |ground| {
        kit(ground, &SETTINGS)
    });
}

#[test]
fn opencryptoki_passes_the_kit() {
    with_opencryptoki("opencryptoki_passes_the_kit", |ground| {
        kit(ground, &SETTINGS);
    });
}

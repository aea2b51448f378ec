//! The conformance kit against SoftHSM, opencryptoki's soft token and NSS's softoken.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use cardwright_hsm_conformance::{ClearKey, KeyLoader, Settings, run, run_custody};
use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use cardwright_ports::HsmError;
use cardwright_ports::hsm::KeyRequest;
use common::{Ground, with_nss, with_opencryptoki, with_soft_hsm};

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

/// RSA keys of cards come from labelled draws there.
const PREFERRED: Settings<'static> = Settings {
    may_refuse: &[],
    fresh_draws: &[],
};

/// The same without host memory.
const INSIDE: Settings<'static> = Settings {
    may_refuse: &[
        // SoftHSM wraps nothing by triple DES, and no token splits an RSA key.
        ("export_sealed", "R1336"),
        ("put_keys.emv", "R1336"),
        ("recode.many", "R1336"),
        // A card that holds the master key itself.
        ("put_keys.kdf3", "R1336"),
    ],
    fresh_draws: &["icc_rsa_key"],
};

#[test]
fn soft_hsm_passes_the_kit() {
    with_soft_hsm("soft_hsm_passes_the_kit", 1, |ground| {
        kit(ground, &SETTINGS)
    });
}

// Cards' keys computed in host memory though the token derives: the same values.
#[test]
fn soft_hsm_passes_the_kit_where_host_memory_is_preferred() {
    let test = "soft_hsm_passes_the_kit_where_host_memory_is_preferred";
    with_soft_hsm(test, 1, |ground| {
        let mut settings = ground.settings();
        settings.host_memory = HostMemory::Preferred;
        let hsm = Pkcs11Hsm::open(settings).unwrap();
        hsm.prepare().unwrap();
        let report = run(&hsm, &Loader(&hsm), &PREFERRED);
        println!("{report}");
        assert!(report.failures().is_empty());
        assert!(report.rows.len() > 100, "{}", report.rows.len());
        let calls = hsm.calls();
        // Nothing of a card was derived; the probes at opening do.
        let probes = Pkcs11Hsm::open(ground.settings()).unwrap();
        let once = probes.calls()["C_DeriveKey"] - calls["C_DeriveKey"];
        assert_eq!(calls["C_DeriveKey"], once);
    });
}

#[test]
fn opencryptoki_passes_the_kit() {
    with_opencryptoki("opencryptoki_passes_the_kit", |ground| {
        kit(ground, &SETTINGS);
    });
}

#[test]
fn nss_passes_the_kit() {
    with_nss("nss_passes_the_kit", |ground| kit(ground, &SETTINGS));
}

/// The kit where no working key may be in host memory: what needs one is refused with a code, and all else
/// is what it is elsewhere. Keys come in through key management's other door, as a maker's tools bring them.
fn kit_inside(ground: &Ground, settings: &Settings<'_>) -> Vec<String> {
    let loader = ground.prepared();
    let mut strict = ground.settings();
    strict.host_memory = HostMemory::Refused;
    let hsm = Pkcs11Hsm::open(strict).unwrap();
    for line in hsm.describe() {
        println!("{line:?}");
        assert!(!(line.possible && line.host_memory), "{line:?}");
    }
    let report = run(&hsm, &Loader(&loader), settings);
    println!("{report}");
    println!("{:?}", hsm.calls());
    assert!(report.failures().is_empty());
    let passed = report.passed().into_iter();
    passed.map(|row| row.id.to_owned()).collect()
}

#[test]
fn soft_hsm_passes_the_kit_without_host_memory() {
    with_soft_hsm("soft_hsm_passes_the_kit_without_host_memory", 1, |ground| {
        let passed = kit_inside(ground, &INSIDE);
        // Channels from end to end, their keys never outside.
        for check in [
            "channel.scp02",
            "channel.scp03",
            "unwrap.scp03",
            "recode.keys",
            "put_keys.kdf3_again",
        ] {
            assert!(passed.iter().any(|name| name == check), "{check}");
        }
    });
}

/// The same on NSS: only a card that holds the master key itself gets none.
const NSS_INSIDE: Settings<'static> = Settings {
    may_refuse: &[("put_keys.kdf3", "R1336")],
    fresh_draws: &["icc_rsa_key"],
};

#[test]
fn nss_passes_the_kit_without_host_memory() {
    with_nss("nss_passes_the_kit_without_host_memory", |ground| {
        let passed = kit_inside(ground, &NSS_INSIDE);
        for check in [
            "channel.scp02",
            "recode.keys",
            "put_keys.emv",
            "recode.many",
        ] {
            assert!(passed.iter().any(|name| name == check), "{check}");
        }
    });
}

#[test]
fn nss_passes_the_kit_of_custody() {
    with_nss("nss_passes_the_kit_of_custody", |ground| {
        custody_kit(ground, &SETTINGS, 45);
    });
}

fn custody_kit(ground: &Ground, settings: &Settings<'_>, offered: usize) {
    let hsm = ground.prepared();
    let report = run_custody(&hsm, settings);
    println!("{report}");
    println!("{:?}", hsm.calls());
    assert!(report.failures().is_empty());
    assert_eq!(report.passed().len(), offered, "{:?}", report.not_offered());
}

#[test]
fn soft_hsm_passes_the_kit_of_custody() {
    with_soft_hsm("soft_hsm_passes_the_kit_of_custody", 1, |ground| {
        custody_kit(ground, &SETTINGS, 45);
    });
}

/// opencryptoki 3.8.1 has no elliptic curves in its soft token, and wraps no double-length keys.
const OPENCRYPTOKI: Settings<'static> = Settings {
    may_refuse: &[
        ("custody.generate.p256", "R1331"),
        ("custody.block.pairs", "R1331"),
        ("custody.sign.p256", "R1331"),
        ("custody.ecdh", "R1331"),
        ("custody.openssl.p256", "R1331"),
        ("custody.openssl.ecdh", "R1331"),
        ("custody.split", "R1331"),
        ("custody.block.b", "R1331"),
        ("custody.wrap.padded", "R1331"),
        ("custody.legacy", "R1331"),
        ("custody.may_leave", "R1331"),
    ],
    fresh_draws: &["icc_rsa_key"],
};

#[test]
fn opencryptoki_passes_the_kit_of_custody() {
    with_opencryptoki("opencryptoki_passes_the_kit_of_custody", |ground| {
        custody_kit(ground, &OPENCRYPTOKI, 34);
    });
}

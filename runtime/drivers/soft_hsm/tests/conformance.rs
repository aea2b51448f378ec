//! The conformance kit against the soft HSM: everything is offered, nothing fails.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use cardwright_hsm_conformance::{ClearKey, KeyLoader, Outcome, Settings, run, run_custody};
use cardwright_ports::HsmError;
use cardwright_ports::hsm::KeyRequest;
use cardwright_soft_hsm::SoftHsm;

struct Loader<'h>(&'h SoftHsm);

impl KeyLoader for Loader<'_> {
    fn load(&self, request: &KeyRequest, key: ClearKey<'_>) -> Result<(), HsmError> {
        match key {
            ClearKey::Symmetric(octets) => self.0.add_test_key(request, octets),
            ClearKey::Rsa(parts) => self.0.add_test_rsa_key(request, &parts.p, &parts.q),
        }
    }
}

#[test]
fn the_soft_hsm_passes_every_check() {
    let hsm = SoftHsm::in_memory([0x77; 32]).unwrap();
    let report = run(&hsm, &Loader(&hsm), &Settings::default());
    println!("{report}");
    assert!(report.failures().is_empty());
    assert!(report.not_offered().is_empty());
    assert!(report.rows.len() > 100, "{}", report.rows.len());
}

#[test]
fn the_soft_hsm_passes_every_check_of_custody() {
    let hsm = SoftHsm::in_memory([0x77; 32]).unwrap();
    let report = run_custody(&hsm, &Settings::default());
    println!("{report}");
    assert!(report.failures().is_empty());
    assert!(report.not_offered().is_empty());
    assert!(report.rows.len() > 35, "{}", report.rows.len());
}

/// A loader that puts other keys in than the kit gave it.
struct OtherKeys<'h>(&'h SoftHsm);

impl KeyLoader for OtherKeys<'_> {
    fn load(&self, request: &KeyRequest, key: ClearKey<'_>) -> Result<(), HsmError> {
        match key {
            ClearKey::Symmetric(octets) => {
                // Two bits of an octet: its parity stays.
                let mut other = octets.to_vec();
                *other.last_mut().unwrap() ^= 0x06;
                self.0.add_test_key(request, &other)
            }
            ClearKey::Rsa(parts) => self.0.add_test_rsa_key(request, &parts.p, &parts.q),
        }
    }
}

// The kit sees what it should see: with one bit of each key changed, every expected value differs.
#[test]
fn other_keys_fail_every_check_with_an_expected_value() {
    let hsm = SoftHsm::in_memory([0x77; 32]).unwrap();
    let report = run(&hsm, &OtherKeys(&hsm), &Settings::default());
    let symmetric = |source: &str| {
        ["psec", "pyemv", "OpenSSL"]
            .iter()
            .any(|s| source.contains(s))
    };
    // RSA alone: its keys are the right ones.
    let rsa = ["certificate.x509", "certificate.content"];
    for row in report.rows.iter().filter(|r| symmetric(r.source)) {
        let failed = matches!(row.outcome, Outcome::Failed(_));
        assert!(failed || rsa.contains(&row.id), "{} passed", row.id);
    }
    assert!(report.failures().len() > 60, "{}", report.failures().len());
}

#[test]
fn a_refusal_is_a_failure_unless_it_was_stated() {
    struct NoKeys;
    impl KeyLoader for NoKeys {
        fn load(&self, _: &KeyRequest, _: ClearKey<'_>) -> Result<(), HsmError> {
            Err(HsmError {
                code: "R1314",
                what: "this HSM takes no key".to_owned(),
                mend: "use another one",
                retryable: false,
            })
        }
    }
    let hsm = SoftHsm::in_memory([0x77; 32]).unwrap();
    let strict = run(&hsm, &NoKeys, &Settings::default());
    let stated = Settings {
        may_refuse: &[("load_key", "R1314")],
        fresh_draws: &[],
    };
    let lenient = run(&hsm, &NoKeys, &stated);
    assert!(strict.failures().len() > 100);
    assert!(lenient.failures().is_empty(), "{lenient}");
    assert_eq!(lenient.not_offered().len(), strict.failures().len());
}

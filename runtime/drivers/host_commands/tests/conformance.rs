//! The conformance kit against driver and simulator: what is offered passes, what is not is told.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use cardwright_host_commands::HostCommandHsm;
use cardwright_hsm_conformance::{Settings, run};
use common::{Loader, driver, settings, simulator, table};

/// What host commands do not offer, as docs/operator/payment-hsm.md lists it.
const NOT_OFFERED: &[(&str, &str)] = &[
    // BU gives one kind of check value for AES keys.
    ("check_value.aes_gp", "R1340"),
    ("check_value.aes_ecb", "R1340"),
    // KW knows no AES cryptograms.
    ("cryptogram.aes", "R1340"),
    ("arpc.aes", "R1340"),
    // Channels to cards.
    ("begin_channel", "R1340"),
    ("authenticate_channel", "R1340"),
    ("wrap", "R1340"),
    ("unwrap", "R1340"),
    ("recode", "R1340"),
    ("wrap_sealed", "R1340"),
    ("put_card_keys", "R1340"),
];

/// Values with random parts that the HSM draws by itself.
const FRESH: &[&str] = &[
    "export_pin_block",
    "card_pin_field",
    "icc_rsa_key",
    "encipher_offline_pin",
];

#[test]
fn driver_and_simulator_pass_every_check_that_they_offer() {
    let simulator = simulator();
    let hsm = driver(&simulator);
    let loader = Loader {
        simulator: &simulator,
        hsm: &hsm,
    };
    let stated = Settings {
        may_refuse: NOT_OFFERED,
        fresh_draws: FRESH,
    };
    let report = run(&hsm, &loader, &stated);
    println!("{report}");
    assert!(report.failures().is_empty());
    assert!(report.passed().len() > 85, "{}", report.passed().len());
    let not_offered = report.not_offered().len();
    assert!((20..40).contains(&not_offered), "{not_offered}");
}

// Without our proposals only what public layouts offer is left; nothing is done in their place.
#[test]
fn without_proposals_only_public_layouts_are_used() {
    let simulator = simulator();
    let mut strict = settings(&[&simulator]);
    strict.proposed_commands = false;
    let hsm = HostCommandHsm::with_keys(strict, table(&simulator)).unwrap();
    let loader = Loader {
        simulator: &simulator,
        hsm: &hsm,
    };
    let mut may_refuse = NOT_OFFERED.to_vec();
    for intent in [
        "import_pin_block",
        "export_pin_block",
        "card_pin_block",
        "card_pin_field",
        "join_sealed",
        "export_sealed",
        "encipher_for_card",
        "encrypt_for_transport",
        "icc_master_keys",
        "card_key",
        "icc_rsa_key",
        "sign_icc_certificate",
        "sign_static_data",
        "sign_issuer_certificate",
        "encipher_offline_pin",
        "dynamic_code_vector",
        "verify_dynamic_code",
        "cipher_challenge",
    ] {
        may_refuse.push((intent, "R1341"));
    }
    let stated = Settings {
        may_refuse: &may_refuse,
        fresh_draws: FRESH,
    };
    let report = run(&hsm, &loader, &stated);
    println!("{report}");
    assert!(report.failures().is_empty());
    for id in [
        "cvv.values",
        "pvv.values",
        "ibm3624.offset",
        "pin.import0",
        "pin.export0",
        "cryptogram.des",
        "arpc.des",
        "certificate.x509",
        "job_key.opens",
        "draw.pin",
    ] {
        let row = report.rows.iter().find(|r| r.id == id).unwrap();
        assert!(report.passed().contains(&row), "{id}: {:?}", row.outcome);
    }
}

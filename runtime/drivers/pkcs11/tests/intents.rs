//! Intents through the port with real tokens, against published values.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use cardwright_pkcs11::Pkcs11Hsm;
use cardwright_ports::hsm::{CheckMethod, Derivation, Draw, Hsm, Ibm3624, IccKeyPath, KeyUse};
use common::{DOUBLE, Ground, PAN, request, unhex, with_nss, with_opencryptoki, with_soft_hsm};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 7,
    purpose: "test",
};

/// Whether a token keeps what says that it may not leave, as it was met: for LIVE it has to.
fn keeps(ground: &Ground) -> bool {
    Pkcs11Hsm::open(ground.settings())
        .unwrap()
        .keys_stay_inside()
}

#[test]
fn soft_hsm_keeps_keys_that_may_not_leave() {
    let test = "soft_hsm_keeps_keys_that_may_not_leave";
    with_soft_hsm(test, 1, |ground| assert!(keeps(ground)));
}

#[test]
fn opencryptoki_keeps_keys_that_may_not_leave() {
    let test = "opencryptoki_keeps_keys_that_may_not_leave";
    with_opencryptoki(test, |ground| assert!(keeps(ground)));
}

#[test]
fn nss_lets_them_out_and_a_site_may_accept_it() {
    with_nss("nss_lets_them_out_and_a_site_may_accept_it", |ground| {
        assert!(!keeps(ground));
        let mut accepted = ground.settings();
        accepted.accept_wrapping_of_all_keys = true;
        assert!(Pkcs11Hsm::open(accepted).unwrap().keys_stay_inside());
    });
}

#[test]
fn symmetric_intents_in_soft_hsm() {
    with_soft_hsm("symmetric_intents_in_soft_hsm", 1, |ground| {
        let hsm = ground.prepared();
        for line in hsm.capabilities() {
            println!("{line:?}");
        }
        for line in hsm.describe() {
            println!("{line:?}");
        }
        symmetric_intents(&hsm);
    });
}

// Values of psec and pyemv for the key of the published examples, as in tests/vectors/project.
fn symmetric_intents(hsm: &Pkcs11Hsm) {
    let mut session = hsm.open_session().unwrap();
    let mut bind = |name: &str, usage| {
        let request = request(name, "tdes2", usage);
        hsm.import_key(&request, &unhex(DOUBLE)).unwrap();
        session.bind(&request).unwrap()
    };
    let cvk = bind("t.cvk", KeyUse::CardVerification);
    let pvk = bind("t.pvk", KeyUse::PinVerificationPvv);
    let ibm = bind("t.ibm", KeyUse::PinVerificationIbm3624);
    let zpk = bind("t.zpk", KeyUse::PinEncryption);
    let ac = bind("t.imk_ac", KeyUse::EmvApplicationCryptogram);
    let kek = bind("t.kek", KeyUse::Transport);
    assert_eq!(
        session.check_value(ac, CheckMethod::Ecb).unwrap(),
        unhex("08D7B4")
    );
    for (service, expected) in [("201", "479"), ("000", "260"), ("999", "324")] {
        let value = session.card_verification_value(cvk, PAN, "2812", service);
        assert_eq!(value.unwrap(), expected);
    }
    let parameters = Ibm3624 {
        decimalisation_table: "0123456789012345",
        validation_start: 3,
        validation_length: 12,
        pad: 'F',
    };
    let natural = session.natural_pin(ibm, PAN, 4, &parameters).unwrap();
    assert_eq!(session.reveal_pin(&natural).unwrap().expose(), "7321");
    let pin = session.generate_pin(4, &DRAW).unwrap();
    assert_eq!(pin, session.generate_pin(4, &DRAW).unwrap());
    for format in [0, 1, 3] {
        let block = session
            .export_pin_block(&pin, zpk, format, PAN, &DRAW)
            .unwrap();
        let again = session.import_pin_block(zpk, format, &block, PAN).unwrap();
        let digits = session.reveal_pin(&again).unwrap();
        assert_eq!(digits.expose(), session.reveal_pin(&pin).unwrap().expose());
    }
    assert_eq!(
        session
            .pin_verification_value(pvk, PAN, &pin, 1)
            .unwrap()
            .len(),
        4
    );
    let card = session.card_key(Derivation::A, ac, PAN, "01").unwrap();
    let out = session.export_sealed(&card, kek).unwrap();
    println!("{} {}", hex::encode(&out), hex::encode(&card.check_values));
    let path = IccKeyPath {
        issuer_master_key: ac,
        derivation: Derivation::A,
        pan: PAN,
        psn: "01",
        atc: 1,
    };
    println!("{:?}", session.verify_cryptogram(&path, b"data", &[0; 8]));
    println!("{:?}", hsm.calls());
}

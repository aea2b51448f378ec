//! Key custody over driver and simulator: made, taken in, given out, formed, forgotten.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use cardwright_host_commands::HostCommandHsm;
use cardwright_host_commands::keys::KeyTable;
use cardwright_ports::custody::{
    CheckValue, CustodyHsm, Exportability, KeyAlgorithm, NewKey, PublicKey, SealedComponent,
    Signing, Wrapping,
};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use cardwright_standards::keyblock;
use common::{ZMK, code, driver, hex, settings, simulator, table, tr31, unhex};

const DOUBLE: &str = "0123456789ABCDEFFEDCBA9876543210";

fn cvk<'l>(label: &'l str) -> NewKey<'l> {
    NewKey {
        label,
        algorithm: KeyAlgorithm::Tdes2,
        usage: KeyUse::CardVerification,
        exportability: Exportability::Exportable,
    }
}

fn ecb(text: &str) -> CheckValue {
    CheckValue {
        method: CheckMethod::Ecb,
        octets: unhex(text),
    }
}

#[test]
fn keys_are_made_kept_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payment-keys.toml");
    let simulator = simulator();
    std::fs::write(&path, table(&simulator).to_text().unwrap()).unwrap();
    let hsm = HostCommandHsm::open(settings(&[&simulator]), &path).unwrap();
    let mut custody = hsm.open_custody().unwrap();
    let made = custody.generate(&cvk("bank.cvk@1")).unwrap();
    assert_eq!(made.exportability, Exportability::Exportable);
    let check = custody.check_value("bank.cvk@1", CheckMethod::Ecb).unwrap();
    assert_eq!(made.check_values, [check]);
    assert_eq!(code(custody.generate(&cvk("bank.cvk@1"))), "R1345");
    let rsa = NewKey {
        label: "bank.issuer@1",
        algorithm: KeyAlgorithm::Rsa {
            bits: 1_024,
            exponent: 65_537,
        },
        usage: KeyUse::CertificateSigning,
        exportability: Exportability::NonExportable,
    };
    custody.generate(&rsa).unwrap();
    let PublicKey::Rsa { modulus, exponent } = custody.public_key("bank.issuer@1").unwrap() else {
        unreachable!()
    };
    assert_eq!((modulus.len(), exponent), (128, 65_537));
    let message = Signing::Sha256 { message: b"text" };
    assert_eq!(custody.sign("bank.issuer@1", &message).unwrap().len(), 128);
    assert_eq!(
        custody.keys().unwrap().len(),
        4,
        "two of the table, two made"
    );

    // Another program start finds them; what is in the file opens in the HSM alone.
    let again = HostCommandHsm::open(settings(&[&simulator]), &path).unwrap();
    let mut second = again.open_custody().unwrap();
    assert_eq!(second.key("bank.cvk@1").unwrap(), Some(made));
    second.destroy("bank.cvk@1").unwrap();
    assert_eq!(second.key("bank.cvk@1").unwrap(), None);
    assert_eq!(code(second.destroy("bank.cvk@1")), "R1345");
    assert!(KeyTable::read(&path).unwrap().find("bank.cvk@1").is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

// 08D7B4 is pyemv's published check value of the double-length key.
#[test]
fn key_blocks_go_in_and_out() {
    let simulator = simulator();
    let hsm = driver(&simulator);
    let mut custody = hsm.open_custody().unwrap();
    let request = common::request("in", "tdes2", KeyUse::CardVerification);
    let block = tr31(&request, &unhex(DOUBLE));
    let header = Wrapping::KeyBlock {
        header: &block[..16],
    };
    let expected = ecb("08D7B4");
    let mut take = |label, block: &str, expected: &CheckValue| {
        custody.unwrap(
            block.as_bytes(),
            "zmk",
            &header,
            &cvk(label),
            Some(expected),
        )
    };
    assert_eq!(code(take("bank.cvk@1", &block, &ecb("08D7B5"))), "R1345");
    let taken = take("bank.cvk@1", &block, &expected).unwrap();
    assert_eq!(taken.check_values, std::slice::from_ref(&expected));
    // Every octet changed: refused by header, by the HSM's MAC, or by its length.
    for place in 0..block.len() {
        let mut changed = block.clone().into_bytes();
        changed[place] ^= 0x01;
        let changed = String::from_utf8(changed).unwrap();
        let refused = take("bank.cvk@2", &changed, &expected).err().unwrap();
        assert!(
            matches!(refused.code, "R1344" | "R1347"),
            "{place}: {refused}"
        );
    }
    let out = custody.wrap("bank.cvk@1", "zmk", &header).unwrap();
    let opened = keyblock::unwrap(&ZMK, std::str::from_utf8(&out).unwrap()).unwrap();
    assert_eq!(hex(&opened.key), DOUBLE);
    let mut never = cvk("bank.cvk@3");
    never.exportability = Exportability::NonExportable;
    custody.generate(&never).unwrap();
    assert_eq!(code(custody.wrap("bank.cvk@3", "zmk", &header)), "R1344");
    assert_eq!(
        code(custody.wrap("bank.cvk@1", "bank.cvk@3", &header)),
        "R1345"
    );
    let ecb = Wrapping::LegacyEcb;
    assert_eq!(code(custody.wrap("bank.cvk@1", "zmk", &ecb)), "R1340");
}

#[test]
fn components_form_a_key() {
    let simulator = simulator();
    let hsm = driver(&simulator);
    let mut custody = hsm.open_custody().unwrap();
    let first = unhex("1032547698BADCFE0123456789ABCDEF");
    let whole = unhex(DOUBLE);
    let second: Vec<u8> = first.iter().zip(&whole).map(|(a, b)| a ^ b ^ 1).collect();
    let component = |version: &str, clear: &[u8]| SealedComponent {
        blob: simulator
            .lmk()
            .protect("C0", 'T', version, clear)
            .unwrap()
            .into_bytes(),
        check_value: ecb("000000"),
    };
    let parts = [component("c1", &first), component("c2", &second)];
    let expected = ecb("08D7B4");
    let formed = custody
        .combine("k", &parts, &cvk("bank.cvk@1"), Some(&expected))
        .unwrap();
    assert_eq!(formed.check_values, [expected]);
    let wrong = ecb("08D7B5");
    let refused = custody.combine("k", &parts, &cvk("bank.cvk@2"), Some(&wrong));
    assert_eq!(code(refused), "R1345");
    let twice = [parts[0].clone(), parts[0].clone()];
    assert_eq!(
        code(custody.combine("k", &twice, &cvk("bank.cvk@2"), None)),
        "R1347"
    );
    let one = [parts[0].clone(), component("00", &second)];
    assert_eq!(
        code(custody.combine("k", &one, &cvk("bank.cvk@2"), None)),
        "R1344"
    );
    // Nothing of what failed was kept.
    assert_eq!(custody.key("bank.cvk@2").unwrap(), None);
    assert_eq!(
        code(custody.new_component("k", KeyAlgorithm::Tdes2)),
        "R1340"
    );
}

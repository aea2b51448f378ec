//! Key custody where no key may be in host memory, on a token that puts keys together inside.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use cardwright_hsm_conformance::{Settings, run_custody};
use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{
    CustodyHsm, Exportability, KeyAlgorithm, KeyCustody, NewKey, Wrapping,
};
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::des_keys::set_odd_parity;
use cardwright_standards::keyblock::{self, Header};
use common::{Ground, code, plan, unhex, with_nss, with_nss_faults};

fn opened(ground: &Ground, host_memory: HostMemory) -> Pkcs11Hsm {
    let mut settings = ground.settings();
    settings.host_memory = host_memory;
    let hsm = Pkcs11Hsm::open(settings).unwrap();
    hsm.prepare().unwrap();
    hsm
}

/// The rows of the kit that hold without any key in host memory.
const INSIDE: [&str; 10] = [
    "custody.components.joined",
    "custody.components.drawn",
    "custody.components.typed",
    "custody.components.foreign",
    "custody.components.result",
    "custody.split",
    "custody.block.d",
    "custody.block.b",
    "custody.block.checks",
    "custody.block.changed",
];

#[test]
fn components_and_blocks_need_no_host_memory() {
    with_nss("components_and_blocks_need_no_host_memory", |ground| {
        let hsm = opened(ground, HostMemory::Refused);
        for line in hsm.describe() {
            println!("{line:?}");
        }
        let settings = Settings {
            may_refuse: &[],
            fresh_draws: &[],
        };
        let report = run_custody(&hsm, &settings);
        println!("{report}");
        let passed = report.passed();
        for check in INSIDE {
            assert!(passed.iter().any(|row| row.id == check), "{check}");
        }
    });
}

const PARTS: [&str; 2] = [
    "0123456789ABCDEFFEDCBA98765432106E2FBA6DFB7F6E8A",
    "B0D33BCE9D62E591E3F2A7A8455D688920A8CB5286EAC485",
];

fn zpk(label: &str, algorithm: KeyAlgorithm) -> NewKey<'_> {
    NewKey {
        label,
        algorithm,
        usage: KeyUse::PinEncryption,
        exportability: Exportability::Exportable,
    }
}

/// A protection key of three parts out of two components; its octets.
fn protection(custody: &mut dyn KeyCustody) -> Vec<u8> {
    let parts = PARTS.map(|part| {
        let clear = SecretBytes::new(unhex(part));
        custody.take_component("c", KeyAlgorithm::Tdes3, &clear)
    });
    let parts: Vec<_> = parts.into_iter().map(Result::unwrap).collect();
    let key = NewKey {
        usage: KeyUse::KeyBlockProtection,
        exportability: Exportability::NonExportable,
        ..zpk("p.kbpk@1", KeyAlgorithm::Tdes3)
    };
    custody.combine("c", &parts, &key, None).unwrap();
    let [first, second] = PARTS.map(unhex);
    let mut sum: Vec<u8> = first.iter().zip(&second).map(|(a, b)| a ^ b).collect();
    set_odd_parity(&mut sum);
    sum
}

// Blocks that the standards' functions made, held by published vectors, and the other way round; every changed character is
// refused as elsewhere.
#[test]
fn blocks_of_triple_des_come_in_and_go_out_inside() {
    let test = "blocks_of_triple_des_come_in_and_go_out_inside";
    with_nss(test, |ground| {
        let hsm = opened(ground, HostMemory::Refused);
        let mut custody = hsm.open_custody().unwrap();
        let kbpk = protection(&mut *custody);
        for (version, algorithm) in [
            ("A", KeyAlgorithm::Tdes2),
            ("B", KeyAlgorithm::Tdes3),
            ("C", KeyAlgorithm::Tdes2),
        ] {
            let text = format!("{version}0000P0TE00E0000");
            let header = Header::from_text(&text).unwrap();
            let mut key = unhex("3E419E1CB7079442AB37474C2EFBF8B86E2FBA6DFB7F6E8A");
            key.truncate(algorithm.octets().unwrap());
            set_odd_parity(&mut key);
            let fill = keyblock::fill_octets(&header, key.len()).unwrap();
            let block = keyblock::wrap(&kbpk, &header, &key, &vec![7; fill]).unwrap();
            let wrapping = Wrapping::KeyBlock { header: &text };
            let mut import = |block: &str, label: &str| {
                let new = zpk(label, algorithm);
                custody.unwrap(block.as_bytes(), "p.kbpk@1", &wrapping, &new, None)
            };
            for place in 0..block.len() {
                let mut octets = block.clone().into_bytes();
                if let Some(octet) = octets.get_mut(place) {
                    *octet = if *octet == b'0' { b'1' } else { b'0' };
                }
                let changed = String::from_utf8(octets).unwrap();
                assert_eq!(
                    code(import(&changed, "p.no@1")),
                    "R1375",
                    "{version} {place}"
                );
            }
            let label = format!("p.zpk.{version}@1");
            import(&block, &label).unwrap();
            assert_eq!(custody.key("p.no@1").unwrap(), None);
            let out = custody.wrap(&label, "p.kbpk@1", &wrapping).unwrap();
            let out = String::from_utf8(out).unwrap();
            let opened = keyblock::unwrap(&kbpk, &out).unwrap();
            assert_eq!(*opened.key, key);
        }
    });
}

// Whichever call of a composition fails: the key is not there, or it is whole.
#[test]
fn a_composition_that_fails_keeps_nothing() {
    with_nss_faults("a_composition_that_fails_keeps_nothing", |ground| {
        plan("");
        let mut settings = ground.settings();
        settings.host_memory = HostMemory::Refused;
        settings.rest = std::time::Duration::ZERO;
        let hsm = Pkcs11Hsm::open(settings).unwrap();
        hsm.prepare().unwrap();
        let mut custody = hsm.open_custody().unwrap();
        let kbpk = protection(&mut *custody);
        let parts = PARTS.map(|part| {
            let clear = SecretBytes::new(unhex(part));
            custody.take_component("d", KeyAlgorithm::Tdes3, &clear)
        });
        let parts: Vec<_> = parts.into_iter().map(Result::unwrap).collect();
        let text = "B0000P0TE00E0000";
        let header = Header::from_text(text).unwrap();
        let key = unhex("3E409E1CB6079442AB37464C2EFBF8B9");
        let block = keyblock::wrap(&kbpk, &header, &key, &[7; 14]).unwrap();
        let wrapping = Wrapping::KeyBlock { header: text };
        let mut refused = 0;
        for function in ["C_DeriveKey", "C_WrapKey", "C_UnwrapKey", "C_Encrypt"] {
            for number in 0..=12 {
                for (joins, action) in [
                    (true, "return"),
                    (false, "return"),
                    (true, "after"),
                    (false, "after"),
                ] {
                    // CKR_FUNCTION_FAILED, the work done or not: this call, or with 0 each.
                    plan(&format!("{function} {number} {action} 6"));
                    let made = match joins {
                        true => {
                            custody.combine("d", &parts, &zpk("p.new@1", KeyAlgorithm::Tdes3), None)
                        }
                        false => {
                            let new = zpk("p.new@1", KeyAlgorithm::Tdes2);
                            custody.unwrap(block.as_bytes(), "p.kbpk@1", &wrapping, &new, None)
                        }
                    };
                    plan("");
                    let there = custody.key("p.new@1").unwrap();
                    refused += usize::from(made.is_err());
                    assert_eq!(made.ok(), there, "{function} {number} {action} {joins}");
                    if there.is_some() {
                        custody.destroy("p.new@1").unwrap();
                    }
                }
            }
        }
        assert!(refused > 0);
    });
}

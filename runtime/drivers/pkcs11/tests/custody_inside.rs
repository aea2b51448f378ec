//! Key custody where no key may be in host memory, on a token that puts keys together inside.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use cardwright_hsm_conformance::{Settings, run_custody};
use cardwright_pkcs11::capability::Capability;
use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{
    CheckValue, CustodyHsm, Exportability, KeyAlgorithm, KeyCustody, NewKey, PublicKey, Wrapping,
};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use cardwright_standards::des_keys::set_odd_parity;
use cardwright_standards::key_wrap;
use cardwright_standards::keyblock::{self, Header};
use common::{Ground, code, plan, unhex, with_nss, with_nss_faults};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use sha2::{Digest, Sha256};

fn opened(ground: &Ground, host_memory: HostMemory) -> Pkcs11Hsm {
    let mut settings = ground.settings();
    settings.host_memory = host_memory;
    let hsm = Pkcs11Hsm::open(settings).unwrap();
    hsm.prepare().unwrap();
    hsm
}

/// The rows of the kit that hold without any key in host memory.
const INSIDE: [&str; 12] = [
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
    "custody.ecdh",
    "custody.openssl.ecdh",
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

/// A key of two parts; OpenSSL gave its check value.
const DOUBLE: &str = "2AC17FFD54B913D9D6B5A42F1A3EF1C8";

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

/// What a sender of this test's own agrees on and wraps, with RustCrypto and the standards' functions.
fn sent(own: &[u8], info: &[u8], key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let peer = p256::SecretKey::from_slice(&[0x42; 32]).unwrap();
    let own = p256::PublicKey::from_sec1_bytes(own).unwrap();
    let shared = p256::ecdh::diffie_hellman(peer.to_nonzero_scalar(), own.as_affine());
    let mut hash = Sha256::new();
    hash.update([0, 0, 0, 1]);
    hash.update(shared.raw_secret_bytes());
    hash.update(info);
    let point = peer.public_key().to_encoded_point(false);
    let wrapped = key_wrap::wrap_padded(&hash.finalize(), key).unwrap();
    (point.as_bytes().to_vec(), wrapped)
}

// A key that came is refused with the same codes inside and in host memory, and leaves nothing behind.
#[test]
fn an_agreed_key_stays_inside() {
    with_nss("an_agreed_key_stays_inside", |ground| {
        agreed_keys(&opened(ground, HostMemory::Refused));
    });
}

#[test]
fn an_agreed_key_in_host_memory() {
    with_nss("an_agreed_key_in_host_memory", |ground| {
        let mut settings = ground.settings();
        settings.host_memory = HostMemory::Allowed;
        settings.avoid.push(Capability::EcdhInside);
        let hsm = Pkcs11Hsm::open(settings).unwrap();
        hsm.prepare().unwrap();
        agreed_keys(&hsm);
    });
}

fn agreed_keys(hsm: &Pkcs11Hsm) {
    let mut custody = hsm.open_custody().unwrap();
    let pair = NewKey {
        usage: KeyUse::KeyExchange,
        exportability: Exportability::NonExportable,
        ..zpk("p.agree@1", KeyAlgorithm::P256)
    };
    custody.generate(&pair).unwrap();
    let PublicKey::P256(own) = custody.public_key("p.agree@1").unwrap() else {
        unreachable!()
    };
    let key = unhex(DOUBLE);
    let long = vec![7; 4_096];
    for (place, info) in [&b""[..], b"A to B", &long].into_iter().enumerate() {
        let mut take = |octets: &[u8], changed: Option<usize>, value: Option<&str>| {
            let (peer, mut wrapped) = sent(&own, info, octets);
            if let Some(octet) = changed.and_then(|at| wrapped.get_mut(at)) {
                *octet ^= 1;
            }
            let expected = value.map(|value| CheckValue {
                method: CheckMethod::Ecb,
                octets: unhex(value),
            });
            let label = format!("p.cvk.{place}@1");
            let new = NewKey {
                usage: KeyUse::CardVerification,
                ..zpk(&label, KeyAlgorithm::Tdes2)
            };
            let peer = &peer;
            let wrapping = Wrapping::Ecdh { peer, info };
            let taken = custody.unwrap(&wrapped, "p.agree@1", &wrapping, &new, expected.as_ref());
            assert_eq!(custody.key(&label).unwrap().is_some(), taken.is_ok());
            taken
        };
        for at in 0..key.len() + 8 {
            assert_eq!(code(take(&key, Some(at), None)), "R1375", "{at}");
        }
        for octets in [15, 17, 24] {
            assert_eq!(
                code(take(&vec![7; octets], None, None)),
                "R1376",
                "{octets}"
            );
        }
        let weak = [[1; 8], [0xFE; 8]].concat();
        assert_eq!(code(take(&weak, None, None)), "R1372");
        assert_eq!(code(take(&key, None, Some("000000"))), "R1373");
        take(&key, None, Some("9E21D1")).unwrap();
        // Key wrap draws nothing: the same key gives the same octets.
        let (peer, wrapped) = sent(&own, info, &key);
        let peer = &peer;
        let wrapping = Wrapping::Ecdh { peer, info };
        let label = format!("p.cvk.{place}@1");
        let out = custody.wrap(&label, "p.agree@1", &wrapping).unwrap();
        assert_eq!(out, wrapped);
    }
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

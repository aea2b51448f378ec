//! Key management in the soft HSM: keys by label, components, what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{
    CheckValue, CustodyHsm, Exportability, KeyAlgorithm, KeyCustody, NewKey, PublicKey,
    SealedComponent,
};
use cardwright_ports::hsm::{CheckMethod, Hsm, KeyUse};
use cardwright_soft_hsm::SoftHsm;
use common::{code, hsm, request, rsa_request, unhex, unlock};

fn new(label: &str, algorithm: KeyAlgorithm, usage: KeyUse) -> NewKey<'_> {
    NewKey {
        label,
        algorithm,
        usage,
        exportability: Exportability::Exportable,
    }
}

fn cvk(label: &str) -> NewKey<'_> {
    new(label, KeyAlgorithm::Tdes2, KeyUse::CardVerification)
}

#[test]
fn keys_of_every_algorithm_are_made_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    let mut custody = hsm.open_custody().unwrap();
    let rsa = |bits| KeyAlgorithm::Rsa { bits, exponent: 3 };
    let algorithms = [
        (KeyAlgorithm::Tdes2, KeyUse::CardVerification),
        (KeyAlgorithm::Tdes3, KeyUse::PinEncryption),
        (KeyAlgorithm::Aes128, KeyUse::CardIssuance),
        (KeyAlgorithm::Aes192, KeyUse::Transport),
        (KeyAlgorithm::Aes256, KeyUse::KeyBlockProtection),
        (rsa(1152), KeyUse::EmvIssuerPrivate),
        (rsa(2048), KeyUse::CertificateSigning),
        (rsa(4096), KeyUse::KeyExchange),
        (KeyAlgorithm::P256, KeyUse::KeyExchange),
    ];
    let mut made = Vec::new();
    for (number, (algorithm, usage)) in algorithms.iter().enumerate() {
        let label = format!("bank.key_{number}@1");
        made.push(custody.generate(&new(&label, *algorithm, *usage)).unwrap());
        assert_eq!(
            code(custody.generate(&new(&label, *algorithm, *usage))),
            "R1371",
            "a label is taken once"
        );
    }
    assert_eq!(custody.keys().unwrap(), made);
    for facts in &made {
        for value in &facts.check_values {
            assert_eq!(
                custody.check_value(&facts.label, value.method).unwrap(),
                *value
            );
        }
    }
    let again = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    assert_eq!(again.open_custody().unwrap().keys().unwrap(), made);

    // Production finds the same key by its label, and no open test key in its place.
    let mut session = again.open_session().unwrap();
    let handle = session
        .bind(&request("bank.key_0@1", "tdes2", KeyUse::CardVerification))
        .unwrap();
    assert_eq!(
        session.check_value(handle, CheckMethod::Ecb).unwrap(),
        made[0].check_values[0].octets
    );
    let issuer = rsa_request("bank.key_5@1", 1152, 3, KeyUse::EmvIssuerPrivate);
    assert!(session.bind(&issuer).is_ok());
    let other = request("bank.key_0@2", "tdes2", KeyUse::CardVerification);
    assert_eq!(code(session.bind(&other)), "R1370");
}

#[test]
fn a_destroyed_key_is_gone_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    let mut custody = hsm.open_custody().unwrap();
    custody.generate(&cvk("bank.cvk@1")).unwrap();
    custody.generate(&cvk("bank.cvk@2")).unwrap();
    let mut session = hsm.open_session().unwrap();
    let wanted = request("bank.cvk@1", "tdes2", KeyUse::CardVerification);
    let handle = session.bind(&wanted).unwrap();
    assert!(session.check_value(handle, CheckMethod::Ecb).is_ok());
    custody.destroy("bank.cvk@1").unwrap();
    assert_eq!(code(custody.destroy("bank.cvk@1")), "R1370");
    assert_eq!(custody.key("bank.cvk@1").unwrap(), None);
    assert_eq!(
        code(session.check_value(handle, CheckMethod::Ecb)),
        "R1303",
        "a session that still holds it refuses"
    );
    assert_eq!(code(session.bind(&wanted)), "R1370");
    let again = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    assert_eq!(again.keys().len(), 1);
}

#[test]
fn two_processes_over_one_file_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let here = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    let there = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    let mut custody = here.open_custody().unwrap();
    let mut other = there.open_custody().unwrap();
    custody.generate(&cvk("bank.cvk@1")).unwrap();
    other.generate(&cvk("bank.cvk@2")).unwrap();
    custody.generate(&cvk("bank.cvk@3")).unwrap();
    assert_eq!(code(other.generate(&cvk("bank.cvk@1"))), "R1371");
    // An open test key that is made in passing does not write the others away.
    let issuer = rsa_request("test.issuer", 1024, 3, KeyUse::EmvIssuerPrivate);
    there.open_session().unwrap().bind(&issuer).unwrap();
    let labels = |keys: Vec<cardwright_ports::custody::KeyFacts>| -> Vec<String> {
        let labelled = keys.into_iter().filter(|k| k.label.contains('@'));
        labelled.map(|k| k.label).collect()
    };
    let all = ["bank.cvk@1", "bank.cvk@2", "bank.cvk@3"];
    assert_eq!(labels(custody.keys().unwrap()), all);
    assert_eq!(labels(other.keys().unwrap()), all);
    // What one destroys the other has no more, not even in a session that used it.
    let mut session = there.open_session().unwrap();
    let wanted = request("bank.cvk@1", "tdes2", KeyUse::CardVerification);
    let handle = session.bind(&wanted).unwrap();
    assert!(session.check_value(handle, CheckMethod::Ecb).is_ok());
    custody.destroy("bank.cvk@1").unwrap();
    assert_eq!(other.key("bank.cvk@1").unwrap(), None);
    assert_eq!(code(session.check_value(handle, CheckMethod::Ecb)), "R1303");
    let again = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    assert_eq!(
        labels(again.open_custody().unwrap().keys().unwrap()),
        all[1..]
    );
}

#[test]
fn a_use_needs_its_kind_of_key_and_a_label_its_form() {
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    for (algorithm, usage) in [
        (KeyAlgorithm::Aes128, KeyUse::EmvIssuerPrivate),
        (KeyAlgorithm::P256, KeyUse::EmvIssuerPrivate),
        (KeyAlgorithm::P256, KeyUse::CardVerification),
        (KeyAlgorithm::Tdes2, KeyUse::KeyExchange),
    ] {
        assert_eq!(
            code(custody.generate(&new("a@1", algorithm, usage))),
            "R1314"
        );
    }
    for label in ["", "two words", "bell\u{7}", &"x".repeat(257)] {
        assert_eq!(code(custody.generate(&cvk(label))), "R1370", "{label:?}");
    }
    let odd = KeyAlgorithm::Rsa {
        bits: 1153,
        exponent: 3,
    };
    let refused = custody.generate(&new("a@1", odd, KeyUse::EmvIssuerPrivate));
    assert_eq!(code(refused), "R1304");
    assert!(custody.keys().unwrap().is_empty(), "nothing was kept");
}

fn typed(
    custody: &mut dyn KeyCustody,
    ceremony: &str,
    algorithm: KeyAlgorithm,
    hex: &str,
) -> SealedComponent {
    let clear = SecretBytes::new(unhex(hex));
    custody.take_component(ceremony, algorithm, &clear).unwrap()
}

// Components of a double-length key and their check values as OpenSSL gives them
// (`openssl enc -des-ede -nopad` over eight zeros): 0123…3210 08D7B4, 1123…3210 and the sum.
#[test]
fn components_are_joined_by_xor() {
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    let parts = [
        "0123456789ABCDEFFEDCBA9876543210",
        "6E2FBA6DFB7F6E8A20A8CB5286EAC485",
        "B0D33BCE9D62E591E3F2A7A8455D6889",
    ];
    let algorithm = KeyAlgorithm::Tdes2;
    let sealed: Vec<_> = parts
        .iter()
        .map(|hex| typed(custody.as_mut(), "c1", algorithm, hex))
        .collect();
    for (component, hex) in sealed.iter().zip(parts) {
        assert_eq!(
            hex::encode_upper(&component.check_value.octets),
            common_openssl::des_check_value(hex)
        );
        let clear = custody
            .reveal_component("c1", algorithm, component)
            .unwrap();
        assert_eq!(hex::encode_upper(clear.expose()), hex);
    }
    let mut sum = [0u8; 16];
    for hex in parts {
        for (octet, part) in sum.iter_mut().zip(unhex(hex)) {
            *octet ^= part;
        }
    }
    let expected = CheckValue {
        method: CheckMethod::Ecb,
        octets: unhex(&common_openssl::des_check_value(&hex::encode_upper(sum))),
    };
    let wrong = CheckValue {
        octets: vec![1, 2, 3],
        ..expected.clone()
    };
    let short = CheckValue {
        octets: expected.octets[..2].to_vec(),
        ..expected.clone()
    };
    for bad in [&wrong, &short] {
        let refused = custody.combine("c1", &sealed, &cvk("bank.cvk@1"), Some(bad));
        assert_eq!(code(refused), "R1373");
        assert_eq!(custody.key("bank.cvk@1").unwrap(), None, "nothing is kept");
    }
    let facts = custody
        .combine("c1", &sealed, &cvk("bank.cvk@1"), Some(&expected))
        .unwrap();
    assert_eq!(facts.check_values, [expected]);
}

// FIPS 197's example keys; their CMAC check values are NIST SP 800-38B's subkey inputs, computed
// here by OpenSSL.
#[test]
fn aes_components_have_cmac_check_values() {
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    for (algorithm, hex) in [
        (KeyAlgorithm::Aes128, "2B7E151628AED2A6ABF7158809CF4F3C"),
        (
            KeyAlgorithm::Aes256,
            "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4",
        ),
    ] {
        let sealed = typed(custody.as_mut(), "c", algorithm, hex);
        assert_eq!(
            hex::encode_upper(&sealed.check_value.octets),
            common_openssl::cmac_check_value(hex)
        );
    }
}

#[test]
fn components_that_do_not_make_a_key_are_refused() {
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    let algorithm = KeyAlgorithm::Tdes2;
    let first = custody.new_component("c1", algorithm).unwrap();
    let second = custody.new_component("c1", algorithm).unwrap();
    let stranger = custody.new_component("c2", algorithm).unwrap();
    let longer = custody.new_component("c1", KeyAlgorithm::Tdes3).unwrap();
    let mut relabelled = second.clone();
    relabelled.check_value.octets[0] ^= 1;
    let mut changed = second.clone();
    *changed.blob.last_mut().unwrap() ^= 1;
    for list in [
        vec![first.clone()],
        vec![first.clone(); 6],
        vec![first.clone(), first.clone()],
        vec![first.clone(), stranger],
        vec![first.clone(), longer],
        vec![first.clone(), relabelled],
        vec![first.clone(), changed],
    ] {
        let refused = custody.combine("c1", &list, &cvk("bank.cvk@1"), None);
        assert_eq!(code(refused), "R1372");
    }
    let clear = |hex: &str| SecretBytes::new(unhex(hex));
    for (hex, expected) in [
        ("0123456789ABCDEFFEDCBA98765432", "R1376"),
        ("0023456789ABCDEFFEDCBA9876543210", "R1376"),
        ("01010101010101010101010101010101", "R1372"),
        ("0123456789ABCDEF0123456789ABCDEF", "R1372"),
    ] {
        let refused = custody.take_component("c1", algorithm, &clear(hex));
        assert_eq!(code(refused), expected, "{hex}");
    }
    // Two components whose sum has equal halves.
    let one = typed(
        custody.as_mut(),
        "c1",
        algorithm,
        "0123456789ABCDEFFEDCBA9876543210",
    );
    let two = typed(
        custody.as_mut(),
        "c1",
        algorithm,
        "0123456789ABCDEFFEDCBA9876543211"
            .replace("11", "13")
            .as_str(),
    );
    let refused = custody.combine("c1", &[one, two], &cvk("bank.cvk@1"), None);
    assert_eq!(code(refused), "R1372", "a weak sum");
    assert_eq!(
        code(custody.new_component("c1", KeyAlgorithm::P256)),
        "R1314"
    );
    assert!(custody.keys().unwrap().is_empty());
}

#[test]
fn a_key_taken_apart_is_joined_again_elsewhere() {
    let (here, there) = (hsm(), SoftHsm::in_memory([7; 32]).unwrap());
    let mut here = here.open_custody().unwrap();
    let mut there = there.open_custody().unwrap();
    for (algorithm, count) in [
        (KeyAlgorithm::Tdes2, 2),
        (KeyAlgorithm::Tdes3, 3),
        (KeyAlgorithm::Aes256, 5),
    ] {
        let label = format!("bank.key_{}@1", algorithm.name());
        let key = new(&label, algorithm, KeyUse::CardVerification);
        let facts = here.generate(&key).unwrap();
        let parts = here.split("out", &label, count).unwrap();
        assert_eq!(parts.len(), count);
        let taken: Vec<_> = parts
            .iter()
            .map(|part| {
                let clear = here.reveal_component("out", algorithm, part).unwrap();
                there.take_component("in", algorithm, &clear).unwrap()
            })
            .collect();
        let joined = there.combine("in", &taken, &key, None).unwrap();
        assert_eq!(joined.check_values, facts.check_values);
    }
    let fixed = NewKey {
        exportability: Exportability::NonExportable,
        ..cvk("bank.fixed@1")
    };
    here.generate(&fixed).unwrap();
    assert_eq!(code(here.split("out", "bank.fixed@1", 2)), "R1374");
    assert_eq!(code(here.split("out", "bank.key_tdes2@1", 6)), "R1372");
    assert_eq!(code(here.split("out", "nobody@1", 2)), "R1370");
}

#[test]
fn the_same_octets_have_one_use() {
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    let algorithm = KeyAlgorithm::Tdes2;
    let parts = [
        custody.new_component("c1", algorithm).unwrap(),
        custody.new_component("c1", algorithm).unwrap(),
    ];
    custody
        .combine("c1", &parts, &cvk("bank.cvk@1"), None)
        .unwrap();
    let other = new("bank.imk_ac@1", algorithm, KeyUse::EmvApplicationCryptogram);
    assert_eq!(code(custody.combine("c1", &parts, &other, None)), "R1302");
    assert_eq!(custody.key("bank.imk_ac@1").unwrap(), None);
}

#[test]
fn an_issuer_key_signs_records_and_requests_only() {
    use cardwright_ports::custody::Signing;
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    let rsa = KeyAlgorithm::Rsa {
        bits: 1152,
        exponent: 3,
    };
    custody
        .generate(&new("bank.issuer@1", rsa, KeyUse::EmvIssuerPrivate))
        .unwrap();
    let PublicKey::Rsa { modulus, exponent } = custody.public_key("bank.issuer@1").unwrap() else {
        unreachable!("an RSA key")
    };
    let mut record = vec![0x11; 144];
    record[0] = 0x6A;
    record[143] = 0xBC;
    record[14..114].copy_from_slice(&modulus[..100]);
    let sign = |custody: &mut dyn KeyCustody, record: &[u8]| {
        custody.sign("bank.issuer@1", &Signing::IssuerRecord { record })
    };
    let signed = sign(custody.as_mut(), &record).unwrap();
    let opened = cardwright_standards::emv::rsa::public_operation(&modulus, exponent, &signed);
    assert_eq!(opened.unwrap(), record);
    // Header and trailer, then EMV's own formats (static data, ICC and issuer certificates, dynamic
    // data, 09 and 0F of others), then a record that names another key.
    let frame = [(0, 0x11), (0, 0x6B), (0, 0xFF), (0, 0x00), (143, 0xBB)];
    let formats = (0x00..0x11).map(|format| (1, format));
    for (place, octet) in frame.into_iter().chain(formats).chain([(14, !modulus[0])]) {
        let mut other = record.clone();
        other[place] = octet;
        assert_eq!(
            code(sign(custody.as_mut(), &other)),
            "R1307",
            "{place} {octet:02X}"
        );
    }
    assert_eq!(code(sign(custody.as_mut(), &record[1..])), "R1307");
    custody.generate(&cvk("bank.cvk@1")).unwrap();
    let message = Signing::Sha256 { message: b"m" };
    assert_eq!(code(custody.sign("bank.cvk@1", &message)), "R1302");
    assert_eq!(code(custody.sign("nobody@1", &message)), "R1370");
    assert_eq!(code(custody.public_key("bank.cvk@1")), "R1314");
}

/// Check values by OpenSSL's command line.
mod common_openssl {
    use std::process::Command;

    fn run(arguments: &[&str], input: &[u8]) -> Vec<u8> {
        use std::io::Write;
        use std::process::Stdio;
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("OpenSSL is needed: install package openssl");
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    pub(super) fn des_check_value(key: &str) -> String {
        let made = run(&["enc", "-des-ede", "-nopad", "-K", key], &[0; 8]);
        hex::encode_upper(&made[..3])
    }

    pub(super) fn cmac_check_value(key: &str) -> String {
        let cipher = format!("cipher:AES-{}-CBC", key.len() * 4);
        let hexkey = format!("hexkey:{key}");
        let arguments = [
            "mac", "-macopt", &cipher, "-macopt", &hexkey, "-in", "-", "CMAC",
        ];
        let text = String::from_utf8(run(&arguments, &[0; 16])).unwrap();
        text.trim().chars().take(10).collect()
    }
}

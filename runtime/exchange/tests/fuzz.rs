//! The fuzz targets' bodies over their corpus, over changed entries of it and over random octets.
//!
//! `UPDATE_CORPUS=1` writes the corpus anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

#[path = "../../../tests/fuzz/bodies.rs"]
#[allow(
    missing_docs,
    unreachable_pub,
    reason = "shared with the fuzz programs"
)]
mod bodies;

use cardwright_exchange::issuer::Month;
use cardwright_exchange::issuer::forms::RequestFields;
use cardwright_exchange::issuer::request::{self, OpenFields};
use cardwright_exchange::issuer::test_ca::TestCa;
use cardwright_exchange::tr34::{self, Binding, ContentCipher, Delivery, Freshness, KeyToken};
use cardwright_exchange::{OaepHash, RsaPrivate};
use cardwright_standards::keyblock::{self, Attributes, Header};
use cardwright_standards::{key_wrap, legacy_wrap};
use common::{Counter, Pki, openssl, today, trust};
use std::path::PathBuf;

/// Changed inputs of each entry of the corpus.
const CHANGES: u64 = 300;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus")
}

/// Entries of a target's corpus.
fn entries(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(corpus().join(target))
        .expect("a corpus")
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let entries: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!entries.is_empty(), "{target} has no corpus");
    entries
}

/// A generator of numbers that depends on nothing but its beginning.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// One of the changes that a fuzzer makes.
fn changed(entry: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut octets = entry.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(octets.len());
        match dice.below(7) {
            0 => octets.truncate(at),
            1 => octets.insert(at.min(octets.len()), dice.below(256) as u8),
            2 if !octets.is_empty() => drop(octets.remove(at)),
            3 => {
                let part = &other[dice.below(other.len())..];
                octets.extend_from_slice(&part[..dice.below(part.len())]);
            }
            4 if !octets.is_empty() => {
                let values = [0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF, b'0', b'F'];
                octets[at] = values[dice.below(values.len())];
            }
            _ if !octets.is_empty() => octets[at] ^= 1 << dice.below(8),
            _ => {}
        }
    }
    octets
}

#[test]
fn corpus_and_changes_of_it() {
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        write_corpus();
    }
    for (name, body) in bodies::TARGETS {
        let entries = entries(name);
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        for (entry, number) in entries.iter().zip(0..) {
            body(entry);
            for at in (0..entry.len()).step_by(1 + entry.len() / 64) {
                body(&entry[..at]);
            }
            let other = &entries[(number + 1) % entries.len()];
            for _ in 0..CHANGES {
                body(&changed(entry, other, &mut dice));
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn random_octets(octets: Vec<u8>) {
        for (_, body) in bodies::TARGETS {
            body(&octets);
        }
    }

    #[test]
    fn random_blocks(
        head in "[A-F][0-9]{4}[A-Z][0-9][ADEHIJRST][BCDEGNSVXY][0-9c][0-9][ENS]0[0-4][0-2]0",
        blocks in "(AL|BI|CT|DA|FL|HM|IK|KC|KP|KS|LB|PB|PK|TC|TS|WP|10)(0[0-9A-F]|1[0-9A-F]|000[12][0-9A-F]{2,4})[ -~]{0,40}",
        tail in "[0-9A-F]{0,96}",
    ) {
        bodies::key_block(format!("{head}{blocks}{tail}").as_bytes());
    }
}

/// Valid inputs of every kind.
fn write_corpus() {
    let write = |target: &str, name: &str, octets: &[u8]| {
        let folder = corpus().join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), octets).unwrap();
    };
    let pki = Pki::get();
    for name in ["ca", "kdh", "krd"] {
        let octets = pki.certificate(name).to_der().unwrap();
        write("certificate", &format!("{name}.der"), &octets);
    }
    let list = std::fs::read(pki.path("crl.der")).unwrap();
    write("certificate", "crl.der", &list);
    write_tokens(pki, &write);
    write_issuer(pki, &write);
    for (number, header) in [
        "A0000P0TE00E0000",
        "B0000K0TB00S0100LB08here",
        "C0000B1TX00S0100KS1800604B120F9292800000",
        "D0000P0AE00E0200KC0A0000AAKP0A0000AA",
        "D0000M7HC01N0200HM0621TS1320260131235959Z",
        "D0000E0AXc1N020010080000WP07003",
        "E0000V2TC00E0020",
    ]
    .iter()
    .enumerate()
    {
        let header = Header::from_text(header).unwrap();
        let attributes = Attributes::parse(&header).unwrap();
        let fill = vec![0x5A; keyblock::fill_octets(&header, 16).unwrap()];
        let kbpk = *b"\xFE\x01key of no bank";
        let block = keyblock::seal(&kbpk, &attributes, b"another key here", &fill).unwrap();
        write("key_block", &format!("{number}.txt"), block.as_bytes());
    }
    let kek = *b"\xFE\x01key of no bank";
    let key = *b"another key here";
    write(
        "wrapped_key",
        "rfc3394.bin",
        &key_wrap::wrap(&kek, &key).unwrap(),
    );
    write(
        "wrapped_key",
        "rfc5649.bin",
        &key_wrap::wrap_padded(&kek, &key[..13]).unwrap(),
    );
    let legacy = legacy_wrap::wrap(legacy_wrap::LegacyForm::Ecb, &kek, &key).unwrap();
    write("wrapped_key", "ecb.bin", &legacy);
}

fn write_tokens(pki: &Pki, write: &dyn Fn(&str, &str, &[u8])) {
    let attributes = Attributes::parse(&Header::from_text("B0000K1TB00N0000").unwrap()).unwrap();
    let (kdh, krd) = (pki.certificate("kdh"), pki.certificate("krd"));
    let (anchors, lists) = ([pki.certificate("ca")], [pki.revocations()]);
    let freshness = [Freshness::Nonce(&[0; 8]), Freshness::Time(common::now())];
    for (freshness, name) in freshness.into_iter().zip(["two.der", "one.der"]) {
        let delivery = Delivery {
            attributes: &attributes,
            freshness,
            kdh: &kdh,
            krd: &krd,
            cipher: ContentCipher::Aes128,
            hash: OaepHash::Sha256,
            revocations: &lists,
            exception: None,
            today: today(),
        };
        let token = KeyToken {
            delivery,
            key: b"another key here and now",
        };
        let token = tr34::key_token(&token, &pki.key("kdh"), &trust(&anchors), &mut Counter(1));
        write("key_token", name, &token.unwrap());
    }
    write(
        "key_token",
        "random.der",
        &tr34::random_token(&[0; 8]).unwrap(),
    );
    write(
        "key_token",
        "credential.der",
        &tr34::credential_token(&kdh, &lists).unwrap(),
    );
    let binding = Binding {
        krd: &krd,
        kdh: &kdh,
    };
    let unbind = tr34::unbind_token(&binding, &[0; 8], &pki.key("kdh")).unwrap();
    write("key_token", "unbind.der", &unbind);
    let rebind = tr34::rebind_token(&binding, &kdh, &[0; 8], &pki.key("kdh")).unwrap();
    write("key_token", "rebind.der", &rebind);
}

fn write_issuer(pki: &Pki, write: &dyn Fn(&str, &str, &[u8])) {
    let options = ["rsa_keygen_bits:1152", "rsa_keygen_pubexp:3"];
    let arguments = [
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        options[0],
        "-pkeyopt",
        options[1],
        "-out",
        "issuer.key",
    ];
    openssl(pki.folder(), &arguments);
    let key = pki.key("issuer");
    let rid = [0xF0, 0, 0, 0, 0x92];
    let fields = OpenFields {
        organization: "Aurora Bank".into(),
        rid,
        ca_index: 0x92,
        request: RequestFields {
            issuer_identifier: "999992".into(),
            expiry: Month::new(2031, 12).unwrap(),
            tracking: [0, 0, 1],
            service: [1, 1, 0, 0],
            key_index: [0, 0, 1],
        },
    };
    let asked = request::make(&fields, &key).unwrap();
    let length = u16::try_from(asked.pkcs10.len()).unwrap().to_be_bytes();
    let both = [&length[..], &asked.pkcs10, &asked.record].concat();
    write("request", "open.bin", &both);
    let ca = TestCa {
        rid,
        index: 0x92,
        key: &key,
        expiry: Month::new(2032, 12).unwrap(),
    };
    let file = ca.certify(&request::read(&asked).unwrap()).unwrap();
    write("issuer_certificate", "rsa.tlv", &file.to_tlv().unwrap());
    let certificate = cardwright_exchange::issuer::ecc::EccIssuerCertificate {
        issuer_identifier: "999992".into(),
        expiry: (2031, 12, 31),
        serial: [0, 0, 1],
        rid,
        ca_index: 0x92,
        x: cardwright_exchange::issuer::ecc::public_x(&[0x22; 32]).unwrap(),
    };
    let fields = certificate.fields().unwrap();
    let signature = cardwright_exchange::issuer::ecc::sign(&[0x21; 32], &[0x33; 32], &fields);
    let octets = certificate.with_signature(&signature.unwrap()).unwrap();
    write("issuer_certificate", "ecc.bin", &octets);
    let mut keys = cardwright_exchange::issuer::ca_keys::CaKeys::default();
    keys.add(ca.ca_key()).unwrap();
    write("ca_keys", "one.txt", keys.to_text().as_bytes());
    assert_eq!(key.public_key().bits(), 1152);
}

//! Keys under RSA and under agreed keys, with OpenSSL on the other side.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_exchange::agreement::{self, Agreed, Derivation, MemoryKey, Terms};
use cardwright_exchange::{EcdhPrivate, OaepHash, RsaPrivate, oaep_decode, transport};
use cardwright_standards::hex;
use cardwright_standards::keyblock::Algorithm;
use common::{Counter, Pki, TestKey, openssl, today, trust};

const KEY: [u8; 24] = *b"\x01key of no bank at all\x02\x03";

#[test]
fn oaep_both_ways_with_openssl() {
    let pki = Pki::get();
    let anchors = [pki.certificate("ca")];
    let key = pki.key("krd");
    for (hash, name) in [(OaepHash::Sha1, "sha1"), (OaepHash::Sha256, "sha256")] {
        let wrapped = transport::wrap(
            &pki.certificate("krd"),
            &trust(&anchors),
            hash,
            (Algorithm::Tdes, &KEY[..]),
            (None, today()),
            &mut Counter(3),
        );
        let wrapped = wrapped.unwrap();
        let opened = transport::unwrap(&key, hash, Algorithm::Tdes, &wrapped).unwrap();
        assert_eq!(*opened, KEY);
        // OpenSSL opens ours.
        std::fs::write(pki.path("wrapped.bin"), &wrapped).unwrap();
        let (digest, mask) = (format!("rsa_oaep_md:{name}"), format!("rsa_mgf1_md:{name}"));
        let options = [
            "-pkeyopt",
            "rsa_padding_mode:oaep",
            "-pkeyopt",
            &digest,
            "-pkeyopt",
            &mask,
        ];
        let arguments = [
            "pkeyutl",
            "-decrypt",
            "-inkey",
            "krd.key",
            "-in",
            "wrapped.bin",
        ];
        let clear = openssl(pki.folder(), &[&arguments[..], &options].concat());
        assert_eq!(clear, KEY);
        // We open OpenSSL's.
        std::fs::write(pki.path("key.bin"), KEY).unwrap();
        let arguments = [
            "pkeyutl", "-encrypt", "-certin", "-inkey", "krd.pem", "-in", "key.bin",
        ];
        let theirs = openssl(pki.folder(), &[&arguments[..], &options].concat());
        let opened = transport::unwrap(&key, hash, Algorithm::Tdes, &theirs).unwrap();
        assert_eq!(*opened, KEY);
        // What an HSM with the bare operation gives is decoded as well.
        let block = key.raw(&theirs).unwrap();
        assert_eq!(*oaep_decode(hash, &block).unwrap(), KEY);
        for at in 0..block.len() {
            let mut changed = block.clone();
            changed[at] ^= 1;
            assert_eq!(
                oaep_decode(hash, &changed).err().unwrap().code(),
                "R1395",
                "{at}"
            );
        }
        refused(pki, &key, hash, &theirs);
    }
    let strong = transport::wrap(
        &pki.certificate("krd"),
        &trust(&anchors),
        OaepHash::Sha256,
        (Algorithm::Aes, &[5; 16][..]),
        (None, today()),
        &mut Counter(3),
    );
    assert_eq!(strong.err().unwrap().code(), "E0598");
}

fn refused(pki: &Pki, key: &TestKey, hash: OaepHash, theirs: &[u8]) {
    // Another hash, another algorithm, another key, cut.
    let other = if hash == OaepHash::Sha1 {
        OaepHash::Sha256
    } else {
        OaepHash::Sha1
    };
    assert!(transport::unwrap(key, other, Algorithm::Tdes, theirs).is_err());
    let aes = transport::unwrap(key, hash, Algorithm::Rsa, theirs);
    assert_eq!(aes.err().unwrap().code(), "E0596");
    let elsewhere = transport::unwrap(&pki.key("krd2"), hash, Algorithm::Tdes, theirs);
    assert_eq!(elsewhere.err().unwrap().code(), "R1395");
    // Cut, longer, and numbers that are no residue of the modulus.
    let modulus = key.public_key().modulus();
    let mut longer = vec![0];
    longer.extend_from_slice(theirs);
    let beyond = vec![0xFF; modulus.len()];
    for wrong in [&theirs[1..], &longer, modulus, &beyond, &[]] {
        let refused = transport::unwrap(key, hash, Algorithm::Tdes, wrong);
        assert_eq!(refused.err().unwrap().code(), "R1395", "{wrong:02X?}");
    }
}

/// NIST's examples of the derivation.
const X963: &str = include_str!("../../../tests/vectors/agreement/x963.toml");

#[test]
fn the_derivation_of_x9_63() {
    let file: toml::Table = X963.parse().unwrap();
    let cases = file["case"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let octets = |name: &str| hex::decode(case[name].as_str().unwrap()).unwrap();
        let (agreed, expected) = (octets("agreed"), octets("key"));
        let information = octets("information");
        let length = expected.len();
        let key = agreement::derive(Derivation::X963, &agreed, &information, length).unwrap();
        assert_eq!(*key, expected);
    }
    let agreed = hex::decode(cases[0]["agreed"].as_str().unwrap()).unwrap();
    let pki = Pki::get();
    for (derivation, name) in [
        (Derivation::X963, "X963KDF"),
        (Derivation::OneStep, "SSKDF"),
    ] {
        for octets in [16usize, 24, 32] {
            let ours = agreement::derive(derivation, &agreed, b"KDH and KRD", octets).unwrap();
            let (length, info) = (octets.to_string(), "info:KDH and KRD");
            let secret = format!("hexsecret:{}", hex::encode(&agreed));
            let arguments = [
                "kdf",
                "-keylen",
                &length,
                "-kdfopt",
                "digest:SHA256",
                "-kdfopt",
                &secret,
                "-kdfopt",
                info,
                "-binary",
                name,
            ];
            assert_eq!(*ours, openssl(pki.folder(), &arguments), "{name} {octets}");
        }
    }
    assert!(agreement::derive(Derivation::X963, &agreed, &[], 33).is_err());
}

const DERIVATIONS: [(Derivation, usize, &str); 2] = [
    (Derivation::X963, 16, "X963KDF"),
    (Derivation::OneStep, 32, "SSKDF"),
];

fn terms(derivation: Derivation, wrapping_octets: usize) -> Terms<'static> {
    Terms {
        derivation,
        wrapping_octets,
        information: b"KDH and KRD",
    }
}

/// A key on P-256 of OpenSSL; its point.
fn generate(pki: &Pki, name: &str) -> Vec<u8> {
    let (key, public) = (format!("{name}.key"), format!("{name}.spki"));
    let curve = ["-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key];
    let arguments = [&["genpkey", "-algorithm", "EC"][..], &curve].concat();
    openssl(pki.folder(), &arguments);
    let arguments = [
        "pkey", "-in", &key, "-pubout", "-outform", "DER", "-out", &public,
    ];
    openssl(pki.folder(), &arguments);
    // The point is the end of the SubjectPublicKeyInfo.
    let octets = std::fs::read(pki.path(&public)).unwrap();
    octets[octets.len() - 65..].to_vec()
}

/// What OpenSSL agrees on with its key and another's point.
fn agreed_by_openssl(pki: &Pki, name: &str, point: &[u8]) -> Vec<u8> {
    let info = [&spki_head()[..], point].concat();
    std::fs::write(pki.path("peer.spki"), info).unwrap();
    let key = format!("{name}.key");
    let peer = ["-peerkey", "peer.spki", "-peerform", "DER"];
    let arguments = [&["pkeyutl", "-derive", "-inkey", &key][..], &peer].concat();
    openssl(pki.folder(), &arguments)
}

#[test]
fn openssl_opens_an_agreed_key() {
    let pki = Pki::get();
    let point = generate(pki, "ec_partner");
    for (derivation, octets, name) in DERIVATIONS {
        let sent = agreement::wrap(
            &terms(derivation, octets),
            &point,
            (Algorithm::Aes, &[0x5C; 16][..]),
            (None, today()),
            &mut Counter(11),
        );
        let sent = sent.unwrap();
        let agreed = agreed_by_openssl(pki, "ec_partner", &sent.point);
        let (secret, length) = (
            format!("hexsecret:{}", hex::encode(&agreed)),
            octets.to_string(),
        );
        let arguments = [
            "kdf",
            "-keylen",
            &length,
            "-kdfopt",
            "digest:SHA256",
            "-kdfopt",
            &secret,
            "-kdfopt",
            "info:KDH and KRD",
            "-binary",
            name,
        ];
        let wrapping = openssl(pki.folder(), &arguments);
        let key = cardwright_standards::key_wrap::unwrap_padded(&wrapping, &sent.wrapped);
        assert_eq!(*key.unwrap(), [0x5C; 16]);
    }
    let stronger = (Algorithm::Aes, &[1; 32][..]);
    let terms = terms(Derivation::X963, 32);
    let strong = agreement::wrap(&terms, &point, stronger, (None, today()), &mut Counter(1));
    assert_eq!(strong.err().unwrap().code(), "E0598");
}

#[test]
fn an_agreed_key_of_openssl_and_what_is_refused() {
    let pki = Pki::get();
    let receiver = MemoryKey::from_scalar(&[0x17; 32]).unwrap();
    let ephemeral = generate(pki, "ec_ephemeral");
    let agreed = agreed_by_openssl(pki, "ec_ephemeral", receiver.public_point());
    assert_eq!(*receiver.agree(&ephemeral).unwrap(), agreed);
    for (derivation, octets, _) in DERIVATIONS {
        let terms = terms(derivation, octets);
        let wrapping = agreement::derive(derivation, &agreed, terms.information, octets).unwrap();
        let wrapped = cardwright_standards::key_wrap::wrap_padded(&wrapping, &[0x5C; 16]).unwrap();
        let mut received = Agreed {
            point: ephemeral.clone(),
            wrapped,
        };
        let open = |terms: &Terms<'_>, received: &Agreed| {
            agreement::unwrap(terms, &receiver, Algorithm::Aes, received)
        };
        assert_eq!(*open(&terms, &received).unwrap(), [0x5C; 16]);
        let other = Terms {
            information: b"KDH and another",
            ..terms
        };
        assert_eq!(open(&other, &received).err().unwrap().code(), "E0599");
        let rsa = agreement::unwrap(&terms, &receiver, Algorithm::Rsa, &received);
        assert_eq!(rsa.err().unwrap().code(), "E0596");
        // A point that is not on the curve; its own point.
        received.point[40] ^= 1;
        assert_eq!(open(&terms, &received).err().unwrap().code(), "R1390");
        received.point = receiver.public_point().to_vec();
        assert_eq!(open(&terms, &received).err().unwrap().code(), "R1390");
    }
}

/// SubjectPublicKeyInfo of P-256 up to the point.
fn spki_head() -> Vec<u8> {
    hex::decode("3059301306072A8648CE3D020106082A8648CE3D030107034200").unwrap()
}

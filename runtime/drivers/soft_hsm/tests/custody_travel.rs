//! Keys that travel: published blocks and wraps come in, OpenSSL opens what goes out, and every
//! changed octet is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use cardwright_ports::custody::{
    CheckValue, CustodyHsm, Exportability, KeyAlgorithm, KeyCustody, NewKey, OaepHash, PublicKey,
    Signing, Wrapping,
};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::{cipher, keyblock};
use common::{code, hsm, request, unhex};
use std::path::Path;
use std::process::Command;

fn new(label: &str, algorithm: KeyAlgorithm, usage: KeyUse) -> NewKey<'_> {
    NewKey {
        label,
        algorithm,
        usage,
        exportability: Exportability::Exportable,
    }
}

fn with_key(name: &str, algorithm: &str, usage: KeyUse, hex: &str) -> SoftHsm {
    let hsm = hsm();
    hsm.add_test_key(&request(name, algorithm, usage), &unhex(hex))
        .unwrap();
    hsm
}

fn ecb(octets: &[u8]) -> CheckValue {
    CheckValue {
        method: CheckMethod::Ecb,
        octets: octets.to_vec(),
    }
}

/// Every run of `openssl` in a folder; a failure shows what it said.
fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("OpenSSL is needed: install package openssl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
    output.stdout
}

// ASC X9 TR-31-2018, A.7.4 (version D) and A.7.2.1 (version B): protection key, block, key.
const BLOCK_D: (&str, &str, &str) = (
    "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
    "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34",
    "3F419E1CB7079442AA37474C2EFBF8B8",
);
const BLOCK_B: (&str, &str, &str) = (
    "DD7515F2BFC17F85CE48F3CA25CB21F6",
    "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
    "3F419E1CB7079442AA37474C2EFBF8B8",
);

fn import_block(
    custody: &mut dyn KeyCustody,
    block: &str,
    header: &str,
    key: &NewKey<'_>,
    expected: Option<&CheckValue>,
) -> &'static str {
    let wrapping = Wrapping::KeyBlock { header };
    code(custody.unwrap(block.as_bytes(), "kbpk@1", &wrapping, key, expected))
}

#[test]
fn published_blocks_come_in_and_go_out_again() {
    for (version, (kbpk, block, key), algorithm, named) in [
        ('D', BLOCK_D, KeyAlgorithm::Aes128, "aes256"),
        ('B', BLOCK_B, KeyAlgorithm::Tdes2, "tdes2"),
    ] {
        let hsm = with_key("kbpk@1", named, KeyUse::KeyBlockProtection, kbpk);
        let mut custody = hsm.open_custody().unwrap();
        let zpk = new("bank.zpk@1", algorithm, KeyUse::PinEncryption);
        let header = &block[..16];
        let value = check_value(algorithm, key);
        let done = import_block(custody.as_mut(), block, header, &zpk, Some(&value));
        assert_eq!(done, "accepted", "version {version}");
        let out = custody
            .wrap("bank.zpk@1", "kbpk@1", &Wrapping::KeyBlock { header })
            .unwrap();
        let opened = keyblock::unwrap(&unhex(kbpk), std::str::from_utf8(&out).unwrap()).unwrap();
        let mut octets = unhex(key);
        if algorithm.has_parity() {
            cardwright_standards::des_keys::set_odd_parity(&mut octets);
        }
        assert_eq!(opened.key.as_slice(), octets);
        assert_eq!(opened.header.usage, "P0");
    }
}

fn check_value(algorithm: KeyAlgorithm, key: &str) -> CheckValue {
    use cardwright_standards::kcv;
    let (cipher, method, named) = if algorithm.has_parity() {
        (kcv::Algorithm::Tdes, kcv::Method::Ecb, CheckMethod::Ecb)
    } else {
        (kcv::Algorithm::Aes, kcv::Method::Cmac, CheckMethod::Cmac)
    };
    CheckValue {
        method: named,
        octets: kcv::check_value(cipher, method, &unhex(key)).unwrap(),
    }
}

#[test]
fn a_block_changed_at_any_character_is_refused_and_nothing_kept() {
    let (kbpk, block, _) = BLOCK_D;
    let hsm = with_key("kbpk@1", "aes256", KeyUse::KeyBlockProtection, kbpk);
    let mut custody = hsm.open_custody().unwrap();
    let zpk = new("bank.zpk@1", KeyAlgorithm::Aes128, KeyUse::PinEncryption);
    for place in 0..block.len() {
        let mut changed = block.as_bytes().to_vec();
        changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        // Whoever accepts the header as it stands in the block, and whoever knows the true one.
        for header in [&changed[..16], &block[..16]] {
            let done = import_block(custody.as_mut(), &changed, header, &zpk, None);
            assert!(matches!(done, "R1374" | "R1375"), "{place}: {done}");
        }
        let done = import_block(custody.as_mut(), &block[..place], &block[..16], &zpk, None);
        assert_eq!(done, "R1375", "cut at {place}");
    }
    assert_eq!(custody.keys().unwrap().len(), 1);
}

#[test]
fn header_and_key_must_agree() {
    let (kbpk, block, _) = BLOCK_D;
    let hsm = with_key("kbpk@1", "aes256", KeyUse::KeyBlockProtection, kbpk);
    let mut custody = hsm.open_custody().unwrap();
    let header = &block[..16];
    let import = |custody: &mut dyn KeyCustody, key: &NewKey<'_>| {
        import_block(custody, block, header, key, None)
    };
    let zpk = |algorithm| new("bank.zpk@1", algorithm, KeyUse::PinEncryption);
    let cvk = new("bank.zpk@1", KeyAlgorithm::Aes128, KeyUse::CardVerification);
    assert_eq!(import(custody.as_mut(), &cvk), "R1374", "another use");
    let tdes = zpk(KeyAlgorithm::Tdes2);
    assert_eq!(
        import(custody.as_mut(), &tdes),
        "R1374",
        "another algorithm"
    );
    let longer = zpk(KeyAlgorithm::Aes192);
    assert_eq!(import(custody.as_mut(), &longer), "R1376", "another length");
    let freer = NewKey {
        exportability: Exportability::Sensitive,
        ..zpk(KeyAlgorithm::Aes128)
    };
    assert_eq!(import(custody.as_mut(), &freer), "R1374", "more freedom");
    let wrong = ecb(&[1, 2, 3]);
    let key = zpk(KeyAlgorithm::Aes128);
    let done = import_block(custody.as_mut(), block, header, &key, Some(&wrong));
    assert_eq!(done, "R1373");
    assert_eq!(custody.keys().unwrap().len(), 1, "nothing was kept");
}

#[test]
fn keys_leave_only_as_they_may() {
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    let mut make = |label: &str, algorithm, usage, exportability| {
        let key = NewKey {
            label,
            algorithm,
            usage,
            exportability,
        };
        custody.generate(&key).unwrap();
    };
    use Exportability::{Exportable, NonExportable, Sensitive};
    use KeyAlgorithm::{Aes128, Aes256, Tdes2, Tdes3};
    make("kbpk@1", Aes128, KeyUse::KeyBlockProtection, NonExportable);
    make(
        "old.kbpk@1",
        Tdes2,
        KeyUse::KeyBlockProtection,
        NonExportable,
    );
    make("kek@1", Tdes2, KeyUse::Transport, NonExportable);
    make("fixed@1", Tdes2, KeyUse::CardVerification, NonExportable);
    make("free@1", Tdes2, KeyUse::CardVerification, Exportable);
    make("loose@1", Tdes2, KeyUse::CardVerification, Sensitive);
    make("strong@1", Tdes3, KeyUse::PinEncryption, Sensitive);
    make("stronger@1", Aes256, KeyUse::CardIssuance, Sensitive);
    let d = |header| Wrapping::KeyBlock { header };
    let cvk = d("D0000C0TC00E0000");
    for (label, under, wrapping, expected) in [
        ("free@1", "kbpk@1", cvk, "accepted"),
        ("free@1", "kbpk@1", d("D0000C0TC00N0000"), "accepted"),
        ("free@1", "old.kbpk@1", d("B0000C0TC00E0000"), "accepted"),
        ("loose@1", "kek@1", Wrapping::LegacyEcb, "accepted"),
        ("loose@1", "kek@1", Wrapping::LegacyCbc, "accepted"),
        ("fixed@1", "kbpk@1", cvk, "R1374"),
        ("free@1", "kek@1", Wrapping::LegacyEcb, "R1374"),
        ("free@1", "kek@1", cvk, "R1374"),
        (
            "free@1",
            "kek@1",
            Wrapping::AesKeyWrap { padded: true },
            "R1374",
        ),
        ("free@1", "loose@1", Wrapping::LegacyEcb, "R1374"),
        ("strong@1", "kek@1", Wrapping::LegacyEcb, "R1374"),
        ("stronger@1", "kbpk@1", d("D0000E5AX00E0000"), "R1374"),
        ("free@1", "kbpk@1", d("D0000C0TC00S0000"), "R1374"),
        ("free@1", "kbpk@1", d("D0000P0TE00E0000"), "R1374"),
        ("free@1", "kbpk@1", d("D0000C0AC00E0000"), "R1374"),
        ("free@1", "kbpk@1", d("B0000C0TC00E0000"), "R1374"),
        ("free@1", "old.kbpk@1", cvk, "R1374"),
        ("free@1", "kbpk@1", d("nonsense"), "R1374"),
        ("free@1", "nobody@1", cvk, "R1370"),
        ("nobody@1", "kbpk@1", cvk, "R1370"),
    ] {
        let done = custody.wrap(label, under, &wrapping);
        assert_eq!(code(done), expected, "{label} under {under}: {wrapping:?}");
    }
}

// RFC 3394, 4.1, 4.3 and 4.6.
#[test]
fn aes_key_wrap_is_that_of_rfc_3394() {
    for (named, kek, clear, wrapped, algorithm) in [
        (
            "aes128",
            "000102030405060708090A0B0C0D0E0F",
            "00112233445566778899AABBCCDDEEFF",
            "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
            KeyAlgorithm::Aes128,
        ),
        (
            "aes256",
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "00112233445566778899AABBCCDDEEFF",
            "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
            KeyAlgorithm::Aes128,
        ),
        (
            "aes256",
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
            KeyAlgorithm::Aes256,
        ),
    ] {
        let hsm = with_key("kek@1", named, KeyUse::Transport, kek);
        let mut custody = hsm.open_custody().unwrap();
        let key = new("bank.kmc@1", algorithm, KeyUse::CardIssuance);
        let value = check_value(algorithm, clear);
        let wrapping = Wrapping::AesKeyWrap { padded: false };
        let wrapped = unhex(wrapped);
        for bit in 0..wrapped.len() * 8 {
            let mut changed = wrapped.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let done = custody.unwrap(&changed, "kek@1", &wrapping, &key, None);
            assert_eq!(code(done), "R1375");
        }
        custody
            .unwrap(&wrapped, "kek@1", &wrapping, &key, Some(&value))
            .unwrap();
        assert_eq!(
            custody.wrap("bank.kmc@1", "kek@1", &wrapping).unwrap(),
            wrapped
        );
    }
}

#[test]
fn legacy_forms_are_those_of_openssl() {
    let kek = "0123456789ABCDEFFEDCBA9876543210";
    let clear = "6E2FBA6DFB7F6E8A20A8CB5286EAC485";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), unhex(clear)).unwrap();
    let hsm = with_key("kek@1", "tdes2", KeyUse::Transport, kek);
    let mut custody = hsm.open_custody().unwrap();
    for (mode, wrapping) in [
        ("des-ede -K", Wrapping::LegacyEcb),
        ("des-ede-cbc -iv 0000000000000000 -K", Wrapping::LegacyCbc),
    ] {
        let wrapped = openssl(folder.path(), &format!("enc -nopad -in key -{mode} {kek}"));
        let key = NewKey {
            exportability: Exportability::Sensitive,
            ..new("bank.cvk@1", KeyAlgorithm::Tdes2, KeyUse::CardVerification)
        };
        let value = check_value(KeyAlgorithm::Tdes2, clear);
        let mut changed = wrapped.clone();
        changed[3] ^= 0x10;
        let refused = custody.unwrap(&changed, "kek@1", &wrapping, &key, None);
        assert_eq!(code(refused), "R1376", "parity tells");
        let refused = custody.unwrap(&wrapped[..15], "kek@1", &wrapping, &key, None);
        assert_eq!(code(refused), "R1376");
        custody
            .unwrap(&wrapped, "kek@1", &wrapping, &key, Some(&value))
            .unwrap();
        assert_eq!(
            custody.wrap("bank.cvk@1", "kek@1", &wrapping).unwrap(),
            wrapped
        );
        custody.destroy("bank.cvk@1").unwrap();
    }
}

/// A private key that OpenSSL made comes in under AES key wrap with padding, as PKCS #8.
fn openssl_key(folder: &Path, hsm: &SoftHsm, kind: &str, key: &NewKey<'_>) {
    let kek = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
    let _ = hsm.add_test_key(&request("kek@1", "aes256", KeyUse::Transport), &unhex(kek));
    openssl(
        folder,
        &format!("genpkey {kind} -outform DER -out private.der"),
    );
    openssl(
        folder,
        "pkcs8 -topk8 -nocrypt -inform DER -in private.der -outform DER -out key.p8",
    );
    openssl(
        folder,
        "pkey -inform DER -in private.der -pubout -out public.pem",
    );
    let wrap = "enc -e -id-aes256-wrap-pad -iv A65959A6 -in key.p8 -K";
    let wrapped = openssl(folder, &format!("{wrap} {kek}"));
    let mut custody = hsm.open_custody().unwrap();
    let wrapping = Wrapping::AesKeyWrap { padded: true };
    custody
        .unwrap(&wrapped, "kek@1", &wrapping, key, None)
        .unwrap();
    // It goes out as the same PKCS #8 that OpenSSL reads.
    let again = custody.wrap(key.label, "kek@1", &wrapping).unwrap();
    std::fs::write(folder.join("again"), again).unwrap();
    let unwrap = "enc -d -id-aes256-wrap-pad -iv A65959A6 -in again -out again.p8 -K";
    openssl(folder, &format!("{unwrap} {kek}"));
    openssl(folder, "pkey -inform DER -in again.p8 -check -noout");
    let public = openssl(folder, "pkey -inform DER -in again.p8 -pubout");
    assert_eq!(public, std::fs::read(folder.join("public.pem")).unwrap());
}

const RSA: KeyAlgorithm = KeyAlgorithm::Rsa {
    bits: 2048,
    exponent: 65_537,
};

#[test]
fn openssl_verifies_signatures_and_takes_private_keys() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let hsm = hsm();
    for (label, kind, algorithm) in [
        (
            "site.rsa@1",
            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            RSA,
        ),
        (
            "site.ec@1",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            KeyAlgorithm::P256,
        ),
    ] {
        openssl_key(
            folder,
            &hsm,
            kind,
            &new(label, algorithm, KeyUse::PackageSigning),
        );
        let message = b"what a site says";
        let signing = Signing::Sha256 { message };
        let signature = hsm.open_custody().unwrap().sign(label, &signing).unwrap();
        std::fs::write(folder.join("message"), message).unwrap();
        std::fs::write(folder.join("signature"), signature).unwrap();
        openssl(
            folder,
            "dgst -sha256 -verify public.pem -signature signature message",
        );
    }
}

#[test]
fn private_keys_stand_in_key_blocks_as_openssl_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let kbpk = "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6";
    for (label, kind, algorithm, letter, form) in [
        (
            "site.rsa@1",
            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            RSA,
            'R',
            "rsa -check -noout -inform DER -in block.der",
        ),
        (
            "site.ec@1",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            KeyAlgorithm::P256,
            'E',
            "ec -check -noout -inform DER -in block.der",
        ),
    ] {
        let hsm = with_key("kbpk@1", "aes256", KeyUse::KeyBlockProtection, kbpk);
        let key = new(label, algorithm, KeyUse::PackageSigning);
        openssl_key(folder, &hsm, kind, &key);
        let header = format!("D0000S0{letter}S00E0000");
        let wrapping = Wrapping::KeyBlock { header: &header };
        let mut custody = hsm.open_custody().unwrap();
        let block = custody.wrap(label, "kbpk@1", &wrapping).unwrap();
        let text = std::str::from_utf8(&block).unwrap();
        let opened = keyblock::unwrap(&unhex(kbpk), text).unwrap();
        std::fs::write(folder.join("block.der"), opened.key.as_slice()).unwrap();
        openssl(folder, form);
        let read = openssl(folder, "pkey -inform DER -in block.der -pubout");
        assert_eq!(read, std::fs::read(folder.join("public.pem")).unwrap());
        if letter == 'E' {
            let written = openssl(folder, "ec -inform DER -in private.der -outform DER");
            assert_eq!(opened.key.as_slice(), written, "{label}");
        }
        let public = custody.public_key(label).unwrap();
        custody.destroy(label).unwrap();
        custody
            .unwrap(&block, "kbpk@1", &wrapping, &key, None)
            .unwrap();
        assert_eq!(custody.public_key(label).unwrap(), public);
    }
}

#[test]
fn rsa_oaep_is_that_of_openssl_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let hsm = hsm();
    let key = new("site.receive@1", RSA, KeyUse::KeyExchange);
    openssl_key(
        folder,
        &hsm,
        "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        &key,
    );
    let mut custody = hsm.open_custody().unwrap();
    let PublicKey::Rsa { modulus, exponent } = custody.public_key("site.receive@1").unwrap() else {
        unreachable!("an RSA key")
    };
    let clear = "2B7E151628AED2A6ABF7158809CF4F3C";
    std::fs::write(folder.join("clear"), unhex(clear)).unwrap();
    for (hash, named) in [(OaepHash::Sha1, "sha1"), (OaepHash::Sha256, "sha256")] {
        let options = format!("-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{named}");
        let encrypt = format!("pkeyutl -encrypt -pubin -inkey public.pem -in clear {options}");
        let wrapped = openssl(folder, &encrypt);
        let incoming = Wrapping::RsaOaep {
            receiver: (&[], 0),
            hash,
        };
        let kmc = new("bank.kmc@1", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
        let value = check_value(KeyAlgorithm::Aes128, clear);
        let mut changed = wrapped.clone();
        changed[200] ^= 1;
        let refused = custody.unwrap(&changed, "site.receive@1", &incoming, &kmc, None);
        assert_eq!(code(refused), "R1375");
        let short = custody.unwrap(&wrapped[1..], "site.receive@1", &incoming, &kmc, None);
        assert_eq!(code(short), "R1375");
        custody
            .unwrap(&wrapped, "site.receive@1", &incoming, &kmc, Some(&value))
            .unwrap();
        let outgoing = Wrapping::RsaOaep {
            receiver: (&modulus, exponent),
            hash,
        };
        let out = custody.wrap("bank.kmc@1", "", &outgoing).unwrap();
        std::fs::write(folder.join("out"), out).unwrap();
        let decrypt = format!("pkeyutl -decrypt -keyform DER -inkey private.der -in out {options}");
        assert_eq!(openssl(folder, &decrypt), unhex(clear));
        custody.destroy("bank.kmc@1").unwrap();
    }
    custody
        .generate(&new(
            "bank.kmc@2",
            KeyAlgorithm::Aes128,
            KeyUse::CardIssuance,
        ))
        .unwrap();
    let small = Wrapping::RsaOaep {
        receiver: (&modulus[..128], 3),
        hash: OaepHash::Sha256,
    };
    assert_eq!(code(custody.wrap("bank.kmc@2", "", &small)), "R1374");
}

#[test]
fn agreement_on_p256_is_that_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let hsm = hsm();
    let mut custody = hsm.open_custody().unwrap();
    let own = new("site.agree@1", KeyAlgorithm::P256, KeyUse::KeyExchange);
    custody.generate(&own).unwrap();
    let PublicKey::P256(point) = custody.public_key("site.agree@1").unwrap() else {
        unreachable!("a point")
    };
    // SubjectPublicKeyInfo of P-256 (RFC 5480, 2): fixed octets and the point.
    let mut info = unhex("3059301306072A8648CE3D020106082A8648CE3D030107034200");
    info.extend_from_slice(&point);
    std::fs::write(folder.join("own.der"), info).unwrap();
    let made = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out peer.pem";
    openssl(folder, made);
    let peer = openssl(folder, "pkey -in peer.pem -pubout -outform DER");
    let peer = &peer[peer.len() - 65..];
    openssl(folder, "pkey -pubin -inform DER -in own.der -out own.pem");
    let secret = openssl(folder, "pkeyutl -derive -inkey peer.pem -peerkey own.pem");
    let kdf = format!(
        "kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:{} -kdfopt hexinfo:{} -binary SSKDF",
        hex::encode(secret),
        hex::encode(b"site A to site B")
    );
    let shared = openssl(folder, &kdf);
    let clear = "2B7E151628AED2A6ABF7158809CF4F3C";
    std::fs::write(folder.join("clear"), unhex(clear)).unwrap();
    let wrap = "enc -e -id-aes256-wrap-pad -iv A65959A6 -in clear -K";
    let wrapped = openssl(folder, &format!("{wrap} {}", hex::encode(&shared)));
    let wrapping = Wrapping::Ecdh {
        peer,
        info: b"site A to site B",
    };
    let kmc = new("bank.kmc@1", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
    let value = check_value(KeyAlgorithm::Aes128, clear);
    let other = Wrapping::Ecdh {
        peer,
        info: b"site A to site C",
    };
    let refused = custody.unwrap(&wrapped, "site.agree@1", &other, &kmc, None);
    assert_eq!(code(refused), "R1375");
    custody
        .unwrap(&wrapped, "site.agree@1", &wrapping, &kmc, Some(&value))
        .unwrap();
    // Key wrap draws nothing: the same key gives the same octets.
    assert_eq!(
        custody
            .wrap("bank.kmc@1", "site.agree@1", &wrapping)
            .unwrap(),
        wrapped
    );
    let mut beside = peer.to_vec();
    beside[64] ^= 1;
    let beside = Wrapping::Ecdh {
        peer: &beside,
        info: b"",
    };
    assert_eq!(
        code(custody.wrap("bank.kmc@1", "site.agree@1", &beside)),
        "R1307"
    );
}

#[test]
fn a_key_pair_does_not_go_out_by_ecb() {
    let hsm = hsm();
    let kek = unhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    hsm.add_test_key(&request("kek@1", "aes256", KeyUse::Transport), &kek)
        .unwrap();
    let mut custody = hsm.open_custody().unwrap();
    let pair = NewKey {
        exportability: Exportability::Sensitive,
        ..new("site.sign@1", KeyAlgorithm::P256, KeyUse::PackageSigning)
    };
    custody.generate(&pair).unwrap();
    let done = custody.wrap("site.sign@1", "kek@1", &Wrapping::LegacyEcb);
    assert_eq!(code(done), "R1374");
    // The cipher itself is not what refuses.
    assert!(cipher::AesKey::new(&kek).is_ok());
}

//! The HSM's file: made once, kept, refused when damaged; and the test CA's files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use cardwright_ports::hsm::{CheckMethod, Draw, Hsm, KeyUse};
use cardwright_soft_hsm::{CODES, SoftHsm, known_answers, test_ca};
use common::{DOUBLE, code, request, rsa_request, unlock};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 1,
    purpose: "pin",
};

#[test]
fn a_site_keeps_its_root_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    assert!(hsm.info().test_only && hsm.info().name.contains("TEST"));
    let own = request("partner.zpk", "tdes2", KeyUse::PinEncryption);
    hsm.add_test_key(&own, &DOUBLE).unwrap();
    let mut session = hsm.open_session().unwrap();
    let issuer = rsa_request("test.issuer", 1024, 3, KeyUse::EmvIssuerPrivate);
    let handle = session.bind(&issuer).unwrap();
    let modulus = session.public_key(handle).unwrap();
    let pin = session.generate_pin(4, &DRAW).unwrap();

    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# TEST KEYS ONLY"),
        "the first line says so"
    );
    // Canaries: neither the key nor a part of it, in octets or hexadecimal; nor its name.
    for canary in ["0123456789", "FEDCBA98", "partner.zpk", "root"] {
        assert!(!text.contains(canary), "{canary}");
    }
    let unlocks = std::fs::read_to_string(folder.path().join("unlock/soft-hsm.key")).unwrap();
    let secret = unlocks.lines().nth(1).unwrap();
    assert!(secret.len() == 64 && !text.contains(&secret[..16]));
    let again = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    assert_eq!(again.keys().len(), 2);
    let mut session = again.open_session().unwrap();
    assert_eq!(
        session.generate_pin(4, &DRAW).unwrap(),
        pin,
        "drawn from the same root"
    );
    let handle = session.bind(&issuer).unwrap();
    assert_eq!(session.public_key(handle).unwrap(), modulus);
    let handle = session.bind(&own).unwrap();
    // 3DES check value of the published double-length key: 08D7B4.
    assert_eq!(
        session.check_value(handle, CheckMethod::Ecb).unwrap(),
        [0x08, 0xD7, 0xB4]
    );
    assert_eq!(
        code(session.bind(&request("partner.zpk", "tdes2", KeyUse::Transport))),
        "R1302"
    );
    let leftovers = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(leftovers, 2, "the file and the folder of its key");
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let _hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(code(SoftHsm::open(&path, &unlock(folder.path()))), "R1310");
}

#[test]
fn a_file_is_never_overwritten_by_a_new_site() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let _hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(
        code(SoftHsm::create(&path, &unlock(folder.path()))),
        "R1310"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(
        code(SoftHsm::create(
            &folder.path().join("none/soft-hsm.toml"),
            &unlock(folder.path())
        )),
        "R1310"
    );
    assert_eq!(
        code(SoftHsm::open(
            &folder.path().join("none.toml"),
            &unlock(folder.path())
        )),
        "R1310"
    );
}

/// A file of version 1, with keys in clear.
fn first_version(root: &str, keys: &str) -> String {
    format!(
        "# TEST KEYS ONLY. This file holds keys in clear; it protects nothing. \
         Never put a live key here.\nversion = 1\nroot = \"{root}\"\n\n{keys}"
    )
}

const ROOT: &str = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";
const KEY: &str = "[[key]]\nname = \"k\"\nalgorithm = \"tdes2\"\nuse = \"transport\"\n\
                   value = \"0123456789ABCDEFFEDCBA9876543210\"\n";

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn damaged_files_are_refused_without_a_word_of_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let whole = first_version(ROOT, KEY);
    for text in [
        String::new(),
        whole[..whole.len() - 20].to_owned(),
        whole.replace("version = 1", "version = 3"),
        whole.replace("version = 1", "version = 1\nmore = 1"),
        whole.replace(ROOT, &ROOT[2..]),
        whole.replace(ROOT, "no hexadecimal"),
        whole.replace("tdes2", "des"),
        whole.replace("transport", "all"),
        whole.replace("0123456789ABCDEF", "FEDCBA9876543210"),
        "#".repeat(6 << 20),
    ] {
        write_private(&path, &text);
        let refused = SoftHsm::open(&path, &unlock(folder.path())).err().unwrap();
        assert!(refused.code.starts_with("R13"), "{}", refused.code);
        let message = refused.to_string();
        assert!(
            !message.contains(ROOT) && !message.contains("456789"),
            "{message}"
        );
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            text,
            "left as it is"
        );
    }
}

#[test]
fn a_file_with_clear_keys_is_read_once_and_enciphered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    write_private(&path, &first_version(ROOT, KEY));
    let first = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    let drawn = |hsm: &SoftHsm| hsm.open_session().unwrap().generate_pin(4, &DRAW).unwrap();
    let pin = drawn(&first);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("version = 2") && !text.contains("0123456789"));
    assert!(!text.contains(&ROOT[..16]));
    let again = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    assert_eq!(drawn(&again), pin, "the root is the same");
    assert_eq!(again.keys().len(), 1);
}

#[test]
fn every_changed_octet_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    hsm.add_test_key(&request("k", "tdes2", KeyUse::Transport), &DOUBLE)
        .unwrap();
    let whole = std::fs::read(&path).unwrap();
    for place in 0..whole.len() {
        // Another bit from place to place; the case of a letter, too.
        for bit in [1u8 << (place % 7), 0x20] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            std::fs::write(&path, &changed).unwrap();
            let refused = SoftHsm::open(&path, &unlock(folder.path()));
            assert_eq!(code(refused), "R1310", "octet {place}");
        }
    }
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(code(SoftHsm::open(&path, &unlock(folder.path()))), "R1310");
    }
    std::fs::write(&path, [whole.as_slice(), b"\n"].concat()).unwrap();
    assert_eq!(code(SoftHsm::open(&path, &unlock(folder.path()))), "R1310");
    std::fs::write(&path, &whole).unwrap();
    SoftHsm::open(&path, &unlock(folder.path())).unwrap();
}

#[test]
fn another_key_file_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let key = folder.path().join("unlock/soft-hsm.key");
    let _hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    let right = std::fs::read_to_string(&key).unwrap();
    for wrong in [
        String::new(),
        right.trim_end().to_owned(),
        right.replace("# Opens", "# opens"),
        format!(
            "{}{}\n",
            right.split_inclusive('\n').next().unwrap(),
            "AB".repeat(32)
        ),
    ] {
        std::fs::write(&key, wrong).unwrap();
        let refused = SoftHsm::open(&path, &unlock(folder.path())).err().unwrap();
        assert_eq!(refused.code, "R1310", "{refused}");
    }
    std::fs::remove_file(&key).unwrap();
    let refused = SoftHsm::open(&path, &unlock(folder.path())).err().unwrap();
    assert_eq!(refused.code, "R1310");
    assert!(!key.exists(), "opening makes no key file");
    std::fs::write(&key, &right).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(code(SoftHsm::open(&path, &unlock(folder.path()))), "R1310");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    SoftHsm::open(&path, &unlock(folder.path())).unwrap();
}

#[test]
fn a_passphrase_opens_what_it_protects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let phrase = |text: &str| {
        let text = cardwright_ports::SecretBytes::new(text.as_bytes().to_vec());
        unlock(folder.path()).with_passphrase(text)
    };
    assert_eq!(code(SoftHsm::create(&path, &phrase("short"))), "R1310");
    let _hsm = SoftHsm::create(&path, &phrase("eight characters")).unwrap();
    assert!(
        !folder.path().join("unlock").exists(),
        "no key file is made"
    );
    assert_eq!(
        code(SoftHsm::open(&path, &phrase("eight characterz"))),
        "R1310"
    );
    let refused = SoftHsm::open(&path, &unlock(folder.path())).err().unwrap();
    assert!(
        refused.what.contains("CARDSTATION_HSM_PASSPHRASE"),
        "{refused}"
    );
    SoftHsm::open(&path, &phrase("eight characters")).unwrap();
    // A file may not ask for more memory than there is, before it is known to be authentic.
    let text = std::fs::read_to_string(&path).unwrap();
    for (old, new) in [
        ("memory_kib = 65536", "memory_kib = 4294967295"),
        ("memory_kib = 65536", "memory_kib = 065536"),
        ("passes = 3", "passes = 1000000"),
        ("passes = 3", "passes = 2"),
    ] {
        std::fs::write(&path, text.replace(old, new)).unwrap();
        assert_eq!(
            code(SoftHsm::open(&path, &phrase("eight characters"))),
            "R1310"
        );
    }
}

// A power cut while the new file is written: the old one is whole, and the next write goes on.
#[test]
fn a_power_cut_leaves_the_old_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path, &unlock(folder.path())).unwrap();
    let own = request("k", "tdes2", KeyUse::Transport);
    hsm.add_test_key(&own, &DOUBLE).unwrap();
    let old = std::fs::read(&path).unwrap();
    for cut in [0, 1, 100, old.len() / 2, old.len() - 1] {
        // What a cut leaves behind: a neighbour of this process or another, whole or not.
        for name in [
            format!("soft-hsm.{}.new", std::process::id()),
            "soft-hsm.1.new".into(),
        ] {
            std::fs::write(folder.path().join(name), &old[..cut]).unwrap();
        }
        let again = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
        assert_eq!(again.keys().len(), 1);
    }
    let again = SoftHsm::open(&path, &unlock(folder.path())).unwrap();
    let other = request("l", "aes128", KeyUse::Transport);
    again.add_test_key(&other, &[7; 16]).unwrap();
    assert_eq!(
        SoftHsm::open(&path, &unlock(folder.path()))
            .unwrap()
            .keys()
            .len(),
        2
    );
}

#[test]
fn the_example_banks_files_are_made_from_open_keys() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/aurora-bank/keys");
    // Two sites with other roots: the open test keys are the same everywhere.
    for seed in [[1; 32], [2; 32]] {
        let hsm = SoftHsm::in_memory(seed).unwrap();
        let files = test_ca::files(&hsm, &test_ca::AURORA).unwrap();
        let read = |name: &str| std::fs::read_to_string(kept.join(name)).unwrap();
        assert_eq!(files.issuer_certificate, read("issuer-92.cer"));
        assert_eq!(files.ca_public_key, read("test-ca-92.pub"));
    }
}

#[test]
fn known_answers_hold_and_codes_are_unique() {
    assert!(known_answers().len() >= 10);
    assert!(known_answers().iter().all(|(_, passed)| *passed));
    let codes: std::collections::BTreeSet<_> = CODES.iter().map(|c| c.0).collect();
    assert_eq!(codes.len(), CODES.len());
    assert!(codes.iter().all(|c| c.len() == 5 && c.starts_with("R13")));
}

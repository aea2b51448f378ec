//! The HSM's file: made once, kept, refused when damaged; and the test CA's files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use cardwright_ports::hsm::{CheckMethod, Draw, Hsm, KeyUse};
use cardwright_soft_hsm::{CODES, SoftHsm, known_answers, test_ca};
use common::{DOUBLE, code, request, rsa_request};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 1,
    purpose: "pin",
};

#[test]
fn a_site_keeps_its_root_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path).unwrap();
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
    let again = SoftHsm::open(&path).unwrap();
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
    assert_eq!(leftovers, 1, "no neighbour is left");
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let _hsm = SoftHsm::create(&path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(code(SoftHsm::open(&path)), "R1310");
}

#[test]
fn a_file_is_never_overwritten_by_a_new_site() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let _hsm = SoftHsm::create(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(code(SoftHsm::create(&path)), "R1310");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(
        code(SoftHsm::create(&folder.path().join("none/soft-hsm.toml"))),
        "R1310"
    );
    assert_eq!(
        code(SoftHsm::open(&folder.path().join("none.toml"))),
        "R1310"
    );
}

#[test]
fn damaged_files_are_refused_without_a_word_of_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path).unwrap();
    hsm.add_test_key(&request("k", "tdes2", KeyUse::Transport), &DOUBLE)
        .unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let root = whole.split('"').nth(1).unwrap().to_owned();
    let cut = whole.len() - 20;
    for text in [
        String::new(),
        whole[..cut].to_owned(),
        whole.replace("version = 1", "version = 2"),
        whole.replace("version = 1", "version = 1\nmore = 1"),
        whole.replace(&root, &root[2..]),
        whole.replace(&root, "no hexadecimal"),
        whole.replace("tdes2", "des"),
        whole.replace("transport", "all"),
        whole.replace("0123456789ABCDEF", "FEDCBA9876543210"),
        "#".repeat(3 << 20),
    ] {
        std::fs::write(&path, &text).unwrap();
        let refused = SoftHsm::open(&path).err().unwrap();
        assert!(refused.code.starts_with("R13"), "{}", refused.code);
        let message = refused.to_string();
        assert!(
            !message.contains(&root) && !message.contains("456789"),
            "{message}"
        );
    }
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

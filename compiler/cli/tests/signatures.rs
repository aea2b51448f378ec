//! `keygen`, `sign`, `verify`: m of n signers, TEST and LIVE, tampering.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use cardwright_bundle::{Bundle, Environment, Limits, SigningKey};
use common::{aurora, cardwright};
use std::path::Path;

fn built(folder: &Path) -> String {
    let path = folder.join("a.cwb").display().to_string();
    let made = cardwright(
        folder,
        &["build", &aurora().display().to_string(), "-o", &path],
    );
    assert_eq!(made.code, 0, "{}", made.err);
    path
}

fn key(folder: &Path, name: &str) -> String {
    let made = cardwright(folder, &["keygen", "-o", name]);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

fn trust(folder: &Path, threshold: usize, signers: &[&str]) {
    let text = format!("threshold = {threshold}\nsigners = {signers:?}\n");
    std::fs::write(folder.join("trust.toml"), text).expect("written");
}

#[test]
fn two_of_three_must_sign() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let bundle = built(folder);
    let signers: Vec<String> = ["one", "two", "three"]
        .iter()
        .map(|n| key(folder, n))
        .collect();
    let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
    trust(folder, 2, &signers);
    let verify = || cardwright(folder, &["verify", &bundle, "--trust", "trust.toml"]);
    // The open test signer has signed, and counts for nothing here.
    let none = verify();
    assert_eq!(none.code, 4, "{}", none.out);
    assert!(none.err.contains("R1010"), "{}", none.err);
    let digest = |ran: common::Ran| {
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let once = digest(cardwright(folder, &["sign", &bundle, "--key", "one"]));
    assert_eq!(verify().code, 4);
    // The same signer twice is one signer.
    digest(cardwright(folder, &["sign", &bundle, "--key", "one"]));
    assert_eq!(verify().code, 4);
    let twice = digest(cardwright(folder, &["sign", &bundle, "--key", "three"]));
    assert_eq!(once, twice, "a signature does not change the digest");
    let good = verify();
    assert_eq!(good.code, 0, "{}", good.err);
    assert_eq!(good.out.matches("trusted\n").count(), 3, "{}", good.out);
    trust(folder, 3, &signers);
    assert_eq!(verify().code, 4);
}

#[test]
fn pem_keys_sign_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = built(folder.path());
    // RFC 8410, 10.3: the example private key and its public key.
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let public = "19BF44096984CDFE8541BAC167DC3B96C85086AA30B6B6CB0C5C38AD703166E1";
    std::fs::write(folder.path().join("key.pem"), pem).expect("written");
    trust(folder.path(), 1, &[public]);
    let signed = cardwright(folder.path(), &["sign", &bundle, "--key", "key.pem"]);
    assert_eq!(signed.code, 0, "{}", signed.err);
    let verified = cardwright(folder.path(), &["verify", &bundle, "--trust", "trust.toml"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert!(verified.out.contains(public));
}

#[test]
fn the_open_signer_is_enough_for_test_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = built(folder.path());
    let verified = cardwright(folder.path(), &["verify", &bundle, "--format", "json"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
    let said: serde_json::Value = serde_json::from_str(&verified.out).expect("JSON");
    assert_eq!(
        (&said["test"], &said["trusted"]),
        (&true.into(), &true.into())
    );
    assert_eq!(said["signatures"][0]["role"], "open test signer");
    let live = cardwright(folder.path(), &["verify", &bundle, "--expect", "live"]);
    assert_eq!(live.code, 4);
    assert!(live.err.contains("E0198"), "{}", live.err);
}

/// The example's content, marked LIVE: what a bank's real signers get to sign.
fn live(folder: &Path) -> (String, Bundle) {
    let test = std::fs::read(built(folder)).expect("a bundle");
    let test = Bundle::open(&test, &Limits::default()).expect("a good bundle");
    let mut content = test.content().clone();
    content.environment = Environment::Live;
    let assets = test.content().assets.iter().map(|asset| {
        let octets = test.asset(&asset.name).expect("an asset").to_vec();
        (asset.name.clone(), (asset.media_type.clone(), octets))
    });
    let live = Bundle::seal(content, assets.collect()).expect("it seals");
    let path = folder.join("live.cwb");
    std::fs::write(&path, live.to_bytes().expect("octets")).expect("written");
    (path.display().to_string(), live)
}

#[test]
fn live_needs_real_signers_and_is_never_rehearsed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (path, mut bundle) = live(folder);
    let public = key(folder, "one");
    std::fs::write(
        folder.join("trust.toml"),
        format!("open_test_signer = true\nsigners = [\"{public}\"]\n"),
    )
    .expect("written");
    bundle.sign(&SigningKey::open_test_signer());
    std::fs::write(&path, bundle.to_bytes().expect("octets")).expect("written");
    let verify = || cardwright(folder, &["verify", &path, "--trust", "trust.toml"]);
    let refused = verify();
    assert_eq!(refused.code, 4, "the open test signer means nothing here");
    assert!(refused.err.contains("R1010"), "{}", refused.err);
    assert_eq!(cardwright(folder, &["sign", &path, "--key", "one"]).code, 0);
    assert_eq!(verify().code, 0);
    let test = ["verify", &path, "--trust", "trust.toml", "--expect", "test"];
    assert_eq!(cardwright(folder, &test).code, 4);
    let rehearsed = cardwright_rehearsal::Rehearsal::new(bundle);
    assert_eq!(rehearsed.err().map(|e| e.code), Some("R1190"));
    // It can still be looked at; what depends on an order is not known.
    let seen = cardwright(folder, &["inspect", &path]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert!(seen.out.contains("LIVE"), "{}", seen.out);
    // A LIVE build of the example is refused: its keys have no real check values.
    let checked = cardwright(
        folder,
        &["check", "--live", &aurora().display().to_string()],
    );
    assert_eq!(checked.code, 1);
    assert!(checked.out.contains("E0511"), "{}", checked.out);
}

#[test]
fn a_flipped_bit_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = built(folder.path());
    let mut bytes = std::fs::read(&bundle).expect("a bundle");
    let last = bytes.len() - 1;
    for at in [0, 5, 400, bytes.len() / 2, last] {
        bytes[at] ^= 0x04;
        std::fs::write(&bundle, &bytes).expect("written");
        let verified = cardwright(folder.path(), &["verify", &bundle]);
        assert_eq!(verified.code, 4, "octet {at}: {}", verified.out);
        assert!(verified.err.contains("R10"), "{}", verified.err);
        bytes[at] ^= 0x04;
    }
}

#[test]
fn keys_are_private_and_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let public = key(folder.path(), "signer");
    let text = std::fs::read_to_string(folder.path().join("signer")).expect("a key");
    assert!(!text.contains(&public) && text.trim().len() == 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("signer"))
            .expect("a file")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let again = cardwright(folder.path(), &["keygen", "-o", "signer"]);
    assert_eq!(again.code, 3);
    let kept = std::fs::read_to_string(folder.path().join("signer")).expect("a key");
    assert_eq!(kept, text);
}

#[test]
fn what_is_no_key_is_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = built(folder.path());
    std::fs::write(folder.path().join("key"), "CANARY-0123456789").expect("written");
    let signed = cardwright(folder.path(), &["sign", &bundle, "--key", "key"]);
    assert_eq!(signed.code, 3);
    assert!(
        signed.err.contains("E0193") && !signed.err.contains("CANARY"),
        "{}",
        signed.err
    );
    std::fs::write(folder.path().join("trust.toml"), "threshold = 0\n").expect("written");
    let verified = cardwright(folder.path(), &["verify", &bundle, "--trust", "trust.toml"]);
    assert_eq!(verified.code, 3);
    assert!(verified.err.contains("E0194"), "{}", verified.err);
    let unread = cardwright(folder.path(), &["verify", &bundle, "--trust", "none.toml"]);
    assert_eq!(unread.code, 3);
    assert!(unread.err.contains("E0192"), "{}", unread.err);
}

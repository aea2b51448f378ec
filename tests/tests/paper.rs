//! `docs/from-paper.md`: its blocks together are a project that compiles, rehearses and makes cards.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{station::program, workspace};
use std::{path::Path, process::Command};

/// The page's blocks as one source: what is used stands at the beginning of a file.
fn source() -> String {
    let page = workspace::read("docs/from-paper.md");
    let blocks = page.split("```perso\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().expect("a block"));
    let lines: Vec<&str> = blocks.flat_map(str::lines).collect();
    let uses = |line: &&&str| line.starts_with("use ");
    let first = lines.first().expect("a package line");
    let used = lines.iter().filter(uses);
    let others = lines
        .iter()
        .skip(1)
        .filter(|line| !line.starts_with("use "));
    let all: Vec<&str> = std::iter::once(first)
        .chain(used)
        .chain(others)
        .copied()
        .collect();
    all.join("\n") + "\n"
}

#[track_caller]
fn say(name: &str, arguments: &[&str], folder: &Path, code: i32) -> String {
    let said = Command::new(program(name))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it runs");
    let out = String::from_utf8_lossy(&said.stdout).into_owned();
    let err = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(code), "{out}\n{err}");
    out + &err
}

#[test]
fn a_banks_paper_becomes_a_bundle_and_its_sample_card() {
    let folder = tempfile::tempdir().expect("a folder");
    // As the page begins.
    let new = ["new", "fjord-bank", "--template", "blank"];
    say("cardwright", &new, folder.path(), 0);
    let folder = &folder.path().join("fjord-bank");
    std::fs::write(folder.join("fjord.perso"), source()).expect("written");
    let certificate = [
        "keys",
        "test-certificate",
        "--key",
        "fjord.issuer_rsa",
        "--range",
    ];
    let certificate = [&certificate[..], &["999992", "--out", "keys"]].concat();
    say("cardstation", &certificate, folder, 0);
    let said = say("cardwright", &["check"], folder, 0);
    assert!(said.contains("no findings"), "{said}");
    let said = say("cardwright", &["test"], folder, 0);
    assert!(said.contains("1 passed, 0 failed"), "{said}");
    say("cardwright", &["build", "-o", "fjord.cwb"], folder, 0);
    say("cardwright", &["verify", "fjord.cwb"], folder, 0);
}

#[test]
fn a_test_certificate_is_for_an_issuers_key_and_never_replaces_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let ask = |key: &str, range: &str, expiry: &str, code: i32| {
        let arguments = ["keys", "test-certificate", "--key", key, "--range", range];
        let more = ["--expiry", expiry, "--out", "keys"];
        say(
            "cardstation",
            &[&arguments[..], &more].concat(),
            folder.path(),
            code,
        )
    };
    for (key, range, expiry) in [
        ("issuer_rsa", "999992", "1235"),
        ("fjord.issuer rsa", "999992", "1235"),
        ("fjord.issuer_rsa", "99", "1235"),
        ("fjord.issuer_rsa", "99999x", "1235"),
        ("fjord.issuer_rsa", "999992", "1335"),
        ("fjord.issuer_rsa", "999992", "125"),
    ] {
        assert!(
            ask(key, range, expiry, 2).contains("R1289"),
            "{key} {range} {expiry}"
        );
    }
    ask("fjord.issuer_rsa", "999992", "1235", 0);
    let path = folder.path().join("keys/issuer-92.cer");
    let first = std::fs::read(&path).expect("a certificate");
    ask("fjord.issuer_rsa", "999992", "1235", 0);
    assert!(ask("fjord.issuer_rsa", "999993", "1235", 3).contains("R1289"));
    assert_eq!(std::fs::read(&path).expect("as it was"), first);
}

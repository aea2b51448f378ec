//! `check --fix`: changes that findings name are made, said, and made once.

#![allow(clippy::expect_used, reason = "a test fails loudly")]

mod common;

use common::{aurora, cardwright, copy};

#[test]
fn what_findings_name_is_mended_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("bank");
    copy(&aurora(), &project);
    let file = project.join("bank.perso");
    let good = std::fs::read_to_string(&file).expect("a source");
    // A misspelt kind and attribute, and a declaration that nothing names.
    let bad =
        good.replacen("issuer aurora", "isuer aurora", 1)
            .replacen("currency =", "curency =", 1)
            + "\nlet nobody_asks = \"x\"\n";
    assert_ne!(bad, good);
    std::fs::write(&file, &bad).expect("written");
    let at = project.display().to_string();
    assert_eq!(cardwright(folder.path(), &["check", &at]).code, 1);
    let mended = cardwright(folder.path(), &["check", "--fix", &at]);
    assert_eq!(mended.code, 0, "{}{}", mended.out, mended.err);
    for said in [
        "write `issuer`",
        "write `currency`",
        "E0101",
        "E0102",
        "E0116",
    ] {
        assert!(mended.err.contains(said), "{said}\n{}", mended.err);
    }
    let left = std::fs::read_to_string(&file).expect("a source");
    assert!(!left.contains("nobody_asks"), "{left}");
    assert_eq!(left.trim_end(), good.trim_end());
    // A second time there is nothing to do.
    let again = cardwright(folder.path(), &["check", "--fix", &at]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(!again.err.contains("E0101"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&file).expect("a source"), left);
}

#[test]
fn what_no_finding_can_mend_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("bank");
    copy(&aurora(), &project);
    let file = project.join("bank.perso");
    let good = std::fs::read_to_string(&file).expect("a source");
    let bad = format!("{good}\nprofile {{ ( [\n");
    std::fs::write(&file, &bad).expect("written");
    let at = project.display().to_string();
    let mended = cardwright(folder.path(), &["check", "--fix", &at]);
    assert_eq!(mended.code, 1);
    let parsed = |text: &str| cardwright_dsl::parse(text).diagnostics.len();
    let left = std::fs::read_to_string(&file).expect("a source");
    assert!(parsed(&left) <= parsed(&bad), "{left}");
}

//! `new`, `check`, `build`, `test`, `fmt`: a project's life.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{aurora, cardwright, command, copy, project, ran};
use serde_json::Value;

#[test]
fn new_projects_check_test_and_build_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for template in ["contact-debit", "magstripe"] {
        let name = format!("my-{template}");
        let made = cardwright(folder.path(), &["new", &name, "--template", template]);
        assert_eq!(made.code, 0, "{}", made.err);
        let checked = cardwright(folder.path(), &["check", &name]);
        assert_eq!(
            (checked.code, checked.out.as_str()),
            (0, ""),
            "{}",
            checked.out
        );
        // Laid out as `fmt` would.
        assert_eq!(
            cardwright(folder.path(), &["fmt", "--check", &name]).out,
            ""
        );
        let tested = cardwright(folder.path(), &["test", &name]);
        assert_eq!(tested.code, 0, "{}", tested.out);
        // A snapshot that nobody has read is not there: that is a failure, until it is written.
        let tests = folder.path().join(&name).join("tests.perso");
        let text = std::fs::read_to_string(&tests).expect("tests");
        let asks = text.lines().map(
            |line| match line.trim_start().starts_with("// `snapshot`") {
                true => "  snapshot",
                false => line,
            },
        );
        std::fs::write(&tests, asks.collect::<Vec<_>>().join("\n") + "\n").expect("writes");
        let missing = cardwright(folder.path(), &["test", &name]);
        assert_eq!(missing.code, 1, "{}", missing.out);
        let written = cardwright(folder.path(), &["test", &name, "--update"]);
        assert_eq!(written.code, 0, "{}", written.out);
        let tested = cardwright(folder.path(), &["test", &name]);
        assert_eq!(tested.code, 0, "{}", tested.out);
        let built = cardwright(folder.path(), &["build", &name]);
        assert_eq!(built.code, 0, "{}", built.err);
        let bundle = folder.path().join(&name).join(format!("{name}.cwb"));
        assert!(bundle.is_file());
        let verified = cardwright(folder.path(), &["verify", &bundle.display().to_string()]);
        assert_eq!(verified.code, 0, "{}", verified.err);
    }
}

#[test]
fn a_blank_project_says_what_comes_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = cardwright(folder.path(), &["new", "my-own", "--template", "blank"]);
    assert_eq!(
        (made.code, made.out.as_str()),
        (0, "cardwright check my-own\n")
    );
    let checked = cardwright(folder.path(), &["check", "my-own"]);
    assert_eq!(checked.code, 1, "{}", checked.out);
    assert!(checked.out.contains("E0916"), "{}", checked.out);
    assert!(
        checked.out.contains("declare `issuer NAME"),
        "{}",
        checked.out
    );
    assert!(
        checked.err.ends_with("1 error in 0 files\n"),
        "{}",
        checked.err
    );
    // The next thing is said with the name that is missing.
    let source = "package own\n\nformat orders : fixed_width {\n  encoding = utf8\n  line     = lf\n  \
                  record order {\n    pin : pin_block(iso4, under: zpk) at 1 width 32 as hex\n  }\n}\n";
    std::fs::write(folder.path().join("my-own/orders.perso"), source).expect("written");
    let checked = cardwright(folder.path(), &["check", "my-own"]);
    let help = "declare it: `key zpk : aes128 { use = pin_encryption }`";
    assert!(checked.out.contains(help), "{}", checked.out);
    assert!(checked.err.ends_with("in 1 file\n"), "{}", checked.err);
}

#[test]
fn a_new_project_overwrites_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(cardwright(folder.path(), &["new", "twice"]).code, 0);
    let again = cardwright(folder.path(), &["new", "twice"]);
    assert_eq!(again.code, 3);
    assert!(again.err.contains("E0191"), "{}", again.err);
    assert_eq!(cardwright(folder.path(), &["new", "Capitals"]).code, 2);
    assert_eq!(
        cardwright(folder.path(), &["new", "x", "--template", "nothing"]).code,
        2
    );
}

#[test]
fn findings_have_all_that_programs_need() {
    let folder = tempfile::tempdir().expect("a folder");
    // The unknown word of the second line begins at column 3; the third line's leak has a path.
    project(folder.path(), LEAK);
    let checked = cardwright(folder.path(), &["check", "--format", "json"]);
    assert_eq!(checked.code, 1, "{}", checked.err);
    let findings: Vec<Value> = checked
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("one object a line"))
        .collect();
    assert!(findings.len() >= 2, "{}", checked.out);
    for finding in &findings {
        assert_eq!(finding["schema_version"], 1);
        for field in [
            "code", "severity", "message", "help", "file", "line", "column", "end", "path",
        ] {
            assert!(finding.get(field).is_some(), "{field} in {finding}");
        }
        assert_eq!(finding["file"], "in.perso");
        assert!(finding["end"]["line"].as_u64() >= finding["line"].as_u64());
    }
    let leak = findings
        .iter()
        .find(|f| f["code"] == "E1001")
        .expect("a leak");
    let path = leak["path"].as_array().expect("a path");
    assert!(path.len() >= 2, "{leak}");
    assert!(
        path.iter()
            .all(|step| step["what"].is_string() && step["line"].is_u64())
    );
    assert!(
        findings
            .iter()
            .any(|f| f["code"] == "E0102" && f["line"] == 6 && f["column"] == 3)
    );
}

#[test]
fn findings_show_the_source_to_people() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), LEAK);
    let checked = cardwright(folder.path(), &["check"]);
    assert_eq!(checked.code, 1);
    assert!(checked.out.contains("in.perso:6:3"), "{}", checked.out);
    assert!(checked.out.contains("colour"), "{}", checked.out);
    assert!(
        checked
            .out
            .contains("1. the result of `cvv`  (in.perso:15:13)"),
        "{}",
        checked.out
    );
    assert!(checked.err.contains("errors"), "{}", checked.err);
    assert!(!checked.out.contains('\u{1b}'), "colour only on a terminal");
}

#[test]
fn no_project_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let checked = cardwright(folder.path(), &["check"]);
    assert_eq!(checked.code, 3);
    assert!(checked.err.contains("E0190"), "{}", checked.err);
    assert_eq!(cardwright(folder.path(), &["no-such-verb"]).code, 2);
}

#[test]
fn a_project_with_errors_is_not_built() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), LEAK);
    let built = cardwright(folder.path(), &["build"]);
    assert_eq!(built.code, 1);
    assert!(
        built.err.contains("E0199") && built.out.is_empty(),
        "{}",
        built.err
    );
    assert!(!folder.path().join("case.cwb").exists());
}

#[test]
fn the_same_sources_give_the_same_bytes_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes: Vec<Vec<u8>> = Vec::new();
    for (place, locale, threads) in [
        ("here", "C", "1"),
        ("there/and deeper", "tr_TR.UTF-8", "8"),
        ("здесь", "ar_SA.UTF-8", "3"),
    ] {
        let copied = folder.path().join(place);
        copy(&aurora(), &copied);
        let mut build = command(&copied, &["build", "--json"]);
        build
            .env("LC_ALL", locale)
            .env("LANG", locale)
            .env("RAYON_NUM_THREADS", threads);
        build.env("TZ", "Pacific/Kiritimati");
        let built = ran(build.output().expect("it runs"));
        assert_eq!(built.code, 0, "{}", built.err);
        let said: Value = serde_json::from_str(&built.out).expect("JSON");
        assert_eq!(
            (&said["version"], &said["test"]),
            (&"1.0.0".into(), &true.into())
        );
        assert_eq!(said["digest"].as_str().map(str::len), Some(64));
        bytes.push(std::fs::read(copied.join("aurora-bank.cwb")).expect("a bundle"));
    }
    assert!(
        bytes.windows(2).all(|pair| pair[0] == pair[1]),
        "bundles differ"
    );
}

#[test]
fn fmt_names_what_differs_and_mends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), "package p\n\nlet   a=1   // kept\n");
    let path = folder.path().join("in.perso");
    let checked = cardwright(folder.path(), &["fmt", "--check"]);
    assert_eq!(checked.code, 1);
    assert!(checked.out.contains("in.perso"), "{}", checked.out);
    assert!(
        std::fs::read_to_string(&path)
            .expect("text")
            .contains("let   a=1")
    );
    assert_eq!(cardwright(folder.path(), &["fmt"]).code, 0);
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(
        text.contains("let a = 1") && text.contains("// kept"),
        "{text}"
    );
    assert_eq!(cardwright(folder.path(), &["fmt", "--check"]).code, 0);
}

const LEAK: &str = r#"package p
issuer p {
  name     = "P"
  country  = 250
  currency = 978
  colour   = "red"
}
key cvk : tdes2 { use = card_verification }
format orders : fixed_width {
  record order {
    pan    : pan          at 1  width 19
    expiry : date "YYMM"  at 20
  }
}
let value = cvv(cvk, order.pan, order.expiry, service: 201)
format back : delimited for orders.order {
  record card { it : text = value }
}
"#;

//! `test`: snapshots with pictures, refused orders, JUnit, coverage, mutation.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{aurora, cardwright, command, copy, ran};
use quick_xml::{Reader, events::Event};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

fn bank() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&aurora(), folder.path());
    folder
}

fn change(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("text");
    assert!(text.contains(from), "{from} in {}", path.display());
    std::fs::write(path, text.replace(from, to)).expect("written");
}

#[test]
fn snapshots_hold_commands_pages_files_and_pictures_and_no_secret() {
    let tests = aurora().join("tests");
    let text = std::fs::read_to_string(tests.join("a-gold-card.snap")).expect("a snapshot");
    for part in [
        // The first command of all, in clear.
        "00A40400 SELECT -> 9000\n    F0000000921030",
        // A secured one: what it carries, and how it travelled.
        "STORE DATA, secured as 84E2",
        "0101  35 octets",
        "8000  <sealed",
        "  **** at (124, 95, 46, 8) OCR-B",
        "\nfile return_file  return.csv",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // The specimen PIN stands nowhere, and its block neither.
    assert!(
        !text.contains("1234\n") && !text.contains("241234"),
        "{text}"
    );
    for picture in [
        "gold-card-front",
        "gold-card-back",
        "pin-letter",
        "welcome-letter",
    ] {
        let path = tests.join(format!("a-gold-card.{picture}.png"));
        let octets = std::fs::read(&path).expect("a picture");
        assert!(octets.starts_with(b"\x89PNG"), "{}", path.display());
        assert!(octets.len() < 150_000, "{} is small", path.display());
    }
}

#[test]
fn a_picture_that_changes_is_noticed_and_one_that_is_gone_too() {
    let folder = bank();
    let tests = folder.path().join("tests");
    let (front, letter) = (
        tests.join("a-gold-card.gold-card-back.png"),
        tests.join("a-gold-card.pin-letter.png"),
    );
    std::fs::copy(&letter, &front).expect("copied");
    std::fs::remove_file(&letter).expect("removed");
    std::fs::copy(&front, tests.join("a-gold-card.old.png")).expect("copied");
    let only = ["test", "--only", "gold", "--format", "json"];
    let tested = cardwright(folder.path(), &only);
    assert_eq!(tested.code, 1, "{}", tested.err);
    let said: Value = serde_json::from_str(tested.out.trim()).expect("one test");
    let files = said["files"].as_array().expect("files");
    let state = |name: &str| {
        let file = files
            .iter()
            .find(|f| f["file"] == format!("tests/a-gold-card.{name}"));
        file.expect("listed")["state"].as_str().expect("a word")
    };
    assert_eq!(state("snap"), "same");
    assert_eq!(state("gold-card-back.png"), "differs");
    assert_eq!(state("pin-letter.png"), "missing");
    assert_eq!(state("old.png"), "differs");
    let updated = cardwright(folder.path(), &["test", "--only", "gold", "--update"]);
    assert_eq!(updated.code, 0, "{}", updated.out);
    assert!(!tests.join("a-gold-card.old.png").exists());
    assert_eq!(cardwright(folder.path(), &only).code, 0);
}

#[test]
fn a_refused_order_is_expected_with_code_field_and_reason() {
    let folder = bank();
    let tests = folder.path().join("tests.perso");
    let only = ["test", "--only", "check digit"];
    assert_eq!(cardwright(folder.path(), &only).code, 0);
    change(&tests, "rejected == \"R1507\"", "rejected == \"R1506\"");
    let tested = cardwright(folder.path(), &only);
    assert_eq!(tested.code, 1, "{}", tested.out);
    assert!(
        tested
            .out
            .contains("rejected is `R1507`, expected == `R1506`"),
        "{}",
        tested.out
    );
    // An order that is taken although it must not be.
    change(&tests, "9999920000000028", "9999920000000029");
    let tested = cardwright(folder.path(), &only);
    assert_eq!(tested.code, 1, "{}", tested.out);
    assert!(
        tested.out.contains("the order is not rejected"),
        "{}",
        tested.out
    );
}

#[test]
fn junit_is_xml_that_says_what_failed() {
    let folder = bank();
    let tests = folder.path().join("tests.perso");
    change(&tests, "\"LOVELACE/ADA\"", "\"LOVE<LACE & ADA\"");
    let ran = cardwright(folder.path(), &["test", "--junit", "out.xml"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let xml = std::fs::read_to_string(folder.path().join("out.xml")).expect("a file");
    let mut reader = Reader::from_str(&xml);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut message, mut suite) = (String::new(), BTreeMap::new());
    loop {
        let event = reader.read_event().expect("well-formed");
        let (Event::Start(tag) | Event::Empty(tag)) = &event else {
            if matches!(event, Event::Eof) {
                break;
            }
            continue;
        };
        let name = tag.name().as_ref().to_owned();
        for attribute in tag.attributes() {
            let attribute = attribute.expect("an attribute");
            let key = attribute.key.as_ref().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value);
            let value = value.expect("escaped").into_owned();
            match (name.as_str(), key.as_str()) {
                ("failure", "message") => message = value,
                ("testsuite", _) => drop(suite.insert(key, value)),
                _ => {}
            }
        }
        *counts.entry(name).or_default() += 1;
    }
    assert_eq!(
        (counts["testsuite"], counts["testcase"], counts["failure"]),
        (1, 4, 1)
    );
    assert_eq!(
        (suite["tests"].as_str(), suite["failures"].as_str()),
        ("4", "1")
    );
    assert!(
        message.contains("tests.perso:") && message.contains("expected == `LOVE<LACE & ADA`"),
        "{message}"
    );
}

#[test]
fn coverage_names_what_no_test_took() {
    let folder = bank();
    let said = |arguments: &[&str]| {
        let ran = cardwright(folder.path(), arguments);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let last = ran.out.lines().last().expect("a line").to_owned();
        let value: Value = serde_json::from_str(&last).expect("JSON");
        value["coverage"].clone()
    };
    let both = ["test", "--coverage", "--format", "json"];
    let all = said(&both);
    let one = said(&["test", "--coverage", "--format", "json", "--only", "gold"]);
    let product = |coverage: &Value, code: &str| {
        let points = coverage["points"].as_array().expect("points");
        let what = format!("job `daily`, product `{code}`");
        let point = points
            .iter()
            .find(|p| p["what"] == what)
            .expect("a product");
        assert!(
            point["file"].is_string() && point["line"].as_u64() > Some(0),
            "{point}"
        );
        point["reached"].as_bool().expect("a flag")
    };
    assert!(product(&all, "GOLD") && product(&all, "DEBI") && product(&one, "GOLD"));
    assert!(
        product(&all, "DUAL") && !product(&one, "DEBI"),
        "only the gold card was asked for"
    );
    assert_eq!(all["branches"], one["branches"]);
    assert!(all["reached"].as_u64() > one["reached"].as_u64());
    // What people read lists the branches that were not taken, by place.
    let human = cardwright(folder.path(), &["test", "--coverage", "--only", "gold"]);
    assert!(
        human.out.contains("product: job `daily`, product `DEBI`"),
        "{}",
        human.out
    );
}

/// Two requirements in one line with one message: the one that refused the order is known.
#[test]
fn rules_at_one_place_are_told_apart() {
    let folder = bank();
    let rule = "rule twins for orders.order { require order.psn != \"55\"; require order.psn != \"40\"; \
                because \"the sequence number is not ours\" }";
    let values = folder.path().join("values.perso");
    let text = std::fs::read_to_string(&values).expect("text");
    std::fs::write(&values, format!("{text}\n{rule}\n")).expect("written");
    let line = text.lines().count() + 2;
    let accept = "accept   = [own_range, dates_in_order]";
    let more = accept.replace(']', ", twins]");
    change(&folder.path().join("line.perso"), accept, &more);
    let run = |psn: &str| {
        let order = format!(
            "order = {{ pan = \"9999920000000029\"; product = \"GOLD\"; psn = \"{psn}\" }}"
        );
        let test = format!("test \"twins\" {{ {order}; expect {{ rejected == \"R1514\" }} }}\n");
        std::fs::write(folder.path().join("twins.perso"), test).expect("written");
        let said = ["test", "--coverage", "--format", "json", "--only", "twins"];
        let ran = cardwright(folder.path(), &said);
        let last = ran.out.lines().last().expect("a line").to_owned();
        let value: Value = serde_json::from_str(&last).expect("JSON");
        let points = value["coverage"]["points"].as_array().expect("points");
        let ours = points
            .iter()
            .filter(|p| p["kind"] == "rule" && p["line"] == line);
        let ours = ours.map(|p| {
            assert_eq!(p["file"], "values.perso", "{p}");
            let what = p["what"].as_str().expect("words").to_owned();
            (what, p["reached"].as_bool().expect("a flag"))
        });
        ours.collect::<BTreeMap<_, _>>()
    };
    let refuses = |found: &BTreeMap<String, bool>| {
        let rules = found
            .iter()
            .filter(|(what, _)| what.ends_with("refuses an order"));
        rules.map(|(_, reached)| *reached).collect::<Vec<_>>()
    };
    let first = run("55");
    assert_eq!(first.len(), 4, "{first:?}");
    assert_eq!(refuses(&first), [true, false], "{first:?}");
    let second = run("40");
    assert_eq!(refuses(&second), [false, true], "{second:?}");
}

#[test]
fn mutants_that_nobody_notices_are_named_and_a_snapshot_notices_more() {
    let folder = bank();
    let mutate = [
        "test",
        "--mutate",
        "--mutants",
        "24",
        "--seed",
        "7",
        "--format",
        "json",
    ];
    let run = || {
        let ran = cardwright(folder.path(), &mutate);
        let last = ran.out.lines().last().expect("a line").to_owned();
        let value: Value = serde_json::from_str(&last).expect("JSON");
        (ran.code, value["mutation"].clone())
    };
    let (code, with) = run();
    let survivors = |m: &Value| m["survivors"].as_array().expect("a list").len();
    assert_eq!(with["mutants"], 24);
    assert_eq!(code, i32::from(survivors(&with) > 0));
    // The same seed gives the same mutants.
    assert_eq!(run().1, with);
    // Without snapshots the tests look at two things only.
    change(&folder.path().join("tests.perso"), "\n  snapshot\n", "\n");
    std::fs::remove_dir_all(folder.path().join("tests")).expect("removed");
    let (code, without) = run();
    assert_eq!(code, 1);
    assert!(survivors(&without) > survivors(&with), "{without}");
    for survivor in without["survivors"].as_array().expect("a list") {
        for key in ["place", "kind", "what", "path", "add"] {
            assert!(survivor[key].is_string(), "{key} in {survivor}");
        }
        assert_ne!(survivor["old"], survivor["new"]);
    }
}

#[test]
fn a_scratch_folder_that_is_not_there_is_said() {
    let folder = bank();
    let mut test = command(folder.path(), &["test", "--only", "gold"]);
    test.env("TMPDIR", folder.path().join("nowhere"));
    let tested = ran(test.output().expect("it runs"));
    assert_eq!(tested.code, 1, "{}", tested.err);
    assert!(tested.out.contains("R1196"), "{}", tested.out);
}

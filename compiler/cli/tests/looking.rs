//! `test`, `preview`, `inspect`, `explain`, `dump`: what people look at.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{aurora, cardwright, copy};
use serde_json::Value;
use std::path::Path;

#[test]
fn the_example_bank_passes_its_tests() {
    let tested = cardwright(&aurora(), &["test"]);
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.err);
}

#[test]
fn a_wrong_expectation_and_a_changed_snapshot_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    copy(&aurora(), folder);
    let path = folder.join("tests.perso");
    let source = std::fs::read_to_string(&path).expect("tests");
    let source = source.replace("\"LOVELACE/ADA\"", "\"BYRON/ADA\"");
    std::fs::write(&path, source).expect("written");
    let snapshot = folder.join("tests/a-gold-card.snap");
    let kept = std::fs::read_to_string(&snapshot).expect("a snapshot");
    std::fs::write(&snapshot, kept.replace("GOLD", "LEAD")).expect("written");
    let tested = cardwright(folder, &["test", "--only", "gold", "--format", "json"]);
    assert_eq!(tested.code, 1, "{}", tested.out);
    let said: Value = serde_json::from_str(tested.out.trim()).expect("one test");
    assert_eq!(
        (&said["passed"], &said["snapshot"]),
        (&false.into(), &"differs".into())
    );
    let complaint = said["complaints"][0]["message"]
        .as_str()
        .expect("a complaint");
    assert!(
        complaint.contains("`LOVELACE/ADA`, expected == `BYRON/ADA`"),
        "{complaint}"
    );
    let difference = said["difference"].as_str().expect("a difference");
    assert!(difference.contains("- product LEAD") && difference.contains("+ product GOLD"));
}

#[test]
fn an_order_that_intake_rejects_fails_its_test() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    copy(&aurora(), folder);
    let path = folder.join("tests.perso");
    let source = std::fs::read_to_string(&path).expect("tests");
    let (first, rest) = source.split_once("9999920000000029").expect("a PAN");
    std::fs::write(&path, format!("{first}9999920000000028{rest}")).expect("written");
    let tested = cardwright(folder, &["test", "--only", "gold"]);
    assert_eq!(tested.code, 1);
    assert!(
        tested.out.contains("R1193") && tested.out.contains("R1507"),
        "{}",
        tested.out
    );
    assert!(
        !tested.out.contains("9999920000000028"),
        "no PAN in a message"
    );
}

#[test]
fn snapshots_hold_no_pin_and_no_key() {
    let folder = aurora().join("tests");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("snapshots").flatten() {
        if entry.path().extension().is_none_or(|e| e != "snap") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("text");
        seen += 1;
        assert!(
            text.contains("\nrejected ")
                || (text.contains("<sealed ") && text.contains("  **** at ")),
            "{text}"
        );
        // The specimen's PIN, as the reference PIN block of DGI 8010 would begin (ISO 9564-1,
        // format 2), and the open test keys' first octets.
        assert!(!text.contains("241234FFFFFF"), "{text}");
    }
    assert!(seen >= 3);
}

#[test]
fn previews_are_pictures_and_documents() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("pictures");
    let aurora = aurora().display().to_string();
    let shown = out.display().to_string();
    let drawn = cardwright(
        folder.path(),
        &["preview", &aurora, "--layout", "pin_letter", "-o", &shown],
    );
    assert_eq!(drawn.code, 0, "{}", drawn.err);
    let read = |name: &str| std::fs::read(out.join(name)).expect("a file");
    assert!(read("pin_letter.pdf").starts_with(b"%PDF-"));
    assert!(read("pin_letter.png").starts_with(b"\x89PNG"));
    assert_eq!(std::fs::read_dir(&out).expect("a folder").count(), 2);
    let none = cardwright(
        folder.path(),
        &["preview", &aurora, "--layout", "nothing", "-o", &shown],
    );
    assert_eq!(none.code, 1);
    assert!(none.err.contains("E0197"), "{}", none.err);
}

#[test]
fn inspect_counts_what_a_product_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("a.cwb").display().to_string();
    let aurora = aurora().display().to_string();
    assert_eq!(
        cardwright(folder.path(), &["build", &aurora, "-o", &bundle]).code,
        0
    );
    let seen = cardwright(folder.path(), &["inspect", &bundle, "--format", "json"]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    let said: Value = serde_json::from_str(&seen.out).expect("JSON");
    let products = said["products"].as_array().expect("products");
    assert_eq!(products.len(), 3);
    let debit = &products[0];
    assert_eq!(
        (&debit["code"], &debit["card"]),
        (&"DEBI".into(), &"debit_card".into())
    );
    // One ICC key, one certificate for it, one set of three ICC master keys.
    assert_eq!(debit["hsm_calls"]["emv.master_keys"], 1, "{debit}");
    assert!(debit["store_data_commands"].as_u64().expect("counted") > 5);
    let groupings = debit["applications"][0]["groupings"]
        .as_array()
        .expect("groupings");
    assert!(groupings.iter().all(|g| g["octets"].is_u64()), "{debit}");
    assert!(
        groupings
            .iter()
            .any(|g| g["sealed"] == true && g["number"] == "8000")
    );
    let human = cardwright(folder.path(), &["inspect", &bundle]);
    assert!(
        human.out.contains("product GOLD of daily: card gold_card"),
        "{}",
        human.out
    );
}

#[test]
fn a_value_that_can_not_be_read_explains_nothing() {
    for value in ["XYZ", "F05"] {
        let ran = cardwright(Path::new("."), &["explain", "9F0D", value]);
        assert!(
            ran.code != 0 && ran.out.is_empty(),
            "{}{}",
            ran.out,
            ran.err
        );
        assert!(ran.err.contains("E0"), "{}", ran.err);
    }
}

fn explained(arguments: &[&str]) -> String {
    let mut all = vec!["explain"];
    all.extend(arguments);
    let ran = cardwright(Path::new("."), &all);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

#[test]
fn codes_tags_and_values_are_explained() {
    // One code of each table.
    for code in [
        "E0001", "E0102", "E0301", "E0390", "E0190", "R1190", "R1507",
    ] {
        assert!(
            explained(&[code]).starts_with(&format!("{code}: ")),
            "{code}"
        );
    }
    assert!(explained(&["5f20"]).contains("cardholder_name"));
    assert!(explained(&["cardholder_name"]).contains("5F20"));
    // EMV Book 3, annex C1: 20 DDA, 10 cardholder verification; 80 of octet 2 is not EMV contact's.
    let aip = explained(&["82", "30 00"]);
    assert!(
        aip.contains("1  20  dynamic data authentication is supported"),
        "{aip}"
    );
    assert!(
        aip.contains("1  10  cardholder verification is supported"),
        "{aip}"
    );
    assert!(
        !aip.contains("\n  1  40  static data authentication is supported"),
        "{aip}"
    );
    // Annex C5: octet 4, 80: transaction exceeds floor limit.
    assert!(explained(&["9F0D", "0000008000"]).contains("floor limit"));
    // ISO/IEC 7813: 2, international and chip; three digits as they stand on a card.
    assert!(explained(&["5F30", "201"]).contains("chip"));
    assert!(explained(&["5A", "999992000000002"]).contains("999992000000002F"));
    // Annex C3: 44 03 enciphered PIN by the chip if the terminal supports it, else next.
    let methods = explained(&["8E", "00000000000000004403"]);
    assert!(
        methods.contains("enciphered_pin_offline when supported else next"),
        "{methods}"
    );
    assert!(methods.contains("else next"), "{methods}");
    // Book 3, 5.4: 9F02 06 95 05.
    let list = explained(&["8C", "9F02069505"]);
    assert!(
        list.contains("9F02 6 octets") && list.contains("95 5 octets"),
        "{list}"
    );
    assert!(explained(&["5F20", "4144412F"]).contains("  ADA/"));
}

#[test]
fn what_is_unknown_is_said() {
    let ran = cardwright(Path::new("."), &["explain", "E9999"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("E0195"), "{}", ran.err);
    let ran = cardwright(Path::new("."), &["explain", "82", "XY"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("E0196"), "{}", ran.err);
}

/// ISO/IEC 7813 (track 2, service codes), EMV Book 3 (TVR, DOL), two owners of tag 9F69.
#[test]
fn values_are_decoded_part_by_part() {
    let track = explained(&["57", "9999920000000029D2912201000001234F"]);
    for line in [
        "account number  9999920000000029",
        "expiry          2912 (YYMM)",
        "service code    201",
        "discretionary   000001234",
        "international interchange, use the chip where feasible",
    ] {
        assert!(track.contains(line), "{line}: {track}");
    }
    let service = explained(&["service_code", "201"]);
    assert!(service.contains("value      0201"), "{service}");
    let tvr = explained(&["95", "8000000000"]);
    assert!(
        tvr.contains("  1  80  offline data authentication was not performed"),
        "{tvr}"
    );
    let owned = explained(&["9F69", "--dictionary", "mastercard"]);
    assert!(owned.starts_with("#9F69  UDOL"), "{owned}");
    assert!(
        owned.contains("visa: Card Authentication Related Data"),
        "{owned}"
    );
    let list = explained(&["9F38", "9F66049F3704"]);
    assert!(
        list.contains("9F66 4 octets  Terminal Transaction Qualifiers"),
        "{list}"
    );
    // Data objects without a tag beside them: a record.
    let record = explained(&["70085A0299995F340101"]);
    assert!(
        record.starts_with("70  ") && record.contains("\n  5F34  "),
        "{record}"
    );
}

/// A slip of the pen, a tag of nobody, nothing at all: each gets its own help.
#[test]
fn what_is_unknown_gets_a_hint() {
    let said = |subject: &str| cardwright(Path::new("."), &["explain", subject]).err;
    let near = said("cvm_lsit");
    assert!(near.contains("did you mean `cvm_list` (8E)?"), "{near}");
    let nobody = said("DF7F");
    assert!(nobody.contains("no dictionary has it"), "{nobody}");
    let nothing = said("?");
    assert!(nothing.contains("codes look like E0301"), "{nothing}");
}

#[test]
fn every_noun_has_a_print() {
    let aurora = aurora();
    let tree = cardwright(&aurora, &["dump", "tree", "cards.perso"]);
    assert!(tree.out.contains("debit_card"), "{}", tree.out);
    let model = cardwright(&aurora, &["dump", "model", "."]);
    assert!(
        model.out.contains("card aurora.debit_card"),
        "{}",
        model.out
    );
    let checked = cardwright(&aurora, &["dump", "checked", "cards.perso"]);
    assert_eq!(checked.out, model.out, "no findings");
    let bundle = cardwright(&aurora, &["dump", "bundle", "."]);
    let content: Value = serde_json::from_str(&bundle.out).expect("JSON");
    assert_eq!(content["name"], "aurora-bank");
    let shell = cardwright(&aurora, &["completions", "bash"]);
    assert!(shell.out.contains("_cardwright"));
}

#[test]
fn what_a_test_can_not_look_at_is_a_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    copy(&aurora(), folder);
    let path = folder.join("tests.perso");
    let mut source = std::fs::read_to_string(&path).expect("tests");
    source.push_str(
        "\ntest \"unclear\" {\n  order = { name = order.pan }\n  expect { order.pan == \"1\" }\n}\n",
    );
    std::fs::write(&path, source).expect("written");
    let checked = cardwright(folder, &["check", "--format", "json"]);
    assert_eq!(checked.code, 1, "{}", checked.out);
    let code = |line: &str| {
        let finding: Value = serde_json::from_str(line).expect("JSON");
        finding["code"].as_str().unwrap_or_default().to_owned()
    };
    let codes: Vec<String> = checked.out.lines().map(code).collect();
    assert_eq!(codes, ["E0205", "E0209"], "{}", checked.out);
}

//! Every operation with the golden values of `tests/vectors/project/calc.json`, and hostile input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

use cardwright_calc::{LINE_OCTETS_MAX, calc, operations, run_jsonl};
use serde_json::{Value, json};

const IMK: &str = "0123456789ABCDEFFEDCBA9876543210";
const K: &str = "404142434445464748494A4B4C4D4E4F";
const PAN: &str = "4761739001010119";

/// The published values, as (arguments, result).
fn golden() -> Vec<(Value, Value)> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/project/calc.json"
    );
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 36);
    cases
        .iter()
        .map(|case| (case["in"].clone(), case["out"].clone()))
        .collect()
}

#[test]
fn golden_values() {
    for (arguments, expected) in golden() {
        let object = arguments.as_object().unwrap();
        let result = calc(object["op"].as_str().unwrap(), object);
        assert_eq!(result, Ok(expected), "{arguments}");
    }
}

#[test]
fn every_operation_has_a_golden_value_or_a_test() {
    let golden = golden();
    for name in operations() {
        let here = golden.iter().any(|(arguments, _)| arguments["op"] == name);
        assert!(here || matches!(name, "tlv.decode" | "tr31.wrap"), "{name}");
    }
}

fn run(input: &str) -> Vec<Value> {
    let mut output = Vec::new();
    run_jsonl(input.as_bytes(), &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn tlv_with_names_and_meanings() {
    let line = json!({"op": "tlv.decode", "hex": "770E82023C0094080801010010010301"}).to_string();
    let answer = &run(&line)[0];
    assert_eq!(answer["ok"], true);
    let template = &answer["result"][0];
    assert_eq!(template["tag"], "77");
    assert_eq!(
        template["children"][0]["name"],
        "Application Interchange Profile"
    );
    assert_eq!(template["children"][0]["value"], "3C00");
    let meaning = template["children"][1]["meaning"].as_str().unwrap();
    assert_eq!(
        meaning,
        "SFI 1 records 1 to 1, 0 signed; SFI 2 records 1 to 3, 1 signed"
    );
    let name = json!({"op": "tlv.decode", "hex": "5F200C4C4F56454C4143452F414441"}).to_string();
    assert_eq!(run(&name)[0]["result"][0]["meaning"], "LOVELACE/ADA");
}

#[test]
fn wrapping_is_fixed_by_its_fill() {
    let kbpk = "414141414141414142424242424242424343434343434343";
    let object = json!({"kbpk": kbpk, "header": "A0000P0TE00N0000", "key": "A0486B3E78B694A9",
        "fill": "00".repeat(22)});
    let arguments = object.as_object().unwrap();
    let first = calc("tr31.wrap", arguments).unwrap();
    assert_eq!(calc("tr31.wrap", arguments).unwrap(), first);
    let opened = json!({"kbpk": kbpk, "block": first});
    let opened = calc("tr31.unwrap", opened.as_object().unwrap()).unwrap();
    assert_eq!(opened["key"], "A0486B3E78B694A9");
    let mut without = arguments.clone();
    without.remove("fill");
    assert_ne!(calc("tr31.wrap", &without).unwrap(), first);
}

#[test]
fn random_blocks_open_again() {
    for (format, key) in [("1", None), ("3", Some(IMK)), ("4", Some(K))] {
        let mut object = json!({"format": format, "pin": "98765", "pan": PAN});
        if let Some(key) = key {
            object["key"] = key.into();
        }
        let block = calc("pinblock.encode", object.as_object().unwrap()).unwrap();
        assert_ne!(
            calc("pinblock.encode", object.as_object().unwrap()).unwrap(),
            block
        );
        object["block"] = block;
        let pin = calc("pinblock.decode", object.as_object().unwrap()).unwrap();
        assert_eq!(pin, "98765");
    }
}

#[test]
fn bad_lines_get_their_code_and_the_next_line_is_read() {
    let long = format!(
        "{{\"op\":\"luhn\",\"pan\":\"{}\"}}",
        "1".repeat(LINE_OCTETS_MAX)
    );
    let lines = [
        "not json",
        "[1]",
        "{}",
        "{\"op\": \"nothing\"}",
        "",
        "{\"op\": \"cvv\"}",
        "{\"op\": \"kcv\", \"key\": \"0X\", \"algorithm\": \"tdes\", \"method\": \"ecb\"}",
        &long,
        "{\"op\": \"luhn\", \"pan\": [1]}",
        &"[".repeat(100_000),
        "{\"op\": \"luhn\", \"pan\": \"476173900101011\"}",
    ];
    let answers = run(&lines.join("\n"));
    let codes: Vec<&str> = answers
        .iter()
        .map(|answer| answer["code"].as_str().unwrap_or("ok"))
        .collect();
    let expected = [
        "E0090", "E0090", "E0090", "E0091", "E0092", "E0093", "E0094", "E0093", "E0090", "ok",
    ];
    assert_eq!(codes, expected);
    assert_eq!(answers[9], json!({"ok": true, "result": "9"}));
}

/// Canaries in every argument: no error repeats one.
#[test]
fn errors_hold_no_argument() {
    let canaries = ["CAFEBABE0DDC0FFEE", "95175382", "zzTopSecretzz"];
    let names = [
        "key",
        "kbpk",
        "pin",
        "pan",
        "psn",
        "data",
        "block",
        "fill",
        "offset",
        "table",
        "header",
        "enc",
        "mac",
        "dek",
        "kdd",
        "r",
        "arqc",
        "track",
        "name",
        "format",
        "option",
        "method",
        "algorithm",
        "padding",
        "hex",
        "expiry",
        "service",
        "pad",
        "pvki",
        "un",
        "atc",
        "csu",
    ];
    for op in operations() {
        for canary in canaries {
            let object: serde_json::Map<_, _> = names
                .iter()
                .map(|name| ((*name).to_owned(), canary.into()))
                .collect();
            if let Err(error) = calc(op, &object) {
                assert!(!error.to_string().contains(canary), "{op}: {error}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_input_panics(
        op in proptest::sample::select(operations().collect::<Vec<_>>()),
        text in "[0-9A-Fa-f]{0,80}|\\PC{0,20}",
        short in "[0-9]{0,20}",
    ) {
        let object = json!({"key": text, "kbpk": text, "pin": short, "pan": short, "data": text,
            "block": text, "format": "1", "header": text, "hex": text, "method": "common",
            "algorithm": "tdes", "r": text, "table": short, "offset": short, "pad": "F",
            "validation_start": 99, "validation_length": 99, "pvki": short, "name": text,
            "expiry": short, "service": short, "sequence": text, "fill": text, "option": "b"});
        let _ = calc(op, object.as_object().unwrap());
    }
}

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
        let tested = name.starts_with("keywrap.") || name.starts_with("components.");
        let tested =
            tested || matches!(name, "tlv.decode" | "tr31.wrap" | "tr31.read" | "tr31.open");
        assert!(here || tested, "{name}");
    }
}

fn calculate(arguments: Value) -> Result<Value, &'static str> {
    let object = arguments.as_object().unwrap();
    calc(object["op"].as_str().unwrap(), object).map_err(|error| error.code)
}

// RFC 3394, 4.1; RFC 5649, 6.
#[test]
fn wrapped_keys() {
    let kek = "000102030405060708090A0B0C0D0E0F";
    let key = "00112233445566778899AABBCCDDEEFF";
    let wrapped = "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5";
    let made = calculate(json!({"op": "keywrap.wrap", "kek": kek, "key": key}));
    assert_eq!(made, Ok(json!(wrapped)));
    let opened = calculate(json!({"op": "keywrap.unwrap", "kek": kek, "wrapped": wrapped}));
    assert_eq!(opened, Ok(json!(key)));
    let kek = "5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8";
    let arguments =
        json!({"op": "keywrap.wrap", "kek": kek, "key": "466F7250617369", "padded": "yes"});
    let made = calculate(arguments);
    assert_eq!(made, Ok(json!("AFBEB0F07DFBF5419200F2CCB50BB24F")));
    let other = json!({"op": "keywrap.unwrap", "kek": key, "wrapped": wrapped});
    assert_eq!(calculate(other), Err("E0599"));
}

// ANSI X9.143:2021, 8.4.2.
#[test]
fn blocks_are_read_and_opened() {
    let kbpk = "1D22BF32387C600AD97F9B97A51311AC";
    let block = "B0120B0TX12S0100KS1800604B120F929280000015CEB14B76D551F21EC43A75390FA118\
                 A98C6CB049E3B9E864A5F4A8B9A5108A6DB5635C95B042D7";
    let read = calculate(json!({"op": "tr31.read", "block": block})).unwrap();
    assert_eq!(read["usage"], "B0 base derivation key (BDK)");
    assert_eq!(read["optional"][0]["data"], "00604B120F9292800000");
    let opened = calculate(json!({"op": "tr31.open", "kbpk": kbpk, "block": block})).unwrap();
    assert_eq!(opened["key"], "E8BC63E5479455E26577F715D587FE68");
    let faults = calculate(json!({"op": "tr31.read", "block": "B0000Q0TX12S0000"})).unwrap();
    assert_eq!(faults["faults"][0], "Q0 is no key usage of X9.143");
    let changed = block.replace("X12S", "X12E");
    let refused = calculate(json!({"op": "tr31.open", "kbpk": kbpk, "block": changed}));
    assert_eq!(refused, Err("E0592"));
}

// The key of pyemv's tests, with its check value 08D7B4.
#[test]
fn components_there_and_back() {
    let arguments = json!({
        "op": "components.split", "key": IMK, "count": 3, "algorithm": "tdes", "method": "ecb",
    });
    let parts = calculate(arguments).unwrap();
    let part = |number: usize| parts[number]["component"].clone();
    let mut arguments = json!({
        "op": "components.combine", "algorithm": "tdes", "method": "visa", "parity": "odd",
        "kcv": "08D7B4", "c1": part(0), "c2": part(1), "c3": part(2),
    });
    let combined = calculate(arguments.clone()).unwrap();
    assert_eq!(combined, json!({"key": IMK, "kcv": "08D7B4"}));
    arguments["kcv"] = json!("08D7B5");
    assert_eq!(calculate(arguments.clone()), Err("E0597"));
    arguments["c2"] = part(0);
    assert_eq!(calculate(arguments), Err("E0595"));
    let one = json!({
        "op": "components.split", "key": IMK, "count": 1, "algorithm": "tdes", "method": "ecb",
    });
    assert_eq!(calculate(one), Err("E0093"));
    let word = json!({"op": "kcv", "key": IMK, "algorithm": "tdes", "method": "md5"});
    assert_eq!(calculate(word), Err("E0093"));
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

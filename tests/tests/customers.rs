//! The smaller customers of `examples/`: each from its order file to its report with the real
//! programs, and each's own tests and snapshots.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    projects::{self, Folder},
    station::{Station, program},
    workspace,
};
use serde_json::Value;
use std::process::Command;

/// Runs a customer's whole line. Nineteen of its orders are made; each other one is rejected, and
/// says so in these words.
fn run(customer: &str, orders: &str, because: &[&str]) -> Station {
    let folder = workspace::root().join("examples").join(customer);
    let station = Station::new();
    // In a copy: a lock file belongs to whoever works at the project.
    let copy = station.path(customer);
    projects::copy_folder(&folder, &copy);
    let tested = Command::new(program("cardwright"))
        .args(["test", &copy.to_string_lossy()])
        .output();
    let tested = tested.expect("cardwright runs");
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{customer}: {said}");

    let bundle = projects::signed(projects::compile(&Folder(folder.clone())));
    station.write("aurora.cwb", &bundle.to_bytes().expect("octets"));
    station.run(&folder.join(orders), "out", &[]).expect(0);

    let report = station.report("out");
    let number = |path: &str| report.pointer(path).and_then(Value::as_i64);
    let all = 19 + i64::try_from(because.len()).expect("a count");
    assert_eq!(number("/orders"), Some(all), "{report}");
    assert_eq!(number("/produced"), Some(19), "{report}");
    assert_eq!(number("/validated/passed"), Some(19));
    assert_eq!(number("/validated/failed"), Some(0));
    assert_eq!(number("/unknown"), Some(0));
    assert_eq!(number("/reconciliation/unaccounted"), Some(0));
    assert_eq!(number("/reconciliation/blanks_unaccounted"), Some(0));
    let rejected = report["rejected"].as_array().expect("a list");
    assert_eq!(rejected.len(), because.len(), "{rejected:?}");
    for (rejected, because) in rejected.iter().zip(because) {
        let reason = rejected["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(because), "{rejected:?}");
    }
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    assert_eq!((machine.good, machine.in_machine), (19, 0));
    station
}

fn written(station: &Station, name: &str) -> Vec<u8> {
    std::fs::read(station.path("out/files").join(name)).expect("a file of the customer")
}

#[test]
fn a_prepaid_programme_with_stripes_and_no_chip() {
    let because = "a card without a name holds 250.00 at most";
    let station = run("harbour-prepaid", "orders.csv", &[because]);
    let rows = String::from_utf8(written(&station, "shipped.csv")).expect("text");
    assert_eq!(rows.lines().count(), 20, "a heading and a line a card");
    assert!(rows.contains("W000000001;999992******0017;"), "{rows}");
    let report = station.report("out");
    assert_eq!(report["mailers"], Value::from(0));
}

#[test]
fn a_loyalty_card_that_telephones_read() {
    let because = "the member's number has another check digit";
    let station = run("lantern-loyalty", "orders.json", &[because]);
    let made: Value = serde_json::from_slice(&written(&station, "made.json")).expect("JSON");
    let cards = made["cards"].as_array().expect("a list");
    assert_eq!(cards.len(), 19);
    assert_eq!(cards[0]["number"], Value::from("4000000010"));
}

#[test]
fn a_host_that_speaks_ebcdic_and_packed_decimal() {
    let station = run(
        "meridian-debit",
        "orders.bin",
        &["the account is in arrears"],
    );
    let returns = written(&station, "returns.bin");
    // By hand: a descriptor word of ten octets, `HD` in code page 1047, batch 317 packed.
    let header = [0, 10, 0, 0, 0xC8, 0xC4, 0x00, 0x00, 0x31, 0x7F];
    assert_eq!(returns[..10], header);
    // The trailer: `TR`, 19 cards, 50,000 times 1 to 19 cents, above zero.
    let trailer = hex::decode("00100000E3D90000019F00009500000C").expect("octets");
    assert!(returns.ends_with(&trailer), "{}", hex::encode(&returns));
    assert_eq!(returns.len(), 10 + 19 * 31 + 16);
    assert_eq!(station.report("out")["mailers"], Value::from(19));
}

#[test]
fn badges_for_doors() {
    let cut = "it is cut short or damaged";
    let because = ["a level is 1 to 5", cut];
    let station = run("kestrel-access", "orders.txt", &because);
    let doors = String::from_utf8(written(&station, "doors.csv")).expect("text");
    assert_eq!(doors.lines().count(), 20);
    assert!(doors.contains("7000000013,00013,2,2028-12-31"), "{doors}");
}

#[test]
fn each_customer_runs_in_one_line_and_says_so() {
    for path in workspace::files_below("examples", "run.sh") {
        let folder = path.trim_end_matches("/run.sh");
        if folder == "examples/aurora-bank" {
            continue;
        }
        let script = workspace::read(&path);
        let call = script.lines().last().unwrap_or_default();
        let orders = call.split(' ').next_back().unwrap_or_default();
        let there = workspace::root().join(folder).join(orders).is_file();
        assert!(there, "{path}: no {orders}");
        let readme = workspace::read(&format!("{folder}/README.md"));
        assert!(readme.contains(&format!("sh {path}")), "{folder}/README.md");
    }
}

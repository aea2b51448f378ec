//! A job that was stopped and gone on with reports what an undisturbed one does, and names the
//! letter that can't be drawn.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    orders::{OrderRecord, file},
    station::Station,
};
use serde_json::{Value, json};
use std::time::Duration;

fn good(number: u64) -> OrderRecord {
    let product = if number.is_multiple_of(2) {
        "DEBI"
    } else {
        "DUAL"
    };
    OrderRecord::good(number, product, "1357")
}

/// Twenty orders; intake refuses one, and another is rejected when its PIN block is opened.
fn orders() -> Vec<u8> {
    let lines = (1..=20).map(|number| {
        let mut order = good(number);
        if number == 5 {
            order.psn = "A!".into();
        }
        if number == 7 {
            order.pin = "00".repeat(16);
        }
        order.line()
    });
    file(&lines.collect::<Vec<_>>())
}

/// What must be equal: every count; not times, the number of runs and the octets of files.
fn counted(report: &Value) -> Value {
    let mut counted = report.clone();
    for name in ["seconds", "cards_per_second", "runs"] {
        counted.as_object_mut().expect("an object").remove(name);
    }
    for station in counted["stations"].as_array_mut().expect("a list") {
        *station = json!([station["station"], station["count"]]);
    }
    for file in counted["files"].as_array_mut().expect("a list") {
        *file = json!([file["name"], file["records"]]);
    }
    counted
}

fn show(station: &Station) -> Value {
    let said = station.say(&["job", "show", "1", "--format", "json"]);
    said.expect(0).json()
}

/// Waits until the machine has noted so many lines; whether the program still runs.
fn until(station: &Station, child: &mut std::process::Child, lines: usize) -> bool {
    while station.machine_lines().len() < lines {
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

#[test]
fn a_paused_job_reports_as_an_undisturbed_one_and_another_job_is_not_counted_in() {
    let undisturbed = Station::new();
    let disturbed = undisturbed.twin();
    let lanes = ["--lanes", "1"];
    let orders = orders();
    let path = undisturbed.write("orders.txt", &orders);
    undisturbed.run(&path, "out", &lanes).expect(0);

    let path = disturbed.write("orders.txt", &orders);
    let arguments = disturbed.run_arguments(&path, "out", &lanes);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child = disturbed.begin(&words);
    assert!(
        until(&disturbed, &mut child, 10),
        "it ended before it was paused"
    );
    disturbed.say(&["job", "pause", "1"]).expect(0);
    child.wait().expect("its end");
    assert_eq!(show(&disturbed)["state"], "PAUSED");

    let others: Vec<String> = (101..=104).map(|n| good(n).line()).collect();
    let path = disturbed.write("others.txt", &file(&others));
    disturbed.run(&path, "others", &lanes).expect(0);
    assert_eq!(
        disturbed.report("others")["reconciliation"]["blanks_issued"],
        4
    );

    let out = disturbed.path("out").to_string_lossy().into_owned();
    let resume = ["job", "resume", "1", "--out", &out, "--lanes", "1"];
    disturbed.say(&resume).expect(0);
    let (expected, found) = (undisturbed.report("out"), disturbed.report("out"));
    assert_eq!(counted(&found), counted(&expected));
    assert_eq!((&expected["runs"], &found["runs"]), (&json!(1), &json!(2)));
    // The rejected orders have no letter to come.
    assert_eq!(
        show(&disturbed)["mailers"],
        json!({"NONE": 1, "PRINTED": 18})
    );
    let rejected = std::fs::read_to_string(disturbed.path("out/rejected.jsonl")).expect("a file");
    assert_eq!(rejected.lines().count(), 2);
}

#[test]
fn a_letter_that_cant_be_drawn_is_named_and_the_others_go_on() {
    let station = Station::new();
    let lines = (1..=4).map(|number| {
        let mut order = good(number);
        if number == 3 {
            // No font of the letter has these characters; the card does not show the address.
            order.address[0] = "\u{5357}\u{4EAC}\u{8DEF} 1".into();
        }
        order.line()
    });
    let path = station.write("orders.txt", &file(&lines.collect::<Vec<_>>()));
    let said = station.run(&path, "out", &[]).expect(6);
    assert!(
        said.out.contains("letter of order 3: R1237"),
        "{}",
        said.out
    );
    assert!(said.out.contains("given-up"), "{}", said.out);
    let shown = show(&station);
    assert_eq!(shown["state"], "PAUSED");
    assert_eq!(shown["mailers"], json!({"PRINTED": 3, "UNDRAWN": 1}));
    assert_eq!(shown["mailers_not_drawn"][0]["order"], 3);
    assert_eq!(shown["mailers_not_drawn"][0]["code"], "R1237");
    let tray = || {
        std::fs::read_dir(station.path("out/mailers"))
            .expect("a tray")
            .count()
    };
    assert_eq!(tray(), 1);
    // Tried again, still not to be drawn; the three others are not printed a second time.
    let out = station.path("out").to_string_lossy().into_owned();
    let resume = ["job", "resume", "1", "--out", &out];
    let said = station.say(&resume).expect(6);
    assert!(said.out.contains("R1463"), "{}", said.out);
    assert_eq!(tray(), 1);
    let report = station.report("out");
    assert_eq!(report["letters_in_doubt"][0]["order"], 3);
    assert_eq!(
        (&report["mailers"], &report["letters_not_drawn"]),
        (&json!(3), &json!(1))
    );
    for who in ["ann", "bob"] {
        let words = [
            "job", "settle", "1", "3", "--mailer", "--found", "given-up", "--by", who,
        ];
        station.say(&words).expect(0);
    }
    // The carrier has the same address: it holds up neither the others nor the end.
    station.say(&resume).expect(6);
    assert_eq!(show(&station)["state"], "DONE");
    let report = station.report("out");
    assert_eq!(
        (&report["carriers"], &report["carriers_not_drawn"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(report["reconciliation"]["blanks_good"], 4);
    station.say(&["audit", "verify"]).expect(0);
}

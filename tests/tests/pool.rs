//! Keys made ahead: filled, announced, each bound to one order, and filled again while a job runs.

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
use serde_json::Value;

/// Twelve debit cards, each with one key of 1152 bits.
fn orders(station: &Station, first: u64) -> std::path::PathBuf {
    let lines: Vec<String> = (first..first + 12)
        .map(|n| OrderRecord::good(n, "DEBI", &format!("{:05}", 10_000 + n)).line())
        .collect();
    station.write(&format!("orders-{first}.txt"), &file(&lines))
}

/// Size, exponent, waiting, used.
fn levels(station: &Station) -> Vec<[u64; 4]> {
    let shown = station
        .say(&["keys", "pool", "show", "--format", "json"])
        .expect(0)
        .json();
    let row = |r: &Value| ["bits", "exponent", "unused", "used"].map(|f| r[f].as_u64().unwrap());
    shown["pool"].as_array().unwrap().iter().map(row).collect()
}

fn fill(station: &Station, level: &str) {
    let filled = [
        "keys",
        "pool",
        "fill",
        "--bits",
        "1152",
        "--exponent",
        "3",
        "--level",
        level,
    ];
    station.say(&filled).expect(0);
}

#[test]
fn each_key_serves_one_order_and_a_job_says_whether_the_pool_will_last() {
    let station = Station::new();
    fill(&station, "20");
    assert_eq!(levels(&station), [[1152, 3, 20, 0]]);
    let said = station
        .run(&orders(&station, 1), "one", &["--lanes", "2"])
        .expect(0);
    let lasts = "keys RSA-1152 e=3: 12 needed, 20 in the pool: the pool will last";
    assert!(said.err.contains(lasts), "{}", said.err);
    assert_eq!(station.report("one")["validated"]["passed"], 12);
    assert_eq!(levels(&station), [[1152, 3, 8, 12]]);
    let said = station
        .run(&orders(&station, 101), "two", &["--lanes", "2"])
        .expect(0);
    let short = "12 needed, 8 in the pool: 4 must be made while cards are made";
    assert!(said.err.contains(short), "{}", said.err);
    assert_eq!(station.report("two")["validated"]["passed"], 12);
    assert_eq!(levels(&station), [[1152, 3, 0, 20]]);
    // A level that is reached already needs no key; used keys do not count.
    fill(&station, "3");
    fill(&station, "2");
    assert_eq!(levels(&station), [[1152, 3, 3, 20]]);
    station.say(&["audit", "verify"]).expect(0);
}

#[test]
fn idle_processors_keep_the_level_while_a_job_runs() {
    let station = Station::new();
    let path = station.site().join("site.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let table = "\n[[pool]]\nbits = 1152\nexponent = 3\nlevel = 6\n";
    std::fs::write(&path, text + table).unwrap();
    station.say(&["keys", "pool", "fill"]).expect(0);
    assert_eq!(levels(&station), [[1152, 3, 6, 0]]);
    station
        .run(&orders(&station, 1), "out", &["--lanes", "1"])
        .expect(0);
    assert_eq!(station.report("out")["validated"]["passed"], 12);
    let [[_, _, unused, used]] = levels(&station)[..] else {
        panic!("one level");
    };
    // How many were made beside the line is luck; those that were there went first.
    assert!((6..=12).contains(&used) && unused <= 6, "{unused} {used}");
    station.say(&["audit", "verify"]).expect(0);
}

#[test]
fn a_pool_without_a_level_is_not_filled() {
    let station = Station::new();
    assert!(
        station
            .say(&["keys", "pool", "fill"])
            .expect(2)
            .err
            .contains("R1271")
    );
    let odd = ["keys", "pool", "fill", "--bits", "1153", "--level", "1"];
    assert!(station.say(&odd).expect(5).err.contains("R1304"));
    assert!(levels(&station).is_empty());
}

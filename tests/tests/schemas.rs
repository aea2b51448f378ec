//! The published JSON Schemas hold for real files, says somebody else's validator.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails loudly"
)]

use cardwright_tests::{
    projects,
    station::{Station, program},
    workspace,
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// All customers of the examples with their order files.
const EXAMPLES: [(&str, &str, &str); 5] = [
    ("aurora-bank", "orders-50.txt", "track2"),
    ("harbour-prepaid", "orders.csv", "track1"),
    ("kestrel-access", "orders.txt", "chip:badge:3001"),
    ("lantern-loyalty", "orders.json", "front:panel:name"),
    ("meridian-debit", "orders.bin", "chip:debit:57"),
];

/// What `cardstation schema` knows.
const SITE_SCHEMAS: [&str; 8] = [
    "report",
    "site",
    "keys-list",
    "keys-due",
    "keys-use",
    "keys-check",
    "keys-packages",
    "keys-sites",
];

fn example(name: &str) -> PathBuf {
    workspace::root().join("examples").join(name)
}

fn schema(name: &str) -> Value {
    let text = workspace::read(&format!("docs/schemas/{name}.json"));
    serde_json::from_str(&text).expect("a schema")
}

/// Ends the test when a value breaks a schema.
#[track_caller]
fn holds(name: &str, value: &Value) {
    let schema = schema(name);
    jsonschema::meta::validate(&schema).expect("a schema by its own rules");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let broken: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(broken.is_empty(), "{name}\n{}\n{value}", broken.join("\n"));
}

/// Ends the test when a value keeps a schema that it should break.
#[track_caller]
fn breaks(name: &str, value: &Value) {
    let validator = jsonschema::validator_for(&schema(name)).expect("a schema");
    assert!(!validator.is_valid(value), "{name}: {value}");
}

fn read_toml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a file");
    let table: toml::Table = toml::from_str(&text).expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

/// Runs `cardwright`; gives what it said on standard output.
fn cardwright(arguments: &[&str]) -> String {
    let ran = Command::new(program("cardwright"))
        .args(arguments)
        .output()
        .expect("it runs");
    String::from_utf8(ran.stdout).expect("UTF-8")
}

fn said(arguments: &[&str]) -> Value {
    let text = cardwright(arguments);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text}"))
}

#[test]
fn what_the_author_reads_and_writes() {
    let scratch = tempfile::tempdir().expect("a folder");
    let bundle = scratch.path().join("a.cwb").display().to_string();
    let mut before = None;
    for (name, orders, output) in EXAMPLES {
        let project = example(name).display().to_string();
        holds(
            "manifest",
            &read_toml(&example(name).join("cardwright.toml")),
        );
        cardwright(&["build", &project, "-o", &bundle]);
        holds("inspect", &said(&["inspect", &bundle, "--format", "json"]));
        let orders = example(name).join(orders).display().to_string();
        let mut why = vec!["why", &bundle, "--orders", &orders, "--order", "2", output];
        why.extend(["--format", "json"]);
        let told = said(&why);
        holds("why", &told);
        // Another customer's bundle differs in everything that there is.
        if let Some(before) = before.replace(project.clone()) {
            holds("diff", &said(&["diff", &before, &bundle, "--json"]));
        }
        holds("diff", &said(&["diff", &project, &bundle, "--json"]));
    }
    breaks(
        "manifest",
        &json!({ "name": "a", "version": "1.0.0", "jobs": 3 }),
    );
}

#[test]
fn findings_one_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    projects::copy_folder(&example("kestrel-access"), path);
    let source = path.join("works.perso");
    let text = std::fs::read_to_string(&source).expect("a source");
    let text = text.replace("use = card_key", "use = transport");
    std::fs::write(&source, text.replace("order.name |>", "order.nam |>")).expect("written");
    let project = path.display().to_string();
    let lines = cardwright(&["check", &project, "--format", "json"]);
    assert!(lines.lines().count() >= 2, "{lines}");
    for line in lines.lines() {
        let finding: Value = serde_json::from_str(line).expect("JSON");
        holds("finding", &finding);
    }
}

#[test]
fn speeds_with_and_without_their_defaults() {
    holds("speeds", &json!({}));
    let page = workspace::read("docs/tools.md");
    let example = page.split("```toml\n").nth(1).expect("an example");
    let example = example.split("```").next().expect("its end");
    let table: toml::Table = toml::from_str(example).expect("TOML");
    holds("speeds", &serde_json::to_value(table).expect("JSON"));
    breaks("speeds", &json!({ "chip": { "baud": 9600 } }));
    breaks("speeds", &json!({ "machines": "two" }));
}

#[test]
fn what_a_site_reads_and_writes() {
    let station = Station::new();
    for name in SITE_SCHEMAS {
        let made = station.say(&["schema", name]).expect(0).out;
        let path = workspace::root().join(format!("docs/schemas/{name}.json"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &made).expect("written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{name}: UPDATE=1 writes it anew");
    }
    let site = read_toml(&station.site().join("site.toml"));
    holds("site", &site);
    let mut wrong = site;
    wrong["machine"]["first_stock"] = json!("many");
    breaks("site", &wrong);
    let project = example("harbour-prepaid").display().to_string();
    let bundle = station.bundle().display().to_string();
    cardwright(&["build", &project, "-o", &bundle]);
    let ran = station.run(&example("harbour-prepaid").join("orders.csv"), "out", &[]);
    assert!(matches!(ran.code, Some(0 | 6)), "{}", ran.err);
    let report = station.report("out");
    assert!(report["produced"].as_u64() > Some(0));
    holds("report", &report);
    assert_eq!(
        station
            .say(&["schema"])
            .expect(0)
            .out
            .lines()
            .collect::<Vec<_>>(),
        SITE_SCHEMAS
    );
}

#[test]
fn what_key_management_writes() {
    let station = Station::new();
    let two = ["--who", "Anna", "--second", "Bela"];
    let keys = |words: &str, more: &[&str]| {
        let mut arguments = vec!["keys"];
        arguments.extend(words.split_whitespace());
        arguments.extend(more);
        station.say(&arguments)
    };
    keys("site make", &two).expect(0);
    let generate = "generate aurora.k --use transport --algorithm aes128 --owner x";
    keys(
        generate,
        &["--who", "Anna", "--exportability", "exportable"],
    )
    .expect(0);
    keys("activate aurora.k --who Anna", &[]).expect(0);
    keys(
        "generate aurora.l --use transport --algorithm rsa --owner x --who Anna",
        &[],
    )
    .expect(5);
    // The site trusts itself: an identity file is all that is needed for a package.
    let identity = station.path("own.json").display().to_string();
    let said = keys("site show --out", &[&identity]).expect(0);
    let fingerprint = said
        .out
        .split_whitespace()
        .nth(3)
        .expect("a fingerprint")
        .to_owned();
    keys(
        "site trust",
        &[&identity, "--fingerprint", &fingerprint, "--who", "Anna"],
    )
    .expect(0);
    holds("keys-sites", &keys("site list --format json", &[]).json());
    keys(
        "site trust",
        &[&identity, "--fingerprint", &fingerprint, "--who", "Bela"],
    )
    .expect(0);
    let package = station.path("k.ckp").display().to_string();
    keys(
        "package make aurora.k@1 --to site --who Anna --out",
        &[&package],
    )
    .expect(0);
    keys("suspend aurora.k --who Anna", &[]).expect(0);
    keys("compromise aurora.k@1 --why lost", &two).expect(0);
    keys("destroy aurora.k@1 --who Anna", &[]).expect(0);
    for (schema, words) in [
        ("keys-list", "list"),
        ("keys-list", "show aurora.k"),
        ("keys-due", "due"),
        ("keys-use", "use"),
        ("keys-check", "check"),
        ("keys-packages", "package list"),
        ("keys-sites", "site list"),
    ] {
        let said = keys(words, &["--format", "json"]);
        let value = said.json();
        assert_eq!(value["schema_version"], 1, "{words}");
        holds(schema, &value);
    }
    breaks("keys-list", &json!({ "schema_version": 1 }));
}

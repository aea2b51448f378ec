//! Packages of keys between sites whose keys are in SoftHSM, and between such a site and one with the
//! soft HSM, both ways: the same check values there, acknowledged, and good for work.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    station::{Said, Station},
    token,
};
use serde_json::Value;

/// Uses and algorithms of keys that travel.
const KEYS: [(&str, &str, &str); 6] = [
    ("aurora.cvk", "card_verification", "tdes2"),
    ("aurora.zpk", "pin_encryption", "tdes3"),
    ("aurora.kmc", "card_issuance", "aes128"),
    ("aurora.kbpk", "key_block_protection", "aes256"),
    (
        "aurora.issuer",
        "emv.issuer_private",
        "rsa --bits 1408 --exponent 3",
    ),
    ("aurora.sign", "package_signing", "p256"),
];

fn say(station: &Station, words: &str) -> Said {
    let words: Vec<&str> = words.split_whitespace().collect();
    station.say(&words)
}

fn named(station: Station, name: &str) -> Station {
    let path = station.site().join("site.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().find(|l| l.starts_with("name = ")).unwrap();
    let text = text.replacen(line, &format!("name = \"{name}\""), 1);
    std::fs::write(path, text).unwrap();
    station
}

fn soft(name: &str) -> Station {
    named(Station::new(), name)
}

fn token(name: &str) -> Station {
    let station = token::site("host_memory = \"allowed\"\ntest_only = true\n");
    say(&station, "hsm prepare").expect(0);
    named(station, name)
}

/// Makes the identity of a site: its file and its fingerprint.
fn identity(station: &Station, kind: &str) -> (String, String) {
    say(
        station,
        &format!("keys site make {kind} --who Anna --second Bela"),
    )
    .expect(0);
    let path = station.path("identity.json").to_string_lossy().into_owned();
    let said = say(station, &format!("keys site show --out {path}")).expect(0);
    let line = said.out.lines().find(|l| l.starts_with("fingerprint"));
    let fingerprint = line.unwrap().split_whitespace().last().unwrap().to_owned();
    (path, fingerprint)
}

fn trust(station: &Station, (file, fingerprint): &(String, String)) {
    for who in ["Anna", "Bela"] {
        let words = format!("keys site trust {file} --fingerprint {fingerprint} --who {who}");
        say(station, &words).expect(0);
    }
}

/// The check values of the keys that travel, by label.
fn values(station: &Station) -> Vec<(String, Value)> {
    let listed = say(station, "keys list --format json").expect(0).json();
    let own = |key: &&Value| key["name"].as_str().unwrap().starts_with("aurora.");
    let of = |key: &Value| {
        let label = format!("{}@{}", key["name"].as_str().unwrap(), key["version"]);
        (label, key["check_values"].clone())
    };
    let keys = listed["keys"].as_array().unwrap();
    keys.iter().filter(own).map(of).collect()
}

fn travel(north: &Station, south: &Station, kind: &str) {
    let (one, other) = (identity(north, kind), identity(south, kind));
    trust(north, &other);
    trust(south, &one);
    let mut labels = String::new();
    for (name, usage, algorithm) in KEYS {
        let words = format!(
            "keys generate {name} --use {usage} --algorithm {algorithm} --owner issuing \
             --exportability exportable --who Anna"
        );
        say(north, &words).expect(0);
        labels += &format!("{name}@1 ");
    }
    let at = |station: &Station, name: &str| station.path(name).to_string_lossy().into_owned();
    let package = at(north, "keys.ckp");
    let make = format!("keys package make {labels} --to south --out {package} --who Anna");
    say(north, &make).expect(0);
    // A changed octet: nothing of six keys is kept.
    let mut changed = std::fs::read(&package).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let spoiled = at(south, "spoiled.ckp");
    std::fs::write(&spoiled, changed).unwrap();
    let receipt = at(south, "keys.ckr");
    let open = |file: &str| {
        let words = format!("keys package open {file} --receipt {receipt} --who Cleo");
        say(south, &words)
    };
    let said = open(&spoiled);
    assert!(said.err.contains("R1364"), "{}", said.err);
    assert!(values(south).is_empty());
    open(&package).expect(0);
    let (sent, arrived) = (values(north), values(south));
    assert_eq!(sent, arrived);
    assert_eq!(arrived.len(), KEYS.len());
    let acknowledge = format!("keys package acknowledge {receipt} --who Anna");
    let said = say(north, &acknowledge).expect(0);
    assert!(
        said.out.contains("6 keys with the same check values"),
        "{}",
        said.out
    );
    let rows = say(north, "keys package list --format json")
        .expect(0)
        .json();
    assert_eq!(rows["packages"][0]["state"], "acknowledged");
    for station in [north, south] {
        // The HSM has what the inventory says, under the same check values.
        say(station, "keys check").expect(0);
        say(station, "audit verify").expect(0);
    }
    // Key pairs have the same public half at both sites.
    let public = |station: &Station, label: &str| {
        say(station, &format!("keys public-key {label}"))
            .expect(0)
            .out
    };
    for label in ["aurora.issuer@1", "aurora.sign@1"] {
        assert_eq!(public(north, label), public(south, label), "{label}");
    }
}

#[test]
fn keys_travel_between_two_tokens() {
    travel(&token("north"), &token("south"), "");
}

#[test]
fn keys_travel_from_a_token_to_a_soft_hsm() {
    travel(&token("north"), &soft("south"), "");
}

#[test]
fn keys_travel_from_a_soft_hsm_to_a_token() {
    travel(&soft("north"), &token("south"), "");
}

#[test]
fn keys_travel_between_two_tokens_over_rsa() {
    travel(&token("north"), &token("south"), "--rsa");
}

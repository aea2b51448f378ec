//! The key management station from its command line: the life of a key, a job that needs it, and
//! keys that go to another site, over the soft HSM.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_keys::Clerk;
use cardwright_keys::inventory::{Act, NewEntry, Origin, People, Wish};
use cardwright_ports::custody::{Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::{CustodyHsm, HsmError, SecretBytes};
use cardwright_soft_hsm::{SoftHsm, Unlock};
use cardwright_standards::{des_keys::set_odd_parity, test_keys};
use cardwright_store::{SiteKey, SqliteStore};
use cardwright_tests::{
    orders::{OrderRecord, file},
    station::{Said, Station},
};
use serde_json::Value;
use std::path::{Path, PathBuf};

const FINDINGS: i32 = 1;
const ENVIRONMENT: i32 = 3;
const DEVICE: i32 = 5;

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn three_orders(station: &Station) -> PathBuf {
    let lines: Vec<String> = (1..=3)
        .map(|n| OrderRecord::good(n, "DEBI", "1357").line())
        .collect();
    station.write("orders.txt", &file(&lines))
}

/// Runs `keys` with these words.
fn keys(station: &Station, words: &str, more: &[&str]) -> Said {
    let mut arguments = vec!["keys"];
    arguments.extend(words.split_whitespace());
    arguments.extend(more);
    station.say(&arguments)
}

fn listed(station: &Station) -> Vec<Value> {
    let said = keys(station, "list --format json", &[]).expect(0).json();
    assert_eq!(said["schema_version"], 1);
    said["keys"].as_array().expect("keys").clone()
}

#[track_caller]
fn says(said: &Said, code: &str, words: &str) {
    let flat: Vec<&str> = said.err.split_whitespace().collect();
    let flat = flat.join(" ").replace("│ ", "");
    assert!(
        flat.contains(code) && flat.contains(words),
        "{code} {words}: {}",
        said.err
    );
}

const GENERATE: &str = "--owner issuing --who Anna --use card_verification --algorithm tdes2";
const TWO: [&str; 4] = ["--who", "Anna", "--second", "Bela"];

#[test]
fn the_life_of_a_key() {
    let station = Station::new();
    let generate =
        |name: &str, more: &[&str]| keys(&station, &format!("generate {name} {GENERATE}"), more);
    generate("aurora.cvk_b", &[]).expect(0);
    let made = &listed(&station)[0];
    assert_eq!(
        (&made["state"], &made["version"]),
        (&"pre_active".into(), &1.into())
    );
    assert_eq!(made["check_values"][0]["method"], "ecb");
    keys(
        &station,
        "activate aurora.cvk_b --until 2100-01-01 --who Anna",
        &[],
    )
    .expect(0);
    keys(&station, "check", &[]).expect(0);
    // Taking it back into use and destroying it needs two people.
    keys(
        &station,
        "suspend aurora.cvk_b --who Anna",
        &["--why", "card found"],
    )
    .expect(0);
    keys(&station, "resume aurora.cvk_b@1 --who Anna", &[]).expect(0);
    assert_eq!(listed(&station)[0]["state"], "suspended");
    let same = keys(&station, "resume aurora.cvk_b@1 --who", &[" anna"]);
    says(&same.expect(DEVICE), "R1352", "asked for this already");
    keys(&station, "resume aurora.cvk_b@1 --who Bela", &[]).expect(0);
    assert_eq!(listed(&station)[0]["state"], "active");
}

#[test]
fn a_version_takes_the_place_of_another_and_every_act_is_in_the_log() {
    let station = Station::new();
    let generate =
        |more: &[&str]| keys(&station, &format!("generate aurora.cvk_b {GENERATE}"), more);
    generate(&[]).expect(0);
    keys(&station, "activate aurora.cvk_b --who Anna", &[]).expect(0);
    // A second version takes its place.
    generate(&[]).expect(0);
    let early = keys(&station, "activate aurora.cvk_b@2 --who Anna", &[]);
    says(
        &early.expect(DEVICE),
        "R1353",
        "in use together with aurora.cvk_b@1",
    );
    keys(
        &station,
        "replace aurora.cvk_b@1 --by aurora.cvk_b@2 --who Anna",
        &[],
    )
    .expect(0);
    let states: Vec<Value> = listed(&station)
        .iter()
        .map(|k| k["state"].clone())
        .collect();
    assert_eq!(states, ["retired", "active"]);
    keys(&station, "destroy aurora.cvk_b@1 --who Bela", &[]).expect(0);
    keys(&station, "destroy aurora.cvk_b@1 --who Anna", &[]).expect(0);
    keys(&station, "check", &[]).expect(0);
    assert_eq!(listed(&station)[0]["state"], "destroyed");
    // An active key without an end is due; a version is never given again.
    let due = keys(&station, "due --format json", &[])
        .expect(FINDINGS)
        .json();
    assert_eq!(due["due"][0]["why"], "no_end");
    says(
        &generate(&["--key-version", "1"]).expect(DEVICE),
        "R1358",
        "aurora.cvk_b@1",
    );
    station.say(&["audit", "verify"]).expect(0);
    let log = station
        .say(&["audit", "show", "--format", "json"])
        .expect(0)
        .json();
    let acts: Vec<&str> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|e| e["act"].as_str())
        .collect();
    for act in [
        "key-announce",
        "key-generate",
        "key-activate",
        "key-ask",
        "key-replace",
        "key-destroy",
        "key-destroyed",
    ] {
        assert!(acts.contains(&act), "{act}: {acts:?}");
    }
    let page = text(&station.path("keys.html"));
    keys(&station, "report --out", &[&page]).expect(0);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("aurora.cvk_b@2") && !page.contains("<script"));
}

#[test]
fn where_people_are_registered_two_of_them_type_their_secrets() {
    let station = Station::new();
    let secrets = ["a long secret of Ada", "a long secret of Ben"];
    for (name, secret) in ["Ada Olsen", "Ben Ruiz"].iter().zip(secrets) {
        let twice = station.write("answers.txt", format!("{secret}\n{secret}\n").as_bytes());
        let add = [*name, "--role", "officer", "--answers", &text(&twice)];
        keys(&station, "custodian add", &add).expect(0);
    }
    keys(&station, &format!("generate aurora.cvk_b {GENERATE}"), &[]).expect(0);
    let destroy = |answers: &str| {
        let file = station.write("answers.txt", answers.as_bytes());
        let more = [
            "--who",
            "Ada Olsen",
            "--second",
            "Ben Ruiz",
            "--answers",
            &text(&file),
        ];
        keys(&station, "destroy aurora.cvk_b@1", &more)
    };
    // Nobody is there to type, one secret is wrong, one person is unknown.
    let alone = keys(&station, "destroy aurora.cvk_b@1", &TWO);
    says(&alone.expect(ENVIRONMENT), "R1387", "terminal");
    let wrong = destroy(&format!("{}\nanother secret\n", secrets[0]));
    says(&wrong.expect(DEVICE), "R137", "secret");
    let path = text(&station.write("answers.txt", secrets.join("\n").as_bytes()));
    let unknown = [TWO.as_slice(), &["--answers", &path]].concat();
    keys(&station, "destroy aurora.cvk_b@1", &unknown).expect(DEVICE);
    assert_eq!(listed(&station)[0]["state"], "pre_active");
    destroy(&secrets.join("\n")).expect(0);
    assert_eq!(listed(&station)[0]["state"], "destroyed");
}

#[test]
fn every_algorithm_is_made_in_the_hsm() {
    let station = Station::new();
    for (algorithm, usage, more) in [
        ("tdes2", "pin_encryption", ""),
        ("tdes3", "transport", ""),
        ("aes128", "card_issuance", ""),
        ("aes192", "transport", ""),
        ("aes256", "key_block_protection", ""),
        ("rsa", "emv.issuer_private", "--bits 1984 --exponent 3"),
        ("rsa", "key_exchange", "--bits 4096"),
        ("p256", "package_signing", ""),
    ] {
        let words = format!(
            "generate aurora.k_{algorithm} --use {usage} --algorithm {algorithm} --owner x --who Anna {more}"
        );
        keys(&station, &words, &[]).expect(0);
    }
    assert_eq!(listed(&station).len(), 8);
    keys(&station, "check", &[]).expect(0);
    let wrong = keys(
        &station,
        "generate aurora.k --use transport --algorithm rsa --owner x --who Anna",
        &[],
    );
    says(&wrong.expect(DEVICE), "R1355", "no algorithm for transport");
    let own = keys(
        &station,
        "generate site.signing --use package_signing --algorithm p256 --owner x --who Anna",
        &[],
    );
    says(&own.expect(DEVICE), "R1355", "the station's own");
}

/// Enters a key of the example bank with the value that its bundle was built with, as two
/// components.
fn enter(station: &Station, name: &str, usage: KeyUse) {
    let unlock = Unlock::key_file(station.site().join("unlock/soft-hsm.key"));
    let hsm = SoftHsm::open(&station.site().join("hsm/soft-hsm.toml"), &unlock).unwrap();
    let site_key = SiteKey::load_or_create(&station.site().join("hsm/site.key")).unwrap();
    let (store, anchor) = (station.site().join("store"), station.site().join("anchor"));
    let store = SqliteStore::open(&store, &anchor, site_key).unwrap();
    let mut custody = hsm.open_custody().unwrap();
    let people = People {
        who: "Anna",
        second: None,
        at: 1_767_225_600,
    };
    let value = test_keys::symmetric_key(name, "tdes2").unwrap();
    let mut one = *b"first component!";
    set_odd_parity(&mut one);
    let mut other: Vec<u8> = value.expose().iter().zip(one).map(|(a, b)| a ^ b).collect();
    set_odd_parity(&mut other);
    let key = NewEntry {
        name: name.into(),
        version: None,
        owner: "issuing".into(),
        usage,
        algorithm: KeyAlgorithm::Tdes2,
        exportability: Exportability::Exportable,
        zone: "production".into(),
        origin: Origin::Ceremony {
            ceremony: "c1".into(),
        },
        custodians: vec!["Cleo".into(), "Dora".into()],
        period: (None, None),
        check_values: Vec::new(),
        transient: false,
    };
    let mut clerk = Clerk::new(&store, custody.as_mut());
    let made = clerk
        .make(
            &[key],
            ("ceremony c1", "ceremony"),
            &people,
            &mut |custody, key, expected| {
                let clear = [one.to_vec(), other.clone()].map(SecretBytes::new);
                let sealed = clear
                    .iter()
                    .map(|c| custody.take_component("c1", key.algorithm, c))
                    .collect::<Result<Vec<_>, HsmError>>()?;
                custody.combine("c1", &sealed, key, expected)
            },
        )
        .unwrap();
    let label = made[0].label();
    let wish = Wish {
        label: &label,
        ..Wish::default()
    };
    clerk.act(Act::Activate, &wish, &people).unwrap();
}

#[test]
fn a_job_binds_the_versions_in_use_or_does_not_start() {
    let station = Station::new();
    let orders = three_orders(&station);
    let bundle = text(&station.bundle());
    enter(&station, "aurora.cvk", KeyUse::CardVerification);
    enter(&station, "aurora.imk_ac", KeyUse::EmvApplicationCryptogram);
    station.say(&["check", "--bundle", &bundle]).expect(0);
    // Neither a suspended key nor one of another state lets a job begin, and both are told.
    keys(&station, "suspend aurora.cvk --who Anna", &[]).expect(0);
    keys(&station, "compromise aurora.imk_ac@1 --why lost", &TWO).expect(0);
    let refused = station.run(&orders, "none", &[]).expect(DEVICE);
    says(&refused, "R1360", "2 keys are not ready");
    says(&refused, "R1360", "aurora.cvk@1 is suspended");
    says(&refused, "R1360", "aurora.imk_ac@1 is compromised");
    let jobs = station
        .say(&["job", "list", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(0));
    let check = station.say(&["check", "--bundle", &bundle]).expect(DEVICE);
    assert!(check.out.contains("R1360"), "{}", check.out);
    // Another version with the right value takes the compromised one's place.
    keys(&station, "resume aurora.cvk@1", &TWO).expect(0);
    enter(&station, "aurora.imk_ac", KeyUse::EmvApplicationCryptogram);
    station.run(&orders, "out", &[]).expect(0);
    let uses = keys(&station, "use aurora.imk_ac@2 --format json", &[])
        .expect(0)
        .json();
    assert_eq!(uses["keys"][0]["jobs"], serde_json::json!([1]));
    assert_eq!(uses["keys"][0]["bundles"].as_array().map(Vec::len), Some(1));
    let old = keys(&station, "use aurora.imk_ac@1 --format json", &[])
        .expect(0)
        .json();
    assert_eq!(old["keys"][0]["jobs"], serde_json::json!([]));
    // What is compromised later names the job.
    let told = keys(&station, "compromise aurora.imk_ac@2 --why lost", &TWO).expect(0);
    assert!(told.out.contains("was used by job 1"), "{}", told.out);
}

#[test]
fn a_key_of_another_value_use_or_time_is_told_by_its_code() {
    let station = Station::new();
    let orders = three_orders(&station);
    let words = "--owner issuing --who Anna --algorithm tdes2";
    keys(
        &station,
        &format!("generate aurora.cvk --use card_verification {words}"),
        &[],
    )
    .expect(0);
    keys(&station, "activate aurora.cvk --who Anna", &[]).expect(0);
    says(
        &station.run(&orders, "a", &[]).expect(DEVICE),
        "R1363",
        "aurora.cvk@1 has check value",
    );
    keys(
        &station,
        &format!("generate aurora.imk_ac --use transport {words}"),
        &[],
    )
    .expect(0);
    keys(
        &station,
        "activate aurora.imk_ac --from 2100-01-01 --who Anna",
        &[],
    )
    .expect(0);
    let refused = station.run(&orders, "b", &[]).expect(DEVICE);
    says(&refused, "R1361", "aurora.imk_ac@1 is not yet in use");
    keys(&station, "retire aurora.cvk --who Anna", &[]).expect(0);
    keys(&station, "retire aurora.imk_ac@1 --who Anna", &[]).expect(0);
    keys(
        &station,
        &format!("generate aurora.imk_ac --use transport {words}"),
        &[],
    )
    .expect(0);
    keys(&station, "activate aurora.imk_ac --who Anna", &[]).expect(0);
    let refused = station.run(&orders, "c", &[]).expect(DEVICE);
    says(&refused, "R1362", "aurora.imk_ac@2 is for transport");
}

fn named(name: &str) -> Station {
    let station = Station::new();
    let path = station.site().join("site.toml");
    let toml = std::fs::read_to_string(&path).unwrap();
    let named = toml.replacen("name = \"site\"", &format!("name = \"{name}\""), 1);
    assert_ne!(toml, named);
    std::fs::write(path, named).unwrap();
    station
}

/// Makes a site's identity; gives its file and fingerprint.
fn identity(station: &Station, rsa: bool) -> (String, String) {
    let words = if rsa { "site make --rsa" } else { "site make" };
    keys(station, words, &TWO).expect(0);
    let path = text(&station.path("identity.json"));
    let said = keys(station, "site show --out", &[&path]).expect(0);
    let line = said
        .out
        .lines()
        .find(|l| l.starts_with("fingerprint"))
        .unwrap();
    (path, line.split_whitespace().last().unwrap().to_owned())
}

fn trust(station: &Station, (file, fingerprint): &(String, String)) {
    let confirm = |who| {
        keys(
            station,
            "site trust",
            &[file, "--fingerprint", fingerprint, "--who", who],
        )
    };
    let first = confirm("Anna").expect(0);
    assert!(first.out.contains("another person"), "{}", first.out);
    confirm("Bela").expect(0);
}

fn keys_travel(rsa: bool) {
    let (north, south) = (named("north"), named("south"));
    let (one, other) = (identity(&north, rsa), identity(&south, rsa));
    trust(&north, &other);
    trust(&south, &one);
    for (name, algorithm) in [("aurora.cvk_b", "tdes2"), ("aurora.cvk_c", "tdes3")] {
        let words = format!(
            "generate {name} --use card_verification --algorithm {algorithm} --owner issuing \
             --exportability exportable --who Anna"
        );
        keys(&north, &words, &[]).expect(0);
    }
    let package = text(&north.path("keys.ckp"));
    let made = [
        "aurora.cvk_b@1",
        "aurora.cvk_c@1",
        "--to",
        "south",
        "--out",
        &package,
        "--who",
        "Anna",
    ];
    keys(&north, "package make", &made).expect(0);
    keys(&north, "check", &[]).expect(0);
    let receipt = text(&south.path("keys.ckr"));
    let open = [package.as_str(), "--receipt", &receipt, "--who", "Cleo"];
    keys(&south, "package open", &open).expect(0);
    keys(&south, "check", &[]).expect(0);
    let values = |station: &Station| -> Vec<Value> {
        let all = listed(station);
        let own = all
            .iter()
            .filter(|k| k["name"].as_str().unwrap().starts_with("aurora."));
        own.map(|k| k["check_values"].clone()).collect()
    };
    assert_eq!(values(&north), values(&south));
    assert_eq!(values(&south).len(), 2);
    let again = text(&south.path("again.ckr"));
    let twice = keys(
        &south,
        "package open",
        &[&package, "--receipt", &again, "--who", "Cleo"],
    );
    says(&twice.expect(DEVICE), "R1367", "opened");
    keys(&north, "package acknowledge", &[&receipt, "--who", "Anna"]).expect(0);
    let rows = keys(&north, "package list --format json", &[])
        .expect(0)
        .json();
    assert_eq!(rows["packages"][0]["state"], "acknowledged");
    assert_eq!(rows["packages"][0]["opened_by"], "Cleo");
    for station in [&north, &south] {
        station.say(&["audit", "verify"]).expect(0);
    }
}

#[test]
fn keys_travel_to_another_site_over_p256() {
    keys_travel(false);
}

#[test]
fn keys_travel_to_another_site_over_rsa() {
    keys_travel(true);
}

#[test]
fn without_an_identity_or_trust_nothing_travels() {
    let station = named("north");
    let words = format!("generate aurora.cvk_b {GENERATE}");
    keys(&station, &words, &[]).expect(0);
    let show = keys(&station, "site show", &[]);
    says(&show.expect(DEVICE), "R1369", "site.exchange");
    let out = text(&station.path("x.ckp"));
    let make = keys(
        &station,
        "package make aurora.cvk_b@1 --to south --who Anna --out",
        &[&out],
    );
    says(&make.expect(DEVICE), "R1369", "not a site that is trusted");
    let alone = keys(&station, "site make --who Anna", &[]);
    says(&alone.expect(DEVICE), "R1352", "two people");
    let missing = keys(&station, "show aurora.nothing", &[]);
    says(&missing.expect(DEVICE), "R1350", "aurora.nothing");
    keys(&station, "list --state open", &[]).expect(2);
    keys(&station, "package acknowledge /nowhere --who Anna", &[]).expect(ENVIRONMENT);
}

/// Begins a job of many orders with one lane, and waits until the machine is at work.
fn begun(station: &Station) -> std::process::Child {
    let lines: Vec<String> = (1..=60)
        .map(|n| OrderRecord::good(n, "DEBI", "1357").line())
        .collect();
    let orders = station.write("orders.txt", &file(&lines));
    let arguments = station.run_arguments(&orders, "out", &["--lanes", "1"]);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child = station.begin(&words);
    while station.machine_lines().len() < 10 {
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "it ended before anybody could act");
        std::thread::yield_now();
    }
    child
}

/// The report of the stopped job, whose every order is done or waits.
fn stopped(station: &Station, why: &str) -> u64 {
    let report = station.report("out");
    assert_eq!(report["stopped"]["code"], "R1464", "{report}");
    let reason = report["stopped"]["reason"].as_str().expect("words");
    assert!(reason.contains(why), "{reason}");
    let page = std::fs::read_to_string(station.path("out/report.html")).expect("a page");
    assert!(page.contains("R1464") && page.contains(why));
    let shown = station.say(&["job", "show", "1", "--format", "json"]);
    let shown = shown.expect(0).json();
    assert_eq!(shown["state"], "PAUSED");
    let orders = shown["orders"].as_object().expect("orders");
    let count = |state: &str| orders.get(state).and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(count("DONE") + count("PLANNED"), 60, "{shown}");
    assert!(count("PLANNED") > 0, "it stopped too late: {shown}");
    station.say(&["audit", "verify"]).expect(0);
    count("DONE")
}

#[test]
fn a_running_job_stops_when_another_process_takes_a_key_out_of_use() {
    let station = Station::new();
    enter(&station, "aurora.cvk", KeyUse::CardVerification);
    enter(&station, "aurora.imk_ac", KeyUse::EmvApplicationCryptogram);
    let mut child = begun(&station);
    keys(&station, "suspend aurora.cvk --who Anna", &[]).expect(0);
    assert_eq!(child.wait().expect("its end").code(), Some(6));
    let done = stopped(&station, "aurora.cvk@1 is suspended");
    let out = text(&station.path("out"));
    let resume = ["job", "resume", "1", "--out", &out, "--lanes", "1"];
    says(
        &station.say(&resume).expect(DEVICE),
        "R1360",
        "aurora.cvk@1 is suspended",
    );
    keys(&station, "resume aurora.cvk@1", &TWO).expect(0);

    // It goes on; then a key is compromised, and another version takes its place.
    let mut child = station.begin(&resume);
    let lines = station.machine_lines().len();
    while station.machine_lines().len() < lines + 10 {
        assert!(child.try_wait().expect("a child").is_none(), "it ended");
        std::thread::yield_now();
    }
    let told = keys(&station, "compromise aurora.imk_ac@1 --why lost", &TWO).expect(0);
    assert!(told.out.contains("was used by job 1"), "{}", told.out);
    assert_eq!(child.wait().expect("its end").code(), Some(6));
    let more = stopped(&station, "aurora.imk_ac@1 is compromised");
    assert!(more > done, "{more} after {done}");
    enter(&station, "aurora.imk_ac", KeyUse::EmvApplicationCryptogram);
    station.say(&resume).expect(0);
    let report = station.report("out");
    assert_eq!(report["produced"], 60, "{report}");
    assert!(report.get("stopped").is_none());
    assert_eq!(report["reconciliation"]["blanks_issued"], 60);
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    let uses = |label: &str| {
        let said = keys(&station, &format!("use {label} --format json"), &[]);
        said.expect(0).json()["keys"][0]["jobs"].clone()
    };
    assert_eq!(uses("aurora.imk_ac@1"), serde_json::json!([1]));
    assert_eq!(uses("aurora.imk_ac@2"), serde_json::json!([1]));
    station.say(&["audit", "verify"]).expect(0);
}

//! Key ceremonies and key exchange from the command line, with a file of answers in place of the
//! people: interrupted, gone on with, signed, and read again by an auditor.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    orders::{OrderRecord, file},
    projects,
    station::{Said, Station, program},
    token,
};
use std::path::PathBuf;
use std::process::Command;

const FINDINGS: i32 = 1;
const ENVIRONMENT: i32 = 3;

const PEOPLE: [(&str, &str); 6] = [
    ("Ada Olsen", "officer"),
    ("Ben Ruiz", "officer"),
    ("Cleo Marsh", "custodian:1"),
    ("Dan Petrov", "custodian:2"),
    ("Eva Lind", "custodian:3"),
    ("Finn Adams", "auditor"),
];

const PARTS: [&str; 2] = [
    "0123 4567 89AB CDEF FEDC BA98 7654 3210",
    "6E2FBA6DFB7F6E8A20A8CB5286EAC485",
];

fn secret(name: &str) -> String {
    format!("the secret of {name}")
}

fn answers(station: &Station, lines: &[&str]) -> PathBuf {
    station.write("answers.txt", lines.join("\n").as_bytes())
}

/// Runs `keys` with these words and answers.
fn keys(station: &Station, words: &str, lines: &[&str]) -> Said {
    let path = answers(station, lines).to_string_lossy().into_owned();
    let mut arguments = vec!["keys"];
    arguments.extend(words.split_whitespace());
    arguments.extend(["--answers", &path]);
    station.say(&arguments)
}

fn plain(station: &Station, words: &str) -> Said {
    let mut arguments = vec!["keys"];
    arguments.extend(words.split_whitespace());
    station.say(&arguments)
}

fn with_people() -> Station {
    let station = Station::new();
    people(&station);
    station
}

/// A site whose keys are in SoftHSM; it may join components in host memory.
fn with_token() -> Station {
    let station = token::site("host_memory = \"allowed\"\ntest_only = true\n");
    station.say(&["hsm", "prepare"]).expect(0);
    station
}

fn people(station: &Station) {
    let (ada, ben) = (secret("Ada Olsen"), secret("Ben Ruiz"));
    for (number, (name, role)) in PEOPLE.iter().enumerate() {
        let own = secret(name);
        let mut lines = vec![];
        if number >= 2 {
            lines.extend(["Ada Olsen", &ada, "Ben Ruiz", &ben]);
        }
        lines.extend([own.as_str(), &own]);
        let path = answers(station, &lines).to_string_lossy().into_owned();
        let add = [
            "keys",
            "custodian",
            "add",
            name,
            "--role",
            role,
            "--answers",
            &path,
        ];
        station.say(&add).expect(0);
    }
}

/// Name and secret of somebody.
fn who(name: &'static str) -> [String; 2] {
    [name.to_owned(), secret(name)]
}

fn typed(groups: &[&[String]]) -> Vec<String> {
    groups.concat()
}

fn refs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

fn signatures(names: &[&'static str]) -> Vec<String> {
    names
        .iter()
        .flat_map(|name| ["I confirm".to_owned(), secret(name)])
        .collect()
}

#[test]
fn a_generation_is_interrupted_and_goes_on() {
    generation(&with_people());
}

#[test]
fn a_generation_in_a_token_is_interrupted_and_goes_on() {
    let station = with_token();
    people(&station);
    generation(&station);
}

fn generation(station: &Station) {
    let start = "ceremony start generate --key aurora.zmk --components 2 --auditor --owner Aurora";
    let lines = typed(&[
        &who("Ada Olsen"),
        &who("Ben Ruiz"),
        &who("Finn Adams"),
        &who("Cleo Marsh"),
    ]);
    // The answers end where the custodian reads the form.
    let said = keys(station, start, &refs(&lines)).expect(ENVIRONMENT);
    assert!(said.err.contains("R1387"), "{}", said.err);
    let shown = || {
        plain(station, "ceremony show ceremony-0001 --format json")
            .expect(0)
            .json()
    };
    let value = |number: usize| {
        let value = &shown()["ceremony"]["parts"][number]["check_value"]["value"];
        value.as_str().expect("a check value").to_owned()
    };
    let form = station.site().join("forms").join("ceremony-0001-1-1.pdf");
    assert!(std::fs::read(&form).unwrap().starts_with(b"%PDF"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&form).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let lines = interrupted(station, &value);
    let said = keys(station, "ceremony continue ceremony-0001", &refs(&lines)).expect(0);
    assert!(said.err.contains("ceremony-0001 is done and signed"));
    let record = plain(station, "ceremony record ceremony-0001")
        .expect(0)
        .out;
    for name in GENERATORS {
        assert!(record.contains(name), "{record}");
    }
    let json = plain(station, "ceremony record ceremony-0001 --format json");
    let json = json.expect(0).json();
    assert_eq!(json["verdict"]["findings"].as_array().unwrap().len(), 0);
    assert_eq!(json["signatures"].as_array().unwrap().len(), 5);
    let listed = plain(station, "list --format json").expect(0).json();
    let origin = &listed["keys"][0]["origin"]["ceremony"]["ceremony"];
    assert_eq!(origin, "ceremony-0001");
    station.say(&["audit", "verify"]).expect(0);
}

const GENERATORS: [&str; 5] = [
    "Ada Olsen",
    "Ben Ruiz",
    "Finn Adams",
    "Cleo Marsh",
    "Dan Petrov",
];

/// Goes on with the generation to its last form; gives the answers from there to the end.
fn interrupted(station: &Station, value: &dyn Fn(usize) -> String) -> Vec<String> {
    // A wrong check value, then the right one; the second custodian finds the form spoiled.
    let lines = typed(&[
        &who("Ada Olsen"),
        &[secret("Cleo Marsh"), "AAAAAA".into(), value(0), "-".into()],
        &who("Dan Petrov"),
        &["spoiled".into()],
    ]);
    let said = keys(station, "ceremony continue ceremony-0001", &refs(&lines)).expect(ENVIRONMENT);
    assert!(said.err.contains("R1381"), "{}", said.err);
    assert!(station.site().join("forms/ceremony-0001-2-2.pdf").is_file());
    typed(&[
        &who("Ada Olsen"),
        &[secret("Dan Petrov"), value(1), "-".into()],
        &signatures(&GENERATORS),
    ])
}

#[test]
fn an_import_by_three_roles_and_what_people_do_wrong() {
    import(&with_people());
}

#[test]
fn an_import_into_a_token_and_what_people_do_wrong() {
    let station = with_token();
    people(&station);
    import(&station);
}

fn import(station: &Station) {
    let start = "ceremony start import --key aurora.zmk --components 2 --owner Aurora \
                 --exportability sensitive";
    let parity = "0023456789ABCDEFFEDCBA9876543210".to_owned();
    let names = ["Ada Olsen", "Ben Ruiz", "Cleo Marsh", "Dan Petrov"];
    let lines = typed(&[
        // A wrong secret, then the right one; the wrong person, then the right one.
        &["Ada Olsen".into(), "not her secret".into()],
        &who("Ada Olsen"),
        &who("Cleo Marsh"),
        &who("Ben Ruiz"),
        &who("Dan Petrov"),
        &who("Cleo Marsh"),
        // Wrong parity, then by the check value that the published key has.
        &[parity, "08D7B4".into()],
        &[PARTS[0].into(), "08 D7 B4".into()],
        &who("Dan Petrov"),
        // Typed twice, differently, then the same.
        &[PARTS[1].into(), "-".into(), PARTS[0].into()],
        &[PARTS[1].into(), "-".into(), PARTS[1].to_lowercase()],
        &["no".into()],
        &signatures(&names),
    ]);
    let said = keys(station, start, &refs(&lines)).expect(0);
    for code in ["R1377", "R1378", "R1376", "R1381"] {
        assert!(said.err.contains(code), "{code}: {}", said.err);
    }
    let whole: Vec<String> = PARTS.iter().map(|p| p.replace(' ', "")).collect();
    for part in whole {
        assert!(!said.err.contains(&part) && !said.out.contains(&part));
    }
    // The third wrong attempt ends a ceremony; nothing is left of it.
    let start = "ceremony start import --key aurora.zpk --use pin_encryption --components 2 \
                 --owner Aurora";
    let short = ["0123".to_owned(), "08D7B4".to_owned()];
    let lines = typed(&[
        &who("Ada Olsen"),
        &who("Ben Ruiz"),
        &who("Cleo Marsh"),
        &short,
        &short,
        &short,
    ]);
    let said = keys(station, start, &refs(&lines));
    assert!(said.err.contains("R1380"), "{}", said.err);
    assert_ne!(said.code, Some(0));
    let listed = plain(station, "ceremony list --format json")
        .expect(0)
        .json();
    assert_eq!(listed["ceremonies"][1]["phase"], "abandoned");
    let listed = plain(station, "list --format json").expect(0).json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    station.say(&["audit", "verify"]).expect(0);
    let audit = station.say(&["audit", "show"]).expect(0).out;
    assert!(audit.contains("ceremony-step") && !audit.contains("CDEFFEDC"));
}

#[test]
fn answers_and_forms_are_for_test_sites_and_terminals() {
    let station = with_people();
    let said = plain(&station, "ceremony start generate --key aurora.zmk");
    assert_eq!(said.code, Some(ENVIRONMENT));
    assert!(said.err.contains("R1387"), "no terminal: {}", said.err);
    let lines = typed(&[&who("Ada Olsen"), &["I confirm".into()]]);
    let said = keys(
        &station,
        "ceremony abandon ceremony-0009 --why late",
        &refs(&lines),
    );
    assert!(said.err.contains("R1382"), "{}", said.err);
    let said = plain(&station, "ceremony record ceremony-0009");
    assert!(said.err.contains("R1382"), "{}", said.err);
    assert_ne!(said.code, Some(FINDINGS));
}

/// The example bank with a certificate of the site's own issuer key instead of the open test key's.
#[test]
fn cards_are_made_with_an_issuer_key_that_was_made_and_certified_here() {
    cards(&Station::new(), |_, _| {});
}

#[test]
fn cards_are_made_with_an_issuer_key_of_a_token() {
    // All keys in the token: the bundle's open test keys beside the issuer's own.
    cards(&with_token(), |station, bundle| {
        station.say(&["hsm", "test-keys", bundle]).expect(0);
    });
}

fn cards(station: &Station, prepare: fn(&Station, &str)) {
    let text = |name: &str| station.path(name).to_string_lossy().into_owned();
    let made = "--algorithm rsa --bits 1984 --exponent 3 --owner Aurora --who Anna";
    for (name, usage) in [
        ("aurora.issuer_rsa", "emv.issuer_private"),
        ("open.test_ca", "emv.ca_private"),
    ] {
        plain(station, &format!("generate {name} --use {usage} {made}")).expect(0);
    }
    plain(
        station,
        "activate aurora.issuer_rsa@1 --until 2035-12-01 --who Anna",
    )
    .expect(0);
    let published = "ca publish open.test_ca@1 --rid F000000092 --index 92 --expiry 1235";
    let line = plain(station, published).expect(0).out;
    station.write("ca.txt", line.as_bytes());
    let both = "--who Anna --second Bela";
    plain(station, &format!("ca add {} {both}", text("ca.txt"))).expect(0);
    let request = "issuer request aurora.issuer_rsa@1 --organization Aurora --rid F000000092 \
                   --ca-index 92 --range 999992 --expiry 1235 --who Anna --out";
    plain(station, &format!("{request} {}", text("request"))).expect(0);
    let certify = "--authority open.test_ca@1 --ca-index 92 --ca-expiry 1235 --out";
    let answer = text("answer.txt");
    plain(
        station,
        &format!("issuer certify {} {certify} {answer}", text("request")),
    )
    .expect(0);
    let import = "--key aurora.issuer_rsa@1 --who Anna --out";
    let certificate = text("issuer.cer");
    plain(
        station,
        &format!("issuer import {answer} {import} {certificate}"),
    )
    .expect(0);
    let listed = plain(station, "issuer list --format json").expect(0).json();
    assert_eq!(
        listed["certificates"][0]["certificate"]["certified"]["expiry"],
        "1235"
    );

    let bundle = own_bundle(station, &certificate, &line);
    prepare(station, &bundle);
    let lines: Vec<String> = (1..=2)
        .map(|n| OrderRecord::good(n, "DEBI", "1357").line())
        .collect();
    let orders = station
        .write("orders.txt", &file(&lines))
        .to_string_lossy()
        .into_owned();
    let out = text("out");
    let run = [
        "run", "--bundle", &bundle, "--orders", &orders, "--out", &out,
    ];
    station.say(&run).expect(0);
    let report = station.report("out");
    assert_eq!(report["produced"], 2);
    assert_eq!(report["validated"]["failed"], 0);
    let uses = plain(station, "use aurora.issuer_rsa@1 --format json")
        .expect(0)
        .json();
    assert_eq!(uses["keys"][0]["jobs"], serde_json::json!([1]));
}

/// The example bank's bundle with another issuer certificate and CA key.
fn own_bundle(station: &Station, certificate: &str, line: &str) -> String {
    let text = |name: &str| station.path(name).to_string_lossy().into_owned();
    let project = station.path("bank");
    projects::copy_folder(&projects::aurora_folder(), &project);
    std::fs::copy(certificate, project.join("keys/issuer-92.cer")).unwrap();
    let modulus = line.split("modulus=").nth(1).unwrap().trim();
    let ca =
        format!("rid = \"F000000092\"\nca_index = 146\nmodulus = \"{modulus}\"\nexponent = 3\n");
    std::fs::write(project.join("keys/test-ca-92.pub"), ca).unwrap();
    let bundle = text("own.cwb");
    let built = Command::new(program("cardwright"))
        .args(["build", &text("bank"), "-o", &bundle])
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    bundle
}

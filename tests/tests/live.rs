//! A LIVE bundle from end to end: its key made in a token by key management, never in host memory, two
//! signers, and the gates that a LIVE bundle passes or does not pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    projects,
    station::{Said, Station, program},
    token::site,
    workspace,
};
use std::process::Command;

/// A compiler's verb that succeeds; gives its standard output.
fn cardwright(arguments: &[&str]) -> String {
    let output = Command::new(program("cardwright")).args(arguments).output();
    let output = output.expect("cardwright runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn text(station: &Station, name: &str) -> String {
    station.path(name).to_string_lossy().into_owned()
}

/// Replaces text in a file, where it stands.
fn mend(path: &std::path::Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} in {}", path.display());
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn keys(station: &Station, words: &str) -> Said {
    let mut arguments = vec!["keys"];
    arguments.extend(words.split_whitespace());
    station.say(&arguments).expect(0)
}

/// The customer with the stripe, its key bound by the check value of the one in the token; built LIVE
/// and signed by two people.
fn bundle(station: &Station, check: &str) -> Vec<String> {
    let project = station.path("harbour");
    let from = workspace::root().join("examples/harbour-prepaid");
    projects::copy_folder(&from, &project);
    mend(
        &project.join("orders.perso"),
        "key cvk : tdes2 { use = card_verification }",
        &format!("key cvk : tdes2 {{ use = card_verification; check = x\"{check}\" }}"),
    );
    let bundle = station.bundle().to_string_lossy().into_owned();
    let project = project.to_string_lossy().into_owned();
    cardwright(&["build", &project, "--live", "-o", &bundle]);
    let signers = ["Ada", "Ben"].map(|name| {
        let key = text(station, &format!("{name}.key"));
        let public = cardwright(&["keygen", "-o", &key]);
        cardwright(&["sign", &bundle, "--key", &key]);
        public.to_lowercase()
    });
    signers.to_vec()
}

#[test]
fn live_cards_from_a_token_without_any_key_in_host_memory() {
    // Nothing said of TEST keys or of host memory: the site of a LIVE bundle.
    let station = site("");
    station.say(&["hsm", "prepare"]).expect(0);
    keys(
        &station,
        "generate harbour.cvk --use card_verification --algorithm tdes2 --owner Harbour --who Ada",
    );
    let listed = keys(&station, "list --format json").json();
    let values = &listed["keys"][0]["check_values"];
    let check = values[0]["value"]
        .as_str()
        .expect("a check value")
        .to_owned();
    let signers = bundle(&station, &check);
    let orders = workspace::root().join("examples/harbour-prepaid/orders.csv");

    // Nobody whom the site trusts has signed; then one of two; then a key that is not active yet.
    let settings = station.site().join("site.toml");
    let said = station.run(&orders, "out", &[]).expect(4);
    assert!(said.err.contains("R1010"), "{}", said.err);
    mend(&settings, "threshold = 1", "threshold = 2");
    let one = format!("signers = [\"{}\"]", signers[0]);
    mend(&settings, "signers = []", &one);
    let said = station.run(&orders, "out", &[]).expect(4);
    assert!(said.err.contains("R1010"), "{}", said.err);
    let both = format!("signers = [\"{}\", \"{}\"]", signers[0], signers[1]);
    mend(&settings, &one, &both);
    let said = station.run(&orders, "out", &[]);
    assert_ne!(said.code, Some(0), "a key that is not active: {}", said.out);
    keys(
        &station,
        "activate harbour.cvk@1 --until 2035-12-01 --who Ben",
    );

    // What a LIVE bundle does not run with.
    let whole = std::fs::read_to_string(&settings).unwrap();
    for more in ["host_memory = \"allowed\"\n", "test_only = true\n"] {
        std::fs::write(&settings, format!("{whole}{more}")).unwrap();
        let said = station.run(&orders, "out", &[]).expect(4);
        assert!(said.err.contains("R1011"), "{}", said.err);
    }
    std::fs::write(&settings, &whole).unwrap();

    station.run(&orders, "out", &[]).expect(0);
    let report = station.report("out");
    assert_eq!(report["produced"], 19, "{report}");
    assert_eq!(report["validated"]["passed"], 19);
    assert_eq!(report["validated"]["failed"], 0);
    assert_eq!(report["reconciliation"]["unaccounted"], 0);
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    let uses = keys(&station, "use harbour.cvk@1 --format json").json();
    assert_eq!(uses["keys"][0]["jobs"], serde_json::json!([1]));
    station.say(&["audit", "verify"]).expect(0);
}

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
    signed_live(station, &project)
}

/// A project built LIVE and signed by two people; their public keys.
fn signed_live(station: &Station, project: &std::path::Path) -> Vec<String> {
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

/// The club's card with a chip that is opened by SCP03, gets data of its own, and ends with new keys.
fn chip_bundle(station: &Station, checks: [&str; 2]) -> Vec<String> {
    let project = station.path("lantern");
    let from = workspace::root().join("examples/lantern-loyalty");
    projects::copy_folder(&from, &project);
    std::fs::remove_dir_all(project.join("tests")).unwrap();
    std::fs::remove_file(project.join("tests.perso")).unwrap();
    let source = project.join("club.perso");
    let [kmc, own] = checks;
    mend(
        &source,
        "card club_card : faces.plain_id1 for members.order {",
        &format!(
            "key kmc : aes128 {{ use = card_issuance; check_method = cmac; check = x\"{kmc}\" }}
key kmc_own : aes128 {{ use = card_issuance; check_method = cmac; check = x\"{own}\" }}
application points for members.order {{
  aid = x\"F0 00 00 00 92 60 01 01\"
  dgis {{ dgi 0x3001 struct {{ start : b 4 = 5000 }} }}
}}
card club_card : faces.plain_id1 for members.order {{"
        ),
    );
    mend(
        &source,
        "chip { platform = native(); applications = [member] }",
        "chip {
    platform     = globalplatform(scp03, keys: kmc, option: 0x70, security_level: 0x33)
    applications = [points]
    put_keys { keys = kmc_own; version = 2; replaces = 1 }
    life_cycle = secured
  }",
    );
    mend(
        &source,
        "contactless { select member; read ndef }",
        "contact { select points; expect data matches source }",
    );
    signed_live(station, &project)
}

/// The maker's key of the chips comes in enciphered for this site, by OpenSSL: the virtual chips hold the
/// open test key of its name, and no program of this site ever sees it.
fn key_of_the_chips(station: &Station) {
    keys(
        station,
        "generate lantern.door --use key_exchange --algorithm rsa --bits 3072 --owner Lantern --who Ada",
    );
    keys(
        station,
        "activate lantern.door@1 --until 2035-12-01 --who Ben",
    );
    let public = keys(station, "public-key lantern.door@1").out;
    let public = station.write("door.pem", public.as_bytes());
    let value = cardwright_standards::test_keys::symmetric_key("lantern.kmc", "aes128").unwrap();
    let clear = station.write("kmc.bin", value.expose());
    let sealed = station.path("kmc.oaep");
    let done = Command::new("openssl")
        .args(["pkeyutl", "-encrypt", "-pubin", "-inkey"])
        .arg(&public)
        .args([
            "-pkeyopt",
            "rsa_padding_mode:oaep",
            "-pkeyopt",
            "rsa_oaep_md:sha1",
        ])
        .arg("-in")
        .arg(&clear)
        .arg("-out")
        .arg(&sealed)
        .output()
        .expect("this test needs the package openssl");
    assert!(done.status.success(), "{done:?}");
    let octets = hex::encode_upper(std::fs::read(&sealed).unwrap());
    let file = station.write("kmc.hex", octets.as_bytes());
    let file = file.to_string_lossy();
    keys(
        station,
        &format!(
            "import {file} --form rsa-oaep --hash sha1 --under lantern.door@1 --key lantern.kmc --use card_issuance --algorithm aes128 --owner Lantern --from Maker --who Ada"
        ),
    );
    keys(
        station,
        "activate lantern.kmc@1 --until 2035-12-01 --who Ben",
    );
    keys(
        station,
        "generate lantern.kmc_own --use card_issuance --algorithm aes128 --owner Lantern --who Ada",
    );
    keys(
        station,
        "activate lantern.kmc_own@1 --until 2035-12-01 --who Ben",
    );
}

#[test]
fn live_chips_whose_channels_are_inside_the_token() {
    let station = site("");
    station.say(&["hsm", "prepare"]).expect(0);
    key_of_the_chips(&station);
    let listed = keys(&station, "list --format json").json();
    let check = |name: &str| {
        let entries = listed["keys"].as_array().expect("a list");
        let entry = entries.iter().find(|key| key["name"] == name);
        let values = &entry.unwrap_or_else(|| panic!("{name} in {listed}"))["check_values"];
        values[0]["value"]
            .as_str()
            .expect("a check value")
            .replace('-', "")
    };
    let checks = [check("lantern.kmc"), check("lantern.kmc_own")];
    let signers = chip_bundle(&station, [&checks[0], &checks[1]]);
    let settings = station.site().join("site.toml");
    mend(&settings, "threshold = 1", "threshold = 2");
    let both = format!("signers = [\"{}\", \"{}\"]", signers[0], signers[1]);
    mend(&settings, "signers = []", &both);

    let orders = workspace::root().join("examples/lantern-loyalty/orders.json");
    // A token that can't wrap the new keys: said before the first chip is touched.
    let whole = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{whole}avoid = [\"aes_cbc_wrap\"]\n")).unwrap();
    let bundle = station.bundle().to_string_lossy().into_owned();
    let said = station.say(&["check", "--bundle", &bundle]);
    assert_ne!(said.code, Some(0));
    let told = "card `club_card`: PutKeysAes";
    assert!(said.out.contains(told), "{}", said.out);
    let said = station.run(&orders, "refused", &[]);
    assert_ne!(said.code, Some(0), "{}", said.out);
    for word in ["R1336", told, "aes_cbc_wrap"] {
        assert!(said.err.contains(word), "{word}: {}", said.err);
    }
    assert_eq!(station.machine().issued, 0, "no blank left its hopper");
    std::fs::write(&settings, &whole).unwrap();

    // More lanes than one: each keeps a session of its own while its chip is open.
    let out = text(&station, "out");
    let resume = ["job", "resume", "1", "--out", &out, "--lanes", "2"];
    station.say(&resume).expect(0);
    let report = station.report("out");
    assert_eq!(report["produced"], 19, "{report}");
    assert_eq!(report["validated"]["passed"], 19, "{report}");
    assert_eq!(report["validated"]["failed"], 0);
    assert_eq!(report["reconciliation"]["unaccounted"], 0);
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    for key in ["lantern.kmc@1", "lantern.kmc_own@1"] {
        let uses = keys(&station, &format!("use {key} --format json")).json();
        assert_eq!(uses["keys"][0]["jobs"], serde_json::json!([1]), "{key}");
    }
    station.say(&["audit", "verify"]).expect(0);
}

//! LIVE bundles with chips of EMV in a token that does the whole chain inside (NSS's softoken): master
//! keys under SCP02 and SCP03, a chip's own RSA key, an issuer certificate, new channel keys, PINs; no
//! key in host memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    projects,
    scanner::{Canary, search},
    station::{Said, Station, program},
    token::nss_site,
    workspace,
};
use std::path::Path;
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
fn mend(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} in {}", path.display());
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn keys(station: &Station, words: &str) -> Said {
    let mut arguments = vec!["keys"];
    arguments.extend(words.split_whitespace());
    station.say(&arguments).expect(0)
}

fn activate(station: &Station, name: &str) {
    let words = format!("activate {name}@1 --until 2035-12-01 --who Ben");
    keys(station, &words);
}

/// The keys that the site makes itself: name, use, algorithm.
const MADE: [(&str, &str, &str); 6] = [
    ("imk_ac", "emv.application_cryptogram", "tdes2"),
    ("imk_smi", "emv.secure_messaging_integrity", "tdes2"),
    ("imk_smc", "emv.secure_messaging_confidentiality", "tdes2"),
    ("cvk", "card_verification", "tdes2"),
    ("pin_key", "pin_verification_ibm3624", "tdes2"),
    (
        "issuer_rsa",
        "emv.issuer_private",
        "rsa --bits 1408 --exponent 65537",
    ),
];

/// Makes them, and the keys that new chips get instead of their maker's.
fn make_keys(station: &Station, channel: &str) {
    let own = ("kmc_own", "card_issuance", channel);
    for (name, usage, algorithm) in MADE.into_iter().chain([own]) {
        let name = format!("meridian.{name}");
        keys(
            station,
            &format!(
                "generate {name} --use {usage} --algorithm {algorithm} --owner Meridian --who Ada"
            ),
        );
        activate(station, &name);
    }
}

/// The maker's key of the chips comes in enciphered for this site, by OpenSSL: the virtual chips hold the
/// open test key of its name, and no program of this site ever sees it.
fn key_of_the_chips(station: &Station, channel: &str) {
    keys(
        station,
        "generate meridian.door --use key_exchange --algorithm rsa --bits 3072 --owner Meridian --who Ada",
    );
    activate(station, "meridian.door");
    let public = keys(station, "public-key meridian.door@1").out;
    let public = station.write("door.pem", public.as_bytes());
    let value = cardwright_standards::test_keys::symmetric_key("meridian.kmc", channel).unwrap();
    let clear = station.write("kmc.bin", value.expose());
    let sealed = station.path("kmc.oaep");
    let done = Command::new("openssl")
        .args(["pkeyutl", "-encrypt", "-pubin", "-inkey"])
        .arg(&public)
        .args([
            "-pkeyopt",
            "rsa_padding_mode:oaep",
            "-pkeyopt",
            "rsa_oaep_md:sha256",
        ])
        .arg("-in")
        .arg(&clear)
        .arg("-out")
        .arg(&sealed)
        .output()
        .expect("this test needs the package openssl");
    assert!(done.status.success(), "{done:?}");
    std::fs::remove_file(clear).unwrap();
    let octets = hex::encode_upper(std::fs::read(&sealed).unwrap());
    let file = station.write("kmc.hex", octets.as_bytes());
    let file = file.to_string_lossy();
    keys(
        station,
        &format!(
            "import {file} --form rsa-oaep --hash sha256 --under meridian.door@1 --key meridian.kmc \
             --use card_issuance --algorithm {channel} --owner Meridian --from Maker --who Ada"
        ),
    );
    activate(station, "meridian.kmc");
}

/// The scheme certifies the issuer's key. It is another site, with a test CA in the soft HSM; only the
/// request and the certificate go between. Gives the certificate's file and the CA's line.
fn certified(station: &Station) -> (String, String) {
    let scheme = Station::new();
    keys(
        &scheme,
        "generate open.test_ca --use emv.ca_private --algorithm rsa --bits 1408 --exponent 3 --owner Test --who Eve",
    );
    let published = "ca publish open.test_ca@1 --rid F000000092 --index 93 --expiry 1235";
    let line = keys(&scheme, published).out;
    let known = station.write("ca.txt", line.as_bytes());
    keys(
        station,
        &format!("ca add {} --who Ada --second Ben", known.display()),
    );
    let request = text(station, "request");
    keys(
        station,
        &format!(
            "issuer request meridian.issuer_rsa@1 --organization Meridian --rid F000000092 --ca-index 93 \
             --range 999992 --expiry 1235 --who Ada --out {request}"
        ),
    );
    let answer = text(station, "answer.txt");
    keys(
        &scheme,
        &format!(
            "issuer certify {request} --authority open.test_ca@1 --ca-index 93 --ca-expiry 1235 --out {answer}"
        ),
    );
    let certificate = text(station, "issuer.cer");
    keys(
        station,
        &format!(
            "issuer import {answer} --key meridian.issuer_rsa@1 --who Ada --out {certificate}"
        ),
    );
    (certificate, line)
}

/// Check values of the inventory by name.
fn check(listed: &serde_json::Value, name: &str) -> String {
    let entries = listed["keys"].as_array().expect("a list");
    let entry = entries.iter().find(|key| key["name"] == name);
    let values = &entry.unwrap_or_else(|| panic!("{name} in {listed}"))["check_values"];
    values[0]["value"]
        .as_str()
        .expect("a check value")
        .replace('-', "")
}

/// The example's sources with the keys of the site, each bound by its check value, and the issuer's.
fn keys_of_the_site(station: &Station, bank: &Path, channel: &str) {
    let listed = keys(station, "list --format json").json();
    let value = |name: &str| check(&listed, &format!("meridian.{name}"));
    let mut source = String::new();
    for line in std::fs::read_to_string(bank).unwrap().lines() {
        let rest = line.strip_prefix("key ").map(str::split_whitespace);
        match rest.and_then(|mut words| words.next()) {
            Some("kmc") => {}
            Some(name) => {
                let bound = format!("; check = x\"{}\" }}", value(name));
                source += &(line.replacen('}', &bound, 1) + "\n");
            }
            None => source += &format!("{line}\n"),
        }
    }
    let method = match channel {
        "aes128" => "check_method = cmac; ",
        _ => "",
    };
    for name in ["kmc", "kmc_own"] {
        let bound = format!("{method}check = x\"{}\"", value(name));
        source += &format!("key {name} : {channel} {{ use = card_issuance; {bound} }}\n");
    }
    source += &format!(
        "key issuer_rsa : rsa(1408, 65537) {{
  use         = emv.issuer_private
  check       = x\"{}\"
  rid         = x\"F0 00 00 00 92\"
  ca_index    = 0x93
  certificate = file(\"keys/issuer-93.cer\")
  ca          = file(\"keys/test-ca-93.pub\")
}}
",
        value("issuer_rsa")
    );
    std::fs::write(bank, source).unwrap();
}

/// What the example's online-only application becomes: one with an RSA key and a PIN of its own.
const WITH_RSA: &str = "profile debit : cpa.application for orders.order {
  aip = [dda, cardholder_verification, terminal_risk_management]
  cvm {
    enciphered_pin_offline when supported else next
    enciphered_pin_online  when supported else next
    no_cvm                 always         else fail
  }
  action_codes {
    denial  = []
    online  = [oda_not_performed, dda_failed, expired_application, cvm_failed, pin_try_limit_exceeded,
               exceeds_floor_limit]
    default = [oda_not_performed, dda_failed, cvm_failed, exceeds_floor_limit]
  }
  dda         { key = rsa(1152, 65537); certified_by = issuer_rsa }
  offline_pin { value = pin.natural(pin_key, order.pan); tries = 3 }";

/// Meridian's card with an RSA key of its own, a PIN that the chip verifies, and new keys at the end,
/// bound to the keys of the site; built LIVE, signed by two people.
fn bundle(station: &Station, channel: &str, platform: &str) -> Vec<String> {
    let (certificate, line) = certified(station);
    let project = station.path("meridian");
    projects::copy_folder(&workspace::root().join("examples/meridian-debit"), &project);
    std::fs::remove_dir_all(project.join("tests")).unwrap();
    std::fs::remove_file(project.join("tests.perso")).unwrap();
    std::fs::create_dir(project.join("keys")).unwrap();
    std::fs::copy(certificate, project.join("keys/issuer-93.cer")).unwrap();
    let modulus = line.split("modulus=").nth(1).unwrap().trim();
    let ca =
        format!("rid = \"F000000092\"\nca_index = 147\nmodulus = \"{modulus}\"\nexponent = 3\n");
    std::fs::write(project.join("keys/test-ca-93.pub"), ca).unwrap();
    keys_of_the_site(station, &project.join("bank.perso"), channel);
    let card = project.join("debit.perso");
    mend(&card, "use std.profiles.online", "use std.profiles.cpa");
    let online = "profile debit : online.application for orders.order {";
    mend(&card, online, WITH_RSA);
    mend(
        &card,
        "globalplatform(scp02, keys: kmc, option: 0x55, security_level: 0x03)",
        &format!("{platform}\n    put_keys {{ keys = kmc_own; version = 2; replaces = 1 }}"),
    );
    mend(
        &project.join("line.perso"),
        "    purchase 10.00 EUR",
        "    authenticate offline dda\n    verify pin pin.natural(pin_key, order.pan)\n    purchase 10.00 EUR",
    );
    signed_live(station, &project)
}

/// A project built LIVE and signed by two people; their public keys.
fn signed_live(station: &Station, project: &Path) -> Vec<String> {
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

/// A site, its keys, its bundle, and a run of the example's orders.
fn live(channel: &str, platform: &str) {
    // Nothing said of TEST keys or of host memory.
    let station = nss_site("");
    station.say(&["hsm", "prepare"]).expect(0);
    make_keys(&station, channel);
    key_of_the_chips(&station, channel);
    let signers = bundle(&station, channel, platform);
    let settings = station.site().join("site.toml");
    mend(&settings, "threshold = 1", "threshold = 2");
    let both = format!("signers = [\"{}\", \"{}\"]", signers[0], signers[1]);
    mend(&settings, "signers = []", &both);

    let orders = workspace::root().join("examples/meridian-debit/orders.bin");
    // This token lets keys out that say that they may not leave: the site has to say that it knows.
    let said = station.run(&orders, "refused", &[]).expect(4);
    for word in ["R1011", "keys_stay_inside"] {
        assert!(said.err.contains(word), "{word}: {}", said.err);
    }
    let before = std::fs::read_to_string(&settings).unwrap();
    let knows = "accept_wrapping_of_all_keys = true\n";
    std::fs::write(&settings, format!("{before}{knows}")).unwrap();

    // A token that cuts no numbers out of an RSA key: said before the first chip is touched.
    let whole = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{whole}avoid = [\"rsa_split\"]\n")).unwrap();
    let said = station.run(&orders, "refused", &[]);
    assert_ne!(said.code, Some(0), "{}", said.out);
    for word in ["R1336", "card `debit_card`", "rsa_split"] {
        assert!(said.err.contains(word), "{word}: {}", said.err);
    }
    assert_eq!(station.machine().issued, 0, "no blank left its hopper");
    std::fs::write(&settings, &whole).unwrap();

    let out = text(&station, "out");
    let resume = ["job", "resume", "1", "--out", &out, "--lanes", "2"];
    station.say(&resume).expect(0);
    let report = station.report("out");
    // The last of the twenty accounts is in arrears.
    assert_eq!(report["produced"], 19, "{report}");
    assert_eq!(report["rejected"][0]["code"], "R1514", "{report}");
    assert_eq!(report["validated"]["passed"], 19, "{report}");
    assert_eq!(report["validated"]["failed"], 0);
    assert_eq!(report["reconciliation"]["unaccounted"], 0);
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    for name in ["kmc", "kmc_own", "imk_ac", "issuer_rsa", "pin_key"] {
        let uses = keys(&station, &format!("use meridian.{name}@1 --format json")).json();
        assert_eq!(uses["keys"][0]["jobs"], serde_json::json!([1]), "{name}");
    }
    station.say(&["audit", "verify"]).expect(0);
    let kmc = cardwright_standards::test_keys::symmetric_key("meridian.kmc", channel).unwrap();
    nowhere(&station.path(""), &[Canary::octets("kmc", kmc.expose())]);
}

/// Looks through every file below a folder.
fn nowhere(folder: &Path, canaries: &[Canary]) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            nowhere(&path, canaries);
        } else if path.is_file() {
            let found = search(&std::fs::read(&path).unwrap(), canaries);
            assert!(found.is_empty(), "{}: {found:?}", path.display());
        }
    }
}

#[test]
fn live_chips_with_keys_of_their_own_over_scp02() {
    live(
        "tdes2",
        "globalplatform(scp02, keys: kmc, option: 0x55, security_level: 0x03)",
    );
}

#[test]
fn live_chips_with_keys_of_their_own_over_scp03() {
    live(
        "aes128",
        "globalplatform(scp03, keys: kmc, option: 0x70, security_level: 0x33)",
    );
}

//! The example bank from order file to report, with the real programs.

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
    station::Station,
    workspace,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

fn number(report: &Value, path: &str) -> i64 {
    report
        .pointer(path)
        .and_then(Value::as_i64)
        .unwrap_or_else(|| panic!("{path} in {report}"))
}

/// Orders of all three products.
fn batch(first: u64, count: u64) -> Vec<u8> {
    let products = ["DEBI", "DUAL", "GOLD"];
    let orders = (first..first + count).map(|n| {
        let pin = format!("{:05}", (n * 7_919) % 100_000);
        OrderRecord::good(n, products[(n % 3) as usize], &pin).line()
    });
    file(&orders.collect::<Vec<_>>())
}

#[test]
fn fifty_orders_become_cards_letters_files_and_a_report() {
    let station = Station::new();
    let orders = workspace::root().join("examples/aurora-bank/orders-50.txt");
    station.run(&orders, "out", &[]).expect(0);
    let report = station.report("out");
    let rejected = report["rejected"].as_array().expect("a list");
    assert_eq!(number(&report, "/schema_version"), 1);
    assert_eq!(report["test"], Value::Bool(true));
    assert_eq!(number(&report, "/orders"), 50);
    let produced = number(&report, "/produced");
    assert_eq!(produced + rejected.len() as i64, 50);
    assert_eq!(number(&report, "/unknown"), 0);
    assert_eq!(number(&report, "/failed"), 0);
    assert_eq!(number(&report, "/validated/failed"), 0);
    assert_eq!(number(&report, "/validated/passed"), produced);
    assert_eq!(number(&report, "/mailers"), produced);
    assert_eq!(number(&report, "/reconciliation/unaccounted"), 0);
    assert_eq!(number(&report, "/reconciliation/blanks_unaccounted"), 0);
    // The generator's six kinds of trouble, one each.
    let codes: BTreeMap<&str, usize> = rejected.iter().fold(BTreeMap::new(), |mut codes, row| {
        *codes
            .entry(row["code"].as_str().expect("a code"))
            .or_default() += 1;
        codes
    });
    let expected = ["R1306", "R1507", "R1508", "R1509", "R1511", "R1513"].map(|code| (code, 1));
    assert_eq!(codes, BTreeMap::from(expected), "{rejected:?}");
    assert!(
        rejected
            .iter()
            .all(|row| row["line"].as_u64().is_some_and(|line| line > 1))
    );
    let out = station.path("out");
    let files = ["return.csv", "activation.csv", "cards.cps", "cards.machine"];
    for name in files.map(|name| format!("files/{name}")) {
        assert!(
            out.join(&name).metadata().is_ok_and(|m| m.len() > 0),
            "{name}"
        );
    }
    for name in ["report.html", "journal.jsonl"] {
        assert!(
            out.join(name).metadata().is_ok_and(|m| m.len() > 0),
            "{name}"
        );
    }
    let rows = std::fs::read_to_string(out.join("files/return.csv")).expect("the return file");
    assert_eq!(
        rows.lines().count() as i64,
        produced + 1,
        "a heading and a line a card"
    );
    assert_eq!(
        pages(&out.join("mailers")) as i64,
        produced,
        "one letter a card"
    );
    // The oracle: what the machine itself has noted.
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    assert_eq!(machine.good as i64, produced);
    assert_eq!(machine.in_machine, 0);
    let verdict = station
        .say(&["audit", "verify", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(verdict["holds"], Value::Bool(true));
    station.say(&["check"]).expect(0);
}

/// Pages of all PDFs of a folder.
fn pages(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let documents = entries.map(|entry| {
        let octets = std::fs::read(entry.expect("an entry").path()).expect("a document");
        cardwright_tests::scanner::pdf_pages(&octets)
    });
    documents.sum()
}

#[test]
fn one_lane_and_four_give_the_same() {
    let first = Station::new();
    let orders = first.write("orders.txt", &batch(1, 9));
    // The twin has the same HSM, so the same draws.
    let second = first.twin();
    first.run(&orders, "out", &["--lanes", "1"]).expect(0);
    second.run(&orders, "out", &["--lanes", "4"]).expect(0);
    for folder in ["files", "mailers", "carriers"] {
        let one = contents(&first.path("out").join(folder));
        let four = contents(&second.path("out").join(folder));
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        if folder == "files" {
            assert_eq!(names(&one), names(&four));
            for (name, octets) in &one {
                assert!(octets == &four[name], "{folder}/{name} differs");
            }
        }
        let count = |files: &BTreeMap<String, Vec<u8>>| {
            files
                .values()
                .map(|pdf| usize::from(pdf.starts_with(b"%PDF")))
                .sum::<usize>()
        };
        assert_eq!(count(&one) > 0, folder != "files");
        assert_eq!(count(&one) > 0, count(&four) > 0);
    }
    let texts = |station: &Station| {
        let mut pages: Vec<String> = contents(&station.path("out/mailers"))
            .values()
            .flat_map(|pdf| cardwright_tests::scanner::pdf_page_texts(pdf))
            .collect();
        pages.sort();
        pages
    };
    assert_eq!(texts(&first), texts(&second), "the letters say the same");
    let (one, four) = (first.report("out"), second.report("out"));
    for count in [
        "/orders",
        "/produced",
        "/mailers",
        "/carriers",
        "/validated/passed",
    ] {
        assert_eq!(number(&one, count), number(&four, count), "{count}");
    }
    assert_eq!(one["products"], four["products"]);
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

#[test]
fn the_same_file_or_card_is_never_made_twice() {
    let station = Station::new();
    let orders = station.write("monday.txt", &batch(1, 3));
    station.run(&orders, "one", &["--lanes", "2"]).expect(0);
    let again = station.write("tuesday.txt", &batch(1, 3));
    let said = station.run(&again, "two", &[]).expect(1);
    assert!(said.err.contains("R1515"), "{}", said.err);
    // Two cards of the first file and one new one.
    let overlap = station.write("overlap.txt", &batch(2, 3));
    station.run(&overlap, "three", &[]).expect(0);
    let report = station.report("three");
    let codes: Vec<_> = report["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.iter().all(|row| row["code"] == "R1517"), "{codes:?}");
    assert_eq!(number(&report, "/produced"), 1);
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    assert_eq!(machine.good, 4);
}

#[test]
fn a_refused_file_leaves_no_trace() {
    let station = Station::new();
    let wrong = String::from_utf8(batch(1, 3))
        .expect("UTF-8")
        .replace("TR00000003", "TR00000004");
    let orders = station.write("wrong.txt", wrong.as_bytes());
    let before = station.machine_lines().len();
    let said = station.run(&orders, "out", &[]).expect(1);
    assert!(said.err.contains("R1510"), "{}", said.err);
    let jobs = station
        .say(&["job", "list", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(jobs["jobs"], Value::Array(Vec::new()));
    assert_eq!(station.machine_lines().len(), before, "no card was moved");
}

#[test]
fn trust_is_asked_before_anything_else() {
    let station = Station::new();
    let orders = station.write("orders.txt", &batch(1, 3));
    let mut bytes = std::fs::read(station.bundle()).expect("the bundle");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(station.bundle(), &bytes).expect("a changed bundle");
    let store = contents(&station.site().join("store"));
    let said = station.run(&orders, "out", &[]).expect(4);
    assert!(said.err.contains("R100"), "{}", said.err);
    assert!(
        contents(&station.site().join("store")) == store,
        "the store was touched"
    );
    assert!(!station.path("out").exists());
}

#[test]
fn a_live_bundle_is_refused_by_a_test_site() {
    use cardwright_bundle::{Bundle, Environment, SigningKey};
    let station = Station::new();
    let orders = station.write("orders.txt", &batch(1, 3));
    let test = projects::small();
    let mut content = test.content().clone();
    content.environment = Environment::Live;
    let assets = test.assets().iter().map(|(name, bytes)| {
        let asset = content
            .assets
            .iter()
            .find(|asset| asset.name == *name)
            .expect("its row");
        (name.clone(), (asset.media_type.clone(), bytes.clone()))
    });
    let assets = assets.collect();
    let signer = SigningKey::from_seed(&[1; 32]);
    let mut live = Bundle::seal(content, assets).expect("it seals");
    live.sign(&signer);
    live.sign(&SigningKey::open_test_signer());
    std::fs::write(station.bundle(), live.to_bytes().expect("octets")).expect("the bundle");
    let said = station.run(&orders, "out", &[]).expect(4);
    assert!(said.err.contains("R1010"), "{}", said.err);
    // Even a site that trusts the signer has no HSM for it.
    let path = station.site().join("site.toml");
    let text = std::fs::read_to_string(&path).expect("the site file");
    let trusted = format!("signers = [\"{}\"]", hex::encode(signer.public().0));
    assert!(text.contains("signers = []"));
    std::fs::write(&path, text.replace("signers = []", &trusted)).expect("the site file");
    let said = station.run(&orders, "out", &[]).expect(4);
    assert!(said.err.contains("R1011"), "{}", said.err);
}

#[test]
fn a_site_never_goes_back_to_an_older_bundle() {
    use cardwright_bundle::Bundle;
    let station = Station::new();
    let first = projects::small();
    let mut content = first.content().clone();
    content.sequence += 1;
    let assets = first.assets().iter().map(|(name, bytes)| {
        let asset = content
            .assets
            .iter()
            .find(|asset| asset.name == *name)
            .expect("its row");
        (name.clone(), (asset.media_type.clone(), bytes.clone()))
    });
    let assets = assets.collect();
    let second = projects::signed(Bundle::seal(content, assets).expect("it seals"));
    let old = station.write("old.cwb", &first.to_bytes().expect("octets"));
    let new = station.write("new.cwb", &second.to_bytes().expect("octets"));
    let load = |path: &Path| station.say(&["bundle", "load", &path.to_string_lossy()]);
    load(&old).expect(0);
    load(&new).expect(0);
    load(&new).expect(0);
    let said = load(&old).expect(4);
    assert!(said.err.contains("R1012"), "{}", said.err);
}

#[test]
fn a_changed_audit_log_is_found() {
    let station = Station::new();
    let orders = station.write("orders.txt", &batch(1, 3));
    station.run(&orders, "out", &[]).expect(0);
    station.say(&["audit", "verify"]).expect(0);
    // One letter of one entry, in the database itself.
    let path = station.site().join("store/store.db");
    let mut bytes = std::fs::read(&path).expect("the store");
    let word = b"accepted, digest";
    let at = bytes
        .windows(word.len())
        .position(|part| part == word)
        .expect("an audit entry");
    bytes[at] = b'A';
    std::fs::write(&path, &bytes).expect("the store");
    let said = station.say(&["audit", "verify", "--format", "json"]);
    assert_ne!(said.code, Some(0), "{}", said.out);
}

#[test]
fn a_store_that_was_rolled_back_is_found() {
    let station = Station::new();
    let orders = station.write("orders.txt", &batch(1, 3));
    let backup = station.path("backup");
    projects::copy_folder(&station.site().join("store"), &backup);
    station.run(&orders, "out", &[]).expect(0);
    let store = station.site().join("store");
    std::fs::remove_dir_all(&store).expect("the store goes");
    projects::copy_folder(&backup, &store);
    let said = station.say(&["audit", "verify"]);
    assert_ne!(said.code, Some(0), "{}", said.out);
    // And nothing is made on it.
    let second = station.write("second.txt", &batch(20, 3));
    let said = station.run(&second, "again", &[]);
    assert_ne!(said.code, Some(0));
    assert!(said.err.contains("R1407"), "{}", said.err);
    assert_eq!(station.machine().good, 3);
}

#[test]
fn data_made_ahead_are_the_same() {
    let first = Station::new();
    let orders = first.write("orders.txt", &batch(1, 12));
    let second = first.twin();
    let path = second.site().join("site.toml");
    let text = std::fs::read_to_string(&path).expect("site.toml");
    let (head, rest) = text.split_once("\nname").expect("a name");
    std::fs::write(&path, format!("{head}\nahead = 3\nname{rest}")).expect("site.toml");
    first
        .run(&orders, "out", &["--lanes", "1", "--keep-cards"])
        .expect(0);
    second
        .run(&orders, "out", &["--lanes", "2", "--keep-cards"])
        .expect(0);
    for folder in ["files", "cards"] {
        let one = contents(&first.path("out").join(folder));
        let ahead = contents(&second.path("out").join(folder));
        assert!(!one.is_empty());
        assert_eq!(
            one.keys().collect::<Vec<_>>(),
            ahead.keys().collect::<Vec<_>>()
        );
        if folder == "files" {
            assert!(one == ahead, "the files differ");
        }
    }
    assert_eq!(second.report("out")["validated"]["passed"], 12);
}

//! No clear PIN, key or PAN in any file, log, report or message (RELIABILITY, I4).
//!
//! A run is made with PINs and PANs that nothing else contains, then every octet that it wrote or
//! said is searched for them, in every encoding that could happen by accident. The scanner itself
//! is under control: it must find what is planted, and the PINs where they belong, on paper.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::Content;
use cardwright_standards::test_keys;
use cardwright_tests::{
    orders::{OrderRecord, file, pin_block},
    projects,
    scanner::{Canary, Hit, pdf_inside, search},
    station::{Said, Station},
    workspace,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::OnceLock,
};

/// PINs of the greatest length: nothing else holds these digits by chance.
const PINS: [&str; 6] = [
    "904718263549",
    "718263540918",
    "263549817204",
    "581930472659",
    "839104726150",
    "620594817303",
];

/// A run, shared by the tests of this file; what was written while it ran and what was said.
struct Made {
    station: Station,
    said: Vec<Said>,
    orders: Vec<OrderRecord>,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let station = Station::new();
        let mut orders: Vec<OrderRecord> = PINS
            .iter()
            .zip(["DEBI", "DUAL", "GOLD"].iter().cycle())
            .zip(4_711..)
            .map(|((pin, product), number)| OrderRecord::good(number * 613, product, pin))
            .collect();
        // One that is rejected by its reader, one by the HSM, one that comes twice.
        let mut lines: Vec<String> = orders.iter().map(OrderRecord::line).collect();
        let mut expired = OrderRecord::good(9_000_001, "DEBI", "472819305562");
        expired.expiry = "2401".into();
        let mut strange = OrderRecord::good(9_000_002, "DEBI", "472819305562");
        strange.pin = pin_block("472819305562", &orders[0].pan);
        lines.extend([expired.line(), strange.line(), lines[0].clone()]);
        orders.extend([expired, strange]);
        let path = station.write("orders.txt", &file(&lines));
        let said = vec![
            station.run(&path, "out", &["--lanes", "2"]),
            station.run(&path, "again", &[]),
            station.run(&path, "more", &["--format", "json"]),
            station.say(&["job", "list"]),
            station.say(&["job", "show", "1", "--format", "json"]),
            station.say(&["audit", "show", "--limit", "1000"]),
            station.say(&["audit", "show", "--limit", "1000", "--format", "json"]),
            station.say(&["dump", "journal", "1"]),
            station.say(&["dump", "plan", &station.bundle().to_string_lossy()]),
            station.say(&["check", "--bundle", &station.bundle().to_string_lossy()]),
        ];
        said[0].clone().expect(0);
        said[1].clone().expect(1);
        Made {
            station,
            said,
            orders,
        }
    })
}

/// Every file of the run but the order file itself, by its path in the scratch folder.
fn written() -> BTreeMap<String, Vec<u8>> {
    let root = made().station.path("");
    let mut files = BTreeMap::new();
    workspace::collect_all(&root, &mut |path| {
        let inside = path.strip_prefix(&root).expect("below the scratch folder");
        let name = inside.to_string_lossy().replace('\\', "/");
        if name != "orders.txt" {
            files.insert(name, std::fs::read(path).expect("a file"));
        }
    });
    files
}

/// What is searched of a file: its octets, and for a PDF its unpacked streams and text too.
fn searched(name: &str, octets: &[u8]) -> Vec<u8> {
    let mut all = octets.to_vec();
    if name.ends_with(".pdf") {
        let (text, streams) = pdf_inside(octets);
        all.push(b'\n');
        all.extend_from_slice(text.as_bytes());
        all.extend_from_slice(&streams);
    }
    all
}

/// Hits by file, what was said included.
fn hits(canaries: &[Canary]) -> BTreeMap<String, Vec<Hit>> {
    let mut found = BTreeMap::new();
    for (name, octets) in written() {
        let hits = search(&searched(&name, &octets), canaries);
        if !hits.is_empty() {
            found.insert(name, hits);
        }
    }
    for (at, said) in made().said.iter().enumerate() {
        let hits = search(format!("{}\n{}", said.out, said.err).as_bytes(), canaries);
        if !hits.is_empty() {
            found.insert(format!("words of program {at}"), hits);
        }
    }
    found
}

#[test]
fn the_run_wrote_what_is_searched() {
    let names: BTreeSet<String> = written().into_keys().collect();
    for part in [
        "site/store/",
        "site/machine/",
        "site/anchor/",
        "out/mailers/",
        "out/files/",
    ] {
        assert!(
            names.iter().any(|name| name.starts_with(part)),
            "{part} in {names:?}"
        );
    }
    for name in ["out/report.html", "out/report.json", "out/journal.jsonl"] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    assert!(
        !names.iter().any(|name| name.ends_with(".card")),
        "no card is kept unasked"
    );
}

#[test]
fn what_is_planted_is_found() {
    let station = &made().station;
    let canary = Canary::text("planted", "315926535897");
    for (at, (_, octets)) in canary.disguises().iter().enumerate() {
        let folder = station.path("planted");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(format!("{at}.bin"));
        std::fs::write(&path, [b"before ", &octets[..], b" after"].concat()).expect("a file");
    }
    let found = hits(std::slice::from_ref(&canary));
    for (at, (encoding, _)) in canary.disguises().iter().enumerate() {
        let hits = found.get(&format!("planted/{at}.bin"));
        let seen = hits.is_some_and(|hits| hits.iter().any(|hit| hit.encoding == *encoding));
        assert!(seen, "{encoding} is not found");
    }
    assert!(
        found.keys().all(|name| name.starts_with("planted/")),
        "{:?}",
        found.keys()
    );
}

#[test]
fn pins_are_on_their_letters_and_nowhere_else() {
    let mut wanted: BTreeSet<&str> = PINS.into_iter().collect();
    for (name, octets) in written()
        .iter()
        .filter(|(name, _)| name.starts_with("out/mailers/"))
    {
        assert!(name.ends_with(".pdf"), "{name}");
        let (text, _) = pdf_inside(octets);
        let bare: String = text.split_whitespace().collect();
        wanted.retain(|pin| !bare.contains(pin));
    }
    assert!(
        wanted.is_empty(),
        "the control: {} PINs are on no letter",
        wanted.len()
    );
    let mut pins: Vec<&str> = PINS.to_vec();
    pins.push("472819305562");
    let canaries: Vec<Canary> = pins
        .iter()
        .enumerate()
        .map(|(at, pin)| Canary::text(format!("PIN {at}"), pin))
        .collect();
    let mut found = hits(&canaries);
    // On paper the text layer says it; the file's own octets do not.
    found.retain(|name, _| !name.starts_with("out/mailers/"));
    assert!(found.is_empty(), "{found:?}");
    for (name, octets) in written()
        .iter()
        .filter(|(name, _)| name.starts_with("out/mailers/"))
    {
        assert_eq!(search(octets, &canaries), [], "{name}");
    }
}

#[test]
fn pans_are_in_files_for_personalizers_only() {
    let canaries: Vec<Canary> = made()
        .orders
        .iter()
        .enumerate()
        .map(|(at, order)| Canary::text(format!("PAN {at}"), &order.pan))
        .collect();
    let mut found = hits(&canaries);
    // What another personalizer needs to make the same cards, by the bank's own order.
    found.retain(|name, _| {
        !matches!(
            name.as_str(),
            "out/files/cards.cps" | "out/files/cards.machine"
        )
    });
    // The carrier shows the card itself, embossed, as the holder will see it.
    found.retain(|name, _| !name.starts_with("out/carriers/"));
    assert!(found.is_empty(), "{found:?}");
}

/// The open test keys that the bundle names: who holds the bundle's names knows them, so they are
/// good canaries for real ones.
fn keys(content: &Content) -> Vec<Canary> {
    let mut canaries = Vec::new();
    for slot in &content.keys {
        if slot.algorithm == "rsa" {
            let primes = test_keys::rsa_primes(&slot.name, slot.bits, slot.exponent);
            let (p, q) = primes.expect("an open key");
            canaries.push(Canary::octets(format!("{} p", slot.name), &p));
            canaries.push(Canary::octets(format!("{} q", slot.name), &q));
        } else {
            let key = test_keys::symmetric_key(&slot.name, &slot.algorithm).expect("an open key");
            canaries.push(Canary::octets(slot.name.clone(), key.expose()));
            canaries.push(Canary::octets(
                format!("half of {}", slot.name),
                &key.expose()[..8],
            ));
        }
    }
    canaries
}

#[test]
fn keys_are_in_the_hsm_only() {
    let canaries = keys(projects::aurora().content());
    assert!(canaries.len() >= 16);
    let found = hits(&canaries);
    // The soft HSM's own file has them enciphered.
    let hsm = std::fs::read_to_string(made().station.path("site/hsm/soft-hsm.toml"));
    assert!(
        hsm.expect("the HSM's file").contains("TEST KEYS ONLY"),
        "a file with keys says what it is"
    );
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn files_with_keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    for name in [
        "site/hsm/soft-hsm.toml",
        "site/unlock/soft-hsm.key",
        "site/hsm/site.key",
    ] {
        let mode = Path::metadata(&made().station.path(name))
            .expect(name)
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name} can be read by others: {mode:o}");
    }
}

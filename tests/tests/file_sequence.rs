//! Files that come are numbered by who sends them: the next is expected, a gap and a repeat are
//! refused whole, and a number that the operator names is taken once.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{Limits, Trust};
use cardwright_ports::store::{AuditEntry, Batch, BundleRow, Change, OrderKey};
use cardwright_ports::{Hsm as _, SecretBytes, Store};
use cardwright_runtime::{Loaded, load};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{StationError, Taking, take};
use cardwright_store::{JobSealer, MemoryStore, SiteKey, SqliteStore};
use cardwright_tests::plant::Noon;
use cardwright_tests::projects;

const SOURCE: &str = r#"
package files
issuer files { name = "Files Bank"; country = 250; currency = 978; bin = "999992" }
format orders : delimited {
  record header when column(1) == "HD" { number : n 4 at 2 = sequence(files) }
  record order when column(1) == "OR" { pan : pan at 2; expiry : date "YYMM" at 3 }
}
card plain for orders.order { stripe { track2 = track2(order.pan, order.expiry, 101, "000") } }
flow line : machine { feed { stock = "FILES"; reject_bin = "reject" }; stripe }
job daily { input = orders; card = plain; flow = line }
"#;

fn loaded() -> Loaded {
    let bytes = projects::bundle_of_source(SOURCE)
        .to_bytes()
        .expect("octets");
    load::load(&bytes, &Limits::default(), &Trust::test_only()).expect("it loads")
}

fn accept(store: &dyn Store, loaded: &Loaded) {
    let bundle = loaded.bundle();
    let row = BundleRow {
        digest: hex::encode_upper(bundle.digest()),
        name: bundle.content().name.clone(),
        sequence: bundle.content().sequence,
        loaded_at: 1,
    };
    let audit = AuditEntry {
        actor: "test".into(),
        act: "bundle".into(),
        key: OrderKey { job: 0, order: 0 },
        detail: "accepted".into(),
    };
    let changes = vec![Change::Bundle(row)];
    let batch = Batch {
        at: 1,
        require: None,
        changes,
        audit: vec![audit],
    };
    store.commit(&batch).expect("a bundle");
}

/// Takes a file with a number and one order with a PAN of its own.
fn taken(
    store: &dyn Store,
    loaded: &Loaded,
    (number, pan): (u64, &str),
    named: Option<u64>,
) -> Result<u64, StationError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("orders-{number}.csv"));
    std::fs::write(&path, format!("HD;{number:04}\nOR;{pan};2912\n")).expect("a file");
    let taking = Taking {
        loaded,
        job: loaded.job(None).expect("a job"),
        joined: &[],
        file_number: named,
        store,
        clock: &Noon,
    };
    let hsm = SoftHsm::in_memory([7; 32]).expect("a soft HSM");
    let mut session = hsm.open_session().expect("a session");
    let job = take(&taking, &path, session.as_mut(), &|key| {
        Ok(Box::new(JobSealer::new(key)?))
    })?;
    Ok(job.summary.accepted)
}

/// PANs of the test range with their check digits.
const PANS: [&str; 4] = [
    "9999920000000011",
    "9999920000000029",
    "9999920000000037",
    "9999920000000045",
];

fn sequence(store: &dyn Store) {
    let loaded = loaded();
    accept(store, &loaded);
    let refused = |number, pan, named| match taken(store, &loaded, (number, pan), named) {
        Err(error) => (error.code, error.what),
        Ok(_) => panic!("{number} is taken"),
    };
    let [a, b, c, d] = PANS;
    // The first of a site may have any number.
    assert_eq!(
        taken(store, &loaded, (41, a), None).map_err(|e| e.what),
        Ok(1)
    );
    let (code, what) = refused(41, b, None);
    assert_eq!(code, "R1534", "{what}");
    let (code, what) = refused(43, b, None);
    assert_eq!(code, "R1534");
    assert!(
        what.contains("43") && what.contains("42 is expected"),
        "{what}"
    );
    // What was refused has left nothing: neither its number nor its cards.
    assert_eq!(
        taken(store, &loaded, (42, b), None).map_err(|e| e.what),
        Ok(1)
    );
    // A file that never came is passed over by whoever says so, with the number of this one.
    assert_eq!(refused(45, c, None).0, "R1534");
    assert_eq!(refused(45, c, Some(44)).0, "R1534");
    assert_eq!(
        taken(store, &loaded, (45, c), Some(45)).map_err(|e| e.what),
        Ok(1)
    );
    // What comes late is not taken, whatever anybody says.
    assert_eq!(refused(44, d, Some(44)).0, "R1534");
    assert_eq!(
        store.last_file("case", "orders").map_err(|e| e.what),
        Ok(Some(45))
    );
    let verdict = store.verify_audit().expect("an audit log");
    assert!(verdict.findings.is_empty(), "{verdict:?}");
}

#[test]
fn a_gap_and_a_repeat_are_refused() {
    sequence(&MemoryStore::new());
}

#[test]
fn the_sequence_is_kept_with_the_site() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || {
        let key = SiteKey::from_seed(&SecretBytes::new(vec![3; 32])).expect("a key");
        SqliteStore::open(folder.path(), folder.path(), key).expect("a store")
    };
    let store = open();
    sequence(&store);
    drop(store);
    let store = open();
    assert_eq!(
        store.last_file("case", "orders").map_err(|e| e.what),
        Ok(Some(45))
    );
}

//! What the store refuses, and what it does when its disk fails it: damage, torn and lost writes, a
//! full anchor, values that do not fit, keys that do not open.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use cardwright_ports::store::{
    AuditEntry, Batch, BundleRow, CardData, Change, JobState, MailerState, NewJob, NewOrder,
    OrderKey, SealContext, Sealer, Store,
};
use cardwright_ports::{SecretBytes, StoreError};
use cardwright_store::{JobSealer, MemoryStore, SiteKey, SqliteStore};
use std::path::Path;

const ANCHOR: &str = "audit-anchor.jsonl";

fn key() -> SiteKey {
    SiteKey::from_seed(&SecretBytes::new(vec![3; 32])).unwrap()
}

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, &folder.join("anchor"), key())
}

fn code<T>(result: Result<T, StoreError>) -> &'static str {
    result.err().map_or("accepted", |error| {
        assert!(!error.what.is_empty() && !error.mend.is_empty());
        error.code
    })
}

fn commit(store: &dyn Store, changes: Vec<Change>) -> Result<(), StoreError> {
    store.commit(&Batch {
        at: 100,
        require: None,
        changes,
        audit: vec![AuditEntry {
            actor: "test".to_owned(),
            act: "test".to_owned(),
            key: OrderKey { job: 0, order: 0 },
            detail: String::new(),
        }],
    })
}

fn bundle() -> Change {
    Change::Bundle(BundleRow {
        digest: "d1".to_owned(),
        name: "aurora".to_owned(),
        sequence: 1,
        loaded_at: 1,
    })
}

fn new_job() -> NewJob {
    NewJob {
        name: "daily".to_owned(),
        bundle_digest: "d1".to_owned(),
        file_sha256: "f1".to_owned(),
        file_name: "orders.txt".to_owned(),
        wrapped_key: vec![5; 48],
    }
}

fn order(key: OrderKey) -> NewOrder {
    NewOrder {
        key,
        line: 2,
        priority: 1,
        product: "DEBIT".to_owned(),
        mailer: MailerState::Pending,
        identity: [7; 32],
        sealed: vec![5; 40],
        pictures: Vec::new(),
    }
}

fn both(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    test(&open(folder.path()).unwrap());
}

#[test]
fn what_is_not_there_is_r1414() {
    both(|store| {
        let nowhere = OrderKey { job: 99, order: 1 };
        assert_eq!(code(store.job(99)), "R1414");
        assert_eq!(code(store.order(nowhere)), "R1414");
        assert_eq!(code(store.sealed_record(nowhere)), "R1414");
        assert_eq!(code(store.new_epoch(1, 99, "Ada")), "R1414");
        assert_eq!(code(store.abandon_intake(1, 99, "Ada")), "R1414");
        // A job needs a bundle that the site has accepted.
        assert_eq!(code(store.open_job(1, &new_job(), "Ada")), "R1414");
        commit(store, vec![bundle()]).unwrap();
        let job = store.open_job(1, &new_job(), "Ada").unwrap();
        let missing = OrderKey { job, order: 5 };
        let data = CardData {
            sealed: vec![1; 9],
            fingerprint: [1; 32],
            pooled: Vec::new(),
        };
        for change in [
            Change::Mailer {
                key: missing,
                from: MailerState::Pending,
                copy: 1,
                to: MailerState::Printing,
                new_copy: 1,
                why: None,
            },
            Change::Job {
                job: 99,
                from: JobState::Intake,
                to: JobState::Loaded,
                fence: None,
            },
        ] {
            assert_eq!(code(commit(store, vec![change])), "R1414");
        }
        let refused = commit(store, vec![Change::CardData(missing, data)]);
        assert_eq!(code(refused), "R1414");
    });
}

#[test]
fn what_is_too_long_is_r1416() {
    both(|store| {
        commit(store, vec![bundle()]).unwrap();
        let long = NewJob {
            file_name: "x".repeat(5_000),
            ..new_job()
        };
        assert_eq!(code(store.open_job(1, &long, "Ada")), "R1416");
        let wide = NewJob {
            wrapped_key: vec![0; 5_000],
            ..new_job()
        };
        assert_eq!(code(store.open_job(1, &wide, "Ada")), "R1416");
        let who = "A".repeat(5_000);
        assert_eq!(code(store.open_job(1, &new_job(), &who)), "R1416");
        let job = store.open_job(1, &new_job(), "Ada").unwrap();
        let key = OrderKey { job, order: 1 };
        let big = NewOrder {
            sealed: vec![0; (1 << 20) + 1],
            ..order(key)
        };
        assert_eq!(code(commit(store, vec![Change::Add(big)])), "R1416");
        assert_eq!(store.counts(job).unwrap().total(), 0, "nothing was kept");
        commit(store, vec![Change::Add(order(key))]).unwrap();
    });
    // SQLite's integers end at 2^63.
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(code(store.job(u64::MAX)), "R1416");
}

#[test]
fn a_sealed_value_opens_with_its_own_key_only() {
    let sealer = |octet| JobSealer::new(&SecretBytes::new(vec![octet; 32])).unwrap();
    let context = SealContext {
        order: 7,
        purpose: "record",
    };
    let sealed = sealer(1).seal(&context, b"ada").unwrap();
    let refused = sealer(2).open(&context, &sealed).err().unwrap();
    assert_eq!(refused.code, "R1415");
    // The place is named, the value is not.
    assert!(refused.what.contains("order 7"), "{refused}");
    for short in 0..sealed.len() {
        assert_eq!(code(sealer(1).open(&context, &sealed[..short])), "R1415");
    }
    for length in [0, 16, 31, 33] {
        let key = SecretBytes::new(vec![1; length]);
        assert_eq!(code(JobSealer::new(&key).map(|_| ())), "R1415");
    }
}

#[test]
fn a_store_that_is_no_store_is_r1401() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"not a folder").unwrap();
    assert_eq!(code(open(&file)), "R1401");
    let database = folder.path().join("store.db");
    std::fs::write(&database, b"this is no database. ".repeat(400)).unwrap();
    assert_eq!(code(open(folder.path())), "R1401");
    // Another version's store is left alone.
    std::fs::remove_file(&database).unwrap();
    drop(open(folder.path()).unwrap());
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = open(folder.path()).err().unwrap();
    assert_eq!(refused.code, "R1401");
    assert!(refused.what.contains("99"), "{refused}");
}

#[test]
fn a_damaged_site_key_is_r1401_and_never_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.key");
    for text in ["", "no key", "0102", &"0".repeat(62), &"zz".repeat(32)] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(code(SiteKey::load_or_create(&path)), "R1401");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    let nowhere = folder.path().join("none/site.key");
    assert_eq!(code(SiteKey::load_or_create(&nowhere)), "R1401");
}

/// Copies what a power cut would leave of a store that is open.
fn snapshot(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("anchor")).unwrap();
    for name in ["store.db", "store.db-wal", &format!("anchor/{ANCHOR}")] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn write_entries(store: &SqliteStore, count: u64) {
    for n in 0..count {
        let entry = AuditEntry {
            actor: "engine".to_owned(),
            act: "eject".to_owned(),
            key: OrderKey { job: 1, order: n },
            detail: format!("blank {n}"),
        };
        let batch = Batch {
            at: 1,
            require: None,
            changes: Vec::new(),
            audit: vec![entry],
        };
        store.commit(&batch).unwrap();
    }
}

#[test]
fn torn_and_lost_writes_of_the_log_are_found() {
    const ENTRIES: u64 = 60;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    write_entries(&store, ENTRIES);
    let model = tempfile::tempdir().unwrap();
    snapshot(folder.path(), model.path());
    let wal = std::fs::read(model.path().join("store.db-wal")).unwrap();
    assert!(wal.len() > 100_000, "the entries stand in the log");
    let mut found = 0;
    let mut judge = |octets: &[u8], what: &str| {
        let copy = tempfile::tempdir().unwrap();
        snapshot(model.path(), copy.path());
        std::fs::write(copy.path().join("store.db-wal"), octets).unwrap();
        match open(copy.path()) {
            // Whatever was acknowledged is there, or the store says that something is missing.
            Ok(store) => {
                let verdict = store.verify_audit().unwrap();
                assert_eq!(verdict.entries, ENTRIES, "{what}");
                assert!(verdict.findings.is_empty(), "{what}: {verdict:?}");
            }
            Err(error) => {
                assert!(matches!(error.code, "R1401" | "R1407"), "{what}: {error}");
                found += 1;
            }
        }
    };
    judge(&wal, "the control");
    let step = wal.len() / 40;
    for length in (0..wal.len()).step_by(step) {
        judge(&wal[..length], &format!("cut at {length}"));
        let mut flipped = wal.clone();
        flipped[length] ^= 0x40;
        judge(&flipped, &format!("flipped at {length}"));
        // A sector that never reached the disk.
        let mut lost = wal.clone();
        let end = (length + 512).min(lost.len());
        lost[length..end].fill(0);
        judge(&lost, &format!("lost at {length}"));
    }
    assert!(found > 80, "{found} of 120 are found");
}

#[test]
fn a_cut_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    write_entries(&store, 60);
    // Closing folds the log into the database.
    drop(store);
    let database = folder.path().join("store.db");
    let whole = std::fs::read(&database).unwrap();
    for parts in 0..8 {
        std::fs::write(&database, &whole[..whole.len() * parts / 8]).unwrap();
        let refused = code(open(folder.path()));
        assert!(matches!(refused, "R1401" | "R1407"), "{parts}/8: {refused}");
        for name in ["store.db-wal", "store.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
    }
    std::fs::write(&database, &whole).unwrap();
    assert_eq!(
        open(folder.path()).unwrap().verify_audit().unwrap().entries,
        60
    );
}

#[test]
fn an_anchor_that_can_t_be_opened_is_r1409() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("anchor"), b"a file").unwrap();
    assert_eq!(code(open(folder.path())), "R1409");
    std::fs::remove_file(folder.path().join("anchor")).unwrap();
    std::fs::create_dir_all(folder.path().join("anchor").join(ANCHOR)).unwrap();
    assert_eq!(code(open(folder.path())), "R1409");
}

/// A device that is always full takes the anchor's place.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_anchor_disk_no_site_begins() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let anchor = folder.path().join("anchor").join(ANCHOR);
    let kept = folder.path().join("kept");
    std::fs::rename(&anchor, &kept).unwrap();
    std::os::unix::fs::symlink("/dev/full", &anchor).unwrap();
    assert_eq!(code(open(folder.path())), "R1409");
    std::fs::remove_file(&anchor).unwrap();
    std::fs::rename(&kept, &anchor).unwrap();
    let store = open(folder.path()).unwrap();
    commit(&store, vec![bundle()]).unwrap();
    assert_eq!(store.verify_audit().unwrap().anchors, 2);
}

#[test]
fn a_power_cut_between_the_first_entry_and_its_anchor_is_no_attack() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let anchor = folder.path().join("anchor").join(ANCHOR);
    let before = std::fs::read(&anchor).unwrap();
    assert!(!before.is_empty(), "a fresh site is anchored");
    commit(&store, vec![bundle()]).unwrap();
    drop(store);
    std::fs::write(&anchor, &before).unwrap();
    let store = open(folder.path()).unwrap();
    commit(&store, Vec::new()).unwrap();
    let verdict = store.verify_audit().unwrap();
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    assert_eq!(verdict.entries, 2);
    // Without any line it is one.
    drop(store);
    std::fs::write(&anchor, b"").unwrap();
    assert_eq!(code(open(folder.path())), "R1407");
}

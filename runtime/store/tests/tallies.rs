//! Sums of a job, sets for one reading of a file, and databases of an older version.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_ports::store::{
    AuditEntry, Batch, BundleRow, Change, NewJob, OrderKey, OutputName, Tally, TallyKind,
};
use cardwright_ports::{SecretBytes, Store};
use cardwright_store::{MemoryStore, SiteKey, SqliteStore};

fn batch(tallies: Vec<Tally>) -> Batch {
    Batch {
        at: 1,
        require: None,
        changes: tallies.into_iter().map(|t| Change::Tally(1, t)).collect(),
        audit: vec![AuditEntry {
            actor: "test".to_owned(),
            act: "count".to_owned(),
            key: OrderKey { job: 1, order: 0 },
            detail: String::new(),
        }],
    }
}

fn sqlite(folder: &std::path::Path) -> SqliteStore {
    let key = SiteKey::from_seed(&SecretBytes::new(vec![7; 32])).unwrap();
    SqliteStore::open(&folder.join("store"), &folder.join("anchor"), key).unwrap()
}

/// A job by a name, so that files can be numbered for it.
fn job(store: &dyn Store, digest: &str, file: &str) -> u64 {
    let job = NewJob {
        name: "daily".to_owned(),
        bundle_digest: digest.to_owned(),
        file_sha256: file.repeat(32),
        file_name: "orders.txt".to_owned(),
        wrapped_key: vec![1; 16],
    };
    store.open_job(1, &job, "test").unwrap()
}

fn number(store: &dyn Store, job: u64, owner: &str, format: &str, file: &str) -> u64 {
    let name = OutputName {
        owner: owner.to_owned(),
        format: format.to_owned(),
        file: file.to_owned(),
    };
    let mut batch = batch(Vec::new());
    batch.changes = vec![Change::NumberFile(job, name.clone())];
    store.commit(&batch).unwrap();
    store.file_number(job, &name).unwrap().unwrap()
}

#[test]
fn files_are_numbered_from_job_to_job_and_keep_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let memory = MemoryStore::new();
    for store in [&memory as &dyn Store, &sqlite(folder.path())] {
        let mut accept = batch(Vec::new());
        accept.changes = vec![Change::Bundle(BundleRow {
            digest: "AB".repeat(32),
            name: "bank".to_owned(),
            sequence: 1,
            loaded_at: 1,
        })];
        store.commit(&accept).unwrap();
        let first = job(store, &"AB".repeat(32), "01");
        let second = job(store, &"AB".repeat(32), "02");
        assert_eq!(number(store, first, "bank", "returns", "a.csv"), 1);
        assert_eq!(number(store, first, "bank", "returns", "b.csv"), 2);
        assert_eq!(number(store, second, "bank", "returns", "a.csv"), 3);
        // After a crash the job asks again.
        assert_eq!(number(store, first, "bank", "returns", "a.csv"), 1);
        assert_eq!(number(store, second, "bank", "returns", "a.csv"), 3);
        // Other formats and other banks count for themselves.
        assert_eq!(number(store, second, "bank", "activation", "a.csv"), 1);
        assert_eq!(number(store, second, "other", "returns", "a.csv"), 1);
        let name = OutputName {
            owner: "bank".to_owned(),
            format: "returns".to_owned(),
            file: "c.csv".to_owned(),
        };
        assert_eq!(store.file_number(second, &name).unwrap(), None);
        let mut nobodys = batch(Vec::new());
        nobodys.changes = vec![Change::NumberFile(999, name)];
        assert!(store.commit(&nobodys).is_err(), "a job that is not there");
    }
    let again = sqlite(folder.path());
    assert_eq!(number(&again, 2, "bank", "returns", "d.csv"), 4);
}

#[test]
fn sums_add_up_over_commits_and_processes() {
    let folder = tempfile::tempdir().unwrap();
    let memory = MemoryStore::new();
    for round in 0..3 {
        let disk = sqlite(folder.path());
        for store in [&memory as &dyn Store, &disk] {
            let tallies = vec![
                Tally::time(TallyKind::Computer, "chip", 10 + round),
                Tally::verdict(TallyKind::Check, "contact pin", round != 1),
            ];
            store.commit(&batch(tallies)).unwrap();
        }
    }
    let expected = vec![
        Tally {
            count: 2,
            failed: 1,
            ..Tally::new(TallyKind::Check, "contact pin")
        },
        Tally {
            count: 3,
            total_us: 33,
            longest_us: 12,
            ..Tally::new(TallyKind::Computer, "chip")
        },
    ];
    assert_eq!(memory.tallies(1).unwrap(), expected);
    assert_eq!(sqlite(folder.path()).tallies(1).unwrap(), expected);
    assert!(memory.tallies(2).unwrap().is_empty());
}

#[test]
fn a_set_knows_what_it_has_seen_past_its_batches() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, memory) = (sqlite(folder.path()), MemoryStore::new());
    for store in [&memory as &dyn Store, &disk] {
        let mut seen = store.seen().unwrap();
        for number in 0..25_000u32 {
            assert!(seen.note(&number.to_be_bytes()).unwrap(), "{number}");
        }
        for number in [0u32, 9_999, 10_000, 24_999] {
            assert!(!seen.note(&number.to_be_bytes()).unwrap(), "{number}");
        }
        // Another set has seen nothing.
        assert!(store.seen().unwrap().note(&0u32.to_be_bytes()).unwrap());
    }
}

#[test]
fn a_database_of_version_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    drop(sqlite(folder.path()));
    let path = folder.path().join("store/store.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    // What version 1 had not, and an order that it rejected.
    connection
        .execute_batch(
            "DROP TABLE tallies; DROP TABLE file_numbers; DROP TABLE registers;
             DROP TABLE register_epochs; DROP TABLE pool; DROP TABLE pictures;
             ALTER TABLE orders DROP COLUMN mailer_code;
             ALTER TABLE orders DROP COLUMN mailer_reason;
             INSERT INTO bundles VALUES ('d', 'b', 1, 1);
             INSERT INTO jobs VALUES (1, 'j', 'd', 'f', 'o', 'LOADED', 0, 0, NULL, 1);
             INSERT INTO orders VALUES (1, 1, 2, 1, 'P', 'REJECTED', 0, 1, 0, NULL, NULL, 'R1509',
                'wrong', 'PENDING', 1);
             INSERT INTO orders VALUES (1, 2, 3, 1, 'P', 'PLANNED', 0, 1, 0, NULL, NULL, NULL,
                NULL, 'PENDING', 1);
             PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(connection);
    let store = sqlite(folder.path());
    let mailer = |order| {
        store
            .order(OrderKey { job: 1, order })
            .unwrap()
            .mailer
            .name()
    };
    assert_eq!((mailer(1), mailer(2)), ("NONE", "PENDING"));
    store
        .commit(&batch(vec![Tally::time(TallyKind::Run, "", 5)]))
        .unwrap();
}

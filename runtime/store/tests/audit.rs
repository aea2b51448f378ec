//! The audit log under attack: edit, delete, insert, fork, tail cut, roll-back, lost anchor.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use cardwright_ports::SecretBytes;
use cardwright_ports::store::{AuditEntry, Batch, BundleRow, Change, OrderKey, Store};
use cardwright_store::{SiteKey, SqliteStore};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

const ENTRIES: u64 = 1_200;

fn key() -> SiteKey {
    SiteKey::from_seed(&SecretBytes::new(vec![3; 32])).unwrap()
}

fn anchor(folder: &Path) -> PathBuf {
    folder.join("anchor")
}

fn open(folder: &Path) -> Result<SqliteStore, cardwright_ports::StoreError> {
    SqliteStore::open(folder, &anchor(folder), key())
}

fn entry(detail: String) -> AuditEntry {
    AuditEntry {
        actor: "engine".to_owned(),
        act: "eject".to_owned(),
        key: OrderKey { job: 1, order: 2 },
        detail,
    }
}

fn write(store: &SqliteStore, from: u64, to: u64) {
    let mut at = from;
    while at < to {
        let next = (at + 40).min(to);
        let batch = Batch {
            at: 1_700_000_000,
            require: None,
            changes: Vec::new(),
            audit: (at..next).map(|n| entry(format!("blank {n}"))).collect(),
        };
        store.commit(&batch).unwrap();
        at = next;
    }
}

fn fresh() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&open(folder.path()).unwrap(), 0, ENTRIES);
    folder
}

fn tamper(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join("store.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

fn findings(folder: &Path) -> Vec<String> {
    let verdict = SqliteStore::verify_files(folder, &anchor(folder), key().public());
    verdict.unwrap().findings
}

#[test]
fn an_untouched_log_holds_also_after_reopening() {
    let folder = fresh();
    let store = open(folder.path()).unwrap();
    write(&store, ENTRIES, ENTRIES + 10);
    let verdict = store.verify_audit().unwrap();
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    assert_eq!(verdict.entries, ENTRIES + 10);
    assert!(verdict.checkpoints >= 1 && verdict.anchors >= 30);
}

#[test]
fn every_edited_column_of_any_entry_is_found() {
    for sequence in [1, 2, 599, 1000, 1199, 1200] {
        for edit in [
            "detail = 'blank 9'",
            "actor = 'nobody'",
            "act = 'reject'",
            "at = at + 1",
            "job = 2",
            "number = 3",
            "hash = x'00'",
        ] {
            let folder = fresh_copy();
            let sql = format!("UPDATE audit SET {edit} WHERE sequence = {sequence}");
            if edit.starts_with("hash") {
                let zeros = "00".repeat(32);
                tamper(folder.path(), &sql.replace("x'00'", &format!("x'{zeros}'")));
            } else {
                tamper(folder.path(), &sql);
            }
            assert!(!findings(folder.path()).is_empty(), "{edit} at {sequence}");
        }
    }
}

/// A copy of one prepared folder, so that the attacks are quick.
fn fresh_copy() -> tempfile::TempDir {
    static MODEL: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let model = MODEL.get_or_init(fresh);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(anchor(folder.path())).unwrap();
    for file in ["store.db", "anchor/audit-anchor.jsonl"] {
        std::fs::copy(model.path().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

#[test]
fn deleted_and_inserted_entries_are_found() {
    let folder = fresh_copy();
    tamper(folder.path(), "DELETE FROM audit WHERE sequence = 500");
    assert!(!findings(folder.path()).is_empty());

    let folder = fresh_copy();
    tamper(
        folder.path(),
        "DELETE FROM audit WHERE sequence = 500;
         UPDATE audit SET sequence = sequence - 1 WHERE sequence > 500;",
    );
    assert!(!findings(folder.path()).is_empty());

    let folder = fresh_copy();
    tamper(
        folder.path(),
        "INSERT INTO audit SELECT 1201, at, actor, act, job, number, detail, hash FROM audit
         WHERE sequence = 1200",
    );
    assert!(!findings(folder.path()).is_empty());
}

#[test]
fn a_cut_tail_is_found_and_the_store_does_not_open() {
    for keep in [0, 1, 999, 1000, 1199] {
        let folder = fresh_copy();
        tamper(
            folder.path(),
            &format!(
                "DELETE FROM audit WHERE sequence > {keep};
                 DELETE FROM checkpoints WHERE sequence > {keep};"
            ),
        );
        assert!(!findings(folder.path()).is_empty(), "{keep} kept");
        assert_eq!(open(folder.path()).err().unwrap().code, "R1407");
    }
}

#[test]
fn a_rolled_back_database_is_found() {
    let folder = fresh();
    let old = folder.path().join("old.db");
    std::fs::copy(folder.path().join("store.db"), &old).unwrap();
    write(&open(folder.path()).unwrap(), ENTRIES, ENTRIES + 5);
    std::fs::copy(&old, folder.path().join("store.db")).unwrap();
    assert!(!findings(folder.path()).is_empty());
    assert_eq!(open(folder.path()).err().unwrap().code, "R1407");
}

#[test]
fn a_fork_is_found_even_with_a_whole_chain_of_its_own() {
    // The attacker has the program, not the site key, and lets it write another history.
    let folder = fresh_copy();
    let other = tempfile::tempdir().unwrap();
    let forged = SiteKey::from_seed(&SecretBytes::new(vec![4; 32])).unwrap();
    let store = SqliteStore::open(other.path(), &anchor(other.path()), forged).unwrap();
    write(&store, 1, ENTRIES + 1);
    drop(store);
    let database = other.path().join("store.db");
    std::fs::copy(database, folder.path().join("store.db")).unwrap();
    assert!(!findings(folder.path()).is_empty());
    assert_eq!(open(folder.path()).err().unwrap().code, "R1407");
    // With the anchor exchanged, too, the signatures are not the site's.
    let file = "audit-anchor.jsonl";
    std::fs::copy(
        anchor(other.path()).join(file),
        anchor(folder.path()).join(file),
    )
    .unwrap();
    assert!(!findings(folder.path()).is_empty());
}

#[test]
fn a_missing_or_edited_anchor_is_found() {
    let folder = fresh_copy();
    let file = anchor(folder.path()).join("audit-anchor.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replacen("\"at\":1700000000", "\"at\":1700000001", 1),
    )
    .unwrap();
    assert!(!findings(folder.path()).is_empty());
    std::fs::remove_file(&file).unwrap();
    assert!(!findings(folder.path()).is_empty());
    assert_eq!(open(folder.path()).err().unwrap().code, "R1407");
}

#[test]
fn half_a_line_of_the_anchor_is_a_power_cut_and_no_attack() {
    let folder = fresh_copy();
    let file = anchor(folder.path()).join("audit-anchor.jsonl");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 30]).unwrap();
    let store = open(folder.path()).unwrap();
    write(&store, ENTRIES, ENTRIES + 1);
    let verdict = store.verify_audit().unwrap();
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
}

#[test]
fn no_record_no_act() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let bundle = BundleRow {
        digest: "d".to_owned(),
        name: "aurora".to_owned(),
        sequence: 1,
        loaded_at: 1,
    };
    let mut batch = Batch {
        at: 1,
        require: None,
        changes: vec![Change::Bundle(bundle)],
        audit: Vec::new(),
    };
    assert_eq!(store.commit(&batch).unwrap_err().code, "R1402");
    // A card number in an entry spoils the whole batch; 4761739001010010 is an invented PAN.
    for text in [
        "pan 4761739001010010",
        "pan 4761 7390 0101 0010",
        "a pan4761 7390 0101 0010x there",
    ] {
        batch.audit = vec![entry(text.to_owned())];
        assert_eq!(store.commit(&batch).unwrap_err().code, "R1408");
    }
    assert!(store.bundles().unwrap().is_empty());
    // Digits that begin a hash are none, though they pass behind the word before them.
    let hash = "SHA-256 836169398149691D317C76ABCC28255607EA2B2FA8D43996E259B5B08E66DF3F";
    let blank = "order 2, blank 4761739001010011";
    batch.audit = [hash, blank].map(|text| entry(text.to_owned())).into();
    store.commit(&batch).unwrap();
    assert_eq!(store.bundles().unwrap().len(), 1);
}

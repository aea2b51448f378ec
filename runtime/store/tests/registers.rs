//! Registers: rows that change by compare-and-set, with their audit entry, in both stores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cardwright_ports::register::{Register, RegisterChange, Registers};
use cardwright_ports::store::{AuditEntry, Batch, Change, OrderKey, Store};
use cardwright_store::{MemoryStore, SiteKey, SqliteStore};

trait Both: Store + Registers {}
impl<T: Store + Registers> Both for T {}

fn batch(changes: Vec<Change>) -> Batch {
    Batch {
        at: 1_700_000_000,
        require: None,
        changes,
        audit: vec![AuditEntry {
            actor: "anna".into(),
            act: "key".into(),
            key: OrderKey { job: 0, order: 0 },
            detail: "test".into(),
        }],
    }
}

fn change(id: &str, from: u64, body: Option<&str>) -> Change {
    Change::Register(RegisterChange {
        register: Register::Keys,
        id: id.into(),
        from,
        body: body.map(str::to_owned),
    })
}

fn with_both(test: impl Fn(&dyn Both)) {
    test(&MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    let key = SiteKey::load_or_create(&folder.path().join("site.key")).unwrap();
    let (store, anchor) = (folder.path().join("store"), folder.path().join("anchor"));
    test(&SqliteStore::open(&store, &anchor, key).unwrap());
}

#[test]
fn a_row_counts_its_versions_and_goes() {
    with_both(|store| {
        store
            .commit(&batch(vec![change("a", 0, Some("{}"))]))
            .unwrap();
        store
            .commit(&batch(vec![change("a", 1, Some("{\"x\":1}"))]))
            .unwrap();
        let row = store.register_row(Register::Keys, "a").unwrap().unwrap();
        assert_eq!((row.version, row.body.as_str()), (2, "{\"x\":1}"));
        assert_eq!(row.changed_at, 1_700_000_000);
        assert_eq!(store.register_row(Register::Packages, "a").unwrap(), None);
        store.commit(&batch(vec![change("a", 2, None)])).unwrap();
        assert!(store.register_rows(Register::Keys).unwrap().is_empty());
    });
}

#[test]
fn another_version_changes_nothing_of_the_batch() {
    with_both(|store| {
        store
            .commit(&batch(vec![change("a", 0, Some("{}"))]))
            .unwrap();
        let stale = batch(vec![change("b", 0, Some("{}")), change("a", 0, Some("[]"))]);
        assert_eq!(store.commit(&stale).unwrap_err().code, "R1405");
        let ids: Vec<String> = store
            .register_rows(Register::Keys)
            .unwrap()
            .into_iter()
            .map(|r| r.id)
            .collect();
        assert_eq!(ids, ["a"]);
        assert!(store.verify_audit().unwrap().findings.is_empty());
    });
}

#[test]
fn card_numbers_long_rows_and_silent_changes_are_refused() {
    with_both(|store| {
        let pan = batch(vec![change("a", 0, Some("{\"pan\":\"9999920000000011\"}"))]);
        assert_eq!(store.commit(&pan).unwrap_err().code, "R1408");
        let long = "x".repeat((1 << 18) + 1);
        let long = batch(vec![change("a", 0, Some(&long))]);
        assert_eq!(store.commit(&long).unwrap_err().code, "R1416");
        let mut silent = batch(vec![change("a", 0, Some("{}"))]);
        silent.audit.clear();
        assert_eq!(store.commit(&silent).unwrap_err().code, "R1402");
    });
}

#[test]
fn a_list_has_another_epoch_after_every_change_of_it_and_of_it_alone() {
    with_both(|store| {
        let epoch = |list| store.register_epoch(list).unwrap();
        assert_eq!(epoch(Register::Keys), 0);
        store
            .commit(&batch(vec![change("a", 0, Some("{}"))]))
            .unwrap();
        assert_eq!(epoch(Register::Keys), 1);
        // Gone and there again: as it was, but not unchanged.
        store.commit(&batch(vec![change("a", 1, None)])).unwrap();
        store
            .commit(&batch(vec![change("a", 0, Some("{}"))]))
            .unwrap();
        assert_eq!(epoch(Register::Keys), 3);
        // What is refused is no change; neither is one of another list.
        store
            .commit(&batch(vec![
                change("b", 0, Some("{}")),
                change("a", 7, Some("{}")),
            ]))
            .unwrap_err();
        assert_eq!(epoch(Register::Keys), 3);
        assert_eq!(epoch(Register::Sites), 0);
    });
}

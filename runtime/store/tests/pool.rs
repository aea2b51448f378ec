//! The pool of keys made ahead: each serves one order, in both stores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cardwright_ports::pool::{KeyPool, NewPooledKey, PoolLevel};
use cardwright_ports::store::{
    AuditEntry, Batch, BundleRow, CardData, Change, MailerState, NewJob, NewOrder, OrderKey, Store,
};
use cardwright_ports::{SecretBytes, StoreError};
use cardwright_store::{MemoryStore, SiteKey, SqliteStore};

trait Both: Store + KeyPool {}
impl<T: Store + KeyPool> Both for T {}

fn both(test: impl Fn(&dyn Both)) {
    test(&MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    let key = SiteKey::from_seed(&SecretBytes::new(vec![3; 32])).unwrap();
    test(&SqliteStore::open(folder.path(), folder.path(), key).unwrap());
}

fn commit(store: &dyn Both, changes: Vec<Change>) -> Result<(), StoreError> {
    let entry = AuditEntry {
        actor: "test".into(),
        act: "test".into(),
        key: OrderKey { job: 0, order: 0 },
        detail: String::new(),
    };
    store.commit(&Batch {
        at: 100,
        require: None,
        changes,
        audit: vec![entry],
    })
}

/// A job of two orders.
fn orders(store: &dyn Both) -> [OrderKey; 2] {
    let bundle = Change::Bundle(BundleRow {
        digest: "d1".into(),
        name: "aurora".into(),
        sequence: 1,
        loaded_at: 1,
    });
    commit(store, vec![bundle]).unwrap();
    let new = NewJob {
        name: "daily".into(),
        bundle_digest: "d1".into(),
        file_sha256: "f1".into(),
        file_name: "f1.txt".into(),
        wrapped_key: vec![1; 8],
    };
    let job = store.open_job(50, &new, "Ada").unwrap();
    [1, 2].map(|order| {
        let key = OrderKey { job, order };
        let add = Change::Add(NewOrder {
            key,
            line: order,
            priority: 1,
            product: "DEBIT".into(),
            mailer: MailerState::Absent,
            identity: store.identity_of(&order.to_be_bytes()),
            sealed: vec![5; 40],
            pictures: Vec::new(),
        });
        commit(store, vec![add]).unwrap();
        key
    })
}

fn pooled(digest: u8, bits: u32) -> Change {
    Change::PoolKey(NewPooledKey {
        bits,
        exponent: 65_537,
        digest: [digest; 32],
        key: vec![digest; 20],
    })
}

fn data(octet: u8, pooled: &[u64]) -> CardData {
    CardData {
        sealed: vec![octet; 9],
        fingerprint: [octet; 32],
        pooled: pooled.to_vec(),
    }
}

#[test]
fn a_key_serves_one_order_and_is_counted() {
    both(|store| {
        let [first, second] = orders(store);
        commit(
            store,
            vec![pooled(1, 1152), pooled(2, 1152), pooled(3, 1408)],
        )
        .unwrap();
        let keys = store.pool_keys(1152, 65_537, 0, 10).unwrap();
        assert_eq!(keys.iter().map(|k| k.key[0]).collect::<Vec<_>>(), [1, 2]);
        let id = keys[0].id;
        commit(store, vec![Change::CardData(first, data(9, &[id]))]).unwrap();
        // The same data again change nothing, another order does not get the key.
        commit(store, vec![Change::CardData(first, data(9, &[id]))]).unwrap();
        let twice = commit(store, vec![Change::CardData(second, data(8, &[id]))]);
        assert_eq!(twice.unwrap_err().code, "R1419");
        assert_eq!(store.card_data(second).unwrap(), None);
        let left = store.pool_keys(1152, 65_537, 0, 10).unwrap();
        assert_eq!(left.iter().map(|k| k.key[0]).collect::<Vec<_>>(), [2]);
        let level = |bits, unused, used| PoolLevel {
            bits,
            exponent: 65_537,
            unused,
            used,
        };
        assert_eq!(
            store.pool_levels().unwrap(),
            [level(1152, 1, 1), level(1408, 1, 0)]
        );
    });
}

#[test]
fn a_key_is_never_added_twice_not_even_after_its_use() {
    both(|store| {
        let [first, _] = orders(store);
        commit(store, vec![pooled(1, 1152)]).unwrap();
        let id = store.pool_keys(1152, 65_537, 0, 1).unwrap()[0].id;
        let again = commit(store, vec![pooled(2, 1152), pooled(1, 1152)]);
        assert_eq!(again.unwrap_err().code, "R1419");
        commit(store, vec![Change::CardData(first, data(9, &[id]))]).unwrap();
        assert_eq!(
            commit(store, vec![pooled(1, 1152)]).unwrap_err().code,
            "R1419"
        );
        // Of the refused batch nothing was kept.
        assert!(store.pool_keys(1152, 65_537, 0, 9).unwrap().is_empty());
    });
}

#[test]
fn a_key_that_is_not_there_binds_nothing() {
    both(|store| {
        let [first, _] = orders(store);
        let refused = commit(store, vec![Change::CardData(first, data(9, &[77]))]);
        assert_eq!(refused.unwrap_err().code, "R1419");
        assert_eq!(store.card_data(first).unwrap(), None);
    });
}

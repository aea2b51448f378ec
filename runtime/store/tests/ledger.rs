//! The same rules on disk and in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use cardwright_ports::store::{
    AuditEntry, Batch, BundleRow, CardData, Change, JobState, MailerState, NewJob, NewOrder,
    OrderKey, OrderQuery, OrderState, OrderStatus, RefusedRow, Require, Store,
};
use cardwright_ports::{SecretBytes, StoreError};
use cardwright_store::{MemoryStore, SiteKey, SqliteStore};

fn on_disk() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let key = SiteKey::from_seed(&SecretBytes::new(vec![3; 32])).unwrap();
    let store = SqliteStore::open(folder.path(), folder.path(), key).unwrap();
    (folder, store)
}

fn both(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new());
    test(&on_disk().1);
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

fn bundle(digest: &str, sequence: u64) -> Change {
    Change::Bundle(BundleRow {
        digest: digest.to_owned(),
        name: "aurora".to_owned(),
        sequence,
        loaded_at: 1,
    })
}

fn new_job(file: &str) -> NewJob {
    NewJob {
        name: "debit_daily".to_owned(),
        bundle_digest: "d1".to_owned(),
        file_sha256: file.to_owned(),
        file_name: format!("{file}.txt"),
        wrapped_key: vec![0xC5; 48],
    }
}

fn add(store: &dyn Store, job: u64, order: u64) -> Change {
    Change::Add(NewOrder {
        key: OrderKey { job, order },
        line: order + 1,
        priority: u8::from(order != 3),
        product: "DEBIT".to_owned(),
        mailer: MailerState::Pending,
        identity: store.identity_of(&[u8::try_from(order % 250).unwrap(), 7]),
        sealed: vec![5; 40],
        pictures: Vec::new(),
    })
}

fn job(store: &dyn Store, orders: u64) -> u64 {
    commit(store, vec![bundle("d1", 1)]).unwrap();
    let job = store.open_job(50, &new_job("f1"), "Ada").unwrap();
    let changes = (1..=orders).map(|n| add(store, job, n)).collect();
    commit(store, changes).unwrap();
    commit(store, vec![moved(job, JobState::Intake, JobState::Loaded)]).unwrap();
    job
}

fn moved(job: u64, from: JobState, to: JobState) -> Change {
    Change::Job {
        job,
        from,
        to,
        fence: None,
    }
}

fn claim(key: OrderKey, epoch: u64) -> Change {
    Change::Order {
        key,
        from: OrderState::Planned,
        epoch: 0,
        to: OrderStatus {
            state: OrderState::Claimed,
            epoch,
            ..OrderStatus::planned()
        },
    }
}

#[test]
fn a_site_never_goes_back_to_an_older_bundle() {
    both(|store| {
        commit(store, vec![bundle("d2", 2)]).unwrap();
        commit(store, vec![bundle("d2", 2)]).unwrap();
        for (digest, sequence) in [("d1", 1), ("other", 2)] {
            let refused = commit(store, vec![bundle(digest, sequence)]);
            assert_eq!(refused.unwrap_err().code, "R1403");
        }
        commit(store, vec![bundle("d3", 3)]).unwrap();
        let refused = commit(store, vec![bundle("d2", 2)]);
        assert_eq!(refused.unwrap_err().code, "R1403");
        assert_eq!(store.bundles().unwrap().len(), 2);
    });
}

#[test]
fn the_same_file_and_the_same_card_are_refused_until_given_up() {
    both(|store| {
        let first = job(store, 3);
        let again = store.open_job(60, &new_job("f1"), "Ada");
        assert_eq!(again.unwrap_err().code, "R1515");
        let second = store.open_job(60, &new_job("f2"), "Ada").unwrap();
        let refused = commit(store, vec![add(store, second, 2)]).unwrap_err();
        assert_eq!(refused.code, "R1517");
        assert_eq!(refused.conflict.unwrap().order, 2);
        assert_eq!(store.counts(second).unwrap().total(), 0);
        store.abandon_intake(61, second, "Ada").unwrap();
        assert_eq!(store.job_of_file("f2").unwrap(), None);
        assert_eq!(
            store.abandon_intake(61, first, "Ada").unwrap_err().code,
            "R1404"
        );
        // A rejected order sets its card free.
        let key = OrderKey {
            job: first,
            order: 2,
        };
        let rejected = OrderStatus {
            state: OrderState::Rejected,
            code: Some("R1460".to_owned()),
            ..OrderStatus::planned()
        };
        let change = Change::Order {
            key,
            from: OrderState::Planned,
            epoch: 0,
            to: rejected,
        };
        commit(store, vec![change]).unwrap();
        let third = store.open_job(62, &new_job("f3"), "Ada").unwrap();
        commit(store, vec![add(store, third, 2)]).unwrap();
    });
}

#[test]
fn a_stale_change_refuses_the_whole_batch() {
    both(|store| {
        let job = job(store, 3);
        let key = |order| OrderKey { job, order };
        commit(store, vec![claim(key(1), 5)]).unwrap();
        let refused = commit(store, vec![claim(key(2), 6), claim(key(1), 6)]).unwrap_err();
        assert_eq!((refused.code, refused.conflict), ("R1405", Some(key(1))));
        let row = store.order(key(2)).unwrap();
        assert_eq!(row.status.state, OrderState::Planned);
        let audit = store.audit(0, 100).unwrap();
        assert_eq!(audit.iter().filter(|r| r.entry.act == "test").count(), 4);
        let mut stale = claim(key(1), 5);
        if let Change::Order {
            from, epoch, to, ..
        } = &mut stale
        {
            *from = OrderState::Claimed;
            *epoch = 4;
            to.state = OrderState::Planned;
        }
        assert_eq!(commit(store, vec![stale]).unwrap_err().code, "R1405");
        let jump = Change::Order {
            key: key(3),
            from: OrderState::Planned,
            epoch: 0,
            to: OrderStatus {
                state: OrderState::Done,
                ..OrderStatus::planned()
            },
        };
        assert_eq!(commit(store, vec![jump]).unwrap_err().code, "R1404");
        let waiting: Vec<u64> = store
            .runnable(job, 10)
            .unwrap()
            .iter()
            .map(|r| r.key.order)
            .collect();
        assert_eq!(waiting, [3, 2]);
    });
}

#[test]
fn a_fenced_executor_changes_nothing() {
    both(|store| {
        let job = job(store, 2);
        let old = store.new_epoch(1, job, "Ada").unwrap();
        let new = store.new_epoch(1, job, "Ada").unwrap();
        assert!(new > old);
        let start = Change::Job {
            job,
            from: JobState::Loaded,
            to: JobState::Running,
            fence: Some(new),
        };
        commit(store, vec![start]).unwrap();
        let attempt = |epoch| {
            store.commit(&Batch {
                at: 1,
                require: Some(Require { job, epoch }),
                changes: vec![claim(OrderKey { job, order: 1 }, epoch)],
                audit: store
                    .audit(0, 1)
                    .unwrap()
                    .into_iter()
                    .map(|r| r.entry)
                    .collect(),
            })
        };
        assert_eq!(attempt(old).unwrap_err().code, "R1406");
        assert_eq!(attempt(new + 1).unwrap_err().code, "R1406");
        attempt(new).unwrap();
        commit(store, vec![moved(job, JobState::Running, JobState::Paused)]).unwrap();
        assert_eq!(attempt(new).unwrap_err().code, "R1406");
    });
}

#[test]
fn card_data_are_bound_once() {
    both(|store| {
        let key = OrderKey {
            job: job(store, 1),
            order: 1,
        };
        let data = |octet| CardData {
            sealed: vec![octet; 9],
            fingerprint: [octet / 2; 32],
            pooled: Vec::new(),
        };
        commit(store, vec![Change::CardData(key, data(2))]).unwrap();
        // Sealed anew, the same inside.
        commit(store, vec![Change::CardData(key, data(3))]).unwrap();
        let refused = commit(store, vec![Change::CardData(key, data(4))]);
        assert_eq!(refused.unwrap_err().code, "R1410");
        assert_eq!(store.card_data(key).unwrap(), Some(data(2)));
    });
}

#[test]
fn refused_records_and_pages_come_back_in_order() {
    both(|store| {
        commit(store, vec![bundle("d1", 1)]).unwrap();
        let job = store.open_job(1, &new_job("f1"), "Ada").unwrap();
        let mut changes: Vec<Change> = (1..=9).map(|n| add(store, job, n)).collect();
        changes.extend([4, 2].map(|line| {
            let row = RefusedRow {
                line,
                reference: format!("r{line}"),
                code: "R1501".to_owned(),
                reason: "expiry: in the past".to_owned(),
            };
            Change::Refuse(job, row)
        }));
        commit(store, changes).unwrap();
        let query = OrderQuery {
            after: 3,
            limit: 4,
            ..OrderQuery::default()
        };
        let page = store.orders(job, &query).unwrap();
        let numbers: Vec<u64> = page.iter().map(|r| r.key.order).collect();
        assert_eq!(numbers, [4, 5, 6, 7]);
        let refused = store.refused(job, 0, 9).unwrap();
        assert_eq!(refused.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 4]);
        let counts = store.counts(job).unwrap();
        assert_eq!((counts.total(), counts.refused), (9, 2));
        assert_eq!(counts.mailers_in(MailerState::Pending), 9);
        assert_eq!(store.sealed_record(page[0].key).unwrap(), [5; 40]);
    });
}

#[test]
fn the_job_key_is_gone_from_the_files_when_the_job_has_ended() {
    let (folder, store) = on_disk();
    let job = job(&store, 1);
    let has_key = || {
        std::fs::read_dir(folder.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(48).any(|w| w == [0xC5; 48])
        })
    };
    assert!(has_key(), "the control must find it");
    commit(
        &store,
        vec![moved(job, JobState::Loaded, JobState::Cancelled)],
    )
    .unwrap();
    assert!(store.job(job).unwrap().wrapped_key.is_none());
    assert!(!has_key());
}

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let key = SiteKey::load_or_create(&folder.path().join("site.key")).unwrap();
        SqliteStore::open(folder.path(), folder.path(), key).unwrap()
    };
    let store = open();
    let identity = store.identity_of(b"card");
    let job = job(&store, 3);
    // Not closed: a killed process closes nothing.
    std::mem::forget(store);
    let store = open();
    assert_eq!(store.identity_of(b"card"), identity);
    assert_eq!(store.counts(job).unwrap().total(), 3);
    assert!(store.verify_audit().unwrap().findings.is_empty());
}

//! A running job's look at its keys: cheap while nothing changes, and never wrong when it does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use cardwright_keys::inventory::{Act, BoundVersions, Labels, Wish};
use cardwright_ports::register::{Register, RegisterRow};
use cardwright_ports::{Binding, Clock, Registers, StoreError};
use common::*;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Counts how often the rows are read.
struct Counting<'a> {
    inner: &'a dyn Registers,
    read: AtomicU32,
}

impl Registers for Counting<'_> {
    fn register_row(&self, list: Register, id: &str) -> Result<Option<RegisterRow>, StoreError> {
        self.read.fetch_add(1, Ordering::SeqCst);
        self.inner.register_row(list, id)
    }
    fn register_epoch(&self, list: Register) -> Result<u64, StoreError> {
        self.inner.register_epoch(list)
    }
    fn register_rows(&self, list: Register) -> Result<Vec<RegisterRow>, StoreError> {
        self.read.fetch_add(1, Ordering::SeqCst);
        self.inner.register_rows(list)
    }
}

struct At(AtomicI64);

impl Clock for At {
    fn unix_seconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic_us(&self) -> u64 {
        0
    }
}

fn act(world: &mut World, act: Act, label: &str, to: Option<i64>) {
    let wish = Wish {
        label,
        why: "lost",
        to,
        ..Wish::default()
    };
    world
        .work(|clerk| clerk.act(act, &wish, &both(NOW)))
        .unwrap();
}

#[test]
fn the_rows_are_read_only_when_the_inventory_changed_or_a_key_ended() {
    let mut world = World::new("north", 1);
    for name in ["aurora.imk_ac", "aurora.other"] {
        world.generate(name);
        act(
            &mut world,
            Act::Activate,
            &format!("{name}@1"),
            Some(NOW + 2 * DAY),
        );
    }
    // A store of this world's rows that the clerk may change while the watch looks.
    let store = std::mem::replace(
        &mut world.store,
        Box::new(cardwright_store::MemoryStore::new()),
    );
    let store: std::sync::Arc<dyn cardwright_keys::Ledger> = store.into();
    world.store = Box::new(Shared(std::sync::Arc::clone(&store)));
    let registers = Shared(store);
    let counting = Counting {
        inner: &registers,
        read: AtomicU32::new(0),
    };
    let clock = At(AtomicI64::new(NOW));
    let labels = Labels::from([("aurora.imk_ac".to_owned(), "aurora.imk_ac@1".to_owned())]);
    let bound = BoundVersions::new(&counting, &clock, &labels);
    let reads = || counting.read.load(Ordering::SeqCst);
    for _ in 0..1_000 {
        bound.holds().unwrap();
    }
    assert_eq!(reads(), 1);
    // Another key's life is no matter, but has to be looked at once.
    act(&mut world, Act::Suspend, "aurora.other@1", None);
    for _ in 0..10 {
        bound.holds().unwrap();
    }
    assert_eq!(reads(), 2);
    act(&mut world, Act::Suspend, "aurora.imk_ac@1", None);
    for _ in 0..2 {
        let gone = bound.holds().unwrap_err();
        assert_eq!(gone.code, "R1464");
        assert_eq!(gone.what, "aurora.imk_ac@1 is suspended");
    }
    act(&mut world, Act::Resume, "aurora.imk_ac@1", None);
    bound.holds().unwrap();
    // Nothing changes but the time.
    clock.0.store(NOW + 2 * DAY - 1, Ordering::SeqCst);
    bound.holds().unwrap();
    clock.0.store(NOW + 2 * DAY, Ordering::SeqCst);
    let gone = bound.holds().unwrap_err();
    assert!(gone.what.contains("expired"), "{}", gone.what);
    clock.0.store(NOW, Ordering::SeqCst);
    bound.holds().unwrap();
    act(&mut world, Act::Compromise, "aurora.imk_ac@1", None);
    let gone = bound.holds().unwrap_err();
    assert_eq!(gone.what, "aurora.imk_ac@1 is compromised");
}

#[test]
fn a_label_that_the_inventory_has_not_is_out_of_use_and_no_label_is_nothing_to_ask() {
    let world = World::new("north", 1);
    let clock = At(AtomicI64::new(NOW));
    let labels = Labels::from([("aurora.imk_ac".to_owned(), "aurora.imk_ac@1".to_owned())]);
    let gone = BoundVersions::new(&*world.store, &clock, &labels);
    let gone = gone.holds().unwrap_err();
    assert!(gone.what.contains("not in the inventory"), "{}", gone.what);
    let counting = Counting {
        inner: &*world.store,
        read: AtomicU32::new(0),
    };
    let none = BoundVersions::new(&counting, &clock, &Labels::new());
    none.holds().unwrap();
    assert_eq!(counting.read.load(Ordering::SeqCst), 0);
}

/// One store for the clerk and for the watch.
struct Shared(std::sync::Arc<dyn cardwright_keys::Ledger>);

impl Registers for Shared {
    fn register_row(&self, list: Register, id: &str) -> Result<Option<RegisterRow>, StoreError> {
        self.0.register_row(list, id)
    }
    fn register_epoch(&self, list: Register) -> Result<u64, StoreError> {
        self.0.register_epoch(list)
    }
    fn register_rows(&self, list: Register) -> Result<Vec<RegisterRow>, StoreError> {
        self.0.register_rows(list)
    }
}

impl cardwright_keys::Ledger for Shared {
    fn keep(&self, batch: &cardwright_ports::store::Batch) -> Result<(), StoreError> {
        self.0.keep(batch)
    }
}

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
use cardwright_ports::binding::Unfit;
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

/// What a version came to, and what that means for data that were made with it.
fn standing(
    deeds: &[Act],
    made_with: Option<&[&str]>,
) -> Result<Vec<String>, (&'static str, String)> {
    let mut world = World::new("north", 1);
    let old = "aurora.imk_ac@1";
    world.generate("aurora.imk_ac");
    act(&mut world, Act::Activate, old, Some(NOW + 2 * DAY));
    for deed in deeds {
        let wish = Wish {
            label: old,
            why: "found on the floor",
            ..Wish::default()
        };
        world
            .work(|clerk| clerk.act(*deed, &wish, &both(NOW)))
            .unwrap();
    }
    world.generate("aurora.imk_ac");
    let new = "aurora.imk_ac@2".to_owned();
    let wish = Wish {
        label: &new,
        from: Some(NOW + 2 * DAY),
        to: Some(NOW + 9 * DAY),
        ..Wish::default()
    };
    world
        .work(|clerk| clerk.act(Act::Activate, &wish, &both(NOW)))
        .unwrap();
    let clock = At(AtomicI64::new(NOW + 3 * DAY));
    let labels = Labels::from([("aurora.imk_ac".to_owned(), new)]);
    let bound = BoundVersions::new(&*world.store, &clock, &labels);
    assert_eq!(bound.versions(), ["aurora.imk_ac@2"]);
    let made_with: Option<Vec<String>> =
        made_with.map(|with| with.iter().map(|label| (*label).to_owned()).collect());
    bound
        .serves(made_with.as_deref())
        .map_err(|unfit| match unfit {
            Unfit::Waits(why) => (why.code, format!("waits: {}", why.what)),
            Unfit::Never(why) => (why.code, format!("never: {}", why.what)),
        })
}

#[test]
fn what_was_made_with_a_version_serves_by_what_became_of_it() {
    const OLD: &[&str] = &["aurora.imk_ac@1"];
    let refused = |deeds: &[Act], made_with: Option<&[&str]>, code: &str, why: &str| {
        let (found, what) = standing(deeds, made_with).unwrap_err();
        assert_eq!(found, code, "{deeds:?}: {what}");
        assert!(what.contains(why), "{deeds:?}: {what}");
    };
    assert_eq!(
        standing(&[Act::Retire], Some(&["aurora.imk_ac@2"])),
        Ok(Vec::new())
    );
    refused(
        &[Act::Suspend],
        Some(OLD),
        "R1464",
        "waits: the data were made with aurora.imk_ac@1",
    );
    refused(
        &[Act::Retire],
        Some(OLD),
        "R1465",
        "retired without a successor",
    );
    refused(&[Act::Compromise], Some(OLD), "R1465", "is compromised");
    refused(
        &[Act::Compromise, Act::Destroy],
        Some(OLD),
        "R1465",
        "is destroyed",
    );
    refused(&[Act::Retire], None, "R1465", "do not say");
    refused(
        &[Act::Retire],
        Some(&[]),
        "R1465",
        "before the inventory had a key aurora.imk_ac",
    );
    let unknown: &[&str] = &["aurora.imk_ac@2", "aurora.gone@1"];
    refused(
        &[Act::Retire],
        Some(unknown),
        "R1465",
        "aurora.gone@1, which is not in the inventory",
    );
}

#[test]
fn a_version_that_another_replaced_serves_until_somebody_says_otherwise() {
    let mut world = World::new("north", 1);
    let (old, new) = ("aurora.imk_ac@1", "aurora.imk_ac@2");
    world.generate("aurora.imk_ac");
    act(&mut world, Act::Activate, old, Some(NOW + 2 * DAY));
    world.generate("aurora.imk_ac");
    let wish = Wish {
        to: Some(NOW + 9 * DAY),
        ..Wish::default()
    };
    world
        .work(|clerk| clerk.replace(old, new, &wish, &both(NOW)))
        .unwrap();
    let clock = At(AtomicI64::new(NOW + DAY));
    let labels = Labels::from([("aurora.imk_ac".to_owned(), new.to_owned())]);
    let made_with = [old.to_owned()];
    let serves =
        |world: &World| BoundVersions::new(&*world.store, &clock, &labels).serves(Some(&made_with));
    assert_eq!(serves(&world), Ok(made_with.to_vec()));
    act(&mut world, Act::Compromise, old, None);
    let Err(Unfit::Never(why)) = serves(&world) else {
        panic!("it serves");
    };
    assert_eq!(
        why.what,
        "the data were made with aurora.imk_ac@1, which is compromised"
    );
    // Where no key is in the inventory, nothing was noted and nothing is asked.
    let none = Labels::new();
    let none = BoundVersions::new(&*world.store, &clock, &none);
    assert_eq!(none.serves(None), Ok(Vec::new()));
    assert_eq!(none.serves(Some(&[])), Ok(Vec::new()));
    assert!(matches!(
        none.serves(Some(&made_with)),
        Err(Unfit::Never(_))
    ));
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

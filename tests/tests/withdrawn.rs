//! Keys that go out of use while a job runs: the job notices before it makes the next card's data,
//! every order is in a state that can be accounted for, and the job goes on when the key is back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_keys::{
    Clerk,
    inventory::{Act, BoundVersions, Labels, NewEntry, Origin, People, Wish},
};
use cardwright_ports::{
    Binding, Clock, CustodyHsm, Machine, Store,
    binding::Withdrawn,
    custody::{Exportability, KeyAlgorithm},
    hsm::KeyUse,
    store::{OrderKey, OrderQuery, OrderState},
};
use cardwright_runtime::engine::{End, Stop};
use cardwright_store::MemoryStore;
use cardwright_tests::plant::{Noon, Plant, Work};
use std::sync::atomic::{AtomicU64, Ordering};

const ORDERS: u64 = 3;
const NAME: &str = "aurora.watched";

/// What somebody does to the key while the job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Act(Act),
    /// Its period ends: the clock passes it.
    Expire,
}

fn two() -> People<'static> {
    People {
        who: "Anna",
        second: Some("Bela"),
        at: Noon.unix_seconds(),
    }
}

fn act(plant: &Plant, store: &MemoryStore, act: Act, label: &str) {
    let mut custody = plant.hsm.open_custody().expect("custody");
    let wish = Wish {
        label,
        why: "found on the floor",
        to: (act == Act::Activate).then_some(Noon.unix_seconds() + 60),
        ..Wish::default()
    };
    let mut clerk = Clerk::new(store, custody.as_mut());
    clerk.act(act, &wish, &two()).expect("the act");
}

/// Makes a version of the key and puts it into use; gives its label.
fn version(plant: &Plant, store: &MemoryStore) -> String {
    let mut custody = plant.hsm.open_custody().expect("custody");
    let key = NewEntry {
        name: NAME.into(),
        version: None,
        owner: "issuing".into(),
        usage: KeyUse::EmvApplicationCryptogram,
        algorithm: KeyAlgorithm::Tdes2,
        exportability: Exportability::Exportable,
        zone: "production".into(),
        origin: Origin::Generated {},
        custodians: Vec::new(),
        period: (None, None),
        check_values: Vec::new(),
        transient: false,
    };
    let made = Clerk::new(store, custody.as_mut()).generate(&key, &two());
    let label = made.expect("a key").label();
    drop(custody);
    act(plant, store, Act::Activate, &label);
    label
}

/// A clock that somebody may push past the key's end.
struct Pushed(AtomicU64);

impl Clock for Pushed {
    fn unix_seconds(&self) -> i64 {
        Noon.unix_seconds() + i64::try_from(self.0.load(Ordering::SeqCst)).expect("a time")
    }
    fn monotonic_us(&self) -> u64 {
        0
    }
}

/// The look of this number, from 0, comes just after the deed.
struct Deeds<'a> {
    inner: BoundVersions<'a>,
    looks: AtomicU64,
    at: u64,
    deed: Box<dyn Fn() + Send + Sync + 'a>,
}

impl Binding for Deeds<'_> {
    fn holds(&self) -> Result<(), Withdrawn> {
        if self.looks.fetch_add(1, Ordering::SeqCst) == self.at {
            (self.deed)();
        }
        self.inner.holds()
    }
}

/// What the ledgers say of a job that has stopped or ended.
#[track_caller]
fn accounted(store: &MemoryStore, machine: &dyn Machine, job: u64, what: &str) -> u64 {
    let query = OrderQuery {
        limit: 100,
        ..OrderQuery::default()
    };
    let rows = store.orders(job, &query).expect("orders");
    let mut done = 0;
    for row in &rows {
        let made = store.card_data(row.key).expect("a store").is_some();
        match row.status.state {
            OrderState::Done => done += 1,
            OrderState::Planned => assert!(!made, "{what}: data of an order that waits"),
            other => panic!("{what}: order {} is {}", row.key.order, other.name()),
        }
    }
    assert!(machine.in_slots().expect("slots").is_empty(), "{what}");
    let verdict = store.verify_audit().expect("an audit log");
    assert!(verdict.findings.is_empty(), "{what}: {verdict:?}");
    done
}

fn labels(label: &str) -> Labels {
    Labels::from([(NAME.to_owned(), label.to_owned())])
}

/// Puts the key, or another version of it, into use; its label.
fn back_in_use(plant: &Plant, store: &MemoryStore, deed: Deed, label: &str) -> String {
    match deed {
        Deed::Act(Act::Suspend) => {
            act(plant, store, Act::Resume, label);
            label.to_owned()
        }
        Deed::Act(_) => version(plant, store),
        Deed::Expire => {
            act(plant, store, Act::Retire, label);
            version(plant, store)
        }
    }
}

/// Runs a job during which the deed is done before the look of a number; whether it came to that.
fn withdrawn_at(deed: Deed, at: u64) -> bool {
    let what = format!("{deed:?} before look {at}");
    let plant = Plant::new();
    let store = MemoryStore::new();
    let label = version(&plant, &store);
    let job = plant.take(&store, ORDERS);
    let machine = plant.machine(|card| Box::new(card));
    let clock = Pushed(AtomicU64::new(0));
    let deeds = Deeds {
        inner: BoundVersions::new(&store, &clock, &labels(&label)),
        looks: AtomicU64::new(0),
        at,
        deed: Box::new(|| match deed {
            Deed::Act(wanted) => act(&plant, &store, wanted, &label),
            Deed::Expire => clock.0.store(60, Ordering::SeqCst),
        }),
    };
    let work = Work {
        job,
        hsm: &plant.hsm,
        store: &store,
        machine: &machine,
        clock: &Noon,
        binding: &deeds,
    };
    let end = plant.run(&work).expect("a run").end;
    let done = accounted(&store, &machine, job, &what);
    if deeds.looks.load(Ordering::SeqCst) <= at {
        assert_eq!((end, done), (End::Done, ORDERS), "{what}");
        return false;
    }
    let End::Paused(Stop { code, reason }) = end else {
        panic!("{what}: {end:?}");
    };
    assert_eq!(code, "R1464", "{what}: {reason}");
    assert!(reason.starts_with(&label), "{what}: {reason}");
    // One look before the wave; then one before and one after each card's data. Not one card more
    // than those whose data stood before the deed.
    assert_eq!(done, (at.saturating_sub(1) / 2).min(ORDERS), "{what}");

    // It does not go on while the key is out of use.
    let again = plant.run(&work).expect("a run").end;
    assert!(
        matches!(&again, End::Paused(stop) if stop.code == "R1464"),
        "{what}: {again:?}"
    );
    assert_eq!(accounted(&store, &machine, job, &what), done);
    let label = back_in_use(&plant, &store, deed, &label);
    let back = BoundVersions::new(&store, &Noon, &labels(&label));
    let work = Work {
        binding: &back,
        ..work
    };
    assert_eq!(plant.run(&work).expect("a run").end, End::Done, "{what}");
    assert_eq!(accounted(&store, &machine, job, &what), ORDERS, "{what}");
    let ledger = machine.audit().expect("a ledger");
    assert!(ledger.holds(), "{what}: {ledger:?}");
    assert_eq!((ledger.issued, ledger.good), (ORDERS, ORDERS), "{what}");
    for order in 1..=ORDERS {
        let row = store.order(OrderKey { job, order }).expect("an order");
        assert_eq!(row.status.attempt, 1, "{what}");
    }
    true
}

fn at_every_look(deed: Deed) {
    let reached = (0..).take_while(|at| withdrawn_at(deed, *at)).count();
    assert!(reached >= 9, "{deed:?}: {reached} looks");
}

#[test]
fn a_key_suspended_before_any_look_stops_the_job_there() {
    at_every_look(Deed::Act(Act::Suspend));
}

#[test]
fn a_key_compromised_before_any_look_stops_the_job_there() {
    at_every_look(Deed::Act(Act::Compromise));
}

#[test]
fn a_key_retired_before_any_look_stops_the_job_there() {
    at_every_look(Deed::Act(Act::Retire));
}

#[test]
fn a_key_whose_period_ends_stops_the_job_there() {
    at_every_look(Deed::Expire);
}

//! Keys that go out of use while a job runs: the job notices before it makes the next card's data,
//! every order is in a state that can be accounted for, and the job goes on when the key is back. Over
//! the soft HSM and over SoftHSM. And what becomes of data that an earlier run made with that key.

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
use cardwright_machine::{Act as MachineAct, Fault, FaultKind, SimulatedMachine};
use cardwright_pkcs11::Pkcs11Hsm;
use cardwright_ports::{
    Binding, Clock, CustodyHsm, Hsm, Machine, Store,
    binding::{Unfit, Withdrawn},
    custody::{Exportability, KeyAlgorithm},
    hsm::{KeyRequest, KeyUse},
    store::{OrderKey, OrderQuery, OrderState, TallyKind},
};
use cardwright_runtime::engine::{End, Stop};
use cardwright_store::MemoryStore;
use cardwright_tests::desk::with_faults;
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

/// Where the site's keys are.
#[derive(Clone, Copy)]
struct Office<'h> {
    hsm: &'h dyn Hsm,
    custody: &'h dyn CustodyHsm,
}

impl<'h> Office<'h> {
    fn of<H: Hsm + CustodyHsm>(hsm: &'h H) -> Self {
        Self { hsm, custody: hsm }
    }
}

fn act(office: Office<'_>, store: &MemoryStore, act: Act, label: &str) {
    let mut custody = office.custody.open_custody().expect("custody");
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
fn version(office: Office<'_>, store: &MemoryStore) -> String {
    let label = spare(office, store);
    act(office, store, Act::Activate, &label);
    label
}

/// Makes a version of the key that is not in use yet.
fn spare(office: Office<'_>, store: &MemoryStore) -> String {
    let mut custody = office.custody.open_custody().expect("custody");
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
    made.expect("a key").label()
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

    fn versions(&self) -> &[String] {
        self.inner.versions()
    }

    fn serves(&self, made_with: Option<&[String]>) -> Result<Vec<String>, Unfit> {
        self.inner.serves(made_with)
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
fn back_in_use(office: Office<'_>, store: &MemoryStore, deed: Deed, label: &str) -> String {
    match deed {
        Deed::Act(Act::Suspend) => {
            act(office, store, Act::Resume, label);
            label.to_owned()
        }
        Deed::Act(_) => version(office, store),
        Deed::Expire => {
            act(office, store, Act::Retire, label);
            version(office, store)
        }
    }
}

/// Runs a job during which the deed is done before the look of a number; whether it came to that.
fn withdrawn_at(plant: &Plant, office: Office<'_>, (deed, at): (Deed, u64)) -> bool {
    let what = format!("{deed:?} before look {at}");
    let store = MemoryStore::new();
    let label = version(office, &store);
    let job = plant.take_by(office.hsm, &store, ORDERS);
    let machine = plant.machine(|card| Box::new(card));
    let clock = Pushed(AtomicU64::new(0));
    let deeds = Deeds {
        inner: BoundVersions::new(&store, &clock, &labels(&label)),
        looks: AtomicU64::new(0),
        at,
        deed: Box::new(|| match deed {
            Deed::Act(wanted) => act(office, &store, wanted, &label),
            Deed::Expire => clock.0.store(60, Ordering::SeqCst),
        }),
    };
    let work = Work {
        job,
        hsm: office.hsm,
        store: &store,
        machine: &machine,
        clock: &Noon,
        binding: &deeds,
    };
    let end = plant.run_by(office.hsm, &work).expect("a run").end;
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
    let again = plant.run_by(office.hsm, &work).expect("a run").end;
    assert!(
        matches!(&again, End::Paused(stop) if stop.code == "R1464"),
        "{what}: {again:?}"
    );
    assert_eq!(accounted(&store, &machine, job, &what), done);
    let label = back_in_use(office, &store, deed, &label);
    let back = BoundVersions::new(&store, &Noon, &labels(&label));
    let work = Work {
        binding: &back,
        ..work
    };
    assert_eq!(
        plant.run_by(office.hsm, &work).expect("a run").end,
        End::Done,
        "{what}"
    );
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
    let reached = (0..).take_while(|at| {
        let plant = Plant::new();
        withdrawn_at(&plant, Office::of(&plant.hsm), (deed, *at))
    });
    let reached = reached.count();
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

/// A token whose keys are those of the bundle.
fn with_test_keys(settings: cardwright_pkcs11::Settings, plant: &Plant) -> Pkcs11Hsm {
    let hsm = Pkcs11Hsm::open(settings).expect("a token");
    hsm.prepare().expect("the driver's own keys");
    for slot in &plant.loaded.content().keys {
        let request = KeyRequest {
            name: slot.name.clone(),
            algorithm: slot.algorithm.clone(),
            bits: slot.bits,
            exponent: slot.exponent,
            usage: KeyUse::from_name(&slot.usage).expect("a use"),
        };
        hsm.import_test_key(&request).expect("an open test key");
    }
    hsm
}

#[test]
fn over_softhsm_a_key_that_goes_out_of_use_stops_the_job_as_well() {
    let name = "over_softhsm_a_key_that_goes_out_of_use_stops_the_job_as_well";
    with_faults(name, |settings| {
        let plant = Plant::new();
        let hsm = with_test_keys(settings, &plant);
        let office = Office::of(&hsm);
        let deeds = [
            Deed::Act(Act::Suspend),
            Deed::Act(Act::Compromise),
            Deed::Act(Act::Retire),
            Deed::Expire,
        ];
        let mut reached = 0;
        for at in 0.. {
            let plant = Plant::new();
            if !withdrawn_at(&plant, office, (deeds[at % deeds.len()], at as u64)) {
                break;
            }
            reached += 1;
            // Another site, whose inventory knows nothing of these keys.
            let mut custody = office.custody.open_custody().expect("custody");
            for key in custody.keys().expect("keys") {
                if key.label.starts_with(NAME) {
                    custody.destroy(&key.label).expect("it goes");
                }
            }
        }
        assert!(reached >= 9, "{reached} looks");
    });
}

/// A job whose first order has its data, and no card: the feeder failed.
struct Halted {
    plant: Plant,
    store: MemoryStore,
    machine: SimulatedMachine,
    job: u64,
    label: String,
    fingerprint: [u8; 32],
    /// What the looks at the keys go by.
    clock: Pushed,
}

const FIRST: u64 = 1;

impl Halted {
    fn new() -> Self {
        let plant = Plant::new();
        let store = MemoryStore::new();
        let label = version(Office::of(&plant.hsm), &store);
        let job = plant.take(&store, ORDERS);
        let machine = plant.machine(|card| Box::new(card));
        let fault = Fault {
            act: MachineAct::Feed,
            nth: 1,
            kind: FaultKind::Fails,
        };
        machine.inject(fault).expect("a fault");
        let mut halted = Self {
            plant,
            store,
            machine,
            job,
            label,
            fingerprint: [0; 32],
            clock: Pushed(AtomicU64::new(0)),
        };
        let end = halted.run(&halted.label);
        assert!(matches!(end, End::Paused(_)), "{end:?}");
        assert_eq!(halted.state(FIRST), (OrderState::Planned, None));
        halted.fingerprint = halted.data(FIRST).expect("its data");
        halted
    }

    /// Another version, for when the period of the first has ended; and then it has.
    fn next_version(&self) -> String {
        let label = spare(self.office(), &self.store);
        let mut custody = self.plant.hsm.open_custody().expect("custody");
        let wish = Wish {
            label: &label,
            from: Some(Noon.unix_seconds() + 60),
            to: Some(Noon.unix_seconds() + 120),
            ..Wish::default()
        };
        let mut clerk = Clerk::new(&self.store, custody.as_mut());
        clerk.act(Act::Activate, &wish, &two()).expect("the act");
        self.clock.0.store(60, Ordering::SeqCst);
        label
    }

    fn office(&self) -> Office<'_> {
        Office::of(&self.plant.hsm)
    }

    /// Runs the job with this version of the key.
    fn run(&self, label: &str) -> End {
        let work = Work {
            job: self.job,
            hsm: &self.plant.hsm,
            store: &self.store,
            machine: &self.machine,
            clock: &Noon,
            binding: &BoundVersions::new(&self.store, &self.clock, &labels(label)),
        };
        self.plant.run(&work).expect("a run").end
    }

    fn state(&self, order: u64) -> (OrderState, Option<String>) {
        let job = self.job;
        let row = self.store.order(OrderKey { job, order }).expect("an order");
        (row.status.state, row.status.code)
    }

    fn data(&self, order: u64) -> Option<[u8; 32]> {
        let job = self.job;
        let kept = self.store.card_data(OrderKey { job, order });
        kept.expect("a store").map(|data| data.fingerprint)
    }

    /// Cards of replaced versions, as the report tells them.
    fn replaced(&self) -> Vec<(String, u64)> {
        let tallies = self.store.tallies(self.job).expect("sums").into_iter();
        let of = tallies.filter(|tally| tally.kind == TallyKind::Replaced);
        of.map(|tally| (tally.name, tally.count)).collect()
    }

    /// The first order got no card and no blank, all others have theirs.
    fn first_refused(&self, why: &str) {
        let job = self.job;
        let row = self.store.order(OrderKey { job, order: FIRST });
        let status = row.expect("an order").status;
        assert_eq!(status.state, OrderState::Rejected);
        assert_eq!(status.code.as_deref(), Some("R1465"));
        let reason = status.reason.expect("a reason");
        assert!(
            reason.contains(&self.label) && reason.contains(why),
            "{reason}"
        );
        assert_eq!(status.blank, None);
        for order in FIRST + 1..=ORDERS {
            assert_eq!(self.state(order).0, OrderState::Done);
        }
        self.books(ORDERS - 1);
        assert_eq!(self.replaced(), []);
    }

    fn books(&self, good: u64) {
        let ledger = self.machine.audit().expect("a ledger");
        assert!(ledger.holds(), "{ledger:?}");
        assert_eq!((ledger.issued, ledger.good), (good, good), "{ledger:?}");
        let verdict = self.store.verify_audit().expect("an audit log");
        assert!(verdict.findings.is_empty(), "{verdict:?}");
    }
}

#[test]
fn data_of_a_version_that_was_replaced_in_the_ordinary_way_reach_their_card_and_it_is_told() {
    let job = Halted::new();
    let new = spare(job.office(), &job.store);
    let mut custody = job.office().custody.open_custody().expect("custody");
    let mut clerk = Clerk::new(&job.store, custody.as_mut());
    let wish = Wish {
        to: Some(Noon.unix_seconds() + 60),
        ..Wish::default()
    };
    let done = clerk.replace(&job.label, &new, &wish, &two());
    done.expect("a replacement");
    assert_eq!(job.run(&new), End::Done);
    for order in FIRST..=ORDERS {
        assert_eq!(job.state(order).0, OrderState::Done);
    }
    job.books(ORDERS);
    assert_eq!(job.data(FIRST), Some(job.fingerprint), "made once");
    assert_eq!(job.replaced(), [(job.label.clone(), 1)]);
    let entries = job.store.audit(0, 1_000).expect("an audit log");
    let told = entries
        .iter()
        .filter(|entry| entry.entry.act == "card_data_kept");
    let told: Vec<_> = told
        .map(|entry| (entry.entry.key.order, entry.entry.detail.clone()))
        .collect();
    assert_eq!(
        told,
        [(FIRST, format!("made with {}, since replaced", job.label))]
    );
}

#[test]
fn data_of_a_version_that_went_out_of_use_for_good_reach_no_card() {
    for (deed, why) in [
        (Deed::Act(Act::Compromise), "is compromised"),
        (Deed::Act(Act::Retire), "is retired without a successor"),
        (Deed::Expire, "whose period is over"),
    ] {
        let job = Halted::new();
        if let Deed::Act(deed) = deed {
            act(job.office(), &job.store, deed, &job.label);
        }
        let new = job.next_version();
        assert_eq!(job.run(&new), End::Done);
        job.first_refused(why);
    }
}

#[test]
fn data_of_a_suspended_version_wait_for_what_becomes_of_it() {
    let job = Halted::new();
    act(job.office(), &job.store, Act::Suspend, &job.label);
    let new = job.next_version();
    let End::Paused(stop) = job.run(&new) else {
        panic!("a card was made");
    };
    assert_eq!(stop.code, "R1464", "{}", stop.reason);
    assert!(stop.reason.contains(&job.label), "{}", stop.reason);
    assert_eq!(job.state(FIRST), (OrderState::Planned, None));
    assert_eq!(job.data(FIRST), Some(job.fingerprint));
    // The others of its wave were made.
    job.books(ORDERS - 1);
    // It was stolen indeed.
    act(job.office(), &job.store, Act::Compromise, &job.label);
    assert_eq!(job.run(&new), End::Done);
    job.first_refused("is compromised");
}

//! A site in a box: store, machine, printer, operators; runs a job through crashes to its end.

use super::bugs::{Bug, BuggyStore, Bugs};
use super::hands::{FakeHands, Forms, Reader, machine, take_out};
use super::oracle::judge;
use crate::engine::control::End;
use crate::engine::{
    Boundary, EngineError, Executor, Found, FoundForm, Ports, Route, RunOutcome, Settings, Start,
    Stopped, Switch, authorize, finding, recover, settle, settle_mailer, start,
};
use cardwright_bundle::{Constant, Flow, Step};
use cardwright_machine::SimulatedMachine;
use cardwright_ports::machine::Machine;
use cardwright_ports::store::{
    AuditEntry, Batch, BundleRow, Change, JobId, JobState, MailerState, NewJob, NewOrder, OrderKey,
    OrderQuery, OrderState,
};
use cardwright_ports::{Clock, Store};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) const PEOPLE: [&str; 2] = ["Ada", "Grace"];

/// A clock that goes on a second whenever it is read.
#[derive(Default)]
pub(crate) struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn unix_seconds(&self) -> i64 {
        1_700_000_000 + self.0.fetch_add(1, Ordering::SeqCst)
    }
    fn monotonic_us(&self) -> u64 {
        0
    }
}

/// Stops at the n-th boundary; counts all.
pub(crate) struct StopAt {
    pub(crate) at: u64,
    pub(crate) seen: AtomicU64,
}

impl StopAt {
    pub(crate) fn new(at: u64) -> Self {
        Self {
            at,
            seen: AtomicU64::new(0),
        }
    }
}

impl Boundary for StopAt {
    fn before(&self, _: Option<OrderKey>, _: &str) -> Result<(), Stopped> {
        match self.seen.fetch_add(1, Ordering::SeqCst) == self.at {
            true => Err(Stopped),
            false => Ok(()),
        }
    }
}

fn entry(act: &str) -> Vec<AuditEntry> {
    vec![AuditEntry {
        actor: "test".to_owned(),
        act: act.to_owned(),
        key: OrderKey { job: 0, order: 0 },
        detail: String::new(),
    }]
}

/// Takes a job of some orders into a store; the last is express.
pub(crate) fn take_in(store: &dyn Store, orders: u64) -> JobId {
    let batch = |changes| Batch {
        at: 1,
        require: None,
        changes,
        audit: entry("intake"),
    };
    let bundle = BundleRow {
        digest: "d1".to_owned(),
        name: "aurora".to_owned(),
        sequence: 1,
        loaded_at: 1,
    };
    store.commit(&batch(vec![Change::Bundle(bundle)])).unwrap();
    let job = NewJob {
        name: "debit_daily".to_owned(),
        bundle_digest: "d1".to_owned(),
        file_sha256: "f1".to_owned(),
        file_name: "orders.txt".to_owned(),
        wrapped_key: vec![7; 40],
    };
    let job = store.open_job(1, &job, "test").unwrap();
    let mut changes: Vec<Change> = (1..=orders)
        .map(|order| {
            Change::Add(NewOrder {
                key: OrderKey { job, order },
                line: order + 1,
                priority: u8::from(order != orders),
                product: "DEBIT".to_owned(),
                mailer: MailerState::Pending,
                identity: store.identity_of(&order.to_be_bytes()),
                sealed: vec![1, 2, 3],
                pictures: Vec::new(),
            })
        })
        .collect();
    changes.push(Change::Job {
        job,
        from: JobState::Intake,
        to: JobState::Loaded,
        fence: None,
    });
    store.commit(&batch(changes)).unwrap();
    job
}

pub(crate) fn flow(retries: i64) -> Flow {
    let step = |station: &str, settings: Vec<(String, Constant)>| Step {
        station: station.to_owned(),
        settings,
        span: 0,
    };
    let stock = Constant::Text("AUR-DEB-26".to_owned());
    let retry = ("retry".to_owned(), Constant::Number(retries));
    Flow {
        name: "centre_line".to_owned(),
        steps: vec![
            step("feed", vec![("stock".to_owned(), stock)]),
            step("chip", vec![retry]),
            step("stripe", Vec::new()),
            step("emboss", Vec::new()),
            step("vision", Vec::new()),
            step("carrier", Vec::new()),
            step("insert", Vec::new()),
        ],
        span: 0,
    }
}

/// A site with a memory store.
pub(crate) struct World {
    pub(crate) store: Arc<BuggyStore>,
    pub(crate) job: JobId,
    pub(crate) hands: FakeHands,
    pub(crate) clock: Ticks,
    pub(crate) settings: Settings,
    pub(crate) retries: i64,
    pub(crate) bug: Option<Bug>,
    folder: tempfile::TempDir,
    disk: Arc<Mutex<Arc<BuggyStore>>>,
}

impl World {
    pub(crate) fn new(orders: u64, bug: Option<Bug>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(BuggyStore::new(cardwright_store::MemoryStore::new(), bug));
        let job = take_in(&*store, orders);
        let line = machine(folder.path());
        line.load_stock("AUR-DEB-26", 100).unwrap();
        let disk = Arc::new(Mutex::new(Arc::clone(&store)));
        let watched = Arc::clone(&disk);
        let reader: Reader = Arc::new(move || {
            let store = Arc::clone(&watched.lock().unwrap());
            match store.bug {
                // What a power cut would leave now.
                Some(Bug::AcknowledgeBeforeSync) => store.crash(),
                _ => store as Arc<dyn Store>,
            }
        });
        let hands = FakeHands {
            machine: line,
            forms: Arc::new(Forms::default()),
            spoilt: [2].into(),
            hopeless: [3].into(),
            disk: Some(reader),
            violations: Arc::default(),
            crashed_at: None,
            clears: bug != Some(Bug::NoClearLine),
        };
        Self {
            store,
            job,
            hands,
            clock: Ticks::default(),
            settings: Settings {
                lanes: 1,
                wave: 2,
                mailers_per_document: 2,
                stop_after_rejects: 0,
            },
            retries: 1,
            bug,
            folder,
            disk,
        }
    }

    pub(crate) fn run(
        &self,
        start: Start,
        boundary: &dyn Boundary,
    ) -> Result<RunOutcome, EngineError> {
        let ports = Ports {
            store: &*self.store,
            clock: &self.clock,
            hands: &self.hands,
        };
        let route = Route::of_flow(&flow(self.retries)).unwrap();
        let executor = Executor::new(ports, self.job, start, route, self.settings);
        let mut executor = executor.with_boundary(boundary);
        executor.bugs = Bugs::with(self.bug);
        executor.run(&Switch::default(), &|_| {})
    }

    /// The process dies; what comes back is the disk.
    pub(crate) fn crash(&mut self) {
        self.store = self.store.crash();
        *self.disk.lock().unwrap() = Arc::clone(&self.store);
        let audit = self.store.audit(0, usize::MAX).unwrap();
        self.hands.crashed_at = Some(audit.last().map_or(0, |r| r.sequence));
    }

    /// What operators do after a crash.
    pub(crate) fn restart(&self) -> Result<Start, EngineError> {
        let store = &*self.store;
        if self.bug == Some(Bug::AutomaticResume) {
            store.inner.forge_job(self.job, JobState::Paused).unwrap();
            return start(store, &self.clock, self.job, "nobody");
        }
        let claimed = OrderQuery {
            states: vec![OrderState::Claimed],
            limit: 100,
            ..OrderQuery::default()
        };
        let forgotten = store.orders(self.job, &claimed).unwrap();
        let recovery = recover(store, &self.clock, self.job, "Ada")?;
        for key in &recovery.unknown {
            if self.bug == Some(Bug::IntentReused) {
                let mut status = store.order(*key).unwrap().status;
                status.state = OrderState::Planned;
                status.blank = None;
                status.serial = None;
                store.inner.forge(*key, Some(status), None).unwrap();
            }
        }
        for key in &recovery.unknown_mailers {
            if self.bug == Some(Bug::SecondMailerPrint) {
                let mailer = Some((MailerState::Pending, 1));
                store.inner.forge(*key, None, mailer).unwrap();
            }
        }
        let begun = authorize(store, &self.clock, self.job, "Ada")?;
        if self.bug == Some(Bug::ClaimForgotten) {
            for row in forgotten {
                let forged = store.inner.forge(row.key, Some(row.status), None);
                forged.unwrap();
            }
        }
        Ok(begun)
    }

    /// An operator empties the machine by hand.
    pub(crate) fn empty_line(&self) {
        let machine = &self.hands.machine;
        for blank in machine.in_slots().unwrap() {
            take_out(machine, blank, "HAND");
        }
    }

    /// Two people find cards and forms and settle everything that is unknown.
    pub(crate) fn settle_all(&self) -> Result<(), EngineError> {
        let store: &dyn Store = &*self.store;
        let people = match self.bug {
            Some(Bug::OnePersonSettles) => ["Ada", "ada "],
            _ => PEOPLE,
        };
        let unknown = OrderQuery {
            states: vec![OrderState::Unknown],
            limit: 100,
            ..OrderQuery::default()
        };
        for row in store.orders(self.job, &unknown).unwrap() {
            let found = match self.bug {
                Some(Bug::SettledWithoutFinding) => Found::DestroyedCard,
                _ => self.look_for(row.status.blank.unwrap()),
            };
            settle(store, &self.clock, row.key, found, people)?;
        }
        let forms = OrderQuery {
            mailer: Some(MailerState::Unknown),
            limit: 100,
            ..OrderQuery::default()
        };
        for row in store.orders(self.job, &forms).unwrap() {
            let form = (row.key, row.mailer_copy);
            let found = match self.hands.forms.printed.lock().unwrap().contains(&form) {
                true => FoundForm::Printed,
                false => FoundForm::Destroyed,
            };
            settle_mailer(store, &self.clock, row.key, found, people)?;
        }
        Ok(())
    }

    fn look_for(&self, blank: u64) -> Found {
        let machine = &self.hands.machine;
        take_out(machine, blank, "HAND");
        finding(&machine.where_is(blank).unwrap()).unwrap()
    }

    /// Runs the job through crashes at the given boundaries (counted in each run) to its end, and
    /// gives all that is wrong then.
    pub(crate) fn history(&mut self, crashes: &[u64]) -> Vec<String> {
        let ended = self.try_history(crashes);
        let mut wrong = self.hands.violations.lock().unwrap().clone();
        if let Err(error) = ended {
            wrong.push(format!("the job does not end: {error}"));
            return wrong;
        }
        let folder: PathBuf = self.folder.path().to_path_buf();
        let forms = &self.hands.forms;
        wrong.extend(judge(&*self.store, self.job, &[&folder], forms));
        wrong
    }

    fn try_history(&mut self, crashes: &[u64]) -> Result<(), EngineError> {
        let mut crashes = crashes.iter();
        let mut begun = start(&*self.store, &self.clock, self.job, "Ada")?;
        for _ in 0..20 {
            let boundary = StopAt::new(crashes.next().copied().unwrap_or(u64::MAX));
            let end = match self.run(begun, &boundary) {
                Err(error) if error.code == "R1452" => {
                    self.crash();
                    begun = self.restart()?;
                    if self.bug != Some(Bug::AutomaticResume) && self.hands.clears {
                        // Found now or later; the executor clears the line itself.
                        self.settle_all()?;
                    }
                    continue;
                }
                Err(error) => return Err(error),
                Ok(outcome) => outcome.end,
            };
            match end {
                End::Done => return Ok(()),
                End::Paused(_) => {
                    if self.bug != Some(Bug::NoClearLine) {
                        self.empty_line();
                    }
                    self.settle_all()?;
                    begun = start(&*self.store, &self.clock, self.job, "Ada")?;
                }
                other => {
                    let what = format!("{other:?}");
                    return Err(EngineError::new("R1461", what));
                }
            }
        }
        Err(EngineError::new("R1461", "twenty runs are not enough"))
    }

    pub(crate) fn line(&self) -> &SimulatedMachine {
        &self.hands.machine
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }
}

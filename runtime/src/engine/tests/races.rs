//! Two executors on one store: a station that was thought dead, and two that share a job.

use super::bugs::{Bug, Bugs};
use super::hands::machine;
use super::oracle::judge;
use super::world::{StopAt, World, flow};
use crate::engine::control::End;
use crate::engine::{
    Boundary, Executor, Found, Ports, Route, Stopped, Switch, authorize, join, recover, settle,
    start,
};
use cardwright_ports::Store;
use cardwright_ports::machine::{Machine, Place};
use cardwright_ports::store::{OrderKey, OrderQuery, OrderState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Does something at the n-th boundary and goes on, like a station that slept for ten minutes.
struct SleepAt<'a> {
    at: u64,
    seen: AtomicU64,
    meanwhile: &'a (dyn Fn() + Send + Sync),
}

impl Boundary for SleepAt<'_> {
    fn before(&self, _: Option<OrderKey>, _: &str) -> Result<(), Stopped> {
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.at {
            (self.meanwhile)();
        }
        Ok(())
    }
}

/// Station A falls asleep at a boundary; B recovers the job, people find A's cards, B makes the
/// rest; A wakes up. Gives all that is wrong then.
pub(crate) fn takeover(at: u64, bug: Option<Bug>) -> Vec<String> {
    let mut a = World::new(4, bug);
    a.hands.disk = None;
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR-DEB-26", 100).unwrap();
    let mut b = a.hands.clone();
    b.machine = line;
    let meanwhile = || {
        let store = &*a.store;
        if recover(store, &a.clock, a.job, "Grace").is_err() {
            return;
        }
        find_cards(&a);
        let begun = authorize(store, &a.clock, a.job, "Grace").unwrap();
        let ports = Ports {
            store,
            clock: &a.clock,
            hands: &b,
        };
        let route = Route::of_flow(&flow(1)).unwrap();
        let mut executor = Executor::new(ports, a.job, begun, route, a.settings);
        executor.bugs = Bugs::with(bug);
        let end = executor.run(&Switch::default(), &|_| {}).unwrap().end;
        if let End::Paused(_) = end {
            a.settle_all().unwrap();
            let begun = start(store, &a.clock, a.job, "Grace").unwrap();
            let route = Route::of_flow(&flow(1)).unwrap();
            let executor = Executor::new(ports, a.job, begun, route, a.settings);
            executor.run(&Switch::default(), &|_| {}).unwrap();
        }
    };
    let sleep = SleepAt {
        at,
        seen: AtomicU64::new(0),
        meanwhile: &meanwhile,
    };
    let begun = start(&*a.store, &a.clock, a.job, "Ada").unwrap();
    let woken = a.run(begun, &sleep);
    a.empty_line();
    let mut wrong = Vec::new();
    match woken {
        Ok(outcome) if outcome.end == End::Fenced || outcome.end == End::Done => {}
        other => wrong.push(format!("A ended {other:?}")),
    }
    let (mine, theirs) = (a.folder(), folder.path());
    wrong.extend(judge(&*a.store, a.job, &[&mine, theirs], &a.hands.forms));
    wrong
}

/// People take A's cards out of its slots and settle by what they find.
fn find_cards(a: &World) {
    let query = OrderQuery {
        states: vec![OrderState::Unknown],
        limit: 100,
        ..OrderQuery::default()
    };
    for row in a.store.orders(a.job, &query).unwrap() {
        let blank = row.status.blank.unwrap();
        if a.line().where_is(blank).unwrap() == Place::Slot {
            a.line().reject(blank, "unknown", "HAND").unwrap();
        }
        let found = match a.line().where_is(blank).unwrap() {
            Place::Ejected => Found::GoodCard,
            _ => Found::DestroyedCard,
        };
        let people = super::world::PEOPLE;
        settle(&*a.store, &a.clock, row.key, found, people).unwrap();
    }
    a.settle_all().unwrap();
}

#[test]
fn a_station_that_wakes_up_late_makes_no_second_card() {
    for at in 0..130 {
        let wrong = takeover(at, None);
        assert!(wrong.is_empty(), "boundary {at}: {wrong:?}");
    }
}

#[test]
fn two_stations_share_a_job_and_never_an_order() {
    for round in 0..10 {
        let mut a = World::new(30, None);
        a.hands.disk = None;
        a.settings.wave = 3;
        let folder = tempfile::tempdir().unwrap();
        let line = machine(folder.path());
        line.load_stock("AUR-DEB-26", 100).unwrap();
        let mut b = a.hands.clone();
        b.machine = line;
        let first = start(&*a.store, &a.clock, a.job, "Ada").unwrap();
        let second = join(&*a.store, &a.clock, a.job, "Grace").unwrap();
        let ports = Ports {
            store: &*a.store,
            clock: &a.clock,
            hands: &b,
        };
        let route = Route::of_flow(&flow(1)).unwrap();
        let other = Executor::new(ports, a.job, second, route, a.settings);
        let never = StopAt::new(u64::MAX);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| a.run(first, &never).unwrap());
            let two = scope.spawn(|| other.run(&Switch::default(), &|_| {}).unwrap());
            let ends = [one.join().unwrap().end, two.join().unwrap().end];
            let fine = |end: &End| matches!(end, End::Done | End::LeftToOthers | End::Fenced);
            assert!(ends.iter().all(fine), "{ends:?}");
        });
        if a.store.job(a.job).unwrap().wrapped_key.is_some() {
            let again = join(&*a.store, &a.clock, a.job, "Ada").unwrap();
            assert_eq!(a.run(again, &never).unwrap().end, End::Done);
        }
        let (mine, theirs) = (a.folder(), folder.path());
        let wrong = judge(&*a.store, a.job, &[&mine, theirs], &a.hands.forms);
        assert!(wrong.is_empty(), "round {round}: {wrong:?}");
    }
}

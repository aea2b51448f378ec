//! Faults that reach the engine through its ports: a lane that answers nonsense, a store that fails
//! or lies at the n-th call, a clock that jumps, a flow that names no station of ours.

use super::bugs::StoreFault;
use super::hands::FakeHands;
use super::oracle::judge;
use super::world::{StopAt, World, flow};
use crate::engine::control::End;
use crate::engine::{
    Act, Event, Executor, Found, Hands, Lane, Ports, Route, Settlement, Start, Switch, Trouble,
    Workpiece, approve, start,
};
use cardwright_machine::{Act as Station, Fault, FaultKind};
use cardwright_ports::store::{JobState, OrderKey, OrderState};
use cardwright_ports::{Clock, Store};
use std::sync::atomic::{AtomicU64, Ordering};

fn begun(world: &World) -> Start {
    start(&*world.store, &world.clock, world.job, "Ada").unwrap()
}

/// Hands whose n-th act gets an answer that can't follow it.
struct Odd<'h> {
    hands: &'h FakeHands,
    at: u64,
    /// Whether the act is done all the same.
    done: bool,
    seen: AtomicU64,
}

struct OddLane<'h>(&'h Odd<'h>, Box<dyn Lane + 'h>);

impl Hands for Odd<'_> {
    fn lane(&self) -> Result<Box<dyn Lane + '_>, Trouble> {
        Ok(Box::new(OddLane(self, self.hands.lane()?)))
    }
    fn clear_line(&self) -> Result<Vec<u64>, Trouble> {
        self.hands.clear_line()
    }
}

impl Lane for OddLane<'_> {
    fn perform(&mut self, work: &mut Workpiece, act: &Act) -> Event {
        if self.0.seen.fetch_add(1, Ordering::SeqCst) != self.0.at {
            return self.1.perform(work, act);
        }
        if self.0.done {
            self.1.perform(work, act);
        }
        // The gate is the executor's own: no lane can open it.
        Event::GateOpen
    }
}

/// Runs a job whose n-th act is answered with nonsense to its end; gives all that is wrong, or
/// nothing when there is no such act.
fn through_nonsense(at: u64, done: bool) -> Option<Vec<String>> {
    let world = World::new(3, None);
    let odd = Odd {
        hands: &world.hands,
        at,
        done,
        seen: AtomicU64::new(0),
    };
    let ports = Ports {
        store: &*world.store,
        clock: &world.clock,
        hands: &odd,
    };
    let route = || Route::of_flow(&flow(1)).unwrap();
    for _ in 0..5 {
        let executor = Executor::new(ports, world.job, begun(&world), route(), world.settings);
        let end = executor.run(&Switch::default(), &|_| {}).unwrap().end;
        world.empty_line();
        if end == End::Done {
            break;
        }
        world.settle_all().unwrap();
    }
    if odd.seen.load(Ordering::SeqCst) <= at {
        return None;
    }
    let mut wrong = world.hands.violations.lock().unwrap().clone();
    let forms = &world.hands.forms;
    wrong.extend(judge(&*world.store, world.job, &[&world.folder()], forms));
    let audit = world.store.audit(0, usize::MAX).unwrap();
    if !audit.iter().any(|r| r.entry.detail.contains("R1453")) {
        wrong.push("nothing says R1453".to_owned());
    }
    Some(wrong)
}

#[test]
fn an_answer_that_can_t_be_to_any_act_is_r1453_and_doubles_nothing() {
    for done in [false, true] {
        let mut at = 0;
        while let Some(wrong) = through_nonsense(at, done) {
            assert!(wrong.is_empty(), "act {at}, done {done}: {wrong:?}");
            at += 1;
        }
        assert!(at > 40, "{at} acts");
    }
}

#[test]
fn a_store_that_shows_old_rows_keeps_the_gate_shut() {
    let mut world = World::new(2, None);
    world.hands.spoilt.clear();
    world.hands.hopeless.clear();
    world.hands.disk = None;
    let key = OrderKey {
        job: world.job,
        order: 1,
    };
    let begun = begun(&world);
    *world.store.fault.lock().unwrap() = StoreFault::Stale(key);
    let outcome = world.run(begun, &StopAt::new(u64::MAX)).unwrap();
    assert_eq!((outcome.end, outcome.progress.done), (End::Done, 1));
    *world.store.fault.lock().unwrap() = StoreFault::None;
    let status = world.store.order(key).unwrap().status;
    assert_eq!(status.state, OrderState::Rejected);
    assert_eq!(status.code.as_deref(), Some("R1455"));
    // The machine's own word: the card lies in the bin and never left as good.
    let ledger = std::fs::read_to_string(world.folder().join("ledger.jsonl")).unwrap();
    let blank = format!("\"blank\":{}", status.blank.unwrap());
    let acts: Vec<&str> = ledger.lines().filter(|l| l.contains(&blank)).collect();
    assert!(acts.last().unwrap().contains("R1455"), "{acts:?}");
    let ejected = acts.iter().any(|line| line.contains("\"act\":\"eject\""));
    assert!(!ejected, "{acts:?}");
}

/// Runs a job to its end over a store whose n-th commit fails; gives all that is wrong, or nothing
/// when there is no such commit.
fn through_store_fault(after: u64, kept: bool) -> Option<Vec<String>> {
    let mut world = World::new(4, None);
    let mut begun = begun(&world);
    *world.store.fault.lock().unwrap() = StoreFault::Commit { after, kept };
    let mut met = false;
    for _ in 0..20 {
        match world.run(begun, &StopAt::new(u64::MAX)) {
            Ok(outcome) if outcome.end == End::Done => break,
            Ok(_) => {
                world.empty_line();
                world.settle_all().unwrap();
                begun = self::begun(&world);
            }
            Err(error) => {
                assert_eq!(error.code, "R1401", "{error}");
                met = true;
                world.crash();
                match world.store.job(world.job).unwrap().state {
                    JobState::Done => break,
                    JobState::Running => begun = world.restart().unwrap(),
                    _ => begun = self::begun(&world),
                }
                world.settle_all().unwrap();
            }
        }
    }
    let mut wrong = world.hands.violations.lock().unwrap().clone();
    let forms = &world.hands.forms;
    wrong.extend(judge(&*world.store, world.job, &[&world.folder()], forms));
    met.then_some(wrong)
}

#[test]
fn a_commit_that_fails_at_the_nth_call_loses_and_doubles_nothing() {
    for kept in [false, true] {
        let mut after = 0;
        while let Some(wrong) = through_store_fault(after, kept) {
            assert!(wrong.is_empty(), "commit {after}, kept {kept}: {wrong:?}");
            after += 1;
        }
        assert!(after > 25, "{after} commits");
    }
}

/// A clock that is anywhere whenever it is read.
#[derive(Default)]
struct Jumping(AtomicU64);

impl Clock for Jumping {
    fn unix_seconds(&self) -> i64 {
        let places = [
            1_700_000_000,
            i64::MAX,
            -1,
            i64::MIN,
            0,
            1_600_000_000,
            4_102_444_800,
        ];
        let read = self.0.fetch_add(1, Ordering::SeqCst) as usize;
        places[read % places.len()]
    }
    fn monotonic_us(&self) -> u64 {
        u64::MAX - self.0.fetch_add(1, Ordering::SeqCst) * 1_000
    }
}

#[test]
fn a_clock_that_jumps_changes_no_card() {
    let world = World::new(6, None);
    let clock = Jumping::default();
    let begun = start(&*world.store, &clock, world.job, "Ada").unwrap();
    let ports = Ports {
        store: &*world.store,
        clock: &clock,
        hands: &world.hands,
    };
    let route = Route::of_flow(&flow(1)).unwrap();
    let executor = Executor::new(ports, world.job, begun, route, world.settings);
    let outcome = executor.run(&Switch::default(), &|_| {}).unwrap();
    assert_eq!((outcome.end, outcome.progress.done), (End::Done, 5));
    let forms = &world.hands.forms;
    let wrong = judge(&*world.store, world.job, &[&world.folder()], forms);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn an_approval_from_the_future_does_not_count() {
    struct Earlier<'a>(&'a dyn Clock);
    impl Clock for Earlier<'_> {
        fn unix_seconds(&self) -> i64 {
            self.0.unix_seconds() - 3_600
        }
        fn monotonic_us(&self) -> u64 {
            0
        }
    }
    let mut world = World::new(1, None);
    world.hands.spoilt.clear();
    world.hands.hopeless.clear();
    let lost = Fault {
        act: Station::Eject,
        nth: 1,
        kind: FaultKind::DoneStatusLost,
    };
    world.line().inject(lost).unwrap();
    world.run(begun(&world), &StopAt::new(u64::MAX)).unwrap();
    let store = &*world.store;
    let key = OrderKey {
        job: world.job,
        order: 1,
    };
    let first = approve(store, &world.clock, key, Found::GoodCard, "Ada");
    assert_eq!(first.unwrap(), Settlement::WaitsForSecond);
    // The clock was put back by an hour: Ada's approval lies in the future.
    let second = approve(store, &Earlier(&world.clock), key, Found::GoodCard, "Grace");
    assert_eq!(second.unwrap(), Settlement::WaitsForSecond);
    assert_eq!(store.order(key).unwrap().status.state, OrderState::Unknown);
}

#[test]
fn a_flow_with_a_station_of_tomorrow_is_refused() {
    let mut newer = flow(1);
    newer.steps[2].station = "laser".to_owned();
    let refused = Route::of_flow(&newer).unwrap_err();
    assert_eq!(refused.code, "R1458");
    assert!(refused.what.contains("laser"), "{refused}");
    // The bundle is hostile: a long name does not fill the screen.
    newer.steps[2].station = "x".repeat(100_000);
    let refused = Route::of_flow(&newer).unwrap_err();
    assert!(refused.code == "R1458" && refused.what.len() < 100);
}

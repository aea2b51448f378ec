//! Stops, authorizations, settlements and refusals, one by one.

use super::hands::FakeHands;
use super::world::{StopAt, World, flow};
use crate::engine::control::End;
use crate::engine::{
    Act, Event, Executor, Found, FoundForm, Hands, Lane, Outcome, Ports, Route, Settlement, State,
    Switch, Trouble, Workpiece, approve, approve_mailer, authorize, cancel, recover, settle, start,
    step,
};
use cardwright_machine::{Act as Station, Fault, FaultKind};
use cardwright_ports::machine::Machine;
use cardwright_ports::store::{
    Batch, Change, JobState, MailerState, OrderKey, OrderQuery, OrderRow, OrderState, OrderStatus,
};
use cardwright_ports::{Clock, Store};
use std::sync::Arc;

const NEVER: u64 = u64::MAX;

fn begun(world: &World) -> crate::engine::Start {
    start(&*world.store, &world.clock, world.job, "Ada").unwrap()
}

fn key(world: &World, order: u64) -> OrderKey {
    OrderKey {
        job: world.job,
        order,
    }
}

/// A world with one order in doubt: its eject was done and lost its status.
fn doubtful() -> World {
    let mut world = World::new(1, None);
    world.hands.spoilt.clear();
    world.hands.hopeless.clear();
    let fault = Fault {
        act: Station::Eject,
        nth: 1,
        kind: FaultKind::DoneStatusLost,
    };
    world.line().inject(fault).unwrap();
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert!(matches!(outcome.end, End::Paused(stop) if stop.code == "R1456"));
    assert_eq!(outcome.progress.unknown, 1);
    world
}

#[test]
fn nothing_physical_before_an_authorization() {
    let mut world = World::new(2, None);
    let stopped = world.run(begun(&world), &StopAt::new(9)).unwrap_err();
    assert_eq!(stopped.code, "R1452");
    world.crash();
    let (store, clock) = (&*world.store, &world.clock);
    assert_eq!(start(store, clock, 1, "Ada").unwrap_err().code, "R1452");
    assert_eq!(authorize(store, clock, 1, "Ada").unwrap_err().code, "R1461");
    recover(store, clock, 1, "Ada").unwrap();
    assert_eq!(start(store, clock, 1, "Ada").unwrap_err().code, "R1418");
    // Not even past the engine: the store itself wants the approval.
    let change = Change::Job {
        job: 1,
        from: JobState::WaitingAuthorization,
        to: JobState::Running,
        fence: None,
    };
    let batch = Batch {
        at: clock.unix_seconds(),
        require: None,
        changes: vec![change],
        audit: store
            .audit(0, 1)
            .unwrap()
            .into_iter()
            .map(|r| r.entry)
            .collect(),
    };
    assert_eq!(store.commit(&batch).unwrap_err().code, "R1418");
    assert_eq!(authorize(store, clock, 1, " ").unwrap_err().code, "R1412");
    assert!(authorize(store, clock, 1, "Ada").unwrap().clear_line);
}

#[test]
fn unknown_is_settled_by_two_different_people_who_found_the_same() {
    let world = doubtful();
    let (store, clock, order) = (&*world.store, &world.clock, key(&world, 1));
    let refused = settle(store, clock, order, Found::GoodCard, ["Ada", " ADA"]);
    assert_eq!(refused.unwrap_err().code, "R1412");
    let say = |found, who| approve(store, clock, order, found, who);
    let waits = Settlement::WaitsForSecond;
    assert_eq!(say(Found::GoodCard, "Ada").unwrap(), waits);
    assert_eq!(say(Found::GoodCard, "ada").unwrap_err().code, "R1412");
    assert_eq!(say(Found::DestroyedCard, "Grace").unwrap(), waits);
    assert_eq!(
        store.order(order).unwrap().status.state,
        OrderState::Unknown
    );
    assert_eq!(say(Found::GoodCard, "Grace").unwrap(), Settlement::Settled);
    assert_eq!(store.order(order).unwrap().status.state, OrderState::Done);
    assert_eq!(say(Found::GoodCard, "Edsger").unwrap_err().code, "R1461");
}

#[test]
fn approvals_expire_and_do_not_serve_another_attempt() {
    struct Later<'a>(&'a dyn Clock, i64);
    impl Clock for Later<'_> {
        fn unix_seconds(&self) -> i64 {
            self.0.unix_seconds() + self.1
        }
        fn monotonic_us(&self) -> u64 {
            0
        }
    }
    let world = doubtful();
    let (store, order) = (&*world.store, key(&world, 1));
    let tomorrow = Later(&world.clock, 90_000);
    let waits = Settlement::WaitsForSecond;
    let first = approve(store, &world.clock, order, Found::NoCard, "Ada");
    assert_eq!(first.unwrap(), waits);
    let late = approve(store, &tomorrow, order, Found::NoCard, "Grace");
    assert_eq!(late.unwrap(), waits);
    let again = approve(store, &tomorrow, order, Found::NoCard, "Ada");
    assert_eq!(again.unwrap(), Settlement::Settled);
    let row = store.order(order).unwrap();
    assert_eq!(
        (row.status.state, row.status.attempt),
        (OrderState::Planned, 2)
    );
    // The second attempt becomes unknown, too: the first one's approvals are worth nothing.
    let mut status = row.status.clone();
    status.state = OrderState::Unknown;
    store.inner.forge(order, Some(status), None).unwrap();
    let next = approve(store, &tomorrow, order, Found::NoCard, "Ada");
    assert_eq!(next.unwrap(), waits);
}

#[test]
fn the_line_stops_after_too_many_rejects_and_resumes() {
    let mut world = World::new(12, None);
    world.hands.spoilt.clear();
    world.hands.hopeless = (1..=12).collect();
    world.retries = 0;
    world.settings.stop_after_rejects = 3;
    world.settings.wave = 1;
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert!(matches!(outcome.end, End::Paused(stop) if stop.code == "R1457"));
    assert_eq!(world.line().audit().unwrap().rejected, 3);
    assert_eq!(world.store.job(1).unwrap().state, JobState::Paused);
    world.hands.hopeless.clear();
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert_eq!((outcome.end, outcome.progress.done), (End::Done, 9));
}

#[test]
fn an_empty_stock_pauses_the_job_and_loses_no_order() {
    let mut world = World::new(4, None);
    world.hands.spoilt.clear();
    world.hands.hopeless.clear();
    for _ in 0..98 {
        let blank = world.line().feed("AUR-DEB-26").unwrap().number;
        world.line().reject(blank, "unknown", "HAND").unwrap();
    }
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert!(matches!(outcome.end, End::Paused(stop) if stop.code == "R1261"));
    assert_eq!(outcome.progress.done, 2);
    world.line().load_stock("AUR-DEB-26", 10).unwrap();
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert_eq!((outcome.end, outcome.progress.done), (End::Done, 2));
    assert_eq!(outcome.progress.mailers, 4);
}

#[test]
fn a_job_is_paused_resumed_and_cancelled_between_cards() {
    let world = World::new(6, None);
    let ports = Ports {
        store: &*world.store,
        clock: &world.clock,
        hands: &world.hands,
    };
    let executor = |begun| {
        let route = Route::of_flow(&flow(1)).unwrap();
        Executor::new(ports, world.job, begun, route, world.settings)
    };
    let switch = Switch::default();
    let outcome = executor(begun(&world)).run(&switch, &|p| {
        if p.done > 0 {
            switch.pause();
        }
    });
    assert!(matches!(outcome.unwrap().end, End::Paused(_)));
    let switch = Switch::default();
    switch.cancel();
    let outcome = executor(begun(&world)).run(&switch, &|_| {}).unwrap();
    assert_eq!(outcome.end, End::Cancelled);
    let counts = world.store.counts(1).unwrap();
    let ended = counts.in_state(OrderState::Done) + counts.in_state(OrderState::Rejected);
    assert_eq!(ended, 6);
    assert!(world.store.job(1).unwrap().wrapped_key.is_none());
}

#[test]
fn a_waiting_job_is_cancelled_only_without_doubt() {
    let world = doubtful();
    let (store, clock) = (&*world.store, &world.clock);
    assert_eq!(cancel(store, clock, 1, "Ada").unwrap_err().code, "R1456");
    let order = key(&world, 1);
    settle(store, clock, order, Found::GoodCard, ["Ada", "Grace"]).unwrap();
    // The card is out: its mailer is due before the job may be given up.
    assert_eq!(cancel(store, clock, 1, "Ada").unwrap_err().code, "R1456");
    store
        .inner
        .forge(order, None, Some((MailerState::Printed, 1)))
        .unwrap();
    cancel(store, clock, 1, "Ada").unwrap();
    assert_eq!(store.job(1).unwrap().state, JobState::Cancelled);
}

/// Hands whose lane breaks down at one act.
struct Clumsy(FakeHands);

struct ClumsyLane<'h>(Box<dyn Lane + 'h>);

impl Hands for Clumsy {
    fn lane(&self) -> Result<Box<dyn Lane + '_>, Trouble> {
        Ok(Box::new(ClumsyLane(self.0.lane()?)))
    }
    fn clear_line(&self) -> Result<Vec<u64>, Trouble> {
        self.0.clear_line()
    }
}

impl Lane for ClumsyLane<'_> {
    fn perform(&mut self, work: &mut Workpiece, act: &Act) -> Event {
        let breaks = matches!(act, Act::Emboss { .. }) && work.order.key.order == 1;
        assert!(!breaks, "a lane breaks down");
        self.0.perform(work, act)
    }
}

#[test]
fn a_panic_in_a_lane_costs_one_card_and_stops_the_line() {
    let mut world = World::new(3, None);
    world.hands.spoilt.clear();
    world.hands.hopeless.clear();
    world.settings.wave = 3;
    world.settings.lanes = 2;
    let hands = Clumsy(world.hands.clone());
    let ports = Ports {
        store: &*world.store,
        clock: &world.clock,
        hands: &hands,
    };
    let route = Route::of_flow(&flow(1)).unwrap();
    let executor = Executor::new(ports, world.job, begun(&world), route, world.settings);
    let outcome = executor.run(&Switch::default(), &|_| {}).unwrap();
    assert_eq!((outcome.progress.done, outcome.progress.rejected), (2, 1));
    let row = world.store.order(key(&world, 1)).unwrap();
    assert_eq!(row.status.code.as_deref(), Some("R1454"));
}

#[test]
fn another_draw_for_the_same_order_is_an_alarm() {
    let world = World::new(2, None);
    let data = cardwright_ports::store::CardData {
        sealed: vec![1],
        fingerprint: [9; 32],
        pooled: Vec::new(),
    };
    let batch = Batch {
        at: 1,
        require: None,
        changes: vec![Change::CardData(key(&world, 2), data.clone())],
        audit: world
            .store
            .audit(0, 1)
            .unwrap()
            .into_iter()
            .map(|r| r.entry)
            .collect(),
    };
    world.store.commit(&batch).unwrap();
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    let row = world.store.order(key(&world, 2)).unwrap();
    assert_eq!(row.status.code.as_deref(), Some("R1410"));
    assert_eq!(world.store.card_data(key(&world, 2)).unwrap(), Some(data));
    assert_eq!(outcome.progress.rejected, 1);
}

#[test]
fn a_used_chip_goes_to_the_bin_and_its_order_gets_another() {
    let mut world = World::new(1, None);
    world.hands.spoilt.clear();
    world.hands.hopeless.clear();
    // The site has met the next serial already, under another order.
    let probe = world.line().feed("AUR-DEB-26").unwrap();
    world
        .line()
        .reject(probe.number, "unknown", "HAND")
        .unwrap();
    let used = format!("{}{:08X}", &probe.serial[..8], probe.number + 1);
    let other = OrderKey { job: 7, order: 7 };
    world.store.inner.forge_serial(&used, other).unwrap();
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert_eq!((outcome.end, outcome.progress.done), (End::Done, 1));
    let row = world.store.order(key(&world, 1)).unwrap();
    assert_eq!(row.status.blank, Some(probe.number + 2));
    let ledger = world.line().audit().unwrap();
    assert_eq!((ledger.good, ledger.rejected), (1, 2));
}

#[test]
fn a_letter_that_cant_be_drawn_is_named_and_given_up_by_two() {
    let world = World::new(3, None);
    world.hands.forms.undrawable.lock().unwrap().insert(1);
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    let End::Paused(stop) = outcome.end else {
        panic!("the job went on");
    };
    assert_eq!(stop.code, "R1463");
    assert!(
        stop.reason.contains("order 1: R1236 the text has no room"),
        "{}",
        stop.reason
    );
    // The others of its document are printed.
    assert_eq!((outcome.progress.mailers, outcome.progress.undrawn), (1, 1));
    let (store, clock) = (&*world.store, &world.clock);
    assert_eq!(
        cancel(store, clock, world.job, "Ada").unwrap_err().code,
        "R1456"
    );
    let form = |found, who| approve_mailer(store, clock, key(&world, 1), found, who);
    // There is no form to be found.
    assert_eq!(form(FoundForm::Destroyed, "Ada").unwrap_err().code, "R1461");
    let waits = form(FoundForm::GivenUp, "Ada").unwrap();
    assert_eq!(waits, Settlement::WaitsForSecond);
    assert_eq!(form(FoundForm::GivenUp, "ada ").unwrap_err().code, "R1412");
    assert_eq!(
        form(FoundForm::GivenUp, "Grace").unwrap(),
        Settlement::Settled
    );
    let row = store.order(key(&world, 1)).unwrap();
    assert_eq!((row.mailer, row.mailer_why), (MailerState::Absent, None));
    let outcome = world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert_eq!(outcome.end, End::Done);
    assert_eq!(world.hands.forms.printed.lock().unwrap().len(), 1);
}

#[test]
fn a_rejected_order_has_no_mailer_whoever_rejects_it() {
    let mailer = |world: &World, order| world.store.order(key(world, order)).unwrap().mailer;
    // Order 3 is spoilt for good.
    let world = World::new(3, None);
    world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    assert_eq!(mailer(&world, 3), MailerState::Absent);
    assert_eq!(mailer(&world, 1), MailerState::Printed);
    // A job that is given up before it began.
    let world = World::new(2, None);
    cancel(&*world.store, &world.clock, world.job, "Ada").unwrap();
    assert_eq!(mailer(&world, 1), MailerState::Absent);
    // And one that is given up while it runs.
    let world = World::new(2, None);
    let begun = begun(&world);
    let ports = Ports {
        store: &*world.store,
        clock: &world.clock,
        hands: &world.hands,
    };
    let route = Route::of_flow(&flow(1)).unwrap();
    let switch = Switch::default();
    switch.cancel();
    let executor = Executor::new(ports, world.job, begun, route, world.settings);
    assert_eq!(executor.run(&switch, &|_| {}).unwrap().end, End::Cancelled);
    let counts = world.store.counts(world.job).unwrap();
    assert_eq!(counts.mailers_in(MailerState::Pending), 0);
}

#[test]
fn every_state_answers_every_event() {
    let row = OrderRow {
        key: OrderKey { job: 1, order: 1 },
        line: 2,
        priority: 1,
        product: "DEBIT".to_owned(),
        status: OrderStatus::planned(),
        mailer: MailerState::Pending,
        mailer_copy: 1,
        mailer_why: None,
    };
    let events = [
        Event::Begin,
        Event::Generated(None),
        Event::Kept {
            replaced: vec!["aurora.cvk@1".to_owned()],
        },
        Event::Fed {
            blank: 1,
            serial: "C1".to_owned(),
            duration_us: 1,
        },
        Event::Did {
            duration_us: 1,
            note: Some("4761739001010010".to_owned()),
        },
        Event::GateOpen,
        Event::Failed(Trouble::card("R1", "4761739001010010")),
        Event::NotDrawn(Trouble::card("R1236", "4761739001010010")),
        Event::Refused(Trouble::card("R1411", "used")),
        Event::Fenced,
    ];
    let route = Arc::new(Route::of_flow(&flow(1)).unwrap());
    let mut open = vec![
        State::card(&row, 3, Arc::clone(&route)),
        State::mailer(&row, 3, route),
    ];
    let mut seen = 0;
    while let Some(state) = open.pop() {
        seen += 1;
        assert!(seen < 20_000, "the machine does not end");
        if state.outcome.is_some() {
            assert!(state.outcome != Some(Outcome::Done) || seen > 1);
            continue;
        }
        for event in &events {
            let (next, effects) = step(&state, event.clone());
            let text = format!("{effects:?}");
            assert!(!text.contains("4761739001010010"));
            assert!(next.outcome.is_some() || !effects.is_empty());
            if next.outcome.is_none() {
                open.push(next);
            }
        }
    }
}

#[test]
fn the_journal_and_the_audit_tell_the_order_s_story() {
    let mut world = World::new(1, None);
    world.hands.spoilt.clear();
    world.run(begun(&world), &StopAt::new(NEVER)).unwrap();
    let lines = world.store.journal(1, 0, 10).unwrap();
    assert_eq!(lines.len(), 1);
    let line: serde_json::Value = serde_json::from_str(&lines[0].2).unwrap();
    assert_eq!(line["outcome"], "done");
    let stations = line["stations"].as_array().unwrap();
    assert_eq!(stations.first().unwrap()[0], "feed");
    assert_eq!(stations.last().unwrap()[0], "eject");
    let audit = world.store.audit(0, 100).unwrap();
    let acts: Vec<&str> = audit
        .iter()
        .filter(|r| r.entry.key.order == 1)
        .map(|r| r.entry.act.as_str())
        .collect();
    let expected = [
        "claim",
        "card_data",
        "feed",
        "intent",
        "chip",
        "encode",
        "emboss",
        "verified",
        "carrier",
        "insert",
        "eject",
        "done",
        "mailer",
        "mailer_printed",
    ];
    assert_eq!(acts, expected);
    let all = OrderQuery {
        limit: 10,
        ..OrderQuery::default()
    };
    assert_eq!(
        world.store.orders(1, &all).unwrap()[0].mailer,
        MailerState::Printed
    );
}

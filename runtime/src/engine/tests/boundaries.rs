//! A reference job of six orders, stopped at every boundary.

use super::world::{StopAt, World, flow, take_in};
use crate::engine::control::End;
use crate::engine::{
    Act, Executor, FoundForm, Ports, Route, Settings, Switch, authorize, recover, settle_mailer,
    start,
};
use cardwright_ports::Store;
use cardwright_ports::store::{OrderQuery, OrderState, TallyKind};
use cardwright_store::{SiteKey, SqliteStore};
use std::sync::atomic::Ordering;

#[test]
fn the_reference_job_runs_through_and_express_comes_first() {
    let mut world = World::new(6, None);
    let begun = start(&*world.store, &world.clock, world.job, "Ada").unwrap();
    let outcome = world.run(begun, &StopAt::new(u64::MAX)).unwrap();
    assert_eq!(outcome.end, End::Done);
    // Order 2 is spoilt once, order 3 twice: one retry each.
    assert_eq!(outcome.progress.done, 5);
    assert_eq!(outcome.progress.rejected, 1);
    assert_eq!(outcome.progress.remakes, 2);
    assert_eq!(outcome.progress.mailers, 5);
    let tallies = world.store.tallies(world.job).unwrap();
    let times = |kind, name| {
        let mut of = tallies.iter().filter(|t| t.kind == kind);
        of.find(|t| t.name == name).map(|t| t.count)
    };
    assert_eq!(times(TallyKind::Machine, "eject"), Some(5));
    assert_eq!(times(TallyKind::Computer, "validate"), Some(8));
    assert_eq!(
        times(TallyKind::Cards, ""),
        None,
        "these hands check nothing"
    );
    assert_eq!(times(TallyKind::Run, ""), Some(1));
    let ledger = world.line().audit().unwrap();
    assert_eq!((ledger.issued, ledger.good, ledger.rejected), (8, 5, 3));
    let express = world.store.orders(world.job, &last(6)).unwrap();
    assert_eq!(express[0].status.blank, Some(1));
    assert!(world.store.job(world.job).unwrap().wrapped_key.is_none());
    world.hands.crashed_at = None;
}

fn last(order: u64) -> OrderQuery {
    OrderQuery {
        after: order - 1,
        limit: 1,
        ..OrderQuery::default()
    }
}

#[test]
fn a_letter_that_cant_be_drawn_is_printed_once_after_any_stop() {
    let world = || {
        let world = World::new(3, None);
        world.hands.forms.undrawable.lock().unwrap().insert(1);
        world
    };
    let counted = {
        let world = world();
        let begun = start(&*world.store, &world.clock, world.job, "Ada").unwrap();
        let counter = StopAt::new(u64::MAX);
        let outcome = world.run(begun, &counter).unwrap();
        assert!(matches!(outcome.end, End::Paused(stop) if stop.code == "R1463"));
        counter.seen.load(Ordering::SeqCst)
    };
    for at in 0..counted {
        let wrong = world().history(&[at]);
        assert!(wrong.is_empty(), "boundary {at}: {wrong:?}");
    }
}

#[test]
fn a_stop_at_every_boundary_loses_and_doubles_nothing() {
    for wave in [1, 3] {
        let counted = {
            let mut world = World::new(6, None);
            world.settings.wave = wave;
            let begun = start(&*world.store, &world.clock, world.job, "Ada").unwrap();
            let counter = StopAt::new(u64::MAX);
            world.run(begun, &counter).unwrap();
            counter.seen.load(Ordering::SeqCst)
        };
        assert!(counted > 90, "{counted} boundaries");
        for at in 0..counted {
            let mut world = World::new(6, None);
            world.settings.wave = wave;
            let wrong = world.history(&[at]);
            assert!(wrong.is_empty(), "wave {wave}, boundary {at}: {wrong:?}");
        }
    }
}

#[test]
fn a_second_stop_while_going_on_changes_nothing() {
    for first in (0..120).step_by(7) {
        for second in (0..60).step_by(5) {
            let wrong = World::new(4, None).history(&[first, second]);
            assert!(wrong.is_empty(), "{first}, {second}: {wrong:?}");
        }
    }
}

#[test]
fn the_store_on_disk_survives_a_stop_at_every_boundary() {
    let mut at = 0;
    loop {
        match sqlite_history(at) {
            Ok(true) => at += 1,
            Ok(false) => break,
            Err(wrong) => panic!("boundary {at}: {wrong}"),
        }
    }
    assert!(at > 40, "{at} boundaries");
}

/// Stops at a boundary, opens everything anew, finishes. Whether the boundary was reached.
fn sqlite_history(at: u64) -> Result<bool, String> {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let key = SiteKey::load_or_create(&folder.path().join("site.key")).unwrap();
        SqliteStore::open(folder.path(), &folder.path().join("anchor"), key).unwrap()
    };
    let mut world = World::new(3, None);
    world.hands.disk = None;
    let settings = Settings {
        lanes: 1,
        wave: 3,
        mailers_per_document: 3,
        stop_after_rejects: 0,
    };
    let run = |store: &SqliteStore, begun, at| {
        let ports = Ports {
            store,
            clock: &world.clock,
            hands: &world.hands,
        };
        let stop = StopAt::new(at);
        let route = Route::of_flow(&flow(1)).unwrap();
        Executor::new(ports, 1, begun, route, settings)
            .with_boundary(&stop)
            .run(&Switch::default(), &|_| {})
    };
    let store = open();
    let job = take_in(&store, 3);
    let begun = start(&store, &world.clock, job, "Ada").unwrap();
    let stopped = run(&store, begun, at).is_err();
    drop(store);
    let store = open();
    if stopped {
        assert_eq!(
            start(&store, &world.clock, job, "Ada").unwrap_err().code,
            "R1452"
        );
        recover(&store, &world.clock, job, "Ada").map_err(|e| e.to_string())?;
        let begun = authorize(&store, &world.clock, job, "Grace").map_err(|e| e.to_string())?;
        let mut end = run(&store, begun, u64::MAX).map_err(|e| e.to_string())?.end;
        if let End::Paused(_) = end {
            settle_sqlite(&store, &world, job);
            let begun = start(&store, &world.clock, job, "Ada").unwrap();
            end = run(&store, begun, u64::MAX).map_err(|e| e.to_string())?.end;
        }
        if end != End::Done {
            return Err(format!("{end:?}"));
        }
    }
    let folder = world.folder();
    let wrong = super::oracle::judge(&store, job, &[&folder], &world.hands.forms);
    match wrong.is_empty() {
        true => Ok(stopped),
        false => Err(format!("{wrong:?}")),
    }
}

fn settle_sqlite(store: &SqliteStore, world: &World, job: u64) {
    use crate::engine::{finding, settle};
    use cardwright_ports::Machine;
    let query = OrderQuery {
        limit: 100,
        ..OrderQuery::default()
    };
    for row in store.orders(job, &query).unwrap() {
        if row.status.state == OrderState::Unknown {
            let place = world.line().where_is(row.status.blank.unwrap()).unwrap();
            let found = finding(&place).unwrap();
            settle(store, &world.clock, row.key, found, super::world::PEOPLE).unwrap();
        }
        if row.mailer == cardwright_ports::store::MailerState::Unknown {
            let printed = world.hands.forms.printed.lock().unwrap();
            let found = match printed.contains(&(row.key, row.mailer_copy)) {
                true => FoundForm::Printed,
                false => FoundForm::Destroyed,
            };
            let people = super::world::PEOPLE;
            settle_mailer(store, &world.clock, row.key, found, people).unwrap();
        }
    }
}

#[test]
fn one_and_many_lanes_make_the_same_cards_for_the_same_orders() {
    let cards = |lanes: usize| {
        let mut world = World::new(40, None);
        world.hands.spoilt.clear();
        world.settings.lanes = lanes;
        world.settings.wave = 8 * lanes;
        let begun = start(&*world.store, &world.clock, world.job, "Ada").unwrap();
        let outcome = world.run(begun, &StopAt::new(u64::MAX)).unwrap();
        assert_eq!(outcome.end, End::Done);
        assert!(world.hands.violations.lock().unwrap().is_empty());
        let all = OrderQuery {
            states: vec![OrderState::Done],
            limit: 100,
            ..OrderQuery::default()
        };
        world.store.orders(world.job, &all).unwrap().len()
    };
    assert_eq!(cards(1), 39);
    assert_eq!(cards(4), 39);
}

#[test]
fn the_line_of_a_flow_validates_before_the_carrier() {
    let route = Route::of_flow(&flow(2)).unwrap();
    let names: Vec<&str> = route.moves.iter().map(|m| m.act.name()).collect();
    let expected = [
        "chip",
        "encode",
        "read_stripe",
        "emboss",
        "vision",
        "validate",
        "carrier",
        "insert",
        "gate",
    ];
    assert_eq!(names, expected);
    assert_eq!(route.retries, 2);
    let mut late = flow(0);
    let chip = late.steps.remove(1);
    late.steps.push(chip);
    assert_eq!(Route::of_flow(&late).unwrap_err().code, "R1451");
    late.steps.remove(0);
    assert_eq!(Route::of_flow(&late).unwrap_err().code, "R1450");
    assert_eq!(Act::Validate.name(), "validate");
}

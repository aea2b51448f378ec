//! Whole jobs over devices that fail: an HSM that is lost or lies at the n-th call, stations that
//! jam, lie or lose their status, readers that lose the card. The oracle is the machine's own
//! ledger: no order has two good cards, none is lost, stock reconciles.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::FileKind;
use cardwright_machine::{Act, Fault, FaultKind, SimulatedMachine};
use cardwright_paper::PaperDriver;
use cardwright_ports::{
    CardChannel, Hsm, Machine, Paper, Store,
    binding::Unwatched,
    store::{OrderQuery, OrderRow, OrderState},
};
use cardwright_rehearsal::Rehearsal;
use cardwright_runtime::{
    engine::{self, End, Found, finding},
    plan::BoundKeys,
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{
    order_file_hash,
    outputs::OutputFiles,
    pages::{Page, Revealer, stationery},
    report::Report,
};
use cardwright_store::MemoryStore;
use cardwright_tests::{
    faulty_hsm::{FaultyHsm, HsmFault},
    plant::{self, Noon, Plant, REHEARSAL_SEED, TrickCard, Work, unplugged},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const ORDERS: u64 = 2;

fn rows(store: &dyn Store, job: u64) -> Vec<OrderRow> {
    let query = OrderQuery {
        limit: 100,
        ..OrderQuery::default()
    };
    store.orders(job, &query).expect("orders")
}

/// The invariants, from the machine's ledger and the store.
#[track_caller]
fn judge(machine: &SimulatedMachine, store: &dyn Store, job: u64, what: &str) {
    let ledger = machine.audit().expect("a ledger");
    assert!(ledger.holds(), "{what}: {ledger:?}");
    let rows = rows(store, job);
    let done = rows.iter().filter(|r| r.status.state == OrderState::Done);
    assert_eq!(ledger.good, done.count() as u64, "{what}: {ledger:?}");
    for row in &rows {
        let state = row.status.state;
        let named = row.status.code.as_ref().is_some_and(|c| c.len() == 5);
        let open = state == OrderState::Planned || state == OrderState::Done;
        assert!(open || named, "{what}: {} without a code", state.name());
    }
    let verdict = store.verify_audit().expect("an audit log");
    assert!(verdict.findings.is_empty(), "{what}: {verdict:?}");
}

/// People take everything out of the machine and settle what is in doubt by what they find.
fn settle(machine: &SimulatedMachine, store: &dyn Store, job: u64) {
    for blank in machine.in_slots().expect("slots") {
        let _ = machine.reject(blank, "unknown", "HAND");
    }
    for row in rows(store, job) {
        if row.status.state == OrderState::Unknown {
            let blank = row.status.blank.expect("its card");
            let place = machine.where_is(blank).expect("its place");
            let found = finding(&place).unwrap_or(Found::NoCard);
            engine::settle(store, &Noon, row.key, found, ["Ada", "Grace"]).expect("two people");
        }
        if row.mailer == cardwright_ports::store::MailerState::Unknown {
            let found = engine::FoundForm::Destroyed;
            engine::settle_mailer(store, &Noon, row.key, found, ["Ada", "Grace"])
                .expect("two people");
        }
    }
}

/// Runs a job over a faulty HSM, then to its end over the good one. Gives the calls of the first.
fn over_a_faulty_hsm(fault: HsmFault, at: u64) -> u64 {
    let what = format!("{fault:?} at call {at}");
    let plant = Plant::new();
    let store = MemoryStore::new();
    let job = plant.take(&store, ORDERS);
    let machine = plant.machine(|card| Box::new(card));
    // Keys are bound before the first call that counts here.
    let faulty = FaultyHsm::new(&plant.hsm, fault, at);
    let good = Work {
        job,
        hsm: &plant.hsm,
        store: &store,
        machine: &machine,
        clock: &Noon,
        binding: &Unwatched,
    };
    let started = engine::start(&store, &Noon, job, "operator").expect("it starts");
    let bad = Work {
        hsm: &faulty,
        ..good
    };
    let mut end = plant.go_on(&bad, started).map(|o| o.end);
    judge(&machine, &store, job, &what);
    for _ in 0..4 {
        settle(&machine, &store, job);
        end = match end {
            Ok(End::Done) => break,
            Ok(_) => plant.run(&good).map(|o| o.end),
            Err(_) => {
                engine::recover(&store, &Noon, job, "Ada").expect("it recovers");
                settle(&machine, &store, job);
                let begun = engine::authorize(&store, &Noon, job, "Ada").expect("authorized");
                plant.go_on(&good, begun).map(|o| o.end)
            }
        };
    }
    assert_eq!(end.as_ref().ok(), Some(&End::Done), "{what}: {end:?}");
    judge(&machine, &store, job, &what);
    if fault == HsmFault::Lost {
        // Nobody's order is rejected because an HSM was away.
        let done = rows(&store, job);
        let done = done.iter().filter(|r| r.status.state == OrderState::Done);
        assert_eq!(done.count() as u64, ORDERS, "{what}");
    }
    faulty.calls()
}

/// Calls before the job's own work: keys are bound and compared when the line is set up.
fn calls_of_binding() -> u64 {
    let plant = Plant::new();
    let counter = FaultyHsm::new(&plant.hsm, HsmFault::Wrong, u64::MAX);
    let mut session = counter.open_session().expect("a session");
    BoundKeys::bind(plant.loaded.content(), session.as_mut()).expect("keys");
    counter.calls()
}

#[test]
fn an_hsm_that_is_lost_at_any_call_costs_no_order() {
    let first = calls_of_binding();
    let all = over_a_faulty_hsm(HsmFault::Wrong, u64::MAX);
    assert!(all > first + 40, "{all} calls");
    for at in (first..all).step_by(11) {
        over_a_faulty_hsm(HsmFault::Lost, at);
    }
}

#[test]
fn an_hsm_that_lies_once_makes_no_second_card() {
    let first = calls_of_binding();
    let all = over_a_faulty_hsm(HsmFault::Wrong, u64::MAX);
    for at in (first..all).step_by(11) {
        over_a_faulty_hsm(HsmFault::Wrong, at);
    }
}

#[test]
fn stations_that_fail_jam_or_lie_lose_and_double_no_card() {
    let acts = [
        Act::Feed,
        Act::Chip,
        Act::Encode,
        Act::ReadStripe,
        Act::Emboss,
        Act::Print,
        Act::Carrier,
        Act::Insert,
        Act::Eject,
    ];
    let kinds = [
        FaultKind::DoneStatusLost,
        FaultKind::JamBefore,
        FaultKind::WrongReadBack,
    ];
    for act in acts {
        for kind in kinds {
            let reads = matches!(act, Act::ReadStripe | Act::Carrier);
            if kind == FaultKind::WrongReadBack && !reads {
                continue;
            }
            let what = format!("{kind:?} of {act:?}");
            let plant = Plant::new();
            let store = MemoryStore::new();
            let job = plant.take(&store, ORDERS);
            let machine = plant.machine(|card| Box::new(card));
            machine
                .inject(Fault { act, nth: 1, kind })
                .expect("a fault");
            let work = Work {
                job,
                hsm: &plant.hsm,
                store: &store,
                machine: &machine,
                clock: &Noon,
                binding: &Unwatched,
            };
            for _ in 0..4 {
                let end = plant.run(&work).expect("a run").end;
                settle(&machine, &store, job);
                if end == End::Done {
                    break;
                }
            }
            judge(&machine, &store, job, &what);
            if act == Act::Carrier && kind == FaultKind::WrongReadBack {
                let codes: Vec<_> = rows(&store, job)
                    .into_iter()
                    .map(|r| r.status.code)
                    .collect();
                assert!(codes.contains(&Some("R1269".to_owned())), "{codes:?}");
            }
        }
    }
}

#[test]
fn a_reader_that_loses_the_card_spoils_that_card_only() {
    // The k-th command to the first chip, whoever sends it: the line or the validating terminal.
    for k in [0, 1, 3, 9, 17, 21, 25, 30] {
        let plant = Plant::new();
        let store = MemoryStore::new();
        let job = plant.take(&store, ORDERS);
        let cards = Arc::new(AtomicUsize::new(0));
        let machine = plant.machine(move |card| {
            let first = cards.fetch_add(1, Ordering::SeqCst) == 0;
            let trick = move |n: usize, _: &[u8], answer| match first && n >= k {
                true => Err(unplugged()),
                false => Ok(answer),
            };
            Box::new(TrickCard::new(card, trick)) as Box<dyn CardChannel>
        });
        let work = Work {
            job,
            hsm: &plant.hsm,
            store: &store,
            machine: &machine,
            clock: &Noon,
            binding: &Unwatched,
        };
        let outcome = plant.run(&work).expect("a run");
        assert_eq!(outcome.end, End::Done, "command {k}");
        judge(&machine, &store, job, &format!("command {k}"));
        let ledger = machine.audit().expect("a ledger");
        assert_eq!(ledger.good + ledger.rejected, ledger.issued);
        assert_eq!(ledger.rejected, 1, "command {k}: one card lies in the bin");
    }
}

#[test]
fn a_letter_asks_for_its_pin_once() {
    let mut rehearsal = Rehearsal::new(plant::small_bank()).expect("it rehearses");
    let made = rehearsal.order(&plant::order()).expect("a card");
    let hsm = SoftHsm::in_memory(REHEARSAL_SEED).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let sheet = made.pages.iter().find(|p| p.layout == "letter");
    let page = Page {
        sheet: sheet.expect("a letter").sheet.clone(),
        pin: made.data.pin(),
        further: Vec::new(),
    };
    let loaded = plant::loaded(|_| {});
    let stock = stationery(&loaded);
    let paper = PaperDriver::new();
    let pages = [page];
    let sheets = |count: usize| vec![pages[0].sheet.clone(); count];
    let mut revealer = Revealer::new(&pages, session.as_mut());
    paper
        .pdf(&stock, &sheets(1), &mut revealer)
        .expect("one letter");
    let refused = paper.pdf(&stock, &sheets(1), &mut revealer).err();
    assert_eq!(refused.expect("the PIN was drawn").code, "R1221");
    let mut revealer = Revealer::new(&pages, session.as_mut());
    let refused = paper.pdf(&stock, &sheets(2), &mut revealer).err();
    assert_eq!(refused.expect("twice in one document").code, "R1221");
}

#[test]
fn files_that_can_t_be_written_or_read_are_r1291() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("none/orders.txt");
    let refused = order_file_hash(&nowhere).expect_err("no file");
    assert_eq!(refused.code, "R1291");
    let refused = Report::default().write(&folder.path().join("none"), &[]);
    assert_eq!(refused.expect_err("no folder").code, "R1291");
    let plant = Plant::new();
    let mut session = plant.hsm.open_session().expect("a session");
    let content = plant.loaded.content();
    let keys = BoundKeys::bind(content, session.as_mut()).expect("keys");
    let job = plant.loaded.job(None).expect("one job");
    let nowhere = folder.path().join("none");
    let refused = OutputFiles::create(&nowhere, &plant.loaded, job, &keys).err();
    assert_eq!(refused.expect("no folder").code, "R1291");
}

#[test]
fn a_file_name_that_leaves_its_folder_is_r1292() {
    for name in [
        "../orders",
        "/etc/passwd",
        "a/b",
        "a\\b",
        ".hidden",
        "",
        "a b",
        "a\u{0}",
        "ä",
    ] {
        let loaded = plant::loaded(|content| {
            let format = content.formats.iter_mut().find(|f| f.kind == FileKind::Cps);
            format.expect("the output").file_name = Some(name.to_owned());
        });
        let hsm = SoftHsm::in_memory([1; 32]).expect("an HSM");
        let mut session = hsm.open_session().expect("a session");
        let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("keys");
        let folder = tempfile::tempdir().expect("a folder");
        let job = loaded.job(None).expect("one job");
        let made = OutputFiles::create(folder.path(), &loaded, job, &keys);
        match made.err() {
            Some(refused) => assert_eq!(refused.code, "R1292", "{name:?}"),
            None => panic!("{name:?} is taken"),
        }
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "{name:?}: nothing was written");
    }
}

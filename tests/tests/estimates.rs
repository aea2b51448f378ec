//! What an estimate counts is what the line does: HSM calls by kind, commands one by one.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails loudly"
)]

use cardwright_ports::{CardChannel, binding::Unwatched};
use cardwright_rehearsal::{Rehearsal, Rehearsed};
use cardwright_runtime::engine::{self, End};
use cardwright_store::MemoryStore;
use cardwright_tests::{
    faulty_hsm::FaultyHsm,
    plant::{Noon, Plant, TrickCard, Work, small_bank},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// The port's names of the kinds that the estimates speak of.
const KINDS: &[(&str, &str)] = &[
    ("arpc", "emv.arpc"),
    ("authenticate_channel", "channel.authenticate"),
    ("begin_channel", "channel.open"),
    ("card_key", "key.card"),
    ("card_pin_block", "pin.card_block"),
    ("card_verification_value", "cvv"),
    ("encipher_for_card", "card.encipher"),
    ("encipher_offline_pin", "pin.encipher_offline"),
    ("encrypt_for_transport", "encrypt"),
    ("export_pin_block", "pin.export"),
    ("export_sealed", "transport.export"),
    ("generate_pin", "pin.generate"),
    ("icc_master_keys", "emv.master_keys"),
    ("icc_rsa_key", "rsa.generate"),
    ("import_pin_block", "pin.import"),
    ("pin_verification_value", "pvv"),
    ("plain_offline_pin", "pin.plain_offline"),
    ("random", "random"),
    ("recode", "channel.recode"),
    ("reveal_pin", "pin.reveal"),
    ("sign_icc_certificate", "emv.icc_certificate"),
    ("unwrap", "channel.unwrap"),
    ("verify_cryptogram", "emv.verify_cryptogram"),
    ("wrap", "channel.wrap"),
];

/// Header and octets of data of a command.
type Sent = ([u8; 4], usize);

/// What a run of so many orders asked of HSM and cards.
struct Counted {
    calls: BTreeMap<&'static str, u64>,
    sent: Vec<Sent>,
}

/// Runs a job of so many orders over the soft HSM.
fn run(orders: u64) -> Counted {
    let plant = Plant::new();
    let store = MemoryStore::new();
    let job = plant.take(&store, orders);
    let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
    let notes = Arc::clone(&sent);
    let machine = plant.machine(move |card| -> Box<dyn CardChannel> {
        let notes = Arc::clone(&notes);
        Box::new(TrickCard::new(card, move |_, command, answer| {
            let header = command.first_chunk::<4>().copied().unwrap_or_default();
            let data = command.get(4).copied().map_or(0, usize::from);
            notes.lock().expect("no panic before").push((header, data));
            Ok(answer)
        }))
    });
    let hsm = FaultyHsm::sound(&plant.hsm);
    let work = Work {
        job,
        hsm: &hsm,
        store: &store,
        machine: &machine,
        clock: &Noon,
        binding: &Unwatched,
    };
    let started = engine::start(&store, &Noon, job, "operator").expect("it starts");
    let outcome = plant.go_on(&work, started).expect("it runs");
    assert_eq!(outcome.end, End::Done);
    let sent = sent.lock().expect("no panic before").clone();
    Counted {
        calls: hsm.by_name(),
        sent,
    }
}

fn rehearsed() -> Rehearsed {
    let mut rehearsal = Rehearsal::new(small_bank()).expect("a rehearsal");
    let (job, code) = rehearsal.products().remove(0);
    rehearsal.specimen(&job, &code, None).expect("a card")
}

#[test]
fn a_rehearsal_counts_the_calls_of_the_line() {
    let (one, three) = (run(1).calls, run(3).calls);
    // What a job asks for once, such as binding its keys, falls out.
    let kind = |name: &str| {
        let found = KINDS.iter().find(|(port, _)| *port == name);
        found.map_or_else(|| name.to_owned(), |(_, kind)| (*kind).to_owned())
    };
    let per_card: BTreeMap<String, u64> = three
        .iter()
        .map(|(name, count)| (kind(name), count - one.get(name).copied().unwrap_or(0)))
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| {
            assert_eq!(count % 2, 0, "{name}: {count} calls for two cards");
            (name, count / 2)
        })
        .collect();
    let made = rehearsed();
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, count) in made.calls.values().flatten() {
        *counted.entry(kind.clone()).or_insert(0) += *count as u64;
    }
    // A rehearsal draws no letter; each letter of the line has one PIN.
    let letters = made.pages.iter();
    let letters = letters.filter(|page| page.sheet.pin_reference.is_some());
    counted.insert("pin.reveal".to_owned(), letters.count() as u64);
    assert_eq!(counted, per_card);
}

#[test]
fn a_rehearsal_sends_the_commands_of_the_line() {
    let sent = run(1).sent;
    let made = rehearsed();
    let rehearsed: Vec<Sent> = made
        .exchanges
        .iter()
        .map(|e| (e.header, e.data_octets))
        .collect();
    assert!(rehearsed.len() > 10);
    // What follows is the terminal's: it selects what was written.
    let (perso, rest) = sent.split_at(rehearsed.len());
    assert_eq!(perso, rehearsed);
    assert_eq!(rest.first().map(|(header, _)| header[1]), Some(0xA4));
}

//! Seeded random schedules: crashes, machine faults, printer faults; and the bugs they must find.

use super::bugs::Bug;
use super::races::takeover;
use super::world::World;
use cardwright_machine::{Act, Fault, FaultKind};

const SCHEDULES: u64 = 4_000;
const SEEDS_FOR_A_BUG: u64 = 300;

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough to draw schedules.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % most
    }
}

fn schedule(seed: u64, bug: Option<Bug>) -> Vec<String> {
    let mut dice = Dice::new(seed);
    if bug == Some(Bug::StaleEpochAccepted) {
        return takeover(dice.below(60), bug);
    }
    let orders = 2 + dice.below(4);
    let mut world = World::new(orders, bug);
    world.settings.wave = 1 + dice.below(4) as usize;
    world.settings.mailers_per_document = 1 + dice.below(3) as usize;
    world.retries = dice.below(3) as i64;
    world.settings.stop_after_rejects = dice.below(5) as u32;
    world.hands.spoilt = (1..=orders).filter(|_| dice.below(5) == 0).collect();
    world.hands.hopeless = (1..=orders).filter(|_| dice.below(8) == 0).collect();
    let acts = [
        Act::Feed,
        Act::Chip,
        Act::Encode,
        Act::ReadStripe,
        Act::Emboss,
        Act::Vision,
        Act::Carrier,
        Act::Insert,
        Act::Eject,
        Act::Reject,
    ];
    let kinds = [
        FaultKind::Fails,
        FaultKind::DoneStatusLost,
        FaultKind::JamBefore,
        FaultKind::WrongReadBack,
    ];
    for _ in 0..dice.below(4) {
        let act = acts[dice.below(acts.len() as u64) as usize];
        let kind = kinds[dice.below(4) as usize];
        let nth = 1 + dice.below(6);
        world.line().inject(Fault { act, nth, kind }).unwrap();
    }
    for order in 1..=orders {
        match dice.below(10) {
            0 => drop(world.hands.forms.lost.lock().unwrap().insert(order)),
            1 => drop(world.hands.forms.jammed.lock().unwrap().insert(order)),
            _ => {}
        }
    }
    let crashes: Vec<u64> = (0..dice.below(4)).map(|_| dice.below(80)).collect();
    world.history(&crashes)
}

#[test]
fn random_schedules_keep_every_invariant() {
    for seed in 0..SCHEDULES {
        let wrong = schedule(seed, None);
        assert!(wrong.is_empty(), "seed {seed}: {wrong:?}");
    }
}

/// What the oracle must say about a bug.
fn mark(bug: Bug) -> &'static str {
    match bug {
        Bug::AcknowledgeBeforeSync | Bug::ActBeforeRecord => "while the disk says",
        Bug::NoGate => "eject of order",
        Bug::AutomaticResume => "authorized false",
        Bug::StaleEpochAccepted | Bug::IntentReused | Bug::SettledWithoutFinding => "I1",
        Bug::SecondMailerPrint => "I3",
        Bug::AuditSkipped => "I5",
        Bug::OnePersonSettles => "two people",
        Bug::MailerBeforeCard => "a mailer and no card",
        Bug::ClaimForgotten => "does not end",
        Bug::DoneBeforeEject => "its card is not out",
        Bug::NoClearLine => "in_machine: 2",
    }
}

#[test]
fn every_seeded_bug_is_caught() {
    let caught = |bug: Bug, seed: u64| {
        let wrong = schedule(seed, Some(bug));
        wrong.iter().any(|what| what.contains(mark(bug)))
    };
    let missed: Vec<Bug> = Bug::ALL
        .into_iter()
        .filter(|bug| !(0..SEEDS_FOR_A_BUG).any(|seed| caught(*bug, seed)))
        .collect();
    assert!(missed.is_empty(), "never caught: {missed:?}");
}

//! Bad days of the line: cut, late, wrong, spoilt answers; several HSMs; back-pressure; limits.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use cardwright_host_commands::framing;
use cardwright_host_commands::keys::KeyTable;
use cardwright_host_commands::layout::{self, Context, LAYOUTS};
use cardwright_host_commands::simulator::{FIRMWARE, Fault, Simulator, SimulatorSettings};
use cardwright_host_commands::{CODES, HostCommandHsm};
use cardwright_ports::hsm::{Draw, Hsm, HsmSession, KeyHandle, KeyUse};
use common::{PAN, code, driver, request, settings, simulator, table, tr31};
use proptest::prelude::*;

const CVK: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];
const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 1,
    purpose: "pin",
};

fn with_cvk(hsm: &HostCommandHsm) -> (Box<dyn HsmSession>, KeyHandle) {
    let request = request("cvk", "tdes2", KeyUse::CardVerification);
    hsm.import_key(&request, "zmk", &tr31(&request, &CVK))
        .unwrap();
    let mut session = hsm.open_session().unwrap();
    let key = session.bind(&request).unwrap();
    (session, key)
}

fn cvv(session: &mut dyn HsmSession, key: KeyHandle) -> Result<String, cardwright_ports::HsmError> {
    session.card_verification_value(key, PAN, "2812", "201")
}

// 479 is this project's published value, by psec.
#[test]
fn a_spoilt_answer_is_never_taken() {
    let simulator = simulator();
    let hsm = driver(&simulator);
    let (mut session, key) = with_cvk(&hsm);
    let s = session.as_mut();
    assert_eq!(cvv(s, key).unwrap(), "479");
    for (fault, expected) in [
        (Fault::Header, "R1343"),
        (Fault::Garbage, "R1343"),
        (Fault::Error(*b"10"), "R1344"),
        (Fault::Error(*b"ZZ"), "R1344"),
        (Fault::Error(*b"\xFF\x00"), "R1343"),
    ] {
        simulator.spoil(std::slice::from_ref(&fault));
        let refused = cvv(s, key).err().unwrap();
        assert_eq!(refused.code, expected, "{fault:?}: {refused}");
        assert_eq!(cvv(s, key).unwrap(), "479", "the next call is whole again");
    }
}

// Every cut of the answer: the command may be sent twice, so that the second answer is taken.
#[test]
fn a_cut_answer_is_asked_for_again_where_that_is_allowed() {
    let simulator = simulator();
    let hsm = driver(&simulator);
    let (mut session, key) = with_cvk(&hsm);
    for length in 0..13 {
        simulator.spoil(&[Fault::Cut(length)]);
        assert_eq!(
            cvv(session.as_mut(), key).unwrap(),
            "479",
            "cut after {length}"
        );
    }
    // One HSM, two tries: two cuts are too many.
    simulator.spoil(&[Fault::Close, Fault::Close]);
    let refused = cvv(session.as_mut(), key).err().unwrap();
    assert_eq!(refused.code, "R1342");
    assert!(refused.retryable);
}

#[test]
fn what_may_not_be_sent_twice_is_not() {
    let simulator = simulator();
    let mut fresh = settings(&[&simulator]);
    fresh.draw_key = None;
    let hsm = HostCommandHsm::with_keys(fresh, table(&simulator)).unwrap();
    let mut session = hsm.open_session().unwrap();
    session.generate_pin(4, &DRAW).unwrap();
    let before = simulator.calls();
    simulator.spoil(&[Fault::Close]);
    let refused = session.generate_pin(4, &DRAW).err().unwrap();
    assert_eq!((refused.code, refused.retryable), ("R1342", false));
    assert_eq!(simulator.calls(), before + 1, "JA went out once");
}

// Every single bit of an answer: an error, or an answer that the layout can't tell from another.
#[test]
fn every_flipped_bit_of_frame_and_head_is_noticed() {
    let simulator = simulator();
    let mut short = settings(&[&simulator]);
    short.pool.answer = Duration::from_millis(300);
    short.pool.rest = Duration::ZERO;
    let hsm = HostCommandHsm::with_keys(short, table(&simulator)).unwrap();
    let (mut session, key) = with_cvk(&hsm);
    // Two octets of length, header, code, error code: 10 octets.
    for bit in 0..80 {
        simulator.spoil(&[Fault::Flip(bit), Fault::Flip(bit)]);
        let answer = cvv(session.as_mut(), key);
        let refused = answer
            .err()
            .unwrap_or_else(|| panic!("bit {bit} went unnoticed"));
        assert!(
            matches!(refused.code, "R1342" | "R1343" | "R1344"),
            "bit {bit}: {refused}"
        );
        // A fault that was not used up is used up now.
        while cvv(session.as_mut(), key).is_err() {}
    }
}

#[test]
fn a_late_answer_is_not_the_next_ones() {
    let simulator = simulator();
    let mut short = settings(&[&simulator]);
    short.pool.answer = Duration::from_millis(150);
    let hsm = HostCommandHsm::with_keys(short, table(&simulator)).unwrap();
    let (mut session, key) = with_cvk(&hsm);
    let late = Fault::Late(Duration::from_secs(30));
    simulator.spoil(&[late.clone(), late]);
    let refused = cvv(session.as_mut(), key).err().unwrap();
    assert_eq!((refused.code, refused.retryable), ("R1342", true));
    let other = session
        .card_verification_value(key, PAN, "2812", "999")
        .unwrap();
    assert_eq!(other, "324", "the iCVV, not the late CVV");
}

#[test]
fn another_hsm_takes_over_and_load_is_spread() {
    let (first, second) = (simulator(), simulator());
    let hsm = HostCommandHsm::with_keys(settings(&[&first, &second]), table(&first)).unwrap();
    let (mut session, key) = with_cvk(&hsm);
    for _ in 0..20 {
        cvv(session.as_mut(), key).unwrap();
    }
    assert!(first.calls() > 5 && second.calls() > 5, "both have worked");
    drop(second);
    for _ in 0..20 {
        assert_eq!(cvv(session.as_mut(), key).unwrap(), "479");
    }
    drop(first);
    let refused = cvv(session.as_mut(), key).err().unwrap();
    assert_eq!((refused.code, refused.retryable), ("R1342", true));
}

#[test]
fn another_lmk_gets_no_command() {
    let right = simulator();
    let wrong = Simulator::start(SimulatorSettings::local([9; 32])).unwrap();
    let mut checked = settings(&[&wrong]);
    checked.lmk_check = Some(right.lmk().check_value());
    let refused = HostCommandHsm::with_keys(checked, table(&right))
        .err()
        .unwrap();
    assert_eq!(refused.code, "R1349", "{refused}");
    assert_eq!(wrong.calls(), 1, "diagnostics, then nothing");
    // Beside the right one the wrong one is left out.
    let mut both = settings(&[&wrong, &right]);
    both.lmk_check = Some(right.lmk().check_value());
    let hsm = HostCommandHsm::with_keys(both, table(&right)).unwrap();
    let (mut session, key) = with_cvk(&hsm);
    for _ in 0..6 {
        assert_eq!(cvv(session.as_mut(), key).unwrap(), "479");
    }
    assert_eq!(wrong.calls(), 2);
}

// Known-answer test at the first connection: a recorded check value that is another one keeps the
// HSM shut, though its LMK check value was not looked at.
#[test]
fn a_wrong_known_answer_keeps_the_hsm_shut() {
    let simulator = simulator();
    let mut keys = KeyTable::default();
    for entry in table(&simulator).iter() {
        let mut entry = entry.clone();
        if entry.name == "zmk" {
            entry.check_value = "000000".to_owned();
        }
        keys.add(entry).unwrap();
    }
    let before = simulator.calls();
    let refused = HostCommandHsm::with_keys(settings(&[&simulator]), keys)
        .err()
        .unwrap();
    assert_eq!(refused.code, "R1349");
    assert_eq!(simulator.calls() - before, 3, "NC, B2, BU, then nothing");
}

#[test]
fn a_full_pool_pushes_back() {
    let simulator = simulator();
    let mut narrow = settings(&[&simulator]);
    narrow.pool.connections = 1;
    narrow.pool.wait = Duration::from_millis(100);
    let hsm = HostCommandHsm::with_keys(narrow, table(&simulator)).unwrap();
    let (_, key) = with_cvk(&hsm);
    // Whoever comes first has the only connection for three seconds, the other one is refused.
    simulator.spoil(&[Fault::Late(Duration::from_secs(3))]);
    let together = std::sync::Barrier::new(2);
    let ask = || {
        let mut session = hsm.open_session().unwrap();
        together.wait();
        cvv(session.as_mut(), key)
    };
    let answers = std::thread::scope(|scope| {
        let (one, two) = (scope.spawn(ask), scope.spawn(ask));
        [one.join().unwrap(), two.join().unwrap()]
    });
    let refused = answers.iter().find_map(|a| a.as_ref().err()).unwrap();
    assert_eq!((refused.code, refused.retryable), ("R1348", true));
    assert!(answers.iter().any(Result::is_ok));
}

#[test]
fn no_hsm_at_the_address_is_told() {
    let simulator = simulator();
    let keys = table(&simulator);
    let settings = settings(&[&simulator]);
    drop(simulator);
    assert_eq!(
        code(HostCommandHsm::with_keys(settings.clone(), keys.clone())),
        "R1342"
    );
    let mut nowhere = settings.clone();
    nowhere.pool.hosts.clear();
    assert_eq!(
        code(HostCommandHsm::with_keys(nowhere, keys.clone())),
        "R1347"
    );
    let mut header = settings;
    header.header = 99;
    assert_eq!(code(HostCommandHsm::with_keys(header, keys)), "R1347");
}

#[test]
fn a_rate_limit_slows_and_does_not_break() {
    let mut limited = SimulatorSettings::local(common::SEED);
    limited.rate = Some(2_500);
    let simulator = Simulator::start(limited).unwrap();
    let hsm = driver(&simulator);
    let (_, key) = with_cvk(&hsm);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut session = hsm.open_session().unwrap();
                for _ in 0..25 {
                    assert_eq!(cvv(session.as_mut(), key).unwrap(), "479");
                }
            });
        }
    });
}

#[test]
fn the_simulator_says_what_it_is_and_keeps_its_rules() {
    let simulator = simulator();
    let answer = simulator.answer(b"1234NC");
    let check = simulator.lmk().check_value();
    assert_eq!(answer, format!("1234ND00{check}{FIRMWARE}").into_bytes());
    assert!(FIRMWARE.contains("TEST") && FIRMWARE.contains("SIMULATOR"));
    for (message, expected) in [
        (b"1234XX".to_vec(), "1234XY68"),
        (b"1234CW".to_vec(), "1234CX15"),
        (b"1234CWU0123".to_vec(), "1234CX15"),
        (b"12".to_vec(), "12?@68"),
    ] {
        assert_eq!(
            String::from_utf8(simulator.answer(&message)).unwrap(),
            expected
        );
    }
    let mut settings = SimulatorSettings::local(common::SEED);
    settings.authorised = false;
    let shut = Simulator::start(settings).unwrap();
    let hsm = driver(&shut);
    let mut session = hsm.open_session().unwrap();
    let pin = session.generate_pin(4, &DRAW).unwrap();
    let refused = session.reveal_pin(&pin).err().unwrap();
    assert_eq!(refused.code, "R1344");
    assert!(refused.what.contains("17"), "{refused}");
}

#[test]
fn what_settings_do_not_allow_is_refused() {
    let simulator = simulator();
    let mut strict = settings(&[&simulator]);
    strict.host_memory = false;
    strict.proposed_commands = false;
    let hsm = HostCommandHsm::with_keys(strict, table(&simulator)).unwrap();
    let mut session = hsm.open_session().unwrap();
    let pin = session.generate_pin(4, &DRAW).unwrap();
    assert_eq!(code(session.reveal_pin(&pin)), "R1340");
    assert_eq!(code(session.plain_offline_pin(&pin)), "R1340");
    assert_eq!(code(session.card_pin_block(&pin)), "R1341");
    let codes: std::collections::BTreeSet<_> = CODES.iter().map(|c| c.0).collect();
    assert_eq!(codes.len(), CODES.len());
}

proptest! {
    // Any octets as answer to any command: an error or values of the layout, never a panic.
    #[test]
    fn any_answer_is_survived(octets in prop::collection::vec(any::<u8>(), 0..200), row in 0..LAYOUTS.len()) {
        let context = Context { pin_characters: 13, lmk: None };
        let layout = LAYOUTS[row];
        let _ = framing::read_answer(layout, b"0000", &octets, &context);
        let mut fitting = b"0000".to_vec();
        fitting.extend_from_slice(&layout.answer_code());
        fitting.extend_from_slice(b"00");
        fitting.extend_from_slice(&octets);
        let _ = framing::read_answer(layout, b"0000", &fitting, &context);
        let _ = layout::decode(layout.request, &octets, &context);
    }
}

// Any octets as request: the simulator answers with its own header and an error.
#[test]
fn the_simulator_survives_any_request() {
    let simulator = simulator();
    let mut state = 0x1234_5678_u32;
    for row in LAYOUTS {
        for length in [0usize, 1, 7, 33, 80, 200] {
            let mut message = b"0000".to_vec();
            message.extend_from_slice(row.code.as_bytes());
            for _ in 0..length {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                message.push((state >> 24) as u8);
            }
            let answer = simulator.answer(&message);
            assert!(answer.starts_with(b"0000"), "{}", row.code);
        }
    }
}

// Each octet of a sealed PIN: it opens with none of them changed and with no shorter one.
#[test]
fn a_sealed_value_that_was_changed_does_not_open() {
    let simulator = simulator();
    let hsm = driver(&simulator);
    let mut session = hsm.open_session().unwrap();
    let whole = session.generate_pin(4, &DRAW).unwrap();
    session.reveal_pin(&whole).unwrap();
    for place in 0..whole.0.len() {
        let mut changed = whole.clone();
        changed.0[place] ^= 1;
        assert_eq!(code(session.reveal_pin(&changed)), "R1346", "octet {place}");
        changed.0.truncate(place);
        assert_eq!(
            code(session.reveal_pin(&changed)),
            "R1346",
            "cut at {place}"
        );
    }
}

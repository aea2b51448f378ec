//! Several tokens: load spread, fail-over, a token that comes back with other keys; and what waits
//! when all sessions are in use.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cardwright_pkcs11::objects::{self, Flags, Kind, Place, Protection};
use cardwright_pkcs11::settings::TokenName;
use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use cardwright_pkcs11_raw::{Attribute, Session, ck};
use cardwright_ports::hsm::{Draw, Hsm, HsmSession, KeyHandle, KeyUse};
use common::{
    DOUBLE, Ground, PAN, code, plan, raw, request, slot, unhex, with_faults, with_soft_hsm,
};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 7,
    purpose: "test",
};

fn opened(ground: &Ground, change: impl FnOnce(&mut cardwright_pkcs11::Settings)) -> Pkcs11Hsm {
    let mut settings = ground.settings();
    settings.rest = Duration::ZERO;
    change(&mut settings);
    Pkcs11Hsm::open(settings).unwrap()
}

fn cvk(hsm: &Pkcs11Hsm, session: &mut dyn HsmSession) -> KeyHandle {
    let request = request("m.cvk", "tdes2", KeyUse::CardVerification);
    hsm.import_key(&request, &unhex(DOUBLE)).unwrap();
    session.bind(&request).unwrap()
}

fn value(session: &mut dyn HsmSession, key: KeyHandle) -> &'static str {
    match session.card_verification_value(key, PAN, "2812", "201") {
        Ok(value) if value == "479" => "479",
        Ok(_) => "another value",
        Err(e) => e.code,
    }
}

#[test]
fn tokens_share_the_load_and_stand_in_for_each_other() {
    with_faults(
        "tokens_share_the_load_and_stand_in_for_each_other",
        2,
        |ground| {
            let refused = opened(ground, |s| s.host_memory = HostMemory::Refused);
            assert_eq!(code(refused.prepare()), "R1336");
            let hsm = opened(ground, |_| {});
            hsm.prepare().unwrap();
            let mut session = hsm.open_session().unwrap();
            let key = cvk(&hsm, session.as_mut());
            for _ in 0..10 {
                assert_eq!(value(session.as_mut(), key), "479");
            }
            let pin = session.generate_pin(5, &DRAW).unwrap();
            let served = |hsm: &Pkcs11Hsm| [hsm.status()[0].served, hsm.status()[1].served];
            assert!(served(&hsm).iter().all(|n| *n >= 4), "{:?}", hsm.status());
            for (place, other) in [(0, 1), (1, 0)] {
                // 50 is CKR_DEVICE_REMOVED.
                plan(&format!(
                    "C_EncryptInit 0 return 50 @{0}\nC_SignInit 0 return 50 @{0}\nC_DecryptInit 0 return 50 @{0}",
                    slot(ground, place)
                ));
                for _ in 0..4 {
                    assert_eq!(value(session.as_mut(), key), "479");
                    // Drawn and sealed by one token, opened and drawn again by the other.
                    assert_eq!(session.generate_pin(5, &DRAW).unwrap(), pin);
                    assert_eq!(session.reveal_pin(&pin).unwrap().expose().len(), 5);
                }
                assert_eq!(hsm.status()[place].state, "resting", "{:?}", hsm.status());
                assert_eq!(hsm.status()[other].state, "up");
                plan("");
                for _ in 0..4 {
                    assert_eq!(value(session.as_mut(), key), "479");
                }
                // With the other one gone it is asked again, examined, and back.
                plan(&format!(
                    "C_EncryptInit 1 return 50 @{}",
                    slot(ground, other)
                ));
                for _ in 0..6 {
                    assert_eq!(value(session.as_mut(), key), "479");
                }
                plan("");
                for _ in 0..6 {
                    assert_eq!(value(session.as_mut(), key), "479");
                }
            }
            plan("C_EncryptInit 0 return 50");
            assert_eq!(value(session.as_mut(), key), "R1325");
            plan("");
            assert_eq!(value(session.as_mut(), key), "479");
        },
    );
}

fn replace(session: &Session, value: &str) {
    for label in ["m.cvk", "m.cvk#left"] {
        let template = [Attribute::octets(ck::CKA_LABEL, label.as_bytes())];
        for object in session.find(&template, 9).unwrap() {
            session.destroy(object).unwrap();
        }
        let place = Place::Token(label, "card_verification/tdes2");
        let key = match label.contains('#') {
            true => objects::left_twice(&unhex(value)).unwrap().to_vec(),
            false => unhex(value),
        };
        let place = (place, Protection::Inside);
        objects::import(session, Kind::Des2, Flags::ENCRYPT, place, &key).unwrap();
    }
}

#[test]
fn a_token_that_comes_back_with_other_keys_is_out() {
    with_faults(
        "a_token_that_comes_back_with_other_keys_is_out",
        2,
        |ground| {
            let hsm = opened(ground, |_| {});
            hsm.prepare().unwrap();
            let mut session = hsm.open_session().unwrap();
            let key = cvk(&hsm, session.as_mut());
            plan(&format!("C_EncryptInit 0 return 50 @{}", slot(ground, 0)));
            for _ in 0..4 {
                assert_eq!(value(session.as_mut(), key), "479");
            }
            replace(&raw(ground, 0), "FEDCBA98765432100123456789ABCDEF");
            // It answers again, and the other one does not.
            plan(&format!("C_EncryptInit 0 return 50 @{}", slot(ground, 1)));
            for _ in 0..3 {
                assert_ne!(value(session.as_mut(), key), "another value");
            }
            assert!(
                hsm.status()[0].state.contains("R1337"),
                "{:?}",
                hsm.status()
            );
            plan("");
            for _ in 0..4 {
                assert_eq!(value(session.as_mut(), key), "479");
            }
            // At the first binding it is seen as well.
            let hsm = opened(ground, |_| {});
            let mut session = hsm.open_session().unwrap();
            let request = request("m.cvk", "tdes2", KeyUse::CardVerification);
            assert_eq!(code(session.bind(&request)), "R1337");
        },
    );
}

#[test]
fn storage_keys_in_some_tokens_only_are_refused() {
    with_soft_hsm(
        "storage_keys_in_some_tokens_only_are_refused",
        2,
        |ground| {
            let first = TokenName::Label(ground.tokens[0].clone());
            let alone = opened(ground, |s| s.tokens = vec![first]);
            alone.prepare().unwrap();
            let both = opened(ground, |_| {});
            assert_eq!(code(both.prepare()), "R1337");
            // Both prepared, each for itself: they hold other keys.
            let second = TokenName::Label(ground.tokens[1].clone());
            let other = opened(ground, |s| s.tokens = vec![second]);
            other.prepare().unwrap();
            let both = Pkcs11Hsm::open(ground.settings()).map(drop);
            assert_eq!(code(both), "R1337");
        },
    );
}

#[test]
fn who_finds_no_free_session_waits_and_then_gives_up() {
    with_faults(
        "who_finds_no_free_session_waits_and_then_gives_up",
        1,
        |ground| {
            let hsm = opened(ground, |s| {
                s.sessions = 1;
                s.wait = Duration::from_millis(100);
            });
            hsm.prepare().unwrap();
            let mut session = hsm.open_session().unwrap();
            let key = cvk(&hsm, session.as_mut());
            plan("C_Encrypt 0 delay 1500");
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..3)
                    .map(|_| {
                        let mut session = hsm.open_session().unwrap();
                        scope.spawn(move || value(session.as_mut(), key))
                    })
                    .collect();
                let mut found: Vec<_> = workers.into_iter().map(|w| w.join().unwrap()).collect();
                found.sort_unstable();
                assert_eq!(found, ["479", "R1329", "R1329"]);
            });
            plan("");
            // With time enough, everybody is served by the one session.
            let hsm = opened(ground, |s| s.sessions = 1);
            let mut session = hsm.open_session().unwrap();
            let request = request("m.cvk", "tdes2", KeyUse::CardVerification);
            let key = session.bind(&request).unwrap();
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..8)
                    .map(|_| {
                        let mut session = hsm.open_session().unwrap();
                        scope.spawn(move || value(session.as_mut(), key))
                    })
                    .collect();
                for worker in workers {
                    assert_eq!(worker.join().unwrap(), "479");
                }
            });
            let calls = hsm.calls();
            println!("{calls:?} {:?}", hsm.status());
        },
    );
}

#[test]
fn tokens_that_are_not_there_are_named() {
    with_soft_hsm("tokens_that_are_not_there_are_named", 1, |ground| {
        let mut settings = ground.settings();
        settings.tokens = vec![TokenName::Label("nobody".to_owned())];
        let error = Pkcs11Hsm::open(settings).map(drop).unwrap_err();
        assert_eq!(error.code, "R1325");
        assert!(error.what.contains("nobody"), "{error}");
        let mut settings = ground.settings();
        settings.module = ground.folder.join("nothing.so");
        assert_eq!(code(Pkcs11Hsm::open(settings).map(drop)), "R1320");
        let mut settings = ground.settings();
        settings.sessions = 0;
        assert_eq!(code(Pkcs11Hsm::open(settings).map(drop)), "R1338");
        let mut settings = ground.settings();
        settings.tokens = vec![TokenName::Slot(slot(ground, 0))];
        assert_eq!(code(Pkcs11Hsm::open(settings).map(drop)), "accepted");
    });
}

// A lane that asks again and again gives its session back in between, and is there again before
// whoever it wakes.
#[test]
fn who_came_first_is_served_first() {
    with_faults("who_came_first_is_served_first", 1, |ground| {
        let hsm = opened(ground, |s| {
            s.sessions = 1;
            s.wait = Duration::from_secs(4);
        });
        hsm.prepare().unwrap();
        let mut session = hsm.open_session().unwrap();
        let key = cvk(&hsm, session.as_mut());
        plan("C_Encrypt 0 delay 100");
        let (busy, served) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let mut greedy = hsm.open_session().unwrap();
            let (busy, served) = (&busy, &served);
            scope.spawn(move || {
                while !served.load(Ordering::Relaxed) {
                    let found = value(greedy.as_mut(), key);
                    busy.store(true, Ordering::Relaxed);
                    assert_eq!(found, "479");
                }
            });
            while !busy.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            let found: Vec<_> = (0..3).map(|_| value(session.as_mut(), key)).collect();
            served.store(true, Ordering::Relaxed);
            assert_eq!(found, ["479", "479", "479"]);
        });
        plan("");
    });
}

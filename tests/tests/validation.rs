//! A terminal's checks against cards that are wrong, damaged or hostile: each refusal by the code
//! that names it. The card is a virtual one, personalized as the line does it; a trick changes its
//! answers on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::Content;
use cardwright_ports::{
    CardChannel, CardError, Hsm, HsmSession,
    hsm::Draw,
    machine::{StripeRead, VisionRead},
};
use cardwright_rehearsal::{Order, Rehearsal, rehearsal_day};
use cardwright_runtime::{
    Loaded,
    datagen::{CardData, DgiValue},
    plan::BoundKeys,
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{
    StationError, perso,
    validation::{Specimen, Validator, Verdict},
};
use cardwright_tests::plant::{self, Lent, REHEARSAL_SEED, TrickCard, unplugged};
use cardwright_virtual_card::VirtualCard;
use std::collections::BTreeMap;

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 1,
    purpose: "test",
};

/// The small bank at work on one card.
struct Bench {
    loaded: Loaded,
    session: Box<dyn HsmSession>,
    keys: BoundKeys,
    data: CardData,
}

fn bench() -> Bench {
    bench_with(|_| {})
}

/// With a bundle that was changed after its data were made.
fn bench_with(change: impl FnOnce(&mut Content)) -> Bench {
    let mut rehearsal = Rehearsal::new(plant::small_bank()).expect("it rehearses");
    let data = rehearsal.order(&plant::order()).expect("a card").data;
    let hsm = SoftHsm::in_memory(REHEARSAL_SEED).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let loaded = plant::loaded(change);
    let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("its keys");
    Bench {
        loaded,
        session,
        keys,
        data,
    }
}

impl Bench {
    fn blank(&self) -> VirtualCard {
        let content = self.loaded.content();
        let chip = content.cards[0].chip.as_ref().expect("a chip");
        plant::blank(content, chip, [0, 0, 0, 7])
    }

    fn personalize(&mut self, card: &mut dyn CardChannel) -> Result<(), StationError> {
        let content = self.loaded.content();
        let chip = content.cards[0].chip.as_ref().expect("a chip");
        let session = self.session.as_mut();
        perso::personalize(
            &self.loaded,
            chip,
            &self.keys,
            &self.data,
            session,
            card,
            &DRAW,
        )
        .map(|_| ())
    }

    fn finished(&mut self) -> VirtualCard {
        let mut card = self.blank();
        self.personalize(&mut card).expect("a good card");
        card
    }

    fn read(&mut self, chip: Option<&mut dyn CardChannel>, stripe: bool) -> Vec<Verdict> {
        let read = StripeRead {
            track1: self.data.track1.clone(),
            track2: self.data.track2.clone(),
            duration_us: 0,
        };
        let vision = VisionRead {
            lines: Vec::new(),
            panels: Vec::new(),
            duration_us: 0,
        };
        let validator = Validator::new(&self.loaded, "ready", &self.keys, rehearsal_day());
        let specimen = Specimen {
            data: &self.data,
            chip: chip.map(|c| c as &mut dyn CardChannel),
            stripe: stripe.then_some(&read),
            vision: Some(&vision),
        };
        let session = self.session.as_mut();
        validator.expect("a scenario").run(specimen, session, &DRAW)
    }
}

/// Verdicts on a good card whose answers are changed.
fn tricked(
    bench: &mut Bench,
    mut trick: impl FnMut(&[u8], Vec<u8>) -> Vec<u8> + Send,
) -> Vec<Verdict> {
    let card = bench.finished();
    let mut card = TrickCard::new(card, |_, command, answer| Ok(trick(command, answer)));
    bench.read(Some(&mut card), true)
}

#[track_caller]
fn says(verdicts: &[Verdict], check: &str, code: &str) {
    let verdict = verdicts.iter().find(|v| v.name == check);
    let verdict = verdict.unwrap_or_else(|| panic!("no check `{check}` in {verdicts:?}"));
    let (found, words) = verdict.failure.clone().unwrap_or(("passed", String::new()));
    assert_eq!(found, code, "{words}");
    assert!(words.len() > 8, "{words}");
}

/// `tag | length | value`, hexadecimal, up to 255 octets.
fn object(tag: &str, value: &[u8]) -> Vec<u8> {
    let mut out = hex::decode(tag).expect("a tag");
    if value.len() > 0x7F {
        out.push(0x81);
    }
    out.push(u8::try_from(value.len()).expect("a short value"));
    out.extend_from_slice(value);
    out
}

fn good(data: &[u8]) -> Vec<u8> {
    [data, &[0x90, 0x00]].concat()
}

fn place(answer: &[u8], part: &[u8]) -> Option<usize> {
    answer.windows(part.len()).position(|w| w == part)
}

/// Flips a bit of the octet so far behind a sequence, where it occurs.
fn flipped(mut answer: Vec<u8>, part: &[u8], behind: usize) -> Vec<u8> {
    if let Some(at) = place(&answer, part) {
        answer[at + part.len() + behind] ^= 0x01;
    }
    answer
}

const AID: [u8; 7] = [0xF0, 0, 0, 0, 0x92, 0x10, 0x10];

fn selects_application(command: &[u8]) -> bool {
    command[1] == 0xA4 && place(command, &AID).is_some()
}

#[test]
fn a_good_card_passes_every_check() {
    let verdicts = tricked(&mut bench(), |_, answer| answer);
    assert!(verdicts.len() >= 8);
    assert!(verdicts.iter().all(|v| v.failure.is_none()), "{verdicts:?}");
}

#[test]
fn a_card_that_refuses_or_says_too_little_or_too_much() {
    let refuses = tricked(&mut bench(), |_, _| vec![0x6A, 0x82]);
    says(&refuses, "contact select", "R1210");
    let endless = tricked(&mut bench(), |_, _| vec![0x61, 0x10]);
    says(&endless, "contact select", "R1210");
    for answer in [vec![], vec![0x90], vec![0x90; 65_536]] {
        let verdicts = tricked(&mut bench(), |_, _| answer.clone());
        says(&verdicts, "contact select", "R1211");
    }
    let noise = tricked(&mut bench(), |_, _| good(&[0xFF; 40]));
    says(&noise, "contact select", "R1255");
    // What was not selected can't be read.
    says(&noise, "contact read records", "R1251");
}

#[test]
fn a_directory_without_the_application() {
    let verdicts = tricked(&mut bench(), |command, answer| match command[1] {
        0xB2 => flipped(answer, &AID[..6], 0),
        _ => answer,
    });
    says(&verdicts, "contact select", "R1223");
}

#[test]
fn a_selection_of_something_else() {
    let other = object("6F", &[object("84", &[1; 7]), object("A5", &[])].concat());
    let verdicts = tricked(&mut bench(), |command, answer| {
        if selects_application(command) {
            good(&other)
        } else {
            answer
        }
    });
    says(&verdicts, "contact select", "R1258");
    let nameless = object("6F", &object("A5", &[]));
    let verdicts = tricked(&mut bench(), |command, answer| {
        if selects_application(command) {
            good(&nameless)
        } else {
            answer
        }
    });
    says(&verdicts, "contact select", "R1254");
    // A list that asks for more data than a short command carries.
    let dol = [0x9F, 0x02, 0xFF, 0x9F, 0x03, 0xFF];
    let greedy = object("A5", &object("9F38", &dol));
    let greedy = object("6F", &[object("84", &AID), greedy].concat());
    let verdicts = tricked(&mut bench(), |command, answer| {
        if selects_application(command) {
            good(&greedy)
        } else {
            answer
        }
    });
    says(&verdicts, "contact select", "R1256");
}

#[test]
fn a_file_locator_that_can_t_be() {
    for afl in [
        vec![],
        vec![0x08, 1, 1],
        vec![0x08, 0, 1, 0],
        vec![0x08, 2, 1, 0],
        vec![0xF8, 1, 1, 0],
        [0x08, 1, 255, 0].repeat(2),
    ] {
        let gpo = [object("82", &[0x20, 0]), object("94", &afl)].concat();
        let verdicts = tricked(&mut bench(), |command, answer| match command[1] {
            0xA8 => good(&object("77", &gpo)),
            // A card that has every record.
            0xB2 if command[3] & 0x07 == 4 && afl.len() == 8 => good(&object("70", &[])),
            _ => answer,
        });
        let code = verdicts.iter().find(|v| v.name == "contact read records");
        let code = code.and_then(|v| v.failure.clone()).map(|f| f.0);
        let directory = verdicts[0].failure.is_some();
        assert!(
            directory || code == Some("R1224"),
            "{afl:02X?}: {verdicts:?}"
        );
    }
}

#[test]
fn a_data_object_that_stands_twice() {
    let verdicts = tricked(&mut bench(), |command, answer| {
        if command[1] == 0xB2 && place(&answer, &[0x8C]).is_some() && answer[0] == 0x70 {
            let pan = object("5A", &[0x99; 8]);
            good(&object("70", &[pan.clone(), pan].concat()))
        } else {
            answer
        }
    });
    says(&verdicts, "contact read records", "R1253");
    says(&verdicts, "contact data matches source", "R1254");
}

#[test]
fn signatures_certificates_and_cryptograms_that_do_not_hold() {
    let verdicts = tricked(&mut bench(), |command, mut answer| {
        if command[1] == 0x88 {
            let middle = answer.len() / 2;
            answer[middle] ^= 1;
        }
        answer
    });
    says(&verdicts, "contact authenticate dda", "R1225");
    let verdicts = tricked(&mut bench(), |_, answer| flipped(answer, &[0x9F, 0x46], 20));
    says(&verdicts, "contact authenticate dda", "R1226");
    let verdicts = tricked(&mut bench(), |_, answer| {
        flipped(answer, &[0x9F, 0x26, 8], 3)
    });
    says(&verdicts, "contact purchase", "R1228");
    // The card declines at once, or takes back what its issuer has approved.
    for which in [1, 2] {
        let mut seen = 0;
        let verdicts = tricked(&mut bench(), |command, mut answer| {
            if command[1] == 0xAE {
                seen += 1;
                if seen == which
                    && let Some(at) = place(&answer, &[0x9F, 0x27, 1])
                {
                    answer[at + 3] = 0x00;
                }
            }
            answer
        });
        says(&verdicts, "contact purchase", "R1227");
    }
}

#[test]
fn what_the_scenario_asks_for_and_the_card_has_not() {
    let mut bench = bench();
    let none = bench.read(None, false);
    says(&none, "contact select", "R1250");
    says(&none, "stripe track2 matches source", "R1257");
    // The card was made without a PIN; the scenario wants one.
    bench.data.applications[0].pin = None;
    let mut card = bench.blank();
    bench.personalize(&mut card).expect("a card");
    let verdicts = bench.read(Some(&mut card), true);
    says(&verdicts, "contact verify pin", "R1259");
}

#[test]
fn a_check_of_tomorrow_and_one_without_a_selection() {
    let mut bench = bench_with(|content| {
        content.scenarios[0].checks[1].check = "levitate".to_owned();
    });
    let verdicts = tricked(&mut bench, |_, answer| answer);
    says(&verdicts, "contact levitate", "R1252");
    let mut bench = bench_with(|content| {
        content.scenarios[0].checks.remove(0);
    });
    let verdicts = tricked(&mut bench, |_, answer| answer);
    says(&verdicts, "contact read records", "R1251");
}

#[test]
fn an_applet_that_gives_its_secrets_out() {
    let mut bench = bench_with(|content| {
        content.scenarios[0].checks[1].check = "groupings_match_source".to_owned();
    });
    let dgis = bench.data.applications.iter().flat_map(|a| &a.dgis);
    let clear: BTreeMap<u16, Vec<u8>> = dgis
        .filter_map(|dgi| match &dgi.value {
            DgiValue::Clear(octets) => Some((dgi.number, octets.clone())),
            DgiValue::Sealed(..) => None,
        })
        .collect();
    let verdicts = tricked(&mut bench, |command, answer| {
        if command[1] != 0xCA {
            return answer;
        }
        let number = u16::from_be_bytes([command[2], command[3]]);
        good(clear.get(&number).unwrap_or(&vec![0x5A; 16]))
    });
    says(&verdicts, "contact groupings match source", "R1229");
}

#[test]
fn groupings_that_belong_together_and_fit_into_no_command() {
    let mut bench = bench();
    for application in &mut bench.data.applications {
        for dgi in application.dgis.iter_mut().skip(1) {
            dgi.joined = true;
        }
    }
    let mut card = bench.blank();
    let refused = bench.personalize(&mut card).expect_err("too much");
    assert_eq!(refused.code, "R1212", "{refused}");
    assert!(refused.what.contains("DGI"), "{refused}");
}

#[test]
fn a_contact_card_in_a_contactless_check() {
    let mut bench = bench_with(|content| {
        content.scenarios[0].checks[0].on = "contactless".to_owned();
    });
    // The trick's reader has contacts only.
    let verdicts = tricked(&mut bench, |_, answer| answer);
    says(&verdicts, "contactless select", "R1209");
}

#[test]
fn a_reader_unplugged_at_any_command_of_the_line_spoils_the_card_and_nothing_else() {
    let mut bench = bench();
    let mut whole = TrickCard::new(bench.blank(), |_, _, answer| Ok(answer));
    bench.personalize(&mut whole).expect("a good card");
    let commands = whole.commands();
    assert!(commands > 15, "{commands} commands");
    for k in 0..commands {
        let mut card = bench.blank();
        let mut reader = TrickCard::new(Lent(&mut card), |n, _, answer| match n {
            n if n >= k => Err(unplugged()),
            _ => Ok(answer),
        });
        let refused = bench.personalize(&mut reader).expect_err("it was pulled");
        assert_eq!(refused.code, "R1263", "command {k}");
        drop(reader);
        // No terminal takes a card that is half written, except when only the last word was lost.
        let verdicts = bench.read(Some(&mut card), true);
        let passes = verdicts.iter().all(|v| v.failure.is_none());
        assert!(!passes || k + 1 == commands, "command {k}");
    }
    let commands = {
        let mut card = TrickCard::new(bench.finished(), |_, _, answer| Ok(answer));
        bench.read(Some(&mut card), true);
        card.commands()
    };
    for k in 0..commands {
        let card = bench.finished();
        let mut reader = TrickCard::new(card, |n, _, answer| match n {
            n if n >= k => Err(unplugged()),
            _ => Ok(answer),
        });
        let verdicts = bench.read(Some(&mut reader), true);
        assert!(verdicts.iter().any(|v| v.failure.is_some()), "command {k}");
    }
}

#[test]
fn every_changed_answer_while_a_card_is_written_is_noticed() {
    let mut bench = bench();
    let mut changed = |k: usize, change: &(dyn Fn(&mut Vec<u8>) + Sync)| {
        let trick = |n, _: &[u8], mut answer: Vec<u8>| -> Result<Vec<u8>, CardError> {
            if n == k {
                change(&mut answer);
            }
            Ok(answer)
        };
        let mut card = TrickCard::new(bench.blank(), trick);
        let written = bench.personalize(&mut card);
        (card.commands(), written)
    };
    let (commands, written) = changed(usize::MAX, &|_| {});
    written.expect("the control");
    for k in 0..commands {
        let last = |answer: &mut Vec<u8>| answer.last_mut().into_iter().for_each(|o| *o ^= 1);
        let (_, written) = changed(k, &last);
        let refused = written.expect_err("another status word");
        assert!(matches!(refused.code, "R1210" | "R1309"), "{k}: {refused}");
        let (_, written) = changed(k, &|answer| answer.clear());
        let refused = written.expect_err("no answer");
        assert!(matches!(refused.code, "R1211" | "R1309"), "{k}: {refused}");
        let (_, written) = changed(k, &|answer| *answer = vec![0x90; 65_536]);
        assert_eq!(written.expect_err("64 KB").code, "R1211");
        let (_, written) = changed(k, &|answer| *answer = vec![0x61, 0x10]);
        assert!(written.is_err(), "{k}: more data, for ever");
    }
    // Each answer to STORE DATA carries a MAC (SCP03, R-MAC and R-ENCRYPTION).
    let stores: Vec<usize> = {
        let mut stores = Vec::new();
        let mut card = TrickCard::new(bench.blank(), |n, command: &[u8], answer| {
            stores.extend((command[1] == 0xE2).then_some(n));
            Ok(answer)
        });
        bench.personalize(&mut card).expect("the control");
        drop(card);
        stores
    };
    assert!(stores.len() > 8, "{stores:?}");
    for k in stores {
        let trick = |n, _: &[u8], mut answer: Vec<u8>| -> Result<Vec<u8>, CardError> {
            answer[0] ^= if n == k { 0x80 } else { 0 };
            Ok(answer)
        };
        let mut card = TrickCard::new(bench.blank(), trick);
        let refused = bench.personalize(&mut card).expect_err("a bad MAC");
        assert_eq!(refused.code, "R1309", "command {k}");
    }
}

#[test]
fn a_card_that_was_personalized_before_takes_no_second_life() {
    let mut bench = bench();
    let mut card = bench.finished();
    let refused = bench.personalize(&mut card).expect_err("it is full");
    assert!(matches!(refused.code, "R1210" | "R1309"), "{refused}");
    // It is still the card that it was.
    let verdicts = bench.read(Some(&mut card), true);
    assert!(verdicts.iter().all(|v| v.failure.is_none()), "{verdicts:?}");
}

#[test]
fn another_card_in_the_slot_is_noticed() {
    let mut bench = bench();
    let card = bench.finished();
    // The same card of another order: everything on it holds, but it is not this one.
    let mut rehearsal = Rehearsal::new(plant::small_bank()).expect("it rehearses");
    let psn = Order {
        fields: [("psn".to_owned(), vec!["07".to_owned()])].into(),
        ..plant::order()
    };
    bench.data = rehearsal.order(&psn).expect("a card").data;
    let mut card = card;
    let verdicts = bench.read(Some(&mut card), true);
    says(&verdicts, "contact data matches source", "R1258");
}

//! Whole ceremonies over a real store and the soft HSM: as they should go, cut off at every effect,
//! and with wrong components.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;
mod room;

use cardwright_keys::ceremony::{Check, Kind, Phase, Plan, WRONG_MAX, Wanted, ceremonies, wanted};
use cardwright_keys::inventory::{CheckText, State};
use cardwright_ports::Registers;
use cardwright_ports::custody::*;
use cardwright_ports::register::Register;
use cardwright_soft_hsm::SoftHsm;
use common::NOW;
use room::{PARTS, Room, bytes, code, plan};

#[test]
fn a_key_is_generated_by_components() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Generate, 3)).unwrap();
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    assert_eq!(ceremony.signatures.len(), 6);
    // The forms make the key: their XOR has its check value.
    let mut sum = [0u8; 16];
    for part in &ceremony.parts {
        let clear = room.tray.borrow().forms[&ceremony.form(part)].clone();
        for (octet, other) in sum.iter_mut().zip(hex::decode(clear).unwrap()) {
            *octet ^= other;
        }
    }
    let value = cardwright_standards::kcv::check_value(
        cardwright_standards::kcv::Algorithm::Tdes,
        cardwright_standards::kcv::Method::Ecb,
        &sum,
    );
    assert_eq!(room.keys()[0].check_values[0].octets, value.unwrap());
    let inventory = room.inventory();
    let entry = inventory.get("aurora.zmk@1").unwrap();
    assert_eq!(entry.custodians, ["Cleo Marsh", "Dan Petrov", "Eva Lind"]);
    assert_eq!(entry.check_values, ceremony.check_values);
}

#[test]
fn a_key_is_imported_exported_and_destroyed() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Import, 3)).unwrap();
    room.go_on(&id).unwrap();
    room.settled(&id);
    let imported = room.keys()[0].check_values.clone();

    let id = room.open(&plan(Kind::Export, 2)).unwrap();
    room.go_on(&id).unwrap();
    let exported = room.settled(&id);
    assert_eq!(
        room.inventory().get("aurora.zmk@1").unwrap().exports.len(),
        1
    );
    // Another site's HSM joins what the forms say.
    let there = SoftHsm::in_memory([9; 32]).unwrap();
    let mut there = there.open_custody().unwrap();
    let taken: Vec<_> = exported
        .parts
        .iter()
        .map(|part| {
            let clear = bytes(&room.tray.borrow().forms[&exported.form(part)]);
            there
                .take_component("c", KeyAlgorithm::Tdes2, &clear)
                .unwrap()
        })
        .collect();
    let key = NewKey {
        label: "zmk@1",
        algorithm: KeyAlgorithm::Tdes2,
        usage: cardwright_ports::hsm::KeyUse::Transport,
        exportability: Exportability::NonExportable,
    };
    let joined = there.combine("c", &taken, &key, None).unwrap();
    assert_eq!(joined.check_values, imported);

    let id = room.open(&plan(Kind::Destroy, 0)).unwrap();
    room.go_on(&id).unwrap();
    room.settled(&id);
    assert!(room.keys().is_empty());
    assert_eq!(
        room.inventory().get("aurora.zmk@1").unwrap().state,
        State::Destroyed
    );
    assert_eq!(ceremonies(&room.store).unwrap().len(), 3);
}

#[test]
fn an_issuer_key_pair_is_made_under_two_officers() {
    let room = Room::new();
    let mut wish = plan(Kind::KeyPair, 0);
    wish.key.name = "aurora.issuer_rsa".into();
    wish.key.usage = "emv.issuer_private".into();
    wish.key.algorithm = "rsa".into();
    wish.key.bits = 1152;
    wish.key.exponent = 3;
    let id = room.open(&wish).unwrap();
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    assert_eq!(ceremony.check_values[0].method, "sha256");
    assert_eq!(room.keys()[0].label, "aurora.issuer_rsa@1");
}

/// Cuts a ceremony off at each of its effects, before and after it, and goes on.
fn cut_everywhere(before: &[Kind], kind: Kind, parts: u8) {
    let prepare = || {
        let room = Room::new();
        for kind in before {
            let id = room.open(&plan(*kind, 2)).unwrap();
            room.go_on(&id).unwrap();
        }
        room
    };
    let mut cuts = 0;
    for after in [false, true] {
        for effect in 0.. {
            let room = prepare();
            room.fuse.set(effect, after);
            let id = room.open(&plan(kind, parts));
            let ended = id.clone().and_then(|id| room.go_on(&id));
            let cut = room.fuse.blown();
            room.fuse.mend();
            if !cut {
                ended.unwrap();
                break;
            }
            cuts += 1;
            let all = ceremonies(&room.store).unwrap();
            let id = match all.get(before.len()) {
                Some(ceremony) => ceremony.id.clone(),
                // Nothing was begun.
                None => room.open(&plan(kind, parts)).unwrap(),
            };
            let ada = room.present("Ada Olsen").unwrap();
            room.work(|c| c.resume(&id, &ada, NOW)).unwrap();
            room.go_on(&id).unwrap();
            let ceremony = room.settled(&id);
            assert_eq!(ceremony.phase, Phase::Done, "cut at {effect}");
            let there = usize::from(kind != Kind::Destroy);
            assert_eq!(room.keys().len(), there, "cut at {effect}");
            if kind == Kind::Generate {
                let used = |p: &cardwright_keys::ceremony::Part| {
                    room.tray.borrow().forms.contains_key(&ceremony.form(p))
                };
                assert!(ceremony.parts.iter().all(used));
            }
        }
    }
    assert!(cuts >= 20, "{cuts} cuts");
}

#[test]
fn generation_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[], Kind::Generate, 2);
}

#[test]
fn import_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[], Kind::Import, 2);
}

#[test]
fn export_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[Kind::Import], Kind::Export, 2);
}

#[test]
fn destruction_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[Kind::Import], Kind::Destroy, 2);
}

/// Up to the point where the first component is typed.
fn at_entry(room: &Room, wish: &Plan) -> String {
    let id = room.open(wish).unwrap();
    loop {
        let ceremony = room.work(|c| c.ceremony(&id)).unwrap();
        if matches!(wanted(&ceremony), Wanted::Enter { .. }) {
            return id;
        }
        room.one_step(&ceremony).unwrap();
    }
}

#[test]
fn wrong_components_are_refused_and_the_third_ends_the_ceremony() {
    let short = "0123456789ABCDEFFEDCBA98765432";
    let parity = "0023456789ABCDEFFEDCBA9876543210";
    for (typed, beside, expected) in [
        (short, None, "R1376"),
        (parity, None, "R1376"),
        ("01010101010101010101010101010101", None, "R1372"),
        (PARTS[0], Some("08D7B5"), "R1381"),
        (PARTS[0], Some("08D7"), "R1381"),
        (PARTS[0], Some(""), "R1381"),
    ] {
        let room = Room::new();
        let id = at_entry(&room, &plan(Kind::Import, 2));
        let cleo = room.present("Cleo Marsh").unwrap();
        let again = bytes(typed);
        let check = beside.map_or(Check::Twice(&again), Check::Value);
        let mut told = Vec::new();
        for _ in 0..WRONG_MAX {
            told.push(code(
                room.work(|c| c.enter(&id, &cleo, (&bytes(typed), check), NOW)),
            ));
        }
        assert_eq!(told, [expected, expected, "R1380"], "{typed}");
        let ceremony = room.settled(&id);
        assert_eq!(ceremony.phase, Phase::Abandoned);
        assert!(room.keys().is_empty());
        let over = room.work(|c| c.enter(&id, &cleo, (&bytes(PARTS[0]), check), NOW));
        assert_eq!(code(over), "R1379", "it is over");
    }
    // Typed twice, differently; then by the check value of the form, as OpenSSL gives it.
    let room = Room::new();
    let id = at_entry(&room, &plan(Kind::Import, 2));
    let cleo = room.present("Cleo Marsh").unwrap();
    let other = bytes(PARTS[1]);
    let refused = room.work(|c| c.enter(&id, &cleo, (&bytes(PARTS[0]), Check::Twice(&other)), NOW));
    assert_eq!(code(refused), "R1381");
    let taken =
        room.work(|c| c.enter(&id, &cleo, (&bytes(PARTS[0]), Check::Value("08d7 b4")), NOW));
    assert_eq!(code(taken), "accepted");
}

#[test]
fn a_wrong_check_value_of_the_key_is_refused_three_times() {
    let room = Room::new();
    let mut wish = plan(Kind::Import, 2);
    wish.expected = Some(CheckText {
        method: "ecb".into(),
        value: "123456".into(),
    });
    let id = room.open(&wish).unwrap();
    for _ in 1..WRONG_MAX {
        assert_eq!(code(room.go_on(&id)), "R1373");
        let ceremony = room.work(|c| c.ceremony(&id)).unwrap();
        assert_eq!(
            wanted(&ceremony),
            Wanted::Enter { number: 1 },
            "all are typed again"
        );
        let left = room.store.register_rows(Register::Components).unwrap();
        assert!(left.is_empty());
    }
    assert_eq!(code(room.go_on(&id)), "R1380");
    assert_eq!(room.settled(&id).phase, Phase::Abandoned);
    assert!(room.keys().is_empty());
    assert_eq!(room.inventory().entries().count(), 0);
}

#[test]
fn a_jam_spoils_a_form_and_draws_the_component_anew() {
    let room = Room::new();
    room.tray.borrow_mut().jams = 1;
    let id = room.open(&plan(Kind::Generate, 2)).unwrap();
    assert_eq!(code(room.go_on(&id)), "R1383");
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    assert_eq!(ceremony.parts[0].forms, 2);
    assert_eq!(ceremony.parts[1].forms, 1);
    assert!(
        ceremony
            .log
            .iter()
            .any(|line| line.what.contains("spoiled"))
    );
}

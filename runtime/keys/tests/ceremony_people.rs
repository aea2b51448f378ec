//! Who may do what in a ceremony, what can't be, and records that were changed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;
mod room;

use cardwright_keys::ceremony::{
    Care, Ceremony, Cost, Custodian, Kind, Phase, Plan, Present, Role, care, ceremonies, check,
    register, verify,
};
use cardwright_keys::inventory::{Act, Wish};
use cardwright_keys::{Clerk, Ledger};
use cardwright_ports::custody::CustodyHsm;
use cardwright_ports::register::Register;
use cardwright_ports::store::Store;
use cardwright_ports::{Registers, SecretBytes};
use cardwright_store::MemoryStore;
use common::{DAY, NOW, both};
use room::{FusedPrinter, Room, code, plan, secret};

#[test]
fn nobody_has_two_roles_or_another_ones_component() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Generate, 2)).unwrap();
    let ada = room.present("Ada Olsen").unwrap();
    assert_eq!(
        code(room.work(|c| c.came(&id, &ada, Role::Officer, NOW))),
        "R1378"
    );
    let cleo = room.present("Cleo Marsh").unwrap();
    for role in [Role::Officer, Role::Auditor, Role::Custodian(2)] {
        let refused = room.work(|c| c.came(&id, &cleo, role, NOW));
        assert_eq!(code(refused), "R1378", "{role}");
    }
    let early = room.work(|c| c.came(&id, &cleo, Role::Custodian(1), NOW));
    assert_eq!(code(early), "R1379", "not before the officers");
    assert_eq!(code(room.work(|c| c.draw(&id, &cleo, NOW))), "R1379");
    assert_eq!(code(room.work(|c| c.act(&id, NOW))), "R1379");
    for _ in 0..4 {
        let ceremony = room.work(|c| c.ceremony(&id)).unwrap();
        room.one_step(&ceremony).unwrap();
    }
    // The component is drawn: its form is for Cleo only.
    let dan = room.present("Dan Petrov").unwrap();
    let mut printer = FusedPrinter {
        tray: &room.tray,
        fuse: &room.fuse,
    };
    assert_eq!(
        code(room.work(|c| c.print(&id, &dan, &mut printer, NOW))),
        "R1378"
    );
    assert!(room.tray.borrow().forms.is_empty());
    assert_eq!(code(room.work(|c| c.sign(&id, &dan, NOW))), "R1379");
    let gus = room.present("Gus Weber").unwrap();
    assert_eq!(
        code(room.work(|c| c.resume(&id, &gus, NOW))),
        "R1378",
        "takes no part"
    );
    assert_eq!(
        code(room.work(|c| c.abandon(&id, &dan, "why not", NOW))),
        "R1378"
    );
    room.work(|c| c.abandon(&id, &gus, "the day is over", NOW))
        .unwrap();
    assert_eq!(room.settled(&id).phase, Phase::Abandoned);
}

#[test]
fn somebody_with_two_registered_roles_has_one_in_a_ceremony() {
    let room = Room::new();
    let officers = [
        room.present("Ada Olsen").unwrap(),
        room.present("Ben Ruiz").unwrap(),
    ];
    let there: Vec<&Present> = officers.iter().collect();
    let cost = Cost {
        memory_kib: 8,
        passes: 1,
    };
    let roles = [Role::Officer, Role::Custodian(1)];
    let hal = Custodian::new(
        "Hal Moss",
        &roles,
        &secret("Hal Moss"),
        ([9; 16], cost),
        (NOW, &[]),
    );
    let changes = register(&room.store, &hal.unwrap(), &there).unwrap();
    room.store.keep(&changes.into_batch(NOW)).unwrap();
    let hal = room.present("Hal Moss").unwrap();
    let mut wish = plan(Kind::Generate, 2);
    wish.auditor = false;
    let id = room.work(|c| c.open(&wish, &hal, NOW)).unwrap().id;
    room.work(|c| c.came(&id, &officers[0], Role::Officer, NOW))
        .unwrap();
    let refused = room.work(|c| c.came(&id, &hal, Role::Custodian(1), NOW));
    assert_eq!(code(refused), "R1378");
}

#[test]
fn five_wrong_secrets_lock_a_name_until_two_officers_unlock_it() {
    let room = Room::new();
    let wrong = SecretBytes::new(b"not the secret".to_vec());
    let attempt = || code(room.work(|c| c.authenticate("cleo  MARSH", &wrong, NOW)));
    for _ in 0..5 {
        assert_eq!(attempt(), "R1377");
    }
    assert_eq!(attempt(), "R1380");
    assert_eq!(
        code(room.present("Cleo Marsh")),
        "R1380",
        "the right one does not help"
    );
    assert_eq!(
        code(room.present("Nobody Atall")),
        "R1377",
        "the same words as a wrong secret"
    );
    let (ada, ben) = (
        room.present("Ada Olsen").unwrap(),
        room.present("Ben Ruiz").unwrap(),
    );
    let dan = room.present("Dan Petrov").unwrap();
    for officers in [&[&ada][..], &[&ada, &ada], &[&ada, &dan]] {
        let refused = care(&room.store, "Cleo Marsh", Care::Unlock, officers);
        assert_eq!(code(refused), "R1378");
    }
    let own = care(&room.store, "Ada Olsen", Care::Unlock, &[&ada, &ben]);
    assert_eq!(code(own), "R1378", "nobody unlocks themselves");
    let changes = care(&room.store, "Cleo Marsh", Care::Unlock, &[&ada, &ben]).unwrap();
    room.store.keep(&changes.into_batch(NOW)).unwrap();
    assert_eq!(code(room.present("Cleo Marsh")), "accepted");
    assert!(room.store.verify_audit().unwrap().findings.is_empty());
}

#[test]
fn people_are_registered_by_two_officers_with_secrets_of_their_own() {
    let room = Room::new();
    let cost = Cost {
        memory_kib: 8,
        passes: 1,
    };
    let new = |name: &str, roles: &[Role], secret: &SecretBytes| {
        Custodian::new(name, roles, secret, ([1; 16], cost), (NOW, &[]))
    };
    let short = SecretBytes::new(b"elevenchars".to_vec());
    assert_eq!(code(new("Ivy Stone", &[Role::Auditor], &short)), "R1377");
    assert_eq!(code(new("", &[Role::Auditor], &secret("x"))), "R1378");
    assert_eq!(code(new("Ivy Stone", &[], &secret("x"))), "R1378");
    let ivy = new("Ivy Stone", &[Role::Auditor], &secret("Ivy Stone")).unwrap();
    assert_eq!(code(register(&room.store, &ivy, &[])), "R1378");
    let empty = MemoryStore::new();
    assert_eq!(
        code(register(&empty, &ivy, &[])),
        "R1378",
        "officers come first"
    );
    let stored = serde_json::to_string(&room.people()).unwrap();
    assert!(!stored.contains("the secret of"), "no secret is kept");
}

#[test]
fn plans_that_can_not_be_are_refused_before_people_come() {
    let room = Room::new();
    let open = |change: &dyn Fn(&mut Plan)| {
        let mut wish = plan(Kind::Generate, 2);
        change(&mut wish);
        code(room.open(&wish))
    };
    for parts in [0, 1, 6] {
        assert_eq!(open(&|p| p.components = parts), "R1382");
    }
    for quorum in [0, 1, 6] {
        assert_eq!(open(&|p| p.quorum = quorum), "R1382");
    }
    assert_eq!(open(&|p| p.key.algorithm = "des".into()), "R1382");
    assert_eq!(open(&|p| p.key.algorithm = "p256".into()), "R1382");
    assert_eq!(open(&|p| p.key.usage = "everything".into()), "R1382");
    assert_eq!(open(&|p| p.key.exportability = "maybe".into()), "R1382");
    assert_eq!(open(&|p| p.key.name = "no name".into()), "R1355");
    assert_eq!(open(&|p| p.kind = Kind::KeyPair), "R1382");
    assert_eq!(
        open(&|p| {
            p.kind = Kind::Export;
            p.key.version = 1;
        }),
        "R1350"
    );
    assert_eq!(code(room.work(|c| c.ceremony("ceremony-9999"))), "R1382");
    assert!(ceremonies(&room.store).unwrap().is_empty());
    // A key in use is not destroyed by a ceremony.
    let id = room.open(&plan(Kind::Import, 2)).unwrap();
    room.go_on(&id).unwrap();
    let mut custody = room.hsm.open_custody().unwrap();
    let wish = Wish {
        label: "aurora.zmk@1",
        to: Some(NOW + DAY),
        ..Wish::default()
    };
    let mut clerk = Clerk::new(&room.store, custody.as_mut());
    clerk.act(Act::Activate, &wish, &both(NOW)).unwrap();
    assert_eq!(code(room.open(&plan(Kind::Destroy, 0))), "R1382");
}

#[test]
fn a_record_that_was_changed_is_found_out() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Import, 2)).unwrap();
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    let findings = |change: &dyn Fn(&mut Ceremony)| {
        let mut other = ceremony.clone();
        change(&mut other);
        verify(&other, &room.people()).unwrap().findings
    };
    assert!(findings(&|_| ()).is_empty());
    let mut other = ceremony.clone();
    other.key.zone = "elsewhere".into();
    let verdict = verify(&other, &room.people()).unwrap();
    assert_eq!(code(check(&verdict)), "R1388");
    assert!(!findings(&|c| c.key.owner = "Another Bank".into()).is_empty());
    assert!(!findings(&|c| c.log[2].what.push('x')).is_empty());
    assert!(!findings(&|c| c.check_values.clear()).is_empty());
    assert!(!findings(&|c| c.signatures[0].name = "Ben Ruiz".into()).is_empty());
    assert!(!findings(&|c| c.signatures.truncate(1)).is_empty());
    assert!(!findings(&|c| c.signatures[0].signature.replace_range(..2, "00")).is_empty());
    // A whole forged record: digest and all, but not the people's keys.
    let forged = findings(&|c| {
        c.key.owner = "Another Bank".into();
        c.digest =
            Some(cardwright_keys::ceremony::digest(&cardwright_keys::ceremony::record(c)).unwrap());
    });
    assert_eq!(forged.len(), ceremony.signatures.len());
}

#[test]
fn two_terminals_do_not_both_take_a_step() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Import, 2)).unwrap();
    let row = room
        .store
        .register_row(Register::Ceremonies, &id)
        .unwrap()
        .unwrap();
    room.go_on(&id).unwrap();
    let stale = Ceremony::from_row(&id, &row.body)
        .unwrap()
        .put(row.version)
        .unwrap();
    let batch = cardwright_keys::inventory::Changes {
        changes: vec![stale],
        audit: vec![],
    };
    assert!(room.store.keep(&batch.into_batch(NOW)).is_err());
}

//! The life of a key: which act can follow which state, who must agree, and what periods allow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use cardwright_keys::KeysError;
use cardwright_keys::inventory::{
    Act, DifferenceKind, Inventory, Outcome, People, RULES, State, Why, Wish, note_job,
};
use cardwright_ports::custody::KeyAlgorithm;
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::register::{Register, RegisterChange};
use cardwright_ports::store::{Batch, Change};
use common::*;

const KEY: &str = "aurora.imk_ac@1";

fn act(world: &mut World, act: Act, people: People<'_>) -> Result<Outcome, KeysError> {
    let wish = Wish {
        label: KEY,
        why: "test",
        ..Wish::default()
    };
    world.work(|clerk| clerk.act(act, &wish, &people))
}

/// A key in a state.
fn in_state(state: State) -> World {
    let mut world = World::new("north", 1);
    world.generate("aurora.imk_ac");
    let way: &[Act] = match state {
        State::PreActive => &[],
        State::Active => &[Act::Activate],
        State::Suspended => &[Act::Activate, Act::Suspend],
        State::Retired => &[Act::Activate, Act::Retire],
        State::Destroyed => &[Act::Destroy],
        State::Compromised => &[Act::Compromise],
    };
    for step in way {
        act(&mut world, *step, both(NOW)).unwrap();
    }
    assert_eq!(world.entry(KEY).state, state);
    world
}

// NIST SP 800-57 part 1 rev. 5, section 7.
#[test]
fn the_table_is_what_can_be_done() {
    for rule in RULES {
        for (state, ..) in State::ALL {
            let mut world = in_state(state);
            let done = act(&mut world, rule.act, both(NOW + 1));
            if rule.from.contains(&state) {
                done.unwrap();
                let stays = state == State::Destroyed;
                let now = if stays { state } else { rule.to };
                assert_eq!(world.entry(KEY).state, now, "{} of {state:?}", rule.name);
            } else {
                assert_eq!(code(done), "R1351", "{} of {state:?}", rule.name);
                assert_eq!(world.entry(KEY).state, state);
            }
            world.holds();
        }
    }
}

#[test]
fn grave_acts_need_two_different_people() {
    for (state, what) in [
        (State::Suspended, Act::Resume),
        (State::Active, Act::Compromise),
        (State::Retired, Act::Destroy),
    ] {
        let mut world = in_state(state);
        let same = People {
            who: "Anna Berg",
            second: Some(" anna   BERG "),
            at: NOW,
        };
        assert_eq!(code(act(&mut world, what, same)), "R1352");
        let nobody = People {
            who: " ",
            second: Some("Bela Nagy"),
            at: NOW,
        };
        assert_eq!(code(act(&mut world, what, nobody)), "R1352");
        // One after the other, each at their own time.
        let first = act(&mut world, what, anna(NOW)).unwrap();
        assert!(matches!(first, Outcome::Waits(_)));
        assert_eq!(world.entry(KEY).state, state);
        assert_eq!(code(act(&mut world, what, anna(NOW + 9))), "R1352");
        let bela = |at| People {
            who: "Bela Nagy",
            second: None,
            at,
        };
        let second = act(&mut world, what, bela(NOW + 10)).unwrap();
        assert!(matches!(second, Outcome::Done(_)), "{second:?}");
        assert_eq!(world.entry(KEY).state, what.rule().to);
        // A word that is a day old counts no more.
        let mut world = in_state(state);
        act(&mut world, what, anna(NOW)).unwrap();
        let late = act(&mut world, what, bela(NOW + DAY)).unwrap();
        assert!(matches!(late, Outcome::Waits(_)));
    }
}

#[test]
fn a_word_for_one_act_is_none_for_another() {
    let mut world = in_state(State::Retired);
    act(&mut world, Act::Destroy, anna(NOW)).unwrap();
    let bela = People {
        who: "Bela Nagy",
        second: None,
        at: NOW,
    };
    let other = act(&mut world, Act::Compromise, bela).unwrap();
    assert!(matches!(other, Outcome::Waits(_)));
    assert_eq!(world.entry(KEY).state, State::Retired);
}

fn wish(label: &str, from: Option<i64>, to: Option<i64>) -> Wish<'_> {
    Wish {
        label,
        from,
        to,
        ..Wish::default()
    }
}

#[test]
fn one_version_is_in_use_at_any_time() {
    let mut world = World::new("north", 1);
    for _ in 0..3 {
        world.generate("aurora.imk_ac");
    }
    let mut activate = |label, from, to| {
        world.work(|clerk| clerk.act(Act::Activate, &wish(label, from, to), &anna(NOW)))
    };
    activate("aurora.imk_ac@1", None, Some(NOW + 30 * DAY)).unwrap();
    let (end, later) = (Some(NOW + 30 * DAY), Some(NOW + 40 * DAY));
    assert_eq!(code(activate("aurora.imk_ac@2", None, None)), "R1353");
    assert_eq!(
        code(activate("aurora.imk_ac@2", Some(NOW + 29 * DAY), None)),
        "R1353"
    );
    assert_eq!(code(activate("aurora.imk_ac@2", later, end)), "R1353");
    assert_eq!(code(activate("aurora.imk_ac@2", None, Some(NOW))), "R1353");
    activate("aurora.imk_ac@2", end, None).unwrap();
    assert_eq!(code(activate("aurora.imk_ac@3", later, None)), "R1353");
    let inventory = world.work(|clerk| clerk.inventory()).unwrap();
    let in_use = |at| inventory.in_use("aurora.imk_ac", at).map(|e| e.version);
    assert_eq!(in_use(NOW - 1), None);
    assert_eq!(in_use(NOW), Some(1));
    assert_eq!(in_use(NOW + 30 * DAY - 1), Some(1));
    assert_eq!(in_use(NOW + 30 * DAY), Some(2));
}

#[test]
fn a_replacement_leaves_no_gap() {
    let mut world = World::new("north", 1);
    world.generate("aurora.imk_ac");
    world.activate(KEY);
    world.generate("aurora.imk_ac");
    let mut replace = |old, new, from, at| {
        world.work(|clerk| clerk.replace(old, new, &wish("", from, None), &anna(at)))
    };
    let (one, two) = ("aurora.imk_ac@1", "aurora.imk_ac@2");
    assert_eq!(code(replace(two, one, None, NOW + 1)), "R1351");
    assert_eq!(code(replace(one, one, None, NOW + 1)), "R1351");
    assert_eq!(
        code(replace(one, "aurora.imk_ac@3", None, NOW + 1)),
        "R1350"
    );
    assert_eq!(code(replace(one, two, Some(NOW), NOW + 1)), "R1353");
    replace(one, two, Some(NOW + DAY), NOW + 1).unwrap();
    let inventory = world.work(|clerk| clerk.inventory()).unwrap();
    let in_use = |at| inventory.in_use("aurora.imk_ac", at).map(|e| e.version);
    assert_eq!(
        [in_use(NOW + DAY - 1), in_use(NOW + DAY)],
        [Some(1), Some(2)]
    );
    assert_eq!(world.entry(one).replaced_by.as_deref(), Some(two));
}

#[test]
fn a_compromised_key_names_what_was_under_it() {
    use cardwright_keys::inventory::Origin;
    let mut world = World::new("north", 1);
    world.generate("aurora.imk_ac");
    world.activate(KEY);
    let mut other = new("aurora.cvk");
    other.origin = Origin::Imported {
        from: "bureau".into(),
        under: KEY.into(),
        form: "X9.143 D".into(),
    };
    world
        .work(|clerk| {
            clerk.make(
                &[other],
                ("import x", "import"),
                &anna(NOW),
                &mut |hsm, key, _| hsm.generate(key),
            )
        })
        .unwrap();
    let changes = note_job(&*world.store, 7, "AB", &[KEY.into()], "operator", NOW).unwrap();
    world.store.keep(&changes.into_batch(NOW)).unwrap();
    let again = note_job(&*world.store, 7, "AB", &[KEY.into()], "operator", NOW).unwrap();
    assert!(again.is_empty());
    act(&mut world, Act::Compromise, both(NOW + 5)).unwrap();
    let compromise = world.entry(KEY).compromise.unwrap();
    assert_eq!(compromise.under, ["aurora.cvk@1"]);
    assert_eq!(compromise.jobs, [7]);
    let entry = world.entry(KEY);
    let inventory = world.work(|clerk| clerk.inventory()).unwrap();
    let uses = inventory.uses(&entry, &*world.store, &[]).unwrap();
    assert_eq!(
        (uses.jobs, uses.wrapped),
        (vec![7], vec!["aurora.cvk@1".to_owned()])
    );
}

#[test]
fn an_entry_is_whole_or_refused() {
    let mut world = World::new("north", 1);
    let mut generate = |change: &dyn Fn(&mut cardwright_keys::inventory::NewEntry)| {
        let mut key = new("aurora.imk_ac");
        change(&mut key);
        world.work(|clerk| clerk.generate(&key, &anna(NOW)))
    };
    for wrong in [
        "",
        "aurora",
        "Aurora.x",
        "aurora.x y",
        "aurora..x",
        "aurora.x@1",
    ] {
        assert_eq!(
            code(generate(&|k| k.name = wrong.into())),
            "R1355",
            "{wrong}"
        );
    }
    assert_eq!(code(generate(&|k| k.owner = " ".into())), "R1355");
    assert_eq!(code(generate(&|k| k.zone = "x".repeat(101))), "R1355");
    assert_eq!(
        code(generate(&|k| k.algorithm = KeyAlgorithm::P256)),
        "R1355"
    );
    assert_eq!(
        code(generate(&|k| k.usage = KeyUse::EmvIssuerPrivate)),
        "R1355"
    );
    let rsa = |bits, exponent| KeyAlgorithm::Rsa { bits, exponent };
    for algorithm in [rsa(4104, 3), rsa(1030, 3), rsa(504, 3), rsa(2048, 5)] {
        let made = generate(&|k| {
            k.usage = KeyUse::EmvIssuerPrivate;
            k.algorithm = algorithm;
        });
        assert_eq!(code(made), "R1355");
    }
    assert_eq!(
        code(generate(&|k| k.period = (Some(NOW), Some(NOW)))),
        "R1353"
    );
    generate(&|k| k.version = Some(4)).unwrap();
    assert_eq!(code(generate(&|k| k.version = Some(4))), "R1358");
    assert_eq!(generate(&|_| ()).unwrap().version, 5);
    // A label that somebody else has made in the HSM is not taken over.
    world.hsm.lose("aurora.imk_ac@4");
    let mut other = World::new("x", 1);
    std::mem::swap(&mut world.hsm, &mut other.hsm);
    other.store = Box::new(cardwright_store::MemoryStore::new());
    let made = other.work(|clerk| {
        let mut key = new("aurora.imk_ac");
        key.version = Some(5);
        clerk.generate(&key, &anna(NOW))
    });
    assert_eq!(code(made), "R1358");
}

#[test]
fn every_difference_between_inventory_and_hsm_is_told() {
    let mut world = World::new("north", 1);
    for name in ["aurora.a", "aurora.b", "aurora.c"] {
        world.generate(name);
    }
    world.holds();
    world.hsm.lose("aurora.a@1");
    world.hsm.swap("aurora.b@1");
    let mut session = Session {
        hsm: &mut world.hsm,
        fuse: &world.fuse,
    };
    let foreign = cardwright_ports::custody::NewKey {
        label: "aurora.d@1",
        algorithm: KeyAlgorithm::Aes128,
        usage: KeyUse::Transport,
        exportability: cardwright_ports::custody::Exportability::Exportable,
    };
    cardwright_ports::KeyCustody::generate(&mut session, &foreign).unwrap();
    let found = world.work(|clerk| clerk.compare(false)).unwrap();
    let kinds: Vec<_> = found.iter().map(|d| (d.label.as_str(), d.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("aurora.a@1", DifferenceKind::Missing),
            ("aurora.b@1", DifferenceKind::Differs),
            ("aurora.d@1", DifferenceKind::Extra),
        ]
    );
}

#[test]
fn a_key_that_the_hsm_has_already_is_entered_as_it_is() {
    let mut world = World::new("north", 1);
    world.generate("aurora.a");
    world.store = Box::new(cardwright_store::MemoryStore::new());
    let words = ("issuing", "production");
    let mut adopt = |label: &str, people| world.work(|clerk| clerk.adopt(label, words, &people));
    assert_eq!(code(adopt("aurora.a@1", anna(NOW))), "R1352");
    assert_eq!(code(adopt("aurora.b@1", both(NOW))), "R1350");
    adopt("aurora.a@1", both(NOW)).unwrap();
    assert_eq!(code(adopt("aurora.a@1", both(NOW))), "R1358");
    world.holds();
    assert_eq!(world.entry("aurora.a@1").state, State::PreActive);
}

#[test]
fn a_key_that_is_made_with_another_check_value_is_taken_back() {
    let mut world = World::new("north", 1);
    let mut key = new("aurora.imk_ac");
    key.check_values = vec![cardwright_keys::inventory::CheckText {
        method: "ecb".into(),
        value: "00112233".into(),
    }];
    let made = world.work(|clerk| clerk.generate(&key, &anna(NOW)));
    assert_eq!(code(made), "R1356");
    assert!(world.hsm.labels().is_empty());
    world.holds();
}

#[test]
fn what_is_due_is_told_most_pressing_first() {
    let mut world = World::new("north", 1);
    for (name, days) in [
        ("aurora.ends", Some(10)),
        ("aurora.long", Some(400)),
        ("aurora.open", None),
    ] {
        let label = world.generate(name).label();
        let to = days.map(|d| NOW + d * DAY);
        world
            .work(|clerk| clerk.act(Act::Activate, &wish(&label, None, to), &anna(NOW)))
            .unwrap();
    }
    let due = |world: &mut World, at| -> Vec<(String, Why)> {
        let inventory = world.work(|clerk| clerk.inventory()).unwrap();
        let due = inventory.due(at, 30);
        due.into_iter().map(|d| (d.label, d.why)).collect()
    };
    let found = due(&mut world, NOW);
    let expected = [
        ("aurora.ends@1".to_owned(), Why::EndsWithoutSuccessor),
        ("aurora.open@1".to_owned(), Why::NoEnd),
    ];
    assert_eq!(found, expected);
    let next = world.generate("aurora.ends").label();
    let from = Some(NOW + 10 * DAY);
    world
        .work(|clerk| clerk.act(Act::Activate, &wish(&next, from, None), &anna(NOW)))
        .unwrap();
    assert_eq!(
        due(&mut world, NOW)[0],
        ("aurora.ends@1".to_owned(), Why::Ends)
    );
    assert_eq!(
        due(&mut world, NOW + 10 * DAY)[0],
        ("aurora.ends@1".to_owned(), Why::Expired)
    );
}

#[test]
fn a_row_that_somebody_changed_is_refused() {
    let mut world = World::new("north", 1);
    world.generate("aurora.imk_ac");
    // The row of one key under the name of another.
    let batch = Batch {
        at: NOW,
        require: None,
        changes: vec![Change::Register(RegisterChange {
            register: Register::Keys,
            id: "aurora.other@1".into(),
            from: 0,
            body: Some(world.entry(KEY).body().unwrap()),
        })],
        audit: audit(),
    };
    world.store.keep(&batch).unwrap();
    assert_eq!(code(Inventory::read(&*world.store)), "R1354");
}

fn audit() -> Vec<cardwright_ports::store::AuditEntry> {
    vec![cardwright_ports::store::AuditEntry {
        actor: "x".into(),
        act: "x".into(),
        key: cardwright_ports::store::OrderKey { job: 0, order: 0 },
        detail: String::new(),
    }]
}

//! Power cuts: every act is cut off before and after each of its effects, on the store and on the
//! HSM. After the next start either all of it is done or nothing, and inventory and HSM agree.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use cardwright_keys::inventory::{Act, Ending, State, Wish};
use cardwright_keys::packages::{Opening, PackageState, Packing, packages};
use cardwright_keys::{KeysError, Ledger};
use cardwright_ports::register::Register;
use cardwright_store::{SiteKey, SqliteStore};
use common::*;

const NUMBER: &str = "p00112233445566ff";

/// Runs an act with the power cut at each boundary, until one run ends without a cut.
fn cut(
    make: &dyn Fn() -> World,
    act: &dyn Fn(&mut World) -> Result<(), KeysError>,
    check: &dyn Fn(&mut World),
) -> u32 {
    for effects in 0..200 {
        for after in [false, true] {
            let mut world = make();
            world.fuse.set(effects, after);
            let done = act(&mut world);
            let blown = world.fuse.blown();
            world.fuse.mend();
            assert_eq!(done.is_err(), blown, "{done:?}");
            world.work(|clerk| clerk.recover(&anna(NOW + 60))).unwrap();
            world.holds();
            check(&mut world);
            if !blown {
                return effects;
            }
        }
    }
    panic!("it never ended");
}

fn labels_sent() -> Vec<String> {
    ["aurora.imk_ac@1", "aurora.imk_smi@1", "aurora.cvk@1"]
        .map(str::to_owned)
        .to_vec()
}

fn sender() -> World {
    let mut world = World::new("north", 1);
    world.found();
    for name in ["aurora.imk_ac", "aurora.imk_smi", "aurora.cvk"] {
        let entry = world.generate(name);
        world.activate(&entry.label());
    }
    let other = World::new("south", 2).found();
    world.trust(&other);
    world
}

fn pack(world: &mut World) -> Result<Vec<u8>, KeysError> {
    let mut file = Vec::new();
    let labels = labels_sent();
    let packing = Packing {
        package: NUMBER,
        own: "north",
        to: "south",
        labels: &labels,
        expires_at: NOW + 7 * DAY,
    };
    world.work(|clerk| {
        clerk.pack(&packing, &anna(NOW), &mut |octets| {
            file = octets.to_vec();
            Ok(())
        })
    })?;
    Ok(file)
}

fn receiver_over(store: Box<dyn Ledger>) -> World {
    let mut world = World::over("south", 2, store);
    world.found();
    let other = World::new("north", 1).found();
    world.trust(&other);
    world
}

fn receiver() -> World {
    receiver_over(Box::new(cardwright_store::MemoryStore::new()))
}

fn open(world: &mut World, file: &[u8]) -> Result<(), KeysError> {
    let opening = Opening { own: "south", file };
    world
        .work(|clerk| clerk.unpack(&opening, &anna(NOW)))
        .map(drop)
}

#[test]
fn a_key_is_generated_whole_or_not_at_all() {
    let effects = cut(
        &|| World::new("north", 1),
        &|world| {
            world
                .work(|clerk| clerk.generate(&new("aurora.cvk"), &anna(NOW)))
                .map(drop)
        },
        &|world| {
            let rows = world.store.register_rows(Register::Keys).unwrap();
            assert_eq!(rows.len(), world.hsm.labels().len());
        },
    );
    assert_eq!(effects, 3, "announced, made, entered");
}

#[test]
fn two_people_s_destruction_is_carried_out_after_the_cut() {
    let effects = cut(
        &|| {
            let mut world = World::new("north", 1);
            world.generate("aurora.cvk");
            world
        },
        &|world| {
            let wish = Wish {
                label: "aurora.cvk@1",
                ..Wish::default()
            };
            world
                .work(|clerk| clerk.act(Act::Destroy, &wish, &both(NOW)))
                .map(drop)
        },
        &|world| {
            let there = world.hsm.labels().len();
            let state = world.entry("aurora.cvk@1").state;
            assert_eq!(there == 0, state == State::Destroyed);
        },
    );
    assert_eq!(effects, 3);
}

#[test]
fn a_replacement_is_one_commit() {
    cut(
        &|| {
            let mut world = World::new("north", 1);
            world.generate("aurora.cvk");
            world.activate("aurora.cvk@1");
            world.generate("aurora.cvk");
            world
        },
        &|world| {
            world.work(|clerk| {
                let people = anna(NOW + 10);
                clerk.replace("aurora.cvk@1", "aurora.cvk@2", &Wish::default(), &people)
            })
        },
        &|world| {
            let states = [1, 2].map(|v| world.entry(&format!("aurora.cvk@{v}")).state);
            assert!(matches!(
                states,
                [State::Active, State::PreActive] | [State::Retired, State::Active]
            ));
        },
    );
}

#[test]
fn a_package_is_made_whole_or_abandoned() {
    let effects = cut(&sender, &|world| pack(world).map(drop), &|world| {
        let rows = packages(&*world.store).unwrap();
        let copies = labels_sent()
            .iter()
            .map(|l| world.entry(l).exports.len())
            .sum::<usize>();
        match rows.first().map(|r| r.state) {
            None | Some(PackageState::Abandoned) => assert_eq!(copies, 0),
            Some(PackageState::Made) => assert_eq!(copies, 3),
            other => panic!("{other:?}"),
        }
        assert!(!world.hsm.labels().iter().any(|l| l.starts_with("package.")));
    });
    assert_eq!(
        effects, 5,
        "announced, transport key, made, its end, the row's end"
    );
}

#[test]
fn a_package_is_opened_whole_or_not_at_all_and_then_again() {
    let file = pack(&mut sender()).unwrap();
    let check = |world: &mut World| {
        let keys = world.hsm.labels();
        let came = keys.iter().filter(|l| l.starts_with("aurora.")).count();
        let rows = packages(&*world.store).unwrap();
        match rows.first().map(|r| r.state) {
            // The same file can be opened when nothing of it was kept.
            None => {
                assert_eq!(came, 0);
                open(world, &file).unwrap();
                world.holds();
            }
            Some(PackageState::Opened) => {
                assert_eq!(came, 3);
                assert_eq!(open(world, &file).unwrap_err().code, "R1367");
            }
            other => panic!("{other:?}"),
        }
    };
    let act = |world: &mut World| open(world, &file);
    let effects = cut(&receiver, &act, &check);
    assert_eq!(
        effects, 7,
        "announced, transport key, three keys, its end, entered"
    );
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    let on_disk = || {
        count.set(count.get() + 1);
        let path = folder.path().join(count.get().to_string());
        std::fs::create_dir(&path).unwrap();
        let key = SiteKey::load_or_create(&path.join("site.key")).unwrap();
        let store = SqliteStore::open(&path.join("store"), &path.join("anchor"), key).unwrap();
        receiver_over(Box::new(store))
    };
    assert_eq!(cut(&on_disk, &act, &check), effects);
}

#[test]
fn a_full_hsm_takes_the_whole_package_back() {
    let file = pack(&mut sender()).unwrap();
    // Two own keys, the transport key, and then 0, 1 or 2 of three.
    for room in 2..=5 {
        let mut world = receiver();
        world.hsm.room = Some(room);
        assert_eq!(open(&mut world, &file).unwrap_err().code, "R1397");
        world.holds();
        assert_eq!(world.hsm.labels().len(), 2);
        assert!(packages(&*world.store).unwrap().is_empty());
        world.hsm.room = None;
        open(&mut world, &file).unwrap();
    }
}

#[test]
fn a_foreign_key_under_a_pending_label_is_left_for_people() {
    let mut world = World::new("north", 1);
    world.fuse.set(1, true);
    let made = world.work(|clerk| clerk.generate(&new("aurora.cvk"), &anna(NOW)));
    assert!(made.is_err());
    world.fuse.mend();
    let mut other = new("aurora.cvk");
    other.usage = cardwright_ports::hsm::KeyUse::CardVerification;
    // Somebody put another key under the label meanwhile.
    world.hsm.lose("aurora.cvk@1");
    let mut elsewhere = World::new("x", 3);
    elsewhere
        .work(|clerk| clerk.generate(&other, &anna(NOW)))
        .unwrap();
    std::mem::swap(&mut world.hsm, &mut elsewhere.hsm);
    let endings = world.work(|clerk| clerk.recover(&anna(NOW))).unwrap();
    let label = "aurora.cvk@1".to_owned();
    assert_eq!(endings, [Ending::Differs { label }]);
    assert_eq!(world.hsm.labels(), ["aurora.cvk@1"]);
    // Until somebody has looked, no verb touches it.
    let wish = Wish {
        label: "aurora.cvk@1",
        ..Wish::default()
    };
    let refused = world.work(|clerk| clerk.act(Act::Activate, &wish, &anna(NOW)));
    assert_eq!(code(refused), "R1357");
}

#[test]
fn a_key_that_somebody_else_made_at_the_same_moment_is_not_destroyed() {
    let mut world = World::new("north", 1);
    let made = world.work(|clerk| {
        clerk.make(
            &[new("aurora.cvk")],
            ("generate aurora.cvk@1", "generate"),
            &anna(NOW),
            // Another station is faster, after the label was looked for and before it is used.
            &mut |custody, key, _| custody.generate(key).and_then(|_| custody.generate(key)),
        )
    });
    assert_eq!(code(made), "R1371");
    assert_eq!(world.hsm.labels(), ["aurora.cvk@1"]);
    let inventory = world.work(|clerk| clerk.inventory()).unwrap();
    assert_eq!(inventory.entries().count(), 0);
}

//! A bundle's keys beside the inventory: all that are not ready are told at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use cardwright_keys::inventory::{Act, Inventory, Need, Wish};
use common::*;

fn need(world: &mut World, name: &str) -> Need {
    let inventory = world.work(|clerk| clerk.inventory()).unwrap();
    let newest = inventory.versions(name).next_back().cloned();
    let check = newest.map(|e| e.check_values[0].digits());
    Need {
        name: name.into(),
        algorithm: "tdes2".into(),
        bits: 0,
        exponent: 0,
        usage: "emv.application_cryptogram".into(),
        check_method: "ecb".into(),
        check_value: check.unwrap_or_else(|| "000000".into()),
    }
}

fn inventory(world: &mut World) -> Inventory {
    world.work(|clerk| clerk.inventory()).unwrap()
}

#[test]
fn a_test_key_that_nobody_has_entered_binds_by_its_name_and_a_live_one_is_refused() {
    let mut world = World::new("north", 1);
    let needs = [need(&mut world, "aurora.imk_ac")];
    let inventory = inventory(&mut world);
    assert!(inventory.resolve(&needs, false, NOW).unwrap().is_empty());
    assert_eq!(code(inventory.resolve(&needs, true, NOW)), "R1359");
}

#[test]
fn the_active_version_is_bound_by_its_label() {
    let mut world = World::new("north", 1);
    world.generate("aurora.imk_ac");
    world.activate("aurora.imk_ac@1");
    world.generate("aurora.imk_ac");
    let mut wanted = need(&mut world, "aurora.imk_ac");
    wanted.check_value = world.entry("aurora.imk_ac@1").check_values[0].digits();
    let labels = inventory(&mut world).resolve(&[wanted], true, NOW).unwrap();
    assert_eq!(labels["aurora.imk_ac"], "aurora.imk_ac@1");
}

#[test]
fn each_reason_has_its_code() {
    let mut world = World::new("north", 1);
    let label = world.generate("aurora.imk_ac").label();
    let good = need(&mut world, "aurora.imk_ac");
    let why = |world: &mut World, need: &Need, at| {
        code(inventory(world).resolve(std::slice::from_ref(need), false, at))
    };
    // Pre-active.
    assert_eq!(why(&mut world, &good, NOW), "R1360");
    let wish = Wish {
        label: &label,
        from: Some(NOW + DAY),
        to: Some(NOW + 2 * DAY),
        ..Wish::default()
    };
    world
        .work(|clerk| clerk.act(Act::Activate, &wish, &anna(NOW)))
        .unwrap();
    // Before and after its period.
    assert_eq!(why(&mut world, &good, NOW), "R1361");
    assert_eq!(why(&mut world, &good, NOW + 2 * DAY), "R1361");
    let other_use = Need {
        usage: "card_verification".into(),
        ..good.clone()
    };
    assert_eq!(why(&mut world, &other_use, NOW + DAY), "R1362");
    let other_algorithm = Need {
        algorithm: "aes128".into(),
        ..good.clone()
    };
    assert_eq!(why(&mut world, &other_algorithm, NOW + DAY), "R1362");
    let other_value = Need {
        check_value: "FFFFFF".into(),
        ..good.clone()
    };
    assert_eq!(why(&mut world, &other_value, NOW + DAY), "R1363");
    for act in [Act::Suspend, Act::Compromise] {
        world
            .work(|clerk| clerk.act(act, &wish, &both(NOW)))
            .unwrap();
        assert_eq!(why(&mut world, &good, NOW + DAY), "R1360");
    }
}

#[test]
fn all_that_are_missing_stand_in_one_message() {
    let mut world = World::new("north", 1);
    world.generate("aurora.b");
    let names = ["aurora.a", "aurora.b", "aurora.c"];
    let needs = names.map(|name| need(&mut world, name));
    let refused = inventory(&mut world)
        .resolve(&needs, true, NOW)
        .unwrap_err();
    assert_eq!(refused.code, "R1359");
    assert_eq!(
        refused.what,
        "3 keys are not ready: R1359 aurora.a is not in the inventory, R1360 aurora.b@1 is \
         pre_active, R1359 aurora.c is not in the inventory"
    );
}

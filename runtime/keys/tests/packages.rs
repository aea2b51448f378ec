//! Packages between two sites: the way there and back, and everything that is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use cardwright_keys::KeysError;
use cardwright_keys::inventory::{Act, Origin, State, Wish};
use cardwright_keys::packages::{
    Direction, Identity, Opening, PackageState, Packing, SiteRow, Trust, packages,
};
use common::*;

const KEY: &str = "aurora.imk_ac@1";

/// Two sites that trust each other; the first has two keys.
fn sites() -> (World, World) {
    let (mut north, mut south) = (World::new("north", 1), World::new("south", 2));
    let (one, other) = (north.found(), south.found());
    north.trust(&other);
    south.trust(&one);
    for name in ["aurora.imk_ac", "aurora.cvk"] {
        north.generate(name);
    }
    (north, south)
}

fn pack_as(
    world: &mut World,
    number: &str,
    to: &str,
    labels: &[&str],
) -> Result<Vec<u8>, KeysError> {
    let labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
    let packing = Packing {
        package: number,
        own: world.name,
        to,
        labels: &labels,
        expires_at: NOW + 7 * DAY,
    };
    let mut file = Vec::new();
    world.work(|clerk| {
        clerk.pack(&packing, &anna(NOW), &mut |octets| {
            file = octets.to_vec();
            Ok(())
        })
    })?;
    Ok(file)
}

fn pack(world: &mut World) -> Vec<u8> {
    let labels = [KEY, "aurora.cvk@1"];
    pack_as(world, "p00112233445566ff", "south", &labels).unwrap()
}

fn open_at(world: &mut World, file: &[u8], at: i64) -> Result<(), KeysError> {
    let opening = Opening {
        own: world.name,
        file,
    };
    world
        .work(|clerk| clerk.unpack(&opening, &anna(at)))
        .map(drop)
}

fn open(world: &mut World, file: &[u8]) -> Result<(), KeysError> {
    open_at(world, file, NOW)
}

fn receipt(world: &mut World) -> Vec<u8> {
    let name = world.name;
    world
        .work(|clerk| clerk.receipt(name, "p00112233445566ff", &anna(NOW + 60)))
        .unwrap()
}

fn acknowledge(world: &mut World, file: &[u8]) -> Result<(), KeysError> {
    let name = world.name;
    world
        .work(|clerk| clerk.acknowledge(name, file, &anna(NOW + 120)))
        .map(drop)
}

#[test]
fn keys_go_there_and_a_receipt_comes_back() {
    let (mut north, mut south) = sites();
    let file = pack(&mut north);
    open(&mut south, &file).unwrap();
    for label in [KEY, "aurora.cvk@1"] {
        let (sent, arrived) = (north.entry(label), south.entry(label));
        assert_eq!(sent.check_values, arrived.check_values);
        assert_eq!(arrived.state, State::PreActive);
        assert!(matches!(&arrived.origin, Origin::Package { from, .. } if from == "north"));
        assert_eq!(sent.exports[0].to, "south");
    }
    let answer = receipt(&mut south);
    acknowledge(&mut north, &answer).unwrap();
    let sent = &packages(&*north.store).unwrap()[0];
    assert_eq!(
        (sent.direction, sent.state),
        (Direction::Sent, PackageState::Acknowledged)
    );
    assert_eq!(sent.opened_by.as_deref(), Some("Anna Berg"));
    // A receipt closes once.
    assert_eq!(code(acknowledge(&mut north, &answer)), "R1368");
    north.holds();
    south.holds();
}

#[test]
fn a_package_is_opened_once() {
    let (mut north, mut south) = sites();
    let file = pack(&mut north);
    open(&mut south, &file).unwrap();
    assert_eq!(code(open(&mut south, &file)), "R1367");
}

#[test]
fn every_changed_octet_and_every_shorter_file_is_refused() {
    let (mut north, mut south) = sites();
    let file = pack(&mut north);
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        let refused = open(&mut south, &changed).unwrap_err().code;
        assert!(
            matches!(refused, "R1364" | "R1369"),
            "octet {at}: {refused}"
        );
    }
    for length in 0..file.len() {
        assert_eq!(code(open(&mut south, &file[..length])), "R1364");
    }
    let longer = [file.as_slice(), &[0]].concat();
    assert_eq!(code(open(&mut south, &longer)), "R1364");
    // Nothing of all this was kept.
    assert!(packages(&*south.store).unwrap().is_empty());
    assert_eq!(south.hsm.labels().len(), 2);
    open(&mut south, &file).unwrap();
    let answer = receipt(&mut south);
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 0x01;
        let refused = acknowledge(&mut north, &changed).unwrap_err().code;
        assert!(
            matches!(refused, "R1364" | "R1368" | "R1369"),
            "octet {at}: {refused}"
        );
    }
    acknowledge(&mut north, &answer).unwrap();
}

#[test]
fn another_site_and_another_time_are_refused() {
    let (mut north, mut south) = sites();
    let file = pack(&mut north);
    assert_eq!(code(open_at(&mut south, &file, NOW + 7 * DAY)), "R1366");
    // Made by a clock that is a day ahead.
    let labels = [KEY.to_owned()];
    let packing = Packing {
        package: "p0123456789abcdef",
        own: "north",
        to: "south",
        labels: &labels,
        expires_at: NOW + 7 * DAY,
    };
    let mut ahead = Vec::new();
    let keep = &mut |octets: &[u8]| {
        ahead = octets.to_vec();
        Ok(())
    };
    let made = north.work(|clerk| clerk.pack(&packing, &anna(NOW + DAY), keep));
    made.unwrap();
    assert_eq!(code(open(&mut south, &ahead)), "R1366");
    // A third site that trusts the sender as well.
    let mut east = World::new("east", 3);
    east.found();
    assert_eq!(code(open(&mut east, &file)), "R1369");
    let own = north.work(|clerk| clerk.own_site("north", NOW)).unwrap();
    east.trust(&own);
    assert_eq!(code(open(&mut east, &file)), "R1365");
    // The same name with other keys is another site.
    let mut twin = World::new("south", 4);
    twin.found();
    twin.trust(&own);
    assert_eq!(code(open(&mut twin, &file)), "R1365");
}

#[test]
fn a_sender_with_another_identity_is_not_believed() {
    let (mut north, mut south) = sites();
    let mut impostor = World::new("north", 9);
    impostor.found();
    let own = south.work(|clerk| clerk.own_site("south", NOW)).unwrap();
    impostor.trust(&own);
    impostor.generate("aurora.imk_ac");
    impostor.generate("aurora.cvk");
    let file = pack(&mut impostor);
    assert_eq!(code(open(&mut south, &file)), "R1369");
    // Its receipt does not close the true sender's record either.
    pack(&mut north);
    let mut thief = World::new("south", 9);
    thief.found();
    let north_own = north.work(|clerk| clerk.own_site("north", NOW)).unwrap();
    thief.trust(&north_own);
    let thief_own = thief.work(|clerk| clerk.own_site("south", NOW)).unwrap();
    let mut again = World::new("north", 1);
    again.found();
    again.trust(&thief_own);
    again.generate("aurora.imk_ac");
    again.generate("aurora.cvk");
    let other = pack(&mut again);
    open(&mut thief, &other).unwrap();
    assert_eq!(code(acknowledge(&mut north, &receipt(&mut thief))), "R1364");
}

#[test]
fn a_receipt_with_other_check_values_closes_nothing() {
    let (mut north, mut south) = sites();
    let file = pack(&mut north);
    open(&mut south, &file).unwrap();
    south.hsm.swap(KEY);
    let answer = receipt(&mut south);
    let refused = acknowledge(&mut north, &answer).unwrap_err();
    assert_eq!(refused.code, "R1368");
    assert!(refused.what.contains(KEY), "{}", refused.what);
    assert_eq!(
        packages(&*north.store).unwrap()[0].state,
        PackageState::Made
    );
    let none = south.work(|clerk| clerk.receipt("south", "p0000000000000000", &anna(NOW)));
    assert_eq!(code(none), "R1368");
}

#[test]
fn what_must_stay_is_not_packed() {
    let (mut north, _) = sites();
    let mut pack = |to, labels: &[&str]| pack_as(&mut north, "p0123456789abcdef", to, labels);
    assert_eq!(code(pack("nowhere", &[KEY])), "R1369");
    assert_eq!(code(pack("south", &[])), "R1355");
    assert_eq!(code(pack("south", &[KEY, KEY])), "R1355");
    assert_eq!(code(pack("south", &["aurora.imk_ac@2"])), "R1350");
    assert_eq!(code(pack("south", &["site.signing@1"])), "R1351");
    let wish = Wish {
        label: KEY,
        ..Wish::default()
    };
    north
        .work(|clerk| clerk.act(Act::Compromise, &wish, &both(NOW)))
        .unwrap();
    assert_eq!(
        code(pack_as(&mut north, "p0123456789abcdef", "south", &[KEY])),
        "R1351"
    );
    assert_eq!(
        code(pack_as(&mut north, "7", "south", &["aurora.cvk@1"])),
        "R1364"
    );
    assert!(packages(&*north.store).unwrap().is_empty());
}

#[test]
fn a_version_that_is_there_is_not_overwritten() {
    let (mut north, mut south) = sites();
    south.generate("aurora.cvk");
    let file = pack(&mut north);
    assert_eq!(code(open(&mut south, &file)), "R1358");
    assert!(packages(&*south.store).unwrap().is_empty());
    south.holds();
}

#[test]
fn a_file_that_can_t_be_kept_abandons_the_package() {
    let (mut north, _) = sites();
    let labels = [KEY.to_owned()];
    let packing = Packing {
        package: "p0123456789abcdef",
        own: "north",
        to: "south",
        labels: &labels,
        expires_at: NOW + DAY,
    };
    let full = |_: &[u8]| Err(cardwright_keys::inventory::PACKAGE.found("the disk is full"));
    let made = north.work(|clerk| clerk.pack(&packing, &anna(NOW), &mut { full }));
    assert!(made.is_err());
    north.holds();
    assert_eq!(
        packages(&*north.store).unwrap()[0].state,
        PackageState::Abandoned
    );
    assert!(north.entry(KEY).exports.is_empty());
}

#[test]
fn two_people_confirm_a_fingerprint() {
    let mut north = World::new("north", 1);
    let south = World::new("south", 2).found();
    let text = serde_json::to_string_pretty(&south.identity).unwrap();
    let identity = Identity::parse(&text).unwrap();
    let confirm = |world: &World, fingerprint: &str, who: &'static str| {
        let people = cardwright_keys::inventory::People {
            who,
            second: None,
            at: NOW,
        };
        SiteRow::trust(&*world.store, &identity, fingerprint, &people)
    };
    assert_eq!(code(confirm(&north, "0011", "Anna Berg")), "R1369");
    let spoken = south.fingerprint.to_lowercase().replace('-', " ");
    let Ok(Trust::Waits(changes)) = confirm(&north, &spoken, "Anna Berg") else {
        panic!("one person is not enough")
    };
    north.store.keep(&changes.into_batch(NOW)).unwrap();
    assert_eq!(
        code(pack_as(
            &mut north,
            "p0123456789abcdef",
            "south",
            &["a.b@1"]
        )),
        "R1369"
    );
    assert_eq!(
        code(confirm(&north, &south.fingerprint, "anna berg")),
        "R1352"
    );
    let second = confirm(&north, &south.fingerprint, "Bela Nagy").unwrap();
    assert!(matches!(second, Trust::Trusted(_)));
}

#[test]
fn an_identity_file_is_read_strictly() {
    let own = World::new("south", 2).found();
    let good = serde_json::to_value(&own.identity).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        code(Identity::parse(&value.to_string()))
    };
    assert_eq!(code(Identity::parse("")), "R1369");
    assert_eq!(refused(&|v| v["schema_version"] = 2.into()), "R1369");
    assert_eq!(refused(&|v| v["more"] = 2.into()), "R1369");
    assert_eq!(refused(&|v| v["name"] = "a\nb".into()), "R1369");
    assert_eq!(
        refused(&|v| v["exchange"]["p256"]["point"] = "04".into()),
        "R1369"
    );
    let point = own.identity.exchange.clone();
    let text = serde_json::to_value(point).unwrap()["p256"]["point"]
        .as_str()
        .unwrap()
        .to_owned();
    let off_curve = format!(
        "{}{}",
        &text[..128],
        if text.ends_with("00") { "01" } else { "00" }
    );
    assert_eq!(
        refused(&|v| v["exchange"]["p256"]["point"] = off_curve.clone().into()),
        "R1369"
    );
}

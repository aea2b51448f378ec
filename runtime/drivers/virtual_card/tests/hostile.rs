//! Whatever comes over the wire or from a file, the card answers or refuses; it never panics.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::hsm::Diversification;
use cardwright_ports::{CardChannel, SecretBytes};
use cardwright_virtual_card::{BlankKeys, BlankSpec, PSE_AID, Protocol, VirtualCard};
use common::host::{Host, grouping, is_secret, pad};
use common::profile::golden;
use common::{AID, blank, h, personalized, select, send};
use proptest::prelude::*;

/// Octets with the instructions that the card knows in front of them, more often than chance.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let class = prop::sample::select(vec![0x00u8, 0x80, 0x84, 0x8C, 0x01]);
    let instruction = prop::sample::select(vec![
        0x16u8, 0x18, 0x1E, 0x20, 0x24, 0x50, 0x82, 0x84, 0x88, 0xA4, 0xA8, 0xAE, 0xB2, 0xC0, 0xCA,
        0xE2, 0xE6, 0xFF,
    ]);
    let parameter = prop_oneof![
        prop::sample::select(vec![
            0x00u8, 0x04, 0x0C, 0x14, 0x40, 0x50, 0x80, 0x88, 0x9F, 0x36
        ]),
        any::<u8>(),
    ];
    let data = prop::collection::vec(any::<u8>(), 0..64);
    (
        class,
        instruction,
        parameter.clone(),
        parameter,
        data,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(cla, ins, p1, p2, data, le, honest)| {
            let mut apdu = vec![cla, ins, p1, p2];
            if honest && !data.is_empty() {
                apdu.push(data.len() as u8);
            }
            apdu.extend(data);
            if le {
                apdu.push(0);
            }
            apdu
        })
}

fn survives(card: &mut VirtualCard, apdu: &[u8]) {
    let answer = card.transmit(apdu).unwrap();
    assert!(answer.len() >= 2 && answer.len() <= 65_538);
    assert!(matches!(answer[answer.len() - 2], 0x61..=0x6F | 0x90));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut card = blank(Protocol::Scp03 { option: 0x70 }, &[&h(AID)]);
        survives(&mut card, &octets);
    }

    #[test]
    fn any_session_with_a_personalized_card(commands in prop::collection::vec(command(), 1..40)) {
        let mut card = personalized(&golden());
        select(&mut card, &h(AID));
        send(&mut card, &h("80A8000002830000"));
        for apdu in commands {
            survives(&mut card, &apdu);
        }
        // Whatever happened, the card's state can be kept and read back.
        let kept = card.snapshot().unwrap();
        VirtualCard::restore(kept.expose()).unwrap();
    }

    #[test]
    fn any_session_with_a_blank_card(commands in prop::collection::vec(command(), 1..40)) {
        let mut card = blank(Protocol::Scp02 { option: 0x55 }, &[&h(AID), &PSE_AID]);
        for apdu in commands {
            survives(&mut card, &apdu);
        }
    }

    /// A script with octets changed, groupings left out, doubled or changed round, inside a good
    /// channel. A card that says it is personalized has to work.
    #[test]
    fn mutated_scripts(
        order in prop::collection::vec(0usize..18, 1..30),
        flips in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u8..),
            0..4,
        ),
    ) {
        let aid = h(AID);
        let mut card = blank(Protocol::Scp02 { option: 0x15 }, &[&aid]);
        select(&mut card, &aid);
        let mut host = Host::open(&mut card, 0x01, true);
        let mut groups = golden();
        for (which, place, change) in &flips {
            let (_, value) = which.get_mut(&mut groups[..]);
            let at = place.index(value.len());
            value[at] ^= change;
        }
        let all = 0..groups.len();
        for i in order.iter().copied().chain(all) {
            let (number, value) = &groups[i % groups.len()];
            let secret = is_secret(*number);
            let value = if secret { host.hide(&padded(value)) } else { value.clone() };
            let last = i + 1 == groups.len();
            let p1 = if secret { 0x60 } else { 0 } | if last { 0x80 } else { 0 };
            host.store(&mut card, p1, &grouping(*number, &value));
        }
        let personalized = card.registry()[0].1;
        prop_assert!(personalized || !flips.is_empty());
        let kept = card.snapshot().unwrap();
        VirtualCard::restore(kept.expose()).unwrap();
        card.reset().unwrap();
        select(&mut card, &aid);
        let options = send(&mut card, &h("80A8000002830000"));
        prop_assert_eq!(options.1 == 0x9000, personalized);
    }

    #[test]
    fn any_file(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(VirtualCard::restore(&octets).err().unwrap().code, "R1281");
    }

    /// One octet of a kept card changed: refused, or a card that behaves.
    #[test]
    fn a_damaged_file(place in any::<prop::sample::Index>(), change in 1u8..) {
        let mut octets = kept().to_vec();
        let at = place.index(octets.len());
        octets[at] ^= change;
        if let Ok(mut card) = VirtualCard::restore(&octets) {
            card.reset().unwrap();
            select(&mut card, &h(AID));
            survives(&mut card, &h("80A8000002830000"));
            survives(&mut card, &h("0020008008241234FFFFFFFFFF"));
            survives(&mut card, &h("008800000411223344"));
        }
    }
}

fn padded(value: &[u8]) -> Vec<u8> {
    if value.len().is_multiple_of(8) {
        value.to_vec()
    } else {
        pad(value, 8)
    }
}

fn kept() -> &'static [u8] {
    static KEPT: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    KEPT.get_or_init(|| {
        personalized(&golden())
            .snapshot()
            .unwrap()
            .expose()
            .to_vec()
    })
}

#[test]
fn a_card_without_power_says_so() {
    let mut card = blank(Protocol::Scp02 { option: 0x15 }, &[&h(AID)]);
    card.power_off();
    let error = card.transmit(&h("00A4040000")).unwrap_err();
    assert_eq!(error.code, "R1282");
}

#[test]
fn a_description_that_makes_no_card_is_r1280() {
    let spec = |protocol, keys| BlankSpec::new(protocol, keys, [0x47; 6], [0, 0, 0, 9], Vec::new());
    let scp02 = Protocol::Scp02 { option: 0x15 };
    let refused = |spec: &BlankSpec| {
        let fault = VirtualCard::blank(spec).err().unwrap();
        assert!(!fault.what.is_empty() && !fault.mend.is_empty());
        fault.code
    };
    assert!(
        VirtualCard::blank(&spec(scp02, common::test_keys())).is_ok(),
        "the control"
    );
    let option = Protocol::Scp03 { option: 0x11 };
    assert_eq!(refused(&spec(option, common::test_keys())), "R1280");
    for lengths in [[16, 16, 15], [16, 24, 16], [0, 0, 0], [8, 8, 8]] {
        let [enc, mac, dek] = lengths.map(|n| SecretBytes::new(vec![0x47; n]));
        let keys = BlankKeys::Card { enc, mac, dek };
        assert_eq!(refused(&spec(scp02, keys)), "R1280", "{lengths:?}");
    }
    // An AES method with a triple DES protocol.
    let keys = BlankKeys::Master {
        key: SecretBytes::new(vec![0x47; 16]),
        method: Diversification::Kdf3,
    };
    assert_eq!(refused(&spec(scp02, keys)), "R1280");
    for version in [0x00, 0x80, 0xFE] {
        let mut wrong = spec(scp02, common::test_keys());
        wrong.key_version = version;
        assert_eq!(refused(&wrong), "R1280", "version {version:02X}");
    }
    let aid = |length: usize| vec![0xF0; length];
    for instances in [
        vec![aid(4)],
        vec![aid(17)],
        vec![aid(7), aid(7)],
        (5..=16).flat_map(|n| [aid(n), vec![0xF1; n]]).collect(),
    ] {
        let mut wrong = spec(scp02, common::test_keys());
        wrong.instances = instances;
        assert_eq!(refused(&wrong), "R1280");
    }
}

//! The golden application over every channel and by every way of sending it.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::CardChannel;
use cardwright_virtual_card::{Protocol, Quirks, VirtualCard};
use common::host::{Host, grouping, is_secret, pad, personalize};
use common::profile::{Groups, golden};
use common::{AID, blank, blank_with, h, ok, select, send, status};

const SCP02: Protocol = Protocol::Scp02 { option: 0x15 };
const SCP03: Protocol = Protocol::Scp03 { option: 0x70 };

fn holds(card: &VirtualCard, groups: &Groups) {
    for (number, value) in groups {
        let kept = card.grouping(&h(AID), *number).unwrap();
        assert!(kept.expose() == value, "{number:04X}");
    }
    assert!(card.registry()[0].1);
}

#[test]
fn every_protocol_option_and_level() {
    let aid = h(AID);
    let cases: [(Protocol, &[u8]); 8] = [
        (Protocol::Scp02 { option: 0x05 }, &[0x00, 0x01, 0x03]),
        (Protocol::Scp02 { option: 0x15 }, &[0x00, 0x01, 0x03]),
        (Protocol::Scp02 { option: 0x45 }, &[0x01, 0x03]),
        (Protocol::Scp02 { option: 0x55 }, &[0x01, 0x03]),
        (Protocol::Scp03 { option: 0x00 }, &[0x00, 0x01, 0x03]),
        (Protocol::Scp03 { option: 0x10 }, &[0x01, 0x03]),
        (Protocol::Scp03 { option: 0x60 }, &[0x01, 0x11, 0x13, 0x33]),
        (
            Protocol::Scp03 { option: 0x70 },
            &[0x01, 0x03, 0x11, 0x13, 0x33],
        ),
    ];
    for (protocol, levels) in cases {
        let icv = matches!(protocol, Protocol::Scp02 { option } if option & 0x10 != 0);
        for level in levels {
            let mut card = blank(protocol, &[&aid]);
            select(&mut card, &aid);
            let mut host = Host::open(&mut card, *level, icv);
            for (number, status) in personalize(&mut card, &mut host, &golden()) {
                assert_eq!(status, 0x9000, "{protocol:?} {level:02X} {number:04X}");
            }
            holds(&card, &golden());
        }
    }
    // A level that the option does not have.
    for (protocol, level) in [
        (Protocol::Scp02 { option: 0x15 }, 0x11),
        (Protocol::Scp03 { option: 0x00 }, 0x11),
        (Protocol::Scp03 { option: 0x30 }, 0x33),
    ] {
        let mut card = blank(protocol, &[&aid]);
        let (_, apdu) = Host::begin(&mut card, level, true);
        assert_eq!(send(&mut card, &apdu).1, 0x6A86, "{protocol:?}");
    }
}

/// Everything in one stream of bytes per encryption, cut anywhere: a grouping goes on in the next
/// command without a header, and another one may follow in the same command.
#[test]
fn groupings_that_share_commands_and_cross_them() {
    let aid = h(AID);
    for (protocol, block) in [(SCP02, 8), (SCP03, 16)] {
        for cut in [1, 2, 7, 100, 223] {
            let mut card = blank(protocol, &[&aid]);
            select(&mut card, &aid);
            let mut host = Host::open(&mut card, 0x03, true);
            for secret in [true, false] {
                let mut stream = Vec::new();
                for (number, value) in golden() {
                    if is_secret(number) == secret {
                        let value = match (secret, value.len() % block) {
                            (false, _) => value,
                            (true, 0) => host.hide(&value),
                            (true, _) => host.hide(&pad(&value, block)),
                        };
                        stream.push(grouping(number, &value));
                    }
                }
                // Headers stay whole: each piece is cut inside values only.
                let mut commands: Vec<Vec<u8>> = vec![Vec::new()];
                for whole in stream {
                    let (head, value) = whole.split_at(3);
                    if commands.last().unwrap().len() + 3 > 223 {
                        commands.push(Vec::new());
                    }
                    commands.last_mut().unwrap().extend_from_slice(head);
                    for octet in value {
                        if commands.last().unwrap().len() >= cut.max(5) {
                            commands.push(Vec::new());
                        }
                        commands.last_mut().unwrap().push(*octet);
                    }
                }
                let count = commands.len();
                for (i, command) in commands.iter().enumerate() {
                    let last = !secret && i + 1 == count;
                    let p1 = if secret { 0x60 } else { 0 } | if last { 0x80 } else { 0 };
                    let found = host.store(&mut card, p1, command);
                    assert_eq!(found, 0x9000, "cut {cut}: {:?}", card.last_refusal());
                }
            }
            holds(&card, &golden());
        }
    }
}

/// P1 01: what is secret travels enciphered, the rest clear, in one command.
#[test]
fn clear_and_enciphered_groupings_in_one_command() {
    let aid = h(AID);
    let mut card = blank(SCP03, &[&aid]);
    select(&mut card, &aid);
    let mut host = Host::open(&mut card, 0x33, true);
    let pin = host.hide(&pad(&h("241234FFFFFFFFFF"), 16));
    let both = [grouping(0x9010, &[3, 3]), grouping(0x8010, &pin)].concat();
    assert_eq!(host.store(&mut card, 0x20, &both), 0x9000);
    assert_eq!(
        card.grouping(&aid, 0x8010).unwrap().expose(),
        h("241234FFFFFFFFFF")
    );
    assert_eq!(card.grouping(&aid, 0x9010).unwrap().expose(), [3, 3]);
}

/// A length over 254 takes three octets; the value comes in several commands.
#[test]
fn a_long_grouping() {
    let aid = h(AID);
    let mut card = blank(SCP02, &[&aid]);
    select(&mut card, &aid);
    let mut host = Host::open(&mut card, 0x01, true);
    let value = [&h("DF8201 82 01 28")[..], &[0x5A; 0x128]].concat();
    let statuses = personalize(&mut card, &mut host, &[(0x3001, value.clone())]);
    assert_eq!(statuses[0].1, 0x9000);
    assert_eq!(statuses.len(), 2);
    assert_eq!(card.grouping(&aid, 0x3001).unwrap().expose(), value);
}

#[test]
fn through_the_issuer_domain() {
    let aid = h(AID);
    let mut card = blank(SCP03, &[&aid]);
    let mut host = Host::open(&mut card, 0x33, true);
    let install = |host: &mut Host, card: &mut VirtualCard, data: &[u8]| {
        let apdu = host.wrap([0x80, 0xE6, 0x20, 0x00], data);
        send(card, &apdu).1
    };
    assert_eq!(host.store(&mut card, 0, &grouping(0x9010, &[3, 3])), 0x6985);
    assert_eq!(
        install(&mut host, &mut card, &h("000005A000000099000000")),
        0x6A88
    );
    assert_eq!(
        install(&mut host, &mut card, &h("000007A00000000310100000")),
        0x6A80
    );
    let name = [&h("000007")[..], &aid, &[0, 0, 0]].concat();
    assert_eq!(install(&mut host, &mut card, &name), 0x9000);
    host.block = 0;
    for (number, status) in personalize(&mut card, &mut host, &golden()) {
        assert_eq!(status, 0x9000, "{number:04X} {:?}", card.last_refusal());
    }
    holds(&card, &golden());
    assert_eq!(host.store(&mut card, 0, &grouping(0x9010, &[3, 3])), 0x6985);
}

#[test]
fn sequence_counters_and_challenges() {
    let begin = |card: &mut VirtualCard| ok(card, "8050000008112233445566778800");
    // SCP02: the counter moves with each channel that opens.
    for (option, pseudo_random) in [(0x15, false), (0x55, true)] {
        let mut card = blank(Protocol::Scp02 { option }, &[&h(AID)]);
        let (one, two) = (begin(&mut card), begin(&mut card));
        assert_eq!(one[12..14], [0, 0]);
        assert_eq!(one[12..20] == two[12..20], pseudo_random);
        Host::open(&mut card, 0x01, true);
        let three = begin(&mut card);
        assert_eq!(three[12..14], [0, 1]);
        assert_ne!(three[14..20], two[14..20]);
        assert_eq!(ok(&mut card, "80CA00C100"), h("C1020001"));
    }
    // SCP03 with pseudo-random challenges: it moves with each INITIALIZE UPDATE.
    let mut card = blank(SCP03, &[&h(AID)]);
    let (one, two) = (begin(&mut card), begin(&mut card));
    assert_eq!(
        (one.len(), &one[29..], &two[29..]),
        (32, &[0, 0, 1][..], &[0, 0, 2][..])
    );
    assert_ne!(one[13..21], two[13..21]);
    let mut card = card.with_sequence_counter(0xFF_FFFF);
    card.reset().unwrap();
    assert_eq!(status(&mut card, "8050000008112233445566778800"), 0x6985);
    let mut card = blank(SCP02, &[&h(AID)]).with_sequence_counter(0xFFFF);
    card.reset().unwrap();
    assert_eq!(status(&mut card, "8050000008112233445566778800"), 0x6985);
}

#[test]
fn clear_check_values_beside_enciphered_keys() {
    let aid = h(AID);
    let quirks = Quirks {
        clear_check_values: true,
        ..Quirks::default()
    };
    let mut card = blank_with(SCP02, &[&aid], quirks);
    select(&mut card, &aid);
    let mut host = Host::open(&mut card, 0x01, true);
    let values = grouping(0x9000, &h("DEEE3DDEEE3DDEEE3D"));
    assert_eq!(host.store(&mut card, 0x60, &values), 0x9000);
}

//! The other side for the tests: a personalization host on raw ciphers, and a card to talk to.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod host;
pub(crate) mod profile;

use cardwright_ports::{CardChannel, SecretBytes};
use cardwright_virtual_card::{BlankKeys, BlankSpec, Protocol, Quirks, VirtualCard};

/// AID of the golden card's application.
pub(crate) const AID: &str = "A0000000031010";
/// The well-known test key of GlobalPlatform cards.
pub(crate) const TEST_KEY: &str = "404142434445464748494A4B4C4D4E4F";

pub(crate) fn h(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

pub(crate) fn test_keys() -> BlankKeys {
    let key = || SecretBytes::new(h(TEST_KEY));
    BlankKeys::Card {
        enc: key(),
        mac: key(),
        dek: key(),
    }
}

pub(crate) fn send(card: &mut VirtualCard, apdu: &[u8]) -> (Vec<u8>, u16) {
    let mut answer = card.transmit(apdu).unwrap();
    let tail = answer.split_off(answer.len() - 2);
    (answer, u16::from_be_bytes([tail[0], tail[1]]))
}

/// Data of a command that the card has to obey.
pub(crate) fn ok(card: &mut VirtualCard, apdu: &str) -> Vec<u8> {
    let (data, status) = send(card, &h(apdu));
    assert_eq!(status, 0x9000, "{apdu}: {:?}", card.last_refusal());
    data
}

pub(crate) fn status(card: &mut VirtualCard, apdu: &str) -> u16 {
    send(card, &h(apdu)).1
}

/// A blank with the test key and some applets.
pub(crate) fn blank(protocol: Protocol, aids: &[&[u8]]) -> VirtualCard {
    blank_with(protocol, aids, Quirks::default())
}

pub(crate) fn blank_with(protocol: Protocol, aids: &[&[u8]], quirks: Quirks) -> VirtualCard {
    let aids = aids.iter().map(|aid| aid.to_vec()).collect();
    let mut spec = BlankSpec::new(protocol, test_keys(), [0x47; 6], [0, 0, 0, 9], aids);
    spec.quirks = quirks;
    let mut card = VirtualCard::blank(&spec).unwrap();
    card.reset().unwrap();
    card
}

pub(crate) fn select(card: &mut VirtualCard, aid: &[u8]) -> (Vec<u8>, u16) {
    send(
        card,
        &[&[0x00, 0xA4, 0x04, 0x00, aid.len() as u8], aid, &[0]].concat(),
    )
}

/// A card whose only application took these groupings over SCP02.
pub(crate) fn personalized(groups: &profile::Groups) -> VirtualCard {
    personalized_with(groups, Quirks::default())
}

pub(crate) fn personalized_with(groups: &profile::Groups, quirks: Quirks) -> VirtualCard {
    let aid = h(AID);
    let mut card = blank_with(Protocol::Scp02 { option: 0x15 }, &[&aid], quirks);
    select(&mut card, &aid);
    let mut host = host::Host::open(&mut card, 0x01, true);
    for (number, status) in host::personalize(&mut card, &mut host, groups) {
        assert_eq!(status, 0x9000, "{number:04X}: {:?}", card.last_refusal());
    }
    card.reset().unwrap();
    card
}

//! The other side for the tests: a personalization host on raw ciphers, and a card to talk to.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod host;

use cardwright_ports::{CardChannel, SecretBytes};
use cardwright_virtual_card::{BlankKeys, VirtualCard};

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

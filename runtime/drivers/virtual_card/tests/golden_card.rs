//! The golden contact card: its whole script is replayed, then read back as a terminal would.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::CardChannel;
use cardwright_virtual_card::{BlankSpec, Protocol, VirtualCard};
use common::{AID, h, ok, status, test_keys};

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!(
        "../../../../tests/vectors/project/vectors_perso.json"
    ))
    .unwrap()
}

fn replayed() -> VirtualCard {
    let spec = BlankSpec::new(
        Protocol::Scp02 { option: 0x15 },
        test_keys(),
        [0x47, 0x61, 0x73, 0xFF, 0xFF, 0xFF],
        [0, 0, 0, 1],
        vec![h(AID)],
    );
    let mut card = VirtualCard::blank(&spec)
        .unwrap()
        .with_sequence_counter(3)
        .with_fixed_challenge(&h("A1A2A3A4A5A6"));
    card.reset().unwrap();
    ok(&mut card, "00A4040007A000000003101000");
    let answer = ok(&mut card, "8050000008010203040506070800");
    assert_eq!(
        answer[10..],
        h("01020003A1A2A3A4A5A6FCFECD429498A7AA"),
        "key version, protocol, counter, challenge and cryptogram"
    );
    for step in golden()["apdus"].as_array().unwrap() {
        let apdu = step["apdu"].as_str().unwrap();
        let found = status(&mut card, apdu);
        assert_eq!(found, 0x9000, "{}: {:?}", step["note"], card.last_refusal());
    }
    card
}

#[test]
fn every_grouping_is_on_the_card_in_the_clear() {
    let card = replayed();
    assert_eq!(card.registry(), [(&h(AID)[..], true)]);
    for grouping in golden()["dgis"].as_array().unwrap() {
        let number = u16::from_str_radix(grouping["dgi"].as_str().unwrap(), 16).unwrap();
        let kept = card.grouping(&h(AID), number).unwrap();
        let clear = grouping["clear"].as_str().unwrap();
        assert_eq!(hex::encode_upper(kept.expose()), clear, "{number:04X}");
    }
}

#[test]
fn a_terminal_reads_what_was_sent() {
    let mut card = replayed();
    card.reset().unwrap();
    let fci = ok(&mut card, "00A4040007A000000003101000");
    assert_eq!(
        hex::encode_upper(fci),
        "6F1A8407A0000000031010A50F500A54455354204445424954870101"
    );
    let options = ok(&mut card, "80A8000002830000");
    assert_eq!(
        hex::encode_upper(options),
        "771282027D00940C080101001001020118010300"
    );
    for grouping in golden()["dgis"].as_array().unwrap() {
        let number = u16::from_str_radix(grouping["dgi"].as_str().unwrap(), 16).unwrap();
        let [sfi, record] = number.to_be_bytes();
        if sfi <= 30 {
            let apdu = format!("00B2{record:02X}{:02X}00", sfi << 3 | 4);
            let found = hex::encode_upper(ok(&mut card, &apdu));
            assert_eq!(found, grouping["clear"].as_str().unwrap());
        }
    }
    assert_eq!(ok(&mut card, "80CA9F3600"), h("9F36020001"));
    assert_eq!(ok(&mut card, "80CA9F1700"), h("9F170103"));
    assert_eq!(status(&mut card, "0020008008241234FFFFFFFFFF"), 0x9000);
}

#[test]
fn a_kept_card_comes_back_the_same() {
    let mut card = replayed();
    ok(&mut card, "00A4040007A000000003101000");
    ok(&mut card, "80A8000002830000");
    assert_eq!(status(&mut card, "0020008008244321FFFFFFFFFF"), 0x63C2);
    let kept = card.snapshot().unwrap();
    let mut again = VirtualCard::restore(kept.expose()).unwrap();
    assert_eq!(again.snapshot().unwrap().expose(), kept.expose());
    again.reset().unwrap();
    ok(&mut again, "00A4040007A000000003101000");
    ok(&mut again, "80A8000002830000");
    assert_eq!(ok(&mut again, "80CA9F3600"), h("9F36020002"));
    assert_eq!(ok(&mut again, "80CA9F1700"), h("9F170102"));
}

#[test]
fn a_file_that_is_not_a_card_is_refused() {
    let kept = replayed().snapshot().unwrap();
    let text = std::str::from_utf8(kept.expose()).unwrap().to_owned();
    let refused = |text: &str| {
        let fault = VirtualCard::restore(text.as_bytes()).err().unwrap();
        assert_eq!(fault.code, "R1281", "{fault}");
    };
    refused("");
    refused("{}");
    refused(&text[..text.len() / 2]);
    refused(&text.replace("\"version\":1", "\"version\":2"));
    refused(&text.replace("\"pin_tries_left\":3", "\"pin_tries_left\":9"));
    refused(&text.replace("DEEE3DDEEE3DDEEE3D", "DEEE3DDEEE3DDEEE3E"));
    refused(&text.replace("[257,", "[65535,"));
    refused(&text.replace("\"key_version\":1", "\"key_version\":0"));
    refused(&text.replace("{\"aid\"", "{\"more\":1,\"aid\""));
}

//! Fast transactions and magnetic stripe mode. Signature and cryptogram are checked by the functions
//! of somebody else's terminal (the `emv` crate), the dynamic code by pyemv's value.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::CardChannel;
use cardwright_virtual_card::{Interface, VirtualCard};
use common::profile::{Groups, certified, rsa_vectors, with, without};
use common::{AID, h, ok, personalized, status};
use emv::core::application_cryptogram::verify_application_cryptogram;
use emv::core::oda::{IccPublicKey, verify_dda};
use emv::core::secure_messaging::{derive_session_key_tdes, diversification_for_ac_session_key};
use emv::core::tlv::Tlv;
use std::collections::BTreeMap;

/// 9F66 04, 9F02 06, 9F03 06, 9F1A 02, 95 05, 5F2A 02, 9A 03, 9C 01, 9F37 04.
const LIST: &str = "9F66049F02069F03069F1A0295055F2A029A039C019F3704";
const REST: &str = "000000001000 000000000000 0840 0000000000 0978 261122 00 11223344";
/// The golden card's master key for cryptograms.
const MASTER: &str = "80A89B585BBF64C2F12915BF578FABE0";

fn fci() -> Vec<u8> {
    let list = format!("9F38{:02X}{LIST}", LIST.len() / 2);
    let inside = format!("500A54455354204445424954870101{list}");
    h(&format!("A5{:02X}{inside}", inside.len() / 2))
}

/// The golden application, answering fast.
fn fast() -> Groups {
    let groups = certified([0x20, 0x00], "1F03", false);
    let find = |number: u16| groups.iter().find(|(n, _)| *n == number).unwrap().1.clone();
    let lists = find(0x0202);
    let lists = [
        &[0x70, lists[1] + 10][..],
        &lists[2..],
        &h("9F690701000000000000"),
    ]
    .concat();
    let options = [find(0x9104), h("9F6C023000")].concat();
    let changes = [(0x9103, fci()), (0x0202, lists), (0x9104, options)];
    with(groups, &changes)
}

fn tapped(groups: &Groups) -> VirtualCard {
    let mut card = personalized(groups);
    card.set_interface(Interface::Contactless);
    card.reset().unwrap();
    ok(&mut card, &format!("00A4040007{AID}00"));
    card
}

/// The answer's objects by tag.
fn objects(octets: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let template = Tlv::from_bytes(octets).unwrap();
    let children = template.value().as_constructed().unwrap();
    let object = |child: &Tlv| {
        let encoded = child.encode();
        let tag = if encoded[0] & 0x1F == 0x1F { 2 } else { 1 };
        let value = child.value().as_primitive().unwrap();
        (hex::encode_upper(&encoded[..tag]), value.to_vec())
    };
    children.iter().map(object).collect()
}

fn options(card: &mut VirtualCard, qualifiers: &str) -> BTreeMap<String, Vec<u8>> {
    let values = format!("{qualifiers}{REST}").replace(' ', "");
    let length = values.len() / 2;
    let sent = format!("80A80000{:02X}83{length:02X}{values}00", length + 2);
    objects(&ok(card, &sent))
}

fn public() -> IccPublicKey {
    IccPublicKey {
        modulus: h(rsa_vectors()["icc"]["n"].as_str().unwrap()),
        exponent: vec![3],
        hash_algorithm_indicator: 1,
        algorithm_indicator: 1,
        application_pan: h("4761739001010119FFFF").try_into().unwrap(),
        expiration_mmyy: [0x12, 0x28],
        serial_number: [0, 0, 7],
    }
}

#[test]
fn another_terminal_accepts_the_fast_signature_and_the_cryptogram() {
    let mut card = tapped(&fast());
    let given = options(&mut card, "37800080");
    assert_eq!(given["9F27"], [0x80]);
    let record = objects(&ok(&mut card, "00B2021400"));
    let related = &record["9F69"];
    assert_eq!((related[0], &related[5..]), (0x01, &h("3000")[..]));
    assert_ne!(related[1..5], [0; 4]);
    let data = [&h("11223344 000000001000 0978")[..], related].concat();
    let number = verify_dda(&public(), &given["9F4B"], &data).unwrap();
    assert_eq!(number, [0x00, 0x01]);
    let value = diversification_for_ac_session_key(1);
    let session = derive_session_key_tdes(&h(MASTER).try_into().unwrap(), &value);
    let covered = [&h(REST)[..], &h("2000 0001"), &given["9F10"]].concat();
    let cryptogram: [u8; 8] = given["9F26"].as_slice().try_into().unwrap();
    assert!(verify_application_cryptogram(
        &session, &covered, cryptogram
    ));
    // One transaction, one cryptogram: nothing more of contact EMV.
    assert_eq!(status(&mut card, "008800000411223344 00"), 0x6985);
    let lists = "80AE80001D 00000000100000000000000008400000000000097826112200 11223344 00";
    assert_eq!(status(&mut card, lists), 0x6985);
}

#[test]
fn terminals_that_ask_otherwise_get_otherwise() {
    // No fast DDA known: no signature. Offline wanted: a certificate of the transaction.
    let mut card = tapped(&fast());
    let given = options(&mut card, "37800000");
    assert!(!given.contains_key("9F4B"));
    let mut card = tapped(&fast());
    let given = options(&mut card, "36000080");
    assert_eq!(given["9F27"], [0x40]);
    assert!(given.contains_key("9F4B"));
    // Online, and no signatures for online transactions.
    let mut card = tapped(&fast());
    assert!(!options(&mut card, "36800080").contains_key("9F4B"));
    // No EMV mode.
    let mut card = tapped(&fast());
    let values = format!("10000000{REST}").replace(' ', "");
    assert_eq!(
        status(&mut card, &format!("80A80000238321{values}00")),
        0x6985
    );
}

/// `tests/vectors/project`: this key's vector for this track is 7146; with number 00000899 and
/// counter 1 pyemv gives CVC3 37701.
const TRACK: &str = "4761739001010119D28122010000000000000F";

fn tracks(vector: &str) -> Groups {
    let inside = format!("9F6B13{TRACK}9F650201C09F6602003E9F6701029F6C0200019F69039F6A04");
    let record = h(&format!("70{:02X}{inside}", inside.len() / 2));
    vec![
        (0x0101, record),
        (0x9103, h("A50F500A54455354204445424954870101")),
        (0x9104, h("82020000940408010100")),
        (0x3000, h("9F36020000")),
        (0x8400, h(MASTER)),
        (0x9400, h("DEEE3D")),
        (0x9401, h(&format!("0000{vector}"))),
    ]
}

#[test]
fn a_dynamic_code_is_the_one_that_pyemv_gives() {
    let mut card = tapped(&tracks("7146"));
    assert_eq!(status(&mut card, "802A8E80040000089900"), 0x6985);
    ok(&mut card, "80A8000002830000");
    assert_eq!(status(&mut card, "802A8E80030008990 0"), 0x6700);
    assert_eq!(status(&mut card, "802A8E8104 0000089900"), 0x6A86);
    let given = objects(&ok(&mut card, "802A8E80040000089900"));
    assert_eq!(given["9F61"], 37_701_u16.to_be_bytes());
    assert_eq!(given["9F36"], [0, 1]);
    assert!(!given.contains_key("9F60"));
    // Once for a transaction, and not over the contacts.
    assert_eq!(status(&mut card, "802A8E80040000089900"), 0x6985);
    assert_eq!(status(&mut card, "80AE8000001D00"), 0x6D00);
    card.set_interface(Interface::Contact);
    card.reset().unwrap();
    ok(&mut card, &format!("00A4040007{AID}00"));
    assert_eq!(status(&mut card, "80A8000002830000"), 0x6985);
}

#[test]
fn tracks_that_are_not_complete_are_refused() {
    let aid = h(AID);
    let spoilt = [
        without(tracks("7146"), 0x9401),
        without(tracks("7146"), 0x9400),
        with(tracks("7146"), &[(0x9400, h("000000"))]),
        with(tracks("7146"), &[(0x0101, h("70039F6B00"))]),
    ];
    for groups in spoilt {
        let protocol = cardwright_virtual_card::Protocol::Scp02 { option: 0x15 };
        let mut card = common::blank(protocol, &[&aid]);
        common::select(&mut card, &aid);
        let mut host = common::host::Host::open(&mut card, 0x01, true);
        let all = common::host::personalize(&mut card, &mut host, &groups);
        assert_ne!(all.last().unwrap().1, 0x9000);
    }
}

/// The fast application with magnetic stripe mode beside it: tracks in file 4, where tag 9F69 is a list.
fn both() -> Groups {
    let inside = format!("9F6B13{TRACK}9F650201C09F6602003E9F6701029F6C0200019F69039F6A04");
    let record = h(&format!("70{:02X}{inside}", inside.len() / 2));
    let mut groups = fast();
    groups.extend([
        (0x0401, record),
        (0x8400, h(MASTER)),
        (0x9106, h("82020000940420010100")),
        (0x9400, h("DEEE3D")),
        (0x9401, h("00007146")),
    ]);
    groups
}

/// GET PROCESSING OPTIONS by a terminal with these qualifiers.
fn asks(qualifiers: &str) -> String {
    let values = format!("{qualifiers}{REST}").replace(' ', "");
    let length = values.len() / 2;
    format!("80A80000{:02X}83{length:02X}{values}00", length + 2)
}

#[test]
fn a_card_of_two_modes_answers_the_one_that_is_offered() {
    // Magnetic stripe mode alone: AIP and AFL of the tracks, and pyemv's code.
    let mut card = tapped(&both());
    let given = objects(&ok(&mut card, &asks("86000000")));
    assert_eq!(given["82"], [0, 0]);
    assert_eq!(given["94"], [0x20, 1, 1, 0]);
    assert_eq!(given.len(), 2);
    let record = objects(&ok(&mut card, "00B2012400"));
    assert_eq!(record["9F6B"], h(TRACK));
    assert_eq!(
        status(&mut card, "00B2021400"),
        0x6A82,
        "the other mode's file"
    );
    let code = objects(&ok(&mut card, "802A8E80040000089900"));
    assert_eq!(code["9F61"], 37_701_u16.to_be_bytes());
    assert_eq!(code["9F36"], [0, 1]);
    // Nothing of the other mode, and one answer until the next SELECT.
    let lists = "80AE80001D 00000000100000000000000008400000000000097826112200 11223344 00";
    assert_eq!(status(&mut card, lists), 0x6985);
    assert_eq!(status(&mut card, "008800000411223344 00"), 0x6985);
    assert_eq!(status(&mut card, &asks("37800080")), 0x6985);

    // EMV mode, also where the terminal offers both: another author's terminal takes the signature.
    for (qualifiers, counter) in [("37800080", 2), ("B7800080", 3)] {
        ok(&mut card, &format!("00A4040007{AID}00"));
        let given = options(&mut card, qualifiers);
        let record = objects(&ok(&mut card, "00B2021400"));
        let related = &record["9F69"];
        assert_eq!((related[0], &related[5..]), (0x01, &h("3000")[..]));
        let data = [&h("11223344 000000001000 0978")[..], related].concat();
        let number = verify_dda(&public(), &given["9F4B"], &data).unwrap();
        assert_eq!(
            number,
            [0x00, counter],
            "both modes count the same transactions"
        );
        let value = diversification_for_ac_session_key(counter.into());
        let session = derive_session_key_tdes(&h(MASTER).try_into().unwrap(), &value);
        let covered = [&h(REST)[..], &h("2000 00"), &[counter], &given["9F10"]].concat();
        let cryptogram: [u8; 8] = given["9F26"].as_slice().try_into().unwrap();
        assert!(verify_application_cryptogram(
            &session, &covered, cryptogram
        ));
        assert_eq!(status(&mut card, "802A8E80040000089900"), 0x6985);
        assert_eq!(status(&mut card, "00B2012400"), 0x6A82, "the tracks' file");
    }

    // Neither mode is offered.
    ok(&mut card, &format!("00A4040007{AID}00"));
    assert_eq!(status(&mut card, &asks("10000000")), 0x6985);
}

#[test]
fn two_modes_that_are_not_complete_are_refused() {
    let aid = h(AID);
    let plain = h("A50F500A54455354204445424954870101");
    let spoilt = [
        without(both(), 0x8400),
        without(both(), 0x0401),
        without(both(), 0x8000),
        // The card is not told which mode the terminal offers.
        with(both(), &[(0x9103, plain)]),
    ];
    for groups in spoilt {
        let protocol = cardwright_virtual_card::Protocol::Scp02 { option: 0x15 };
        let mut card = common::blank(protocol, &[&aid]);
        common::select(&mut card, &aid);
        let mut host = common::host::Host::open(&mut card, 0x01, true);
        let all = common::host::personalize(&mut card, &mut host, &groups);
        assert_ne!(all.last().unwrap().1, 0x9000);
    }
}

//! What each code of this crate refuses: the smallest input that earns it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

use cardwright_standards::cipher::{TdesKey, strip_80};
use cardwright_standards::emv::certificates::{
    IssuerCertificate, issuer_block, recover_issuer_certificate,
};
use cardwright_standards::globalplatform::diversify::{Diversification, diversify};
use cardwright_standards::globalplatform::initialize::Answer;
use cardwright_standards::globalplatform::{Channel, ChannelError, cps, scp02};
use cardwright_standards::keyblock::{self, Header};
use cardwright_standards::pin::{self, Pin};
use cardwright_standards::track::{self, Track};
use cardwright_standards::{
    apdu, codes::CODES, cvv, emboss, emv, formats, names, pan, test_keys, tlv,
};
use std::collections::BTreeSet;

const PAN: &str = "9999920000000005";

fn tdes() -> TdesKey {
    let key = test_keys::symmetric_key("small.cvk", "tdes2").unwrap();
    TdesKey::new_double(key.expose()).unwrap()
}

/// An answer to INITIALIZE UPDATE for SCP02 with the cryptogram given.
fn answer(cryptogram: [u8; 8]) -> Answer {
    let mut octets = vec![0; 10];
    octets.extend([0x20, 0x02, 0x00, 0x01]);
    octets.extend([0x11; 6]);
    octets.extend(cryptogram);
    Answer::parse_data(&octets).unwrap()
}

/// A channel with command and response MAC, opened as a card of these keys would let it.
fn channel() -> Channel {
    let master = test_keys::symmetric_key("small.kmc", "tdes2").unwrap();
    let keys = || diversify(Diversification::Emv, master.expose(), &[0; 10]).unwrap();
    let session = scp02::SessionKeys::derive(&keys(), [0, 1]).unwrap();
    let enc = TdesKey::new_double(session.enc.expose()).unwrap();
    let cryptogram = scp02::card_cryptogram(&enc, [7; 8], [0, 1], [0x11; 6]);
    let opened = Channel::open(&keys(), 0x55, 0x13, [7; 8], &answer(cryptogram));
    let Ok((channel, _)) = opened else {
        panic!("the card's cryptogram is right");
    };
    channel
}

fn refused<T>(result: Result<T, ChannelError>) -> &'static str {
    match result {
        Ok(_) => panic!("it is refused"),
        Err(error) => error.code(),
    }
}

#[test]
fn data_elements() {
    assert_eq!(formats::numeric("12A", 2).unwrap_err().code(), "E0390");
    assert_eq!(
        tlv::parse(&[0x5A, 0x05, 0x01]).err().unwrap().code(),
        "E0391"
    );
    assert_eq!(emv::dol::parse(&[0x9F]).unwrap_err().code(), "E0391");
    assert_eq!(emv::afl::parse(&[0x08, 1, 1]).unwrap_err().code(), "E0391");
    let number = emv::keys::option_a(&tdes(), PAN, "7");
    assert_eq!(number.err().unwrap().code(), "E0392");
}

#[test]
fn certificates() {
    // Whatever this "signature" opens to, it does not begin with 6A and end with BC.
    let opened = recover_issuer_certificate(&[0xFF; 128], 3, &[0x01; 128], &[], &[3]);
    assert_eq!(opened.err().unwrap().code(), "E0393");
    let fields = IssuerCertificate {
        issuer_identifier: "12",
        expiry_mmyy: "1230",
        serial: [0, 0, 1],
        modulus: &[0xC1; 128],
        exponent: 3,
    };
    assert_eq!(issuer_block(&fields, 128).err().unwrap().code(), "E0394");
}

#[test]
fn commands_and_channels() {
    let cut = apdu::Command::parse(&[0x00, 0xA4, 0x04, 0x00, 0x05, 0xF0]);
    assert_eq!(cut.err().unwrap().code(), "E0490");
    assert_eq!(refused(Answer::parse(&[0x6A, 0x88])), "E0491");
    let master = test_keys::symmetric_key("small.kmc", "tdes2").unwrap();
    let keys = diversify(Diversification::Emv, master.expose(), &[0; 10]).unwrap();
    let wrong = Channel::open(&keys, 0x55, 0x03, [7; 8], &answer([0; 8]));
    assert_eq!(refused(wrong), "E0492");
    let mut open = channel();
    open.wrap(&[0x80, 0xE2, 0x00, 0x00, 0x01, 0x00]).unwrap();
    let mut forged = vec![0; 8];
    forged.extend([0x90, 0x00]);
    assert_eq!(refused(open.unwrap(&forged)), "E0493");
    let mut long = vec![0x80, 0xE2, 0x00, 0x00, 0xFF];
    long.extend([0; 255]);
    assert_eq!(refused(channel().wrap(&long)), "E0494");
    let kdf = diversify(Diversification::Visa2, &[0; 24], &[0; 10]);
    assert_eq!(refused(kdf), "E0495");
    assert_eq!(cps::parse(&[0x01, 0x01, 5, 0]).unwrap_err().code(), "E0496");
}

#[test]
fn keys() {
    assert_eq!(TdesKey::new(&[0; 8]).err().unwrap().code(), "E0590");
    let cut = keyblock::unwrap(&[1; 16], "B0016");
    assert_eq!(cut.err().unwrap().code(), "E0591");
    let master = test_keys::symmetric_key("small.tk", "tdes2").unwrap();
    let header = Header::from_text("B0000P0TE00N0000").unwrap();
    let fill = vec![0; keyblock::fill_octets(&header, 16).unwrap()];
    let block = keyblock::wrap(master.expose(), &header, &[0x31; 16], &fill).unwrap();
    let other = test_keys::symmetric_key("small.other", "tdes2").unwrap();
    let opened = keyblock::unwrap(other.expose(), &block);
    assert_eq!(opened.err().unwrap().code(), "E0592");
    assert_eq!(strip_80(&[0, 0]).unwrap_err().code(), "E0593");
    let single = test_keys::symmetric_key("small.cvk", "des");
    assert_eq!(single.err().unwrap().code(), "E0594");
}

#[test]
fn pins() {
    assert_eq!(Pin::new("123").err().unwrap().code(), "E0690");
    let block = pin::block::decode_2(&[0xFF; 8]);
    assert_eq!(block.err().unwrap().code(), "E0691");
    let value = pin::pvv::pvv(&tdes(), PAN, &Pin::new("1234").unwrap(), 10);
    assert_eq!(value.err().unwrap().code(), "E0692");
}

#[test]
fn stripe_and_face() {
    let track = track::track_2(PAN, "2912", "201", "A");
    assert_eq!(track.unwrap_err().code(), "E0790");
    assert_eq!(pan::check("9999920000000006").unwrap_err().code(), "E0791");
    let value = cvv::cvv(&tdes(), PAN, "12/29", "201");
    assert_eq!(value.err().unwrap().code(), "E0792");
    assert_eq!(names::emv_name("\u{2603}").unwrap_err().code(), "E0793");
    assert_eq!(track::decode(&[0], Track::Two).unwrap_err().code(), "E0794");
    assert_eq!(
        emboss::check_number_line("ADA").unwrap_err().code(),
        "E0890"
    );
}

/// This file names every code of the table.
#[test]
fn none_is_left_out() {
    let text = include_str!("refusals.rs");
    let named: BTreeSet<&str> = text.split('"').filter(|p| p.starts_with("E0")).collect();
    for (code, ..) in CODES {
        assert!(named.contains(code), "{code} is refused by no test");
    }
}

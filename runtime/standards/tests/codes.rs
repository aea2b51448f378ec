//! Each code of this crate, provoked by the input that its page speaks of.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use cardwright_standards::cipher::{self, AesKey, KeyBytes, TdesKey};
use cardwright_standards::emv::{afl, certificates, cryptogram, dol, keys};
use cardwright_standards::globalplatform::diversify::{Diversification, diversify};
use cardwright_standards::globalplatform::initialize::{Answer, Protocol, Scp03Answer};
use cardwright_standards::globalplatform::{CardKeys, Channel, cps, scp03};
use cardwright_standards::pin::{Pin, block, pvv};
use cardwright_standards::track::{self, Track};
use cardwright_standards::{
    apdu, components, cvv, emboss, kcv, key_policy, key_wrap, keyblock, legacy_wrap, names, pan,
    test_keys, tlv,
};

const KEY: [u8; 16] = *b"0123456789ABCDEF";
const HOST: [u8; 8] = [1; 8];
const CARD: [u8; 8] = [2; 8];
const PAN: &str = "9999920000000011";

/// The code of what must be refused.
macro_rules! code {
    ($result:expr) => {
        $result.err().map(|error| error.code())
    };
}

fn tdes() -> TdesKey {
    TdesKey::new(&KEY).unwrap()
}

#[test]
fn data_of_emv() {
    // A length of two octets follows 82, and only one is there (EMV Book 3, annex B2).
    assert_eq!(code!(tlv::parse(&[0x5A, 0x82, 0x01])), Some("E0391"));
    assert_eq!(code!(dol::parse(&[0x9F, 0x37])), Some("E0391"));
    assert_eq!(code!(afl::parse(&[0x08, 0x01, 0x01])), Some("E0391"));
    assert_eq!(code!(keys::option_a(&tdes(), PAN, "A1")), Some("E0392"));
    let long = cryptogram::arpc_2(&tdes(), [0; 8], [0; 4], &[0; 9]);
    assert_eq!(code!(long), Some("E0392"));
}

#[test]
fn certificates_of_emv() {
    // A modulus of one leaves nothing recovered that begins with 6A.
    let modulus = [0xFF; 128];
    let opened = certificates::recover_issuer_certificate(&modulus, 3, &[0; 128], &[], &[3]);
    assert_eq!(code!(opened), Some("E0393"));
    let icc = certificates::IccCertificate {
        pan: "999",
        expiry_mmyy: "1229",
        serial: [0; 3],
        modulus: &modulus,
        exponent: 3,
        static_data: &[],
    };
    assert_eq!(code!(certificates::icc_block(&icc, 128)), Some("E0394"));
}

#[test]
fn commands_and_groupings() {
    // Lc says five octets, one is there (ISO/IEC 7816-4, 5.2).
    let cut = apdu::Command::parse(&[0x80, 0xE2, 0x00, 0x00, 0x05, 0x01]);
    assert_eq!(code!(cut), Some("E0490"));
    // DGI 0101 with length 5 and one octet.
    assert_eq!(code!(cps::parse(&[0x01, 0x01, 0x05, 0x00])), Some("E0496"));
}

fn card_keys() -> CardKeys {
    let key = || KeyBytes::new(&KEY).unwrap();
    CardKeys {
        enc: key(),
        mac: key(),
        dek: key(),
    }
}

fn answer(cryptogram: [u8; 8]) -> Answer {
    Answer {
        diversification_data: [0; 10],
        key_version: 1,
        protocol: Protocol::Scp03(Scp03Answer {
            option: 0x70,
            challenge: CARD,
            cryptogram,
            sequence: None,
        }),
    }
}

#[test]
fn the_secure_channel() {
    // 6A88: the key set is not there.
    assert_eq!(code!(Answer::parse(&[0x6A, 0x88])), Some("E0491"));
    let wrong = Channel::open(&card_keys(), 0, 0x33, HOST, &answer([0; 8]));
    assert_eq!(code!(wrong), Some("E0492"));
    let session = scp03::SessionKeys::derive(&card_keys(), HOST, CARD).unwrap();
    let mac = AesKey::new(session.mac.expose()).unwrap();
    let right = scp03::card_cryptogram(&mac, HOST, CARD).unwrap();
    let opened = Channel::open(&card_keys(), 0, 0x33, HOST, &answer(right));
    let (mut channel, _) = opened.ok().unwrap();
    let mut long = vec![0x80, 0xE2, 0x00, 0x00, 0xFF];
    long.extend([0; 255]);
    assert_eq!(code!(channel.wrap(&long)), Some("E0494"));
    assert!(channel.wrap(&[0x80, 0xCA, 0x00, 0x66, 0x00]).is_ok());
    assert_eq!(code!(channel.unwrap(&[0x01, 0x90, 0x00])), Some("E0493"));
    let eight = diversify(Diversification::Emv, &[0; 32], &[0; 10]);
    assert_eq!(code!(eight), Some("E0495"));
}

#[test]
fn keys_and_key_blocks() {
    assert_eq!(code!(TdesKey::new(&[0; 15])), Some("E0590"));
    assert_eq!(code!(keyblock::unwrap(&KEY, "D0016")), Some("E0591"));
    let header = keyblock::Header::from_text("D0000P0AE00E0000").unwrap();
    let fill = keyblock::fill_octets(&header, 16).unwrap();
    let block = keyblock::wrap(&KEY, &header, &KEY, &vec![0; fill]).unwrap();
    let other = keyblock::unwrap(&[7; 16], &block);
    assert_eq!(code!(other), Some("E0592"));
    // Padding by 80 without an 80 (ISO/IEC 9797-1, method 2).
    assert_eq!(code!(cipher::strip_80(&[0; 8])), Some("E0593"));
    let single = test_keys::symmetric_key("k", "des");
    assert_eq!(code!(single), Some("E0594"));
}

#[test]
fn exchanged_keys() {
    let (tdes, ecb) = (kcv::Algorithm::Tdes, kcv::Method::Ecb);
    let component = |octets| components::Component {
        octets,
        check_value: None,
    };
    let one = [component(&KEY)];
    let odd = components::Parity::Adjusted;
    let alone = components::combine(tdes, ecb, odd, &one, None);
    assert_eq!(code!(alone), Some("E0595"));
    let two = [component(&KEY), component(b"other component!")];
    let wrong = components::combine(tdes, ecb, odd, &two, Some(&[0, 0, 0]));
    assert_eq!(code!(wrong), Some("E0597"));
    // A signature key in mode "encrypt" (X9.143, table 4).
    let header = keyblock::Header::from_text("D0000S0AE00E0000").unwrap();
    let fill = keyblock::fill_octets(&header, 16).unwrap();
    let block = keyblock::wrap(&KEY, &header, &KEY, &vec![0; fill]).unwrap();
    let odd = keyblock::open(&KEY, &block, &keyblock::Acceptance::STRICT);
    assert_eq!(code!(odd), Some("E0596"));
    let (two, three) = (key_policy::KeyKind::TDES2, key_policy::KeyKind::TDES3);
    let today = key_policy::Day::new(2026, 11, 23).unwrap();
    let form = key_policy::Form::KeyBlock(keyblock::Version::B);
    let weaker = key_policy::may_wrap(two, three, form, None, today);
    assert_eq!(code!(weaker), Some("E0598"));
    assert_eq!(code!(key_wrap::unwrap(&KEY, &[0; 24])), Some("E0599"));
    let cut = legacy_wrap::unwrap(legacy_wrap::LegacyForm::Ecb, &KEY, &[0; 8]);
    assert_eq!(code!(cut), Some("E0599"));
}

#[test]
fn pins() {
    assert_eq!(code!(Pin::new("123")), Some("E0690"));
    assert_eq!(code!(block::decode_2(&[0xFF; 8])), Some("E0691"));
    let pin = Pin::new("1234").unwrap();
    assert_eq!(code!(pvv::pvv(&tdes(), PAN, &pin, 10)), Some("E0692"));
}

#[test]
fn stripes_and_embossing() {
    let long = "1".repeat(30);
    assert_eq!(
        code!(track::track_2(PAN, "2912", "201", &long)),
        Some("E0790")
    );
    assert_eq!(code!(pan::check("9999920000000000000000")), Some("E0791"));
    assert_eq!(code!(cvv::cvv(&tdes(), PAN, "29", "201")), Some("E0792"));
    assert_eq!(code!(names::embossing_name("☃☃", 26)), Some("E0793"));
    assert_eq!(
        code!(track::decode(&[0xFF, 0x00], Track::Two)),
        Some("E0794")
    );
    assert_eq!(code!(emboss::check_text_line("étude")), Some("E0890"));
}

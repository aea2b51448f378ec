//! Channels against a card's side that is calculated here from the standards' functions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use cardwright_ports::hsm::{
    ChannelSpec, DekPadding, Diversification, Draw, Hsm, HsmSession, KeyHandle, KeyUse,
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::cipher::{AesKey, KeyBytes, TdesKey, cbc_decrypt};
use cardwright_standards::globalplatform::{CardKeys, scp02, scp03};
use common::{code, hsm_with, unhex};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 1,
    purpose: "channel",
};

fn counted() -> Vec<u8> {
    (0x40..0x50).collect()
}

fn card_keys() -> CardKeys {
    let key = || KeyBytes::new(&counted()).unwrap();
    CardKeys {
        enc: key(),
        mac: key(),
        dek: key(),
    }
}

fn start(protocol: u8, option: u8, level: u8) -> (SoftHsm, ChannelSpec) {
    let algorithm = if protocol == 2 { "tdes2" } else { "aes128" };
    let (hsm, key) = hsm_with("kmc", algorithm, KeyUse::CardIssuance, &counted());
    let spec = ChannelSpec {
        protocol,
        option,
        security_level: level,
        key,
        diversification: Diversification::None,
        key_version: 1,
        counts_data_only: false,
    };
    (hsm, spec)
}

/// The card's answer: sequence 0003, challenge A1A2A3A4A5A6.
fn scp02_answer(command: &[u8]) -> Vec<u8> {
    assert_eq!(command[..5], unhex("8050010008"));
    let host = command[5..13].try_into().unwrap();
    let keys = scp02::SessionKeys::derive(&card_keys(), [0, 3]).unwrap();
    let s_enc = TdesKey::new(keys.enc.expose()).unwrap();
    let challenge = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6];
    let cryptogram = scp02::card_cryptogram(&s_enc, host, [0, 3], challenge);
    let mut answer = unhex("000102030405060708090102");
    answer.extend([0, 3]);
    answer.extend(challenge);
    answer.extend(cryptogram);
    answer.extend([0x90, 0x00]);
    answer
}

fn scp03_answer(command: &[u8]) -> Vec<u8> {
    let host = command[5..13].try_into().unwrap();
    let challenge = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8];
    let keys = scp03::SessionKeys::derive(&card_keys(), host, challenge).unwrap();
    let s_mac = AesKey::new(keys.mac.expose()).unwrap();
    let mut answer = unhex("00010203040506070809010300");
    answer.extend(challenge);
    answer.extend(scp03::card_cryptogram(&s_mac, host, challenge).unwrap());
    answer.extend([0x90, 0x00]);
    answer
}

// SKU_DEK ECB of 241234FFFFFFFFFF under sequence 0003: 7E620023B5D857F2 (this project's list, equal
// to GlobalPlatformPro's session keys).
#[test]
fn scp02_recodes_under_the_session_dek() {
    let (hsm, spec) = start(2, 0x15, 0x01);
    let mut session = hsm.open_session().unwrap();
    let (channel, command) = session.begin_channel(&spec, &DRAW).unwrap();
    let block = reference_block(session.as_mut());
    assert_eq!(code(session.wrap(channel, &unhex("80E2000000"))), "R1308");
    let external = session
        .authenticate_channel(channel, &scp02_answer(&command))
        .unwrap();
    let keys = scp02::SessionKeys::derive(&card_keys(), [0, 3]).unwrap();
    let s_enc = TdesKey::new(keys.enc.expose()).unwrap();
    let host = command[5..13].try_into().unwrap();
    let expected =
        scp02::host_cryptogram(&s_enc, host, [0, 3], [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6]);
    assert_eq!(external[..5], unhex("8482010010"));
    assert_eq!(external[5..13], expected);

    let plain = session.recode(channel, &block, DekPadding::None).unwrap();
    assert_eq!(plain, unhex("7E620023B5D857F2"));
    assert_eq!(
        session
            .recode(channel, &block, DekPadding::Iso7816IfNeeded)
            .unwrap(),
        plain
    );
    let padded = session
        .recode(channel, &block, DekPadding::Iso7816Always)
        .unwrap();
    assert_eq!((padded.len(), &padded[..8]), (16, plain.as_slice()));
    let wrapped = session.wrap(
        channel,
        &unhex("80E2000005 9010020303".replace(' ', "").as_str()),
    );
    assert_eq!(wrapped.unwrap()[..5], unhex("84E200000D"));
    session.close_channel(channel);
    assert_eq!(
        code(session.recode(channel, &block, DekPadding::None)),
        "R1308"
    );
}

/// PIN 1234 as format 2, through a block of format 1 under a PIN key.
fn reference_block(session: &mut dyn HsmSession) -> cardwright_ports::hsm::Sealed {
    use cardwright_standards::cipher::Block;
    let (zpk, octets) = common::open_key(session, "zpk", "tdes2", KeyUse::PinEncryption);
    let clear: [u8; 8] = unhex("1412340123456789").try_into().unwrap();
    let block = TdesKey::new(&octets).unwrap().encrypt(clear);
    let pin = session.import_pin_block(zpk, 1, &block, "").unwrap();
    session.card_pin_block(&pin).unwrap()
}

#[test]
fn scp03_recodes_under_the_static_dek() {
    let (hsm, spec) = start(3, 0x00, 0x33);
    let mut session = hsm.open_session().unwrap();
    let (channel, command) = session.begin_channel(&spec, &DRAW).unwrap();
    let block = reference_block(session.as_mut());
    session
        .authenticate_channel(channel, &scp03_answer(&command))
        .unwrap();
    let mut sent = session
        .recode(channel, &block, DekPadding::Iso7816IfNeeded)
        .unwrap();
    cbc_decrypt(&AesKey::new(&counted()).unwrap(), [0; 16], &mut sent).unwrap();
    assert_eq!(sent, unhex("241234FFFFFFFFFF8000000000000000"));
    assert_eq!(
        code(session.recode(channel, &block, DekPadding::None)),
        "R1307"
    );
}

#[test]
fn a_card_that_does_not_hold_is_refused() {
    let (hsm, spec) = start(2, 0x15, 0x01);
    let mut session = hsm.open_session().unwrap();
    let mut try_with = |spec: &ChannelSpec, change: &dyn Fn(&mut Vec<u8>)| {
        let (channel, command) = session.begin_channel(spec, &DRAW)?;
        let mut answer = scp02_answer(&command);
        change(&mut answer);
        let result = session.authenticate_channel(channel, &answer);
        // Whatever it was, the channel does not open afterwards.
        if result.is_err() {
            assert_eq!(
                code(session.authenticate_channel(channel, &answer)),
                "R1308"
            );
        }
        session.close_channel(channel);
        result
    };
    assert!(try_with(&spec, &|_| ()).is_ok());
    assert_eq!(
        code(try_with(&spec, &|a| a[25] ^= 1)),
        "R1309",
        "cryptogram"
    );
    assert_eq!(
        code(try_with(&spec, &|a| a[10] = 2)),
        "R1309",
        "key version"
    );
    assert_eq!(
        code(try_with(&spec, &|a| a[28] = 0x6A)),
        "R1309",
        "status word"
    );
    assert_eq!(code(try_with(&spec, &|a| a.truncate(5))), "R1309");
    assert_eq!(
        code(try_with(&spec, &|a| a.clear())),
        "R1307",
        "no answer at all"
    );
    let scp03 = ChannelSpec {
        protocol: 3,
        ..spec
    };
    assert_eq!(
        code(try_with(&scp03, &|_| ())),
        "R1314",
        "triple DES for SCP03"
    );
    let nowhere = ChannelSpec {
        key: KeyHandle(9),
        ..spec
    };
    assert_eq!(code(try_with(&nowhere, &|_| ())), "R1303");
}

#[test]
fn a_session_holds_a_limited_number_of_channels() {
    let (hsm, spec) = start(2, 0x15, 0x01);
    let mut session = hsm.open_session().unwrap();
    let opened = (0..100)
        .take_while(|_| session.begin_channel(&spec, &DRAW).is_ok())
        .count();
    assert_eq!(opened, 64);
}

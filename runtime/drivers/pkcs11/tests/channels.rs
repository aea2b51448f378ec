//! Channels whose keys are in the token: what is in it meanwhile, who waits for whom, and what is left when
//! something breaks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Module, Session};
use cardwright_ports::hsm::{
    ChannelId, ChannelSpec, Diversification, Draw, Hsm, HsmSession, KeyUse,
};
use cardwright_standards::cipher::AesKey;
use cardwright_standards::globalplatform::diversify::{self, diversify};
use cardwright_standards::globalplatform::scp03;
use cardwright_standards::test_keys;
use common::{Ground, code, plan, request, unhex, with_faults, with_soft_hsm};

const KEY_DATA: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const CARD_CHALLENGE: [u8; 8] = [0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8];
const COMMAND: &str = "80E28000059001020304";

fn draw(order: u64) -> Draw<'static> {
    Draw {
        job: "job",
        order,
        purpose: "channel",
    }
}

/// An HSM where no working key may be in host memory, with a master key of cards.
fn strict(ground: &Ground, change: impl FnOnce(&mut cardwright_pkcs11::Settings)) -> Pkcs11Hsm {
    let loader = ground.prepared();
    let kmc = request("t.kmc", "aes128", KeyUse::CardIssuance);
    let value = test_keys::symmetric_key("t.kmc", "aes128").unwrap();
    loader.import_key(&kmc, value.expose()).unwrap();
    drop(loader);
    let mut settings = ground.settings();
    settings.host_memory = HostMemory::Refused;
    change(&mut settings);
    Pkcs11Hsm::open(settings).unwrap()
}

/// INITIALIZE UPDATE, the card's answer by the standards' functions, EXTERNAL AUTHENTICATE.
fn open(session: &mut dyn HsmSession, order: u64) -> Result<ChannelId, cardwright_ports::HsmError> {
    let key = session.bind(&request("t.kmc", "aes128", KeyUse::CardIssuance))?;
    let spec = ChannelSpec {
        protocol: 3,
        option: 0,
        security_level: 0x33,
        key,
        diversification: Diversification::Kdf3,
        key_version: 1,
        counts_data_only: false,
    };
    let (channel, command) = session.begin_channel(&spec, &draw(order))?;
    let challenge: [u8; 8] = command[5..13].try_into().unwrap();
    let master = test_keys::symmetric_key("t.kmc", "aes128").unwrap();
    let kdf3 = diversify::Diversification::Kdf3;
    let card = diversify(kdf3, master.expose(), &KEY_DATA).unwrap();
    let keys = scp03::SessionKeys::derive(&card, challenge, CARD_CHALLENGE).unwrap();
    let mac = AesKey::new(keys.mac.expose()).unwrap();
    let cryptogram = scp03::card_cryptogram(&mac, challenge, CARD_CHALLENGE).unwrap();
    let mut answer = KEY_DATA.to_vec();
    answer.extend_from_slice(&[1, 3, 0]);
    answer.extend_from_slice(&CARD_CHALLENGE);
    answer.extend_from_slice(&cryptogram);
    answer.extend_from_slice(&[0x90, 0x00]);
    match session.authenticate_channel(channel, &answer) {
        Ok(_) => Ok(channel),
        Err(refused) => {
            session.close_channel(channel);
            Err(refused)
        }
    }
}

fn command() -> Vec<u8> {
    unhex(COMMAND)
}

/// The session objects of a token that somebody else sees: sensitive ones, and all that say otherwise.
struct Watch(Session);

impl Watch {
    fn new(ground: &Ground) -> Self {
        let module: Arc<Module> = Module::load(&ground.module).unwrap();
        let tokens = module.tokens().unwrap();
        let token = tokens.iter().find(|t| t.label == ground.tokens[0]).unwrap();
        Self(Session::open(&module, token.slot).unwrap())
    }

    fn keys(&self) -> usize {
        let template = [
            Attribute::flag(ck::CKA_TOKEN, false),
            Attribute::number(ck::CKA_CLASS, ck::CKO_SECRET_KEY),
        ];
        let found = self.0.find(&template, 100).unwrap();
        let kinds: [(CK_ULONG, usize); 3] = [
            (ck::CKA_SENSITIVE, 1),
            (ck::CKA_EXTRACTABLE, 1),
            (ck::CKA_VALUE, 64),
        ];
        for object in &found {
            let values = self.0.attributes(*object, &kinds).unwrap();
            let octet = |place: usize| values[place].as_ref().map(|v| v.to_vec());
            assert_eq!(octet(0), Some(vec![1]), "sensitive");
            assert_eq!(octet(1), Some(vec![0]), "not extractable");
            assert_eq!(octet(2), None, "its value is not given out");
        }
        found.len()
    }
}

#[test]
fn keys_of_a_channel_are_in_the_token_as_long_as_it_is_open() {
    let name = "keys_of_a_channel_are_in_the_token_as_long_as_it_is_open";
    with_soft_hsm(name, 1, |ground| {
        let hsm = strict(ground, |_| {});
        let watch = Watch::new(ground);
        let mut session = hsm.open_session().unwrap();
        assert_eq!(watch.keys(), 0);
        let channel = open(session.as_mut(), 1).unwrap();
        // ENC, MAC and RMAC; the card's own keys were for the opening only.
        assert_eq!(watch.keys(), 3);
        session.wrap(channel, &command()).unwrap();
        session.close_channel(channel);
        assert_eq!(watch.keys(), 0);
        // A card that is another one leaves nothing behind.
        let key = request("t.kmc", "aes128", KeyUse::CardIssuance);
        let key = session.bind(&key).unwrap();
        let spec = ChannelSpec {
            protocol: 3,
            option: 0,
            security_level: 0x01,
            key,
            diversification: Diversification::Kdf3,
            key_version: 1,
            counts_data_only: false,
        };
        let (channel, _) = session.begin_channel(&spec, &draw(2)).unwrap();
        let mut answer = KEY_DATA.to_vec();
        answer.extend_from_slice(&[1, 3, 0]);
        answer.extend_from_slice(&[0x42; 16]);
        answer.extend_from_slice(&[0x90, 0x00]);
        assert_eq!(
            code(session.authenticate_channel(channel, &answer)),
            "R1309"
        );
        assert_eq!(watch.keys(), 0);
        // A lane that ends with its channel open.
        let channel = open(session.as_mut(), 3).unwrap();
        session.wrap(channel, &command()).unwrap();
        assert_eq!(watch.keys(), 3);
        drop(session);
        assert_eq!(watch.keys(), 0);
        assert_eq!(hsm.status()[0].logins, 1);
    });
}

#[test]
fn lanes_wait_for_sessions_and_never_for_themselves() {
    with_soft_hsm(
        "lanes_wait_for_sessions_and_never_for_themselves",
        1,
        |ground| {
            let hsm = strict(ground, |settings| {
                settings.sessions = 1;
                settings.wait = Duration::from_millis(20);
            });
            let (mut one, mut two) = (hsm.open_session().unwrap(), hsm.open_session().unwrap());
            let channel = open(one.as_mut(), 1).unwrap();
            // All work of the lane goes through the session that it keeps.
            one.random(&draw(1), 16).unwrap();
            one.wrap(channel, &command()).unwrap();
            assert_eq!(code(two.random(&draw(2), 16)), "R1329");
            assert_eq!(code(open(two.as_mut(), 2)), "R1329");
            one.close_channel(channel);
            let channel = open(two.as_mut(), 2).unwrap();
            two.wrap(channel, &command()).unwrap();
            two.close_channel(channel);
            one.random(&draw(1), 16).unwrap();
        },
    );
}

#[test]
fn a_chip_that_is_left_alone_gives_its_session_away() {
    with_soft_hsm(
        "a_chip_that_is_left_alone_gives_its_session_away",
        1,
        |ground| {
            let hsm = strict(ground, |settings| {
                settings.sessions = 1;
                settings.channel = Duration::ZERO;
            });
            let watch = Watch::new(ground);
            let (mut one, mut two) = (hsm.open_session().unwrap(), hsm.open_session().unwrap());
            let first = open(one.as_mut(), 1).unwrap();
            one.wrap(first, &command()).unwrap();
            let second = open(two.as_mut(), 2).unwrap();
            let lost = one.wrap(first, &command()).unwrap_err();
            assert_eq!(lost.code, "R1326");
            assert!(lost.retryable);
            // It is gone for good, and does not take anything from the other one.
            assert_eq!(code(one.wrap(first, &command())), "R1308");
            two.wrap(second, &command()).unwrap();
            two.close_channel(second);
            assert_eq!(watch.keys(), 0);
        },
    );
}

#[test]
fn a_lost_session_takes_its_channel_and_no_more() {
    with_faults(
        "a_lost_session_takes_its_channel_and_no_more",
        1,
        |ground| {
            let hsm = strict(ground, |_| {});
            let mut session = hsm.open_session().unwrap();
            // The token fails, closes the session, logs the user out, cuts what it enciphers.
            for (order, fault) in [
                "C_Sign 1 return 48",
                "C_EncryptInit 1 drop",
                "C_SignInit 1 logout",
                "C_Encrypt 1 return 5",
            ]
            .into_iter()
            .enumerate()
            {
                let order = order as u64;
                plan("");
                let channel = open(session.as_mut(), order).unwrap();
                session.wrap(channel, &command()).unwrap();
                plan(fault);
                let lost = session.wrap(channel, &command()).unwrap_err();
                plan("");
                assert!(lost.retryable, "{fault}: {lost}");
                assert_eq!(code(session.wrap(channel, &command())), "R1308", "{fault}");
                session.close_channel(channel);
                // The lane goes on with the next card.
                let channel = open(session.as_mut(), 100 + order).unwrap();
                session.wrap(channel, &command()).unwrap();
                session.close_channel(channel);
                session.random(&draw(order), 16).unwrap();
            }
            // On the way to a channel: once more in another session, and the card notices nothing.
            for fault in ["C_DeriveKey 2 return 48", "C_DeriveKey 1 drop"] {
                plan(fault);
                let channel = open(session.as_mut(), 7);
                let channel = channel.unwrap_or_else(|e| panic!("{fault}: {e}"));
                plan("");
                session.wrap(channel, &command()).unwrap();
                session.close_channel(channel);
            }
            // Objects that can't be destroyed go with their session.
            let channel = open(session.as_mut(), 8).unwrap();
            plan("C_DestroyObject 1 return 48");
            session.close_channel(channel);
            plan("");
            let channel = open(session.as_mut(), 9).unwrap();
            session.close_channel(channel);
            assert_eq!(Watch::new(ground).keys(), 0);
        },
    );
}

#[test]
fn a_wrong_answer_in_a_channel_is_the_cards_to_find() {
    with_faults(
        "a_wrong_answer_in_a_channel_is_the_cards_to_find",
        1,
        |ground| {
            let hsm = strict(ground, |_| {});
            let mut session = hsm.open_session().unwrap();
            let channel = open(session.as_mut(), 1).unwrap();
            // One bit of a MAC: nobody but the card can tell.
            let twin = open(session.as_mut(), 1).unwrap();
            plan("C_Sign 1 flip 3");
            let wrong = session.wrap(channel, &command()).unwrap();
            plan("");
            let right = session.wrap(twin, &command()).unwrap();
            assert_ne!(wrong, right);
            // An answer of another length is told at once.
            plan("C_Sign 1 cut 1");
            assert_eq!(code(session.wrap(twin, &command())), "R1330");
            plan("");
            assert_eq!(code(session.wrap(twin, &command())), "R1308");
        },
    );
}

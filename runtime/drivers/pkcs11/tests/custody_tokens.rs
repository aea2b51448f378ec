//! Key custody with two tokens: a key is in both or in none, whichever of them fails at whatever call;
//! a token that was away gets the keys that it lacks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::time::Duration;

use cardwright_pkcs11::Pkcs11Hsm;
use cardwright_pkcs11::settings::TokenName;
use cardwright_pkcs11_raw::{Attribute, Session, ck};
use cardwright_ports::custody::{
    CustodyHsm, Exportability, KeyAlgorithm, KeyCustody, KeyFacts, NewKey, SealedComponent,
    Wrapping,
};
use cardwright_ports::hsm::{Hsm, KeyRequest, KeyUse};
use cardwright_ports::{HsmError, SecretBytes};
use common::{DOUBLE, Ground, code, plan, raw, slot, unhex, with_faults};

const OTHER: &str = "3E736BF8D37664348A04E3ABE00DEFC1";
const WRAP: Wrapping<'static> = Wrapping::AesKeyWrap { padded: true };
const CVK: (KeyAlgorithm, KeyUse) = (KeyAlgorithm::Tdes2, KeyUse::CardVerification);
const KMC: (KeyAlgorithm, KeyUse) = (KeyAlgorithm::Aes128, KeyUse::CardIssuance);
const SIGN: (KeyAlgorithm, KeyUse) = (KeyAlgorithm::P256, KeyUse::PackageSigning);
const ISSUER: (KeyAlgorithm, KeyUse) = (
    KeyAlgorithm::Rsa {
        bits: 512,
        exponent: 3,
    },
    KeyUse::EmvIssuerPrivate,
);

fn new(label: &str, of: (KeyAlgorithm, KeyUse)) -> NewKey<'_> {
    NewKey {
        label,
        algorithm: of.0,
        usage: of.1,
        exportability: Exportability::Exportable,
    }
}

fn opened(ground: &Ground, tokens: &[usize]) -> Pkcs11Hsm {
    let mut settings = ground.settings();
    let label = |place: &usize| TokenName::Label(ground.tokens[*place].clone());
    settings.tokens = tokens.iter().map(label).collect();
    settings.rest = Duration::ZERO;
    Pkcs11Hsm::open(settings).unwrap()
}

/// Class and label of all objects of a token.
fn objects(token: &Session) -> Vec<(Vec<u8>, Vec<u8>)> {
    let template = [Attribute::flag(ck::CKA_TOKEN, true)];
    let rows = [(ck::CKA_LABEL, 256), (ck::CKA_CLASS, 8)];
    let of = |object| {
        let mut found = token.attributes(object, &rows).unwrap();
        let mut next = || found.pop().flatten().unwrap_or_default().to_vec();
        (next(), next())
    };
    let found = token.find(&template, 500).unwrap();
    let mut found: Vec<_> = found.into_iter().map(of).collect();
    found.sort();
    found
}

struct Pair {
    hsm: Pkcs11Hsm,
    tokens: [Session; 2],
    slots: [u64; 2],
    parts: Vec<SealedComponent>,
    wrapped: Vec<u8>,
}

impl Pair {
    fn new(ground: &Ground) -> Self {
        let hsm = opened(ground, &[0, 1]);
        hsm.prepare().unwrap();
        let mut custody = hsm.open_custody().unwrap();
        let kek = (KeyAlgorithm::Aes256, KeyUse::Transport);
        custody.generate(&new("d.kek@1", kek)).unwrap();
        custody.generate(&new("d.kmc@1", KMC)).unwrap();
        let mut typed = |hex| {
            let clear = SecretBytes::new(unhex(hex));
            let taken = custody.take_component("c", KeyAlgorithm::Tdes2, &clear);
            taken.unwrap()
        };
        let parts = vec![typed(DOUBLE), typed(OTHER)];
        let wrapped = custody.wrap("d.kmc@1", "d.kek@1", &WRAP).unwrap();
        drop(custody);
        Self {
            tokens: [raw(ground, 0), raw(ground, 1)],
            slots: [slot(ground, 0), slot(ground, 1)],
            hsm,
            parts,
            wrapped,
        }
    }

    fn custody(&self) -> Box<dyn KeyCustody + '_> {
        self.hsm.open_custody().unwrap()
    }

    fn objects(&self) -> [Vec<(Vec<u8>, Vec<u8>)>; 2] {
        [objects(&self.tokens[0]), objects(&self.tokens[1])]
    }

    /// Every way in which a key comes to be.
    fn make(&self, way: &str) -> Result<KeyFacts, HsmError> {
        let mut custody = self.custody();
        match way {
            "halves" => custody.generate(&new("d.new@1", CVK)),
            "aes" => custody.generate(&new("d.new@1", KMC)),
            "pair" => custody.generate(&new("d.new@1", SIGN)),
            "rsa" => custody.generate(&new("d.new@1", ISSUER)),
            "combine" => custody.combine("c", &self.parts, &new("d.new@1", CVK), None),
            _ => custody.unwrap(&self.wrapped, "d.kek@1", &WRAP, &new("d.new@1", KMC), None),
        }
    }
}

const WAYS: [&str; 6] = ["halves", "aes", "pair", "rsa", "combine", "unwrap"];

#[test]
fn a_key_is_in_both_tokens_or_in_none() {
    with_faults("a_key_is_in_both_tokens_or_in_none", 2, |ground| {
        let pair = Pair::new(ground);
        let before = pair.objects();
        assert_eq!(before[0], before[1]);
        let mut refused = 0;
        for way in WAYS {
            pair.make(way).unwrap();
            let [first, second] = pair.objects();
            assert_eq!(first, second, "{way}");
            pair.custody().destroy("d.new@1").unwrap();
            assert_eq!(pair.objects(), before, "{way}");
            for (place, slot) in pair.slots.iter().enumerate() {
                for function in [
                    "C_CreateObject",
                    "C_UnwrapKey",
                    "C_GenerateKey",
                    "C_GetAttributeValue",
                    "C_FindObjectsInit",
                    "C_EncryptInit",
                    "C_WrapKey",
                ] {
                    for (call, how) in [(1, "return"), (2, "after")] {
                        // Full, failed, removed.
                        let value = [
                            ck::CKR_DEVICE_MEMORY,
                            ck::CKR_DEVICE_ERROR,
                            ck::CKR_DEVICE_REMOVED,
                        ];
                        let value = value[(call + place) % 3];
                        let fault = format!("{function} {call} {how} {value} @{slot}");
                        plan(&fault);
                        let made = pair.make(way);
                        plan("");
                        match made {
                            Ok(_) => {
                                let [first, second] = pair.objects();
                                assert_eq!(first, second, "{way} under {fault}");
                                pair.custody().destroy("d.new@1").unwrap();
                            }
                            Err(e) => {
                                let codes = ["R1339", "R1325", "R1327", "R1330"];
                                assert!(codes.contains(&e.code), "{way} under {fault}: {e}");
                                refused += 1;
                            }
                        }
                        assert_eq!(pair.objects(), before, "{way} under {fault}");
                    }
                }
            }
        }
        assert!(refused > 20, "{refused}");
        println!("{refused} refused");
    });
}

#[test]
fn while_a_token_is_away_nothing_is_made_or_destroyed() {
    with_faults(
        "while_a_token_is_away_nothing_is_made_or_destroyed",
        2,
        |ground| {
            let pair = Pair::new(ground);
            pair.custody().generate(&new("d.cvk@1", CVK)).unwrap();
            let before = pair.objects();
            for place in [0, 1] {
                // In its slot there is no token: no session is opened, no open one answers.
                let slot = pair.slots[place];
                let gone = ck::CKR_TOKEN_NOT_PRESENT;
                let removed = ck::CKR_DEVICE_REMOVED;
                plan(&format!(
                    "C_FindObjectsInit 0 return {removed} @{slot}\nC_EncryptInit 0 return {removed} @{slot}\n\
                     C_GetSessionInfo 0 return {gone} @{slot}\nC_WrapKey 0 return {removed} @{slot}"
                ));
                for way in WAYS {
                    let e = pair.make(way).unwrap_err();
                    assert!(e.what.contains("R1325") || e.code == "R1325", "{way}: {e}");
                }
                let e = pair.custody().destroy("d.cvk@1").unwrap_err();
                assert_eq!(e.code, "R1325", "{e}");
                assert_eq!(code(pair.custody().spread()), "R1325");
                // What reads and gives out is served by the other one.
                assert!(pair.custody().key("d.cvk@1").unwrap().is_some());
                let out = pair.custody().wrap("d.kmc@1", "d.kek@1", &WRAP).unwrap();
                assert_eq!(out, pair.wrapped);
                plan("");
                assert_eq!(pair.objects(), before);
                for way in WAYS {
                    pair.make(way).unwrap();
                    pair.custody().destroy("d.new@1").unwrap();
                }
                assert_eq!(pair.objects(), before);
            }
            pair.custody().destroy("d.cvk@1").unwrap();
            let [first, second] = pair.objects();
            assert_eq!(first, second);
        },
    );
}

#[test]
fn a_token_that_was_away_gets_what_it_lacks() {
    with_faults("a_token_that_was_away_gets_what_it_lacks", 2, |ground| {
        let pair = Pair::new(ground);
        let [_, second] = pair.objects();
        // The site goes on with one token.
        let alone = opened(ground, &[0]);
        let mut custody = alone.open_custody().unwrap();
        let mut made = Vec::new();
        for (number, of) in [CVK, KMC, SIGN, ISSUER].into_iter().enumerate() {
            let label = format!("d.{number}@1");
            made.push(custody.generate(&new(&label, of)).unwrap());
        }
        let stays = NewKey {
            exportability: Exportability::NonExportable,
            ..new("d.stays@1", KMC)
        };
        custody.generate(&stays).unwrap();
        drop(custody);
        // The other one is back.
        let hsm = opened(ground, &[0, 1]);
        let mut custody = hsm.open_custody().unwrap();
        let spread = custody.spread().unwrap();
        let labels: Vec<_> = spread.iter().map(|s| s.label.as_str()).collect();
        assert_eq!(labels, ["d.0@1", "d.1@1", "d.2@1", "d.3@1", "d.stays@1"]);
        let second_only = |s: &cardwright_ports::custody::Spread| {
            !s.differs && s.lacking.len() == 1 && s.lacking[0].contains("token 2")
        };
        assert!(spread.iter().all(second_only), "{spread:?}");
        // No job takes a key that one of them lacks.
        let request = KeyRequest {
            name: "d.0@1".to_owned(),
            algorithm: "tdes2".to_owned(),
            bits: 0,
            exponent: 0,
            usage: KeyUse::CardVerification,
        };
        let mut session = hsm.open_session().unwrap();
        assert_eq!(code(session.bind(&request)), "R1333");
        // A full token takes nothing of a key.
        for call in 1..=2 {
            plan(&format!(
                "C_UnwrapKey {call} return {} @{}",
                ck::CKR_DEVICE_MEMORY,
                pair.slots[1]
            ));
            let e = custody.copy("d.0@1").unwrap_err();
            plan("");
            assert_eq!(e.code, "R1339", "{e}");
            assert_eq!(objects(&pair.tokens[1]), second);
        }
        for facts in &made {
            assert_eq!(custody.copy(&facts.label).unwrap(), *facts);
            // Once more changes nothing.
            assert_eq!(custody.copy(&facts.label).unwrap(), *facts);
        }
        assert_eq!(code(custody.copy("d.stays@1")), "R1374");
        assert_eq!(code(custody.copy("d.nobody@1")), "R1370");
        let left = custody.spread().unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(code(session.bind(&request)), "accepted");
        custody.destroy("d.stays@1").unwrap();
        assert!(custody.spread().unwrap().is_empty());
        let [first, second] = pair.objects();
        assert_eq!(first, second);
        each_signs_alone(ground);
    });
}

/// Each of the tokens signs with the pairs that came.
fn each_signs_alone(ground: &Ground) {
    let message = b"what a site says";
    let signing = cardwright_ports::custody::Signing::Sha256 { message };
    for place in [0, 1] {
        let one = opened(ground, &[place]);
        let mut custody = one.open_custody().unwrap();
        custody.sign("d.2@1", &signing).unwrap();
        custody.sign("d.3@1", &signing).unwrap();
    }
}

#[test]
fn different_keys_under_one_label_are_told() {
    with_faults("different_keys_under_one_label_are_told", 2, |ground| {
        let pair = Pair::new(ground);
        for place in [0, 1] {
            let one = opened(ground, &[place]);
            let made = one.open_custody().unwrap().generate(&new("d.two@1", KMC));
            made.unwrap();
        }
        let mut custody = pair.custody();
        let spread = custody.spread().unwrap();
        assert!(spread.len() == 1 && spread[0].differs, "{spread:?}");
        assert_eq!(code(custody.copy("d.two@1")), "R1337");
        // Both go, and the key is made anew for both.
        custody.destroy("d.two@1").unwrap();
        custody.generate(&new("d.two@1", KMC)).unwrap();
        assert!(custody.spread().unwrap().is_empty());
    });
}

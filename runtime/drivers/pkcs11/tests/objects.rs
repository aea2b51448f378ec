//! Key objects that are not what they must be, and sites that allow no key in host memory.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use cardwright_hsm_conformance::{ClearKey, KeyLoader, run};
use cardwright_pkcs11::capability::Capability;
use cardwright_pkcs11::objects::{self, Flags, Kind, Place, Protection};
use cardwright_pkcs11::{HostMemory, Pin, Pkcs11Hsm};
use cardwright_ports::HsmError;
use cardwright_ports::custody::CustodyHsm;
use cardwright_ports::hsm::{
    ChannelSpec, Derivation, Diversification, Draw, Hsm, HsmSession, KeyHandle, KeyRequest, KeyUse,
};
use cardwright_standards::test_keys;
use common::{DOUBLE, Ground, PAN, code, raw, request, rsa_request, unhex, with_soft_hsm};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 7,
    purpose: "test",
};

#[test]
fn objects_that_are_not_protected_are_refused() {
    with_soft_hsm("objects_that_are_not_protected_are_refused", 1, |ground| {
        let hsm = ground.prepared();
        let token = raw(ground, 0);
        let id = "card_verification/tdes2";
        let make = |name: &str, id: &str, flags: Flags, protection: Protection| {
            let place = (Place::Token(name, id), protection);
            objects::import(&token, Kind::Des2, flags, place, &unhex(DOUBLE)).unwrap();
        };
        let both = Flags::ENCRYPT.and(Flags::DECRYPT);
        make("o.readable", id, Flags::ENCRYPT, Protection::Readable);
        make("o.leaves", id, Flags::ENCRYPT, Protection::Wrappable);
        make("o.more", id, both, Protection::Inside);
        make("o.twice", id, Flags::ENCRYPT, Protection::Inside);
        make("o.twice", id, Flags::ENCRYPT, Protection::Inside);
        let other = "pin_encryption/tdes2";
        make("o.other", other, Flags::ENCRYPT, Protection::Inside);
        make("o.silent", "", Flags::ENCRYPT, Protection::Inside);
        let wrong = "card_verification/tdes3";
        make("o.length", wrong, Flags::ENCRYPT, Protection::Inside);
        make("o.half", id, Flags::ENCRYPT, Protection::Inside);
        let mut session = hsm.open_session().unwrap();
        let mut bind = |name: &str, algorithm: &str| {
            session.bind(&request(name, algorithm, KeyUse::CardVerification))
        };
        for (name, expected) in [
            ("o.readable", "R1335"),
            ("o.leaves", "R1335"),
            ("o.more", "R1335"),
            ("o.twice", "R1334"),
            ("o.other", "R1302"),
            ("o.silent", "R1302"),
            ("o.length", "R1301"),
            ("o.nobody", "R1333"),
        ] {
            let found = bind(name, "tdes2");
            assert_eq!(code(found), expected, "{name}");
        }
        assert_eq!(code(bind("o.half", "tdes3")), "R1301");
        assert_eq!(code(bind("o.half", "aes128")), "R1301");
        assert_eq!(code(bind("o.half", "rsa")), "R1333");
        // It is there, but not the object of its left half.
        let half = bind("o.half", "tdes2").unwrap();
        let value = session.card_verification_value(half, PAN, "2812", "201");
        assert_eq!(code(value), "R1333");
        // The driver's own keys are held to the same.
        let template = [cardwright_pkcs11_raw::Attribute::octets(
            cardwright_pkcs11_raw::ck::CKA_LABEL,
            objects::SEAL_LABEL.as_bytes(),
        )];
        for object in token.find(&template, 9).unwrap() {
            token.destroy(object).unwrap();
        }
        let place = Place::Token(objects::SEAL_LABEL, "cardwright.storage");
        let place = (place, Protection::Readable);
        objects::import(&token, Kind::Aes(32), both, place, &[7; 32]).unwrap();
        let fresh = ground.open();
        let mut session = fresh.open_session().unwrap();
        assert_eq!(code(session.generate_pin(4, &DRAW)), "R1335");
    });
}

struct Loader<'h>(&'h Pkcs11Hsm);

impl KeyLoader for Loader<'_> {
    fn load(&self, request: &KeyRequest, key: ClearKey<'_>) -> Result<(), HsmError> {
        match key {
            ClearKey::Symmetric(octets) => self.0.import_key(request, octets),
            ClearKey::Rsa(parts) => self.0.import_rsa_key(request, (&parts.p, &parts.q)),
        }
    }
}

fn kit_without(ground: &Ground, avoid: &[Capability]) -> Pkcs11Hsm {
    let mut settings = ground.settings();
    settings.avoid = avoid.to_vec();
    let hsm = Pkcs11Hsm::open(settings).unwrap();
    hsm.prepare().unwrap();
    let settings = cardwright_hsm_conformance::Settings {
        may_refuse: &[],
        fresh_draws: match avoid.contains(&Capability::KeyWrapPad) {
            true => &[],
            false => &["icc_rsa_key"],
        },
    };
    let report = run(&hsm, &Loader(&hsm), &settings);
    println!("{report}");
    assert!(report.failures().is_empty());
    hsm
}

// Every fallback, on a token that could do better: the kit holds them to the same values.
#[test]
fn soft_hsm_passes_the_kit_by_fallbacks() {
    with_soft_hsm("soft_hsm_passes_the_kit_by_fallbacks", 1, |ground| {
        let avoid = [
            Capability::AesEcbMany,
            Capability::AesGcm,
            Capability::Hmac,
            Capability::TdesDerive,
            Capability::AesDerive,
            Capability::KeyWrap,
            Capability::KeyWrapPad,
        ];
        let hsm = kit_without(ground, &avoid);
        let in_memory = hsm.describe().iter().filter(|d| d.host_memory).count();
        assert!(in_memory >= 8, "{:?}", hsm.describe());
    });
}

// A token that takes no long calls seals and draws card by card.
#[test]
fn soft_hsm_passes_the_kit_by_gcm_and_hmac() {
    with_soft_hsm("soft_hsm_passes_the_kit_by_gcm_and_hmac", 1, |ground| {
        kit_without(ground, &[Capability::AesEcbMany]);
    });
}

// Keys of cards computed by encryption and joined over cards.
#[test]
fn soft_hsm_passes_the_kit_without_derivation() {
    with_soft_hsm("soft_hsm_passes_the_kit_without_derivation", 1, |ground| {
        let avoid = [
            Capability::TdesDerive,
            Capability::AesDerive,
            Capability::KeyWrapPad,
        ];
        kit_without(ground, &avoid);
    });
}

fn keys(hsm: &Pkcs11Hsm, session: &mut dyn HsmSession) -> [KeyHandle; 4] {
    let mut bind = |name: &str, algorithm: &str, usage| {
        let request = request(name, algorithm, usage);
        hsm.import_test_key(&request).unwrap();
        session.bind(&request).unwrap()
    };
    [
        bind("p.imk", "tdes2", KeyUse::EmvApplicationCryptogram),
        bind("p.tk_aes", "aes256", KeyUse::Transport),
        bind("p.tk_des", "tdes2", KeyUse::Transport),
        bind("p.kmc", "tdes2", KeyUse::CardIssuance),
    ]
}

// What stays inside gives the same octets as what passes through host memory, and a site that refuses
// host memory gets the one and not the other.
#[test]
fn host_memory_is_refused_where_the_site_says_so() {
    with_soft_hsm(
        "host_memory_is_refused_where_the_site_says_so",
        1,
        |ground| {
            let allowed = ground.prepared();
            let mut session = allowed.open_session().unwrap();
            let [imk, tk_aes, tk_des, _] = keys(&allowed, session.as_mut());
            let card = session.card_key(Derivation::A, imk, PAN, "01").unwrap();
            let by_des = session.export_sealed(&card, tk_des).unwrap();
            let by_aes = session.export_sealed(&card, tk_aes).unwrap();
            let octets = test_keys::symmetric_key("p.tk_aes", "aes256").unwrap();
            let key = cardwright_standards::cipher::AesKey::new(octets.expose()).unwrap();
            let mut clear = by_aes.clone();
            cardwright_standards::cipher::cbc_decrypt(&key, [0; 16], &mut clear).unwrap();
            let octets = test_keys::symmetric_key("p.tk_des", "tdes2").unwrap();
            let key = cardwright_standards::cipher::TdesKey::new(octets.expose()).unwrap();
            cardwright_standards::cipher::ecb_encrypt(&key, &mut clear).unwrap();
            assert_eq!(clear, by_des, "the same card key under both");

            let mut settings = ground.settings();
            settings.host_memory = HostMemory::Refused;
            let hsm = Pkcs11Hsm::open(settings).unwrap();
            let mut session = hsm.open_session().unwrap();
            let mut bind = |name: &str, algorithm: &str, usage| {
                session.bind(&request(name, algorithm, usage)).unwrap()
            };
            let imk = bind("p.imk", "tdes2", KeyUse::EmvApplicationCryptogram);
            let tk_aes = bind("p.tk_aes", "aes256", KeyUse::Transport);
            let tk_des = bind("p.tk_des", "tdes2", KeyUse::Transport);
            let kmc = bind("p.kmc", "tdes2", KeyUse::CardIssuance);
            let card = session.card_key(Derivation::A, imk, PAN, "01").unwrap();
            assert_eq!(session.export_sealed(&card, tk_aes).unwrap(), by_aes);
            assert_eq!(code(session.export_sealed(&card, tk_des)), "R1336");
            let spec = ChannelSpec {
                protocol: 2,
                option: 0x55,
                security_level: 3,
                key: kmc,
                diversification: Diversification::Emv,
                key_version: 0,
                counts_data_only: false,
            };
            let (channel, _) = session.begin_channel(&spec, &DRAW).unwrap();
            // An answer of SCP02's form: its keys are derived inside, and its cryptogram is wrong.
            let answer = unhex("0000010203040506070801020000A1A2A3A4A5A6B1B2B3B4B5B6B7B89000");
            let refused = session.authenticate_channel(channel, &answer);
            assert_eq!(code(refused), "R1309");
            let icc = session.icc_rsa_key(1152, 3, &DRAW).unwrap();
            assert_eq!(icc.modulus.len(), 144);
            let part = session.export_sealed(&icc.components[0], tk_aes);
            assert_eq!(code(part), "R1336");
            assert!(hsm.describe().iter().any(|d| !d.possible));

            // Without the derivation only host memory is left, and the card is not even asked.
            let mut settings = ground.settings();
            settings.host_memory = HostMemory::Refused;
            settings.avoid = vec![Capability::ChannelTdes];
            let hsm = Pkcs11Hsm::open(settings).unwrap();
            let mut session = hsm.open_session().unwrap();
            let kmc = request("p.kmc", "tdes2", KeyUse::CardIssuance);
            let key = session.bind(&kmc).unwrap();
            let refused = session.begin_channel(&ChannelSpec { key, ..spec }, &DRAW);
            let refused = refused.unwrap_err();
            assert_eq!(refused.code, "R1336");
            assert!(refused.what.contains("a token that can scp02"), "{refused}");
        },
    );
}

#[test]
fn one_key_for_two_uses_is_refused() {
    with_soft_hsm("one_key_for_two_uses_is_refused", 1, |ground| {
        let hsm = ground.prepared();
        let mut session = hsm.open_session().unwrap();
        let issuer = rsa_request("u.issuer", 512, 3, KeyUse::EmvIssuerPrivate);
        hsm.import_test_key(&issuer).unwrap();
        session.bind(&issuer).unwrap();
        let again = KeyRequest {
            usage: KeyUse::CertificateSigning,
            ..issuer.clone()
        };
        assert_eq!(code(session.bind(&again)), "R1302");
        let bigger = KeyRequest {
            bits: 1024,
            ..issuer.clone()
        };
        assert_eq!(code(session.bind(&bigger)), "R1301");
        assert_eq!(code(hsm.import_test_key(&issuer)), "R1339");
        // Open test keys come into TEST tokens only.
        let mut settings = ground.settings();
        settings.test_only = false;
        let live = Pkcs11Hsm::open(settings).unwrap();
        let other = request("u.other", "tdes2", KeyUse::Transport);
        assert_eq!(code(live.import_test_key(&other)), "R1338");
    });
}

#[test]
fn a_pin_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pin");
    let put = |text: &[u8], mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        code(Pin::from_file(&path).map(drop))
    };
    assert_eq!(put(b"4815\n", 0o600), "accepted");
    assert_eq!(put(b"4815", 0o400), "accepted");
    assert_eq!(put(b"4815", 0o640), "R1324");
    assert_eq!(put(b"4815", 0o604), "R1324");
    assert_eq!(put(b"\n4815", 0o600), "R1324");
    assert_eq!(put(&[b'1'; 257], 0o600), "R1324");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(code(Pin::from_file(&path).map(drop)), "R1324");
    let missing = Pin::from_environment("CARDWRIGHT_NO_SUCH_PIN");
    assert_eq!(code(missing.map(drop)), "R1324");
}

// A card's keys are stored by their recipe: what it tells, and what happens when its issuer key is not what it was.
#[test]
fn a_recipe_needs_the_issuer_key_that_it_was_made_with() {
    with_soft_hsm(
        "a_recipe_needs_the_issuer_key_that_it_was_made_with",
        1,
        |ground| {
            let hsm = ground.prepared();
            let mut session = hsm.open_session().unwrap();
            let [imk, tk, ..] = keys(&hsm, session.as_mut());
            let card = session.card_key(Derivation::A, imk, PAN, "01").unwrap();
            let exported = session.export_sealed(&card, tk).unwrap();
            // The name of the issuer key is open; PAN and derivation data are not.
            let holds = |part: &[u8]| card.blob.windows(part.len()).any(|w| w == part);
            assert!(holds(b"p.imk"));
            let blocks = cardwright_standards::emv::keys::option_a_blocks(PAN, "01").unwrap();
            assert!(!holds(PAN.as_bytes()) && !holds(&blocks[0]) && !holds(&blocks[1]));

            // After a restart nothing waits, and no key is bound: the recipe says which one is needed.
            drop(session);
            let again = Pkcs11Hsm::open(ground.settings()).unwrap();
            let mut session = again.open_session().unwrap();
            let bound = request("p.tk_aes", "aes256", KeyUse::Transport);
            let tk = session.bind(&bound).unwrap();
            assert_eq!(session.export_sealed(&card, tk).unwrap(), exported);
            drop(session);

            // The issuer key is destroyed, then replaced under its name.
            hsm.open_custody().unwrap().destroy("p.imk").unwrap();
            let after = Pkcs11Hsm::open(ground.settings()).unwrap();
            let mut session = after.open_session().unwrap();
            let tk = session.bind(&bound).unwrap();
            assert_eq!(code(session.export_sealed(&card, tk)), "R1333");
            let imk = request("p.imk", "tdes2", KeyUse::EmvApplicationCryptogram);
            after.import_key(&imk, &unhex(DOUBLE)).unwrap();
            let refused = session.export_sealed(&card, tk).unwrap_err();
            assert_eq!(refused.code, "R1301");
            println!("{refused}");
            let mut changed = card.clone();
            let last = changed.blob.len() - 1;
            changed.blob[last] ^= 1;
            assert_eq!(code(session.export_sealed(&changed, tk)), "R1305");
        },
    );
}

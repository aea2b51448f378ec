//! What the driver makes of a token that fails: every function times every return value, late, wrong
//! and cut answers, lost sessions, a full token.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use cardwright_pkcs11::return_codes::MEANINGS;
use cardwright_pkcs11::{CODES, HostMemory, Pin, Pkcs11Hsm, Relogin};
use cardwright_ports::HsmError;
use cardwright_ports::hsm::{
    CheckMethod, DekPadding, Derivation, Draw, Hsm, HsmSession, KeyHandle, KeyUse, Sealed,
    SealedPin,
};
use common::{
    DOUBLE, Ground, PAN, code, plan, request, rsa_request, unhex, with_faults, with_soft_hsm,
};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 7,
    purpose: "test",
};

/// A prepared token with keys, and values that were made without faults.
struct Scene {
    hsm: Pkcs11Hsm,
    session: Box<dyn HsmSession>,
    cvk: KeyHandle,
    imk: KeyHandle,
    kek: KeyHandle,
    zpk: KeyHandle,
    issuer: KeyHandle,
    pin: SealedPin,
    card: Sealed,
    rsa: Sealed,
}

fn scene(ground: &Ground) -> Scene {
    let hsm = ground.prepared();
    let mut session = hsm.open_session().unwrap();
    let mut bind = |name: &str, usage| {
        let request = request(name, "tdes2", usage);
        hsm.import_key(&request, &unhex(DOUBLE)).unwrap();
        session.bind(&request).unwrap()
    };
    let cvk = bind("f.cvk", KeyUse::CardVerification);
    let imk = bind("f.imk", KeyUse::EmvApplicationCryptogram);
    let kek = bind("f.kek", KeyUse::Transport);
    let zpk = bind("f.zpk", KeyUse::PinEncryption);
    let request = rsa_request("f.issuer", 1152, 3, KeyUse::EmvIssuerPrivate);
    hsm.import_test_key(&request).unwrap();
    let issuer = session.bind(&request).unwrap();
    let pin = session.generate_pin(4, &DRAW).unwrap();
    let card = session.card_key(Derivation::A, imk, PAN, "01").unwrap();
    let icc = session.icc_rsa_key(512, 3, &DRAW).unwrap();
    let [rsa, ..] = icc.components;
    Scene {
        hsm,
        session,
        cvk,
        imk,
        kek,
        zpk,
        issuer,
        pin,
        card,
        rsa,
    }
}

type Act = fn(&mut Scene) -> Result<(), HsmError>;

/// What makes the driver call each function.
const ACTS: [(&str, Act); 20] = [
    ("C_EncryptInit", verification_value),
    ("C_Encrypt", verification_value),
    ("C_EncryptInit", reveal),
    ("C_Encrypt", draw_pin),
    ("C_DecryptInit", take_pin),
    ("C_Decrypt", take_pin),
    ("C_SignInit", sign),
    ("C_Sign", sign),
    ("C_GenerateRandom", job_key),
    ("C_DeriveKey", card_key),
    ("C_WrapKey", rsa_key),
    ("C_DestroyObject", card_key),
    ("C_UnwrapKey", export_rsa),
    ("C_GetAttributeValue", export),
    ("C_GenerateKeyPair", rsa_key),
    ("C_FindObjectsInit", bind_new),
    ("C_FindObjects", bind_new),
    ("C_FindObjectsFinal", bind_new),
    ("C_CreateObject", import),
    ("C_GenerateKey", generate_storage),
];

fn verification_value(scene: &mut Scene) -> Result<(), HsmError> {
    let value = scene
        .session
        .card_verification_value(scene.cvk, PAN, "2812", "201")?;
    assert_eq!(value, "479");
    Ok(())
}

/// Octets of nothing under the key: what comes out is no PIN, unless the token fails before.
fn take_pin(scene: &mut Scene) -> Result<(), HsmError> {
    match scene.session.import_pin_block(scene.zpk, 1, &[0; 8], PAN) {
        Err(error) if error.code == "R1306" => Ok(()),
        other => other.map(drop),
    }
}

fn sign(scene: &mut Scene) -> Result<(), HsmError> {
    let signed = scene
        .session
        .sign_static_data(scene.issuer, [1, 2], b"data");
    signed.map(drop)
}

fn reveal(scene: &mut Scene) -> Result<(), HsmError> {
    scene.session.reveal_pin(&scene.pin).map(drop)
}

fn draw_pin(scene: &mut Scene) -> Result<(), HsmError> {
    let again = scene.session.generate_pin(4, &DRAW)?;
    assert_eq!(again, scene.pin);
    Ok(())
}

fn job_key(scene: &mut Scene) -> Result<(), HsmError> {
    scene.session.new_job_key("job").map(drop)
}

fn card_key(scene: &mut Scene) -> Result<(), HsmError> {
    let again = scene
        .session
        .card_key(Derivation::A, scene.imk, PAN, "01")?;
    assert_eq!(again, scene.card);
    Ok(())
}

fn export(scene: &mut Scene) -> Result<(), HsmError> {
    let out = scene.session.export_sealed(&scene.card, scene.kek)?;
    assert_eq!(hex::encode(out), "4bb887727c58af048ad939f63e4127f5");
    Ok(())
}

fn export_rsa(scene: &mut Scene) -> Result<(), HsmError> {
    let out = scene.session.export_sealed(&scene.rsa, scene.kek)?;
    assert_eq!(out.len(), 32);
    Ok(())
}

fn rsa_key(scene: &mut Scene) -> Result<(), HsmError> {
    scene.session.icc_rsa_key(512, 3, &DRAW).map(drop)
}

fn bind_new(scene: &mut Scene) -> Result<(), HsmError> {
    let request = request("f.nobody", "tdes2", KeyUse::Transport);
    match scene.session.bind(&request) {
        Err(e) if e.code == "R1333" => Ok(()),
        other => other.map(drop),
    }
}

fn import(scene: &mut Scene) -> Result<(), HsmError> {
    let request = request("f.new", "tdes2", KeyUse::CardVerification);
    scene.hsm.import_key(&request, &unhex(DOUBLE))?;
    scene.hsm.remove_key(&request)
}

/// Stands for a function that only preparation calls.
fn generate_storage(_: &mut Scene) -> Result<(), HsmError> {
    Ok(())
}

/// Labels of all objects of a token, by a program of somebody else.
fn objects(ground: &Ground) -> BTreeSet<String> {
    let store = ground.folder.join("tokens");
    let mut found = BTreeSet::new();
    let mut folders = vec![store];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|e| e == "object") => {
                    found.insert(path.file_name().unwrap().to_string_lossy().into_owned());
                }
                false => {}
            }
        }
    }
    found
}

/// An error says what it must, and nothing that it must not.
fn check_error(error: &HsmError, what: &str) {
    let shared = ["R1301", "R1302", "R1305", "R1307"].contains(&error.code);
    let known = shared || CODES.iter().any(|(code, ..)| *code == error.code);
    assert!(known, "{what}: {error}");
    let text = format!("{error} {error:?}").to_lowercase();
    let secrets = ["48151623", DOUBLE, PAN, "0123456789abcdef"];
    for secret in secrets {
        assert!(!text.contains(&secret.to_lowercase()), "{what}: {text}");
    }
    assert!(text.len() > 20, "{what}: {text}");
}

#[test]
fn every_function_times_every_return_value() {
    with_faults("every_function_times_every_return_value", 1, |ground| {
        let mut scene = scene(ground);
        let before = objects(ground);
        let mut cases = 0;
        for (function, act) in ACTS {
            for meaning in MEANINGS {
                let what = format!("{function} {}", meaning.name);
                // Every call: the driver can't get around it.
                plan(&format!("{function} 0 return {}", meaning.value));
                if let Err(error) = act(&mut scene) {
                    check_error(&error, &what);
                    // An import tells the cause behind its own code.
                    let told = error.code == meaning.code.code || error.what.contains(meaning.name);
                    let own = ["R1339", "R1305", "R1333"].contains(&error.code);
                    assert!(told || own, "{what}: {error}");
                }
                // Once: it fails clearly or is made good; afterwards all is as before.
                if cases % 3 == 0 {
                    plan(&format!("{function} 1 return {}", meaning.value));
                    if let Err(error) = act(&mut scene) {
                        check_error(&error, &what);
                    }
                }
                plan("");
                act(&mut scene).unwrap_or_else(|e| panic!("after {what}: {e}"));
                cases += 1;
            }
            assert_eq!(objects(ground), before, "{function}");
        }
        println!("{cases} cases, {:?}", scene.hsm.status());
    });
}

#[test]
fn every_return_value_at_opening() {
    with_faults("every_return_value_at_opening", 1, |ground| {
        let functions = [
            "C_Initialize",
            "C_GetSlotList",
            "C_GetTokenInfo",
            "C_OpenSession",
            "C_GetSessionInfo",
            "C_Login",
        ];
        for function in functions {
            for meaning in MEANINGS {
                let what = format!("{function} {}", meaning.name);
                plan(&format!("{function} 0 return {}", meaning.value));
                match Pkcs11Hsm::open(ground.settings()) {
                    Ok(_) => assert!(what.contains("_ALREADY_"), "{what} was overlooked"),
                    Err(error) => {
                        check_error(&error, &what);
                        let told = error.code == meaning.code.code
                            || ["R1320", "R1325", "R1326"].contains(&error.code);
                        assert!(told, "{what}: {error}");
                    }
                }
                if function == "C_Initialize" && meaning.name.contains("_ALREADY_") {
                    break;
                }
            }
        }
        plan("");
        assert_eq!(code(Pkcs11Hsm::open(ground.settings())), "accepted");
    });
}

#[test]
fn a_late_answer_is_given_up() {
    with_faults("a_late_answer_is_given_up", 1, |ground| {
        drop(scene(ground));
        let mut settings = ground.settings();
        settings.sessions = 2;
        let hsm = Pkcs11Hsm::open(settings).unwrap();
        let mut session = hsm.open_session().unwrap();
        let cvk = request("f.cvk", "tdes2", KeyUse::CardVerification);
        let cvk = session.bind(&cvk).unwrap();
        drop(session);
        let mut settings = ground.settings();
        settings.deadline = Duration::from_millis(2_000);
        let hsm = Pkcs11Hsm::open(settings).unwrap();
        let mut session = hsm.open_session().unwrap();
        let request = request("f.cvk", "tdes2", KeyUse::CardVerification);
        assert_eq!(session.bind(&request).unwrap(), cvk);
        plan("C_Encrypt 1 delay 6000");
        let begun = std::time::Instant::now();
        let late = session.card_verification_value(cvk, PAN, "2812", "201");
        let error = late.unwrap_err();
        assert_eq!(error.code, "R1328");
        assert!(error.retryable);
        assert!(begun.elapsed() < Duration::from_millis(5_900));
        assert_eq!(hsm.status()[0].abandoned, 1);
        plan("");
        let value = session.card_verification_value(cvk, PAN, "2812", "201");
        assert_eq!(value.unwrap(), "479");
    });
}

#[test]
fn a_wrong_known_answer_stops_the_opening() {
    with_faults("a_wrong_known_answer_stops_the_opening", 1, |ground| {
        for fault in [
            "C_Encrypt 1 flip 3",
            "C_Encrypt 1 cut 1",
            "C_Encrypt 3 flip 60",
            "C_Decrypt 2 flip 1",
            "C_Sign 1 flip 7",
            "C_Sign 3 flip 0",
            "C_WrapKey 1 flip 100",
            "C_GetAttributeValue 2 flip 5",
        ] {
            plan(fault);
            let error = Pkcs11Hsm::open(ground.settings()).map(drop).unwrap_err();
            assert_eq!(error.code, "R1321", "{fault}: {error}");
            check_error(&error, fault);
        }
        plan("");
        assert_eq!(code(Pkcs11Hsm::open(ground.settings())), "accepted");
    });
}

#[test]
fn after_a_wrong_signature_nothing_goes_out() {
    with_faults("after_a_wrong_signature_nothing_goes_out", 1, |ground| {
        let mut scene = scene(ground);
        let good = scene
            .session
            .sign_static_data(scene.issuer, [1, 2], b"data")
            .unwrap();
        plan("C_Sign 1 flip 11");
        let wrong = scene
            .session
            .sign_static_data(scene.issuer, [1, 2], b"data");
        assert_eq!(code(wrong), "R1332");
        plan("");
        // The error state: no output, in no session, whatever is asked.
        let again = scene
            .session
            .sign_static_data(scene.issuer, [1, 2], b"data");
        assert_eq!(code(again), "R1322");
        assert_eq!(code(verification_value(&mut scene)), "R1322");
        assert_eq!(code(reveal(&mut scene)), "R1322");
        assert_eq!(code(scene.session.public_key(scene.issuer)), "R1322");
        assert_eq!(code(scene.hsm.open_session().map(drop)), "R1322");
        // A new start, with a token that answers rightly.
        let hsm = ground.open();
        let mut session = hsm.open_session().unwrap();
        let request = rsa_request("f.issuer", 1152, 3, KeyUse::EmvIssuerPrivate);
        let issuer = session.bind(&request).unwrap();
        let found = session.sign_static_data(issuer, [1, 2], b"data");
        assert_eq!(found.unwrap(), good);
    });
}

#[test]
fn cut_and_overlong_answers_are_noticed() {
    with_faults("cut_and_overlong_answers_are_noticed", 1, |ground| {
        let mut scene = scene(ground);
        for fault in ["C_Encrypt 0 long", "C_Sign 0 long", "C_FindObjects 0 long"] {
            plan(fault);
            let act = match fault.split_at(5).0 {
                "C_Fin" => bind_new,
                "C_Sig" => sign,
                _ => draw_pin,
            };
            let error = act(&mut scene).unwrap_err();
            assert_eq!(error.code, "R1330", "{fault}: {error}");
        }
        plan("C_Encrypt 0 cut 1");
        assert_eq!(code(verification_value(&mut scene)), "R1332");
        plan("");
        assert_eq!(code(verification_value(&mut scene)), "R1322");
    });
}

#[test]
fn a_lost_session_is_replaced_as_the_policy_says() {
    with_faults(
        "a_lost_session_is_replaced_as_the_policy_says",
        1,
        |ground| {
            let mut scene = scene(ground);
            for _ in 0..3 {
                plan("C_EncryptInit 1 drop");
                verification_value(&mut scene).unwrap();
            }
            for _ in 0..3 {
                plan("C_EncryptInit 1 logout");
                verification_value(&mut scene).unwrap();
            }
            assert!(scene.hsm.status()[0].logins > 1);
            plan("");
            drop(scene);
            let mut settings = ground.settings();
            settings.relogin = Relogin::Never;
            let hsm = Pkcs11Hsm::open(settings).unwrap();
            let mut session = hsm.open_session().unwrap();
            let request = request("f.cvk", "tdes2", KeyUse::CardVerification);
            let cvk = session.bind(&request).unwrap();
            plan("C_EncryptInit 1 logout");
            let refused = session.card_verification_value(cvk, PAN, "2812", "201");
            assert_eq!(code(refused), "R1326");
            plan("");
            let refused = session.card_verification_value(cvk, PAN, "2812", "201");
            assert_eq!(code(refused), "R1326");
        },
    );
}

#[test]
fn a_failed_import_leaves_nothing() {
    with_faults("a_failed_import_leaves_nothing", 1, |ground| {
        let scene = scene(ground);
        let before = objects(ground);
        let new = request("f.half", "tdes2", KeyUse::CardVerification);
        let rsa = rsa_request("f.half", 512, 3, KeyUse::EmvIssuerPrivate);
        // 49 is CKR_DEVICE_MEMORY: the token is full. `after`: it says so, but has made the object.
        for fault in [
            "C_CreateObject 1 return 49",
            "C_CreateObject 2 return 49",
            "C_CreateObject 1 after 49",
            "C_CreateObject 2 after 48",
            "C_CreateObject 2 drop",
            "C_CreateObject 2 logout",
            "C_FindObjectsInit 4 return 5",
            "C_GetAttributeValue 1 return 5",
        ] {
            for request in [&new, &rsa] {
                plan(fault);
                let result = match request.algorithm.as_str() {
                    "rsa" => scene.hsm.import_test_key(request),
                    _ => scene.hsm.import_key(request, &unhex(DOUBLE)),
                };
                plan("");
                let Err(error) = result else {
                    // The fault did not hit this kind of key.
                    scene.hsm.remove_key(request).unwrap();
                    continue;
                };
                assert_eq!(error.code, "R1339", "{fault}: {error}");
                assert!(!error.what.contains("remains"), "{fault}: {error}");
                check_error(&error, fault);
                let full = fault.ends_with("49");
                assert!(!full || error.what.contains("R1327"), "{fault}: {error}");
                assert_eq!(objects(ground), before, "{fault}");
            }
        }
    });
}

#[test]
fn a_failed_preparation_leaves_nothing() {
    with_faults("a_failed_preparation_leaves_nothing", 1, |ground| {
        let hsm = ground.open();
        let before = objects(ground);
        for call in 1..=3 {
            for meaning in MEANINGS.iter().skip(call).step_by(4) {
                plan(&format!("C_GenerateKey {call} return {}", meaning.value));
                let error = hsm.prepare().unwrap_err();
                assert_eq!(error.code, "R1339", "{error}");
                assert!(error.what.contains(meaning.name), "{error}");
                assert_eq!(objects(ground), before);
            }
        }
        plan("");
        hsm.prepare().unwrap();
        hsm.prepare().unwrap();
        assert_eq!(objects(ground).len(), before.len() + 3);
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    with_faults("a_wrong_pin_is_tried_once", 1, |ground| {
        let wrong = || {
            let mut settings = ground.settings();
            settings.pin = Pin::new(b"00000000".to_vec()).unwrap();
            settings.host_memory = HostMemory::Refused;
            Pkcs11Hsm::open(settings).map(drop).unwrap_err()
        };
        let error = wrong();
        assert_eq!(error.code, "R1323", "{error}");
        assert!(error.what.contains("CKR_PIN_INCORRECT"), "{error}");
        assert!(!format!("{error:?}").contains("00000000"));
        // A locked PIN (164 is CKR_PIN_LOCKED), whatever is tried.
        plan("C_Login 0 return 164");
        assert_eq!(wrong().code, "R1323");
        plan("");
        // The token logs the user out and takes the PIN no more: one login is tried, not one a call.
        let mut scene = scene(ground);
        let logins = |scene: &Scene| scene.hsm.calls().get("C_Login").copied().unwrap_or(0);
        let before = logins(&scene);
        plan("C_EncryptInit 1 logout\nC_Login 0 return 160");
        for _ in 0..5 {
            let error = verification_value(&mut scene).unwrap_err();
            assert_eq!(error.code, "R1323", "{error}");
        }
        assert_eq!(logins(&scene), before + 1);
    });
}

#[test]
fn a_full_token_says_so() {
    with_faults("a_full_token_says_so", 1, |ground| {
        let mut scene = scene(ground);
        for function in ["C_DeriveKey", "C_UnwrapKey", "C_GenerateKeyPair"] {
            let act = ACTS.iter().find(|(name, _)| *name == function).unwrap().1;
            plan(&format!("{function} 0 return 49"));
            assert_eq!(code(act(&mut scene)), "R1327", "{function}");
        }
        plan("");
        verification_value(&mut scene).unwrap();
    });
}

#[test]
fn a_value_that_was_changed_is_not_the_tokens_fault() {
    with_soft_hsm(
        "a_value_that_was_changed_is_not_the_tokens_fault",
        1,
        |ground| {
            let mut scene = scene(ground);
            for place in 0..scene.pin.0.len() {
                let mut changed = scene.pin.clone();
                changed.0[place] ^= 1;
                assert_eq!(code(scene.session.reveal_pin(&changed)), "R1305", "{place}");
            }
            for place in 0..scene.card.blob.len() {
                let mut changed = scene.card.clone();
                changed.blob[place] ^= 1;
                let out = scene.session.encipher_for_card(
                    &changed,
                    scene.kek,
                    DekPadding::Iso7816IfNeeded,
                );
                assert_eq!(code(out), "R1305", "{place}");
            }
            let mut changed = scene.card.clone();
            changed.check_values[0] ^= 1;
            assert_eq!(
                code(scene.session.export_sealed(&changed, scene.kek)),
                "R1305"
            );
            let value = scene.session.check_value(scene.imk, CheckMethod::Ecb);
            assert_eq!(value.unwrap(), unhex("08D7B4"));
        },
    );
}

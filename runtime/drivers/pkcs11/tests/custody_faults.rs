//! Key custody on bad days: every verb of the port against a token that is full, removed, locked, late
//! or wrong. Each fault gives an error with a code, leaves the token's objects as they were and tells
//! no secret; afterwards the same verb works.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use cardwright_pkcs11::return_codes::{MEANINGS, meaning};
use cardwright_pkcs11::{CODES, Pkcs11Hsm};
use cardwright_pkcs11_raw::{Attribute, Module, Session, ck};
use cardwright_ports::custody::{
    CustodyHsm, Enveloped, Exportability, Frame, KeyAlgorithm, KeyCustody, KeyFacts, NewKey,
    OaepHash, PublicKey, SealedComponent, Signing, Wrapping,
};
use cardwright_ports::hsm::{CheckMethod, IssuerCertificateFields, KeyUse};
use cardwright_ports::{HsmError, SecretBytes};
use common::{DOUBLE, Ground, code, plan, unhex, with_faults};

/// The second component with which `DOUBLE` makes a key; published with its vectors.
const OTHER: &str = "3E736BF8D37664348A04E3ABE00DEFC1";
const NEW: &str = "c.new@1";
const CEREMONY: &str = "ceremony 7";
const TDES2: KeyAlgorithm = KeyAlgorithm::Tdes2;
const AES128: KeyAlgorithm = KeyAlgorithm::Aes128;
const HEADER: &str = "D0000P0TE00S0000";
const FRAME: Frame<'static> = Frame {
    before: b"what stands before",
    after: b"what stands behind",
    cipher: AES128,
    hash: OaepHash::Sha256,
};
const OAEP_IN: Wrapping<'static> = Wrapping::RsaOaep {
    receiver: (&[], 0),
    hash: OaepHash::Sha1,
};
const WRAP: Wrapping<'static> = Wrapping::AesKeyWrap { padded: true };

const fn rsa(bits: u32) -> KeyAlgorithm {
    KeyAlgorithm::Rsa { bits, exponent: 3 }
}

fn new(label: &str, algorithm: KeyAlgorithm, usage: KeyUse) -> NewKey<'_> {
    NewKey {
        label,
        algorithm,
        usage,
        exportability: Exportability::Sensitive,
    }
}

/// A token with keys, and what was made of them without faults.
struct Stage {
    hsm: Pkcs11Hsm,
    /// Keeps the token's login while the driver loses its sessions.
    token: Session,
    parts: Vec<SealedComponent>,
    out: KeyFacts,
    aes: KeyFacts,
    wrapped: BTreeMap<&'static str, Vec<u8>>,
    envelope: Enveloped,
    receiver: (Vec<u8>, u32),
    peer: Vec<u8>,
    ca: (Vec<u8>, u32),
}

fn raw(ground: &Ground) -> Session {
    let module = Module::load(&ground.module).unwrap();
    let tokens = module.tokens().unwrap();
    let slot = tokens.iter().find(|t| t.label == ground.tokens[0]).unwrap();
    let session = Session::open(&module, slot.slot).unwrap();
    session.log_in(ground.pin.as_bytes()).unwrap();
    session
}

fn typed(custody: &mut dyn KeyCustody, hex: &str) -> SealedComponent {
    let clear = SecretBytes::new(unhex(hex));
    custody.take_component(CEREMONY, TDES2, &clear).unwrap()
}

fn numbers(key: PublicKey) -> (Vec<u8>, u32) {
    match key {
        PublicKey::Rsa { modulus, exponent } => (modulus, exponent),
        PublicKey::P256(point) => (point, 0),
    }
}

/// Keys that the verbs need.
const KEYS: [(&str, KeyAlgorithm, KeyUse); 8] = [
    ("c.kek@1", KeyAlgorithm::Aes256, KeyUse::Transport),
    ("c.tkek@1", KeyAlgorithm::Tdes3, KeyUse::Transport),
    ("c.kbpk@1", KeyAlgorithm::Aes256, KeyUse::KeyBlockProtection),
    ("c.exchange@1", rsa(2048), KeyUse::KeyExchange),
    ("c.agree@1", KeyAlgorithm::P256, KeyUse::KeyExchange),
    ("c.peer@1", KeyAlgorithm::P256, KeyUse::KeyExchange),
    ("c.sign@1", KeyAlgorithm::P256, KeyUse::PackageSigning),
    ("c.ca@1", rsa(1408), KeyUse::EmvCaPrivate),
];

fn stage(ground: &Ground) -> Stage {
    let hsm = ground.prepared();
    let token = raw(ground);
    let mut custody = hsm.open_custody().unwrap();
    for (label, algorithm, usage) in KEYS {
        custody.generate(&new(label, algorithm, usage)).unwrap();
    }
    let parts = vec![
        typed(custody.as_mut(), DOUBLE),
        typed(custody.as_mut(), OTHER),
    ];
    let key = new("c.out@1", TDES2, KeyUse::PinEncryption);
    let out = custody.combine(CEREMONY, &parts, &key, None).unwrap();
    let key = new("c.aes@1", AES128, KeyUse::CardIssuance);
    let aes = custody.generate(&key).unwrap();
    let receiver = numbers(custody.public_key("c.exchange@1").unwrap());
    let ca = numbers(custody.public_key("c.ca@1").unwrap());
    let (own, _) = numbers(custody.public_key("c.agree@1").unwrap());
    let (peer, _) = numbers(custody.public_key("c.peer@1").unwrap());
    let to = (receiver.0.as_slice(), receiver.1);
    let envelope = custody.envelop("c.aes@1", to, &FRAME).unwrap();
    let mut wrapped = BTreeMap::new();
    let oaep = Wrapping::RsaOaep {
        receiver: to,
        hash: OaepHash::Sha1,
    };
    let agreed = Wrapping::Ecdh {
        peer: &own,
        info: b"A",
    };
    for (name, label, under, wrapping) in [
        (
            "block",
            "c.out@1",
            "c.kbpk@1",
            Wrapping::KeyBlock { header: HEADER },
        ),
        ("wrap", "c.aes@1", "c.kek@1", WRAP),
        ("ecb", "c.out@1", "c.tkek@1", Wrapping::LegacyEcb),
        ("cbc", "c.out@1", "c.tkek@1", Wrapping::LegacyCbc),
        ("oaep", "c.aes@1", "", oaep),
        ("ecdh", "c.aes@1", "c.peer@1", agreed),
        ("pair", "c.sign@1", "c.kek@1", WRAP),
    ] {
        let made = custody.wrap(label, under, &wrapping).unwrap();
        wrapped.insert(name, made);
    }
    drop(custody);
    Stage {
        hsm,
        token,
        parts,
        out,
        aes,
        wrapped,
        envelope,
        receiver,
        peer,
        ca,
    }
}

/// What a verb gave.
enum Given {
    /// A key in the token.
    Key(KeyFacts),
    /// A wrapped key, with the label and the wrapping by which it comes in again.
    Wrapped(Vec<u8>, &'static str),
    /// Something that its maker has looked at.
    Other,
}

type Act = fn(&Stage) -> Result<Given, HsmError>;

/// Every verb of the port; some in the ways that differ inside the driver.
const VERBS: [(&str, Act); 30] = [
    ("generate tdes2", |s| make(s, TDES2, KeyUse::PinEncryption)),
    ("generate halves", |s| {
        make(s, TDES2, KeyUse::CardVerification)
    }),
    ("generate aes", |s| {
        make(s, KeyAlgorithm::Aes256, KeyUse::CardIssuance)
    }),
    ("generate rsa", |s| {
        make(s, rsa(512), KeyUse::ContentSigning)
    }),
    ("generate p256", |s| {
        make(s, KeyAlgorithm::P256, KeyUse::PackageSigning)
    }),
    ("keys", |s| other(s.custody()?.keys())),
    ("key", |s| other(s.custody()?.key("c.aes@1"))),
    ("check_value", |s| {
        other(s.custody()?.check_value("c.out@1", CheckMethod::Ecb))
    }),
    ("public_key", |s| other(s.custody()?.public_key("c.sign@1"))),
    ("destroy", destroy),
    ("new_component", |s| {
        other(s.custody()?.new_component(CEREMONY, AES128))
    }),
    ("take_component", |s| {
        let clear = SecretBytes::new(unhex(DOUBLE));
        other(s.custody()?.take_component(CEREMONY, TDES2, &clear))
    }),
    ("reveal_component", reveal),
    ("combine", |s| {
        let key = new(NEW, TDES2, KeyUse::PinEncryption);
        let expected = s.out.check_values.first();
        s.custody()?
            .combine(CEREMONY, &s.parts, &key, expected)
            .map(Given::Key)
    }),
    ("split", |s| {
        other(s.custody()?.split(CEREMONY, "c.out@1", 3))
    }),
    ("wrap block", |s| {
        let wrapping = Wrapping::KeyBlock { header: HEADER };
        give(s, ("c.out@1", "c.kbpk@1"), &wrapping, "block")
    }),
    ("wrap aes", |s| {
        give(s, ("c.aes@1", "c.kek@1"), &WRAP, "wrap")
    }),
    ("wrap ecb", |s| {
        give(s, ("c.out@1", "c.tkek@1"), &Wrapping::LegacyEcb, "ecb")
    }),
    ("wrap oaep", |s| {
        let receiver = (s.receiver.0.as_slice(), s.receiver.1);
        let hash = OaepHash::Sha1;
        let wrapping = Wrapping::RsaOaep { receiver, hash };
        give(s, ("c.aes@1", ""), &wrapping, "oaep")
    }),
    ("wrap ecdh", |s| {
        let wrapping = Wrapping::Ecdh {
            peer: &s.peer,
            info: b"A",
        };
        give(s, ("c.aes@1", "c.agree@1"), &wrapping, "other way")
    }),
    ("unwrap block", |s| take(s, "block")),
    ("unwrap aes", |s| take(s, "wrap")),
    ("unwrap ecb", |s| take(s, "ecb")),
    ("unwrap cbc", |s| take(s, "cbc")),
    ("unwrap oaep", |s| take(s, "oaep")),
    ("unwrap ecdh", |s| take(s, "ecdh")),
    ("unwrap pair", |s| take(s, "pair")),
    ("envelop", |s| {
        let to = (s.receiver.0.as_slice(), s.receiver.1);
        other(s.custody()?.envelop("c.aes@1", to, &FRAME))
    }),
    ("open_envelope", |s| {
        let key = new(NEW, AES128, KeyUse::CardIssuance);
        let expected = s.aes.check_values.first();
        let under = "c.exchange@1";
        s.custody()?
            .open_envelope(&s.envelope, under, &[FRAME], &key, expected)
            .map(Given::Key)
    }),
    ("sign", sign),
];

fn other<T>(made: Result<T, HsmError>) -> Result<Given, HsmError> {
    made.map(|_| Given::Other)
}

fn make(s: &Stage, algorithm: KeyAlgorithm, usage: KeyUse) -> Result<Given, HsmError> {
    let key = new(NEW, algorithm, usage);
    s.custody()?.generate(&key).map(Given::Key)
}

fn give(
    s: &Stage,
    (label, under): (&str, &str),
    wrapping: &Wrapping<'_>,
    name: &'static str,
) -> Result<Given, HsmError> {
    let made = s.custody()?.wrap(label, under, wrapping)?;
    Ok(Given::Wrapped(made, name))
}

fn take(s: &Stage, name: &'static str) -> Result<Given, HsmError> {
    taken(s, name, &s.wrapped[name]).map(Given::Key)
}

/// Takes a key in as it came in the way of that name.
fn taken(s: &Stage, name: &str, wrapped: &[u8]) -> Result<KeyFacts, HsmError> {
    let agreed = Wrapping::Ecdh {
        peer: &s.peer,
        info: b"A",
    };
    let pin = new(NEW, TDES2, KeyUse::PinEncryption);
    let aes = new(NEW, AES128, KeyUse::CardIssuance);
    let pair = new(NEW, KeyAlgorithm::P256, KeyUse::PackageSigning);
    let block = Wrapping::KeyBlock { header: HEADER };
    let (under, wrapping, key, facts) = match name {
        "block" => ("c.kbpk@1", block, pin, Some(&s.out)),
        "wrap" => ("c.kek@1", WRAP, aes, Some(&s.aes)),
        "ecb" => ("c.tkek@1", Wrapping::LegacyEcb, pin, Some(&s.out)),
        "cbc" => ("c.tkek@1", Wrapping::LegacyCbc, pin, Some(&s.out)),
        "oaep" => ("c.exchange@1", OAEP_IN, aes, Some(&s.aes)),
        "ecdh" => ("c.agree@1", agreed, aes, Some(&s.aes)),
        _ => ("c.kek@1", WRAP, pair, None),
    };
    let expected = facts.and_then(|facts| facts.check_values.first());
    s.custody()?
        .unwrap(wrapped, under, &wrapping, &key, expected)
}

/// A key that is destroyed: it is there as long as that failed.
fn destroy(s: &Stage) -> Result<Given, HsmError> {
    let gone = s.custody()?.destroy("c.victim@1");
    match gone {
        // What an attempt before had destroyed already.
        Err(e) if e.code == "R1370" => Ok(Given::Other),
        other => other.map(|()| Given::Other),
    }
}

fn reveal(s: &Stage) -> Result<Given, HsmError> {
    let clear = s
        .custody()?
        .reveal_component(CEREMONY, TDES2, &s.parts[0])?;
    assert!(clear.expose() == unhex(DOUBLE));
    Ok(Given::Other)
}

/// Both kinds of signatures, and an issuer's certificate.
fn sign(s: &Stage) -> Result<Given, HsmError> {
    let message = b"what a site says";
    let mut custody = s.custody()?;
    custody.sign("c.sign@1", &Signing::Sha256 { message })?;
    let fields = IssuerCertificateFields {
        issuer_identifier: "999992",
        expiry_mmyy: "1249",
        serial: [0, 0, 1],
        modulus: &s.ca.0[..144],
        exponent: 3,
    };
    other(custody.certify_issuer("c.ca@1", &fields))
}

impl Stage {
    fn custody(&self) -> Result<Box<dyn KeyCustody + '_>, HsmError> {
        self.hsm.open_custody()
    }

    /// What stands in the token: class and label of every object.
    fn objects(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let template = [Attribute::flag(ck::CKA_TOKEN, true)];
        let rows = [(ck::CKA_CLASS, 8), (ck::CKA_LABEL, 256)];
        let of = |object| {
            let mut found = self.token.attributes(object, &rows).unwrap();
            let mut next = || found.pop().flatten().unwrap_or_default().to_vec();
            (next(), next())
        };
        let found = self.token.find(&template, 500).unwrap();
        let mut found: Vec<_> = found.into_iter().map(of).collect();
        found.sort();
        found
    }

    /// Whether the verb works now, and does what it should.
    fn works(&self, what: &str, act: Act) {
        let given = act(self).unwrap_or_else(|e| panic!("after {what}: {e}"));
        self.look_at(what, given);
    }

    /// A key is as it was told and goes again; a wrapped key is the key that went out, or is refused.
    fn look_at(&self, what: &str, given: Given) {
        let mut custody = self.custody().unwrap();
        match given {
            Given::Key(facts) => {
                let found = custody.key(NEW).unwrap();
                assert_eq!(found, Some(facts), "{what}");
                custody.destroy(NEW).unwrap();
            }
            Given::Wrapped(wrapped, name) if name != "other way" => {
                match taken(self, name, &wrapped) {
                    Ok(_) => custody.destroy(NEW).unwrap(),
                    Err(e) => {
                        let codes = ["R1372", "R1373", "R1375", "R1376"];
                        assert!(codes.contains(&e.code), "{what}: {e}");
                    }
                }
            }
            _ => {}
        }
    }

    /// A verb under a fault: an error and the token as it was, or the verb's own good end.
    fn under(&self, fault: &str, (name, act): (&str, Act)) -> Option<HsmError> {
        let what = format!("{name} under {fault}");
        let victim = (name == "destroy").then(|| self.victim());
        let before = self.objects();
        plan(fault);
        let given = act(self);
        plan("");
        let refused = match given {
            Ok(given) => {
                self.look_at(&what, given);
                None
            }
            Err(e) => {
                check_error(&e, &what);
                // A key that is being destroyed may have lost something, but is listed to the end.
                match victim {
                    None => assert_eq!(self.objects(), before, "{what}: {e}"),
                    Some(()) => assert!(self.objects().len() >= before.len() - 2, "{what}"),
                }
                Some(e)
            }
        };
        if refused.is_some() {
            self.works(&what, act);
        }
        if victim.is_none() {
            assert_eq!(self.objects(), before, "after {what}");
        } else {
            let left = |(_, label): &(Vec<u8>, Vec<u8>)| label.starts_with(b"c.victim");
            let all = self.objects();
            assert!(
                !all.iter().any(|(a, b)| left(&(b.clone(), a.clone()))),
                "{what}"
            );
        }
        refused
    }

    /// A key of two objects.
    fn victim(&self) {
        let key = new("c.victim@1", TDES2, KeyUse::CardVerification);
        match self.custody().unwrap().generate(&key) {
            Ok(_) => {}
            Err(e) => assert_eq!(e.code, "R1371", "{e}"),
        }
    }

    /// How often a verb calls each function.
    fn calls(&self, (name, act): (&str, Act)) -> BTreeMap<&'static str, u64> {
        if name == "destroy" {
            self.victim();
        }
        // Once before: sessions are opened and the driver's own keys are found once.
        self.works(name, act);
        if name == "destroy" {
            self.victim();
        }
        let before = self.hsm.calls();
        let given = act(self).unwrap_or_else(|e| panic!("{name}: {e}"));
        let after = self.hsm.calls();
        self.look_at(name, given);
        let rise = |(function, count): (&&'static str, &u64)| {
            let more = count - before.get(function).copied().unwrap_or_default();
            (more > 0).then_some((*function, more))
        };
        after.iter().filter_map(rise).collect()
    }
}

/// An error says what it must, and nothing that it must not.
fn check_error(error: &HsmError, what: &str) {
    let shared = ["R1301", "R1302", "R1305", "R1307", "R1314", "R1334"];
    let custody = [
        "R1370", "R1371", "R1372", "R1373", "R1374", "R1375", "R1376",
    ];
    let known = shared.contains(&error.code)
        || custody.contains(&error.code)
        || CODES.iter().any(|(code, ..)| *code == error.code);
    assert!(known, "{what}: {error}");
    let text = format!("{error} {error:?}").to_lowercase();
    for secret in ["48151623", DOUBLE, OTHER, "0123456789abcdef"] {
        assert!(!text.contains(&secret.to_lowercase()), "{what}: {text}");
    }
    assert!(text.len() > 40 && !error.mend.is_empty(), "{what}: {text}");
}

/// Full, removed, gone from its slot, failed, session lost, logged out.
const BAD: [ck::CK_RV; 6] = [
    ck::CKR_DEVICE_MEMORY,
    ck::CKR_DEVICE_REMOVED,
    ck::CKR_TOKEN_NOT_PRESENT,
    ck::CKR_DEVICE_ERROR,
    ck::CKR_SESSION_HANDLE_INVALID,
    ck::CKR_USER_NOT_LOGGED_IN,
];
/// What makes or destroys objects: it may fail after its work as well.
const CHANGES: [&str; 6] = [
    "C_CreateObject",
    "C_GenerateKey",
    "C_GenerateKeyPair",
    "C_DeriveKey",
    "C_UnwrapKey",
    "C_DestroyObject",
];

/// Every call of some verbs times what a token in trouble says, before its work and after it.
fn every_call(test: &str, verbs: std::ops::Range<usize>) {
    with_faults(test, 1, |ground| {
        let stage = stage(ground);
        let (mut cases, mut refused, mut turn) = (0, 0, 0);
        for verb in &VERBS[verbs] {
            for (function, count) in stage.calls(*verb) {
                // Of long rows of the same reading call the first ones and the last.
                let all = CHANGES.contains(&function);
                let some = |call: &u64| all || *call <= 3 || *call == count;
                for call in (1..=count).filter(some) {
                    // The values take turns.
                    let value = BAD[turn];
                    turn = (turn + 1) % BAD.len();
                    let fault = format!("{function} {call} return {value}");
                    refused += i32::from(stage.under(&fault, *verb).is_some());
                    cases += 1;
                    if CHANGES.contains(&function) {
                        let fault = format!("{function} {call} after {}", ck::CKR_DEVICE_ERROR);
                        refused += i32::from(stage.under(&fault, *verb).is_some());
                        cases += 1;
                    }
                }
            }
        }
        println!("{cases} cases, {refused} refused, {:?}", stage.hsm.status());
        assert!(refused * 3 > cases, "{refused} of {cases} were noticed");
    });
}

#[test]
fn every_call_of_making_and_destroying() {
    every_call("every_call_of_making_and_destroying", 0..10);
}

#[test]
fn every_call_of_components() {
    every_call("every_call_of_components", 10..15);
}

#[test]
fn every_call_of_giving_keys_out() {
    every_call("every_call_of_giving_keys_out", 15..20);
}

#[test]
fn every_call_of_taking_keys_in() {
    every_call("every_call_of_taking_keys_in", 20..27);
}

#[test]
fn every_call_of_envelopes_and_signatures() {
    every_call("every_call_of_envelopes_and_signatures", 27..30);
}

#[test]
fn every_return_value_is_told_by_its_code() {
    with_faults("every_return_value_is_told_by_its_code", 1, |ground| {
        let stage = stage(ground);
        let verbs = [
            "generate halves",
            "combine",
            "wrap aes",
            "unwrap aes",
            "sign",
        ];
        let verbs: Vec<_> = VERBS
            .iter()
            .filter(|(name, _)| verbs.contains(name))
            .collect();
        for (place, row) in MEANINGS.iter().enumerate() {
            let verb = verbs[place % verbs.len()];
            let calls = stage.calls(*verb);
            let function = calls.keys().nth(place % calls.len()).unwrap();
            // Every call: the driver can't get around it.
            let fault = format!("{function} 0 return {}", row.value);
            let Some(e) = stage.under(&fault, *verb) else {
                continue;
            };
            let told = e.code == row.code.code || e.what.contains(row.name);
            let own = ["R1305", "R1325", "R1333", "R1370", "R1375"].contains(&e.code);
            assert!(told || own, "{fault}: {e}");
        }
    });
}

#[test]
fn a_full_token_keeps_no_half_of_a_key() {
    with_faults("a_full_token_keeps_no_half_of_a_key", 1, |ground| {
        let stage = stage(ground);
        for (verb, calls) in [
            ("generate halves", ["C_DeriveKey 1", "C_DeriveKey 2"]),
            ("combine", ["C_CreateObject 1", "C_CreateObject 0"]),
            ("unwrap pair", ["C_CreateObject 2", "C_CreateObject 3"]),
        ] {
            let verb = VERBS.iter().find(|(name, _)| *name == verb).unwrap();
            for call in calls {
                let full = ck::CKR_DEVICE_MEMORY;
                let Some(e) = stage.under(&format!("{call} return {full}"), *verb) else {
                    continue;
                };
                assert!(["R1327", "R1339"].contains(&e.code), "{e}");
                assert!(e.what.contains("CKR_DEVICE_MEMORY"), "{e}");
            }
        }
        // It is full and does not let go of what it has: said, and mended by destroying the label.
        let full = ck::CKR_DEVICE_MEMORY;
        let stuck = ck::CKR_FUNCTION_FAILED;
        plan(&format!(
            "C_DeriveKey 2 return {full}\nC_DestroyObject 0 return {stuck}"
        ));
        let key = new(NEW, TDES2, KeyUse::CardVerification);
        let e = stage.custody().unwrap().generate(&key).unwrap_err();
        plan("");
        assert_eq!(e.code, "R1339");
        assert!(e.what.contains("remains may be left"), "{e}");
        stage.custody().unwrap().destroy(NEW).unwrap();
        stage.custody().unwrap().generate(&key).unwrap();
    });
}

#[test]
fn a_locked_pin_is_told_and_not_tried_again() {
    with_faults("a_locked_pin_is_told_and_not_tried_again", 1, |ground| {
        let mut stage = stage(ground);
        let key = new(NEW, AES128, KeyUse::CardIssuance);
        let before = stage.objects();
        let locked = ck::CKR_PIN_LOCKED;
        plan(&format!(
            "C_GenerateKey 1 logout\nC_EncryptInit 1 logout\nC_Login 0 return {locked}"
        ));
        let e = stage.custody().unwrap().generate(&key).unwrap_err();
        check_error(&e, "a locked PIN");
        // The first thing that the driver hears is that the login is gone; then, once, the lock.
        let told = |e: &HsmError| e.code == "R1323" || e.what.contains("R1326");
        assert!(told(&e), "{e}");
        for (name, act) in VERBS {
            let Err(e) = act(&stage) else {
                panic!("{name} worked without a login");
            };
            assert!(e.code == "R1323" || e.what.contains("R1323"), "{name}: {e}");
            check_error(&e, name);
        }
        plan("");
        let e = stage.custody().unwrap().generate(&key).unwrap_err();
        assert!(e.what.contains("not tried again"), "{e}");
        // Unlocked by the security officer, and started again.
        drop(stage.hsm);
        stage.hsm = ground.open();
        stage.token = raw(ground);
        assert_eq!(stage.objects(), before);
        stage.works("a locked PIN", VERBS[2].1);
    });
}

#[test]
fn late_answers_leave_nothing_behind() {
    with_faults("late_answers_leave_nothing_behind", 1, |ground| {
        let mut stage = stage(ground);
        let mut settings = ground.settings();
        settings.deadline = Duration::from_secs(3);
        stage.hsm = Pkcs11Hsm::open(settings).unwrap();
        let before = stage.objects();
        let late = |stage: &Stage| stage.hsm.status()[0].late;
        // Making keys has twelve times as long as other calls.
        for (name, call, delay) in [
            ("wrap aes", "C_WrapKey 1", 8_000),
            ("check_value", "C_Encrypt 1", 8_000),
            ("generate aes", "C_GenerateKey 1", 42_000),
        ] {
            let verb = VERBS.iter().find(|(n, _)| *n == name).unwrap();
            plan(&format!("{call} delay {delay}"));
            let e = (verb.1)(&stage).map(drop).unwrap_err();
            plan("");
            check_error(&e, name);
            assert!(e.code == "R1328" || e.what.contains("R1328"), "{name}: {e}");
            assert_eq!(late(&stage), 1, "{name}");
            assert_eq!(stage.objects(), before, "{name}");
            // Its session is given up; others do other work.
            stage.custody().unwrap().keys().unwrap();
            // The call comes to its end, and takes away what it made.
            let begun = std::time::Instant::now();
            while late(&stage) > 0 {
                assert!(begun.elapsed() < Duration::from_secs(120), "{name}: no end");
                stage.custody().unwrap().keys().unwrap();
            }
            assert_eq!(stage.objects(), before, "{name}");
            stage.works(name, verb.1);
        }
    });
}

#[test]
fn wrong_answers_make_no_wrong_key() {
    with_faults("wrong_answers_make_no_wrong_key", 1, |ground| {
        let mut stage = stage(ground);
        let before = stage.objects();
        let lies = [
            "C_Encrypt",
            "C_Decrypt",
            "C_Sign",
            "C_WrapKey",
            "C_GetAttributeValue",
        ];
        // Reading verbs tell what the token tells.
        let reads = ["keys", "key", "check_value", "public_key"];
        let mut stopped = 0;
        for verb in VERBS.iter().filter(|(name, _)| !reads.contains(name)) {
            if verb.0 == "destroy" {
                continue;
            }
            for (function, count) in stage.calls(*verb) {
                if !lies.contains(&function) {
                    continue;
                }
                for call in 1..=count.min(4) {
                    let bit = 5 + 3 * call;
                    for fault in ["cut 1".to_owned(), format!("flip {bit}")] {
                        let fault = format!("{function} {call} {fault}");
                        let what = format!("{} under {fault}", verb.0);
                        plan(&fault);
                        let given = (verb.1)(&stage);
                        plan("");
                        match given {
                            Ok(given) => stage.look_at(&what, given),
                            Err(e) => check_error(&e, &what),
                        }
                        assert_eq!(stage.objects(), before, "{what}");
                        // A wrong answer is the last one: only a new start works again.
                        if code(stage.custody()) == "R1322" {
                            stopped += 1;
                            stage.hsm = ground.open();
                        }
                    }
                }
            }
            stage.works(verb.0, verb.1);
        }
        println!("{stopped} times the HSM was stopped");
        assert!(stopped > 10, "{stopped}");
    });
}

#[test]
fn a_wrong_check_value_of_a_new_key_is_noticed() {
    with_faults("a_wrong_check_value_of_a_new_key_is_noticed", 1, |ground| {
        let stage = stage(ground);
        let before = stage.objects();
        // Of a key that the token makes nobody knows a check value yet: it is asked twice.
        let key = new(NEW, TDES2, KeyUse::PinEncryption);
        plan("C_Encrypt 1 flip 3");
        let e = stage.custody().unwrap().generate(&key).unwrap_err();
        plan("");
        assert_eq!(e.code, "R1332", "{e}");
        assert_eq!(stage.objects(), before);
        let again = stage.hsm.open_custody().map(drop);
        assert_eq!(code(again), "R1322");
        // Of octets that this program knows, the first answer is held against its own.
        let stage = Stage {
            hsm: ground.open(),
            ..stage
        };
        plan("C_Encrypt 0 flip 3");
        let combined = stage
            .custody()
            .unwrap()
            .combine(CEREMONY, &stage.parts, &key, None);
        plan("");
        assert!(["R1332", "R1372"].contains(&code(combined)));
        assert_eq!(stage.objects(), before);
    });
}

#[test]
fn the_meaning_of_the_bad_days() {
    let codes: Vec<_> = BAD.iter().map(|value| meaning(*value).code.code).collect();
    let expected = ["R1327", "R1325", "R1325", "R1330", "R1326", "R1326"];
    assert_eq!(codes, expected);
}

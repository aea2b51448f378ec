//! Two sites with fake HSMs, and a fuse that cuts the power between two effects.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cardwright_keys::inventory::{KeyEntry, NewEntry, Origin, People};
use cardwright_keys::packages::{Own, SiteRow, Trust};
use cardwright_keys::{Clerk, KeysError, Ledger};
use cardwright_ports::custody::*;
use cardwright_ports::hsm::{Certificate, CheckMethod, IssuerCertificateFields, KeyUse};
use cardwright_ports::register::{Register, RegisterRow};
use cardwright_ports::store::Batch;
use cardwright_ports::{HsmError, Registers, SecretBytes, StoreError};
use cardwright_store::MemoryStore;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// 2026-01-01.
pub const NOW: i64 = 1_767_225_600;
pub const DAY: i64 = 86_400;

pub fn anna(at: i64) -> People<'static> {
    People {
        who: "Anna Berg",
        second: None,
        at,
    }
}

pub fn both(at: i64) -> People<'static> {
    People {
        who: "Anna Berg",
        second: Some("Bela Nagy"),
        at,
    }
}

/// Lets so many effects happen; then the power is gone.
#[derive(Default)]
pub struct Fuse(Mutex<State>);

#[derive(Clone, Copy, Default)]
struct State {
    left: Option<u32>,
    /// Whether the last effect still happens, and nobody hears of it.
    after: bool,
    dead: bool,
}

impl Fuse {
    pub fn set(&self, effects: u32, after: bool) {
        *self.0.lock().unwrap() = State {
            left: Some(effects),
            after,
            dead: false,
        };
    }

    pub fn mend(&self) {
        *self.0.lock().unwrap() = State::default();
    }

    pub fn blown(&self) -> bool {
        self.0.lock().unwrap().dead
    }

    pub fn effect<T, E>(&self, gone: E, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut state = self.0.lock().unwrap();
        if state.dead {
            return Err(gone);
        }
        match state.left {
            Some(0) => {
                state.dead = true;
                if state.after {
                    let _ = act();
                }
                Err(gone)
            }
            Some(left) => {
                state.left = Some(left - 1);
                act()
            }
            None => act(),
        }
    }

    pub fn alive<E>(&self, gone: E) -> Result<(), E> {
        if self.blown() { Err(gone) } else { Ok(()) }
    }
}

fn no_store() -> StoreError {
    StoreError {
        code: "R1401",
        what: "the power is gone".into(),
        mend: "wait",
        conflict: None,
    }
}

pub fn no_hsm() -> HsmError {
    refused("R1399", "the power is gone")
}

fn refused(code: &'static str, what: &str) -> HsmError {
    HsmError {
        code,
        what: what.into(),
        mend: "look at the HSM",
        retryable: false,
    }
}

/// A store behind a fuse.
pub struct FusedStore<'a> {
    pub inner: &'a dyn Ledger,
    pub fuse: &'a Fuse,
}

impl Registers for FusedStore<'_> {
    fn register_row(&self, list: Register, id: &str) -> Result<Option<RegisterRow>, StoreError> {
        self.fuse.alive(no_store())?;
        self.inner.register_row(list, id)
    }
    fn register_epoch(&self, register: Register) -> Result<u64, StoreError> {
        self.fuse.alive(no_store())?;
        self.inner.register_epoch(register)
    }
    fn register_rows(&self, register: Register) -> Result<Vec<RegisterRow>, StoreError> {
        self.fuse.alive(no_store())?;
        self.inner.register_rows(register)
    }
}

impl Ledger for FusedStore<'_> {
    fn keep(&self, batch: &Batch) -> Result<(), StoreError> {
        self.fuse.effect(no_store(), || self.inner.keep(batch))
    }
}

#[derive(Clone)]
struct FakeKey {
    facts: KeyFacts,
    secret: Vec<u8>,
}

/// An HSM whose ciphers are hashes. It survives power cuts.
#[derive(Default)]
pub struct FakeHsm {
    keys: BTreeMap<String, FakeKey>,
    drawn: u64,
    seed: u8,
    /// Most keys that fit; none for no bound.
    pub room: Option<usize>,
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn stream(key: &[u8], secret: &[u8]) -> Vec<u8> {
    let pad = hash(&[key, b"stream"]);
    secret.iter().zip(pad).map(|(a, b)| a ^ b).collect()
}

impl FakeHsm {
    pub fn new(seed: u8) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub fn labels(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// Somebody else changes the HSM.
    pub fn swap(&mut self, label: &str) {
        let key = self.keys.get_mut(label).unwrap();
        key.secret[0] ^= 1;
        let (facts, secret) = (key.facts.clone(), key.secret.clone());
        key.facts.check_values = values(facts.algorithm, &secret);
    }

    pub fn lose(&mut self, label: &str) {
        self.keys.remove(label).unwrap();
    }

    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        hash(&[&[self.seed], &self.drawn.to_be_bytes()])
    }

    fn secret(&self, label: &str) -> Result<&[u8], HsmError> {
        let key = self.keys.get(label);
        key.map(|k| k.secret.as_slice())
            .ok_or_else(|| refused("R1398", "no such key"))
    }

    fn keep(&mut self, key: &NewKey<'_>, secret: Vec<u8>) -> Result<KeyFacts, HsmError> {
        if self.keys.contains_key(key.label) {
            return Err(refused(LABEL_TAKEN, "the label is there"));
        }
        if self.room.is_some_and(|room| self.keys.len() >= room) {
            return Err(refused("R1397", "the HSM is full"));
        }
        let facts = KeyFacts {
            label: key.label.into(),
            algorithm: key.algorithm,
            usage: key.usage,
            exportability: key.exportability,
            check_values: values(key.algorithm, &secret),
        };
        let made = FakeKey {
            facts: facts.clone(),
            secret,
        };
        self.keys.insert(key.label.into(), made);
        Ok(facts)
    }

    fn shared(&self, under: &str, peer: &[u8], info: &[u8]) -> Result<[u8; 32], HsmError> {
        let own = p256::SecretKey::from_slice(self.secret(under)?).unwrap();
        let peer = p256::PublicKey::from_sec1_bytes(peer).unwrap();
        let point = peer.to_projective() * *own.to_nonzero_scalar();
        let point = point.to_affine().to_encoded_point(false);
        Ok(hash(&[point.as_bytes(), info]))
    }

    fn wrapping_key(&self, under: &str, wrapping: &Wrapping<'_>) -> Result<Vec<u8>, HsmError> {
        Ok(match wrapping {
            Wrapping::Ecdh { peer, info } => self.shared(under, peer, info)?.to_vec(),
            _ => self.secret(under)?.to_vec(),
        })
    }
}

fn values(algorithm: KeyAlgorithm, secret: &[u8]) -> Vec<CheckValue> {
    let (method, length) = match algorithm {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => (CheckMethod::Ecb, 3),
        KeyAlgorithm::P256 | KeyAlgorithm::Rsa { .. } => (CheckMethod::Sha256, 8),
        _ => (CheckMethod::Cmac, 5),
    };
    let octets = hash(&[secret, b"check"])[..length].to_vec();
    vec![CheckValue { method, octets }]
}

fn header_of(wrapping: &Wrapping<'_>) -> String {
    match wrapping {
        Wrapping::KeyBlock { header } => (*header).to_owned(),
        _ => String::new(),
    }
}

/// A fake HSM behind a fuse.
pub struct Session<'a> {
    pub hsm: &'a mut FakeHsm,
    pub fuse: &'a Fuse,
}

impl KeyCustody for Session<'_> {
    fn generate(&mut self, key: &NewKey<'_>) -> Result<KeyFacts, HsmError> {
        let hsm = &mut *self.hsm;
        self.fuse.effect(no_hsm(), || {
            let octets = key.algorithm.octets().unwrap_or(32);
            let secret = hsm.draw()[..octets].to_vec();
            hsm.keep(key, secret)
        })
    }
    fn keys(&mut self) -> Result<Vec<KeyFacts>, HsmError> {
        self.fuse.alive(no_hsm())?;
        Ok(self.hsm.keys.values().map(|k| k.facts.clone()).collect())
    }
    fn key(&mut self, label: &str) -> Result<Option<KeyFacts>, HsmError> {
        self.fuse.alive(no_hsm())?;
        Ok(self.hsm.keys.get(label).map(|k| k.facts.clone()))
    }
    fn check_value(&mut self, label: &str, _: CheckMethod) -> Result<CheckValue, HsmError> {
        Ok(self.hsm.keys[label].facts.check_values[0].clone())
    }
    fn public_key(&mut self, label: &str) -> Result<PublicKey, HsmError> {
        self.fuse.alive(no_hsm())?;
        let secret = p256::SecretKey::from_slice(self.hsm.secret(label)?).unwrap();
        let point = secret.public_key().to_encoded_point(false);
        Ok(PublicKey::P256(point.as_bytes().to_vec()))
    }
    fn destroy(&mut self, label: &str) -> Result<(), HsmError> {
        let keys = &mut self.hsm.keys;
        self.fuse.effect(no_hsm(), || match keys.remove(label) {
            Some(_) => Ok(()),
            None => Err(refused("R1398", "no such key")),
        })
    }
    fn new_component(&mut self, _: &str, _: KeyAlgorithm) -> Result<SealedComponent, HsmError> {
        Err(refused("R1398", "not here"))
    }
    fn take_component(
        &mut self,
        _: &str,
        _: KeyAlgorithm,
        _: &SecretBytes,
    ) -> Result<SealedComponent, HsmError> {
        Err(refused("R1398", "not here"))
    }
    fn reveal_component(
        &mut self,
        _: &str,
        _: KeyAlgorithm,
        _: &SealedComponent,
    ) -> Result<SecretBytes, HsmError> {
        Err(refused("R1398", "not here"))
    }
    fn combine(
        &mut self,
        _: &str,
        _: &[SealedComponent],
        _: &NewKey<'_>,
        _: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        Err(refused("R1398", "not here"))
    }
    fn wrap(&mut self, label: &str, under: &str, how: &Wrapping<'_>) -> Result<Vec<u8>, HsmError> {
        self.fuse.alive(no_hsm())?;
        let key = self.hsm.wrapping_key(under, how)?;
        let secret = self.hsm.secret(label)?;
        let header = header_of(how);
        let mac = hash(&[&key, header.as_bytes(), secret]);
        let body = hex::encode([stream(&key, secret), mac.to_vec()].concat());
        Ok(format!("{header}{body}").into_bytes())
    }
    fn unwrap(
        &mut self,
        wrapped: &[u8],
        under: &str,
        how: &Wrapping<'_>,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        let hsm = &mut *self.hsm;
        self.fuse.effect(no_hsm(), || {
            let wrong = || refused("R1396", "the block does not open");
            let under = hsm.wrapping_key(under, how)?;
            let header = header_of(how);
            let body = wrapped.strip_prefix(header.as_bytes()).ok_or_else(wrong)?;
            let body = hex::decode(body).map_err(|_| wrong())?;
            let (text, mac) = body
                .split_at_checked(body.len().saturating_sub(32))
                .unwrap();
            let secret = stream(&under, text);
            if mac != hash(&[&under, header.as_bytes(), &secret]) {
                return Err(wrong());
            }
            let own = values(key.algorithm, &secret);
            if expected.is_some_and(|e| !own.contains(e)) {
                return Err(refused("R1395", "another check value"));
            }
            hsm.keep(key, secret)
        })
    }
    fn sign(&mut self, label: &str, what: &Signing<'_>) -> Result<Vec<u8>, HsmError> {
        self.fuse.alive(no_hsm())?;
        let Signing::Sha256 { message } = what else {
            return Err(refused("R1398", "not here"));
        };
        let key = SigningKey::from_slice(self.hsm.secret(label)?).unwrap();
        let signature: Signature = key.sign(message);
        Ok(signature.to_bytes().to_vec())
    }
    fn certify_issuer(
        &mut self,
        _: &str,
        _: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        Err(refused("R1398", "not here"))
    }
}

/// A site: store, HSM, fuse.
pub struct World {
    pub name: &'static str,
    pub store: Box<dyn Ledger>,
    pub hsm: FakeHsm,
    pub fuse: Fuse,
}

impl World {
    pub fn over(name: &'static str, seed: u8, store: Box<dyn Ledger>) -> Self {
        Self {
            name,
            store,
            hsm: FakeHsm::new(seed),
            fuse: Fuse::default(),
        }
    }

    pub fn new(name: &'static str, seed: u8) -> Self {
        Self::over(name, seed, Box::new(MemoryStore::new()))
    }

    /// Lets a clerk work.
    pub fn work<T>(&mut self, act: impl FnOnce(&mut Clerk<'_>) -> T) -> T {
        let store = FusedStore {
            inner: self.store.as_ref(),
            fuse: &self.fuse,
        };
        let mut session = Session {
            hsm: &mut self.hsm,
            fuse: &self.fuse,
        };
        act(&mut Clerk::new(&store, &mut session))
    }

    pub fn generate(&mut self, name: &str) -> KeyEntry {
        self.work(|clerk| clerk.generate(&new(name), &anna(NOW)))
            .unwrap()
    }

    pub fn activate(&mut self, label: &str) {
        use cardwright_keys::inventory::{Act, Wish};
        let wish = Wish {
            label,
            ..Wish::default()
        };
        self.work(|clerk| clerk.act(Act::Activate, &wish, &anna(NOW)))
            .unwrap();
    }

    /// Makes the site's own key pairs.
    pub fn found(&mut self) -> Own {
        for key in Own::keys("key management", KeyAlgorithm::P256, KeyAlgorithm::P256) {
            let made = self.work(|clerk| clerk.generate(&key, &anna(NOW))).unwrap();
            self.activate(&made.label());
        }
        let name = self.name;
        self.work(|clerk| clerk.own_site(name, NOW)).unwrap()
    }

    pub fn entry(&mut self, label: &str) -> KeyEntry {
        self.work(|clerk| clerk.inventory())
            .unwrap()
            .get(label)
            .unwrap()
            .clone()
    }

    pub fn trust(&mut self, own: &Own) {
        let trust = SiteRow::trust(&*self.store, &own.identity, &own.fingerprint, &both(NOW));
        let Ok(Trust::Trusted(changes)) = trust else {
            panic!("{trust:?}")
        };
        self.store.keep(&changes.into_batch(NOW)).unwrap();
    }

    /// Every key of the inventory is in the HSM with its check values, every key of the HSM in the
    /// inventory, and nothing is pending.
    #[track_caller]
    pub fn holds(&mut self) {
        let differences = self.work(|clerk| clerk.compare(false)).unwrap();
        assert!(differences.is_empty(), "{differences:?}");
    }
}

pub fn new(name: &str) -> NewEntry {
    NewEntry {
        name: name.into(),
        version: None,
        owner: "issuing".into(),
        usage: KeyUse::EmvApplicationCryptogram,
        algorithm: KeyAlgorithm::Tdes2,
        exportability: Exportability::Exportable,
        zone: "production".into(),
        origin: Origin::Generated {},
        custodians: Vec::new(),
        period: (None, None),
        check_values: Vec::new(),
        transient: false,
    }
}

#[track_caller]
pub fn code<T: std::fmt::Debug>(result: Result<T, KeysError>) -> &'static str {
    result.unwrap_err().code
}

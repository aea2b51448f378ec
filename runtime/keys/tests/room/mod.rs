//! A site with its people, its printer's tray, and a fuse between it and its store, HSM and printer.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use crate::common::{Fuse, FusedStore, NOW, no_hsm};
use cardwright_keys::ceremony::{
    Ceremony, Check, Conductor, Cost, Custodian, FormPrinter, Kind, Plan, Present, Role, Subject,
    Wanted, people, register, verify, wanted,
};
use cardwright_keys::inventory::Inventory;
use cardwright_keys::{KeysError, Ledger};
use cardwright_ports::custody::*;
use cardwright_ports::hsm::{Certificate, CheckMethod, IssuerCertificateFields};
use cardwright_ports::paper::{Mark, PinSource, Sheet};
use cardwright_ports::register::Register;
use cardwright_ports::store::Store;
use cardwright_ports::{HsmError, Registers, SecretBytes};
use cardwright_soft_hsm::SoftHsm;
use cardwright_store::MemoryStore;
use std::cell::RefCell;
use std::collections::BTreeMap;

pub const PEOPLE: [(&str, Role); 7] = [
    ("Ada Olsen", Role::Officer),
    ("Ben Ruiz", Role::Officer),
    ("Cleo Marsh", Role::Custodian(1)),
    ("Dan Petrov", Role::Custodian(2)),
    ("Eva Lind", Role::Custodian(3)),
    ("Finn Adams", Role::Auditor),
    ("Gus Weber", Role::Officer),
];

/// Components of double-length keys. The first is the published key whose check value is 08D7B4.
pub const PARTS: [&str; 3] = [
    "0123456789ABCDEFFEDCBA9876543210",
    "6E2FBA6DFB7F6E8A20A8CB5286EAC485",
    "B0D33BCE9D62E591E3F2A7A8455D6889",
];

pub fn secret(name: &str) -> SecretBytes {
    SecretBytes::new(format!("the secret of {name}").into_bytes())
}

pub fn bytes(hex: &str) -> SecretBytes {
    SecretBytes::new(hex::decode(hex).unwrap())
}

/// The soft HSM behind a fuse: its effects are those that change what it keeps.
pub struct FusedCustody<'a> {
    inner: Box<dyn KeyCustody + 'a>,
    fuse: &'a Fuse,
}

impl KeyCustody for FusedCustody<'_> {
    fn generate(&mut self, key: &NewKey<'_>) -> Result<KeyFacts, HsmError> {
        self.fuse.effect(no_hsm(), || self.inner.generate(key))
    }
    fn keys(&mut self) -> Result<Vec<KeyFacts>, HsmError> {
        self.fuse.alive(no_hsm())?;
        self.inner.keys()
    }
    fn key(&mut self, label: &str) -> Result<Option<KeyFacts>, HsmError> {
        self.fuse.alive(no_hsm())?;
        self.inner.key(label)
    }
    fn check_value(&mut self, label: &str, how: CheckMethod) -> Result<CheckValue, HsmError> {
        self.inner.check_value(label, how)
    }
    fn public_key(&mut self, label: &str) -> Result<PublicKey, HsmError> {
        self.inner.public_key(label)
    }
    fn destroy(&mut self, label: &str) -> Result<(), HsmError> {
        self.fuse.effect(no_hsm(), || self.inner.destroy(label))
    }
    fn new_component(&mut self, id: &str, of: KeyAlgorithm) -> Result<SealedComponent, HsmError> {
        self.fuse
            .effect(no_hsm(), || self.inner.new_component(id, of))
    }
    fn take_component(
        &mut self,
        id: &str,
        of: KeyAlgorithm,
        clear: &SecretBytes,
    ) -> Result<SealedComponent, HsmError> {
        self.fuse
            .effect(no_hsm(), || self.inner.take_component(id, of, clear))
    }
    fn reveal_component(
        &mut self,
        id: &str,
        of: KeyAlgorithm,
        component: &SealedComponent,
    ) -> Result<SecretBytes, HsmError> {
        self.fuse
            .effect(no_hsm(), || self.inner.reveal_component(id, of, component))
    }
    fn combine(
        &mut self,
        id: &str,
        components: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        self.fuse.effect(no_hsm(), || {
            self.inner.combine(id, components, key, expected)
        })
    }
    fn split(
        &mut self,
        id: &str,
        label: &str,
        components: usize,
    ) -> Result<Vec<SealedComponent>, HsmError> {
        self.fuse
            .effect(no_hsm(), || self.inner.split(id, label, components))
    }
    fn wrap(&mut self, label: &str, under: &str, how: &Wrapping<'_>) -> Result<Vec<u8>, HsmError> {
        self.inner.wrap(label, under, how)
    }
    fn unwrap(
        &mut self,
        wrapped: &[u8],
        under: &str,
        how: &Wrapping<'_>,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        self.inner.unwrap(wrapped, under, how, key, expected)
    }
    fn sign(&mut self, label: &str, what: &Signing<'_>) -> Result<Vec<u8>, HsmError> {
        self.inner.sign(label, what)
    }
    fn certify_issuer(
        &mut self,
        authority: &str,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        self.inner.certify_issuer(authority, fields)
    }
}

/// A printer that keeps what it was given, as the trays and envelopes of people would.
#[derive(Default)]
pub struct Tray {
    pub forms: BTreeMap<String, String>,
    pub jams: u32,
}

pub struct FusedPrinter<'a> {
    pub tray: &'a RefCell<Tray>,
    pub fuse: &'a Fuse,
}

impl FormPrinter for FusedPrinter<'_> {
    fn print(
        &mut self,
        name: &str,
        sheet: &Sheet,
        component: &mut dyn PinSource,
    ) -> Result<(), KeysError> {
        assert!(sheet.test_mark);
        assert!(
            sheet
                .marks
                .iter()
                .any(|m| matches!(m.mark, Mark::Component { .. }))
        );
        self.fuse.effect(KeysError::from(no_hsm()), || {
            let mut tray = self.tray.borrow_mut();
            assert!(
                !tray.forms.contains_key(name),
                "form {name} is printed once"
            );
            if tray.jams > 0 {
                tray.jams -= 1;
                return Err(KeysError::from(no_hsm()));
            }
            let clear = component.reveal(sheet.pin_reference.unwrap()).unwrap();
            tray.forms
                .insert(name.to_owned(), clear.expose().to_owned());
            Ok(())
        })
    }
}

/// A site with its people.
pub struct Room {
    pub store: MemoryStore,
    pub hsm: SoftHsm,
    pub fuse: Fuse,
    pub tray: RefCell<Tray>,
}

pub fn plan(kind: Kind, parts: u8) -> Plan {
    Plan {
        kind,
        site: "Aurora perso".into(),
        test: true,
        key: Subject {
            name: "aurora.zmk".into(),
            version: if matches!(kind, Kind::Export | Kind::Destroy) {
                1
            } else {
                0
            },
            owner: "Aurora Bank".into(),
            zone: "partner".into(),
            usage: "transport".into(),
            algorithm: "tdes2".into(),
            bits: 0,
            exponent: 0,
            exportability: "sensitive".into(),
        },
        components: parts,
        quorum: 2,
        auditor: true,
        expected: None,
    }
}

impl Room {
    pub fn new() -> Self {
        let room = Self {
            store: MemoryStore::new(),
            hsm: SoftHsm::in_memory([3; 32]).unwrap(),
            fuse: Fuse::default(),
            tray: RefCell::default(),
        };
        let mut officers: Vec<Present> = Vec::new();
        for (name, role) in PEOPLE {
            let salt = [name.len() as u8 ^ name.as_bytes()[0]; 16];
            let cost = Cost {
                memory_kib: 8,
                passes: 1,
            };
            let by = ["test".to_owned()];
            let person =
                Custodian::new(name, &[role], &secret(name), (salt, cost), (NOW, &by)).unwrap();
            let there: Vec<&Present> = officers.iter().take(2).collect();
            let changes = register(&room.store, &person, &there).unwrap();
            room.store.keep(&changes.into_batch(NOW)).unwrap();
            if role == Role::Officer && officers.len() < 2 {
                officers.push(
                    room.work(|c| c.authenticate(name, &secret(name), NOW))
                        .unwrap(),
                );
            }
        }
        room
    }

    pub fn work<T>(&self, act: impl FnOnce(&mut Conductor<'_>) -> T) -> T {
        let store = FusedStore {
            inner: &self.store,
            fuse: &self.fuse,
        };
        let mut custody = FusedCustody {
            inner: self.hsm.open_custody().unwrap(),
            fuse: &self.fuse,
        };
        act(&mut Conductor::new(&store, &mut custody))
    }

    pub fn present(&self, name: &str) -> Result<Present, KeysError> {
        self.work(|c| c.authenticate(name, &secret(name), NOW))
    }

    pub fn open(&self, plan: &Plan) -> Result<String, KeysError> {
        let ada = self.present("Ada Olsen")?;
        Ok(self.work(|c| c.open(plan, &ada, NOW))?.id)
    }

    /// Does what the ceremony waits for, as people who do all right would.
    pub fn go_on(&self, id: &str) -> Result<Ceremony, KeysError> {
        loop {
            let ceremony = self.work(|c| c.ceremony(id))?;
            if wanted(&ceremony) == Wanted::Nothing {
                return Ok(ceremony);
            }
            self.one_step(&ceremony)?;
        }
    }

    pub fn one_step(&self, ceremony: &Ceremony) -> Result<Ceremony, KeysError> {
        let id = ceremony.id.as_str();
        let holder = |number: u8| self.present(PEOPLE[usize::from(number) + 1].0);
        match wanted(ceremony) {
            Wanted::Officer { number, .. } => {
                let name = ["Ada Olsen", "Ben Ruiz", "Gus Weber"][usize::from(number) - 1];
                let officer = self.present(name)?;
                self.work(|c| c.came(id, &officer, Role::Officer, NOW))
            }
            Wanted::Auditor => {
                let finn = self.present("Finn Adams")?;
                self.work(|c| c.came(id, &finn, Role::Auditor, NOW))
            }
            Wanted::Custodian { number } => {
                let who = holder(number)?;
                self.work(|c| c.came(id, &who, Role::Custodian(number), NOW))
            }
            Wanted::Draw { number } => {
                let who = holder(number)?;
                self.work(|c| c.draw(id, &who, NOW))
            }
            Wanted::Print { number } => {
                let who = holder(number)?;
                let mut printer = FusedPrinter {
                    tray: &self.tray,
                    fuse: &self.fuse,
                };
                self.work(|c| c.print(id, &who, &mut printer, NOW))
            }
            Wanted::Confirm { number } => {
                let who = holder(number)?;
                let part = ceremony.part(number).unwrap();
                let value = part.check_value.as_ref().unwrap().value.clone();
                // The form that the custodian holds is the last one, and it is the component.
                assert!(self.tray.borrow().forms.contains_key(&ceremony.form(part)));
                self.work(|c| c.confirm(id, &who, &value, NOW))
            }
            Wanted::Enter { number } => {
                let who = holder(number)?;
                let part = bytes(PARTS[usize::from(number) - 1]);
                let again = bytes(PARTS[usize::from(number) - 1]);
                self.work(|c| c.enter(id, &who, (&part, Check::Twice(&again)), NOW))
            }
            Wanted::Hsm(_) => self.work(|c| c.act(id, NOW)),
            Wanted::Sign { name, .. } => {
                let who = self.present(&name)?;
                self.work(|c| c.sign(id, &who, NOW))
            }
            Wanted::Nothing => Ok(ceremony.clone()),
        }
    }

    pub fn inventory(&self) -> Inventory {
        Inventory::read(&self.store).unwrap()
    }

    pub fn people(&self) -> Vec<Custodian> {
        people(&self.store)
            .unwrap()
            .into_iter()
            .map(|(_, p)| p)
            .collect()
    }

    /// What must hold after every ceremony.
    pub fn settled(&self, id: &str) -> Ceremony {
        let ceremony = self.work(|c| c.ceremony(id)).unwrap();
        assert!(!ceremony.is_open());
        let left = self.store.register_rows(Register::Components).unwrap();
        assert!(left.is_empty(), "components are gone: {}", left.len());
        assert!(self.inventory().entries().all(|e| e.pending.is_none()));
        assert!(self.store.verify_audit().unwrap().findings.is_empty());
        let verdict = verify(&ceremony, &self.people()).unwrap();
        assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
        // Neither row nor log has a component.
        let mut written = serde_json::to_string(&ceremony).unwrap();
        for record in self.store.audit(0, 10_000).unwrap() {
            written.push_str(&record.entry.detail);
        }
        let forms = self.tray.borrow();
        for clear in forms.forms.values().map(String::as_str).chain(PARTS) {
            assert!(!written.to_uppercase().contains(clear));
        }
        ceremony
    }

    pub fn keys(&self) -> Vec<KeyFacts> {
        self.hsm.open_custody().unwrap().keys().unwrap()
    }
}

pub fn code<T>(result: Result<T, KeysError>) -> &'static str {
    result.map_or_else(|e| e.code, |_| "accepted")
}

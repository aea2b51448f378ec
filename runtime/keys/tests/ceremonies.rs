//! Whole ceremonies over a real store and the soft HSM: as they should go, with everything that
//! people do wrong, and cut off at every effect.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use cardwright_keys::ceremony::{
    Care, Ceremony, Check, Conductor, Cost, Custodian, FormPrinter, Kind, Phase, Plan, Present,
    Role, Subject, WRONG_MAX, Wanted, care, ceremonies, check, people, register, verify, wanted,
};
use cardwright_keys::inventory::{Act, CheckText, Inventory, State, Wish};
use cardwright_keys::{Clerk, KeysError, Ledger};
use cardwright_ports::custody::*;
use cardwright_ports::hsm::{Certificate, CheckMethod, IssuerCertificateFields};
use cardwright_ports::paper::{Mark, PinSource, Sheet};
use cardwright_ports::register::Register;
use cardwright_ports::store::Store;
use cardwright_ports::{HsmError, Registers, SecretBytes};
use cardwright_soft_hsm::SoftHsm;
use cardwright_store::MemoryStore;
use common::{DAY, Fuse, FusedStore, NOW, both, no_hsm};
use std::cell::RefCell;
use std::collections::BTreeMap;

const PEOPLE: [(&str, Role); 7] = [
    ("Ada Olsen", Role::Officer),
    ("Ben Ruiz", Role::Officer),
    ("Cleo Marsh", Role::Custodian(1)),
    ("Dan Petrov", Role::Custodian(2)),
    ("Eva Lind", Role::Custodian(3)),
    ("Finn Adams", Role::Auditor),
    ("Gus Weber", Role::Officer),
];

/// Components of double-length keys. The first is the published key whose check value is 08D7B4.
const PARTS: [&str; 3] = [
    "0123456789ABCDEFFEDCBA9876543210",
    "6E2FBA6DFB7F6E8A20A8CB5286EAC485",
    "B0D33BCE9D62E591E3F2A7A8455D6889",
];

fn secret(name: &str) -> SecretBytes {
    SecretBytes::new(format!("the secret of {name}").into_bytes())
}

fn bytes(hex: &str) -> SecretBytes {
    SecretBytes::new(hex::decode(hex).unwrap())
}

/// The soft HSM behind a fuse: its effects are those that change what it keeps.
struct FusedCustody<'a> {
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
struct Tray {
    forms: BTreeMap<String, String>,
    jams: u32,
}

struct FusedPrinter<'a> {
    tray: &'a RefCell<Tray>,
    fuse: &'a Fuse,
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
struct Room {
    store: MemoryStore,
    hsm: SoftHsm,
    fuse: Fuse,
    tray: RefCell<Tray>,
}

fn plan(kind: Kind, parts: u8) -> Plan {
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
    fn new() -> Self {
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

    fn work<T>(&self, act: impl FnOnce(&mut Conductor<'_>) -> T) -> T {
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

    fn present(&self, name: &str) -> Result<Present, KeysError> {
        self.work(|c| c.authenticate(name, &secret(name), NOW))
    }

    fn open(&self, plan: &Plan) -> Result<String, KeysError> {
        let ada = self.present("Ada Olsen")?;
        Ok(self.work(|c| c.open(plan, &ada, NOW))?.id)
    }

    /// Does what the ceremony waits for, as people who do all right would.
    fn go_on(&self, id: &str) -> Result<Ceremony, KeysError> {
        loop {
            let ceremony = self.work(|c| c.ceremony(id))?;
            if wanted(&ceremony) == Wanted::Nothing {
                return Ok(ceremony);
            }
            self.one_step(&ceremony)?;
        }
    }

    fn one_step(&self, ceremony: &Ceremony) -> Result<Ceremony, KeysError> {
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

    fn inventory(&self) -> Inventory {
        Inventory::read(&self.store).unwrap()
    }

    fn people(&self) -> Vec<Custodian> {
        people(&self.store)
            .unwrap()
            .into_iter()
            .map(|(_, p)| p)
            .collect()
    }

    /// What must hold after every ceremony.
    fn settled(&self, id: &str) -> Ceremony {
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

    fn keys(&self) -> Vec<KeyFacts> {
        self.hsm.open_custody().unwrap().keys().unwrap()
    }
}

fn code<T>(result: Result<T, KeysError>) -> &'static str {
    result.map_or_else(|e| e.code, |_| "accepted")
}

#[test]
fn a_key_is_generated_by_components() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Generate, 3)).unwrap();
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    assert_eq!(ceremony.signatures.len(), 6);
    // The forms make the key: their XOR has its check value.
    let mut sum = [0u8; 16];
    for part in &ceremony.parts {
        let clear = room.tray.borrow().forms[&ceremony.form(part)].clone();
        for (octet, other) in sum.iter_mut().zip(hex::decode(clear).unwrap()) {
            *octet ^= other;
        }
    }
    let value = cardwright_standards::kcv::check_value(
        cardwright_standards::kcv::Algorithm::Tdes,
        cardwright_standards::kcv::Method::Ecb,
        &sum,
    );
    assert_eq!(room.keys()[0].check_values[0].octets, value.unwrap());
    let inventory = room.inventory();
    let entry = inventory.get("aurora.zmk@1").unwrap();
    assert_eq!(entry.custodians, ["Cleo Marsh", "Dan Petrov", "Eva Lind"]);
    assert_eq!(entry.check_values, ceremony.check_values);
}

#[test]
fn a_key_is_imported_exported_and_destroyed() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Import, 3)).unwrap();
    room.go_on(&id).unwrap();
    room.settled(&id);
    let imported = room.keys()[0].check_values.clone();

    let id = room.open(&plan(Kind::Export, 2)).unwrap();
    room.go_on(&id).unwrap();
    let exported = room.settled(&id);
    assert_eq!(
        room.inventory().get("aurora.zmk@1").unwrap().exports.len(),
        1
    );
    // Another site's HSM joins what the forms say.
    let there = SoftHsm::in_memory([9; 32]).unwrap();
    let mut there = there.open_custody().unwrap();
    let taken: Vec<_> = exported
        .parts
        .iter()
        .map(|part| {
            let clear = bytes(&room.tray.borrow().forms[&exported.form(part)]);
            there
                .take_component("c", KeyAlgorithm::Tdes2, &clear)
                .unwrap()
        })
        .collect();
    let key = NewKey {
        label: "zmk@1",
        algorithm: KeyAlgorithm::Tdes2,
        usage: cardwright_ports::hsm::KeyUse::Transport,
        exportability: Exportability::NonExportable,
    };
    let joined = there.combine("c", &taken, &key, None).unwrap();
    assert_eq!(joined.check_values, imported);

    let id = room.open(&plan(Kind::Destroy, 0)).unwrap();
    room.go_on(&id).unwrap();
    room.settled(&id);
    assert!(room.keys().is_empty());
    assert_eq!(
        room.inventory().get("aurora.zmk@1").unwrap().state,
        State::Destroyed
    );
    assert_eq!(ceremonies(&room.store).unwrap().len(), 3);
}

#[test]
fn an_issuer_key_pair_is_made_under_two_officers() {
    let room = Room::new();
    let mut wish = plan(Kind::KeyPair, 0);
    wish.key.name = "aurora.issuer_rsa".into();
    wish.key.usage = "emv.issuer_private".into();
    wish.key.algorithm = "rsa".into();
    wish.key.bits = 1152;
    wish.key.exponent = 3;
    let id = room.open(&wish).unwrap();
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    assert_eq!(ceremony.check_values[0].method, "sha256");
    assert_eq!(room.keys()[0].label, "aurora.issuer_rsa@1");
}

/// Cuts a ceremony off at each of its effects, before and after it, and goes on.
fn cut_everywhere(before: &[Kind], kind: Kind, parts: u8) {
    let prepare = || {
        let room = Room::new();
        for kind in before {
            let id = room.open(&plan(*kind, 2)).unwrap();
            room.go_on(&id).unwrap();
        }
        room
    };
    let mut cuts = 0;
    for after in [false, true] {
        for effect in 0.. {
            let room = prepare();
            room.fuse.set(effect, after);
            let id = room.open(&plan(kind, parts));
            let ended = id.clone().and_then(|id| room.go_on(&id));
            let cut = room.fuse.blown();
            room.fuse.mend();
            if !cut {
                ended.unwrap();
                break;
            }
            cuts += 1;
            let all = ceremonies(&room.store).unwrap();
            let id = match all.get(before.len()) {
                Some(ceremony) => ceremony.id.clone(),
                // Nothing was begun.
                None => room.open(&plan(kind, parts)).unwrap(),
            };
            let ada = room.present("Ada Olsen").unwrap();
            room.work(|c| c.resume(&id, &ada, NOW)).unwrap();
            room.go_on(&id).unwrap();
            let ceremony = room.settled(&id);
            assert_eq!(ceremony.phase, Phase::Done, "cut at {effect}");
            let there = usize::from(kind != Kind::Destroy);
            assert_eq!(room.keys().len(), there, "cut at {effect}");
            if kind == Kind::Generate {
                let used = |p: &cardwright_keys::ceremony::Part| {
                    room.tray.borrow().forms.contains_key(&ceremony.form(p))
                };
                assert!(ceremony.parts.iter().all(used));
            }
        }
    }
    assert!(cuts >= 20, "{cuts} cuts");
}

#[test]
fn generation_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[], Kind::Generate, 2);
}

#[test]
fn import_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[], Kind::Import, 2);
}

#[test]
fn export_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[Kind::Import], Kind::Export, 2);
}

#[test]
fn destruction_goes_on_after_a_cut_at_every_effect() {
    cut_everywhere(&[Kind::Import], Kind::Destroy, 2);
}

/// Up to the point where the first component is typed.
fn at_entry(room: &Room, wish: &Plan) -> String {
    let id = room.open(wish).unwrap();
    loop {
        let ceremony = room.work(|c| c.ceremony(&id)).unwrap();
        if matches!(wanted(&ceremony), Wanted::Enter { .. }) {
            return id;
        }
        room.one_step(&ceremony).unwrap();
    }
}

#[test]
fn wrong_components_are_refused_and_the_third_ends_the_ceremony() {
    let short = "0123456789ABCDEFFEDCBA98765432";
    let parity = "0023456789ABCDEFFEDCBA9876543210";
    for (typed, beside, expected) in [
        (short, None, "R1376"),
        (parity, None, "R1376"),
        ("01010101010101010101010101010101", None, "R1372"),
        (PARTS[0], Some("08D7B5"), "R1381"),
        (PARTS[0], Some("08D7"), "R1381"),
        (PARTS[0], Some(""), "R1381"),
    ] {
        let room = Room::new();
        let id = at_entry(&room, &plan(Kind::Import, 2));
        let cleo = room.present("Cleo Marsh").unwrap();
        let again = bytes(typed);
        let check = beside.map_or(Check::Twice(&again), Check::Value);
        let mut told = Vec::new();
        for _ in 0..WRONG_MAX {
            told.push(code(
                room.work(|c| c.enter(&id, &cleo, (&bytes(typed), check), NOW)),
            ));
        }
        assert_eq!(told, [expected, expected, "R1380"], "{typed}");
        let ceremony = room.settled(&id);
        assert_eq!(ceremony.phase, Phase::Abandoned);
        assert!(room.keys().is_empty());
        let over = room.work(|c| c.enter(&id, &cleo, (&bytes(PARTS[0]), check), NOW));
        assert_eq!(code(over), "R1379", "it is over");
    }
    // Typed twice, differently; then by the check value of the form, as OpenSSL gives it.
    let room = Room::new();
    let id = at_entry(&room, &plan(Kind::Import, 2));
    let cleo = room.present("Cleo Marsh").unwrap();
    let other = bytes(PARTS[1]);
    let refused = room.work(|c| c.enter(&id, &cleo, (&bytes(PARTS[0]), Check::Twice(&other)), NOW));
    assert_eq!(code(refused), "R1381");
    let taken =
        room.work(|c| c.enter(&id, &cleo, (&bytes(PARTS[0]), Check::Value("08d7 b4")), NOW));
    assert_eq!(code(taken), "accepted");
}

#[test]
fn a_wrong_check_value_of_the_key_is_refused_three_times() {
    let room = Room::new();
    let mut wish = plan(Kind::Import, 2);
    wish.expected = Some(CheckText {
        method: "ecb".into(),
        value: "123456".into(),
    });
    let id = room.open(&wish).unwrap();
    for _ in 1..WRONG_MAX {
        assert_eq!(code(room.go_on(&id)), "R1373");
        let ceremony = room.work(|c| c.ceremony(&id)).unwrap();
        assert_eq!(
            wanted(&ceremony),
            Wanted::Enter { number: 1 },
            "all are typed again"
        );
        let left = room.store.register_rows(Register::Components).unwrap();
        assert!(left.is_empty());
    }
    assert_eq!(code(room.go_on(&id)), "R1380");
    assert_eq!(room.settled(&id).phase, Phase::Abandoned);
    assert!(room.keys().is_empty());
    assert_eq!(room.inventory().entries().count(), 0);
}

#[test]
fn a_jam_spoils_a_form_and_draws_the_component_anew() {
    let room = Room::new();
    room.tray.borrow_mut().jams = 1;
    let id = room.open(&plan(Kind::Generate, 2)).unwrap();
    assert_eq!(code(room.go_on(&id)), "R1383");
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    assert_eq!(ceremony.parts[0].forms, 2);
    assert_eq!(ceremony.parts[1].forms, 1);
    assert!(
        ceremony
            .log
            .iter()
            .any(|line| line.what.contains("spoiled"))
    );
}

#[test]
fn nobody_has_two_roles_or_another_ones_component() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Generate, 2)).unwrap();
    let ada = room.present("Ada Olsen").unwrap();
    assert_eq!(
        code(room.work(|c| c.came(&id, &ada, Role::Officer, NOW))),
        "R1378"
    );
    let cleo = room.present("Cleo Marsh").unwrap();
    for role in [Role::Officer, Role::Auditor, Role::Custodian(2)] {
        let refused = room.work(|c| c.came(&id, &cleo, role, NOW));
        assert_eq!(code(refused), "R1378", "{role}");
    }
    let early = room.work(|c| c.came(&id, &cleo, Role::Custodian(1), NOW));
    assert_eq!(code(early), "R1379", "not before the officers");
    assert_eq!(code(room.work(|c| c.draw(&id, &cleo, NOW))), "R1379");
    assert_eq!(code(room.work(|c| c.act(&id, NOW))), "R1379");
    for _ in 0..4 {
        let ceremony = room.work(|c| c.ceremony(&id)).unwrap();
        room.one_step(&ceremony).unwrap();
    }
    // The component is drawn: its form is for Cleo only.
    let dan = room.present("Dan Petrov").unwrap();
    let mut printer = FusedPrinter {
        tray: &room.tray,
        fuse: &room.fuse,
    };
    assert_eq!(
        code(room.work(|c| c.print(&id, &dan, &mut printer, NOW))),
        "R1378"
    );
    assert!(room.tray.borrow().forms.is_empty());
    assert_eq!(code(room.work(|c| c.sign(&id, &dan, NOW))), "R1379");
    let gus = room.present("Gus Weber").unwrap();
    assert_eq!(
        code(room.work(|c| c.resume(&id, &gus, NOW))),
        "R1378",
        "takes no part"
    );
    assert_eq!(
        code(room.work(|c| c.abandon(&id, &dan, "why not", NOW))),
        "R1378"
    );
    room.work(|c| c.abandon(&id, &gus, "the day is over", NOW))
        .unwrap();
    assert_eq!(room.settled(&id).phase, Phase::Abandoned);
}

#[test]
fn somebody_with_two_registered_roles_has_one_in_a_ceremony() {
    let room = Room::new();
    let officers = [
        room.present("Ada Olsen").unwrap(),
        room.present("Ben Ruiz").unwrap(),
    ];
    let there: Vec<&Present> = officers.iter().collect();
    let cost = Cost {
        memory_kib: 8,
        passes: 1,
    };
    let roles = [Role::Officer, Role::Custodian(1)];
    let hal = Custodian::new(
        "Hal Moss",
        &roles,
        &secret("Hal Moss"),
        ([9; 16], cost),
        (NOW, &[]),
    );
    let changes = register(&room.store, &hal.unwrap(), &there).unwrap();
    room.store.keep(&changes.into_batch(NOW)).unwrap();
    let hal = room.present("Hal Moss").unwrap();
    let mut wish = plan(Kind::Generate, 2);
    wish.auditor = false;
    let id = room.work(|c| c.open(&wish, &hal, NOW)).unwrap().id;
    room.work(|c| c.came(&id, &officers[0], Role::Officer, NOW))
        .unwrap();
    let refused = room.work(|c| c.came(&id, &hal, Role::Custodian(1), NOW));
    assert_eq!(code(refused), "R1378");
}

#[test]
fn five_wrong_secrets_lock_a_name_until_two_officers_unlock_it() {
    let room = Room::new();
    let wrong = SecretBytes::new(b"not the secret".to_vec());
    let attempt = || code(room.work(|c| c.authenticate("cleo  MARSH", &wrong, NOW)));
    for _ in 0..5 {
        assert_eq!(attempt(), "R1377");
    }
    assert_eq!(attempt(), "R1380");
    assert_eq!(
        code(room.present("Cleo Marsh")),
        "R1380",
        "the right one does not help"
    );
    assert_eq!(
        code(room.present("Nobody Atall")),
        "R1377",
        "the same words as a wrong secret"
    );
    let (ada, ben) = (
        room.present("Ada Olsen").unwrap(),
        room.present("Ben Ruiz").unwrap(),
    );
    let dan = room.present("Dan Petrov").unwrap();
    for officers in [&[&ada][..], &[&ada, &ada], &[&ada, &dan]] {
        let refused = care(&room.store, "Cleo Marsh", Care::Unlock, officers);
        assert_eq!(code(refused), "R1378");
    }
    let own = care(&room.store, "Ada Olsen", Care::Unlock, &[&ada, &ben]);
    assert_eq!(code(own), "R1378", "nobody unlocks themselves");
    let changes = care(&room.store, "Cleo Marsh", Care::Unlock, &[&ada, &ben]).unwrap();
    room.store.keep(&changes.into_batch(NOW)).unwrap();
    assert_eq!(code(room.present("Cleo Marsh")), "accepted");
    assert!(room.store.verify_audit().unwrap().findings.is_empty());
}

#[test]
fn people_are_registered_by_two_officers_with_secrets_of_their_own() {
    let room = Room::new();
    let cost = Cost {
        memory_kib: 8,
        passes: 1,
    };
    let new = |name: &str, roles: &[Role], secret: &SecretBytes| {
        Custodian::new(name, roles, secret, ([1; 16], cost), (NOW, &[]))
    };
    let short = SecretBytes::new(b"elevenchars".to_vec());
    assert_eq!(code(new("Ivy Stone", &[Role::Auditor], &short)), "R1377");
    assert_eq!(code(new("", &[Role::Auditor], &secret("x"))), "R1378");
    assert_eq!(code(new("Ivy Stone", &[], &secret("x"))), "R1378");
    let ivy = new("Ivy Stone", &[Role::Auditor], &secret("Ivy Stone")).unwrap();
    assert_eq!(code(register(&room.store, &ivy, &[])), "R1378");
    let empty = MemoryStore::new();
    assert_eq!(
        code(register(&empty, &ivy, &[])),
        "R1378",
        "officers come first"
    );
    let stored = serde_json::to_string(&room.people()).unwrap();
    assert!(!stored.contains("the secret of"), "no secret is kept");
}

#[test]
fn plans_that_can_not_be_are_refused_before_people_come() {
    let room = Room::new();
    let open = |change: &dyn Fn(&mut Plan)| {
        let mut wish = plan(Kind::Generate, 2);
        change(&mut wish);
        code(room.open(&wish))
    };
    for parts in [0, 1, 6] {
        assert_eq!(open(&|p| p.components = parts), "R1382");
    }
    for quorum in [0, 1, 6] {
        assert_eq!(open(&|p| p.quorum = quorum), "R1382");
    }
    assert_eq!(open(&|p| p.key.algorithm = "des".into()), "R1382");
    assert_eq!(open(&|p| p.key.algorithm = "p256".into()), "R1382");
    assert_eq!(open(&|p| p.key.usage = "everything".into()), "R1382");
    assert_eq!(open(&|p| p.key.exportability = "maybe".into()), "R1382");
    assert_eq!(open(&|p| p.key.name = "no name".into()), "R1355");
    assert_eq!(open(&|p| p.kind = Kind::KeyPair), "R1382");
    assert_eq!(
        open(&|p| {
            p.kind = Kind::Export;
            p.key.version = 1;
        }),
        "R1350"
    );
    assert_eq!(code(room.work(|c| c.ceremony("ceremony-9999"))), "R1382");
    assert!(ceremonies(&room.store).unwrap().is_empty());
    // A key in use is not destroyed by a ceremony.
    let id = room.open(&plan(Kind::Import, 2)).unwrap();
    room.go_on(&id).unwrap();
    let mut custody = room.hsm.open_custody().unwrap();
    let wish = Wish {
        label: "aurora.zmk@1",
        to: Some(NOW + DAY),
        ..Wish::default()
    };
    let mut clerk = Clerk::new(&room.store, custody.as_mut());
    clerk.act(Act::Activate, &wish, &both(NOW)).unwrap();
    assert_eq!(code(room.open(&plan(Kind::Destroy, 0))), "R1382");
}

#[test]
fn a_record_that_was_changed_is_found_out() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Import, 2)).unwrap();
    room.go_on(&id).unwrap();
    let ceremony = room.settled(&id);
    let findings = |change: &dyn Fn(&mut Ceremony)| {
        let mut other = ceremony.clone();
        change(&mut other);
        verify(&other, &room.people()).unwrap().findings
    };
    assert!(findings(&|_| ()).is_empty());
    let mut other = ceremony.clone();
    other.key.zone = "elsewhere".into();
    let verdict = verify(&other, &room.people()).unwrap();
    assert_eq!(code(check(&verdict)), "R1388");
    assert!(!findings(&|c| c.key.owner = "Another Bank".into()).is_empty());
    assert!(!findings(&|c| c.log[2].what.push('x')).is_empty());
    assert!(!findings(&|c| c.check_values.clear()).is_empty());
    assert!(!findings(&|c| c.signatures[0].name = "Ben Ruiz".into()).is_empty());
    assert!(!findings(&|c| c.signatures.truncate(1)).is_empty());
    assert!(!findings(&|c| c.signatures[0].signature.replace_range(..2, "00")).is_empty());
    // A whole forged record: digest and all, but not the people's keys.
    let forged = findings(&|c| {
        c.key.owner = "Another Bank".into();
        c.digest =
            Some(cardwright_keys::ceremony::digest(&cardwright_keys::ceremony::record(c)).unwrap());
    });
    assert_eq!(forged.len(), ceremony.signatures.len());
}

#[test]
fn two_terminals_do_not_both_take_a_step() {
    let room = Room::new();
    let id = room.open(&plan(Kind::Import, 2)).unwrap();
    let row = room
        .store
        .register_row(Register::Ceremonies, &id)
        .unwrap()
        .unwrap();
    room.go_on(&id).unwrap();
    let stale = Ceremony::from_row(&id, &row.body)
        .unwrap()
        .put(row.version)
        .unwrap();
    let batch = cardwright_keys::inventory::Changes {
        changes: vec![stale],
        audit: vec![],
    };
    assert!(room.store.keep(&batch.into_batch(NOW)).is_err());
}

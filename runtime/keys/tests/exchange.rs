//! Keys between two sites with soft HSMs: every form, policy, and everything that can be wrong.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cardwright_keys::ceremony::{Cost, Custodian, Present, Role, authenticate, register};
use cardwright_keys::exchange::{
    Carrier, ExceptionRow, Given, Giving, Grant, Taking, day, exceptions, give, grant,
    public_key_der, public_key_of_der, take,
};
use cardwright_keys::inventory::{
    Act, CheckText, Inventory, KeyEntry, NewEntry, Origin, People, Wish,
};
use cardwright_keys::{Clerk, KeysError, Ledger};
use cardwright_ports::custody::*;
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::register::Register;
use cardwright_ports::store::Store;
use cardwright_ports::{Registers, SecretBytes};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::key_policy::{Day, Form};
use cardwright_standards::keyblock::{self, Version};
use cardwright_store::MemoryStore;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;
const D: Form = Form::KeyBlock(Version::D);

fn today() -> Day {
    Day::new(2026, 1, 1).unwrap()
}

fn both(at: i64) -> People<'static> {
    People {
        who: "Anna Berg",
        second: Some("Bela Nagy"),
        at,
    }
}

fn new(name: &str, algorithm: KeyAlgorithm, usage: KeyUse, may: Exportability) -> NewEntry {
    NewEntry {
        name: name.into(),
        version: None,
        owner: "Aurora Bank".into(),
        usage,
        algorithm,
        exportability: may,
        zone: "partner".into(),
        origin: Origin::Generated {},
        custodians: Vec::new(),
        period: (None, None),
        check_values: Vec::new(),
        transient: false,
    }
}

struct Site {
    store: MemoryStore,
    hsm: SoftHsm,
}

/// Components that both sites know: the transport of keys begins with them.
const SHARED: [[u8; 32]; 2] = [[0x15; 32], [0x4A; 32]];

impl Site {
    fn new(seed: u8) -> Self {
        Self {
            store: MemoryStore::new(),
            hsm: SoftHsm::in_memory([seed; 32]).unwrap(),
        }
    }

    fn work<T>(&self, act: impl FnOnce(&mut Clerk<'_>) -> T) -> T {
        let mut custody = self.hsm.open_custody().unwrap();
        act(&mut Clerk::new(&self.store, custody.as_mut()))
    }

    fn active(&self, label: &str) {
        let wish = Wish {
            label,
            to: Some(NOW + 300 * DAY),
            ..Wish::default()
        };
        self.work(|c| c.act(Act::Activate, &wish, &both(NOW)))
            .unwrap();
    }

    fn generate(
        &self,
        name: &str,
        of: KeyAlgorithm,
        usage: KeyUse,
        may: Exportability,
    ) -> KeyEntry {
        let made = self.work(|c| c.generate(&new(name, of, usage, may), &both(NOW)));
        let made = made.unwrap();
        self.active(&made.label());
        made
    }

    /// A key that another site has, too.
    fn shared(&self, name: &str, of: KeyAlgorithm, usage: KeyUse) {
        let key = new(name, of, usage, Exportability::NonExportable);
        let made = self.work(|c| {
            c.make(
                &[key],
                (name, "ceremony"),
                &both(NOW),
                &mut |custody, key, _| {
                    let mut parts = Vec::new();
                    for (part, shared) in SHARED.iter().enumerate() {
                        let mut clear = shared[..of.octets().unwrap()].to_vec();
                        clear.iter_mut().zip(0u8..).for_each(|(octet, at)| {
                            *octet ^= at.wrapping_mul([29, 53][part]);
                        });
                        if of.has_parity() {
                            cardwright_standards::des_keys::set_odd_parity(&mut clear);
                        }
                        parts.push(custody.take_component("c", of, &SecretBytes::new(clear))?);
                    }
                    custody.combine("c", &parts, key, None)
                },
            )
        });
        self.active(&made.unwrap()[0].label());
    }

    fn give(&self, giving: &Giving<'_>) -> Result<Given, KeysError> {
        let mut custody = self.hsm.open_custody().unwrap();
        give(&self.store, custody.as_mut(), giving, &both(NOW))
    }

    fn take(&self, taking: &Taking<'_>) -> Result<KeyEntry, KeysError> {
        let mut custody = self.hsm.open_custody().unwrap();
        take(&self.store, custody.as_mut(), taking, &both(NOW))
    }

    fn keys(&self) -> usize {
        self.hsm.open_custody().unwrap().keys().unwrap().len()
    }

    /// Nothing half-stored, the audit chain whole.
    fn sound(&self, keys: usize) {
        assert_eq!(self.keys(), keys);
        let inventory = Inventory::read(&self.store).unwrap();
        assert_eq!(inventory.entries().count(), keys);
        assert!(inventory.entries().all(|e| e.pending.is_none()));
        assert!(self.store.verify_audit().unwrap().findings.is_empty());
    }

    fn officers(&self) -> [Present; 2] {
        ["Ada Olsen", "Ben Ruiz"].map(|name| {
            let secret = SecretBytes::new(format!("the secret of {name}").into_bytes());
            let cost = Cost {
                memory_kib: 8,
                passes: 1,
            };
            let salt = [name.len() as u8; 16];
            let roles = [Role::Officer];
            let person = Custodian::new(name, &roles, &secret, (salt, cost), (NOW, &[]));
            let changes = register(&self.store, &person.unwrap(), &[]).unwrap();
            self.store.keep(&changes.into_batch(NOW)).unwrap();
            authenticate(&self.store, name, &secret).unwrap().0.unwrap()
        })
    }
}

fn giving<'a>(label: &'a str, form: Form, under: &'a str) -> Giving<'a> {
    Giving {
        label,
        form,
        carrier: Carrier::Under(under),
        to: "Processor",
        mode: None,
        exportability: None,
        blocks: &[],
        exception: None,
        today: today(),
    }
}

fn taking<'a>(wrapped: &'a [u8], form: Form, under: &'a str, key: NewEntry) -> Taking<'a> {
    Taking {
        wrapped,
        form,
        carrier: Carrier::Under(under),
        key,
        from: "Aurora Bank",
        unknown_blocks: false,
        exception: None,
        today: today(),
    }
}

fn code<T>(result: Result<T, KeysError>) -> &'static str {
    result.map_or_else(|e| e.code, |_| "accepted")
}

fn pair() -> (Site, Site) {
    let (here, there) = (Site::new(1), Site::new(2));
    for site in [&here, &there] {
        site.shared(
            "sites.kbpk",
            KeyAlgorithm::Aes256,
            KeyUse::KeyBlockProtection,
        );
        site.shared(
            "sites.old_kbpk",
            KeyAlgorithm::Tdes2,
            KeyUse::KeyBlockProtection,
        );
        site.shared("sites.kek", KeyAlgorithm::Aes128, KeyUse::Transport);
        site.shared("sites.zmk", KeyAlgorithm::Tdes3, KeyUse::Transport);
    }
    (here, there)
}

#[test]
fn each_form_carries_a_key_to_another_site() {
    use Exportability::{Exportable, Sensitive};
    let (here, there) = pair();
    let mut count = there.keys();
    let blocks = [
        ("KC".to_owned(), String::new()),
        ("KP".to_owned(), String::new()),
        ("LB".to_owned(), "Aurora IMK".to_owned()),
        ("TS".to_owned(), "2026-01-01T00:00:00Z".to_owned()),
    ];
    for (number, (form, under, may)) in [
        (D, "sites.kbpk@1", Exportable),
        (Form::KeyBlock(Version::E), "sites.kbpk@1", Exportable),
        (Form::KeyBlock(Version::B), "sites.old_kbpk@1", Exportable),
        (Form::AesKeyWrap, "sites.kek@1", Sensitive),
        (Form::AesKeyWrapPadded, "sites.kek@1", Sensitive),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("aurora.imk_{number}");
        let usage = KeyUse::EmvApplicationCryptogram;
        let made = here.generate(&name, KeyAlgorithm::Tdes2, usage, may);
        let label = made.label();
        let mut wish = giving(&label, form, under);
        if matches!(form, Form::KeyBlock(_)) {
            wish.blocks = &blocks;
        }
        let given = here.give(&wish).unwrap();
        let mut key = new(
            &name,
            KeyAlgorithm::Tdes2,
            usage,
            Exportability::NonExportable,
        );
        key.check_values = given.check_values.clone();
        let taken = there
            .take(&taking(&given.wrapped, form, under, key))
            .unwrap();
        assert_eq!(taken.check_values, made.check_values, "{}", form.name());
        assert!(matches!(taken.origin, Origin::Imported { .. }));
        count += 1;
        there.sound(count);
    }
    let inventory = Inventory::read(&here.store).unwrap();
    assert_eq!(
        inventory.under("sites.kbpk@1").len(),
        2,
        "what was under a key is known"
    );
}

const RSA: KeyAlgorithm = KeyAlgorithm::Rsa {
    bits: 2048,
    exponent: 65_537,
};

/// Two sites with key pairs, and a public key as a file would carry it.
fn key_pairs() -> (Site, Site) {
    let (here, there) = (Site::new(1), Site::new(2));
    let never = Exportability::NonExportable;
    there.generate("there.receive", RSA, KeyUse::KeyExchange, never);
    for (site, name) in [(&there, "there.agree"), (&here, "here.agree")] {
        site.generate(name, KeyAlgorithm::P256, KeyUse::KeyExchange, never);
    }
    let usage = KeyUse::CardVerification;
    let free = Exportability::Sensitive;
    here.generate("aurora.cvk", KeyAlgorithm::Tdes2, usage, free);
    (here, there)
}

fn public(site: &Site, label: &str) -> PublicKey {
    let key = site.hsm.open_custody().unwrap().public_key(label).unwrap();
    public_key_of_der(&public_key_der(&key).unwrap()).unwrap()
}

/// Gives the CVK out and takes it in; then once more with a changed octet.
fn carried(here: &Site, there: &Site, form: Form, (out, back): (Carrier<'_>, Carrier<'_>)) {
    let mut wish = giving("aurora.cvk@1", form, "");
    wish.carrier = out;
    let given = here.give(&wish).unwrap();
    let (algorithm, usage) = (KeyAlgorithm::Tdes2, KeyUse::CardVerification);
    let mut key = new("aurora.cvk", algorithm, usage, Exportability::NonExportable);
    key.check_values = given.check_values;
    let mut arrival = taking(&given.wrapped, form, "", key);
    arrival.carrier = back;
    assert_eq!(code(there.take(&arrival)), "accepted");
    let keys = there.keys();
    let mut changed = given.wrapped.clone();
    changed[7] ^= 1;
    arrival.wrapped = &changed;
    assert_eq!(code(there.take(&arrival)), "R1375");
    there.sound(keys);
}

#[test]
fn rsa_oaep_carries_a_key() {
    let (here, there) = key_pairs();
    let receiver = public(&there, "there.receive@1");
    let hash = OaepHash::Sha256;
    let out = Carrier::Oaep {
        receiver: Some(&receiver),
        own: "",
        hash,
    };
    let back = Carrier::Oaep {
        receiver: None,
        own: "there.receive@1",
        hash,
    };
    carried(&here, &there, Form::RsaOaep, (out, back));
    // RSA of 2048 bits has 112 bits of security; AES-128 has more.
    let usage = KeyUse::CardIssuance;
    let free = Exportability::Sensitive;
    here.generate("aurora.kmc", KeyAlgorithm::Aes128, usage, free);
    let mut wish = giving("aurora.kmc@1", Form::RsaOaep, "");
    wish.carrier = out;
    assert_eq!(code(here.give(&wish)), "R1384");
}

#[test]
fn an_agreement_carries_a_key() {
    let (here, there) = key_pairs();
    let (ours, theirs) = (
        public(&here, "here.agree@1"),
        public(&there, "there.agree@1"),
    );
    let out = Carrier::Ecdh {
        own: "here.agree@1",
        peer: &theirs,
        info: b"a to b",
    };
    let back = Carrier::Ecdh {
        own: "there.agree@1",
        peer: &ours,
        info: b"a to b",
    };
    carried(&here, &there, Form::EcdhKeyWrap, (out, back));
    assert_eq!(code(public_key_of_der(b"nonsense")), "R1384");
}

/// A block of a CVK under the shared protection key, and what it should become.
fn block() -> (Site, Site, Given, NewEntry) {
    let (here, there) = pair();
    let usage = KeyUse::CardVerification;
    here.generate(
        "aurora.cvk",
        KeyAlgorithm::Tdes2,
        usage,
        Exportability::Exportable,
    );
    let given = here
        .give(&giving("aurora.cvk@1", D, "sites.kbpk@1"))
        .unwrap();
    let mut key = new(
        "aurora.cvk",
        KeyAlgorithm::Tdes2,
        usage,
        Exportability::NonExportable,
    );
    key.check_values = given.check_values.clone();
    (here, there, given, key)
}

#[test]
fn a_block_changed_or_cut_anywhere_is_refused_and_leaves_nothing() {
    let (_, there, given, key) = block();
    let keys = there.keys();
    for at in 0..given.wrapped.len() {
        let mut changed = given.wrapped.clone();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let refused = code(there.take(&taking(&changed, D, "sites.kbpk@1", key.clone())));
        let expected = ["R1374", "R1375", "R1384", "R1385", "R1389"];
        assert!(expected.contains(&refused), "changed at {at}: {refused}");
        let cut = &given.wrapped[..at];
        let refused = code(there.take(&taking(cut, D, "sites.kbpk@1", key.clone())));
        assert!(
            matches!(refused, "R1389" | "R1375"),
            "cut at {at}: {refused}"
        );
    }
    there.sound(keys);
    let taken = there
        .take(&taking(&given.wrapped, D, "sites.kbpk@1", key))
        .unwrap();
    assert_eq!(taken.check_values, given.check_values);
    there.sound(keys + 1);
}

#[test]
fn what_does_not_agree_is_refused() {
    let (_, there, given, key) = block();
    let keys = there.keys();
    let take = |change: &dyn Fn(&mut Taking<'_>)| {
        let mut wish = taking(&given.wrapped, D, "sites.kbpk@1", key.clone());
        change(&mut wish);
        code(there.take(&wish))
    };
    assert_eq!(take(&|t| t.key.usage = KeyUse::PinEncryption), "R1374");
    assert_eq!(take(&|t| t.key.algorithm = KeyAlgorithm::Aes128), "R1374");
    assert_eq!(take(&|t| t.key.algorithm = KeyAlgorithm::Tdes3), "R1376");
    assert_eq!(
        take(&|t| t.key.exportability = Exportability::Sensitive),
        "R1374"
    );
    assert_eq!(
        take(&|t| t.carrier = Carrier::Under("sites.kek@1")),
        "R1374"
    );
    assert_eq!(
        take(&|t| t.carrier = Carrier::Under("nobody.kbpk@1")),
        "R1350"
    );
    assert_eq!(
        take(&|t| t.carrier = Carrier::Under("sites.old_kbpk@1")),
        "R1384"
    );
    assert_eq!(take(&|t| t.form = Form::AesKeyWrap), "R1374");
    let wrong = CheckText {
        method: "ecb".into(),
        value: "123456".into(),
    };
    assert_eq!(take(&|t| t.key.check_values = vec![wrong.clone()]), "R1373");
    // A sound block of another protection key of the same kind.
    assert_eq!(
        take(&|t| {
            t.wrapped = b"D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34"
        }),
        "R1374"
    );
    there.sound(keys);
}

#[test]
fn unknown_blocks_components_and_old_versions_are_refused() {
    let (here, there, _, key) = block();
    let keys = there.keys();
    let fixed: Vec<u8> = (0u8..32)
        .map(|at| 0x15 ^ at.wrapping_mul(29) ^ 0x4A ^ at.wrapping_mul(53))
        .collect();
    let sealed = |header: &str| {
        let header = keyblock::Header::from_text(header).unwrap();
        let cvk = [0x13; 8]
            .iter()
            .chain(&[0x57; 8])
            .copied()
            .collect::<Vec<u8>>();
        let fill = vec![0x5A; keyblock::fill_octets(&header, 16).unwrap()];
        keyblock::wrap(&fixed, &header, &cvk, &fill).unwrap()
    };
    let mut key = key;
    key.check_values.clear();
    let mut take = |block: &str, unknown: bool| {
        key.name.push('x');
        let mut wish = taking(block.as_bytes(), D, "sites.kbpk@1", key.clone());
        wish.unknown_blocks = unknown;
        code(there.take(&wish))
    };
    let unknown = sealed("D0000C0TC00E0100Z910SOMETHING...");
    assert_eq!(take(&unknown, false), "R1389");
    there.sound(keys);
    assert_eq!(
        take(&unknown, true),
        "accepted",
        "it is the shared key's block"
    );
    assert_eq!(
        take(&sealed("D0000C0TCc1E0000"), true),
        "R1389",
        "a component"
    );
    assert_eq!(
        take(&sealed("D0000C0AC00E0000"), true),
        "R1374",
        "another algorithm"
    );
    let misfit = sealed("D0000C0TC00E0000").replacen("C0TC", "C0TX", 1);
    assert_eq!(take(&misfit, true), "R1389", "a mode that CVKs do not have");
    // A block of version A needs an exception on both sides.
    let old = Form::KeyBlock(Version::A);
    assert_eq!(
        code(here.give(&giving("aurora.cvk@1", old, "sites.old_kbpk@1"))),
        "R1385"
    );
    let a = "A0072C0TC00E0000F5161ED902807AF26F1D62263644BD24192FDB3193C730301CEE8701";
    let mut wish = taking(a.as_bytes(), D, "sites.old_kbpk@1", key.clone());
    wish.key.name = "aurora.old_cvk".into();
    assert_eq!(code(there.take(&wish)), "R1385");
}

#[test]
fn policy_holds_when_keys_leave() {
    let (here, _) = pair();
    let keys = here.keys();
    let usage = KeyUse::CardVerification;
    here.generate(
        "aurora.fixed",
        KeyAlgorithm::Tdes2,
        usage,
        Exportability::NonExportable,
    );
    here.generate(
        "aurora.cvk",
        KeyAlgorithm::Tdes2,
        usage,
        Exportability::Exportable,
    );
    here.generate(
        "aurora.kmc",
        KeyAlgorithm::Aes256,
        KeyUse::CardIssuance,
        Exportability::Sensitive,
    );
    let try_it =
        |label: &str, form: Form, under: &str| code(here.give(&giving(label, form, under)));
    assert_eq!(try_it("aurora.cvk@1", D, "sites.kbpk@1"), "accepted");
    assert_eq!(try_it("aurora.fixed@1", D, "sites.kbpk@1"), "R1384");
    assert_eq!(
        try_it("aurora.cvk@1", Form::AesKeyWrap, "sites.kek@1"),
        "R1384",
        "blocks only"
    );
    assert_eq!(
        try_it("aurora.kmc@1", Form::AesKeyWrap, "sites.kek@1"),
        "R1384",
        "a weaker key"
    );
    assert_eq!(
        try_it("aurora.kmc@1", D, "sites.old_kbpk@1"),
        "R1384",
        "DES in an AES block"
    );
    assert_eq!(
        try_it("aurora.cvk@1", D, "sites.kek@1"),
        "R1374",
        "the wrong use"
    );
    assert_eq!(
        try_it("aurora.cvk@1", Form::LegacyEcb, "sites.zmk@1"),
        "R1385"
    );
    assert_eq!(
        try_it("aurora.cvk@1", Form::RsaOaep, "sites.zmk@1"),
        "R1384"
    );
    assert_eq!(try_it("nobody.cvk@1", D, "sites.kbpk@1"), "R1350");
    let mut wider = giving("aurora.cvk@1", D, "sites.kbpk@1");
    wider.exportability = Some('S');
    assert_eq!(code(here.give(&wider)), "R1384", "a wider exportability");
    wider.exportability = Some('N');
    wider.mode = Some('X');
    assert_eq!(
        code(here.give(&wider)),
        "R1384",
        "a mode that does not go with the usage"
    );
    here.sound(keys + 3);
}

#[test]
fn a_suspended_or_expired_wrapping_key_wraps_nothing() {
    let (here, _) = pair();
    let usage = KeyUse::CardVerification;
    let may = Exportability::Exportable;
    here.generate("aurora.cvk", KeyAlgorithm::Tdes2, usage, may);
    let at = |when: i64| {
        let mut custody = here.hsm.open_custody().unwrap();
        let wish = giving("aurora.cvk@1", D, "sites.kbpk@1");
        code(give(&here.store, custody.as_mut(), &wish, &both(when)))
    };
    assert_eq!(at(NOW + 301 * DAY), "R1384", "expired");
    let wish = Wish {
        label: "sites.kbpk@1",
        why: "a doubt",
        ..Wish::default()
    };
    here.work(|c| c.act(Act::Suspend, &wish, &both(NOW)))
        .unwrap();
    assert_eq!(at(NOW), "R1384", "suspended");
}

fn wish(partner: &str, until: &str) -> Grant {
    Grant {
        form: Form::LegacyEcb,
        partner: partner.into(),
        weaker_wrapping: false,
        weaker_form: false,
        until: day(until).unwrap(),
        reason: "the processor's system takes nothing else until its renewal".into(),
    }
}

fn granted(site: &Site, who: &[&Present], wish: &Grant) -> Result<ExceptionRow, KeysError> {
    let (row, changes) = grant(&site.store, wish, who, (NOW, today()))?;
    site.store.keep(&changes.into_batch(NOW)).unwrap();
    Ok(row)
}

/// Two sites; the first has an exception for the processor, and a CVK that may leave so.
fn with_exception() -> (Site, Site, ExceptionRow) {
    let (here, there) = pair();
    let usage = KeyUse::CardVerification;
    let free = Exportability::Sensitive;
    here.generate("aurora.cvk", KeyAlgorithm::Tdes2, usage, free);
    let [ada, ben] = &here.officers();
    let row = granted(&here, &[ada, ben], &wish("Processor", "2026-06-30")).unwrap();
    (here, there, row)
}

#[test]
fn two_officers_grant_an_exception_with_reason_and_last_day() {
    let site = Site::new(1);
    let [ada, ben] = &site.officers();
    let sound = wish("Processor", "2026-06-30");
    assert_eq!(code(granted(&site, &[ada], &sound)), "R1378");
    assert_eq!(code(granted(&site, &[ada, ada], &sound)), "R1378");
    for change in [
        (|w| w.until = Day::new(2025, 6, 30).unwrap()) as fn(&mut Grant),
        |w| w.until = Day::new(2027, 6, 30).unwrap(),
        |w| w.reason = "because".into(),
        |w| w.partner = " ".into(),
        |w| w.form = D,
    ] {
        let mut other = sound.clone();
        change(&mut other);
        let refused = grant(&site.store, &other, &[ada, ben], (NOW, today()));
        let until = other.until;
        // Longer than a year is found when it is used.
        let long = until > Day::new(2027, 1, 1).unwrap();
        assert!(long || code(refused) == "R1385", "{other:?}");
    }
    assert_eq!(code(granted(&site, &[ada, ben], &sound)), "accepted");
    assert_eq!(exceptions(&site.store).unwrap().len(), 1);
}

#[test]
fn legacy_forms_leave_by_a_signed_exception_only() {
    let (here, _, row) = with_exception();
    let mut out = giving("aurora.cvk@1", Form::LegacyEcb, "sites.zmk@1");
    assert_eq!(code(here.give(&out)), "R1385", "it must be named");
    out.exception = Some(&row.id);
    out.to = "Somebody else";
    assert_eq!(code(here.give(&out)), "R1385", "for that partner only");
    out.to = "Processor";
    out.form = Form::LegacyCbc;
    assert_eq!(code(here.give(&out)), "R1385", "for that form only");
    out.form = Form::LegacyEcb;
    out.today = Day::new(2026, 7, 1).unwrap();
    assert_eq!(code(here.give(&out)), "R1385", "until its last day");
    out.today = today();
    assert_eq!(code(here.give(&out)), "accepted");
    // An exception that somebody wrote into the store without the officers.
    let mut forged = row.clone();
    forged.until = "2026-09-30".into();
    let version = here.store.register_row(Register::Exceptions, &forged.id);
    let batch = cardwright_keys::inventory::Changes {
        changes: vec![cardwright_ports::register::RegisterChange {
            register: Register::Exceptions,
            id: forged.id.clone(),
            from: version.unwrap().unwrap().version,
            body: Some(serde_json::to_string(&forged).unwrap()),
        }],
        audit: vec![cardwright_ports::store::AuditEntry {
            actor: "nobody".into(),
            act: "forge".into(),
            key: cardwright_ports::store::OrderKey { job: 0, order: 0 },
            detail: String::new(),
        }],
    };
    here.store.keep(&batch.into_batch(NOW)).unwrap();
    assert_eq!(code(here.give(&out)), "R1385", "the signatures do not hold");
}

#[test]
fn legacy_forms_come_in_by_a_signed_exception_only() {
    let (here, there, row) = with_exception();
    let mut out = giving("aurora.cvk@1", Form::LegacyEcb, "sites.zmk@1");
    out.exception = Some(&row.id);
    let given = here.give(&out).unwrap();
    let [carl, dora] = &there.officers();
    let theirs = granted(&there, &[carl, dora], &wish("Aurora Bank", "2026-12-31")).unwrap();
    let (algorithm, usage) = (KeyAlgorithm::Tdes2, KeyUse::CardVerification);
    let mut key = new("aurora.cvk", algorithm, usage, Exportability::NonExportable);
    key.check_values = given.check_values.clone();
    let keys = there.keys();
    let mut arrival = taking(&given.wrapped, Form::LegacyEcb, "sites.zmk@1", key);
    assert_eq!(code(there.take(&arrival)), "R1385");
    arrival.exception = Some(&theirs.id);
    let mut changed = given.wrapped.clone();
    changed[0] ^= 0x80;
    arrival.wrapped = &changed;
    let refused = code(there.take(&arrival));
    assert!(
        matches!(refused, "R1373" | "R1376"),
        "parity or check value: {refused}"
    );
    there.sound(keys);
    arrival.wrapped = &given.wrapped;
    assert_eq!(code(there.take(&arrival)), "accepted");
}

#[test]
fn a_key_leaves_in_no_weaker_form_than_it_came_in() {
    let (here, there) = pair();
    let usage = KeyUse::CardVerification;
    here.generate(
        "aurora.cvk",
        KeyAlgorithm::Tdes2,
        usage,
        Exportability::Sensitive,
    );
    let given = here
        .give(&giving("aurora.cvk@1", D, "sites.kbpk@1"))
        .unwrap();
    let key = new(
        "aurora.cvk",
        KeyAlgorithm::Tdes2,
        usage,
        Exportability::Sensitive,
    );
    there
        .take(&taking(&given.wrapped, D, "sites.kbpk@1", key))
        .unwrap();
    there.active("aurora.cvk@1");
    let down = there.give(&giving("aurora.cvk@1", Form::AesKeyWrap, "sites.kek@1"));
    assert_eq!(code(down), "R1384");
    let same = there.give(&giving("aurora.cvk@1", D, "sites.kbpk@1"));
    assert_eq!(code(same), "accepted");
}

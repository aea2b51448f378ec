//! Packages between sites and TR-34 while things go wrong: a token that fails at every call, or answers
//! wrongly or late; the power cut at every boundary of the store; files with a changed octet. Each time a
//! clear code, inventory and token agree, nothing is half-stored, the audit chain is whole, and the same
//! verb works afterwards, with the same file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use base64::{Engine, prelude::BASE64_STANDARD};
use cardwright_exchange::{Certificate, OaepHash, Trust, tr34::ContentCipher};
use cardwright_keys::exchange::{binding, public_key_der, tr34};
use cardwright_keys::inventory::{Act, NewEntry, Wish};
use cardwright_keys::packages::{self, Opening, Own, PackageState, Packing, SiteRow, packages};
use cardwright_keys::{Clerk, KeysError, Ledger};
use cardwright_pkcs11::Pkcs11Hsm;
use cardwright_ports::StoreError;
use cardwright_ports::custody::{CustodyHsm, Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::register::{Register, RegisterRow, Registers};
use cardwright_ports::store::{Batch, Store};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::key_policy::Day;
use cardwright_store::MemoryStore;
use cardwright_tests::desk::{ADA, DAY_SECONDS, Desk, NOW, entry, plan, settings, with_faults};
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::process::Command;

const NONCE: [u8; 16] = *b"sixteen of nonce";
const RSA: KeyAlgorithm = KeyAlgorithm::Rsa {
    bits: 3072,
    exponent: 65_537,
};

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("this test needs the package openssl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
}

/// A site: its store and its HSM.
struct Place<'p> {
    name: &'static str,
    store: &'p dyn Ledger,
    hsm: &'p dyn CustodyHsm,
}

impl Place<'_> {
    fn clerk<T>(
        &self,
        act: impl FnOnce(&mut Clerk<'_>) -> Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        let mut custody = self.hsm.open_custody()?;
        act(&mut Clerk::new(self.store, custody.as_mut()))
    }

    /// Makes a key and puts it into use; its label.
    fn made(&self, key: &NewEntry) -> String {
        let made = self.clerk(|clerk| clerk.generate(key, &ADA)).unwrap();
        let label = made.label();
        let wish = Wish {
            label: &label,
            from: Some(NOW - DAY_SECONDS),
            to: Some(NOW + 300 * DAY_SECONDS),
            ..Wish::default()
        };
        self.clerk(|clerk| clerk.act(Act::Activate, &wish, &ADA))
            .unwrap();
        label
    }

    /// The site's own keys, those of TR-34, and one that may leave.
    fn furnished(&self) -> Own {
        for key in Own::keys("key management", KeyAlgorithm::P256, KeyAlgorithm::P256) {
            self.made(&NewEntry {
                period: (Some(NOW - DAY_SECONDS), Some(NOW + 300 * DAY_SECONDS)),
                ..key
            });
        }
        self.made(&entry("t.host", KeyUse::PackageSigning, RSA));
        self.made(&entry("t.device", KeyUse::KeyExchange, RSA));
        self.made(&NewEntry {
            exportability: Exportability::Exportable,
            ..entry("d.out", KeyUse::CardIssuance, KeyAlgorithm::Aes128)
        });
        self.clerk(|clerk| clerk.own_site(self.name, NOW)).unwrap()
    }

    fn trusts(&self, own: &Own) {
        let trust = SiteRow::trust(self.store, &own.identity, &own.fingerprint, &ADA);
        let Ok(packages::Trust::Trusted(changes)) = trust else {
            panic!("two people were there")
        };
        self.store.keep(&changes.into_batch(NOW)).unwrap();
    }

    /// A certificate of one of its keys by the folder's authority.
    fn certified(&self, folder: &Path, (key, what): (&str, &str)) -> Certificate {
        let mut custody = self.hsm.open_custody().unwrap();
        let public = custody.public_key(&format!("{key}@1")).unwrap();
        let text = BASE64_STANDARD.encode(public_key_der(&public).unwrap());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        let name = format!("{}-{key}", self.name);
        std::fs::write(folder.join(format!("{name}.pub")), pem).unwrap();
        let uses = format!("keyUsage=critical,{what}\n");
        std::fs::write(folder.join(format!("{name}.ext")), uses).unwrap();
        openssl(
            folder,
            &format!(
                "x509 -new -force_pubkey {name}.pub -subj /O=Test/CN={name} -CA ca.pem -CAkey ca.key \
                 -days 730 -extfile {name}.ext -outform DER -out {name}.der"
            ),
        );
        Certificate::from_der(&std::fs::read(folder.join(format!("{name}.der"))).unwrap()).unwrap()
    }

    fn pack(&self, number: u64, label: &str) -> Result<Vec<u8>, KeysError> {
        let packing = Packing {
            package: &format!("p{number:016x}"),
            own: self.name,
            to: if self.name == "north" {
                "south"
            } else {
                "north"
            },
            labels: &[label.to_owned()],
            expires_at: NOW + 7 * DAY_SECONDS,
        };
        let mut file = Vec::new();
        self.clerk(|clerk| {
            clerk.pack(&packing, &ADA, &mut |octets| {
                file = octets.to_vec();
                Ok(())
            })
        })?;
        Ok(file)
    }

    fn open(&self, file: &[u8]) -> Result<(), KeysError> {
        let opening = Opening {
            own: self.name,
            file,
        };
        self.clerk(|clerk| clerk.unpack(&opening, &ADA)).map(drop)
    }

    fn keys(&self) -> usize {
        let mut custody = self.hsm.open_custody().unwrap();
        custody.keys().unwrap().len()
    }
}

/// Who may send keys to whom by TR-34.
struct Papers {
    host: Certificate,
    device: Certificate,
    anchors: Vec<Certificate>,
    /// When the certificates hold: they were made just now.
    now: u64,
}

impl Papers {
    fn trust(&self) -> Trust<'_> {
        Trust {
            anchors: &self.anchors,
            intermediates: &[],
            revocations: &[],
            now: self.now,
        }
    }

    fn today() -> Day {
        Day::new(2026, 11, 18).unwrap()
    }

    fn send(&self, from: &Place<'_>) -> Result<Vec<u8>, KeysError> {
        let sending = tr34::Sending {
            label: "d.out@1",
            host_key: "t.host@1",
            host: &self.host,
            device: &self.device,
            trust: self.trust(),
            nonce: Some(&NONCE),
            cipher: ContentCipher::Aes128,
            hash: OaepHash::Sha256,
            mode: None,
            to: "device",
            today: Self::today(),
        };
        let mut custody = from.hsm.open_custody()?;
        tr34::send(from.store, custody.as_mut(), &sending, &ADA)
    }

    fn receive(&self, at: &Place<'_>, token: &[u8]) -> Result<(), KeysError> {
        let receiving = tr34::Receiving {
            token,
            device_key: "t.device@1",
            device: &self.device,
            host: &self.host,
            trust: self.trust(),
            fresh: tr34::Fresh::Nonce(&NONCE),
            key: NewEntry {
                exportability: Exportability::NonExportable,
                ..entry("d.in", KeyUse::CardIssuance, KeyAlgorithm::Aes128)
            },
            from: "host",
            today: Self::today(),
        };
        let mut custody = at.hsm.open_custody()?;
        tr34::receive(at.store, custody.as_mut(), &receiving, &ADA).map(drop)
    }
}

/// Papers for keys from each of two sites to the other.
fn papers(folder: &Path, one: &Place<'_>, other: &Place<'_>) -> [Papers; 2] {
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.pem -subj \
         /O=Test/CN=ca -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
    );
    openssl(folder, "x509 -in ca.pem -outform DER -out ca.der");
    let ca = std::fs::read(folder.join("ca.der")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs() + 60;
    [(one, other), (other, one)].map(|(host, device)| Papers {
        host: host.certified(folder, ("t.host", "digitalSignature")),
        device: device.certified(folder, ("t.device", "keyEncipherment")),
        anchors: vec![Certificate::from_der(&ca).unwrap()],
        now,
    })
}

/// A site whose keys are in a failing token, `north`, and one with a soft HSM, `south`, that it deals with.
struct Counter {
    hsm: Pkcs11Hsm,
    store: MemoryStore,
    soft: SoftHsm,
    there: MemoryStore,
    papers: Option<[Papers; 2]>,
    /// What came from the other site.
    file: RefCell<Vec<u8>>,
    number: Cell<u64>,
}

impl Counter {
    fn north(&self) -> Place<'_> {
        Place {
            name: "north",
            store: &self.store,
            hsm: &self.hsm,
        }
    }

    fn south(&self) -> Place<'_> {
        Place {
            name: "south",
            store: &self.there,
            hsm: &self.soft,
        }
    }

    fn new(folder: &Path) -> Self {
        let hsm = Pkcs11Hsm::open(settings()).unwrap();
        hsm.prepare().unwrap();
        let mut counter = Self {
            hsm,
            store: MemoryStore::new(),
            soft: SoftHsm::in_memory([7; 32]).unwrap(),
            there: MemoryStore::new(),
            papers: None,
            file: RefCell::default(),
            number: Cell::new(1),
        };
        let (north, south) = (counter.north(), counter.south());
        let (own, other) = (north.furnished(), south.furnished());
        north.trusts(&other);
        south.trusts(&own);
        counter.papers = Some(papers(folder, &counter.north(), &counter.south()));
        counter
    }

    fn papers(&self) -> &[Papers; 2] {
        self.papers.as_ref().unwrap()
    }

    fn next(&self) -> u64 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }
}

impl Desk for Counter {
    fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn hsm(&self) -> &Pkcs11Hsm {
        &self.hsm
    }

    fn prepare(&self, verb: &str) {
        let south = self.south();
        let file = match verb {
            "open" => {
                // Another version each time: it leaves before it is in use.
                let key = NewEntry {
                    exportability: Exportability::Exportable,
                    ..entry("d.came", KeyUse::CardIssuance, KeyAlgorithm::Aes128)
                };
                let made = south.clerk(|clerk| clerk.generate(&key, &ADA)).unwrap();
                south.pack(self.next(), &made.label()).unwrap()
            }
            "receive" => self.papers()[1].send(&south).unwrap(),
            _ => Vec::new(),
        };
        self.file.replace(file);
    }

    fn act(&self, verb: &str) -> Result<(), KeysError> {
        let north = self.north();
        match verb {
            "pack" => north.pack(self.next(), "d.out@1").map(drop),
            "open" => north.open(&self.file.borrow()),
            "send" => self.papers()[0].send(&north).map(drop),
            _ => self.papers()[1].receive(&north, &self.file.borrow()),
        }
    }
}

fn every_call(test: &str, verb: &str, least: u32) {
    with_faults(test, |_| {
        let folder = tempfile::tempdir().unwrap();
        let counter = Counter::new(folder.path());
        let refused = counter.under_every_fault(&mut 0, verb);
        assert!(refused >= least, "{verb}: {refused} refusals");
        // What was made before each fault was told to somebody or is abandoned.
        for row in packages(&counter.store).unwrap() {
            let ended = [
                PackageState::Made,
                PackageState::Abandoned,
                PackageState::Opened,
            ];
            assert!(ended.contains(&row.state), "{row:?}");
        }
    });
}

#[test]
fn a_package_is_made_at_a_failing_token() {
    every_call("a_package_is_made_at_a_failing_token", "pack", 20);
}

#[test]
fn a_package_is_opened_at_a_failing_token() {
    every_call("a_package_is_opened_at_a_failing_token", "open", 20);
}

#[test]
fn a_key_token_is_made_at_a_failing_token() {
    every_call("a_key_token_is_made_at_a_failing_token", "send", 10);
}

#[test]
fn a_key_token_is_taken_in_at_a_failing_token() {
    every_call("a_key_token_is_taken_in_at_a_failing_token", "receive", 10);
}

/// One answer of the token is another, by a bit: the driver stops, or the answer was of no matter. Another
/// start of the program finds everything whole.
#[test]
fn a_token_that_answers_wrongly_leaves_everything_whole() {
    with_faults(
        "a_token_that_answers_wrongly_leaves_everything_whole",
        |_| {
            let folder = tempfile::tempdir().unwrap();
            let mut counter = Counter::new(folder.path());
            let mut number = 0;
            for verb in ["pack", "open", "send", "receive"] {
                let calls = counter.calls(verb);
                for function in [
                    "C_Encrypt",
                    "C_Decrypt",
                    "C_Sign",
                    "C_WrapKey",
                    "C_GenerateRandom",
                ] {
                    for call in 1..=calls.get(function).copied().unwrap_or_default().min(3) {
                        counter.prepare(verb);
                        let what = format!("{verb} under {function} {call} flip 9");
                        plan(&mut number, &format!("{function} {call} flip 9"));
                        let done = counter.act(verb);
                        plan(&mut number, "");
                        if let Err(e) = &done {
                            assert!(e.code.starts_with("R13"), "{what}: {e}");
                        }
                        counter.hsm = Pkcs11Hsm::open(settings()).unwrap();
                        counter.settled(&what);
                        if done.is_err() {
                            let again = counter.act(verb);
                            again.unwrap_or_else(|e| panic!("after {what}: {e}"));
                        }
                    }
                }
            }
        },
    );
}

/// A store whose power is cut before or after a commit.
struct Cut<'c> {
    inner: &'c MemoryStore,
    /// Commits that still happen; none for all.
    left: std::sync::Mutex<Option<u32>>,
    after: bool,
}

fn gone() -> StoreError {
    StoreError {
        code: "R1401",
        what: "the power is gone".to_owned(),
        mend: "wait",
        conflict: None,
    }
}

impl Registers for Cut<'_> {
    fn register_row(&self, list: Register, id: &str) -> Result<Option<RegisterRow>, StoreError> {
        self.inner.register_row(list, id)
    }
    fn register_epoch(&self, list: Register) -> Result<u64, StoreError> {
        self.inner.register_epoch(list)
    }
    fn register_rows(&self, list: Register) -> Result<Vec<RegisterRow>, StoreError> {
        self.inner.register_rows(list)
    }
}

impl Ledger for Cut<'_> {
    fn keep(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut left = self.left.lock().unwrap();
        match *left {
            // Dead from here on: what would be tidied up now is not.
            Some(0) => {
                *left = Some(u32::MAX);
                if self.after {
                    self.inner.commit(batch)?;
                }
                Err(gone())
            }
            Some(u32::MAX) => Err(gone()),
            Some(commits) => {
                *left = Some(commits - 1);
                self.inner.commit(batch)
            }
            None => self.inner.commit(batch),
        }
    }
}

/// Two soft sites that deal with each other by packages and TR-34.
struct Sites {
    hsm: [SoftHsm; 2],
    store: [MemoryStore; 2],
    papers: Option<[Papers; 2]>,
    _folder: tempfile::TempDir,
}

impl Sites {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sites = Self {
            hsm: [1, 2].map(|seed| SoftHsm::in_memory([seed; 32]).unwrap()),
            store: [MemoryStore::new(), MemoryStore::new()],
            papers: None,
            _folder: folder,
        };
        let (north, south) = (sites.place(0), sites.place(1));
        let (own, other) = (north.furnished(), south.furnished());
        north.trusts(&other);
        south.trusts(&own);
        let made = papers(sites._folder.path(), &north, &south);
        sites.papers = Some(made);
        sites
    }

    fn place(&self, at: usize) -> Place<'_> {
        Place {
            name: ["north", "south"][at],
            store: &self.store[at],
            hsm: &self.hsm[at],
        }
    }

    fn papers(&self) -> &[Papers; 2] {
        self.papers.as_ref().unwrap()
    }

    /// The binding of south's device, as the store has it.
    fn bound(&self) -> Option<String> {
        let rows = binding::bindings(&self.store[1]).unwrap();
        rows.into_iter().find_map(|(_, row)| row.host)
    }

    /// Inventory and HSM of south agree, nothing waits, the log is whole.
    fn settled(&self, what: &str) {
        let south = self.place(1);
        south.clerk(|clerk| clerk.recover(&ADA)).unwrap();
        let differences = south.clerk(|clerk| clerk.compare(false)).unwrap();
        assert!(differences.is_empty(), "{what}: {differences:?}");
        let audit = self.store[1].verify_audit().unwrap();
        assert!(audit.findings.is_empty(), "{what}: {audit:?}");
    }
}

/// Cuts the power at each commit of a verb of south's; then the verb is said again.
fn cut_everywhere(
    sites: &Sites,
    name: &str,
    verb: &dyn Fn(&Place<'_>) -> Result<(), KeysError>,
    reset: &dyn Fn(),
) -> u32 {
    for commits in 0..20 {
        for after in [false, true] {
            let what = format!("{name}: commit {commits}, after {after}");
            let cut = Cut {
                inner: &sites.store[1],
                left: std::sync::Mutex::new(Some(commits)),
                after,
            };
            let place = Place {
                store: &cut,
                ..sites.place(1)
            };
            let before = sites.place(1).keys();
            let done = verb(&place);
            let blown = *cut.left.lock().unwrap() == Some(u32::MAX);
            assert_eq!(done.is_err(), blown, "{what}: {done:?}");
            sites.settled(&what);
            if !blown {
                return commits;
            }
            assert_eq!(done.unwrap_err().code, "R1401", "{what}");
            // All of it or nothing.
            let more = sites.place(1).keys() - before;
            assert!(more <= 1, "{what}: {more} keys");
            reset();
        }
    }
    panic!("{name} never ended");
}

#[test]
fn tr34_is_whole_wherever_the_power_is_cut() {
    let sites = Sites::new();
    let papers = &sites.papers()[0];
    let token = papers.send(&sites.place(0)).unwrap();
    let receive = |south: &Place<'_>| papers.receive(south, &token);
    let commits = cut_everywhere(&sites, "receive", &receive, &|| ());
    assert_eq!(commits, 2, "announced, entered");
    let back = &sites.papers()[1];
    let send = |south: &Place<'_>| back.send(south).map(drop);
    assert_eq!(cut_everywhere(&sites, "send", &send, &|| ()), 1);
    // A binding is there whole or not at all.
    let credential = {
        let mut custody = sites.hsm[0].open_custody().unwrap();
        let own = ("t.host@1", &papers.host);
        binding::credential(&sites.store[0], custody.as_mut(), own, &[], &ADA).unwrap()
    };
    let device = binding::OwnDevice {
        key: "t.device@1",
        certificate: &papers.device,
        trust: papers.trust(),
    };
    let bind = |south: &Place<'_>| {
        let mut custody = south.hsm.open_custody()?;
        binding::bind(south.store, custody.as_mut(), (&device, &credential), &ADA).map(drop)
    };
    let commits = cut_everywhere(&sites, "bind", &bind, &|| {
        let host = sites.bound();
        assert!(host.is_none_or(|text| text == hex::encode_upper(papers.host.to_der().unwrap())));
    });
    assert_eq!(commits, 1);
    assert!(sites.bound().is_some());
    // Let go by its host.
    let unbind = {
        let mut custody = sites.hsm[0].open_custody().unwrap();
        let of = cardwright_exchange::tr34::Binding {
            krd: &papers.device,
            kdh: &papers.host,
        };
        let letting = binding::Letting::Host {
            key: "t.host@1",
            nonce: &NONCE,
        };
        let trust = papers.trust();
        let store = &sites.store[0];
        binding::let_go(
            store,
            custody.as_mut(),
            &of,
            (letting, None),
            (&trust, &ADA),
        )
        .unwrap()
    };
    let released = |south: &Place<'_>| {
        let signed = (binding::Signed::Host(&NONCE), false);
        binding::released(south.store, (&device, &unbind), signed, &ADA).map(drop)
    };
    let again = || {
        // Done, though nobody heard of it: the device is bound anew for the next cut.
        if sites.bound().is_none() {
            bind(&sites.place(1)).unwrap();
        }
    };
    assert_eq!(cut_everywhere(&sites, "unbound", &released, &again), 1);
    assert_eq!(sites.bound(), None);
}

/// Every register and every key of a site as it stands.
fn everything(sites: &Sites) -> (Vec<RegisterRow>, usize) {
    let rows = Register::ALL
        .iter()
        .flat_map(|list| sites.store[1].register_rows(*list).unwrap());
    (rows.collect(), sites.place(1).keys())
}

#[test]
fn a_key_token_with_a_changed_octet_is_refused_and_leaves_nothing() {
    let sites = Sites::new();
    let papers = &sites.papers()[0];
    let token = papers.send(&sites.place(0)).unwrap();
    let before = everything(&sites);
    let refused = |changed: &[u8], what: String| {
        let done = papers.receive(&sites.place(1), changed);
        let error = done.err().unwrap_or_else(|| panic!("{what} was taken"));
        assert_eq!(error.code, "R1384", "{what}: {error}");
        assert_eq!(everything(&sites), before, "{what}");
    };
    // All of the ends, every seventh octet between them.
    let ends = |at: &usize| *at < 96 || *at + 96 >= token.len() || at % 7 == 3;
    for at in (0..token.len()).filter(ends) {
        let mut changed = token.clone();
        changed[at] ^= 1 << (at % 8);
        refused(&changed, format!("octet {at}"));
    }
    for length in (0..token.len()).step_by(13) {
        refused(&token[..length], format!("{length} octets"));
    }
    refused(&[token.as_slice(), &[0]].concat(), "longer".to_owned());
    papers.receive(&sites.place(1), &token).unwrap();
    sites.settled("after all");
}

//! Key management while its token fails: keys made, taken in, given out and destroyed by a clerk, with a
//! fault at every call. Inventory and HSM agree afterwards, nothing is left pending, the audit chain is
//! whole, and the same act works. And a site of two tokens, one of which is away for a while.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_keys::exchange::{Carrier, Giving, Taking, give, take};
use cardwright_keys::inventory::{Act, NewEntry, Origin, People, Wish};
use cardwright_keys::{Clerk, KeysError};
use cardwright_pkcs11::settings::TokenName;
use cardwright_pkcs11::{HostMemory, Pin, Pkcs11Hsm, Relogin, Settings};
use cardwright_ports::custody::{CustodyHsm, Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::store::Store;
use cardwright_standards::key_policy::{Day, Form};
use cardwright_store::MemoryStore;
use cardwright_tests::{
    station::{Said, Station},
    token,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const NOW: i64 = 1_795_000_000;
const DAY_SECONDS: i64 = 86_400;
const GROUND: &str = "CARDWRIGHT_BAD_DAYS";
const PLAN: &str = "CARDWRIGHT_FAULTS_PLAN";

/// The module that fails by plan; it was built with the tests.
fn faults_module() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let files = std::fs::read_dir(own.parent().unwrap()).unwrap().flatten();
    let mut found: Vec<PathBuf> = files
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libcardwright_pkcs11_faults") && name.ends_with(".so")
        })
        .collect();
    found.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
    found.pop().expect("cargo builds it with the tests")
}

/// Runs a test again in a process of its own, whose environment names a fresh token and a plan of faults.
fn with_faults(test: &str, body: impl FnOnce(Settings)) {
    if std::env::var_os(GROUND).is_some() {
        let tokens = vec![TokenName::Label("site".to_owned())];
        let pin = Pin::new(token::PIN.as_bytes().to_vec()).unwrap();
        let mut settings = Settings::new(faults_module(), tokens, pin);
        settings.host_memory = HostMemory::Allowed;
        settings.relogin = Relogin::Always;
        settings.test_only = true;
        settings.deadline = std::time::Duration::from_secs(60);
        return body(settings);
    }
    let folder = tempfile::tempdir().unwrap();
    let (settings, _) = token::make(folder.path(), &["site"]);
    let plan = folder.path().join("plan");
    std::fs::write(&plan, "").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(GROUND, folder.path())
        .env("SOFTHSM2_CONF", settings)
        .env("CARDWRIGHT_FAULTS_MODULE", Path::new(token::module()))
        .env(PLAN, &plan)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{why}"
    );
}

/// Changes the plan of faults. Each plan has a number, so that calls are counted anew.
fn plan(number: &mut u32, fault: &str) {
    *number += 1;
    let text = match fault {
        "" => String::new(),
        fault => format!("# {number}\n{fault}\n"),
    };
    std::fs::write(std::env::var_os(PLAN).unwrap(), text).unwrap();
}

const ADA: People<'static> = People {
    who: "Ada Olsen",
    second: Some("Ben Ruiz"),
    at: NOW,
};

fn entry(name: &str, usage: KeyUse, algorithm: KeyAlgorithm) -> NewEntry {
    NewEntry {
        name: name.to_owned(),
        version: None,
        owner: "issuing".to_owned(),
        usage,
        algorithm,
        exportability: Exportability::Sensitive,
        zone: "production".to_owned(),
        origin: Origin::Generated {},
        custodians: Vec::new(),
        period: (Some(NOW - DAY_SECONDS), Some(NOW + 300 * DAY_SECONDS)),
        check_values: Vec::new(),
        transient: false,
    }
}

struct Desk<'d> {
    store: &'d MemoryStore,
    hsm: &'d Pkcs11Hsm,
    wrapped: Vec<u8>,
}

impl Desk<'_> {
    fn clerk<T>(
        &self,
        act: impl FnOnce(&mut Clerk<'_>) -> Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        let mut custody = self.hsm.open_custody()?;
        act(&mut Clerk::new(self.store, custody.as_mut()))
    }

    fn act(&self, what: &str) -> Result<(), KeysError> {
        match what {
            "make" => {
                let key = entry("d.cvk", KeyUse::CardVerification, KeyAlgorithm::Tdes2);
                self.clerk(|clerk| clerk.generate(&key, &ADA)).map(drop)
            }
            "take" => {
                let taking = Taking {
                    wrapped: &self.wrapped,
                    form: Form::AesKeyWrap,
                    carrier: Carrier::Under("d.kek@1"),
                    key: entry("d.kmc", KeyUse::CardIssuance, KeyAlgorithm::Aes128),
                    from: "Aurora Bank",
                    unknown_blocks: false,
                    exception: None,
                    today: Day::new(2026, 11, 18).unwrap(),
                };
                let mut custody = self.hsm.open_custody()?;
                take(self.store, custody.as_mut(), &taking, &ADA).map(drop)
            }
            "give" => self.given().map(drop),
            _ => {
                let label = self.victim()?;
                let wish = Wish {
                    label: &label,
                    why: "",
                    ..Wish::default()
                };
                self.clerk(|clerk| clerk.act(Act::Destroy, &wish, &ADA))
                    .map(drop)
            }
        }
    }

    fn given(&self) -> Result<Vec<u8>, KeysError> {
        let giving = Giving {
            label: "d.out@1",
            form: Form::AesKeyWrap,
            carrier: Carrier::Under("d.kek@1"),
            to: "Processor",
            mode: None,
            exportability: None,
            blocks: &[],
            exception: None,
            today: Day::new(2026, 11, 18).unwrap(),
        };
        let mut custody = self.hsm.open_custody()?;
        let given = give(self.store, custody.as_mut(), &giving, &ADA)?;
        Ok(given.wrapped)
    }

    /// A key that is to be destroyed: the newest that was made.
    fn victim(&self) -> Result<String, KeysError> {
        self.clerk(|clerk| {
            let inventory = clerk.inventory()?;
            let mut all = inventory.versions("d.cvk").rev();
            let found = all.find(|e| e.state.name() == "pre_active");
            Ok(found.map_or_else(|| "d.none@1".to_owned(), |e| e.label()))
        })
    }

    /// Nothing is pending, inventory and HSM agree, the log is whole.
    fn settled(&self, what: &str) {
        self.clerk(|clerk| clerk.recover(&ADA))
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let differences = self.clerk(|clerk| clerk.compare(false)).unwrap();
        assert!(differences.is_empty(), "{what}: {differences:?}");
        let pending = self.clerk(|clerk| {
            let inventory = clerk.inventory()?;
            Ok(inventory.entries().filter(|e| e.pending.is_some()).count())
        });
        assert_eq!(pending.unwrap(), 0, "{what}");
        let audit = self.store.verify_audit().unwrap();
        assert!(audit.findings.is_empty(), "{what}");
    }

    /// How often an act calls each function.
    fn calls(&self, act: &str) -> BTreeMap<&'static str, u64> {
        self.prepared(act);
        self.act(act).unwrap();
        self.prepared(act);
        let before = self.hsm.calls();
        self.act(act).unwrap();
        let rise = |(function, count): (&'static str, u64)| {
            let more = count - before.get(function).copied().unwrap_or_default();
            (more > 0).then_some((function, more))
        };
        self.hsm.calls().into_iter().filter_map(rise).collect()
    }

    fn prepared(&self, act: &str) {
        if act == "destroy" {
            self.act("make").unwrap();
        }
    }
}

/// Full, removed, gone, failed, session lost, logged out.
const BAD: [u64; 6] = [0x31, 0x32, 0xE0, 0x30, 0xB3, 0x101];

#[test]
fn a_clerk_at_a_failing_token_leaves_everything_whole() {
    with_faults(
        "a_clerk_at_a_failing_token_leaves_everything_whole",
        |settings| {
            let hsm = Pkcs11Hsm::open(settings).unwrap();
            hsm.prepare().unwrap();
            let store = MemoryStore::new();
            let mut desk = Desk {
                store: &store,
                hsm: &hsm,
                wrapped: Vec::new(),
            };
            for (name, usage, algorithm) in [
                ("d.kek", KeyUse::Transport, KeyAlgorithm::Aes256),
                ("d.out", KeyUse::CardIssuance, KeyAlgorithm::Aes128),
            ] {
                let key = entry(name, usage, algorithm);
                desk.clerk(|clerk| clerk.generate(&key, &ADA)).unwrap();
                let wish = Wish {
                    label: &format!("{name}@1"),
                    from: Some(NOW - DAY_SECONDS),
                    to: Some(NOW + 300 * DAY_SECONDS),
                    ..Wish::default()
                };
                desk.clerk(|clerk| clerk.act(Act::Activate, &wish, &ADA))
                    .unwrap();
            }
            desk.wrapped = desk.given().unwrap();
            let (mut number, mut refused) = (0, 0);
            for act in ["make", "take", "give", "destroy"] {
                for (function, count) in desk.calls(act) {
                    for call in 1..=count.min(6) {
                        refused += u32::from(fails(&desk, &mut number, act, (function, call)));
                    }
                }
            }
            assert!(refused > 40, "{refused}");
        },
    );
}

/// One act under one fault; whether it failed.
fn fails(desk: &Desk<'_>, number: &mut u32, act: &str, (function, call): (&str, u64)) -> bool {
    desk.prepared(act);
    let value = BAD[*number as usize / 2 % BAD.len()];
    let how = ["return", "after"][*number as usize % 2];
    let fault = format!("{function} {call} {how} {value}");
    let what = format!("{act} under {fault}");
    plan(number, &fault);
    let done = desk.act(act);
    plan(number, "");
    if let Err(e) = &done {
        let text = format!("{e} {e:?}");
        assert!(
            e.code.starts_with("R13") && text.len() > 40,
            "{what}: {text}"
        );
        assert!(!text.contains(token::PIN), "{what}: {text}");
    }
    desk.settled(&what);
    if done.is_err() {
        desk.prepared(act);
        desk.act(act)
            .unwrap_or_else(|e| panic!("after {what}: {e}"));
    }
    done.is_err()
}

fn say(station: &Station, words: &str) -> Said {
    let words: Vec<&str> = words.split_whitespace().collect();
    station.say(&words)
}

const MORE: &str = "host_memory = \"allowed\"\ntest_only = true\nrest_ms = 0\n";

fn generate(station: &Station, name: &str, exportability: &str) -> Said {
    let words = format!(
        "keys generate {name} --use card_verification --algorithm tdes2 --owner issuing --who Ada \
         --exportability {exportability}"
    );
    say(station, &words)
}

#[test]
fn a_site_of_two_tokens_one_of_which_is_away() {
    let (station, folders) = token::site_of(&["first", "second"], MORE);
    say(&station, "hsm prepare").expect(0);
    generate(&station, "aurora.one", "exportable").expect(0);
    say(&station, "keys check").expect(0);
    // Away: the station does not even begin, and says which one is missing.
    let away = station.path("away");
    std::fs::rename(&folders[1], &away).unwrap();
    let said = generate(&station, "aurora.two", "exportable");
    assert!(
        said.err.contains("R1325") && said.err.contains("second"),
        "{}",
        said.err
    );
    // The site goes on with the first one.
    let path = station.site().join("site.toml");
    let both = std::fs::read_to_string(&path).unwrap();
    let alone = both.replace("[\"first\", \"second\"]", "[\"first\"]");
    assert_ne!(alone, both);
    std::fs::write(&path, alone).unwrap();
    generate(&station, "aurora.two", "exportable").expect(0);
    generate(&station, "aurora.stays", "non_exportable").expect(0);
    say(&station, "keys check").expect(0);
    // Back: what it lacks is named, copied, or said to be beyond copying.
    std::fs::rename(&away, &folders[1]).unwrap();
    std::fs::write(&path, both).unwrap();
    let said = say(&station, "keys check").expect(5);
    assert!(
        said.out.contains("aurora.two@1") && said.out.contains("aurora.stays@1"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("second") && !said.out.contains("aurora.one"),
        "{}",
        said.out
    );
    let listed = say(&station, "keys check --format json").expect(5).json();
    assert_eq!(
        listed["differences"][0]["kind"], "not_everywhere",
        "{listed}"
    );
    let copy = |key: &str| say(&station, &format!("keys copy {key} --who Ada"));
    let said = copy("aurora.two@1").expect(0);
    assert!(said.out.contains("check value ecb"), "{}", said.out);
    let said = copy("aurora.stays@1");
    assert!(said.err.contains("R1374"), "{}", said.err);
    let said = copy("aurora.nobody@1");
    assert!(
        said.err.contains("no key `aurora.nobody@1`"),
        "{}",
        said.err
    );
    for who in ["Ada", "Ben"] {
        let words = format!("keys destroy aurora.stays@1 --who {who}");
        say(&station, &words).expect(0);
    }
    say(&station, "keys check").expect(0);
    say(&station, "audit verify").expect(0);
}

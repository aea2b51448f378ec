//! Verbs of key management under faults, at a site whose keys are in a token that fails by plan. After
//! every fault inventory and token agree, nothing is pending, the audit chain is whole, and the verb works.

use crate::token;
use cardwright_keys::inventory::{NewEntry, Origin, People};
use cardwright_keys::{Clerk, KeysError};
use cardwright_pkcs11::settings::TokenName;
use cardwright_pkcs11::{HostMemory, Pin, Pkcs11Hsm, Relogin, Settings};
use cardwright_ports::custody::{CustodyHsm, Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::store::Store;
use cardwright_store::MemoryStore;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// When the tests' people work, seconds since 1970.
pub const NOW: i64 = 1_795_000_000;
/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;
const GROUND: &str = "CARDWRIGHT_BAD_DAYS";
const PLAN: &str = "CARDWRIGHT_FAULTS_PLAN";

/// Two people.
pub const ADA: People<'static> = People {
    who: "Ada Olsen",
    second: Some("Ben Ruiz"),
    at: NOW,
};

/// Full, removed, gone, failed, session lost, logged out.
const BAD: [u64; 6] = [0x31, 0x32, 0xE0, 0x30, 0xB3, 0x101];

/// The module that fails by plan; it was built with the tests.
fn faults_module() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let folder = own.parent().expect("its folder");
    let files = std::fs::read_dir(folder).expect("its folder").flatten();
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
pub fn with_faults(test: &str, body: impl FnOnce(Settings)) {
    if std::env::var_os(GROUND).is_some() {
        return body(settings());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, _) = token::make(folder.path(), &["site"]);
    let plan = folder.path().join("plan");
    std::fs::write(&plan, "").expect("a file");
    let output = Command::new(std::env::current_exe().expect("the test's own path"))
        .args([test, "--exact", "--nocapture"])
        .env(GROUND, folder.path())
        .env("SOFTHSM2_CONF", settings)
        .env("CARDWRIGHT_FAULTS_MODULE", Path::new(token::module()))
        .env(PLAN, &plan)
        .output()
        .expect("the test runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{why}"
    );
}

/// Settings of the token behind the faults.
pub fn settings() -> Settings {
    let tokens = vec![TokenName::Label("site".to_owned())];
    let pin = Pin::new(token::PIN.as_bytes().to_vec()).expect("a PIN");
    let mut settings = Settings::new(faults_module(), tokens, pin);
    settings.host_memory = HostMemory::Allowed;
    settings.relogin = Relogin::Always;
    settings.test_only = true;
    settings.deadline = std::time::Duration::from_secs(60);
    settings
}

/// Changes the plan of faults. Each plan has a number, so that calls are counted anew.
pub fn plan(number: &mut u32, fault: &str) {
    *number += 1;
    let text = match fault {
        "" => String::new(),
        fault => format!("# {number}\n{fault}\n"),
    };
    let path = std::env::var_os(PLAN).expect("a plan");
    std::fs::write(path, text).expect("a file");
}

/// A key that is to be made, in use for a year.
pub fn entry(name: &str, usage: KeyUse, algorithm: KeyAlgorithm) -> NewEntry {
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

/// A site with verbs that may be tried under faults.
pub trait Desk {
    /// Its store.
    fn store(&self) -> &MemoryStore;
    /// Its HSM.
    fn hsm(&self) -> &Pkcs11Hsm;
    /// What a verb needs before each good try of it.
    fn prepare(&self, verb: &str);
    /// Tries a verb.
    fn act(&self, verb: &str) -> Result<(), KeysError>;

    /// Tries it once more after it was refused: nothing of it was kept or used up.
    fn again(&self, verb: &str) -> Result<(), KeysError> {
        self.act(verb)
    }

    /// Lets a clerk work.
    fn clerk<T>(
        &self,
        act: impl FnOnce(&mut Clerk<'_>) -> Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        let mut custody = self.hsm().open_custody()?;
        act(&mut Clerk::new(self.store(), custody.as_mut()))
    }

    /// Nothing is pending, inventory and HSM agree, the log is whole.
    fn settled(&self, what: &str) {
        self.clerk(|clerk| clerk.recover(&ADA))
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let differences = self.clerk(|clerk| clerk.compare(false));
        let differences = differences.expect("a comparison");
        assert!(differences.is_empty(), "{what}: {differences:?}");
        let pending = self.clerk(|clerk| {
            let inventory = clerk.inventory()?;
            Ok(inventory.entries().filter(|e| e.pending.is_some()).count())
        });
        assert_eq!(pending, Ok(0), "{what}");
        let audit = self.store().verify_audit().expect("a log");
        assert!(audit.findings.is_empty(), "{what}");
    }

    /// How often a verb calls each function.
    fn calls(&self, verb: &str) -> BTreeMap<&'static str, u64> {
        // Once before: sessions are opened and the driver's own keys are found once.
        self.prepare(verb);
        self.act(verb).unwrap_or_else(|e| panic!("{verb}: {e}"));
        self.prepare(verb);
        let before = self.hsm().calls();
        self.act(verb).unwrap_or_else(|e| panic!("{verb}: {e}"));
        let rise = |(function, count): (&'static str, u64)| {
            let more = count - before.get(function).copied().unwrap_or_default();
            (more > 0).then_some((function, more))
        };
        self.hsm().calls().into_iter().filter_map(rise).collect()
    }

    /// A verb under each fault of a token in trouble: the first calls of each function and the last;
    /// how many tries were refused.
    fn under_every_fault(&self, number: &mut u32, verb: &str) -> u32 {
        let mut refused = 0;
        for (function, count) in self.calls(verb) {
            for call in (1..=count).filter(|call| *call <= 6 || *call == count) {
                let turn = *number as usize / 2;
                let value = BAD[turn % BAD.len()];
                let how = ["return", "after"][turn / BAD.len() % 2];
                let fault = format!("{function} {call} {how} {value}");
                refused += u32::from(self.fails(number, verb, &fault).is_some());
            }
        }
        refused
    }

    /// One verb under one fault; what it was refused with.
    fn fails(&self, number: &mut u32, verb: &str, fault: &str) -> Option<KeysError> {
        self.prepare(verb);
        let what = format!("{verb} under {fault}");
        plan(number, fault);
        let done = self.act(verb);
        plan(number, "");
        if let Err(e) = &done {
            let text = format!("{e} {e:?}");
            assert!(
                e.code.starts_with("R13") && text.len() > 40,
                "{what}: {text}"
            );
            assert!(!text.contains(token::PIN), "{what}: {text}");
        }
        self.settled(&what);
        if done.is_err() {
            self.again(verb)
                .unwrap_or_else(|e| panic!("after {what}: {e}"));
        }
        done.err()
    }
}

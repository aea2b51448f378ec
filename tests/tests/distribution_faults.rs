//! Packages between sites and TR-34 while things go wrong: a token that fails at every call, or answers
//! wrongly or late. Each time a clear code, inventory and token agree, nothing is half-stored, the audit
//! chain is whole, and the same verb works afterwards, with the same file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

mod distribution;

use cardwright_keys::KeysError;
use cardwright_keys::inventory::NewEntry;
use cardwright_keys::packages::{PackageState, packages};
use cardwright_pkcs11::Pkcs11Hsm;
use cardwright_ports::custody::{Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_soft_hsm::SoftHsm;
use cardwright_store::MemoryStore;
use cardwright_tests::desk::{ADA, Desk, entry, plan, settings, with_faults};
use distribution::*;
use std::cell::{Cell, RefCell};
use std::path::Path;

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

/// An answer that comes after the deadline: the verb is refused with a code, and when the call has come
/// to its end nothing of it is left, inventory and token agree, and the verb works.
fn late_answers(test: &str, verb: &str) {
    with_faults(test, |_| {
        let folder = tempfile::tempdir().unwrap();
        let mut counter = Counter::new(folder.path());
        let calls = counter.calls(verb);
        let mut settings = settings();
        settings.deadline = std::time::Duration::from_secs(3);
        counter.hsm = Pkcs11Hsm::open(settings).unwrap();
        let mut number = 0;
        let mut tried = 0;
        for function in [
            "C_CreateObject",
            "C_UnwrapKey",
            "C_WrapKey",
            "C_Decrypt",
            "C_Sign",
        ] {
            if !calls.contains_key(function) {
                continue;
            }
            tried += 1;
            let what = format!("{verb}, {function} late");
            counter.prepare(verb);
            // What keeps a key has twelve times as long as other calls.
            let delay = match function {
                "C_CreateObject" | "C_UnwrapKey" => 42_000,
                _ => 8_000,
            };
            plan(&mut number, &format!("{function} 1 delay {delay}"));
            let refused = counter.act(verb).err();
            plan(&mut number, "");
            let e = refused.unwrap_or_else(|| panic!("{what}: nothing was late"));
            let text = format!("{e} {e:?}");
            assert!(text.contains("R1328"), "{what}: {text}");
            // The call that was given up comes to its end; other work goes on meanwhile.
            while counter.hsm.status()[0].late > 0 {
                counter.north().keys();
            }
            counter.settled(&what);
            let again = counter.act(verb);
            again.unwrap_or_else(|e| panic!("after {what}: {e}"));
        }
        assert!(tried > 0, "{verb}: {calls:?}");
    });
}

#[test]
fn a_package_is_made_though_the_token_answers_late() {
    late_answers("a_package_is_made_though_the_token_answers_late", "pack");
}

#[test]
fn a_package_is_opened_though_the_token_answers_late() {
    late_answers("a_package_is_opened_though_the_token_answers_late", "open");
}

#[test]
fn a_key_token_is_made_though_the_token_answers_late() {
    late_answers("a_key_token_is_made_though_the_token_answers_late", "send");
}

#[test]
fn a_key_token_is_taken_in_though_the_token_answers_late() {
    late_answers(
        "a_key_token_is_taken_in_though_the_token_answers_late",
        "receive",
    );
}

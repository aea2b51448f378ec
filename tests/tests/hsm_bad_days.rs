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

use cardwright_keys::KeysError;
use cardwright_keys::exchange::{Carrier, Giving, Taking, give, take};
use cardwright_keys::inventory::{Act, Wish};
use cardwright_pkcs11::Pkcs11Hsm;
use cardwright_ports::custody::{CustodyHsm, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::key_policy::{Day, Form};
use cardwright_store::MemoryStore;
use cardwright_tests::{
    desk::{ADA, DAY_SECONDS, Desk, NOW, entry, with_faults},
    station::{Said, Station},
    token,
};

struct Bank<'d> {
    store: &'d MemoryStore,
    hsm: &'d Pkcs11Hsm,
    wrapped: Vec<u8>,
}

impl Bank<'_> {
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
}

impl Desk for Bank<'_> {
    fn store(&self) -> &MemoryStore {
        self.store
    }

    fn hsm(&self) -> &Pkcs11Hsm {
        self.hsm
    }

    fn prepare(&self, verb: &str) {
        if verb == "destroy" {
            self.act("make").unwrap();
        }
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

    fn again(&self, verb: &str) -> Result<(), KeysError> {
        // What was cut off in the middle of a destruction was ended: another key is to be destroyed.
        self.prepare(verb);
        self.act(verb)
    }
}

#[test]
fn a_clerk_at_a_failing_token_leaves_everything_whole() {
    with_faults(
        "a_clerk_at_a_failing_token_leaves_everything_whole",
        |settings| {
            let hsm = Pkcs11Hsm::open(settings).unwrap();
            hsm.prepare().unwrap();
            let store = MemoryStore::new();
            let mut desk = Bank {
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
                refused += desk.under_every_fault(&mut number, act);
            }
            assert!(refused > 40, "{refused}");
        },
    );
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

/// What asks nothing of the HSM works while a token is away: above all, that a key is taken out of use.
fn without_the_token(station: &Station) {
    let page = station.path("away.html").to_string_lossy().into_owned();
    for words in [
        "list",
        "show aurora.one@1",
        "use",
        &format!("report --out {page}"),
        "package list",
        "activate aurora.one --until 2100-01-01 --who Ada",
        "suspend aurora.one --who Ada",
        "resume aurora.one@1 --who Ada --second Ben",
        "retire aurora.one --who Ada",
        "compromise aurora.one@1 --who Ada --second Ben --why lost",
        "due --days 1",
    ] {
        let said = say(station, &format!("keys {words}"));
        let due = i32::from(words.starts_with("due"));
        assert_eq!(said.code, Some(due), "{words}: {}", said.err);
    }
    let shown = say(station, "keys show aurora.one@1 --format json").expect(0);
    assert_eq!(shown.json()["keys"][0]["state"], "compromised");
    // What needs every token is refused, and says which one is away.
    for words in [
        "destroy aurora.one@1 --who Ada --second Ben",
        "check",
        "public-key aurora.one@1",
    ] {
        let said = say(station, &format!("keys {words}")).expect(5);
        assert!(said.err.contains("R1325"), "{words}: {}", said.err);
        assert!(said.err.contains("token second away"), "{}", said.err);
    }
    let shown = say(station, "keys show aurora.one@1 --format json").expect(0);
    assert_eq!(shown.json()["keys"][0]["state"], "compromised");
    say(station, "audit verify").expect(0);
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
    for words in ["R1325", "token second away", "token first there"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    without_the_token(&station);
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

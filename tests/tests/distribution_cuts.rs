//! TR-34 with the power cut before and after every commit, and files with a changed octet: all of a verb is
//! done or nothing, inventory and HSM agree, the audit chain is whole, and the verb can be said again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

mod distribution;

use cardwright_exchange::Certificate;
use cardwright_keys::exchange::{binding, tr34};
use cardwright_keys::{KeysError, Ledger};
use cardwright_ports::StoreError;
use cardwright_ports::custody::CustodyHsm;
use cardwright_ports::register::{Register, RegisterRow, Registers};
use cardwright_ports::store::{Batch, Store};
use cardwright_soft_hsm::SoftHsm;
use cardwright_store::MemoryStore;
use cardwright_tests::desk::ADA;
use distribution::*;
use std::cell::Cell;

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
    one_pass_is_whole(&sites);
    papers_are_whole(&sites);
    a_rebinding_is_whole(&sites, &device);
    // Let go by its host.
    let unbind = let_go(&sites.place(0), papers, None).unwrap();
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

/// One pass: a token that was tried is used up, whether a key came of it or not; the next one comes
/// later.
fn one_pass_is_whole(sites: &Sites) {
    let papers = &sites.papers()[0];
    let sent = Cell::new(papers.now);
    let last = || {
        let rows = binding::bindings(&sites.store[1]).unwrap();
        rows.into_iter().find_map(|(_, row)| row.last_time)
    };
    let one_pass = |south: &Place<'_>| {
        sent.set(sent.get() + 1);
        let fresh = (tr34::Fresh::Window(60), sent.get());
        let token = papers
            .send_fresh(&sites.place(0), None, sent.get())
            .unwrap();
        let done = papers.receive_fresh(south, &token, fresh);
        // Used up, or nothing of it was noted; it makes no second key in any case.
        let keys = sites.place(1).keys();
        if last() == Some(sent.get()) {
            let again = papers.receive_fresh(&sites.place(1), &token, fresh);
            assert_eq!(again.unwrap_err().code, "R1384");
            assert_eq!(sites.place(1).keys(), keys);
        } else {
            assert!(done.is_err());
        }
        done
    };
    let commits = cut_everywhere(sites, "one pass", &one_pass, &|| ());
    assert_eq!(commits, 3, "its time, announced, entered");
}

/// What a site gives out on the way to TR-34: a request, a credential, a token that lets go.
fn papers_are_whole(sites: &Sites) {
    let back = &sites.papers()[1];
    let requested = |south: &Place<'_>| {
        let mut custody = south.hsm.open_custody()?;
        let of = ("t.host@1", "CN=South");
        binding::request(south.store, custody.as_mut(), of, &ADA).map(drop)
    };
    assert_eq!(cut_everywhere(sites, "request", &requested, &|| ()), 1);
    let credential = |south: &Place<'_>| {
        let mut custody = south.hsm.open_custody()?;
        let own = ("t.host@1", &back.host);
        binding::credential(south.store, custody.as_mut(), own, &[], &ADA).map(drop)
    };
    assert_eq!(cut_everywhere(sites, "credential", &credential, &|| ()), 1);
    let letting = |south: &Place<'_>| let_go(south, back, None).map(drop);
    assert_eq!(cut_everywhere(sites, "unbind", &letting, &|| ()), 1);
}

/// A token by which the host of these papers lets their device go.
fn let_go(
    host: &Place<'_>,
    papers: &Papers,
    to: Option<&Certificate>,
) -> Result<Vec<u8>, KeysError> {
    let mut custody = host.hsm.open_custody()?;
    let of = cardwright_exchange::tr34::Binding {
        krd: &papers.device,
        kdh: &papers.host,
    };
    let letting = binding::Letting::Host {
        key: "t.host@1",
        nonce: &NONCE,
    };
    let trust = papers.trust();
    let around = (letting, to);
    binding::let_go(host.store, custody.as_mut(), &of, around, (&trust, &ADA))
}

/// South's device goes from north's host to south's own, and back.
fn a_rebinding_is_whole(sites: &Sites, device: &binding::OwnDevice<'_>) {
    let [papers, back] = sites.papers();
    let text = |certificate: &Certificate| Some(hex::encode_upper(certificate.to_der().unwrap()));
    let there = let_go(&sites.place(0), papers, Some(&back.host)).unwrap();
    let other = Papers {
        host: back.host.clone(),
        device: papers.device.clone(),
        anchors: papers.anchors.clone(),
        now: papers.now,
    };
    let home = let_go(&sites.place(1), &other, Some(&papers.host)).unwrap();
    let rebound = |south: &Place<'_>, token: &[u8]| {
        let signed = (binding::Signed::Host(&NONCE), true);
        binding::released(south.store, (device, token), signed, &ADA).map(drop)
    };
    let again = || {
        // Done, though nobody heard of it; else as it was.
        if sites.bound() == text(&back.host) {
            rebound(&sites.place(1), &home).unwrap();
        }
        assert_eq!(sites.bound(), text(&papers.host));
    };
    let verb = |south: &Place<'_>| rebound(south, &there);
    assert_eq!(cut_everywhere(sites, "rebound", &verb, &again), 1);
    assert_eq!(sites.bound(), text(&back.host));
    again();
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

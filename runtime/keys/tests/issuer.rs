//! Issuer certificates from request to renewal, with a local test CA; what does not hold is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cardwright_exchange::issuer::Month;
use cardwright_exchange::issuer::forms::RequestFields;
use cardwright_exchange::issuer::import::CertificateFile;
use cardwright_exchange::issuer::request::OpenRequest;
use cardwright_keys::inventory::{Act, NewEntry, Origin, People, Wish};
use cardwright_keys::issuer::{
    Asking, CertificateRow, Issued, add_authorities, ask, authorities, authority_of_key,
    certificates, certify, import, successor,
};
use cardwright_keys::{Clerk, KeysError, Ledger};
use cardwright_ports::custody::{CustodyHsm, Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::store::Store;
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::emv::certificates::recover_issuer_certificate;
use cardwright_store::MemoryStore;
use std::process::Command;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;
const RID: [u8; 5] = [0xF0, 0, 0, 0, 0x92];
const ISSUER: &str = "aurora.issuer_rsa@1";
const CA: &str = "open.test_ca@1";

fn both() -> People<'static> {
    People {
        who: "Anna Berg",
        second: Some("Bela Nagy"),
        at: NOW,
    }
}

fn month(text: &str) -> Month {
    Month::from_mmyy(text).unwrap()
}

fn code<T>(result: Result<T, KeysError>) -> &'static str {
    result.map_or_else(|e| e.code, |_| "accepted")
}

struct Bank {
    store: MemoryStore,
    hsm: SoftHsm,
}

impl Bank {
    fn new() -> Self {
        let bank = Self {
            store: MemoryStore::new(),
            hsm: SoftHsm::in_memory([4; 32]).unwrap(),
        };
        bank.generate("open.test_ca", 1408, KeyUse::EmvCaPrivate);
        bank.generate("aurora.issuer_rsa", 1152, KeyUse::EmvIssuerPrivate);
        bank
    }

    fn generate(&self, name: &str, bits: u32, usage: KeyUse) {
        let key = NewEntry {
            name: name.into(),
            version: None,
            owner: "Aurora Bank".into(),
            usage,
            algorithm: KeyAlgorithm::Rsa { bits, exponent: 3 },
            exportability: Exportability::NonExportable,
            zone: "production".into(),
            origin: Origin::Generated {},
            custodians: Vec::new(),
            period: (None, None),
            check_values: Vec::new(),
            transient: false,
        };
        let mut custody = self.hsm.open_custody().unwrap();
        let mut clerk = Clerk::new(&self.store, custody.as_mut());
        clerk.generate(&key, &both()).unwrap();
    }

    fn ask(&self, asking: &Asking<'_>) -> Result<Issued, KeysError> {
        let mut custody = self.hsm.open_custody().unwrap();
        ask(&self.store, custody.as_mut(), asking, &both())
    }

    fn certify(&self, issued: &Issued) -> CertificateFile {
        let mut custody = self.hsm.open_custody().unwrap();
        let files = OpenRequest {
            pkcs10: issued.pkcs10.clone().unwrap(),
            record: issued.record.clone(),
        };
        certify(custody.as_mut(), CA, (0x92, month("1235")), &files).unwrap()
    }

    fn import(&self, file: &CertificateFile, now: &str) -> Result<CertificateRow, KeysError> {
        let mut custody = self.hsm.open_custody().unwrap();
        import(
            &self.store,
            custody.as_mut(),
            (ISSUER, file, month(now)),
            &both(),
        )
    }

    fn know_ca(&self) {
        let mut custody = self.hsm.open_custody().unwrap();
        let ca = (RID, 0x92, month("1235"));
        let line = authority_of_key(custody.as_mut(), CA, ca).unwrap();
        let (_, changes) = add_authorities(&self.store, &line, &both()).unwrap();
        self.store.keep(&changes.into_batch(NOW)).unwrap();
    }
}

fn asking() -> Asking<'static> {
    Asking {
        key: ISSUER,
        form: "open",
        organization: "Aurora Bank",
        rid: RID,
        ca_index: 0x92,
        fields: RequestFields {
            issuer_identifier: "999992".into(),
            expiry: month("1230"),
            tracking: [0, 0, 7],
            service: [1, 1, 0, 0],
            key_index: [0, 0, 1],
        },
    }
}

#[test]
fn the_whole_chain_from_key_to_certificate() {
    let bank = Bank::new();
    let issued = bank.ask(&asking()).unwrap();
    assert_eq!(code(bank.ask(&asking())), "R1386", "one key, one request");
    // Anybody's tool reads the request and finds its signature right.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("request.p10");
    std::fs::write(&path, issued.pkcs10.as_ref().unwrap()).unwrap();
    let said = Command::new("openssl")
        .args(["req", "-verify", "-noout", "-inform", "DER", "-in"])
        .arg(&path)
        .output()
        .expect("OpenSSL is needed: install package openssl");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );

    let file = bank.certify(&issued);
    assert_eq!(
        code(bank.import(&file, "0126")),
        "R1386",
        "the CA is not known yet"
    );
    bank.know_ca();
    let row = bank.import(&file, "0126").unwrap();
    let held = row.certified.clone().unwrap();
    assert_eq!(
        (held.expiry.as_str(), held.serial.as_str()),
        ("1230", "000007")
    );
    // What a terminal would recover is our key.
    let keys = authorities(&bank.store).unwrap();
    let ca = keys.find(RID, 0x92).unwrap();
    let read = row.file().unwrap().unwrap();
    let recovered = recover_issuer_certificate(
        ca.public.modulus(),
        ca.exponent(),
        &read.certificate,
        &read.remainder,
        &read.exponent,
    );
    let recovered = recovered.unwrap();
    assert!(recovered.is_for("9999920000000015"));
    assert_eq!(
        code(bank.import(&file, "0126")),
        "R1386",
        "it is there already"
    );
    assert_eq!(certificates(&bank.store).unwrap().len(), 1);
    assert!(bank.store.verify_audit().unwrap().findings.is_empty());

    // The next one: a new key, the next tracking number, a later month.
    bank.generate("aurora.issuer_rsa", 1152, KeyUse::EmvIssuerPrivate);
    let next = successor(&row, "aurora.issuer_rsa@2", "1234").unwrap();
    assert_eq!(next.fields.tracking, [0, 0, 8]);
    assert_eq!(
        code(successor(&row, "aurora.issuer_rsa@2", "1230")),
        "R1386"
    );
    bank.ask(&next).unwrap();
}

#[test]
fn every_changed_octet_of_a_certificate_is_refused() {
    let bank = Bank::new();
    let issued = bank.ask(&asking()).unwrap();
    let file = bank.certify(&issued);
    bank.know_ca();
    let tlv = file.to_tlv().unwrap();
    for place in 0..tlv.len() {
        let mut changed = tlv.clone();
        changed[place] ^= 1;
        let refused = match CertificateFile::from_tlv(&changed) {
            Ok(read) => code(bank.import(&read, "0126")),
            Err(_) => "R1386",
        };
        assert_eq!(refused, "R1386", "octet {place}");
    }
    assert_eq!(code(bank.import(&file, "0131")), "R1386", "expired");
    assert_eq!(
        code(bank.import(&file, "0136")),
        "R1386",
        "the CA's key is expired"
    );
    let row = &certificates(&bank.store).unwrap()[0];
    assert_eq!(row.certified, None, "nothing was kept");
    assert!(bank.store.verify_audit().unwrap().findings.is_empty());
    assert_eq!(
        code(bank.import(&file, "1230")),
        "accepted",
        "in its last month"
    );
}

#[test]
fn requests_of_schemes_forms_and_of_unfit_keys() {
    for form in ["self-signed-record", "service-record"] {
        let bank = Bank::new();
        let mut wish = asking();
        wish.form = form;
        let issued = bank.ask(&wish).unwrap();
        assert_eq!(issued.pkcs10, None);
        assert!(issued.record.len() > 144, "{form}");
    }
    let bank = Bank::new();
    for change in [
        (|a| a.form = "nobody's") as fn(&mut Asking<'static>),
        |a| a.key = CA,
        |a| a.fields.issuer_identifier = "12".into(),
        |a| a.fields.issuer_identifier = "12345X".into(),
    ] {
        let mut wish = asking();
        change(&mut wish);
        assert_eq!(code(bank.ask(&wish)), "R1386", "{wish:?}");
    }
    let mut wish = asking();
    wish.key = "nobody.issuer@1";
    assert_eq!(code(bank.ask(&wish)), "R1350");
    // A key that may be known to others.
    let mut custody = bank.hsm.open_custody().unwrap();
    let known = Wish {
        label: ISSUER,
        why: "a lost envelope",
        ..Wish::default()
    };
    let mut clerk = Clerk::new(&bank.store, custody.as_mut());
    clerk.act(Act::Compromise, &known, &both()).unwrap();
    assert_eq!(code(bank.ask(&asking())), "R1386");
    assert!(certificates(&bank.store).unwrap().is_empty());
}

#[test]
fn ca_keys_are_added_by_two_people_with_their_checksum() {
    let bank = Bank::new();
    let mut custody = bank.hsm.open_custody().unwrap();
    let line = authority_of_key(custody.as_mut(), CA, (RID, 0x92, month("1235"))).unwrap();
    let alone = People {
        second: None,
        ..both()
    };
    assert_eq!(code(add_authorities(&bank.store, &line, &alone)), "R1352");
    let add = |text: &str| code(add_authorities(&bank.store, text, &both()));
    // A mistyped digit of the modulus is found by the checksum.
    let at = line.find("modulus=").unwrap() + 20;
    let mut mistyped = line.clone();
    let digit = if &line[at..=at] == "0" { "1" } else { "0" };
    mistyped.replace_range(at..=at, digit);
    assert_eq!(add(&mistyped), "R1386");
    assert_eq!(add(""), "R1386");
    assert_eq!(add("nonsense"), "R1386");
    assert_eq!(add(&format!("{line}\n{line}")), "R1386", "twice");
    assert_eq!(add(&line), "accepted");
    bank.know_ca();
    assert_eq!(add(&line), "R1386", "known already");
    assert_eq!(authorities(&bank.store).unwrap().iter().count(), 1);
}

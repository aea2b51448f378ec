//! Issuer certificates from request to import, with a test CA, and with OpenSSL as the third.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_exchange::issuer::Month;
use cardwright_exchange::issuer::ca_keys::{CaKey, CaKeys};
use cardwright_exchange::issuer::ecc::{self, EccIssuerCertificate};
use cardwright_exchange::issuer::forms::{self, FORMS, RequestFields, RequestForm};
use cardwright_exchange::issuer::import::{CertificateFile, Imported, Wanted, import};
use cardwright_exchange::issuer::renewal::{Due, Renewal, choose};
use cardwright_exchange::issuer::request::{self, OpenFields, OpenRequest};
use cardwright_exchange::issuer::test_ca::TestCa;
use cardwright_exchange::{ExchangeError, RsaPrivate};
use cardwright_standards::hex;
use common::{TestKey, openssl};
use std::path::Path;

const RID: [u8; 5] = [0xF0, 0x00, 0x00, 0x00, 0x92];

fn month(year: u16, month: u8) -> Month {
    Month::new(year, month).unwrap()
}

/// A key made by OpenSSL.
fn key(folder: &Path, name: &str, bits: u32, exponent: u32) -> TestKey {
    let file = format!("{name}.key");
    let (bits, exponent) = (
        format!("rsa_keygen_bits:{bits}"),
        format!("rsa_keygen_pubexp:{exponent}"),
    );
    let arguments = [
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        &bits,
        "-pkeyopt",
        &exponent,
        "-out",
        &file,
    ];
    openssl(folder, &arguments);
    TestKey::read(&folder.join(file))
}

fn fields() -> OpenFields {
    OpenFields {
        organization: "Aurora Bank".into(),
        rid: RID,
        ca_index: 0x92,
        request: RequestFields {
            issuer_identifier: "999992".into(),
            expiry: month(2031, 12),
            tracking: [0, 0, 0x17],
            service: [1, 1, 0, 0],
            key_index: [0, 0, 1],
        },
    }
}

fn code<T>(result: Result<T, ExchangeError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[test]
fn the_open_request_and_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (bits, exponent) in [(1408, 3), (1984, 65_537)] {
        let key = key(folder, "issuer", bits, exponent);
        let request = request::make(&fields(), &key).unwrap();
        std::fs::write(folder.join("request.der"), &request.pkcs10).unwrap();
        let arguments = [
            "req",
            "-inform",
            "DER",
            "-in",
            "request.der",
            "-verify",
            "-noout",
            "-text",
            "-nameopt",
            "RFC2253",
        ];
        let text = String::from_utf8(openssl(folder, &arguments)).unwrap();
        assert!(text.contains("CN=EMV issuer 999992"), "{text}");
        assert!(
            text.contains("EMV-ISSUER-1;O=Aurora Bank;RID=F000000092;INDEX=92"),
            "{text}"
        );
        let read = request::read(&request).unwrap();
        assert_eq!(read.fields, fields());
        assert_eq!(read.public, *key.public_key());
        for at in 0..request.pkcs10.len() {
            let mut changed = request.clone();
            changed.pkcs10[at] ^= 0x02;
            assert!(request::read(&changed).is_err(), "{at}");
            changed.pkcs10.truncate(at);
            assert_eq!(code(request::read(&changed)), "R1390");
        }
        for at in 0..request.record.len() {
            let mut changed = request.clone();
            changed.record[at] ^= 0x02;
            assert_eq!(code(request::read(&changed)), "R1397");
        }
        // The record of another request with this one.
        let mut later = fields();
        later.request.tracking = [0, 0, 0x18];
        let other = request::make(&later, &key).unwrap();
        let mixed = OpenRequest {
            pkcs10: request.pkcs10,
            record: other.record,
        };
        assert_eq!(code(request::read(&mixed)), "R1397");
    }
    let key = key(folder, "issuer", 1408, 3);
    for change in [
        |fields: &mut OpenFields| fields.request.issuer_identifier = "12".into(),
        |fields: &mut OpenFields| fields.request.issuer_identifier = "1234567x".into(),
        |fields: &mut OpenFields| fields.organization = "Bank; RID".into(),
        |fields: &mut OpenFields| fields.organization = String::new(),
    ] {
        let mut wrong = fields();
        change(&mut wrong);
        assert_eq!(code(request::make(&wrong, &key)), "R1397");
    }
    // Keys that EMV does not know.
    let long = self::key(folder, "long", 2048, 3);
    assert_eq!(code(request::make(&fields(), &long)), "R1397");
    let odd = self::key(folder, "odd", 1408, 17);
    assert_eq!(code(request::make(&fields(), &odd)), "R1397");
}

#[test]
fn every_form_is_signed_as_its_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = key(folder, "issuer", 1408, 3);
    let public = key.public_key();
    for form in FORMS {
        let fields = fields().request;
        let request = forms::build(form, &fields, &key).unwrap();
        assert!(forms::verify(form, &fields, public, &request).is_ok());
        // OpenSSL opens the signed block with the bare public operation.
        let signature = &request[request.len() - 176..];
        std::fs::write(folder.join("signature.bin"), signature).unwrap();
        let arguments = [
            "pkeyutl",
            "-verifyrecover",
            "-inkey",
            "issuer.key",
            "-in",
            "signature.bin",
            "-pkeyopt",
            "rsa_padding_mode:none",
        ];
        let block = openssl(folder, &arguments);
        assert_eq!((block[0], block[175]), (0x6A, 0xBC), "{}", form.name);
        let digits: &[u8] = &[0x99, 0x99, 0x92, 0xFF];
        assert!(block.windows(4).any(|part| part == digits), "{}", form.name);
        assert!(
            block.windows(2).any(|part| part == [0x12, 0x31]),
            "{}",
            form.name
        );
        for at in 0..request.len() {
            let mut changed = request.clone();
            changed[at] ^= 0x40;
            assert!(
                forms::verify(form, &fields, public, &changed).is_err(),
                "{at}"
            );
        }
        assert!(forms::verify(form, &fields, public, &request[..request.len() - 1]).is_err());
    }
    assert_eq!(FORMS.iter().filter(|form| form.verified).count(), 1);
    assert!(RequestForm::of("open").is_some_and(|form| form.verified));
}

struct Chain {
    issuer: TestKey,
    ca: TestKey,
    keys: CaKeys,
    file: CertificateFile,
}

fn chain(folder: &Path, issuer_bits: u32, change: impl FnOnce(&mut OpenFields)) -> Chain {
    let issuer = key(folder, "issuer", issuer_bits, 3);
    let ca = key(folder, "ca", 1536, 65_537);
    let mut asked = fields();
    change(&mut asked);
    let request = request::make(&asked, &issuer).unwrap();
    let authority = TestCa {
        rid: RID,
        index: 0x92,
        key: &ca,
        expiry: month(2032, 12),
    };
    let file = authority
        .certify(&request::read(&request).unwrap())
        .unwrap();
    let mut keys = CaKeys::default();
    keys.add(authority.ca_key()).unwrap();
    Chain {
        issuer,
        ca,
        keys,
        file,
    }
}

fn wanted(chain: &Chain) -> Wanted<'_> {
    Wanted {
        rid: RID,
        issuer_identifier: "999992",
        public: chain.issuer.public_key(),
        now: month(2026, 11),
    }
}

#[test]
fn the_whole_chain() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // With and without a remainder: 192 - 36 octets have place.
    for (bits, remainder) in [(1408, 20), (1152, 0)] {
        let chain = chain(folder, bits, |_| {});
        assert_eq!(chain.file.remainder.len(), remainder);
        // OpenSSL opens the certificate with the CA's key.
        std::fs::write(folder.join("certificate.bin"), &chain.file.certificate).unwrap();
        let arguments = [
            "pkeyutl",
            "-verifyrecover",
            "-inkey",
            "ca.key",
            "-in",
            "certificate.bin",
            "-pkeyopt",
            "rsa_padding_mode:none",
        ];
        let block = openssl(folder, &arguments);
        let head = "6A02999992FF12310000170101";
        assert_eq!(hex::encode(&block[..13]), head);
        let file = CertificateFile::from_tlv(&chain.file.to_tlv().unwrap()).unwrap();
        assert_eq!(file, chain.file);
        let imported = import(&wanted(&chain), &chain.keys, &file).unwrap();
        assert_eq!(imported.issuer_identifier, "999992");
        assert_eq!(
            (imported.expiry, imported.serial),
            (month(2031, 12), [0, 0, 0x17])
        );
        for at in 0..file.certificate.len() {
            let mut changed = file.clone();
            changed.certificate[at] ^= 0x01;
            assert!(
                import(&wanted(&chain), &chain.keys, &changed).is_err(),
                "{at}"
            );
        }
    }
}

/// What is said of a certificate.
fn says(chain: &Chain, wanted: &Wanted<'_>, file: &CertificateFile, code: &str, words: &str) {
    let error = import(wanted, &chain.keys, file).err();
    let error = error.unwrap_or_else(|| panic!("accepted: {words}"));
    let text = error.to_string();
    assert!(
        error.code() == code && text.contains(words),
        "{} {text}",
        error.code()
    );
}

#[test]
fn certificates_that_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let chain = chain(folder, 1408, |_| {});
    let right = wanted(&chain);
    let other = key(folder, "other", 1408, 3);
    let wrong = Wanted {
        public: other.public_key(),
        ..right
    };
    says(&chain, &wrong, &chain.file, "R1397", "remainder");
    // Another key that ends like ours does: what is inside tells.
    let mut similar = chain.issuer.public_key().modulus().to_vec();
    similar[9] ^= 0x10;
    let similar = cardwright_exchange::RsaPublicKey::new(&similar, &[3]).unwrap();
    let wrong = Wanted {
        public: &similar,
        ..right
    };
    says(&chain, &wrong, &chain.file, "R1397", "another key");
    let wrong = Wanted {
        issuer_identifier: "999993",
        ..right
    };
    says(
        &chain,
        &wrong,
        &chain.file,
        "R1397",
        "another issuer identifier",
    );
    let longer = Wanted {
        issuer_identifier: "99999234",
        ..right
    };
    assert!(import(&longer, &chain.keys, &chain.file).is_ok());
    let wrong = Wanted {
        now: month(2032, 1),
        ..right
    };
    says(&chain, &wrong, &chain.file, "R1397", "expired");
    let wrong = Wanted {
        now: month(2033, 1),
        ..right
    };
    says(&chain, &wrong, &chain.file, "R1398", "expired");
}

#[test]
fn parts_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let chain = chain(folder.path(), 1408, |_| {});
    let right = wanted(&chain);
    let wrong = Wanted {
        rid: [0xF0, 0, 0, 0, 0x93],
        ..right
    };
    says(&chain, &wrong, &chain.file, "R1398", "no key of this RID");
    let mut file = chain.file.clone();
    file.ca_index = 0x93;
    says(&chain, &right, &file, "R1398", "no key of this RID");
    let mut file = chain.file.clone();
    file.remainder.clear();
    says(&chain, &right, &file, "R1397", "remainder");
    let mut file = chain.file.clone();
    file.certificate.pop();
    says(&chain, &right, &file, "R1397", "as long as");
    let mut file = chain.file.clone();
    file.exponent = vec![1, 0, 1];
    says(&chain, &right, &file, "E0393", "hash");
    // A certificate that outlives the CA's key.
    let mut keys = CaKeys::default();
    let short = CaKey {
        rid: RID,
        index: 0x92,
        public: chain.ca.public_key().clone(),
        expiry: month(2030, 12),
    };
    keys.add(short).unwrap();
    let outlives = import(&right, &keys, &chain.file).err().unwrap();
    assert!(outlives.to_string().contains("longer than the CA's key"));
}

#[test]
fn files_that_are_none_and_requests_for_another_ca() {
    let folder = tempfile::tempdir().unwrap();
    let chain = chain(folder.path(), 1152, |_| {});
    // Files that are none.
    let tlv = chain.file.to_tlv().unwrap();
    for length in 0..tlv.len() {
        assert!(
            CertificateFile::from_tlv(&tlv[..length]).is_err(),
            "{length}"
        );
    }
    let twice = [tlv.clone(), vec![0x8F, 0x01, 0x92]].concat();
    assert_eq!(code(CertificateFile::from_tlv(&twice)), "R1390");
    let foreign = [tlv, vec![0x5A, 0x01, 0x92]].concat();
    assert_eq!(code(CertificateFile::from_tlv(&foreign)), "R1390");
    // The test CA certifies only for itself.
    let mut asked = fields();
    asked.ca_index = 0x94;
    let request = request::make(&asked, &chain.issuer).unwrap();
    let authority = TestCa {
        rid: RID,
        index: 0x92,
        key: &chain.ca,
        expiry: month(2032, 12),
    };
    assert_eq!(
        code(authority.certify(&request::read(&request).unwrap())),
        "R1398"
    );
}

/// A CA public key as a scheme publishes it, with its published checksum.
const PUBLISHED: &str = include_str!("../../../tests/vectors/emv/ca_keys.txt");

#[test]
fn published_checksums_and_what_was_mistyped() {
    let published = PUBLISHED.lines().last().unwrap();
    let keys = CaKeys::parse(PUBLISHED).unwrap();
    let key = keys.find([0xA0, 0, 0, 0, 3], 0x92).unwrap();
    assert_eq!((key.public.bits(), key.exponent()), (1408, 3));
    assert_eq!(CaKeys::parse(&keys.to_text()).unwrap(), keys);
    let begin = published.find("modulus=").unwrap() + 8;
    for at in begin..published.len() {
        let mut text = published.to_owned().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        let faults = CaKeys::parse(&String::from_utf8(text).unwrap()).unwrap_err();
        assert_eq!(
            (faults.len(), faults[0].line, faults[0].error.code()),
            (1, 1, "R1398")
        );
    }
    for (from, to) in [
        ("A000000003", "A000000004"),
        (" 92 ", " 93 "),
        ("exponent=03", "exponent=0003"),
        ("exponent=03", "exponent=05"),
        ("2031-12", "2031-13"),
        ("2031-12", "12/31"),
        ("checksum=", "sum="),
    ] {
        let text = format!("\n{}", published.replace(from, to));
        let faults = CaKeys::parse(&text).unwrap_err();
        assert_eq!(
            (faults[0].line, faults[0].error.code()),
            (2, "R1398"),
            "{to}"
        );
    }
    let twice = CaKeys::parse(&format!("{published}\n{published}")).unwrap_err();
    assert!(
        twice[0]
            .to_string()
            .contains("line 2: CA public key: this RID and index")
    );
}

fn imported(expiry: Month, serial: u8) -> Imported {
    let public = CaKeys::parse(PUBLISHED).unwrap();
    let key = public.iter().next().unwrap();
    Imported {
        rid: RID,
        file: CertificateFile {
            ca_index: 0x92,
            certificate: Vec::new(),
            remainder: Vec::new(),
            exponent: vec![3],
        },
        issuer_identifier: "999992".into(),
        expiry,
        serial: [0, 0, serial],
        public: key.public.clone(),
        ca_expiry: month(2035, 12),
    }
}

#[test]
fn renewal_and_overlap() {
    let renewal = Renewal {
        lead_months: 6,
        card_months: 48,
    };
    let certificate = imported(month(2031, 12), 1);
    // 48 months of a card and 6 of lead before December 2031: June 2027.
    assert_eq!(
        renewal.due(&certificate, month(2026, 11)),
        Due::From(month(2027, 6))
    );
    assert_eq!(renewal.due(&certificate, month(2027, 6)), Due::Now);
    assert_eq!(renewal.due(&certificate, month(2027, 12)), Due::Now);
    assert_eq!(renewal.due(&certificate, month(2028, 1)), Due::Late);
    assert_eq!(renewal.due(&certificate, month(2032, 1)), Due::Expired);
    let last = fields().request;
    let next = renewal
        .successor(&last, &certificate, month(2035, 12))
        .unwrap();
    assert_eq!(
        (next.tracking, next.expiry),
        ([0, 0, 0x18], month(2035, 12))
    );
    assert_eq!(next.issuer_identifier, last.issuer_identifier);
    for (change, expiry) in [
        (None, month(2031, 12)),
        (None, month(2035, 11)),
        (Some([0xFF; 3]), month(2036, 12)),
    ] {
        let mut last = last.clone();
        last.tracking = change.unwrap_or(last.tracking);
        assert_eq!(
            code(renewal.successor(&last, &certificate, expiry)),
            "R1397"
        );
    }
    let mut other = last.clone();
    other.issuer_identifier = "999993".into();
    assert_eq!(
        code(renewal.successor(&other, &certificate, month(2036, 12))),
        "R1397"
    );
    // Both are valid: a card gets the one that ends first and still outlives it.
    let both = [imported(month(2035, 12), 2), imported(month(2031, 12), 1)];
    let pan = "9999920000000011";
    let serial = |card| choose(&both, pan, card).map(|it| it.serial[2]);
    assert_eq!(serial(month(2030, 11)), Some(1));
    assert_eq!(serial(month(2031, 12)), Some(1));
    assert_eq!(serial(month(2032, 1)), Some(2));
    assert_eq!(serial(month(2036, 1)), None);
    assert!(choose(&both, "9999930000000010", month(2030, 1)).is_none());
}

#[test]
fn elliptic_curve_certificates() {
    let (ca, issuer) = ([0x11; 32], [0x22; 32]);
    let ca_x = ecc::public_x(&ca).unwrap();
    let certificate = EccIssuerCertificate {
        issuer_identifier: "9999921234".into(),
        expiry: (2031, 12, 31),
        serial: [0, 0, 1],
        rid: RID,
        ca_index: 0x92,
        x: ecc::public_x(&issuer).unwrap(),
    };
    let fields = certificate.fields().unwrap();
    assert_eq!(
        hex::encode(&fields[..21]),
        "120099999212341020311231000001F00000009292"
    );
    let signature = ecc::sign(&ca, &[0x33; 32], &fields).unwrap();
    let octets = certificate.with_signature(&signature).unwrap();
    assert_eq!(octets.len(), 117);
    assert_eq!(
        EccIssuerCertificate::recover(&octets, &ca_x).unwrap(),
        certificate
    );
    for at in 0..octets.len() {
        let mut changed = octets.clone();
        changed[at] ^= 0x01;
        assert!(
            EccIssuerCertificate::recover(&changed, &ca_x).is_err(),
            "{at}"
        );
        assert!(EccIssuerCertificate::recover(&octets[..at], &ca_x).is_err());
    }
    let other = ecc::public_x(&[0x12; 32]).unwrap();
    assert_eq!(
        code(EccIssuerCertificate::recover(&octets, &other)),
        "R1393"
    );
    // The other point with the same x coordinate signs as well: the verifier knows x only.
    let order = hex::decode("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    let mut negated = [0u8; 32];
    let mut borrow = 0i16;
    for (place, (n, d)) in negated.iter_mut().zip(order.unwrap().iter().zip(ca)).rev() {
        let difference = i16::from(*n) - i16::from(d) - borrow;
        borrow = i16::from(difference < 0);
        *place = (difference + 256 * borrow) as u8;
    }
    let signature = ecc::sign(&negated, &[0x44; 32], &fields).unwrap();
    assert!(ecc::verify(&ca_x, &fields, &signature).is_ok());
    let wrong = EccIssuerCertificate {
        issuer_identifier: "12345678901".into(),
        ..certificate
    };
    assert_eq!(code(wrong.fields()), "R1397");
}

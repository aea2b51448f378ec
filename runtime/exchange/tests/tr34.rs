//! TR-34: a host and a device of our own, with OpenSSL as the third who reads what they send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_exchange::tr34::{
    self, Binding, ContentCipher, Delivery, Expected, Freshness, KeyToken, Received, Receiver,
};
use cardwright_exchange::{Certificate, ExchangeError, OaepHash, Purpose, RsaPrivate, Trust};
use cardwright_standards::key_policy::{Day, Exception, Form};
use cardwright_standards::keyblock::{Attributes, Header, KeyType};
use cms::{content_info::ContentInfo, signed_data::SignedData};
use common::{Counter, Pki, now, openssl, today, trust};
use der::asn1::{Any, OctetString, SetOfVec};
use der::{Decode, Encode, Tag};
use sha2::{Digest, Sha256};

const NONCE: [u8; 8] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x58, 0x97, 0x93];
const KEY: [u8; 24] = *b"\x01key of no bank at all\x02\x03";

fn attributes(header: &str) -> Attributes {
    Attributes::parse(&Header::from_text(header).unwrap()).unwrap()
}

/// A token for `krd`, changed by the caller first.
fn token<'a>(pki: &Pki, change: impl FnOnce(&mut KeyToken<'a>)) -> Result<Vec<u8>, ExchangeError> {
    token_by(pki, "kdh", "krd", change)
}

fn token_by<'a>(
    pki: &Pki,
    kdh: &str,
    krd: &str,
    change: impl FnOnce(&mut KeyToken<'a>),
) -> Result<Vec<u8>, ExchangeError> {
    // Kept for the rest of the program, so that a caller may put in what lives as long as it likes.
    let attributes: &'static _ = Box::leak(Box::new(attributes("B0000K1TB00N0000")));
    let kdh_certificate: &'static _ = Box::leak(Box::new(pki.certificate(kdh)));
    let krd: &'static _ = Box::leak(Box::new(pki.certificate(krd)));
    let delivery = Delivery {
        attributes,
        freshness: Freshness::Nonce(&NONCE),
        kdh: kdh_certificate,
        krd,
        cipher: ContentCipher::Aes128,
        hash: OaepHash::Sha256,
        revocations: &[],
        exception: None,
        today: today(),
    };
    let mut token = KeyToken {
        delivery,
        key: &KEY,
    };
    change(&mut token);
    let anchors = [pki.certificate("ca")];
    tr34::key_token(&token, &pki.key(kdh), &trust(&anchors), &mut Counter(7))
}

struct Device {
    krd: Certificate,
    bound: Certificate,
    anchors: [Certificate; 1],
    key: common::TestKey,
}

impl Device {
    fn new(pki: &Pki, krd: &str, bound: &str) -> Self {
        Self {
            krd: pki.certificate(krd),
            bound: pki.certificate(bound),
            anchors: [pki.certificate("ca")],
            key: pki.key(krd),
        }
    }

    fn open(&self, token: &[u8], expected: Expected<'_>) -> Result<Received, ExchangeError> {
        self.open_at(token, expected, now())
    }

    fn open_at(
        &self,
        token: &[u8],
        expected: Expected<'_>,
        now: u64,
    ) -> Result<Received, ExchangeError> {
        let receiver = Receiver {
            krd: &self.krd,
            key: &self.key,
            bound_kdh: &self.bound,
            trust: Trust {
                now,
                ..trust(&self.anchors)
            },
        };
        tr34::open_key_token(&receiver, token, expected)
    }
}

fn code<T>(result: Result<T, ExchangeError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[test]
fn two_passes_and_openssl_reads_the_token() {
    let pki = Pki::get();
    let request = tr34::random_token(&NONCE).unwrap();
    assert_eq!(tr34::open_random_token(&request).unwrap(), NONCE);
    let device = Device::new(pki, "krd", "kdh");
    for (number, cipher) in [
        ContentCipher::Aes128,
        ContentCipher::Aes256,
        ContentCipher::Tdes,
    ]
    .into_iter()
    .enumerate()
    {
        let hash = [OaepHash::Sha256, OaepHash::Sha1][number % 2];
        let token = token(pki, |token| {
            token.delivery.cipher = cipher;
            token.delivery.hash = hash;
        });
        let token = token.unwrap();
        let received = device.open(&token, Expected::Nonce(&NONCE)).ok().unwrap();
        assert_eq!(*received.key, KEY);
        assert_eq!(received.key_type, KeyType::Tdes3);
        assert_eq!(received.header_text, "B0256K1TB00N0000");
        // OpenSSL: the signature of the host, then the device's key, then the key inside.
        std::fs::write(pki.path("token.der"), &token).unwrap();
        let enveloped = openssl(
            pki.folder(),
            &[
                "cms",
                "-verify",
                "-binary",
                "-inform",
                "DER",
                "-in",
                "token.der",
                "-CAfile",
                "ca.pem",
                "-certfile",
                "kdh.pem",
                "-purpose",
                "any",
                "-nointern",
            ],
        );
        std::fs::write(pki.path("enveloped.der"), framed(&enveloped)).unwrap();
        let block = openssl(
            pki.folder(),
            &[
                "cms",
                "-decrypt",
                "-binary",
                "-inform",
                "DER",
                "-in",
                "enveloped.der",
                "-recip",
                "krd.pem",
                "-inkey",
                "krd.key",
            ],
        );
        assert!(block.windows(24).any(|part| part == KEY));
        assert!(block.windows(16).any(|part| part == b"B0256K1TB00N0000"));
    }
}

/// ContentInfo around EnvelopedData, for OpenSSL.
fn framed(enveloped: &[u8]) -> Vec<u8> {
    let length = |octets: usize| vec![0x82, (octets >> 8) as u8, octets as u8];
    let inner = [&[0xA0][..], &length(enveloped.len()), enveloped].concat();
    let oid = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3];
    let body = [&oid[..], &inner].concat();
    [&[0x30][..], &length(body.len()), &body].concat()
}

#[test]
fn every_changed_octet_is_refused() {
    let pki = Pki::get();
    let device = Device::new(pki, "krd", "kdh");
    let token = token(pki, |_| {}).unwrap();
    let mut codes = std::collections::BTreeMap::new();
    for at in 0..token.len() {
        for bit in [0x01, 0x04] {
            let mut changed = token.clone();
            changed[at] ^= bit;
            let found = code(device.open(&changed, Expected::Nonce(&NONCE)));
            *codes.entry(found).or_insert(0) += 1;
            assert_ne!(found, "accepted", "{at}");
        }
    }
    for length in (0..token.len()).step_by(7) {
        assert_eq!(
            code(device.open(&token[..length], Expected::Nonce(&NONCE))),
            "R1390"
        );
    }
    assert!(codes["R1393"] > 500 && codes["R1390"] > 20, "{codes:?}");
}

#[test]
fn replay_other_signer_other_recipient_expired_revoked() {
    let pki = Pki::get();
    let device = Device::new(pki, "krd", "kdh");
    let token_for_us = token(pki, |_| {}).unwrap();
    let nonce = Expected::Nonce(&NONCE);
    // The same token against the device's next nonce.
    assert_eq!(
        code(device.open(&token_for_us, Expected::Nonce(&[7; 8]))),
        "R1394"
    );
    // A token in one pass has no nonce; one in two passes has no time.
    let in_time = token(pki, |token| {
        token.delivery.freshness = Freshness::Time(now())
    })
    .unwrap();
    assert_eq!(code(device.open(&in_time, nonce)), "R1394");
    let time = Expected::Time {
        window: 60,
        last: None,
    };
    assert_eq!(code(device.open(&token_for_us, time)), "R1394");
    // Signed by a host that this device is not bound to, although the authority knows it.
    let other = token_by(pki, "kdh2", "krd", |_| {}).unwrap();
    assert_eq!(code(device.open(&other, nonce)), "R1392");
    // Bound to a host of another authority.
    let stranger = Device::new(pki, "krd", "stranger");
    assert_eq!(code(stranger.open(&token_for_us, nonce)), "R1391");
    // For another device.
    let elsewhere = Device::new(pki, "krd2", "kdh");
    assert_eq!(code(elsewhere.open(&token_for_us, nonce)), "R1395");
    // The same device with another key behind its certificate.
    let mixed = Device {
        key: pki.key("krd2"),
        ..Device::new(pki, "krd", "kdh")
    };
    assert_eq!(code(mixed.open(&token_for_us, nonce)), "R1395");
    // Three years later the host's certificate is expired; last year it was not yet valid.
    let year = 365 * 86_400;
    assert_eq!(
        code(device.open_at(&token_for_us, nonce, now() + 3 * year)),
        "R1391"
    );
    assert_eq!(
        code(device.open_at(&token_for_us, nonce, now() - year)),
        "R1391"
    );
    // The token brings the list on which its own sender stands.
    let lists = [pki.revocations()];
    let revoked = token_by(pki, "kdh2", "krd", |token| {
        token.delivery.revocations = &lists
    });
    let bound = Device::new(pki, "krd", "kdh2");
    assert_eq!(code(bound.open(&other, nonce)), "accepted");
    assert_eq!(code(bound.open(&revoked.unwrap(), nonce)), "R1391");
    let listed = token(pki, |token| token.delivery.revocations = &lists).unwrap();
    assert_eq!(code(device.open(&listed, nonce)), "accepted");
}

#[test]
fn one_pass_by_time() {
    let pki = Pki::get();
    let device = Device::new(pki, "krd", "kdh");
    // A little ahead, so that the certificates hold before and after.
    let made = now() + 1_000;
    let token = token(pki, |token| {
        token.delivery.freshness = Freshness::Time(made)
    })
    .unwrap();
    let expect = |window, last| Expected::Time { window, last };
    let received = device
        .open_at(&token, expect(300, None), made + 299)
        .ok()
        .unwrap();
    assert_eq!(received.time, Some(made));
    assert_eq!(
        code(device.open_at(&token, expect(300, None), made + 301)),
        "R1394"
    );
    assert_eq!(
        code(device.open_at(&token, expect(300, None), made - 301)),
        "R1394"
    );
    // Sent again: not later than the last one that was accepted.
    let again = device.open_at(&token, expect(300, received.time), made + 10);
    assert_eq!(code(again), "R1394");
    assert!(
        device
            .open_at(&token, expect(300, Some(made - 1)), made)
            .is_ok()
    );
}

#[test]
fn what_a_host_does_not_send() {
    let pki = Pki::get();
    let aes = attributes("D0000K1AB00N0000");
    // AES-256 is stronger than RSA-2048; AES-128 goes under RSA-3072.
    let strong = token(pki, |token| {
        token.delivery.attributes = &aes;
        token.key = &[9; 32];
    });
    assert_eq!(code(strong), "E0598");
    let exception = Exception {
        form: Form::Tr34,
        weaker_wrapping: true,
        weaker_form: false,
        granted: Day::new(2026, 11, 1).unwrap(),
        until: Day::new(2026, 12, 1).unwrap(),
        reason: "the terminals of the field have RSA-2048",
    };
    let excepted = token(pki, |token| {
        token.delivery.attributes = &aes;
        token.key = &[9; 16];
        token.delivery.exception = Some(exception);
    });
    assert_eq!(code(excepted), "accepted");
    let longer = token_by(pki, "kdh", "krd3072", |token| {
        token.delivery.attributes = &aes;
        token.key = &[9; 16];
    });
    let device = Device::new(pki, "krd3072", "kdh");
    let received = device
        .open(&longer.unwrap(), Expected::Nonce(&NONCE))
        .ok()
        .unwrap();
    assert_eq!(received.key_type, KeyType::Aes(128));
    // A key that is not one of its algorithm; a nonce that is too short; a header with blocks.
    assert_eq!(code(token(pki, |token| token.key = &KEY[..20])), "E0596");
    assert_eq!(
        code(token(pki, |token| token.delivery.freshness =
            Freshness::Nonce(&[1; 7]))),
        "R1390"
    );
    let labelled = attributes("B0000K1TB00N0100LB08here");
    assert_eq!(
        code(token(pki, |token| token.delivery.attributes = &labelled)),
        "R1390"
    );
    // To a signer's certificate; to one of a stranger; with a key that is not the certificate's.
    assert_eq!(code(token_by(pki, "kdh", "kdh2", |_| {})), "R1391");
    assert_eq!(code(token_by(pki, "kdh", "stranger", |_| {})), "R1391");
    let kdh2 = pki.certificate("kdh2");
    assert_eq!(
        code(token(pki, |token| token.delivery.kdh = &kdh2)),
        "R1399"
    );
}

#[test]
fn requests_that_openssl_certifies() {
    let pki = Pki::get();
    for (purpose, usage, who) in [
        (Purpose::Sign, "Digital Signature", "kdh"),
        (Purpose::ReceiveKeys, "Key Encipherment", "krd"),
    ] {
        let key = pki.key(who);
        let made = cardwright_exchange::certificate_request("CN=Host 1,O=Aurora", purpose, &key);
        std::fs::write(pki.path("request.der"), made.unwrap()).unwrap();
        let read = "req -inform DER -in request.der -verify -noout -text -nameopt RFC2253";
        let read: Vec<&str> = read.split(' ').collect();
        let text = String::from_utf8(openssl(pki.folder(), &read)).unwrap();
        assert!(
            text.contains("Subject: O=Aurora,CN=Host 1") || text.contains("CN=Host 1"),
            "{text}"
        );
        assert!(text.contains(usage), "{text}");
    }
    for subject in ["", "nobody", "CN=a\nb", &"CN=x,".repeat(100)] {
        let key = pki.key("kdh");
        let made = cardwright_exchange::certificate_request(subject, Purpose::Sign, &key);
        assert_eq!(code(made), "R1390", "{subject:?}");
    }
}

#[test]
fn credentials_of_both_sides() {
    let pki = Pki::get();
    let anchors = [pki.certificate("ca")];
    let trust = trust(&anchors);
    let lists = [pki.revocations()];
    let ct = tr34::credential_token(&pki.certificate("kdh"), &lists).unwrap();
    let credential = tr34::open_credential(&ct, &trust, Purpose::Sign).unwrap();
    assert_eq!(credential.certificate, pki.certificate("kdh"));
    assert_eq!(credential.revocations.len(), 1);
    std::fs::write(pki.path("ct.der"), &ct).unwrap();
    let arguments = [
        "pkcs7",
        "-inform",
        "DER",
        "-in",
        "ct.der",
        "-print_certs",
        "-noout",
    ];
    let listing = String::from_utf8(openssl(pki.folder(), &arguments)).unwrap();
    assert!(listing.contains("CN = kdh"), "{listing}");
    let ct = tr34::credential_token(&pki.certificate("krd"), &[]).unwrap();
    assert!(tr34::open_credential(&ct, &trust, Purpose::ReceiveKeys).is_ok());
    assert_eq!(
        code(tr34::open_credential(&ct, &trust, Purpose::Sign)),
        "R1391"
    );
    // A host that stands on the list that it brings itself.
    let ct = tr34::credential_token(&pki.certificate("kdh2"), &lists).unwrap();
    assert_eq!(
        code(tr34::open_credential(&ct, &trust, Purpose::Sign)),
        "R1391"
    );
}

#[test]
fn a_host_unbinds_and_rebinds() {
    let pki = Pki::get();
    let anchors = [pki.certificate("ca")];
    let trust = trust(&anchors);
    let (krd, kdh) = (pki.certificate("krd"), pki.certificate("kdh"));
    let (krd2, kdh2) = (pki.certificate("krd2"), pki.certificate("kdh2"));
    let binding = Binding {
        krd: &krd,
        kdh: &kdh,
    };
    let elsewhere = Binding {
        krd: &krd2,
        kdh: &kdh,
    };
    let key = pki.key("kdh");
    let unbind = tr34::unbind_token(&binding, &NONCE, &key).unwrap();
    assert!(tr34::open_unbind(&binding, &unbind, &NONCE, &trust).is_ok());
    verified_by_openssl(pki, &unbind, "kdh");
    assert_eq!(
        code(tr34::open_unbind(&binding, &unbind, &[9; 8], &trust)),
        "R1394"
    );
    assert_eq!(
        code(tr34::open_unbind(&elsewhere, &unbind, &NONCE, &trust)),
        "R1396"
    );
    let rebind = tr34::rebind_token(&binding, &kdh2, &NONCE, &key).unwrap();
    let new = tr34::open_rebind(&binding, &rebind, &NONCE, &trust).unwrap();
    assert_eq!(new.kdh, kdh2);
    verified_by_openssl(pki, &rebind, "kdh");
    assert_eq!(
        code(tr34::open_rebind(&elsewhere, &rebind, &NONCE, &trust)),
        "R1396"
    );
    let stranger = pki.certificate("stranger");
    let strange = tr34::rebind_token(&binding, &stranger, &NONCE, &key).unwrap();
    assert_eq!(
        code(tr34::open_rebind(&binding, &strange, &NONCE, &trust)),
        "R1391"
    );
}

#[test]
fn an_authority_unbinds_and_rebinds() {
    let pki = Pki::get();
    let anchors = [pki.certificate("ca")];
    let trust = trust(&anchors);
    let (krd, kdh) = (pki.certificate("krd"), pki.certificate("kdh"));
    let kdh2 = pki.certificate("kdh2");
    let binding = Binding {
        krd: &krd,
        kdh: &kdh,
    };
    let other = Binding {
        krd: &krd,
        kdh: &kdh2,
    };
    let (ca, ca_key) = (pki.certificate("ca"), pki.key("ca"));
    let authority: (&Certificate, &dyn RsaPrivate) = (&ca, &ca_key);
    let unbind = tr34::authority_unbind_token(&binding, authority).unwrap();
    assert!(tr34::open_authority_unbind(&binding, &unbind, &ca, &trust).is_ok());
    let rebind = tr34::authority_rebind_token(&binding, &kdh2, authority).unwrap();
    assert!(tr34::open_authority_rebind(&binding, &rebind, &ca, &trust).is_ok());
    assert_eq!(
        code(tr34::open_authority_unbind(&other, &unbind, &ca, &trust)),
        "R1396"
    );
    assert_eq!(
        code(tr34::open_authority_rebind(&other, &rebind, &ca, &trust)),
        "R1396"
    );
    assert_eq!(
        code(tr34::open_authority_unbind(&binding, &unbind, &kdh, &trust)),
        "R1392"
    );
    for token in [unbind, rebind] {
        for at in (0..token.len()).step_by(3) {
            let mut changed = token.clone();
            changed[at] ^= 0x08;
            assert!(tr34::open_authority_unbind(&binding, &changed, &ca, &trust).is_err());
            assert!(tr34::open_authority_rebind(&binding, &changed, &ca, &trust).is_err());
        }
    }
}

// A token that OpenSSL made: the authority's unbind has no attribute of its own.
#[test]
fn a_token_of_openssl_definite_and_streamed() {
    let pki = Pki::get();
    let anchors = [pki.certificate("ca")];
    let trust = trust(&anchors);
    let (krd, kdh) = (pki.certificate("krd"), pki.certificate("kdh"));
    let binding = Binding {
        krd: &krd,
        kdh: &kdh,
    };
    let (ca, ca_key) = (pki.certificate("ca"), pki.key("ca"));
    // The names are those of our own token: its content ends where the signer's data begin.
    let ours = tr34::authority_unbind_token(&binding, (&ca, &ca_key)).unwrap();
    std::fs::write(pki.path("ours.der"), &ours).unwrap();
    let arguments = [
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "ours.der",
        "-CAfile",
        "ca.pem",
        "-certfile",
        "ca.pem",
        "-purpose",
        "any",
        "-nointern",
        "-out",
        "names.bin",
    ];
    openssl(pki.folder(), &arguments);
    let sign = [
        "cms",
        "-sign",
        "-binary",
        "-nodetach",
        "-in",
        "names.bin",
        "-signer",
        "ca.pem",
        "-inkey",
        "ca.key",
        "-md",
        "sha256",
        "-outform",
        "DER",
    ];
    for streamed in [false, true] {
        let option = if streamed { "-stream" } else { "-nosmimecap" };
        let token = openssl(pki.folder(), &[&sign[..], &[option]].concat());
        assert_eq!(token[1] == 0x80, streamed);
        let open = |token: &[u8]| tr34::open_authority_unbind(&binding, token, &ca, &trust);
        assert_eq!(open(&token).err(), None, "streamed: {streamed}");
        // OpenSSL's own content is id-data: version 1 (RFC 5652, 5.1).
        let version = token.windows(3).position(|part| part == [2, 1, 1]).unwrap();
        for other in [0, 2, 3, 4, 5, 6] {
            let mut changed = token.clone();
            changed[version + 2] = other;
            assert_eq!(
                code(open(&changed)),
                "R1390",
                "version {other}, streamed: {streamed}"
            );
        }
        for at in (0..token.len()).step_by(11) {
            assert_eq!(code(open(&token[..at])), "R1390");
        }
    }
}

/// The parts of a signed token.
fn parts(token: &[u8]) -> SignedData {
    let info = ContentInfo::from_der(token).unwrap();
    info.content.decode_as().unwrap()
}

/// A token of these parts.
fn joined(parts: &SignedData) -> Vec<u8> {
    let info = ContentInfo {
        content_type: "1.2.840.113549.1.7.2".parse().unwrap(),
        content: Any::from_der(&parts.to_der().unwrap()).unwrap(),
    };
    info.to_der().unwrap()
}

/// The token with another envelope, signed again by the host.
fn with_envelope(pki: &Pki, token: &[u8], enveloped: &[u8]) -> Vec<u8> {
    let mut parts = parts(token);
    parts.encap_content_info.econtent = Some(Any::new(Tag::OctetString, enveloped).unwrap());
    let mut info = parts.signer_infos.0.as_slice()[0].clone();
    let mut attributes = info.signed_attrs.take().unwrap().into_vec();
    let digest = OctetString::new(Sha256::digest(enveloped).to_vec()).unwrap();
    for attribute in &mut attributes {
        if attribute.oid.to_string() == "1.2.840.113549.1.9.4" {
            let value = Any::encode_from(&digest).unwrap();
            attribute.values = SetOfVec::try_from(vec![value]).unwrap();
        }
    }
    let attributes = SetOfVec::try_from(attributes).unwrap();
    let signature = pki.key("kdh").sign(&attributes.to_der().unwrap()).unwrap();
    info.signature = OctetString::new(signature).unwrap();
    info.signed_attrs = Some(attributes);
    parts.signer_infos.0 = SetOfVec::try_from(vec![info]).unwrap();
    joined(&parts)
}

/// The inner block of a token, enciphered anew by OpenSSL.
fn enciphered_by_openssl(pki: &Pki, token: &[u8], cipher: &str, streamed: bool) -> Vec<u8> {
    let content = parts(token).encap_content_info.econtent.unwrap();
    std::fs::write(pki.path("inner.der"), framed(content.value())).unwrap();
    let clear = "cms -decrypt -binary -inform DER -in inner.der -recip krd.pem -inkey krd.key";
    let clear: Vec<&str> = clear.split(' ').collect();
    std::fs::write(pki.path("block.bin"), openssl(pki.folder(), &clear)).unwrap();
    let option = if streamed { " -stream" } else { "" };
    let encrypt = format!(
        "cms -encrypt -binary -in block.bin -recip krd.pem {cipher} -outform DER -keyopt \
         rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256{option}"
    );
    let encrypt: Vec<&str> = encrypt.split(' ').collect();
    let message = openssl(pki.folder(), &encrypt);
    if !streamed {
        let info = ContentInfo::from_der(&message).unwrap();
        return info.content.to_der().unwrap();
    }
    // ContentInfo without lengths: two octets, OID, two octets; four zeros at the end.
    assert_eq!(message[..2], [0x30, 0x80]);
    assert_eq!(message[13..17], [0xA0, 0x80, 0x30, 0x80]);
    message[15..message.len() - 4].to_vec()
}

#[test]
fn a_key_token_around_an_envelope_of_openssl_definite_and_streamed() {
    let pki = Pki::get();
    let device = Device::new(pki, "krd", "kdh");
    let ours = token(pki, |_| {}).unwrap();
    let nonce = Expected::Nonce(&NONCE);
    let prove = |token: &[u8]| {
        let device = tr34::Device {
            krd: &device.krd,
            bound_kdh: &device.bound,
            trust: trust(&device.anchors),
        };
        tr34::prove_key_token(&device, token, nonce).map(|proven| proven.sealed)
    };
    for (cipher, streamed) in [
        ("-aes128", false),
        ("-aes128", true),
        ("-aes256", true),
        ("-des3", true),
    ] {
        let envelope = enciphered_by_openssl(pki, &ours, cipher, streamed);
        let sent = with_envelope(pki, &ours, &envelope);
        let received = device.open(&sent, nonce);
        let received = received.unwrap_or_else(|e| panic!("{cipher} {streamed}: {e}"));
        assert_eq!(*received.key, KEY, "{cipher}, streamed: {streamed}");
        assert!(!prove(&sent).unwrap().content.is_empty());
        // Version of EnvelopedData, 0 for one such recipient (RFC 5652, 6.1), and the recipient's.
        let versions = envelope.windows(3).enumerate();
        let versions = versions.filter(|(_, part)| *part == [2, 1, 0]);
        let versions: Vec<usize> = versions.map(|(at, _)| at + 2).take(2).collect();
        for at in versions {
            for other in 1..6 {
                let mut changed = envelope.clone();
                changed[at] = other;
                let sent = with_envelope(pki, &ours, &changed);
                assert_eq!(code(device.open(&sent, nonce)), "R1390", "{at}: {other}");
                assert_eq!(code(prove(&sent)), "R1390", "{at}: {other}");
            }
        }
        // Cut within the pieces, and signed so by the host.
        for cut in [1, 2, 3, 9, 40] {
            let sent = with_envelope(pki, &ours, &envelope[..envelope.len() - cut]);
            assert_eq!(code(device.open(&sent, nonce)), "R1390", "{cut} fewer");
        }
    }
}

#[test]
fn signed_data_have_the_version_that_their_parts_ask_for() {
    use cms::content_info::CmsVersion as Version;
    let pki = Pki::get();
    let device = Device::new(pki, "krd", "kdh");
    let ours = token(pki, |_| {}).unwrap();
    let mut changed = parts(&ours);
    assert_eq!(changed.version, Version::V3, "its content is not id-data");
    for version in [
        Version::V0,
        Version::V1,
        Version::V2,
        Version::V4,
        Version::V5,
    ] {
        changed.version = version;
        let refused = device.open(&joined(&changed), Expected::Nonce(&NONCE));
        let refused = refused.err().unwrap();
        assert_eq!(refused.code(), "R1390", "{version:?}");
        let text = refused.to_string();
        assert!(
            text.contains("version number") && text.contains("RFC 5652, 5.1"),
            "{text}"
        );
    }
    // A container without a signer, of certificates only, has 1.
    let credential = tr34::credential_token(&pki.certificate("kdh"), &[]).unwrap();
    let mut changed = parts(&credential);
    assert_eq!(changed.version, Version::V1);
    changed.version = Version::V3;
    let anchors = [pki.certificate("ca")];
    let refused = tr34::open_credential(&joined(&changed), &trust(&anchors), Purpose::Sign);
    assert_eq!(code(refused), "R1390");
    // As OpenSSL makes such a container.
    let arguments = "crl2pkcs7 -nocrl -certfile kdh.pem -outform DER";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let theirs = openssl(pki.folder(), &arguments);
    let read = tr34::open_credential(&theirs, &trust(&anchors), Purpose::Sign).unwrap();
    assert_eq!(read.certificate, pki.certificate("kdh"));
}

fn verified_by_openssl(pki: &Pki, token: &[u8], signer: &str) {
    std::fs::write(pki.path("binding.der"), token).unwrap();
    let certificate = format!("{signer}.pem");
    let arguments = [
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "binding.der",
        "-CAfile",
        "ca.pem",
        "-certfile",
        &certificate,
        "-purpose",
        "any",
        "-nointern",
    ];
    openssl(pki.folder(), &arguments);
}

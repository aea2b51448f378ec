//! Key pairs at work: signatures, RSA-OAEP, agreement on P-256.

use cardwright_ports::custody::{
    Enveloped, Frame, KeyAlgorithm, OaepHash, PublicKey, Signing, Wrapping,
};
use cardwright_ports::hsm::{CheckMethod, IssuerCertificateFields, KeyRequest, KeyUse};
use num_bigint_dig::BigUint;
use p256::ecdsa::signature::Verifier;

use super::desk::{Desk, new, value};
use super::rows;
use crate::bench::{Checked, Stop, holds, reference};
use crate::values::Values;

const RSA: KeyAlgorithm = KeyAlgorithm::Rsa {
    bits: 2_048,
    exponent: 65_537,
};
const CLEAR: &str = "2B7E151628AED2A6ABF7158809CF4F3C";

rows! {
    "custody.sign.rsa" "sign" "messages under RSA, opened with the public half" "RFC 8017, 8.2" rsa;
    "custody.sign.content" "sign" "a key that signs contents: made, at work in production, its public half" "RFC 8017, 8.2" content;
    "custody.sign.p256" "sign" "messages under P-256, verified by another library" "p256" p256_messages;
    "custody.sign.record" "sign" "an issuer's record, and what is none" "EMV Book 2, B2.1" record;
    "custody.certify" "certify_issuer" "an issuer's certificate, recovered" "EMV Book 2, table 2" certify;
    "custody.oaep" "wrap" "RSA-OAEP with both hashes, out and in again; changed ones" "RFC 8017, 7.1, there and back" oaep;
    "custody.envelop" "envelop" "a key in its frame, enciphered for a receiver; receivers, ciphers and keys that can't be" "RFC 5652, 6, and the port's own rules" envelop;
    "custody.open_envelope" "open_envelope" "an envelope opened and kept; other frames, lengths, changed octets" "RFC 5652, 6, there and back" open_envelope;
    "custody.ecdh" "wrap" "two key pairs agree; another information, a point beside the curve" "SP 800-56C, there and back" ecdh;
}

fn modulus(desk: &mut Desk<'_>, label: &str) -> Result<(Vec<u8>, u32), Stop> {
    let found = desk.custody.public_key(label);
    match desk.kept("public_key", found)? {
        PublicKey::Rsa { modulus, exponent } => Ok((modulus, exponent)),
        PublicKey::P256(_) => Err(Stop::Wrong("a point of an RSA key".to_owned())),
    }
}

fn point(desk: &mut Desk<'_>, label: &str) -> Result<Vec<u8>, Stop> {
    let found = desk.custody.public_key(label);
    match desk.kept("public_key", found)? {
        PublicKey::P256(point) => Ok(point),
        PublicKey::Rsa { .. } => Err(Stop::Wrong("a modulus of P-256".to_owned())),
    }
}

fn rsa(desk: &mut Desk<'_>) -> Checked {
    for (label, usage) in [
        ("kit.sign.rsa@1", KeyUse::PackageSigning),
        ("kit.sign.rsa@2", KeyUse::KeyExchange),
    ] {
        desk.generate(&new(label, RSA, usage))?;
        let (modulus, exponent) = modulus(desk, label)?;
        let signed = desk.custody.sign(
            label,
            &Signing::Sha256 {
                message: b"what a site says",
            },
        );
        let signed = desk.kept("sign", signed)?;
        let opened = opened_by(&modulus, exponent, &signed);
        let whole = opened.starts_with(&[0x00, 0x01, 0xFF])
            && opened.ends_with(&hash_of(b"what a site says"));
        holds(
            whole && opened.len() == 256,
            "a signature of something else",
        )?;
    }
    desk.generate(&new(
        "kit.sign.none@1",
        KeyAlgorithm::Tdes2,
        KeyUse::Transport,
    ))?;
    let none = desk
        .custody
        .sign("kit.sign.none@1", &Signing::Sha256 { message: b"" });
    desk.refused("sign", none, &["R1302"], "a symmetric key")
}

/// Made by custody, it signs requests there, and in production the attributes of a card's object.
fn content(desk: &mut Desk<'_>) -> Checked {
    let label = "kit.sign.content@1";
    desk.generate(&new(label, RSA, KeyUse::ContentSigning))?;
    let (modulus, exponent) = modulus(desk, label)?;
    let message = b"what a certificate request says".as_slice();
    let signed = desk.custody.sign(label, &Signing::Sha256 { message });
    let signed = desk.kept("sign", signed)?;
    let right = opened_by(&modulus, exponent, &signed).ends_with(&hash_of(message));
    holds(right, "a signature of something else")?;
    let mut production = desk.hsm.open_session().map_err(reference)?;
    let request = KeyRequest {
        name: label.to_owned(),
        algorithm: "rsa".to_owned(),
        bits: 2_048,
        exponent: 65_537,
        usage: KeyUse::ContentSigning,
    };
    let key = production.bind(&request).map_err(reference)?;
    let attributes = Values::read().map_err(Stop::Wrong)?.octets("lds");
    let signed = production.sign_certificate(key, &attributes);
    let signed = desk.kept("sign", signed)?;
    let right = opened_by(&modulus, exponent, &signed).ends_with(&hash_of(&attributes));
    holds(right, "a signature of other attributes")?;
    let no_content = production.sign_certificate(key, message);
    desk.refused("sign", no_content, &["R1313"], "what is no content's")
}

/// A signature to the power of the exponent, as long as the modulus.
fn opened_by(modulus: &[u8], exponent: u32, signature: &[u8]) -> Vec<u8> {
    let [n, s] = [modulus, signature].map(BigUint::from_bytes_be);
    let opened = s.modpow(&BigUint::from(exponent), &n).to_bytes_be();
    let mut whole = vec![0; modulus.len().saturating_sub(opened.len())];
    whole.extend_from_slice(&opened);
    whole
}

fn hash_of(message: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(message).to_vec()
}

fn p256_messages(desk: &mut Desk<'_>) -> Checked {
    let key = new(
        "kit.sign.p256@1",
        KeyAlgorithm::P256,
        KeyUse::PackageSigning,
    );
    desk.generate(&key)?;
    let point = point(desk, "kit.sign.p256@1")?;
    let message = b"what a site says";
    let signed = desk
        .custody
        .sign("kit.sign.p256@1", &Signing::Sha256 { message });
    let signed = desk.kept("sign", signed)?;
    let public = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(reference)?;
    let signature = p256::ecdsa::DerSignature::try_from(signed.as_slice()).map_err(reference)?;
    public.verify(message, &signature).map_err(reference)
}

fn record(desk: &mut Desk<'_>) -> Checked {
    let issuer = KeyAlgorithm::Rsa {
        bits: 1_152,
        exponent: 3,
    };
    desk.generate(&new("kit.issuer@1", issuer, KeyUse::EmvIssuerPrivate))?;
    let (modulus, exponent) = modulus(desk, "kit.issuer@1")?;
    // A format that no terminal takes, and the left of its own modulus.
    let own = modulus.get(..100).unwrap_or_default();
    let record: Vec<u8> = [&[0x6A, 0x11][..], &[0x22; 12], own, &[0x33; 29], &[0xBC]].concat();
    let signed = desk
        .custody
        .sign("kit.issuer@1", &Signing::IssuerRecord { record: &record });
    let signed = desk.kept("sign", signed)?;
    let opened = opened_by(&modulus, exponent, &signed);
    holds(opened == record, "a signature of something else")?;
    let changed = |place: usize, octet: u8| {
        let mut changed = record.clone();
        if let Some(slot) = changed.get_mut(place) {
            *slot = octet;
        }
        changed
    };
    let formats = (0x00..0x11).map(|format| changed(1, format));
    let others = [
        changed(0, 0x6B),
        changed(0, 0x00),
        changed(143, 0xBB),
        changed(14, !modulus.first().copied().unwrap_or_default()),
        record.get(1..).unwrap_or_default().to_vec(),
        Vec::new(),
    ];
    for wrong in formats.chain(others) {
        let signed = desk
            .custody
            .sign("kit.issuer@1", &Signing::IssuerRecord { record: &wrong });
        desk.refused("sign", signed, &["R1307"], "no record")?;
    }
    Ok(())
}

fn certify(desk: &mut Desk<'_>) -> Checked {
    let rsa = |bits| KeyAlgorithm::Rsa { bits, exponent: 3 };
    desk.generate(&new("kit.ca@1", rsa(1_408), KeyUse::EmvCaPrivate))?;
    desk.generate(&new(
        "kit.certified@1",
        rsa(1_152),
        KeyUse::EmvIssuerPrivate,
    ))?;
    let (modulus_of_issuer, _) = modulus(desk, "kit.certified@1")?;
    let fields = IssuerCertificateFields {
        issuer_identifier: "999992",
        expiry_mmyy: "1235",
        serial: [0, 0, 1],
        modulus: &modulus_of_issuer,
        exponent: 3,
    };
    let made = desk.custody.certify_issuer("kit.ca@1", &fields);
    let made = desk.kept("certify_issuer", made)?;
    let (modulus, exponent) = modulus(desk, "kit.ca@1")?;
    let opened = opened_by(&modulus, exponent, &made.certificate);
    let framed = opened.starts_with(&[0x6A, 0x02, 0x99, 0x99, 0x92]) && opened.ends_with(&[0xBC]);
    holds(framed, "no certificate of an issuer")?;
    let other = desk.custody.certify_issuer("kit.certified@1", &fields);
    desk.refused(
        "certify_issuer",
        other,
        &["R1302"],
        "an issuer's key as an authority's",
    )
}

fn oaep(desk: &mut Desk<'_>) -> Checked {
    desk.generate(&new("kit.receive@1", RSA, KeyUse::KeyExchange))?;
    let (modulus, exponent) = modulus(desk, "kit.receive@1")?;
    let kmc = new("kit.sent@1", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
    desk.known(&kmc, CLEAR)?;
    for (hash, label) in [
        (OaepHash::Sha1, "kit.came.sha1@1"),
        (OaepHash::Sha256, "kit.came.sha256@1"),
    ] {
        let receiver = (modulus.as_slice(), exponent);
        let out = desk
            .custody
            .wrap("kit.sent@1", "", &Wrapping::RsaOaep { receiver, hash });
        let out = desk.kept("wrap", out)?;
        let incoming = Wrapping::RsaOaep {
            receiver: (&[], 0),
            hash,
        };
        let key = new(label, KeyAlgorithm::Aes128, KeyUse::CardIssuance);
        for place in [0, 1, 100, 255] {
            let mut changed = out.clone();
            if let Some(octet) = changed.get_mut(place) {
                *octet ^= 1;
            }
            let taken = desk
                .custody
                .unwrap(&changed, "kit.receive@1", &incoming, &key, None);
            desk.refused("unwrap", taken, &["R1375"], "a changed wrapped key")?;
        }
        let short = out.get(1..).unwrap_or_default();
        let taken = desk
            .custody
            .unwrap(short, "kit.receive@1", &incoming, &key, None);
        desk.refused("unwrap", taken, &["R1375"], "a cut wrapped key")?;
        let expected = value(CheckMethod::Cmac, "7AD386C376");
        let taken = desk
            .custody
            .unwrap(&out, "kit.receive@1", &incoming, &key, Some(&expected));
        desk.kept("unwrap", taken)?;
    }
    let small = Wrapping::RsaOaep {
        receiver: (modulus.get(..128).unwrap_or_default(), 3),
        hash: OaepHash::Sha256,
    };
    let out = desk.custody.wrap("kit.sent@1", "", &small);
    desk.refused("wrap", out, &["R1374"], "a receiver of 1024 bits")
}

fn ecdh(desk: &mut Desk<'_>) -> Checked {
    for label in ["kit.agree@1", "kit.agree@2"] {
        desk.generate(&new(label, KeyAlgorithm::P256, KeyUse::KeyExchange))?;
    }
    let (first, second) = (point(desk, "kit.agree@1")?, point(desk, "kit.agree@2")?);
    let kmc = new("kit.agreed@1", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
    desk.known(&kmc, CLEAR)?;
    let info = b"site A to site B".as_slice();
    let out = desk.custody.wrap(
        "kit.agreed@1",
        "kit.agree@1",
        &Wrapping::Ecdh {
            peer: &second,
            info,
        },
    );
    let out = desk.kept("wrap", out)?;
    let key = new("kit.agreed@2", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
    let other = Wrapping::Ecdh {
        peer: &first,
        info: b"site A to site C",
    };
    let taken = desk.custody.unwrap(&out, "kit.agree@2", &other, &key, None);
    desk.refused("unwrap", taken, &["R1375"], "another information")?;
    let wrapping = Wrapping::Ecdh { peer: &first, info };
    let expected = value(CheckMethod::Cmac, "7AD386C376");
    let taken = desk
        .custody
        .unwrap(&out, "kit.agree@2", &wrapping, &key, Some(&expected));
    desk.kept("unwrap", taken)?;
    let mut beside = second;
    if let Some(octet) = beside.last_mut() {
        *octet ^= 1;
    }
    let beside = Wrapping::Ecdh {
        peer: &beside,
        info,
    };
    let out = desk.custody.wrap("kit.agreed@1", "kit.agree@1", &beside);
    desk.refused("wrap", out, &["R1307"], "a point beside the curve")
}

const FRAME: Frame<'static> = Frame {
    before: b"what stands before",
    after: b"what stands behind",
    cipher: KeyAlgorithm::Aes128,
    hash: OaepHash::Sha256,
};

/// A key in an envelope for a key pair of the HSM itself.
fn enveloped(desk: &mut Desk<'_>, frame: &Frame<'_>) -> Result<Enveloped, Stop> {
    let (modulus, exponent) = modulus(desk, "kit.receive@2")?;
    let made = desk
        .custody
        .envelop("kit.inside@1", (&modulus, exponent), frame);
    desk.kept("envelop", made)
}

fn with_keys(desk: &mut Desk<'_>) -> Checked {
    desk.generate(&new("kit.receive@2", RSA, KeyUse::KeyExchange))?;
    let kmc = new("kit.inside@1", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
    desk.known(&kmc, CLEAR).map(drop)
}

fn envelop(desk: &mut Desk<'_>) -> Checked {
    with_keys(desk)?;
    let made = enveloped(desk, &FRAME)?;
    let length = FRAME.before.len() + 16 + FRAME.after.len();
    holds(
        made.content.len() == length.next_multiple_of(16),
        "no whole blocks",
    )?;
    holds(
        made.initial.len() == 16 && made.key.len() == 256,
        "no envelope",
    )?;
    let again = enveloped(desk, &FRAME)?;
    holds(
        again.content != made.content,
        "two envelopes of one content key",
    )?;
    let (modulus, exponent) = modulus(desk, "kit.receive@2")?;
    let small = (modulus.get(..128).unwrap_or_default(), exponent);
    let made = desk.custody.envelop("kit.inside@1", small, &FRAME);
    desk.refused("envelop", made, &["R1374"], "a receiver of 1024 bits")?;
    let short = Frame {
        cipher: KeyAlgorithm::Tdes2,
        ..FRAME
    };
    let made = desk
        .custody
        .envelop("kit.inside@1", (&modulus, exponent), &short);
    desk.refused("envelop", made, &["R1314"], "two-key triple DES")?;
    let made = desk
        .custody
        .envelop("kit.receive@2", (&modulus, exponent), &FRAME);
    desk.refused("envelop", made, &["R1374"], "a key pair")
}

fn open_envelope(desk: &mut Desk<'_>) -> Checked {
    with_keys(desk)?;
    let key = new("kit.opened@1", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
    for (cipher, hash) in [
        (KeyAlgorithm::Tdes3, OaepHash::Sha1),
        (KeyAlgorithm::Aes256, OaepHash::Sha256),
    ] {
        let frame = Frame {
            cipher,
            hash,
            ..FRAME
        };
        let other = Frame {
            before: b"what stood before",
            ..frame
        };
        let made = enveloped(desk, &frame)?;
        let refuse = |desk: &mut Desk<'_>, made: &Enveloped, frames: &[Frame<'_>], why: &str| {
            let taken = desk
                .custody
                .open_envelope(made, "kit.receive@2", frames, &key, None);
            desk.refused("open_envelope", taken, &["R1375"], why)
        };
        refuse(desk, &made, &[other], "another frame")?;
        for place in 0..made.content.len() {
            let mut changed = made.clone();
            if let Some(octet) = changed.content.get_mut(place) {
                *octet ^= 0x01;
            }
            // What is changed in the key alone has no sign of its own: TR-34 signs the envelope.
            let outside = place < 16 || place + 16 > made.content.len();
            if outside {
                refuse(desk, &changed, &[frame], "a changed content")?;
            }
        }
        let mut changed = made.clone();
        if let Some(octet) = changed.key.last_mut() {
            *octet ^= 0x01;
        }
        refuse(desk, &changed, &[frame], "a changed content key")?;
        let expected = value(CheckMethod::Cmac, "7AD386C376");
        let taken = desk.custody.open_envelope(
            &made,
            "kit.receive@2",
            &[other, frame],
            &key,
            Some(&expected),
        );
        desk.kept("open_envelope", taken)?;
        desk.destroy("kit.opened@1")?;
    }
    desk.absent("kit.opened@1")
}

//! Key pairs: made, brought in, and at work. A signature is opened with the public key before it
//! leaves: a wrong one could give the key away.

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Failure, Mechanism, Object, Outcome, Session, Value};
use cardwright_ports::custody::{PublicKey, Signing};
use cardwright_ports::hsm::{Certificate, IssuerCertificateFields, KeyUse};
use cardwright_standards::emv::certificates::{IssuerCertificate, issuer_block};
use cardwright_standards::x509;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::find::{self, Found};
use super::{Custody, rules};
use crate::capability::public_rows;
use crate::composition::Intent;
use crate::error::{self, Refused, Trouble};
use crate::known::{RsaParts, raise};
use crate::objects::{self, Flags, Kind, Place, Protection};
use crate::ring::{Nature, use_name};
use crate::tool::{Tool, wrong};

/// Longest message that is signed.
const MESSAGE_OCTETS_MAX: usize = 1 << 24;
/// The curve P-256 by its name (RFC 5480, 2.1.1.1).
pub(crate) const P256_PARAMETERS: [u8; 10] =
    [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// Attributes of a private key, all flags said.
pub(super) fn private_rows(
    kind: CK_ULONG,
    flags: Flags,
    (place, protection): (Place<'_>, Protection),
) -> Vec<Attribute> {
    let mut rows = vec![
        Attribute::number(ck::CKA_CLASS, ck::CKO_PRIVATE_KEY),
        Attribute::number(ck::CKA_KEY_TYPE, kind),
    ];
    objects::placed(&mut rows, place);
    objects::protected(&mut rows, protection);
    for (flag, attribute) in [
        (Flags::SIGN, ck::CKA_SIGN),
        (Flags::DECRYPT, ck::CKA_DECRYPT),
        (Flags::UNWRAP, ck::CKA_UNWRAP),
        (Flags::DERIVE, ck::CKA_DERIVE),
    ] {
        rows.push(Attribute::flag(attribute, flags.has(flag)));
    }
    rows
}

/// What a mechanism says already; some tokens refuse to hear it twice.
pub(super) fn without_kind(rows: Vec<Attribute>) -> Vec<Attribute> {
    rows.into_iter()
        .filter(|row| ![ck::CKA_CLASS, ck::CKA_KEY_TYPE].contains(&row.kind()))
        .collect()
}

/// A public exponent without zeros in front.
fn short(exponent: u32) -> Vec<u8> {
    let octets = exponent.to_be_bytes();
    octets.iter().copied().skip_while(|o| *o == 0).collect()
}

/// Makes an RSA key pair.
pub(super) fn generate_rsa(
    session: &Session,
    (bits, exponent): (u32, u32),
    flags: Flags,
    (place, protection): (Place<'_>, Protection),
) -> Outcome<(Object, Object)> {
    let mut public = public_rows(place);
    // Some tokens try a new pair by what its private half may do.
    let halves = [
        (ck::CKA_ENCRYPT, Flags::DECRYPT),
        (ck::CKA_WRAP, Flags::UNWRAP),
    ];
    for (attribute, flag) in halves {
        public.retain(|row| row.kind() != attribute);
        public.push(Attribute::flag(attribute, flags.has(flag)));
    }
    public.push(Attribute::number(
        ck::CKA_MODULUS_BITS,
        CK_ULONG::from(bits),
    ));
    public.push(Attribute::octets(ck::CKA_PUBLIC_EXPONENT, &short(exponent)));
    let private = private_rows(ck::CKK_RSA, flags, (place, protection));
    session.generate_pair(
        &Mechanism::Plain(ck::CKM_RSA_PKCS_KEY_PAIR_GEN),
        &without_kind(public),
        &without_kind(private),
    )
}

/// The public half of an RSA key as an object.
pub(super) fn rsa_public(
    session: &Session,
    place: Place<'_>,
    (modulus, exponent): (&[u8], u32),
) -> Outcome<Object> {
    let mut rows = public_rows(place);
    rows.push(Attribute::octets(ck::CKA_MODULUS, modulus));
    rows.push(Attribute::octets(ck::CKA_PUBLIC_EXPONENT, &short(exponent)));
    session.create(&rows)
}

/// Brings an RSA private key in.
pub(crate) fn import_rsa_for(
    session: &Session,
    parts: &RsaParts,
    place: (Place<'_>, Protection),
    flags: Flags,
) -> Outcome<Object> {
    let mut rows = private_rows(ck::CKK_RSA, flags, place);
    rows.extend(parts.rows());
    session.create(&rows)
}

/// Attributes of a public key on P-256.
fn p256_public_rows(place: Place<'_>) -> Vec<Attribute> {
    let mut rows = vec![
        Attribute::number(ck::CKA_CLASS, ck::CKO_PUBLIC_KEY),
        Attribute::number(ck::CKA_KEY_TYPE, ck::CKK_EC),
        Attribute::flag(ck::CKA_PRIVATE, false),
        Attribute::flag(ck::CKA_VERIFY, true),
        Attribute::octets(ck::CKA_EC_PARAMS, &P256_PARAMETERS),
    ];
    objects::placed(&mut rows, place);
    rows
}

/// Makes a key pair on P-256; public half first.
pub(crate) fn generate_p256(
    session: &Session,
    flags: Flags,
    (place, protection): (Place<'_>, Protection),
) -> Outcome<(Object, Object)> {
    let private = private_rows(ck::CKK_EC, flags, (place, protection));
    session.generate_pair(
        &Mechanism::Plain(ck::CKM_EC_KEY_PAIR_GEN),
        &without_kind(p256_public_rows(place)),
        &without_kind(private),
    )
}

/// The public half of a key on P-256 as an object.
pub(super) fn p256_public(session: &Session, place: Place<'_>, point: &[u8]) -> Outcome<Object> {
    let mut rows = p256_public_rows(place);
    // An OCTET STRING of 65 octets.
    let value = [&[0x04, 0x41], point].concat();
    rows.push(Attribute::octets(ck::CKA_EC_POINT, &value));
    session.create(&rows)
}

/// Brings a private key on P-256 in.
pub(super) fn import_p256(
    session: &Session,
    secret: &p256::SecretKey,
    place: (Place<'_>, Protection),
    flags: Flags,
) -> Outcome<Object> {
    let mut rows = private_rows(ck::CKK_EC, flags, place);
    rows.push(Attribute::octets(ck::CKA_EC_PARAMS, &P256_PARAMETERS));
    let scalar = Zeroizing::new(secret.to_bytes());
    rows.push(Attribute::octets(ck::CKA_VALUE, &scalar));
    session.create(&rows)
}

/// The point of a public key, uncompressed; tokens give it in an OCTET STRING or bare.
pub(crate) fn point_of(session: &Session, public: Object) -> Outcome<Vec<u8>> {
    let found = session.all_attributes(public, &[(ck::CKA_EC_POINT, 128)])?;
    let found = found.into_iter().next().flatten().unwrap_or_default();
    let point = match found.as_slice() {
        [0x04, 0x41, point @ ..] if point.len() == 65 => point,
        point => point,
    };
    match p256::PublicKey::from_sec1_bytes(point) {
        Ok(_) if point.len() == 65 => Ok(point.to_vec()),
        _ => Err(Failure {
            function: "C_GetAttributeValue",
            value: Value::Nonsense("a point that is not on P-256"),
        }),
    }
}

/// The x coordinate that a private key and a point agree on.
pub(crate) fn agreement_secret(
    session: &Session,
    key: Object,
    point: &[u8],
) -> Outcome<Zeroizing<Vec<u8>>> {
    let rows = objects::made(Kind::Generic(32), Flags::NONE, Protection::Readable, true);
    let mechanism = Mechanism::Ecdh(point.to_vec());
    let derived = session.derive(&mechanism, key, &rows)?;
    let secret = objects::value(session, derived, 32)?;
    session.destroy(derived)?;
    Ok(secret)
}

/// The bare private operation inside, opened with the public key.
fn raw_signature(tool: &Tool<'_>, key: &Found, block: &[u8]) -> Result<Vec<u8>, Trouble> {
    tool.plan.way(Intent::Signatures, key.flags)?;
    let (modulus, exponent) = key.rsa()?;
    let mechanism = Mechanism::Plain(ck::CKM_RSA_X_509);
    let mut signature = tool.session()?.sign(&mechanism, key.main, block)?;
    if raise(modulus, exponent, &signature).as_deref() != Some(block) {
        let what = format!("a signature of key {} that it does not open", key.label);
        return Err(wrong(what).into());
    }
    Ok(std::mem::take(&mut *signature))
}

/// ECDSA over a hash, in DER.
fn p256_signature(tool: &Tool<'_>, key: &Found, hash: &[u8; 32]) -> Result<Vec<u8>, Trouble> {
    tool.plan.way(Intent::MessagesP256, key.flags)?;
    let mechanism = Mechanism::Plain(ck::CKM_ECDSA);
    let found = tool.session()?.sign(&mechanism, key.main, hash)?;
    let PublicKey::P256(point) = find::public_key(tool.session()?, key)? else {
        return Err(key.unsuitable("P-256"));
    };
    let public = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
    let signature = p256::ecdsa::Signature::from_slice(&found);
    match (public, signature) {
        (Ok(public), Ok(signature)) if public.verify_prehash(hash, &signature).is_ok() => {
            Ok(signature.to_der().as_bytes().to_vec())
        }
        _ => {
            let what = format!("a signature of key {} that it does not open", key.label);
            Err(wrong(what).into())
        }
    }
}

impl Custody<'_> {
    pub(super) fn signature(&self, label: &str, what: &Signing<'_>) -> Result<Vec<u8>, Refused> {
        match what {
            Signing::Sha256 { message } => self.message_signature(label, message),
            Signing::IssuerRecord { record } => {
                let (label, record) = (label.to_owned(), record.to_vec());
                self.shared.work(move |tool| {
                    let key = find::present(tool.session()?, &label)?;
                    check_use(&key, KeyUse::EmvIssuerPrivate)?;
                    rules::check_issuer_record(&record, key.rsa()?.0)?;
                    raw_signature(tool, &key, &record)
                })
            }
        }
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2), or ECDSA in DER.
    fn message_signature(&self, label: &str, message: &[u8]) -> Result<Vec<u8>, Refused> {
        let hash: [u8; 32] = Sha256::digest(message).into();
        let (label, octets) = (label.to_owned(), message.len());
        self.shared.work(move |tool| {
            let key = find::present(tool.session()?, &label)?;
            // An issuer's key signs its own request only; 00 01 in front keeps this apart from
            // EMV's blocks.
            let signs = matches!(
                key.usage,
                KeyUse::PackageSigning
                    | KeyUse::CertificateSigning
                    | KeyUse::ContentSigning
                    | KeyUse::KeyExchange
                    | KeyUse::EmvIssuerPrivate
            );
            if !signs || octets > MESSAGE_OCTETS_MAX {
                let what = format!(
                    "key {label} is for {}, which signs no messages of {octets} octets",
                    use_name(key.usage)
                );
                return Err(error::KEY_USE.found(what).into());
            }
            if key.nature == Nature::P256 {
                return p256_signature(tool, &key, &hash);
            }
            let block = x509::signature_block(&hash, key.rsa()?.0.len());
            raw_signature(tool, &key, &block)
        })
    }

    pub(super) fn issuer_certificate(
        &self,
        authority: &str,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, Refused> {
        let key = self.found(authority)?;
        check_use(&key, KeyUse::EmvCaPrivate)?;
        let fields = IssuerCertificate {
            issuer_identifier: fields.issuer_identifier,
            expiry_mmyy: fields.expiry_mmyy,
            serial: fields.serial,
            modulus: fields.modulus,
            exponent: fields.exponent,
        };
        let made = issuer_block(&fields, key.rsa().map_err(Refused::from)?.0.len());
        let made = made.map_err(|e| error::CERTIFICATE.found(e.to_string()))?;
        let (authority, block) = (authority.to_owned(), made.block);
        let certificate = self.shared.work(move |tool| {
            let key = find::present(tool.session()?, &authority)?;
            check_use(&key, KeyUse::EmvCaPrivate)?;
            raw_signature(tool, &key, &block)
        })?;
        Ok(Certificate {
            certificate,
            remainder: made.remainder,
        })
    }
}

/// Refuses another use than its own.
pub(super) fn check_use(key: &Found, usage: KeyUse) -> Result<(), Refused> {
    if key.usage == usage {
        return Ok(());
    }
    Err(error::KEY_USE.found(format!(
        "key {} is for {}, not for {}",
        key.label,
        use_name(key.usage),
        use_name(usage)
    )))
}

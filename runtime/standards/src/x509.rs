//! X.509 certificates of keys that cards made: what is signed, how it is put together, and how it
//! is looked at again (RFC 5280, RFC 8017).
//!
//! Who signs is not here: whoever holds the key signs [`to_be_signed`].

use num_bigint_dig::BigUint;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, Rfc5280, TbsCertificateInner, Version};
use x509_cert::der::asn1::{
    Any, AnyRef, BitString, GeneralizedTime, ObjectIdentifier, OctetString, SetOfVec, UtcTime,
};
use x509_cert::der::{self, DateTime, Decode, Encode, Tag};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

/// sha256WithRSAEncryption (RFC 8017, appendix A.2.4).
pub(crate) const SHA256_WITH_RSA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// rsaEncryption.
pub(crate) const RSA_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey.
const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// prime256v1.
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// DigestInfo of SHA-256 without the hash (RFC 8017, 9.2, note 1).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
/// Most octets of a certificate that is read.
const CERTIFICATE_OCTETS_MAX: usize = 4_096;

/// Names of extended key usages, with their identifiers (RFC 5280, 4.2.1.12; smart card logon of
/// Windows; PIV content signing and card authentication of FIPS 201).
pub const EXTENDED_USAGES: [(&str, &str); 6] = [
    ("card_authentication", "2.16.840.1.101.3.6.8"),
    ("client_authentication", "1.3.6.1.5.5.7.3.2"),
    ("content_signing", "2.16.840.1.101.3.6.7"),
    ("email_protection", "1.3.6.1.5.5.7.3.4"),
    ("server_authentication", "1.3.6.1.5.5.7.3.1"),
    ("smart_card_logon", "1.3.6.1.4.1.311.20.2.2"),
];

/// Names of key usages (RFC 5280, 4.2.1.3).
pub const USAGES: [&str; 5] = [
    "data_encipherment",
    "digital_signature",
    "key_agreement",
    "key_encipherment",
    "non_repudiation",
];

/// Parts of a holder's name, in the order in which a name holds them.
pub const NAME_PARTS: [&str; 5] = [
    "country",
    "organization",
    "unit",
    "common_name",
    "serial_number",
];

/// Why a certificate is not made or not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum X509Error {
    /// It is not DER, or not what it should be.
    #[error("it is not the DER of a certificate")]
    Certificate,
    /// The authority's certificate is none of a certification authority with RSA.
    #[error("it is not the certificate of an RSA certification authority")]
    Authority,
    /// A part of the name is empty, too long, or of characters that it can't have.
    #[error("a part of the holder's name is empty, too long, or has characters that it can't have")]
    Name,
    /// Serial numbers are positive and have up to twenty octets.
    #[error("a serial number is positive and has at most 20 octets")]
    Serial,
    /// Dates are from 1970 to 9999, the first before the second.
    #[error("the certificate's dates can't be")]
    Dates,
    /// A usage that nobody knows.
    #[error("a key usage that is none")]
    Usage,
    /// The card's answer holds no public key, or one that is weak.
    #[error("the card's answer holds no RSA key of 2048 bits and no point of P-256")]
    Key,
    /// The certificate is not of a key that signs contents.
    #[error("it is not the certificate of an RSA key for signatures under PIV contents")]
    Signer,
    /// A signed object that is none, or too long.
    #[error("it is no signed object of a PIV card, or too long for one")]
    Content,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
}

/// A public key that a card made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardPublicKey {
    /// RSA with 2048 bits.
    Rsa {
        /// Modulus.
        modulus: Vec<u8>,
        /// Exponent.
        exponent: Vec<u8>,
    },
    /// A point on P-256, uncompressed.
    P256(Vec<u8>),
}

/// Who a certificate is for, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder<'h> {
    /// Serial number.
    pub serial: &'h [u8],
    /// Parts of the name, as [`NAME_PARTS`] names them.
    pub name: Vec<(&'h str, &'h str)>,
    /// First day.
    pub not_before: (u16, u8, u8),
    /// Last day.
    pub not_after: (u16, u8, u8),
    /// Key usages by name.
    pub usage: Vec<&'h str>,
    /// Extended key usages by name.
    pub extended: Vec<&'h str>,
}

/// A certification authority, from its own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    name: Name,
    key_identifier: Vec<u8>,
    /// Modulus.
    pub modulus: Vec<u8>,
    /// Exponent.
    pub exponent: u32,
    /// Last day of its certificate: year, month, day.
    pub not_after: (u16, u8, u8),
}

/// Reads what GENERATE ASYMMETRIC KEY PAIR answers: `7F49 { 81 n, 82 e }` or `7F49 { 86 point }`
/// (SP 800-73-4 part 2, 3.3.2).
pub fn card_public_key(answer: &[u8]) -> Result<CardPublicKey, X509Error> {
    let objects = crate::tlv::parse(answer).map_err(|_| X509Error::Key)?;
    let [template] = objects.as_slice() else {
        return Err(X509Error::Key);
    };
    if template.tag.to_string() != "7F49" {
        return Err(X509Error::Key);
    }
    let inside = crate::tlv::parse_flat(template.value).map_err(|_| X509Error::Key)?;
    let part = |tag: &str| {
        let found = inside.iter().find(|(t, _)| t.to_string() == tag);
        found.map(|(_, value)| *value)
    };
    match (part("86"), part("81"), part("82")) {
        (Some(point), None, None) => {
            p256::PublicKey::from_sec1_bytes(point).map_err(|_| X509Error::Key)?;
            match point {
                [0x04, rest @ ..] if rest.len() == 64 => Ok(CardPublicKey::P256(point.to_vec())),
                _ => Err(X509Error::Key),
            }
        }
        (None, Some(modulus), Some(exponent)) => {
            let long = modulus.len() == 256 && modulus.first().is_some_and(|o| o & 0x80 != 0);
            let odd = modulus.last().is_some_and(|o| o & 1 == 1);
            // FIPS 186-5 asks for an odd exponent above 2^16; PIV cards take 65537.
            if !long || !odd || exponent != [1, 0, 1] {
                return Err(X509Error::Key);
            }
            Ok(CardPublicKey::Rsa {
                modulus: modulus.to_vec(),
                exponent: exponent.to_vec(),
            })
        }
        _ => Err(X509Error::Key),
    }
}

impl CardPublicKey {
    fn info(&self) -> Result<SubjectPublicKeyInfoOwned, X509Error> {
        let wrong = |_: der::Error| X509Error::Key;
        let (oid, parameters, octets) = match self {
            Self::Rsa { modulus, exponent } => {
                let number = |octets: &[u8]| {
                    der::asn1::Uint::new(octets)
                        .and_then(|n| n.to_der())
                        .map_err(wrong)
                };
                let pair = [number(modulus)?, number(exponent)?].concat();
                let key = Any::new(Tag::Sequence, pair).and_then(|a| a.to_der());
                (RSA_KEY, Any::from(AnyRef::NULL), key.map_err(wrong)?)
            }
            Self::P256(point) => (EC_KEY, Any::from(&P256), point.clone()),
        };
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid,
                parameters: Some(parameters),
            },
            subject_public_key: BitString::from_bytes(&octets).map_err(wrong)?,
        })
    }

    fn of_info(info: &SubjectPublicKeyInfoOwned) -> Result<Self, X509Error> {
        let octets = info.subject_public_key.as_bytes().ok_or(X509Error::Key)?;
        if info.algorithm.oid == EC_KEY {
            let parameters = info.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|p| p.decode_as::<ObjectIdentifier>().ok());
            return match (curve, octets) {
                (Some(P256), [0x04, ..]) if octets.len() == 65 => Ok(Self::P256(octets.to_vec())),
                _ => Err(X509Error::Key),
            };
        }
        let (modulus, exponent) = rsa_numbers(info)?;
        Ok(Self::Rsa { modulus, exponent })
    }

    /// Whether the card answered a challenge with this key: over a hash of SHA-256, in DER for
    /// P-256, as a whole block for RSA (SP 800-73-4 part 2, appendix A.4).
    pub fn answered(&self, hash: &[u8; 32], answer: &[u8]) -> bool {
        match self {
            Self::P256(point) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
                let signature = p256::ecdsa::Signature::from_der(answer);
                match (key, signature) {
                    (Ok(key), Ok(signature)) => key.verify_prehash(hash, &signature).is_ok(),
                    _ => false,
                }
            }
            Self::Rsa { modulus, exponent } => {
                let block = signature_block(hash, modulus.len());
                raised(modulus, exponent, answer) == block
            }
        }
    }
}

pub(crate) fn rsa_numbers(
    info: &SubjectPublicKeyInfoOwned,
) -> Result<(Vec<u8>, Vec<u8>), X509Error> {
    if info.algorithm.oid != RSA_KEY {
        return Err(X509Error::Key);
    }
    let octets = info.subject_public_key.as_bytes().ok_or(X509Error::Key)?;
    let key = AnyRef::from_der(octets).map_err(|_| X509Error::Key)?;
    let numbers = key.sequence(|reader| {
        let modulus = der::asn1::Uint::decode(reader)?;
        let exponent = der::asn1::Uint::decode(reader)?;
        Ok((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
    });
    numbers.map_err(|_: der::Error| X509Error::Key)
}

impl Authority {
    /// Reads the certificate of a certification authority with an RSA key.
    pub fn read(certificate: &[u8]) -> Result<Self, X509Error> {
        let tbs = certificate_of(certificate)?.tbs_certificate;
        let wrong = X509Error::Authority;
        let constraints = tbs.get::<BasicConstraints>().map_err(|_| wrong)?;
        if !constraints.is_some_and(|(_, c)| c.ca) {
            return Err(wrong);
        }
        let usage = tbs.get::<KeyUsage>().map_err(|_| wrong)?;
        if usage.is_some_and(|(_, u)| !u.0.contains(KeyUsages::KeyCertSign)) {
            return Err(wrong);
        }
        let info = &tbs.subject_public_key_info;
        let (modulus, exponent) = rsa_numbers(info).map_err(|_| wrong)?;
        let stated = tbs.get::<SubjectKeyIdentifier>().map_err(|_| wrong)?;
        let key_identifier = match stated {
            Some((_, identifier)) => identifier.0.as_bytes().to_vec(),
            None => identifier_of(info),
        };
        let end = tbs.validity.not_after.to_date_time();
        let exponent = exponent.iter().try_fold(0u32, |all, o| {
            all.checked_mul(256)?.checked_add(u32::from(*o))
        });
        Ok(Self {
            name: tbs.subject,
            key_identifier,
            modulus,
            exponent: exponent.ok_or(wrong)?,
            not_after: (end.year(), end.month(), end.day()),
        })
    }

    /// Checks a certificate of a card that this authority issued, and gives its key.
    pub fn check(&self, certificate: &[u8]) -> Result<CardPublicKey, X509Error> {
        let parsed = certificate_of(certificate)?;
        let tbs = &parsed.tbs_certificate;
        if tbs.issuer != self.name || tbs.signature.oid != SHA256_WITH_RSA {
            return Err(X509Error::Signature);
        }
        let signed = tbs.to_der().map_err(|_| X509Error::Certificate)?;
        let hash: [u8; 32] = Sha256::digest(&signed).into();
        let signature = parsed.signature.as_bytes().ok_or(X509Error::Signature)?;
        let exponent = self.exponent.to_be_bytes();
        let block = signature_block(&hash, self.modulus.len());
        if raised(&self.modulus, &exponent, signature) != block {
            return Err(X509Error::Signature);
        }
        CardPublicKey::of_info(&tbs.subject_public_key_info)
    }
}

pub(crate) fn certificate_of(octets: &[u8]) -> Result<CertificateInner<Rfc5280>, X509Error> {
    if octets.len() > CERTIFICATE_OCTETS_MAX {
        return Err(X509Error::Certificate);
    }
    CertificateInner::from_der(octets).map_err(|_| X509Error::Certificate)
}

/// `text` to the power of the exponent, as long as the modulus; empty when it does not fit.
pub(crate) fn raised(modulus: &[u8], exponent: &[u8], text: &[u8]) -> Vec<u8> {
    let n = BigUint::from_bytes_be(modulus);
    let base = BigUint::from_bytes_be(text);
    if text.len() != modulus.len() || modulus.len() > 512 || base >= n {
        return Vec::new();
    }
    let result = base
        .modpow(&BigUint::from_bytes_be(exponent), &n)
        .to_bytes_be();
    let mut padded = vec![0; modulus.len().saturating_sub(result.len())];
    padded.extend_from_slice(&result);
    padded
}

/// EMSA-PKCS1-v1_5 of a SHA-256 hash: what the private key operation is applied to (RFC 8017, 9.2).
pub fn signature_block(hash: &[u8; 32], octets: usize) -> Vec<u8> {
    let fill = octets.saturating_sub(DIGEST_INFO.len() + hash.len() + 3);
    let mut block = vec![0x00, 0x01];
    block.resize(2 + fill, 0xFF);
    block.push(0x00);
    block.extend_from_slice(&DIGEST_INFO);
    block.extend_from_slice(hash);
    block
}

/// The first 160 bits of a hash of the key (RFC 5280, 4.2.1.2, method 1).
fn identifier_of(info: &SubjectPublicKeyInfoOwned) -> Vec<u8> {
    Sha1::digest(info.subject_public_key.raw_bytes()).to_vec()
}

/// TBSCertificate of a card's key, for a signature with SHA-256 and RSA.
pub fn to_be_signed(
    holder: &Holder<'_>,
    authority: &Authority,
    key: &CardPublicKey,
) -> Result<Vec<u8>, X509Error> {
    let info = key.info()?;
    let serial = SerialNumber::new(holder.serial).map_err(|_| X509Error::Serial)?;
    if serial.as_bytes().iter().all(|octet| *octet == 0) {
        return Err(X509Error::Serial);
    }
    let (first, last) = (
        moment(holder.not_before, false)?,
        moment(holder.not_after, true)?,
    );
    if holder.not_before > holder.not_after {
        return Err(X509Error::Dates);
    }
    let tbs = TbsCertificateInner::<Rfc5280> {
        version: Version::V3,
        serial_number: serial,
        signature: sha256_with_rsa(),
        issuer: authority.name.clone(),
        validity: Validity {
            not_before: first,
            not_after: last,
        },
        subject: name(&holder.name)?,
        extensions: Some(extensions(holder, authority, &info)?),
        subject_public_key_info: info,
        issuer_unique_id: None,
        subject_unique_id: None,
    };
    tbs.to_der().map_err(|_| X509Error::Certificate)
}

/// The certificate behind a signed TBSCertificate.
pub fn assemble(to_be_signed: &[u8], signature: &[u8]) -> Result<Vec<u8>, X509Error> {
    let wrong = |_: der::Error| X509Error::Certificate;
    let certificate = CertificateInner::<Rfc5280> {
        tbs_certificate: TbsCertificateInner::from_der(to_be_signed).map_err(wrong)?,
        signature_algorithm: sha256_with_rsa(),
        signature: BitString::from_bytes(signature).map_err(wrong)?,
    };
    certificate.to_der().map_err(wrong)
}

/// Whether a signing key may sign this: the certificate of another's key that is no authority, with
/// SHA-256 and RSA.
pub fn signable(to_be_signed: &[u8], own_modulus: &[u8]) -> Result<(), X509Error> {
    if to_be_signed.len() > CERTIFICATE_OCTETS_MAX {
        return Err(X509Error::Certificate);
    }
    let tbs = TbsCertificateInner::<Rfc5280>::from_der(to_be_signed);
    let tbs = tbs.map_err(|_| X509Error::Certificate)?;
    if tbs.signature.oid != SHA256_WITH_RSA {
        return Err(X509Error::Certificate);
    }
    let constraints = tbs.get::<BasicConstraints>();
    let constraints = constraints.map_err(|_| X509Error::Certificate)?;
    let is_authority = constraints.is_some_and(|(_, c)| c.ca);
    let own = rsa_numbers(&tbs.subject_public_key_info).is_ok_and(|(n, _)| n == own_modulus);
    match is_authority && !own {
        true => Err(X509Error::Authority),
        false => Ok(()),
    }
}

/// TBSCertificate of an authority's own key, valid from 2026 to 2049: for test authorities.
pub fn test_authority(
    common_name: &str,
    modulus: &[u8],
    exponent: &[u8],
) -> Result<Vec<u8>, X509Error> {
    let key = CardPublicKey::Rsa {
        modulus: modulus.to_vec(),
        exponent: exponent.to_vec(),
    };
    let info = key.info()?;
    let name = name(&[("common_name", common_name)])?;
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let constraints = BasicConstraints {
        ca: true,
        path_len_constraint: Some(0),
    };
    let identifier = OctetString::new(identifier_of(&info)).map_err(|_| X509Error::Certificate)?;
    let tbs = TbsCertificateInner::<Rfc5280> {
        version: Version::V3,
        serial_number: SerialNumber::new(&[1]).map_err(|_| X509Error::Serial)?,
        signature: sha256_with_rsa(),
        issuer: name.clone(),
        validity: Validity {
            not_before: moment((2026, 1, 1), false)?,
            not_after: moment((2049, 12, 31), true)?,
        },
        subject: name,
        extensions: Some(vec![
            extension(&constraints, true)?,
            extension(&usage, true)?,
            extension(&SubjectKeyIdentifier(identifier), false)?,
        ]),
        subject_public_key_info: info,
        issuer_unique_id: None,
        subject_unique_id: None,
    };
    tbs.to_der().map_err(|_| X509Error::Certificate)
}

pub(crate) fn sha256_with_rsa() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: SHA256_WITH_RSA,
        parameters: Some(Any::from(AnyRef::NULL)),
    }
}

/// The first or the last second of a day; UTCTime to 2049 (RFC 5280, 4.1.2.5).
fn moment((year, month, day): (u16, u8, u8), end: bool) -> Result<Time, X509Error> {
    let (hour, minute, second) = if end { (23, 59, 59) } else { (0, 0, 0) };
    let moment = DateTime::new(year, month, day, hour, minute, second);
    let moment = moment.map_err(|_| X509Error::Dates)?;
    match year {
        ..2050 => UtcTime::from_date_time(moment)
            .map(Time::UtcTime)
            .map_err(|_| X509Error::Dates),
        _ => Ok(Time::GeneralTime(GeneralizedTime::from_date_time(moment))),
    }
}

/// A name of parts in the order of [`NAME_PARTS`].
fn name(parts: &[(&str, &str)]) -> Result<Name, X509Error> {
    let mut all = Vec::new();
    for wanted in NAME_PARTS {
        for (_, text) in parts.iter().filter(|(part, _)| *part == wanted) {
            all.push(relative_name(wanted, text)?);
        }
    }
    match all.is_empty() || all.len() != parts.len() {
        true => Err(X509Error::Name),
        false => Ok(RdnSequence(all)),
    }
}

fn relative_name(part: &str, text: &str) -> Result<RelativeDistinguishedName, X509Error> {
    // Identifier, most characters, and whether it is a PrintableString (RFC 5280, appendix A.1).
    let (oid, most, printable) = match part {
        "country" => ("2.5.4.6", 2, true),
        "organization" => ("2.5.4.10", 64, false),
        "unit" => ("2.5.4.11", 64, false),
        "common_name" => ("2.5.4.3", 64, false),
        _ => ("2.5.4.5", 64, true),
    };
    let count = text.chars().count();
    let short = part == "country" && count != 2;
    let allowed = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c);
    let fine = (1..=most).contains(&count) && !short && (!printable || text.chars().all(allowed));
    if !fine || text.chars().any(char::is_control) {
        return Err(X509Error::Name);
    }
    let tag = if printable {
        Tag::PrintableString
    } else {
        Tag::Utf8String
    };
    let wrong = |_: der::Error| X509Error::Name;
    let attribute = AttributeTypeAndValue {
        oid: ObjectIdentifier::new(oid).map_err(|_| X509Error::Name)?,
        value: Any::new(tag, text.as_bytes()).map_err(wrong)?,
    };
    let set = SetOfVec::try_from(vec![attribute]).map_err(wrong)?;
    Ok(RelativeDistinguishedName::from(set))
}

fn extension<E: Encode + x509_cert::der::oid::AssociatedOid>(
    value: &E,
    critical: bool,
) -> Result<Extension, X509Error> {
    let octets = value.to_der().map_err(|_| X509Error::Certificate)?;
    Ok(Extension {
        extn_id: E::OID,
        critical,
        extn_value: OctetString::new(octets).map_err(|_| X509Error::Certificate)?,
    })
}

fn extensions(
    holder: &Holder<'_>,
    authority: &Authority,
    info: &SubjectPublicKeyInfoOwned,
) -> Result<Vec<Extension>, X509Error> {
    let octets = |o: Vec<u8>| OctetString::new(o).map_err(|_| X509Error::Certificate);
    let authority_key = AuthorityKeyIdentifier {
        key_identifier: Some(octets(authority.key_identifier.clone())?),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    let mut all = vec![
        extension(&authority_key, false)?,
        extension(&SubjectKeyIdentifier(octets(identifier_of(info))?), false)?,
    ];
    let mut usage = KeyUsages::DigitalSignature & KeyUsages::CRLSign; // none of all
    for name in &holder.usage {
        usage |= match *name {
            "data_encipherment" => KeyUsages::DataEncipherment,
            "digital_signature" => KeyUsages::DigitalSignature,
            "key_agreement" => KeyUsages::KeyAgreement,
            "key_encipherment" => KeyUsages::KeyEncipherment,
            "non_repudiation" => KeyUsages::NonRepudiation,
            _ => return Err(X509Error::Usage),
        };
    }
    if !usage.is_empty() {
        all.push(extension(&KeyUsage(usage), true)?);
    }
    let mut purposes = Vec::new();
    for name in &holder.extended {
        let found = EXTENDED_USAGES.iter().find(|(known, _)| known == name);
        let (_, oid) = found.ok_or(X509Error::Usage)?;
        purposes.push(ObjectIdentifier::new(oid).map_err(|_| X509Error::Usage)?);
    }
    if !purposes.is_empty() {
        all.push(extension(&ExtendedKeyUsage(purposes), false)?);
    }
    Ok(all)
}

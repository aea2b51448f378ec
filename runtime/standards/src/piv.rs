//! Signed objects of PIV cards: the signature of the card holder unique identifier and the security
//! object, as messages of CMS (FIPS 201-2, 4.2.1; SP 800-73-4 part 1, 3.1.2 and 3.1.7; RFC 5652).
//!
//! Who signs is not here: whoever holds the key signs [`attributes`].

use crate::x509::{SHA256_WITH_RSA, X509Error, certificate_of, raised, rsa_numbers};
use crate::x509::{sha256_with_rsa, signature_block};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier,
    SignerInfo, SignerInfos,
};
use sha2::{Digest, Sha256};
use x509_cert::attr::Attribute;
use x509_cert::certificate::{CertificateInner, Rfc5280};
use x509_cert::der::asn1::{Any, AnyRef, ObjectIdentifier, OctetString, SetOfVec};
use x509_cert::der::{self, Decode, Encode, Tag};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::spki::AlgorithmIdentifierOwned;

/// id-PIV-CHUIDSecurityObject.
const IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.6.1");
/// pivSigner-DN.
const SIGNER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.6.5");
/// id-PIV-content-signing.
const CONTENT_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.6.7");
/// id-icao-mrtd-security-ldsSecurityObject.
const LDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.136.1.1.1");
/// id-signedData, id-contentType, id-messageDigest (RFC 5652).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// id-sha256; its parameters are absent (RFC 5754, 2).
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// Most octets of a message or its attributes that are read.
const OCTETS_MAX: usize = 8_192;
/// Most data groups of a security object (ICAO 9303 part 10).
pub const GROUPS_MAX: usize = 16;

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The card holder unique identifier without its signature; the message does not hold it.
    Identifier,
    /// The table of hashes, which the message holds.
    SecurityObject,
}

impl Signed {
    fn kind(self) -> ObjectIdentifier {
        match self {
            Self::Identifier => IDENTIFIER,
            Self::SecurityObject => LDS,
        }
    }
}

/// Who signs, from the certificate of the key.
#[derive(Clone, Debug)]
pub struct Signer {
    certificate: CertificateInner<Rfc5280>,
    /// Modulus.
    pub modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Signer {
    /// Reads the certificate of a key that signs contents: RSA, for signatures, with the extended
    /// usage id-PIV-content-signing (FIPS 201-2, 4.2.1).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(certificate: &[u8]) -> Result<Self, X509Error> {
        let certificate = certificate_of(certificate)?;
        let tbs = &certificate.tbs_certificate;
        let extended = tbs.get::<ExtendedKeyUsage>();
        let extended = extended.map_err(|_| X509Error::Signer)?;
        let usage = tbs.get::<KeyUsage>().map_err(|_| X509Error::Signer)?;
        let named = extended.is_some_and(|(_, e)| e.0.contains(&CONTENT_SIGNING));
        let signs = usage.is_none_or(|(_, u)| u.0.contains(KeyUsages::DigitalSignature));
        if !named || !signs {
            return Err(X509Error::Signer);
        }
        let info = &tbs.subject_public_key_info;
        let (modulus, exponent) = rsa_numbers(info).map_err(|_| X509Error::Signer)?;
        Ok(Self {
            certificate,
            modulus,
            exponent,
        })
    }

    /// Public exponent; 0 where it is longer than four octets.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        let octets = self.exponent.iter();
        let value = octets.fold(0u64, |all, octet| all << 8 | u64::from(*octet));
        u32::try_from(value).unwrap_or(0)
    }
}

/// The table of hashes (ICAO 9303 part 10, LDSSecurityObject version 0): number of a data group, and
/// what its container holds.
///
/// # Errors
/// Too many groups, or one twice.
pub fn hashes(groups: &[(u8, &[u8])]) -> Result<Vec<u8>, X509Error> {
    let wrong = |_: der::Error| X509Error::Content;
    let rising = groups.windows(2).all(|two| match two {
        [(a, _), (b, _)] => a < b,
        _ => true,
    });
    if !rising || groups.is_empty() || groups.len() > GROUPS_MAX {
        return Err(X509Error::Content);
    }
    let sequence = |octets: Vec<u8>| Any::new(Tag::Sequence, octets).and_then(|a| a.to_der());
    let mut table = Vec::new();
    for (number, content) in groups {
        let hash = OctetString::new(Sha256::digest(content).to_vec()).map_err(wrong)?;
        let both = [number.to_der(), hash.to_der()];
        let both: Result<Vec<Vec<u8>>, _> = both.into_iter().collect();
        table.extend(sequence(both.map_err(wrong)?.concat()).map_err(wrong)?);
    }
    let parts = [
        0u8.to_der().map_err(wrong)?,
        sha256().to_der().map_err(wrong)?,
        sequence(table).map_err(wrong)?,
    ];
    sequence(parts.concat()).map_err(wrong)
}

/// SHA-256, as the table has it.
#[must_use]
pub fn hash(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// The content that a message holds.
///
/// # Errors
/// What is no message, or holds nothing.
pub fn held(message: &[u8]) -> Result<Vec<u8>, X509Error> {
    if message.len() > OCTETS_MAX {
        return Err(X509Error::Content);
    }
    let info = ContentInfo::from_der(message).map_err(|_| X509Error::Content)?;
    let signed = info.content.decode_as::<SignedData>();
    let signed = signed.map_err(|_| X509Error::Content)?;
    let held = signed
        .encap_content_info
        .econtent
        .ok_or(X509Error::Content)?;
    let octets = held.decode_as::<OctetString>();
    Ok(octets.map_err(|_| X509Error::Content)?.as_bytes().to_vec())
}

/// Numbers and hashes of a table.
///
/// # Errors
/// What is no table of SHA-256.
pub fn listed(table: &[u8]) -> Result<Vec<(u8, [u8; 32])>, X509Error> {
    let read = AnyRef::from_der(table).and_then(|any| {
        any.sequence(|reader| {
            let version = u8::decode(reader)?;
            let method = AlgorithmIdentifierOwned::decode(reader)?;
            let rows = Vec::<Any>::decode(reader)?;
            Ok((version, method, rows))
        })
    });
    let (version, method, rows) = read.map_err(|_: der::Error| X509Error::Content)?;
    if (version, method.oid) != (0, SHA256) || rows.is_empty() || rows.len() > GROUPS_MAX {
        return Err(X509Error::Content);
    }
    let row = |row: &Any| {
        let both = AnyRef::from(row).sequence(|reader| {
            let number = u8::decode(reader)?;
            let hash = OctetString::decode(reader)?;
            Ok((number, hash))
        });
        let (number, hash) = both.map_err(|_: der::Error| X509Error::Content)?;
        let hash = hash.as_bytes().try_into().map_err(|_| X509Error::Content)?;
        Ok((number, hash))
    };
    rows.iter().map(row).collect()
}

/// What is signed for a content: type, hash, and for an identifier the signer's name.
///
/// # Errors
/// A content that is too long.
pub fn attributes(what: Signed, content: &[u8], signer: &Signer) -> Result<Vec<u8>, X509Error> {
    let set = attribute_set(what, content, signer).map_err(|_| X509Error::Content)?;
    set.to_der().map_err(|_| X509Error::Content)
}

fn attribute_set(
    what: Signed,
    content: &[u8],
    signer: &Signer,
) -> Result<SignedAttributes, der::Error> {
    let hash = OctetString::new(Sha256::digest(content).to_vec())?;
    let mut all = vec![
        attribute(CONTENT_TYPE, Any::from(&what.kind()))?,
        attribute(MESSAGE_DIGEST, Any::encode_from(&hash)?)?,
    ];
    if what == Signed::Identifier {
        let name = &signer.certificate.tbs_certificate.subject;
        all.push(attribute(SIGNER_NAME, Any::encode_from(name)?)?);
    }
    SetOfVec::from_iter(all)
}

fn attribute(oid: ObjectIdentifier, value: Any) -> Result<Attribute, der::Error> {
    Ok(Attribute {
        oid,
        values: SetOfVec::from_iter([value])?,
    })
}

fn sha256() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: SHA256,
        parameters: None,
    }
}

/// Whether a key for contents may sign this: attributes of a PIV object and nothing else.
///
/// # Errors
/// Octets that are something else.
pub fn signable(attributes: &[u8]) -> Result<(), X509Error> {
    if attributes.len() > OCTETS_MAX {
        return Err(X509Error::Content);
    }
    let set = SignedAttributes::from_der(attributes).map_err(|_| X509Error::Content)?;
    let one = |oid: ObjectIdentifier| {
        let mut found = set.iter().filter(|a| a.oid == oid);
        match (found.next(), found.next()) {
            (Some(attribute), None) if attribute.values.len() == 1 => attribute.values.get(0),
            _ => None,
        }
    };
    let kind = one(CONTENT_TYPE).and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let hash = one(MESSAGE_DIGEST).and_then(|any| any.decode_as::<OctetString>().ok());
    let named = one(SIGNER_NAME).is_some();
    let expected = match kind {
        Some(IDENTIFIER) if named => 3,
        Some(LDS) => 2,
        _ => return Err(X509Error::Content),
    };
    match hash {
        Some(hash) if hash.as_bytes().len() == 32 && set.len() == expected => Ok(()),
        _ => Err(X509Error::Content),
    }
}

/// The message: an identifier's with the signer's certificate and without the content, a security
/// object's with the table and without the certificate, which stands in the identifier's.
///
/// # Errors
/// A content that is too long.
pub fn message(
    what: Signed,
    content: &[u8],
    signer: &Signer,
    signature: &[u8],
) -> Result<Vec<u8>, X509Error> {
    built(what, content, signer, signature).map_err(|_| X509Error::Content)
}

fn built(
    what: Signed,
    content: &[u8],
    signer: &Signer,
    signature: &[u8],
) -> Result<Vec<u8>, der::Error> {
    let tbs = &signer.certificate.tbs_certificate;
    let inside = what == Signed::SecurityObject;
    let content_octets = OctetString::new(content)?;
    let info = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: tbs.issuer.clone(),
            serial_number: tbs.serial_number.clone(),
        }),
        digest_alg: sha256(),
        signed_attrs: Some(attribute_set(what, content, signer)?),
        signature_algorithm: sha256_with_rsa(),
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let certificates = match inside {
        true => None,
        false => {
            let der = signer.certificate.to_der()?;
            let own = CertificateChoices::Certificate(Decode::from_der(&der)?);
            Some(CertificateSet(SetOfVec::from_iter([own])?))
        }
    };
    let signed = SignedData {
        // RFC 5652, 5.1: 3 for a content that is not id-data.
        version: CmsVersion::V3,
        digest_algorithms: SetOfVec::from_iter([sha256()])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: what.kind(),
            econtent: inside
                .then(|| Any::encode_from(&content_octets))
                .transpose()?,
        },
        certificates,
        crls: None,
        signer_infos: SignerInfos(SetOfVec::from_iter([info])?),
    };
    ContentInfo {
        content_type: SIGNED_DATA,
        content: Any::encode_from(&signed)?,
    }
    .to_der()
}

/// Checks a message over a content against its signer: type, hash, name, signature, and every octet around
/// them.
///
/// # Errors
/// [`X509Error::Content`] for what is no such message, [`X509Error::Signature`] for one that does not
/// hold.
pub fn check(
    what: Signed,
    message: &[u8],
    content: &[u8],
    signer: &Signer,
) -> Result<(), X509Error> {
    let wrong = |_: der::Error| X509Error::Content;
    if message.len() > OCTETS_MAX {
        return Err(X509Error::Content);
    }
    let info = ContentInfo::from_der(message).map_err(wrong)?;
    let signed: SignedData = info.content.decode_as().map_err(wrong)?;
    let [one] = signed.signer_infos.0.as_slice() else {
        return Err(X509Error::Content);
    };
    let held = signed.encap_content_info.econtent.as_ref();
    let held = held.map(|any| any.decode_as::<OctetString>());
    let held = held.transpose().map_err(wrong)?;
    let fits = match what {
        Signed::Identifier => held.is_none(),
        Signed::SecurityObject => held.is_some_and(|octets| octets.as_bytes() == content),
    };
    let expected = attribute_set(what, content, signer).map_err(wrong)?;
    let rsa = [SHA256_WITH_RSA, crate::x509::RSA_KEY];
    if info.content_type != SIGNED_DATA
        || signed.encap_content_info.econtent_type != what.kind()
        || one.digest_alg.oid != SHA256
        || !rsa.contains(&one.signature_algorithm.oid)
        || !fits
        || one.signed_attrs.as_ref() != Some(&expected)
    {
        return Err(X509Error::Signature);
    }
    let hash: [u8; 32] = Sha256::digest(expected.to_der().map_err(wrong)?).into();
    let block = signature_block(&hash, signer.modulus.len());
    let opened = raised(&signer.modulus, &signer.exponent, one.signature.as_bytes());
    // What stands around the signature is not signed: names of the signer, versions, a certificate. All of
    // it is as the signer's house makes it, or the message was changed on its way.
    let made = built(what, content, signer, one.signature.as_bytes()).map_err(wrong)?;
    match opened == block && made == message {
        true => Ok(()),
        false => Err(X509Error::Signature),
    }
}

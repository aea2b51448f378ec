//! Certificate requests (PKCS #10, RFC 2986) for the key pairs of key exchange: a host that signs, a
//! device that receives keys. The request asks for the key usage that the exchange needs.

use crate::certificates::{RSA_KEY, SHA256_WITH_RSA, rsa_key_of};
use crate::cms::{attribute, is_plain};
use crate::rsa::signed;
use crate::{ExchangeError, Purpose, RsaPrivate, RsaPublicKey};
use der::asn1::{Any, BitString, ObjectIdentifier, OctetString, SetOfVec, UintRef};
use der::{Decode, Encode, Sequence};
use std::str::FromStr;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// extensionRequest (RFC 2985, 5.4.2).
const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
/// keyUsage (RFC 5280, 4.2.1.3).
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// Most characters of a subject.
const SUBJECT_MAX: usize = 256;
/// Most octets of a request.
const OCTETS_MAX: usize = 16 * 1024;

fn unwritable(_: der::Error) -> ExchangeError {
    ExchangeError::Malformed("certificate request")
}

/// Makes a request, signed by the key that is to be certified. `subject` is a name as RFC 4514 has
/// it, such as `CN=Host 1,O=Aurora`.
///
/// # Errors
/// R1390 for a subject that is no name, R1391 for a key below 2048 bits, R1399 when the key's holder
/// fails.
pub fn certificate_request(
    subject: &str,
    purpose: Purpose,
    key: &dyn RsaPrivate,
) -> Result<Vec<u8>, ExchangeError> {
    let needed = match purpose {
        Purpose::Sign => KeyUsages::DigitalSignature,
        Purpose::ReceiveKeys => KeyUsages::KeyEncipherment,
        Purpose::AgreeKeys => KeyUsages::KeyAgreement,
    };
    let usage = KeyUsage(needed.into()).to_der().map_err(unwritable)?;
    let extensions = vec![Extension {
        extn_id: KEY_USAGE,
        critical: true,
        extn_value: OctetString::new(usage).map_err(unwritable)?,
    }];
    let attributes = vec![attribute(EXTENSION_REQUEST, &extensions)?];
    let public_key = public_key_info(key.public_key())?;
    rsa_key_of(&public_key)?;
    let info = CertReqInfo {
        version: Version::V1,
        subject: name(subject)?,
        public_key,
        attributes: SetOfVec::try_from(attributes).map_err(unwritable)?,
    };
    signed_request(info, key)
}

/// A request of what it says and the key's signature over that.
pub(crate) fn signed_request(
    info: CertReqInfo,
    key: &dyn RsaPrivate,
) -> Result<Vec<u8>, ExchangeError> {
    let signature = signed(key, &info.to_der().map_err(unwritable)?)?;
    let request = CertReq {
        info,
        algorithm: AlgorithmIdentifierOwned {
            oid: SHA256_WITH_RSA,
            parameters: Some(Any::null()),
        },
        signature: BitString::from_bytes(&signature).map_err(unwritable)?,
    };
    request.to_der().map_err(unwritable)
}

/// Reads a request whose signature is that of the key in it, found by `public`.
///
/// # Errors
/// R1390 for what is no such request, R1393 for another signature.
pub(crate) fn verified_request(
    octets: &[u8],
    public: impl FnOnce(&SubjectPublicKeyInfoOwned) -> Result<RsaPublicKey, ExchangeError>,
) -> Result<(CertReqInfo, RsaPublicKey), ExchangeError> {
    let wrong = ExchangeError::Malformed("certificate request");
    if octets.len() > OCTETS_MAX {
        return Err(wrong);
    }
    let parsed = CertReq::from_der(octets).map_err(|_| wrong)?;
    if parsed.algorithm.oid != SHA256_WITH_RSA || !is_plain(&parsed.algorithm) {
        return Err(wrong);
    }
    let public = public(&parsed.info.public_key)?;
    let info = parsed.info.to_der().map_err(|_| wrong)?;
    public.verify(&info, parsed.signature.as_bytes().unwrap_or_default())?;
    Ok((parsed.info, public))
}

fn name(text: &str) -> Result<Name, ExchangeError> {
    let wrong = ExchangeError::Malformed("subject: a name such as CN=Host 1,O=Aurora is expected");
    let plain = text.chars().all(|c| !c.is_control());
    if text.is_empty() || text.len() > SUBJECT_MAX || !plain {
        return Err(wrong);
    }
    let name = Name::from_str(text).map_err(|_| wrong)?;
    match name.is_empty() {
        true => Err(wrong),
        false => Ok(name),
    }
}

/// An RSA key as SubjectPublicKeyInfo.
pub(crate) fn public_key_info(
    key: &RsaPublicKey,
) -> Result<SubjectPublicKeyInfoOwned, ExchangeError> {
    /// RSAPublicKey (RFC 8017, A.1.1).
    #[derive(Sequence)]
    struct Numbers<'a> {
        modulus: UintRef<'a>,
        exponent: UintRef<'a>,
    }
    let numbers = Numbers {
        modulus: UintRef::new(key.modulus()).map_err(unwritable)?,
        exponent: UintRef::new(key.exponent()).map_err(unwritable)?,
    };
    let octets = numbers.to_der().map_err(unwritable)?;
    Ok(SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid: RSA_KEY,
            parameters: Some(Any::null()),
        },
        subject_public_key: BitString::from_bytes(&octets).map_err(unwritable)?,
    })
}

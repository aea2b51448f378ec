//! The open form: a PKCS#10 request (RFC 2986), which any tool reads, and beside it the EMV
//! self-signed record of form `open`. Two attributes bind them: `unstructuredName` (PKCS#9) says in
//! text what is asked for, `unstructuredAddress` has the SHA-256 of the record.

use super::forms::{self, RequestFields, RequestForm, check_key};
use super::{Month, check_identifier};
use crate::certificates::any_rsa_key_of;
use crate::cms::{attribute, value_of};
use crate::request::{public_key_info, signed_request, verified_request};
use crate::{ExchangeError, RsaPrivate, RsaPublicKey};
use cardwright_standards::hex;
use der::asn1::{Ia5String, ObjectIdentifier, SetOfVec};
use sha2::{Digest, Sha256};
use std::str::FromStr;
use x509_cert::attr::Attributes;
use x509_cert::name::Name;
use x509_cert::request::{CertReqInfo, Version};

/// unstructuredName (RFC 2985, 5.4.1).
const UNSTRUCTURED_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.2");
/// unstructuredAddress (RFC 2985, 5.4.2).
const UNSTRUCTURED_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.8");
/// Most octets of a record.
const OCTETS_MAX: usize = 16 * 1024;
/// Most characters of an organization's name (RFC 5280, ub-organization-name).
const ORGANIZATION_MAX: usize = 64;

/// What is asked for in the open form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFields {
    /// The issuer.
    pub organization: String,
    /// The scheme's registered application provider identifier.
    pub rid: [u8; 5],
    /// Index of the CA's key that shall certify.
    pub ca_index: u8,
    /// Fields that every form has.
    pub request: RequestFields,
}

/// A request in the open form: two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// PKCS#10, DER.
    pub pkcs10: Vec<u8>,
    /// The record.
    pub record: Vec<u8>,
}

/// A request that was read and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// What is asked for.
    pub fields: OpenFields,
    /// The key to be certified.
    pub public: RsaPublicKey,
}

fn form() -> Result<&'static RequestForm, ExchangeError> {
    RequestForm::of("open").ok_or(ExchangeError::Malformed("certificate request"))
}

fn unwritable(_: der::Error) -> ExchangeError {
    ExchangeError::Malformed("certificate request")
}

/// Makes a request.
pub fn make(fields: &OpenFields, key: &dyn RsaPrivate) -> Result<OpenRequest, ExchangeError> {
    let record = forms::build(form()?, &fields.request, key)?;
    let text = Ia5String::new(&statement(fields)).map_err(unwritable)?;
    let digest = Ia5String::new(&digest_text(&record)).map_err(unwritable)?;
    let attributes = vec![
        attribute(UNSTRUCTURED_NAME, &text)?,
        attribute(UNSTRUCTURED_ADDRESS, &digest)?,
    ];
    let info = CertReqInfo {
        version: Version::V1,
        subject: subject(fields)?,
        public_key: public_key_info(key.public_key())?,
        attributes: SetOfVec::try_from(attributes).map_err(unwritable)?,
    };
    Ok(OpenRequest {
        pkcs10: signed_request(info, key)?,
        record,
    })
}

/// Reads a request: its signature, what it says, and the record, which must say the same.
pub fn read(request: &OpenRequest) -> Result<ReadRequest, ExchangeError> {
    let wrong = ExchangeError::Malformed("certificate request");
    if request.record.len() > OCTETS_MAX {
        return Err(wrong);
    }
    let (info, public) = verified_request(&request.pkcs10, |info| {
        let public = any_rsa_key_of(info)?;
        check_key(&public)?;
        Ok(public)
    })?;
    let attributes = &info.attributes;
    let text = text_of(attributes, UNSTRUCTURED_NAME).ok_or(wrong)?;
    let fields = parse_statement(&text)?;
    if subject(&fields)? != info.subject {
        return Err(ExchangeError::Issuer(
            "the request's subject and text differ",
        ));
    }
    let digest = text_of(attributes, UNSTRUCTURED_ADDRESS).ok_or(wrong)?;
    if digest != digest_text(&request.record) {
        return Err(ExchangeError::Issuer(
            "the record is not the one of the request",
        ));
    }
    forms::verify(form()?, &fields.request, &public, &request.record)?;
    Ok(ReadRequest { fields, public })
}

fn subject(fields: &OpenFields) -> Result<Name, ExchangeError> {
    let name = &fields.organization;
    // Characters that RFC 4514 does not make us escape.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '.' | '&');
    let edges = name.trim() == name && !name.is_empty() && name.len() <= ORGANIZATION_MAX;
    if !edges || !name.chars().all(plain) {
        return Err(ExchangeError::Issuer(
            "the organization has up to 64 letters, digits, blanks, - . and &",
        ));
    }
    check_identifier(&fields.request.issuer_identifier)?;
    let identifier = &fields.request.issuer_identifier;
    let text = format!("CN=EMV issuer {identifier},O={name}");
    Name::from_str(&text).map_err(|_| ExchangeError::Issuer("the organization's name"))
}

/// `name=value` pairs in a fixed order, separated by semicolons.
fn statement(fields: &OpenFields) -> String {
    let request = &fields.request;
    format!(
        "EMV-ISSUER-1;O={};RID={};INDEX={:02X};ISSUER={};EXPIRY={};TRACKING={};SERVICE={};KEY={}",
        fields.organization,
        hex::encode(&fields.rid),
        fields.ca_index,
        request.issuer_identifier,
        request.expiry.mmyy(),
        hex::encode(&request.tracking),
        hex::encode(&request.service),
        hex::encode(&request.key_index),
    )
}

fn parse_statement(text: &str) -> Result<OpenFields, ExchangeError> {
    let wrong = ExchangeError::Malformed("certificate request: its text");
    let mut parts = text.split(';');
    if parts.next() != Some("EMV-ISSUER-1") {
        return Err(wrong);
    }
    let mut value = |name: &str| {
        let part = parts.next()?;
        part.strip_prefix(name)?.strip_prefix('=')
    };
    fn octets<const N: usize>(text: Option<&str>) -> Option<[u8; N]> {
        hex::decode(text?).ok()?.try_into().ok()
    }
    let organization = value("O").ok_or(wrong)?.to_owned();
    let rid = octets(value("RID")).ok_or(wrong)?;
    let [ca_index] = octets(value("INDEX")).ok_or(wrong)?;
    let issuer_identifier = value("ISSUER").ok_or(wrong)?.to_owned();
    let expiry = Month::from_mmyy(value("EXPIRY").ok_or(wrong)?)?;
    let tracking = octets(value("TRACKING")).ok_or(wrong)?;
    let service = octets(value("SERVICE")).ok_or(wrong)?;
    let key_index = octets(value("KEY")).ok_or(wrong)?;
    let fields = OpenFields {
        organization,
        rid,
        ca_index,
        request: RequestFields {
            issuer_identifier,
            expiry,
            tracking,
            service,
            key_index,
        },
    };
    // One spelling for one meaning.
    match statement(&fields) == text {
        true => Ok(fields),
        false => Err(wrong),
    }
}

fn digest_text(record: &[u8]) -> String {
    format!("SHA256={}", hex::encode(&Sha256::digest(record)))
}

fn text_of(attributes: &Attributes, oid: ObjectIdentifier) -> Option<String> {
    let value = value_of(attributes, oid)?;
    let text = value.decode_as::<Ia5String>().ok()?;
    Some(text.as_str().to_owned())
}

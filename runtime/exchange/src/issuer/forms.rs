//! Scheme forms of a request for an issuer certificate, as tables of fields: what stands in the
//! clear, and what the issuer's own key signs to prove that it is there.
//!
//! The schemes do not publish their forms. What is public of them are fields that HSM vendors name
//! in their manuals; their order here is unverified, and a form is used only after the scheme has
//! taken a sample. A form that a scheme gives under contract is one more table of a site's own.

use super::{Month, check_identifier};
use crate::{ExchangeError, RsaPrivate, RsaPublicKey};
use cardwright_standards::formats;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// First octet of a signed block.
const HEADER: u8 = 0x6A;
/// Last octet of a signed block.
const TRAILER: u8 = 0xBC;
/// Fill of a signed block.
const FILL: u8 = 0xBB;
/// Octets of the hash.
const HASH_OCTETS: usize = 20;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// These octets.
    Constant(&'static [u8]),
    /// Issuer identifier, digits from the left, padded with `F`, in so many octets.
    IssuerIdentifier(usize),
    /// Expiry, MMYY in two octets.
    Expiry,
    /// Tracking or serial number, three octets.
    Tracking,
    /// Service identifier, four octets.
    Service,
    /// Index of the issuer's key, three octets.
    KeyIndex,
    /// Length of the modulus in octets, one octet.
    ModulusOctets,
    /// Length of the modulus in bits, two octets.
    ModulusBits,
    /// Length of the exponent, one octet.
    ExponentOctets,
    /// The whole modulus.
    Modulus,
    /// What of the modulus fits into the signed block, from the left, then fill.
    ModulusLeft,
    /// What of it does not fit.
    ModulusRest,
    /// The exponent.
    Exponent,
    /// SHA-1 of every field before it in the clear part.
    Checksum,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
}

const fn field(name: &'static str, kind: FieldKind) -> Field {
    Field { name, kind }
}

/// One form.
#[derive(Debug)]
pub struct RequestForm {
    /// Its name in site files.
    pub name: &'static str,
    /// Where it comes from, and how sure that is.
    pub source: &'static str,
    /// Whether it is published as it stands here.
    pub verified: bool,
    /// Fields in the clear, in their order.
    pub clear: &'static [Field],
    /// Fields of the block that the issuer's key signs, between `6A` and the hash.
    pub signed: &'static [Field],
}

/// Octets `01` for SHA-1, `01` for RSA.
const ALGORITHMS: Field = field("hash and key algorithm", FieldKind::Constant(&[0x01, 0x01]));

/// The forms that come with the project.
pub static FORMS: &[RequestForm] = &[
    RequestForm {
        name: "open",
        source: "house: the layout of an issuer certificate (EMV Book 2, table 6) with format 11, \
                 signed by the issuer's own key",
        verified: true,
        clear: &[
            field("format", FieldKind::Constant(&[0x11])),
            field("issuer identifier", FieldKind::IssuerIdentifier(4)),
            field("expiry", FieldKind::Expiry),
            field("tracking number", FieldKind::Tracking),
            ALGORITHMS,
            field("modulus length", FieldKind::ModulusOctets),
            field("exponent length", FieldKind::ExponentOctets),
            field("modulus", FieldKind::Modulus),
            field("exponent", FieldKind::Exponent),
        ],
        signed: &[
            field("format", FieldKind::Constant(&[0x11])),
            field("issuer identifier", FieldKind::IssuerIdentifier(4)),
            field("expiry", FieldKind::Expiry),
            field("tracking number", FieldKind::Tracking),
            ALGORITHMS,
            field("modulus length", FieldKind::ModulusOctets),
            field("exponent length", FieldKind::ExponentOctets),
            field("modulus, left", FieldKind::ModulusLeft),
        ],
    },
    RequestForm {
        name: "self-signed-record",
        source: "fields that HSM vendors name for the Europay and Mastercard family: subject of 5 \
                 octets, expiry, serial, key index; the order is unverified",
        verified: false,
        clear: &[
            field("format", FieldKind::Constant(&[0x11])),
            field("subject", FieldKind::IssuerIdentifier(5)),
            field("key index", FieldKind::KeyIndex),
            ALGORITHMS,
            field("modulus length", FieldKind::ModulusOctets),
            field("exponent length", FieldKind::ExponentOctets),
            field("modulus, rest", FieldKind::ModulusRest),
            field("exponent", FieldKind::Exponent),
        ],
        signed: &[
            field("format", FieldKind::Constant(&[0x11])),
            field("subject", FieldKind::IssuerIdentifier(5)),
            field("expiry", FieldKind::Expiry),
            field("serial number", FieldKind::Tracking),
            ALGORITHMS,
            field("modulus length", FieldKind::ModulusOctets),
            field("exponent length", FieldKind::ExponentOctets),
            field("modulus, left", FieldKind::ModulusLeft),
        ],
    },
    RequestForm {
        name: "service-record",
        source: "fields that HSM vendors name for the Visa family: service identifier, issuer, \
                 expiry, tracking number; the order is unverified",
        verified: false,
        clear: &[
            field("header", FieldKind::Constant(&[0x22])),
            field("service identifier", FieldKind::Service),
            field("modulus length in bits", FieldKind::ModulusBits),
            field("modulus", FieldKind::Modulus),
            field("exponent length", FieldKind::ExponentOctets),
            field("exponent", FieldKind::Exponent),
            field("tracking number", FieldKind::Tracking),
            field("checksum", FieldKind::Checksum),
        ],
        signed: &[
            field("header", FieldKind::Constant(&[0x23])),
            field("service identifier", FieldKind::Service),
            field("issuer", FieldKind::IssuerIdentifier(4)),
            field("expiry", FieldKind::Expiry),
            field("tracking number", FieldKind::Tracking),
            ALGORITHMS,
            field("modulus length", FieldKind::ModulusOctets),
            field("exponent length", FieldKind::ExponentOctets),
            field("modulus, left", FieldKind::ModulusLeft),
        ],
    },
];

impl RequestForm {
    /// The form of a name.
    pub fn of(name: &str) -> Option<&'static Self> {
        FORMS.iter().find(|form| form.name == name)
    }
}

/// What a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFields {
    /// Leftmost 3 to 8 digits of the PANs.
    pub issuer_identifier: String,
    /// Last month that is asked for.
    pub expiry: Month,
    /// Number by which the answer is found again; a scheme may make it the certificate's serial.
    pub tracking: [u8; 3],
    /// What the certificate is for, in the scheme's numbers.
    pub service: [u8; 4],
    /// Index that the issuer gives its key.
    pub key_index: [u8; 3],
}

/// A request in a form: clear fields, then the signed block.
pub fn build(
    form: &RequestForm,
    fields: &RequestFields,
    key: &dyn RsaPrivate,
) -> Result<Vec<u8>, ExchangeError> {
    check_identifier(&fields.issuer_identifier)?;
    let public = key.public_key();
    check_key(public)?;
    let mut request = octets_of(form, form.clear, fields, public)?;
    let block = signed_block(form, fields, public)?;
    let signature = key.raw(&block)?;
    // A fault in an HSM could give the key away; and another key than asked for would go unnoticed.
    if public.raise(&signature).as_deref() != Some(block.as_slice()) {
        return Err(ExchangeError::Private(
            "the signature is not that of the key",
        ));
    }
    request.extend_from_slice(&signature);
    Ok(request)
}

/// Verifies a request against the fields and the key that it should have: every octet of it.
pub fn verify(
    form: &RequestForm,
    fields: &RequestFields,
    public: &RsaPublicKey,
    request: &[u8],
) -> Result<(), ExchangeError> {
    check_identifier(&fields.issuer_identifier)?;
    check_key(public)?;
    let clear = octets_of(form, form.clear, fields, public)?;
    let parts = request.split_at_checked(clear.len());
    let (found, signature) = parts.ok_or(ExchangeError::Malformed("certificate request"))?;
    if found != clear {
        return Err(ExchangeError::Issuer(
            "the clear part of the request has other fields",
        ));
    }
    let block = public.raise(signature);
    let block = block.ok_or(ExchangeError::Malformed("certificate request"))?;
    let expected = signed_block(form, fields, public)?;
    match bool::from(block.as_slice().ct_eq(&expected)) {
        true => Ok(()),
        false => Err(ExchangeError::Signature),
    }
}

/// `6A`, the fields, fill, the hash over fields, rest and exponent, `BC`: as long as the modulus.
fn signed_block(
    form: &RequestForm,
    fields: &RequestFields,
    public: &RsaPublicKey,
) -> Result<Vec<u8>, ExchangeError> {
    let octets = octets_of(form, form.signed, fields, public)?;
    let rest = rest_of(form, public);
    let mut hash = Sha1::new();
    for part in [&octets, rest, public.exponent()] {
        hash.update(part);
    }
    let block = [&[HEADER], octets.as_slice(), &hash.finalize(), &[TRAILER]].concat();
    match block.len() == public.modulus().len() {
        true => Ok(block),
        false => Err(ExchangeError::Issuer("the form has no place for this key")),
    }
}

/// How much of the modulus the signed block holds.
fn room(form: &RequestForm, public: &RsaPublicKey) -> usize {
    let fixed: usize = form
        .signed
        .iter()
        .map(|field| match field.kind {
            FieldKind::Constant(octets) => octets.len(),
            FieldKind::IssuerIdentifier(octets) => octets,
            FieldKind::Expiry | FieldKind::ModulusBits => 2,
            FieldKind::Tracking | FieldKind::KeyIndex => 3,
            FieldKind::Service => 4,
            FieldKind::ModulusOctets | FieldKind::ExponentOctets => 1,
            FieldKind::Exponent => public.exponent().len(),
            FieldKind::Checksum => HASH_OCTETS,
            FieldKind::Modulus | FieldKind::ModulusLeft | FieldKind::ModulusRest => 0,
        })
        .sum();
    let length = public.modulus().len();
    length.saturating_sub(fixed + HASH_OCTETS + 2)
}

fn rest_of<'k>(form: &RequestForm, public: &'k RsaPublicKey) -> &'k [u8] {
    public
        .modulus()
        .get(room(form, public)..)
        .unwrap_or_default()
}

fn octets_of(
    form: &RequestForm,
    list: &[Field],
    fields: &RequestFields,
    public: &RsaPublicKey,
) -> Result<Vec<u8>, ExchangeError> {
    let mut to = Vec::new();
    for field in list {
        match field.kind {
            FieldKind::Constant(octets) => to.extend_from_slice(octets),
            FieldKind::IssuerIdentifier(octets) => {
                let coded = formats::compressed_numeric(&fields.issuer_identifier, octets);
                let wrong = |_| ExchangeError::Issuer("the issuer identifier does not fit");
                to.extend_from_slice(&coded.map_err(wrong)?);
            }
            FieldKind::Expiry => {
                let coded = formats::numeric(&fields.expiry.mmyy(), 2);
                let wrong = |_| ExchangeError::Issuer("the expiry does not fit");
                to.extend_from_slice(&coded.map_err(wrong)?);
            }
            FieldKind::Tracking => to.extend_from_slice(&fields.tracking),
            FieldKind::Service => to.extend_from_slice(&fields.service),
            FieldKind::KeyIndex => to.extend_from_slice(&fields.key_index),
            FieldKind::ModulusOctets => to.push(public.modulus().len() as u8),
            FieldKind::ModulusBits => {
                to.extend_from_slice(&(public.bits() as u16).to_be_bytes());
            }
            FieldKind::ExponentOctets => to.push(public.exponent().len() as u8),
            FieldKind::Modulus => to.extend_from_slice(public.modulus()),
            FieldKind::ModulusLeft => {
                let room = room(form, public);
                let left = public.modulus().iter().take(room).copied();
                let end = to.len() + room;
                to.extend(left);
                to.resize(end, FILL);
            }
            FieldKind::ModulusRest => to.extend_from_slice(rest_of(form, public)),
            FieldKind::Exponent => to.extend_from_slice(public.exponent()),
            FieldKind::Checksum => {
                let checksum = Sha1::digest(&to);
                to.extend_from_slice(&checksum);
            }
        }
    }
    Ok(to)
}

/// EMV's limits (Book 2, annex D1): up to 248 octets, whole octets, exponent 3 or 65537.
pub(crate) fn check_key(public: &RsaPublicKey) -> Result<(), ExchangeError> {
    let whole = public.bits().is_multiple_of(8) && public.modulus().len() <= 248;
    let exponent = matches!(public.exponent(), [3] | [1, 0, 1]);
    match whole && exponent {
        true => Ok(()),
        false => Err(ExchangeError::Issuer(
            "an issuer key has up to 1984 bits, whole octets and the exponent 3 or 65537",
        )),
    }
}

//! Public key certificates of EMV Book 2: the blocks that an issuer or CA signs (annex B2 is the
//! signature itself, applied by the caller), and their recovery (5.3, 6.3, 6.4).

use super::rsa::{self, MODULUS_OCTETS_MAX, RsaError};
use crate::formats::{self, FormatError};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// First octet of every block.
pub(super) const HEADER: u8 = 0x6A;
/// Last octet of every block.
pub(super) const TRAILER: u8 = 0xBC;
/// Fill of every block.
pub(super) const FILL: u8 = 0xBB;
/// Hash algorithm indicator: SHA-1.
pub(super) const SHA_1: u8 = 0x01;
/// Public key algorithm indicator: RSA.
const RSA: u8 = 0x01;

/// Octets of an issuer certificate that are not public key (Book 2, table 6).
const ISSUER_OVERHEAD: usize = 36;
/// Octets of an ICC certificate that are not public key (Book 2, table 14).
const ICC_OVERHEAD: usize = 42;

/// Why a certificate could not be made or does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The RSA operation.
    #[error(transparent)]
    Rsa(#[from] RsaError),
    /// A field to be certified.
    #[error("{field}: {error}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong.
        error: FormatError,
    },
    /// A field has the wrong length.
    #[error("{field} has {found} octets or digits, expected {expected}")]
    Length {
        /// Name of the field.
        field: &'static str,
        /// What was found.
        found: usize,
        /// What is right, in words.
        expected: &'static str,
    },
    /// The certified key is longer than the certifying one.
    #[error(
        "the key to be certified ({certified} octets) is longer than the signing key ({signing})"
    )]
    KeyTooLong {
        /// Octets of the key to be certified.
        certified: usize,
        /// Octets of the signing key.
        signing: usize,
    },
    /// The recovered block has a wrong constant, named.
    #[error("recovered data: wrong {0}; signed by another key?")]
    Recovered(&'static str),
    /// Hashes differ: data or remainder are not those that were signed.
    #[error("the hash differs: the data are not those that were signed")]
    Hash,
}

impl CertificateError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Recovered(_) | Self::Hash => "E0393",
            _ => "E0394",
        }
    }
}

/// What an issuer public key certificate (tag 90) says.
#[derive(Clone, Copy)]
pub struct IssuerCertificate<'a> {
    /// Leftmost 3 to 8 digits of the PAN.
    pub issuer_identifier: &'a str,
    /// Expiry, MMYY.
    pub expiry_mmyy: &'a str,
    /// Serial number.
    pub serial: [u8; 3],
    /// Issuer modulus, big endian.
    pub modulus: &'a [u8],
    /// Issuer exponent, 3 or 65537.
    pub exponent: u32,
}

/// What an ICC public key certificate (tag 9F46) or an ICC PIN encipherment certificate (9F2D)
/// says.
#[derive(Clone, Copy)]
pub struct IccCertificate<'a> {
    /// PAN.
    pub pan: &'a str,
    /// Expiry, MMYY.
    pub expiry_mmyy: &'a str,
    /// Serial number.
    pub serial: [u8; 3],
    /// ICC modulus, big endian.
    pub modulus: &'a [u8],
    /// ICC exponent, 3 or 65537.
    pub exponent: u32,
    /// Static data to be authenticated (Book 3, 10.3); empty for the PIN encipherment key.
    pub static_data: &'a [u8],
}

/// A block that is as long as the signing modulus, and the part of the key that did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToBeSigned {
    /// Input of the RSA signature.
    pub block: Vec<u8>,
    /// Tag 92, 9F48 or 9F2F; empty when the whole modulus fits.
    pub remainder: Vec<u8>,
}

/// A key whose certificate held.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveredKey {
    /// Modulus.
    pub modulus: Vec<u8>,
    /// Exponent.
    pub exponent: u32,
    /// Issuer identifier or PAN, digits without padding.
    pub identifier: String,
    /// MMYY, two octets of BCD.
    pub expiry_mmyy: [u8; 2],
    /// Serial number.
    pub serial: [u8; 3],
}

impl RecoveredKey {
    /// Whether the certificate is for this card: the identifier is the PAN or its beginning.
    pub fn is_for(&self, pan: &str) -> bool {
        pan.starts_with(&self.identifier)
    }
}

/// Block of an issuer certificate for a CA modulus of `ca_octets` (Book 2, table 6).
pub fn issuer_block(
    fields: &IssuerCertificate<'_>,
    ca_octets: usize,
) -> Result<ToBeSigned, CertificateError> {
    let digits = fields.issuer_identifier.len();
    if !(3..=8).contains(&digits) {
        let expected = "3 to 8 digits";
        return Err(CertificateError::Length {
            field: "issuer identifier",
            found: digits,
            expected,
        });
    }
    let identifier = compressed(fields.issuer_identifier, 4, "issuer identifier")?;
    let key = KeyPart {
        format: 0x02,
        identifier: &identifier,
        expiry_mmyy: fields.expiry_mmyy,
        serial: fields.serial,
        modulus: fields.modulus,
        exponent: fields.exponent,
    };
    key.block(ca_octets, ISSUER_OVERHEAD, &[])
}

/// Block of an ICC certificate for an issuer modulus of `issuer_octets` (Book 2, table 14).
pub fn icc_block(
    fields: &IccCertificate<'_>,
    issuer_octets: usize,
) -> Result<ToBeSigned, CertificateError> {
    crate::pan::check_format(fields.pan).map_err(|_| CertificateError::Length {
        field: "PAN",
        found: fields.pan.len(),
        expected: "8 to 19 digits",
    })?;
    let identifier = compressed(fields.pan, 10, "PAN")?;
    let key = KeyPart {
        format: 0x04,
        identifier: &identifier,
        expiry_mmyy: fields.expiry_mmyy,
        serial: fields.serial,
        modulus: fields.modulus,
        exponent: fields.exponent,
    };
    key.block(issuer_octets, ICC_OVERHEAD, fields.static_data)
}

/// Recovers the issuer's key from tags 90, 92 and 9F32 (Book 2, 5.3).
pub fn recover_issuer_certificate(
    ca_modulus: &[u8],
    ca_exponent: u32,
    certificate: &[u8],
    remainder: &[u8],
    exponent: &[u8],
) -> Result<RecoveredKey, CertificateError> {
    let block = rsa::public_operation(ca_modulus, ca_exponent, certificate)?;
    recover(&block, 0x02, ISSUER_OVERHEAD, [remainder, exponent], &[])
}

/// Recovers the ICC's key from tags 9F46, 9F48 and 9F47 and the static data to be authenticated
/// (Book 2, 6.4); with empty static data the PIN encipherment key from 9F2D, 9F2F and 9F2E.
pub fn recover_icc_certificate(
    issuer: &RecoveredKey,
    certificate: &[u8],
    remainder: &[u8],
    exponent: &[u8],
    static_data: &[u8],
) -> Result<RecoveredKey, CertificateError> {
    let block = rsa::public_operation(&issuer.modulus, issuer.exponent, certificate)?;
    recover(
        &block,
        0x04,
        ICC_OVERHEAD,
        [remainder, exponent],
        static_data,
    )
}

/// The fields that issuer and ICC certificates share; they differ in the identifier's width.
struct KeyPart<'a> {
    format: u8,
    identifier: &'a [u8],
    expiry_mmyy: &'a str,
    serial: [u8; 3],
    modulus: &'a [u8],
    exponent: u32,
}

impl KeyPart<'_> {
    fn block(
        &self,
        signing: usize,
        overhead: usize,
        static_data: &[u8],
    ) -> Result<ToBeSigned, CertificateError> {
        let exponent = rsa::exponent_octets(self.exponent)?;
        let certified = self.modulus.len();
        if !(overhead..=MODULUS_OCTETS_MAX).contains(&signing) {
            return Err(RsaError::Modulus(signing).into());
        }
        if certified > signing {
            return Err(CertificateError::KeyTooLong { certified, signing });
        }
        if certified == 0 || self.modulus.first() == Some(&0) {
            return Err(RsaError::Modulus(certified).into());
        }
        let room = signing - overhead;
        let (inside, remainder) = self.modulus.split_at(room.min(certified));
        let mut block = Vec::with_capacity(signing);
        block.extend_from_slice(&[HEADER, self.format]);
        block.extend_from_slice(self.identifier);
        block.extend_from_slice(&expiry(self.expiry_mmyy)?);
        block.extend_from_slice(&self.serial);
        block.extend_from_slice(&[SHA_1, RSA, certified as u8, exponent.len() as u8]);
        block.extend_from_slice(inside);
        block.resize(signing - 21, FILL);
        let hashed = block.get(1..).unwrap_or_default();
        let hash = hash_of(&[hashed, remainder, exponent, static_data]);
        block.extend_from_slice(&hash);
        block.push(TRAILER);
        Ok(ToBeSigned {
            block,
            remainder: remainder.to_vec(),
        })
    }
}

fn recover(
    block: &[u8],
    format: u8,
    overhead: usize,
    [remainder, exponent]: [&[u8]; 2],
    static_data: &[u8],
) -> Result<RecoveredKey, CertificateError> {
    let wrong = CertificateError::Recovered;
    let signed = open(block, format)?;
    let identifier_octets = overhead - 32;
    let mut fields = signed.get(1..).unwrap_or_default();
    let identifier = take(&mut fields, identifier_octets).ok_or(wrong("length"))?;
    let expiry = take(&mut fields, 2).ok_or(wrong("length"))?;
    let serial = take(&mut fields, 3).ok_or(wrong("length"))?;
    let algorithms = take(&mut fields, 4).ok_or(wrong("length"))?;
    let (key_octets, exponent_octets) = match *algorithms {
        [SHA_1, RSA, key, exponent] => (usize::from(key), usize::from(exponent)),
        [SHA_1, ..] => return Err(wrong("public key algorithm")),
        _ => return Err(wrong("hash algorithm")),
    };
    // Hash first (5.3 step 7): what follows is believed only when it was signed.
    check_hash(block, &[signed, remainder, exponent, static_data])?;
    if exponent.len() != exponent_octets {
        return Err(wrong("exponent length"));
    }
    let inside_octets = key_octets.min(fields.len());
    let inside = take(&mut fields, inside_octets).unwrap_or_default();
    let modulus = [inside, remainder].concat();
    if modulus.len() != key_octets || !fields.iter().all(|octet| *octet == FILL) {
        return Err(wrong("public key length"));
    }
    Ok(RecoveredKey {
        modulus,
        exponent: rsa::exponent_value(exponent)?,
        identifier: formats::compressed_numeric_text(identifier).map_err(|error| {
            CertificateError::Field {
                field: "identifier",
                error,
            }
        })?,
        expiry_mmyy: expiry.try_into().unwrap_or_default(),
        serial: serial.try_into().unwrap_or_default(),
    })
}

/// What lies between header and hash, after header, format and trailer were checked.
pub(super) fn open(block: &[u8], format: u8) -> Result<&[u8], CertificateError> {
    let wrong = CertificateError::Recovered;
    let end = block.len().checked_sub(21).ok_or(wrong("length"))?;
    if block.last() != Some(&TRAILER) {
        return Err(wrong("trailer"));
    }
    if block.first() != Some(&HEADER) {
        return Err(wrong("header"));
    }
    let signed = block.get(1..end).ok_or(wrong("length"))?;
    if signed.first() != Some(&format) {
        Err(wrong("format"))
    } else {
        Ok(signed)
    }
}

/// Compares the hash in a block with that over the parts.
pub(super) fn check_hash(block: &[u8], parts: &[&[u8]]) -> Result<(), CertificateError> {
    let end = block.len().saturating_sub(1);
    let found = block.get(end.saturating_sub(20)..end).unwrap_or_default();
    if bool::from(hash_of(parts).as_slice().ct_eq(found)) {
        Ok(())
    } else {
        Err(CertificateError::Hash)
    }
}

/// SHA-1 over parts that are read as one text.
pub fn hash_of(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Takes octets from the front.
pub(super) fn take<'a>(from: &mut &'a [u8], octets: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(octets)?;
    *from = rest;
    Some(taken)
}

fn compressed(text: &str, octets: usize, field: &'static str) -> Result<Vec<u8>, CertificateError> {
    formats::compressed_numeric(text, octets)
        .map_err(|error| CertificateError::Field { field, error })
}

fn expiry(mmyy: &str) -> Result<Vec<u8>, CertificateError> {
    let month = mmyy.get(..2).and_then(|month| month.parse::<u8>().ok());
    if mmyy.len() != 4 || !month.is_some_and(|month| (1..=12).contains(&month)) {
        return Err(CertificateError::Length {
            field: "certificate expiry",
            found: mmyy.len(),
            expected: "MMYY with a month from 01 to 12",
        });
    }
    formats::numeric(mmyy, 2).map_err(|error| CertificateError::Field {
        field: "certificate expiry",
        error,
    })
}

//! Issuer certificates of EMV's newer method, with elliptic curves (tag 90 of format 12).
//!
//! The field table is public; that the signature is EC-SDSA with only the x coordinate (ISO/IEC
//! 14888-3) and how exactly it is reckoned is unverified: no published certificate was at hand. It
//! is here so that a chain can be laid out and read, not for LIVE cards.

use super::check_identifier;
use crate::ExchangeError;
use cardwright_standards::formats;
use p256::elliptic_curve::PrimeField;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::{FromEncodedPoint, ToEncodedPoint};
use p256::{AffinePoint, EncodedPoint, FieldBytes, ProjectivePoint, Scalar, U256};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Format and encoding of an issuer certificate.
const FORMAT: [u8; 2] = [0x12, 0x00];
/// Algorithm suite: P-256, SHA-256, EC-SDSA.
pub const SUITE_P256: u8 = 0x10;
/// Octets before the signature.
const FIELDS_OCTETS: usize = 53;
/// Octets of the signature.
const SIGNATURE_OCTETS: usize = 64;

/// What the certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EccIssuerCertificate {
    /// Leftmost 3 to 10 digits of the PAN.
    pub issuer_identifier: String,
    /// Last day: year, month, day.
    pub expiry: (u16, u8, u8),
    /// Serial number.
    pub serial: [u8; 3],
    /// The scheme.
    pub rid: [u8; 5],
    /// Index of the CA's key.
    pub ca_index: u8,
    /// x coordinate of the issuer's point.
    pub x: [u8; 32],
}

impl EccIssuerCertificate {
    /// Fields 1 to 9: what is signed.
    pub fn fields(&self) -> Result<Vec<u8>, ExchangeError> {
        let digits = self.issuer_identifier.len();
        if digits > 8 {
            let all = self
                .issuer_identifier
                .bytes()
                .all(|digit| digit.is_ascii_digit());
            if !all || digits > 10 {
                return Err(ExchangeError::Issuer(
                    "the issuer identifier has 3 to 10 digits",
                ));
            }
        } else {
            check_identifier(&self.issuer_identifier)?;
        }
        let wrong = |_| ExchangeError::Issuer("a field of the certificate does not fit");
        let (year, month, day) = self.expiry;
        let date = format!("{year:04}{month:02}{day:02}");
        let mut octets = FORMAT.to_vec();
        octets.extend(formats::compressed_numeric(&self.issuer_identifier, 5).map_err(wrong)?);
        octets.push(SUITE_P256);
        octets.extend(formats::numeric(&date, 4).map_err(wrong)?);
        octets.extend(self.serial);
        octets.extend(self.rid);
        octets.push(self.ca_index);
        octets.extend(self.x);
        match octets.len() == FIELDS_OCTETS {
            true => Ok(octets),
            false => Err(ExchangeError::Issuer(
                "a field of the certificate does not fit",
            )),
        }
    }

    /// The certificate with a signature of the CA over its fields.
    pub fn with_signature(&self, signature: &[u8; 64]) -> Result<Vec<u8>, ExchangeError> {
        Ok([self.fields()?.as_slice(), signature].concat())
    }

    /// Reads a certificate and verifies it with the x coordinate of the CA's point.
    pub fn recover(certificate: &[u8], ca_x: &[u8; 32]) -> Result<Self, ExchangeError> {
        let wrong = ExchangeError::Malformed("elliptic curve issuer certificate");
        let (fields, signature) = certificate.split_at_checked(FIELDS_OCTETS).ok_or(wrong)?;
        let signature: &[u8; SIGNATURE_OCTETS] = signature.try_into().map_err(|_| wrong)?;
        verify(ca_x, fields, signature)?;
        let take = |from: usize, octets: usize| fields.get(from..from + octets).ok_or(wrong);
        if take(0, 2)? != FORMAT || take(7, 1)? != [SUITE_P256] {
            return Err(wrong);
        }
        let identifier = formats::compressed_numeric_text(take(2, 5)?).map_err(|_| wrong)?;
        let date = formats::numeric_text(take(8, 4)?).map_err(|_| wrong)?;
        let number = |from: usize, to: usize| date.get(from..to)?.parse::<u16>().ok();
        let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
        let expiry = match (year, month, day) {
            (Some(year), Some(month @ 1..=12), Some(day @ 1..=31)) => {
                (year, month as u8, day as u8)
            }
            _ => return Err(wrong),
        };
        let found = Self {
            issuer_identifier: identifier,
            expiry,
            serial: take(12, 3)?.try_into().map_err(|_| wrong)?,
            rid: take(15, 5)?.try_into().map_err(|_| wrong)?,
            ca_index: take(20, 1)?.first().copied().ok_or(wrong)?,
            x: take(21, 32)?.try_into().map_err(|_| wrong)?,
        };
        // One spelling for one meaning; and the point must be one.
        if found.fields()? != fields || points(&found.x).is_none() {
            return Err(wrong);
        }
        Ok(found)
    }
}

/// EC-SDSA over P-256, x only: `r = H(x(kG) | M)`, `s = k + r d`. `nonce` is fresh for each
/// signature and secret. For test CAs.
pub fn sign(
    secret: &[u8; 32],
    nonce: &[u8; 32],
    message: &[u8],
) -> Result<[u8; SIGNATURE_OCTETS], ExchangeError> {
    let wrong = ExchangeError::Malformed("scalar on P-256");
    let scalar = |octets: &[u8; 32]| Scalar::from_repr(FieldBytes::from(*octets)).into_option();
    let (d, k) = (scalar(secret).ok_or(wrong)?, scalar(nonce).ok_or(wrong)?);
    let point = (ProjectivePoint::GENERATOR * k).to_affine();
    let x = x_of(&point).ok_or(wrong)?;
    let r = digest(&x, message);
    let s = k + <Scalar as Reduce<U256>>::reduce_bytes(&FieldBytes::from(r)) * d;
    let mut signature = [0; SIGNATURE_OCTETS];
    for (place, octet) in signature.iter_mut().zip(r.iter().chain(s.to_repr().iter())) {
        *place = *octet;
    }
    Ok(signature)
}

/// Verifies EC-SDSA with the x coordinate of the signer's point. Either of the two points with this
/// coordinate may be the signer's.
pub fn verify(
    x: &[u8; 32],
    message: &[u8],
    signature: &[u8; SIGNATURE_OCTETS],
) -> Result<(), ExchangeError> {
    let (r, s) = signature.split_at(32);
    let r: [u8; 32] = r.try_into().map_err(|_| ExchangeError::Signature)?;
    let s: [u8; 32] = s.try_into().map_err(|_| ExchangeError::Signature)?;
    let s = Scalar::from_repr(FieldBytes::from(s)).into_option();
    let s = s.ok_or(ExchangeError::Signature)?;
    let e = <Scalar as Reduce<U256>>::reduce_bytes(&FieldBytes::from(r));
    let points = points(x).ok_or(ExchangeError::Malformed("point on P-256"))?;
    for point in points {
        let commitment = ProjectivePoint::GENERATOR * s - ProjectivePoint::from(point) * e;
        if let Some(x) = x_of(&commitment.to_affine())
            && bool::from(digest(&x, message).ct_eq(&r))
        {
            return Ok(());
        }
    }
    Err(ExchangeError::Signature)
}

/// The x coordinate of the point of a secret scalar.
pub fn public_x(secret: &[u8; 32]) -> Result<[u8; 32], ExchangeError> {
    let wrong = ExchangeError::Malformed("scalar on P-256");
    let scalar = Scalar::from_repr(FieldBytes::from(*secret)).into_option();
    let point = ProjectivePoint::GENERATOR * scalar.ok_or(wrong)?;
    x_of(&point.to_affine()).ok_or(wrong)
}

fn digest(x: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(x);
    hash.update(message);
    hash.finalize().into()
}

fn x_of(point: &AffinePoint) -> Option<[u8; 32]> {
    let encoded = point.to_encoded_point(false);
    encoded.x().map(|x| (*x).into())
}

/// Both points with an x coordinate.
fn points(x: &[u8; 32]) -> Option<[AffinePoint; 2]> {
    let point = |sign: u8| {
        let octets = [&[sign][..], x].concat();
        let encoded = EncodedPoint::from_bytes(octets).ok()?;
        AffinePoint::from_encoded_point(&encoded).into_option()
    };
    Some([point(2)?, point(3)?])
}

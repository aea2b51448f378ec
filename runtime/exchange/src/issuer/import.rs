//! Import of an issuer certificate: nothing of it is used before every part was compared with the
//! CA's key, the issuer's own key and the request (EMV Book 2, 5.3).

use super::ca_keys::{CaKey, CaKeys};
use super::{Month, check_identifier};
use crate::{ExchangeError, RsaPublicKey};
use cardwright_standards::emv::certificates::{RecoveredKey, recover_issuer_certificate};
use cardwright_standards::tlv;

/// Octets of an issuer certificate that are no key (Book 2, table 6).
const OVERHEAD: usize = 36;
/// Most octets of an answer.
const OCTETS_MAX: usize = 4096;

/// What a scheme sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFile {
    /// Index of the CA's key, tag 8F.
    pub ca_index: u8,
    /// Tag 90.
    pub certificate: Vec<u8>,
    /// Tag 92; empty when the whole modulus is in the certificate.
    pub remainder: Vec<u8>,
    /// Tag 9F32.
    pub exponent: Vec<u8>,
}

impl CertificateFile {
    /// Reads data objects: 8F, 90, 92 where there is one, 9F32, in any order, each once.
    pub fn from_tlv(octets: &[u8]) -> Result<Self, ExchangeError> {
        let wrong = ExchangeError::Malformed("issuer certificate file: 8F, 90, 92, 9F32");
        if octets.len() > OCTETS_MAX {
            return Err(wrong);
        }
        let objects = tlv::parse_flat(octets).map_err(|_| wrong)?;
        let known = [0x8F, 0x90, 0x92, 0x9F32];
        let mut values = [const { None }; 4];
        for (tag, value) in objects {
            let place = known.iter().position(|known| *known == tag.value());
            let place = place.and_then(|place| values.get_mut(place)).ok_or(wrong)?;
            if place.replace(value.to_vec()).is_some() {
                return Err(wrong);
            }
        }
        let [index, certificate, remainder, exponent] = values;
        let [ca_index] = <[u8; 1]>::try_from(index.ok_or(wrong)?).map_err(|_| wrong)?;
        Ok(Self {
            ca_index,
            certificate: certificate.ok_or(wrong)?,
            remainder: remainder.unwrap_or_default(),
            exponent: exponent.ok_or(wrong)?,
        })
    }

    /// The data objects in the order of a card's records.
    pub fn to_tlv(&self) -> Result<Vec<u8>, ExchangeError> {
        let wrong = ExchangeError::Malformed("issuer certificate file");
        let mut octets = Vec::new();
        let parts = [
            (0x8F, &[self.ca_index][..]),
            (0x90, &self.certificate),
            (0x92, &self.remainder),
            (0x9F32, &self.exponent),
        ];
        for (tag, value) in parts {
            if tag == 0x92 && value.is_empty() {
                continue;
            }
            let tag = tlv::Tag::new(tag).ok_or(wrong)?;
            tlv::push(&mut octets, tag, value).map_err(|_| wrong)?;
        }
        Ok(octets)
    }
}

/// What the certificate has to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The scheme.
    pub rid: [u8; 5],
    /// Identifier that was asked for; the certificate may have fewer digits of it, not others.
    pub issuer_identifier: &'a str,
    /// The issuer's key, as its HSM tells it.
    pub public: &'a RsaPublicKey,
    /// This month.
    pub now: Month,
}

/// A certificate that held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The scheme.
    pub rid: [u8; 5],
    /// What goes to the card.
    pub file: CertificateFile,
    /// Its identifier.
    pub issuer_identifier: String,
    /// Its last month.
    pub expiry: Month,
    /// Its serial number.
    pub serial: [u8; 3],
    /// The certified key.
    pub public: RsaPublicKey,
    /// The last month of the CA's key.
    pub ca_expiry: Month,
}

/// Verifies a certificate as a whole.
pub fn import(
    wanted: &Wanted<'_>,
    keys: &CaKeys,
    file: &CertificateFile,
) -> Result<Imported, ExchangeError> {
    let wrong = |what| Err(ExchangeError::Issuer(what));
    check_identifier(wanted.issuer_identifier)?;
    let ca = keys.find(wanted.rid, file.ca_index);
    let ca = ca.ok_or(ExchangeError::CaKey(
        "no key of this RID and index is known",
    ))?;
    if ca.expiry < wanted.now {
        return Err(ExchangeError::CaKey("the key is expired"));
    }
    let modulus = ca.public.modulus();
    if file.certificate.len() != modulus.len() {
        return wrong("the certificate is not as long as the CA's key");
    }
    check_remainder(wanted.public, ca, file)?;
    let recovered = recover_issuer_certificate(
        modulus,
        ca.exponent(),
        &file.certificate,
        &file.remainder,
        &file.exponent,
    )?;
    check_recovered(wanted, file, &recovered)?;
    let expiry = Month::from_bcd(recovered.expiry_mmyy)?;
    if expiry < wanted.now {
        return wrong("it is expired");
    }
    if expiry > ca.expiry {
        return wrong("it is valid for longer than the CA's key");
    }
    Ok(Imported {
        rid: wanted.rid,
        file: file.clone(),
        issuer_identifier: recovered.identifier,
        expiry,
        serial: recovered.serial,
        public: wanted.public.clone(),
        ca_expiry: ca.expiry,
    })
}

/// The remainder is the end of our modulus, and there exactly when it must be.
fn check_remainder(
    public: &RsaPublicKey,
    ca: &CaKey,
    file: &CertificateFile,
) -> Result<(), ExchangeError> {
    let room = ca.public.modulus().len().saturating_sub(OVERHEAD);
    let expected = public.modulus().get(room..).unwrap_or_default();
    match file.remainder == expected {
        true => Ok(()),
        false => Err(ExchangeError::Issuer(
            "its remainder (tag 92) is not the end of the issuer's key",
        )),
    }
}

fn check_recovered(
    wanted: &Wanted<'_>,
    file: &CertificateFile,
    recovered: &RecoveredKey,
) -> Result<(), ExchangeError> {
    if recovered.modulus != wanted.public.modulus() {
        return Err(ExchangeError::Issuer(
            "it certifies another key than the issuer's",
        ));
    }
    if file.exponent != wanted.public.exponent() {
        return Err(ExchangeError::Issuer(
            "its exponent is not that of the issuer's key",
        ));
    }
    let identifier = &recovered.identifier;
    if identifier.len() < 3 || !wanted.issuer_identifier.starts_with(identifier.as_str()) {
        return Err(ExchangeError::Issuer("it is for another issuer identifier"));
    }
    Ok(())
}

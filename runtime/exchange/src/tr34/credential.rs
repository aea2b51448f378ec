//! What both sides send before a key token: credential tokens with a certificate (and, from the
//! host, a revocation list), and the device's random number token.

use super::{RANDOM_NONCE, check_nonce, octet_string};
use crate::cms::{self, Enclosed, Read, attribute, content_info};
use crate::{Certificate, ExchangeError, Purpose, RevocationList, Trust};
use der::asn1::OctetString;
use der::{Decode, Encode};
use x509_cert::attr::Attribute;

/// What a credential token carries.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The sender's certificate; it was checked.
    pub certificate: Certificate,
    /// Revocation lists.
    pub revocations: Vec<RevocationList>,
}

/// CT-KDH or CT-KRD: signed data without a signer that carry a certificate.
pub fn credential_token(
    certificate: &Certificate,
    revocations: &[RevocationList],
) -> Result<Vec<u8>, ExchangeError> {
    let certificates = std::slice::from_ref(certificate);
    let enclosed = Enclosed {
        certificates,
        revocations,
    };
    content_info(cms::unsigned(None, enclosed)?)
}

/// Opens a credential token; its certificate must be trusted for the purpose, also by the lists
/// that came with it.
pub fn open_credential(
    token: &[u8],
    trust: &Trust<'_>,
    purpose: Purpose,
) -> Result<Credential, ExchangeError> {
    let message = Read::from_der(token)?;
    let revocations = message.revocations();
    let [certificate] = <[Certificate; 1]>::try_from(message.certificates())
        .map_err(|_| ExchangeError::Malformed("credential token: one certificate is expected"))?;
    let lists = [trust.revocations, revocations.as_slice()].concat();
    let trust = Trust {
        revocations: &lists,
        ..*trust
    };
    trust.check(&certificate, purpose)?;
    Ok(Credential {
        certificate,
        revocations,
    })
}

/// RT-KRD: the nonce as an attribute.
pub fn random_token(nonce: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    check_nonce(nonce)?;
    let wrong = |_| ExchangeError::Malformed("random number token");
    let octets = OctetString::new(nonce).map_err(wrong)?;
    attribute(RANDOM_NONCE, &octets)?.to_der().map_err(wrong)
}

/// The nonce of a random number token.
pub fn open_random_token(token: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let wrong = ExchangeError::Malformed("random number token");
    let attribute = Attribute::from_der(token).map_err(|_| wrong)?;
    if attribute.oid != RANDOM_NONCE || attribute.values.len() != 1 {
        return Err(wrong);
    }
    let nonce = attribute
        .values
        .get(0)
        .and_then(octet_string)
        .ok_or(wrong)?;
    check_nonce(&nonce)?;
    Ok(nonce)
}

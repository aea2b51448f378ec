//! Partners' certificates and whether they are trusted (RFC 5280): a path of at most four
//! certificates to an accepted authority, signatures, dates, use, and revocation lists.

use crate::{ExchangeError, RsaPublicKey, UnixSeconds};
use cms::cert::IssuerAndSerialNumber;
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode, Sequence};
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::name::Name;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// Most octets of a certificate or revocation list.
const OCTETS_MAX: usize = 64 * 1024;
/// Longest path with the authority.
const PATH_MAX: usize = 4;
/// Fewest bits of a key that signs or transports keys (TR-34 and NIST SP 800-57).
const RSA_BITS_MIN: u32 = 2048;

/// sha256WithRSAEncryption.
pub(crate) const SHA256_WITH_RSA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// rsaEncryption.
pub(crate) const RSA_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey.
const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// prime256v1.
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// What a certificate's key does in an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signs messages.
    Sign,
    /// Receives enciphered keys.
    ReceiveKeys,
    /// Agrees on keys.
    AgreeKeys,
}

/// A certificate as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(pub(crate) x509_cert::Certificate);

impl Certificate {
    /// Reads DER.
    pub fn from_der(octets: &[u8]) -> Result<Self, ExchangeError> {
        let wrong = ExchangeError::Malformed("certificate");
        if octets.len() > OCTETS_MAX {
            return Err(wrong);
        }
        x509_cert::Certificate::from_der(octets)
            .map(Self)
            .map_err(|_| wrong)
    }

    /// Its DER.
    pub fn to_der(&self) -> Result<Vec<u8>, ExchangeError> {
        let wrong = ExchangeError::Malformed("certificate");
        self.0.to_der().map_err(|_| wrong)
    }

    /// Its subject as text (RFC 4514).
    pub fn subject(&self) -> String {
        self.0.tbs_certificate.subject.to_string()
    }

    /// Its serial number.
    pub fn serial(&self) -> &[u8] {
        self.0.tbs_certificate.serial_number.as_bytes()
    }

    /// Its last second.
    pub fn not_after(&self) -> UnixSeconds {
        let not_after = &self.0.tbs_certificate.validity.not_after;
        not_after.to_unix_duration().as_secs()
    }

    /// The RSA key that it certifies.
    pub fn rsa_key(&self) -> Result<RsaPublicKey, ExchangeError> {
        rsa_key_of(&self.0.tbs_certificate.subject_public_key_info)
    }

    /// The point on P-256 that it certifies, uncompressed.
    pub fn p256_point(&self) -> Result<Vec<u8>, ExchangeError> {
        let info = &self.0.tbs_certificate.subject_public_key_info;
        let curve = info.algorithm.parameters.as_ref();
        let curve = curve.and_then(|it| it.decode_as::<ObjectIdentifier>().ok());
        if info.algorithm.oid != EC_KEY || curve != Some(P256) {
            return Err(ExchangeError::Malformed("point on P-256"));
        }
        Ok(info
            .subject_public_key
            .as_bytes()
            .unwrap_or_default()
            .to_vec())
    }

    /// How messages name it.
    pub(crate) fn identifier(&self) -> IssuerAndSerialNumber {
        IssuerAndSerialNumber {
            issuer: self.0.tbs_certificate.issuer.clone(),
            serial_number: self.0.tbs_certificate.serial_number.clone(),
        }
    }

    fn is_valid_at(&self, now: UnixSeconds) -> bool {
        let validity = &self.0.tbs_certificate.validity;
        let first = validity.not_before.to_unix_duration().as_secs();
        (first..=self.not_after()).contains(&now)
    }

    fn is_authority(&self) -> Result<bool, ExchangeError> {
        let tbs = &self.0.tbs_certificate;
        let wrong = |_| ExchangeError::Malformed("certificate");
        let constraints = tbs.get::<BasicConstraints>().map_err(wrong)?;
        let usage = tbs.get::<KeyUsage>().map_err(wrong)?;
        let signs = usage.is_none_or(|(_, usage)| usage.key_cert_sign());
        Ok(constraints.is_some_and(|(_, it)| it.ca) && signs)
    }

    fn may(&self, purpose: Purpose) -> Result<bool, ExchangeError> {
        let usage = self.0.tbs_certificate.get::<KeyUsage>();
        let usage = usage.map_err(|_| ExchangeError::Malformed("certificate"))?;
        // A certificate that says nothing of its use restricts none (RFC 5280, 4.2.1.3).
        let Some((_, usage)) = usage else {
            return Ok(true);
        };
        let needed = match purpose {
            Purpose::Sign => KeyUsages::DigitalSignature,
            Purpose::ReceiveKeys => KeyUsages::KeyEncipherment,
            Purpose::AgreeKeys => KeyUsages::KeyAgreement,
        };
        Ok(usage.0.contains(needed))
    }

    fn issuer(&self) -> &Name {
        &self.0.tbs_certificate.issuer
    }

    /// Whether its signature is that of an authority's key.
    fn is_signed_by(&self, authority: &Self) -> Result<(), ExchangeError> {
        let tbs = self.0.tbs_certificate.to_der();
        let tbs = tbs.map_err(|_| ExchangeError::Malformed("certificate"))?;
        let outer = &self.0.signature_algorithm;
        let same = *outer == self.0.tbs_certificate.signature;
        check_signature(
            authority,
            outer,
            &tbs,
            self.0.signature.as_bytes().unwrap_or_default(),
            same,
        )
    }
}

/// A revocation list as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList(pub(crate) CertificateList);

impl RevocationList {
    /// Reads DER.
    pub fn from_der(octets: &[u8]) -> Result<Self, ExchangeError> {
        let wrong = ExchangeError::Malformed("certificate revocation list");
        if octets.len() > OCTETS_MAX {
            return Err(wrong);
        }
        CertificateList::from_der(octets)
            .map(Self)
            .map_err(|_| wrong)
    }

    /// Whether it is the authority's, holds now, and has a certificate on it.
    fn revokes(
        &self,
        certificate: &Certificate,
        authority: &Certificate,
        now: UnixSeconds,
    ) -> Result<bool, ExchangeError> {
        let list = &self.0.tbs_cert_list;
        let octets = list.to_der();
        let octets = octets.map_err(|_| ExchangeError::Malformed("certificate revocation list"))?;
        let same = self.0.signature_algorithm == list.signature;
        let algorithm = &self.0.signature_algorithm;
        check_signature(
            authority,
            algorithm,
            &octets,
            self.0.signature.as_bytes().unwrap_or_default(),
            same,
        )?;
        let next = list
            .next_update
            .map(|time| time.to_unix_duration().as_secs());
        let this = list.this_update.to_unix_duration().as_secs();
        if this > now || next.is_some_and(|next| next < now) {
            return Err(ExchangeError::Untrusted(
                "the revocation list is out of date",
            ));
        }
        let serial = &certificate.0.tbs_certificate.serial_number;
        let entries = list.revoked_certificates.as_deref().unwrap_or_default();
        Ok(entries.iter().any(|entry| entry.serial_number == *serial))
    }
}

/// Whom one trusts.
#[derive(Clone, Copy)]
pub struct Trust<'a> {
    /// Authorities that are accepted as such.
    pub anchors: &'a [Certificate],
    /// Certificates between them and a partner's.
    pub intermediates: &'a [Certificate],
    /// Revocation lists of any of these authorities. A list that is there is asked; none is needed.
    pub revocations: &'a [RevocationList],
    /// Now.
    pub now: UnixSeconds,
}

impl Trust<'_> {
    /// Whether a partner's certificate is trusted for a purpose.
    pub fn check(&self, certificate: &Certificate, purpose: Purpose) -> Result<(), ExchangeError> {
        if !certificate.may(purpose)? {
            return Err(ExchangeError::Untrusted("its key is not for this use"));
        }
        let mut current = certificate.clone();
        for _ in 0..PATH_MAX {
            if !current.is_valid_at(self.now) {
                return Err(ExchangeError::Untrusted("it is expired or not yet valid"));
            }
            if self.anchors.contains(&current) {
                return Ok(());
            }
            let authority = self.authority_of(&current)?;
            for list in self.revocations {
                if list.0.tbs_cert_list.issuer == *current.issuer()
                    && list.revokes(&current, authority, self.now)?
                {
                    return Err(ExchangeError::Untrusted("it was revoked"));
                }
            }
            current = authority.clone();
        }
        Err(ExchangeError::Untrusted("its path is too long"))
    }

    /// The known authority that signed a certificate.
    fn authority_of(&self, certificate: &Certificate) -> Result<&Certificate, ExchangeError> {
        let known = self.anchors.iter().chain(self.intermediates);
        let mut failure = ExchangeError::Untrusted("no accepted authority issued it");
        for authority in known {
            if authority.0.tbs_certificate.subject != *certificate.issuer()
                || !authority.is_authority()?
            {
                continue;
            }
            match certificate.is_signed_by(authority) {
                Ok(()) => return Ok(authority),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// The RSA key of a SubjectPublicKeyInfo, of at least 2048 bits.
pub(crate) fn rsa_key_of(info: &SubjectPublicKeyInfoOwned) -> Result<RsaPublicKey, ExchangeError> {
    let key = any_rsa_key_of(info)?;
    if key.bits() < RSA_BITS_MIN {
        return Err(ExchangeError::Untrusted(
            "its RSA key has less than 2048 bits",
        ));
    }
    Ok(key)
}

/// The RSA key of a SubjectPublicKeyInfo, of any length.
pub(crate) fn any_rsa_key_of(
    info: &SubjectPublicKeyInfoOwned,
) -> Result<RsaPublicKey, ExchangeError> {
    /// RSAPublicKey (RFC 8017, A.1.1).
    #[derive(Sequence)]
    struct Numbers<'a> {
        modulus: der::asn1::UintRef<'a>,
        exponent: der::asn1::UintRef<'a>,
    }
    if info.algorithm.oid != RSA_KEY {
        return Err(ExchangeError::Malformed("RSA public key"));
    }
    let numbers = Numbers::from_der(info.subject_public_key.as_bytes().unwrap_or_default());
    let numbers = numbers.map_err(|_| ExchangeError::Malformed("RSA public key"))?;
    RsaPublicKey::new(numbers.modulus.as_bytes(), numbers.exponent.as_bytes())
}

fn check_signature(
    authority: &Certificate,
    algorithm: &AlgorithmIdentifierOwned,
    data: &[u8],
    signature: &[u8],
    same: bool,
) -> Result<(), ExchangeError> {
    if !same || algorithm.oid != SHA256_WITH_RSA {
        return Err(ExchangeError::Untrusted(
            "it is not signed with SHA-256 and RSA",
        ));
    }
    authority.rsa_key()?.verify(data, signature)
}

//! Public keys as files: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in DER.

use super::codes::NOT_ALLOWED;
use crate::KeysError;
use cardwright_ports::custody::PublicKey;
use p256::pkcs8::{DecodePublicKey, EncodePublicKey};
use pkcs1::der::asn1::{BitStringRef, UintRef};
use pkcs1::der::{Decode, Encode};
use pkcs8::spki::SubjectPublicKeyInfoRef;

fn unreadable() -> KeysError {
    NOT_ALLOWED.found("no public key of RSA or P-256 (SubjectPublicKeyInfo)")
}

/// The file of a public key.
pub fn public_key_der(key: &PublicKey) -> Result<Vec<u8>, KeysError> {
    match key {
        PublicKey::P256(point) => p256::PublicKey::from_sec1_bytes(point)
            .ok()
            .and_then(|key| key.to_public_key_der().ok())
            .map(|document| document.as_bytes().to_vec())
            .ok_or_else(unreadable),
        PublicKey::Rsa { modulus, exponent } => {
            let exponent = exponent.to_be_bytes();
            let inner = pkcs1::RsaPublicKey {
                modulus: UintRef::new(modulus).map_err(|_| unreadable())?,
                public_exponent: UintRef::new(&exponent).map_err(|_| unreadable())?,
            };
            let inner = inner.to_der().map_err(|_| unreadable())?;
            let info = SubjectPublicKeyInfoRef {
                algorithm: pkcs1::ALGORITHM_ID,
                subject_public_key: BitStringRef::from_bytes(&inner).map_err(|_| unreadable())?,
            };
            info.to_der().map_err(|_| unreadable())
        }
    }
}

/// The public key of a file.
pub fn public_key_of_der(octets: &[u8]) -> Result<PublicKey, KeysError> {
    if let Ok(key) = p256::PublicKey::from_public_key_der(octets) {
        use p256::elliptic_curve::sec1::ToEncodedPoint;
        return Ok(PublicKey::P256(
            key.to_encoded_point(false).as_bytes().to_vec(),
        ));
    }
    let info = SubjectPublicKeyInfoRef::from_der(octets).map_err(|_| unreadable())?;
    if info.algorithm != pkcs1::ALGORITHM_ID {
        return Err(unreadable());
    }
    let inner = info.subject_public_key.as_bytes().ok_or_else(unreadable)?;
    let key = pkcs1::RsaPublicKey::from_der(inner).map_err(|_| unreadable())?;
    let octets = key.public_exponent.as_bytes();
    if octets.len() > 4 {
        return Err(unreadable());
    }
    let exponent = octets
        .iter()
        .fold(0u32, |value, octet| value << 8 | u32::from(*octet));
    Ok(PublicKey::Rsa {
        modulus: key.modulus.as_bytes().to_vec(),
        exponent,
    })
}

//! The DER forms of a private key inside a key block: what can be told without using the key.
//!
//! X9.143 carries private keys as DER: RSA as PKCS#1 `RSAPrivateKey` (its example 8.5), elliptic
//! curves as RFC 5915 `ECPrivateKey` (its example 8.6); PKCS#8 `PrivateKeyInfo` is met as well.

use super::terms::Algorithm;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, Tagged};

/// Curves by object identifier, with bits of the field.
const CURVES: &[(&str, u32)] = &[
    ("1.2.840.10045.3.1.7", 256),
    ("1.3.132.0.34", 384),
    ("1.3.132.0.35", 521),
];
const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const DSA: &str = "1.2.840.10040.4.1";

/// What a private key says of itself. Nothing here is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateKeyForm {
    /// RSA, elliptic curve or DSA.
    pub algorithm: Algorithm,
    /// Bits of the modulus, or of the curve's field; 0 where the form does not tell.
    pub bits: u32,
    /// Whether it is in PKCS#8's envelope.
    pub pkcs8: bool,
}

/// Reads the form of a DER private key; none if it is none.
pub fn private_key_form(der: &[u8]) -> Option<PrivateKeyForm> {
    whole(der, |reader| {
        let version = UintRef::decode(reader)?;
        let next = reader.peek_tag()?;
        Ok(match (version.as_bytes(), next) {
            // PKCS#8 and its second version.
            ([0 | 1], Tag::Sequence) => pkcs8(reader)?,
            ([1], Tag::OctetString) => ec_key(reader, None)?,
            ([0], Tag::Integer) => rsa_key(reader)?,
            _ => None,
        })
    })
}

type Der<T> = Result<T, x509_cert::der::Error>;

/// One sequence that is all there is.
fn whole<'d, T>(
    der: &'d [u8],
    read: impl FnOnce(&mut SliceReader<'d>) -> Der<Option<T>>,
) -> Option<T> {
    let any = AnyRef::from_der(der).ok()?;
    if any.tag() != Tag::Sequence {
        return None;
    }
    let mut reader = SliceReader::new(any.value()).ok()?;
    let found = read(&mut reader).ok()??;
    reader.is_finished().then_some(found)
}

fn rsa_key(reader: &mut SliceReader<'_>) -> Der<Option<PrivateKeyForm>> {
    let modulus = UintRef::decode(reader)?;
    // Exponents, primes, their exponents, coefficient: seven more.
    for _ in 0..7 {
        UintRef::decode(reader)?;
    }
    let zeros = modulus
        .as_bytes()
        .first()
        .map_or(8, |octet| octet.leading_zeros());
    Ok(Some(PrivateKeyForm {
        algorithm: Algorithm::Rsa,
        bits: (modulus.as_bytes().len() as u32 * 8).saturating_sub(zeros),
        pkcs8: false,
    }))
}

fn ec_key(reader: &mut SliceReader<'_>, named: Option<u32>) -> Der<Option<PrivateKeyForm>> {
    let secret = OctetStringRef::decode(reader)?;
    let mut bits = named;
    while !reader.is_finished() {
        let part = AnyRef::decode(reader)?;
        // [0] has the curve, [1] the public key.
        if part.tag().number().value() == 0 {
            bits = ObjectIdentifier::from_der(part.value())
                .ok()
                .and_then(curve_bits);
        }
    }
    let bits = bits.unwrap_or(0);
    let fits = bits == 0 || secret.as_bytes().len() == bits.div_ceil(8) as usize;
    Ok(fits.then_some(PrivateKeyForm {
        algorithm: Algorithm::EllipticCurve,
        bits,
        pkcs8: false,
    }))
}

fn pkcs8(reader: &mut SliceReader<'_>) -> Der<Option<PrivateKeyForm>> {
    let algorithm = AnyRef::decode(reader)?;
    let mut inner = SliceReader::new(algorithm.value())?;
    let identifier = ObjectIdentifier::decode(&mut inner)?.to_string();
    let curve = match inner.is_finished() {
        true => None,
        false => AnyRef::decode(&mut inner)?
            .decode_as::<ObjectIdentifier>()
            .ok(),
    };
    let key = OctetStringRef::decode(reader)?;
    while !reader.is_finished() {
        AnyRef::decode(reader)?;
    }
    let form = match identifier.as_str() {
        RSA => private_key_form(key.as_bytes()).filter(|it| it.algorithm == Algorithm::Rsa),
        EC => whole(key.as_bytes(), |reader| {
            UintRef::decode(reader)?;
            ec_key(reader, curve.and_then(curve_bits))
        }),
        DSA => UintRef::from_der(key.as_bytes())
            .ok()
            .map(|_| PrivateKeyForm {
                algorithm: Algorithm::Dsa,
                bits: 0,
                pkcs8: true,
            }),
        _ => None,
    };
    Ok(form.map(|form| PrivateKeyForm {
        pkcs8: true,
        ..form
    }))
}

fn curve_bits(identifier: ObjectIdentifier) -> Option<u32> {
    let text = identifier.to_string();
    let found = CURVES.iter().find(|(known, _)| *known == text);
    found.map(|(_, bits)| *bits)
}

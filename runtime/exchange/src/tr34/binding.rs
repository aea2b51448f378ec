//! Tokens that loosen or change the binding of a device to a host: from the host itself with the
//! device's nonce, or from the device's authority without the host.

use super::{RANDOM_NONCE, check_nonce, compare_nonce};
use crate::cms::{self, DATA, Enclosed, Read, SIGNED_DATA, attribute};
use crate::{Certificate, ExchangeError, Purpose, RsaPrivate, Trust};
use ::cms::cert::IssuerAndSerialNumber;
use der::asn1::OctetString;
use der::{Decode, Encode, Reader, SliceReader};

/// A device and the host that it is bound to.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    /// The device.
    pub krd: &'a Certificate,
    /// The host.
    pub kdh: &'a Certificate,
}

/// The new binding that a rebind token asks for.
#[derive(Clone, Debug)]
pub struct Rebinding {
    /// The new host's certificate; it was checked.
    pub kdh: Certificate,
}

fn unwritable(_: der::Error) -> ExchangeError {
    ExchangeError::Malformed("binding token")
}

fn nonce_attribute(nonce: &[u8]) -> Result<x509_cert::attr::Attribute, ExchangeError> {
    check_nonce(nonce)?;
    attribute(RANDOM_NONCE, &OctetString::new(nonce).map_err(unwritable)?)
}

fn name_of(certificate: &Certificate) -> Result<Vec<u8>, ExchangeError> {
    certificate.identifier().to_der().map_err(unwritable)
}

/// UBT-KDH: the bound host lets a device go.
pub fn unbind_token(
    binding: &Binding<'_>,
    nonce: &[u8],
    kdh_key: &dyn RsaPrivate,
) -> Result<Vec<u8>, ExchangeError> {
    let attributes = vec![nonce_attribute(nonce)?];
    let content = name_of(binding.krd)?;
    let signer = (binding.kdh, kdh_key);
    cms::sign(DATA, &content, attributes, signer, Enclosed::default())
}

/// The device opens UBT-KDH.
pub fn open_unbind(
    binding: &Binding<'_>,
    token: &[u8],
    nonce: &[u8],
    trust: &Trust<'_>,
) -> Result<(), ExchangeError> {
    trust.check(binding.kdh, Purpose::Sign)?;
    let message = Read::from_der(token)?;
    let (content, attributes) = message.verified(DATA, binding.kdh)?;
    compare_nonce(attributes, nonce)?;
    check_names(content, &[binding.krd])
}

/// RBT-KDH: the bound host gives a device to another host.
pub fn rebind_token(
    binding: &Binding<'_>,
    new_kdh: &Certificate,
    nonce: &[u8],
    kdh_key: &dyn RsaPrivate,
) -> Result<Vec<u8>, ExchangeError> {
    let attributes = vec![nonce_attribute(nonce)?];
    let content = container(&name_of(binding.krd)?, new_kdh)?;
    let signer = (binding.kdh, kdh_key);
    cms::sign(
        SIGNED_DATA,
        &content,
        attributes,
        signer,
        Enclosed::default(),
    )
}

/// The device opens RBT-KDH.
pub fn open_rebind(
    binding: &Binding<'_>,
    token: &[u8],
    nonce: &[u8],
    trust: &Trust<'_>,
) -> Result<Rebinding, ExchangeError> {
    trust.check(binding.kdh, Purpose::Sign)?;
    let message = Read::from_der(token)?;
    let (content, attributes) = message.verified(SIGNED_DATA, binding.kdh)?;
    compare_nonce(attributes, nonce)?;
    open_container(content, &[binding.krd], trust)
}

/// UBT-CA: the device's authority takes it from a host, when the host can't or won't.
pub fn authority_unbind_token(
    binding: &Binding<'_>,
    authority: (&Certificate, &dyn RsaPrivate),
) -> Result<Vec<u8>, ExchangeError> {
    // The two names follow each other without a frame.
    let content = [name_of(binding.krd)?, name_of(binding.kdh)?].concat();
    cms::sign(DATA, &content, Vec::new(), authority, Enclosed::default())
}

/// The device opens UBT-CA. It has no nonce: it names the binding that it ends, and works once.
pub fn open_authority_unbind(
    binding: &Binding<'_>,
    token: &[u8],
    authority: &Certificate,
    trust: &Trust<'_>,
) -> Result<(), ExchangeError> {
    trust.check(authority, Purpose::Sign)?;
    let message = Read::from_der(token)?;
    let (content, _) = message.verified(DATA, authority)?;
    check_names(content, &[binding.krd, binding.kdh])
}

/// RBT-CA: the device's authority gives it to another host.
pub fn authority_rebind_token(
    binding: &Binding<'_>,
    new_kdh: &Certificate,
    authority: (&Certificate, &dyn RsaPrivate),
) -> Result<Vec<u8>, ExchangeError> {
    let names = [name_of(binding.krd)?, name_of(binding.kdh)?].concat();
    let content = container(&names, new_kdh)?;
    cms::sign(
        SIGNED_DATA,
        &content,
        Vec::new(),
        authority,
        Enclosed::default(),
    )
}

/// The device opens RBT-CA.
pub fn open_authority_rebind(
    binding: &Binding<'_>,
    token: &[u8],
    authority: &Certificate,
    trust: &Trust<'_>,
) -> Result<Rebinding, ExchangeError> {
    trust.check(authority, Purpose::Sign)?;
    let message = Read::from_der(token)?;
    let (content, _) = message.verified(SIGNED_DATA, authority)?;
    open_container(content, &[binding.krd, binding.kdh], trust)
}

/// Signed data without a signer, inside those that are signed: names and the new certificate.
fn container(names: &[u8], new_kdh: &Certificate) -> Result<Vec<u8>, ExchangeError> {
    let enclosed = Enclosed {
        certificates: std::slice::from_ref(new_kdh),
        revocations: &[],
    };
    let inner = cms::unsigned(Some((DATA, names)), enclosed)?;
    inner.to_der().map_err(unwritable)
}

fn open_container(
    content: &[u8],
    names: &[&Certificate],
    trust: &Trust<'_>,
) -> Result<Rebinding, ExchangeError> {
    let inner = Read::bare(content)?;
    check_names(inner.unsigned_content()?, names)?;
    let [kdh] = <[Certificate; 1]>::try_from(inner.certificates())
        .map_err(|_| ExchangeError::Malformed("binding token: one certificate is expected"))?;
    trust.check(&kdh, Purpose::Sign)?;
    Ok(Rebinding { kdh })
}

/// The content names these certificates, in this order and no others.
fn check_names(content: &[u8], expected: &[&Certificate]) -> Result<(), ExchangeError> {
    let wrong = |_| ExchangeError::Malformed("binding token: names");
    let mut reader = SliceReader::new(content).map_err(wrong)?;
    for certificate in expected {
        let name = IssuerAndSerialNumber::decode(&mut reader).map_err(wrong)?;
        if name != certificate.identifier() {
            return Err(ExchangeError::Binding("the device or the host"));
        }
    }
    match reader.is_finished() {
        true => Ok(()),
        false => Err(ExchangeError::Malformed("binding token: names")),
    }
}

//! Key tokens whose key never leaves an HSM: this side makes and checks everything around it, the
//! HSM enciphers or deciphers the inner block and holds what it finds against the frame.

use super::key_token::{
    Delivery, Expected, HEADER_CHARACTERS, VERSION, check_freshness, first, frame,
    header_attribute, signed_token,
};
use super::octet_string;
use crate::cms::{ContentCipher, DATA, ENVELOPED_DATA, Envelope, Read, value_of};
use crate::{
    Certificate, ExchangeError, OaepHash, Purpose, RsaPrivate, RsaPublicKey, Trust, UnixSeconds,
};
use cardwright_standards::key_policy::KeyKind;
use cardwright_standards::keyblock::{Attributes, Header};
use x509_cert::attr::Attribute;

/// What stands around a key in the inner block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Before the key.
    pub before: Vec<u8>,
    /// Behind the key.
    pub after: Vec<u8>,
}

/// An enciphered inner block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Initial block of the CBC mode.
    pub initial: Vec<u8>,
    /// Inner block, padded (PKCS #7), under the content key.
    pub content: Vec<u8>,
    /// Content key under the device's RSA key, by OAEP.
    pub key: Vec<u8>,
}

/// A key to be sent by its HSM.
pub struct InsideToken<'a> {
    /// What goes with it.
    pub delivery: Delivery<'a>,
    /// Its family and bits, for the policy.
    pub kind: KeyKind,
    /// Its octets.
    pub key_octets: usize,
}

impl InsideToken<'_> {
    /// What stands around the key in the inner block.
    ///
    /// # Errors
    /// E-codes of a header with optional blocks.
    pub fn frame(&self) -> Result<Frame, ExchangeError> {
        let header = header_attribute(self.delivery.attributes)?;
        let (before, after) = frame(VERSION, self.delivery.kdh, &header, self.key_octets)?;
        Ok(Frame { before, after })
    }
}

/// Makes a key token; `seal` is the HSM's part. The device's certificate is checked against `trust`
/// first.
///
/// # Errors
/// As [`super::key_token`], and what `seal` refuses.
pub fn inside_key_token<E: From<ExchangeError>>(
    token: &InsideToken<'_>,
    signer: &dyn RsaPrivate,
    trust: &Trust<'_>,
    seal: impl FnOnce(&Frame, &RsaPublicKey) -> Result<Sealed, E>,
) -> Result<Vec<u8>, E> {
    let delivery = &token.delivery;
    let receiver = delivery.check(token.kind, trust)?;
    let sealed = seal(&token.frame()?, &receiver)?;
    let envelope = Envelope {
        hash: delivery.hash,
        cipher: delivery.cipher,
        initial: sealed.initial,
        content: sealed.content,
        key: sealed.key,
    };
    let enveloped = envelope.written(delivery.krd)?;
    let header = header_attribute(delivery.attributes)?;
    Ok(signed_token(&enveloped, header, delivery, signer)?)
}

/// A device whose private key is in an HSM, and the host that it is bound to.
#[derive(Clone, Copy)]
pub struct Device<'a> {
    /// Its certificate.
    pub krd: &'a Certificate,
    /// The host that it is bound to.
    pub bound_kdh: &'a Certificate,
    /// Whom it trusts.
    pub trust: Trust<'a>,
}

/// A key token whose sender, signature and freshness hold; only the HSM can open it.
pub struct Proven {
    /// What the key is for, as the sender signed it.
    pub attributes: Attributes,
    /// Header of 16 characters.
    pub header_text: String,
    /// The token's time, in one pass; the next one's `last`.
    pub time: Option<UnixSeconds>,
    /// What the HSM opens.
    pub sealed: Sealed,
    /// Cipher of the inner block.
    pub cipher: ContentCipher,
    /// Hash of RSA-OAEP.
    pub hash: OaepHash,
    kdh: Certificate,
    header: Attribute,
}

/// Checks a key token up to what only the device's private key opens: in this order the sender's
/// certificate, the signature, freshness, the recipient.
///
/// # Errors
/// As [`super::open_key_token`].
pub fn prove_key_token(
    device: &Device<'_>,
    token: &[u8],
    expected: Expected<'_>,
) -> Result<Proven, ExchangeError> {
    let message = Read::from_der(token)?;
    let lists = message.revocations();
    let lists = [device.trust.revocations, lists.as_slice()].concat();
    let trust = Trust {
        revocations: &lists,
        ..device.trust
    };
    trust.check(device.bound_kdh, Purpose::Sign)?;
    let (enveloped, signed) = message.verified(ENVELOPED_DATA, device.bound_kdh)?;
    let time = check_freshness(signed, expected, trust.now)?;
    let missing = ExchangeError::Malformed("key token: no key block header");
    let header_text = value_of(signed, DATA).and_then(octet_string);
    let header_text = header_text.and_then(|octets| String::from_utf8(octets).ok());
    let header_text = header_text
        .filter(|text| text.len() == HEADER_CHARACTERS)
        .ok_or(missing)?;
    let header = signed.iter().find(|it| it.oid == DATA).cloned();
    let attributes = Attributes::parse(&Header::from_text(&header_text)?).map_err(first)?;
    let envelope = Envelope::read(enveloped, device.krd)?;
    Ok(Proven {
        attributes,
        header_text,
        time,
        sealed: Sealed {
            initial: envelope.initial,
            content: envelope.content,
            key: envelope.key,
        },
        cipher: envelope.cipher,
        hash: envelope.hash,
        kdh: device.bound_kdh.clone(),
        header: header.ok_or(missing)?,
    })
}

impl Proven {
    /// What must stand around a key of so many octets: the sender's name and the same header that was
    /// signed, in each version of the inner block that hosts write.
    ///
    /// # Errors
    /// E-codes of a malformed token.
    pub fn frames(&self, key_octets: usize) -> Result<Vec<Frame>, ExchangeError> {
        let of = |version| {
            let (before, after) = frame(version, &self.kdh, &self.header, key_octets)?;
            Ok(Frame { before, after })
        };
        [VERSION, 0].into_iter().map(of).collect()
    }
}

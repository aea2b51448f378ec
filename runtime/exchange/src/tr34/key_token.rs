//! The key token: the host makes it, the device opens it.

use super::{RANDOM_NONCE, check_nonce, compare_nonce, octet_string};
use crate::cms::{
    self, ContentCipher, DATA, ENVELOPED_DATA, Enclosed, Read, SIGNING_TIME, attribute, value_of,
};
use crate::{
    Certificate, ExchangeError, OaepHash, Purpose, Random, RevocationList, RsaPrivate,
    RsaPublicKey, Trust, UnixSeconds,
};
use ::cms::cert::IssuerAndSerialNumber;
use cardwright_standards::key_policy::{self, Day, Exception, Form, KeyKind};
use cardwright_standards::keyblock::{self, Attributes, Header, KeyType};
use der::asn1::{Any, OctetString, OctetStringRef, SetOfVec, UtcTime};
use der::{Decode, Encode, Sequence};
use std::time::Duration;
use x509_cert::attr::Attribute;
use x509_cert::time::Time;
use zeroize::Zeroizing;

/// Version of the inner block; descriptions name it v1, deployed hosts write 1.
pub(super) const VERSION: u8 = 1;
/// Characters of a header without optional blocks, which TR-34 does not carry.
pub(super) const HEADER_CHARACTERS: usize = 16;

/// What the length field says, as deployed hosts write it: nothing is as long, nobody reads it.
const HEADER_LENGTH: usize = 256;

/// What says that a token is not an old one.
#[derive(Clone, Copy, Debug)]
pub enum Freshness<'a> {
    /// Two passes: the device's nonce.
    Nonce(&'a [u8]),
    /// One pass: now.
    Time(UnixSeconds),
}

/// What a key token says beside its key.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// What the key is for. Without optional blocks; its version is that of the blocks that the key
    /// will protect, or `D`.
    pub attributes: &'a Attributes,
    /// Nonce or time.
    pub freshness: Freshness<'a>,
    /// The host's certificate.
    pub kdh: &'a Certificate,
    /// The device's certificate.
    pub krd: &'a Certificate,
    /// What the key is enciphered with, under the device's key.
    pub cipher: ContentCipher,
    /// Hash of RSA-OAEP.
    pub hash: OaepHash,
    /// Revocation list of the host's authority, which the one-pass token carries.
    pub revocations: &'a [RevocationList],
    /// Exception of the policy, if a key is to go under a weaker RSA key.
    pub exception: Option<Exception<'a>>,
    /// Today, for the exception.
    pub today: Day,
}

impl Delivery<'_> {
    /// The device must be trusted, and policy must let a key of this kind go under its key. Gives that
    /// key.
    pub(super) fn check(
        &self,
        wrapped: KeyKind,
        trust: &Trust<'_>,
    ) -> Result<RsaPublicKey, ExchangeError> {
        trust.check(self.krd, Purpose::ReceiveKeys)?;
        let receiver = self.krd.rsa_key()?;
        let exception = self.exception.as_ref();
        key_policy::may_wrap(receiver.kind(), wrapped, Form::Tr34, exception, self.today)?;
        Ok(receiver)
    }
}

/// A key to be sent.
pub struct KeyToken<'a> {
    /// What goes with it.
    pub delivery: Delivery<'a>,
    /// The key.
    pub key: &'a [u8],
}

/// The enciphered block (TR-34, annex D).
#[derive(Sequence)]
struct ClearBlock<'a> {
    version: u8,
    kdh: IssuerAndSerialNumber,
    key: OctetStringRef<'a>,
    header: Attribute,
}

/// Makes a key token. The device's certificate is checked against `trust` first.
pub fn key_token(
    token: &KeyToken<'_>,
    signer: &dyn RsaPrivate,
    trust: &Trust<'_>,
    random: &mut dyn Random,
) -> Result<Vec<u8>, ExchangeError> {
    let delivery = &token.delivery;
    let key_type = keyblock::check_key(delivery.attributes.algorithm, token.key)?;
    delivery.check(KeyKind::from(key_type), trust)?;
    let header = header_attribute(delivery.attributes)?;
    let written = |_| ExchangeError::Malformed("key token");
    let block = ClearBlock {
        version: VERSION,
        kdh: delivery.kdh.identifier(),
        key: OctetStringRef::new(token.key).map_err(written)?,
        header: header.clone(),
    };
    let block = Zeroizing::new(block.to_der().map_err(written)?);
    let (hash, cipher) = (delivery.hash, delivery.cipher);
    let enveloped = cms::envelop(&block, delivery.krd, hash, cipher, random)?;
    signed_token(&enveloped, header, delivery, signer)
}

/// Signs an envelope with its header and nonce or time.
pub(super) fn signed_token(
    enveloped: &[u8],
    header: Attribute,
    delivery: &Delivery<'_>,
    signer: &dyn RsaPrivate,
) -> Result<Vec<u8>, ExchangeError> {
    let written = |_| ExchangeError::Malformed("key token");
    let fresh = match delivery.freshness {
        Freshness::Nonce(nonce) => {
            check_nonce(nonce)?;
            attribute(RANDOM_NONCE, &OctetString::new(nonce).map_err(written)?)?
        }
        Freshness::Time(now) => {
            let time = UtcTime::from_unix_duration(Duration::from_secs(now));
            attribute(SIGNING_TIME, &time.map_err(written)?)?
        }
    };
    let enclosed = Enclosed {
        certificates: &[],
        revocations: delivery.revocations,
    };
    let attributes = vec![header, fresh];
    let signer = (delivery.kdh, signer);
    cms::sign(ENVELOPED_DATA, enveloped, attributes, signer, enclosed)
}

/// What stands before and behind a key of so many octets in the inner block, whose encoding has no
/// freedom (DER).
pub(super) fn frame(
    version: u8,
    kdh: &Certificate,
    header: &Attribute,
    key_octets: usize,
) -> Result<(Vec<u8>, Vec<u8>), ExchangeError> {
    let written = |_| ExchangeError::Malformed("key token");
    let zeros = vec![0; key_octets];
    let block = ClearBlock {
        version,
        kdh: kdh.identifier(),
        key: OctetStringRef::new(&zeros).map_err(written)?,
        header: header.clone(),
    };
    let whole = block.to_der().map_err(written)?;
    let after = header.to_der().map_err(written)?;
    let before = whole.len().checked_sub(after.len() + key_octets);
    let before = before.and_then(|length| whole.get(..length));
    let before = before.ok_or(ExchangeError::Malformed("key token"))?;
    Ok((before.to_vec(), after))
}

/// What a device expects of a token.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// Two passes: the nonce that it sent. It is used once: after a token with it was opened, or
    /// refused, the device sends another.
    Nonce(&'a [u8]),
    /// One pass.
    Time {
        /// Most seconds between the token's time and now, either way.
        window: u64,
        /// Time of the last token that was accepted; only later ones are.
        last: Option<UnixSeconds>,
    },
}

/// The device that opens a token.
pub struct Receiver<'a> {
    /// Its certificate.
    pub krd: &'a Certificate,
    /// Its private key.
    pub key: &'a dyn RsaPrivate,
    /// The host that it is bound to.
    pub bound_kdh: &'a Certificate,
    /// Whom it trusts.
    pub trust: Trust<'a>,
}

/// A key that came.
pub struct Received {
    /// What the key is for.
    pub attributes: Attributes,
    /// Header of 16 characters.
    pub header_text: String,
    /// What kind of key it is.
    pub key_type: KeyType,
    /// The key.
    pub key: Zeroizing<Vec<u8>>,
    /// The token's time, in one pass; the next one's `last`.
    pub time: Option<UnixSeconds>,
}

/// Opens a key token. In this order: the sender's certificate, the signature, freshness, the
/// recipient, the binding of header and sender, the key's form.
pub fn open_key_token(
    receiver: &Receiver<'_>,
    token: &[u8],
    expected: Expected<'_>,
) -> Result<Received, ExchangeError> {
    let message = Read::from_der(token)?;
    let lists = message.revocations();
    let lists = [receiver.trust.revocations, lists.as_slice()].concat();
    let trust = Trust {
        revocations: &lists,
        ..receiver.trust
    };
    trust.check(receiver.bound_kdh, Purpose::Sign)?;
    let (enveloped, attributes) = message.verified(ENVELOPED_DATA, receiver.bound_kdh)?;
    let time = check_freshness(attributes, expected, trust.now)?;
    let outside = value_of(attributes, DATA).and_then(octet_string);
    let outside = outside.ok_or(ExchangeError::Malformed("key token: no key block header"))?;
    let block = cms::open_envelope(enveloped, receiver.krd, receiver.key)?;
    let block = ClearBlock::from_der(&block)
        .map_err(|_| ExchangeError::Malformed("key token: inner block"))?;
    if block.version > VERSION {
        return Err(ExchangeError::Malformed(
            "key token: version of the inner block",
        ));
    }
    if block.kdh != receiver.bound_kdh.identifier() {
        return Err(ExchangeError::Binding("the sender's name"));
    }
    let inside = block.header.values.get(0).and_then(octet_string);
    if block.header.oid != DATA || block.header.values.len() != 1 || inside != Some(outside.clone())
    {
        return Err(ExchangeError::Binding("the key block header"));
    }
    let header_text = String::from_utf8(outside)
        .ok()
        .filter(|text| text.len() == HEADER_CHARACTERS);
    let header_text = header_text.ok_or(ExchangeError::Malformed("key token: key block header"))?;
    let attributes = Attributes::parse(&Header::from_text(&header_text)?);
    let attributes = attributes.map_err(first)?;
    let key_type = keyblock::check_key(attributes.algorithm, block.key.as_bytes())?;
    Ok(Received {
        attributes,
        header_text,
        key_type,
        key: Zeroizing::new(block.key.as_bytes().to_vec()),
        time,
    })
}

pub(super) fn first(faults: Vec<keyblock::Fault>) -> ExchangeError {
    match faults.into_iter().next() {
        Some(fault) => fault.into(),
        None => ExchangeError::Malformed("key token: key block header"),
    }
}

pub(super) fn header_attribute(attributes: &Attributes) -> Result<Attribute, ExchangeError> {
    let wrong = ExchangeError::Malformed("key block header for TR-34: no optional blocks");
    if !attributes.optional.is_empty() {
        return Err(wrong);
    }
    let header = attributes.header();
    // What was put together by hand is read as a stranger's would be.
    Attributes::parse(&header).map_err(first)?;
    let text = header.fixed_text(HEADER_LENGTH)?;
    let mut values = SetOfVec::new();
    let octets = OctetString::new(text.into_bytes()).map_err(|_| wrong)?;
    let value = Any::encode_from(&octets).map_err(|_| wrong)?;
    values.insert(value).map_err(|_| wrong)?;
    Ok(Attribute { oid: DATA, values })
}

pub(super) fn check_freshness(
    attributes: &x509_cert::attr::Attributes,
    expected: Expected<'_>,
    now: UnixSeconds,
) -> Result<Option<UnixSeconds>, ExchangeError> {
    match expected {
        Expected::Nonce(nonce) => compare_nonce(attributes, nonce).map(|()| None),
        Expected::Time { window, last } => {
            let time = value_of(attributes, SIGNING_TIME);
            let time = time.and_then(|it| Time::from_der(&it.to_der().ok()?).ok());
            let time = time.ok_or(ExchangeError::Freshness("it has no time"))?;
            let time = time.to_unix_duration().as_secs();
            if time.abs_diff(now) > window {
                return Err(ExchangeError::Freshness("its time is too old or ahead"));
            }
            if last.is_some_and(|last| time <= last) {
                return Err(ExchangeError::Freshness(
                    "it is not later than the last one",
                ));
            }
            Ok(Some(time))
        }
    }
}

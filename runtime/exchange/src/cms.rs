//! The two CMS messages of key exchange (RFC 5652): signed data with one signer, enveloped data for
//! one recipient. Written in DER; lengths that are not told are made definite when read.

use crate::ber;
use crate::certificates::{RSA_KEY, SHA256_WITH_RSA};
use crate::rsa::{open_oaep, signed};
use crate::{Certificate, ExchangeError, OaepHash, Random, RevocationList, RsaPrivate};
use cardwright_standards::cipher::{self, AesKey, TdesKey};
use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::enveloped_data::{
    EncryptedContentInfo, EnvelopedData, KeyTransRecipientInfo, RecipientIdentifier, RecipientInfo,
    RecipientInfos,
};
use cms::revocation::{RevocationInfoChoice, RevocationInfoChoices};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{Any, AnyRef, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode, Encode, Sequence, Tag};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

/// Most octets of a message.
pub(crate) const MESSAGE_OCTETS_MAX: usize = 256 * 1024;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// id-data.
pub(crate) const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
/// id-signedData.
pub(crate) const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
/// id-envelopedData.
pub(crate) const ENVELOPED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.3");
/// id-contentType.
const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
/// id-messageDigest.
const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
/// id-signingTime.
pub(crate) const SIGNING_TIME: ObjectIdentifier = oid("1.2.840.113549.1.9.5");
/// SHA-1.
const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
/// SHA-256.
const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
/// id-RSAES-OAEP.
const RSAES_OAEP: ObjectIdentifier = oid("1.2.840.113549.1.1.7");
/// id-mgf1.
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
/// DES-EDE3-CBC.
const TDES_CBC: ObjectIdentifier = oid("1.2.840.113549.3.7");
/// AES-CBC with 128, 192 and 256 bits.
const AES_CBC: [(ObjectIdentifier, usize); 3] = [
    (oid("2.16.840.1.101.3.4.1.2"), 16),
    (oid("2.16.840.1.101.3.4.1.22"), 24),
    (oid("2.16.840.1.101.3.4.1.42"), 32),
];

/// What the content is enciphered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCipher {
    /// 3DES with three keys in CBC mode, as older partners have it.
    Tdes,
    /// AES-128 in CBC mode.
    Aes128,
    /// AES-256 in CBC mode.
    Aes256,
}

impl ContentCipher {
    fn identifier(self) -> ObjectIdentifier {
        let [(aes128, _), _, (aes256, _)] = AES_CBC;
        match self {
            Self::Tdes => TDES_CBC,
            Self::Aes128 => aes128,
            Self::Aes256 => aes256,
        }
    }

    fn key_octets(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Tdes => 24,
            Self::Aes256 => 32,
        }
    }
}

/// A failure of the encoder: a length that ASN.1 can't have.
fn unwritable(_: der::Error) -> ExchangeError {
    ExchangeError::Malformed("message")
}

fn malformed(_: der::Error) -> ExchangeError {
    ExchangeError::Malformed("CMS message")
}

/// An attribute with one value.
pub(crate) fn attribute(
    oid: ObjectIdentifier,
    value: &impl Encode,
) -> Result<Attribute, ExchangeError> {
    let value = Any::from_der(&value.to_der().map_err(unwritable)?).map_err(unwritable)?;
    let mut values = SetOfVec::new();
    values.insert(value).map_err(unwritable)?;
    Ok(Attribute { oid, values })
}

/// The only value of an attribute that stands once.
pub(crate) fn value_of(attributes: &Attributes, oid: ObjectIdentifier) -> Option<&Any> {
    let mut found = attributes.iter().filter(|it| it.oid == oid);
    match (found.next(), found.next()) {
        (Some(attribute), None) if attribute.values.len() == 1 => attribute.values.get(0),
        _ => None,
    }
}

fn with_null(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: Some(Any::null()),
    }
}

fn bare(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: None,
    }
}

/// Whether an identifier has no parameters, written as none or as NULL.
pub(crate) fn is_plain(identifier: &AlgorithmIdentifierOwned) -> bool {
    let parameters = identifier.parameters.as_ref();
    parameters.is_none_or(|it| *it == Any::null())
}

/// Certificates and revocation lists that travel with a message.
#[derive(Clone, Copy, Default)]
pub(crate) struct Enclosed<'a> {
    /// Certificates.
    pub(crate) certificates: &'a [Certificate],
    /// Revocation lists.
    pub(crate) revocations: &'a [RevocationList],
}

impl Enclosed<'_> {
    fn certificate_set(&self) -> Result<Option<CertificateSet>, ExchangeError> {
        if self.certificates.is_empty() {
            return Ok(None);
        }
        let list = self.certificates.iter();
        let list: Vec<_> = list
            .map(|it| CertificateChoices::Certificate(it.0.clone()))
            .collect();
        SetOfVec::try_from(list)
            .map(|set| Some(CertificateSet(set)))
            .map_err(unwritable)
    }

    fn revocation_set(&self) -> Result<Option<RevocationInfoChoices>, ExchangeError> {
        if self.revocations.is_empty() {
            return Ok(None);
        }
        let list = self.revocations.iter();
        let list: Vec<_> = list
            .map(|it| RevocationInfoChoice::Crl(it.0.clone()))
            .collect();
        SetOfVec::try_from(list)
            .map(|set| Some(RevocationInfoChoices(set)))
            .map_err(unwritable)
    }
}

/// Signs a content with attributes; gives the ContentInfo.
pub(crate) fn sign(
    content_type: ObjectIdentifier,
    content: &[u8],
    mut attributes: Vec<Attribute>,
    signer: (&Certificate, &dyn RsaPrivate),
    enclosed: Enclosed<'_>,
) -> Result<Vec<u8>, ExchangeError> {
    let (certificate, key) = signer;
    if certificate.rsa_key()? != *key.public_key() {
        return Err(ExchangeError::Private(
            "the key is not that of the certificate",
        ));
    }
    let digest = OctetString::new(Sha256::digest(content).to_vec()).map_err(unwritable)?;
    attributes.push(attribute(CONTENT_TYPE, &content_type)?);
    attributes.push(attribute(MESSAGE_DIGEST, &digest)?);
    let attributes: Attributes = SetOfVec::try_from(attributes).map_err(unwritable)?;
    // What is signed is the SET, not the [0] that it becomes in the message (RFC 5652, 5.4).
    let signature = signed(key, &attributes.to_der().map_err(unwritable)?)?;
    let info = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(certificate.identifier()),
        digest_alg: bare(SHA256),
        signed_attrs: Some(attributes),
        signature_algorithm: with_null(RSA_KEY),
        signature: OctetString::new(signature).map_err(unwritable)?,
        unsigned_attrs: None,
    };
    let infos = SetOfVec::try_from(vec![info]).map_err(unwritable)?;
    let content = Some((content_type, content));
    signed_data(content, Some(infos), enclosed).and_then(content_info)
}

/// Signed data without a signer: a container of certificates, lists and a content.
pub(crate) fn unsigned(
    content: Option<(ObjectIdentifier, &[u8])>,
    enclosed: Enclosed<'_>,
) -> Result<SignedData, ExchangeError> {
    signed_data(content, None, enclosed)
}

fn signed_data(
    content: Option<(ObjectIdentifier, &[u8])>,
    infos: Option<SetOfVec<SignerInfo>>,
    enclosed: Enclosed<'_>,
) -> Result<SignedData, ExchangeError> {
    let (econtent_type, octets) = match content {
        Some((content_type, octets)) => (content_type, Some(octets)),
        None => (DATA, None),
    };
    let econtent = match octets {
        Some(octets) => Some(Any::new(Tag::OctetString, octets).map_err(unwritable)?),
        None => None,
    };
    let algorithms = match infos {
        Some(_) => vec![bare(SHA256)],
        None => Vec::new(),
    };
    let mut data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(algorithms).map_err(unwritable)?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type,
            econtent,
        },
        certificates: enclosed.certificate_set()?,
        crls: enclosed.revocation_set()?,
        signer_infos: SignerInfos(infos.unwrap_or_default()),
    };
    data.version = version_of_signed(&data);
    Ok(data)
}

/// The version of SignedData by its parts (RFC 5652, 5.1). Attribute certificates, which ask for 3
/// and 4, are not read.
fn version_of_signed(data: &SignedData) -> CmsVersion {
    let certificates = data.certificates.as_ref();
    let certificates = certificates.map_or(&[][..], |set| set.0.as_slice());
    let lists = data.crls.as_ref().map_or(&[][..], |set| set.0.as_slice());
    let mut signers = data.signer_infos.0.iter();
    if has_other(certificates, lists) {
        CmsVersion::V5
    } else if data.encap_content_info.econtent_type != DATA
        || signers.any(|info| info.version == CmsVersion::V3)
    {
        CmsVersion::V3
    } else {
        CmsVersion::V1
    }
}

fn has_other(certificates: &[CertificateChoices], lists: &[RevocationInfoChoice]) -> bool {
    let mut certificates = certificates.iter();
    let mut lists = lists.iter();
    certificates.any(|it| matches!(it, CertificateChoices::Other(_)))
        || lists.any(|it| matches!(it, RevocationInfoChoice::Other(_)))
}

/// The version of EnvelopedData for recipients whose keys are transported, by its parts (RFC 5652,
/// 6.1).
fn version_of_enveloped(data: &EnvelopedData) -> CmsVersion {
    let originator = data.originator_info.as_ref();
    let other = originator.is_some_and(|info| {
        let certificates = info.certs.as_ref();
        let lists = info.crls.as_ref();
        has_other(
            certificates.map_or(&[][..], |set| set.0.as_slice()),
            lists.map_or(&[][..], |set| set.0.as_slice()),
        )
    });
    let mut recipients = data.recip_infos.0.iter();
    let plain = recipients
        .all(|it| matches!(it, RecipientInfo::Ktri(info) if info.version == CmsVersion::V0));
    if other {
        CmsVersion::V4
    } else if originator.is_some() || data.unprotected_attrs.is_some() || !plain {
        CmsVersion::V2
    } else {
        CmsVersion::V0
    }
}

/// A message's outer frame.
pub(crate) fn content_info(data: SignedData) -> Result<Vec<u8>, ExchangeError> {
    let octets = data.to_der().map_err(unwritable)?;
    let content = Any::from(AnyRef::try_from(octets.as_slice()).map_err(unwritable)?);
    let content_type = SIGNED_DATA;
    let info = ContentInfo {
        content_type,
        content,
    };
    info.to_der().map_err(unwritable)
}

/// Signed data that were read, and not yet believed.
pub(crate) struct Read(SignedData);

impl Read {
    /// Reads a message.
    pub(crate) fn from_der(octets: &[u8]) -> Result<Self, ExchangeError> {
        if octets.len() > MESSAGE_OCTETS_MAX {
            return Err(ExchangeError::Malformed("CMS message"));
        }
        let octets = ber::definite(octets)?;
        let info = ContentInfo::from_der(&octets).map_err(malformed)?;
        if info.content_type != SIGNED_DATA {
            return Err(ExchangeError::Malformed("CMS message: not signed data"));
        }
        info.content
            .decode_as()
            .map_err(malformed)
            .and_then(Self::checked)
    }

    /// Reads bare signed data, without the outer frame.
    pub(crate) fn bare(octets: &[u8]) -> Result<Self, ExchangeError> {
        SignedData::from_der(octets)
            .map_err(malformed)
            .and_then(Self::checked)
    }

    /// With the version that its parts ask for.
    fn checked(data: SignedData) -> Result<Self, ExchangeError> {
        match data.version == version_of_signed(&data) {
            true => Ok(Self(data)),
            false => Err(ExchangeError::Malformed(
                "CMS message: SignedData has another version number than its parts ask for \
                 (RFC 5652, 5.1)",
            )),
        }
    }

    /// Certificates that travel with it.
    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        let set = self.0.certificates.as_ref().map(|set| set.0.as_slice());
        let choices = set.unwrap_or_default().iter();
        let certificates = choices.filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(Certificate(certificate.clone())),
            CertificateChoices::Other(_) => None,
        });
        certificates.collect()
    }

    /// Revocation lists that travel with it.
    pub(crate) fn revocations(&self) -> Vec<RevocationList> {
        let set = self.0.crls.as_ref().map(|set| set.0.as_slice());
        let choices = set.unwrap_or_default().iter();
        let lists = choices.filter_map(|choice| match choice {
            RevocationInfoChoice::Crl(list) => Some(RevocationList(list.clone())),
            RevocationInfoChoice::Other(_) => None,
        });
        lists.collect()
    }

    /// The content of a container without a signer.
    pub(crate) fn unsigned_content(&self) -> Result<&[u8], ExchangeError> {
        self.content(DATA)
    }

    fn content(&self, content_type: ObjectIdentifier) -> Result<&[u8], ExchangeError> {
        let info = &self.0.encap_content_info;
        let wrong = ExchangeError::Malformed("CMS message: another content");
        match &info.econtent {
            Some(content)
                if info.econtent_type == content_type
                    && der::Tagged::tag(content) == Tag::OctetString =>
            {
                Ok(content.value())
            }
            _ => Err(wrong),
        }
    }

    /// What no signature covers is as it has to be, so that a message has one spelling.
    fn check_frame(&self) -> Result<(), ExchangeError> {
        let wrong = ExchangeError::Malformed("CMS message: signer and digests");
        let digests = self.0.digest_algorithms.as_slice();
        let right = |it: &AlgorithmIdentifierOwned| it.oid == SHA256 && is_plain(it);
        let infos = self.0.signer_infos.0.as_slice();
        let signer = infos
            .iter()
            .all(|it| it.version == CmsVersion::V1 && it.unsigned_attrs.is_none());
        match signer && digests.len() == 1 && digests.iter().all(right) {
            true => Ok(()),
            false => Err(wrong),
        }
    }

    /// Content and signed attributes, once the signature of this sender held.
    pub(crate) fn verified(
        &self,
        content_type: ObjectIdentifier,
        sender: &Certificate,
    ) -> Result<(&[u8], &Attributes), ExchangeError> {
        let content = self.content(content_type)?;
        self.check_frame()?;
        let [info] = self.0.signer_infos.0.as_slice() else {
            return Err(ExchangeError::Malformed(
                "CMS message: one signer is expected",
            ));
        };
        if info.sid != SignerIdentifier::IssuerAndSerialNumber(sender.identifier()) {
            return Err(ExchangeError::Signer);
        }
        let algorithm = &info.signature_algorithm;
        let known = [RSA_KEY, SHA256_WITH_RSA].contains(&algorithm.oid) && is_plain(algorithm);
        if !known || info.digest_alg.oid != SHA256 || !is_plain(&info.digest_alg) {
            return Err(ExchangeError::Malformed(
                "CMS message: SHA-256 with RSA is expected",
            ));
        }
        let attributes = info.signed_attrs.as_ref();
        let attributes = attributes.ok_or(ExchangeError::Malformed(
            "CMS message: no signed attributes",
        ))?;
        let octets = attributes.to_der().map_err(malformed)?;
        let key = sender.rsa_key()?;
        key.verify(&octets, info.signature.as_bytes())?;
        let stated = value_of(attributes, CONTENT_TYPE);
        let stated = stated.and_then(|it| it.decode_as::<ObjectIdentifier>().ok());
        let digest = value_of(attributes, MESSAGE_DIGEST);
        let digest = digest.and_then(|it| it.decode_as::<OctetString>().ok());
        let right = digest.is_some_and(|digest| {
            bool::from(digest.as_bytes().ct_eq(Sha256::digest(content).as_slice()))
        });
        if stated != Some(content_type) || !right {
            return Err(ExchangeError::Signature);
        }
        Ok((content, attributes))
    }
}

/// RSAES-OAEP-params (RFC 8017, A.2.1). The label is empty.
#[derive(Sequence)]
struct OaepParameters {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    label: Option<AlgorithmIdentifierOwned>,
}

fn oaep_identifier(hash: OaepHash) -> Result<AlgorithmIdentifierOwned, ExchangeError> {
    let (digest, mask) = match hash {
        OaepHash::Sha1 => (None, None),
        OaepHash::Sha256 => {
            let inner = Any::encode_from(&bare(SHA256)).map_err(unwritable)?;
            let mask = AlgorithmIdentifierOwned {
                oid: MGF1,
                parameters: Some(inner),
            };
            (Some(bare(SHA256)), Some(mask))
        }
    };
    let parameters = OaepParameters {
        hash: digest,
        mask,
        label: None,
    };
    Ok(AlgorithmIdentifierOwned {
        oid: RSAES_OAEP,
        parameters: Some(Any::encode_from(&parameters).map_err(unwritable)?),
    })
}

/// The hash of an OAEP identifier: the same for label and mask, and no label.
fn oaep_hash(identifier: &AlgorithmIdentifierOwned) -> Option<OaepHash> {
    if identifier.oid != RSAES_OAEP {
        return None;
    }
    let parameters = identifier.parameters.as_ref()?;
    let parameters = parameters.decode_as::<OaepParameters>().ok()?;
    let hash = parameters.hash.as_ref().map_or(SHA1, |it| it.oid);
    let mask = match &parameters.mask {
        None => SHA1,
        Some(mask) if mask.oid == MGF1 => {
            let inner = mask.parameters.as_ref()?;
            inner.decode_as::<AlgorithmIdentifierOwned>().ok()?.oid
        }
        Some(_) => return None,
    };
    match (hash, parameters.label) {
        (SHA1, None) if mask == SHA1 => Some(OaepHash::Sha1),
        (SHA256, None) if mask == SHA256 => Some(OaepHash::Sha256),
        _ => None,
    }
}

/// Enciphers a content for one recipient; gives the EnvelopedData.
pub(crate) fn envelop(
    content: &[u8],
    recipient: &Certificate,
    hash: OaepHash,
    cipher: ContentCipher,
    random: &mut dyn Random,
) -> Result<Vec<u8>, ExchangeError> {
    let mut key = Zeroizing::new(vec![0; cipher.key_octets()]);
    let mut seed = Zeroizing::new(vec![0; hash.octets()]);
    random.fill(&mut key)?;
    random.fill(&mut seed)?;
    let mut data = Zeroizing::new(content.to_vec());
    let block = if cipher == ContentCipher::Tdes { 8 } else { 16 };
    let fill = block - data.len() % block;
    data.extend(std::iter::repeat_n(fill as u8, fill));
    let initial = if cipher == ContentCipher::Tdes {
        let mut initial = [0; 8];
        random.fill(&mut initial)?;
        cipher::cbc_encrypt(&TdesKey::new(&key)?, initial, &mut data)?;
        initial.to_vec()
    } else {
        let mut initial = [0; 16];
        random.fill(&mut initial)?;
        cipher::cbc_encrypt(&AesKey::new(&key)?, initial, &mut data)?;
        initial.to_vec()
    };
    let enciphered = recipient.rsa_key()?.encrypt_oaep(hash, &key, &seed)?;
    let parts = Envelope {
        hash,
        cipher,
        initial,
        content: data.to_vec(),
        key: enciphered,
    };
    parts.written(recipient)
}

/// An EnvelopedData as its parts, whoever enciphered them.
pub(crate) struct Envelope {
    pub(crate) hash: OaepHash,
    pub(crate) cipher: ContentCipher,
    pub(crate) initial: Vec<u8>,
    pub(crate) content: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Envelope {
    /// In DER.
    pub(crate) fn written(self, recipient: &Certificate) -> Result<Vec<u8>, ExchangeError> {
        let information = RecipientInfo::Ktri(KeyTransRecipientInfo {
            version: CmsVersion::V0,
            rid: RecipientIdentifier::IssuerAndSerialNumber(recipient.identifier()),
            key_enc_alg: oaep_identifier(self.hash)?,
            enc_key: OctetString::new(self.key).map_err(unwritable)?,
        });
        let parameters = Any::new(Tag::OctetString, self.initial).map_err(unwritable)?;
        let recipients = SetOfVec::try_from(vec![information]).map_err(unwritable)?;
        let enveloped = EnvelopedData {
            version: CmsVersion::V0,
            originator_info: None,
            recip_infos: RecipientInfos(recipients),
            encrypted_content: EncryptedContentInfo {
                content_type: DATA,
                content_enc_alg: AlgorithmIdentifierOwned {
                    oid: self.cipher.identifier(),
                    parameters: Some(parameters),
                },
                encrypted_content: Some(OctetString::new(self.content).map_err(unwritable)?),
            },
            unprotected_attrs: None,
        };
        enveloped.to_der().map_err(unwritable)
    }

    /// Out of DER, for this recipient; AES-192 is for nobody met so far.
    pub(crate) fn read(octets: &[u8], recipient: &Certificate) -> Result<Self, ExchangeError> {
        let (enveloped, information) = enveloped_for(octets, recipient)?;
        let hash = oaep_hash(&information.key_enc_alg);
        let hash = hash.ok_or(ExchangeError::Malformed(
            "CMS message: RSA-OAEP is expected",
        ))?;
        let content = &enveloped.encrypted_content;
        let algorithm = &content.content_enc_alg;
        let known = [
            ContentCipher::Tdes,
            ContentCipher::Aes128,
            ContentCipher::Aes256,
        ];
        let cipher = known
            .into_iter()
            .find(|it| it.identifier() == algorithm.oid);
        let initial = algorithm.parameters.as_ref().map(Any::value);
        let initial = initial.ok_or(ExchangeError::Malformed("CMS message: no initial block"))?;
        let data = content.encrypted_content.as_ref();
        let data = data.ok_or(ExchangeError::Malformed("CMS message: no content"))?;
        Ok(Self {
            hash,
            cipher: cipher.ok_or(ExchangeError::Malformed("CMS message: content cipher"))?,
            initial: initial.to_vec(),
            content: data.as_bytes().to_vec(),
            key: information.enc_key.as_bytes().to_vec(),
        })
    }
}

/// Reads an EnvelopedData with one recipient, who is this one.
fn enveloped_for(
    octets: &[u8],
    recipient: &Certificate,
) -> Result<(EnvelopedData, KeyTransRecipientInfo), ExchangeError> {
    let octets = ber::definite_envelope(octets)?;
    let enveloped = EnvelopedData::from_der(&octets).map_err(malformed)?;
    let rid = RecipientIdentifier::IssuerAndSerialNumber(recipient.identifier());
    let [RecipientInfo::Ktri(information)] = enveloped.recip_infos.0.as_slice() else {
        return Err(ExchangeError::Malformed(
            "CMS message: one RSA recipient is expected",
        ));
    };
    if information.rid != rid {
        return Err(ExchangeError::Recipient);
    }
    // RFC 5652, 6.2.1: 0 with the issuer's name and the serial number.
    if information.version != CmsVersion::V0
        || enveloped.version != version_of_enveloped(&enveloped)
    {
        return Err(ExchangeError::Malformed(
            "CMS message: EnvelopedData has another version number than its parts ask for \
             (RFC 5652, 6.1)",
        ));
    }
    let information = information.clone();
    Ok((enveloped, information))
}

/// Deciphers an EnvelopedData for a recipient. Its signature must have held before: the padding
/// would otherwise tell.
pub(crate) fn open_envelope(
    octets: &[u8],
    recipient: &Certificate,
    key: &dyn RsaPrivate,
) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
    let (enveloped, information) = enveloped_for(octets, recipient)?;
    let hash = oaep_hash(&information.key_enc_alg);
    let hash = hash.ok_or(ExchangeError::Malformed(
        "CMS message: RSA-OAEP is expected",
    ))?;
    let content_key = open_oaep(key, hash, information.enc_key.as_bytes())?;
    let content = &enveloped.encrypted_content;
    let cipher = &content.content_enc_alg;
    let initial = cipher.parameters.as_ref().map(Any::value);
    let initial = initial.ok_or(ExchangeError::Malformed("CMS message: no initial block"))?;
    let data = content.encrypted_content.as_ref();
    let data = data.ok_or(ExchangeError::Malformed("CMS message: no content"))?;
    let mut data = Zeroizing::new(data.as_bytes().to_vec());
    let aes = AES_CBC.iter().find(|(oid, _)| *oid == cipher.oid);
    let recipient = |_| ExchangeError::Recipient;
    match (aes, cipher.oid) {
        (Some((_, octets)), _) if content_key.len() == *octets => {
            let initial = initial.try_into().map_err(|_| ExchangeError::Recipient)?;
            let key = AesKey::new(&content_key).map_err(recipient)?;
            cipher::cbc_decrypt(&key, initial, &mut data).map_err(recipient)?;
        }
        (None, TDES_CBC) if content_key.len() == 24 => {
            let initial = initial.try_into().map_err(|_| ExchangeError::Recipient)?;
            let key = TdesKey::new(&content_key).map_err(recipient)?;
            cipher::cbc_decrypt(&key, initial, &mut data).map_err(recipient)?;
        }
        _ => return Err(ExchangeError::Recipient),
    }
    let block = if cipher.oid == TDES_CBC { 8 } else { 16 };
    let fill = usize::from(data.last().copied().unwrap_or(0));
    let end = data.len().checked_sub(fill);
    match end {
        Some(end)
            if (1..=block).contains(&fill)
                && data
                    .iter()
                    .skip(end)
                    .all(|octet| usize::from(*octet) == fill) =>
        {
            data.truncate(end);
            Ok(data)
        }
        _ => Err(ExchangeError::Recipient),
    }
}

#[cfg(test)]
mod tests;

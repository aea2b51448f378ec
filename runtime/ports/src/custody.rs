//! Key custody: what the guardians of keys ask of an HSM. Keys are made, taken in, given out and
//! destroyed by intent; a clear key never passes this port, a clear component only on its way to a
//! blind form or from the keyboard of its one custodian.
//!
//! A label names one key in one HSM, such as `aurora.imk_ac@2`: logical name and version. The
//! production port ([`crate::hsm`]) binds a key by the same label.

use crate::hsm::{Certificate, CheckMethod, HsmError, IssuerCertificateFields, KeyUse};
use crate::{Hsm, SecretBytes};

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// Triple DES with two keys, 16 octets with parity.
    Tdes2,
    /// Triple DES with three keys, 24 octets with parity.
    Tdes3,
    /// AES, 16 octets.
    Aes128,
    /// AES, 24 octets.
    Aes192,
    /// AES, 32 octets.
    Aes256,
    /// RSA.
    Rsa {
        /// Modulus bits, a multiple of 8 from 512 to 4096.
        bits: u32,
        /// 3 or 65537.
        exponent: u32,
    },
    /// Elliptic curve P-256.
    P256,
}

impl KeyAlgorithm {
    /// The symmetric algorithms with the names that sources, bundles and registers use.
    pub const SYMMETRIC: [(KeyAlgorithm, &'static str); 5] = [
        (KeyAlgorithm::Tdes2, "tdes2"),
        (KeyAlgorithm::Tdes3, "tdes3"),
        (KeyAlgorithm::Aes128, "aes128"),
        (KeyAlgorithm::Aes192, "aes192"),
        (KeyAlgorithm::Aes256, "aes256"),
    ];

    /// Name; RSA without its size.
    pub fn name(self) -> &'static str {
        match self {
            KeyAlgorithm::Tdes2 => "tdes2",
            KeyAlgorithm::Tdes3 => "tdes3",
            KeyAlgorithm::Aes128 => "aes128",
            KeyAlgorithm::Aes192 => "aes192",
            KeyAlgorithm::Aes256 => "aes256",
            KeyAlgorithm::Rsa { .. } => "rsa",
            KeyAlgorithm::P256 => "p256",
        }
    }

    /// By its name; size and exponent count for RSA only.
    pub fn from_name(name: &str, bits: u32, exponent: u32) -> Option<Self> {
        match name {
            "rsa" => Some(KeyAlgorithm::Rsa { bits, exponent }),
            "p256" => Some(KeyAlgorithm::P256),
            _ => Self::SYMMETRIC
                .iter()
                .find(|(_, n)| *n == name)
                .map(|(a, _)| *a),
        }
    }

    /// Octets of a symmetric key.
    pub fn octets(self) -> Option<usize> {
        match self {
            KeyAlgorithm::Tdes2 | KeyAlgorithm::Aes128 => Some(16),
            KeyAlgorithm::Tdes3 | KeyAlgorithm::Aes192 => Some(24),
            KeyAlgorithm::Aes256 => Some(32),
            KeyAlgorithm::Rsa { .. } | KeyAlgorithm::P256 => None,
        }
    }

    /// Whether its octets carry DES parity.
    pub fn has_parity(self) -> bool {
        matches!(self, KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3)
    }
}

/// Whether a key may leave its HSM wrapped (X9.143, header position 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exportability {
    /// `E`: under a key that is trusted, in a key block or another authenticated form.
    Exportable,
    /// `N`: never.
    NonExportable,
    /// `S`: also in forms that do not meet X9.24, such as ECB.
    Sensitive,
}

impl Exportability {
    /// All with the letters of key blocks and the words of registers.
    pub const ALL: [(Exportability, char, &'static str); 3] = [
        (Exportability::Exportable, 'E', "exportable"),
        (Exportability::NonExportable, 'N', "non_exportable"),
        (Exportability::Sensitive, 'S', "sensitive"),
    ];
}

/// A key to be made or taken in.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// Label; one that is there already is refused.
    pub label: &'a str,
    /// Algorithm and size.
    pub algorithm: KeyAlgorithm,
    /// Its only use.
    pub usage: KeyUse,
    /// Whether it may leave.
    pub exportability: Exportability,
}

/// A check value with its method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckValue {
    /// How it is made.
    pub method: CheckMethod,
    /// Its octets; a comparison takes as many as the shorter one has, at least 3 (2 are too few).
    pub octets: Vec<u8>,
}

/// A key as its HSM knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Label.
    pub label: String,
    /// Algorithm and size.
    pub algorithm: KeyAlgorithm,
    /// Use.
    pub usage: KeyUse,
    /// Whether it may leave.
    pub exportability: Exportability,
    /// Check values: ECB (TDES) or CMAC and GP (AES), SHA-256 of the modulus or of the point.
    pub check_values: Vec<CheckValue>,
}

/// A key that an HSM of several devices does not hold alike in all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Label.
    pub label: String,
    /// Devices that lack it, by name.
    pub lacking: Vec<String>,
    /// Whether devices that have it hold different keys.
    pub differs: bool,
}

/// A component of a key under the HSM's storage key, bound to its ceremony and algorithm. Safe to
/// keep until it is combined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedComponent {
    /// Ciphertext.
    pub blob: Vec<u8>,
    /// Its check value, as if it were a key.
    pub check_value: CheckValue,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA.
    Rsa {
        /// Modulus, big endian.
        modulus: Vec<u8>,
        /// Exponent.
        exponent: u32,
    },
    /// P-256, uncompressed point of 65 octets.
    P256(Vec<u8>),
}

/// Hash of RSA-OAEP and of its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OaepHash {
    /// SHA-1, as TR-34 counterparts may still ask.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// How a key travels.
#[derive(Clone, Copy, Debug)]
pub enum Wrapping<'a> {
    /// Key block of X9.143 or ISO 20038 with this header (16 characters and optional blocks; length
    /// and number are filled in). When a block is opened the header is what policy has accepted and
    /// must be what stands in the block.
    KeyBlock {
        /// Header.
        header: &'a str,
    },
    /// AES key wrap: RFC 3394, or RFC 5649 when padded.
    AesKeyWrap {
        /// RFC 5649.
        padded: bool,
    },
    /// Key under key in ECB, by explicit exception only.
    LegacyEcb,
    /// Key under key in CBC with IV zero, by explicit exception only.
    LegacyCbc,
    /// RSA-OAEP. Out: for the public key given; in: by the private key that `under` names.
    RsaOaep {
        /// Receiver's modulus and exponent; empty and 0 when a key comes in.
        receiver: (&'a [u8], u32),
        /// Hash.
        hash: OaepHash,
    },
    /// ECDH on P-256 with the key that `under` names and the peer's point, one-step KDF with
    /// SHA-256 over `info`, then AES key wrap with padding under 256 bits.
    Ecdh {
        /// Peer's point, 65 octets.
        peer: &'a [u8],
        /// Shared information of both sides.
        info: &'a [u8],
    },
}

/// What stands around a key in an envelope for one receiver, and how the envelope is made.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Before the key.
    pub before: &'a [u8],
    /// Behind the key.
    pub after: &'a [u8],
    /// What the content is enciphered with, in CBC mode: three-key triple DES or AES.
    pub cipher: KeyAlgorithm,
    /// Hash of RSA-OAEP, under which the content's key travels.
    pub hash: OaepHash,
}

/// An envelope as its parts, such as CMS and TR-34 put them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enveloped {
    /// Initial block of the CBC mode.
    pub initial: Vec<u8>,
    /// Frame and key, padded (PKCS #7) and enciphered.
    pub content: Vec<u8>,
    /// The content's key under the receiver's RSA key.
    pub key: Vec<u8>,
}

/// What a private key signs for key management.
#[derive(Clone, Copy, Debug)]
pub enum Signing<'a> {
    /// RSASSA-PKCS1-v1_5, or ECDSA (in DER), with SHA-256: certification requests, packages, CMS.
    Sha256 {
        /// Octets to be signed.
        message: &'a [u8],
    },
    /// An issuer's self-certified public key: a record as long as the modulus that begins with `6A`
    /// and a format of `11` or more, holds the left of the issuer's own modulus and ends with `BC`.
    /// Anything else is refused: EMV's formats `02` to `05` are certificates of cards and signed
    /// data, which must not be made this way.
    IssuerRecord {
        /// The record.
        record: &'a [u8],
    },
}

/// Code of the refusal of a label that another key has. What has that label was made by somebody
/// else, and is not for the refused caller to destroy.
pub const LABEL_TAKEN: &str = "R1371";

/// An HSM whose keys can be managed.
pub trait CustodyHsm: Hsm {
    /// Opens a session for key management.
    fn open_custody(&self) -> Result<Box<dyn KeyCustody + '_>, HsmError>;
}

/// Key management in one session. Every call that makes or takes in a key leaves either the whole
/// key or nothing.
pub trait KeyCustody {
    /// Makes a key inside.
    fn generate(&mut self, key: &NewKey<'_>) -> Result<KeyFacts, HsmError>;
    /// All keys that can be named.
    fn keys(&mut self) -> Result<Vec<KeyFacts>, HsmError>;
    /// One key; none of that label gives none.
    fn key(&mut self, label: &str) -> Result<Option<KeyFacts>, HsmError>;
    /// A check value by a named method.
    fn check_value(&mut self, label: &str, method: CheckMethod) -> Result<CheckValue, HsmError>;
    /// The public half of a key pair.
    fn public_key(&mut self, label: &str) -> Result<PublicKey, HsmError>;
    /// Destroys a key; one that is not there is refused.
    fn destroy(&mut self, label: &str) -> Result<(), HsmError>;

    /// Keys that not all devices of the HSM hold alike; an HSM of one device has none.
    fn spread(&mut self) -> Result<Vec<Spread>, HsmError> {
        Ok(Vec::new())
    }
    /// Brings a key into the devices of the HSM that lack it, never clear. A key that may not leave a
    /// device, devices that hold different keys, and an HSM of one device refuse.
    fn copy(&mut self, label: &str) -> Result<KeyFacts, HsmError> {
        Err(HsmError {
            code: "R1374",
            what: format!("this HSM holds every key once: {label} is not copied"),
            mend: "nothing is to be done",
            retryable: false,
        })
    }

    /// Draws a component for a ceremony.
    fn new_component(
        &mut self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<SealedComponent, HsmError>;
    /// Takes a component that its custodian has typed; wrong parity of a DES component is refused.
    fn take_component(
        &mut self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        clear: &SecretBytes,
    ) -> Result<SealedComponent, HsmError>;
    /// The clear component, for the blind form that is being printed and for nothing else.
    fn reveal_component(
        &mut self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        component: &SealedComponent,
    ) -> Result<SecretBytes, HsmError>;
    /// Joins two to five components by XOR. Components of another ceremony, equal ones, weak results
    /// and, when given, another check value than expected are refused, and nothing is kept.
    fn combine(
        &mut self,
        ceremony: &str,
        components: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError>;

    /// Takes a key apart into two to five components whose XOR it is, sealed for a ceremony that
    /// gives it out on blind forms. An HSM that can't refuses.
    fn split(
        &mut self,
        ceremony: &str,
        label: &str,
        components: usize,
    ) -> Result<Vec<SealedComponent>, HsmError> {
        let _ = (ceremony, components);
        Err(HsmError {
            code: "R1374",
            what: format!("this HSM does not take keys apart: {label} stays whole"),
            mend: "give the key out in a key block instead",
            retryable: false,
        })
    }

    /// Gives a key out under another; `under` names the wrapping key and is empty for a receiver's
    /// public key. Key blocks are text in ASCII.
    fn wrap(
        &mut self,
        label: &str,
        under: &str,
        wrapping: &Wrapping<'_>,
    ) -> Result<Vec<u8>, HsmError>;
    /// Takes a key in that stands under the key that `under` names. Another algorithm, another check
    /// value than expected or, for a block, another header is refused, and nothing is kept. Wrong
    /// parity is refused in legacy forms and set right in authenticated ones.
    fn unwrap(
        &mut self,
        wrapped: &[u8],
        under: &str,
        wrapping: &Wrapping<'_>,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError>;

    /// Gives a symmetric key out in an envelope for a receiver's RSA key, modulus and exponent: the
    /// frame with the key in it under a content key of the moment. An HSM that can't refuses.
    fn envelop(
        &mut self,
        label: &str,
        receiver: (&[u8], u32),
        frame: &Frame<'_>,
    ) -> Result<Enveloped, HsmError> {
        let _ = (receiver, frame);
        Err(no_envelopes(label))
    }
    /// Takes a key in out of an envelope for the key pair that `under` names. What is inside must be
    /// one of the frames with a key in it; anything else is refused, and nothing is kept. An HSM
    /// that can't refuses.
    fn open_envelope(
        &mut self,
        enveloped: &Enveloped,
        under: &str,
        frames: &[Frame<'_>],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        let _ = (enveloped, under, frames, expected);
        Err(no_envelopes(key.label))
    }

    /// Signs with a private key.
    fn sign(&mut self, label: &str, what: &Signing<'_>) -> Result<Vec<u8>, HsmError>;
    /// Certifies an issuer's public key with a local test CA; real CAs are not ours.
    fn certify_issuer(
        &mut self,
        authority: &str,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError>;
}

fn no_envelopes(label: &str) -> HsmError {
    HsmError {
        code: "R1374",
        what: format!("this HSM makes and opens no envelopes: {label} does not travel in one"),
        mend: "send the key in a key block instead",
        retryable: false,
    }
}

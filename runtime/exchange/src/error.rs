//! Errors of key exchange, with stable codes. None of them holds a key.

use cardwright_standards::cipher::CipherError;
use cardwright_standards::emv::certificates::CertificateError;
use cardwright_standards::key_policy::Refusal;
use cardwright_standards::key_wrap::KeyWrapError;
use cardwright_standards::keyblock::{Fault, KeyBlockError};

/// Why a key or a certificate was not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// Not the ASN.1 that is expected.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A certificate that nobody vouches for.
    #[error("certificate not trusted: {0}")]
    Untrusted(&'static str),
    /// Signed by somebody else.
    #[error("the message was signed by another than the bound sender")]
    Signer,
    /// The signature.
    #[error("the signature does not hold: the message was changed")]
    Signature,
    /// Nonce or time.
    #[error("the message is not fresh: {0}")]
    Freshness(&'static str),
    /// For somebody else, or it does not open.
    #[error("the message is for another recipient, or was changed")]
    Recipient,
    /// What stands outside and inside differ.
    #[error("{0} outside and inside of the enciphered part differ")]
    Binding(&'static str),
    /// A certificate request, or the certificate that answers it.
    #[error("issuer certificate: {0}")]
    Issuer(&'static str),
    /// A CA's public key.
    #[error("CA public key: {0}")]
    CaKey(&'static str),
    /// The private key's holder failed.
    #[error("the private key operation failed: {0}")]
    Private(&'static str),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] Refusal),
    /// Header and key.
    #[error(transparent)]
    KeyBlock(#[from] KeyBlockError),
    /// A wrapped key.
    #[error(transparent)]
    KeyWrap(#[from] KeyWrapError),
    /// An EMV certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A key's length.
    #[error(transparent)]
    Cipher(#[from] CipherError),
}

impl From<Fault> for ExchangeError {
    fn from(fault: Fault) -> Self {
        Self::KeyBlock(fault.into())
    }
}

impl ExchangeError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "R1390",
            Self::Untrusted(_) => "R1391",
            Self::Signer => "R1392",
            Self::Signature => "R1393",
            Self::Freshness(_) => "R1394",
            Self::Recipient => "R1395",
            Self::Binding(_) => "R1396",
            Self::Issuer(_) => "R1397",
            Self::CaKey(_) => "R1398",
            Self::Private(_) => "R1399",
            Self::Policy(error) => error.code(),
            Self::KeyBlock(error) => error.code(),
            Self::KeyWrap(error) => error.code(),
            Self::Certificate(error) => error.code(),
            Self::Cipher(error) => error.code(),
        }
    }
}

/// Code, title, explanation, mend.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1390",
        "key exchange message is malformed",
        "A token, certificate, request or key file is not the ASN.1 or text that it should be, or \
         it is too long.",
        "ask the sender for it again, in DER; a file in base64 or PEM is decoded first",
    ),
    (
        "R1391",
        "certificate is not trusted",
        "A partner's certificate has no path to an accepted authority, is expired or not yet valid, \
         was revoked, is not for this use, or has a key that is too short.",
        "compare the authority's certificate with its owner; ask the partner for a valid one",
    ),
    (
        "R1392",
        "message of another sender",
        "A key exchange message was signed by somebody else than the host that this receiver is \
         bound to.",
        "do not use the key; if the partner has a new certificate, bind it first",
    ),
    (
        "R1393",
        "signature does not hold",
        "A signed message or certificate was changed after it was signed, or was signed with \
         another key.",
        "do not use what it carries; ask the sender for it again and find out who changed it",
    ),
    (
        "R1394",
        "message is not fresh",
        "The nonce of a key token is not the one that was sent, or its time is too old, ahead, or \
         not after the last one: somebody may have recorded and sent it again.",
        "ask for a new token with a new nonce; compare the clocks",
    ),
    (
        "R1395",
        "message for another recipient",
        "An enciphered key is for another certificate than ours, or does not open with our key.",
        "send the partner our current certificate and ask for the key again",
    ),
    (
        "R1396",
        "header is not bound to the key",
        "What a key token says in the open of its key, its sender or its receiver is not what it \
         says inside.",
        "do not use the key; ask the sender for a new token",
    ),
    (
        "R1397",
        "issuer certificate does not fit",
        "A field of a certificate request is wrong, or the certificate that came back is for \
         another key, another issuer, another CA key, or is expired.",
        "compare request and certificate by the tracking number; ask the scheme for a new one",
    ),
    (
        "R1398",
        "CA public key",
        "A scheme's CA public key has a wrong checksum, is expired, unknown, or stands twice with \
         different values.",
        "enter the key again from the scheme's publication and compare the checksum",
    ),
    (
        "R1399",
        "private key operation failed",
        "The HSM that holds the private key gave no result, or one that does not fit the key.",
        "look at the HSM's own message; the key may be gone, locked or of another kind",
    ),
];

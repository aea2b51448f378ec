//! The files: a mark, a body of JSON in one form, a signature over both.

use super::site::PublicText;
use crate::KeysError;
use crate::inventory::{CheckText, PACKAGE, SCHEMA_VERSION};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Largest file that is read.
pub const FILE_OCTETS_MAX: usize = 1 << 20;
/// Most keys in a package.
pub(super) const KEYS_MAX: usize = 200;
const SIGNATURE_MAX: usize = 512;

/// Mark of a package.
pub(super) const PACKAGE_MARK: [u8; 4] = *b"CKP1";
/// Mark of a receipt.
pub(super) const RECEIPT_MARK: [u8; 4] = *b"CKR1";

/// A site in a package or receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Name.
    pub name: String,
    /// Fingerprint of its identity.
    pub fingerprint: String,
}

/// Body of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageBody {
    /// 1.
    pub schema_version: u32,
    /// Number: `p` and sixteen hexadecimal digits.
    pub package: String,
    /// Who made it.
    pub sender: Party,
    /// Who can open it.
    pub recipient: Party,
    /// When it was made, seconds since 1970.
    pub made_at: i64,
    /// Until when it can be opened.
    pub expires_at: i64,
    /// The transport key.
    pub transport: Transport,
    /// Keys, each in a block under the transport key.
    pub keys: Vec<PackedKey>,
}

/// The package's transport key: AES-256, for this package only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// `ecdh_p256` or `rsa_oaep_sha256`.
    pub method: String,
    /// Under the recipient's exchange key, hexadecimal.
    pub wrapped: String,
    /// Check value.
    pub check_value: CheckText,
}

/// A key of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedKey {
    /// Logical name.
    pub name: String,
    /// Version.
    pub version: u32,
    /// Who answers for it.
    pub owner: String,
    /// Use.
    #[serde(rename = "use")]
    pub usage: String,
    /// Algorithm.
    pub algorithm: String,
    /// Bits of an RSA modulus, else 0.
    pub bits: u32,
    /// Public exponent of an RSA key, else 0.
    pub exponent: u32,
    /// Whether it may leave the recipient's HSM.
    pub exportability: String,
    /// Where it belongs.
    pub zone: String,
    /// Begin of its period.
    pub active_from: Option<i64>,
    /// End of its period.
    pub active_to: Option<i64>,
    /// Check values.
    pub check_values: Vec<CheckText>,
    /// Key block, version D.
    pub block: String,
}

/// Body of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    /// 1.
    pub schema_version: u32,
    /// Number of the package.
    pub package: String,
    /// SHA-256 of the package's file, hexadecimal.
    pub sha256: String,
    /// Who made the package.
    pub sender: Party,
    /// Who opened it and signs.
    pub recipient: Party,
    /// When it was opened, seconds since 1970.
    pub opened_at: i64,
    /// Who opened it.
    pub opened_by: String,
    /// Keys with the check values that the recipient's HSM has made of them.
    pub keys: Vec<super::PackedLabel>,
}

/// A file taken apart; nothing of it is believed before [`Signed::proven_by`].
pub(super) struct Signed<'f> {
    body: &'f str,
    message: &'f [u8],
    signature: &'f [u8],
}

impl<'f> Signed<'f> {
    /// Takes a file apart: `mark, length of the body (4), body, length of the signature (2),
    /// signature`, and nothing behind it.
    pub(super) fn parse(mark: [u8; 4], file: &'f [u8]) -> Result<Self, KeysError> {
        let wrong = || PACKAGE.found("the file has another form");
        if file.len() > FILE_OCTETS_MAX {
            return Err(PACKAGE.found(format!("the file has more than {FILE_OCTETS_MAX} octets")));
        }
        let rest = file.strip_prefix(&mark).ok_or_else(wrong)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| wrong())?;
        let (body, rest) = rest.split_at_checked(length).ok_or_else(wrong)?;
        let (signed, signature) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
        let exact = usize::from(u16::from_be_bytes(*signed)) == signature.len();
        if !exact || signature.is_empty() || signature.len() > SIGNATURE_MAX {
            return Err(wrong());
        }
        let message = file.get(..8 + length).ok_or_else(wrong)?;
        Ok(Self {
            body: std::str::from_utf8(body).map_err(|_| wrong())?,
            message,
            signature,
        })
    }

    /// The body, when it is written in its one form. Not yet proven.
    pub(super) fn body<T: DeserializeOwned + Serialize>(&self) -> Result<T, KeysError> {
        let wrong = || PACKAGE.found("what the file says is not in its one form");
        let body: T = serde_json::from_str(self.body).map_err(|_| wrong())?;
        let again = serde_json::to_string(&body).map_err(|_| wrong())?;
        match again == self.body {
            true => Ok(body),
            false => Err(wrong()),
        }
    }

    /// Whether the signature is that key's.
    pub(super) fn proven_by(&self, key: &PublicText) -> Result<(), KeysError> {
        match key.verifies(&message(self.message), self.signature) {
            true => Ok(()),
            false => Err(PACKAGE.found("the signature is not the sender's")),
        }
    }
}

/// What is signed: a text of our own before everything else, so that no other signature of the
/// same key can be taken for one of a package.
fn message(head: &[u8]) -> Vec<u8> {
    [b"cardwright key distribution v1\0".as_slice(), head].concat()
}

/// Signs octets.
pub(super) type Sign<'s> = dyn FnMut(&[u8]) -> Result<Vec<u8>, KeysError> + 's;

/// Writes a file.
pub(super) fn seal<T: Serialize>(
    mark: [u8; 4],
    body: &T,
    sign: &mut Sign<'_>,
) -> Result<Vec<u8>, KeysError> {
    let wrong = || PACKAGE.found("the package is too large");
    let text = serde_json::to_string(body).map_err(|_| wrong())?;
    let length = u32::try_from(text.len()).map_err(|_| wrong())?;
    let mut file = mark.to_vec();
    file.extend(length.to_be_bytes());
    file.extend(text.as_bytes());
    let signature = sign(&message(&file))?;
    let length = u16::try_from(signature.len()).map_err(|_| wrong())?;
    file.extend(length.to_be_bytes());
    file.extend(signature);
    match file.len() <= FILE_OCTETS_MAX {
        true => Ok(file),
        false => Err(wrong()),
    }
}

/// Refuses a body of another version, and a package number that is none.
pub(super) fn check_head(schema_version: u32, package: &str) -> Result<(), KeysError> {
    if schema_version != SCHEMA_VERSION {
        return Err(PACKAGE.found(format!(
            "schema {schema_version}, {SCHEMA_VERSION} expected"
        )));
    }
    match is_number(package) {
        true => Ok(()),
        false => Err(PACKAGE.found("the package has no number")),
    }
}

/// `p` and sixteen hexadecimal digits in lower case.
pub(super) fn is_number(package: &str) -> bool {
    package.strip_prefix('p').is_some_and(|digits| {
        digits.len() == 16
            && digits
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

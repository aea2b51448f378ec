//! Key blocks whose key is to be used: [`open`] accepts one only as a whole, [`seal`] makes one.

use super::attributes::{Attributes, Fault, KeyVersion, Shown};
use super::binding::BlockKeys;
use super::optional::{CheckValue, CheckValueMethod, Optional};
use super::private_key::{PrivateKeyForm, private_key_form};
use super::terms::{Algorithm, Version};
use super::{Header, KEY_MAX, KeyBlockError, ProtectionKeys, unwrap_by, wrap_with};
use crate::kcv::{self, Method};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a caller takes.
#[derive(Clone, Copy, Debug)]
pub struct Acceptance<'a> {
    /// Versions; for LIVE keys `B`, `D` and `E` at most.
    pub versions: &'a [Version],
    /// Whether optional blocks that no table knows are kept and reported, else they are refused.
    pub unknown_blocks: bool,
    /// Whether a component of a key is taken, else it is refused.
    pub components: bool,
    /// Whether headers are taken whose usage, algorithm and mode of use do not go together; some
    /// old systems write them, and the samples of ISO 20038 do.
    pub odd_combinations: bool,
}

impl Acceptance<'static> {
    /// The strict policy: derived keys only, nothing unknown, nothing odd.
    pub const STRICT: Self = Self {
        versions: &[Version::B, Version::D, Version::E],
        unknown_blocks: false,
        components: false,
        odd_combinations: false,
    };
}

/// What kind of key a block holds, as its length or DER says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Single DES: 8 octets. Protects nothing by itself.
    Des,
    /// 3DES with two keys.
    Tdes2,
    /// 3DES with three keys.
    Tdes3,
    /// AES with so many bits.
    Aes(u32),
    /// HMAC with so many bits.
    Hmac(u32),
    /// RSA, elliptic curve or DSA.
    Private(PrivateKeyForm),
}

/// An accepted key block.
pub struct Opened {
    /// What the header says.
    pub attributes: Attributes,
    /// Header and optional blocks as they stood in the block.
    pub header_text: String,
    /// What kind of key it is.
    pub key_type: KeyType,
    /// The key.
    pub key: Zeroizing<Vec<u8>>,
    /// Optional blocks that no table knows.
    pub unknown: Vec<String>,
    /// Whether a check value in the block was compared with the key's (`KC`).
    pub key_checked: bool,
    /// Whether a check value in the block was compared with the protection key's (`KP`).
    pub protection_key_checked: bool,
}

/// Opens a key block and accepts or refuses it as a whole. The MAC comes first: nothing is said of
/// a header that was not proven.
pub fn open(
    protection_key: &[u8],
    block: &str,
    acceptance: &Acceptance<'_>,
) -> Result<Opened, KeyBlockError> {
    let keys = |version| ProtectionKeys::of(version, protection_key);
    open_by(block, acceptance, keys)
}

/// The same with keys that were derived before.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    keys: &ProtectionKeys,
    block: &str,
    acceptance: &Acceptance<'_>,
) -> Result<Opened, KeyBlockError> {
    open_by(block, acceptance, |version| match version == keys.version {
        true => Ok(keys),
        false => Err(KeyBlockError::Header("its version is another one")),
    })
}

fn open_by<K: std::borrow::Borrow<ProtectionKeys> + AsRef<BlockKeys>>(
    block: &str,
    acceptance: &Acceptance<'_>,
    keys: impl FnOnce(Version) -> Result<K, KeyBlockError>,
) -> Result<Opened, KeyBlockError> {
    let (opened, keys) = unwrap_by(block, keys)?;
    let keys = keys.borrow();
    check_spelling(block, &opened.header_text)?;
    let attributes = attributes(&opened.header, acceptance)?;
    let key_type = check_key(attributes.algorithm, &opened.key)?;
    let mut accepted = Opened {
        unknown: attributes.unknown_blocks().map(str::to_owned).collect(),
        header_text: opened.header_text,
        key_type,
        key: opened.key,
        key_checked: false,
        protection_key_checked: false,
        attributes,
    };
    for block in &accepted.attributes.optional {
        match block {
            Optional::ProtectionKeyCheck(value) => {
                same("KP", value, of_protection(&keys.checks, value.method))?;
                accepted.protection_key_checked = true;
            }
            Optional::KeyCheck(value) => {
                if let Some(algorithm) = checkable(key_type) {
                    compare("KC", value, algorithm, &accepted.key)?;
                    accepted.key_checked = true;
                }
            }
            _ => {}
        }
    }
    Ok(accepted)
}

/// A block has one spelling, so that two of them can be told to be the same.
pub(super) fn check_spelling(block: &str, header_text: &str) -> Result<(), KeyBlockError> {
    let body = block.get(header_text.len()..).unwrap_or_default();
    match body.bytes().any(|digit| digit.is_ascii_lowercase()) {
        true => Err(KeyBlockError::Header("the hexadecimal part is in capitals")),
        false => Ok(()),
    }
}

/// Makes a key block of a key that agrees with its header. `KC` and `KP` in the header are written
/// anew with the right values.
pub fn seal(
    protection_key: &[u8],
    attributes: &Attributes,
    key: &[u8],
    fill: &[u8],
) -> Result<String, KeyBlockError> {
    let keys = ProtectionKeys::of(attributes.version, protection_key)?;
    seal_with(&keys, attributes, key, fill)
}

/// The same with keys that were derived before.
///
/// # Errors
/// As [`seal`].
pub fn seal_with(
    keys: &ProtectionKeys,
    attributes: &Attributes,
    key: &[u8],
    fill: &[u8],
) -> Result<String, KeyBlockError> {
    let key_type = check_key(attributes.algorithm, key)?;
    let key_check = || {
        let algorithm = checkable(key_type).ok_or(NO_CHECK_VALUE)?;
        check_value_of(algorithm, key)
    };
    let header = with_checks(attributes, &keys.checks, key_check)?;
    wrap_with(keys, &header, key, fill)
}

/// What a block of another kind of key can't carry.
pub(super) const NO_CHECK_VALUE: Fault = Fault::Block {
    id: "KC",
    what: "only 3DES and AES keys have a check value",
};

/// The header with the right check values in `KC` and `KP`; those of the protection key are from zeros
/// enciphered, and by CMAC.
pub(super) fn with_checks(
    attributes: &Attributes,
    protection: &[Vec<u8>; 2],
    key: impl Fn() -> Result<CheckValue, KeyBlockError>,
) -> Result<Header, KeyBlockError> {
    let mut attributes = attributes.clone();
    let aes = attributes.version.is_aes();
    for block in &mut attributes.optional {
        match block {
            Optional::ProtectionKeyCheck(value) => {
                let method = method_of(aes);
                *value = CheckValue {
                    method,
                    octets: of_protection(protection, method).to_vec(),
                };
            }
            Optional::KeyCheck(value) => *value = key()?,
            _ => {}
        }
    }
    let header = attributes.header();
    // What was put together by hand is read as a stranger's would be.
    Attributes::parse(&header).map_err(first)?;
    Ok(header)
}

/// The method of X9.24-1, annex A: CMAC for AES, zeros for 3DES.
pub(super) fn method_of(aes: bool) -> CheckValueMethod {
    match aes {
        true => CheckValueMethod::Cmac,
        false => CheckValueMethod::Legacy,
    }
}

/// The protection key's check value by a method.
pub(super) fn of_protection(checks: &[Vec<u8>; 2], method: CheckValueMethod) -> &[u8] {
    let [ecb, cmac] = checks;
    match method {
        CheckValueMethod::Legacy => ecb,
        CheckValueMethod::Cmac => cmac,
    }
}

/// The kind of a key, if its length or form is one that the algorithm has.
pub fn check_key(algorithm: Algorithm, key: &[u8]) -> Result<KeyType, Fault> {
    let bits = key.len() as u32 * 8;
    let length = |expected| Fault::KeyLength {
        found: key.len(),
        expected,
    };
    match (algorithm, key.len()) {
        (Algorithm::Des, 8) => Ok(KeyType::Des),
        (Algorithm::Tdes | Algorithm::Des, 16) => Ok(KeyType::Tdes2),
        (Algorithm::Tdes | Algorithm::Des, 24) => Ok(KeyType::Tdes3),
        (Algorithm::Aes, 16 | 24 | 32) => Ok(KeyType::Aes(bits)),
        (Algorithm::Tdes, _) => Err(length("3DES keys have 16 or 24")),
        (Algorithm::Des, _) => Err(length("DES keys have 8, 16 or 24")),
        (Algorithm::Aes, _) => Err(length("AES keys have 16, 24 or 32")),
        (Algorithm::Hmac | Algorithm::HmacSha2 | Algorithm::HmacSha3, 1..=KEY_MAX) => {
            Ok(KeyType::Hmac(bits))
        }
        (Algorithm::Hmac | Algorithm::HmacSha2 | Algorithm::HmacSha3, _) => {
            Err(length("HMAC keys have at least 1"))
        }
        (Algorithm::Rsa | Algorithm::EllipticCurve | Algorithm::Dsa, _) => private_key_form(key)
            .filter(|form| form.algorithm == algorithm)
            .map(KeyType::Private)
            .ok_or(Fault::PrivateKey(algorithm.letter())),
    }
}

pub(super) fn attributes(
    header: &Header,
    acceptance: &Acceptance<'_>,
) -> Result<Attributes, KeyBlockError> {
    let attributes = match Attributes::parse(header) {
        Ok(attributes) => attributes,
        Err(faults) => {
            let odd = |fault: &Fault| {
                matches!(
                    fault,
                    Fault::UsageAlgorithm { .. }
                        | Fault::UsageMode { .. }
                        | Fault::Misplaced { .. }
                )
            };
            let tolerated = acceptance.odd_combinations && faults.iter().all(odd);
            match Attributes::tolerant(header).filter(|_| tolerated) {
                Some(attributes) => attributes,
                None => return Err(first(faults).into()),
            }
        }
    };
    if !acceptance.versions.contains(&attributes.version) {
        return Err(Fault::Version(attributes.version.letter()).into());
    }
    if let (KeyVersion::Component(digit), false) = (attributes.key_version, acceptance.components) {
        return Err(Fault::Component(digit).into());
    }
    if let (Some(id), false) = (
        attributes.unknown_blocks().next(),
        acceptance.unknown_blocks,
    ) {
        return Err(Fault::UnknownBlock(Shown::of(id)).into());
    }
    Ok(attributes)
}

/// The first of some faults; one at a time is enough for who must ask the sender for another block.
fn first(faults: Vec<Fault>) -> Fault {
    let none = Fault::Version(' ');
    faults.into_iter().next().unwrap_or(none)
}

/// The algorithm that a check value is made with; none for private and HMAC keys.
pub(super) fn checkable(key_type: KeyType) -> Option<kcv::Algorithm> {
    match key_type {
        KeyType::Tdes2 | KeyType::Tdes3 => Some(kcv::Algorithm::Tdes),
        KeyType::Aes(_) => Some(kcv::Algorithm::Aes),
        KeyType::Des | KeyType::Hmac(_) | KeyType::Private(_) => None,
    }
}

/// The check value that X9.24-1, annex A, has for an algorithm: CMAC for AES, zeros for 3DES.
fn check_value_of(algorithm: kcv::Algorithm, key: &[u8]) -> Result<CheckValue, KeyBlockError> {
    let method = method_of(algorithm == kcv::Algorithm::Aes);
    Ok(CheckValue {
        method,
        octets: kcv::check_value(algorithm, kcv_method(method), key)?,
    })
}

fn kcv_method(method: CheckValueMethod) -> Method {
    match method {
        CheckValueMethod::Legacy => Method::Ecb,
        CheckValueMethod::Cmac => Method::Cmac,
    }
}

fn compare(
    id: &'static str,
    value: &CheckValue,
    algorithm: kcv::Algorithm,
    key: &[u8],
) -> Result<(), KeyBlockError> {
    let expected = kcv::check_value(algorithm, kcv_method(value.method), key)?;
    same(id, value, &expected)
}

/// Compares as many octets as a block carries.
pub(super) fn same(
    id: &'static str,
    value: &CheckValue,
    expected: &[u8],
) -> Result<(), KeyBlockError> {
    let expected = expected.get(..value.octets.len()).unwrap_or_default();
    if expected.len() == value.octets.len() && bool::from(expected.ct_eq(&value.octets)) {
        Ok(())
    } else {
        Err(KeyBlockError::CheckValue(id))
    }
}

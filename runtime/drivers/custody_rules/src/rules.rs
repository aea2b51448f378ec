//! What an HSM holds to by itself: labels, uses, strength, parity, weak keys, check values.

use cardwright_ports::HsmError;
use cardwright_ports::custody::{CheckValue, KeyAlgorithm};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use cardwright_standards::des_keys;
use cardwright_standards::kcv;
use cardwright_standards::key_policy::KeyKind;
use subtle::ConstantTimeEq;

use crate::refusal::{ARGUMENT, CHECK_VALUE, COMPONENT, LABEL, MAY_NOT_TRAVEL, PARITY, UNSUITABLE};

/// Longest label.
const LABEL_OCTETS_MAX: usize = 256;
/// Fewest octets of a check value that say anything.
pub const CHECK_OCTETS_MIN: usize = 3;
/// How many components a key may have.
pub const COMPONENTS: std::ops::RangeInclusive<usize> = 2..=5;
/// Smallest RSA modulus of a key that receives keys, in bits.
pub const RECEIVER_BITS_MIN: usize = 2048;

/// The halves of weak and semi-weak DES keys without their parity (FIPS 74, 3.6).
const WEAK_DES: [u64; 16] = [
    0x0101_0101_0101_0101,
    0xFEFE_FEFE_FEFE_FEFE,
    0x1F1F_1F1F_0E0E_0E0E,
    0xE0E0_E0E0_F1F1_F1F1,
    0x01FE_01FE_01FE_01FE,
    0xFE01_FE01_FE01_FE01,
    0x1FE0_1FE0_0EF1_0EF1,
    0xE01F_E01F_F10E_F10E,
    0x01E0_01E0_01F1_01F1,
    0xE001_E001_F101_F101,
    0x1FFE_1FFE_0EFE_0EFE,
    0xFE1F_FE1F_FE0E_FE0E,
    0x011F_011F_010E_010E,
    0x1F01_1F01_0E01_0E01,
    0xE0FE_E0FE_F1FE_F1FE,
    0xFEE0_FEE0_FEF1_FEF1,
];
const WITHOUT_PARITY: u64 = 0xFEFE_FEFE_FEFE_FEFE;

/// Parts of DES keys that are weak or semi-weak, with parity, each twice: how an HSM that keeps its keys
/// inside compares them.
pub fn weak_des_parts() -> impl Iterator<Item = [u8; 16]> {
    let twice = |weak: &u64| (u128::from(*weak) << 64 | u128::from(*weak)).to_be_bytes();
    WEAK_DES.iter().map(twice)
}

/// A label as far as a message shows it.
pub fn shown(label: &str) -> String {
    label
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .take(64)
        .collect()
}

/// Printable ASCII without spaces.
pub fn check_label(label: &str) -> Result<(), HsmError> {
    let printable = label.bytes().all(|octet| octet.is_ascii_graphic());
    if !printable || !(1..=LABEL_OCTETS_MAX).contains(&label.len()) {
        return Err(LABEL.found("a label has 1 to 256 printable characters, no space"));
    }
    Ok(())
}

/// Key pairs sign or receive keys; everything else is done by symmetric keys.
pub fn check_use(algorithm: KeyAlgorithm, usage: KeyUse) -> Result<(), HsmError> {
    let fits = match usage {
        KeyUse::EmvIssuerPrivate
        | KeyUse::EmvCaPrivate
        | KeyUse::CertificateSigning
        | KeyUse::ContentSigning => {
            matches!(algorithm, KeyAlgorithm::Rsa { .. })
        }
        KeyUse::KeyExchange | KeyUse::PackageSigning => algorithm.octets().is_none(),
        _ => algorithm.octets().is_some(),
    };
    if fits {
        return Ok(());
    }
    Err(UNSUITABLE.found(format!(
        "a key of algorithm {} for {}",
        algorithm.name(),
        use_name(usage)
    )))
}

/// Octets of a symmetric key.
pub fn octets_of(algorithm: KeyAlgorithm) -> Result<usize, HsmError> {
    algorithm.octets().ok_or_else(|| {
        UNSUITABLE.found(format!(
            "a key pair ({}) has no components",
            algorithm.name()
        ))
    })
}

/// Length and parity of a symmetric key or component.
pub fn check_form(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<(), HsmError> {
    let length = octets_of(algorithm)?;
    if octets.len() != length {
        return Err(PARITY.found(format!(
            "{} octets where {} has {length}",
            octets.len(),
            algorithm.name()
        )));
    }
    if algorithm.has_parity() && !des_keys::has_odd_parity(octets) {
        return Err(PARITY.found("an octet of a DES key without odd parity"));
    }
    Ok(())
}

/// Sets the parity of DES keys.
pub fn adjust(algorithm: KeyAlgorithm, octets: &mut [u8]) {
    if algorithm.has_parity() {
        des_keys::set_odd_parity(octets);
    }
}

/// Keys that protect less than their length: all octets the same, DES parts that are weak or equal.
pub fn is_weak(algorithm: KeyAlgorithm, octets: &[u8]) -> bool {
    let first = octets.first();
    if octets.iter().all(|octet| Some(octet) == first) {
        return true;
    }
    if !algorithm.has_parity() {
        return false;
    }
    let (parts, _) = octets.as_chunks::<8>();
    let weak = |part: &[u8; 8]| {
        let bits = u64::from_be_bytes(*part) & WITHOUT_PARITY;
        WEAK_DES.iter().any(|weak| weak & WITHOUT_PARITY == bits)
    };
    des_keys::has_equal_parts(octets) || parts.iter().any(weak)
}

/// What a key's strength depends on (SP 800-57 part 1, tables 2 and 4).
fn kind(algorithm: KeyAlgorithm) -> KeyKind {
    match algorithm {
        KeyAlgorithm::Tdes2 => KeyKind::TDES2,
        KeyAlgorithm::Tdes3 => KeyKind::TDES3,
        KeyAlgorithm::Aes128 => KeyKind::AES128,
        KeyAlgorithm::Aes192 => KeyKind::AES192,
        KeyAlgorithm::Aes256 => KeyKind::AES256,
        KeyAlgorithm::Rsa { bits, .. } => KeyKind::rsa(bits),
        KeyAlgorithm::P256 => KeyKind::P256,
    }
}

/// No stronger key under a weaker one; `under` is named for the message.
///
/// # Errors
/// R1374.
pub fn check_strength(
    algorithm: KeyAlgorithm,
    (under, wrapping): (&str, KeyAlgorithm),
) -> Result<(), HsmError> {
    if kind(algorithm).strength() <= kind(wrapping).strength() {
        return Ok(());
    }
    Err(MAY_NOT_TRAVEL.found(format!(
        "a key of algorithm {} under {under}, which is {}",
        algorithm.name(),
        wrapping.name()
    )))
}

/// The usages of key blocks (X9.143, table 2) that a use may stand under.
pub fn block_usages(usage: KeyUse) -> &'static [&'static str] {
    match usage {
        KeyUse::CardVerification => &["C0"],
        KeyUse::EmvApplicationCryptogram => &["E0"],
        KeyUse::EmvSecureMessagingConfidentiality => &["E1"],
        KeyUse::EmvSecureMessagingIntegrity => &["E2"],
        KeyUse::EmvDynamicNumbers => &["E4"],
        KeyUse::CardIssuance => &["E5"],
        KeyUse::CardKey => &["E6"],
        KeyUse::PinEncryption => &["P0"],
        KeyUse::PinVerificationIbm3624 => &["V1"],
        KeyUse::PinVerificationPvv => &["V2"],
        KeyUse::EmvIssuerPrivate
        | KeyUse::CertificateSigning
        | KeyUse::ContentSigning
        | KeyUse::PackageSigning => &["S0"],
        KeyUse::EmvCaPrivate => &["S2"],
        KeyUse::Transport => &["K0"],
        KeyUse::KeyBlockProtection => &["K1", "K4"],
        KeyUse::KeyExchange => &["K3"],
    }
}

/// The letter of an algorithm (X9.143, table 3).
pub fn block_algorithm(algorithm: KeyAlgorithm) -> char {
    match algorithm {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => 'T',
        KeyAlgorithm::Rsa { .. } => 'R',
        KeyAlgorithm::P256 => 'E',
        _ => 'A',
    }
}

/// Compares as many octets as the shorter of two check values has.
///
/// # Errors
/// R1373.
pub fn compare(label: &str, found: &[u8], expected: &CheckValue) -> Result<(), HsmError> {
    let length = found.len().min(expected.octets.len());
    if length < CHECK_OCTETS_MIN {
        return Err(CHECK_VALUE.found("a check value of fewer than 3 octets"));
    }
    let same = found.iter().zip(&expected.octets).all(|(a, b)| a == b);
    if same && expected.octets.len() <= found.len() {
        return Ok(());
    }
    Err(CHECK_VALUE.found(format!(
        "key {label} has {}, expected was {}",
        hexadecimal(found),
        hexadecimal(expected.octets.get(..16).unwrap_or(&expected.octets))
    )))
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// Check value of a component, as if it were a key: ECB for DES, CMAC for AES.
///
/// # Errors
/// R1307.
pub fn component_value(algorithm: KeyAlgorithm, clear: &[u8]) -> Result<CheckValue, HsmError> {
    let (cipher, how, method) = match algorithm.has_parity() {
        true => (kcv::Algorithm::Tdes, kcv::Method::Ecb, CheckMethod::Ecb),
        false => (kcv::Algorithm::Aes, kcv::Method::Cmac, CheckMethod::Cmac),
    };
    let octets = kcv::check_value(cipher, how, clear).map_err(|e| ARGUMENT.found(e.to_string()))?;
    Ok(CheckValue { method, octets })
}

/// Check value of a symmetric key by a method that suits it.
///
/// # Errors
/// R1314.
pub fn key_value(
    algorithm: KeyAlgorithm,
    method: CheckMethod,
    clear: &[u8],
) -> Result<Vec<u8>, HsmError> {
    let cipher = match algorithm.has_parity() {
        true => kcv::Algorithm::Tdes,
        false => kcv::Algorithm::Aes,
    };
    let how = match method {
        CheckMethod::Ecb => kcv::Method::Ecb,
        CheckMethod::Gp => kcv::Method::GlobalPlatform,
        CheckMethod::Cmac => kcv::Method::Cmac,
        CheckMethod::Sha256 => {
            return Err(UNSUITABLE.found("a check value of key pairs for a symmetric key"));
        }
    };
    kcv::check_value(cipher, how, clear).map_err(|e| UNSUITABLE.found(e.to_string()))
}

/// Compares secrets without telling where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Refuses a component that is weak as a key: whoever knows that it is trivial knows the other's
/// share of the key.
///
/// # Errors
/// R1372.
pub fn check_component(algorithm: KeyAlgorithm, clear: &[u8]) -> Result<(), HsmError> {
    match is_weak(algorithm, clear) {
        true => Err(COMPONENT.found("a component that is weak as a key")),
        false => Ok(()),
    }
}

/// First octet of an issuer's record, as of everything that EMV signs with RSA.
const RECORD_HEADER: u8 = 0x6A;
/// Last octet.
const RECORD_TRAILER: u8 = 0xBC;
/// Formats of EMV's own certificates and signed data end below (Book 2: `02` to `05`); a request
/// has one that no terminal takes.
const RECORD_FORMAT_MIN: u8 = 0x11;
/// Octets of the issuer's own modulus that stand in its record, from the left.
const OWN_MODULUS_OCTETS: usize = 16;

/// Refuses what is no record of an issuer's own public key: what a terminal would take for an ICC's
/// certificate or for signed data of a card has another format.
///
/// # Errors
/// R1307.
pub fn check_issuer_record(record: &[u8], modulus: &[u8]) -> Result<(), HsmError> {
    let framed = match record {
        [RECORD_HEADER, format, .., RECORD_TRAILER] => *format >= RECORD_FORMAT_MIN,
        _ => false,
    };
    let own = modulus.get(..OWN_MODULUS_OCTETS);
    let names_itself = record
        .windows(OWN_MODULUS_OCTETS)
        .any(|window| Some(window) == own);
    match record.len() == modulus.len() && framed && names_itself {
        true => Ok(()),
        false => Err(ARGUMENT.found("no record of an issuer's own public key")),
    }
}

/// The name of a use as sources and bundles write it.
pub fn use_name(usage: KeyUse) -> &'static str {
    KeyUse::NAMES
        .iter()
        .find(|(u, _)| *u == usage)
        .map_or("an unknown use", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_parts_are_found_whatever_their_parity() {
        let mut key = [0u8; 16];
        key[8..].copy_from_slice(&[0x13, 0x34, 0x57, 0x79, 0x9B, 0xBC, 0xDF, 0xF1]);
        assert!(is_weak(KeyAlgorithm::Tdes2, &key));
        key[..8].copy_from_slice(&[0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE]);
        assert!(is_weak(KeyAlgorithm::Tdes2, &key));
        key[..8].copy_from_slice(&[0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]);
        assert!(!is_weak(KeyAlgorithm::Tdes2, &key));
        assert!(is_weak(KeyAlgorithm::Aes128, &[0; 16]));
    }
}

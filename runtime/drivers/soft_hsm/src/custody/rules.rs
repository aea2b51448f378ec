//! What an HSM holds to by itself: labels, uses, strength, parity, weak keys. Policy may ask more.

use cardwright_ports::custody::KeyAlgorithm;
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::des_keys;
use cardwright_standards::key_policy::KeyKind;

use crate::error::{self, Refused};
use crate::keys::{Key, use_name};

/// Longest label.
const LABEL_OCTETS_MAX: usize = 256;
/// Smallest RSA modulus of a key that receives keys, in bits.
pub(super) const RECEIVER_BITS_MIN: usize = 2048;

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

/// A label as far as a message shows it.
pub(super) fn shown(label: &str) -> String {
    label
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .take(64)
        .collect()
}

/// Printable ASCII without spaces.
pub(super) fn check_label(label: &str) -> Result<(), Refused> {
    let printable = label.bytes().all(|octet| octet.is_ascii_graphic());
    if !printable || !(1..=LABEL_OCTETS_MAX).contains(&label.len()) {
        return Err(error::LABEL.found("a label has 1 to 256 printable characters, no space"));
    }
    Ok(())
}

/// Key pairs sign or receive keys; everything else is done by symmetric keys.
pub(super) fn check_use(algorithm: KeyAlgorithm, usage: KeyUse) -> Result<(), Refused> {
    let fits = match usage {
        KeyUse::EmvIssuerPrivate | KeyUse::EmvCaPrivate | KeyUse::CertificateSigning => {
            matches!(algorithm, KeyAlgorithm::Rsa { .. })
        }
        KeyUse::KeyExchange | KeyUse::PackageSigning => algorithm.octets().is_none(),
        _ => algorithm.octets().is_some(),
    };
    if fits {
        return Ok(());
    }
    Err(error::UNSUITABLE.found(format!(
        "a key of algorithm {} for {}",
        algorithm.name(),
        use_name(usage)
    )))
}

/// Octets of a symmetric key.
pub(super) fn octets_of(algorithm: KeyAlgorithm) -> Result<usize, Refused> {
    algorithm.octets().ok_or_else(|| {
        error::UNSUITABLE.found(format!(
            "a key pair ({}) has no components",
            algorithm.name()
        ))
    })
}

/// Length and parity of a symmetric key or component.
pub(super) fn check_form(algorithm: KeyAlgorithm, octets: &[u8]) -> Result<(), Refused> {
    let length = octets_of(algorithm)?;
    if octets.len() != length {
        return Err(error::PARITY.found(format!(
            "{} octets where {} has {length}",
            octets.len(),
            algorithm.name()
        )));
    }
    if algorithm.has_parity() && !des_keys::has_odd_parity(octets) {
        return Err(error::PARITY.found("an octet of a DES key without odd parity"));
    }
    Ok(())
}

/// Sets the parity of DES keys.
pub(super) fn adjust(algorithm: KeyAlgorithm, octets: &mut [u8]) {
    if algorithm.has_parity() {
        des_keys::set_odd_parity(octets);
    }
}

/// Keys that protect less than their length: all octets the same, DES parts that are weak or equal.
pub(super) fn is_weak(algorithm: KeyAlgorithm, octets: &[u8]) -> bool {
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

/// No stronger key under a weaker one.
pub(super) fn check_strength(algorithm: KeyAlgorithm, under: &Key) -> Result<(), Refused> {
    let (bits, exponent) = under.size();
    let wrapping = KeyAlgorithm::from_name(&under.algorithm, bits, exponent);
    let wrapping = wrapping.map_or(0, |algorithm| kind(algorithm).strength());
    if kind(algorithm).strength() <= wrapping {
        return Ok(());
    }
    Err(error::MAY_NOT_TRAVEL.found(format!(
        "a key of algorithm {} under {}, which is {}",
        algorithm.name(),
        under.name,
        under.algorithm
    )))
}

/// The usages of key blocks (X9.143, table 2) that a use may stand under.
pub(super) fn block_usages(usage: KeyUse) -> &'static [&'static str] {
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
        KeyUse::EmvIssuerPrivate | KeyUse::CertificateSigning | KeyUse::PackageSigning => &["S0"],
        KeyUse::EmvCaPrivate => &["S2"],
        KeyUse::Transport => &["K0"],
        KeyUse::KeyBlockProtection => &["K1", "K4"],
        KeyUse::KeyExchange => &["K3"],
    }
}

/// The letter of an algorithm (X9.143, table 3).
pub(super) fn block_algorithm(algorithm: KeyAlgorithm) -> char {
    match algorithm {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => 'T',
        KeyAlgorithm::Rsa { .. } => 'R',
        KeyAlgorithm::P256 => 'E',
        _ => 'A',
    }
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

//! DES keys: their parity (each octet has an odd number of ones; ISO/IEC 18033-3, FIPS 46-3), and
//! those that are weak (NIST SP 800-67, 3.3).

/// The weak keys: deciphering is enciphering (SP 800-67, 3.3.2).
const WEAK: [u64; 4] = [
    0x0101_0101_0101_0101,
    0xFEFE_FEFE_FEFE_FEFE,
    0xE0E0_E0E0_F1F1_F1F1,
    0x1F1F_1F1F_0E0E_0E0E,
];

/// The semi-weak keys: six pairs, each of which undoes its other (SP 800-67, 3.3.2).
const SEMI_WEAK: [u64; 12] = [
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

/// Every bit but parity.
const KEY_BITS: u64 = 0xFEFE_FEFE_FEFE_FEFE;

/// Why a DES or 3DES key must not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// A part is one of the four weak keys.
    #[error("part {0} is a weak DES key")]
    Weak(usize),
    /// A part is one of the twelve semi-weak keys.
    #[error("part {0} is a semi-weak DES key")]
    SemiWeak(usize),
    /// Two parts are equal but for parity, so that the key is weaker than it is long.
    #[error("two parts of the key are equal")]
    EqualParts,
}

/// Whether a DES or 3DES key is weak, parity apart.
pub fn weakness(key: &[u8]) -> Option<Weakness> {
    let (parts, _) = key.as_chunks::<8>();
    for (part, number) in parts.iter().zip(1..) {
        let bits = u64::from_be_bytes(*part) & KEY_BITS;
        let is = |known: &u64| known & KEY_BITS == bits;
        if WEAK.iter().any(is) {
            return Some(Weakness::Weak(number));
        }
        if SEMI_WEAK.iter().any(is) {
            return Some(Weakness::SemiWeak(number));
        }
    }
    let outer = match parts {
        [first, _, third] => bits(first) == bits(third),
        _ => false,
    };
    (outer || has_equal_parts(key)).then_some(Weakness::EqualParts)
}

fn bits(part: &[u8; 8]) -> u64 {
    u64::from_be_bytes(*part) & KEY_BITS
}

/// Sets the lowest bit of each octet so that its number of ones is odd.
pub fn set_odd_parity(key: &mut [u8]) {
    for octet in key {
        if octet.count_ones() % 2 == 0 {
            *octet ^= 1;
        }
    }
}

/// Whether each octet has an odd number of ones.
pub fn has_odd_parity(key: &[u8]) -> bool {
    key.iter().all(|octet| octet.count_ones() % 2 == 1)
}

/// Whether two parts of a 3DES key are equal but for parity, so that it is weaker than it is long.
pub fn has_equal_parts(key: &[u8]) -> bool {
    let (parts, _) = key.as_chunks::<8>();
    match parts {
        [first, second] => bits(first) == bits(second),
        [first, second, third] => bits(first) == bits(second) || bits(second) == bits(third),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_and_equal_parts() {
        let mut key = [0x00, 0x01, 0x02, 0x03, 0xFF, 0xFE, 0x80, 0x7F];
        set_odd_parity(&mut key);
        assert_eq!(key, [0x01, 0x01, 0x02, 0x02, 0xFE, 0xFE, 0x80, 0x7F]);
        assert!(has_odd_parity(&key));
        // SP 800-67, 3.3.2: a weak and a semi-weak key, with and without parity.
        assert_eq!(weakness(&[0; 8]), Some(Weakness::Weak(1)));
        let second = [
            1, 2, 3, 4, 5, 6, 7, 8, 0x1F, 0xE0, 0x1F, 0xE0, 0x0E, 0xF1, 0x0E, 0xF1,
        ];
        assert_eq!(weakness(&second), Some(Weakness::SemiWeak(2)));
        let outer: Vec<u8> = [[1; 8], [2; 8], [1; 8]].concat();
        assert_eq!(weakness(&outer), Some(Weakness::Weak(1)));
        let outer: Vec<u8> = [[7; 8], [2; 8], [7; 8]].concat();
        assert_eq!(weakness(&outer), Some(Weakness::EqualParts));
        assert_eq!(weakness(b"0123456789ABCDEF"), None);
        let same = [0x01, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(has_equal_parts(&same));
        assert!(!has_equal_parts(&[
            1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 0x18
        ]));
    }
}

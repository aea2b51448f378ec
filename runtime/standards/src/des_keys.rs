//! DES key parity: each octet of a DES key has an odd number of ones (ISO/IEC 18033-3, FIPS 46-3).

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
    let bits = |part: &[u8; 8]| u64::from_be_bytes(*part) & 0xFEFE_FEFE_FEFE_FEFE;
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
        let same = [0x01, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(has_equal_parts(&same));
        assert!(!has_equal_parts(&[
            1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 0x18
        ]));
    }
}

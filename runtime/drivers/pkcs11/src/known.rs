//! Known answers: published values with their inputs, and the RSA key that signs one.

use cardwright_pkcs11_raw::Attribute;
use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use num_bigint_dig::{BigUint, ModInverse};
use zeroize::Zeroizing;

/// The double-length key of many published examples.
pub(crate) const DOUBLE: &str = "0123456789ABCDEFFEDCBA9876543210";
/// GlobalPlatform's test key.
pub(crate) const COUNTED: &str = "404142434445464748494A4B4C4D4E4F";
/// The key of FIPS 197, C.1, and of RFC 3394, 4.1.
pub(crate) const AES_128: &str = "000102030405060708090A0B0C0D0E0F";
/// The key of FIPS 197, C.3, and of RFC 3394, 4.3.
pub(crate) const AES_256: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
/// The text of FIPS 197, C.1 and C.3, and of RFC 3394.
pub(crate) const COUNTED_TEXT: &str = "00112233445566778899AABBCCDDEEFF";
/// Primes of the 896-bit PIN key in the project's own RSA chain (tests/vectors/project).
const RSA_P: &str = "D786D4AA9874AC36DC8E1A2767B2BFADA6B7A5F4AD8C0009A1DE37A25A8EDDC209EC6AC0BED5420072EBD3BFEC4E56FA38E895547720C86D";
const RSA_Q: &str = "D65ABD74F18E2C42E9E7734DA86BDE09DA4ED51D39D35A1A301843A94227CF25EED9A3B7CCB6531CF3F0B8A795D3D04DB3CAF7436DE82BFD";

/// Bits of a prime: of keys from 512 to 4096 bits.
const PRIME_BITS: std::ops::RangeInclusive<usize> = 256..=2_048;

/// Octets of hexadecimal text; nothing for text that is none.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_default()
}

/// All numbers of an RSA private key, big endian.
pub(crate) struct RsaParts {
    pub(crate) modulus: Vec<u8>,
    pub(crate) exponent: Vec<u8>,
    pub(crate) private_exponent: Zeroizing<Vec<u8>>,
    pub(crate) p: Zeroizing<Vec<u8>>,
    pub(crate) q: Zeroizing<Vec<u8>>,
    pub(crate) d_p: Zeroizing<Vec<u8>>,
    pub(crate) d_q: Zeroizing<Vec<u8>>,
    pub(crate) q_inverse: Zeroizing<Vec<u8>>,
}

impl RsaParts {
    /// Its numbers as attributes of a private key.
    pub(crate) fn rows(&self) -> [Attribute; 8] {
        let numbers: [(CK_ULONG, &[u8]); 8] = [
            (ck::CKA_MODULUS, &self.modulus),
            (ck::CKA_PUBLIC_EXPONENT, &self.exponent),
            (ck::CKA_PRIVATE_EXPONENT, &self.private_exponent),
            (ck::CKA_PRIME_1, &self.p),
            (ck::CKA_PRIME_2, &self.q),
            (ck::CKA_EXPONENT_1, &self.d_p),
            (ck::CKA_EXPONENT_2, &self.d_q),
            (ck::CKA_COEFFICIENT, &self.q_inverse),
        ];
        numbers.map(|(kind, octets)| Attribute::octets(kind, octets))
    }

    /// From two primes in any order; `None` when they make no key with that exponent.
    pub(crate) fn from_primes(first: &[u8], second: &[u8], exponent: u32) -> Option<Self> {
        let (a, b) = (
            BigUint::from_bytes_be(first),
            BigUint::from_bytes_be(second),
        );
        let (p, q) = if a > b { (a, b) } else { (b, a) };
        // They may come out of somebody else's block: zero, say, or numbers of any length.
        let odd = |number: &BigUint| number.to_bytes_be().last().is_some_and(|o| o & 1 == 1);
        let sizes = PRIME_BITS.contains(&p.bits()) && p.bits() == q.bits();
        if !sizes || !odd(&p) || !odd(&q) {
            return None;
        }
        let one = BigUint::from(1u8);
        let (p_1, q_1) = (&p - &one, &q - &one);
        let e = BigUint::from(exponent);
        let positive = |number: num_bigint_dig::BigInt| number.to_biguint();
        let d = positive((&e).mod_inverse(&(&p_1 * &q_1))?)?;
        let q_inverse = positive((&q).mod_inverse(&p)?)?;
        let half = p.to_bytes_be().len();
        let wide = |number: &BigUint, octets: usize| {
            let found = Zeroizing::new(number.to_bytes_be());
            let mut padded = Zeroizing::new(vec![0; octets.saturating_sub(found.len())]);
            padded.extend_from_slice(&found);
            padded
        };
        let modulus = (&p * &q).to_bytes_be();
        Some(Self {
            private_exponent: wide(&d, modulus.len()),
            modulus,
            exponent: e.to_bytes_be(),
            d_p: wide(&(&d % &p_1), half),
            d_q: wide(&(&d % &q_1), half),
            q_inverse: wide(&q_inverse, half),
            p: wide(&p, half),
            q: wide(&q, half),
        })
    }

    /// The key of the known answer: 896 bits, exponent 3.
    pub(crate) fn of_the_test() -> Option<Self> {
        Self::from_primes(&unhex(RSA_P), &unhex(RSA_Q), 3)
    }
}

/// A number to the power of a public exponent; `None` when it does not fit.
pub(crate) fn raise(modulus: &[u8], exponent: u32, text: &[u8]) -> Option<Vec<u8>> {
    cardwright_rsa::raise(modulus, exponent, text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_key_is_a_key() {
        let key = RsaParts::of_the_test().unwrap();
        assert_eq!(key.modulus.len(), 112);
        let n = BigUint::from_bytes_be(&key.modulus);
        let text = BigUint::from_bytes_be(&[0x42; 112]);
        let signed = text.modpow(&BigUint::from_bytes_be(&key.private_exponent), &n);
        assert_eq!(signed.modpow(&BigUint::from(3u8), &n), text);
    }

    #[test]
    fn numbers_that_are_no_primes_of_a_key_are_refused() {
        let (p, q) = (unhex(RSA_P), unhex(RSA_Q));
        assert!(RsaParts::from_primes(&p, &q, 3).is_some());
        let mut even = p.clone();
        if let Some(last) = even.last_mut() {
            *last &= 0xFE;
        }
        let short = q.get(8..).unwrap_or_default();
        let wrong: [&[u8]; 7] = [&[], &[0], &[1], &[3], &even, short, &p];
        for other in wrong {
            assert!(
                RsaParts::from_primes(&p, other, 3).is_none(),
                "{}",
                other.len()
            );
            assert!(
                RsaParts::from_primes(other, &p, 3).is_none(),
                "{}",
                other.len()
            );
        }
        for exponent in [0, 1, 2] {
            let _ = RsaParts::from_primes(&p, &q, exponent);
        }
        assert!(RsaParts::from_primes(&[0; 300], &[0; 300], 3).is_none());
        assert!(RsaParts::from_primes(&[0xFF; 300], &[0xFF; 300], 3).is_none());
    }
}

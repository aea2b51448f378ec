//! ICC private keys in Chinese remainder form, as DGIs 8201 to 8205 bring them.

use crate::crypto::Secret;
use num_bigint_dig::BigUint;
use zeroize::Zeroize;

/// How a card wants CRT components padded before they are enciphered for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentPadding {
    /// Takes either form; the arithmetic of the key decides which it was.
    #[default]
    Either,
    /// `80 00…` always, also when aligned.
    Always,
    /// Only what is not whole blocks of eight; else nothing but the component, at its fixed width.
    Never,
    /// The same with the blocks of AES: of sixteen.
    NeverAes,
}

/// Whether components have no whole number of blocks.
fn uneven(parts: &[&[u8]; 5], block: usize) -> bool {
    parts.iter().all(|part| !part.len().is_multiple_of(block))
}

/// A private key whose components have been checked against each other.
pub(crate) struct PrivateKey {
    p: BigUint,
    q: BigUint,
    dp: BigUint,
    dq: BigUint,
    q_inverse: BigUint,
    modulus: BigUint,
    /// Octets of the modulus.
    pub(crate) length: usize,
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        for part in [
            &mut self.p,
            &mut self.q,
            &mut self.dp,
            &mut self.dq,
            &mut self.q_inverse,
        ] {
            part.zeroize();
        }
    }
}

impl PrivateKey {
    /// Builds the key from q^-1 mod p, d mod q-1, d mod p-1, q, p (EMV CPS order 8201 to 8205)
    /// for a public exponent. Nothing when a component does not belong to the others.
    pub(crate) fn from_components(
        parts: &[&Secret; 5],
        exponent: u32,
        padding: ComponentPadding,
    ) -> Option<Self> {
        let bare: [&[u8]; 5] = parts.map(|part| part.as_slice());
        let unpadded = || -> Option<[&[u8]; 5]> {
            let mut out = [&[][..]; 5];
            for (place, part) in out.iter_mut().zip(bare) {
                *place = crate::crypto::unpad(part)?;
            }
            Some(out)
        };
        let (first, second) = match padding {
            ComponentPadding::Always => (unpadded(), None),
            ComponentPadding::Never => (Some(bare), unpadded().filter(|p| uneven(p, 8))),
            ComponentPadding::NeverAes => (Some(bare), unpadded().filter(|p| uneven(p, 16))),
            ComponentPadding::Either => (Some(bare), unpadded()),
        };
        first
            .and_then(|parts| Self::from_exact(parts, exponent))
            .or_else(|| Self::from_exact(second?, exponent))
    }

    fn from_exact(parts: [&[u8]; 5], exponent: u32) -> Option<Self> {
        let width = parts[0].len();
        if !(32..=124).contains(&width) || parts.iter().any(|p| p.len() != width) {
            return None;
        }
        let [q_inverse, dq, dp, q, p] = parts.map(BigUint::from_bytes_be);
        let one = BigUint::from(1u8);
        let e = BigUint::from(exponent);
        if p <= one || q <= one || p == q || q_inverse >= p || exponent < 3 {
            return None;
        }
        let modulus = &p * &q;
        let inverse_of = |a: &BigUint, b: &BigUint, m: &BigUint| (a * b) % m == one;
        let whole = modulus.bits() % 8 == 0 && modulus.bits().div_ceil(16) == width;
        let key = Self {
            length: modulus.bits() / 8,
            p,
            q,
            dp,
            dq,
            q_inverse,
            modulus,
        };
        (whole
            && inverse_of(&key.q, &key.q_inverse, &key.p)
            && inverse_of(&key.dp, &e, &(&key.p - &one))
            && inverse_of(&key.dq, &e, &(&key.q - &one)))
        .then_some(key)
    }

    /// The private operation on a block of the modulus' length, big endian.
    pub(crate) fn apply(&self, block: &[u8]) -> Option<Secret> {
        let message = BigUint::from_bytes_be(block);
        if block.len() != self.length || message >= self.modulus {
            return None;
        }
        let m1 = (&message % &self.p).modpow(&self.dp, &self.p);
        let m2 = (&message % &self.q).modpow(&self.dq, &self.q);
        // Garner; p is added until the difference can't fall below zero.
        let difference = (&m1 + &self.p - (&m2 % &self.p)) % &self.p;
        let h = (difference * &self.q_inverse) % &self.p;
        let octets = (m2 + h * &self.q).to_bytes_be();
        let mut out = Secret::new(vec![0; self.length.checked_sub(octets.len())?]);
        out.extend_from_slice(&octets);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{pad, secret};

    #[test]
    fn a_key_opens_what_its_public_half_closes() {
        let vectors: serde_json::Value = serde_json::from_str(include_str!(
            "../../../../tests/vectors/project/vectors_rsa.json"
        ))
        .unwrap();
        let icc = &vectors["icc"];
        let part = |name: &str| secret(&hex::decode(icc[name].as_str().unwrap()).unwrap());
        let parts = ["qinv", "dq", "dp", "q", "p"].map(part);
        let key =
            PrivateKey::from_components(&parts.each_ref(), 3, ComponentPadding::Either).unwrap();
        let n = BigUint::from_bytes_be(&part("n"));
        let message = [&[0x6A][..], &[0x5B; 118], &[0xBC]].concat();
        let signed = key.apply(&message).unwrap();
        let opened = BigUint::from_bytes_be(&signed).modpow(&BigUint::from(3u8), &n);
        assert_eq!(opened.to_bytes_be(), message);

        let padded = parts.each_ref().map(|p| pad(p, 8));
        let made = |padding| PrivateKey::from_components(&padded.each_ref(), 3, padding).is_some();
        assert!(made(ComponentPadding::Either) && made(ComponentPadding::Always));
        // 60 octets are no whole number of blocks: who pads only then pads here too.
        assert!(made(ComponentPadding::Never) && made(ComponentPadding::NeverAes));
        // Another exponent, or two components changed round, is not this key.
        assert!(
            PrivateKey::from_components(&parts.each_ref(), 65537, ComponentPadding::Either)
                .is_none()
        );
        let [a, b, c, d, e] = &parts;
        let swapped = [a, b, c, e, d];
        assert!(PrivateKey::from_components(&swapped, 3, ComponentPadding::Either).is_none());
    }
}

//! RSA keys against another implementation and against known parts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use cardwright_rsa::{NoRandomness, RandomSource, RsaError, RsaKey, generate, raise};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey};

/// The same octets for the same seed.
struct Stream(ChaCha20Rng);

impl Stream {
    fn new(seed: &[u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(*seed))
    }
}

impl RandomSource for Stream {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        self.0.fill_bytes(octets);
        Ok(())
    }
}

fn number(octets: &[u8]) -> BigUint {
    BigUint::from_bytes_be(octets)
}

/// The same key in the `rsa` crate, which recomputes and checks everything by itself.
fn checked_elsewhere(key: &RsaKey) -> RsaPrivateKey {
    let e = BigUint::from(key.exponent());
    let (p, q) = (number(key.p()), number(key.q()));
    let one = BigUint::from(1u8);
    let order = (&p - &one) * (&q - &one);
    let d = num_bigint_dig::ModInverse::mod_inverse(&e, &order).unwrap();
    let d = d.to_biguint().unwrap();
    assert!(
        d > (BigUint::from(1u8) << (key.bits() as usize / 2)),
        "d is long"
    );
    for prime in [&p, &q] {
        assert!(
            num_bigint_dig::prime::probably_prime(prime, 20),
            "a factor is prime"
        );
    }
    let other = RsaPrivateKey::from_components(number(key.modulus()), e, d, vec![p, q]).unwrap();
    other.validate().unwrap();
    other
}

fn check(key: &RsaKey, bits: u32, exponent: u32) {
    assert_eq!((key.bits(), key.exponent()), (bits, exponent));
    assert_eq!(number(key.modulus()).bits(), bits as usize, "exact length");
    let other = checked_elsewhere(key);
    let [q_inverse, d_q, d_p, q, p] = key.components();
    let width = bits.div_ceil(16) as usize;
    assert!(key.components().iter().all(|c| c.len() == width));
    assert!(**p > **q);
    assert_eq!(number(d_p), *other.dp().unwrap());
    assert_eq!(number(d_q), *other.dq().unwrap());
    assert_eq!(
        other.qinv().unwrap().to_biguint().unwrap(),
        number(q_inverse)
    );
    // Sign with ours, open with theirs; theirs is plain modular power.
    let message = vec![0x42; bits as usize / 8];
    let signature = key.apply(&message, &mut Stream::new(&[9; 32])).unwrap();
    let opened = number(&signature).modpow(other.e(), other.n());
    assert_eq!(opened, number(&message));
    assert_eq!(
        number(&signature),
        number(&message).modpow(other.d(), other.n())
    );
    assert_eq!(raise(key.modulus(), exponent, &signature).unwrap(), message);
}

#[test]
fn keys_of_all_sizes_hold_elsewhere() {
    let mut source = Stream::new(&[0x11; 32]);
    for bits in (1152..=1984)
        .step_by(64)
        .chain([512, 520, 1016, 1976, 2048, 2056, 2560])
    {
        for exponent in [3, 65_537] {
            check(
                &generate(bits, exponent, &mut source).unwrap(),
                bits,
                exponent,
            );
        }
    }
}

#[test]
fn many_keys_have_their_exact_length_and_differ() {
    let mut source = Stream::new(&[0x22; 32]);
    let mut factors = std::collections::BTreeSet::new();
    for bits in (512..1152).step_by(8) {
        for exponent in [3, 65_537] {
            let key = generate(bits, exponent, &mut source).unwrap();
            assert_eq!(key.bits(), bits);
            assert!(key.modulus()[0] >= 0x80, "highest bit of {bits}");
            assert!(factors.insert(key.p().to_vec()) && factors.insert(key.q().to_vec()));
        }
    }
}

#[test]
fn the_same_source_gives_the_same_key() {
    let key = |seed| generate(1152, 3, &mut Stream::new(&[seed; 32])).unwrap();
    assert_eq!(key(1).modulus(), key(1).modulus());
    assert_ne!(key(1).modulus(), key(2).modulus());
}

// Keys made by another program for this project's certificate chain.
#[test]
fn known_keys_give_their_known_parts() {
    let text = include_str!("../../../tests/vectors/project/vectors_rsa.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    for name in ["ca", "issuer", "icc", "icc_pin"] {
        let part = |field: &str| hex::decode(vectors[name][field].as_str().unwrap()).unwrap();
        let key = RsaKey::from_primes(&part("p"), &part("q"), 3).unwrap();
        assert_eq!(key.modulus(), part("n"));
        let [q_inverse, d_q, d_p, q, p] = key.components();
        assert_eq!(**p, part("p"));
        assert_eq!(**q, part("q"));
        assert_eq!(**d_p, part("dp"));
        assert_eq!(**d_q, part("dq"));
        assert_eq!(**q_inverse, part("qinv"));
        let message = vec![0x01; part("n").len()];
        let expected = number(&message).modpow(&number(&part("d")), &number(&part("n")));
        assert_eq!(
            number(&key.apply(&message, &mut Stream::new(&[9; 32])).unwrap()),
            expected
        );
    }
}

#[test]
fn odd_requests_are_refused() {
    let mut source = Stream::new(&[0x33; 32]);
    for (bits, exponent) in [
        (504, 3),
        (1153, 3),
        (4104, 3),
        (0, 3),
        (1152, 17),
        (1152, 1),
    ] {
        let refused = generate(bits, exponent, &mut source).err().unwrap();
        assert!(matches!(refused, RsaError::Size(_)), "{refused}");
    }
    let key = generate(512, 3, &mut source).unwrap();
    for input in [key.modulus(), &[0xFF; 65]] {
        let refused = key.apply(input, &mut source).err().unwrap();
        assert!(matches!(refused, RsaError::Argument(_)), "{refused}");
    }
    assert!(
        RsaKey::from_primes(key.q(), key.p(), 3).is_err(),
        "q above p"
    );
    assert!(RsaKey::from_primes(key.p(), key.p(), 3).is_err(), "p twice");
    assert!(RsaKey::from_primes(&[], &[], 3).is_err());
    assert!(raise(&[0x80; 64], 3, &[1]).is_err(), "even modulus");
    assert!(raise(&[], 3, &[1]).is_err());
}

#[test]
fn composite_factors_are_noticed() {
    let mut source = Stream::new(&[0x44; 32]);
    let key = generate(512, 65_537, &mut source).unwrap();
    let mut p = key.p().to_vec();
    *p.last_mut().unwrap() ^= 2;
    assert!(RsaKey::from_primes(&p, key.q(), 65_537).is_err());
}

/// A source that gives zeros only, then ones: no panic, no endless loop.
struct Constant(u8);

impl RandomSource for Constant {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        octets.fill(self.0);
        Ok(())
    }
}

#[test]
fn a_dead_source_is_refused_and_not_waited_for() {
    for octet in [0x00, 0xFF, 0x5A] {
        assert!(generate(512, 3, &mut Constant(octet)).is_err());
    }
}

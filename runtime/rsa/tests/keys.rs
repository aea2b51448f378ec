//! RSA keys against another implementation and against known parts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use cardwright_rsa::{
    Arithmetic, NoRandomness, RandomSource, RsaError, RsaKey, generate, generate_by, is_prime,
    raise,
};
use common::Stream;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey};

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
    assert_eq!(number(&key.private_exponent()), d, "the private exponent");
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

// Which key a seed gives must not depend on what the processor can do.
#[test]
fn every_arithmetic_finds_the_same_key_and_the_same_power() {
    let best = Arithmetic::best();
    for (seed, bits) in (512..=2048)
        .step_by(104)
        .chain([1152, 1408, 1984, 3072])
        .enumerate()
    {
        for exponent in [3, 65_537] {
            let make = |way| {
                let mut source = Stream::new(&[seed as u8; 32]);
                let key = generate_by(way, bits, exponent, &mut source).unwrap();
                let mut next = [0; 8];
                source.fill(&mut next).unwrap();
                (key, next)
            };
            let ((one, one_next), (other, other_next)) = (make(best), make(Arithmetic::Scalar));
            assert_eq!(one.components(), other.components(), "{bits} {exponent}");
            assert_eq!(one_next, other_next, "as much was drawn");
            let mut source = Stream::new(&[0x77; 32]);
            for octet in [0x00, 0x01, 0x42, 0x7F] {
                let text = vec![octet; bits as usize / 8];
                let result = one.apply(&text, &mut source).unwrap();
                assert_eq!(result, other.apply(&text, &mut source).unwrap());
            }
        }
    }
}

#[test]
fn imported_factors_must_be_prime() {
    let mut source = Stream::new(&[0x55; 32]);
    let key = generate(1152, 3, &mut source).unwrap();
    let imported = RsaKey::import(key.q(), key.p(), 3, &mut source).unwrap();
    assert_eq!(imported.components(), key.components(), "in either order");
    let other = generate(576, 3, &mut source).unwrap();
    // 576 bits, odd, the product of two primes.
    assert!(!is_prime(other.modulus(), &mut source).unwrap());
    let refused = RsaKey::import(key.p(), other.modulus(), 3, &mut source);
    assert!(matches!(refused, Err(RsaError::Size(_))));
    let twice = RsaKey::import(key.p(), key.p(), 3, &mut source);
    assert!(matches!(twice, Err(RsaError::Size(_))));
    assert!(is_prime(key.p(), &mut source).unwrap());
    assert!(is_prime(&[0xFF; 300], &mut source).is_err(), "too long");
}

/// A source that fails after so many octets.
struct Ends(Stream, usize);

impl RandomSource for Ends {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        self.1 = self.1.checked_sub(octets.len()).ok_or(NoRandomness)?;
        self.0.fill(octets)
    }
}

#[test]
fn a_source_that_fails_makes_no_key_and_no_signature() {
    let full = generate(512, 3, &mut Stream::new(&[0x66; 32])).unwrap();
    for octets in (0..600).step_by(37) {
        let refused = generate(512, 3, &mut Ends(Stream::new(&[0x66; 32]), octets));
        assert!(matches!(refused, Err(RsaError::Randomness(_))), "{octets}");
    }
    let mut empty = Ends(Stream::new(&[0; 32]), 0);
    let refused = full.apply(&[1; 64], &mut empty);
    assert!(matches!(refused, Err(RsaError::Randomness(_))));
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

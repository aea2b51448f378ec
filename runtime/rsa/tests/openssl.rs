//! Many keys under OpenSSL's key check, and what their primes look like together.
//!
//! `CARDWRIGHT_RSA_KEYS=10000 cargo test --release -p cardwright-rsa --test openssl` is the full
//! run: so many keys of each size and exponent. Without the variable there are 60.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::thread;

use cardwright_rsa::{RandomSource, RsaKey, generate, raise};
use common::Stream;
use openssl::bn::BigNum;
use openssl::rsa::{Padding, Rsa, RsaPrivateKeyBuilder};

const SIZES: [u32; 3] = [1152, 1408, 1984];

fn keys_wanted() -> usize {
    std::env::var("CARDWRIGHT_RSA_KEYS").map_or(60, |count| count.parse().unwrap())
}

/// The key in OpenSSL, of parts that OpenSSL computes itself where it can.
fn in_openssl(key: &RsaKey) -> Rsa<openssl::pkey::Private> {
    let number = |octets: &[u8]| BigNum::from_slice(octets).unwrap();
    let [q_inverse, d_q, d_p, q, p] = key.components();
    RsaPrivateKeyBuilder::new(
        number(key.modulus()),
        BigNum::from_u32(key.exponent()).unwrap(),
        number(&key.private_exponent()),
    )
    .unwrap()
    .set_factors(number(p), number(q))
    .unwrap()
    .set_crt_params(number(d_p), number(d_q), number(q_inverse))
    .unwrap()
    .build()
}

/// OpenSSL finds the key sound; each opens what the other signs.
fn check(key: &RsaKey, bits: u32, exponent: u32, source: &mut Stream) {
    assert_eq!((key.bits(), key.exponent()), (bits, exponent));
    let theirs = in_openssl(key);
    assert!(
        theirs.check_key().unwrap(),
        "OpenSSL refuses {}",
        hex::encode(key.p())
    );
    let mut text = vec![0; bits as usize / 8];
    source.fill(&mut text[1..]).unwrap();
    let ours = key.apply(&text, source).unwrap();
    let mut back = vec![0; text.len()];
    theirs
        .public_decrypt(&ours, &mut back, Padding::NONE)
        .unwrap();
    assert_eq!(back, text, "signed here, opened there");
    theirs
        .private_encrypt(&text, &mut back, Padding::NONE)
        .unwrap();
    assert_eq!(back, ours, "the same signature");
    assert_eq!(
        raise(key.modulus(), exponent, &back).unwrap(),
        text,
        "opened here"
    );
}

/// FIPS 186-5, A.1.3: both primes above `sqrt(2) 2^(bits/2 - 1)`, and far from each other.
fn far_apart(key: &RsaKey) {
    assert!(key.p()[0] >= 0xC0 && key.q()[0] >= 0xC0, "two highest bits");
    let mut borrow = 0i32;
    let difference: Vec<u8> = key
        .p()
        .iter()
        .zip(key.q())
        .rev()
        .map(|(p, q)| {
            let digit = i32::from(*p) - i32::from(*q) - borrow;
            borrow = i32::from(digit < 0);
            digit as u8
        })
        .collect();
    let highest = difference.iter().rposition(|octet| *octet != 0).unwrap();
    // More than 2^(half - 100): a bit at or above that place.
    assert!(
        8 * (highest + 1) > 8 * key.p().len() - 100,
        "p and q are close"
    );
}

#[test]
fn openssl_finds_every_key_sound_and_no_prime_comes_twice() {
    let wanted = keys_wanted();
    let lanes = 2;
    for bits in SIZES {
        for exponent in [3u32, 65_537] {
            let primes: Vec<Vec<Vec<u8>>> = thread::scope(|scope| {
                let work: Vec<_> = (0..lanes)
                    .map(|lane| {
                        scope.spawn(move || {
                            let mut seed = [0x5A; 32];
                            seed[0] = lane as u8;
                            seed[1..5].copy_from_slice(&bits.to_be_bytes());
                            seed[5..9].copy_from_slice(&exponent.to_be_bytes());
                            let mut source = Stream::new(&seed);
                            let mut primes = Vec::new();
                            for _ in 0..wanted.div_ceil(lanes) {
                                let key = generate(bits, exponent, &mut source).unwrap();
                                check(&key, bits, exponent, &mut source);
                                far_apart(&key);
                                primes.push(key.p().to_vec());
                                primes.push(key.q().to_vec());
                            }
                            primes
                        })
                    })
                    .collect();
                work.into_iter().map(|lane| lane.join().unwrap()).collect()
            });
            let count: usize = primes.iter().map(Vec::len).sum();
            let distinct: BTreeSet<&Vec<u8>> = primes.iter().flatten().collect();
            assert_eq!(distinct.len(), count, "a prime came twice");
            // No two primes from one window: their high halves differ, too.
            let starts: BTreeSet<&[u8]> = distinct.iter().map(|p| &p[..p.len() - 8]).collect();
            assert_eq!(starts.len(), count, "two primes are neighbours");
        }
    }
}

/// Chi-square of counts that should be equal; fails far beyond chance (six standard deviations).
fn even(counts: &[u32], what: &str) {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    let square = |count: &u32| (f64::from(*count) - expected).powi(2) / expected;
    let chi: f64 = counts.iter().map(square).sum();
    let freedom = counts.len() as f64 - 1.0;
    assert!(
        chi < freedom + 6.0 * (2.0 * freedom).sqrt(),
        "{what}: {chi} of {counts:?}"
    );
}

#[test]
fn primes_are_spread_as_the_documents_say() {
    let mut source = Stream::new(&[0x3D; 32]);
    for exponent in [3u32, 65_537] {
        let mut primes = Vec::new();
        for _ in 0..2_000 {
            let key = generate(512, exponent, &mut source).unwrap();
            primes.push((key.p().to_vec(), true));
            primes.push((key.q().to_vec(), false));
        }
        // The six bits below the two that are always set; p is the larger, so both together. A
        // key's product always has its full length, so that nothing is thrown away.
        let mut high = [0; 16];
        let mut low = [0; 8];
        for (prime, _) in &primes {
            high[usize::from(prime[0] >> 2 & 0xF)] += 1;
            low[usize::from(prime[31] >> 1 & 7)] += 1;
        }
        even(&high, "the highest bits");
        even(&low, "the lowest bits above the last");
        for small in [3u32, 5, 7, 11, 13, 17, 19, 23] {
            let mut counts = vec![0; small as usize];
            for (prime, _) in &primes {
                let rest = prime
                    .iter()
                    .fold(0, |rest, o| (rest << 8 | u32::from(*o)) % small);
                counts[rest as usize] += 1;
            }
            assert_eq!(counts[0], 0, "no small factor");
            if small == exponent {
                assert_eq!(counts[1], 0, "p - 1 has no factor e");
                continue;
            }
            even(
                &counts[1..],
                &format!("residues modulo {small}, e {exponent}"),
            );
        }
    }
}

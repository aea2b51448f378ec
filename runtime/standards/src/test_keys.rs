//! Open test keys: the same for everybody everywhere, so that bundles, cards and check values made
//! with them can be compared.
//!
//! **These keys are public. Their seed is this file.** Whoever knows a key's name knows the key.
//! They protect nothing and must never meet a live card; a soft HSM that uses them refuses LIVE
//! bundles.
//!
//! The rules below are fixed for ever: certificates and cards in many places depend on them.
//!
//! 1. **Expansion.** Block `i` of (name, algorithm) is SHA-256 over: `i` as 4 octets big endian,
//!    counted from 0; the ASCII text `Cardwright open test key v1`; a zero octet; the name in
//!    UTF-8; a zero octet; the algorithm in ASCII. The stream is block 0, block 1, and so on.
//! 2. **Symmetric keys** (`tdes2`, `tdes3`, `aes128`, `aes192`, `aes256`) are the first 16, 24,
//!    16, 24 or 32 octets of the stream; DES keys then get odd parity. Should two neighbouring
//!    parts of a DES key be equal, the key is cut 8 octets later in the stream, and so on until
//!    they differ.
//! 3. **RSA primes** of a modulus of `bits` bits (a multiple of 8) and exponent `e`: the
//!    algorithm text is `rsa BITS E p` or `rsa BITS E q`, in decimal, single spaces. The first
//!    `bits / 8` octets of the stream, of which the first `bits / 2` bits are taken as a
//!    big-endian number, in which the two highest bits and the lowest bit are set. From there in
//!    steps of 2 the first number is taken that is prime and is not 1 modulo `e`. The modulus has
//!    exactly `bits` bits.

use crate::cipher::KeyBytes;
use crate::des_keys::{has_equal_parts, set_odd_parity};
use num_bigint_dig::BigUint;
use num_bigint_dig::prime::probably_prime;
use sha2::{Digest, Sha256};

/// What every expansion begins with.
const LABEL: &[u8] = b"Cardwright open test key v1";

/// Smallest modulus in bits.
pub const RSA_BITS_MIN: u32 = 512;
/// Largest modulus in bits; more than EMV's 1984 so that other issuers' tools may be tested.
pub const RSA_BITS_MAX: u32 = 4096;

/// Miller-Rabin rounds beside the Lucas test; they decide whether a number is prime, not which.
const PRIME_ROUNDS: usize = 10;
/// Odd numbers below this sieve the candidates.
const SIEVE_LIMIT: u32 = 20_000;
/// Candidates that are sieved at once.
const WINDOW: usize = 4096;

/// Why there is no such test key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestKeyError {
    /// An algorithm that has no rule.
    #[error(
        "there is no open test key for algorithm `{0}`; known are tdes2, tdes3, aes128, aes192, \
         aes256"
    )]
    Algorithm(String),
    /// A name with a zero octet or none.
    #[error("a key's name has 1 to 256 octets and no zero octet")]
    Name,
    /// Bits or exponent outside the rule.
    #[error(
        "open RSA test keys have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, a multiple of 8, and the \
         exponent 3 or 65537"
    )]
    Rsa,
}

impl TestKeyError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0594"
    }
}

/// The open test key of a name and algorithm. Public: protects nothing.
pub fn symmetric_key(name: &str, algorithm: &str) -> Result<KeyBytes, TestKeyError> {
    check_name(name)?;
    let (octets, des) = match algorithm {
        "tdes2" => (16, true),
        "tdes3" => (24, true),
        "aes128" => (16, false),
        "aes192" => (24, false),
        "aes256" => (32, false),
        _ => {
            return Err(TestKeyError::Algorithm(
                algorithm.chars().take(32).collect(),
            ));
        }
    };
    let mut from = 0;
    loop {
        let stream = expand(name, algorithm, from + octets);
        let cut = stream.get(from..).unwrap_or_default();
        let mut key =
            KeyBytes::new(cut).map_err(|_| TestKeyError::Algorithm(algorithm.to_owned()))?;
        if des {
            set_odd_parity(key.expose_mut());
        }
        if !des || !has_equal_parts(key.expose()) {
            return Ok(key);
        }
        from += 8;
    }
}

/// The two primes (p, q) of the open RSA test key of a name, big endian, `bits / 16` octets each
/// (rounded up). Public: protects nothing. Takes up to seconds; callers keep the result.
pub fn rsa_primes(
    name: &str,
    bits: u32,
    exponent: u32,
) -> Result<(Vec<u8>, Vec<u8>), TestKeyError> {
    check_name(name)?;
    let known = (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) && bits.is_multiple_of(8);
    if !known || !matches!(exponent, 3 | 65_537) {
        return Err(TestKeyError::Rsa);
    }
    let prime = |which: &str| {
        let algorithm = format!("rsa {bits} {exponent} {which}");
        let stream = expand(name, &algorithm, (bits / 8) as usize);
        first_prime(start(&stream, bits / 2, bits), exponent).to_bytes_be()
    };
    Ok((prime("p"), prime("q")))
}

/// The first `half` bits of `bits` as a number with the two highest bits and the lowest one set.
fn start(stream: &[u8], half: u32, bits: u32) -> BigUint {
    let number = BigUint::from_bytes_be(stream) >> (bits - half) as usize;
    let top = BigUint::from(3u32) << (half - 2) as usize;
    number | top | BigUint::from(1u32)
}

/// From an odd start in steps of 2: the first prime that is not 1 modulo the exponent.
fn first_prime(start: BigUint, exponent: u32) -> BigUint {
    let primes = small_odd_primes();
    let mut base = start;
    loop {
        // sieved[i]: base + 2 i has a small factor, or is 1 modulo the exponent.
        let mut sieved = vec![false; WINDOW];
        for prime in &primes {
            strike(&mut sieved, residue(&base, *prime), *prime, 0);
        }
        strike(&mut sieved, residue(&base, exponent), exponent, 1);
        let candidates = sieved.iter().enumerate().filter(|(_, struck)| !**struck);
        for (step, _) in candidates {
            let candidate = &base + BigUint::from(2 * step as u64);
            if probably_prime(&candidate, PRIME_ROUNDS) {
                return candidate;
            }
        }
        base += BigUint::from(2 * WINDOW as u64);
    }
}

/// Strikes every `base + 2 i` that leaves `unwanted` when divided by an odd `prime`.
fn strike(sieved: &mut [bool], residue: u32, prime: u32, unwanted: u32) {
    // 2 i = unwanted - residue (mod prime); the half of an odd number is that of it plus prime.
    let difference = (prime + unwanted - residue) % prime;
    let first = if difference.is_multiple_of(2) {
        difference / 2
    } else {
        (difference + prime) / 2
    };
    for struck in sieved
        .iter_mut()
        .skip(first as usize)
        .step_by(prime as usize)
    {
        *struck = true;
    }
}

fn residue(number: &BigUint, divisor: u32) -> u32 {
    let rest = number % BigUint::from(divisor);
    rest.to_bytes_be()
        .iter()
        .fold(0, |value, octet| value << 8 | u32::from(*octet))
}

fn small_odd_primes() -> Vec<u32> {
    let mut primes: Vec<u32> = Vec::new();
    for number in (3..SIEVE_LIMIT).step_by(2) {
        let divides = |prime: &u32| number % prime == 0;
        if !primes
            .iter()
            .take_while(|prime| *prime * *prime <= number)
            .any(divides)
        {
            primes.push(number);
        }
    }
    primes
}

fn expand(name: &str, algorithm: &str, octets: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(octets + 32);
    let mut counter = 0u32;
    while stream.len() < octets {
        let mut hash = Sha256::new();
        hash.update(counter.to_be_bytes());
        for part in [LABEL, &[0], name.as_bytes(), &[0], algorithm.as_bytes()] {
            hash.update(part);
        }
        stream.extend_from_slice(&hash.finalize());
        counter += 1;
    }
    stream.truncate(octets);
    stream
}

fn check_name(name: &str) -> Result<(), TestKeyError> {
    if name.is_empty() || name.len() > 256 || name.contains('\0') {
        return Err(TestKeyError::Name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: tests/vectors/project/test_keys.py, an independent program after the rules
    // in this file's head.
    #[test]
    fn symmetric_keys_never_change() {
        let key = |algorithm| {
            crate::hex::encode(symmetric_key("aurora.imk_ac", algorithm).unwrap().expose())
        };
        assert_eq!(key("tdes2"), "01D379A8D3C1C80EDA7023C4BADC73CD");
        assert_eq!(
            key("tdes3"),
            "FBDCF7D93E85B02C64C7FB4670D694B3B9E65D67973ED302"
        );
        assert_eq!(key("aes128"), "97EDE4A84FC24132D2F037289248BAAF");
        assert_eq!(
            key("aes256"),
            concat!(
                "172BE851A44892BDC49961CE728B22F1B93DB97D046D5053199A146A4A03",
                "A450"
            )
        );
    }

    #[test]
    fn primes_never_change() {
        let (p, q) = rsa_primes("aurora.issuer_rsa", 1024, 3).unwrap();
        assert_eq!(
            crate::hex::encode(&p),
            concat!(
                "CE386A1971527B62B76BED75EDCC0AFD43298C2E0CDFFD34343C7DE29B29",
                "D0A12AE58FDC1A2C7D091EBBA27C56416D713FF71A14BEA919CDE2C9CC81",
                "AF230FC1"
            )
        );
        assert_eq!(
            crate::hex::encode(&q),
            concat!(
                "C29E38C6FAAAA17FFBE0E301D5C1405FA82998D325FF42AED729327BC300",
                "7819B212FDCF9376DA8BFE2E11BE8ECF646DD2E386D3ECC96A82C43A9517",
                "6D3311D7"
            )
        );
        let (p, q) = rsa_primes("test", 520, 65_537).unwrap();
        assert_eq!(
            crate::hex::encode(&p),
            concat!(
                "0E3A9199B3FF0FDB60648494A6207F86BD2BD8889F03CE68F7D9C5B41FF6",
                "5B30E3"
            )
        );
        assert_eq!(
            crate::hex::encode(&q),
            concat!(
                "0E40A56488EEBED4F0B85075368B68A2DA09F56823DB090BED8E1D2F7E0C",
                "C10273"
            )
        );
    }

    #[test]
    fn moduli_have_their_exact_length() {
        for bits in [512, 520, 1152] {
            let (p, q) = rsa_primes("length", bits, 65_537).unwrap();
            let n = BigUint::from_bytes_be(&p) * BigUint::from_bytes_be(&q);
            assert_eq!(n.bits(), bits as usize);
        }
    }

    #[test]
    fn what_is_refused() {
        assert!(symmetric_key("a", "des").is_err());
        assert!(symmetric_key("a\0b", "tdes2").is_err() && symmetric_key("", "tdes2").is_err());
        assert!(rsa_primes("a", 1025, 3).is_err() && rsa_primes("a", 1024, 5).is_err());
    }
}

//! A private key and its operation by the Chinese remainder theorem, checked before it leaves.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::crt::{Crt, Engine};
use crate::generate::DISTANCE_BITS;
use crate::lanes::Arithmetic;
use crate::limbs::{from_octets, multiply, to_octets};
use crate::montgomery::{bit_length, subtract};
use crate::prime;
use crate::{MODULUS_BITS_MIN, RandomSource, RsaError, check_size, public, with_half_limbs};

/// An RSA private key with its chip components; can't be printed or copied, wiped when dropped.
pub struct RsaKey {
    modulus: Vec<u8>,
    exponent: u32,
    components: [Zeroizing<Vec<u8>>; 5],
    engine: Box<dyn Engine>,
}

impl RsaKey {
    /// The key of two primes, big endian, `p` above `q`. The primes are not tested again, but the
    /// key must sign and verify.
    ///
    /// # Errors
    /// [`RsaError::Size`] for sizes that are not allowed; [`RsaError::Fault`] when signing and
    /// verifying differ.
    pub fn from_primes(p: &[u8], q: &[u8], exponent: u32) -> Result<Self, RsaError> {
        Self::from_primes_by(Arithmetic::best(), p, q, exponent)
    }

    /// [`RsaKey::from_primes`] with a certain arithmetic for its private operation.
    ///
    /// # Errors
    /// As [`RsaKey::from_primes`].
    pub fn from_primes_by(
        arithmetic: Arithmetic,
        p: &[u8],
        q: &[u8],
        exponent: u32,
    ) -> Result<Self, RsaError> {
        let bits = 2 * octets_bits(p);
        check_size(bits, exponent)?;
        let key = with_half_limbs!(bits, LIMBS => Self::build::<LIMBS>(arithmetic, p, q, exponent),
            else None)
        .ok_or_else(|| RsaError::Size("primes that do not make a key".to_owned()))?;
        // Pairwise consistency: a composite factor or a wrong component would show here.
        let mut probe = vec![0x5A; key.modulus.len()];
        if let Some(first) = probe.first_mut() {
            *first = 0;
        }
        // Nobody chose the input: nothing to blind.
        key.checked(&probe, None)?;
        Ok(key)
    }

    /// The key of two primes that somebody else made: each must be prime as well, whoever chose
    /// it; composites pass with a chance of at most `2^-100`. In either order.
    ///
    /// # Errors
    /// [`RsaError::Size`] for factors that are not prime, too close to each other, or do not make
    /// a key of an allowed size; [`RsaError::Randomness`]; [`RsaError::Fault`].
    pub fn import(
        first: &[u8],
        second: &[u8],
        exponent: u32,
        source: &mut dyn RandomSource,
    ) -> Result<Self, RsaError> {
        for factor in [first, second] {
            if !is_prime(factor, source)? {
                return Err(RsaError::Size("a factor that is not prime".to_owned()));
            }
        }
        let (first, second) = (stripped(first), stripped(second));
        let swapped = (first.len(), first) < (second.len(), second);
        let (p, q) = if swapped {
            (second, first)
        } else {
            (first, second)
        };
        Self::from_primes(p, q, exponent)
    }

    fn build<const L: usize>(
        arithmetic: Arithmetic,
        p: &[u8],
        q: &[u8],
        exponent: u32,
    ) -> Option<Self> {
        let p = Zeroizing::new(from_octets::<L>(p)?);
        let q = Zeroizing::new(from_octets::<L>(q)?);
        let half = bit_length(p.as_slice());
        if subtract(&q, &p).1 == 0 || bit_length(q.as_slice()) != half {
            return None;
        }
        if bit_length(&subtract(&p, &q).0) <= half.checked_sub(DISTANCE_BITS)? {
            return None;
        }
        let modulus = multiply(&p, &q);
        let bits = bit_length(modulus.as_flattened());
        if bits != 2 * half {
            return None;
        }
        let engine = Crt::new(arithmetic, &p, &q, exponent)?;
        let components = engine.components().map(|limbs| {
            let mut octets = Zeroizing::new(vec![0; half.div_ceil(8)]);
            to_octets(limbs.as_slice(), &mut octets);
            octets
        });
        let mut octets = vec![0; bits / 8];
        to_octets(modulus.as_flattened(), &mut octets);
        Some(Self {
            modulus: octets,
            exponent,
            components,
            engine: Box::new(engine),
        })
    }

    /// Modulus, big endian, without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// Public exponent.
    pub fn exponent(&self) -> u32 {
        self.exponent
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> u32 {
        8 * self.modulus.len() as u32
    }

    /// `q^-1 mod p`, `d mod q-1`, `d mod p-1`, `q`, `p`: the order of DGIs 8201 to 8205, each of
    /// `ceil(bits / 16)` octets.
    pub fn components(&self) -> &[Zeroizing<Vec<u8>>; 5] {
        &self.components
    }

    /// The larger prime.
    pub fn p(&self) -> &[u8] {
        let [_, _, _, _, p] = &self.components;
        p
    }

    /// The smaller prime.
    pub fn q(&self) -> &[u8] {
        let [_, _, _, q, _] = &self.components;
        q
    }

    /// The private exponent `e^-1 mod (p - 1)(q - 1)`, as long as the modulus, for tokens that
    /// want it beside the factors.
    pub fn private_exponent(&self) -> Zeroizing<Vec<u8>> {
        self.engine
            .private_exponent(self.exponent, self.modulus.len())
    }

    /// `input^d mod n`, as long as the modulus. What the source gives blinds the numbers that are
    /// worked with and does not change the result. The result is raised to the public exponent
    /// and compared before it leaves: a fault in one half would give the factors away.
    ///
    /// # Errors
    /// [`RsaError::Argument`] when the input is not below the modulus; [`RsaError::Randomness`]
    /// when the source fails; [`RsaError::Fault`] after a fault.
    pub fn apply(&self, input: &[u8], source: &mut dyn RandomSource) -> Result<Vec<u8>, RsaError> {
        self.checked(input, Some(source))
    }

    fn checked(
        &self,
        input: &[u8],
        source: Option<&mut dyn RandomSource>,
    ) -> Result<Vec<u8>, RsaError> {
        let padded = self.padded(input)?;
        let mut output = vec![0; self.modulus.len()];
        self.engine.apply(&padded, &mut output, source)?;
        let again = public::raise(&self.modulus, self.exponent, &output);
        match again {
            Ok(again) if bool::from(again.ct_eq(&padded)) => Ok(output),
            _ => Err(RsaError::Fault),
        }
    }

    /// The input as long as the modulus; refused when it is not below it.
    fn padded(&self, input: &[u8]) -> Result<Vec<u8>, RsaError> {
        let refused = || RsaError::Argument(public::NOT_BELOW);
        let missing = self
            .modulus
            .len()
            .checked_sub(input.len())
            .ok_or_else(refused)?;
        let mut padded = vec![0; missing];
        padded.extend_from_slice(input);
        if padded >= self.modulus {
            return Err(refused());
        }
        Ok(padded)
    }
}

/// Whether a number of at most 2048 bits is prime; composites pass with a chance of at most
/// `2^-100`, whoever chose them. Numbers below 128 are not taken for primes.
///
/// # Errors
/// [`RsaError::Size`] for a longer number, [`RsaError::Randomness`] when the source fails.
pub fn is_prime(number: &[u8], source: &mut dyn RandomSource) -> Result<bool, RsaError> {
    is_prime_by(Arithmetic::best(), number, source)
}

fn is_prime_by(
    arithmetic: Arithmetic,
    number: &[u8],
    source: &mut dyn RandomSource,
) -> Result<bool, RsaError> {
    let too_long = || RsaError::Size("a factor of more than 2048 bits".to_owned());
    let bits = (2 * octets_bits(number)).max(MODULUS_BITS_MIN);
    with_half_limbs!(bits, LIMBS => {
        let limbs = Zeroizing::new(from_octets::<LIMBS>(number).ok_or_else(too_long)?);
        prime::is_prime(&limbs, arithmetic, source)
    }, else Err(too_long()))
}

/// Without leading zeros.
fn stripped(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|o| **o == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

fn octets_bits(octets: &[u8]) -> u32 {
    let significant = stripped(octets);
    let first = significant.first().map_or(0, |first| first.leading_zeros());
    8 * significant.len() as u32 - first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoRandomness, generate};
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    struct Seeded(ChaCha20Rng);

    impl RandomSource for Seeded {
        fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
            self.0.fill_bytes(octets);
            Ok(())
        }
    }

    fn seeded(seed: u8) -> Seeded {
        Seeded(ChaCha20Rng::from_seed([seed; 32]))
    }

    fn ways() -> Vec<Arithmetic> {
        let mut ways = vec![Arithmetic::Scalar, Arithmetic::best()];
        ways.dedup();
        ways
    }

    /// An engine in which one bit of one half falls over.
    struct Faulty {
        whole: Crt<4>,
        half: usize,
        bit: usize,
    }

    impl Engine for Faulty {
        fn apply(
            &self,
            input: &[u8],
            output: &mut [u8],
            source: Option<&mut dyn RandomSource>,
        ) -> Result<(), RsaError> {
            let number = Crt::<4>::wide(input).unwrap();
            let mut halves = self.whole.halves(&number, source)?;
            halves[self.half][self.bit / 64] ^= 1 << (self.bit % 64);
            self.whole.join(&halves, output);
            Ok(())
        }

        fn private_exponent(&self, _: u32, _: usize) -> Zeroizing<Vec<u8>> {
            Zeroizing::new(Vec::new())
        }
    }

    #[test]
    fn a_fault_in_one_half_does_not_leave() {
        for way in ways() {
            let mut key = generate(512, 65_537, &mut seeded(1)).unwrap();
            let (p, q): ([u64; 4], [u64; 4]) =
                (from_octets(key.p()).unwrap(), from_octets(key.q()).unwrap());
            let text = [0x42; 64];
            let expected = key.apply(&text, &mut seeded(2)).unwrap();
            // The engine itself without a fault, then with one.
            key.engine = Box::new(Crt::new(way, &p, &q, 65_537).unwrap());
            assert_eq!(key.apply(&text, &mut seeded(3)).unwrap(), expected);
            for half in [0, 1] {
                for bit in (0..250).step_by(13) {
                    let whole = Crt::new(way, &p, &q, 65_537).unwrap();
                    key.engine = Box::new(Faulty { whole, half, bit });
                    let refused = key.apply(&text, &mut seeded(4)).unwrap_err();
                    assert_eq!(refused, RsaError::Fault, "{} {half} {bit}", way.name());
                }
            }
        }
    }

    /// Decimal digits as octets.
    fn decimal(digits: &str) -> Vec<u8> {
        let mut octets = vec![0u8; 170];
        for digit in digits.bytes() {
            let mut carry = u32::from(digit - b'0');
            for octet in octets.iter_mut().rev() {
                carry += 10 * u32::from(*octet);
                *octet = carry as u8;
                carry >>= 8;
            }
        }
        octets
    }

    fn passes_two(way: Arithmetic, number: &[u8]) -> bool {
        let limbs: [u64; 32] = from_octets(number).unwrap();
        way.first_strong_two(&[&limbs], bit_length(&limbs))
            .is_some()
    }

    #[test]
    fn composites_that_pass_base_two_are_refused() {
        // Strong pseudoprimes to base 2 (OEIS A001262), one of them to 2, 3, 5 and 7 as well, and
        // Arnault's two Carmichael numbers, strong pseudoprimes to all prime bases up to 31 and up
        // to 293 (F. Arnault, Rabin-Miller primality test: composite numbers which pass it, 1995,
        // and Constructing Carmichael numbers which are strong pseudoprimes to several bases).
        for digits in [
            "2047",
            "3277",
            "4033",
            "4681",
            "8321",
            "15841",
            "29341",
            "1373653",
            "3215031751",
            "1195068768795265792518361315725116351898245581",
            ARNAULT,
        ] {
            let number = decimal(digits);
            for way in ways() {
                assert!(passes_two(way, &number), "{} {digits}", way.name());
                assert!(
                    !is_prime_by(way, &number, &mut seeded(5)).unwrap(),
                    "{digits}"
                );
            }
        }
        // Carmichael numbers (OEIS A002997): Fermat's test does not see them.
        for digits in ["561", "1105", "1729", "825265", "9746347772161"] {
            for way in ways() {
                assert!(!is_prime_by(way, &decimal(digits), &mut seeded(6)).unwrap());
            }
        }
        // Mersenne primes, 2^255 - 19 and a prime of this test's own length.
        for bits in [61, 89, 107, 127, 521, 607, 1279] {
            let mut number = vec![0xFF; usize::div_ceil(bits, 8)];
            number[0] = 0xFF >> (8 * number.len() - bits);
            for way in ways() {
                assert!(
                    is_prime_by(way, &number, &mut seeded(7)).unwrap(),
                    "2^{bits} - 1"
                );
                number[0] >>= 1;
                assert!(!is_prime_by(way, &number, &mut seeded(7)).unwrap());
                number[0] = number[0] << 1 | 1;
            }
        }
    }

    const ARNAULT: &str = concat!(
        "28871482380507712126714295971303939919776094592797227009265160241974323037991527",
        "33116328983144639225941977803110929349655578418949441740933805615113979999421542",
        "41693397290542371100275104208013496673175515285922696291677532547504444585610194",
        "94042000399044321167766199496295392504526987193290703735640322737012784538991261",
        "20309244841494728976885406024976768122077071687938121709811322297802059565867",
    );
}

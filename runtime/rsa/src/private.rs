//! A private key and its operation by the Chinese remainder theorem, checked before it leaves.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::limbs::{from_octets, inverse_modulo_prime, multiply, remainder, scale, to_octets};
use crate::montgomery::{Modulus, accumulate, bit_length, subtract};
use crate::{RandomSource, RsaError, check_size, public, with_half_limbs};

/// An RSA private key with its chip components; can't be printed or copied, wiped when dropped.
pub struct RsaKey {
    modulus: Vec<u8>,
    exponent: u32,
    components: [Zeroizing<Vec<u8>>; 5],
    engine: Box<dyn Engine>,
}

/// The private operation with a width of its own.
trait Engine: Send + Sync {
    fn apply(&self, input: &[u8], output: &mut [u8], blinds: [u64; 2]) -> Option<()>;
}

impl RsaKey {
    /// The key of two primes, big endian, `p` above `q`. The primes are not tested again, but the
    /// key must sign and verify.
    ///
    /// # Errors
    /// [`RsaError::Size`] for sizes that are not allowed; [`RsaError::Fault`] when signing and
    /// verifying differ.
    pub fn from_primes(p: &[u8], q: &[u8], exponent: u32) -> Result<Self, RsaError> {
        let bits = 2 * octets_bits(p);
        check_size(bits, exponent)?;
        let key = with_half_limbs!(bits, LIMBS => Self::build::<LIMBS>(p, q, exponent), else None)
            .ok_or_else(|| RsaError::Size("primes that do not make a key".to_owned()))?;
        // Pairwise consistency: a composite factor or a wrong component would show here.
        let mut probe = vec![0x5A; key.modulus.len()];
        if let Some(first) = probe.first_mut() {
            *first = 0;
        }
        // Nobody chose the input, and the key has no other result yet to compare with.
        key.apply_blinded(&probe, [0; 2])?;
        Ok(key)
    }

    fn build<const L: usize>(p: &[u8], q: &[u8], exponent: u32) -> Option<Self> {
        let p = Zeroizing::new(from_octets::<L>(p)?);
        let q = Zeroizing::new(from_octets::<L>(q)?);
        let half = bit_length(p.as_slice());
        if subtract(&q, &p).1 == 0 || bit_length(q.as_slice()) != half {
            return None;
        }
        let modulus = multiply(&p, &q);
        let bits = bit_length(modulus.as_flattened());
        if bits != 2 * half {
            return None;
        }
        let engine = Crt::new(&p, &q, exponent)?;
        let parts = [&engine.q_inverse_plain, &engine.d_q, &engine.d_p, &*q, &*p];
        let components = parts.map(|limbs| {
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

    /// `input^d mod n`, as long as the modulus. Both exponents are blinded by what the source
    /// gives, which does not change the result. The result is raised to the public exponent and
    /// compared before it leaves: a fault in one half would give the factors away.
    ///
    /// # Errors
    /// [`RsaError::Argument`] when the input is not below the modulus; [`RsaError::Randomness`]
    /// when the source fails; [`RsaError::Fault`] after a fault.
    pub fn apply(&self, input: &[u8], source: &mut dyn RandomSource) -> Result<Vec<u8>, RsaError> {
        let mut blinds = [0u64; 2];
        for blind in &mut blinds {
            let mut octets = Zeroizing::new([0; 8]);
            source.fill(octets.as_mut_slice())?;
            *blind = u64::from_le_bytes(*octets);
        }
        self.apply_blinded(input, blinds)
    }

    fn apply_blinded(&self, input: &[u8], blinds: [u64; 2]) -> Result<Vec<u8>, RsaError> {
        let padded = self.padded(input)?;
        let mut output = vec![0; self.modulus.len()];
        let done = self.engine.apply(&padded, &mut output, blinds);
        let again = public::raise(&self.modulus, self.exponent, &output);
        match (done, again) {
            (Some(()), Ok(again)) if bool::from(again.ct_eq(&padded)) => Ok(output),
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

fn octets_bits(octets: &[u8]) -> u32 {
    let zeros = octets.iter().take_while(|o| **o == 0).count();
    octets.get(zeros).map_or(0, |first| {
        8 * (octets.len() - zeros) as u32 - first.leading_zeros()
    })
}

/// Precomputed halves of a key of `2 L` limbs.
struct Crt<const L: usize> {
    p: Modulus<L>,
    q: Modulus<L>,
    p_r_squared: [u64; L],
    q_r_squared: [u64; L],
    d_p: Zeroizing<[u64; L]>,
    d_q: Zeroizing<[u64; L]>,
    /// `q^-1 mod p` in Montgomery's form, and plain for the chip.
    q_inverse: Zeroizing<[u64; L]>,
    q_inverse_plain: Zeroizing<[u64; L]>,
}

impl<const L: usize> Crt<L> {
    fn new(p: &[u64; L], q: &[u64; L], exponent: u32) -> Option<Self> {
        let d_p = private_exponent(p, exponent)?;
        let d_q = private_exponent(q, exponent)?;
        let p_form = Modulus::new(*p)?;
        let q_form = Modulus::new(*q)?;
        let p_r_squared = p_form.r_squared();
        // Fermat: q^(p - 2) is q^-1 modulo p.
        let mut two = [0; L];
        *two.first_mut()? = 2;
        let base = p_form.multiply(q, &p_r_squared);
        let q_inverse = Zeroizing::new(p_form.power(&base, &subtract(p, &two).0));
        Some(Self {
            p_r_squared,
            q_r_squared: q_form.r_squared(),
            q_inverse_plain: Zeroizing::new(p_form.leave(&q_inverse)),
            q_inverse,
            p: p_form,
            q: q_form,
            d_p,
            d_q,
        })
    }
}

/// `e^-1 mod (prime - 1)`; `None` when there is none.
fn private_exponent<const L: usize>(
    prime: &[u64; L],
    exponent: u32,
) -> Option<Zeroizing<[u64; L]>> {
    let mut order = Zeroizing::new(*prime);
    *order.first_mut()? &= !1;
    let rest = remainder(order.as_slice(), exponent);
    if rest == 0 {
        return None;
    }
    // (1 + k (prime - 1)) / e for the k that leaves no remainder.
    let factor = exponent - inverse_modulo_prime(rest, exponent);
    Some(Zeroizing::new(scale(&order, factor, exponent)))
}

impl<const L: usize> Engine for Crt<L> {
    fn apply(&self, input: &[u8], output: &mut [u8], blinds: [u64; 2]) -> Option<()> {
        // The input is cut at R = 2^(64 L).
        let split = input.len().checked_sub(8 * L);
        let (high, low) = input.split_at_checked(split.unwrap_or(0))?;
        let (high, low) = (from_octets::<L>(high)?, from_octets::<L>(low)?);
        let [p_blind, q_blind] = blinds;
        let d_p = blinded(&self.d_p, self.p.limbs(), p_blind);
        let d_q = blinded(&self.d_q, self.q.limbs(), q_blind);
        let m_p = half(&self.p, &self.p_r_squared, &high, &low, &d_p);
        let m_q = half(&self.q, &self.q_r_squared, &high, &low, &d_q);
        // Garner: s = m_q + q ((m_p - m_q) q^-1 mod p); q < p, so m_q is a residue of p as well.
        let difference = Zeroizing::new(self.p.subtract(&m_p, &m_q));
        let factor = Zeroizing::new(self.p.multiply(&difference, &self.q_inverse));
        let mut sum = Zeroizing::new(multiply(&factor, self.q.limbs()));
        let one = [1u64];
        let wide = sum.as_flattened_mut();
        let (bottom, top) = wide.split_at_mut_checked(L)?;
        let mut carry = accumulate(bottom, 1, m_q.as_slice());
        for limb in top {
            carry = accumulate(std::slice::from_mut(limb), carry, &one);
        }
        to_octets(wide, output);
        Some(())
    }
}

/// `exponent + blind (prime - 1)`, one limb longer: another exponent each time, the same power.
fn blinded<const L: usize>(
    exponent: &[u64; L],
    prime: &[u64; L],
    blind: u64,
) -> Zeroizing<Vec<u64>> {
    let mut order = Zeroizing::new(*prime);
    if let Some(lowest) = order.first_mut() {
        *lowest &= !1;
    }
    let mut sum = Zeroizing::new(Vec::with_capacity(L + 1));
    sum.extend_from_slice(exponent);
    let carry = accumulate(&mut sum, blind, order.as_slice());
    sum.push(carry);
    sum
}

/// `(high R + low)^exponent mod n`.
fn half<const L: usize>(
    modulus: &Modulus<L>,
    r_squared: &[u64; L],
    high: &[u64; L],
    low: &[u64; L],
    exponent: &[u64],
) -> Zeroizing<[u64; L]> {
    // multiply(x, R^2) brings any x of L limbs into Montgomery's form; twice shifts by R.
    let shifted = modulus.multiply(&modulus.multiply(high, r_squared), r_squared);
    let base = modulus.add(&shifted, &modulus.multiply(low, r_squared));
    Zeroizing::new(modulus.leave(&modulus.power(&base, exponent)))
}

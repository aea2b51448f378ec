//! The private operation by the Chinese remainder theorem: two halves, blinded, and their joint.

use zeroize::Zeroizing;

use crate::lanes::Arithmetic;
use crate::limbs::{
    from_octets, inverse_modulo_prime, multiply, remainder, scale, to_octets, weaken,
};
use crate::montgomery::{Modulus, accumulate, bit_length, subtract};
use crate::{RandomSource, RsaError};

/// Random octets that blind an exponent: as many as one limb has.
const EXPONENT_BLIND_OCTETS: usize = 8;

/// The private operation with a width of its own.
pub(crate) trait Engine: Send + Sync {
    /// `input^d mod n`, unchecked; blinded when there is a source.
    fn apply(
        &self,
        input: &[u8],
        output: &mut [u8],
        source: Option<&mut dyn RandomSource>,
    ) -> Result<(), RsaError>;

    /// `exponent^-1 mod (p - 1)(q - 1)` in so many octets.
    fn private_exponent(&self, exponent: u32, octets: usize) -> Zeroizing<Vec<u8>>;
}

/// One prime with its private exponent.
struct Half<const L: usize> {
    modulus: Modulus<L>,
    r_squared: [u64; L],
    /// `e^-1 mod (prime - 1)`.
    exponent: Zeroizing<[u64; L]>,
}

/// Both halves of a key of `2 L` limbs.
pub(crate) struct Crt<const L: usize> {
    p: Half<L>,
    q: Half<L>,
    /// `q^-1 mod p` in Montgomery's form.
    q_inverse: Zeroizing<[u64; L]>,
    arithmetic: Arithmetic,
    bits: usize,
}

/// A number of `2 L` limbs that is to be raised.
pub(crate) type Wide<const L: usize> = [[u64; L]; 2];

impl<const L: usize> Half<L> {
    fn new(prime: &[u64; L], exponent: u32) -> Option<Self> {
        let modulus = Modulus::new(*prime)?;
        Some(Self {
            r_squared: modulus.r_squared(),
            exponent: half_exponent(prime, exponent)?,
            modulus,
        })
    }

    fn prime(&self) -> &[u64; L] {
        self.modulus.limbs()
    }

    /// `low + R high` in Montgomery's form.
    fn residue(&self, [low, high]: &Wide<L>) -> Zeroizing<[u64; L]> {
        // multiply(x, R^2) brings any x of L limbs into Montgomery's form; twice shifts by R.
        let n = &self.modulus;
        let shifted = n.multiply(&n.multiply(high, &self.r_squared), &self.r_squared);
        Zeroizing::new(n.add(&shifted, &n.multiply(low, &self.r_squared)))
    }

    /// The residue raised, under another exponent each time: `d + blind (prime - 1)`.
    fn power(&self, number: &Wide<L>, blind: u64) -> Zeroizing<[u64; L]> {
        let mut order = Zeroizing::new(*self.prime());
        if let Some(lowest) = order.first_mut() {
            *lowest &= !1;
        }
        let mut exponent = Zeroizing::new(Vec::with_capacity(L + 1));
        exponent.extend_from_slice(self.exponent.as_slice());
        let carry = accumulate(&mut exponent, blind, order.as_slice());
        exponent.push(carry);
        let power = self.modulus.power(&self.residue(number), &exponent);
        Zeroizing::new(self.modulus.leave(&power))
    }

    /// `prime - 1 - d`: a number raised to it is the inverse of the number raised to `d`.
    fn inverse_exponent(&self) -> Zeroizing<[u64; L]> {
        let mut order = Zeroizing::new(*self.prime());
        if let Some(lowest) = order.first_mut() {
            *lowest &= !1;
        }
        Zeroizing::new(subtract(&order, &self.exponent).0)
    }

    /// The number times the blind, plain.
    fn blinded(&self, number: &Wide<L>, blind: &[u64; L]) -> Zeroizing<[u64; L]> {
        Zeroizing::new(self.modulus.multiply(blind, &self.residue(number)))
    }

    /// The product of two plain numbers below the prime.
    fn product(&self, a: &[u64; L], b: &[u64; L]) -> Zeroizing<[u64; L]> {
        let a = Zeroizing::new(self.modulus.multiply(a, &self.r_squared));
        Zeroizing::new(self.modulus.multiply(&a, b))
    }
}

/// `e^-1 mod (prime - 1)`; `None` when there is none.
fn half_exponent<const L: usize>(prime: &[u64; L], exponent: u32) -> Option<Zeroizing<[u64; L]>> {
    let mut order = Zeroizing::new(*prime);
    *order.first_mut()? &= !1;
    inverse_exponent(order.as_mut_slice(), exponent)?;
    Some(order)
}

/// Turns an order into `e^-1` modulo it: `(1 + k order) / e` for the `k` that leaves no remainder.
fn inverse_exponent(order: &mut [u64], exponent: u32) -> Option<()> {
    let rest = remainder(order, exponent);
    if rest == 0 {
        return None;
    }
    let factor = exponent - inverse_modulo_prime(rest, exponent);
    scale(order, factor, exponent);
    Some(())
}

impl<const L: usize> Crt<L> {
    /// The key of two primes of the same length, `p` above `q`; `None` when they make none.
    pub(crate) fn new(
        arithmetic: Arithmetic,
        p: &[u64; L],
        q: &[u64; L],
        exponent: u32,
    ) -> Option<Self> {
        let bits = bit_length(p);
        let (p, q) = (Half::new(p, exponent)?, Half::new(q, exponent)?);
        // Fermat: q^(p - 2) is q^-1 modulo p.
        let mut two = [0; L];
        *two.first_mut()? = 2;
        let fermat = Zeroizing::new(subtract(p.prime(), &two).0);
        let n = &p.modulus;
        let q_inverse = match arithmetic.power(p.prime(), bits, q.prime(), &fermat) {
            Some(inverse) => n.multiply(&inverse, &p.r_squared),
            None => n.power(&n.multiply(q.prime(), &p.r_squared), fermat.as_slice()),
        };
        Some(Self {
            q_inverse: Zeroizing::new(q_inverse),
            p,
            q,
            arithmetic,
            bits,
        })
    }

    /// `q^-1 mod p`, `d mod q - 1`, `d mod p - 1`, `q`, `p`.
    pub(crate) fn components(&self) -> [Zeroizing<[u64; L]>; 5] {
        [
            Zeroizing::new(self.p.modulus.leave(&self.q_inverse)),
            self.q.exponent.clone(),
            self.p.exponent.clone(),
            Zeroizing::new(*self.q.prime()),
            Zeroizing::new(*self.p.prime()),
        ]
    }

    /// Both halves of the result: modulo `p` and modulo `q`.
    ///
    /// Side by side, each half has a random factor of its own, which the other two lanes take out
    /// again; one after the other, each exponent has a random multiple of the order added.
    pub(crate) fn halves(
        &self,
        number: &Wide<L>,
        source: Option<&mut dyn RandomSource>,
    ) -> Result<[Zeroizing<[u64; L]>; 2], RsaError> {
        let (p, q) = (&self.p, &self.q);
        if !self.arithmetic.has_lanes() {
            let mut blinds = Zeroizing::new([[0; EXPONENT_BLIND_OCTETS]; 2]);
            if let Some(source) = source {
                source.fill(blinds.as_flattened_mut())?;
            }
            let [for_p, for_q] = blinds.map(u64::from_le_bytes);
            return Ok([p.power(number, for_p), q.power(number, for_q)]);
        }
        let factors = self.factors(source)?;
        let [for_p, for_q] = &*factors;
        let powers = self.arithmetic.powers(
            [p.prime(), q.prime(), p.prime(), q.prime()],
            self.bits,
            [
                &*p.blinded(number, for_p),
                &*q.blinded(number, for_q),
                for_p,
                for_q,
            ],
            [
                &p.exponent,
                &q.exponent,
                &*p.inverse_exponent(),
                &*q.inverse_exponent(),
            ],
        );
        let [half_p, half_q, out_p, out_q] = powers.ok_or(RsaError::Fault)?;
        Ok([p.product(&half_p, &out_p), q.product(&half_q, &out_q)])
    }

    /// A random factor for each half, odd and one bit shorter than the primes; 1 without a source.
    fn factors(
        &self,
        source: Option<&mut dyn RandomSource>,
    ) -> Result<Zeroizing<Wide<L>>, RsaError> {
        let mut factors = Zeroizing::new([[0; L]; 2]);
        if let Some(source) = source {
            let mut octets = Zeroizing::new(vec![0; self.bits.div_ceil(8)]);
            for factor in factors.iter_mut() {
                source.fill(&mut octets)?;
                *factor = from_octets(&octets).unwrap_or([0; L]);
                weaken(factor, self.bits - 1);
            }
        }
        for factor in factors.iter_mut() {
            if let Some(lowest) = factor.first_mut() {
                *lowest |= 1;
            }
        }
        Ok(factors)
    }

    /// Garner: `s = m_q + q ((m_p - m_q) q^-1 mod p)`.
    pub(crate) fn join(&self, [m_p, m_q]: &[Zeroizing<[u64; L]>; 2], output: &mut [u8]) {
        let n = &self.p.modulus;
        // q < p, so that m_q is a residue of p as well.
        let difference = Zeroizing::new(n.subtract(m_p, m_q));
        let factor = Zeroizing::new(n.multiply(&difference, &self.q_inverse));
        let mut sum = Zeroizing::new(multiply(&factor, self.q.prime()));
        let [low, high] = &mut *sum;
        let mut carry = accumulate(low, 1, m_q.as_slice());
        for limb in high {
            carry = accumulate(std::slice::from_mut(limb), carry, &[1]);
        }
        to_octets(sum.as_flattened(), output);
    }

    /// Octets as a number of `2 L` limbs, cut at `R = 2^(64 L)`.
    pub(crate) fn wide(input: &[u8]) -> Option<Wide<L>> {
        let split = input.len().saturating_sub(8 * L);
        let (high, low) = input.split_at_checked(split)?;
        Some([from_octets(low)?, from_octets(high)?])
    }
}

impl<const L: usize> Engine for Crt<L> {
    fn apply(
        &self,
        input: &[u8],
        output: &mut [u8],
        source: Option<&mut dyn RandomSource>,
    ) -> Result<(), RsaError> {
        let number = Self::wide(input).ok_or(RsaError::Fault)?;
        self.join(&self.halves(&number, source)?, output);
        Ok(())
    }

    fn private_exponent(&self, exponent: u32, octets: usize) -> Zeroizing<Vec<u8>> {
        let mut one_less = [*self.p.prime(), *self.q.prime()].map(Zeroizing::new);
        for order in &mut one_less {
            if let Some(lowest) = order.first_mut() {
                *lowest &= !1;
            }
        }
        let [p, q] = &one_less;
        let mut order = Zeroizing::new(multiply(p, q));
        let mut result = Zeroizing::new(vec![0; octets]);
        // Both orders have an inverse of the exponent, so that their product has one.
        if inverse_exponent(order.as_flattened_mut(), exponent).is_some() {
            to_octets(order.as_flattened(), &mut result);
        }
        result
    }
}

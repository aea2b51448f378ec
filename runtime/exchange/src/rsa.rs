//! RSA as key exchange uses it (RFC 8017): OAEP to a public key, PKCS#1 v1.5 signatures, and the
//! traits that let private keys stay where they are.

use crate::ExchangeError;
use cardwright_standards::key_policy::KeyKind;
use num_bigint_dig::BigUint;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// Longest modulus in octets.
const MODULUS_OCTETS_MAX: usize = 512;
/// Shortest modulus in octets; EMV knows issuer keys of 1024 bits and less.
const MODULUS_OCTETS_MIN: usize = 64;
/// DigestInfo of SHA-256 without the hash (RFC 8017, 9.2, note 1).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// Hash of RSA-OAEP and of its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OaepHash {
    /// SHA-1, the default of PKCS#1 and of older partners.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl OaepHash {
    /// Octets of the hash.
    pub fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(parts.concat()).to_vec(),
            Self::Sha256 => Sha256::digest(parts.concat()).to_vec(),
        }
    }

    /// MGF1 (RFC 8017, appendix B.2.1), laid over `to`.
    fn mask(self, seed: &[u8], to: &mut [u8]) {
        for (part, counter) in to.chunks_mut(self.octets()).zip(0u32..) {
            let mask = Zeroizing::new(self.digest(&[seed, &counter.to_be_bytes()]));
            for (octet, mask) in part.iter_mut().zip(mask.iter()) {
                *octet ^= mask;
            }
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaPublicKey {
    /// A key of 512 to 4096 bits; both numbers odd, big endian, zeros in front are taken off.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, ExchangeError> {
        let strip = |octets: &[u8]| {
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            octets.get(zeros..).unwrap_or_default().to_vec()
        };
        let (modulus, exponent) = (strip(modulus), strip(exponent));
        let odd = |octets: &[u8]| octets.last().is_some_and(|last| last & 1 == 1);
        let fits = (MODULUS_OCTETS_MIN..=MODULUS_OCTETS_MAX).contains(&modulus.len());
        let small = exponent.len() <= 4 && exponent != [1];
        if !fits || !small || !odd(&modulus) || !odd(&exponent) {
            return Err(ExchangeError::Malformed("RSA public key"));
        }
        Ok(Self { modulus, exponent })
    }

    /// Modulus without zeros in front.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// Exponent without zeros in front.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> u32 {
        let zeros = self
            .modulus
            .first()
            .map_or(0, |first| first.leading_zeros());
        (self.modulus.len() as u32 * 8).saturating_sub(zeros)
    }

    /// For the strength table.
    pub fn kind(&self) -> KeyKind {
        KeyKind::rsa(self.bits())
    }

    /// `text` to the power of the exponent; as long as the modulus. None if it does not fit.
    pub fn raise(&self, text: &[u8]) -> Option<Vec<u8>> {
        let modulus = BigUint::from_bytes_be(&self.modulus);
        let base = BigUint::from_bytes_be(text);
        if text.len() != self.modulus.len() || base >= modulus {
            return None;
        }
        let result = base.modpow(&BigUint::from_bytes_be(&self.exponent), &modulus);
        let result = result.to_bytes_be();
        let mut padded = vec![0; self.modulus.len().saturating_sub(result.len())];
        padded.extend_from_slice(&result);
        Some(padded)
    }

    /// RSAES-OAEP with an empty label (RFC 8017, 7.1.1). `seed` is as long as the hash.
    pub fn encrypt_oaep(
        &self,
        hash: OaepHash,
        message: &[u8],
        seed: &[u8],
    ) -> Result<Vec<u8>, ExchangeError> {
        let (k, h) = (self.modulus.len(), hash.octets());
        let room = k
            .checked_sub(2 * h + 2)
            .filter(|room| *room >= message.len());
        if room.is_none() || seed.len() != h {
            return Err(ExchangeError::Malformed("message for RSA-OAEP"));
        }
        let mut data = Zeroizing::new(hash.digest(&[&[]]));
        data.resize(k - h - 2 - message.len(), 0);
        data.push(1);
        data.extend_from_slice(message);
        hash.mask(seed, &mut data);
        let mut masked_seed = seed.to_vec();
        hash.mask(&data, &mut masked_seed);
        let block = Zeroizing::new([&[0], masked_seed.as_slice(), data.as_slice()].concat());
        self.raise(&block)
            .ok_or(ExchangeError::Malformed("message for RSA-OAEP"))
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2).
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), ExchangeError> {
        let expected = signature_block(&Sha256::digest(data).into(), self.modulus.len());
        match (self.raise(signature), expected) {
            (Some(found), Some(expected)) if bool::from(found.ct_eq(&expected)) => Ok(()),
            _ => Err(ExchangeError::Signature),
        }
    }
}

/// Whoever holds an RSA private key: an HSM, or a test.
pub trait RsaPrivate {
    /// The public half.
    fn public_key(&self) -> &RsaPublicKey;

    /// RSAES-OAEP decryption with an empty label. Every failure is the same error.
    fn decrypt_oaep(
        &self,
        hash: OaepHash,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ExchangeError>;

    /// RSASSA-PKCS1-v1_5 over the SHA-256 of `data`.
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, ExchangeError>;

    /// The bare operation on a block as long as the modulus, for EMV's own blocks (Book 2, annex
    /// B2.1). A holder that signs only what it formats itself refuses.
    fn raw(&self, _block: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        Err(ExchangeError::Private("this key makes no raw signatures"))
    }
}

/// A signature, looked at before it leaves: a fault in an HSM could give the key away.
pub(crate) fn signed(key: &dyn RsaPrivate, data: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let signature = key.sign(data)?;
    match key.public_key().verify(data, &signature) {
        Ok(()) => Ok(signature),
        Err(_) => Err(ExchangeError::Private(
            "the signature is not that of the key",
        )),
    }
}

/// EMSA-PKCS1-v1_5 of a SHA-256 hash (RFC 8017, 9.2), for holders that only have the bare
/// operation. None if the modulus is too short.
pub fn signature_block(hash: &[u8; 32], octets: usize) -> Option<Vec<u8>> {
    let fill = octets.checked_sub(SHA256_INFO.len() + hash.len() + 3)?;
    if fill < 8 {
        return None;
    }
    let mut block = vec![0x00, 0x01];
    block.resize(2 + fill, 0xFF);
    block.push(0x00);
    block.extend_from_slice(&SHA256_INFO);
    block.extend_from_slice(hash);
    Some(block)
}

/// Opens what came under RSA-OAEP (RFC 8017, 7.1.2). A ciphertext of another length than the modulus,
/// or not below it, is for another key: it is refused here and never reaches the HSM, whose own words for
/// it differ.
pub(crate) fn open_oaep(
    private: &dyn RsaPrivate,
    hash: OaepHash,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
    let modulus = private.public_key().modulus();
    if ciphertext.len() != modulus.len() || ciphertext >= modulus {
        return Err(ExchangeError::Recipient);
    }
    private.decrypt_oaep(hash, ciphertext)
}

/// EME-OAEP decoding of what the bare private operation gave (RFC 8017, 7.1.2, step 3), for holders
/// that have nothing else. It reads the whole block whatever is wrong, and says only that
/// something is.
pub fn oaep_decode(hash: OaepHash, block: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
    let h = hash.octets();
    let wrong = ExchangeError::Recipient;
    let (first, rest) = block.split_first().ok_or(wrong)?;
    let (masked_seed, masked) = rest.split_at_checked(h).ok_or(wrong)?;
    if masked.len() < h + 1 || block.len() > MODULUS_OCTETS_MAX {
        return Err(wrong);
    }
    let mut seed = Zeroizing::new(masked_seed.to_vec());
    hash.mask(masked, &mut seed);
    let mut data = Zeroizing::new(masked.to_vec());
    hash.mask(&seed, &mut data);
    let (label, text) = data.split_at_checked(h).ok_or(wrong)?;
    // Where the message begins: behind the first 01 that only zeros precede.
    let mut begin = 0u32;
    let mut looking = Choice::from(1);
    let mut valid = first.ct_eq(&0) & label.ct_eq(&hash.digest(&[&[]]));
    for (octet, after) in text.iter().zip(1u32..) {
        let is_one = octet.ct_eq(&1);
        begin.conditional_assign(&after, looking & is_one);
        valid &= !looking | is_one | octet.ct_eq(&0);
        looking &= !is_one;
    }
    valid &= !looking;
    if !bool::from(valid) {
        return Err(wrong);
    }
    let message = text.get(begin as usize..).ok_or(wrong)?;
    Ok(Zeroizing::new(message.to_vec()))
}

//! RSA-OAEP's padding (RFC 8017, 7.1) with MGF1 and an empty label, without a branch on secrets.

use cardwright_ports::custody::OaepHash;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// Octets of a hash.
pub fn hash_octets(hash: OaepHash) -> usize {
    match hash {
        OaepHash::Sha1 => 20,
        OaepHash::Sha256 => 32,
    }
}

fn digest(hash: OaepHash, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    fn of<D: Digest>(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let mut state = D::new();
        for part in parts {
            state.update(part);
        }
        Zeroizing::new(state.finalize().to_vec())
    }
    match hash {
        OaepHash::Sha1 => of::<Sha1>(parts),
        OaepHash::Sha256 => of::<Sha256>(parts),
    }
}

/// XORs the mask of a seed onto octets (MGF1, B.2.1).
fn mask(hash: OaepHash, seed: &[u8], octets: &mut [u8]) {
    for (counter, chunk) in (0u32..).zip(octets.chunks_mut(hash_octets(hash))) {
        let block = digest(hash, &[seed, &counter.to_be_bytes()]);
        for (octet, masking) in chunk.iter_mut().zip(block.iter()) {
            *octet ^= masking;
        }
    }
}

/// The block of a message for a modulus of so many octets; none when it does not fit.
pub fn encode(
    hash: OaepHash,
    message: &[u8],
    seed: &[u8],
    octets: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let length = hash_octets(hash);
    let zeros = octets.checked_sub(message.len() + 2 * length + 2)?;
    if seed.len() != length {
        return None;
    }
    let mut data = Zeroizing::new(Vec::with_capacity(octets));
    data.extend_from_slice(&digest(hash, &[]));
    data.resize(length + zeros, 0);
    data.push(1);
    data.extend_from_slice(message);
    mask(hash, seed, &mut data);
    let mut masked = Zeroizing::new(seed.to_vec());
    mask(hash, &data, &mut masked);
    let mut block = Zeroizing::new(Vec::with_capacity(octets));
    block.push(0);
    block.extend_from_slice(&masked);
    block.extend_from_slice(&data);
    Some(block)
}

/// The message of a block; none for every way in which it can be wrong, in the same time.
pub fn decode(hash: OaepHash, block: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let length = hash_octets(hash);
    let (first, rest) = block.split_first()?;
    let (masked, data) = rest.split_at_checked(length)?;
    let mut data = Zeroizing::new(data.to_vec());
    let mut seed = Zeroizing::new(masked.to_vec());
    mask(hash, &data, &mut seed);
    mask(hash, &seed, &mut data);
    let (label, padded) = data.split_at_checked(length)?;
    let mut right = first.ct_eq(&0) & label.ct_eq(&digest(hash, &[]));
    let mut found = Choice::from(0);
    let mut start = 0u32;
    for (at, octet) in (0u32..).zip(padded) {
        let one = octet.ct_eq(&1);
        let zero = octet.ct_eq(&0);
        // Until the 01 there are zeros only.
        right &= found | zero | one;
        start.conditional_assign(&at, one & !found);
        found |= one;
    }
    right &= found;
    let message = padded.get(start as usize + 1..)?;
    bool::from(right).then(|| Zeroizing::new(message.to_vec()))
}

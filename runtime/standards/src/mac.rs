//! Message authentication codes: ISO/IEC 9797-1 algorithms 1 and 3 with paddings 1, 2 and 3, and
//! CMAC (NIST SP 800-38B, ISO/IEC 9797-1 algorithm 5).

use crate::cipher::{Block, CipherError, TdesKey, xor};

/// Padding methods of ISO/IEC 9797-1, 6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Method 1: zeros up to a whole block, at least one block.
    Zeros,
    /// Method 2: `80`, then zeros; always added.
    Bit,
    /// Method 3: a first block with the length in bits, then zeros as method 1.
    Length,
}

/// Data with padding, for blocks of `N` octets.
pub fn pad<const N: usize>(data: &[u8], padding: Padding) -> Vec<u8> {
    let mut padded = Vec::with_capacity(data.len() + 2 * N);
    each_padded_block::<N>(data, padding, |block| padded.extend_from_slice(&block));
    padded
}

/// Retail MAC: ISO/IEC 9797-1 algorithm 3 with DES. Single DES chains the blocks under the left
/// key; the last one is finished with the right and the left key. Takes a double-length key.
pub fn retail(key: &TdesKey, data: &[u8], padding: Padding) -> Result<[u8; 8], CipherError> {
    retail_from(key, [0; 8], data, padding)
}

/// Retail MAC that goes on from a chaining value, as SCP02 does.
pub fn retail_from(
    key: &TdesKey,
    initial: [u8; 8],
    data: &[u8],
    padding: Padding,
) -> Result<[u8; 8], CipherError> {
    if key.is_triple() {
        return Err(CipherError::KeyLength {
            found: 24,
            expected: "a retail MAC takes a 3DES key of 16 octets",
        });
    }
    let mut chain = initial;
    each_padded_block::<8>(data, padding, |block| {
        chain = key.left().encrypt(xor(chain, block));
    });
    Ok(key.left().encrypt(key.right().decrypt(chain)))
}

/// CBC-MAC: ISO/IEC 9797-1 algorithm 1. For data of one fixed length only.
pub fn cbc_mac<const N: usize>(key: &impl Block<N>, data: &[u8], padding: Padding) -> [u8; N] {
    let mut chain = [0; N];
    each_padded_block::<N>(data, padding, |block| {
        chain = key.encrypt(xor(chain, block))
    });
    chain
}

/// CMAC in the making; data may come in parts.
pub struct Cmac<'k, const N: usize, K: Block<N>> {
    key: &'k K,
    chain: [u8; N],
    pending: [u8; N],
    filled: usize,
}

impl<'k, const N: usize, K: Block<N>> Cmac<'k, N, K> {
    /// Starts with no data.
    pub fn new(key: &'k K) -> Self {
        Self {
            key,
            chain: [0; N],
            pending: [0; N],
            filled: 0,
        }
    }

    /// The MAC over parts that are read as one text.
    pub fn over(key: &'k K, parts: &[&[u8]]) -> [u8; N] {
        let mut mac = Self::new(key);
        for part in parts {
            mac.update(part);
        }
        mac.finish()
    }

    /// Takes more data.
    pub fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            // A full block waits until it is known not to be the last.
            if self.filled == N {
                self.chain = self.key.encrypt(xor(self.chain, self.pending));
                self.filled = 0;
            }
            let taken = (N - self.filled).min(data.len());
            let (now, later) = data.split_at_checked(taken).unwrap_or((data, &[]));
            for (place, octet) in self.pending.iter_mut().skip(self.filled).zip(now) {
                *place = *octet;
            }
            self.filled += taken;
            data = later;
        }
    }

    /// The MAC, `N` octets; users cut it as their standard says.
    pub fn finish(mut self) -> [u8; N] {
        let [whole, padded] = cmac_subkeys(self.key.encrypt([0; N]));
        let subkey = if self.filled == N {
            whole
        } else {
            let padding = std::iter::once(0x80).chain(std::iter::repeat(0));
            for (place, octet) in self.pending.iter_mut().skip(self.filled).zip(padding) {
                *place = octet;
            }
            padded
        };
        self.key.encrypt(xor(self.chain, xor(self.pending, subkey)))
    }
}

/// The subkeys of CMAC out of the encryption of a block of zeros (SP 800-38B, 6.1): for a last block
/// that is whole, and for one that was padded.
pub fn cmac_subkeys<const N: usize>(enciphered_zeros: [u8; N]) -> [[u8; N]; 2] {
    let whole = doubled(enciphered_zeros);
    [whole, doubled(whole)]
}

/// Multiplies by x in GF(2^64) or GF(2^128): SP 800-38B, 6.1.
fn doubled<const N: usize>(block: [u8; N]) -> [u8; N] {
    let reduction = if N == 8 { 0x1B } else { 0x87 };
    let mut carry = 0;
    let mut result = block;
    for octet in result.iter_mut().rev() {
        let out = *octet >> 7;
        *octet = *octet << 1 | carry;
        carry = out;
    }
    if let Some(last) = result.last_mut() {
        *last ^= carry * reduction;
    }
    result
}

/// Calls `with` for each block of the padded data, without a copy of the data.
fn each_padded_block<const N: usize>(data: &[u8], padding: Padding, mut with: impl FnMut([u8; N])) {
    if padding == Padding::Length {
        let bits = (data.len() as u64).saturating_mul(8).to_be_bytes();
        let mut block = [0u8; N];
        for (place, octet) in block.iter_mut().rev().zip(bits.iter().rev()) {
            *place = *octet;
        }
        with(block);
    }
    let (blocks, rest) = data.as_chunks::<N>();
    for block in blocks {
        with(*block);
    }
    let mark = padding == Padding::Bit;
    if mark || !rest.is_empty() || data.is_empty() {
        let mut last = [0u8; N];
        let tail = rest.iter().copied().chain(mark.then_some(0x80));
        for (place, octet) in last.iter_mut().zip(tail) {
            *place = octet;
        }
        with(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::AesKey;

    fn hex(text: &str) -> Vec<u8> {
        crate::hex::decode(text).unwrap()
    }

    // NIST SP 800-38B, D.1 (AES-128): empty, 16 and 40 octets.
    #[test]
    fn cmac_of_sp_800_38b() {
        let key = AesKey::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let text = hex(concat!(
            "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51",
            "30C81C46A35CE411"
        ));
        for (length, expected) in [
            (0, "BB1D6929E95937287FA37D129B756746"),
            (16, "070A16B46B4D4144F79BDD9DD04A287C"),
            (40, "DFA66747DE9AE63030CA32611497C827"),
        ] {
            assert_eq!(Cmac::over(&key, &[&text[..length]]).to_vec(), hex(expected));
            let split = length / 3;
            let parts = [&text[..split], &[], &text[split..length]];
            assert_eq!(Cmac::over(&key, &parts).to_vec(), hex(expected));
        }
    }

    // An independent implementation: the `cmac` crate, over both block sizes.
    #[test]
    fn cmac_agrees_with_the_cmac_crate() {
        use cmac::{KeyInit, Mac};
        let key: Vec<u8> = (1..=24).collect();
        let data: Vec<u8> = (0..50).collect();
        for length in 0..data.len() {
            let mut peer = <cmac::Cmac<des::TdesEde3> as KeyInit>::new_from_slice(&key).unwrap();
            peer.update(&data[..length]);
            let own = Cmac::over(&TdesKey::new(&key).unwrap(), &[&data[..length]]);
            assert_eq!(own.as_slice(), peer.finalize().into_bytes().as_slice());
        }
    }
}

//! ICC master keys and session keys: EMV Book 2, annexes A1.3 and A1.4, and scheme practice.

use crate::cipher::{AesKey, Block, CipherError, KeyBytes, TdesKey, xor};
use crate::des_keys::set_odd_parity;
use crate::digits;
use crate::pan::{self, PanError};
use sha1::{Digest, Sha1};
use zeroize::{Zeroize, Zeroizing};

/// Why no key was derived. Never holds a PAN or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The PAN.
    #[error(transparent)]
    Pan(#[from] PanError),
    /// The PAN sequence number.
    #[error("the PAN sequence number has two digits")]
    SequenceNumber,
    /// The key.
    #[error(transparent)]
    Key(#[from] CipherError),
}

impl KeyError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pan(error) => error.code(),
            Self::SequenceNumber => "E0392",
            Self::Key(error) => error.code(),
        }
    }
}

/// ICC master key by option A (Book 2, A1.4.1): the rightmost 16 digits of PAN and sequence
/// number. An empty sequence number counts as 00.
pub fn option_a(imk: &TdesKey, pan: &str, psn: &str) -> Result<KeyBytes, KeyError> {
    double_length(imk)?;
    Ok(from_blocks(imk, option_a_blocks(pan, psn)?))
}

/// The two blocks whose ciphertexts are the halves of option A's key, before parity is set.
pub fn option_a_blocks(pan: &str, psn: &str) -> Result<[[u8; 8]; 2], KeyError> {
    let y = rightmost_16(pan, psn)?;
    Ok([y, xor(y, [0xFF; 8])])
}

/// The key whose halves are two ciphertexts: parity is set.
pub fn from_ciphertexts([left, right]: [[u8; 8]; 2]) -> KeyBytes {
    with_parity(left, right)
}

/// ICC master key by option B (Book 2, A1.4.2): as option A for PANs of up to 16 digits, else 16
/// decimal digits of the SHA-1 of PAN and sequence number.
pub fn option_b(imk: &TdesKey, pan: &str, psn: &str) -> Result<KeyBytes, KeyError> {
    double_length(imk)?;
    Ok(from_blocks(imk, option_b_blocks(pan, psn)?))
}

/// The two blocks of option B, as [`option_a_blocks`].
pub fn option_b_blocks(pan: &str, psn: &str) -> Result<[[u8; 8]; 2], KeyError> {
    if pan.len() <= 16 {
        return option_a_blocks(pan, psn);
    }
    let (digits, length) = pan_and_psn(pan, psn)?;
    let text = digits.iter().skip(digits.len() - length - length % 2);
    let mut packed = Zeroizing::new(digits::pack::<11>(text.copied()));
    let octets = packed.get(..length.div_ceil(2)).unwrap_or_default();
    let hash = Sha1::digest(octets);
    packed.zeroize();
    let decimal = digits::decimalise::<16>(&hash).unwrap_or_default();
    let y = digits::pack(decimal);
    Ok([y, xor(y, [0xFF; 8])])
}

/// ICC master key by option C (Book 2, A1.4.3), AES, as long as the issuer's key. The formula for
/// keys over 128 bits is from memory and not checked against a published vector.
pub fn option_c(imk: &AesKey, pan: &str, psn: &str) -> Result<KeyBytes, KeyError> {
    let [left, right] = option_c_blocks(pan, psn)?;
    let left = Zeroizing::new(imk.encrypt(left));
    let right = Zeroizing::new(imk.encrypt(right));
    Ok(cut(&left, &right, imk.key_octets())?)
}

/// The two blocks whose ciphertexts, one after another and cut to the issuer key's length, are
/// option C's key.
pub fn option_c_blocks(pan: &str, psn: &str) -> Result<[[u8; 16]; 2], KeyError> {
    let (digits, _) = pan_and_psn(pan, psn)?;
    let zeros = std::iter::repeat_n(0, 32 - digits.len());
    let y: [u8; 16] = digits::pack(zeros.chain(digits.iter().copied()));
    Ok([y, xor(y, [0xFF; 16])])
}

/// Common session key (Book 2, A1.3.1): `r` is ATC and six zeros for cryptograms, the cryptogram
/// itself for secure messaging.
pub fn common_session(mk: &TdesKey, r: [u8; 8]) -> Result<KeyBytes, KeyError> {
    double_length(mk)?;
    Ok(from_blocks(mk, common_session_blocks(r)))
}

/// The two blocks of [`common_session`], as [`option_a_blocks`].
pub fn common_session_blocks(r: [u8; 8]) -> [[u8; 8]; 2] {
    let [a, b, _, d, e, f, g, h] = r;
    let block = |c| [a, b, c, d, e, f, g, h];
    [block(0xF0), block(0x0F)]
}

/// `R` of [`common_session`] for an application cryptogram: ATC and zeros.
pub fn r_of_atc(atc: u16) -> [u8; 8] {
    let [high, low] = atc.to_be_bytes();
    [high, low, 0, 0, 0, 0, 0, 0]
}

/// Common session key for AES (Book 2, A1.3.1): `r` padded with zeros to a block; for keys over
/// 128 bits octet 2 becomes F0 and 0F (from memory, not checked against a published vector).
pub fn common_session_aes(mk: &AesKey, r: [u8; 8]) -> Result<KeyBytes, KeyError> {
    let [left, right] = common_session_blocks_aes(r, mk.key_octets());
    let left = Zeroizing::new(mk.encrypt(left));
    let right = Zeroizing::new(mk.encrypt(right));
    Ok(cut(&left, &right, mk.key_octets())?)
}

/// The two blocks of [`common_session_aes`] for a key of so many octets, as [`option_c_blocks`].
pub fn common_session_blocks_aes(r: [u8; 8], key_octets: usize) -> [[u8; 16]; 2] {
    let [a, b, c, d, e, f, g, h] = r;
    let block = |c| [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0];
    match key_octets {
        16 => [block(c), block(c)],
        _ => [block(0xF0), block(0x0F)],
    }
}

/// Visa secure messaging session key for cryptogram version 10: the halves of the master key xor
/// ATC and its complement.
pub fn visa_sm_session(mk: &[u8], atc: u16) -> Result<KeyBytes, KeyError> {
    let mut key = KeyBytes::new(mk)?;
    if key.length() != 16 {
        return Err(CipherError::KeyLength {
            found: mk.len(),
            expected: "this use takes a 3DES key of 16 octets",
        }
        .into());
    }
    let masks = [atc.to_be_bytes(), (!atc).to_be_bytes()];
    let (halves, _) = key.expose_mut().as_chunks_mut::<8>();
    for (half, mask) in halves.iter_mut().zip(masks) {
        for (octet, mask) in half.iter_mut().skip(6).zip(mask) {
            *octet ^= mask;
        }
    }
    set_odd_parity(key.expose_mut());
    Ok(key)
}

/// Mastercard proprietary session key (SKD): `r` is ATC, two zeros and the unpredictable number.
/// The mathematics are those of [`common_session`].
pub fn mastercard_session(
    mk: &TdesKey,
    atc: u16,
    unpredictable_number: [u8; 4],
) -> Result<KeyBytes, KeyError> {
    let [high, low] = atc.to_be_bytes();
    let [a, b, c, d] = unpredictable_number;
    common_session(mk, [high, low, 0, 0, a, b, c, d])
}

/// Shape of the EMV2000 session key tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Height 8, branch factor 4.
    Height8,
    /// Height 16, branch factor 2.
    Height16,
}

/// EMV2000 session key (EMV 4.0 Book 2, A1.3, withdrawn later): a tree of keys down from the
/// master key. `initial` is the IV, zeros in practice.
pub fn emv2000_session(
    mk: &[u8],
    atc: u16,
    tree: Tree,
    initial: [u8; 16],
) -> Result<KeyBytes, KeyError> {
    let (height, branch_bits) = match tree {
        Tree::Height8 => (8u32, 2u32),
        Tree::Height16 => (16, 1),
    };
    TdesKey::new_double(mk)?;
    let mut grandparent = Zeroizing::new(initial);
    let mut parent = Zeroizing::new([0u8; 16]);
    parent.copy_from_slice(mk);
    let mut before = Zeroizing::new([0u8; 16]);
    for level in 1..=height {
        let node = u32::from(atc) >> (branch_bits * (height - level));
        let branch = (node & ((1 << branch_bits) - 1)) as u8;
        let key = TdesKey::from_double(&parent);
        let child = tree_step(&key, &grandparent, branch);
        *before = *grandparent;
        *grandparent = *parent;
        *parent = *child;
    }
    let mut key = KeyBytes::new(&xor(*parent, *before))?;
    set_odd_parity(key.expose_mut());
    Ok(key)
}

fn tree_step(key: &TdesKey, y: &[u8; 16], branch: u8) -> Zeroizing<[u8; 16]> {
    let mut block = Zeroizing::new(*y);
    let (halves, _) = block.as_chunks_mut::<8>();
    for (half, mask) in halves.iter_mut().zip([0x00, 0xF0]) {
        if let Some(last) = half.last_mut() {
            *last ^= branch ^ mask;
        }
        *half = key.encrypt(*half);
    }
    block
}

fn from_blocks(key: &TdesKey, blocks: [[u8; 8]; 2]) -> KeyBytes {
    from_ciphertexts(key.encrypt_each(blocks))
}

fn with_parity(left: [u8; 8], right: [u8; 8]) -> KeyBytes {
    let mut key = KeyBytes::from_halves(left, right);
    set_odd_parity(key.expose_mut());
    key
}

fn cut(left: &[u8; 16], right: &[u8; 16], octets: usize) -> Result<KeyBytes, CipherError> {
    let mut both = Zeroizing::new([0u8; 32]);
    for (place, octet) in both.iter_mut().zip(left.iter().chain(right)) {
        *place = *octet;
    }
    KeyBytes::new(both.get(..octets).unwrap_or_default())
}

/// Refuses three-key triple DES, which options A and B do not know.
pub fn double_length(key: &TdesKey) -> Result<(), CipherError> {
    if key.is_triple() {
        return Err(CipherError::KeyLength {
            found: 24,
            expected: "this use takes a 3DES key of 16 octets",
        });
    }
    Ok(())
}

fn rightmost_16(pan: &str, psn: &str) -> Result<[u8; 8], KeyError> {
    let (digits, _) = pan_and_psn(pan, psn)?;
    Ok(digits::pack(digits.iter().copied().skip(digits.len() - 16)))
}

/// PAN and sequence number, right justified in 22 digits, and how many digits they are.
fn pan_and_psn(pan: &str, psn: &str) -> Result<([u8; 22], usize), KeyError> {
    pan::check_format(pan)?;
    let psn = if psn.is_empty() { "00" } else { psn };
    if psn.len() != 2 || !digits::is_digits(psn) {
        return Err(KeyError::SequenceNumber);
    }
    let mut digits = [0u8; 22];
    let text = psn.bytes().rev().chain(pan.bytes().rev());
    for (place, octet) in digits.iter_mut().rev().zip(text) {
        *place = octet & 0x0F;
    }
    Ok((digits, pan.len() + 2))
}

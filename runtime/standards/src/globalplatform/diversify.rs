//! Card keys from a master key and the card's key diversification data (KDD), as issuers practise
//! it, and the counter KDF of NIST SP 800-108 that SCP03 uses.

use super::{CardKeys, ChannelError};
use crate::cipher::{AesKey, Block, CipherError, KeyBytes, TdesKey};
use crate::mac::Cmac;
use zeroize::Zeroizing;

/// How card keys come from the master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diversification {
    /// EMV CPS 1.1: KDD octets 4 to 9, 3DES.
    Emv,
    /// VISA2: KDD octets 0, 1 and 4 to 7, 3DES.
    Visa2,
    /// VISA1: KDD octets 0 to 3, 8 and 9, 3DES.
    Visa,
    /// CMAC counter KDF, AES.
    Kdf3,
    /// The master key for all three; test cards only.
    None,
}

impl Diversification {
    /// By the name that sources and calculators use.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "emv" => Self::Emv,
            "visa2" => Self::Visa2,
            "visa" => Self::Visa,
            "kdf3" => Self::Kdf3,
            "none" => Self::None,
            _ => return None,
        })
    }
}

/// K_ENC, K_MAC and K_DEK of a card.
pub fn diversify(
    method: Diversification,
    master: &[u8],
    kdd: &[u8; 10],
) -> Result<CardKeys, ChannelError> {
    let key = |number: u8| match (tdes_blocks(method, kdd, number), method) {
        (Some(blocks), _) => tdes(master, blocks),
        (None, Diversification::None) => Ok(KeyBytes::new(master)?),
        (None, _) => kdf3(master, kdd, number),
    };
    Ok(CardKeys {
        enc: key(1)?,
        mac: key(2)?,
        dek: key(3)?,
    })
}

fn pick(kdd: &[u8; 10], places: [usize; 6]) -> [u8; 6] {
    places.map(|place| kdd.get(place).copied().unwrap_or_default())
}

/// The two blocks whose ciphertexts under the 3DES master key are the halves of key `number` (1
/// ENC, 2 MAC, 3 DEK); `None` for methods of AES and for none at all.
pub fn tdes_blocks(method: Diversification, kdd: &[u8; 10], number: u8) -> Option<[[u8; 8]; 2]> {
    let [a, b, c, d, e, f] = match method {
        Diversification::Emv => pick(kdd, [4, 5, 6, 7, 8, 9]),
        Diversification::Visa2 => pick(kdd, [0, 1, 4, 5, 6, 7]),
        Diversification::Visa => pick(kdd, [0, 1, 2, 3, 8, 9]),
        Diversification::Kdf3 | Diversification::None => return None,
    };
    Some([0xF0, 0x0F].map(|half| [a, b, c, d, e, f, half, number]))
}

fn tdes(master: &[u8], blocks: [[u8; 8]; 2]) -> Result<KeyBytes, ChannelError> {
    let master = TdesKey::new_double(master).map_err(|_| {
        ChannelError::Diversification("this diversification takes a 3DES key of 16 octets")
    })?;
    let [left, right] = blocks.map(|block| master.encrypt(block));
    Ok(KeyBytes::from_halves(left, right))
}

/// What kdf3 takes the CMAC over for part `counter` (1 or 2) of key `number`: one block.
pub fn kdf3_block(kdd: &[u8; 10], number: u8, counter: u8) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j] = *kdd;
    [counter, 0, 0, 0, number, 0, a, b, c, d, e, f, g, h, i, j]
}

/// `counter | 00 00 00 number | 00 | KDD` under CMAC, as long as the master key.
fn kdf3(master: &[u8], kdd: &[u8; 10], number: u8) -> Result<KeyBytes, ChannelError> {
    let octets = master.len();
    let master =
        AesKey::new(master).map_err(|_| ChannelError::Diversification("kdf3 takes an AES key"))?;
    let part = |counter: u8| Cmac::over(&master, &[&kdf3_block(kdd, number, counter)]);
    Ok(counter_kdf(octets, part)?)
}

/// Joins the KDF's parts 1 and 2 and cuts them to length.
pub(super) fn counter_kdf(
    octets: usize,
    part: impl Fn(u8) -> [u8; 16],
) -> Result<KeyBytes, CipherError> {
    let mut stream = Zeroizing::new([0u8; 32]);
    let (halves, _) = stream.as_chunks_mut::<16>();
    for (half, counter) in halves.iter_mut().zip(1u8..) {
        if usize::from(counter - 1) * 16 < octets {
            *half = part(counter);
        }
    }
    KeyBytes::new(stream.get(..octets).unwrap_or_default())
}

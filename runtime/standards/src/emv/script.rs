//! Secure messaging of issuer scripts: command MAC, command data encryption, PIN change blocks.
//! EMV Book 2, 9, and scheme practice.

use crate::cipher::{self, CipherError, TdesKey, xor};
use crate::digits;
use crate::mac::{self, Padding};
use crate::pin::Pin;
use zeroize::Zeroizing;

/// How the data of a command are made ready and enciphered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Length octet, data, `80 00…`; ECB (Visa).
    Visa,
    /// `80 00…` only when not aligned; CBC (Mastercard).
    Mastercard,
    /// `80 00…` always; CBC (Book 2, 9.3).
    Emv,
}

/// MAC over a command's header and data as the scheme orders them, such as
/// `header, ATC, cryptogram, data` (Book 2, 9.2.1); users send its first 4 to 8 octets.
pub fn command_mac(sk: &TdesKey, command: &[u8]) -> Result<[u8; 8], CipherError> {
    mac::retail(sk, command, Padding::Bit)
}

/// Enciphered command data.
pub fn encrypt_command_data(
    sk: &TdesKey,
    data: &[u8],
    encryption: Encryption,
) -> Result<Vec<u8>, CipherError> {
    if sk.is_triple() {
        return Err(CipherError::KeyLength {
            found: 24,
            expected: "this use takes a 3DES key of 16 octets",
        });
    }
    let mut block = Vec::with_capacity(data.len() + 16);
    if encryption == Encryption::Visa {
        block.push(
            u8::try_from(data.len()).map_err(|_| CipherError::NotWholeBlocks {
                found: data.len(),
                block: 8,
            })?,
        );
    }
    block.extend_from_slice(data);
    let aligned = block.len().is_multiple_of(8) && !block.is_empty();
    if encryption == Encryption::Emv || !aligned {
        cipher::pad_80(&mut block, 8);
    }
    match encryption {
        Encryption::Visa => cipher::ecb_encrypt(sk, &mut block)?,
        _ => cipher::cbc_encrypt(sk, [0; 8], &mut block)?,
    }
    Ok(block)
}

/// Visa's PIN block of the PIN CHANGE command: four zeros and the last four octets of the left half
/// of the card's cryptogram master key, xor `0 L PIN F…`, xor the current PIN where the card asks
/// for it.
pub fn visa_pin_block(mk_ac: &[u8; 16], new: &Pin, current: Option<&Pin>) -> Zeroizing<[u8; 8]> {
    let [_, _, _, _, a, b, c, d, ..] = *mk_ac;
    let mask = Zeroizing::new([0, 0, 0, 0, a, b, c, d]);
    let head = [0, new.length() as u8];
    let fill = std::iter::repeat(0x0F);
    let field = Zeroizing::new(digits::pack(
        head.into_iter().chain(new.values()).chain(fill),
    ));
    let mut block = Zeroizing::new(xor(*field, *mask));
    if let Some(current) = current {
        let current = Zeroizing::new(digits::pack(current.values()));
        *block = xor(*block, *current);
    }
    block
}

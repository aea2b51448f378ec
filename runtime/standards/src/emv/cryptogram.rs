//! Application cryptograms, authorization response cryptograms and CVC3: EMV Book 2, 8.1 and 8.2,
//! and scheme practice by cryptogram version.

use crate::cipher::{AesKey, Block, CipherError, TdesKey, xor};
use crate::mac::{self, Cmac, Padding};

/// Padding of the data of an application cryptogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcPadding {
    /// `80 00…` (Book 2, 8.1.1).
    Emv,
    /// Zeros: Visa cryptogram version 10.
    Visa,
}

/// Why no cryptogram was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptogramError {
    /// The key.
    #[error(transparent)]
    Key(#[from] CipherError),
    /// More proprietary authentication data than EMV allows.
    #[error("proprietary authentication data have up to 8 octets, found {0}")]
    Proprietary(usize),
}

impl CryptogramError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key(error) => error.code(),
            Self::Proprietary(_) => "E0392",
        }
    }
}

/// Application cryptogram with a 3DES session key (Book 2, 8.1.1).
pub fn ac(sk: &TdesKey, data: &[u8], padding: AcPadding) -> Result<[u8; 8], CipherError> {
    let padding = match padding {
        AcPadding::Emv => Padding::Bit,
        AcPadding::Visa => Padding::Zeros,
    };
    mac::retail(sk, data, padding)
}

/// Application cryptogram with an AES session key: the first 8 octets of the CMAC (Book 2, 8.1.1).
pub fn ac_aes(sk: &AesKey, data: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = Cmac::over(sk, &[data]);
    [a, b, c, d, e, f, g, h]
}

/// Authorization response cryptogram by method 1 (Book 2, 8.2.1): 8 octets over the cryptogram and
/// the authorization response code.
pub fn arpc_1(sk: &TdesKey, arqc: [u8; 8], response_code: [u8; 2]) -> [u8; 8] {
    let [high, low] = response_code;
    sk.encrypt(xor(arqc, [high, low, 0, 0, 0, 0, 0, 0]))
}

/// Authorization response cryptogram by method 2 (Book 2, 8.2.2): 4 octets over the cryptogram, the
/// card status update and up to 8 octets of proprietary authentication data.
pub fn arpc_2(
    sk: &TdesKey,
    arqc: [u8; 8],
    card_status_update: [u8; 4],
    proprietary: &[u8],
) -> Result<[u8; 4], CryptogramError> {
    let data = arpc_2_data(arqc, card_status_update, proprietary)?;
    let [a, b, c, d, ..] = mac::retail(sk, &data, Padding::Bit)?;
    Ok([a, b, c, d])
}

/// [`arpc_2`] with an AES session key.
pub fn arpc_2_aes(
    sk: &AesKey,
    arqc: [u8; 8],
    card_status_update: [u8; 4],
    proprietary: &[u8],
) -> Result<[u8; 4], CryptogramError> {
    let data = arpc_2_data(arqc, card_status_update, proprietary)?;
    let [a, b, c, d, ..] = Cmac::over(sk, &[&data]);
    Ok([a, b, c, d])
}

/// Initialisation vector for CVC3: the last 2 octets of the MAC over the static track data.
pub fn ivcvc3(key: &TdesKey, track: &[u8]) -> Result<[u8; 2], CipherError> {
    let [.., high, low] = mac::retail(key, track, Padding::Bit)?;
    Ok([high, low])
}

/// Dynamic CVC3 of Mastercard magnetic stripe mode: the number that terminals print in decimal.
pub fn cvc3(
    key: &TdesKey,
    track: &[u8],
    unpredictable_number: [u8; 4],
    atc: u16,
) -> Result<u16, CipherError> {
    let iv = ivcvc3(key, track)?;
    Ok(cvc3_from_iv(key, iv, unpredictable_number, atc))
}

/// [`cvc3`] with a personalised initialisation vector.
pub fn cvc3_from_iv(key: &TdesKey, iv: [u8; 2], unpredictable_number: [u8; 4], atc: u16) -> u16 {
    let [iv_high, iv_low] = iv;
    let [a, b, c, d] = unpredictable_number;
    let [atc_high, atc_low] = atc.to_be_bytes();
    let [.., high, low] = key.encrypt([iv_high, iv_low, a, b, c, d, atc_high, atc_low]);
    u16::from_be_bytes([high, low])
}

fn arpc_2_data(
    arqc: [u8; 8],
    card_status_update: [u8; 4],
    proprietary: &[u8],
) -> Result<Vec<u8>, CryptogramError> {
    if proprietary.len() > 8 {
        return Err(CryptogramError::Proprietary(proprietary.len()));
    }
    let mut data = Vec::with_capacity(20);
    data.extend_from_slice(&arqc);
    data.extend_from_slice(&card_status_update);
    data.extend_from_slice(proprietary);
    Ok(data)
}

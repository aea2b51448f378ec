//! Key check values: public proofs that two places hold the same key.
//!
//! Three methods are in use and differ for the same AES key: encryption of zeros (DES practice),
//! encryption of sixteen `01` (GlobalPlatform and EMV CPS 2.0 for AES), CMAC over zeros
//! (ANSI X9.24-1 and X9.143 for AES).

use crate::cipher::{AesKey, Block, CipherError, TdesKey};
use crate::mac::Cmac;

/// How a check value is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// First 3 octets of the encryption of a block of zeros.
    Ecb,
    /// First 3 octets of the encryption of a block of `01` (AES), of zeros (DES).
    GlobalPlatform,
    /// First 5 octets of the CMAC over a block of zeros.
    Cmac,
}

/// Algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// 3DES, 16 or 24 octets.
    Tdes,
    /// AES, 16, 24 or 32 octets.
    Aes,
}

/// Check value of key octets: 3 octets, 5 for [`Method::Cmac`].
pub fn check_value(
    algorithm: Algorithm,
    method: Method,
    key: &[u8],
) -> Result<Vec<u8>, CipherError> {
    Ok(match (algorithm, method) {
        (Algorithm::Tdes, Method::Cmac) => {
            let mac = Cmac::over(&TdesKey::new(key)?, &[&[0; 8]]);
            mac.into_iter().take(5).collect()
        }
        (Algorithm::Tdes, _) => tdes(&TdesKey::new(key)?).to_vec(),
        (Algorithm::Aes, Method::Ecb) => aes_over(&AesKey::new(key)?, 0x00).to_vec(),
        (Algorithm::Aes, Method::GlobalPlatform) => aes(&AesKey::new(key)?).to_vec(),
        (Algorithm::Aes, Method::Cmac) => aes_cmac(&AesKey::new(key)?).to_vec(),
    })
}

/// First 3 octets of the encryption of zeros.
pub fn tdes(key: &TdesKey) -> [u8; 3] {
    let [a, b, c, ..] = key.encrypt([0; 8]);
    [a, b, c]
}

/// [`tdes`] of several keys, in less time than one by one.
pub fn tdes_each<const L: usize>(keys: [&TdesKey; L]) -> [[u8; 3]; L] {
    TdesKey::encrypt_under(keys, [[0; 8]; L]).map(|[a, b, c, ..]| [a, b, c])
}

/// First 3 octets of the encryption of sixteen `01` (GlobalPlatform, EMV CPS 2.0).
pub fn aes(key: &AesKey) -> [u8; 3] {
    aes_over(key, 0x01)
}

/// First 5 octets of the CMAC over zeros (ANSI X9.24-1).
pub fn aes_cmac(key: &AesKey) -> [u8; 5] {
    let [a, b, c, d, e, ..] = Cmac::over(key, &[&[0; 16]]);
    [a, b, c, d, e]
}

fn aes_over(key: &AesKey, octet: u8) -> [u8; 3] {
    let [a, b, c, ..] = key.encrypt([octet; 16]);
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    // Vectors "AES KCV GP(01*16) 504A77 zero 189956 CMAC-KCV5 6F2F9BE174" of this project's list.
    #[test]
    fn three_methods_three_values() {
        let key: [u8; 16] = std::array::from_fn(|i| 0x40 + i as u8);
        let value =
            |method| crate::hex::encode(&check_value(Algorithm::Aes, method, &key).unwrap());
        assert_eq!(value(Method::GlobalPlatform), "504A77");
        assert_eq!(value(Method::Ecb), "189956");
        assert_eq!(value(Method::Cmac), "6F2F9BE174");
    }
}

//! Static keys of a card and their diversification from an issuer's master key.

use crate::crypto::{Cipher, Family, Secret, aes_cmac, secret};
use cardwright_ports::hsm::Diversification;

/// Static channel keys of one card.
pub(crate) struct CardKeys {
    pub(crate) enc: Secret,
    pub(crate) mac: Secret,
    pub(crate) dek: Secret,
}

impl CardKeys {
    /// Takes keys that are already this card's own.
    pub(crate) fn new(enc: &[u8], mac: &[u8], dek: &[u8]) -> Self {
        Self {
            enc: secret(enc),
            mac: secret(mac),
            dek: secret(dek),
        }
    }

    /// Diversifies a master key with the card's ten octets of key data. Nothing when the method
    /// and the family do not go together.
    pub(crate) fn diversify(
        method: Diversification,
        family: Family,
        master: &[u8],
        key_data: &[u8; 10],
    ) -> Option<Self> {
        let make = |number: u8| -> Option<Secret> {
            match (method, family) {
                (Diversification::None, _) => Some(secret(master)),
                (Diversification::Kdf3, Family::Aes) => kdf3(master, key_data, number),
                (_, Family::Tdes) => {
                    let six = diversifier(method, key_data)?;
                    let block = [&six[..], &[0xF0, number], &six, &[0x0F, number]].concat();
                    Some(Cipher::new(Family::Tdes, master)?.ecb_encrypt(&block))
                }
                _ => None,
            }
        };
        Some(Self {
            enc: make(1)?,
            mac: make(2)?,
            dek: make(3)?,
        })
    }
}

/// The six octets of key data that a triple DES method uses.
fn diversifier(method: Diversification, key_data: &[u8; 10]) -> Option<[u8; 6]> {
    let [a, b, c, d, e, f, g, h, i, j] = *key_data;
    match method {
        Diversification::Emv => Some([e, f, g, h, i, j]),
        Diversification::Visa2 => Some([a, b, e, f, g, h]),
        Diversification::Visa => Some([a, b, c, d, i, j]),
        Diversification::Kdf3 | Diversification::None => None,
    }
}

/// Counter KDF over CMAC: counter, `00 00 00 k 00`, key data.
fn kdf3(master: &[u8], key_data: &[u8; 10], number: u8) -> Option<Secret> {
    let mut key = Secret::default();
    for counter in [1u8, 2] {
        let pieces = [&[counter][..], &[0, 0, 0, number, 0], key_data];
        key.extend_from_slice(&aes_cmac(master, &pieces)?);
    }
    key.truncate(master.len());
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::check_value;

    /// Check values that GlobalPlatformPro's tests expect for 4041…4F and 0001…09.
    #[test]
    fn check_values_of_globalplatformpro() {
        let master = hex::decode("404142434445464748494A4B4C4D4E4F").unwrap();
        let key_data = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (method, family, expected) in [
            (
                Diversification::Emv,
                Family::Tdes,
                ["C33013", "6F4CA6", "BB8179"],
            ),
            (
                Diversification::Visa2,
                Family::Tdes,
                ["2BE598", "58DA38", "3C328E"],
            ),
            (
                Diversification::Visa,
                Family::Tdes,
                ["A11F9A", "1A9282", "6F2E6B"],
            ),
            (
                Diversification::Kdf3,
                Family::Aes,
                ["E79C05", "D1BD77", "3FDE8C"],
            ),
        ] {
            let keys = CardKeys::diversify(method, family, &master, &key_data).unwrap();
            for (key, expected) in [keys.enc, keys.mac, keys.dek].iter().zip(expected) {
                let found = check_value(family, key).unwrap();
                assert_eq!(hex::encode_upper(found), expected, "{method:?}");
            }
        }
    }
}

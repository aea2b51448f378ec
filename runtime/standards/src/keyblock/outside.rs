//! Key blocks whose key stays in its HSM: what is public of making and of opening one.

use super::attributes::Attributes;
use super::open::{
    Acceptance, NO_CHECK_VALUE, attributes, check_key, check_spelling, checkable, method_of,
    of_protection, same, with_checks,
};
use super::optional::{CheckValue, Optional};
use super::{CHARACTERS_MAX, Header, KEY_MAX, KeyBlockError, Version};
use crate::hex;

/// A key block apart: nothing in it was proven yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Its version.
    pub version: Version,
    /// Header.
    pub header: Header,
    /// Header and optional blocks as they stand in the block.
    pub header_text: String,
    /// The enciphered key with its length and fill, in whole blocks.
    pub data: Vec<u8>,
    /// The MAC.
    pub mac: Vec<u8>,
}

impl Apart {
    /// Takes a block apart.
    ///
    /// # Errors
    /// A malformed header, a length that does not fit.
    pub fn of(block: &str) -> Result<Self, KeyBlockError> {
        if !block.is_ascii() || block.len() > CHARACTERS_MAX {
            return Err(KeyBlockError::Length);
        }
        let (header, text, rest) = Header::parse(block)?;
        let version = Version::of(header.version)?;
        if header.length != block.len() {
            return Err(KeyBlockError::Length);
        }
        let octets = hex::decode(rest).map_err(|_| KeyBlockError::Length)?;
        let split = octets
            .len()
            .checked_sub(version.mac_octets())
            .ok_or(KeyBlockError::Length)?;
        let (data, mac) = octets
            .split_at_checked(split)
            .ok_or(KeyBlockError::Length)?;
        let whole = data.len().is_multiple_of(version.payload_block());
        if data.is_empty() || !whole || text.len() % version.payload_block() != 0 {
            return Err(KeyBlockError::Length);
        }
        Ok(Self {
            version,
            header,
            header_text: text.to_owned(),
            data: data.to_vec(),
            mac: mac.to_vec(),
        })
    }

    /// Accepts or refuses a block whose MAC was proven and whose key, of so many octets, stays inside.
    /// `protection` are the protection key's check values, from zeros enciphered and by CMAC. Gives the
    /// check value that the block carries of its key, which the caller must compare.
    ///
    /// # Errors
    /// What [`super::open`] refuses.
    pub fn accepted(
        &self,
        block: &str,
        key_octets: usize,
        acceptance: &Acceptance<'_>,
        protection: &[Vec<u8>; 2],
    ) -> Result<Option<CheckValue>, KeyBlockError> {
        check_spelling(block, &self.header_text)?;
        let attributes = attributes(&self.header, acceptance)?;
        // Of a symmetric key its length is all that is looked at.
        let key_type = check_key(attributes.algorithm, &vec![0; key_octets.min(KEY_MAX + 1)])?;
        let mut found = None;
        for block in attributes.optional {
            match block {
                Optional::ProtectionKeyCheck(value) => {
                    same("KP", &value, of_protection(protection, value.method))?;
                }
                Optional::KeyCheck(value) if checkable(key_type).is_some() => found = Some(value),
                _ => {}
            }
        }
        Ok(found)
    }
}

impl CheckValue {
    /// Compares what a block carries of its key with what the key says.
    ///
    /// # Errors
    /// [`KeyBlockError::CheckValue`].
    pub fn compare(&self, of_key: &[u8]) -> Result<(), KeyBlockError> {
        same("KC", self, of_key)
    }
}

/// Header and optional blocks of a block to be made, for a symmetric key of so many octets with so much
/// fill behind it. `KC` and `KP` are written anew: `protection` are the protection key's check values,
/// from zeros enciphered and by CMAC; `key` is the key's, by CMAC for AES and from zeros enciphered else.
///
/// # Errors
/// Header and key that do not go together, and what makes no whole blocks.
pub fn prepared(
    given: &Attributes,
    (key_octets, fill): (usize, usize),
    protection: &[Vec<u8>; 2],
    key: Option<Vec<u8>>,
) -> Result<String, KeyBlockError> {
    let key_type = check_key(given.algorithm, &vec![0; key_octets.min(KEY_MAX + 1)])?;
    let key_check = || {
        let octets = key.clone().ok_or(NO_CHECK_VALUE)?;
        checkable(key_type).ok_or(NO_CHECK_VALUE)?;
        let aes = matches!(key_type, super::KeyType::Aes(_));
        Ok(CheckValue {
            method: method_of(aes),
            octets,
        })
    };
    let header = with_checks(given, protection, key_check)?;
    let version = Version::of(header.version)?;
    let octets = 2 + key_octets + fill;
    if !octets.is_multiple_of(version.payload_block()) {
        let needed = super::fill_octets(&header, key_octets)?;
        return Err(KeyBlockError::Fill {
            needed,
            found: fill,
        });
    }
    header.to_text(version.header_block(), (octets + version.mac_octets()) * 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyblock::seal;

    // Put together from its public parts, a block is the one that is made of the key.
    #[test]
    fn the_public_parts_are_those_of_the_whole() {
        let header = "D0000P0AE00E0200KC10010000000000KP10010000000000";
        let header = Header::from_text(header).unwrap();
        let attributes = Attributes::parse(&header).unwrap();
        let (kbpk, key, fill) = ([9; 32], [7; 16], [5; 30]);
        let whole = seal(&kbpk, &attributes, &key, &fill).unwrap();
        let apart = Apart::of(&whole).unwrap();
        let of = |method, key: &[u8]| {
            crate::kcv::check_value(crate::kcv::Algorithm::Aes, method, key).unwrap()
        };
        let checks = [
            of(crate::kcv::Method::Ecb, &kbpk),
            of(crate::kcv::Method::Cmac, &kbpk),
        ];
        let value = of(crate::kcv::Method::Cmac, &key);
        let text = prepared(&attributes, (16, 30), &checks, Some(value.clone())).unwrap();
        assert_eq!(text, apart.header_text);
        let accept = |octets, checks| apart.accepted(&whole, octets, &Acceptance::STRICT, checks);
        let found = accept(16, &checks).unwrap().unwrap();
        assert_eq!(found.compare(&value), Ok(()));
        assert!(found.compare(&checks[1]).is_err());
        assert!(accept(15, &checks).is_err());
        let [ecb, _] = checks.clone();
        let wrong = [ecb, vec![0; 5]];
        assert_eq!(accept(16, &wrong), Err(KeyBlockError::CheckValue("KP")));
        let none = prepared(&attributes, (16, 30), &wrong, None);
        assert_eq!(none, Err(NO_CHECK_VALUE.into()));
    }
}

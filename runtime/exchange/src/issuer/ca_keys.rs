//! CA public keys of the schemes, with the checksum of EMV Book 2, 11.2.2: SHA-1 over RID, index,
//! modulus and exponent.
//!
//! One line a key, `#` begins a comment:
//! `RID INDEX expiry=YYYY-MM exponent=03 checksum=… modulus=…`, all hexadecimal but the expiry. The
//! line is typed from the scheme's publication; the checksum finds what was mistyped.

use super::Month;
use crate::{ExchangeError, RsaPublicKey};
use cardwright_standards::hex;
use sha1::{Digest, Sha1};
use std::fmt::Write;

/// Most keys of a file.
const KEYS_MAX: usize = 256;
/// Most characters of a file.
const CHARACTERS_MAX: usize = 1 << 18;

/// One CA public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaKey {
    /// Registered application provider identifier.
    pub rid: [u8; 5],
    /// Index (tag 8F).
    pub index: u8,
    /// Modulus and exponent.
    pub public: RsaPublicKey,
    /// Last month.
    pub expiry: Month,
}

impl CaKey {
    /// Its checksum.
    pub fn checksum(&self) -> [u8; 20] {
        let mut hash = Sha1::new();
        hash.update(self.rid);
        hash.update([self.index]);
        hash.update(self.public.modulus());
        hash.update(self.public.exponent());
        hash.finalize().into()
    }

    /// Its exponent as a number.
    pub fn exponent(&self) -> u32 {
        let octets = self.public.exponent().iter();
        octets.fold(0, |value, octet| value << 8 | u32::from(*octet))
    }
}

/// What is wrong with a file of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct LineError {
    /// Line, from 1.
    pub line: usize,
    /// What.
    pub error: ExchangeError,
}

/// The known keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaKeys(Vec<CaKey>);

impl CaKeys {
    /// Reads a file; the first fault of each line that has one.
    pub fn parse(text: &str) -> Result<Self, Vec<LineError>> {
        let mut keys = Self::default();
        let mut faults = Vec::new();
        if text.len() > CHARACTERS_MAX {
            let error = ExchangeError::CaKey("the file is too long");
            return Err(vec![LineError { line: 1, error }]);
        }
        for (content, line) in text.lines().zip(1..) {
            let content = content.split('#').next().unwrap_or_default().trim();
            if content.is_empty() {
                continue;
            }
            let read = parse_line(content).and_then(|key| keys.add(key));
            if let Err(error) = read {
                faults.push(LineError { line, error });
            }
        }
        match faults.is_empty() {
            true => Ok(keys),
            false => Err(faults),
        }
    }

    /// The keys as a file.
    pub fn to_text(&self) -> String {
        let mut text = String::from("# RID INDEX expiry exponent checksum modulus\n");
        for key in &self.0 {
            // Writing to a text does not fail.
            let _ = writeln!(
                text,
                "{} {:02X} expiry={} exponent={} checksum={} modulus={}",
                hex::encode(&key.rid),
                key.index,
                key.expiry,
                hex::encode(key.public.exponent()),
                hex::encode(&key.checksum()),
                hex::encode(key.public.modulus()),
            );
        }
        text
    }

    /// Adds a key; one index of a scheme has one key.
    pub fn add(&mut self, key: CaKey) -> Result<(), ExchangeError> {
        if self.0.len() >= KEYS_MAX {
            return Err(ExchangeError::CaKey("there are too many"));
        }
        if self.find(key.rid, key.index).is_some() {
            return Err(ExchangeError::CaKey("this RID and index stand twice"));
        }
        self.0.push(key);
        Ok(())
    }

    /// The key of a scheme and index.
    pub fn find(&self, rid: [u8; 5], index: u8) -> Option<&CaKey> {
        self.0
            .iter()
            .find(|key| key.rid == rid && key.index == index)
    }

    /// Every key.
    pub fn iter(&self) -> impl Iterator<Item = &CaKey> {
        self.0.iter()
    }
}

fn parse_line(line: &str) -> Result<CaKey, ExchangeError> {
    let wrong = ExchangeError::CaKey(
        "RID INDEX expiry=YYYY-MM exponent=… checksum=… modulus=… is expected",
    );
    let mut words = line.split_ascii_whitespace();
    let rid = words.next().and_then(|word| hex::decode(word).ok());
    let rid: [u8; 5] = rid.and_then(|octets| octets.try_into().ok()).ok_or(wrong)?;
    let index = words.next().and_then(|word| hex::decode(word).ok());
    let [index] = <[u8; 1]>::try_from(index.ok_or(wrong)?).map_err(|_| wrong)?;
    let mut value = |name: &str| {
        let word = words.next()?;
        word.strip_prefix(name)?.strip_prefix('=')
    };
    let expiry = value("expiry").and_then(parse_month).ok_or(wrong)?;
    let octets = |text: Option<&str>| text.and_then(|it| hex::decode(it).ok()).ok_or(wrong);
    let exponent = octets(value("exponent"))?;
    let checksum = octets(value("checksum"))?;
    let modulus = octets(value("modulus"))?;
    if words.next().is_some() {
        return Err(wrong);
    }
    let public = RsaPublicKey::new(&modulus, &exponent);
    let public = public.map_err(|_| ExchangeError::CaKey("modulus or exponent can't be"))?;
    // What was typed is what the checksum is over.
    let plain = public.modulus() == modulus && public.exponent() == exponent;
    let whole = public.modulus().len() <= 248 && matches!(public.exponent(), [3] | [1, 0, 1]);
    if !plain || !whole {
        return Err(ExchangeError::CaKey(
            "a CA key has up to 1984 bits, no zeros in front and the exponent 3 or 65537",
        ));
    }
    let key = CaKey {
        rid,
        index,
        public,
        expiry,
    };
    match key.checksum() == checksum.as_slice() {
        true => Ok(key),
        false => Err(ExchangeError::CaKey(
            "the checksum is another: a digit was mistyped",
        )),
    }
}

/// YYYY-MM.
fn parse_month(text: &str) -> Option<Month> {
    let (year, month) = text.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
        return None;
    }
    Month::new(year.parse().ok()?, month.parse().ok()?)
}

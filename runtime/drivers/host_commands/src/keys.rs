//! The key table: names of keys with their blocks under the LMK. The blocks open in the HSM alone.

use std::collections::BTreeMap;
use std::path::Path;

use cardwright_ports::hsm::{KeyHandle, KeyRequest, KeyUse};
use serde::{Deserialize, Serialize};

use crate::error::{self, Refused};

/// Most keys of a table.
pub const KEYS_MAX: usize = 1_000;
/// Longest file of a table.
const FILE_MAX: usize = 4 << 20;
/// Longest name.
const NAME_MAX: usize = 256;

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name, qualified by the issuer.
    pub name: String,
    /// `tdes2`, `tdes3`, `aes128`, `aes192`, `aes256`, `rsa`.
    pub algorithm: String,
    /// Use by its name.
    pub r#use: String,
    /// Key block under the LMK; for RSA the private key in hexadecimal.
    pub block: String,
    /// Check value in hexadecimal, 6 characters; empty for RSA.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub check_value: String,
    /// RSA modulus in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modulus: String,
    /// RSA public exponent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exponent: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The use of the storage key, which no bundle asks for.
pub const STORAGE: &str = "storage";

/// What a use is called in the header of a key block (X9.143, 6): usage and mode of use.
pub const USAGES: [(KeyUse, &str, char); 17] = [
    (KeyUse::CardVerification, "C0", 'N'),
    (KeyUse::EmvApplicationCryptogram, "E0", 'N'),
    (KeyUse::EmvSecureMessagingConfidentiality, "E1", 'N'),
    (KeyUse::EmvSecureMessagingIntegrity, "E2", 'N'),
    (KeyUse::EmvDynamicNumbers, "E4", 'N'),
    (KeyUse::CardIssuance, "E5", 'N'),
    (KeyUse::CardKey, "E6", 'N'),
    (KeyUse::PinEncryption, "P0", 'B'),
    (KeyUse::PinVerificationPvv, "V2", 'N'),
    (KeyUse::PinVerificationIbm3624, "V1", 'N'),
    (KeyUse::Transport, "K0", 'B'),
    (KeyUse::KeyBlockProtection, "K1", 'B'),
    (KeyUse::KeyExchange, "K3", 'B'),
    (KeyUse::EmvIssuerPrivate, "S0", 'S'),
    (KeyUse::EmvCaPrivate, "S2", 'S'),
    (KeyUse::CertificateSigning, "S0", 'S'),
    (KeyUse::ContentSigning, "S0", 'S'),
];

/// Usage and mode of a use.
pub fn usage_of(usage: KeyUse) -> (&'static str, char) {
    USAGES
        .iter()
        .find(|(u, _, _)| *u == usage)
        .map_or(("", 'X'), |(_, name, mode)| (name, *mode))
}

/// The two characters of an algorithm in A0, and its letter in key blocks.
pub fn algorithm_of(name: &str) -> Option<(&'static str, char)> {
    Some(match name {
        "tdes2" => ("T2", 'T'),
        "tdes3" => ("T3", 'T'),
        "aes128" => ("A1", 'A'),
        "aes192" => ("A2", 'A'),
        "aes256" => ("A3", 'A'),
        "rsa" => ("R0", 'R'),
        _ => return None,
    })
}

impl Entry {
    fn usage(&self) -> Option<KeyUse> {
        KeyUse::from_name(&self.r#use)
    }

    /// Modulus bits of an RSA key, else 0.
    pub fn bits(&self) -> u32 {
        4 * u32::try_from(self.modulus.len()).unwrap_or(0)
    }

    fn check(&self) -> Result<(), Refused> {
        let refused = |what: &str| error::KEY.found(format!("key {}: {what}", self.name));
        if self.name.is_empty() || self.name.len() > NAME_MAX {
            return Err(error::KEY.found("a key without a name, or with one that is too long"));
        }
        let usage = match (self.usage(), self.r#use.as_str()) {
            (Some(usage), _) => usage_of(usage).0,
            (None, STORAGE) => "D0",
            _ => return Err(refused("an unknown use")),
        };
        let (_, letter) =
            algorithm_of(&self.algorithm).ok_or_else(|| refused("an unknown algorithm"))?;
        if self.algorithm == "rsa" {
            let whole = hex::decode(&self.block).is_ok() && hex::decode(&self.modulus).is_ok();
            return match whole && !self.modulus.is_empty() && self.exponent != 0 {
                true => Ok(()),
                false => Err(refused("no private key, modulus and exponent")),
            };
        }
        // `S`, version, length, usage, algorithm.
        let header = (self.block.get(6..8), self.block.get(8..9));
        let own = letter.to_string();
        if !self.block.is_ascii() || header != (Some(usage), Some(own.as_str())) {
            return Err(refused("its block's header says another use or algorithm"));
        }
        Ok(())
    }

    /// Whether it is what a bundle asks for.
    pub(crate) fn fits(&self, request: &KeyRequest) -> Result<(), Refused> {
        let same = self.algorithm == request.algorithm
            && (self.bits(), self.exponent) == (request.bits, request.exponent);
        if !same {
            return Err(error::KEY.found(format!(
                "key {} is {} {} {}, the bundle asks for {} {} {}",
                self.name,
                self.algorithm,
                self.bits(),
                self.exponent,
                request.algorithm,
                request.bits,
                request.exponent
            )));
        }
        self.for_use(request.usage)
    }

    /// Refuses another use than its own.
    pub(crate) fn for_use(&self, usage: KeyUse) -> Result<(), Refused> {
        match self.usage() == Some(usage) {
            true => Ok(()),
            false => Err(error::KEY.found(format!("key {} is for {} only", self.name, self.r#use))),
        }
    }
}

/// All keys of a site's payment HSM.
#[derive(Clone, Debug, Default)]
pub struct KeyTable {
    entries: Vec<Entry>,
    by_name: BTreeMap<String, u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default, rename = "key")]
    keys: Vec<Entry>,
}

impl KeyTable {
    /// Reads a table.
    ///
    /// # Errors
    /// R1345 for a file that is missing, malformed or holds a key twice.
    pub fn read(path: &Path) -> Result<Self, Refused> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| error::KEY.found(format!("reading the key table failed: {e}")))?;
        Self::parse(&text)
    }

    /// A table from its text.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > FILE_MAX {
            return Err(error::KEY.found("the key table is longer than any"));
        }
        let file: File =
            toml::from_str(text).map_err(|_| error::KEY.found("the key table is malformed"))?;
        if file.version != 1 {
            return Err(error::KEY.found(format!("a key table of version {}", file.version)));
        }
        let mut table = Self::default();
        for entry in file.keys {
            table.add(entry)?;
        }
        Ok(table)
    }

    /// The table as text: key blocks under the LMK, nothing clear.
    ///
    /// # Errors
    /// R1345 when it can't be written.
    pub fn to_text(&self) -> Result<String, Refused> {
        let file = File {
            version: 1,
            keys: self
                .entries
                .iter()
                .filter(|e| !e.name.is_empty())
                .cloned()
                .collect(),
        };
        let body = toml::to_string(&file)
            .map_err(|_| error::KEY.found("the key table can't be written"))?;
        Ok(format!(
            "# Keys under the payment HSM's LMK. They open in that HSM alone.\n{body}"
        ))
    }

    /// Takes a key in.
    ///
    /// # Errors
    /// R1345 for a name that is there already, a malformed entry, or a full table.
    pub fn add(&mut self, entry: Entry) -> Result<KeyHandle, Refused> {
        entry.check()?;
        if self.entries.len() >= KEYS_MAX || self.by_name.contains_key(&entry.name) {
            return Err(error::KEY.found(format!("no room for a key {}", entry.name)));
        }
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.by_name.insert(entry.name.clone(), number);
        self.entries.push(entry);
        Ok(KeyHandle(number))
    }

    /// Forgets a key; handles of others stay.
    ///
    /// # Errors
    /// R1345 when there is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<(), Refused> {
        let number = self.by_name.remove(name);
        let entry = number.and_then(|n| self.entries.get_mut(n as usize));
        let entry = entry.ok_or_else(|| error::KEY.found(format!("there is no key {name}")))?;
        entry.name.clear();
        entry.block.clear();
        Ok(())
    }

    /// A key by its name.
    pub fn find(&self, name: &str) -> Option<(KeyHandle, &Entry)> {
        let number = *self.by_name.get(name)?;
        Some((KeyHandle(number), self.entries.get(number as usize)?))
    }

    /// A key by its handle.
    pub fn get(&self, handle: KeyHandle) -> Option<&Entry> {
        let entry = self.entries.get(handle.0 as usize)?;
        (!entry.name.is_empty()).then_some(entry)
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| !e.name.is_empty())
    }
}

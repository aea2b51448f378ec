//! Sites: who they are, by two public keys, and whether two people have confirmed it.

use crate::KeysError;
use crate::inventory::{
    Changes, CheckText, HSM_DIFFERS, Inventory, NewEntry, Origin, PACKAGE, People, ROW,
    SCHEMA_VERSION, SITE, TWO_PEOPLE, WAIT_SECONDS, person, shown,
};
use cardwright_ports::Registers;
use cardwright_ports::custody::{Exportability, KeyAlgorithm, KeyCustody, PublicKey, Signing};
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::register::{Register, RegisterChange};
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Logical name of a site's key that receives keys.
pub const EXCHANGE: &str = "site.exchange";
/// Logical name of a site's key that signs packages and receipts.
pub const SIGNING: &str = "site.signing";
/// Beginnings of names that only the station itself gives.
pub const RESERVED: [&str; 2] = ["site.", "package."];

/// DigestInfo of SHA-256 before the digest (RFC 8017, 9.2 note 1).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A site's identity file: its name and two public keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// 1.
    pub schema_version: u32,
    /// Name.
    pub name: String,
    /// Keys are wrapped for this key.
    pub exchange: PublicText,
    /// Packages and receipts are signed with this key.
    pub signing: PublicText,
}

/// A public key as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PublicText {
    /// P-256.
    P256 {
        /// Uncompressed point, 130 hexadecimal digits.
        point: String,
    },
    /// RSA.
    Rsa {
        /// Modulus, hexadecimal.
        modulus: String,
        /// Exponent.
        exponent: u32,
    },
}

impl PublicText {
    /// From the HSM's.
    pub fn of(key: &PublicKey) -> Self {
        match key {
            PublicKey::P256(point) => Self::P256 {
                point: hex::encode_upper(point),
            },
            PublicKey::Rsa { modulus, exponent } => Self::Rsa {
                modulus: hex::encode_upper(modulus),
                exponent: *exponent,
            },
        }
    }

    /// Octets: of the point or of the modulus. None for a text that is no such key.
    pub(super) fn octets(&self) -> Option<Vec<u8>> {
        match self {
            Self::P256 { point } => {
                let octets = hex::decode(point).ok()?;
                let whole = octets.len() == 65 && octets.first() == Some(&4);
                let on_curve = VerifyingKey::from_sec1_bytes(&octets).is_ok();
                (whole && on_curve && *point == hex::encode_upper(&octets)).then_some(octets)
            }
            Self::Rsa { modulus, exponent } => {
                let octets = hex::decode(modulus).ok()?;
                let fits = (256..=512).contains(&octets.len()) && matches!(exponent, 3 | 65_537);
                let odd = octets.last().is_some_and(|b| b % 2 == 1);
                let full = octets.first().is_some_and(|b| *b >= 0x80);
                (fits && odd && full && *modulus == hex::encode_upper(&octets)).then_some(octets)
            }
        }
    }

    /// Whether a signature over a message is this key's: ECDSA as r and s of 32 octets each, or
    /// RSASSA-PKCS1-v1_5, with SHA-256.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(octets) = self.octets() else {
            return false;
        };
        match self {
            Self::P256 { .. } => {
                let key = VerifyingKey::from_sec1_bytes(&octets).ok();
                let signature = Signature::from_slice(signature).ok();
                key.zip(signature)
                    .is_some_and(|(key, signature)| key.verify(message, &signature).is_ok())
            }
            Self::Rsa { exponent, .. } => {
                let whole = signature.len() == octets.len();
                let opened = cardwright_rsa::raise(&octets, *exponent, signature);
                whole && opened.is_ok_and(|opened| opened == encoded(message, octets.len()))
            }
        }
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017, 9.2).
fn encoded(message: &[u8], length: usize) -> Vec<u8> {
    let tail = [&[0][..], &SHA256_INFO, &Sha256::digest(message)].concat();
    let fill = length.saturating_sub(tail.len() + 2);
    [&[0, 1][..], &vec![0xFF; fill], &tail].concat()
}

impl Identity {
    /// Reads an identity file.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let wrong = |what: &str| SITE.found(format!("the identity file {what}"));
        if text.len() > 16_384 {
            return Err(wrong("is too long"));
        }
        let identity: Self = serde_json::from_str(text).map_err(|_| wrong("has another form"))?;
        if identity.schema_version != SCHEMA_VERSION {
            return Err(wrong("is of another version"));
        }
        check_site_name(&identity.name)?;
        let keys = [&identity.exchange, &identity.signing].map(PublicText::octets);
        match keys.iter().all(Option::is_some) {
            true => Ok(identity),
            false => Err(wrong("has a key that is none")),
        }
    }

    /// SHA-256 over the identity in its one form, in eight groups.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let groups: Vec<String> = digest.chunks(4).map(hex::encode_upper).collect();
        groups.join("-")
    }
}

/// Refuses a site's name that could be taken for something else.
fn check_site_name(name: &str) -> Result<(), KeysError> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    let whole = !name.trim().is_empty() && name.trim() == name && name.len() <= 60;
    match whole && name.chars().all(fits) {
        true => Ok(()),
        false => Err(SITE.found("a site's name has letters, digits, spaces, `-`, `_` and `.`")),
    }
}

/// This site, with the labels of its key pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Identity.
    pub identity: Identity,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Label of the key that receives.
    pub exchange: String,
    /// Label of the key that signs.
    pub signing: String,
}

impl Own {
    /// This site's identity, from the key pairs that are in use.
    pub fn read(
        inventory: &Inventory,
        custody: &mut dyn KeyCustody,
        name: &str,
        at: i64,
    ) -> Result<Self, KeysError> {
        check_site_name(name)?;
        let label = |logical: &str| {
            let entry = inventory.in_use(logical, at);
            entry
                .map(crate::inventory::KeyEntry::label)
                .ok_or_else(|| SITE.found(format!("this site has no `{logical}` in use")))
        };
        let (exchange, signing) = (label(EXCHANGE)?, label(SIGNING)?);
        let identity = Identity {
            schema_version: SCHEMA_VERSION,
            name: name.to_owned(),
            exchange: PublicText::of(&custody.public_key(&exchange)?),
            signing: PublicText::of(&custody.public_key(&signing)?),
        };
        let readable = [&identity.exchange, &identity.signing].map(PublicText::octets);
        if readable.iter().any(Option::is_none) {
            return Err(HSM_DIFFERS.found("the HSM's public keys of this site can't be used"));
        }
        Ok(Self {
            fingerprint: identity.fingerprint(),
            identity,
            exchange,
            signing,
        })
    }

    /// The key pairs of a new identity.
    pub fn keys(owner: &str, exchange: KeyAlgorithm, signing: KeyAlgorithm) -> [NewEntry; 2] {
        let pair = |name: &str, usage, algorithm| NewEntry {
            name: name.to_owned(),
            version: None,
            owner: owner.to_owned(),
            usage,
            algorithm,
            exportability: Exportability::NonExportable,
            zone: "site".to_owned(),
            origin: Origin::Generated {},
            custodians: Vec::new(),
            period: (None, None),
            check_values: Vec::new(),
            transient: false,
        };
        [
            pair(EXCHANGE, KeyUse::KeyExchange, exchange),
            pair(SIGNING, KeyUse::PackageSigning, signing),
        ]
    }

    /// Signs with the site's key; ECDSA as r and s, whatever form the HSM gives.
    pub(super) fn sign(
        &self,
        custody: &mut dyn KeyCustody,
        message: &[u8],
    ) -> Result<Vec<u8>, KeysError> {
        let signature = custody.sign(&self.signing, &Signing::Sha256 { message })?;
        let plain = match &self.identity.signing {
            PublicText::P256 { .. } => Signature::from_slice(&signature)
                .or_else(|_| Signature::from_der(&signature))
                .map(|s| s.to_bytes().to_vec())
                .unwrap_or_default(),
            PublicText::Rsa { .. } => signature,
        };
        match self.identity.signing.verifies(message, &plain) {
            true => Ok(plain),
            false => Err(HSM_DIFFERS.found(format!("{} signs for another key", self.signing))),
        }
    }
}

/// Another site: a row of the register of sites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteRow {
    /// 1.
    pub schema_version: u32,
    /// The identity that two people have confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<Confirmed>,
    /// An identity that one person has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Confirmed>,
}

/// An identity with the people who compared its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// Identity.
    pub identity: Identity,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Who.
    pub who: Vec<String>,
    /// When, seconds since 1970.
    pub at: i64,
}

/// What came of a confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Two people have confirmed it.
    Trusted(Changes),
    /// Another person must confirm it, too.
    Waits(Changes),
}

fn read(id: &str, body: &str) -> Result<SiteRow, KeysError> {
    let row: Option<SiteRow> = serde_json::from_str(body).ok();
    row.filter(|r| r.schema_version == SCHEMA_VERSION)
        .ok_or_else(|| ROW.found(format!("sites {id}")))
}

/// All sites, by name.
pub fn sites(registers: &dyn Registers) -> Result<Vec<(String, SiteRow)>, KeysError> {
    let rows = registers.register_rows(Register::Sites)?;
    rows.into_iter()
        .map(|row| Ok((row.id.clone(), read(&row.id, &row.body)?)))
        .collect()
}

/// A trusted site.
pub(super) fn trusted(registers: &dyn Registers, name: &str) -> Result<Confirmed, KeysError> {
    let unknown = || {
        SITE.found(format!(
            "`{}` is not a site that is trusted here",
            shown(name)
        ))
    };
    check_site_name(name)?;
    let row = registers.register_row(Register::Sites, name)?;
    let row = row.ok_or_else(unknown)?;
    read(&row.id, &row.body)?.trusted.ok_or_else(unknown)
}

impl SiteRow {
    /// Confirms a site's identity by the fingerprint that came by another way. The second of two
    /// people makes it trusted.
    pub fn trust(
        registers: &dyn Registers,
        identity: &Identity,
        fingerprint: &str,
        people: &People<'_>,
    ) -> Result<Trust, KeysError> {
        let names = people.named()?;
        let own = identity.fingerprint();
        let plain = |text: &str| -> String {
            let digits = text.chars().filter(|c| c.is_ascii_alphanumeric());
            digits.collect::<String>().to_ascii_uppercase()
        };
        if plain(fingerprint) != plain(&own) {
            let what = format!("the file's fingerprint is {own}, not the one that was typed");
            return Err(SITE.found(what));
        }
        let found = registers.register_row(Register::Sites, &identity.name)?;
        let (from, mut row) = match found {
            Some(found) => (found.version, read(&found.id, &found.body)?),
            None => (0, Self::default()),
        };
        let first = row.proposed.take().filter(|p| {
            let age = people.at.saturating_sub(p.at);
            p.fingerprint == own && (-300..WAIT_SECONDS).contains(&age)
        });
        let mut who: Vec<String> = first.map(|p| p.who).unwrap_or_default();
        if names
            .iter()
            .any(|n| who.iter().any(|w| person(w) == person(n)))
        {
            return Err(TWO_PEOPLE.found("this person has confirmed the fingerprint already"));
        }
        who.extend(names);
        let enough = who.len() >= 2;
        let said = who.join(" and ");
        let confirmed = Confirmed {
            identity: identity.clone(),
            fingerprint: own.clone(),
            who,
            at: people.at,
        };
        match enough {
            true => row.trusted = Some(confirmed),
            false => row.proposed = Some(confirmed),
        }
        let body = serde_json::to_string(&row).map_err(|_| ROW.found("sites"))?;
        let mut changes = Changes::default();
        changes.changes.push(RegisterChange {
            register: Register::Sites,
            id: identity.name.clone(),
            from,
            body: Some(body),
        });
        let act = if enough { "site-trust" } else { "site-confirm" };
        changes.say(
            &said,
            act,
            format!("{} has fingerprint {own}", identity.name),
        );
        Ok(match enough {
            true => Trust::Trusted(changes),
            false => Trust::Waits(changes),
        })
    }
}

impl Default for SiteRow {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            trusted: None,
            proposed: None,
        }
    }
}

/// Compares two lists of check values: every method that both have says the same, and there is one.
pub(super) fn same_values(one: &[CheckText], other: &[CheckText]) -> bool {
    let mut common = 0;
    for value in one {
        if let Some(same) = other.iter().find(|o| o.method == value.method) {
            if !crate::inventory::same_check(&value.digits(), &same.digits()) {
                return false;
            }
            common += 1;
        }
    }
    common > 0
}

/// Refuses names that only the station gives.
pub(super) fn refuse_reserved(name: &str) -> Result<(), KeysError> {
    match RESERVED.iter().any(|head| name.starts_with(head)) {
        true => Err(PACKAGE.found(format!("`{}` does not travel", shown(name)))),
        false => Ok(()),
    }
}

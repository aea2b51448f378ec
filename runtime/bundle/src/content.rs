//! What a bundle says, apart from its assets and signatures.

use crate::{Card, Flow, Format, Job, Layout, LookupTable, Program, Scenario};
use serde::{Deserialize, Serialize};

/// Where a bundle may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Environment {
    /// Test keys, invented people; every page and file is marked.
    Test,
    /// Real cards; needs real signers and a real HSM.
    Live,
}

/// The bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Identifier in the source.
    pub id: String,
    /// Name in clear words.
    pub name: String,
    /// ISO 3166-1 numeric.
    pub country: u16,
    /// ISO 4217 numeric.
    pub currency: u16,
}

/// A key that the site binds to an object of its HSM. The bundle carries the use and the check
/// value, never the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySlot {
    /// Name in the source, qualified by the issuer: `aurora.imk_ac`.
    pub name: String,
    /// `tdes2`, `tdes3`, `aes128`, `aes192`, `aes256`, `rsa`.
    pub algorithm: String,
    /// RSA modulus length in bits; 0 for others.
    pub bits: u32,
    /// RSA public exponent; 0 for others.
    pub exponent: u32,
    /// Use, such as `card_verification`; the vocabulary's names (see the ports' `KeyUse`).
    pub usage: String,
    /// How the check value is made: `ecb`, `gp`, `cmac`, `sha256` (RSA: over the modulus).
    pub check_method: String,
    /// Check value as hexadecimal.
    pub check_value: String,
    /// For issuer keys: what is public about them.
    pub public: Option<KeyPublic>,
    /// Where it was declared.
    pub span: u32,
}

/// Public half and certificate of an issuer key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPublic {
    /// Registered application provider, hexadecimal.
    pub rid: String,
    /// Certification authority public key index (tag 8F).
    pub ca_index: u8,
    /// CA modulus, hexadecimal.
    pub ca_modulus: String,
    /// CA exponent.
    pub ca_exponent: u32,
    /// Issuer modulus, hexadecimal.
    pub modulus: String,
    /// Issuer public key certificate (tag 90), hexadecimal.
    pub certificate: String,
    /// Issuer public key remainder (tag 92), hexadecimal, may be empty.
    pub remainder: String,
    /// Certificate expiry MMYY.
    pub expiry_mmyy: String,
}

/// A file that the bundle carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Name that other parts refer to.
    pub name: String,
    /// Media type, such as `application/pdf`, `font/ttf`.
    pub media_type: String,
    /// Length in octets.
    pub length: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A source file, by its path inside the project or package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Path with forward slashes.
    pub path: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A place in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Index into [`Content::sources`].
    pub source: u32,
    /// First is 1.
    pub line: u32,
    /// First is 1, in characters.
    pub column: u32,
    /// Length in characters.
    pub length: u32,
}

/// Everything that a site needs to run a customer's jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Version of this schema; 1.
    pub schema: u32,
    /// Project name.
    pub name: String,
    /// Project version, for people.
    pub version: String,
    /// Monotonic version: a site never goes back to a lower one.
    pub sequence: u64,
    /// TEST or LIVE.
    pub environment: Environment,
    /// The bank.
    pub issuer: Issuer,
    /// Keys by use.
    pub keys: Vec<KeySlot>,
    /// File formats, in and out.
    pub formats: Vec<Format>,
    /// Programs that cards, layouts, formats and jobs refer to by index.
    pub programs: Vec<Program>,
    /// Cards.
    pub cards: Vec<Card>,
    /// Page layouts.
    pub layouts: Vec<Layout>,
    /// Machine flows.
    pub flows: Vec<Flow>,
    /// Validation scenarios.
    pub scenarios: Vec<Scenario>,
    /// Jobs.
    pub jobs: Vec<Job>,
    /// Lookup tables that programs refer to by index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<LookupTable>,
    /// Assets, sorted by name.
    pub assets: Vec<Asset>,
    /// Sources, sorted by path.
    pub sources: Vec<Source>,
    /// Source map; index 0 stands for "made by the compiler".
    pub spans: Vec<Span>,
}

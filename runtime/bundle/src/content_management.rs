//! What a chip's issuer domain does: load files, applet instances, keys, the card's life cycle.

use crate::{KeyId, SpanId};
use serde::{Deserialize, Serialize};

/// A load file that comes with the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadFile {
    /// Asset: a package's components in the order of loading, nothing else.
    pub asset: String,
    /// AID of the package, hexadecimal.
    pub package: String,
    /// `sha1` or `sha256`, where INSTALL [for load] carries the load file data block hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Signature of a domain that verifies what is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dap: Option<Dap>,
    /// Where it was declared; 0 is nowhere.
    #[serde(default, skip_serializing_if = "nowhere")]
    pub span: SpanId,
}

/// A data authentication pattern: who signed a load file, and the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dap {
    /// AID of the security domain that verifies, hexadecimal.
    pub domain: String,
    /// Asset with the signature.
    pub asset: String,
}

/// How an instance comes from an applet of a load file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// AID of the load file, hexadecimal; one of the bundle's, or one that the card's maker loaded.
    pub package: String,
    /// AID of the applet in it, hexadecimal.
    pub module: String,
    /// Privileges, one octet or three, hexadecimal.
    pub privileges: String,
    /// Parameters of the applet (inside `C9`), hexadecimal; may be blank.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parameters: String,
    /// Where it was declared; 0 is nowhere.
    #[serde(default, skip_serializing_if = "nowhere")]
    pub span: SpanId,
}

/// Something that the card's maker left on it and that goes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// AID of an instance or a load file, hexadecimal.
    pub aid: String,
    /// Whether what depends on it goes along.
    pub related: bool,
}

/// The issuer's own channel keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKeys {
    /// Master key.
    pub key: KeyId,
    /// How the card's keys come from it, as for a channel.
    pub diversification: String,
    /// Version of the new keys, 01 to 7F.
    pub version: u8,
    /// Version that they replace; 00 adds them.
    pub replaces: u8,
    /// Where they were declared; 0 is nowhere.
    #[serde(default, skip_serializing_if = "nowhere")]
    pub span: SpanId,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn nowhere(span: &SpanId) -> bool {
    *span == 0
}

/// Content management of a chip, in the order in which it is done: before the applications are
/// personalized what is deleted and loaded, after them keys and life cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentManagement {
    /// DELETE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<Deletion>,
    /// INSTALL [for load] and LOAD.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<LoadFile>,
    /// PUT KEY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<NewKeys>,
    /// SET STATUS: `initialized` or `secured`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_cycle: Option<String>,
}

impl ContentManagement {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

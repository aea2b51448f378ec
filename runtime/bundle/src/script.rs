//! Scripts: command by command, for cards that are not personalized by STORE DATA.
//!
//! A script has no loops and no branches but those of a status word: go on, do it again a counted
//! number of times, or give up.

use crate::{KeyId, NodeId, Padding};
use serde::{Deserialize, Serialize};

/// Most commands of a script.
pub const SCRIPT_COMMANDS_MAX: usize = 256;
/// Most variables of a script.
pub const SCRIPT_VARIABLES_MAX: usize = 32;
/// Most octets of a variable.
pub const VARIABLE_OCTETS_MAX: u16 = 512;

/// Octets that a card answered and that later commands send back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Its length.
    pub octets: u16,
}

/// Status words: those whose bits under the mask are these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusWords {
    /// First.
    pub first: u16,
    /// Last.
    pub last: u16,
}

impl StatusWords {
    /// Whether a status word is one of them.
    #[must_use]
    pub fn has(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

/// A piece of a command's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScriptPart {
    /// Octets that the order decides.
    Value {
        /// Octets node.
        node: NodeId,
    },
    /// What the card answered before.
    Variable {
        /// Name.
        name: String,
    },
    /// A secret under a key that the card knows.
    Secret {
        /// Sealed node.
        node: NodeId,
        /// The card's own transport key; the channel's data encryption key when there is none.
        under: Option<KeyId>,
        /// Padding inside the encryption.
        padding: Padding,
        /// Whether it is a part of the data that the secure channel itself enciphers: the HSM puts
        /// the whole command together.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        inside: bool,
    },
    /// A data object around other pieces.
    Object {
        /// Tag, hexadecimal.
        tag: String,
        /// What it holds.
        parts: Vec<ScriptPart>,
    },
    /// A card holder unique identifier: its pieces, the issuer's signature over them (tag 3E), and the
    /// error detection code (FIPS 201, SP 800-73).
    SignedIdentifier {
        /// Key that signs.
        signer: KeyId,
        /// Asset: the certificate of that key, which the signature carries.
        certificate: String,
        /// What is signed, without the error detection code.
        parts: Vec<ScriptPart>,
    },
    /// A security object: which container is which data group, and their hashes under the issuer's
    /// signature (SP 800-73; the table is ICAO's).
    SecurityObject {
        /// Key that signs.
        signer: KeyId,
        /// Asset: the certificate of that key.
        certificate: String,
        /// Data groups from 1 on.
        groups: Vec<DataGroup>,
    },
    /// The X.509 certificate of a key that the card has made.
    Certificate {
        /// Key that signs.
        issuer: KeyId,
        /// Asset: the certificate of the authority whose key it is.
        authority: String,
        /// Variable with the public key, as GENERATE ASYMMETRIC KEY PAIR answers it.
        key: String,
        /// Serial number, octets node.
        serial: NodeId,
        /// Parts of the holder's name, text nodes.
        name: Vec<(String, NodeId)>,
        /// First day, date node.
        not_before: NodeId,
        /// Last day, date node.
        not_after: NodeId,
        /// Key usages.
        usage: Vec<String>,
        /// Extended key usages.
        extended: Vec<String>,
    },
}

/// A data group of a security object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataGroup {
    /// Identifier of its container, such as 0x3001.
    pub container: u16,
    /// What the container holds.
    pub parts: Vec<ScriptPart>,
}

/// Most data groups of a security object: the mapping has thirty octets (SP 800-73-4, table 12).
pub const DATA_GROUPS_MAX: usize = 10;

/// Deepest data object inside data objects.
pub const OBJECT_DEPTH_MAX: usize = 4;

impl ScriptPart {
    /// The piece itself, or those that it holds, in their order.
    fn leaves_into<'p>(&'p self, all: &mut Vec<&'p ScriptPart>, depth: usize) {
        match self {
            Self::Object { parts, .. } | Self::SignedIdentifier { parts, .. } if depth > 0 => {
                for part in parts {
                    part.leaves_into(all, depth - 1);
                }
            }
            Self::SecurityObject { groups, .. } if depth > 0 => {
                for part in groups.iter().flat_map(|group| &group.parts) {
                    part.leaves_into(all, depth - 1);
                }
            }
            part => all.push(part),
        }
    }

    /// Nodes that the piece takes its own data from; those of pieces inside are theirs.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        match self {
            Self::Value { node } | Self::Secret { node, .. } => vec![*node],
            Self::Variable { .. }
            | Self::Object { .. }
            | Self::SignedIdentifier { .. }
            | Self::SecurityObject { .. } => Vec::new(),
            Self::Certificate {
                serial,
                name,
                not_before,
                not_after,
                ..
            } => {
                let mut nodes = vec![*serial, *not_before, *not_after];
                nodes.extend(name.iter().map(|(_, node)| *node));
                nodes
            }
        }
    }

    /// All pieces of a command that hold no others, in their order.
    #[must_use]
    pub fn leaves(parts: &[Self]) -> Vec<&Self> {
        let mut all = Vec::new();
        for part in parts {
            part.leaves_into(&mut all, OBJECT_DEPTH_MAX);
        }
        all
    }
}

/// How data that are too long for one command go over several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "split", rename_all = "snake_case", deny_unknown_fields)]
pub enum Split {
    /// P1 P2 grows by what was sent: UPDATE BINARY (ISO/IEC 7816-4, 11.3).
    Offset {
        /// Most octets of a command.
        octets: u8,
    },
    /// CLA says that more is to come: command chaining (ISO/IEC 7816-4, 5.3.3).
    Chain {
        /// Most octets of a command.
        octets: u8,
    },
}

/// What happens when no expected status word comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case", deny_unknown_fields)]
pub enum Otherwise {
    /// The card is rejected.
    Fail,
    /// The next command; nothing is captured.
    Next,
    /// The same command again, so many times; then the card is rejected.
    Retry {
        /// Times.
        times: u8,
    },
}

/// What a command leaves in a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Variable.
    pub variable: String,
    /// First octet of the answer, from 1.
    pub from: u16,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptCommand {
    /// What it does, for people.
    pub title: String,
    /// CLA, INS, P1, P2, hexadecimal.
    pub header: String,
    /// Data.
    pub parts: Vec<ScriptPart>,
    /// Octets that are asked for; 256 is `00`, none is no Le at all.
    pub le: Option<u16>,
    /// Status words that are fine.
    pub expect: Vec<StatusWords>,
    /// What happens else.
    pub otherwise: Otherwise,
    /// Variables that the answer fills.
    pub captures: Vec<Capture>,
    /// How long data are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Where it was written.
    pub span: u32,
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Name in the source.
    pub name: String,
    /// Whether the commands travel in the card's secure channel, opened after SELECT of the AID.
    pub secured: bool,
    /// Variables.
    pub variables: Vec<Variable>,
    /// Commands in order.
    pub commands: Vec<ScriptCommand>,
}

//! The typed program that a bundle carries for each record: a DAG of neutral operations.
//!
//! A node refers only to nodes with a lower index, so a program is a DAG by construction, needs no
//! recursion to run, and runs in time linear in its length.

use serde::{Deserialize, Serialize};

/// Index of a node in its program.
pub type NodeId = u32;
/// Index of a key slot in [`crate::Content::keys`].
pub type KeyId = u32;
/// Index of a span in [`crate::Content::spans`].
pub type SpanId = u32;

/// How secret a value is; the order is meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secrecy {
    /// May be logged.
    Public,
    /// PAN, name, expiry, service code.
    Cardholder,
    /// Track data, card verification values, PIN blocks in transit.
    Sensitive,
    /// Clear PIN, clear keys. The runtime holds such a value only sealed by the HSM.
    Secret,
}

/// The runtime type of a node's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Unicode text.
    Text,
    /// A list of texts, one a line.
    TextList,
    /// Octets.
    Bytes,
    /// A signed whole number.
    Number,
    /// True or false.
    Flag,
    /// A calendar date; the day may be the last of its month when the source gave none.
    Date,
    /// A PIN that the HSM has sealed (storage PIN block); never clear in the runtime.
    Pin,
    /// Octets that the HSM has sealed under the job's transport key, with public attributes
    /// (lengths, check values).
    Sealed,
    /// An ICC RSA key: public half clear, private components sealed.
    IccKey,
    /// A public key certificate with its remainder.
    Certificate,
}

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Constant {
    /// Text.
    Text(String),
    /// Octets, as upper-case hexadecimal.
    Bytes(String),
    /// Whole number.
    Number(i64),
    /// Flag.
    Flag(bool),
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op", deny_unknown_fields)]
pub enum Op {
    /// A field of the record that the program is run for, or of a record that occurs once in the
    /// file (header, trailer), or of the run itself (`run.date`, `run.sequence`, `run.reference`).
    Field {
        /// Record name, or `run`.
        record: String,
        /// Field name.
        field: String,
    },
    /// A literal.
    Constant {
        /// Its value.
        value: Constant,
    },
    /// A pure function by name; the runtime's table gives arity and types.
    Apply {
        /// Name in the runtime's function table, such as `concat`, `tlv`, `track2`.
        function: String,
        /// Arguments.
        args: Vec<NodeId>,
    },
    /// An operation of the HSM by name, with the keys it may use.
    Intent {
        /// Name in the runtime's intent table, such as `cvv`, `emv.master_keys`.
        intent: String,
        /// Keys, in the order that the intent defines.
        keys: Vec<KeyId>,
        /// Arguments.
        args: Vec<NodeId>,
    },
    /// `then` if the condition holds, else `otherwise`; both are of one type.
    Choose {
        /// A flag.
        condition: NodeId,
        /// Value when true.
        then: NodeId,
        /// Value when false.
        otherwise: NodeId,
    },
    /// Whether a table has a row for a key.
    Listed {
        /// Index into [`crate::Content::tables`].
        table: u32,
        /// A text.
        key: NodeId,
    },
    /// A cell of the row that a key finds in a table; as secret as key and column together.
    Lookup {
        /// Index into [`crate::Content::tables`].
        table: u32,
        /// Column of the table.
        column: u32,
        /// A text.
        key: NodeId,
        /// Value when there is no such row, of the column's type; without it that is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<NodeId>,
    },
    /// How many records of a name the file, the group or the order holds.
    Count {
        /// Record name.
        record: String,
    },
    /// The sum of a field over the records of the file, the group or the order.
    Sum {
        /// Format that declares the record.
        format: String,
        /// Record name.
        record: String,
        /// Field name.
        field: String,
        /// 0 for the plain sum; else so many low digits of it are kept: a hash total.
        digits: u32,
    },
}

/// A node: operation, type, secrecy, and the source that it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// What it gives.
    pub gives: ValueType,
    /// How secret that is.
    pub secrecy: Secrecy,
    /// Where it was written.
    pub span: SpanId,
}

/// A program for one kind of record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Format whose records it runs for.
    pub format: String,
    /// Record it runs for.
    pub record: String,
    /// Nodes in evaluation order.
    pub nodes: Vec<Node>,
}

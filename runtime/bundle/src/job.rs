//! Jobs: an order file, the cards it may ask for, the line, and what the bank gets back.

use crate::NodeId;
use serde::{Deserialize, Serialize};

/// A product: which orders become which card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Value of the selector, such as `GOLD`.
    pub code: String,
    /// Card name.
    pub card: String,
    /// Scenarios for it.
    pub scenarios: Vec<ScenarioUse>,
    /// Stock of its blanks, when it is not the flow's.
    pub stock: Option<String>,
}

/// A scenario and how many cards it is run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioUse {
    /// Scenario name.
    pub scenario: String,
    /// Run on so many …
    pub sample: u32,
    /// … of so many; 1 of 1 is every card.
    pub of: u32,
}

/// The mailer and when it may be printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailerUse {
    /// Layout name.
    pub layout: String,
    /// Only `produced` for now: never before the card.
    pub after: String,
}

/// An output file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Format name.
    pub format: String,
    /// Index of the transport key slot when the file holds secrets (CPS, machine).
    pub transport_key: Option<u32>,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Name.
    pub name: String,
    /// Input format name.
    pub input: String,
    /// Record that is an order.
    pub record: String,
    /// Index of the program that holds `selector`, `priority`, `accept` and `languages`.
    pub program: u32,
    /// Text node that names the product.
    pub selector: NodeId,
    /// Products, sorted by code.
    pub products: Vec<Product>,
    /// Number node: 0 express, 1 normal.
    pub priority: Option<NodeId>,
    /// Conditions on the order itself: flag node and public text node.
    pub accept: Vec<(NodeId, NodeId)>,
    /// Flow name.
    pub flow: String,
    /// Mailer.
    pub mailer: Option<MailerUse>,
    /// Carrier layout name.
    pub carrier: Option<String>,
    /// Layout of address labels, printed with the carriers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Output files.
    pub outputs: Vec<Output>,
    /// Most rejected cards before the line stops by itself.
    pub stop_after_rejects: u32,
    /// Where it was declared.
    pub span: u32,
}

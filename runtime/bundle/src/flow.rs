//! Machine flows: stations in the order in which a card passes them.

use crate::Constant;
use serde::{Deserialize, Serialize};

/// One station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `feed`, `chip`, `stripe`, `emboss`, `print`, `vision`, `carrier`, `insert`.
    pub station: String,
    /// Settings, sorted by name.
    pub settings: Vec<(String, Constant)>,
    /// Where it was written.
    pub span: u32,
}

/// One flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Name.
    pub name: String,
    /// Steps.
    pub steps: Vec<Step>,
    /// Where it was declared.
    pub span: u32,
}

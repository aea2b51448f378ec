//! Validation scenarios: what a finished card must show.

use crate::{Constant, KeyId, NodeId};
use serde::{Deserialize, Serialize};

/// One check, by name, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Interface: `contact`, `contactless`, `stripe`, `cross`.
    pub on: String,
    /// `select`, `read_records`, `data_matches_source`, `authenticate_dda`, `authenticate_fdda`, `authenticate_sda`, `verify_pin`,
    /// `purchase_fast`, `purchase_magstripe`,
    /// `purchase`, `track1_matches_source`, `track2_matches_source`, `embossing_matches_source`,
    /// `chip_pan_is_stripe_pan`, `chip_service_code_is_stripe_service_code`,
    /// `groupings_match_source`, `ndef_matches_source`, `chip_expiry_is_stripe_expiry`, `chip_pan_is_embossed_pan`.
    pub check: String,
    /// Settings, sorted by name (`method` = `enciphered` or `plain`, `amount`, `currency`; of `select`
    /// `mode` = `magstripe`, where a terminal offers that alone).
    pub settings: Vec<(String, Constant)>,
    /// Keys, sorted by role.
    pub keys: Vec<(String, KeyId)>,
    /// Nodes of the card's program, sorted by role.
    pub nodes: Vec<(String, NodeId)>,
    /// Where it was written.
    pub span: u32,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// Card it speaks of.
    pub card: String,
    /// Checks in order.
    pub checks: Vec<Check>,
    /// Where it was declared.
    pub span: u32,
}

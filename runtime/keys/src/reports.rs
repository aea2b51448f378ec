//! What the station prints for programs: each with `schema_version`, published as a JSON Schema.

use crate::inventory::{Difference, Due, KeyEntry, SCHEMA_VERSION, Uses};
use crate::packages::{PackageRow, SiteRow};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// `keys list` and `keys show`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InventoryReport {
    /// 1.
    pub schema_version: u32,
    /// Keys, by name and version.
    pub keys: Vec<KeyEntry>,
}

/// `keys due`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DueReport {
    /// 1.
    pub schema_version: u32,
    /// How many days ahead was looked.
    pub days: u32,
    /// Keys that somebody has to look at, the most pressing first.
    pub due: Vec<Due>,
}

/// `keys use`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UseReport {
    /// 1.
    pub schema_version: u32,
    /// Keys with where they are used.
    pub keys: Vec<Uses>,
}

/// `keys check`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckReport {
    /// 1.
    pub schema_version: u32,
    /// Whether inventory and HSM agree.
    pub agrees: bool,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// `keys package list`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PackagesReport {
    /// 1.
    pub schema_version: u32,
    /// Packages, received and sent.
    pub packages: Vec<PackageRow>,
}

/// `keys site list`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SitesReport {
    /// 1.
    pub schema_version: u32,
    /// Sites, by name.
    pub sites: BTreeMap<String, SiteRow>,
}

impl InventoryReport {
    /// Of these keys.
    pub fn new(keys: Vec<KeyEntry>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            keys,
        }
    }
}

impl DueReport {
    /// Of what is due within so many days.
    pub fn new(days: u32, due: Vec<Due>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            days,
            due,
        }
    }
}

impl UseReport {
    /// Of these keys.
    pub fn new(keys: Vec<Uses>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            keys,
        }
    }
}

impl CheckReport {
    /// Of these differences.
    pub fn new(differences: Vec<Difference>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            agrees: differences.is_empty(),
            differences,
        }
    }
}

impl PackagesReport {
    /// Of these packages.
    pub fn new(packages: Vec<PackageRow>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            packages,
        }
    }
}

impl SitesReport {
    /// Of these sites.
    pub fn new(sites: Vec<(String, SiteRow)>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            sites: sites.into_iter().collect(),
        }
    }
}

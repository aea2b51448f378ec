//! Distribution: keys go to another site in a signed package that only its HSM can open, and a
//! signed receipt with the same check values comes back (docs/formats/ckp.md).

mod form;
mod make;
mod open;
mod receipt;
mod site;

pub use form::{FILE_OCTETS_MAX, PackageBody, ReceiptBody};
pub use make::{Keep, Packing};
pub use open::Opening;
pub use site::{EXCHANGE, Identity, Own, PublicText, RESERVED, SIGNING, SiteRow, Trust, sites};

use crate::KeysError;
use crate::inventory::{Changes, CheckText, ROW, SCHEMA_VERSION};
use cardwright_ports::Registers;
use cardwright_ports::register::{Register, RegisterChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a site knows of a package: a row of the register of packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageRow {
    /// 1.
    pub schema_version: u32,
    /// Number of the package: `p` and sixteen hexadecimal digits.
    pub package: String,
    /// Sent or received.
    pub direction: Direction,
    /// The other site.
    pub site: String,
    /// Fingerprint of its identity.
    pub fingerprint: String,
    /// State.
    pub state: PackageState,
    /// When it was made, seconds since 1970.
    pub made_at: i64,
    /// Until when it can be opened.
    pub expires_at: i64,
    /// Who made or opened it here.
    pub who: String,
    /// SHA-256 of the file, hexadecimal; empty while it is being made.
    pub sha256: String,
    /// What is in it.
    pub keys: Vec<PackedLabel>,
    /// When it was opened, there or here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<i64>,
    /// Who opened it there, from the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<String>,
}

/// A key of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackedLabel {
    /// Label, the same at both sites.
    pub label: String,
    /// Check values.
    pub check_values: Vec<CheckText>,
}

/// Which way a package went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Made here.
    Sent,
    /// Opened here.
    Received,
}

/// Where a package stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackageState {
    /// It is being made.
    Making,
    /// It was made; no receipt has come.
    Made,
    /// The receipt has come, with the same check values.
    Acknowledged,
    /// Its making was cut off: a file of it must not be sent.
    Abandoned,
    /// It is being opened.
    Opening,
    /// Its keys are in the inventory.
    Opened,
}

impl PackageState {
    /// Name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Making => "making",
            Self::Made => "made",
            Self::Acknowledged => "acknowledged",
            Self::Abandoned => "abandoned",
            Self::Opening => "opening",
            Self::Opened => "opened",
        }
    }
}

impl Direction {
    /// Name, which begins the row's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// Name of a package's row.
fn row_id(direction: Direction, package: &str) -> String {
    format!("{} {package}", direction.name())
}

/// Name of the group of keys that a package makes or takes in.
fn group(direction: Direction, package: &str) -> String {
    format!("package {}", row_id(direction, package))
}

fn read(id: &str, body: &str) -> Result<PackageRow, KeysError> {
    let row: Option<PackageRow> = serde_json::from_str(body).ok();
    row.filter(|r| r.schema_version == SCHEMA_VERSION && row_id(r.direction, &r.package) == id)
        .ok_or_else(|| ROW.found(format!("packages {id}")))
}

/// A package's row with its version.
fn find(
    registers: &dyn Registers,
    direction: Direction,
    package: &str,
) -> Result<Option<(u64, PackageRow)>, KeysError> {
    let id = row_id(direction, package);
    let row = registers.register_row(Register::Packages, &id)?;
    row.map(|row| Ok((row.version, read(&id, &row.body)?)))
        .transpose()
}

/// All packages, sent ones last, by number.
pub fn packages(registers: &dyn Registers) -> Result<Vec<PackageRow>, KeysError> {
    let rows = registers.register_rows(Register::Packages)?;
    rows.iter().map(|row| read(&row.id, &row.body)).collect()
}

fn put(row: &PackageRow, from: u64) -> Result<RegisterChange, KeysError> {
    let id = row_id(row.direction, &row.package);
    let body = serde_json::to_string(row).map_err(|_| ROW.found(format!("packages {id}")))?;
    Ok(RegisterChange {
        register: Register::Packages,
        id,
        from,
        body: Some(body),
    })
}

/// What becomes of a package whose keys are taken back: one that was being made is abandoned, one
/// that was being opened was never opened. A group that is no package's changes nothing.
pub(crate) fn taken_back(registers: &dyn Registers, group: &str) -> Result<Changes, KeysError> {
    let mut changes = Changes::default();
    let Some(id) = group.strip_prefix("package ") else {
        return Ok(changes);
    };
    let Some(found) = registers.register_row(Register::Packages, id)? else {
        return Ok(changes);
    };
    let mut row = read(id, &found.body)?;
    match row.state {
        PackageState::Making => {
            row.state = PackageState::Abandoned;
            changes.changes.push(put(&row, found.version)?);
        }
        PackageState::Opening => changes.changes.push(RegisterChange {
            register: Register::Packages,
            id: id.to_owned(),
            from: found.version,
            body: None,
        }),
        _ => {}
    }
    Ok(changes)
}

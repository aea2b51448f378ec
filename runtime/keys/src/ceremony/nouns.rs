//! A ceremony's row: what is to be done, who takes part, how far it has come. No secret.

use super::codes::CEREMONY;
use super::people::Role;
use crate::KeysError;
use crate::inventory::{CheckText, label};
use cardwright_ports::Registers;
use cardwright_ports::custody::{CheckValue, Exportability, KeyAlgorithm, SealedComponent};
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::register::{Register, RegisterChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of rows and records.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// What a ceremony does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Components drawn in the HSM, printed on blind forms, joined to a new key.
    Generate,
    /// Components typed by their custodians, joined to a key that others have, too.
    Import,
    /// A key taken apart into components on blind forms.
    Export,
    /// A key destroyed.
    Destroy,
    /// A key pair made in the HSM: an issuer's, or the site's own for signing and receiving.
    KeyPair,
}

impl Kind {
    /// All with their names.
    pub const ALL: [(Kind, &'static str); 5] = [
        (Kind::Generate, "generate"),
        (Kind::Import, "import"),
        (Kind::Export, "export"),
        (Kind::Destroy, "destroy"),
        (Kind::KeyPair, "key-pair"),
    ];

    /// Name.
    pub fn name(self) -> &'static str {
        let row = Self::ALL.iter().find(|(kind, _)| *kind == self);
        row.map_or("ceremony", |(_, name)| name)
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        let row = Self::ALL.iter().find(|(_, n)| *n == name);
        row.map(|(kind, _)| *kind)
    }

    /// Whether components pass through people's hands.
    pub fn has_components(self) -> bool {
        matches!(self, Self::Generate | Self::Import | Self::Export)
    }

    /// Whether blind forms are printed.
    pub fn has_forms(self) -> bool {
        matches!(self, Self::Generate | Self::Export)
    }
}

/// The key that a ceremony is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Logical name.
    pub name: String,
    /// Version.
    pub version: u32,
    /// Who answers for it.
    pub owner: String,
    /// Where it belongs.
    pub zone: String,
    /// Its only use.
    #[serde(rename = "use")]
    pub usage: String,
    /// Algorithm.
    pub algorithm: String,
    /// Bits of an RSA modulus, else 0.
    pub bits: u32,
    /// Public exponent of an RSA key, else 0.
    pub exponent: u32,
    /// Whether it may leave.
    pub exportability: String,
}

impl Subject {
    /// Label.
    pub fn label(&self) -> String {
        label(&self.name, self.version)
    }

    /// Algorithm.
    pub fn key_algorithm(&self) -> Result<KeyAlgorithm, KeysError> {
        KeyAlgorithm::from_name(&self.algorithm, self.bits, self.exponent)
            .ok_or_else(|| CEREMONY.found(format!("`{}` is no algorithm", self.algorithm)))
    }

    /// Use.
    pub fn key_use(&self) -> Result<KeyUse, KeysError> {
        KeyUse::from_name(&self.usage)
            .ok_or_else(|| CEREMONY.found(format!("`{}` is no use of a key", self.usage)))
    }

    /// Whether it may leave.
    pub fn key_exportability(&self) -> Result<Exportability, KeysError> {
        let row = Exportability::ALL.iter();
        let row = row.into_iter().find(|row| row.2 == self.exportability);
        row.map(|row| row.0).ok_or_else(|| {
            let what = "exportability is exportable, non_exportable or sensitive";
            CEREMONY.found(what)
        })
    }
}

/// Who takes part, as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// Name.
    pub name: String,
    /// Role in this ceremony.
    pub role: Role,
}

/// How far a component has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Not begun.
    Waiting,
    /// Sealed; its form is not printed.
    Drawn,
    /// Its form has been sent to the printer; whether it came out is not known.
    Printing,
    /// Its form is printed; the custodian has not confirmed it.
    Printed,
    /// Confirmed or taken.
    Done,
}

/// A component of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// From 1.
    pub number: u8,
    /// State.
    pub state: PartState,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custodian: Option<String>,
    /// Its check value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_value: Option<CheckText>,
    /// Forms sent to the printer; the last one counts, the others are spoiled.
    pub forms: u8,
    /// Wrong attempts.
    pub wrong: u8,
}

/// Where a ceremony stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Security officers come.
    Opening,
    /// The HSM acts before components are handed out: export.
    Splitting,
    /// Custodians come, one after another.
    Components,
    /// The HSM acts.
    Acting,
    /// The record waits for signatures.
    Signing,
    /// Over.
    Done,
    /// Given up; nothing of it counts.
    Abandoned,
}

/// A line of the ceremony's own log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When, seconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What, public words.
    pub what: String,
}

/// A signature over the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Who.
    pub name: String,
    /// As what.
    pub role: Role,
    /// When, seconds since 1970.
    pub at: i64,
    /// Ed25519, hexadecimal.
    pub signature: String,
    /// The person's public key when they signed, hexadecimal.
    pub public_key: String,
}

/// A ceremony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ceremony {
    /// 1.
    pub schema_version: u32,
    /// `ceremony-0001` and so on.
    pub id: String,
    /// What it does.
    pub kind: Kind,
    /// Name of the site.
    pub site: String,
    /// Whether it is about test keys.
    pub test: bool,
    /// The key.
    pub key: Subject,
    /// Officers that open it.
    pub quorum: u8,
    /// Whether an auditor watches.
    pub auditor: bool,
    /// The check value that the key must have, when its sender has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<CheckText>,
    /// Who takes part.
    pub participants: Vec<Participant>,
    /// Where it stands.
    pub phase: Phase,
    /// Components.
    pub parts: Vec<Part>,
    /// Combinations that failed.
    pub wrong: u8,
    /// The key's check values.
    pub check_values: Vec<CheckText>,
    /// What was done; the record ends where signing begins.
    pub log: Vec<Line>,
    /// SHA-256 of the record, hexadecimal in groups of eight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Lines of the log that belong to the record.
    #[serde(default)]
    pub recorded: usize,
    /// Signatures over the record.
    pub signatures: Vec<Signature>,
}

impl Ceremony {
    /// The part of a number.
    pub fn part(&self, number: u8) -> Result<&Part, KeysError> {
        let found = self.parts.iter().find(|part| part.number == number);
        found.ok_or_else(|| CEREMONY.found(format!("{} has no component {number}", self.id)))
    }

    /// Number of a component's form: `ceremony-0001/2/1`.
    pub fn form(&self, part: &Part) -> String {
        format!("{}/{}/{}", self.id, part.number, part.forms)
    }

    /// People of a role.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(move |p| p.role == role)
    }

    /// Whether it still goes on.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Done | Phase::Abandoned)
    }

    /// Reads a row.
    pub fn from_row(id: &str, body: &str) -> Result<Self, KeysError> {
        let wrong = |what: &str| CEREMONY.found(format!("ceremonies {id}: {what}"));
        let ceremony: Self = serde_json::from_str(body).map_err(|_| wrong("it can't be read"))?;
        if ceremony.schema_version != SCHEMA_VERSION || ceremony.id != id {
            return Err(wrong("it is of another version or another ceremony"));
        }
        ceremony.key.key_algorithm()?;
        ceremony.key.key_use()?;
        Ok(ceremony)
    }

    /// The change that writes the row over a version.
    pub fn put(&self, from: u64) -> Result<RegisterChange, KeysError> {
        let body = serde_json::to_string(self)
            .map_err(|_| CEREMONY.found("a ceremony's row can't be written"))?;
        Ok(RegisterChange {
            register: Register::Ceremonies,
            id: self.id.clone(),
            from,
            body: Some(body),
        })
    }
}

/// All ceremonies of a site, oldest first.
pub fn ceremonies(registers: &dyn Registers) -> Result<Vec<Ceremony>, KeysError> {
    let rows = registers.register_rows(Register::Ceremonies)?;
    rows.iter()
        .map(|row| Ceremony::from_row(&row.id, &row.body))
        .collect()
}

/// A sealed component's row.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema_version: u32,
    blob: String,
    method: String,
    check_value: String,
}

/// Name of a component's row.
pub(crate) fn component_id(ceremony: &str, number: u8) -> String {
    format!("{ceremony}/{number}")
}

/// The change that keeps a sealed component in the place of what is there.
pub(crate) fn keep_component(
    registers: &dyn Registers,
    ceremony: &str,
    number: u8,
    component: &SealedComponent,
) -> Result<RegisterChange, KeysError> {
    let id = component_id(ceremony, number);
    let row = registers.register_row(Register::Components, &id)?;
    let stored = Stored {
        schema_version: SCHEMA_VERSION,
        blob: hex::encode(&component.blob),
        method: crate::inventory::method_name(component.check_value.method).to_owned(),
        check_value: hex::encode(&component.check_value.octets),
    };
    let body = serde_json::to_string(&stored)
        .map_err(|_| CEREMONY.found("a component's row can't be written"))?;
    Ok(RegisterChange {
        register: Register::Components,
        id,
        from: row.map_or(0, |row| row.version),
        body: Some(body),
    })
}

/// A sealed component that was kept.
pub(crate) fn kept_component(
    registers: &dyn Registers,
    ceremony: &str,
    number: u8,
) -> Result<SealedComponent, KeysError> {
    let id = component_id(ceremony, number);
    let wrong = |what: &str| CEREMONY.found(format!("component {id}: {what}"));
    let row = registers.register_row(Register::Components, &id)?;
    let row = row.ok_or_else(|| wrong("it is not there"))?;
    let stored: Stored =
        serde_json::from_str(&row.body).map_err(|_| wrong("its row can't be read"))?;
    let octets = |text: &str| hex::decode(text).map_err(|_| wrong("its row can't be read"));
    let method = crate::inventory::method_from_name(&stored.method);
    Ok(SealedComponent {
        blob: octets(&stored.blob)?,
        check_value: CheckValue {
            method: method.ok_or_else(|| wrong("its row can't be read"))?,
            octets: octets(&stored.check_value)?,
        },
    })
}

/// The changes that remove the components of a ceremony: one, or all.
pub(crate) fn remove_components(
    registers: &dyn Registers,
    ceremony: &Ceremony,
    only: Option<u8>,
) -> Result<Vec<RegisterChange>, KeysError> {
    let mut changes = Vec::new();
    for part in &ceremony.parts {
        if only.is_some_and(|number| number != part.number) {
            continue;
        }
        let id = component_id(&ceremony.id, part.number);
        if let Some(row) = registers.register_row(Register::Components, &id)? {
            changes.push(RegisterChange {
                register: Register::Components,
                id,
                from: row.version,
                body: None,
            });
        }
    }
    Ok(changes)
}

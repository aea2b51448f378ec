//! Where a key is used: the jobs that were bound to it, and everything in the registers that names
//! it.

use super::{Changes, Inventory, KeyEntry, ROW, SCHEMA_VERSION};
use crate::KeysError;
use cardwright_ports::Registers;
use cardwright_ports::register::{Register, RegisterChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Key versions that a job was bound to: a row of the register of uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobKeys {
    /// 1.
    pub schema_version: u32,
    /// Job.
    pub job: u64,
    /// Digest of its bundle.
    pub bundle: String,
    /// Labels; a name without a version is an open test key.
    pub keys: BTreeSet<String>,
    /// When it was first bound, seconds since 1970.
    pub at: i64,
}

fn id(job: u64) -> String {
    format!("job {job}")
}

fn read(id: &str, body: &str) -> Result<JobKeys, KeysError> {
    let row: Option<JobKeys> = serde_json::from_str(body).ok();
    row.filter(|r| r.schema_version == SCHEMA_VERSION)
        .ok_or_else(|| ROW.found(format!("uses {id}")))
}

/// Notes which key versions a job is bound to; nothing when that is known. A job that goes on after
/// a key was replaced has both versions.
pub fn note_job(
    registers: &dyn Registers,
    job: u64,
    bundle: &str,
    keys: &[String],
    who: &str,
    at: i64,
) -> Result<Changes, KeysError> {
    let id = id(job);
    let known = registers.register_row(Register::Uses, &id)?;
    let (from, mut row) = match known {
        Some(row) => (row.version, read(&id, &row.body)?),
        None => (
            0,
            JobKeys {
                schema_version: SCHEMA_VERSION,
                job,
                bundle: bundle.to_owned(),
                keys: BTreeSet::new(),
                at,
            },
        ),
    };
    let mut changes = Changes::default();
    let before = row.keys.len();
    row.keys.extend(keys.iter().cloned());
    if row.keys.len() == before {
        return Ok(changes);
    }
    let body = serde_json::to_string(&row).map_err(|_| ROW.found(format!("uses {id}")))?;
    changes.changes.push(RegisterChange {
        register: Register::Uses,
        id,
        from,
        body: Some(body),
    });
    let what = format!("job {job}: {}", super::list(keys));
    changes.say(who, "key-use", what);
    Ok(changes)
}

/// Jobs with the keys that they were bound to, by number.
pub fn jobs(registers: &dyn Registers) -> Result<Vec<JobKeys>, KeysError> {
    let rows = registers.register_rows(Register::Uses)?;
    let jobs: Result<Vec<JobKeys>, KeysError> = rows.iter().map(|r| read(&r.id, &r.body)).collect();
    let mut jobs = jobs?;
    jobs.sort_by_key(|j| j.job);
    Ok(jobs)
}

/// Where one key is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Uses {
    /// Label.
    pub label: String,
    /// Use.
    #[serde(rename = "use")]
    pub usage: String,
    /// Bundles of the site that need a key of this name: name and digest.
    pub bundles: Vec<String>,
    /// Jobs that were bound to this version.
    pub jobs: Vec<u64>,
    /// Keys that came or left under it.
    pub wrapped: Vec<String>,
    /// Copies of it that left: to whom.
    pub copies: Vec<String>,
    /// Issuer certificates and requests of its public half.
    pub certificates: Vec<String>,
    /// Ceremonies that speak of it.
    pub ceremonies: Vec<String>,
    /// Packages that it travelled in.
    pub packages: Vec<String>,
}

/// A bundle that a site has accepted, with the names of the keys that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleKeys {
    /// Name and digest, for people.
    pub bundle: String,
    /// Logical names.
    pub keys: Vec<String>,
}

impl Inventory {
    /// Where a key is used.
    pub fn uses(
        &self,
        entry: &KeyEntry,
        registers: &dyn Registers,
        bundles: &[BundleKeys],
    ) -> Result<Uses, KeysError> {
        let own = entry.label();
        let named = |register| -> Result<Vec<String>, KeysError> {
            let rows = registers.register_rows(register)?.into_iter();
            Ok(rows
                .filter(|row| names(&row.body, &own))
                .map(|row| row.id)
                .collect())
        };
        let needs = |b: &&BundleKeys| b.keys.contains(&entry.name);
        let bound = |j: &JobKeys| j.keys.contains(&own);
        Ok(Uses {
            usage: entry.usage.clone(),
            bundles: bundles
                .iter()
                .filter(needs)
                .map(|b| b.bundle.clone())
                .collect(),
            jobs: jobs(registers)?
                .into_iter()
                .filter(bound)
                .map(|j| j.job)
                .collect(),
            wrapped: self.under(&own),
            copies: entry
                .exports
                .iter()
                .map(|x| format!("{} ({})", x.to, x.form))
                .collect(),
            certificates: named(Register::Certificates)?,
            ceremonies: named(Register::Ceremonies)?,
            packages: named(Register::Packages)?,
            label: own,
        })
    }
}

/// Whether a row has the label as one of its values.
fn names(body: &str, label: &str) -> bool {
    fn within(value: &serde_json::Value, label: &str) -> bool {
        use serde_json::Value as V;
        match value {
            V::String(text) => text == label,
            V::Array(items) => items.iter().any(|v| within(v, label)),
            V::Object(members) => members.values().any(|v| within(v, label)),
            _ => false,
        }
    }
    serde_json::from_str(body).is_ok_and(|value| within(&value, label))
}

/// Labels of a bundle's keys as a job is bound to them: names that the inventory does not know
/// stand for themselves.
pub fn bound_keys<'n>(names: impl Iterator<Item = &'n str>, labels: &super::Labels) -> Vec<String> {
    names
        .map(|name| labels.get(name).cloned().unwrap_or_else(|| name.to_owned()))
        .collect()
}

//! Public keys of schemes' certification authorities, each with its checksum.

use super::codes::CERTIFICATE;
use super::key::public_key;
use crate::KeysError;
use crate::inventory::{Changes, People};
use cardwright_exchange::issuer::Month;
use cardwright_exchange::issuer::ca_keys::{CaKey, CaKeys};
use cardwright_ports::Registers;
use cardwright_ports::custody::KeyCustody;
use cardwright_ports::register::{Register, RegisterChange};
use serde::{Deserialize, Serialize};

/// A row: the line as it was typed from the scheme's publication.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityRow {
    schema_version: u32,
    line: String,
    added_at: i64,
    added_by: Vec<String>,
}

fn id_of(key: &CaKey) -> String {
    format!("{} {:02X}", hex::encode_upper(key.rid), key.index)
}

/// The keys that are known. Each row's checksum is looked at again.
pub fn authorities(registers: &dyn Registers) -> Result<CaKeys, KeysError> {
    let mut keys = CaKeys::default();
    for row in registers.register_rows(Register::Authorities)? {
        let wrong = |what: String| CERTIFICATE.found(format!("CA key {}: {what}", row.id));
        let stored: AuthorityRow =
            serde_json::from_str(&row.body).map_err(|_| wrong("its row can't be read".into()))?;
        let read = CaKeys::parse(&stored.line)
            .map_err(|faults| wrong(faults.first().map(ToString::to_string).unwrap_or_default()))?;
        for key in read.iter() {
            if id_of(key) != row.id {
                return Err(wrong("the row is of another key".into()));
            }
            keys.add(key.clone()).map_err(|e| wrong(e.to_string()))?;
        }
    }
    Ok(keys)
}

/// Adds the keys of a file, all or none. Two people compare them with the scheme's publication.
pub fn add_authorities(
    registers: &dyn Registers,
    text: &str,
    people: &People<'_>,
) -> Result<(CaKeys, Changes), KeysError> {
    let names = people.named()?;
    if names.len() < 2 {
        return Err(crate::inventory::TWO_PEOPLE.found("a CA's key is compared by two people"));
    }
    let read = CaKeys::parse(text).map_err(|faults| {
        let all: Vec<String> = faults.iter().take(5).map(ToString::to_string).collect();
        CERTIFICATE.found(all.join("; "))
    })?;
    let mut changes = Changes::default();
    for key in read.iter() {
        let id = id_of(key);
        if registers
            .register_row(Register::Authorities, &id)?
            .is_some()
        {
            return Err(CERTIFICATE.found(format!("CA key {id} is known already")));
        }
        let mut one = CaKeys::default();
        one.add(key.clone())
            .map_err(|e| CERTIFICATE.found(e.to_string()))?;
        let row = AuthorityRow {
            schema_version: 1,
            line: one.to_text(),
            added_at: people.at,
            added_by: names.clone(),
        };
        let body = serde_json::to_string(&row)
            .map_err(|_| CERTIFICATE.found("a CA key's row can't be written"))?;
        let checksum = hex::encode_upper(key.checksum());
        changes.say(
            &names.join(" and "),
            "ca-add",
            format!("{id} until {}, checksum {checksum}", key.expiry),
        );
        changes.changes.push(RegisterChange {
            register: Register::Authorities,
            id,
            from: 0,
            body: Some(body),
        });
    }
    if changes.changes.is_empty() {
        return Err(CERTIFICATE.found("the file has no CA key"));
    }
    Ok((read, changes))
}

/// The line of a local test CA, whose key is in this HSM.
pub fn authority_of_key(
    custody: &mut dyn KeyCustody,
    label: &str,
    (rid, index, expiry): ([u8; 5], u8, Month),
) -> Result<String, KeysError> {
    let mut keys = CaKeys::default();
    let key = CaKey {
        rid,
        index,
        public: public_key(custody, label)?,
        expiry,
    };
    keys.add(key)
        .map_err(|e| CERTIFICATE.found(e.to_string()))?;
    Ok(keys.to_text())
}

//! The inventory as it stands: all rows with their versions, and how changes of it are made.

use super::{KeyEntry, KeyLabel, State, Step, TWO_PEOPLE, UNKNOWN_KEY};
use crate::KeysError;
use cardwright_ports::Registers;
use cardwright_ports::register::{Register, RegisterChange};
use cardwright_ports::store::{AuditEntry, Batch, Change, OrderKey};
use std::collections::BTreeMap;

/// All keys of a site.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    rows: BTreeMap<KeyLabel, (u64, KeyEntry)>,
}

/// Who acts, and when.
#[derive(Clone, Copy, Debug)]
pub struct People<'a> {
    /// Who.
    pub who: &'a str,
    /// Another person who is there, too.
    pub second: Option<&'a str>,
    /// Now, seconds since 1970.
    pub at: i64,
}

/// Changes of registers with their audit entries: one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows.
    pub changes: Vec<RegisterChange>,
    /// What the audit log says.
    pub audit: Vec<AuditEntry>,
}

impl Changes {
    /// As the store takes them.
    pub fn into_batch(self, at: i64) -> Batch {
        Batch {
            at,
            require: None,
            changes: self.changes.into_iter().map(Change::Register).collect(),
            audit: self.audit,
        }
    }

    /// Adds what goes into the same commit.
    pub fn and(mut self, other: Changes) -> Self {
        self.changes.extend(other.changes);
        self.audit.extend(other.audit);
        self
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.audit.is_empty()
    }

    /// Adds an audit entry.
    pub(crate) fn say(&mut self, actor: &str, act: &str, detail: impl Into<String>) {
        self.audit.push(AuditEntry {
            actor: actor.to_owned(),
            act: act.to_owned(),
            key: OrderKey { job: 0, order: 0 },
            detail: detail.into(),
        });
    }
}

impl Inventory {
    /// Reads the register.
    pub fn read(registers: &dyn Registers) -> Result<Self, KeysError> {
        let mut rows = BTreeMap::new();
        for row in registers.register_rows(Register::Keys)? {
            let entry = KeyEntry::from_row(&row.id, &row.body)?;
            rows.insert(key_of(&entry), (row.version, entry));
        }
        Ok(Self { rows })
    }

    /// All entries, by name and version.
    pub fn entries(&self) -> impl Iterator<Item = &KeyEntry> {
        self.rows.values().map(|(_, entry)| entry)
    }

    /// One version.
    pub fn get(&self, label: &str) -> Option<&KeyEntry> {
        let (_, entry) = self.rows.get(&KeyLabel::parse(label)?)?;
        Some(entry)
    }

    /// Versions of a name, oldest first.
    pub fn versions<'s>(
        &'s self,
        name: &str,
    ) -> impl DoubleEndedIterator<Item = &'s KeyEntry> + use<'s> {
        let (first, last) = (whole(name, 0), whole(name, u32::MAX));
        self.rows.range(first..=last).map(|(_, (_, entry))| entry)
    }

    /// The version of a name that is in use at a time.
    pub fn in_use(&self, name: &str, at: i64) -> Option<&KeyEntry> {
        self.versions(name)
            .find(|e| e.state == State::Active && e.pending.is_none() && e.in_period(at))
    }

    /// A key by its label or, without a version, the one in use, or the newest.
    pub fn find(&self, text: &str, at: i64) -> Result<&KeyEntry, KeysError> {
        let found = match text.contains('@') {
            true => self.get(text),
            false => self
                .in_use(text, at)
                .or_else(|| self.versions(text).next_back()),
        };
        found.ok_or_else(|| UNKNOWN_KEY.found(format!("no key `{}`", shown(text))))
    }

    /// The first version number that was never given.
    pub fn next_version(&self, name: &str) -> u32 {
        let newest = self.versions(name).next_back();
        newest.map_or(1, |entry| entry.version.saturating_add(1))
    }

    /// Version of a key's row; 0 for one that is not there.
    fn row_version(&self, entry: &KeyEntry) -> u64 {
        self.rows.get(&key_of(entry)).map_or(0, |row| row.0)
    }

    /// The change that puts an entry into the place of what is known of it.
    pub(crate) fn put(&self, entry: &KeyEntry) -> Result<RegisterChange, KeysError> {
        Ok(RegisterChange {
            register: Register::Keys,
            id: entry.label(),
            from: self.row_version(entry),
            body: Some(entry.body()?),
        })
    }

    /// The change that removes an entry.
    pub(crate) fn remove(&self, entry: &KeyEntry) -> RegisterChange {
        RegisterChange {
            register: Register::Keys,
            id: entry.label(),
            from: self.row_version(entry),
            body: None,
        }
    }
}

fn whole(name: &str, version: u32) -> KeyLabel {
    KeyLabel {
        name: name.to_owned(),
        version,
    }
}

fn key_of(entry: &KeyEntry) -> KeyLabel {
    whole(&entry.name, entry.version)
}

/// A text from a command line or a file as messages may repeat it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// The same person under another spelling of spaces and case is the same person.
pub(crate) fn person(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

impl People<'_> {
    /// Refuses somebody without a name, and one person under two names.
    pub(crate) fn named(&self) -> Result<Vec<String>, KeysError> {
        let mut names = vec![self.who];
        names.extend(self.second);
        let plain: Vec<String> = names.iter().map(|name| person(name)).collect();
        if plain.iter().any(|p| p.is_empty() || p.len() > 100) {
            return Err(TWO_PEOPLE.found("somebody has no name, or one that is too long"));
        }
        if matches!(plain.as_slice(), [one, other] if one == other) {
            return Err(TWO_PEOPLE.found("both names are the same person's"));
        }
        Ok(names.into_iter().map(|n| n.trim().to_owned()).collect())
    }
}

impl KeyEntry {
    /// Notes what was done.
    pub(crate) fn note(&mut self, at: i64, who: &[String], act: &str, why: &str) {
        self.history.push(Step {
            at,
            who: who.to_vec(),
            act: act.to_owned(),
            state: self.state,
            why: why.to_owned(),
        });
    }
}

impl Inventory {
    /// Puts an entry in place in this copy, for questions about what would be.
    pub(crate) fn set(&mut self, entry: &KeyEntry) {
        let version = self.row_version(entry);
        self.rows.insert(key_of(entry), (version, entry.clone()));
    }
}

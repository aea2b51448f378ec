//! New keys: announced before the HSM makes them, entered when it has, taken back when it could not.

use super::{
    Changes, CheckText, ENTRY, HSM_DIFFERS, Inventory, KeyEntry, Origin, Pending, PendingAct,
    People, SCHEMA_VERSION, State, THERE, book::shown, check_text, entry::is_name,
};
use crate::KeysError;
use cardwright_ports::custody::{Exportability, KeyAlgorithm, KeyFacts};
use cardwright_ports::hsm::KeyUse;

/// Letters of an owner, a zone, a person or a site.
const WORDS_MAX: usize = 100;

/// A key to be entered.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Logical name.
    pub name: String,
    /// Version; the next one when none.
    pub version: Option<u32>,
    /// Who answers for it.
    pub owner: String,
    /// Its only use.
    pub usage: KeyUse,
    /// Algorithm and size.
    pub algorithm: KeyAlgorithm,
    /// Whether it may leave.
    pub exportability: Exportability,
    /// Where it belongs.
    pub zone: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Who held its components.
    pub custodians: Vec<String>,
    /// Period that is planned for it.
    pub period: (Option<i64>, Option<i64>),
    /// Check values that it must have, when they are known.
    pub check_values: Vec<CheckText>,
    /// It serves one act and goes with it.
    pub transient: bool,
}

impl Inventory {
    /// Announces keys that the HSM is about to make or take in; they are done together or not at
    /// all. Gives the entries as they will stand.
    pub fn announce(
        &self,
        keys: &[NewEntry],
        group: &str,
        people: &People<'_>,
    ) -> Result<(Vec<KeyEntry>, Changes), KeysError> {
        let names = people.named()?;
        let mut entries: Vec<KeyEntry> = Vec::with_capacity(keys.len());
        let mut changes = Changes::default();
        for key in keys {
            check(key)?;
            let given = |e: &&KeyEntry| e.name == key.name;
            let next = entries.iter().rev().find(given).map(|e| e.version + 1);
            let version = key
                .version
                .or(next)
                .unwrap_or_else(|| self.next_version(&key.name));
            let entry = new_entry(key, version, group, &names, people.at);
            let label = entry.label();
            if self.get(&label).is_some() || entries.iter().any(|e| e.label() == label) {
                return Err(THERE.found(label));
            }
            changes.changes.push(self.put(&entry)?);
            entries.push(entry);
        }
        let labels: Vec<String> = entries.iter().map(KeyEntry::label).collect();
        let what = format!("{group}: {}", list(&labels));
        changes.say(&names.join(" and "), "key-announce", what);
        Ok((entries, changes))
    }

    /// Enters announced keys with what the HSM says of them; transient ones go. The inventory must
    /// have the announcement.
    pub fn entered(
        &self,
        facts: &[KeyFacts],
        group: &str,
        act: &str,
    ) -> Result<Changes, KeysError> {
        let mut changes = Changes::default();
        let mut people = String::new();
        let mut said = Vec::new();
        for entry in self.group(group) {
            let Some(pending) = &entry.pending else {
                continue;
            };
            people.clone_from(&pending.who);
            if pending.act == PendingAct::Transient {
                changes.changes.push(self.remove(entry));
                continue;
            }
            let found = facts.iter().find(|f| f.label == entry.label());
            let found =
                found.ok_or_else(|| HSM_DIFFERS.found(format!("no key {}", entry.label())))?;
            verify(entry, found)?;
            let mut entry = entry.clone();
            let (who, at) = (vec![pending.who.clone()], pending.at);
            entry.pending = None;
            for value in found.check_values.iter().map(check_text) {
                if !entry.check_values.iter().any(|c| c.method == value.method) {
                    entry.check_values.push(value);
                }
            }
            entry.note(at, &who, act, "");
            said.push(summary(&entry));
            changes.changes.push(self.put(&entry)?);
        }
        changes.say(&people, &format!("key-{act}"), list(&said));
        Ok(changes)
    }

    /// Enters a key that the HSM has already. Nothing is asked of the HSM, so that nothing of it can
    /// be taken back.
    pub fn adopt(
        &self,
        facts: &KeyFacts,
        (owner, zone): (&str, &str),
        people: &People<'_>,
    ) -> Result<Changes, KeysError> {
        let names = people.named()?;
        if names.len() < 2 {
            return Err(super::TWO_PEOPLE.found("a key that is found is entered by two people"));
        }
        let label = super::KeyLabel::parse(&facts.label);
        let label = label.ok_or_else(|| {
            let what = format!(
                "`{}` is no label such as `aurora.cvk@1`",
                shown(&facts.label)
            );
            ENTRY.found(what)
        })?;
        let key = NewEntry {
            name: label.name,
            version: Some(label.version),
            owner: owner.to_owned(),
            usage: facts.usage,
            algorithm: facts.algorithm,
            exportability: facts.exportability,
            zone: zone.to_owned(),
            origin: Origin::Adopted {},
            custodians: Vec::new(),
            period: (None, None),
            check_values: facts.check_values.iter().map(check_text).collect(),
            transient: false,
        };
        check(&key)?;
        if self.get(&facts.label).is_some() {
            return Err(THERE.found(facts.label.clone()));
        }
        let mut entry = new_entry(&key, label.version, "", &names, people.at);
        entry.pending = None;
        entry.note(people.at, &names, "adopt", "");
        let mut changes = Changes::default();
        changes.changes.push(self.put(&entry)?);
        changes.say(&names.join(" and "), "key-adopt", summary(&entry));
        Ok(changes)
    }

    /// Takes an announcement back: what the HSM had of it is gone.
    pub fn taken_back(&self, group: &str, who: &str, why: &str) -> Changes {
        let mut changes = Changes::default();
        let mut labels = Vec::new();
        for entry in self.group(group) {
            labels.push(entry.label());
            changes.changes.push(self.remove(entry));
        }
        if !labels.is_empty() {
            let what = format!("{group} is taken back: {}; {why}", list(&labels));
            changes.say(who, "key-take-back", what);
        }
        changes
    }

    /// Ends a destruction that the HSM has carried out.
    pub fn destroyed(&self, label: &str, who: &str, at: i64) -> Result<Changes, KeysError> {
        let mut changes = Changes::default();
        if let Some(entry) = self.get(label) {
            let mut entry = entry.clone();
            entry.pending = None;
            entry.state = State::Destroyed;
            // The people who wanted it stand in the step before.
            entry.note(at, &[who.to_owned()], "destroyed", "");
            changes.changes.push(self.put(&entry)?);
            changes.say(
                who,
                "key-destroyed",
                format!("{label} is gone from the HSM"),
            );
        }
        Ok(changes)
    }

    /// Members of a group that are pending.
    pub(crate) fn group<'s>(&'s self, group: &'s str) -> impl Iterator<Item = &'s KeyEntry> {
        self.entries().filter(move |e| {
            let pending = e.pending.as_ref();
            pending.is_some_and(|p| p.group == group && p.act != PendingAct::Destroy)
        })
    }
}

/// Refuses another key than the announced one.
pub(crate) fn verify(entry: &KeyEntry, facts: &KeyFacts) -> Result<(), KeysError> {
    if entry.agrees_with(facts)? {
        return Ok(());
    }
    let found: Vec<String> = facts
        .check_values
        .iter()
        .map(check_text)
        .map(|c| c.value)
        .collect();
    let expected: Vec<&str> = entry
        .check_values
        .iter()
        .map(|c| c.value.as_str())
        .collect();
    let what = format!(
        "{}: the HSM has {} with check value {}, expected is {} with {}",
        entry.label(),
        facts.algorithm.name(),
        found.join(" "),
        entry.algorithm,
        if expected.is_empty() {
            "any".to_owned()
        } else {
            expected.join(" ")
        }
    );
    Err(HSM_DIFFERS.found(what))
}

fn summary(entry: &KeyEntry) -> String {
    let values: Vec<String> = entry
        .check_values
        .iter()
        .map(|c| format!("{} {}", c.method, c.value))
        .collect();
    format!(
        "{} {} ({})",
        entry.label(),
        entry.algorithm,
        values.join(", ")
    )
}

/// A list for the audit log, cut where it would be too long; rows hold the whole.
pub(crate) fn list(items: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = items
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if items.len() > SHOWN {
        text.push_str(&format!(" and {} more", items.len() - SHOWN));
    }
    text.chars().take(3_000).collect()
}

fn check(key: &NewEntry) -> Result<(), KeysError> {
    let wrong = |what: String| Err(ENTRY.found(what));
    if !is_name(&key.name) {
        return wrong(format!(
            "`{}` is no key's name such as `aurora.imk_ac`",
            shown(&key.name)
        ));
    }
    if key.version == Some(0) {
        return wrong(format!("{}: versions count from 1", key.name));
    }
    for (what, text) in [("owner", &key.owner), ("zone", &key.zone)] {
        let fits = !text.trim().is_empty() && text.len() <= WORDS_MAX;
        if !fits || text.chars().any(char::is_control) {
            return wrong(format!("{}: its {what} is missing or too long", key.name));
        }
    }
    let asymmetric = key.algorithm.octets().is_none();
    if asymmetric != for_key_pairs(key.usage) {
        let usage = use_name(key.usage);
        return wrong(format!(
            "{}: {} is no algorithm for {usage}",
            key.name,
            key.algorithm.name()
        ));
    }
    if let KeyAlgorithm::Rsa { bits, exponent } = key.algorithm
        && (!(512..=4096).contains(&bits) || bits % 8 != 0 || !matches!(exponent, 3 | 65_537))
    {
        let what = "RSA keys have 512 to 4096 bits, a multiple of 8, and exponent 3 or 65537";
        return wrong(format!("{}: {what}", key.name));
    }
    match key.period {
        (Some(from), Some(to)) if to <= from => {
            Err(super::PERIOD.found(format!("{}: its period ends before it begins", key.name)))
        }
        _ => Ok(()),
    }
}

/// Whether a use is that of a private key.
fn for_key_pairs(usage: KeyUse) -> bool {
    matches!(
        usage,
        KeyUse::EmvIssuerPrivate
            | KeyUse::EmvCaPrivate
            | KeyUse::CertificateSigning
            | KeyUse::ContentSigning
            | KeyUse::KeyExchange
            | KeyUse::PackageSigning
    )
}

/// A use's name.
pub fn use_name(usage: KeyUse) -> &'static str {
    let row = KeyUse::NAMES.iter().find(|(u, _)| *u == usage);
    row.map_or("unknown", |(_, name)| name)
}

/// A word for whether a key may leave.
fn exportability_name(value: Exportability) -> &'static str {
    let row = Exportability::ALL.iter().find(|row| row.0 == value);
    row.map_or("non_exportable", |row| row.2)
}

fn new_entry(key: &NewEntry, version: u32, group: &str, names: &[String], at: i64) -> KeyEntry {
    let (bits, exponent) = match key.algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => (bits, exponent),
        _ => (0, 0),
    };
    let (active_from, active_to) = key.period;
    KeyEntry {
        schema_version: SCHEMA_VERSION,
        name: key.name.clone(),
        version,
        owner: key.owner.trim().to_owned(),
        usage: use_name(key.usage).to_owned(),
        algorithm: key.algorithm.name().to_owned(),
        bits,
        exponent,
        exportability: exportability_name(key.exportability).to_owned(),
        zone: key.zone.trim().to_owned(),
        state: State::PreActive,
        check_values: key.check_values.clone(),
        origin: key.origin.clone(),
        custodians: key.custodians.clone(),
        created_at: at,
        created_by: names.join(" and "),
        active_from,
        active_to,
        replaced_by: None,
        pending: Some(Pending {
            act: match key.transient {
                true => PendingAct::Transient,
                false => PendingAct::Make,
            },
            group: group.to_owned(),
            who: names.join(" and "),
            at,
        }),
        asked: None,
        compromise: None,
        exports: Vec::new(),
        history: Vec::new(),
    }
}

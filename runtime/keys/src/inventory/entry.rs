//! A key's row: everything that is known of one version of one key, and nothing secret.

use super::{ROW, SCHEMA_VERSION, State};
use crate::KeysError;
use cardwright_ports::custody::{CheckValue, Exportability, KeyAlgorithm, KeyFacts};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One version of one key, as the inventory keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// 1.
    pub schema_version: u32,
    /// Logical name, as bundles have it: `aurora.imk_ac`.
    pub name: String,
    /// From 1; a number is never given again.
    pub version: u32,
    /// Who answers for it: a department or a bank.
    pub owner: String,
    /// Its only use, by the name that sources have.
    #[serde(rename = "use")]
    pub usage: String,
    /// `tdes2`, `tdes3`, `aes128`, `aes192`, `aes256`, `rsa`, `p256`.
    pub algorithm: String,
    /// Bits of an RSA modulus.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bits: u32,
    /// Public exponent of an RSA key.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exponent: u32,
    /// `exportable`, `non_exportable` or `sensitive`.
    pub exportability: String,
    /// Where it belongs: `production`, or the partner that it is shared with.
    pub zone: String,
    /// State.
    pub state: State,
    /// Check values, by method. Empty while the key is being made.
    pub check_values: Vec<CheckText>,
    /// Where it comes from.
    pub origin: Origin,
    /// Who held its components, or brought it here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custodians: Vec<String>,
    /// When it was entered, seconds since 1970.
    pub created_at: i64,
    /// Who entered it.
    pub created_by: String,
    /// Begin of its use, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<i64>,
    /// End of its use: from this second on it protects nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_to: Option<i64>,
    /// Label of the version that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// An act that was announced and that the HSM may or may not have carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// What one person has asked for and another one must ask for, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// That it is compromised, and what was under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromise: Option<Compromise>,
    /// Copies that left the HSM, wrapped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Export>,
    /// What was done with it, oldest first.
    pub history: Vec<Step>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A check value as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckText {
    /// `ecb`, `gp`, `cmac` or `sha256`.
    pub method: String,
    /// Hexadecimal digits, in groups of eight joined by hyphens.
    pub value: String,
}

impl CheckText {
    /// The digits without their groups.
    pub fn digits(&self) -> String {
        self.value.chars().filter(|c| *c != '-').collect()
    }
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// Made in this site's HSM.
    Generated {},
    /// Joined from components.
    Ceremony {
        /// Name of the ceremony.
        ceremony: String,
    },
    /// Taken in under another key.
    Imported {
        /// Who sent it.
        from: String,
        /// Label of the key that it was under.
        under: String,
        /// Form, such as `X9.143 D`.
        form: String,
    },
    /// In a package of another site.
    Package {
        /// Number of the package.
        package: String,
        /// Name of the site.
        from: String,
        /// Label of this site's own key that it was under.
        under: String,
    },
    /// Found in the HSM and entered as it was.
    Adopted {},
}

/// An act that needs the HSM and is not known to have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// What was to be done.
    pub act: PendingAct,
    /// Acts of one group are done together or not at all.
    pub group: String,
    /// Who.
    pub who: String,
    /// When, seconds since 1970.
    pub at: i64,
}

/// What was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PendingAct {
    /// The key is being made or taken in.
    Make,
    /// The key serves one act and goes with it: a package's transport key.
    Transient,
    /// The key is being destroyed.
    Destroy,
}

/// An act that waits for the second of two people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Act.
    pub act: super::Act,
    /// Who asked first.
    pub who: String,
    /// When, seconds since 1970.
    pub at: i64,
}

/// What is known of a compromise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compromise {
    /// When it was said, seconds since 1970.
    pub at: i64,
    /// Why, public words.
    pub why: String,
    /// Keys that were wrapped under it, by label: they are to be looked at, too.
    pub under: Vec<String>,
    /// Jobs that were bound to it.
    pub jobs: Vec<u64>,
}

/// A copy that left the HSM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// When, seconds since 1970.
    pub at: i64,
    /// Who.
    pub who: String,
    /// To whom.
    pub to: String,
    /// Label of the key that it is under; empty for a receiver's public key.
    pub under: String,
    /// Form, such as `X9.143 D` or `package p…`.
    pub form: String,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, seconds since 1970.
    pub at: i64,
    /// Who, one or two people.
    pub who: Vec<String>,
    /// What.
    pub act: String,
    /// State after it.
    pub state: State,
    /// Public words, if any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A label taken apart: `aurora.imk_ac@2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyLabel {
    /// Logical name.
    pub name: String,
    /// Version.
    pub version: u32,
}

impl KeyLabel {
    /// From `name@version`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, version) = text.rsplit_once('@')?;
        let version = version.parse().ok().filter(|v| *v > 0)?;
        let again = label(name, version);
        (is_name(name) && again == text).then(|| Self {
            name: name.to_owned(),
            version,
        })
    }
}

/// A label: logical name and version.
pub fn label(name: &str, version: u32) -> String {
    format!("{name}@{version}")
}

/// A logical name: two or more words with points between, as sources and bundles have it.
pub(crate) fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        let mut letters = word.bytes();
        letters.next().is_some_and(|b| b.is_ascii_lowercase())
            && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    name.len() <= 100 && name.contains('.') && name.split('.').all(word)
}

const METHODS: [(CheckMethod, &str); 4] = [
    (CheckMethod::Ecb, "ecb"),
    (CheckMethod::Gp, "gp"),
    (CheckMethod::Cmac, "cmac"),
    (CheckMethod::Sha256, "sha256"),
];

/// A check value method's name.
pub fn method_name(method: CheckMethod) -> &'static str {
    let row = METHODS.iter().find(|(m, _)| *m == method);
    row.map_or("other", |(_, name)| name)
}

/// A check value method by its name.
pub fn method_from_name(name: &str) -> Option<CheckMethod> {
    let row = METHODS.iter().find(|(_, n)| *n == name);
    row.map(|(method, _)| *method)
}

/// A check value as rows have it. Groups keep a long one from passing as a card number.
pub fn check_text(value: &CheckValue) -> CheckText {
    let groups: Vec<String> = value.octets.chunks(4).map(hex::encode_upper).collect();
    CheckText {
        method: method_name(value.method).to_owned(),
        value: groups.join("-"),
    }
}

impl KeyEntry {
    /// Label in the HSM.
    pub fn label(&self) -> String {
        label(&self.name, self.version)
    }

    /// Algorithm.
    pub fn key_algorithm(&self) -> Result<KeyAlgorithm, KeysError> {
        KeyAlgorithm::from_name(&self.algorithm, self.bits, self.exponent)
            .ok_or_else(|| self.unreadable("its algorithm is unknown"))
    }

    /// Use.
    pub fn key_use(&self) -> Result<KeyUse, KeysError> {
        KeyUse::from_name(&self.usage).ok_or_else(|| self.unreadable("its use is unknown"))
    }

    /// Whether it may leave the HSM.
    pub fn key_exportability(&self) -> Result<Exportability, KeysError> {
        let row = Exportability::ALL
            .iter()
            .find(|(_, _, word)| *word == self.exportability);
        row.map(|(value, ..)| *value)
            .ok_or_else(|| self.unreadable("its exportability is unknown"))
    }

    fn unreadable(&self, what: &str) -> KeysError {
        ROW.found(format!("key {}: {what}", self.label()))
    }

    /// Reads a row.
    pub fn from_row(id: &str, body: &str) -> Result<Self, KeysError> {
        let wrong = |what: String| ROW.found(format!("keys {id}: {what}"));
        let entry: Self = serde_json::from_str(body)
            .map_err(|e| wrong(format!("line {} column {}", e.line(), e.column())))?;
        if entry.schema_version != SCHEMA_VERSION {
            let found = entry.schema_version;
            return Err(wrong(format!("schema {found}, {SCHEMA_VERSION} expected")));
        }
        if entry.label() != id || KeyLabel::parse(id).is_none() {
            return Err(wrong("the row speaks of another key".to_owned()));
        }
        entry.key_algorithm()?;
        entry.key_use()?;
        entry.key_exportability()?;
        Ok(entry)
    }

    /// The row's text.
    pub fn body(&self) -> Result<String, KeysError> {
        serde_json::to_string(self).map_err(|_| self.unreadable("it can't be written"))
    }

    /// Whether the HSM's key is the entry's: algorithm, use, exportability, and every check value
    /// that both have.
    pub fn agrees_with(&self, facts: &KeyFacts) -> Result<bool, KeysError> {
        let same = facts.label == self.label()
            && facts.algorithm == self.key_algorithm()?
            && facts.usage == self.key_use()?
            && facts.exportability == self.key_exportability()?;
        let differs = facts.check_values.iter().map(check_text).any(|found| {
            let own = self.check_values.iter().find(|c| c.method == found.method);
            own.is_some_and(|own| !same_check(&own.digits(), &found.digits()))
        });
        Ok(same && !differs)
    }

    /// Whether now lies in its period.
    pub fn in_period(&self, at: i64) -> bool {
        self.active_from.is_none_or(|from| from <= at) && self.active_to.is_none_or(|to| at < to)
    }
}

/// Compares as many digits as the shorter has, at least three octets.
pub(crate) fn same_check(one: &str, other: &str) -> bool {
    let length = one.len().min(other.len());
    let head = |text: &'_ str| text.get(..length).map(str::to_ascii_uppercase);
    length >= 6 && head(one) == head(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_one_form() {
        let parsed = KeyLabel::parse("aurora.imk_ac@12").unwrap();
        assert_eq!(
            (parsed.name.as_str(), parsed.version),
            ("aurora.imk_ac", 12)
        );
        for wrong in [
            "aurora.imk_ac",
            "aurora.imk_ac@0",
            "aurora.imk_ac@01",
            "aurora@1",
            "a.b@-1",
            "A.b@1",
            "a.@1",
            ".a@1",
            "a.b@1@2",
            "a.b@ 1",
            "a.b@4294967296",
            "a..b@1",
        ] {
            assert_eq!(KeyLabel::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_row_of_another_version_is_refused() {
        for body in ["", "{}", "[]", r#"{"schema_version":2}"#] {
            let refused = KeyEntry::from_row("aurora.cvk@1", body).unwrap_err();
            assert_eq!(refused.code, "R1354");
        }
    }

    #[test]
    fn check_values_are_compared_over_the_shorter_with_three_octets_at_least() {
        assert!(same_check("8CA64DE9C1", "8ca64d"));
        assert!(!same_check("8CA6", "8CA6"));
        assert!(!same_check("8CA64D", "8CA64E"));
    }
}

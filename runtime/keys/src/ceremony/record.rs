//! A ceremony's record: what was done, by whom, with which check values; as JSON that is signed and
//! as text that people read. Nothing secret is in it.
//!
//! What a signature proves: that somebody who knew the person's secret confirmed exactly this
//! record (its SHA-256), in that role. Everybody can check it with the public key in the register.
//! It does not prove that the person was not forced, or that the secret was theirs alone.

use super::codes::{CEREMONY, RECORD};
use super::nouns::{Ceremony, Kind, Line, Part, Participant, Phase, Signature, Subject};
use super::people::{Custodian, Role};
use crate::KeysError;
use crate::inventory::CheckText;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What is signed: all but the signatures themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Record {
    /// 1.
    pub schema_version: u32,
    /// Name of the ceremony.
    pub ceremony: String,
    /// What it did.
    pub kind: Kind,
    /// Site.
    pub site: String,
    /// Whether it was about test keys.
    pub test: bool,
    /// Whether it was given up.
    pub abandoned: bool,
    /// The key.
    pub key: Subject,
    /// Its check values.
    pub check_values: Vec<CheckText>,
    /// The check value that was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<CheckText>,
    /// Who took part.
    pub participants: Vec<Participant>,
    /// Components: holders, check values, forms.
    pub parts: Vec<Part>,
    /// What was done.
    pub log: Vec<Line>,
}

/// The record of a ceremony.
pub fn record(ceremony: &Ceremony) -> Record {
    Record {
        schema_version: ceremony.schema_version,
        ceremony: ceremony.id.clone(),
        kind: ceremony.kind,
        site: ceremony.site.clone(),
        test: ceremony.test,
        abandoned: ceremony.phase == Phase::Abandoned,
        key: ceremony.key.clone(),
        check_values: ceremony.check_values.clone(),
        expected: ceremony.expected.clone(),
        participants: ceremony.participants.clone(),
        parts: ceremony.parts.clone(),
        log: ceremony
            .log
            .iter()
            .take(ceremony.recorded)
            .cloned()
            .collect(),
    }
}

/// SHA-256 of a record's JSON, in groups of eight digits.
pub fn digest(record: &Record) -> Result<String, KeysError> {
    let text =
        serde_json::to_string(record).map_err(|_| CEREMONY.found("a record can't be written"))?;
    let groups: Vec<String> = Sha256::digest(text).chunks(4).map(hex::encode).collect();
    Ok(groups.join("-"))
}

/// The text that a person signs.
pub(crate) fn signed_text(digest: &str, name: &str, role: Role) -> String {
    format!("Cardwright ceremony record 1\n{digest}\n{role}\n{name}\n")
}

/// What a check of a record found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// Digest as it is now.
    pub digest: String,
    /// What does not hold, in words; empty when all does.
    pub findings: Vec<String>,
}

/// Compares the record with its digest, and each signature with its person.
pub fn verify(ceremony: &Ceremony, people: &[Custodian]) -> Result<Verdict, KeysError> {
    let now = digest(&record(ceremony))?;
    let mut findings = Vec::new();
    if ceremony.digest.as_ref() != Some(&now) {
        findings.push("the record is not the one whose digest was taken".to_owned());
    }
    for signature in &ceremony.signatures {
        if let Err(what) = holds(ceremony, signature, people, &now) {
            findings.push(what);
        }
    }
    let signed = |p: &Participant| ceremony.signatures.iter().any(|s| s.name == p.name);
    for missing in ceremony.participants.iter().filter(|p| !signed(p)) {
        if ceremony.phase != Phase::Abandoned {
            findings.push(format!("{} has not signed", missing.name));
        }
    }
    Ok(Verdict {
        digest: now,
        findings,
    })
}

fn holds(
    ceremony: &Ceremony,
    signature: &Signature,
    people: &[Custodian],
    digest: &str,
) -> Result<(), String> {
    let name = &signature.name;
    let takes_part = ceremony
        .participants
        .iter()
        .any(|p| p.name == *name && p.role == signature.role);
    if !takes_part {
        return Err(format!(
            "{name} signed but takes no part as {}",
            signature.role
        ));
    }
    // Somebody who has left the register since is checked by the key of that day.
    let registered = people.iter().find(|p| p.name == *name);
    if registered.is_some_and(|p| p.public_key != signature.public_key) {
        return Err(format!(
            "{name} signed with another key than the register has"
        ));
    }
    let text = signed_text(digest, name, signature.role);
    if super::people::signature_holds(&signature.public_key, &text, &signature.signature) {
        return Ok(());
    }
    Err(format!("the signature of {name} does not hold"))
}

/// Refuses a record with findings.
pub fn check(verdict: &Verdict) -> Result<(), KeysError> {
    match verdict.findings.first() {
        Some(finding) => Err(RECORD.found(finding.clone())),
        None => Ok(()),
    }
}

/// The record as people read and file it. `time` writes a moment.
pub fn text(ceremony: &Ceremony, time: &dyn Fn(i64) -> String) -> String {
    let record = record(ceremony);
    let mut lines = head(&record);
    lines.push("Who took part".to_owned());
    for person in &record.participants {
        lines.push(format!("  {:<14}{}", person.role.to_string(), person.name));
    }
    if !record.parts.is_empty() {
        lines.push("Components".to_owned());
    }
    for part in &record.parts {
        let value = part.check_value.as_ref().map_or("-", |c| c.value.as_str());
        let form = match part.forms {
            0 => String::new(),
            _ => format!("  form {}", ceremony.form(part)),
        };
        let holder = part.custodian.as_deref().unwrap_or("nobody");
        lines.push(format!(
            "  {}  check value {value:<14}{holder}{form}",
            part.number
        ));
    }
    lines.push("What was done".to_owned());
    for line in &record.log {
        let who = if line.who.is_empty() { "-" } else { &line.who };
        lines.push(format!("  {}  {who}: {}", time(line.at), line.what));
    }
    lines.extend(signatures(ceremony, time));
    lines.join("\n")
}

/// What the ceremony was about.
fn head(record: &Record) -> Vec<String> {
    let test = if record.test { "   TEST KEYS" } else { "" };
    let mut lines = vec![format!("RECORD OF {}{test}", record.ceremony)];
    let mut say = |name: &str, value: &str| lines.push(format!("{name:<16}{value}"));
    say("site", &record.site);
    say("ceremony", record.kind.name());
    say("key", &record.key.label());
    say("use", &record.key.usage);
    let size = match record.key.bits {
        0 => String::new(),
        bits => format!(" {bits} bits, exponent {}", record.key.exponent),
    };
    say("algorithm", &format!("{}{size}", record.key.algorithm));
    say("exportability", &record.key.exportability);
    let place = format!("{}, {}", record.key.owner, record.key.zone);
    say("owner, zone", &place);
    for value in &record.check_values {
        say(
            "check value",
            &format!("{} ({})", value.value, value.method),
        );
    }
    if let Some(value) = &record.expected {
        say("expected", &format!("{} ({})", value.value, value.method));
    }
    if record.abandoned {
        say("ended", "given up; nothing of it counts");
    }
    lines.push(String::new());
    lines
}

/// Digest, signatures, and who has not signed.
fn signatures(ceremony: &Ceremony, time: &dyn Fn(i64) -> String) -> Vec<String> {
    let digest = ceremony.digest.as_deref().unwrap_or("none yet");
    let mut lines = vec![format!("Digest  {digest}"), "Signatures".to_owned()];
    for signature in &ceremony.signatures {
        let (name, role) = (&signature.name, signature.role.to_string());
        lines.push(format!("  {}  {role:<14}{name}", time(signature.at)));
        for half in signature.signature.as_bytes().chunks(64) {
            lines.push(format!("    {}", String::from_utf8_lossy(half)));
        }
    }
    for person in &ceremony.participants {
        if !ceremony.signatures.iter().any(|s| s.name == person.name) {
            lines.push(format!("  {} has not signed", person.name));
        }
    }
    lines
}

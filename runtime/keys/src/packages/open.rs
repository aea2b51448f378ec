//! Opening a package: everything is proven before the HSM is asked, and all keys come in or none.

use super::{
    Direction, PackageRow, PackageState, PackedLabel, find,
    form::{KEYS_MAX, PACKAGE_MARK, PackageBody, PackedKey, Signed, check_head},
    group,
    make::{header, info, transport_key, transport_label},
    put,
    site::{self, Confirmed, Own, PublicText, refuse_reserved},
};
use crate::KeysError;
use crate::clerk::Clerk;
use crate::inventory::{
    ADDRESSEE, AGAIN, Changes, CheckText, LATE, NewEntry, Origin, PACKAGE, People, SCHEMA_VERSION,
    SITE, label, method_from_name,
};
use cardwright_ports::HsmError;
use cardwright_ports::custody::{
    CheckValue, Exportability, KeyAlgorithm, KeyCustody, KeyFacts, NewKey, OaepHash, Wrapping,
};
use cardwright_ports::hsm::KeyUse;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Octets of the longest key block that is taken.
const BLOCK_MAX: usize = 9_999;
/// How far the sender's clock may be ahead, seconds.
const CLOCK_SLACK_SECONDS: i64 = 300;

/// A package to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// This site's name.
    pub own: &'a str,
    /// The file.
    pub file: &'a [u8],
}

/// A package that is proven: its sender, its recipient, its time, its form.
struct Proven {
    body: PackageBody,
    sender: Confirmed,
    keys: Vec<NewEntry>,
    wrapped: Vec<u8>,
}

impl Clerk<'_> {
    /// Opens a package; its keys are pre-active then.
    pub fn unpack(
        &mut self,
        opening: &Opening<'_>,
        people: &People<'_>,
    ) -> Result<PackageRow, KeysError> {
        let names = people.named()?;
        let own = self.own_site(opening.own, people.at)?;
        let proven = self.proven(opening.file, &own, people.at)?;
        let body = &proven.body;
        let mut row = PackageRow {
            schema_version: SCHEMA_VERSION,
            package: body.package.clone(),
            direction: Direction::Received,
            site: body.sender.name.clone(),
            fingerprint: body.sender.fingerprint.clone(),
            state: PackageState::Opening,
            made_at: body.made_at,
            expires_at: body.expires_at,
            who: names.join(" and "),
            sha256: hex::encode_upper(Sha256::digest(opening.file)),
            keys: body.keys.iter().map(packed_label).collect(),
            opened_at: None,
            opened_by: None,
        };
        let mut also = Changes::default();
        also.changes.push(put(&row, 0)?);
        let group = group(Direction::Received, &body.package);
        let blocks = Blocks::of(&proven, &own)?;
        let (_, facts) = self.begin(
            &proven.keys,
            &group,
            also,
            people,
            &mut |custody, key, value| blocks.unwrap(custody, key, value),
        )?;
        match self.enter_package(&mut row, &group, &facts, people) {
            Ok(()) => Ok(row),
            Err(error) => {
                self.give_up(&group, None, people, &error)?;
                Err(error)
            }
        }
    }

    fn enter_package(
        &mut self,
        row: &mut PackageRow,
        group: &str,
        facts: &[KeyFacts],
        people: &People<'_>,
    ) -> Result<(), KeysError> {
        self.custody().destroy(&transport_label(&row.package))?;
        row.state = PackageState::Opened;
        row.opened_at = Some(people.at);
        let mut changes = self.inventory()?.entered(facts, group, "import")?;
        let version = find(self.store(), Direction::Received, &row.package)?.map_or(0, |(v, _)| v);
        changes.changes.push(put(row, version)?);
        let what = format!(
            "{} of {} is opened; SHA-256 {}",
            row.package, row.site, row.sha256
        );
        changes.say(&row.who, "key-package-open", what);
        self.commit(changes, people.at)
    }

    /// Believes a package when its sender, who is trusted here, has signed it for this site and
    /// this time, and it was never opened.
    fn proven(&mut self, file: &[u8], own: &Own, at: i64) -> Result<Proven, KeysError> {
        let signed = Signed::parse(PACKAGE_MARK, file)?;
        let body: PackageBody = signed.body()?;
        check_head(body.schema_version, &body.package)?;
        let sender = site::trusted(self.store(), &body.sender.name)?;
        if sender.fingerprint != body.sender.fingerprint {
            let what = format!(
                "{} has another identity than the trusted one",
                body.sender.name
            );
            return Err(SITE.found(what));
        }
        signed.proven_by(&sender.identity.signing)?;
        if body.recipient.fingerprint != own.fingerprint || body.recipient.name != own.identity.name
        {
            let what = format!(
                "it is for {} ({})",
                body.recipient.name, body.recipient.fingerprint
            );
            return Err(ADDRESSEE.found(what));
        }
        if at >= body.expires_at || at < body.made_at.saturating_sub(CLOCK_SLACK_SECONDS) {
            let what = format!(
                "it holds from {} to {}, now is {at}",
                body.made_at, body.expires_at
            );
            return Err(LATE.found(what));
        }
        if find(self.store(), Direction::Received, &body.package)?.is_some() {
            return Err(AGAIN.found(format!("{} was opened here before", body.package)));
        }
        let wrapped = hex::decode(&body.transport.wrapped)
            .map_err(|_| PACKAGE.found("its transport key is not hexadecimal"))?;
        let keys = entries(&body, &own.exchange)?;
        Ok(Proven {
            body,
            sender,
            keys,
            wrapped,
        })
    }
}

/// The transport key first, then the keys.
fn entries(body: &PackageBody, under: &str) -> Result<Vec<NewEntry>, KeysError> {
    if body.keys.is_empty() || body.keys.len() > KEYS_MAX {
        return Err(PACKAGE.found(format!("a package has 1 to {KEYS_MAX} keys")));
    }
    let origin = Origin::Package {
        package: body.package.clone(),
        from: body.sender.name.clone(),
        under: under.to_owned(),
    };
    let check = checked(std::slice::from_ref(&body.transport.check_value))?;
    let mut entries = vec![transport_key(&body.package, origin.clone(), check)];
    for key in &body.keys {
        entries.push(entry(key, &origin, &body.sender.name)?);
    }
    Ok(entries)
}

fn entry(key: &PackedKey, origin: &Origin, from: &str) -> Result<NewEntry, KeysError> {
    let wrong = |what: &str| PACKAGE.found(format!("a key's {what} is unknown"));
    refuse_reserved(&key.name)?;
    let exportability = Exportability::ALL
        .iter()
        .find(|row| row.2 == key.exportability);
    if key.block.len() > BLOCK_MAX || !key.block.is_ascii() {
        return Err(PACKAGE.found("a key block that is too long"));
    }
    Ok(NewEntry {
        name: key.name.clone(),
        version: Some(key.version),
        owner: key.owner.clone(),
        usage: KeyUse::from_name(&key.usage).ok_or_else(|| wrong("use"))?,
        algorithm: KeyAlgorithm::from_name(&key.algorithm, key.bits, key.exponent)
            .ok_or_else(|| wrong("algorithm"))?,
        exportability: exportability.ok_or_else(|| wrong("exportability"))?.0,
        zone: key.zone.clone(),
        origin: origin.clone(),
        custodians: vec![from.to_owned()],
        period: (key.active_from, key.active_to),
        check_values: checked(&key.check_values)?,
        transient: false,
    })
}

/// Check values that can be compared: known methods, three octets at least.
fn checked(values: &[CheckText]) -> Result<Vec<CheckText>, KeysError> {
    let fits = |value: &CheckText| {
        let octets = hex::decode(value.digits());
        method_from_name(&value.method).is_some()
            && octets.is_ok_and(|o| (3..=32).contains(&o.len()))
    };
    match !values.is_empty() && values.len() <= 8 && values.iter().all(fits) {
        true => Ok(values.to_vec()),
        false => Err(PACKAGE.found("a key's check values can't be compared")),
    }
}

/// How each key of a package is unwrapped.
struct Blocks<'p> {
    transport: String,
    exchange: &'p str,
    /// Sender's point; none when the transport key is under RSA.
    peer: Option<Vec<u8>>,
    info: Vec<u8>,
    wrapped: &'p [u8],
    blocks: BTreeMap<String, &'p str>,
}

impl<'p> Blocks<'p> {
    fn of(proven: &'p Proven, own: &'p Own) -> Result<Self, KeysError> {
        let body = &proven.body;
        let sender = &proven.sender.identity.exchange;
        let wrong = || PACKAGE.found("its transport key is wrapped for another kind of key");
        let peer = match (
            body.transport.method.as_str(),
            &own.identity.exchange,
            sender,
        ) {
            ("ecdh_p256", PublicText::P256 { .. }, PublicText::P256 { .. }) => {
                Some(sender.octets().ok_or_else(wrong)?)
            }
            ("rsa_oaep_sha256", PublicText::Rsa { .. }, _) => None,
            _ => return Err(wrong()),
        };
        let blocks = body.keys.iter();
        Ok(Self {
            transport: transport_label(&body.package),
            exchange: &own.exchange,
            peer,
            info: info(&body.package, &body.sender.fingerprint, &own.fingerprint),
            wrapped: &proven.wrapped,
            blocks: blocks
                .map(|k| (label(&k.name, k.version), k.block.as_str()))
                .collect(),
        })
    }

    fn unwrap(
        &self,
        custody: &mut dyn KeyCustody,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        if key.label == self.transport {
            let wrapping = match &self.peer {
                Some(peer) => Wrapping::Ecdh {
                    peer,
                    info: &self.info,
                },
                None => Wrapping::RsaOaep {
                    receiver: (&[], 0),
                    hash: OaepHash::Sha256,
                },
            };
            return custody.unwrap(self.wrapped, self.exchange, &wrapping, key, expected);
        }
        let block = self.blocks.get(key.label).copied().unwrap_or_default();
        // Length and number of optional blocks are the block's own; the rest must be this key's.
        let header = header(key.usage, key.algorithm, key.exportability);
        let wrapping = Wrapping::KeyBlock { header: &header };
        custody.unwrap(block.as_bytes(), &self.transport, &wrapping, key, expected)
    }
}

fn packed_label(key: &PackedKey) -> PackedLabel {
    PackedLabel {
        label: label(&key.name, key.version),
        check_values: key.check_values.clone(),
    }
}

//! Making a package: a transport key for this one package, wrapped for the recipient's HSM, and
//! every key in a block under it.

use super::{
    Direction, PackageRow, PackageState, PackedLabel, find,
    form::{self, KEYS_MAX, PACKAGE_MARK, PackageBody, PackedKey, Party, Transport, is_number},
    group, put,
    site::{self, Confirmed, Own, PublicText, refuse_reserved},
};
use crate::KeysError;
use crate::clerk::Clerk;
use crate::inventory::{
    AGAIN, Changes, ENTRY, HSM_DIFFERS, KeyEntry, LATE, NewEntry, Origin, PACKAGE, People,
    SCHEMA_VERSION, SITE, check_text, label,
};
use cardwright_ports::custody::{
    Exportability, KeyAlgorithm, KeyCustody, KeyFacts, OaepHash, Wrapping,
};
use cardwright_ports::hsm::KeyUse;
use sha2::{Digest, Sha256};

/// A package to be made.
#[derive(Clone, Copy, Debug)]
pub struct Packing<'a> {
    /// Number: `p` and sixteen hexadecimal digits that nobody has had.
    pub package: &'a str,
    /// This site's name.
    pub own: &'a str,
    /// The recipient's name.
    pub to: &'a str,
    /// Labels of the keys.
    pub labels: &'a [String],
    /// Until when it can be opened, seconds since 1970.
    pub expires_at: i64,
}

/// Keeps the file that was made.
pub type Keep<'k> = dyn FnMut(&[u8]) -> Result<(), KeysError> + 'k;

impl Clerk<'_> {
    /// Makes a package and has it kept; then it counts as made.
    pub fn pack(
        &mut self,
        packing: &Packing<'_>,
        people: &People<'_>,
        keep: &mut Keep<'_>,
    ) -> Result<PackageRow, KeysError> {
        let names = people.named()?;
        let (entries, recipient) = self.packable(packing, people)?;
        let own = self.own_site(packing.own, people.at)?;
        let row = PackageRow {
            schema_version: SCHEMA_VERSION,
            package: packing.package.to_owned(),
            direction: Direction::Sent,
            site: packing.to.to_owned(),
            fingerprint: recipient.fingerprint.clone(),
            state: PackageState::Making,
            made_at: people.at,
            expires_at: packing.expires_at,
            who: names.join(" and "),
            sha256: String::new(),
            keys: entries.iter().map(packed_label).collect(),
            opened_at: None,
            opened_by: None,
        };
        let mut also = Changes::default();
        also.changes.push(put(&row, 0)?);
        let group = group(Direction::Sent, packing.package);
        let transport = [transport_key(
            packing.package,
            Origin::Generated {},
            Vec::new(),
        )];
        let (_, facts) = self.begin(&transport, &group, also, people, &mut |custody, key, _| {
            custody.generate(key)
        })?;
        match self.fill(&own, &recipient, &row, &entries, &facts, keep) {
            Ok(sha256) => self.sent(row, sha256, &entries, people),
            Err(error) => {
                self.give_up(&group, None, people, &error)?;
                Err(error)
            }
        }
    }

    /// What can be refused before anything is announced.
    fn packable(
        &mut self,
        packing: &Packing<'_>,
        people: &People<'_>,
    ) -> Result<(Vec<KeyEntry>, Confirmed), KeysError> {
        if !is_number(packing.package) {
            return Err(PACKAGE.found("the package has no number"));
        }
        if find(self.store(), Direction::Sent, packing.package)?.is_some() {
            return Err(AGAIN.found(format!("{} was made before", packing.package)));
        }
        if packing.expires_at <= people.at {
            return Err(LATE.found("it would be too old when it is made"));
        }
        if packing.labels.is_empty() || packing.labels.len() > KEYS_MAX {
            return Err(ENTRY.found(format!("a package has 1 to {KEYS_MAX} keys")));
        }
        let recipient = site::trusted(self.store(), packing.to)?;
        let inventory = self.inventory()?;
        let mut entries: Vec<KeyEntry> = Vec::with_capacity(packing.labels.len());
        for label in packing.labels {
            let form = format!("package {}", packing.package);
            let (entry, _) = inventory.exported(label, (packing.to, "", &form), people)?;
            refuse_reserved(&entry.name)?;
            if entries.iter().any(|e| e.label() == *label) {
                return Err(ENTRY.found(format!("{label} is named twice")));
            }
            entries.push(inventory.settled(label)?.clone());
        }
        Ok((entries, recipient))
    }

    /// This site as others know it.
    pub fn own_site(&mut self, name: &str, at: i64) -> Result<Own, KeysError> {
        let inventory = self.inventory()?;
        Own::read(&inventory, self.custody(), name, at)
    }

    /// Wraps, signs and keeps the package; gives the file's SHA-256.
    fn fill(
        &mut self,
        own: &Own,
        recipient: &Confirmed,
        row: &PackageRow,
        entries: &[KeyEntry],
        facts: &[KeyFacts],
        keep: &mut Keep<'_>,
    ) -> Result<String, KeysError> {
        let facts = facts
            .first()
            .ok_or_else(|| HSM_DIFFERS.found("no transport key"))?;
        let check = facts.check_values.first().map(check_text);
        let check = check.ok_or_else(|| HSM_DIFFERS.found("no check value of a transport key"))?;
        let info = info(&row.package, &own.fingerprint, &recipient.fingerprint);
        let (method, wrapped) = wrap_transport(
            self.custody(),
            own,
            &facts.label,
            &recipient.identity.exchange,
            &info,
        )?;
        let mut keys = Vec::with_capacity(entries.len());
        for entry in entries {
            let header = header(
                entry.key_use()?,
                entry.key_algorithm()?,
                entry.key_exportability()?,
            );
            let wrapping = Wrapping::KeyBlock { header: &header };
            let block = self
                .custody()
                .wrap(&entry.label(), &facts.label, &wrapping)?;
            let block = String::from_utf8(block).ok().filter(|b| b.is_ascii());
            let block = block.ok_or_else(|| HSM_DIFFERS.found("a key block that is no text"))?;
            keys.push(packed_key(entry, block));
        }
        let body = PackageBody {
            schema_version: SCHEMA_VERSION,
            package: row.package.clone(),
            sender: Party {
                name: own.identity.name.clone(),
                fingerprint: own.fingerprint.clone(),
            },
            recipient: Party {
                name: row.site.clone(),
                fingerprint: recipient.fingerprint.clone(),
            },
            made_at: row.made_at,
            expires_at: row.expires_at,
            transport: Transport {
                method: method.to_owned(),
                wrapped: hex::encode_upper(wrapped),
                check_value: check,
            },
            keys,
        };
        let custody = self.custody();
        let file = form::seal(PACKAGE_MARK, &body, &mut |message| {
            own.sign(custody, message)
        })?;
        keep(&file)?;
        Ok(hex::encode_upper(Sha256::digest(&file)))
    }

    /// The package counts as made, and each key tells where a copy of it went; then the transport
    /// key goes. A power cut in between leaves a pending row that the next start removes.
    fn sent(
        &mut self,
        mut row: PackageRow,
        sha256: String,
        entries: &[KeyEntry],
        people: &People<'_>,
    ) -> Result<PackageRow, KeysError> {
        let inventory = self.inventory()?;
        let form = format!("package {}", row.package);
        let mut changes = Changes::default();
        for entry in entries {
            let to = (row.site.as_str(), "", form.as_str());
            let (_, mut one) = inventory.exported(&entry.label(), to, people)?;
            changes.changes.append(&mut one.changes);
        }
        row.state = PackageState::Made;
        row.sha256 = sha256;
        let version = find(self.store(), Direction::Sent, &row.package)?.map_or(0, |(v, _)| v);
        changes.changes.push(put(&row, version)?);
        let labels: Vec<String> = entries.iter().map(KeyEntry::label).collect();
        let what = format!(
            "{} for {}: {}; SHA-256 {}",
            row.package,
            row.site,
            crate::inventory::list(&labels),
            row.sha256
        );
        changes.say(&row.who, "key-package", what);
        self.commit(changes, people.at)?;
        self.custody().destroy(&transport_label(&row.package))?;
        let group = group(Direction::Sent, &row.package);
        let mut changes = Changes::default();
        for entry in self.inventory()?.group(&group) {
            changes.changes.push(self.inventory()?.remove(entry));
        }
        changes.say(
            &row.who,
            "key-package",
            format!("{}: its transport key is destroyed", row.package),
        );
        self.commit(changes, people.at)?;
        Ok(row)
    }
}

fn wrap_transport(
    custody: &mut dyn KeyCustody,
    own: &Own,
    transport: &str,
    receiver: &PublicText,
    info: &[u8],
) -> Result<(&'static str, Vec<u8>), KeysError> {
    let octets = receiver
        .octets()
        .ok_or_else(|| SITE.found("its exchange key is none"))?;
    match (receiver, &own.identity.exchange) {
        (PublicText::P256 { .. }, PublicText::P256 { .. }) => {
            let wrapping = Wrapping::Ecdh {
                peer: &octets,
                info,
            };
            Ok((
                "ecdh_p256",
                custody.wrap(transport, &own.exchange, &wrapping)?,
            ))
        }
        (PublicText::P256 { .. }, PublicText::Rsa { .. }) => {
            let what = "the recipient's exchange key is P-256, this site's is RSA: they share no \
                        secret. Make a P-256 one with `keys site make`";
            Err(SITE.found(what))
        }
        (PublicText::Rsa { exponent, .. }, _) => {
            let wrapping = Wrapping::RsaOaep {
                receiver: (&octets, *exponent),
                hash: OaepHash::Sha256,
            };
            Ok(("rsa_oaep_sha256", custody.wrap(transport, "", &wrapping)?))
        }
    }
}

/// Logical name of a package's transport key.
fn transport_name(package: &str) -> String {
    format!("package.{package}")
}

/// Label of a package's transport key.
pub(super) fn transport_label(package: &str) -> String {
    label(&transport_name(package), 1)
}

/// The transport key: it wraps nothing but the keys of one package, and goes with it.
pub(super) fn transport_key(
    package: &str,
    origin: Origin,
    check_values: Vec<crate::inventory::CheckText>,
) -> NewEntry {
    NewEntry {
        name: transport_name(package),
        version: Some(1),
        owner: "key distribution".to_owned(),
        usage: KeyUse::KeyBlockProtection,
        algorithm: KeyAlgorithm::Aes256,
        exportability: Exportability::Exportable,
        zone: "package".to_owned(),
        origin,
        custodians: Vec::new(),
        period: (None, None),
        check_values,
        transient: true,
    }
}

/// What both sides put into the key derivation: the package and both sites.
pub(super) fn info(package: &str, sender: &str, recipient: &str) -> Vec<u8> {
    format!("cardwright key package v1\0{package}\0{sender}\0{recipient}").into_bytes()
}

/// Header of a key block of version D for a key (X9.143, 6.3): usage, algorithm, mode of use,
/// exportability; no version number, no optional blocks. Its length is filled in by the HSM.
pub(super) fn header(
    usage: KeyUse,
    algorithm: KeyAlgorithm,
    exportability: Exportability,
) -> String {
    let (usage, mode) = match usage {
        KeyUse::CardVerification => ("C0", 'C'),
        KeyUse::EmvApplicationCryptogram => ("E0", 'X'),
        KeyUse::EmvSecureMessagingConfidentiality => ("E1", 'X'),
        KeyUse::EmvSecureMessagingIntegrity => ("E2", 'X'),
        KeyUse::EmvDynamicNumbers => ("E4", 'X'),
        KeyUse::CardIssuance => ("E5", 'X'),
        KeyUse::CardKey => ("E6", 'X'),
        KeyUse::PinEncryption => ("P0", 'B'),
        KeyUse::PinVerificationIbm3624 => ("V1", 'C'),
        KeyUse::PinVerificationPvv => ("V2", 'C'),
        KeyUse::EmvIssuerPrivate
        | KeyUse::CertificateSigning
        | KeyUse::ContentSigning
        | KeyUse::PackageSigning => ("S0", 'S'),
        KeyUse::EmvCaPrivate => ("S2", 'S'),
        KeyUse::Transport => ("K0", 'B'),
        KeyUse::KeyBlockProtection => ("K1", 'B'),
        KeyUse::KeyExchange => ("K3", 'B'),
    };
    let algorithm = match algorithm {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => 'T',
        KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256 => 'A',
        KeyAlgorithm::Rsa { .. } => 'R',
        KeyAlgorithm::P256 => 'E',
    };
    let letter = Exportability::ALL.iter().find(|row| row.0 == exportability);
    let letter = letter.map_or('N', |row| row.1);
    format!("D0000{usage}{algorithm}{mode}00{letter}0000")
}

fn packed_label(entry: &KeyEntry) -> PackedLabel {
    PackedLabel {
        label: entry.label(),
        check_values: entry.check_values.clone(),
    }
}

fn packed_key(entry: &KeyEntry, block: String) -> PackedKey {
    PackedKey {
        name: entry.name.clone(),
        version: entry.version,
        owner: entry.owner.clone(),
        usage: entry.usage.clone(),
        algorithm: entry.algorithm.clone(),
        bits: entry.bits,
        exponent: entry.exponent,
        exportability: entry.exportability.clone(),
        zone: entry.zone.clone(),
        active_from: entry.active_from,
        active_to: entry.active_to,
        check_values: entry.check_values.clone(),
        block,
    }
}

//! Receipts: the recipient signs what its HSM has, the sender compares and closes the record.

use super::{
    Direction, PackageRow, PackageState, PackedLabel, find,
    form::{self, Party, RECEIPT_MARK, ReceiptBody, Signed, check_head},
    put,
    site::{self, same_values},
};
use crate::KeysError;
use crate::clerk::Clerk;
use crate::inventory::{Changes, HSM_DIFFERS, People, RECEIPT, SCHEMA_VERSION, check_text, shown};

impl Clerk<'_> {
    /// Signs a receipt of a package that was opened here. The check values are made anew by the
    /// HSM, so that the receipt speaks of the keys and not of what the sender wrote.
    pub fn receipt(
        &mut self,
        own: &str,
        package: &str,
        people: &People<'_>,
    ) -> Result<Vec<u8>, KeysError> {
        people.named()?;
        let found = find(self.store(), Direction::Received, package)?;
        let opened = found
            .map(|(_, row)| row)
            .filter(|r| r.state == PackageState::Opened);
        let row = opened
            .ok_or_else(|| RECEIPT.found(format!("{} was not opened here", shown(package))))?;
        let own = self.own_site(own, people.at)?;
        let mut keys = Vec::with_capacity(row.keys.len());
        for key in &row.keys {
            let facts = self.custody().key(&key.label)?;
            let facts = facts.ok_or_else(|| HSM_DIFFERS.found(format!("no key {}", key.label)))?;
            keys.push(PackedLabel {
                label: key.label.clone(),
                check_values: facts.check_values.iter().map(check_text).collect(),
            });
        }
        let body = ReceiptBody {
            schema_version: SCHEMA_VERSION,
            package: row.package.clone(),
            sha256: row.sha256.clone(),
            sender: Party {
                name: row.site.clone(),
                fingerprint: row.fingerprint.clone(),
            },
            recipient: Party {
                name: own.identity.name.clone(),
                fingerprint: own.fingerprint.clone(),
            },
            opened_at: row.opened_at.unwrap_or(people.at),
            opened_by: row.who.clone(),
            keys,
        };
        let custody = self.custody();
        let file = form::seal(RECEIPT_MARK, &body, &mut |message| {
            own.sign(custody, message)
        })?;
        let mut changes = Changes::default();
        changes.say(
            people.who,
            "key-receipt",
            format!("receipt of {} is signed", row.package),
        );
        self.commit(changes, people.at)?;
        Ok(file)
    }

    /// Closes the record of a package by its receipt.
    pub fn acknowledge(
        &mut self,
        own: &str,
        file: &[u8],
        people: &People<'_>,
    ) -> Result<PackageRow, KeysError> {
        let names = people.named()?;
        let signed = Signed::parse(RECEIPT_MARK, file)?;
        let body: ReceiptBody = signed.body()?;
        check_head(body.schema_version, &body.package)?;
        let found = find(self.store(), Direction::Sent, &body.package)?;
        let (version, mut row) =
            found.ok_or_else(|| RECEIPT.found(format!("{} was not made here", body.package)))?;
        let recipient = site::trusted(self.store(), &row.site)?;
        signed.proven_by(&recipient.identity.signing)?;
        let own = self.own_site(own, people.at)?;
        let parties = body.recipient.name == row.site
            && body.recipient.fingerprint == row.fingerprint
            && body.sender.name == own.identity.name;
        if !parties || recipient.fingerprint != row.fingerprint {
            return Err(RECEIPT.found("it is between other sites, or other identities of theirs"));
        }
        if row.state != PackageState::Made {
            return Err(RECEIPT.found(format!("{} is {}", row.package, row.state.name())));
        }
        if body.sha256 != row.sha256 {
            return Err(RECEIPT.found("it speaks of another file than the one that was made here"));
        }
        if let Some(differs) = difference(&row.keys, &body.keys) {
            let mut changes = Changes::default();
            let what = format!("receipt of {} is not as sent: {differs}", row.package);
            changes.say(&names.join(" and "), "key-receipt-differs", what);
            self.commit(changes, people.at)?;
            return Err(RECEIPT.found(differs));
        }
        row.state = PackageState::Acknowledged;
        row.opened_at = Some(body.opened_at);
        row.opened_by = Some(shown(&body.opened_by));
        let mut changes = Changes::default();
        changes.changes.push(put(&row, version)?);
        let what = format!(
            "{} has arrived at {}, same check values",
            row.package, row.site
        );
        changes.say(&names.join(" and "), "key-package-acknowledge", what);
        self.commit(changes, people.at)?;
        Ok(row)
    }
}

/// What differs between what was sent and what has arrived.
fn difference(sent: &[PackedLabel], arrived: &[PackedLabel]) -> Option<String> {
    if sent.len() != arrived.len() {
        return Some(format!(
            "{} keys were sent, {} arrived",
            sent.len(),
            arrived.len()
        ));
    }
    sent.iter().zip(arrived).find_map(|(sent, arrived)| {
        if sent.label != arrived.label {
            return Some(format!(
                "{} was sent, {} arrived",
                sent.label,
                shown(&arrived.label)
            ));
        }
        (!same_values(&sent.check_values, &arrived.check_values))
            .then(|| format!("{} has another check value there", sent.label))
    })
}

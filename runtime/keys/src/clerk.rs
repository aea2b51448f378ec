//! The clerk: carries acts out, each announced in the register before the HSM is asked, and ends
//! after a power cut what was cut off.
//!
//! ```text
//! commit: rows "pending"  ->  HSM makes or takes in  ->  check values compared  ->  commit: entered
//!                                 | refused, differs
//!                                 +-> HSM destroys what it has of the group -> commit: taken back
//! commit: "destroy" pending  ->  HSM destroys  ->  commit: destroyed
//! ```
//!
//! When the HSM can't be reached for taking back, the rows stay pending; [`Clerk::recover`] ends
//! them when it is there again. Until then no verb touches these keys.

use crate::KeysError;
use crate::inventory::{
    Act, Changes, Difference, Ending, HSM_DIFFERS, Inventory, KeyEntry, NewEntry, Origin, Outcome,
    People, THERE, UNKNOWN_KEY, Wish, jobs, method_from_name, not_everywhere, shown,
};
use cardwright_ports::custody::{CheckValue, KeyCustody, KeyFacts, LABEL_TAKEN, NewKey};
use cardwright_ports::store::{Batch, Store};
use cardwright_ports::{HsmError, Registers, StoreError};

/// What the clerk needs of a store.
pub trait Ledger: Registers {
    /// Makes a batch durable, as a whole or not at all.
    fn keep(&self, batch: &Batch) -> Result<(), StoreError>;
}

impl<T: Store + Registers> Ledger for T {
    fn keep(&self, batch: &Batch) -> Result<(), StoreError> {
        self.commit(batch)
    }
}

/// Who carries acts out, over one store and one session of the HSM.
pub struct Clerk<'a> {
    store: &'a dyn Ledger,
    custody: &'a mut dyn KeyCustody,
}

/// What makes or takes in one key: it is told the key, and the check value that it must have.
pub type Hand<'h> = dyn FnMut(&mut dyn KeyCustody, &NewKey<'_>, Option<&CheckValue>) -> Result<KeyFacts, HsmError>
    + 'h;

impl<'a> Clerk<'a> {
    /// Begins work.
    pub fn new(store: &'a dyn Ledger, custody: &'a mut dyn KeyCustody) -> Self {
        Self { store, custody }
    }

    /// The inventory as it stands.
    pub fn inventory(&self) -> Result<Inventory, KeysError> {
        Inventory::read(self.store)
    }

    /// The store.
    pub fn store(&self) -> &'a dyn Ledger {
        self.store
    }

    /// The HSM.
    pub(crate) fn custody(&mut self) -> &mut dyn KeyCustody {
        self.custody
    }

    /// Makes changes durable; nothing to say is nothing to do.
    pub(crate) fn commit(&self, changes: Changes, at: i64) -> Result<(), KeysError> {
        keep(self.store, changes, at)
    }

    /// Ends what was cut off. What differs stays as it is, and is told.
    pub fn recover(&mut self, people: &People<'_>) -> Result<Vec<Ending>, KeysError> {
        let pending = |e: &KeyEntry| e.pending.is_some();
        if !self.inventory()?.entries().any(pending) {
            return Ok(Vec::new());
        }
        let found = self.custody.keys()?;
        let endings = self.inventory()?.endings(&found)?;
        for ending in &endings {
            match ending {
                Ending::Enter { group } => {
                    let changes = self.inventory()?.entered(&found, group, "recover")?;
                    self.commit(changes, people.at)?;
                }
                Ending::TakeBack { group, destroy } => {
                    for label in destroy {
                        self.custody.destroy(label)?;
                    }
                    self.sweep(group)?;
                    self.taken_back(group, people, "it was cut off")?;
                }
                Ending::Destroy { label, there } => {
                    if *there {
                        self.custody.destroy(label)?;
                    }
                    let changes = self.inventory()?.destroyed(label, people.who, people.at)?;
                    self.commit(changes, people.at)?;
                }
                Ending::Differs { .. } => {}
            }
        }
        Ok(endings)
    }

    /// Destroys what an HSM may hold of keys that it does not list: what was cut off may have left a part
    /// of one.
    fn sweep(&mut self, group: &str) -> Result<(), KeysError> {
        let labels: Vec<String> = self
            .inventory()?
            .group(group)
            .map(KeyEntry::label)
            .collect();
        for label in labels {
            match self.custody.destroy(&label) {
                // Else there is nothing of it, as should be.
                Err(error) if error.retryable => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the announcement of a group, with the package that it may belong to.
    fn taken_back(&self, group: &str, people: &People<'_>, why: &str) -> Result<(), KeysError> {
        let changes = self.inventory()?.taken_back(group, people.who, why);
        let package = crate::packages::taken_back(self.store, group)?;
        self.commit(changes.and(package), people.at)
    }

    /// Makes or takes in keys by a hand, all of them or none. Gives the entries as they stand.
    pub fn make(
        &mut self,
        keys: &[NewEntry],
        (group, act): (&str, &str),
        people: &People<'_>,
        hand: &mut Hand<'_>,
    ) -> Result<Vec<KeyEntry>, KeysError> {
        let (entries, facts) = self.begin(keys, group, Changes::default(), people, hand)?;
        let changes = self.inventory()?.entered(&facts, group, act)?;
        self.commit(changes, people.at)?;
        let inventory = self.inventory()?;
        let now = entries
            .iter()
            .filter_map(|e| inventory.get(&e.label()).cloned());
        Ok(now.collect())
    }

    /// Announces keys, together with other changes, and has the HSM make them. The caller enters
    /// them. When one fails, those that were made are destroyed and the announcement goes.
    pub(crate) fn begin(
        &mut self,
        keys: &[NewEntry],
        group: &str,
        also: Changes,
        people: &People<'_>,
        hand: &mut Hand<'_>,
    ) -> Result<(Vec<KeyEntry>, Vec<KeyFacts>), KeysError> {
        let (entries, changes) = self.inventory()?.announce(keys, group, people)?;
        for entry in &entries {
            if self.custody.key(&entry.label())?.is_some() {
                return Err(THERE.found(format!("{} is in the HSM", entry.label())));
            }
        }
        self.commit(changes.and(also), people.at)?;
        let mut facts: Vec<KeyFacts> = Vec::with_capacity(entries.len());
        for entry in &entries {
            match made(self.custody, entry, hand) {
                Ok(found) => facts.push(found),
                Err(error) => {
                    // Somebody else has made a key of this label since it was looked for.
                    let theirs = (error.code == LABEL_TAKEN).then(|| entry.label());
                    self.give_up(group, theirs.as_deref(), people, &error)?;
                    return Err(error);
                }
            }
        }
        Ok((entries, facts))
    }

    /// Destroys what the HSM has of a group but `theirs`, then takes the announcement back. The
    /// first error is what people are told; that the HSM can't be reached now is mended by
    /// [`Clerk::recover`].
    pub(crate) fn give_up(
        &mut self,
        group: &str,
        theirs: Option<&str>,
        people: &People<'_>,
        error: &KeysError,
    ) -> Result<(), KeysError> {
        let labels: Vec<String> = self
            .inventory()?
            .group(group)
            .map(KeyEntry::label)
            .filter(|label| Some(label.as_str()) != theirs)
            .collect();
        for label in labels {
            match self.custody.key(&label) {
                Ok(None) => {}
                Ok(Some(_)) if self.custody.destroy(&label).is_ok() => {}
                // The rows stay pending.
                _ => return Ok(()),
            }
        }
        self.taken_back(group, people, error.code)
    }

    /// Makes a key in the HSM.
    pub fn generate(&mut self, key: &NewEntry, people: &People<'_>) -> Result<KeyEntry, KeysError> {
        let mut key = key.clone();
        key.origin = Origin::Generated {};
        let version = key
            .version
            .unwrap_or(self.inventory()?.next_version(&key.name));
        key.version = Some(version);
        let group = format!("generate {}", crate::inventory::label(&key.name, version));
        let made = self.make(
            std::slice::from_ref(&key),
            (&group, "generate"),
            people,
            &mut |custody, key, _| custody.generate(key),
        )?;
        made.into_iter()
            .next()
            .ok_or_else(|| HSM_DIFFERS.found(group))
    }

    /// Enters a key that the HSM has already.
    pub fn adopt(
        &mut self,
        label: &str,
        words: (&str, &str),
        people: &People<'_>,
    ) -> Result<(), KeysError> {
        let facts = self.custody.key(label)?;
        let missing = || UNKNOWN_KEY.found(format!("the HSM has no key `{}`", shown(label)));
        let changes = self
            .inventory()?
            .adopt(&facts.ok_or_else(missing)?, words, people)?;
        self.commit(changes, people.at)
    }

    /// An act by the table of states; a destruction goes on in the HSM.
    pub fn act(
        &mut self,
        act: Act,
        wish: &Wish<'_>,
        people: &People<'_>,
    ) -> Result<Outcome, KeysError> {
        let outcome = enter_act(self.store, act, wish, people)?;
        if act == Act::Destroy && matches!(outcome, Outcome::Done(_)) {
            if self.custody.key(wish.label)?.is_some() {
                self.custody.destroy(wish.label)?;
            }
            let changes = self
                .inventory()?
                .destroyed(wish.label, people.who, people.at)?;
            self.commit(changes, people.at)?;
        }
        Ok(outcome)
    }

    /// Puts one version in the place of another.
    pub fn replace(
        &mut self,
        old: &str,
        new: &str,
        wish: &Wish<'_>,
        people: &People<'_>,
    ) -> Result<(), KeysError> {
        enter_replacement(self.store, (old, new), wish, people)
    }

    /// Brings a key into the tokens of the HSM that lack it. The act is durable before it begins.
    pub fn copy(&mut self, label: &str, people: &People<'_>) -> Result<KeyFacts, KeysError> {
        let inventory = self.inventory()?;
        let entry = inventory.settled(label)?;
        let changes = inventory.copied(label, people)?;
        self.commit(changes, people.at)?;
        let facts = self.custody.copy(label)?;
        crate::inventory::verify(entry, &facts)?;
        Ok(facts)
    }

    /// What differs between inventory and HSM.
    pub fn compare(&mut self, test_keys: bool) -> Result<Vec<Difference>, KeysError> {
        let found = self.custody.keys()?;
        let spread = self.custody.spread()?;
        let mut differences = self.inventory()?.compare(&found, test_keys)?;
        // What one token says of such a key is not what the next one says.
        differences.retain(|d| !spread.iter().any(|s| s.label == d.label));
        differences.extend(spread.iter().map(not_everywhere));
        Ok(differences)
    }
}

/// An act by the table of states as far as the inventory goes: the HSM is not asked, so that a key is
/// taken out of use also while the HSM is away. All of every act but a destruction, which this only
/// announces.
pub fn enter_act(
    store: &dyn Ledger,
    act: Act,
    wish: &Wish<'_>,
    people: &People<'_>,
) -> Result<Outcome, KeysError> {
    let bound: Vec<u64> = jobs(store)?
        .into_iter()
        .filter(|j| j.keys.contains(wish.label))
        .map(|j| j.job)
        .collect();
    let wish = Wish {
        jobs: &bound,
        ..*wish
    };
    let outcome = Inventory::read(store)?.act(act, &wish, people)?;
    let (Outcome::Done(changes) | Outcome::Waits(changes)) = &outcome;
    keep(store, changes.clone(), people.at)?;
    Ok(outcome)
}

/// Puts one version in the place of another; the HSM is not asked.
pub fn enter_replacement(
    store: &dyn Ledger,
    (old, new): (&str, &str),
    wish: &Wish<'_>,
    people: &People<'_>,
) -> Result<(), KeysError> {
    let changes = Inventory::read(store)?.replace(old, new, wish, people)?;
    keep(store, changes, people.at)
}

/// Makes changes durable; nothing to say is nothing to do.
fn keep(store: &dyn Ledger, changes: Changes, at: i64) -> Result<(), KeysError> {
    if changes.is_empty() {
        return Ok(());
    }
    Ok(store.keep(&changes.into_batch(at))?)
}

fn made(
    custody: &mut dyn KeyCustody,
    entry: &KeyEntry,
    hand: &mut Hand<'_>,
) -> Result<KeyFacts, KeysError> {
    let label = entry.label();
    let key = NewKey {
        label: &label,
        algorithm: entry.key_algorithm()?,
        usage: entry.key_use()?,
        exportability: entry.key_exportability()?,
    };
    let expected = expected(entry);
    let facts = hand(custody, &key, expected.as_ref())?;
    crate::inventory::verify(entry, &facts)?;
    Ok(facts)
}

/// The check value that the HSM is to hold against, when one is known before.
fn expected(entry: &KeyEntry) -> Option<CheckValue> {
    entry.check_values.iter().find_map(|text| {
        Some(CheckValue {
            method: method_from_name(&text.method)?,
            octets: hex::decode(text.digits()).ok()?,
        })
    })
}

//! What a bundle needs beside what the inventory has, before a job starts; and what a job was bound
//! to.

use crate::{commands::production::SystemClock, failure::Failure, site::Site, terminal};
use cardwright_bundle::Environment;
use cardwright_keys::inventory::{self, Inventory, Need, Why, bound_keys};
use cardwright_ports::{Clock, Store, store::JobRow};
use cardwright_runtime::{Loaded, plan::KeyLabels};
use cardwright_store::SqliteStore;

/// The versions in use of the keys that a bundle needs; or all that are not ready.
pub(crate) fn ready(
    site: &Site,
    store: &SqliteStore,
    loaded: &Loaded,
) -> Result<KeyLabels, Failure> {
    let content = loaded.content();
    let needs: Vec<Need> = content
        .keys
        .iter()
        .map(|slot| Need {
            name: slot.name.clone(),
            algorithm: slot.algorithm.clone(),
            bits: slot.bits,
            exponent: slot.exponent,
            usage: slot.usage.clone(),
            check_method: slot.check_method.clone(),
            check_value: slot.check_value.clone(),
        })
        .collect();
    let live = content.environment == Environment::Live;
    let inventory = Inventory::read(store).map_err(Failure::keys)?;
    let now = SystemClock.unix_seconds();
    let labels = inventory
        .resolve(&needs, live, now)
        .map_err(Failure::keys)?;
    for due in inventory.due(now, site.file.keys.alert_days) {
        if labels.values().any(|label| *label == due.label) {
            terminal::note(&super::list::due_line(&due));
        }
    }
    Ok(labels)
}

/// Keys that stop a site from working soon, or do already.
pub(crate) fn due_soon(site: &Site, store: &SqliteStore) -> Result<Vec<String>, Failure> {
    let inventory = Inventory::read(store).map_err(Failure::keys)?;
    let due = inventory.due(SystemClock.unix_seconds(), site.file.keys.alert_days);
    let grave = |w: Why| matches!(w, Why::Pending | Why::Expired | Why::EndsWithoutSuccessor);
    Ok(due
        .into_iter()
        .filter(|d| grave(d.why))
        .map(|d| format!("{}: {}", d.label, d.why.words()))
        .collect())
}

/// Notes which versions a job is bound to. A job whose keys are all open test keys is not noted.
pub(crate) fn note_job(
    store: &SqliteStore,
    loaded: &Loaded,
    row: &JobRow,
    labels: &KeyLabels,
) -> Result<(), Failure> {
    if labels.is_empty() {
        return Ok(());
    }
    let names = loaded.content().keys.iter().map(|slot| slot.name.as_str());
    let keys = bound_keys(names, labels);
    let now = SystemClock.unix_seconds();
    let changes = inventory::note_job(store, row.id, &row.bundle_digest, &keys, "operator", now)
        .map_err(Failure::keys)?;
    if changes.is_empty() {
        return Ok(());
    }
    Ok(store.commit(&changes.into_batch(now))?)
}

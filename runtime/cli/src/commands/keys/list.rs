//! `keys list`, `show`, `due`, `use`, `check`: what is there.

use super::{desk::at_desk, time};
use crate::{
    arguments::Format,
    commands::production::SystemClock,
    failure::{Failure, exit},
    site::{Site, read_file},
    terminal,
};
use cardwright_bundle::Limits;
use cardwright_keys::{
    inventory::{BundleKeys, Difference, Due, Inventory, KeyEntry, Origin, People, State, Uses},
    reports::{CheckReport, DueReport, InventoryReport, UseReport},
};
use cardwright_ports::{Clock, Hsm, Store};
use cardwright_store::SqliteStore;
use serde::Serialize;

fn now() -> i64 {
    SystemClock.unix_seconds()
}

fn json(value: &impl Serialize) {
    terminal::json(&serde_json::to_value(value).unwrap_or_default());
}

pub(super) fn inventory(store: &SqliteStore) -> Result<Inventory, Failure> {
    Inventory::read(store).map_err(Failure::keys)
}

/// All keys, or some.
pub(super) fn list(
    site: &Site,
    name: Option<&str>,
    state: Option<&str>,
    format: Format,
) -> Result<u8, Failure> {
    if let Some(state) = state
        && !State::ALL.iter().any(|row| row.1 == state)
    {
        let states: Vec<&str> = State::ALL.iter().map(|row| row.1).collect();
        let what = format!("no state `{state}`: there are {}", states.join(", "));
        return Err(Failure::new(exit::USAGE, "R1355", what, "name one of them"));
    }
    let inventory = inventory(&site.store()?)?;
    let wanted = |e: &&KeyEntry| {
        name.is_none_or(|n| e.name.starts_with(n)) && state.is_none_or(|s| e.state.name() == s)
    };
    let keys: Vec<&KeyEntry> = inventory.entries().filter(wanted).collect();
    match format {
        Format::Json => json(&InventoryReport::new(keys.into_iter().cloned().collect())),
        Format::Human => {
            let none = match name.is_some() || state.is_some() {
                true => "no such key in the inventory",
                false => "no keys in the inventory; `keys adopt` enters one that the HSM has",
            };
            terminal::note_when(keys.is_empty(), none);
            keys.into_iter().for_each(line);
        }
    }
    Ok(0)
}

fn line(entry: &KeyEntry) {
    let mark = match (&entry.pending, &entry.asked) {
        (Some(_), _) => " (an act was cut off)",
        (_, Some(_)) => " (waits for a second person)",
        _ => "",
    };
    terminal::print(&format!(
        "{:<28} {:<12} {:<7} {:<34} {:<12} {}{mark}",
        entry.label(),
        entry.state.name(),
        entry.algorithm,
        entry.usage,
        until(entry),
        values(entry),
    ));
}

fn until(entry: &KeyEntry) -> String {
    match entry.active_to {
        Some(to) => format!("to {}", time::shown(to)),
        None => "-".to_owned(),
    }
}

pub(super) fn values(entry: &KeyEntry) -> String {
    let values = entry.check_values.iter();
    let values: Vec<String> = values
        .map(|c| format!("{} {}", c.method, c.value))
        .collect();
    values.join(", ")
}

/// One key.
pub(super) fn show(site: &Site, key: &str, format: Format) -> Result<u8, Failure> {
    let inventory = inventory(&site.store()?)?;
    let entry = inventory.find(key, now()).map_err(Failure::keys)?;
    match format {
        Format::Json => json(&InventoryReport::new(vec![entry.clone()])),
        Format::Human => detail(entry),
    }
    Ok(0)
}

fn detail(entry: &KeyEntry) {
    let row = |name: &str, text: &str| terminal::print(&format!("{name:<15} {text}"));
    let size = match entry.bits {
        0 => String::new(),
        bits => format!(" {bits} bits, exponent {}", entry.exponent),
    };
    row("key", &entry.label());
    row("state", entry.state.name());
    row("use", &entry.usage);
    row("algorithm", &format!("{}{size}", entry.algorithm));
    row("check values", &values(entry));
    row("owner", &entry.owner);
    row("zone", &entry.zone);
    row("exportability", &entry.exportability);
    row("origin", &origin(entry));
    if !entry.custodians.is_empty() {
        row("custodians", &entry.custodians.join(", "));
    }
    let created = format!("{} by {}", time::shown(entry.created_at), entry.created_by);
    row("created", &created);
    let time_or = |at: Option<i64>| at.map_or("-".to_owned(), time::shown);
    row("in use from", &time_or(entry.active_from));
    row("in use until", &time_or(entry.active_to));
    if let Some(label) = &entry.replaced_by {
        row("replaced by", label);
    }
    if let Some(pending) = &entry.pending {
        row("cut off", &pending.group);
    }
    if let Some(asked) = &entry.asked {
        let words = format!(
            "{} by {}; another person must, too",
            asked.act.name(),
            asked.who
        );
        row("asked", &words);
    }
    if let Some(compromise) = &entry.compromise {
        let words = format!("{}: {}", time::shown(compromise.at), compromise.why);
        row("compromised", &words);
        row("was under it", &compromise.under.join(", "));
    }
    for export in &entry.exports {
        let words = format!(
            "{} to {} as {} by {}",
            time::shown(export.at),
            export.to,
            export.form,
            export.who
        );
        row("copy", &words);
    }
    for step in &entry.history {
        let why = if step.why.is_empty() {
            String::new()
        } else {
            format!(": {}", step.why)
        };
        let words = format!(
            "{} {} by {} -> {}{why}",
            time::shown(step.at),
            step.act,
            step.who.join(" and "),
            step.state.name()
        );
        row("done", &words);
    }
}

pub(super) fn origin(entry: &KeyEntry) -> String {
    match &entry.origin {
        Origin::Generated {} => "made in this HSM".to_owned(),
        Origin::Ceremony { ceremony } => format!("ceremony {ceremony}"),
        Origin::Imported { from, under, form } => format!("from {from}, {form} under {under}"),
        Origin::Package { package, from, .. } => format!("package {package} of {from}"),
        Origin::Adopted {} => "found in the HSM".to_owned(),
    }
}

/// What somebody has to look at. The exit code tells that there is something.
pub(super) fn due(site: &Site, days: Option<u32>, format: Format) -> Result<u8, Failure> {
    let days = days.unwrap_or(site.file.keys.alert_days);
    let found = inventory(&site.store()?)?.due(now(), days);
    let code = if found.is_empty() { 0 } else { exit::FINDINGS };
    match format {
        Format::Json => json(&DueReport::new(days, found)),
        Format::Human if found.is_empty() => {
            terminal::print(&format!("nothing is due within {days} days"));
        }
        Format::Human => found.iter().for_each(|due| terminal::print(&due_line(due))),
    }
    Ok(code)
}

pub(super) fn due_line(due: &Due) -> String {
    let at = due.at.map_or(String::new(), time::shown);
    format!(
        "{:<28} {at:<12} {} (owner: {})",
        due.label,
        due.why.words(),
        due.owner
    )
}

/// Where keys are used.
pub(super) fn uses(site: &Site, key: Option<&str>, format: Format) -> Result<u8, Failure> {
    let store = site.store()?;
    let found = collect_uses(site, &store, key)?;
    match format {
        Format::Json => json(&UseReport::new(found)),
        Format::Human => found.iter().for_each(use_lines),
    }
    Ok(0)
}

/// Where one key or all keys are used.
pub(super) fn collect_uses(
    site: &Site,
    store: &SqliteStore,
    key: Option<&str>,
) -> Result<Vec<Uses>, Failure> {
    let inventory = inventory(store)?;
    let bundles = bundles(site, store)?;
    let entries: Vec<&KeyEntry> = match key {
        Some(key) => vec![inventory.find(key, now()).map_err(Failure::keys)?],
        None => inventory.entries().collect(),
    };
    let uses = entries
        .into_iter()
        .map(|e| inventory.uses(e, store, &bundles));
    uses.collect::<Result<_, _>>().map_err(Failure::keys)
}

fn use_lines(uses: &Uses) {
    terminal::print(&format!("{} ({})", uses.label, uses.usage));
    let jobs: Vec<String> = uses.jobs.iter().map(u64::to_string).collect();
    for (name, list) in [
        ("bundles", &uses.bundles),
        ("jobs", &jobs),
        ("keys under it", &uses.wrapped),
        ("copies", &uses.copies),
        ("certificates", &uses.certificates),
        ("ceremonies", &uses.ceremonies),
        ("packages", &uses.packages),
    ] {
        if !list.is_empty() {
            terminal::print(&format!("  {name:<14} {}", list.join(", ")));
        }
    }
}

/// Accepted bundles with the keys that they need. One that this site would not load any more, or
/// whose file is gone, is told and left out.
fn bundles(site: &Site, store: &SqliteStore) -> Result<Vec<BundleKeys>, Failure> {
    let mut found = Vec::new();
    for row in store.bundles()? {
        let path = site.bundle_path(&row.digest);
        let loaded = read_file(&path, Limits::default().bundle_bytes as u64)
            .and_then(|octets| crate::commands::bundle::verify(site, &octets));
        match loaded {
            Ok(loaded) => found.push(BundleKeys {
                bundle: format!("{} {}", row.name, row.digest.get(..16).unwrap_or_default()),
                keys: loaded
                    .content()
                    .keys
                    .iter()
                    .map(|k| k.name.clone())
                    .collect(),
            }),
            Err(failure) => terminal::note(&format!("bundle {}: {}", row.name, failure.words())),
        }
    }
    Ok(found)
}

/// Compares the inventory with the HSM.
pub(super) fn check(site: &Site, format: Format) -> Result<u8, Failure> {
    let test_keys = site.hsm()?.info().test_only;
    let people = People {
        who: "operator",
        second: None,
        at: now(),
    };
    let found = at_desk(site, &people, |clerk| {
        clerk.compare(test_keys).map_err(Failure::keys)
    })?;
    let code = if found.is_empty() { 0 } else { exit::DEVICE };
    match format {
        Format::Json => json(&CheckReport::new(found)),
        Format::Human if found.is_empty() => terminal::print("inventory and HSM agree"),
        Format::Human => found.iter().for_each(difference_line),
    }
    Ok(code)
}

fn difference_line(difference: &Difference) {
    terminal::print(&format!("{:<28} {}", difference.label, difference.what));
}

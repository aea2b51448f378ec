//! `keys generate`, `activate`, `suspend`, `resume`, `retire`, `replace`, `compromise`, `destroy`.

use super::{
    desk::{at_books, at_desk, time_of},
    present,
};
use crate::{
    arguments::inventory::{Generate, Life, Who},
    failure::Failure,
    site::Site,
    terminal,
};
use cardwright_keys::{
    KeysError, Ledger, enter_act, enter_replacement,
    inventory::{self, Act, Inventory, KeyEntry, NewEntry, Origin, Outcome, Wish},
    packages::RESERVED,
};
use cardwright_ports::{
    custody::{Exportability, KeyAlgorithm},
    hsm::KeyUse,
};

/// Makes a key in the HSM.
pub(super) fn generate(site: &Site, wanted: &Generate) -> Result<u8, Failure> {
    let key = new_entry(wanted).map_err(Failure::keys)?;
    let key = NewEntry {
        period: (
            time_of(wanted.from.as_ref())?,
            time_of(wanted.until.as_ref())?,
        ),
        ..key
    };
    let people = wanted.who.people();
    let made = at_desk(site, &people, |clerk| {
        clerk.generate(&key, &people).map_err(Failure::keys)
    })?;
    terminal::print(&format!("{} is pre-active", made.label()));
    print_check_values(&made);
    Ok(0)
}

/// Brings a key into the tokens that lack it. Where people are registered, who is named types their
/// secret.
pub(super) fn copy(site: &Site, key: &str, who: &Who) -> Result<u8, Failure> {
    present::prove(site, who)?;
    let people = who.people();
    let facts = at_desk(site, &people, |clerk| {
        clerk.copy(key, &people).map_err(Failure::keys)
    })?;
    terminal::print(&format!("{key} is in every token"));
    for value in facts.check_values.iter().map(inventory::check_text) {
        terminal::print(&format!("check value {} {}", value.method, value.value));
    }
    Ok(0)
}

fn new_entry(wanted: &Generate) -> Result<NewEntry, KeysError> {
    let unknown = |what: &str, text: &str| inventory::ENTRY.found(format!("no {what} `{text}`"));
    if RESERVED.iter().any(|head| wanted.name.starts_with(head)) {
        let what = format!(
            "`{}`: names that begin so are the station's own",
            wanted.name
        );
        return Err(inventory::ENTRY.found(what));
    }
    let exportability = Exportability::ALL
        .iter()
        .find(|row| row.2 == wanted.exportability)
        .ok_or_else(|| unknown("exportability", &wanted.exportability))?;
    Ok(NewEntry {
        name: wanted.name.clone(),
        version: wanted.key_version,
        owner: wanted.owner.clone(),
        usage: KeyUse::from_name(&wanted.usage).ok_or_else(|| unknown("use", &wanted.usage))?,
        algorithm: KeyAlgorithm::from_name(&wanted.algorithm, wanted.bits, wanted.exponent)
            .ok_or_else(|| unknown("algorithm", &wanted.algorithm))?,
        exportability: exportability.0,
        zone: wanted.zone.clone(),
        origin: Origin::Generated {},
        custodians: Vec::new(),
        period: (None, None),
        check_values: Vec::new(),
        transient: false,
    })
}

fn print_check_values(entry: &KeyEntry) {
    for value in &entry.check_values {
        terminal::print(&format!("check value {} {}", value.method, value.value));
    }
}

/// Enters a key that the HSM has already.
pub(super) fn adopt(
    site: &Site,
    label: &str,
    words: (&str, &str),
    who: &Who,
) -> Result<u8, Failure> {
    let people = who.people();
    at_desk(site, &people, |clerk| {
        clerk.adopt(label, words, &people).map_err(Failure::keys)?;
        if let Some(entry) = clerk.inventory().map_err(Failure::keys)?.get(label) {
            tell(entry);
            print_check_values(entry);
        }
        Ok(0)
    })
}

/// Begins the use of a key.
pub(super) fn activate(
    site: &Site,
    key: &str,
    (from, until): (Option<&String>, Option<&String>),
    who: &Who,
) -> Result<u8, Failure> {
    let wish = Wish {
        from: time_of(from)?,
        to: time_of(until)?,
        ..Wish::default()
    };
    act(site, Act::Activate, key, &wish, who)
}

/// An act on one key.
pub(super) fn live(site: &Site, what: Act, wanted: &Life) -> Result<u8, Failure> {
    let wish = Wish {
        why: &wanted.why,
        ..Wish::default()
    };
    act(site, what, &wanted.key, &wish, &wanted.who)
}

fn act(site: &Site, what: Act, key: &str, wish: &Wish<'_>, who: &Who) -> Result<u8, Failure> {
    if what.rule().people > 1 {
        present::prove(site, who)?;
    }
    let people = who.people();
    // What changes in the inventory alone does not need the HSM: a key must be out of use at once, also
    // while a token is away.
    if what != Act::Destroy {
        return at_books(site, &people, |store| {
            let label = meant(store, what, key, people.at)?;
            let wish = Wish {
                label: &label,
                ..*wish
            };
            let outcome = enter_act(store, what, &wish, &people).map_err(Failure::keys)?;
            told(store, (what, &label), &outcome)
        });
    }
    at_desk(site, &people, |clerk| {
        let label = meant(clerk.store(), what, key, people.at)?;
        let wish = Wish {
            label: &label,
            ..*wish
        };
        let outcome = clerk.act(what, &wish, &people).map_err(Failure::keys)?;
        told(clerk.store(), (what, &label), &outcome)
    })
}

fn read(store: &dyn Ledger) -> Result<Inventory, Failure> {
    Inventory::read(store).map_err(Failure::keys)
}

fn meant(store: &dyn Ledger, act: Act, key: &str, at: i64) -> Result<String, Failure> {
    label_for(&read(store)?, act, key, at)
}

/// Says how the key stands now, or that another person must say the same.
fn told(store: &dyn Ledger, (what, label): (Act, &str), outcome: &Outcome) -> Result<u8, Failure> {
    if matches!(outcome, Outcome::Waits(_)) {
        let verb = what.name();
        terminal::print(&format!("noted; another person must `{verb}` {label}, too"));
    } else if let Some(entry) = read(store)?.get(label) {
        tell(entry);
    }
    Ok(0)
}

/// The version that is meant. A grave act names it.
fn label_for(
    inventory: &inventory::Inventory,
    act: Act,
    key: &str,
    at: i64,
) -> Result<String, Failure> {
    if act.rule().people > 1 && !key.contains('@') {
        let what = format!("`{key}` has no version; this act needs it");
        return Err(Failure::keys(inventory::UNKNOWN_KEY.found(what)));
    }
    // Without a version, what is activated is the version that waits for it.
    if act == Act::Activate && !key.contains('@') {
        let waits = |e: &&KeyEntry| e.state == inventory::State::PreActive;
        if let Some(entry) = inventory.versions(key).rfind(waits) {
            return Ok(entry.label());
        }
    }
    let entry = inventory.find(key, at).map_err(Failure::keys)?;
    Ok(entry.label())
}

fn tell(entry: &KeyEntry) {
    let period = match (entry.state, entry.active_from, entry.active_to) {
        (inventory::State::Active, from, to) => format!(
            ", from {} until {}",
            from.map_or("ever".to_owned(), super::time::shown),
            to.map_or("further notice".to_owned(), super::time::shown)
        ),
        _ => String::new(),
    };
    terminal::print(&format!(
        "{} is {}{period}",
        entry.label(),
        entry.state.name()
    ));
    if let Some(compromise) = &entry.compromise {
        for label in &compromise.under {
            terminal::print(&format!("  was under it: {label}"));
        }
        for job in &compromise.jobs {
            terminal::print(&format!("  was used by job {job}"));
        }
    }
}

/// Puts one version in the place of another.
pub(super) fn replace(
    site: &Site,
    (old, new): (&str, &str),
    (from, until): (Option<&String>, Option<&String>),
    who: &Who,
) -> Result<u8, Failure> {
    let wish = Wish {
        from: time_of(from)?,
        to: time_of(until)?,
        ..Wish::default()
    };
    let people = who.people();
    at_books(site, &people, |store| {
        enter_replacement(store, (old, new), &wish, &people).map_err(Failure::keys)?;
        let inventory = read(store)?;
        for label in [old, new] {
            if let Some(entry) = inventory.get(label) {
                tell(entry);
            }
        }
        Ok(0)
    })
}

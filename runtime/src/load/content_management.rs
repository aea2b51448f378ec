//! Checks load files and instances that come with a bundle, and what closes a card up.

use crate::RuntimeError;
use cardwright_bundle::{Bundle, Chip, ContentManagement, Install, LoadFile, NewKeys};
use cardwright_standards::globalplatform::load_file;

/// Most load files, and most deletions, of one card.
const ENTRIES_MAX: usize = 32;
/// Most octets of a data authentication pattern: an RSA signature of 2048 bits.
const DAP_OCTETS_MAX: usize = 256;
/// Most octets of an applet's parameters: they share a command with three AIDs.
const PARAMETERS_OCTETS_MAX: usize = 120;

/// Checks everything of a chip that content management touches.
pub(super) fn check(chip: &Chip, bundle: &Bundle) -> Result<(), RuntimeError> {
    let content = &chip.content;
    let mut installs = chip.applications.iter().filter_map(|a| a.install.as_ref());
    let anything = !content.is_empty() || installs.clone().count() > 0;
    if anything && chip.channel.is_none() {
        return Err(wrong("a card without a channel has no content management"));
    }
    if content.load.len() > ENTRIES_MAX || content.delete.len() > ENTRIES_MAX {
        return Err(wrong("more load files or deletions than a card takes"));
    }
    for deletion in &content.delete {
        octets(&deletion.aid, 5, 16)?;
    }
    for (at, load) in content.load.iter().enumerate() {
        let before = content.load.iter().take(at);
        if before.clone().any(|other| other.package == load.package) {
            return Err(wrong("one load file twice"));
        }
        self::load(load, bundle)?;
    }
    installs.try_for_each(|install| self::install(install, content, bundle))?;
    let known = |word: &str| matches!(word, "initialized" | "secured");
    if content
        .life_cycle
        .as_deref()
        .is_some_and(|word| !known(word))
    {
        return Err(wrong("a life cycle that is none"));
    }
    match &content.keys {
        Some(keys) => new_keys(keys, chip, bundle),
        None => Ok(()),
    }
}

fn load(load: &LoadFile, bundle: &Bundle) -> Result<(), RuntimeError> {
    let file = parsed(load, bundle)?;
    let hash_known = |method: &String| load_file::hash(method, &[]).is_some();
    if file.package != octets(&load.package, 5, 16)? || !load.hash.iter().all(hash_known) {
        return Err(wrong("a load file that is another one than it says"));
    }
    let Some(dap) = &load.dap else {
        return Ok(());
    };
    octets(&dap.domain, 5, 16)?;
    let signature = bundle.asset(&dap.asset).map_or(0, <[u8]>::len);
    match signature {
        1..=DAP_OCTETS_MAX if load.hash.is_some() => Ok(()),
        _ => Err(wrong(
            "a signature without its octets, or without the hash it is over",
        )),
    }
}

/// The load file behind an entry, whose octets are in the order of loading already.
fn parsed(load: &LoadFile, bundle: &Bundle) -> Result<load_file::LoadFile, RuntimeError> {
    let asset = bundle.asset(&load.asset);
    let asset = asset.ok_or_else(|| wrong("a load file that is not in the bundle"))?;
    let file = load_file::arrange(asset).map_err(|e| wrong(&e.to_string()))?;
    match file.components == asset {
        true => Ok(file),
        false => Err(wrong("a load file out of the order of loading")),
    }
}

fn install(
    install: &Install,
    content: &ContentManagement,
    bundle: &Bundle,
) -> Result<(), RuntimeError> {
    octets(&install.package, 5, 16)?;
    let module = octets(&install.module, 5, 16)?;
    if octets(&install.privileges, 1, 3)?.len() == 2 {
        return Err(wrong("privileges have one octet or three"));
    }
    octets(&install.parameters, 0, PARAMETERS_OCTETS_MAX)?;
    let brought = content.load.iter().find(|l| l.package == install.package);
    match brought.map(|load| parsed(load, bundle)).transpose()? {
        Some(file) if !file.applets.contains(&module) => {
            Err(wrong("an applet that its load file does not hold"))
        }
        _ => Ok(()),
    }
}

fn new_keys(keys: &NewKeys, chip: &Chip, bundle: &Bundle) -> Result<(), RuntimeError> {
    let slots = &bundle.content().keys;
    let slot = |id: u32| slots.get(id as usize).map(|s| (&s.algorithm, &s.usage));
    let own = chip.channel.as_ref().and_then(|c| slot(c.key));
    let versions = (1..=0x7F).contains(&keys.version) && keys.replaces <= 0x7F;
    if own.is_none() || slot(keys.key) != own || !versions {
        return Err(wrong("new keys that do not go with the card's"));
    }
    Ok(())
}

fn octets(text: &str, least: usize, most: usize) -> Result<Vec<u8>, RuntimeError> {
    let octets = hex::decode(text).ok();
    let fits = octets.filter(|o| (least..=most).contains(&o.len()));
    fits.ok_or_else(|| wrong("AIDs, privileges or parameters of an impossible length"))
}

fn wrong(what: &str) -> RuntimeError {
    RuntimeError::new(
        "R1132",
        format!("a card's content can't be managed: {what}"),
        "build the bundle again with a compiler of this version",
    )
}

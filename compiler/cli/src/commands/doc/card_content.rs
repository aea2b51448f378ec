//! What a page says of a chip's content management, in the order in which it is done.

use super::content::origin;
use cardwright_bundle::{Bundle, Card, Install, LoadFile};
use cardwright_standards::globalplatform::load_file;
use serde_json::{Value, json};

/// The acts of a card's issuer domain: command, what it is of, what it says, where it was written.
pub(super) fn acts(bundle: &Bundle, card: &Card) -> Vec<Value> {
    let content = bundle.content();
    let Some(chip) = &card.chip else {
        return Vec::new();
    };
    let act = |command: &str, of: &str, says: Vec<(&str, String)>, span: u32| {
        let says = says.into_iter().filter(|(_, text)| !text.is_empty());
        json!({
            "command": command,
            "of": of,
            "says": says.map(|(what, text)| json!({"what": what, "text": text})).collect::<Vec<_>>(),
            "origin": origin(content, span),
        })
    };
    let mut acts = Vec::new();
    for deletion in &chip.content.delete {
        let related = match deletion.related {
            true => "goes along",
            false => "stays",
        };
        let says = vec![("what depends on it", related.to_owned())];
        acts.push(act("DELETE", &deletion.aid, says, card.span));
    }
    for load in &chip.content.load {
        acts.push(act("LOAD", &load.package, loaded(bundle, load), load.span));
    }
    for application in &chip.applications {
        if let Some(install) = &application.install {
            let says = installed(&application.aid, install);
            acts.push(act("INSTALL", &application.name, says, install.span));
        }
    }
    if let Some(keys) = &chip.content.keys {
        let name = content.keys.get(keys.key as usize).map(|k| k.name.as_str());
        let replaces = match keys.replaces {
            0 => "added to those of the card".to_owned(),
            old => format!("{old:02X}"),
        };
        let says = vec![
            ("version", format!("{:02X}", keys.version)),
            ("in the place of version", replaces),
            ("derived for the card by", keys.diversification.clone()),
        ];
        acts.push(act("PUT KEY", name.unwrap_or_default(), says, keys.span));
    }
    if let Some(state) = &chip.content.life_cycle {
        acts.push(act("SET STATUS", state, Vec::new(), card.span));
    }
    acts
}

/// A load file: where it comes from, its digest, its components and applets, who signed it.
fn loaded(bundle: &Bundle, load: &LoadFile) -> Vec<(&'static str, String)> {
    let octets = bundle.asset(&load.asset).unwrap_or_default();
    let components = load_file::components(octets).into_iter();
    let components = components.map(|(name, octets)| format!("{name} {}", octets.len()));
    let applets = load_file::arrange(octets).map(|found| found.applets);
    let applets = applets
        .unwrap_or_default()
        .into_iter()
        .map(hex::encode_upper);
    let hash = load.hash.as_deref();
    let sent = hash.and_then(|method| {
        let digest = load_file::hash(method, octets)?;
        Some(format!("{method} {}", hex::encode_upper(digest)))
    });
    let dap = load.dap.as_ref();
    let dap = dap.map(|d| format!("{} with the signature {}", d.domain, d.asset));
    vec![
        (
            "file",
            load.asset.trim_end_matches("#components").to_owned(),
        ),
        ("octets", octets.len().to_string()),
        (
            "SHA-256",
            hex::encode_upper(load_file::hash("sha256", octets).unwrap_or_default()),
        ),
        (
            "components, with their octets",
            components.collect::<Vec<_>>().join(", "),
        ),
        ("applets", applets.collect::<Vec<_>>().join(", ")),
        ("hash that INSTALL carries", sent.unwrap_or_default()),
        ("verified by", dap.unwrap_or_default()),
    ]
}

fn installed(aid: &str, install: &Install) -> Vec<(&'static str, String)> {
    let privileges = hex::decode(&install.privileges).unwrap_or_default();
    let names: Vec<String> = load_file::privilege_names(&privileges)
        .into_iter()
        .map(|name| name.replace('_', " "))
        .collect();
    let names = match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    vec![
        ("load file", install.package.clone()),
        ("applet", install.module.clone()),
        ("instance", aid.to_owned()),
        ("privileges", format!("{names} ({})", install.privileges)),
        ("parameters", install.parameters.clone()),
    ]
}

//! What the chip's issuer domain does: load files, deletions, new keys, the life cycle.

use super::super::{Frame, read};
use super::cap;
use crate::diagnostics::Problem;
use crate::elaborate::Elaborator;
use crate::model::{MEntry, MExpr, Span};
use crate::project::Project;
use cardwright_bundle::{
    Application, Channel, ContentManagement, Dap, Deletion, LoadFile, NewKeys,
};
use std::collections::BTreeMap;

/// Files for the bundle, by name.
pub(super) type Assets = BTreeMap<String, (String, Vec<u8>)>;

/// Most octets of a signature: RSA with 2048 bits.
const SIGNATURE_OCTETS_MAX: usize = 256;

/// A load file of the card, and the applets in it.
struct Loaded {
    entry: LoadFile,
    applets: Vec<String>,
    span: Span,
}

/// Everything that a `chip` block says of the card's content. Applications learn which load file
/// they come from.
pub(super) fn lower<'a>(
    elaborator: &mut Elaborator<'a>,
    project: &Project<'_>,
    frame: &Frame,
    chip: &'a MEntry,
    (channel, applications): (Option<&Channel>, &mut [Application]),
    assets: &mut Assets,
) -> ContentManagement {
    let mut loaded: Vec<Loaded> = Vec::new();
    for entry in chip.entries().iter().filter(|e| e.word(0) == Some("load")) {
        let Some(file) = load(elaborator, project, entry, assets) else {
            continue;
        };
        if let Some(other) = loaded
            .iter()
            .find(|l| l.entry.package == file.entry.package)
        {
            let message = format!("the package {} is loaded twice", file.entry.package);
            elaborator.findings().push(
                Problem::error("E0460", file.span, message)
                    .label(other.span, "the other one")
                    .help("leave one of them"),
            );
            continue;
        }
        loaded.push(file);
    }
    origins(elaborator, applications, &loaded, chip);
    default_selected(elaborator, applications, chip.span);
    let content = ContentManagement {
        delete: deletions(elaborator, chip),
        load: loaded.into_iter().map(|l| l.entry).collect(),
        keys: channel.and_then(|channel| {
            let block = chip.inner("put_keys")?;
            new_keys(elaborator, frame, block, channel)
        }),
        life_cycle: chip.inner("life_cycle").and_then(read::word),
    };
    let installs = applications.iter().any(|a| a.install.is_some());
    let asked = !content.is_empty() || installs || chip.inner("put_keys").is_some();
    if asked && super::platform::is_native(chip) {
        let message = "a native card has no issuer domain that loads, installs or takes keys";
        elaborator.findings().push(
            Problem::error("E0464", chip.span, message)
                .help("give the card a GlobalPlatform platform, or take this out"),
        );
    }
    content
}

/// One `load` block: the file in the order of loading, its hash and its signature.
fn load<'a>(
    elaborator: &mut Elaborator<'a>,
    project: &Project<'_>,
    entry: &'a MEntry,
    assets: &mut Assets,
) -> Option<Loaded> {
    let file = entry.inner("file")?;
    let name = read::file(file)?;
    let octets = asset(elaborator, project, file, &name)?;
    let found = match cap::read(&octets) {
        Ok(found) => found,
        Err(reason) => {
            let message = format!("the load file `{name}` can't be used: {reason}");
            elaborator.findings().push(
                Problem::error("E0460", file.span, message)
                    .help("name a `.cap` archive, or the package's components one after another"),
            );
            return None;
        }
    };
    let package = hex::encode_upper(&found.package);
    let kept = format!("{name}#components");
    let media = "application/octet-stream".to_owned();
    assets.insert(kept.clone(), (media.clone(), found.components));
    let hash = entry.inner("hash").and_then(read::word);
    let dap = dap(elaborator, project, entry, hash.is_some(), assets);
    Some(Loaded {
        entry: LoadFile {
            asset: kept,
            package,
            hash,
            dap,
            span: elaborator.span_id(entry.span),
        },
        applets: found.applets.iter().map(hex::encode_upper).collect(),
        span: entry.span,
    })
}

/// `verified_by` and `signature` go together, and over a hash.
fn dap<'a>(
    elaborator: &mut Elaborator<'a>,
    project: &Project<'_>,
    entry: &'a MEntry,
    hashed: bool,
    assets: &mut Assets,
) -> Option<Dap> {
    let (domain, file) = (entry.inner("verified_by"), entry.inner("signature"));
    if domain.is_none() && file.is_none() {
        return None;
    }
    let (Some(domain), Some(file), true) = (domain, file, hashed) else {
        let message = "a signature is of a domain, and over the load file data block hash";
        elaborator.findings().push(
            Problem::error("E0465", entry.span, message)
                .help("write `hash`, `verified_by` and `signature`, or none of the last two"),
        );
        return None;
    };
    let domain = elaborator.const_bytes(domain.single()?)?;
    let name = read::file(file)?;
    let octets = asset(elaborator, project, file, &name)?;
    if !(1..=SIGNATURE_OCTETS_MAX).contains(&octets.len()) {
        let message = format!("`{name}` has {} octets and is no signature", octets.len());
        elaborator.findings().push(
            Problem::error("E0465", file.span, message)
                .help("name the signature's octets themselves, 256 at most"),
        );
        return None;
    }
    let media = "application/octet-stream".to_owned();
    assets.insert(name.clone(), (media, octets));
    Some(Dap {
        domain: hex::encode_upper(domain),
        asset: name,
    })
}

fn asset(
    elaborator: &mut Elaborator<'_>,
    project: &Project<'_>,
    file: &MEntry,
    name: &str,
) -> Option<Vec<u8>> {
    match project.asset(name) {
        Ok(octets) => Some(octets),
        Err(error) => {
            elaborator.findings().push(
                Problem::error("E0460", file.span, error.to_string())
                    .help("put the file into the project"),
            );
            None
        }
    }
}

/// Every instance comes from a load file: one of the card's, or one that the maker loaded.
fn origins(
    elaborator: &mut Elaborator<'_>,
    applications: &mut [Application],
    loaded: &[Loaded],
    chip: &MEntry,
) {
    for application in applications {
        let name = application.name.clone();
        let Some(install) = &mut application.install else {
            continue;
        };
        let holds = |l: &&Loaded| l.applets.contains(&install.module);
        let own = |l: &&Loaded| l.entry.package == install.package;
        let message = match (install.package.is_empty(), loaded.iter().find(holds)) {
            (true, Some(file)) => {
                install.package.clone_from(&file.entry.package);
                continue;
            }
            (true, None) => format!("no load file of the card holds the applet of `{name}`"),
            (false, _) => match loaded.iter().find(own) {
                Some(file) if !file.applets.contains(&install.module) => {
                    let applets = file.applets.join(", ");
                    format!("the load file of `{name}` holds other applets: {applets}")
                }
                _ => continue,
            },
        };
        elaborator
            .findings()
            .push(Problem::error("E0461", chip.span, message).help(
                "correct `module`, add `load \"…\" { file = … }`, or name the `package` that the \
                 card's maker has loaded",
            ));
    }
}

/// One application at most is selected when the card is reset (GlobalPlatform 2.3.1, 6.6.2).
fn default_selected(elaborator: &mut Elaborator<'_>, applications: &[Application], span: Span) {
    let wants = |a: &&Application| {
        let privileges = a.install.as_ref().map(|i| hex::decode(&i.privileges));
        let first = privileges.and_then(|p| p.ok()?.first().copied());
        first.is_some_and(|octet| octet & 0x04 != 0)
    };
    let names: Vec<&str> = applications
        .iter()
        .filter(wants)
        .map(|a| a.name.as_str())
        .collect();
    if names.len() > 1 {
        let message = format!("`{}` would all be selected by a reset", names.join("`, `"));
        elaborator.findings().push(
            Problem::error("E0462", span, message)
                .help("leave `default_selected` to one application"),
        );
    }
}

/// `delete = [x"A0 …", related x"A0 …"]`.
fn deletions<'a>(elaborator: &mut Elaborator<'a>, chip: &'a MEntry) -> Vec<Deletion> {
    let Some(entry) = chip.inner("delete") else {
        return Vec::new();
    };
    let model = elaborator.model();
    let list = entry.single().map(|term| read::follow(model, term));
    let mut found = Vec::new();
    for phrase in list.map(read::phrases).unwrap_or_default() {
        let (related, term) = match phrase {
            [word, term] if word.word() == Some("related") => (true, Some(term)),
            [term] => (false, Some(term)),
            _ => (false, None),
        };
        let aid = term.and_then(|term| elaborator.const_bytes(term));
        match aid.filter(|aid| (5..=16).contains(&aid.len())) {
            Some(aid) => found.push(Deletion {
                aid: hex::encode_upper(aid),
                related,
            }),
            None => elaborator.findings().push(
                Problem::error(
                    "E0466",
                    entry.span,
                    "this is no AID of something on the card",
                )
                .help("write `delete = [x\"A0 00 00 99 92\", related x\"A0 00 00 99 91\"]`"),
            ),
        }
    }
    found
}

fn new_keys<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    block: &'a MEntry,
    channel: &Channel,
) -> Option<NewKeys> {
    let term = block.inner("keys")?.single()?;
    let name = elaborator.key(term, &["card_issuance"])?;
    let id = elaborator.model().key_id(&name)?;
    let algorithm = |id: u32| Some(frame.keys.get(id as usize)?.algorithm.clone());
    let number = |name: &str| {
        let n = block.inner(name)?.single().and_then(MExpr::integer)?;
        u8::try_from(n).ok()
    };
    let wrong = |elaborator: &mut Elaborator<'_>, message: &str| {
        elaborator.findings().push(
            Problem::error("E0463", term.span, message)
                .help("declare a key of the same algorithm with `use = card_issuance`"),
        );
    };
    if algorithm(id) != algorithm(channel.key) {
        let message = "the new keys are of another algorithm than those that open the channel";
        wrong(elaborator, message);
        return None;
    }
    if id == channel.key {
        wrong(
            elaborator,
            "the new keys come from the master key that they replace",
        );
        return None;
    }
    let default = if channel.protocol == "scp02" {
        "emv"
    } else {
        "kdf3"
    };
    let method = block.inner("diversification").and_then(read::word);
    Some(NewKeys {
        key: id,
        diversification: method.unwrap_or_else(|| default.to_owned()),
        version: number("version")?,
        replaces: number("replaces").unwrap_or(0),
        span: elaborator.span_id(block.span),
    })
}

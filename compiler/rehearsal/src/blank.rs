//! The blank that a rehearsal writes on: a virtual chip with the open test keys of the bundle's
//! card platform.

use cardwright_bundle::{Application, Chip, Content, Dgi, Padding};
use cardwright_ports::{SecretBytes, hsm::Diversification};
use cardwright_standards::test_keys;
use cardwright_stations::StationError;
use cardwright_virtual_card::{
    BlankKeys, BlankSpec, ISSUER_DOMAIN_AID, PackageSpec, PlainApplet, PlainGrouping, PlainPadding,
    Protocol, VirtualCard,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Key data of every rehearsed blank; no issuer owns this number.
const KEY_GROUP: [u8; 6] = [0xFF, 0xFF, 0xFF, 0x99, 0x99, 0x92];

/// A blank for a card's chip, as its maker delivers it: with the open test keys, and what the bundle does
/// not bring.
///
/// # Errors
/// R1101 for a platform without its key, or that no chip has.
pub fn blank(content: &Content, chip: &Chip) -> Result<VirtualCard, StationError> {
    let Some(channel) = &chip.channel else {
        return native(content, chip);
    };
    let slot = content.keys.get(channel.key as usize);
    let slot = slot.ok_or_else(|| broken("a card platform without its key"))?;
    let key = test_keys::symmetric_key(&slot.name, &slot.algorithm)
        .map_err(|error| broken(&error.to_string()))?;
    let method = match channel.diversification.as_str() {
        "emv" => Diversification::Emv,
        "visa2" => Diversification::Visa2,
        "visa" => Diversification::Visa,
        "kdf3" => Diversification::Kdf3,
        _ => Diversification::None,
    };
    let protocol = match channel.protocol.as_str() {
        "scp02" => Protocol::Scp02 {
            option: channel.option,
        },
        _ => Protocol::Scp03 {
            option: channel.option,
        },
    };
    let keys = BlankKeys::Master {
        key: SecretBytes::new(key.expose().to_vec()),
        method,
    };
    let aid = |application: &Application| {
        hex::decode(&application.aid).map_err(|_| broken("an AID that is not hexadecimal"))
    };
    let there = chip.applications.iter().filter(|a| a.install.is_none());
    let there = there.filter(|a| !ISSUER_DOMAIN_AID.starts_with(&aid(a).unwrap_or_default()));
    let emv = there.filter(|a| a.applet != "plain");
    let mut instances = emv.map(aid).collect::<Result<Vec<_>, _>>()?;
    // Applications of which an order gets one may have one identifier.
    let mut seen = BTreeSet::new();
    instances.retain(|aid| seen.insert(aid.clone()));
    let mut spec = BlankSpec::new(protocol, keys, KEY_GROUP, serial(content), instances);
    for application in chip.applications.iter().filter(|a| a.applet == "plain") {
        let applet = PlainApplet {
            aid: aid(application)?,
            groupings: application.dgis.iter().map(kept).collect(),
        };
        // What is installed first is not there yet.
        match application.install {
            Some(_) => spec.loadable.push(applet),
            None => spec.plain.push(applet),
        }
    }
    if channel.key_version != 0 {
        spec.key_version = channel.key_version;
    }
    left_by_the_maker(chip, &mut spec)?;
    for (quirk, _) in chip.applications.iter().flat_map(|a| &a.quirks) {
        // A quirk that this chip does not know changes nothing: the checks will show it.
        spec.quirks.declare(quirk);
    }
    VirtualCard::blank(&spec).map_err(|fault| {
        StationError::new("R1101", fault.to_string(), "correct the card's `platform`")
    })
}

/// What a maker has left on the blank: load files that applications come from and the bundle does
/// not bring, what is deleted first, keys that are replaced.
fn left_by_the_maker(chip: &Chip, spec: &mut BlankSpec) -> Result<(), StationError> {
    let octets =
        |text: &str| hex::decode(text).map_err(|_| broken("an AID that is not hexadecimal"));
    for install in chip.applications.iter().filter_map(|a| a.install.as_ref()) {
        let brought = chip.content.load.iter();
        if brought.clone().any(|load| load.package == install.package) {
            continue;
        }
        let (aid, module) = (octets(&install.package)?, octets(&install.module)?);
        match spec.packages.iter_mut().find(|p| p.aid == aid) {
            Some(package) => package.modules.push(module),
            None => spec.packages.push(PackageSpec {
                aid,
                modules: vec![module],
            }),
        }
    }
    for deletion in &chip.content.delete {
        let aid = octets(&deletion.aid)?;
        let modules = Vec::new();
        if !spec.packages.iter().any(|p| p.aid == aid) {
            spec.packages.push(PackageSpec { aid, modules });
        }
    }
    if let Some(keys) = &chip.content.keys
        && keys.replaces != 0
    {
        spec.key_version = keys.replaces;
    }
    Ok(())
}

/// A card without GlobalPlatform: its keys are nobody's.
fn native(content: &Content, chip: &Chip) -> Result<VirtualCard, StationError> {
    let nobody = || SecretBytes::new(vec![0; 16]);
    let keys = BlankKeys::Card {
        enc: nobody(),
        mac: nobody(),
        dek: nobody(),
    };
    let aid = |application: &Application| {
        hex::decode(&application.aid).map_err(|_| broken("an AID that is not hexadecimal"))
    };
    let instances: Result<Vec<_>, _> = chip.applications.iter().map(aid).collect();
    let protocol = Protocol::Scp03 { option: 0x00 };
    let mut spec = BlankSpec::new(protocol, keys, KEY_GROUP, serial(content), instances?);
    spec.native = true;
    VirtualCard::blank(&spec).map_err(|fault| broken(&fault.to_string()))
}

/// A grouping as the maker of the card's applet would describe it.
fn kept(dgi: &Dgi) -> PlainGrouping {
    PlainGrouping {
        number: dgi.number,
        secret: dgi.encrypted,
        padding: match dgi.padding {
            Padding::None => PlainPadding::None,
            Padding::Iso7816Always => PlainPadding::Always,
            Padding::Iso7816IfNeeded => PlainPadding::IfNeeded,
            Padding::Pkcs7 => PlainPadding::Pkcs7,
            Padding::Zeros => PlainPadding::Zeros,
        },
        octets: dgi.octets.and_then(|octets| usize::try_from(octets).ok()),
        joined: dgi.joined,
    }
}

/// A chip's serial number has four octets (CPLC); ours tells which project rehearses.
fn serial(content: &Content) -> [u8; 4] {
    let digest = Sha256::digest(content.name.as_bytes());
    digest.first_chunk::<4>().copied().unwrap_or_default()
}

fn broken(what: &str) -> StationError {
    StationError::new("R1101", what, "build the bundle again")
}

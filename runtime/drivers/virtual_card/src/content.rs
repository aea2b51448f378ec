//! Card content management by the issuer security domain: load files, instances, keys, life cycle
//! (GlobalPlatform Card Specification 2.3.1, chapter 11). No code is run: what an instance does is
//! what the card's description says for its AID.

use crate::apdu::{Answer, Command, sw};
use crate::application::Application;
use crate::blank::{INSTANCES_MAX, ISSUER_DOMAIN_AID};
use crate::channel::Channel;
use crate::crypto::{Family, Secret, aes_cmac, check_value, same, secret, sha1};
use crate::keys::CardKeys;
use crate::tlv;
use crate::{PlainApplet, VirtualCard};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Most octets of a load file.
const LOAD_OCTETS_MAX: usize = 65_536;
/// Most load files on a card.
const PACKAGES_MAX: usize = 16;
/// Life cycle of the card: ready, initialized, secured.
pub(crate) const LIFE_CYCLES: [u8; 3] = [0x01, 0x07, 0x0F];

/// A load file that is on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSpec {
    /// Its AID.
    pub aid: Vec<u8>,
    /// AIDs of the applets in it.
    pub modules: Vec<Vec<u8>>,
}

/// A domain with the privilege of mandated DAP verification: what is loaded has to be signed by it.
pub struct DapSpec {
    /// Its AID.
    pub domain: Vec<u8>,
    /// Its AES key; the signature is a CMAC over the load file data block hash (not verified).
    pub key: cardwright_ports::SecretBytes,
}

/// What the registry knows of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    aid: Vec<u8>,
    package: Vec<u8>,
    privileges: Vec<u8>,
}

/// The part of the registry that content management writes.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) packages: Vec<PackageSpec>,
    pub(crate) instances: Vec<Instance>,
    /// What instances of applets that are not there yet will keep, by their AIDs.
    pub(crate) loadable: Vec<PlainApplet>,
    pub(crate) dap: Option<(Vec<u8>, Secret)>,
}

/// A load file on its way.
pub(crate) struct Loading {
    package: Vec<u8>,
    hash: Vec<u8>,
    next_block: u8,
    octets: Vec<u8>,
}

/// Obeys a command of content management; none when it is no such command.
pub(crate) fn execute(
    card: &mut VirtualCard,
    command: &Command,
    channel: &Channel,
) -> Option<Answer> {
    let answer = match (command.ins, command.p1) {
        (0xE6, 0x02) => install_for_load(card, command),
        (0xE6, 0x0C) => install(card, command),
        (0xE8, _) => load(card, command),
        (0xE4, _) => delete(card, command),
        (0xF2, _) => status(card, command),
        (0xD8, _) => put_key(card, command, channel),
        (0xF0, _) => set_status(card, command),
        _ => return None,
    };
    if command.ins != 0xE8 && !(command.ins == 0xE6 && command.p1 == 0x02) {
        card.volatile.loading = None;
    }
    Some(answer)
}

/// Length and value pairs of INSTALL; nothing when they do not add up.
fn fields(mut data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let (length, rest) = match length {
            0x81 => {
                let (length, rest) = rest.split_first()?;
                (usize::from(*length), rest)
            }
            0x82..=0xFF => return None,
            _ => (usize::from(length), rest),
        };
        let (value, rest) = rest.split_at_checked(length)?;
        found.push(value);
        data = rest;
    }
    Some(found)
}

fn is_aid(octets: &[u8]) -> bool {
    (5..=16).contains(&octets.len())
}

fn install_for_load(card: &mut VirtualCard, command: &Command) -> Answer {
    if command.p2 != 0 {
        return Err(sw::WRONG_P1P2);
    }
    let fields = fields(&command.data).ok_or(sw::WRONG_DATA)?;
    let &[package, domain, hash, _, token] = fields.as_slice() else {
        return Err(sw::WRONG_DATA);
    };
    let verifier = card.registry.dap.as_ref().map(|(aid, _)| aid.as_slice());
    let domain_known = domain.is_empty() || domain == ISSUER_DOMAIN_AID || Some(domain) == verifier;
    let hash_fine = matches!(hash.len(), 0 | 20 | 32);
    if !is_aid(package) || !domain_known || !hash_fine || !token.is_empty() {
        return Err(sw::WRONG_DATA);
    }
    // What has to be signed has to have the hash that the signature is over.
    if verifier.is_some() && hash.is_empty() {
        return Err(sw::SECURITY);
    }
    if card.registry.packages.len() >= PACKAGES_MAX {
        return Err(sw::NO_MEMORY);
    }
    if known(card, package) {
        return Err(sw::CONDITIONS);
    }
    card.volatile.loading = Some(Loading {
        package: package.to_vec(),
        hash: hash.to_vec(),
        next_block: 0,
        octets: Vec::new(),
    });
    Ok(vec![0])
}

/// Whether an AID is in the registry, of a load file or of an instance.
fn known(card: &VirtualCard, aid: &[u8]) -> bool {
    aid == ISSUER_DOMAIN_AID
        || card.registry.packages.iter().any(|p| p.aid == aid)
        || card.applications.iter().any(|a| a.aid == aid)
}

fn load(card: &mut VirtualCard, command: &Command) -> Answer {
    let mut loading = card.volatile.loading.take().ok_or(sw::CONDITIONS)?;
    if !matches!(command.p1, 0x00 | 0x80) || command.p2 != loading.next_block {
        return Err(sw::WRONG_P1P2);
    }
    if loading.octets.len() + command.data.len() > LOAD_OCTETS_MAX {
        return Err(sw::NO_MEMORY);
    }
    loading.octets.extend_from_slice(&command.data);
    loading.next_block = loading.next_block.wrapping_add(1);
    if command.p1 == 0x00 {
        card.volatile.loading = Some(loading);
        return Ok(vec![0]);
    }
    let components = verified(card, &loading)?;
    let modules = package(&components, &loading.package).ok_or(sw::WRONG_DATA)?;
    card.registry.packages.push(PackageSpec {
        aid: loading.package,
        modules,
    });
    Ok(vec![0])
}

/// The load file data block behind its signatures, when hash and signature hold.
fn verified(card: &VirtualCard, loading: &Loading) -> Result<Vec<u8>, u16> {
    let objects = tlv::read_all(&loading.octets).ok_or(sw::WRONG_DATA)?;
    let (block, signatures) = objects.split_last().ok_or(sw::WRONG_DATA)?;
    if block.tag != 0xC4 || signatures.iter().any(|o| o.tag != 0xE2) {
        return Err(sw::WRONG_DATA);
    }
    let hash_holds = match loading.hash.len() {
        0 => true,
        20 => same(&sha1(&[block.value]), &loading.hash),
        _ => same(&Sha256::digest(block.value), &loading.hash),
    };
    if !hash_holds {
        return Err(sw::WRONG_DATA);
    }
    if let Some((domain, key)) = &card.registry.dap {
        let own = |o: &&tlv::Object<'_>| tlv::find(o.value, 0x4F) == Some(domain.as_slice());
        let signature = signatures.iter().find(own);
        let signature = signature.and_then(|o| tlv::find(o.value, 0xC3));
        let expected = aes_cmac(key, &[&loading.hash]).ok_or(sw::SECURITY)?;
        if !signature.is_some_and(|s| same(s, &expected)) {
            return Err(sw::SECURITY);
        }
    }
    Ok(block.value.to_vec())
}

/// AIDs of the applets in a load file of this AID; nothing when it is none.
fn package(mut octets: &[u8], aid: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut modules = None;
    let mut first = true;
    while let [tag, high, low, rest @ ..] = octets {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (content, after) = rest.split_at_checked(length)?;
        octets = after;
        match (tag, first) {
            (1, true) => {
                let own = content.strip_prefix(&[0xDE, 0xCA, 0xFF, 0xED])?.get(5..)?;
                let (length, own) = own.split_first()?;
                (own.get(..usize::from(*length))? == aid).then_some(())?;
            }
            (3, false) => modules = Some(applets(content)?),
            (2 | 4..=10, false) => {}
            // Descriptor and Debug are not loaded; the header stands first and once.
            _ => return None,
        }
        first = false;
    }
    octets.is_empty().then_some(())?;
    modules
}

fn applets(content: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (count, mut rest) = content.split_first()?;
    let mut found = Vec::new();
    for _ in 0..*count {
        let (length, after) = rest.split_first()?;
        let (aid, after) = after.split_at_checked(usize::from(*length))?;
        rest = after.get(2..)?;
        found.push(aid.to_vec());
    }
    rest.is_empty().then_some(found)
}

fn install(card: &mut VirtualCard, command: &Command) -> Answer {
    if command.p2 != 0 {
        return Err(sw::WRONG_P1P2);
    }
    let fields = fields(&command.data).ok_or(sw::WRONG_DATA)?;
    let &[package, module, instance, privileges, parameters, token] = fields.as_slice() else {
        return Err(sw::WRONG_DATA);
    };
    // Parameters begin with C9, those of the applet itself.
    let parameters_fine = parameters.first() == Some(&0xC9) && tlv::well_formed(parameters);
    if !is_aid(instance)
        || !matches!(privileges.len(), 1 | 3)
        || !parameters_fine
        || !token.is_empty()
    {
        return Err(sw::WRONG_DATA);
    }
    let there = card.registry.packages.iter().find(|p| p.aid == package);
    if !there.is_some_and(|p| p.modules.iter().any(|m| m == module)) {
        return Err(sw::NO_DATA);
    }
    if known(card, instance) {
        return Err(sw::CONDITIONS);
    }
    // Card reset (default selected) belongs to one application at a time (6.6.2).
    let taken = |i: &Instance| i.privileges.first().is_some_and(|p| p & 0x04 != 0);
    let wants = privileges.first().is_some_and(|p| p & 0x04 != 0);
    if wants && card.registry.instances.iter().any(taken) {
        return Err(sw::WRONG_DATA);
    }
    if card.applications.len() >= INSTANCES_MAX {
        return Err(sw::NO_MEMORY);
    }
    let made = match card
        .registry
        .loadable
        .iter()
        .find(|applet| applet.aid == instance)
    {
        Some(applet) => Application::plain(applet),
        None => Application::of_aid(instance),
    };
    card.applications.push(made);
    card.registry.instances.push(Instance {
        aid: instance.to_vec(),
        package: package.to_vec(),
        privileges: privileges.to_vec(),
    });
    Ok(vec![0])
}

/// DELETE of an instance or a load file; a load file goes with its instances or not at all.
fn delete(card: &mut VirtualCard, command: &Command) -> Answer {
    if command.p1 != 0 || !matches!(command.p2, 0x00 | 0x80) {
        return Err(sw::WRONG_P1P2);
    }
    let aid = tlv::only(&command.data, 0x4F).ok_or(sw::WRONG_DATA)?;
    let gone: Vec<Vec<u8>> = if card.registry.packages.iter().any(|p| p.aid == aid) {
        let instances = card.registry.instances.iter();
        let of_it: Vec<Vec<u8>> = instances
            .filter(|i| i.package == aid)
            .map(|i| i.aid.clone())
            .collect();
        if !of_it.is_empty() && command.p2 == 0x00 {
            return Err(sw::CONDITIONS);
        }
        card.registry.packages.retain(|p| p.aid != aid);
        of_it
    } else if card.applications.iter().any(|a| a.aid == aid) {
        vec![aid.to_vec()]
    } else {
        return Err(sw::NO_DATA);
    };
    card.registry.instances.retain(|i| !gone.contains(&i.aid));
    card.applications.retain(|a| !gone.contains(&a.aid));
    Ok(vec![0])
}

/// GET STATUS in the new format: `E3 { 4F AID, 9F70 life cycle, C5 privileges }` each.
fn status(card: &VirtualCard, command: &Command) -> Answer {
    if command.p2 != 0x02 {
        return Err(sw::WRONG_P1P2);
    }
    let wanted = tlv::only(&command.data, 0x4F).ok_or(sw::WRONG_DATA)?;
    let entry = |aid: &[u8], state: u8| {
        let registered = card.registry.instances.iter().find(|i| i.aid == aid);
        let mut privileges = registered.map_or_else(Vec::new, |i| i.privileges.clone());
        privileges.resize(3, 0);
        let inside = [
            tlv::write(0x4F, aid),
            tlv::write(0x9F70, &[state]),
            tlv::write(0xC5, &privileges),
        ];
        tlv::write(0xE3, &inside.concat())
    };
    let all: Vec<(Vec<u8>, u8)> = match command.p1 {
        0x80 => vec![(ISSUER_DOMAIN_AID.to_vec(), card.platform.life_cycle)],
        // 07 SELECTABLE, 0F PERSONALIZED.
        0x40 => {
            let state = |a: &Application| if a.profile.is_some() { 0x0F } else { 0x07 };
            let each = card.applications.iter();
            each.map(|a| (a.aid.clone(), state(a))).collect()
        }
        0x20 => {
            let each = card.registry.packages.iter();
            each.map(|p| (p.aid.clone(), 0x01)).collect()
        }
        _ => return Err(sw::WRONG_P1P2),
    };
    let found: Vec<u8> = all
        .iter()
        .filter(|(aid, _)| aid.starts_with(wanted))
        .flat_map(|(aid, state)| entry(aid, *state))
        .collect();
    if found.is_empty() {
        return Err(sw::NO_DATA);
    }
    Ok(found)
}

/// PUT KEY of a whole set: version, then type, enciphered key and check value three times.
fn put_key(card: &mut VirtualCard, command: &Command, channel: &Channel) -> Answer {
    let current = card.platform.key_version;
    if command.p2 != 0x81 {
        return Err(sw::WRONG_P1P2);
    }
    if command.p1 != 0 && command.p1 != current {
        return Err(sw::NO_DATA);
    }
    let (&version, mut rest) = command.data.split_first().ok_or(sw::WRONG_DATA)?;
    // A set is replaced under its own version, or added with a new one.
    let version_fine = (1..=0x7F).contains(&version) && (command.p1 != 0 || version != current);
    if !version_fine {
        return Err(sw::WRONG_DATA);
    }
    let family = card.platform.protocol.family();
    let mut keys: Vec<Secret> = Vec::new();
    let mut answer = vec![version];
    for _ in 0..3 {
        let (key, value, after) = key_field(rest, family, channel).ok_or(sw::WRONG_DATA)?;
        answer.extend_from_slice(&value);
        keys.push(key);
        rest = after;
    }
    let [enc, mac, dek] = keys.as_slice() else {
        return Err(sw::WRONG_DATA);
    };
    if !rest.is_empty() || enc.len() != card.platform.keys.enc.len() {
        return Err(sw::WRONG_DATA);
    }
    card.platform.keys = CardKeys::new(enc, mac, dek);
    card.platform.key_version = version;
    card.platform.sequence = 0;
    Ok(answer)
}

/// One key data field: the clear key, its check value, and what follows.
fn key_field<'d>(
    data: &'d [u8],
    family: Family,
    channel: &Channel,
) -> Option<(Secret, Vec<u8>, &'d [u8])> {
    let (&kind, rest) = data.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (body, rest) = rest.split_at_checked(usize::from(length))?;
    let key = match (family, kind) {
        (Family::Tdes, 0x80) => channel.decipher(body).filter(|key| key.len() == 16)?,
        (Family::Aes, 0x88) => {
            let (&clear, body) = body.split_first()?;
            let key = channel.decipher(body)?;
            secret(key.get(..usize::from(clear))?)
        }
        _ => return None,
    };
    let (&3, rest) = rest.split_first()? else {
        return None;
    };
    let (value, rest) = rest.split_at_checked(3)?;
    let own = check_value(family, &key)?;
    same(&own, value).then(|| (key, value.to_vec(), rest))
}

/// SET STATUS of the card: it only goes on.
fn set_status(card: &mut VirtualCard, command: &Command) -> Answer {
    if command.p1 != 0x80 || !command.data.is_empty() {
        return Err(sw::WRONG_P1P2);
    }
    // From ready to initialized to secured, a step at a time (5.1.1).
    let now = card.platform.life_cycle;
    let after = LIFE_CYCLES.iter().skip_while(|state| **state != now).nth(1);
    if after != Some(&command.p2) {
        return Err(sw::CONDITIONS);
    }
    card.platform.life_cycle = command.p2;
    Ok(Vec::new())
}

/// Objects that STORE DATA may put into the issuer domain: issuer identification number and card
/// image number (11.11.2.3).
const DOMAIN_OBJECTS: [u32; 2] = [0x42, 0x45];

/// STORE DATA of BER-TLV objects for the issuer domain itself.
pub(crate) fn store(card: &mut VirtualCard, command: &Command) -> Answer {
    // b8 last, b5 b4 10: BER-TLV; one command holds them all.
    if command.p1 != 0x90 || command.p2 != 0 {
        return Err(sw::WRONG_P1P2);
    }
    let objects = tlv::read_all(&command.data).filter(|all| !all.is_empty());
    let objects = objects.ok_or(sw::WRONG_DATA)?;
    let known = objects
        .iter()
        .all(|o| DOMAIN_OBJECTS.contains(&o.tag) && (1..=32).contains(&o.value.len()));
    if !known {
        return Err(sw::WRONG_DATA);
    }
    for object in objects {
        let octets = object.value.to_vec();
        card.platform.domain_data.insert(object.tag, octets);
    }
    Ok(Vec::new())
}

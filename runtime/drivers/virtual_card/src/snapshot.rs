//! A card's whole persistent state as JSON, and back. It holds clear TEST keys; what comes back
//! is checked like everything else that comes from outside.

use crate::application::{Application, Registers, Role};
use crate::blank::{INSTANCES_MAX, Platform, Protocol};
use crate::content::{Instance, PackageSpec};
use crate::crypto::secret;
use crate::entropy::Entropy;
use crate::keys::CardKeys;
use crate::{CardFault, PlainApplet, Quirks, VirtualCard, groupings};
use cardwright_ports::SecretBytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Version of the format.
const VERSION: u32 = 1;
/// What the file says it is.
const FORMAT: &str = "cardwright virtual card, TEST keys";
/// Largest file, octets.
const OCTETS_MAX: usize = 2_000_000;
/// Most groupings of one application.
const GROUPINGS_MAX: usize = 512;

/// Hexadecimal text that is wiped when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Hex(String);

impl Hex {
    fn new(octets: &[u8]) -> Self {
        Self(hex::encode_upper(octets))
    }

    fn octets(&self) -> Result<Vec<u8>, CardFault> {
        hex::decode(&self.0).map_err(|_| CardFault::snapshot("a value is not hexadecimal"))
    }

    fn exactly<const N: usize>(&self) -> Result<[u8; N], CardFault> {
        let octets = zeroize::Zeroizing::new(self.octets()?);
        octets
            .as_slice()
            .try_into()
            .map_err(|_| CardFault::snapshot("a value has a wrong length"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: String,
    version: u32,
    protocol: Protocol,
    enc: Hex,
    mac: Hex,
    dek: Hex,
    key_version: u8,
    key_data: Hex,
    cplc: Hex,
    sequence: u32,
    failures: u8,
    blocked: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    native: bool,
    #[serde(default = "ready", skip_serializing_if = "is_ready")]
    life_cycle: u8,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    domain_data: BTreeMap<u32, Vec<u8>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    packages: Vec<PackageSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    instances: Vec<Instance>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    loadable: Vec<PlainApplet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dap: Option<(Hex, Hex)>,
    seed: Hex,
    drawn: u64,
    quirks: Quirks,
    applications: Vec<KeptApplication>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptApplication {
    aid: Hex,
    personalized: bool,
    registers: Registers,
    groupings: Vec<(u16, Hex)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plain: Option<Vec<crate::PlainGrouping>>,
}

/// Writes a card down.
pub(crate) fn write(card: &VirtualCard) -> Option<SecretBytes> {
    let platform = &card.platform;
    let kept = Kept {
        format: FORMAT.into(),
        version: VERSION,
        protocol: platform.protocol,
        enc: Hex::new(&platform.keys.enc),
        mac: Hex::new(&platform.keys.mac),
        dek: Hex::new(&platform.keys.dek),
        key_version: platform.key_version,
        key_data: Hex::new(&platform.key_data),
        cplc: Hex::new(&platform.cplc),
        sequence: platform.sequence,
        failures: platform.failures,
        blocked: platform.blocked,
        native: platform.native,
        life_cycle: platform.life_cycle,
        domain_data: platform.domain_data.clone(),
        packages: card.registry.packages.clone(),
        instances: card.registry.instances.clone(),
        loadable: card.registry.loadable.clone(),
        dap: card
            .registry
            .dap
            .as_ref()
            .map(|(domain, key)| (Hex::new(domain), Hex::new(key))),
        seed: Hex::new(&platform.entropy.seed),
        drawn: platform.entropy.counter,
        quirks: platform.quirks.clone(),
        applications: card.applications.iter().map(keep).collect(),
    };
    // Room enough that the buffer does not grow and leave copies behind.
    let octets: usize = card
        .applications
        .iter()
        .map(|a| a.octets() * 3 + 4096)
        .sum();
    let mut out = Vec::with_capacity(octets + 16_384);
    serde_json::to_writer(&mut out, &kept).ok()?;
    Some(SecretBytes::new(out))
}

fn ready() -> u8 {
    0x01
}

fn is_ready(life_cycle: &u8) -> bool {
    *life_cycle == ready()
}

fn keep(application: &Application) -> KeptApplication {
    KeptApplication {
        aid: Hex::new(&application.aid),
        personalized: application.profile.is_some(),
        registers: application.registers.clone(),
        groupings: application
            .groups
            .iter()
            .map(|(number, value)| (*number, Hex::new(value)))
            .collect(),
        plain: application.plain.clone(),
    }
}

impl VirtualCard {
    /// Makes a card from what [`cardwright_ports::CardChannel::snapshot`] gave; it has no power.
    ///
    /// # Errors
    /// R1281 when the octets are not a card of this version or contradict themselves.
    pub fn restore(octets: &[u8]) -> Result<Self, CardFault> {
        if octets.len() > OCTETS_MAX {
            return Err(CardFault::snapshot("the file is too long"));
        }
        let kept: Kept = serde_json::from_slice(octets)
            .map_err(|_| CardFault::snapshot("the file does not have a card's structure"))?;
        if kept.format != FORMAT || kept.version != VERSION {
            return Err(CardFault::snapshot(format!(
                "expected \"{FORMAT}\" version {VERSION}, the file is version {}",
                kept.version
            )));
        }
        if kept.applications.len() > INSTANCES_MAX {
            return Err(CardFault::snapshot("there are too many applications"));
        }
        let platform = Platform {
            protocol: kept.protocol,
            keys: CardKeys {
                enc: secret(&zeroize::Zeroizing::new(kept.enc.octets()?)),
                mac: secret(&zeroize::Zeroizing::new(kept.mac.octets()?)),
                dek: secret(&zeroize::Zeroizing::new(kept.dek.octets()?)),
            },
            key_version: kept.key_version,
            key_data: kept.key_data.exactly()?,
            cplc: kept.cplc.exactly()?,
            sequence: kept.sequence,
            failures: kept.failures,
            blocked: kept.blocked,
            native: kept.native,
            life_cycle: kept.life_cycle,
            domain_data: kept.domain_data,
            entropy: Entropy::new(secret(&kept.seed.exactly::<16>()?), kept.drawn),
            quirks: kept.quirks,
        };
        if platform.sequence > 0xFF_FFFF {
            return Err(CardFault::snapshot("the sequence counter is out of range"));
        }
        let mut applications = Vec::new();
        for kept in &kept.applications {
            applications.push(bring_back(kept, &platform.quirks)?);
        }
        let registry_fine = crate::content::LIFE_CYCLES.contains(&platform.life_cycle)
            && kept.packages.len() <= GROUPINGS_MAX
            && kept.instances.len() <= INSTANCES_MAX
            && kept.loadable.len() <= GROUPINGS_MAX;
        if !registry_fine {
            return Err(CardFault::snapshot("the registry is out of range"));
        }
        let mut card = Self::assemble(platform, applications)
            .map_err(|fault| CardFault::snapshot(fault.what))?;
        card.registry.packages = kept.packages;
        card.registry.instances = kept.instances;
        card.registry.loadable = kept.loadable;
        card.registry.dap = match &kept.dap {
            Some((domain, key)) => {
                let key = zeroize::Zeroizing::new(key.octets()?);
                Some((domain.octets()?, secret(&key)))
            }
            None => None,
        };
        Ok(card)
    }
}

fn bring_back(kept: &KeptApplication, quirks: &Quirks) -> Result<Application, CardFault> {
    if kept.groupings.len() > GROUPINGS_MAX {
        return Err(CardFault::snapshot("an application has too many groupings"));
    }
    let mut application = Application::installed(kept.aid.octets()?);
    application.plain = kept.plain.clone();
    for (number, value) in &kept.groupings {
        let wrong = || CardFault::snapshot(format!("grouping {number:04X} is not a card's"));
        if matches!(application.role(), Role::Tag | Role::Piv) {
            let value = secret(&zeroize::Zeroizing::new(value.octets()?));
            application.groups.insert(*number, value);
            continue;
        }
        if let Some(rules) = &application.plain {
            let rule = rules
                .iter()
                .find(|r| r.number == *number)
                .ok_or_else(wrong)?;
            let value = secret(&zeroize::Zeroizing::new(value.octets()?));
            if rule.octets.is_some_and(|octets| octets != value.len()) {
                return Err(wrong());
            }
            application.groups.insert(*number, value);
            continue;
        }
        if !groupings::known(*number, application.role()) {
            return Err(wrong());
        }
        let value = secret(&zeroize::Zeroizing::new(value.octets()?));
        let value = groupings::accept(*number, value, quirks).map_err(|_| wrong())?;
        application.groups.insert(*number, value);
    }
    if application.role() == Role::Piv && !crate::piv::whole(&application.groups) {
        return Err(CardFault::snapshot("an access card's data are not whole"));
    }
    let tag = application.role() == Role::Tag;
    if tag && !crate::tag::whole(&application.groups) {
        return Err(CardFault::snapshot("a tag's files are not whole"));
    }
    if kept.personalized {
        application.complete(quirks).map_err(CardFault::snapshot)?;
    }
    let limit = application
        .profile
        .as_ref()
        .and_then(|profile| profile.payment.as_ref()?.pin_tries)
        .map_or(0, |(_, limit)| limit);
    if kept.registers.pin_tries_left > limit || kept.registers.scripts_obeyed > 0x0F {
        return Err(CardFault::snapshot("a register is out of range"));
    }
    application.registers = kept.registers.clone();
    Ok(application)
}

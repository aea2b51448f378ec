//! Blanks for the simulated machine: virtual chips as their makers would deliver them.

use cardwright_bundle::{Chip, Constant, Content, Dgi, Job, Padding};
use cardwright_machine::ChipFactory;
use cardwright_ports::{CardChannel, CardError, SecretBytes, hsm::Diversification};
use cardwright_standards::test_keys;
use cardwright_virtual_card::{
    BlankKeys, BlankSpec, ISSUER_DOMAIN_AID, PackageSpec, PlainApplet, PlainGrouping, PlainPadding,
    Protocol, VirtualCard,
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The chips on the simulated machine's blanks for a job. Each stock's chips are those of the cards
/// that the job makes from it, with the open test keys that a maker would have put in; another job
/// may have a stock of that name with other chips.
pub(super) fn chips(content: &Content, job: &Job) -> ChipFactory {
    // A stock of cards without a chip is known as well: it gets none from another product.
    let mut by_stock: BTreeMap<String, Vec<Chip>> = BTreeMap::new();
    let usual = usual_stock(content, job);
    for product in &job.products {
        let card = content.cards.iter().find(|card| card.name == product.card);
        let stock = product.stock.as_ref().unwrap_or(&usual);
        let chips = by_stock.entry(stock.clone()).or_default();
        chips.extend(card.and_then(|card| card.chip.clone()));
    }
    // Products that share a stock share its blanks: their maker has put in what any of them needs. A
    // blank has one channel (E0922 of the compiler); a bundle that says otherwise finds out on the card.
    for chips in by_stock.values_mut() {
        let Some(first) = chips.first().cloned() else {
            continue;
        };
        chips.retain(|chip| maker_part(chip) == maker_part(&first));
    }
    let content = content.clone();
    Arc::new(move |stock: &str, serial: &str| {
        let chips = by_stock.get(stock).map_or(&[][..], Vec::as_slice);
        match blank(&content, chips, serial) {
            Some(card) => Box::new(card) as Box<dyn CardChannel>,
            None => Box::new(NoChip),
        }
    })
}

/// The stock of products that name none: the flow's.
fn usual_stock(content: &Content, job: &Job) -> String {
    let flow = content.flows.iter().find(|flow| flow.name == job.flow);
    let settings = flow.iter().flat_map(|flow| &flow.steps);
    let feed = settings.filter(|step| step.station == "feed");
    let mut settings = feed.flat_map(|step| &step.settings);
    match settings.find(|(name, _)| name == "stock") {
        Some((_, Constant::Text(stock))) => stock.clone(),
        _ => String::new(),
    }
}

/// Of a channel what the maker has put in; the level is chosen with each channel that is opened.
fn maker_part(chip: &Chip) -> Option<(&str, u8, u32, &str, u8)> {
    let channel = chip.channel.as_ref()?;
    let (protocol, method) = (channel.protocol.as_str(), channel.diversification.as_str());
    Some((
        protocol,
        channel.option,
        channel.key,
        method,
        channel.key_version,
    ))
}

/// One blank. The author's rehearsal has the like: the only crate that both may import and that knows
/// bundles is `stations`, and it must not know the virtual card (the crate edges of ARCHITECTURE, 4).
fn blank(content: &Content, chips: &[Chip], serial: &str) -> Option<VirtualCard> {
    let Some(channel) = &chips.first()?.channel else {
        return native(chips, serial);
    };
    let slot = content.keys.get(channel.key as usize)?;
    let key = test_keys::symmetric_key(&slot.name, &slot.algorithm).ok()?;
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
    let (mut instances, mut plain, mut loadable) = (Vec::new(), Vec::new(), Vec::new());
    for application in chips.iter().flat_map(|chip| &chip.applications) {
        let aid = hex::decode(&application.aid).ok()?;
        // The issuer domain is there on every card.
        if ISSUER_DOMAIN_AID.starts_with(&aid) {
            continue;
        }
        let groupings = application.dgis.iter().map(kept).collect();
        // What is installed first is not there yet.
        match (application.applet.as_str(), &application.install) {
            ("plain", None) => once(&mut plain, PlainApplet { aid, groupings }),
            ("plain", Some(_)) => once(&mut loadable, PlainApplet { aid, groupings }),
            // Applications of which an order gets one may have one identifier.
            (_, None) if instances.contains(&aid) => {}
            (_, None) => instances.push(aid),
            (_, Some(_)) => {}
        }
    }
    let serial = chip_serial(serial)?;
    let mut spec = BlankSpec::new(
        protocol,
        keys,
        [0xFF, 0xFF, 0xFF, 0x99, 0x99, 0x92],
        serial,
        instances,
    );
    (spec.plain, spec.loadable) = (plain, loadable);
    let applications = chips.iter().flat_map(|chip| &chip.applications);
    for (quirk, _) in applications.flat_map(|a| &a.quirks) {
        // A quirk that this chip does not know changes nothing: the checks will show it.
        spec.quirks.declare(quirk);
    }
    if channel.key_version != 0 {
        spec.key_version = channel.key_version;
    }
    for chip in chips {
        left_by_the_maker(chip, &mut spec)?;
    }
    VirtualCard::blank(&spec).ok()
}

/// One applet for all applications with its identifier, with the groupings of each.
fn once(applets: &mut Vec<PlainApplet>, applet: PlainApplet) {
    match applets.iter_mut().find(|known| known.aid == applet.aid) {
        Some(known) => {
            for grouping in applet.groupings {
                if known.groupings.iter().all(|g| g.number != grouping.number) {
                    known.groupings.push(grouping);
                }
            }
        }
        None => applets.push(applet),
    }
}

/// What a maker has left on the blank: load files that applications come from and the bundle does
/// not bring, what is deleted first, keys that are replaced.
fn left_by_the_maker(chip: &Chip, spec: &mut BlankSpec) -> Option<()> {
    for install in chip.applications.iter().filter_map(|a| a.install.as_ref()) {
        let brought = chip.content.load.iter();
        if brought.clone().any(|load| load.package == install.package) {
            continue;
        }
        let aid = hex::decode(&install.package).ok()?;
        let module = hex::decode(&install.module).ok()?;
        match spec.packages.iter_mut().find(|p| p.aid == aid) {
            Some(package) if package.modules.contains(&module) => {}
            Some(package) => package.modules.push(module),
            None => spec.packages.push(PackageSpec {
                aid,
                modules: vec![module],
            }),
        }
    }
    for deletion in &chip.content.delete {
        let (aid, modules) = (hex::decode(&deletion.aid).ok()?, Vec::new());
        if !spec.packages.iter().any(|p| p.aid == aid) {
            spec.packages.push(PackageSpec { aid, modules });
        }
    }
    if let Some(keys) = chip.content.keys.as_ref().filter(|k| k.replaces != 0) {
        spec.key_version = keys.replaces;
    }
    Some(())
}

/// A chip's serial number has four octets (CPLC); the machine's text is longer.
fn chip_serial(serial: &str) -> Option<[u8; 4]> {
    let digest = Sha256::digest(serial.as_bytes());
    digest.get(..4)?.try_into().ok()
}

/// A card without GlobalPlatform: its keys are nobody's.
fn native(chips: &[Chip], serial: &str) -> Option<VirtualCard> {
    let nobody = || SecretBytes::new(vec![0; 16]);
    let keys = BlankKeys::Card {
        enc: nobody(),
        mac: nobody(),
        dek: nobody(),
    };
    let applications = chips.iter().flat_map(|chip| &chip.applications);
    let aids = applications.map(|a| hex::decode(&a.aid).ok());
    let instances: Option<BTreeSet<_>> = aids.collect();
    let mut spec = BlankSpec::new(
        Protocol::Scp03 { option: 0x00 },
        keys,
        [0xFF, 0xFF, 0xFF, 0x99, 0x99, 0x92],
        chip_serial(serial)?,
        instances?.into_iter().collect(),
    );
    spec.native = true;
    VirtualCard::blank(&spec).ok()
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

/// Blanks without chips, for a machine that makes nothing.
pub(crate) fn no_chips() -> ChipFactory {
    Arc::new(|_: &str, _: &str| Box::new(NoChip) as Box<dyn CardChannel>)
}

/// A blank without a chip that answers.
struct NoChip;

impl CardChannel for NoChip {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        Err(CardError {
            code: "R1208",
            what: "the blank's chip does not answer".into(),
        })
    }
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, CardError> {
        self.reset()
    }
}

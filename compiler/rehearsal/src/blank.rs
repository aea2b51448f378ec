//! The blank that a rehearsal writes on: a virtual chip with the open test keys of the bundle's
//! card platform.

use cardwright_bundle::{Chip, Content};
use cardwright_ports::{SecretBytes, hsm::Diversification};
use cardwright_standards::test_keys;
use cardwright_stations::StationError;
use cardwright_virtual_card::{BlankKeys, BlankSpec, Protocol, VirtualCard};
use sha2::{Digest, Sha256};

/// Key data of every rehearsed blank; no issuer owns this number.
const KEY_GROUP: [u8; 6] = [0xFF, 0xFF, 0xFF, 0x99, 0x99, 0x92];

/// A blank for a card's chip.
pub(crate) fn blank(content: &Content, chip: &Chip) -> Result<VirtualCard, StationError> {
    let channel = &chip.channel;
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
    let instances = chip.applications.iter().map(|application| {
        hex::decode(&application.aid).map_err(|_| broken("an AID that is not hexadecimal"))
    });
    let instances = instances.collect::<Result<Vec<_>, _>>()?;
    let mut spec = BlankSpec::new(protocol, keys, KEY_GROUP, serial(content), instances);
    if channel.key_version != 0 {
        spec.key_version = channel.key_version;
    }
    for (quirk, _) in chip.applications.iter().flat_map(|a| &a.quirks) {
        // A quirk that this chip does not know changes nothing: the checks will show it.
        spec.quirks.declare(quirk);
    }
    VirtualCard::blank(&spec).map_err(|fault| {
        StationError::new("R1101", fault.to_string(), "correct the card's `platform`")
    })
}

/// A chip's serial number has four octets (CPLC); ours tells which project rehearses.
fn serial(content: &Content) -> [u8; 4] {
    let digest = Sha256::digest(content.name.as_bytes());
    digest.first_chunk::<4>().copied().unwrap_or_default()
}

fn broken(what: &str) -> StationError {
    StationError::new("R1101", what, "build the bundle again")
}

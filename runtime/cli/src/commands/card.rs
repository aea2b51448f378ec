//! `card`: kept and blank virtual cards.

use crate::{
    arguments::{Blank, Card, CardVerb},
    failure::{Failure, exit},
    site::read_file,
    terminal,
};
use cardwright_ports::SecretBytes;
use cardwright_virtual_card::{
    BlankKeys, BlankSpec, PPSE_AID, PSE_AID, Protocol, VirtualCard, vpcd,
};
use std::{path::Path, sync::atomic::AtomicBool};
use zeroize::Zeroizing;

/// Largest kept card.
const CARD_BYTES_MAX: u64 = 4 << 20;

/// Carries the verb out.
pub(crate) fn run(arguments: &Card) -> Result<u8, Failure> {
    match &arguments.verb {
        CardVerb::Serve {
            file,
            vpcd,
            blank,
            key,
            applets,
        } => {
            let card = match (file, blank, key) {
                (Some(file), None, _) => kept(file)?,
                (None, Some(blank), Some(key)) => make_blank(*blank, key, applets)?,
                _ => {
                    return Err(Failure::new(
                        2,
                        "R1296",
                        "name one card: a kept file, or `--blank` with `--key`",
                        "cardstation card serve out/cards/000001.card",
                    ));
                }
            };
            terminal::note(&format!(
                "card in the reader at {vpcd}; it leaves with Ctrl-C"
            ));
            let stop = AtomicBool::new(false);
            vpcd::serve(card, vpcd, &stop).map_err(fault)?;
            Ok(0)
        }
        CardVerb::Show { file } => {
            let card = kept(file)?;
            for (aid, personalized) in card.registry() {
                let state = if personalized {
                    "personalized"
                } else {
                    "blank"
                };
                terminal::print(&format!("{}  {state}", hex::encode_upper(aid)));
            }
            Ok(0)
        }
    }
}

fn kept(file: &Path) -> Result<VirtualCard, Failure> {
    let octets = Zeroizing::new(read_file(file, CARD_BYTES_MAX)?);
    VirtualCard::restore(&octets).map_err(fault)
}

fn make_blank(blank: Blank, key: &str, applets: &[String]) -> Result<VirtualCard, Failure> {
    let key = Zeroizing::new(hex::decode(key).map_err(|_| {
        Failure::new(
            2,
            "R1296",
            "the key is not hexadecimal",
            "pass 32, 48 or 64 digits",
        )
    })?);
    let protocol = match blank {
        Blank::Scp02 => Protocol::Scp02 { option: 0x55 },
        Blank::Scp03 => Protocol::Scp03 { option: 0x70 },
    };
    let part = || SecretBytes::new(key.to_vec());
    let keys = BlankKeys::Card {
        enc: part(),
        mac: part(),
        dek: part(),
    };
    let mut instances = vec![PSE_AID.to_vec(), PPSE_AID.to_vec()];
    for aid in applets {
        instances.push(hex::decode(aid).map_err(|_| {
            Failure::new(
                2,
                "R1296",
                "an AID is not hexadecimal",
                "pass 10 to 32 digits each",
            )
        })?);
    }
    let spec = BlankSpec::new(protocol, keys, [0xFF; 6], [0, 0, 0, 1], instances);
    VirtualCard::blank(&spec).map_err(fault)
}

fn fault(fault: cardwright_virtual_card::CardFault) -> Failure {
    Failure::new(exit::DEVICE, fault.code, fault.what, fault.mend)
}

//! Magnetic stripe mode over the antenna: tracks in a record, and COMPUTE CRYPTOGRAPHIC CHECKSUM,
//! which gives the dynamic codes of both. After public summaries, the command's octets from memory.

use super::Chip;
use super::fast::EMV_MODE;
use crate::apdu::{Answer, Command, sw};
use crate::application::{Groupings, Interface};
use crate::crypto::{Cipher, Family, Secret, check_value, same, secret};
use crate::groupings::number;
use crate::profile::{Options, Profile, QUALIFIERS, Reason, record_object};
use crate::tlv::{self, Dol};

/// Qualifiers, octet 1: magnetic stripe mode.
const MAGSTRIPE_MODE: u8 = 0x80;
/// Tag of the terminal's number, in digits.
const NUMBER: u32 = 0x9F6A;
/// What a terminal sends when the card has no list of its own.
const DEFAULT_LIST: [u8; 3] = [0x9F, 0x6A, 0x04];
/// Elements of a track with their lengths: bit map of the code, of the numbers, the counter's digits.
const MAPS: [(u32, [(u32, usize); 3]); 2] = [
    (0x56, [(0x9F62, 6), (0x9F63, 6), (0x9F64, 1)]),
    (0x9F6B, [(0x9F65, 2), (0x9F66, 2), (0x9F67, 1)]),
];

/// An application of magnetic stripe mode.
pub(crate) struct Magstripe {
    options: Options,
    list: Dol,
    key: Secret,
    /// Of track 1 and track 2.
    vectors: [[u8; 2]; 2],
    /// Whether there is a track 1.
    first_track: bool,
    /// Transactions before the first.
    pub(crate) counter: u16,
}

impl Magstripe {
    /// Made from its groupings, or refused.
    pub(crate) fn build(groups: &Groupings, profile: &Profile) -> Result<Self, Reason> {
        profile
            .fci_object(Interface::Contactless, 0x50)
            .ok_or("the FCI has no application label 50")?;
        let options = Options::read(groups, number::OPTIONS_MAGSTRIPE)
            .or_else(|| Options::read(groups, number::OPTIONS_CONTACTLESS))
            .or_else(|| Options::read(groups, number::OPTIONS))
            .ok_or("DGI 9104 is missing")?;
        crate::profile::records_are_there(profile, [Some(&options)])?;
        let key = groups.get(&number::CODE_KEY).ok_or("DGI 8400 is missing")?;
        let check = groups
            .get(&number::CODE_CHECK)
            .ok_or("DGI 9400 is missing")?;
        let value = check_value(Family::Tdes, key);
        if !value.is_some_and(|value| same(&value, check)) {
            return Err("the check value in DGI 9400 is not that of the key in DGI 8400".into());
        }
        let vectors = groups.get(&number::CODE_VECTORS).map(|v| v.as_slice());
        let Some(&[a, b, c, d]) = vectors else {
            return Err("DGI 9401 is missing".into());
        };
        let found = |tag| record_object(profile, tag);
        for (track, maps) in MAPS {
            if track == 0x56 && found(track).is_none() {
                continue;
            }
            found(track).ok_or(format!("no record holds {track:X}"))?;
            for (tag, length) in maps {
                if found(tag).map(<[u8]>::len) != Some(length) {
                    return Err(format!("{tag:X} has not {length} octets in a record"));
                }
            }
        }
        let list = found(0x9F69).unwrap_or(&DEFAULT_LIST);
        let list = Dol::parse(list).filter(|list| list.asks(NUMBER));
        let internal = groups
            .get(&number::INTERNAL)
            .map_or(&[][..], |v| v.as_slice());
        let counter = tlv::find(internal, 0x9F36).and_then(|v| v.try_into().ok());
        Ok(Self {
            options,
            list: list.ok_or("the UDOL (9F69) does not ask for 9F6A")?,
            key: secret(key),
            vectors: [[a, b], [c, d]],
            first_track: found(0x56).is_some(),
            counter: counter.map_or(0, u16::from_be_bytes),
        })
    }

    /// The last two octets of vector, number and counter under the card's key.
    fn code(&self, vector: [u8; 2], number: &[u8], counter: u16) -> Option<[u8; 2]> {
        let block = [&vector[..], number, &counter.to_be_bytes()].concat();
        let whole: [u8; 8] = block.try_into().ok()?;
        let cipher = Cipher::new(Family::Tdes, &self.key)?;
        cipher.ecb_encrypt(&whole).last_chunk::<2>().copied()
    }
}

/// Whether a command is one of magnetic stripe mode: always where the application has no other, else
/// when the terminal offers this mode alone (octet 1 of its qualifiers), and until the next SELECT.
pub(super) fn takes(chip: &Chip<'_>, command: &Command) -> bool {
    let Some(profile) = chip.application.profile.as_ref() else {
        return false;
    };
    let own = matches!(command.ins, 0x2A | 0xA8 | 0xB2 | 0xCA);
    match (&profile.magstripe, &profile.payment) {
        (None, _) => false,
        (Some(_), None) => own,
        (Some(_), Some(_)) if chip.session.tracks.is_some() => own,
        (Some(_), Some(_)) => {
            let begins = command.ins == 0xA8 && chip.session.transaction.is_none();
            begins && chip.interface == Interface::Contactless && offered_alone(profile, command)
        }
    }
}

/// Whether the terminal's qualifiers offer magnetic stripe mode and not EMV mode.
fn offered_alone(profile: &Profile, command: &Command) -> bool {
    let list = profile.pdol(Interface::Contactless);
    let sent = tlv::only(&command.data, 0x83).filter(|sent| {
        let expected = list.as_ref().map(Dol::length);
        expected == Some(sent.len())
    });
    let value = list.as_ref().zip(sent);
    let value = value.and_then(|(list, sent)| list.value(sent, QUALIFIERS)?.first().copied());
    value.is_some_and(|octet| octet & MAGSTRIPE_MODE != 0 && octet & EMV_MODE == 0)
}

/// Obeys GET PROCESSING OPTIONS, READ RECORD, COMPUTE CRYPTOGRAPHIC CHECKSUM and GET DATA.
pub(super) fn execute(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if chip.interface != Interface::Contactless {
        return Err(sw::CONDITIONS);
    }
    match command.ins {
        0xA8 => options(chip, command),
        0xB2 => record(chip, command),
        0x2A => checksum(chip, command),
        _ => match (command.p1, command.p2) {
            (0x9F, 0x36) if command.data.is_empty() => {
                let counter = chip.application.registers.atc.to_be_bytes();
                Ok(tlv::write(0x9F36, &counter))
            }
            _ => Err(sw::NO_DATA),
        },
    }
}

fn options(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0, 0) {
        return Err(sw::WRONG_P1P2);
    }
    if chip.session.tracks.is_some() {
        return Err(sw::CONDITIONS);
    }
    let profile = chip.application.profile.as_ref().ok_or(sw::CONDITIONS)?;
    let list = profile.pdol(chip.interface).ok_or(sw::CONDITIONS)?;
    let sent = tlv::only(&command.data, 0x83).ok_or(sw::WRONG_DATA)?;
    if sent.len() != list.length() {
        return Err(sw::WRONG_LENGTH);
    }
    let registers = &mut chip.application.registers;
    let Some(counter) = registers.atc.checked_add(1) else {
        registers.blocked = true;
        return Err(sw::CONDITIONS);
    };
    registers.atc = counter;
    chip.session.tracks = Some(false);
    let magstripe = profile.magstripe.as_ref().ok_or(sw::CONDITIONS)?;
    Ok(tlv::write(0x77, &magstripe.options.objects))
}

fn record(chip: &Chip<'_>, command: &Command) -> Answer {
    let sfi = command.p2 >> 3;
    if command.p2 & 0x07 != 0x04 || !(1..=30).contains(&sfi) || command.p1 == 0 {
        return Err(sw::WRONG_P1P2);
    }
    if !command.data.is_empty() {
        return Err(sw::WRONG_LENGTH);
    }
    let profile = chip.application.profile.as_ref().ok_or(sw::CONDITIONS)?;
    let magstripe = profile.magstripe.as_ref().ok_or(sw::CONDITIONS)?;
    chip.session.tracks.ok_or(sw::CONDITIONS)?;
    if !magstripe.options.afl.iter().any(|entry| entry.sfi == sfi) {
        return Err(sw::NOT_FOUND);
    }
    let record = profile.records.get(&(sfi, command.p1));
    record.cloned().ok_or(sw::NO_RECORD)
}

/// COMPUTE CRYPTOGRAPHIC CHECKSUM, once for each transaction.
fn checksum(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0x8E, 0x80) {
        return Err(sw::WRONG_P1P2);
    }
    if chip.session.tracks != Some(false) || chip.application.registers.blocked {
        return Err(sw::CONDITIONS);
    }
    let counter = chip.application.registers.atc;
    let profile = chip.application.profile.as_ref().ok_or(sw::CONDITIONS)?;
    let magstripe = profile.magstripe.as_ref().ok_or(sw::CONDITIONS)?;
    if command.data.len() != magstripe.list.length() {
        return Err(sw::WRONG_LENGTH);
    }
    let number = magstripe.list.value(&command.data, NUMBER);
    let number = number.filter(|n| n.len() == 4).ok_or(sw::WRONG_DATA)?;
    let [first, second] = magstripe.vectors;
    let code = |vector| {
        magstripe
            .code(vector, number, counter)
            .ok_or(sw::CONDITIONS)
    };
    let mut inside = tlv::write(0x9F61, &code(second)?);
    if magstripe.first_track {
        inside.extend(tlv::write(0x9F60, &code(first)?));
    }
    inside.extend(tlv::write(0x9F36, &counter.to_be_bytes()));
    chip.session.tracks = Some(true);
    Ok(tlv::write(0x77, &inside))
}

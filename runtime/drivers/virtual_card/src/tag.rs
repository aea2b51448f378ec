//! An NFC Forum Type 4 Tag: a capability container and an NDEF file, written natively.
//!
//! Open for writing as it leaves its maker; once the container's last octet says that nobody writes,
//! nobody does.

use crate::apdu::{Answer, Command, sw};
use crate::application::Groupings;
use crate::crypto::secret;

/// AID of the NDEF tag application.
pub const NDEF_AID: [u8; 7] = [0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
/// Capability container.
const CONTAINER: u16 = 0xE103;
/// NDEF file.
const NDEF: u16 = 0xE104;
/// Octets of the NDEF file of a blank tag, length field included.
const FILE_OCTETS: u16 = 0x0400;
/// Most octets that a command reads or writes.
const PIECE_OCTETS: u8 = 0xFF;
/// Place of the write access condition in the container.
const WRITE_ACCESS: usize = 14;
/// Write access condition: never.
const NEVER: u8 = 0xFF;

/// What a blank tag holds: the container, and a message of no octets.
pub(crate) fn blank() -> Groupings {
    let [high, low] = FILE_OCTETS.to_be_bytes();
    let container = [
        0x00,
        0x0F, // its length
        0x20, // mapping version 2.0
        0x00,
        PIECE_OCTETS,
        0x00,
        PIECE_OCTETS,
        0x04, // NDEF file control
        0x06,
        0xE1,
        0x04,
        high,
        low,
        0x00, // anybody reads
        0x00, // anybody writes
    ];
    let mut groups = Groupings::new();
    groups.insert(CONTAINER, secret(&container));
    groups.insert(NDEF, secret(&vec![0; usize::from(FILE_OCTETS)]));
    groups
}

/// Whether groupings that come from outside are a tag's.
pub(crate) fn whole(groups: &Groupings) -> bool {
    let octets = |file| groups.get(&file).map(|value| value.len());
    groups.len() == 2
        && octets(CONTAINER) == Some(WRITE_ACCESS + 1)
        && octets(NDEF) == Some(usize::from(FILE_OCTETS))
}

/// Obeys a command; `selected` is the file that SELECT named.
pub(crate) fn execute(
    groups: &mut Groupings,
    selected: &mut Option<u16>,
    command: &Command,
) -> Answer {
    if command.cla != 0x00 {
        return Err(sw::WRONG_CLA);
    }
    match command.ins {
        0xA4 => select(selected, command),
        0xB0 => read(groups, *selected, command),
        0xD6 => write(groups, *selected, command),
        _ => Err(sw::WRONG_INS),
    }
}

fn select(selected: &mut Option<u16>, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0x00, 0x0C) {
        return Err(sw::WRONG_P1P2);
    }
    let file = <[u8; 2]>::try_from(command.data.as_slice()).map_err(|_| sw::WRONG_LENGTH)?;
    let file = u16::from_be_bytes(file);
    if !matches!(file, CONTAINER | NDEF) {
        return Err(sw::NOT_FOUND);
    }
    *selected = Some(file);
    Ok(Vec::new())
}

fn place(command: &Command) -> Result<usize, u16> {
    // Bit 8 of P1 would name a short file identifier, which tags do not have.
    if command.p1 & 0x80 != 0 {
        return Err(sw::WRONG_P1P2);
    }
    Ok(usize::from(u16::from_be_bytes([command.p1, command.p2])))
}

fn read(groups: &Groupings, selected: Option<u16>, command: &Command) -> Answer {
    let file = selected.ok_or(sw::CONDITIONS)?;
    let value = groups.get(&file).ok_or(sw::NOT_FOUND)?;
    let from = place(command)?;
    let asked = command.le.ok_or(sw::WRONG_LENGTH)?;
    if !command.data.is_empty() || from >= value.len() {
        return Err(sw::WRONG_P1P2);
    }
    let last = (from + asked.min(usize::from(PIECE_OCTETS))).min(value.len());
    Ok(value.get(from..last).unwrap_or_default().to_vec())
}

fn write(groups: &mut Groupings, selected: Option<u16>, command: &Command) -> Answer {
    let file = selected.ok_or(sw::CONDITIONS)?;
    let from = place(command)?;
    let access = groups
        .get(&CONTAINER)
        .and_then(|c| c.get(WRITE_ACCESS).copied());
    if access != Some(0x00) {
        return Err(sw::SECURITY);
    }
    if command.data.is_empty() || command.data.len() > usize::from(PIECE_OCTETS) {
        return Err(sw::WRONG_LENGTH);
    }
    let value = groups.get_mut(&file).ok_or(sw::NOT_FOUND)?;
    let last = from + command.data.len();
    // Of the container only the write access condition changes, and only to never.
    if file == CONTAINER && (from != WRITE_ACCESS || command.data.as_slice() != [NEVER]) {
        return Err(sw::SECURITY);
    }
    let slots = value.get_mut(from..last).ok_or(sw::NO_MEMORY)?;
    slots.copy_from_slice(&command.data);
    Ok(Vec::new())
}

//! Script commands under secure messaging (EMV Book 2, 9): format 1 with MAC chaining as the common
//! core has it (CLA `8C`), and format 2 (CLA `84`).

use super::{Chip, Parts};
use crate::apdu::{Answer, Command, sw};
use crate::crypto::{
    Cipher, Secret, emv_mac, emv_mac_of_blocks, pad, same, secret, session_key, unpad,
};
use crate::groupings::{number, pin_length};
use crate::tlv;

const CARD_BLOCK: u8 = 0x16;
const APPLICATION_UNBLOCK: u8 = 0x18;
const APPLICATION_BLOCK: u8 = 0x1E;

/// Class of format 1: ISO/IEC 7816-4 secure messaging, the header is authenticated.
const FORMAT_1: u8 = 0x8C;

/// Obeys a script command when its MAC is the issuer's.
pub(super) fn obey(chip: &mut Chip<'_>, command: &Command) -> Answer {
    let change = command.ins == 0x24 && command.p2 == 0x02;
    if command.p1 != 0 || (command.p2 != 0 && !change) {
        return Err(sw::WRONG_P1P2);
    }
    let mut parts = chip.parts()?;
    if parts.transaction.arqc.is_none() || parts.transaction.scripts_closed {
        return Err(sw::CONDITIONS);
    }
    let opened = match command.cla {
        FORMAT_1 => open_format_1(&mut parts, command),
        _ => open_format_2(&parts, command, change),
    };
    let block = match opened.and_then(|text| reference_pin(&parts, text, change)) {
        Ok(block) => block,
        Err(status) => {
            parts.transaction.scripts_closed = true;
            parts.registers.script_failed = true;
            return Err(status);
        }
    };
    let limit = parts.payment.pin_tries.map(|(_, limit)| limit);
    let registers = &mut chip.application.registers;
    match command.ins {
        CARD_BLOCK => *chip.card_blocked = true,
        APPLICATION_UNBLOCK => registers.blocked = false,
        APPLICATION_BLOCK => registers.blocked = true,
        _ => {
            registers.pin_tries_left = limit.ok_or(sw::NO_DATA)?;
            if change {
                chip.application.groups.insert(number::PIN, block);
            }
        }
    }
    registers.scripts_obeyed = registers.scripts_obeyed.saturating_add(1).min(0x0F);
    Ok(Vec::new())
}

/// Checks `[87 01 cryptogram] 8E MAC`; the MAC is over the chaining value, the padded header and
/// the padded cryptogram object. Gives the cryptogram.
fn open_format_1(parts: &mut Parts<'_>, command: &Command) -> Result<Vec<u8>, u16> {
    let keys = &parts.payment.keys;
    let objects = tlv::read_all(&command.data).ok_or(sw::WRONG_DATA)?;
    let (text, mac) = match objects.as_slice() {
        [mac] if mac.tag == 0x8E => (None, mac.value),
        [text, mac] if text.tag == 0x87 && mac.tag == 0x8E => (Some(text.value), mac.value),
        _ => return Err(sw::WRONG_DATA),
    };
    if !(4..=8).contains(&mac.len()) {
        return Err(sw::WRONG_DATA);
    }
    let arqc = parts.transaction.arqc.ok_or(sw::CONDITIONS)?;
    let key = session_key(keys.family, &keys.integrity, &arqc).ok_or(sw::CONDITIONS)?;
    let size = keys.family.block();
    let mut input = match &parts.transaction.script_chain {
        Some(chain) => chain.clone(),
        None => arqc.to_vec(),
    };
    input.resize(size, 0);
    let header = [command.cla, command.ins, command.p1, command.p2];
    input.extend_from_slice(&pad(&header, size));
    if let Some(text) = text {
        input.extend_from_slice(&pad(&tlv::write(0x87, text), size));
    }
    let expected = emv_mac_of_blocks(keys.family, &key, &input).ok_or(sw::CONDITIONS)?;
    if !expected
        .get(..mac.len())
        .is_some_and(|expected| same(expected, mac))
    {
        return Err(sw::SECURITY);
    }
    parts.transaction.script_chain = Some(expected);
    match text {
        None => Ok(Vec::new()),
        Some([0x01, text @ ..]) => Ok(text.to_vec()),
        Some(_) => Err(sw::WRONG_DATA),
    }
}

/// Checks `[cryptogram] MAC`; the MAC is over header with Lc, ATC, ARQC and cryptogram.
fn open_format_2(parts: &Parts<'_>, command: &Command, change: bool) -> Result<Vec<u8>, u16> {
    let keys = &parts.payment.keys;
    let body = if change { 16 } else { 0 };
    let (text, mac) = command
        .data
        .split_at_checked(body)
        .ok_or(sw::WRONG_LENGTH)?;
    if !(4..=8).contains(&mac.len()) {
        return Err(sw::WRONG_LENGTH);
    }
    let arqc = parts.transaction.arqc.ok_or(sw::CONDITIONS)?;
    let input = [
        &command.mac_header(command.data.len())[..],
        &parts.registers.atc.to_be_bytes(),
        &arqc,
        text,
    ]
    .concat();
    let expected = session_key(keys.family, &keys.integrity, &arqc)
        .and_then(|key| emv_mac(keys.family, &key, &input))
        .ok_or(sw::CONDITIONS)?;
    if expected
        .get(..mac.len())
        .is_some_and(|expected| same(expected, mac))
    {
        Ok(text.to_vec())
    } else {
        Err(sw::SECURITY)
    }
}

/// Deciphers the new reference PIN block of a change; without one there must be no data.
fn reference_pin(parts: &Parts<'_>, text: Vec<u8>, change: bool) -> Result<Secret, u16> {
    let keys = &parts.payment.keys;
    if !change {
        return if text.is_empty() {
            Ok(Secret::default())
        } else {
            Err(sw::WRONG_DATA)
        };
    }
    if text.is_empty() || !text.len().is_multiple_of(keys.family.block()) {
        return Err(sw::WRONG_DATA);
    }
    let arqc = parts.transaction.arqc.ok_or(sw::CONDITIONS)?;
    let padded = session_key(keys.family, &keys.confidentiality, &arqc)
        .and_then(|key| Cipher::new(keys.family, &key))
        .ok_or(sw::CONDITIONS)?
        .cbc_decrypt(&[], &text);
    let block = unpad(&padded).ok_or(sw::WRONG_DATA)?;
    if pin_length(block).is_some() {
        Ok(secret(block))
    } else {
        Err(sw::WRONG_DATA)
    }
}

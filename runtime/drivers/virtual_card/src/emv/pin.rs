//! GET CHALLENGE and VERIFY, plain and enciphered (EMV Book 2, 7; Book 3, 6.5.6 and 6.5.12).

use super::{Chip, Parts, PinOutcome, Stage};
use crate::apdu::{Answer, Command, sw};
use crate::crypto::{same, secret};
use crate::groupings::{number, pin_length};

/// Gives eight octets that the next command may use.
pub(super) fn get_challenge(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0, 0) {
        return Err(sw::WRONG_P1P2);
    }
    if !command.data.is_empty() {
        return Err(sw::WRONG_LENGTH);
    }
    chip.session.transaction.as_ref().ok_or(sw::CONDITIONS)?;
    let challenge = chip.entropy.draw();
    chip.session.challenge = Some(challenge);
    Ok(challenge.to_vec())
}

/// Compares a PIN with the reference and counts the tries.
pub(super) fn verify(chip: &mut Chip<'_>, command: &Command, challenge: Option<[u8; 8]>) -> Answer {
    let enciphered = match (command.p1, command.p2) {
        (0x00, 0x80) => false,
        (0x00, 0x88) => true,
        _ => return Err(sw::WRONG_P1P2),
    };
    let reference = chip.application.groups.get(&number::PIN).map(|v| secret(v));
    let parts = chip.parts()?;
    if parts.transaction.stage != Stage::Initiated || (!enciphered && parts.quirks.no_clear_pin) {
        return Err(sw::CONDITIONS);
    }
    let (Some(reference), Some((_, limit))) = (reference, parts.payment.pin_tries) else {
        return Err(sw::NO_DATA);
    };
    if parts.registers.pin_tries_left == 0 {
        return Err(sw::METHOD_BLOCKED);
    }
    let block = if enciphered {
        decipher(&parts, command, challenge)?
    } else {
        if command.data.len() != 8 {
            return Err(sw::WRONG_LENGTH);
        }
        secret(&command.data)
    };
    if pin_length(&block).is_none() {
        return Err(sw::WRONG_DATA);
    }
    // Counted before it is compared, so that pulling the card out does not give a free try.
    parts.registers.pin_tries_left -= 1;
    if same(&block, &reference) {
        parts.registers.pin_tries_left = limit;
        parts.transaction.pin = PinOutcome::Right;
        return Ok(Vec::new());
    }
    parts.transaction.pin = PinOutcome::Wrong;
    Err(sw::TRIES_LEFT | u16::from(parts.registers.pin_tries_left))
}

/// Opens the enciphered PIN data: `7F`, PIN block, the card's challenge, random fill.
fn decipher(
    parts: &Parts<'_>,
    command: &Command,
    challenge: Option<[u8; 8]>,
) -> Result<crate::crypto::Secret, u16> {
    let payment = parts.payment;
    let key = payment.pin_key.as_ref().or(payment.icc_key.as_ref());
    let key = key.ok_or(sw::CONDITIONS)?;
    if command.data.len() != key.length {
        return Err(sw::WRONG_LENGTH);
    }
    let challenge = challenge.ok_or(sw::DATA_INVALIDATED)?;
    let clear = key.apply(&command.data).ok_or(sw::DATA_INVALIDATED)?;
    let (header, rest) = clear.split_at_checked(1).ok_or(sw::DATA_INVALIDATED)?;
    let (block, rest) = rest.split_at_checked(8).ok_or(sw::DATA_INVALIDATED)?;
    let (answer, _) = rest.split_at_checked(8).ok_or(sw::DATA_INVALIDATED)?;
    if header != [0x7F] || !same(answer, &challenge) {
        return Err(sw::DATA_INVALIDATED);
    }
    Ok(secret(block))
}

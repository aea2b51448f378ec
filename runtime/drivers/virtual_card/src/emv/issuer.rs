//! What the issuer answers: authentication and card status update.

use super::{Chip, IssuerOutcome, Parts, Stage};
use crate::apdu::{Answer, Command, sw};
use crate::crypto::{emv_mac, same};
use crate::profile::AIP_ISSUER_AUTHENTICATION;

/// Card status update, octet 2: block the card, block the application, set the PIN try counter,
/// go online next time.
const BLOCK_CARD: u8 = 0x40;
const BLOCK_APPLICATION: u8 = 0x20;
const SET_PIN_TRIES: u8 = 0x10;
const GO_ONLINE: u8 = 0x08;
/// Card status update, octet 2, low bits: reset the offline counters.
const COUNTERS: u8 = 0x03;
const RESET_COUNTERS: u8 = 0x02;

/// Checks issuer authentication data: ARPC by method 2, card status update, proprietary data.
pub(super) fn authenticate(parts: &Parts<'_>, data: &[u8]) -> IssuerOutcome {
    let attempt = |data: &[u8]| -> Option<[u8; 4]> {
        let (arpc, rest) = data.split_first_chunk::<4>()?;
        let update = rest.first_chunk::<4>()?;
        let input = [&parts.transaction.arqc?[..], rest].concat();
        let family = parts.payment.keys.family;
        let mac = emv_mac(family, &parts.transaction.session_key, &input)?;
        same(mac.get(..4)?, arpc).then_some(*update)
    };
    // A list of data objects has a fixed length: proprietary data that are all zeros may be fill.
    let bare = data
        .split_at_checked(8)
        .filter(|(_, fill)| fill.iter().all(|octet| *octet == 0))
        .map(|(bare, _)| bare);
    match attempt(data).or_else(|| attempt(bare?)) {
        Some(update) => IssuerOutcome::Passed(update),
        None => IssuerOutcome::Failed,
    }
}

/// EXTERNAL AUTHENTICATE, once, between the two cryptograms, when the AIP announces it.
pub(super) fn external_authenticate(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0, 0) {
        return Err(sw::WRONG_P1P2);
    }
    let parts = chip.parts()?;
    let announced = parts.transaction.aip[0] & AIP_ISSUER_AUTHENTICATION != 0;
    let due = parts.transaction.stage == Stage::Online
        && parts.transaction.issuer == IssuerOutcome::NotPerformed;
    if !announced || !due {
        return Err(sw::CONDITIONS);
    }
    if !(8..=16).contains(&command.data.len()) {
        return Err(sw::WRONG_LENGTH);
    }
    parts.transaction.issuer = authenticate(&parts, &command.data);
    match parts.transaction.issuer {
        IssuerOutcome::Passed(_) => Ok(Vec::new()),
        _ => Err(sw::AUTHENTICATION_FAILED),
    }
}

/// Draws the consequences of a transaction that went online, at its second cryptogram.
/// `needs_proof` says that silence of the issuer is not an answer.
pub(super) fn conclude(chip: &mut Chip<'_>, outcome: IssuerOutcome, needs_proof: bool) {
    let limit = (chip.application.profile.as_ref())
        .and_then(|profile| profile.payment.as_ref()?.pin_tries)
        .map_or(0, |(_, limit)| limit);
    let registers = &mut chip.application.registers;
    let heard = match outcome {
        IssuerOutcome::Passed(_) => true,
        IssuerOutcome::Failed => false,
        IssuerOutcome::NotPerformed => !needs_proof,
    };
    registers.issuer_authentication_failed = outcome == IssuerOutcome::Failed;
    if heard {
        registers.last_online_atc = registers.atc;
        registers.online_incomplete = false;
        registers.script_failed = false;
        registers.scripts_obeyed = 0;
        registers.go_online_next = false;
    }
    match outcome {
        IssuerOutcome::Passed([tries, actions, ..]) => {
            *chip.card_blocked |= actions & BLOCK_CARD != 0;
            registers.blocked |= actions & BLOCK_APPLICATION != 0;
            registers.go_online_next = actions & GO_ONLINE != 0;
            if actions & SET_PIN_TRIES != 0 {
                registers.pin_tries_left = limit.min(tries & 0x0F);
            }
            if actions & COUNTERS == RESET_COUNTERS {
                registers.offline_count = 0;
            }
        }
        _ if heard => registers.offline_count = 0,
        _ => {}
    }
}

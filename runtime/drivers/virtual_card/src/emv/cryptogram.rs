//! GENERATE AC, first and second, with and without CDA (EMV Book 2, 6.6 and 8; Book 3, 6.5.5).

use super::{Chip, IssuerOutcome, Parts, PinOutcome, Stage, issuer, signature};
use crate::apdu::{Answer, Command, sw};
use crate::crypto::{emv_mac, sha1};
use crate::profile::{AIP_CDA, AIP_ISSUER_AUTHENTICATION};
use crate::tlv::{self, Dol};

/// Cryptogram types as P1 and the cryptogram information data code them.
pub(super) const AAC: u8 = 0x00;
pub(super) const TC: u8 = 0x40;
pub(super) const ARQC: u8 = 0x80;
const TYPE: u8 = 0xC0;
/// P1: the terminal wants a combined signature.
const CDA: u8 = 0x10;

/// Authorisation response codes of a terminal that could not reach the issuer.
const UNABLE_TO_GO_ONLINE: [&[u8]; 2] = [b"Y3", b"Z3"];

/// Card verification results, common core coding (Book 3, annex C7.3).
mod cvr {
    pub(super) const SECOND_NOT_REQUESTED: u8 = 0x80;
    pub(super) const CDA_PERFORMED: u8 = 0x08;
    pub(super) const DDA_PERFORMED: u8 = 0x04;
    pub(super) const ISSUER_NOT_AUTHENTICATED: u8 = 0x02;
    pub(super) const ISSUER_AUTHENTICATION_FAILED: u8 = 0x01;
    pub(super) const PIN_PERFORMED: u8 = 0x08;
    pub(super) const PIN_FAILED: u8 = 0x04;
    pub(super) const PIN_LIMIT: u8 = 0x02;
    pub(super) const ONLINE_INCOMPLETE: u8 = 0x01;
    pub(super) const LOWER_LIMIT: u8 = 0x80;
    pub(super) const UPPER_LIMIT: u8 = 0x40;
    pub(super) const SCRIPT_FAILED: u8 = 0x08;
    pub(super) const GO_ONLINE: u8 = 0x02;
    pub(super) const UNABLE_ONLINE: u8 = 0x01;
}

/// One GENERATE AC as the card has decided it.
struct Decision<'a> {
    kind: u8,
    /// First octet of the CVR's part on cryptograms.
    history: u8,
    unable_to_go_online: bool,
    signs: bool,
    /// What enters the cryptogram before AIP, ATC and issuer application data.
    terminal_data: Vec<u8>,
    /// The terminal's unpredictable number.
    unpredictable: Option<&'a [u8]>,
    /// CDOL2 data, for the second.
    cdol2_data: &'a [u8],
}

pub(super) fn generate(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if command.p1 & !(TYPE | CDA) != 0 || command.p1 & TYPE == TYPE || command.p2 != 0 {
        return Err(sw::WRONG_P1P2);
    }
    let stage = chip.parts()?.transaction.stage;
    match stage {
        Stage::Initiated => first(&mut chip.parts()?, command),
        Stage::Online => second(chip, command),
        Stage::Done => Err(sw::CONDITIONS),
    }
}

fn first(parts: &mut Parts<'_>, command: &Command) -> Answer {
    let cdol = &parts.payment.cdol1;
    if command.data.len() != cdol.length() {
        return Err(sw::WRONG_LENGTH);
    }
    let signs = wants_signature(parts, command, cdol)?;
    let registers = &parts.registers;
    let wants_issuer = registers.online_incomplete
        || registers.issuer_authentication_failed
        || registers.go_online_next
        || registers.script_failed
        || beyond(parts, 0x9F14);
    let kind = match command.p1 & TYPE {
        _ if registers.blocked => AAC,
        TC if wants_issuer => ARQC,
        asked => asked,
    };
    let answer = answer(
        parts,
        &Decision {
            kind,
            history: cvr::SECOND_NOT_REQUESTED | kind >> 2,
            unable_to_go_online: false,
            signs: signs && kind != AAC,
            terminal_data: command.data.to_vec(),
            unpredictable: cdol.value(&command.data, 0x9F37),
            cdol2_data: &[],
        },
    )?;
    let (registers, transaction) = (&mut *parts.registers, &mut *parts.transaction);
    transaction.cdol1_data = command.data.to_vec();
    transaction.stage = Stage::Done;
    match kind {
        ARQC => {
            transaction.stage = Stage::Online;
            transaction.arqc = Some(answer.cryptogram);
            registers.online_incomplete = true;
        }
        TC => registers.offline_count = registers.offline_count.saturating_add(1),
        _ => {}
    }
    Ok(answer.octets)
}

/// A fast card's one cryptogram: type and answer without its template. There is no second.
pub(super) fn single(
    parts: &mut Parts<'_>,
    asked: u8,
    terminal_data: Vec<u8>,
) -> Result<(u8, Vec<u8>), u16> {
    let registers = &parts.registers;
    let wants_issuer = registers.go_online_next || registers.script_failed || beyond(parts, 0x9F14);
    let kind = match asked {
        _ if registers.blocked => AAC,
        TC if wants_issuer => ARQC,
        asked => asked,
    };
    let answer = answer(
        parts,
        &Decision {
            kind,
            history: cvr::SECOND_NOT_REQUESTED | kind >> 2,
            unable_to_go_online: false,
            signs: false,
            terminal_data,
            unpredictable: None,
            cdol2_data: &[],
        },
    )?;
    parts.transaction.stage = Stage::Done;
    if kind == TC {
        parts.registers.offline_count = parts.registers.offline_count.saturating_add(1);
    }
    let inside = tlv::only(&answer.octets, 0x77).map(<[u8]>::to_vec);
    Ok((kind, inside.ok_or(sw::CONDITIONS)?))
}

fn second(chip: &mut Chip<'_>, command: &Command) -> Answer {
    let parts = chip.parts()?;
    let cdol = &parts.payment.cdol2;
    if command.p1 & TYPE == ARQC {
        return Err(sw::WRONG_P1P2);
    }
    if command.data.len() != cdol.length() {
        return Err(sw::WRONG_LENGTH);
    }
    let signs = wants_signature(&parts, command, cdol)?;
    let response = cdol.value(&command.data, 0x8A).unwrap_or_default();
    let unable = UNABLE_TO_GO_ONLINE.contains(&response);
    let delivered = cdol.value(&command.data, 0x91).unwrap_or_default();
    if parts.transaction.issuer == IssuerOutcome::NotPerformed
        && delivered.iter().any(|octet| *octet != 0)
    {
        parts.transaction.issuer = issuer::authenticate(&parts, delivered);
    }
    let outcome = parts.transaction.issuer;
    let expected = parts.transaction.aip[0] & AIP_ISSUER_AUTHENTICATION != 0 || cdol.asks(0x91);
    let approved = !parts.registers.blocked
        && match outcome {
            IssuerOutcome::Passed([_, actions, ..]) => actions & 0x80 != 0,
            IssuerOutcome::Failed => false,
            IssuerOutcome::NotPerformed if unable => !beyond(&parts, 0x9F23),
            IssuerOutcome::NotPerformed => !expected,
        };
    let kind = if command.p1 & TYPE == TC && approved {
        TC
    } else {
        AAC
    };
    let terminal_data = cdol
        .values(&command.data)
        .into_iter()
        .filter(|(tag, _)| !matches!(tag, 0x8A | 0x91))
        .flat_map(|(_, value)| value.to_vec())
        .collect();
    let mut parts = parts;
    let answer = answer(
        &mut parts,
        &Decision {
            kind,
            history: kind | ARQC >> 2,
            unable_to_go_online: unable,
            signs: signs && kind != AAC,
            terminal_data,
            unpredictable: cdol.value(&command.data, 0x9F37),
            cdol2_data: &command.data,
        },
    )?;
    parts.transaction.stage = Stage::Done;
    if unable && kind == TC {
        let count = parts.registers.offline_count;
        parts.registers.offline_count = count.saturating_add(1);
    }
    issuer::conclude(chip, outcome, unable || expected);
    Ok(answer.octets)
}

/// Whether a combined signature is asked for; an error when the card can't give it.
fn wants_signature(parts: &Parts<'_>, command: &Command, cdol: &Dol) -> Result<bool, u16> {
    if command.p1 & CDA == 0 {
        return Ok(false);
    }
    let able = parts.transaction.aip[0] & AIP_CDA != 0 && parts.payment.icc_key.is_some();
    if able && cdol.asks(0x9F37) {
        Ok(true)
    } else {
        Err(sw::WRONG_P1P2)
    }
}

/// Whether the offline approvals have reached a limit among the internal data.
fn beyond(parts: &Parts<'_>, limit: u32) -> bool {
    let limit = parts.payment.objects.get(&limit).and_then(|v| v.first());
    limit.is_some_and(|limit| parts.registers.offline_count >= *limit)
}

/// A cryptogram and the answer that carries it.
struct Given {
    cryptogram: [u8; 8],
    octets: Vec<u8>,
}

fn answer(parts: &mut Parts<'_>, decision: &Decision<'_>) -> Result<Given, u16> {
    let issuer_data = issuer_application_data(parts, decision);
    let transaction = &*parts.transaction;
    let atc = parts.registers.atc.to_be_bytes();
    let input = [
        &decision.terminal_data,
        &transaction.aip[..],
        &atc,
        &issuer_data,
    ]
    .concat();
    let cryptogram = emv_mac(parts.payment.keys.family, &transaction.session_key, &input)
        .ok_or(sw::CONDITIONS)?;
    let information = tlv::write(0x9F27, &[decision.kind]);
    let counter = tlv::write(0x9F36, &atc);
    let issuer = tlv::write(0x9F10, &issuer_data);
    let octets = if decision.signs {
        let covered = [
            &transaction.pdol_data,
            if decision.cdol2_data.is_empty() {
                &decision.terminal_data
            } else {
                &transaction.cdol1_data
            },
            decision.cdol2_data,
            &information,
            &counter,
            &issuer,
        ];
        let hash = sha1(&covered);
        let number = signature::dynamic_number(parts.entropy.draw());
        let dynamic = [&number[..], &[decision.kind], &cryptogram, &hash].concat();
        let key = parts.payment.icc_key.as_ref().ok_or(sw::CONDITIONS)?;
        let unpredictable = decision.unpredictable.ok_or(sw::CONDITIONS)?;
        let signed = signature::sign(key, &dynamic, unpredictable).ok_or(sw::CONDITIONS)?;
        let signed = tlv::write(0x9F4B, &signed);
        tlv::write(0x77, &[information, counter, signed, issuer].concat())
    } else if parts.quirks.generate_ac_format_1 {
        let plain = [&[decision.kind], &atc[..], &cryptogram, &issuer_data].concat();
        tlv::write(0x80, &plain)
    } else {
        let cryptogram = tlv::write(0x9F26, &cryptogram);
        tlv::write(0x77, &[information, counter, cryptogram, issuer].concat())
    };
    Ok(Given { cryptogram, octets })
}

/// Issuer application data with the card verification results of this moment.
fn issuer_application_data(parts: &Parts<'_>, decision: &Decision<'_>) -> [u8; 32] {
    let (registers, transaction) = (&parts.registers, &parts.transaction);
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    let failed = match transaction.issuer {
        IssuerOutcome::Failed => true,
        IssuerOutcome::NotPerformed => registers.issuer_authentication_failed,
        IssuerOutcome::Passed(_) => false,
    };
    let not_performed = decision.history & cvr::SECOND_NOT_REQUESTED == 0
        && transaction.issuer == IssuerOutcome::NotPerformed;
    let pin = transaction.pin;
    let limit = parts.payment.pin_tries.is_some() && registers.pin_tries_left == 0;
    let verification = [
        decision.history
            | flag(decision.signs, cvr::CDA_PERFORMED)
            | flag(transaction.signed_dynamic_data, cvr::DDA_PERFORMED)
            | flag(not_performed, cvr::ISSUER_NOT_AUTHENTICATED)
            | flag(failed, cvr::ISSUER_AUTHENTICATION_FAILED),
        registers.pin_tries_left << 4
            | flag(pin != PinOutcome::NotTried, cvr::PIN_PERFORMED)
            | flag(pin == PinOutcome::Wrong, cvr::PIN_FAILED)
            | flag(limit, cvr::PIN_LIMIT)
            | flag(
                registers.online_incomplete && transaction.stage == Stage::Initiated,
                cvr::ONLINE_INCOMPLETE,
            ),
        flag(beyond(parts, 0x9F14), cvr::LOWER_LIMIT)
            | flag(beyond(parts, 0x9F23), cvr::UPPER_LIMIT),
        registers.scripts_obeyed << 4
            | flag(registers.script_failed, cvr::SCRIPT_FAILED)
            | flag(registers.go_online_next, cvr::GO_ONLINE)
            | flag(decision.unable_to_go_online, cvr::UNABLE_ONLINE),
        0,
    ];
    let mut data = parts.payment.issuer_data;
    for (place, octet) in data.iter_mut().skip(3).zip(verification) {
        *place = octet;
    }
    data[8] = registers.offline_count;
    data
}

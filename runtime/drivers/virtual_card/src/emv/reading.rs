//! GET PROCESSING OPTIONS, READ RECORD and GET DATA (EMV Book 3, 6.5.7, 6.5.8, 6.5.11).

use super::fast::EMV_MODE;
use super::{Chip, IssuerOutcome, PinOutcome, Stage, Transaction};
use crate::apdu::{Answer, Command, sw};
use crate::application::Interface;
use crate::crypto::session_key;
use crate::profile::QUALIFIERS;
use crate::tlv;

/// Starts a transaction: counts it, and tells AIP and AFL.
pub(super) fn get_processing_options(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0, 0) {
        return Err(sw::WRONG_P1P2);
    }
    if chip.session.transaction.is_some() || chip.session.tracks.is_some() {
        return Err(sw::CONDITIONS);
    }
    let interface = chip.interface;
    let profile = chip.application.profile.as_ref().ok_or(sw::CONDITIONS)?;
    let both = profile.magstripe.is_some() && interface == Interface::Contactless;
    let payment = profile.payment.as_ref().ok_or(sw::CONDITIONS)?;
    let pdol = profile.pdol(interface).ok_or(sw::CONDITIONS)?;
    if command.data.is_empty() {
        return Err(sw::WRONG_LENGTH);
    }
    let sent = tlv::only(&command.data, 0x83).ok_or(sw::WRONG_DATA)?;
    if sent.len() != pdol.length() {
        return Err(sw::WRONG_LENGTH);
    }
    // A card of two modes answers the one that is offered; over the contacts nobody offers any.
    let offered = pdol
        .value(sent, QUALIFIERS)
        .and_then(|v| v.first().copied());
    if both && offered.is_none_or(|octet| octet & EMV_MODE == 0) {
        return Err(sw::CONDITIONS);
    }
    let registers = &mut chip.application.registers;
    let Some(atc) = registers.atc.checked_add(1) else {
        // The counter is used up: no further transaction, ever.
        registers.blocked = true;
        return Err(sw::CONDITIONS);
    };
    registers.atc = atc;
    let options = payment.options(interface);
    let keys = &payment.keys;
    chip.session.transaction = Some(Transaction {
        aip: options.aip,
        pdol_data: sent.to_vec(),
        cdol1_data: Vec::new(),
        stage: Stage::Initiated,
        pin: PinOutcome::NotTried,
        signed_dynamic_data: false,
        issuer: IssuerOutcome::NotPerformed,
        session_key: session_key(keys.family, &keys.cryptogram, &atc.to_be_bytes())
            .ok_or(sw::CONDITIONS)?,
        arqc: None,
        script_chain: None,
        scripts_closed: false,
        fast: None,
    });
    let asks = payment.fast.is_some() && interface == Interface::Contactless;
    if asks {
        let sent = sent.to_vec();
        return super::fast::answer(chip, &pdol, &sent);
    }
    if chip.quirks.processing_options_format_1 {
        let afl = tlv::find(&options.objects, 0x94).unwrap_or_default();
        return Ok(tlv::write(0x80, &[&options.aip, afl].concat()));
    }
    Ok(tlv::write(0x77, &options.objects))
}

/// Reads a record of a file that the AFL names, or of the directory file.
pub(super) fn read_record(chip: &mut Chip<'_>, command: &Command) -> Answer {
    let sfi = command.p2 >> 3;
    if command.p2 & 0x07 != 0x04 || !(1..=30).contains(&sfi) || command.p1 == 0 {
        return Err(sw::WRONG_P1P2);
    }
    if !command.data.is_empty() {
        return Err(sw::WRONG_LENGTH);
    }
    let profile = chip.application.profile.as_ref().ok_or(sw::CONDITIONS)?;
    let readable = match &profile.payment {
        Some(payment) => {
            chip.session.transaction.as_ref().ok_or(sw::CONDITIONS)?;
            let files = &payment.options(chip.interface).afl;
            files.iter().any(|entry| entry.sfi == sfi)
        }
        None => profile.fci_object(chip.interface, 0x88) == Some(&[sfi]),
    };
    if !readable {
        return Err(sw::NOT_FOUND);
    }
    let record = profile.records.get(&(sfi, command.p1));
    let record = record.cloned().ok_or(sw::NO_RECORD)?;
    let given = chip
        .session
        .transaction
        .as_ref()
        .and_then(|t| t.fast.as_ref());
    Ok(match given {
        Some(given) => given.put_into(record),
        None => record,
    })
}

/// Tells a counter or the log's format.
pub(super) fn get_data(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if !command.data.is_empty() {
        return Err(sw::WRONG_LENGTH);
    }
    let profile = chip.application.profile.as_ref().ok_or(sw::CONDITIONS)?;
    let payment = profile.payment.as_ref().ok_or(sw::CONDITIONS)?;
    let registers = &chip.application.registers;
    let tag = u32::from(u16::from_be_bytes([command.p1, command.p2]));
    let value = match tag {
        0x9F13 => registers.last_online_atc.to_be_bytes().to_vec(),
        0x9F17 if payment.pin_tries.is_some() => vec![registers.pin_tries_left],
        0x9F36 => registers.atc.to_be_bytes().to_vec(),
        0x9F4F => payment.objects.get(&tag).cloned().ok_or(sw::NO_DATA)?,
        _ => return Err(sw::NO_DATA),
    };
    Ok(tlv::write(tag, &value))
}

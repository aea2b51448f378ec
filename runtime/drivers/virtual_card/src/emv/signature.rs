//! Dynamic signatures: INTERNAL AUTHENTICATE and the signing part of CDA (EMV Book 2, 6.5, 6.6).

use super::{Chip, Stage};
use crate::apdu::{Answer, Command, sw};
use crate::crypto::sha1;
use crate::profile::AIP_DDA;
use crate::rsa::PrivateKey;
use crate::tlv;

/// Octets of signed dynamic application data beside the dynamic data and their padding.
const OVERHEAD: usize = 25;

/// Signs dynamic data: `6A 05 01 L data BB… hash BC`; the hash also covers `terminal_data`.
pub(super) fn sign(key: &PrivateKey, data: &[u8], terminal_data: &[u8]) -> Option<Vec<u8>> {
    let filler = key.length.checked_sub(data.len() + OVERHEAD)?;
    let mut body = vec![0x05, 0x01, u8::try_from(data.len()).ok()?];
    body.extend_from_slice(data);
    body.resize(body.len() + filler, 0xBB);
    let hash = sha1(&[&body, terminal_data]);
    let block = [&[0x6A], body.as_slice(), &hash, &[0xBC]].concat();
    key.apply(&block).map(|signed| signed.to_vec())
}

/// ICC dynamic data of DDA: length and ICC dynamic number.
pub(super) fn dynamic_number(number: [u8; 8]) -> Vec<u8> {
    [&[8][..], &number].concat()
}

/// Signs what the DDOL asked for.
pub(super) fn internal_authenticate(chip: &mut Chip<'_>, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0, 0) {
        return Err(sw::WRONG_P1P2);
    }
    let parts = chip.parts()?;
    let key = parts.payment.icc_key.as_ref();
    let offered = parts.transaction.aip[0] & AIP_DDA != 0;
    let (Some(key), true, Stage::Initiated) = (key, offered, parts.transaction.stage) else {
        return Err(sw::CONDITIONS);
    };
    if command.data.len() != parts.payment.ddol.length() {
        return Err(sw::WRONG_LENGTH);
    }
    let dynamic = dynamic_number(parts.entropy.draw());
    let signed = sign(key, &dynamic, &command.data).ok_or(sw::CONDITIONS)?;
    parts.transaction.signed_dynamic_data = true;
    if parts.quirks.internal_authenticate_format_1 {
        return Ok(tlv::write(0x80, &signed));
    }
    Ok(tlv::write(0x77, &tlv::write(0x9F4B, &signed)))
}

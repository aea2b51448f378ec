//! EMV CPS personalization device input: one record a card.
//!
//! The elements are those of EMV CPS 2.0; their widths could not be verified against the text of
//! the specification, so this is Cardwright's shipped layout, described here to the octet:
//!
//! ```text
//! "#CHIP01"  MIC, 7 characters
//! LCCA       7 decimal digits: octets that follow
//! "02.2"     VNL
//! n          1: public items of the record, then n times: length 1, UTF-8 text
//! m          1: applications, then m times:
//!   LDATA      4: octets of this application that follow
//!   AID        length 1, AID
//!   IDTK       length 1, check value of the transport key
//!   TYPE_TK    1: 01 DGIs are under the transport key
//!   CMODE      1: 01 ECB (DES key), 02 CBC with IV zero (AES key)
//!   KMC        1: key version number of the card's channel
//!   ALGSCP     1: 02 or 03
//!   SECLEV     1: security level of EXTERNAL AUTHENTICATE
//!   ORDER      1 count, then DGI 2 each: send in this order
//!   ENC        1 count, then DGI 2 and kind 1 each: 00, 01, 02 recode to the card's key with
//!              padding none, always, if needed; 10 decipher and send clear (tracks)
//!   DATA       DGI 2, length (1, or FF and 2), value; enciphered ones under the transport key
//! ```

use super::{Enciphered, Finished};
use crate::StationError;
use cardwright_bundle::{Application, Channel, Padding};
use cardwright_ports::{batch::CardCall, hsm::KeyHandle};
use cardwright_runtime::{
    Loaded,
    datagen::{ApplicationData, DgiData, DgiValue},
};
use std::borrow::Cow;

/// One card's record.
pub(super) fn record(
    loaded: &Loaded,
    finished: &Finished<'_>,
    items: &[String],
    secrets: &mut Enciphered<'_>,
) -> Result<Vec<u8>, StationError> {
    let mut body = b"02.2".to_vec();
    body.push(short(items.len())?);
    for item in items {
        body.push(short(item.len())?);
        body.extend_from_slice(item.as_bytes());
    }
    body.extend_from_slice(&chip_data(loaded, finished, secrets)?);
    let mut record = format!("#CHIP01{:07}", body.len()).into_bytes();
    if body.len() > 9_999_999 {
        return Err(too_long());
    }
    record.extend_from_slice(&body);
    Ok(record)
}

/// The channel of a card's chip, and its applications with their data; nothing for a card without a
/// channel, which takes no groupings: nobody else could write it from this file.
type Chip<'d> = Option<(&'d Channel, Vec<(&'d Application, &'d ApplicationData)>)>;

fn chip<'d>(finished: &Finished<'d>) -> Result<Chip<'d>, StationError> {
    let both = finished.card.chip.as_ref();
    let Some((chip, channel)) = both.and_then(|chip| Some((chip, chip.channel.as_ref()?))) else {
        return Ok(None);
    };
    let mut there = Vec::with_capacity(chip.applications.len());
    for application in &chip.applications {
        let made = finished.data.of(application)?;
        there.extend(made.map(|made| (application, made)));
    }
    Ok(Some((channel, there)))
}

/// The secret values of one card, in the sequence in which its record takes them.
pub(super) fn calls<'d>(
    finished: &Finished<'d>,
    transport: KeyHandle,
) -> Result<Vec<CardCall<'d>>, StationError> {
    let applications = chip(finished)?.into_iter().flat_map(|(_, there)| there);
    let dgis = applications.flat_map(|(_, data)| &data.dgis);
    let call = |dgi: &'d DgiData| match (&dgi.value, dgi.sealed()) {
        (DgiValue::Clear(clear), _) if dgi.sensitive => {
            Some(CardCall::EncryptForTransport { clear, transport })
        }
        (_, Some(sealed)) => Some(CardCall::ExportSealed {
            sealed: Cow::Owned(sealed),
            transport,
        }),
        _ => None,
    };
    Ok(dgis.filter_map(call).collect())
}

/// The applications of one card; also the chip module of a machine file.
pub(super) fn chip_data(
    loaded: &Loaded,
    finished: &Finished<'_>,
    secrets: &mut Enciphered<'_>,
) -> Result<Vec<u8>, StationError> {
    let Some((channel, there)) = chip(finished)? else {
        return Ok(vec![0]);
    };
    let mut out = vec![short(there.len())?];
    for (application, data) in there {
        let block = application_block(loaded, channel, application, data, secrets)?;
        let length = u32::try_from(block.len()).map_err(|_| too_long())?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&block);
    }
    Ok(out)
}

fn application_block(
    loaded: &Loaded,
    channel: &Channel,
    application: &Application,
    data: &ApplicationData,
    secrets: &mut Enciphered<'_>,
) -> Result<Vec<u8>, StationError> {
    let aid = hex::decode(&application.aid).map_err(|_| too_long())?;
    let check_value = secrets.check_value;
    let check = hex::decode(check_value).map_err(|_| too_long())?;
    let aes = loaded
        .content()
        .keys
        .iter()
        .any(|k| k.check_value == check_value && k.algorithm.starts_with("aes"));
    let mut out = vec![short(aid.len())?];
    out.extend_from_slice(&aid);
    out.push(short(check.len())?);
    out.extend_from_slice(&check);
    let scp = if channel.protocol == "scp02" { 2 } else { 3 };
    let mode = if aes { 2 } else { 1 };
    out.extend_from_slice(&[1, mode, channel.key_version, scp, channel.security_level]);
    out.push(short(data.dgis.len())?);
    for dgi in &data.dgis {
        out.extend_from_slice(&dgi.number.to_be_bytes());
    }
    let enciphered: Vec<(u16, u8)> = data
        .dgis
        .iter()
        .filter_map(|dgi| Some((dgi.number, kind(dgi)?)))
        .collect();
    out.push(short(enciphered.len())?);
    for (number, kind) in enciphered {
        out.extend_from_slice(&number.to_be_bytes());
        out.push(kind);
    }
    for dgi in &data.dgis {
        let value = match &dgi.value {
            DgiValue::Clear(value) if !dgi.sensitive => Cow::Borrowed(value.as_slice()),
            _ => Cow::Owned(secrets.next()?),
        };
        push_dgi(&mut out, dgi.number, &value)?;
    }
    Ok(out)
}

/// A data grouping: number, length of one octet or of FF and two, value.
fn push_dgi(out: &mut Vec<u8>, number: u16, value: &[u8]) -> Result<(), StationError> {
    out.extend_from_slice(&number.to_be_bytes());
    match u8::try_from(value.len()) {
        Ok(length) if length < 0xFF => out.push(length),
        _ => {
            out.push(0xFF);
            let length = u16::try_from(value.len()).map_err(|_| too_long())?;
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(value);
    Ok(())
}

/// How a DGI is enciphered in the file, if it is.
fn kind(dgi: &DgiData) -> Option<u8> {
    match (&dgi.value, dgi.padding) {
        (DgiValue::Clear(_), _) => dgi.sensitive.then_some(0x10),
        (_, Padding::None) => Some(0),
        (_, Padding::Iso7816Always) => Some(1),
        (_, Padding::Iso7816IfNeeded) => Some(2),
        (_, Padding::Pkcs7) => Some(3),
        (_, Padding::Zeros) => Some(4),
    }
}

fn short(length: usize) -> Result<u8, StationError> {
    u8::try_from(length).map_err(|_| too_long())
}

fn too_long() -> StationError {
    StationError::new(
        "R1108",
        "card data that does not fit a CPS record",
        "shorten the items of the output format",
    )
}

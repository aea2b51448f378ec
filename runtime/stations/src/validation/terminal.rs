//! What a terminal knows of the application it has selected, and how it talks to the card.

use super::{Failure, objects::Objects};
use crate::transport;
use cardwright_ports::CardChannel;

/// An application that was selected.
pub(crate) struct Terminal {
    /// `contact` or `contactless`.
    pub(crate) interface: String,
    /// Application name in the bundle.
    pub(crate) application: String,
    /// Mode that the terminal offers alone, where that is not the application's first: `magstripe`.
    pub(crate) mode: Option<String>,
    /// FCI proprietary template (A5), raw.
    pub(crate) fci: Vec<u8>,
    /// What the card asked for with GET PROCESSING OPTIONS.
    pub(crate) pdol: Vec<u8>,
    /// What it answered, without its template; empty for format 1.
    pub(crate) options: Vec<u8>,
    /// Values that answered the PDOL.
    pub(crate) pdol_data: Vec<u8>,
    /// AIP (82).
    pub(crate) aip: Vec<u8>,
    /// AFL (94).
    pub(crate) afl: Vec<u8>,
    /// Records as they were read: SFI, number, octets.
    pub(crate) records: Vec<(u8, u8, Vec<u8>)>,
    /// Static data to be authenticated, from signed records (EMV Book 3, 10.3).
    pub(crate) signed: Vec<u8>,
    /// Data objects by tag.
    pub(crate) objects: Objects,
    /// What was read of the chip before: other applications, modes and transactions, in their order.
    pub(crate) earlier: Vec<Objects>,
    /// The ICC's public key, once authenticated.
    pub(crate) icc_key: Option<(Vec<u8>, u32)>,
}

impl Terminal {
    /// Puts what was read so far aside, before another reading.
    pub(crate) fn set_aside(&mut self) {
        let read = std::mem::take(&mut self.objects);
        self.earlier.push(read);
    }

    /// What was read until now, this reading last.
    pub(crate) fn into_readings(mut self) -> Vec<Objects> {
        self.set_aside();
        self.earlier
    }
}

/// Sends a command; gives data when the status is 9000.
pub(crate) fn exchange(
    channel: &mut dyn CardChannel,
    command: &[u8],
    what: &str,
) -> Result<Vec<u8>, Failure> {
    let (answer, _) = transport::exchange(channel, command)?;
    if answer.len() > 258 {
        return Err(Failure::new(
            "R1211",
            format!("{what}: an answer longer than a card gives"),
        ));
    }
    match answer.split_last_chunk::<2>() {
        Some((data, [0x90, 0x00])) => Ok(data.to_vec()),
        Some((_, [a, b])) => Err(Failure::new(
            "R1210",
            format!("{what}: the card answers {a:02X}{b:02X}"),
        )),
        None => Err(Failure::new(
            "R1211",
            format!("{what}: less than a status word"),
        )),
    }
}

/// A command with data and `Le` 00.
pub(crate) fn command(header: [u8; 4], data: &[u8]) -> Result<Vec<u8>, Failure> {
    let length = u8::try_from(data.len())
        .map_err(|_| Failure::new("R1256", "command data longer than a short APDU"))?;
    let mut out = header.to_vec();
    if length > 0 {
        out.push(length);
        out.extend_from_slice(data);
    }
    out.push(0x00);
    Ok(out)
}

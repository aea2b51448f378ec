//! Type 4 Tags: read as a telephone reads them.

use super::Failure;
use super::chip::Visit;
use super::terminal::{Terminal, command, exchange};
use cardwright_standards::ndef;

/// File identifier of the capability container.
const CONTAINER: [u8; 2] = [0xE1, 0x03];
/// Octets of a container with one file.
const CONTAINER_OCTETS: usize = 15;
/// Octets of one READ BINARY: what every tag takes.
const PIECE: usize = 0x3B;

impl Visit<'_> {
    /// The container names the file, the file holds the message that was made, the message can be
    /// read, and nobody can write another one.
    pub(super) fn ndef_matches_source(&mut self, terminal: &Terminal) -> Result<(), Failure> {
        let (_, made) = self.application(&terminal.application)?;
        let source = made
            .facts
            .get("ndef")
            .and_then(|text| hex::decode(text).ok());
        let source = source.ok_or_else(|| Failure::new("R1259", "no message was made"))?;
        self.select_file(CONTAINER)?;
        let container = self.read_binary(0, CONTAINER_OCTETS)?;
        let &[
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            0x04,
            0x06,
            a,
            b,
            high,
            low,
            read,
            write,
        ] = container.as_slice()
        else {
            return Err(Failure::new(
                "R1254",
                "the capability container names no NDEF file",
            ));
        };
        if read != 0x00 {
            return Err(Failure::new("R1258", "the tag does not let everybody read"));
        }
        if write == 0x00 {
            return Err(Failure::new("R1258", "the tag lets everybody write"));
        }
        self.select_file([a, b])?;
        let length = self.read_binary(0, 2)?;
        let length = <[u8; 2]>::try_from(length).map(u16::from_be_bytes);
        let length = usize::from(length.unwrap_or_default());
        if length + 2 > usize::from(u16::from_be_bytes([high, low])) {
            return Err(Failure::new("R1258", "the message is longer than its file"));
        }
        let message = self.read_binary(2, length)?;
        if message != source {
            return Err(Failure::new(
                "R1258",
                "the NDEF message is not what was made",
            ));
        }
        if ndef::read(&message).is_none() {
            return Err(Failure::new("R1255", "the message is no NDEF"));
        }
        let write = command([0x00, 0xD6, 0x00, 0x00], &[0x00, 0x00])?;
        if exchange(self.channel, &write, "UPDATE BINARY").is_ok() {
            return Err(Failure::new(
                "R1258",
                "the tag says read only and takes a write",
            ));
        }
        Ok(())
    }

    fn select_file(&mut self, file: [u8; 2]) -> Result<(), Failure> {
        let [a, b] = file;
        let select = [0x00, 0xA4, 0x00, 0x0C, 0x02, a, b];
        exchange(self.channel, &select, "SELECT of a file").map(drop)
    }

    fn read_binary(&mut self, from: usize, octets: usize) -> Result<Vec<u8>, Failure> {
        let mut found = Vec::new();
        while found.len() < octets {
            let place = u16::try_from(from + found.len()).unwrap_or(u16::MAX);
            let [high, low] = place.to_be_bytes();
            let wanted = (octets - found.len()).min(PIECE);
            let le = u8::try_from(wanted).unwrap_or(u8::MAX);
            let part = exchange(self.channel, &[0x00, 0xB0, high, low, le], "READ BINARY")?;
            if part.is_empty() || part.len() > wanted {
                return Err(Failure::new("R1255", "READ BINARY gives another length"));
            }
            found.extend_from_slice(&part);
        }
        Ok(found)
    }
}

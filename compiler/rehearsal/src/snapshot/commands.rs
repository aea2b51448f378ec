//! Commands in a snapshot: what each carries before it is protected.

use crate::recorder::{Carried, Clear, Exchange};
use cardwright_runtime::datagen::{ApplicationData, DgiValue};
use cardwright_standards::apdu;
use std::fmt::Write as _;

/// STORE DATA (EMV CPS 2.0; GlobalPlatform 2.3.1, 11.11).
const STORE_DATA: u8 = 0xE2;
/// SELECT.
const SELECT: u8 = 0xA4;

/// Every command and its answer.
pub(super) fn commands(
    out: &mut String,
    exchanges: &[Exchange],
    applications: &[ApplicationData],
    aids: &[(&str, &str)],
) {
    let _ = writeln!(out, "\ncommands");
    let mut reader = Reader {
        groupings: Vec::new(),
        going_on: None,
        ber: false,
    };
    for exchange in exchanges {
        if exchange.header.get(1) == Some(&SELECT) && !exchange.name.is_empty() {
            let aid = hex::encode_upper(&exchange.name);
            let name = aids
                .iter()
                .find(|(_, known)| *known == aid)
                .map(|(n, _)| *n);
            let made = applications.iter().find(|a| Some(a.name.as_str()) == name);
            reader.enter(made);
        }
        one(out, exchange, &mut reader);
    }
}

fn one(out: &mut String, exchange: &Exchange, reader: &mut Reader) {
    let header = exchange
        .carries
        .as_ref()
        .map_or(exchange.header, |c| c.header);
    let name = apdu_name(header);
    let secured = if exchange.is_secured() {
        format!(", secured as {}", hex::encode_upper(exchange.header))
    } else {
        String::new()
    };
    let meaning = match exchange.status {
        0x9000 => "",
        status => apdu::status_meaning(status).unwrap_or("unknown status"),
    };
    let status = format!("{:04X} {meaning}", exchange.status);
    let _ = writeln!(
        out,
        "  {}{name}{secured} -> {}",
        hex::encode_upper(header),
        status.trim_end()
    );
    if let Some(clear) = &exchange.carries {
        match clear.header.get(1) {
            Some(&STORE_DATA) => reader.store_data(out, clear),
            _ => parts(out, &clear.parts),
        }
    }
    if !exchange.answer.is_empty() {
        lines(out, "answer ", &exchange.answer);
    }
}

fn apdu_name(header: [u8; 4]) -> &'static str {
    match (header[0] & 0xF0, header[1]) {
        (0x00, 0xA4) => " SELECT",
        (_, 0x50) => " INITIALIZE UPDATE",
        (_, 0x82) => " EXTERNAL AUTHENTICATE",
        (_, 0xE2) => " STORE DATA",
        (_, 0xE6) => " INSTALL",
        (_, 0xE8) => " LOAD",
        (_, 0xC0) => " GET RESPONSE",
        (_, 0xD6) => " UPDATE BINARY",
        (_, 0xDC) => " UPDATE RECORD",
        (_, 0xDA | 0xDB) => " PUT DATA",
        (_, 0xD8) => " PUT KEY",
        (_, 0xB0) => " READ BINARY",
        (_, 0xCA | 0xCB) => " GET DATA",
        (_, 0x20) => " VERIFY",
        _ => "",
    }
}

fn parts(out: &mut String, parts: &[Carried]) {
    for part in parts {
        match part {
            Carried::Clear(octets) => lines(out, "", octets),
            Carried::Sealed(length) => {
                let _ = writeln!(out, "    <sealed {length} octets>");
            }
        }
    }
}

fn lines(out: &mut String, word: &str, octets: &[u8]) {
    for line in octets.chunks(super::OCTETS_A_LINE) {
        let _ = writeln!(out, "    {word}{}", hex::encode_upper(line));
    }
}

/// Follows groupings over commands: a long one goes on in the next without a header.
struct Reader {
    /// Groupings of the application that is selected: number and clear octets, none when sealed.
    groupings: Vec<(u16, Option<Vec<u8>>)>,
    /// Number, octets so far, octets in all.
    going_on: Option<(u16, usize, usize)>,
    /// Whether lengths are BER, as some card products take them.
    ber: bool,
}

impl Reader {
    fn enter(&mut self, made: Option<&ApplicationData>) {
        let dgis = made.map(|m| m.dgis.as_slice()).unwrap_or_default();
        self.groupings = dgis
            .iter()
            .map(|dgi| {
                let clear = match &dgi.value {
                    DgiValue::Clear(octets) => Some(octets.clone()),
                    DgiValue::Sealed(..) => None,
                };
                (dgi.number, clear)
            })
            .collect();
        self.going_on = None;
        self.ber = false;
    }

    /// The groupings of a command by number; their octets only where they are not those that the
    /// application's own section shows.
    fn store_data(&mut self, out: &mut String, clear: &Clear) {
        let before = (self.going_on, out.len());
        let mut flat = Vec::new();
        let mut masked = Vec::new();
        for part in &clear.parts {
            match part {
                Carried::Clear(octets) => {
                    flat.extend_from_slice(octets);
                    masked.resize(flat.len(), false);
                }
                Carried::Sealed(length) => {
                    flat.resize(flat.len() + length, 0);
                    masked.resize(flat.len(), true);
                }
            }
        }
        for ber in [self.ber, !self.ber] {
            if self.groupings_of(out, &flat, &masked, ber).is_some() {
                self.ber = ber;
                return;
            }
            self.going_on = before.0;
            out.truncate(before.1);
        }
        parts(out, &clear.parts);
    }

    fn groupings_of(
        &mut self,
        out: &mut String,
        flat: &[u8],
        masked: &[bool],
        ber: bool,
    ) -> Option<()> {
        let mut at = 0;
        while at < flat.len() {
            let (number, from, whole) = match self.going_on.take() {
                Some(open) => open,
                None => {
                    let (number, length, header) = head(flat.get(at..)?, ber)?;
                    self.groupings.iter().find(|(known, _)| *known == number)?;
                    at += header;
                    (number, 0, length)
                }
            };
            let here = (whole - from).min(flat.len() - at);
            let value = flat.get(at..at + here)?;
            let sealed = masked.get(at..at + here)?.contains(&true);
            self.grouping(out, (number, from, whole), value, sealed);
            at += here;
            if from + here < whole {
                self.going_on = Some((number, from + here, whole));
            }
        }
        Some(())
    }

    fn grouping(
        &self,
        out: &mut String,
        (number, from, whole): (u16, usize, usize),
        value: &[u8],
        sealed: bool,
    ) {
        let to = from + value.len();
        let extent = if value.len() == whole {
            format!("{whole} octets")
        } else {
            format!("octets {} to {to} of {whole}", from + 1)
        };
        if sealed {
            let _ = writeln!(out, "    {number:04X}  <sealed, {extent}>");
            return;
        }
        let _ = writeln!(out, "    {number:04X}  {extent}");
        let known = self.groupings.iter().find(|(n, clear)| {
            *n == number
                && clear
                    .as_ref()
                    .is_some_and(|c| c.get(from..to) == Some(value))
        });
        if known.is_none() {
            lines(out, "  ", value);
        }
    }
}

/// A grouping's header: number, length, octets of the header.
fn head(octets: &[u8], ber: bool) -> Option<(u16, usize, usize)> {
    let (number, rest) = octets.split_first_chunk::<2>()?;
    let number = u16::from_be_bytes(*number);
    let (length, header) = match (rest, ber) {
        ([0xFF, high, low, ..], false) => (usize::from(u16::from_be_bytes([*high, *low])), 5),
        ([0x82, high, low, ..], true) => (usize::from(u16::from_be_bytes([*high, *low])), 5),
        ([0x81, length, ..], true) => (usize::from(*length), 4),
        ([length, ..], _) => (usize::from(*length), 3),
        _ => return None,
    };
    Some((number, length, header))
}

//! Data groupings of EMV Card Personalization Specification (CPS) 2.0 and their transport in STORE
//! DATA commands (GlobalPlatform Card Specification 2.3.1, 11.11).
//!
//! A grouping is `DGI(2) | length | value`; the length is one octet up to 254, else `FF hh ll`. It
//! is not BER.

use crate::cipher;

/// Longest value of a grouping.
pub const VALUE_OCTETS_MAX: usize = 65_534;
/// Most groupings that are read from one text.
pub const GROUPINGS_MAX: usize = 1024;

/// Why groupings can't be read or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpsError {
    /// A value that no length octets can say.
    #[error("DGI {dgi:04X} has {found} octets, at most {VALUE_OCTETS_MAX} are possible")]
    TooLong {
        /// Identifier.
        dgi: u16,
        /// Octets.
        found: usize,
    },
    /// The text ends inside a grouping.
    #[error("the data end inside a data grouping")]
    Truncated,
    /// More groupings than the limit.
    #[error("more than {GROUPINGS_MAX} data groupings")]
    TooMany,
    /// A command that can't hold a grouping's head.
    #[error("a STORE DATA command must hold at least 8 octets, not {0}")]
    Room(usize),
    /// More commands than P2 and any card can number.
    #[error("the groupings need more than {0} STORE DATA commands")]
    Blocks(usize),
}

impl CpsError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0496"
    }
}

/// One data grouping, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Data grouping identifier.
    pub dgi: u16,
    /// Value, enciphered where `encrypted` says so.
    pub value: Vec<u8>,
    /// Whether the value is under the channel's data encryption key.
    pub encrypted: bool,
}

/// How groupings share commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Every grouping begins a command of its own.
    OnePerCommand,
    /// Neighbouring groupings of the same kind share commands.
    Pack,
}

/// One STORE DATA command's parameters and data.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreData {
    /// P1, see [`p1`].
    pub p1: u8,
    /// P2: block number.
    pub p2: u8,
    /// Data field.
    pub data: Vec<u8>,
}

/// P1 of STORE DATA for CPS: last block b8; all groupings enciphered b7 b6 = 11; the rest zero.
pub fn p1(last: bool, encrypted: bool) -> u8 {
    u8::from(last) << 7 | if encrypted { 0x60 } else { 0x00 }
}

/// Padding of a grouping's value before encryption (profile data: cards differ).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DekPadding {
    /// None; the value must be aligned.
    None,
    /// `80 00…` always.
    Iso7816Always,
    /// `80 00…` when not aligned.
    Iso7816IfNeeded,
}

/// Pads a value for a block length.
pub fn pad(value: &mut Vec<u8>, padding: DekPadding, block: usize) {
    let aligned = value.len().is_multiple_of(block.max(1));
    match padding {
        DekPadding::Iso7816Always => cipher::pad_80(value, block),
        DekPadding::Iso7816IfNeeded if !aligned => cipher::pad_80(value, block),
        _ => {}
    }
}

/// `DGI | length | value`.
pub fn encode(dgi: u16, value: &[u8]) -> Result<Vec<u8>, CpsError> {
    let found = value.len();
    let length = u16::try_from(found)
        .ok()
        .filter(|_| found <= VALUE_OCTETS_MAX);
    let length = length.ok_or(CpsError::TooLong { dgi, found })?;
    let mut octets = Vec::with_capacity(found + 5);
    octets.extend_from_slice(&dgi.to_be_bytes());
    match u8::try_from(length) {
        Ok(short) if short < 0xFF => octets.push(short),
        _ => {
            octets.push(0xFF);
            octets.extend_from_slice(&length.to_be_bytes());
        }
    }
    octets.extend_from_slice(value);
    Ok(octets)
}

/// The groupings of a text, in order.
pub fn parse(mut octets: &[u8]) -> Result<Vec<(u16, &[u8])>, CpsError> {
    let mut groupings = Vec::new();
    while !octets.is_empty() {
        let (dgi, length, rest) = head(octets).ok_or(CpsError::Truncated)?;
        let (value, rest) = rest.split_at_checked(length).ok_or(CpsError::Truncated)?;
        if groupings.len() == GROUPINGS_MAX {
            return Err(CpsError::TooMany);
        }
        groupings.push((dgi, value));
        octets = rest;
    }
    Ok(groupings)
}

/// Identifier, length of the value, and what follows the head; none when the head is cut.
pub fn head(octets: &[u8]) -> Option<(u16, usize, &[u8])> {
    match octets {
        [a, b, 0xFF, high, low, rest @ ..] => Some((
            u16::from_be_bytes([*a, *b]),
            usize::from(u16::from_be_bytes([*high, *low])),
            rest,
        )),
        [_, _, 0xFF, ..] => None,
        [a, b, length, rest @ ..] => {
            Some((u16::from_be_bytes([*a, *b]), usize::from(*length), rest))
        }
        _ => None,
    }
}

/// Cuts groupings into STORE DATA commands of up to `room` clear octets. A grouping that does not
/// fit goes on in the next command without a new head. P2 counts from 00 and, past FF, from 00
/// again (the wrap is practice, no text that we have seen says so).
pub fn segment(
    groupings: &[Grouping],
    room: usize,
    packing: Packing,
) -> Result<Vec<StoreData>, CpsError> {
    if room < 8 {
        return Err(CpsError::Room(room));
    }
    let mut commands: Vec<(bool, Vec<u8>)> = Vec::new();
    for grouping in groupings {
        let octets = encode(grouping.dgi, &grouping.value)?;
        let mut rest = octets.as_slice();
        let shared = commands.last_mut().filter(|(encrypted, data)| {
            let fits = data.len() + octets.len() <= room;
            packing == Packing::Pack && *encrypted == grouping.encrypted && fits
        });
        if let Some((_, data)) = shared {
            data.extend_from_slice(rest);
            continue;
        }
        while !rest.is_empty() {
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            commands.push((grouping.encrypted, now.to_vec()));
            rest = later;
        }
    }
    let blocks_max = 4096;
    if commands.len() > blocks_max {
        return Err(CpsError::Blocks(blocks_max));
    }
    let count = commands.len();
    let numbered = commands.into_iter().enumerate();
    Ok(numbered
        .map(|(index, (encrypted, data))| StoreData {
            p1: p1(index + 1 == count, encrypted),
            p2: (index % 256) as u8,
            data,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouping(dgi: u16, octets: usize, encrypted: bool) -> Grouping {
        Grouping {
            dgi,
            value: vec![0xAA; octets],
            encrypted,
        }
    }

    #[test]
    fn lengths_are_not_ber() {
        assert_eq!(encode(0x0101, &[0; 254]).unwrap()[..3], [1, 1, 0xFE]);
        assert_eq!(
            encode(0x0101, &[0; 255]).unwrap()[..5],
            [1, 1, 0xFF, 0, 0xFF]
        );
        assert!(encode(0x0101, &[0; 65_535]).is_err());
        let octets = [
            encode(0x9102, &[1; 300]).unwrap(),
            encode(0x8000, &[]).unwrap(),
        ]
        .concat();
        let groupings = parse(&octets).unwrap();
        assert_eq!((groupings[0].0, groupings[0].1.len()), (0x9102, 300));
        assert_eq!(groupings[1], (0x8000, &[][..]));
        assert_eq!(parse(&octets[..octets.len() - 1]), Err(CpsError::Truncated));
    }

    #[test]
    fn long_groupings_go_on_without_a_head() {
        let list = [grouping(0x0101, 10, false), grouping(0x0102, 300, false)];
        let commands = segment(&list, 239, Packing::OnePerCommand).unwrap();
        let sizes: Vec<usize> = commands.iter().map(|command| command.data.len()).collect();
        assert_eq!(sizes, [13, 239, 66]);
        assert_eq!(
            commands.iter().map(|c| (c.p1, c.p2)).collect::<Vec<_>>(),
            [(0x00, 0), (0x00, 1), (0x80, 2)]
        );
        let joined: Vec<u8> = commands
            .into_iter()
            .flat_map(|command| command.data)
            .collect();
        assert_eq!(parse(&joined).unwrap().len(), 2);
    }

    #[test]
    fn only_the_same_kind_shares_a_command() {
        let list = [
            grouping(0x0101, 10, false),
            grouping(0x0102, 10, false),
            grouping(0x8000, 48, true),
        ];
        let commands = segment(&list, 239, Packing::Pack).unwrap();
        let heads: Vec<(u8, usize)> = commands.iter().map(|c| (c.p1, c.data.len())).collect();
        assert_eq!(heads, [(0x00, 26), (0xE0, 51)]);
    }

    #[test]
    fn padding_by_profile() {
        for (padding, expected) in [
            (DekPadding::None, 8),
            (DekPadding::Iso7816Always, 16),
            (DekPadding::Iso7816IfNeeded, 8),
        ] {
            let mut value = vec![1; 8];
            pad(&mut value, padding, 8);
            assert_eq!(value.len(), expected);
        }
    }
}

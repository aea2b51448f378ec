//! Data object lists: PDOL, CDOL1, CDOL2, DDOL, TDOL (EMV Book 3, 5.4).

use crate::tags::{self, Format};
use crate::tlv::{Tag, read_tag};

/// Most entries of a list.
pub const ENTRIES_MAX: usize = 126;

/// Why octets are not a data object list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DolError {
    /// A tag is cut or none.
    #[error("entry {0} of the data object list has no whole tag")]
    Tag(usize),
    /// An entry's length is missing.
    #[error("entry {0} of the data object list has no length")]
    Length(usize),
    /// Too many entries.
    #[error("more than {ENTRIES_MAX} entries")]
    Count,
}

impl DolError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0391"
    }
}

/// One entry: what the card wants, and in how many octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Tag.
    pub tag: Tag,
    /// Octets.
    pub octets: u8,
}

/// Reads a list.
pub fn parse(mut octets: &[u8]) -> Result<Vec<Entry>, DolError> {
    let mut entries = Vec::new();
    while !octets.is_empty() {
        let number = entries.len() + 1;
        if number > ENTRIES_MAX {
            return Err(DolError::Count);
        }
        let (tag, rest) = read_tag(octets).ok_or(DolError::Tag(number))?;
        let (length, rest) = rest.split_first().ok_or(DolError::Length(number))?;
        entries.push(Entry {
            tag,
            octets: *length,
        });
        octets = rest;
    }
    Ok(entries)
}

/// The list's octets.
pub fn build(entries: &[Entry]) -> Vec<u8> {
    let coded = entries.iter().flat_map(|entry| {
        let mut octets = entry.tag.to_octets();
        octets.push(entry.octets);
        octets
    });
    coded.collect()
}

/// Octets that the list asks for.
pub fn data_octets(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| usize::from(entry.octets)).sum()
}

/// The values that a list asks for, one after the other. A value of another length is cut or padded
/// by its format: numeric on the left, compressed numeric with F on the right, all others on the
/// right with zeros; what is unknown or a template is zeros (5.4).
pub fn fill<'v>(entries: &[Entry], value_of: impl Fn(Tag) -> Option<&'v [u8]>) -> Vec<u8> {
    let mut data = Vec::with_capacity(data_octets(entries));
    for entry in entries {
        let wanted = usize::from(entry.octets);
        let value = value_of(entry.tag).filter(|_| !entry.tag.is_constructed());
        let value = value.unwrap_or_default();
        let format = tags::element(entry.tag).map(|element| element.format);
        let missing = wanted.saturating_sub(value.len());
        let known = !value.is_empty();
        if format == Some(Format::N) {
            data.extend(std::iter::repeat_n(0, missing));
            data.extend(value.iter().skip(value.len().saturating_sub(wanted)));
        } else {
            let pad = if format == Some(Format::Cn) && known {
                0xFF
            } else {
                0x00
            };
            data.extend(value.iter().take(wanted));
            data.extend(std::iter::repeat_n(pad, missing));
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_and_padded_by_format() {
        let octets = crate::hex::decode("9F02065A0A9F37029F1A039C019F4E04").unwrap();
        let entries = parse(&octets).unwrap();
        assert_eq!(build(&entries), octets);
        let data = fill(&entries, |tag| match tag.value() {
            0x9F02 => Some(&[0x10, 0x00]),
            0x5A => Some(&[0x47, 0x61]),
            0x9F37 => Some(&[1, 2, 3, 4]),
            0x9F1A => Some(&[0x02, 0x50]),
            0x9F4E => Some(b"A"),
            _ => None,
        });
        let expected = "0000000010004761FFFFFFFFFFFFFFFF01020002500041000000";
        assert_eq!(crate::hex::encode(&data), expected);
        assert_eq!(data.len(), data_octets(&entries));
    }

    #[test]
    fn cut_lists_are_refused() {
        assert_eq!(parse(&[0x9F]), Err(DolError::Tag(1)));
        assert_eq!(parse(&[0x9A, 3, 0x9C]), Err(DolError::Length(2)));
    }
}

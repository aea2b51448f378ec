//! Application file locator, tag 94 (EMV Book 3, 10.2).

/// Most entries: 252 octets.
pub const ENTRIES_MAX: usize = 63;

/// Why octets are not an AFL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AflError {
    /// Not a multiple of 4 octets, empty or too long.
    #[error("an AFL has 4 to 252 octets, a multiple of 4, found {0}")]
    Length(usize),
    /// An entry's values do not agree.
    #[error("entry {entry} of the AFL: {what}")]
    Entry {
        /// From 1.
        entry: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl AflError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0391"
    }
}

/// Records of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Short file identifier, 1 to 30.
    pub sfi: u8,
    /// First record, from 1.
    pub first: u8,
    /// Last record.
    pub last: u8,
    /// How many records, counted from the first, are signed.
    pub signed: u8,
}

/// Reads and checks an AFL.
pub fn parse(octets: &[u8]) -> Result<Vec<Entry>, AflError> {
    let (entries, rest) = octets.as_chunks::<4>();
    if !rest.is_empty() || entries.is_empty() || entries.len() > ENTRIES_MAX {
        return Err(AflError::Length(octets.len()));
    }
    let numbered = entries.iter().enumerate();
    numbered
        .map(|(index, [sfi, first, last, signed])| {
            let wrong = |what| {
                Err(AflError::Entry {
                    entry: index + 1,
                    what,
                })
            };
            if sfi & 0x07 != 0 {
                return wrong("the low 3 bits of the SFI octet are not zero");
            }
            check(
                Entry {
                    sfi: sfi >> 3,
                    first: *first,
                    last: *last,
                    signed: *signed,
                },
                index + 1,
            )
        })
        .collect()
}

/// The AFL's octets.
pub fn build(entries: &[Entry]) -> Result<Vec<u8>, AflError> {
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        return Err(AflError::Length(entries.len() * 4));
    }
    let mut octets = Vec::with_capacity(entries.len() * 4);
    for (index, entry) in entries.iter().enumerate() {
        let entry = check(*entry, index + 1)?;
        octets.extend_from_slice(&[entry.sfi << 3, entry.first, entry.last, entry.signed]);
    }
    Ok(octets)
}

/// The records that an AFL names, in order: SFI, number, and whether it is signed.
pub fn records(entries: &[Entry]) -> impl Iterator<Item = (u8, u8, bool)> + '_ {
    entries.iter().flat_map(|entry| {
        let numbers = (entry.first..=entry.last).zip(0u8..);
        numbers.map(|(number, index)| (entry.sfi, number, index < entry.signed))
    })
}

fn check(entry: Entry, number: usize) -> Result<Entry, AflError> {
    let wrong = |what| {
        Err(AflError::Entry {
            entry: number,
            what,
        })
    };
    if !(1..=30).contains(&entry.sfi) {
        return wrong("the SFI is not 1 to 30");
    }
    if entry.first == 0 || entry.last < entry.first {
        return wrong("first and last record do not agree");
    }
    if entry.signed > entry.last - entry.first + 1 {
        return wrong("more signed records than records");
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The AFL of the golden card.
    #[test]
    fn the_golden_cards_afl() {
        let octets = crate::hex::decode("080101001001020118010300").unwrap();
        let entries = parse(&octets).unwrap();
        assert_eq!(build(&entries).unwrap(), octets);
        let records: Vec<_> = records(&entries).collect();
        assert_eq!(records.len(), 6);
        assert_eq!(records[1..3], [(2, 1, true), (2, 2, false)]);
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "", "080101", "09010100", "00010100", "08000100", "08020100", "08010102", "F8010100",
        ] {
            assert!(parse(&crate::hex::decode(text).unwrap()).is_err(), "{text}");
        }
    }
}

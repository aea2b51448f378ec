//! Records and the application file locator (EMV Book 3, 5.3 and 10.2).

/// Where a record lies, and whether it takes part in offline data authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Short file identifier, 1 to 30.
    pub(crate) sfi: u8,
    /// Record number, from 1.
    pub(crate) record: u8,
    /// Signed: its value is hashed into the certificate.
    pub(crate) signed: bool,
}

impl Place {
    /// DGI of the record: SFI, then record number (EMV CPS 2.0).
    pub(crate) fn dgi(self) -> u16 {
        u16::from_be_bytes([self.sfi, self.record])
    }
}

/// One entry of the locator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    sfi: u8,
    first: u8,
    last: u8,
    signed: u8,
}

/// The application file locator (tag 94) of records, in the order of SFI and record number.
///
/// An entry's signed records are counted from its first, so a signed record behind an unsigned one
/// starts an entry of its own; so does a gap in the numbers.
pub(crate) fn locator(places: &[Place]) -> Vec<u8> {
    let mut sorted = places.to_vec();
    sorted.sort();
    let mut entries: Vec<Entry> = Vec::new();
    for place in sorted {
        let follows = entries.last_mut().filter(|e| {
            let next = e.last.checked_add(1) == Some(place.record);
            let all_signed_so_far = e.signed == e.last - e.first + 1;
            e.sfi == place.sfi && next && (!place.signed || all_signed_so_far)
        });
        match follows {
            Some(entry) => {
                entry.last = place.record;
                entry.signed += u8::from(place.signed);
            }
            None => entries.push(Entry {
                sfi: place.sfi,
                first: place.record,
                last: place.record,
                signed: u8::from(place.signed),
            }),
        }
    }
    entries
        .iter()
        .flat_map(|e| [e.sfi << 3, e.first, e.last, e.signed])
        .collect()
}

/// Octets of a BER length field (ISO/IEC 8825-1, 8.1.3) for so many octets.
pub(crate) fn length_of_length(octets: u32) -> u32 {
    match octets {
        0..=0x7F => 1,
        0x80..=0xFF => 2,
        0x100..=0xFFFF => 3,
        _ => 4,
    }
}

/// Octets of a data object: tag, length, value.
pub(crate) fn object_octets(tag: &str, value: u32) -> u32 {
    let tag_octets = u32::try_from(tag.len() / 2).unwrap_or(4);
    tag_octets + length_of_length(value) + value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sfi: u8, record: u8, signed: bool) -> Place {
        Place {
            sfi,
            record,
            signed,
        }
    }

    /// The golden card of `tests/vectors/project/vectors_perso.json`: SFI 1 record 1, SFI 2 records 1
    /// (signed) and 2, SFI 3 records 1 to 3.
    #[test]
    fn the_golden_card() {
        let places = [
            place(1, 1, false),
            place(2, 1, true),
            place(2, 2, false),
            place(3, 1, false),
            place(3, 2, false),
            place(3, 3, false),
        ];
        assert_eq!(
            hex::encode_upper(locator(&places)),
            "080101001001020118010300"
        );
        assert_eq!(place(2, 1, true).dgi(), 0x0201);
    }

    #[test]
    fn a_signed_record_behind_an_unsigned_one_starts_an_entry() {
        let places = [place(1, 2, true), place(1, 1, false), place(1, 4, true)];
        assert_eq!(
            hex::encode_upper(locator(&places)),
            "080101000802020108040401"
        );
    }

    #[test]
    fn lengths_of_objects() {
        assert_eq!(object_octets("57", 17), 19);
        assert_eq!(object_octets("90", 0x90), 147);
        assert_eq!(object_octets("9F46", 248), 252);
    }
}

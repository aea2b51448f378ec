//! Data objects of a card's answers. A card is hostile: every length is checked, depth and count
//! are limited.

use super::Failure;
use cardwright_standards::tlv;
use std::collections::BTreeMap;

/// Data objects by tag, as hexadecimal.
#[derive(Default)]
pub(crate) struct Objects(BTreeMap<String, Vec<u8>>);

impl Objects {
    /// Adds all primitive objects of some octets, through templates; an object that stands twice
    /// makes the card wrong (EMV Book 3, 10.2).
    pub(crate) fn add(&mut self, octets: &[u8]) -> Result<(), Failure> {
        for (tag, value) in flat(octets)? {
            if self.0.insert(tag.clone(), value).is_some() {
                return Err(Failure::new(
                    "R1253",
                    format!("tag {tag} stands on the card twice"),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, tag: &str) -> Option<&[u8]> {
        self.0.get(tag).map(Vec::as_slice)
    }

    pub(crate) fn need(&self, tag: &str) -> Result<&[u8], Failure> {
        self.get(tag)
            .ok_or_else(|| Failure::new("R1254", format!("tag {tag} is not on the card")))
    }
}

/// Primitive objects in order, with what templates hold in their place.
pub(crate) fn flat(octets: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut out = Vec::new();
    let mut rest: Vec<tlv::Tlv<'_>> = tlv::parse(octets).map_err(|_| not_tlv())?;
    rest.reverse();
    while let Some(object) = rest.pop() {
        if object.tag.is_constructed() {
            rest.extend(object.children.into_iter().rev());
        } else {
            out.push((object.tag.to_string(), object.value.to_vec()));
        }
    }
    Ok(out)
}

/// The value of the first object of a tag at the top level.
pub(crate) fn top(octets: &[u8], tag: &str) -> Result<Vec<u8>, Failure> {
    tlv::parse_flat(octets)
        .map_err(|_| not_tlv())?
        .into_iter()
        .find(|(found, _)| found.to_string() == tag)
        .map(|(_, value)| value.to_vec())
        .ok_or_else(|| Failure::new("R1254", format!("template {tag} is not in the answer")))
}

/// A data object with the shortest length.
pub(crate) fn object(tag: &str, value: &[u8]) -> Result<Vec<u8>, Failure> {
    let tag = tlv::Tag::from_hex(tag).ok_or_else(not_tlv)?;
    tlv::build(tag, value).map_err(|_| not_tlv())
}

/// Tags and lengths of a data object list (EMV Book 3, 5.4).
pub(crate) fn data_object_list(dol: &[u8]) -> Result<Vec<(String, usize)>, Failure> {
    let wrong = || Failure::new("R1255", "a data object list that can't be read");
    let mut entries = Vec::new();
    let mut rest = dol;
    while let Some((first, _)) = rest.split_first() {
        // A tag goes on while its low five bits are all set, then while bit 8 is.
        let mut octets = 1;
        if first & 0x1F == 0x1F {
            while octets < 4 && rest.get(octets).ok_or_else(wrong)? & 0x80 != 0 {
                octets += 1;
            }
            octets += 1;
        }
        let (tag, tail) = rest.split_at_checked(octets).ok_or_else(wrong)?;
        let (length, tail) = tail.split_first().ok_or_else(wrong)?;
        entries.push((hex::encode_upper(tag), usize::from(*length)));
        rest = tail;
    }
    Ok(entries)
}

fn not_tlv() -> Failure {
    Failure::new("R1255", "the card's answer is not BER-TLV")
}

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
                return Err(Failure::new("R1253", format!("tag {tag} stands on the card twice")));
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, tag: &str) -> Option<&[u8]> {
        self.0.get(tag).map(Vec::as_slice)
    }

    pub(crate) fn need(&self, tag: &str) -> Result<&[u8], Failure> {
        self.get(tag).ok_or_else(|| Failure::new("R1254", format!("tag {tag} is not on the card")))
    }
}

/// Primitive objects in order.
pub(crate) fn flat(octets: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let parsed = tlv::parse(octets).map_err(|_| not_tlv())?;
    let mut out = Vec::new();
    let mut rest: Vec<tlv::Tlv> = parsed.into_iter().rev().collect();
    while let Some(object) = rest.pop() {
        match object.children() {
            Some(children) => rest.extend(children.iter().rev().cloned()),
            None => out.push((object.tag_hex(), object.value().to_vec())),
        }
    }
    Ok(out)
}

/// The value of the first object of a tag at the top level.
pub(crate) fn top(octets: &[u8], tag: &str) -> Result<Vec<u8>, Failure> {
    tlv::parse(octets)
        .map_err(|_| not_tlv())?
        .into_iter()
        .find(|object| object.tag_hex() == tag)
        .map(|object| object.value().to_vec())
        .ok_or_else(|| Failure::new("R1254", format!("template {tag} is not in the answer")))
}

fn not_tlv() -> Failure {
    Failure::new("R1255", "the card's answer is not BER-TLV")
}

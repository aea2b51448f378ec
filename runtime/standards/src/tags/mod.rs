//! EMV data elements: tag, names, format, coding, lengths, templates, and who owns the meaning.
//!
//! Source: names and templates of generic and contactless tags were compared with the public table
//! of emv-utils (`emv_tags.h`); Visa names 9F5x and 9F7x and UnionPay names come from public
//! personalization scripts, Mastercard C3 to C9 from public tag lists, CPA from a public validation
//! list. **Formats and lengths are from memory and not verified.** The same tag may have different
//! owners: each owner has a dictionary, and a lookup says which one it speaks.

mod table;

use crate::tlv::Tag;
use std::collections::HashMap;
use std::sync::LazyLock;
pub use table::ELEMENTS;

/// Data element format of EMV Book 3, 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Alphabetic.
    A,
    /// Alphanumeric.
    An,
    /// Alphanumeric special.
    Ans,
    /// Binary.
    B,
    /// Compressed numeric.
    Cn,
    /// Numeric.
    N,
    /// Data objects within.
    Template,
    /// The table does not say.
    Unknown,
}

impl Format {
    /// As the standard writes it; `c` for templates, `var` where the table does not say.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::An => "an",
            Self::Ans => "ans",
            Self::B => "b",
            Self::Cn => "cn",
            Self::N => "n",
            Self::Template => "c",
            Self::Unknown => "var",
        }
    }
}

/// How the language writes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As its format says.
    Plain,
    /// A date, YYMMDD.
    Date,
    /// A PAN.
    Pan,
    /// A data object list.
    Dol,
    /// Track 2 equivalent data.
    Track2,
    /// A list of tags.
    Tags,
    /// Named bits, by the name of their field (see [`crate::emv::bits`]).
    Bits(&'static str),
}

/// Who gives a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The card, from its personalization.
    Card,
    /// The card, made in the transaction.
    CardInTransaction,
    /// The issuer, in its answer.
    Issuer,
    /// The terminal.
    Terminal,
}

impl Source {
    /// In words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::CardInTransaction => "card, in the transaction",
            Self::Issuer => "issuer",
            Self::Terminal => "terminal",
        }
    }
}

/// A data element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Tag.
    pub tag: Tag,
    /// Name in the language.
    pub name: &'static str,
    /// Name as the standard prints it.
    pub title: &'static str,
    /// Format.
    pub format: Format,
    /// How the language writes it.
    pub coding: Coding,
    /// Fewest octets.
    pub octets_min: u16,
    /// Most octets.
    pub octets_max: u16,
    /// Octets that a data object list asks for when it does not say.
    pub octets_asked: u16,
    /// Templates that it may be in; [`INTERNAL`], [`RECOVERED`] and [`RECORD`] stand for places
    /// that are no template.
    pub templates: &'static [u32],
    /// Who gives it.
    pub source: Source,
    /// Owner of this meaning; empty for EMV itself.
    pub dictionary: &'static str,
}

/// Place of an element that the card keeps inside; GET DATA may show it.
pub const INTERNAL: u32 = 0;
/// Place of an element that a terminal recovers from a signature.
pub const RECOVERED: u32 = 1;
/// Place of the template that is a whole record.
pub const RECORD: u32 = 2;

/// The dictionaries that there are beside EMV's own.
pub static DICTIONARIES: &[&str] = &["visa", "mastercard", "amex", "unionpay", "cpa"];

static BY_TAG: LazyLock<HashMap<u32, Vec<&'static Element>>> = LazyLock::new(|| {
    let mut map: HashMap<u32, Vec<&'static Element>> = HashMap::new();
    for element in ELEMENTS {
        map.entry(element.tag.value()).or_default().push(element);
    }
    map
});

/// A tag's meaning in a dictionary: the owner's before EMV's. Without a dictionary (``) EMV's, else
/// that of the first owner who has one.
#[must_use]
pub fn element_in(dictionary: &str, tag: Tag) -> Option<&'static Element> {
    let all = BY_TAG.get(&tag.value())?;
    let of = |owner: &str| all.iter().find(|e| e.dictionary == owner).copied();
    of(dictionary)
        .or_else(|| of(""))
        .or_else(|| all.first().copied().filter(|_| dictionary.is_empty()))
}

/// Whether an owner gives a tag a meaning of its own that is no set of bits: EMV's or another
/// owner's bits say nothing of it then.
#[must_use]
pub fn is_plain_of(dictionary: &str, tag: u32) -> bool {
    let own = |e: &&'static Element| e.dictionary == dictionary && e.coding == Coding::Plain;
    !dictionary.is_empty() && BY_TAG.get(&tag).is_some_and(|all| all.iter().any(own))
}

/// EMV's own element of a tag.
#[must_use]
pub fn element(tag: Tag) -> Option<&'static Element> {
    element_in("", tag).filter(|element| element.dictionary.is_empty())
}

/// What a tag is called by an owner, else by EMV or the first owner who uses it.
#[must_use]
pub fn name_in(dictionary: &str, tag: Tag) -> Option<&'static str> {
    element_in(dictionary, tag)
        .map(|element| element.title)
        .or_else(|| name(tag))
}

/// What a tag is called, by EMV or else by the first owner who uses it.
#[must_use]
pub fn name(tag: Tag) -> Option<&'static str> {
    element_in("", tag).map(|element| element.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_its_own_meaning() {
        let tag = Tag::constant(0x9F69);
        let titles = ["visa", "mastercard"].map(|d| element_in(d, tag).map(|e| e.title));
        assert_eq!(
            titles,
            [Some("Card Authentication Related Data"), Some("UDOL")]
        );
        assert_eq!(element(tag), None);
        assert_eq!(element_in("unionpay", tag), None);
        assert_eq!(
            name(Tag::constant(0x5A)),
            element(Tag::constant(0x5A)).map(|e| e.title)
        );
    }

    #[test]
    fn names_are_unique_and_rows_are_sound() {
        let mut names: Vec<&str> = ELEMENTS.iter().map(|e| e.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        for e in ELEMENTS {
            assert!(e.octets_min <= e.octets_max, "{}", e.name);
            let asked = e.octets_min..=e.octets_max;
            assert!(asked.contains(&e.octets_asked), "{}", e.name);
            assert!(e.dictionary.is_empty() || DICTIONARIES.contains(&e.dictionary));
            if let Coding::Bits(field) = e.coding {
                assert!(crate::emv::bits::field(field).is_some(), "{field}");
            }
        }
        for dictionary in DICTIONARIES {
            assert!(ELEMENTS.iter().any(|e| e.dictionary == *dictionary));
        }
    }
}

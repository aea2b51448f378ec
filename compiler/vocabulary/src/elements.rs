//! Data elements by tag and by name: `#5F20` and `cardholder_name` mean the same.
//!
//! The table itself is the standards' (`cardwright_standards::tags`); here it is read in the
//! language's terms.

use cardwright_standards::tags::{self, Coding, ELEMENTS, Element, INTERNAL, RECORD, RECOVERED};
use cardwright_standards::tlv::Tag;
use foldhash::HashMap;
use std::sync::LazyLock;

/// One data element.
#[derive(Clone, Debug)]
pub struct DataElement {
    /// Tag, capital hexadecimal.
    pub tag: String,
    /// Name in the language.
    pub name: String,
    /// Name in the standard.
    pub title: String,
    /// EMV format: `n`, `cn`, `an`, `ans`, `a`, `b`, `c` (constructed), `var`.
    pub format: String,
    /// How the language writes it: `dol`, `tags`, `date`, `pan`, `track2`, `flags:aip`, or
    /// nothing special.
    pub coding: String,
    /// Fewest octets.
    pub min: u32,
    /// Most octets.
    pub max: u32,
    /// Octets that a data object list asks for when it does not say.
    pub asked: u32,
    /// Templates that it may stand in; `internal`, `recovered` and `record` are no templates.
    pub templates: Vec<String>,
    /// Who gives it: `card`, `terminal`, `issuer`.
    pub source: String,
    /// Dictionary that owns this meaning of the tag; empty for EMV itself.
    pub scheme: String,
}

impl DataElement {
    fn new(element: &Element) -> Self {
        let template = |value: &u32| match *value {
            INTERNAL => "internal".to_owned(),
            RECOVERED => "recovered".to_owned(),
            RECORD => "record".to_owned(),
            tag => format!("{tag:02X}"),
        };
        Self {
            tag: element.tag.to_string(),
            name: element.name.to_owned(),
            title: element.title.to_owned(),
            format: element.format.word().to_owned(),
            coding: match element.coding {
                Coding::Plain => String::new(),
                Coding::Date => "date".to_owned(),
                Coding::Pan => "pan".to_owned(),
                Coding::Dol => "dol".to_owned(),
                Coding::Track2 => "track2".to_owned(),
                Coding::Tags => "tags".to_owned(),
                Coding::Bits(field) => format!("flags:{field}"),
            },
            min: element.octets_min.into(),
            max: element.octets_max.into(),
            asked: element.octets_asked.into(),
            templates: element.templates.iter().map(template).collect(),
            source: element.source.word().to_owned(),
            scheme: element.dictionary.to_owned(),
        }
    }
}

struct Elements {
    all: Vec<DataElement>,
    by_place: HashMap<(&'static str, u32), usize>,
    by_name: HashMap<&'static str, usize>,
    /// All meanings of a tag as it is written, in their order.
    by_text: HashMap<String, Vec<usize>>,
}

static TABLE: LazyLock<Elements> = LazyLock::new(|| {
    let mut by_place = HashMap::default();
    let mut by_name = HashMap::default();
    let mut by_text: HashMap<String, Vec<usize>> = HashMap::default();
    for (n, element) in ELEMENTS.iter().enumerate() {
        by_place.insert((element.dictionary, element.tag.value()), n);
        by_name.insert(element.name, n);
        by_text.entry(element.tag.to_string()).or_default().push(n);
    }
    Elements {
        all: ELEMENTS.iter().map(DataElement::new).collect(),
        by_place,
        by_name,
        by_text,
    }
});

/// All of them, EMV's own first.
#[must_use]
pub fn data_elements() -> &'static [DataElement] {
    &TABLE.all
}

/// By tag, hexadecimal: EMV's own meaning, else that of the first dictionary that has one.
#[must_use]
pub fn data_element(tag: &str) -> Option<&'static DataElement> {
    data_element_in("", tag)
}

/// By tag, as a dictionary means it: its own meaning before EMV's.
#[must_use]
pub fn data_element_in(dictionary: &str, tag: &str) -> Option<&'static DataElement> {
    if let Some(all) = TABLE.by_text.get(tag) {
        let all = all.iter().filter_map(|n| TABLE.all.get(*n));
        if let Some(common) = all.clone().next().filter(|e| e.scheme.is_empty())
            && (dictionary.is_empty() || all.clone().nth(1).is_none())
        {
            return Some(common);
        }
        let first = all.clone().next();
        let of = |owner: &str| all.clone().find(|e| e.scheme == owner);
        let found = of(dictionary).or_else(|| of(""));
        return found.or_else(|| first.filter(|_| dictionary.is_empty()));
    }
    // Written otherwise, such as in small letters.
    let element = tags::element_in(dictionary, Tag::from_hex(tag)?)?;
    let place = (element.dictionary, element.tag.value());
    TABLE.by_place.get(&place).and_then(|n| TABLE.all.get(*n))
}

/// By name.
#[must_use]
pub fn element_by_name(name: &str) -> Option<&'static DataElement> {
    TABLE.by_name.get(name).and_then(|n| TABLE.all.get(*n))
}

/// Whether any dictionary knows the tag.
#[must_use]
pub fn is_known_tag(tag: &str) -> bool {
    Tag::from_hex(tag).is_some_and(|tag| tags::name(tag).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_names_mean_the_same() {
        assert!(data_elements().len() > 140);
        let name = data_element("5F20").expect("cardholder name");
        assert_eq!((name.min, name.max), (2, 26)); // EMV Book 3, Annex A
        let by_name = element_by_name("cardholder_name").map(|e| e.tag.as_str());
        assert_eq!(by_name, Some("5F20"));
    }

    #[test]
    fn tags_mean_what_the_standards_table_says() {
        for element in ELEMENTS {
            for dictionary in tags::DICTIONARIES.iter().chain(&[""]) {
                let tag = element.tag.to_string();
                let theirs = tags::element_in(dictionary, element.tag);
                let theirs = theirs.map(|e| (e.name, e.dictionary));
                for written in [tag.to_lowercase(), tag] {
                    let ours = data_element_in(dictionary, &written);
                    let ours = ours.map(|e| (e.name.as_str(), e.scheme.as_str()));
                    assert_eq!(ours, theirs, "{dictionary} {written}");
                }
            }
        }
    }

    #[test]
    fn a_dictionary_comes_before_the_common_meaning() {
        assert_eq!(data_element("9F66").map(|e| e.scheme.as_str()), Some(""));
        let mastercard = data_element_in("mastercard", "9F66");
        assert_eq!(mastercard.map(|e| e.scheme.as_str()), Some("mastercard"));
        assert!(data_element_in("amex", "5A").is_some());
        assert!(data_element_in("amex", "C3").is_none());
    }
}

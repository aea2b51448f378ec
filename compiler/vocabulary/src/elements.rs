//! Data elements by tag and by name: `#5F20` and `cardholder_name` mean the same.

use serde::Deserialize;
use std::collections::HashMap;
use std::sync::LazyLock;

/// One data element.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Templates that it may stand in.
    pub templates: Vec<String>,
    /// Who gives it: `card`, `terminal`, `issuer`.
    pub source: String,
    /// Scheme that owns this meaning of the tag; empty for EMV itself.
    pub scheme: String,
}

#[derive(Deserialize)]
struct Table {
    #[allow(dead_code, reason = "the note is for people who read the data file")]
    note: String,
    elements: Vec<DataElement>,
}

struct Elements {
    all: Vec<DataElement>,
    by_tag: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

static ELEMENTS: LazyLock<Elements> = LazyLock::new(|| {
    let text = include_str!("../data/data_elements.json");
    let all = serde_json::from_str::<Table>(text).map_or_else(|_| Vec::new(), |t| t.elements);
    let mut by_tag = HashMap::new();
    let mut by_name = HashMap::new();
    for (n, element) in all.iter().enumerate() {
        // The first meaning of a tag is EMV's own; a scheme's is reached by its name.
        by_tag.entry(element.tag.clone()).or_insert(n);
        by_name.entry(element.name.clone()).or_insert(n);
    }
    Elements {
        all,
        by_tag,
        by_name,
    }
});

/// All of them, in the order of the data file.
#[must_use]
pub fn data_elements() -> &'static [DataElement] {
    &ELEMENTS.all
}

/// By tag, capital hexadecimal.
#[must_use]
pub fn data_element(tag: &str) -> Option<&'static DataElement> {
    ELEMENTS.by_tag.get(tag).and_then(|n| ELEMENTS.all.get(*n))
}

/// By name.
#[must_use]
pub fn element_by_name(name: &str) -> Option<&'static DataElement> {
    ELEMENTS
        .by_name
        .get(name)
        .and_then(|n| ELEMENTS.all.get(*n))
}

/// Whether the table knows the tag.
#[must_use]
pub fn is_known_tag(tag: &str) -> bool {
    ELEMENTS.by_tag.contains_key(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_is_read() {
        assert!(data_elements().len() > 140);
        let name = data_element("5F20").expect("cardholder name");
        assert_eq!((name.min, name.max), (2, 26)); // EMV Book 3, Annex A
        assert_eq!(
            element_by_name("cardholder_name").map(|e| e.tag.as_str()),
            Some("5F20")
        );
    }

    #[test]
    fn generic_meaning_comes_before_a_scheme() {
        assert_eq!(data_element("9F66").map(|e| e.scheme.as_str()), Some(""));
    }

    #[test]
    fn codings_are_known() {
        for element in data_elements() {
            let known = matches!(
                element.coding.as_str(),
                "" | "dol" | "tags" | "date" | "pan"
            ) || element.coding == "track2"
                || element
                    .coding
                    .strip_prefix("flags:")
                    .is_some_and(|set| crate::flag_set(set).is_some());
            assert!(known, "{} {}", element.tag, element.coding);
            assert!(element.min <= element.max, "{}", element.tag);
        }
    }
}

//! Codes of countries and currencies, from the tables of the standard package `std.iso`.

use crate::project::standard_asset;
use cardwright_vocabulary::CodeList;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The list in words.
pub(crate) const fn title(list: CodeList) -> &'static str {
    match list {
        CodeList::Countries => "ISO 3166-1",
        CodeList::Currencies => "ISO 4217",
    }
}

/// The number of a code by its letters: two or three for a country, three for a currency.
pub(crate) fn number_of(list: CodeList, word: &str) -> Option<u16> {
    codes(list).get(word).copied()
}

/// All codes by their letters.
pub(crate) fn words(list: CodeList) -> impl Iterator<Item = &'static str> {
    codes(list).keys().map(String::as_str)
}

/// Whether a number is one of the list.
pub(crate) fn is_known(list: CodeList, number: u16) -> bool {
    codes(list).values().any(|n| *n == number)
}

type Codes = BTreeMap<String, u16>;

fn codes(list: CodeList) -> &'static Codes {
    static COUNTRIES: OnceLock<Codes> = OnceLock::new();
    static CURRENCIES: OnceLock<Codes> = OnceLock::new();
    match list {
        CodeList::Countries => COUNTRIES.get_or_init(|| read("iso/countries.csv")),
        CodeList::Currencies => CURRENCIES.get_or_init(|| read("iso/currencies.csv")),
    }
}

/// Columns that are codes: capital letters before the number, which is three digits.
fn read(path: &str) -> Codes {
    let mut codes = Codes::new();
    let octets = standard_asset(path).unwrap_or_default();
    let mut reader = csv::Reader::from_reader(octets);
    for row in reader.records().flatten() {
        let number = row
            .iter()
            .find(|cell| cell.len() == 3 && cell.bytes().all(|b| b.is_ascii_digit()));
        let Some(number) = number.and_then(|cell| cell.parse().ok()) else {
            continue;
        };
        let letters = row.iter().take(2).filter(|cell| {
            (2..=3).contains(&cell.len()) && cell.bytes().all(|b| b.is_ascii_uppercase())
        });
        codes.extend(letters.map(|cell| (cell.to_owned(), number)));
    }
    codes
}

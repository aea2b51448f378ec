//! `std.iso`: countries and currencies against two other people's lists, and both ways to name them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{projects, workspace};
use iso_currency::{Currency, IntoEnumIterator};
use std::collections::{BTreeMap, BTreeSet};

fn rows(path: &str) -> Vec<Vec<String>> {
    let text = workspace::read(path);
    let cells = |line: &str| {
        // A quoted cell is the last one.
        let (before, quoted) = line.split_once(",\"").unwrap_or((line, ""));
        let mut cells: Vec<String> = before.split(',').map(str::to_owned).collect();
        if !quoted.is_empty() {
            cells.push(quoted.trim_end_matches('"').to_owned());
        }
        cells
    };
    text.lines().skip(1).map(cells).collect()
}

#[test]
fn countries_are_those_of_another_list() {
    let ours: BTreeMap<String, (String, String, String)> = rows("profiles/iso/countries.csv")
        .into_iter()
        .map(|row| match row.as_slice() {
            [two, three, number, name] => {
                (two.clone(), (three.clone(), number.clone(), name.clone()))
            }
            _ => panic!("{row:?}"),
        })
        .collect();
    let theirs: BTreeMap<String, (String, String)> = rust_iso3166::ALL
        .iter()
        .map(|c| {
            let number = format!("{:03}", c.numeric);
            (c.alpha2.to_owned(), (c.alpha3.to_owned(), number))
        })
        .collect();
    let codes = |(two, (three, number, _)): (&String, &(String, String, String))| {
        (two.clone(), (three.clone(), number.clone()))
    };
    assert_eq!(ours.iter().map(codes).collect::<BTreeMap<_, _>>(), theirs);
    assert_eq!(ours.len(), 249);
    let plain = |name: &String| !name.is_empty() && !name.contains(['[', ']', '*']);
    assert!(ours.values().all(|(_, _, name)| plain(name)));
}

/// Metals, units of account and tests have no exponent, and are in no table for cards; a code that a
/// country has given up is not there either.
#[test]
fn currencies_are_those_of_another_list() {
    let ours: BTreeMap<String, (String, String)> = rows("profiles/iso/currencies.csv")
        .into_iter()
        .map(|row| match row.as_slice() {
            [code, number, exponent, _] => (code.clone(), (number.clone(), exponent.clone())),
            _ => panic!("{row:?}"),
        })
        .collect();
    let theirs: BTreeMap<String, (String, String)> = Currency::iter()
        .filter_map(|c| {
            let exponent = c.exponent()?.to_string();
            Some((
                c.code().to_owned(),
                (format!("{:03}", c.numeric()), exponent),
            ))
        })
        .collect();
    for (code, row) in &ours {
        assert_eq!(theirs.get(code), Some(row), "{code}");
    }
    let missing: Vec<&String> = theirs.keys().filter(|c| !ours.contains_key(*c)).collect();
    assert_eq!(missing, ["ZWL"], "given up for ZWG in 2024");
}

const LETTERS: &str = r#"
use std.iso

let home = lookup(iso.countries_by_number.name, "250", else: "")
let code = lookup(iso.countries.numeric, slice(order.name, 1, 2), else: "000")

layout abroad : sheet {
  text { at = (25 mm, 120 mm, 120 mm, 40 mm); shrink = to 6 pt; lines = ["{home} {code}", lookup(iso.countries_by_alpha3.alpha2, slice(order.name, 1, 3), else: "")] }
}
rule money for orders.order {
  require lookup(iso.currencies.exponent, slice(order.name, 1, 3), else: 2) < 3 and listed(iso.currencies_by_number, "978")
  because "no such currency"
}
"#;

#[test]
fn tables_are_looked_into() {
    let bundle = projects::small_with(LETTERS);
    let tables: BTreeSet<&str> = bundle
        .content()
        .tables
        .iter()
        .map(|t| t.name.as_str())
        .collect();
    assert!(tables.contains("std.iso.countries"), "{tables:?}");
    assert!(tables.contains("std.iso.countries_by_alpha3"), "{tables:?}");
    // What is known when compiled needs no table.
    assert!(
        !tables.contains("std.iso.countries_by_number"),
        "{tables:?}"
    );
    let found =
        projects::findings_of_small_with(&LETTERS.replace("\"250\", else: \"\"", "\"251\""));
    assert!(found.contains("E0237"), "{found}");
}

#[test]
fn an_issuer_is_named_by_letters_or_numbers() {
    let with = |country: &str, currency: &str| {
        let source = include_str!("../cases/leaks/shared.perso").replace(
            "country = 250; currency = 978",
            &format!("country = {country}; currency = {currency}"),
        );
        let bundle = projects::bundle_of_source(&source);
        let issuer = bundle.content().issuer.clone();
        (issuer.country, issuer.currency)
    };
    assert_eq!(with("250", "978"), (250, 978));
    assert_eq!(with("FR", "EUR"), (250, 978));
    assert_eq!(with("FRA", "EUR"), (250, 978));
    assert_eq!(with("AF", "JPY"), (4, 392));
}

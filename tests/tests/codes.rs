//! Error codes: each one once, in its band, with a fresh page, and with a case that shows it.
//!
//! `UPDATE=1 cargo test -p cardwright-tests --test codes` writes the pages and the list of codes
//! that still have no case.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{codes, examples, workspace};
use std::collections::{BTreeMap, BTreeSet};

/// Codes that nothing provokes yet.
const WITHOUT: &str = "tests/codes-without-a-case.txt";

fn updating() -> bool {
    std::env::var_os("UPDATE").is_some()
}

#[test]
fn each_code_stands_once_and_in_its_band() {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut wrong = Vec::new();
    for table in codes::tables() {
        for row in table.rows {
            let codes::Row {
                code,
                title,
                meaning,
                mend,
                source,
            } = row;
            if let Some(other) = owners.insert(code, table.owner) {
                wrong.push(format!("{code} stands in {other} and in {}", table.owner));
            }
            let digits = code
                .get(1..)
                .is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()));
            let in_band = table.bands.iter().any(|band| code.starts_with(band));
            if code.len() != 5 || !digits || !in_band {
                wrong.push(format!(
                    "{code} of {} is in none of {:?}",
                    table.owner, table.bands
                ));
            }
            if source.is_some_and(|source| source.len() < 8) {
                wrong.push(format!("{code} does not say where its rule comes from"));
            }
            if title.is_empty() || meaning.len() < 20 || mend.len() < 10 {
                wrong.push(format!("{code} says too little"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_code_in_the_sources_stands_in_a_table() {
    let known: BTreeSet<&str> = codes::all().into_keys().collect();
    let mut wrong = Vec::new();
    for path in workspace::files(".rs") {
        if path.contains("/tests/") || path.starts_with("tests/") {
            continue;
        }
        let text = workspace::read(&path);
        for (number, line) in text.lines().enumerate() {
            for code in literals(line).filter(|code| !known.contains(code)) {
                wrong.push(format!("{path}:{}: {code} is in no table", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Codes in quotes on a line.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').filter(|part| {
        let digits = part
            .get(1..)
            .is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()));
        part.len() == 5 && digits && matches!(part.get(..2), Some("E0" | "E1" | "R1"))
    })
}

#[test]
fn each_code_has_a_fresh_page() {
    let folder = workspace::root().join("docs/errors");
    let cases = codes::cases();
    let examples = examples::all();
    let mut pages: BTreeMap<String, String> =
        BTreeMap::from([("README.md".to_owned(), codes::index())]);
    for (code, row) in codes::all() {
        pages.insert(
            format!("{code}.md"),
            codes::page(&row, &cases[code], examples.get(code)),
        );
    }
    if updating() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in &pages {
            std::fs::write(folder.join(name), text).expect("a page");
        }
    }
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("docs/errors") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        found.insert(name, std::fs::read_to_string(&path).expect("a page"));
    }
    let names: BTreeSet<&String> = pages.keys().chain(found.keys()).collect();
    let stale: Vec<&str> = names
        .into_iter()
        .filter(|n| pages.get(*n) != found.get(*n))
        .map(String::as_str)
        .collect();
    assert!(
        stale.is_empty(),
        "stale pages, run with UPDATE=1: {}",
        stale.join(", ")
    );
}

#[test]
fn codes_without_a_case_become_fewer() {
    let without: BTreeSet<String> = codes::cases()
        .into_iter()
        .filter(|(_, cases)| cases.is_empty())
        .map(|(code, _)| code.to_owned())
        .collect();
    let listed = std::fs::read_to_string(workspace::root().join(WITHOUT)).unwrap_or_default();
    let listed: BTreeSet<String> = listed
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(str::to_owned)
        .collect();
    if updating() && (listed.is_empty() || without.is_subset(&listed)) {
        let mut text =
            String::from("# Codes that no case provokes yet. This list may only shrink.\n");
        for code in &without {
            text.push_str(code);
            text.push('\n');
        }
        std::fs::write(workspace::root().join(WITHOUT), text).expect("the list");
        return;
    }
    let new: Vec<&String> = without.difference(&listed).collect();
    assert!(new.is_empty(), "these codes need a failing case: {new:?}");
    let solved: Vec<&String> = listed.difference(&without).collect();
    assert!(solved.is_empty(), "take these off {WITHOUT}: {solved:?}");
}

#[test]
fn the_rule_book_is_fresh() {
    let path = workspace::root().join("docs/language/rules.md");
    let made = codes::rule_book();
    if updating() {
        std::fs::write(&path, &made).expect("the rule book");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "run UPDATE=1 cargo test -p cardwright-tests --test codes"
    );
}

/// Fewest rules with both examples: it only rises.
const RULES_MIN: usize = 220;

#[test]
fn rules_on_sources_have_a_failing_and_a_repaired_example() {
    let examples = examples::all();
    let rules = codes::rules_on_sources();
    let whole = examples
        .iter()
        .filter(|(code, example)| rules.contains_key(code.as_str()) && example.is_whole());
    let count = whole.count();
    assert!(count >= RULES_MIN, "{count} rules have both examples");
}

//! The kit asks every intent of the port.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

/// Names of the functions of a trait in the port's source.
fn functions(text: &str, name: &str) -> BTreeSet<String> {
    let body = text.split(&format!("pub trait {name}")).nth(1).unwrap();
    let body = body.split("\n}\n").next().unwrap();
    body.lines()
        .filter_map(|line| line.trim().strip_prefix("fn "))
        .map(|rest| rest.split('(').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_intent_of_the_port_is_asked() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ports/src/hsm.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let intents = functions(&text, "HsmSession");
    assert!(intents.len() >= 40, "{}", intents.len());
    let asked: BTreeSet<String> = cardwright_hsm_conformance::catalogue()
        .iter()
        .map(|(_, intent, _, _)| (*intent).to_owned())
        .collect();
    let missing: Vec<_> = intents.difference(&asked).collect();
    assert!(missing.is_empty(), "no check asks {missing:?}");
    let known: BTreeSet<String> = intents.union(&functions(&text, "Hsm:")).cloned().collect();
    let unknown: Vec<_> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "the port has no {unknown:?}");
}

#[test]
fn every_intent_of_custody_is_asked() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ports/src/custody.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let intents = functions(&text, "KeyCustody");
    assert!(intents.len() >= 15, "{}", intents.len());
    let asked: BTreeSet<String> = cardwright_hsm_conformance::custody_catalogue()
        .iter()
        .map(|(_, intent, _, _)| (*intent).to_owned())
        .collect();
    // Asked by many checks beside the intent that names them.
    let beside = ["keys", "key", "reveal_component"];
    let missing: Vec<_> = intents
        .iter()
        .filter(|intent| !asked.contains(*intent) && !beside.contains(&intent.as_str()))
        .collect();
    assert!(missing.is_empty(), "no check asks {missing:?}");
    let unknown: Vec<_> = asked.difference(&intents).collect();
    assert!(unknown.is_empty(), "the port has no {unknown:?}");
}

#[test]
fn every_check_has_one_name_and_a_page_line() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../docs/operator/hsm-conformance.md"
    );
    let page = std::fs::read_to_string(path).unwrap();
    let mut seen = BTreeSet::new();
    let custody = cardwright_hsm_conformance::custody_catalogue();
    let all = cardwright_hsm_conformance::catalogue().into_iter();
    for (id, _, what, source) in all.chain(custody) {
        assert!(seen.insert(id), "{id} stands twice");
        assert!(!what.is_empty() && !source.is_empty());
        let line = format!("| `{id}` |");
        assert!(
            page.contains(&line),
            "docs/operator/hsm-conformance.md lacks {id}"
        );
    }
}

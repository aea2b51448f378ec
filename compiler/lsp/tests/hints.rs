//! Inlay hints: what lines make that they do not say.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use common::{Editor, aurora, uri};
use serde_json::json;
use std::path::Path;

/// Hints of a document, each with its line as it is written.
fn hints(path: &Path, text: &str, lines: (usize, usize)) -> Vec<(String, String)> {
    let file = uri(path);
    let mut editor = Editor::start();
    editor.open(&file, text);
    let asked = json!({
        "textDocument": { "uri": file },
        "range": {
            "start": { "line": lines.0, "character": 0 },
            "end": { "line": lines.1, "character": 0 },
        },
    });
    let answer = editor.get("textDocument/inlayHint", asked);
    let found = answer.as_array().expect("a list").iter().map(|hint| {
        let line = hint["position"]["line"].as_u64().expect("a line");
        let line = text
            .lines()
            .nth(usize::try_from(line).unwrap())
            .unwrap_or("");
        let label = hint["label"].as_str().expect("a text");
        (line.trim().to_owned(), label.to_owned())
    });
    let found = found.collect();
    assert_eq!(editor.end(), 0);
    found
}

fn has(found: &[(String, String)], line: &str, label: &str) -> bool {
    found
        .iter()
        .any(|(l, h)| l.starts_with(line) && h.contains(label))
}

fn bank(name: &str) -> (std::path::PathBuf, String) {
    let path = aurora().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn lengths_stand_behind_what_is_written() {
    let (path, text) = bank("debit.perso");
    let found = hints(&path, &text, (0, 10_000));
    // A PAN of 13 to 19 digits in compressed numeric: 7 to 10 octets (EMV Book 3, annex A).
    assert!(has(&found, "#5A ", "octets"), "{found:?}");
    // YYMMDD, a sequence number: EMV Book 3, annex A.
    assert!(has(&found, "#5F24", "3 octets"), "{found:?}");
    assert!(has(&found, "#5F34", "1 octet"), "{found:?}");
    assert!(has(&found, "sfi 1 record 1", " octets of 25"), "{found:?}");
}

#[test]
fn what_is_inherited_and_what_is_not() {
    let (path, text) = bank("debit.perso");
    let found = hints(&path, &text, (0, 10_000));
    assert!(
        has(&found, "profile gold : debit", "inherits "),
        "{found:?}"
    );
    assert!(
        has(&found, "profile gold : debit", " from debit") || {
            // A long list is cut; then its end is in the tooltip.
            has(&found, "profile gold : debit", "…")
        }
    );
    let label = "label = \"AURORA GOLD\"";
    assert!(
        has(&found, label, "instead of \"AURORA DEBIT\""),
        "{found:?}"
    );
}

#[test]
fn flags_and_lists_are_read() {
    let (path, text) = bank("debit.perso");
    let text = text.replace(
        "#5F34 = order.psn",
        "#5F34 = order.psn\n    #9F07 = x\"FF00\"\n    #8C    = [#9F02, #9F03, #9F1A, #95, #5F2A, \
         #9A, #9C, #9F37]",
    );
    let found = hints(&path, &text, (0, 10_000));
    assert!(has(&found, "#9F07", "= "), "{found:?}");
    // 6 + 6 + 2 + 5 + 2 + 3 + 1 + 4 octets (EMV Book 3, annex A).
    let asked = "asks for 29 octets in 8 elements";
    assert!(has(&found, "#8C", asked), "{found:?}");
}

#[test]
fn only_the_lines_that_are_asked_for() {
    let (path, text) = bank("debit.perso");
    let all = hints(&path, &text, (0, 10_000));
    let some = hints(&path, &text, (0, 8));
    assert!(some.len() < all.len(), "{some:?}");
    assert!(hints(&path, "", (0, 8)).is_empty());
}

#[test]
fn a_broken_text_has_hints_as_far_as_it_goes() {
    let (path, text) = bank("debit.perso");
    let broken = text.replacen("label    = \"AURORA DEBIT\"", "label    = ", 1);
    let found = hints(&path, &broken, (0, 10_000));
    assert!(!found.is_empty());
}

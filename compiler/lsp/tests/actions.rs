//! Code actions: what an editor is offered about a finding, and what it does to the text.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use common::{Editor, Folder, find};
use serde_json::{Value, json};

const BANK: &str = "use std.emv

issuer bank { name = \"Bänk 😀\"; country = 276; currency = 978 }

format orders : fixed_width {
  record order {
    pan    : pan
    name   : ans 20
  }
}

let long = order.nmae
/// Nobody asks for it.
let idle = order.name
";

/// Actions that are offered at a place.
fn offered(editor: &mut Editor, uri: &str, place: (u32, u32), only: Value) -> Vec<Value> {
    let at = json!({ "line": place.0, "character": place.1 });
    let mut context = json!({ "diagnostics": [] });
    if !only.is_null() {
        context["only"] = only;
    }
    let asked = json!({
        "textDocument": { "uri": uri },
        "range": { "start": at, "end": at },
        "context": context,
    });
    let answer = editor.get("textDocument/codeAction", asked);
    answer.as_array().expect("a list").clone()
}

/// The offset of a position, by UTF-16 units.
fn offset(text: &str, at: &Value) -> usize {
    let line = usize::try_from(at["line"].as_u64().unwrap()).unwrap();
    let units = at["character"].as_u64().unwrap();
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let mut seen = 0;
    for (n, c) in text[start..].char_indices() {
        if seen >= units {
            return start + n;
        }
        seen += c.len_utf16() as u64;
    }
    text.len()
}

/// A text after an action's edits.
fn carried_out(text: &str, uri: &str, action: &Value) -> String {
    let mut edits: Vec<(usize, usize, String)> = action["edit"]["changes"][uri]
        .as_array()
        .expect("edits of the file")
        .iter()
        .map(|e| {
            let new = e["newText"].as_str().unwrap().to_owned();
            let range = &e["range"];
            (
                offset(text, &range["start"]),
                offset(text, &range["end"]),
                new,
            )
        })
        .collect();
    edits.sort();
    let mut out = text.to_owned();
    for (start, end, new) in edits.iter().rev() {
        out.replace_range(start..end, new);
    }
    out
}

#[test]
fn a_finding_offers_the_change_that_mends_it() {
    let folder = Folder::with(&[("bank.perso", BANK)]);
    let file = folder.uri("bank.perso");
    let mut editor = Editor::start();
    editor.open(&file, BANK);
    assert!(editor.codes(&file).contains(&"E0106".to_owned()));
    let place = find(BANK, "order.nmae", 7);
    let actions = offered(&mut editor, &file, place, Value::Null);
    let mend = actions
        .iter()
        .find(|a| a["kind"] == "quickfix")
        .expect("a fix");
    assert_eq!(mend["title"], "write `order.name`");
    assert_eq!(mend["isPreferred"], true);
    assert_eq!(mend["diagnostics"][0]["code"], "E0106");
    let mended = carried_out(BANK, &file, mend);
    assert!(mended.contains("let long = order.name\n"), "{mended}");
    editor.replace(&file, &mended);
    assert!(!editor.codes(&file).contains(&"E0106".to_owned()));
    // Elsewhere it is not offered.
    let actions = offered(&mut editor, &file, (0, 0), Value::Null);
    assert!(
        actions.iter().all(|a| a["kind"] != "quickfix"),
        "{actions:?}"
    );
    assert_eq!(editor.end(), 0);
}

#[test]
fn all_of_a_file_is_mended_at_once() {
    let folder = Folder::with(&[("bank.perso", BANK)]);
    let file = folder.uri("bank.perso");
    let mut editor = Editor::start();
    let mut text = BANK.to_owned();
    editor.open(&file, &text);
    // Mending the name shows that the other value is not used, either: asked again and again.
    for _ in 0..4 {
        let only = json!(["source.fixAll"]);
        let actions = offered(&mut editor, &file, (0, 0), only);
        let Some(all) = actions.first() else { break };
        assert_eq!(all["kind"], "source.fixAll.cardwright");
        text = carried_out(&text, &file, all);
        editor.replace(&file, &text);
    }
    assert!(!text.contains("nmae"), "{text}");
    assert!(!text.contains("idle"), "{text}");
    assert!(!text.contains("Nobody asks"), "{text}");
    assert!(text.contains("Bänk 😀"), "{text}");
    let codes = editor.codes(&file);
    assert!(
        codes.iter().all(|c| c != "E0106" && c != "E0116"),
        "{codes:?}"
    );
    assert_eq!(editor.end(), 0);
}

#[test]
fn other_kinds_are_not_offered() {
    let folder = Folder::with(&[("bank.perso", BANK)]);
    let file = folder.uri("bank.perso");
    let mut editor = Editor::start();
    editor.open(&file, BANK);
    editor.settle();
    let place = find(BANK, "order.nmae", 7);
    let actions = offered(&mut editor, &file, place, json!(["refactor"]));
    assert!(actions.is_empty(), "{actions:?}");
    let actions = offered(&mut editor, &file, place, json!(["quickfix"]));
    assert_eq!(actions.len(), 1, "{actions:?}");
    assert_eq!(editor.end(), 0);
}

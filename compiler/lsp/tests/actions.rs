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

/// A file of the example bank with one text of it changed: what is offered there, and whether the
/// finding is gone after it.
fn mends(name: &str, (from, to): (&str, &str), at: &str) -> (String, String) {
    let path = common::aurora().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    let file = common::uri(&path);
    let mut editor = Editor::start();
    editor.open(&file, &text);
    let before = editor.codes(&file);
    let place = find(&text, at, 1);
    let actions = offered(&mut editor, &file, place, json!(["quickfix"]));
    assert!(!actions.is_empty(), "{name}: {before:?}");
    let mend = &actions[0];
    let code = mend["diagnostics"][0]["code"].as_str().unwrap().to_owned();
    editor.replace(&file, &carried_out(&text, &file, mend));
    let after = editor.codes(&file);
    assert!(!after.contains(&code), "{code}: {after:?}");
    (code, mend["title"].as_str().unwrap().to_owned())
}

/// Changes that helps name, each made over the protocol.
#[test]
fn helps_that_name_a_change_offer_it() {
    let said = |code: &str, title: &str| (code.to_owned(), title.to_owned());
    assert_eq!(
        mends("letters.perso", ("size = 12 mm", "size = 12 s"), "12 s"),
        said("E0203", "write `12 mm`")
    );
    assert_eq!(
        mends("letters.perso", ("size = 12 mm", "size = 12"), "12 }"),
        said("E0203", "write `12 mm`")
    );
    let octets = ("#5F34 = order.psn", "#5F34 = x\"01\"");
    assert_eq!(
        mends("debit.perso", octets, "#5F34 = x"),
        said("E0325", "write `order.psn`")
    );
    let without = ("  offline_pin { value = order.pin; tries = 3 }\n", "");
    assert_eq!(
        mends("debit.perso", without, "enciphered_pin_offline"),
        said(
            "E0317",
            "add `offline_pin { value = order.pin; tries = 3 }`"
        )
    );
    let no_bin = ("; reject_bin = \"reject\"", "");
    let (code, title) = mends("line.perso", no_bin, "feed    {");
    assert_eq!(
        (code.as_str(), title.as_str()),
        ("E0903", "add `reject_bin = \"reject\"`")
    );
}

/// What only the whole project tells stands where it was written: a letter's PIN that is drawn for
/// the letter alone, once the file is changed, and no more when it is changed back.
#[test]
fn findings_of_the_whole_project_are_shown() {
    let path = common::aurora().join("letters.perso");
    let text = std::fs::read_to_string(&path).unwrap();
    let drawn = text.replacen("value = order.pin", "value = pin.generate(4)", 1);
    let file = common::uri(&path);
    let mut editor = Editor::start();
    editor.open(&file, &text);
    assert_eq!(editor.codes(&file), Vec::<String>::new());
    editor.replace(&file, &drawn);
    assert_eq!(editor.codes(&file), ["E0604"]);
    editor.replace(&file, &text);
    assert_eq!(editor.codes(&file), Vec::<String>::new());
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

//! The life of a session, edits, and findings, over the real protocol.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use common::{Editor, Folder, aurora, range, uri};
use serde_json::{Value, json};

const ISSUER: &str = "package case\n\nissuer b { name = \"B\"; country = 250; currency = 978 }\n";

#[test]
fn a_session_begins_and_ends_as_the_protocol_says() {
    let mut editor = Editor::bare();
    let early = editor
        .ask("textDocument/hover", Value::Null)
        .expect_err("too early");
    assert_eq!(early.code, -32002); // ServerNotInitialized
    let started = editor.get("initialize", json!({ "capabilities": {} }));
    assert_eq!(started["capabilities"]["textDocumentSync"], 2); // incremental
    let unknown = editor.ask("no/suchThing", json!({})).expect_err("unknown");
    assert_eq!(unknown.code, -32601); // MethodNotFound
    let wrong = editor
        .ask("textDocument/formatting", json!({ "nonsense": 1 }))
        .expect_err("no parameters");
    assert_eq!(wrong.code, -32602); // InvalidParams
    editor.say("$/cancelRequest", json!({ "id": 7 }));
    editor.say("textDocument/didOpen", json!([1, 2, 3]));
    assert_eq!(editor.end(), 0);

    let mut rude = Editor::bare();
    rude.say("exit", Value::Null);
    assert!(rude.connection_ended_with(1));
}

#[test]
fn the_example_has_no_findings() {
    let mut editor = Editor::start();
    let debit = aurora().join("debit.perso");
    let text = std::fs::read_to_string(&debit).unwrap();
    editor.open(&uri(&debit), &text);
    assert_eq!(editor.findings(&uri(&debit)), Vec::<Value>::new());
    assert!(editor.told.values().all(|v| v == &json!([])));
    editor.end();
}

#[test]
fn findings_follow_the_typing() {
    let folder = Folder::with(&[("a.perso", ISSUER)]);
    let file = folder.uri("a.perso");
    let mut editor = Editor::start();
    editor.open(&file, ISSUER);
    // There is no job yet (E0906), and that is all.
    assert_eq!(editor.codes(&file), ["E0906"]);

    // Line 2 becomes `issuer b { nam = "B"; …`: one letter is taken out.
    editor.change(
        &file,
        json!([{
            "range": { "start": { "line": 2, "character": 14 }, "end": { "line": 2, "character": 15 } },
            "text": "",
        }]),
    );
    let found = editor.findings(&file);
    let unknown = found.iter().find(|f| f["code"] == "E0102").expect("E0102");
    assert_eq!(range(&unknown["range"]), "2:11-2:14");
    assert_eq!(unknown["severity"], 1);
    assert_eq!(unknown["source"], "cardwright");
    assert_eq!(
        unknown["codeDescription"]["href"],
        "cardwright:/codes/E0102.md"
    );
    let message = unknown["message"].as_str().unwrap();
    assert!(message.contains("no `nam`") && message.contains("did you mean `name`?"));
    let page = editor.get(
        "cardwright/text",
        json!({ "uri": "cardwright:/codes/E0102.md" }),
    );
    assert!(page.as_str().unwrap().starts_with("# E0102: "));

    editor.replace(&file, ISSUER);
    assert_eq!(editor.codes(&file), ["E0906"]);
    editor.end();
}

#[test]
fn an_open_document_lies_over_the_disk_for_all_files_of_the_project() {
    let user = "package case\nlet unused = other\n";
    let folder = Folder::with(&[("a.perso", ISSUER), ("b.perso", user)]);
    let (a, b) = (folder.uri("a.perso"), folder.uri("b.perso"));
    let mut editor = Editor::start();
    editor.open(&a, ISSUER);
    // `b.perso` is not open and gets its findings all the same: `other` means nothing.
    let told = editor.findings(&b);
    assert!(!told.is_empty());
    editor.replace(&a, &format!("{ISSUER}let other = \"x\"\n"));
    assert!(!editor.codes(&b).contains(&"E0106".to_owned()));
    // When nobody looks any more, what was said is taken back.
    editor.close(&a);
    assert_eq!(editor.findings(&b), Vec::<Value>::new());
    editor.end();
}

#[test]
fn the_way_of_a_secret_is_shown_step_by_step() {
    let root = aurora();
    let file = uri(&root.join("cards.perso"));
    let text = std::fs::read_to_string(root.join("cards.perso")).unwrap();
    // The PVV on the front of the card: the way goes through `order_pvv` in another file.
    let leak = text.replacen("order.expiry |> \"MM/YY\"", "order_pvv", 1);
    assert_ne!(leak, text);
    let mut editor = Editor::start();
    editor.open(&file, &leak);
    let found = editor.findings(&file);
    let leak = found.iter().find(|f| f["code"] == "E1001").expect("a leak");
    let steps = leak["relatedInformation"].as_array().expect("the way");
    assert!(steps.len() >= 2, "{steps:?}");
    assert!(steps[0]["message"].as_str().unwrap().starts_with("1. "));
    let in_values = steps.iter().any(|s| {
        s["location"]["uri"]
            .as_str()
            .unwrap()
            .ends_with("values.perso")
    });
    assert!(in_values, "{steps:?}");
    editor.end();
}

#[test]
fn places_are_counted_in_utf16_whatever_the_text_holds() {
    // The emoji has two units, the Arabic letters one each, the line ends with CR LF.
    let text = "package case\r\nissuer b { name = \"😀 مرحبا\"; country = 250; curency = 978 }\r\n";
    let folder = Folder::with(&[("a.perso", text)]);
    let file = folder.uri("a.perso");
    let mut editor = Editor::start();
    editor.open(&file, text);
    let found = editor.findings(&file);
    let unknown = found.iter().find(|f| f["code"] == "E0102").expect("E0102");
    // `issuer b { name = "` has 19 units, the text 2 + 1 + 5, `"; country = 250; ` 18: 45.
    assert_eq!(range(&unknown["range"]), "1:45-1:52");
    // An edit between the halves of the emoji goes before it or behind it, and harms nothing.
    editor.change(
        &file,
        json!([{
            "range": { "start": { "line": 1, "character": 20 }, "end": { "line": 1, "character": 20 } },
            "text": "x",
        }]),
    );
    assert!(editor.codes(&file).contains(&"E0102".to_owned()));
    editor.end();
}

#[test]
fn any_text_is_taken() {
    let folder = Folder::with(&[("a.perso", ISSUER)]);
    let file = folder.uri("a.perso");
    let mut editor = Editor::start();
    editor.open(&file, ISSUER);
    let texts = [
        String::new(),
        "\0\0\0".to_owned(),
        "\u{202e}profile\u{2066} x { \u{feff} }".to_owned(),
        "profile \r x \r {".to_owned(),
        "{".repeat(5_000),
        "let a = ".to_owned() + &"(".repeat(31) + "1",
        "\"".repeat(999),
        "let e\u{301} = 1\nlet 名 = 2\n".to_owned(),
    ];
    for text in texts {
        editor.replace(&file, &text);
        for method in [
            "textDocument/documentSymbol",
            "textDocument/foldingRange",
            "textDocument/semanticTokens/full",
        ] {
            editor.get(method, json!({ "textDocument": { "uri": file } }));
        }
        assert!(editor.logged.is_empty(), "{:?}", editor.logged);
    }
    editor.end();
}

#[test]
fn a_file_without_a_project_is_held_against_the_language() {
    let mut editor = Editor::start();
    let file = "untitled:Untitled-1";
    editor.open(file, "package x\nlet a = \n");
    let codes = editor.codes(file);
    assert!(codes.iter().any(|c| c.starts_with("E00")), "{codes:?}");
    assert!(!codes.contains(&"E0110".to_owned()), "{codes:?}");
    editor.end();
}

//! What the tree of one document answers: outline, folding, colours, formatting, selections.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use common::{Editor, Folder, range};
use serde_json::{Value, json};

const TEXT: &str = "\
//! Keys.
//! And more.
package case

use std.emv
use std.profiles.cpa

/// The key.
key imk : tdes2 { use = emv.application_cryptogram }

fn twice(x) = \"{x}{x}\"
card c for o.order {
  face front {
    emboss { line 1 = order.pan |> groups(4) }
  }
}
";

fn opened() -> (Editor, String, Folder) {
    let folder = Folder::with(&[("a.perso", TEXT)]);
    let file = folder.uri("a.perso");
    let mut editor = Editor::start();
    editor.open(&file, TEXT);
    (editor, file, folder)
}

fn about(editor: &mut Editor, method: &str, file: &str) -> Value {
    editor.get(method, json!({ "textDocument": { "uri": file } }))
}

#[test]
fn the_outline_names_declarations_and_blocks() {
    let (mut editor, file, _folder) = opened();
    let outline = about(&mut editor, "textDocument/documentSymbol", &file);
    let names: Vec<&str> = outline
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["imk", "twice(x)", "c"]);
    assert_eq!(outline[0]["detail"], "key");
    assert_eq!(range(&outline[0]["selectionRange"]), "8:4-8:7");
    assert_eq!(range(&outline[0]["range"]), "8:0-8:52");
    assert_eq!(outline[2]["children"][0]["name"], "face front");
    assert_eq!(outline[2]["children"][0]["children"][0]["name"], "emboss");
    let line = &outline[2]["children"][0]["children"][0]["children"][0];
    assert_eq!(line["name"], "line 1");
    editor.end();
}

#[test]
fn declarations_are_found_by_some_of_their_letters() {
    let (mut editor, _file, _folder) = opened();
    let found = editor.get("workspace/symbol", json!({ "query": "TWC" }));
    assert_eq!(found[0]["name"], "twice");
    assert_eq!(found[0]["containerName"], "case");
    assert_eq!(found.as_array().unwrap().len(), 1);
    editor.end();
}

#[test]
fn blocks_comments_and_imports_fold() {
    let (mut editor, file, _folder) = opened();
    let folds = about(&mut editor, "textDocument/foldingRange", &file);
    let lines: Vec<(u64, u64, &str)> = folds
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            let n = |name: &str| f[name].as_u64().unwrap();
            (
                n("startLine"),
                n("endLine"),
                f["kind"].as_str().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            (0, 1, "comment"),
            (4, 5, "imports"),
            (11, 14, ""),
            (12, 13, "")
        ]
    );
    editor.end();
}

/// Colours of one line: column, length, type.
fn colours(answer: &Value, wanted: u64) -> Vec<(u64, u64, u64)> {
    let numbers: Vec<u64> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    let (mut line, mut column) = (0, 0);
    let mut found = Vec::new();
    for token in numbers.chunks(5) {
        if token[0] > 0 {
            column = 0;
        }
        line += token[0];
        column += token[1];
        if line == wanted {
            found.push((column, token[2], token[3]));
        }
    }
    found
}

#[test]
fn words_have_the_colour_of_what_they_are() {
    let (mut editor, file, _folder) = opened();
    let answer = about(&mut editor, "textDocument/semanticTokens/full", &file);
    // The legend: 0 comment, 1 class, 3 function, 4 keyword, 7 parameter, 8 property, 9 string,
    // 10 type, 11 variable.
    assert_eq!(
        colours(&answer, 8),
        // `key imk : tdes2 { use = emv.application_cryptogram }`
        [
            (0, 3, 4),
            (4, 3, 1),
            (10, 5, 10),
            (18, 3, 8),
            (24, 3, 11),
            (28, 22, 8)
        ]
    );
    assert_eq!(
        colours(&answer, 13),
        // `    emboss { line 1 = order.pan |> groups(4) }`
        [
            (4, 6, 8),
            (13, 4, 8),
            (18, 1, 5),
            (22, 5, 11),
            (28, 3, 8),
            (32, 2, 6),
            (35, 6, 3),
            (42, 1, 5)
        ]
    );
    editor.end();
}

#[test]
fn formatting_changes_only_the_lines_that_differ() {
    let (mut editor, file, _folder) = opened();
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let params = json!({ "textDocument": { "uri": file }, "options": options });
    let none = editor.get("textDocument/formatting", params.clone());
    assert_eq!(none, json!([]));
    let crooked = TEXT.replace("  face front {", "face   front {");
    editor.replace(&file, &crooked);
    let edits = editor.get("textDocument/formatting", params);
    assert_eq!(edits.as_array().unwrap().len(), 1);
    assert_eq!(range(&edits[0]["range"]), "12:0-13:0");
    assert_eq!(edits[0]["newText"], "  face front {\n");
    editor.end();
}

#[test]
fn selections_grow_from_the_word_to_the_file() {
    let (mut editor, file, _folder) = opened();
    let params = json!({
        "textDocument": { "uri": file },
        "positions": [{ "line": 13, "character": 29 }],
    });
    let answer = editor.get("textDocument/selectionRange", params);
    let mut chain = Vec::new();
    let mut at = &answer[0];
    while at.is_object() {
        chain.push(range(&at["range"]));
        at = &at["parent"];
    }
    // `pan`, `order.pan`, `order.pan |> groups(4)`, the entry, its block, …, the file.
    assert_eq!(
        chain[..4],
        ["13:28-13:31", "13:22-13:31", "13:22-13:44", "13:13-13:44"]
    );
    assert_eq!(chain.last().unwrap(), "0:0-16:0");
    editor.end();
}

//! What no editor should say, and some do: places that are not there, documents that nobody
//! opened, cancelled requests, large texts, random deletions. All is answered, nothing ends.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use common::{Editor, aurora_sources};
use serde_json::{Value, json};

/// Requests about a place.
const PLACES: [&str; 7] = [
    "textDocument/hover",
    "textDocument/completion",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/prepareRename",
    "textDocument/rename",
];
/// Requests about a whole document.
const WHOLE: [&str; 4] = [
    "textDocument/documentSymbol",
    "textDocument/foldingRange",
    "textDocument/semanticTokens/full",
    "textDocument/formatting",
];

fn params(uri: &str, line: u32, character: u32) -> Value {
    let at = json!({ "line": line, "character": character });
    json!({
        "textDocument": { "uri": uri },
        "position": at,
        "positions": [at],
        "range": { "start": at, "end": at },
        "context": { "diagnostics": [] },
        "options": { "tabSize": 2, "insertSpaces": true },
        "newName": "other",
    })
}

/// Asks everything about a place; answers and refusals are both fine, silence is not.
fn ask_all(editor: &mut Editor, uri: &str, line: u32, character: u32) {
    let more = [
        "textDocument/codeAction",
        "textDocument/inlayHint",
        "textDocument/selectionRange",
    ];
    for method in PLACES.iter().chain(&WHOLE).chain(&more) {
        let answer = editor.ask(method, params(uri, line, character));
        // -32603: an internal error, which is a bug of ours.
        assert!(
            answer.is_ok() || answer.is_err_and(|e| e.code != -32603),
            "{method}"
        );
    }
    assert!(editor.logged.is_empty(), "{:?}", editor.logged);
}

#[test]
fn documents_that_nobody_opened_are_refused() {
    let mut editor = Editor::start();
    for uri in [
        "file:///nowhere/a.perso",
        "untitled:b",
        "cardwright:/std/none.perso",
    ] {
        for method in PLACES.iter().chain(&WHOLE) {
            let refusal = editor.ask(method, params(uri, 0, 0)).expect_err("refused");
            assert_eq!(refusal.code, -32602, "{method}");
        }
        editor.change(uri, json!([{ "text": "let a = 1" }]));
        editor.close(uri);
    }
    assert!(
        editor
            .ask("textDocument/hover", json!({ "no": 1 }))
            .is_err()
    );
    assert!(editor.ask("no/such/method", Value::Null).is_err());
    editor.say("$/cancelRequest", json!({ "id": 1 }));
    editor.say("$/cancelRequest", json!("nonsense"));
    editor.say("no/such/notification", Value::Null);
    editor.settle();
    assert_eq!(editor.end(), 0);
}

#[test]
fn places_that_are_not_there() {
    let mut editor = Editor::start();
    // CRLF, characters of two UTF-16 units, of right-to-left scripts, that join, and none at all.
    let texts = [
        "let a = \"😀\"\r\nprofile p : a {\r\n  label = \"نور\"\r\n}\r\n",
        "let a = \"e\u{301}\u{200D}👩‍🚀\"\nlet b = a",
        "",
        "\r",
        "\u{FEFF}let a = 1",
        "profile",
    ];
    for (n, text) in texts.iter().enumerate() {
        let uri = format!("untitled:edge-{n}");
        editor.open(&uri, text);
        for (line, character) in [
            (0, 9),
            (0, 10),
            (0, 11),
            (1, 3),
            (0, u32::MAX),
            (u32::MAX, 0),
            (u32::MAX, u32::MAX),
        ] {
            ask_all(&mut editor, &uri, line, character);
        }
        // An edit beyond the end, one that begins behind its end, one inside a surrogate pair.
        for (from, to) in [((99, 99), (99, 99)), ((0, 5), (0, 2)), ((0, 10), (0, 10))] {
            let at =
                |(line, character): (u32, u32)| json!({ "line": line, "character": character });
            let range = json!({ "start": at(from), "end": at(to) });
            editor.change(&uri, json!([{ "range": range, "text": "x" }]));
            ask_all(&mut editor, &uri, 0, 10);
        }
    }
    assert_eq!(editor.end(), 0);
}

#[test]
fn random_deletions_are_answered() {
    let mut editor = Editor::start();
    let (_, text) = aurora_sources()
        .into_iter()
        .max_by_key(|(_, t)| t.len())
        .expect("a source");
    let uri = "untitled:shrinking";
    // A linear congruential generator (Numerical Recipes): the same deletions each time.
    let mut state = 1_u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 8).unwrap() % below.max(1)
    };
    editor.open(uri, &text);
    let mut left: Vec<char> = text.chars().collect();
    while left.len() > 40 {
        let start = next(left.len());
        let end = (start + 1 + next(left.len() / 8)).min(left.len());
        left.drain(start..end);
        let now: String = left.iter().collect();
        editor.replace(uri, &now);
        let line = u32::try_from(next(now.lines().count())).unwrap();
        ask_all(&mut editor, uri, line, 4);
    }
    assert_eq!(editor.end(), 0);
}

#[test]
fn large_texts_are_refused_and_nothing_ends() {
    let mut editor = Editor::start();
    let uri = "untitled:large";
    editor.open(uri, "let a = 1\n");
    // Beyond what a source may have, and beyond what a document may have.
    for octets in [300 << 10, 17 << 20] {
        editor.replace(uri, &" ".repeat(octets));
        ask_all(&mut editor, uri, 0, 7);
    }
    editor.replace(uri, "isuer a {}\n");
    assert!(editor.codes(uri).contains(&"E0101".to_owned()));
    assert_eq!(editor.end(), 0);
}

#[test]
fn before_and_after_the_session_nothing_is_answered() {
    let mut editor = Editor::bare();
    let early = editor.ask("textDocument/hover", params("untitled:a", 0, 0));
    assert_eq!(early.expect_err("refused").code, -32002);
    editor.open("untitled:a", "let");
    editor
        .ask("initialize", json!({ "capabilities": {} }))
        .expect("it starts");
    editor.ask("shutdown", Value::Null).expect("it ends");
    assert!(
        editor
            .ask("textDocument/hover", params("untitled:a", 0, 0))
            .is_err()
    );
    editor.say("exit", Value::Null);
    assert!(editor.connection_ended_with(0));
}

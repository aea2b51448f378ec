//! Half-written files: a file with all kinds and the example's main file are typed character by
//! character, with a question after each; all other sources of the example are cut at many places
//! and asked everything there. Nothing ends the server.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use common::{Editor, Folder, aurora_sources};
use serde_json::json;

/// Every so many characters a file is cut: by itself, and as part of its project, and parsed only.
/// `EVERY_PREFIX=1` cuts at every character.
const STEPS: (usize, usize, usize) = (61, 307, 13);

fn step(usual: usize) -> usize {
    if std::env::var_os("EVERY_PREFIX").is_some() {
        1
    } else {
        usual
    }
}

/// All prefixes of a text, by characters.
fn prefixes(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.map(|end| &text[..end])
}

/// Asks everything at the end of a document.
fn ask_all(editor: &mut Editor, file: &str, text: &str) {
    let line = text.matches('\n').count();
    let column = text
        .rsplit('\n')
        .next()
        .unwrap_or("")
        .encode_utf16()
        .count();
    let place = (u32::try_from(line).unwrap(), u32::try_from(column).unwrap());
    let document = json!({ "uri": file });
    for method in [
        "completion",
        "hover",
        "definition",
        "references",
        "documentHighlight",
    ] {
        editor.at(&format!("textDocument/{method}"), file, place);
    }
    for method in ["documentSymbol", "foldingRange", "semanticTokens/full"] {
        let params = json!({ "textDocument": document });
        editor.get(&format!("textDocument/{method}"), params);
    }
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let params = json!({ "textDocument": document, "options": options });
    editor.get("textDocument/formatting", params);
}

/// A source with something of every kind of declaration that the vocabulary has at its top.
const ALL_KINDS: &str = include_str!("all_kinds.perso");

/// Questions about a whole document, or about its end; one of them at each prefix, in turn.
const QUESTIONS: [&str; 9] = [
    "completion",
    "documentSymbol",
    "hover",
    "semanticTokens/full",
    "definition",
    "foldingRange",
    "references",
    "formatting",
    "documentHighlight",
];

/// Types a text character by character, as an editor sends it, and asks something after each.
fn typed(editor: &mut Editor, file: &str, text: &str) {
    editor.open(file, "");
    let (mut line, mut column) = (0, 0);
    for (n, c) in text.chars().enumerate() {
        editor.insert(file, (line, column), &c.to_string());
        if c == '\n' {
            (line, column) = (line + 1, 0);
        } else {
            column += u32::try_from(c.len_utf16()).unwrap();
        }
        let question = QUESTIONS[n % QUESTIONS.len()];
        let method = format!("textDocument/{question}");
        match question {
            "documentSymbol" | "semanticTokens/full" | "foldingRange" => {
                editor.get(&method, json!({ "textDocument": { "uri": file } }));
            }
            "formatting" => {
                let options = json!({ "tabSize": 2, "insertSpaces": true });
                let params = json!({ "textDocument": { "uri": file }, "options": options });
                editor.get(&method, params);
            }
            _ => {
                editor.at(&method, file, (line, column));
            }
        }
        assert!(
            editor.logged.is_empty(),
            "after {n} characters: {:?}",
            editor.logged
        );
    }
    // What was typed is what an editor that opens the file at once is told.
    let typed = editor.told.get(file).cloned();
    editor.close(file);
    editor.open(file, text);
    editor.settle();
    assert_eq!(editor.told.get(file).cloned(), typed);
    editor.close(file);
}

#[test]
fn all_kinds_are_in_the_file_that_is_typed() {
    let parsed = cardwright_dsl::parse(ALL_KINDS);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    for kind in cardwright_vocabulary::top_kinds() {
        let begins = |line: &str| line.split_whitespace().next() == Some(kind.name);
        assert!(ALL_KINDS.lines().any(begins), "{}", kind.name);
    }
}

/// Every prefix of a file with all kinds, and of the example's main file.
#[test]
fn every_prefix_is_typed_and_answered() {
    let mut editor = Editor::start();
    typed(&mut editor, "untitled:kinds.perso", ALL_KINDS);
    let sources = aurora_sources();
    let main = sources.iter().find(|(name, _)| name == "bank.perso");
    let (name, text) = main.expect("the main file");
    typed(&mut editor, &format!("untitled:{name}"), text);
    assert_eq!(editor.end(), 0);
}

#[test]
fn half_written_sources_lose_no_character() {
    for (name, text) in aurora_sources() {
        for prefix in prefixes(&text).step_by(step(STEPS.2)) {
            let parsed = cardwright_dsl::parse(prefix);
            assert_eq!(parsed.tree.text(), prefix, "{name}");
        }
    }
}

#[test]
fn questions_are_answered_in_half_written_files() {
    let mut editor = Editor::start();
    let step = step(STEPS.0);
    for (n, (name, text)) in aurora_sources().iter().enumerate() {
        // Without a project: the language alone, so that many characters can be afforded.
        let file = format!("untitled:{name}");
        editor.open(&file, "");
        for prefix in prefixes(text).skip(n % step).step_by(step) {
            editor.replace(&file, prefix);
            ask_all(&mut editor, &file, prefix);
            assert!(editor.logged.is_empty(), "{name} at {}", prefix.len());
        }
        editor.close(&file);
    }
    assert_eq!(editor.end(), 0);
}

#[test]
fn questions_are_answered_in_half_written_files_of_a_project() {
    let sources = aurora_sources();
    let files: Vec<(&str, &str)> = sources
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    let folder = Folder::with(&files);
    let step = step(STEPS.1);
    let mut editor = Editor::start();
    for (n, (name, text)) in sources.iter().enumerate() {
        let file = folder.uri(name);
        editor.open(&file, text);
        for prefix in prefixes(text).skip(n % step).step_by(step) {
            editor.replace(&file, prefix);
            ask_all(&mut editor, &file, prefix);
            assert!(editor.logged.is_empty(), "{name} at {}", prefix.len());
        }
        editor.close(&file);
    }
    assert_eq!(editor.end(), 0);
}

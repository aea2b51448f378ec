//! What lies in `editors/`: the grammar is what the vocabulary gives, and colours the examples as
//! the parser reads them.
//!
//! The grammar is walked by a small engine of ours; what that gives for one source is compared with
//! the record of vscode-textmate 9.3 and vscode-oniguruma 2.0, the engine of the editor itself
//! (`node editors/vscode/test/grammar.mjs --write` makes it anew).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod common;

use cardwright_dsl::{Kind, parse};
use common::textmate::{Grammar, Token};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn grammar_file() -> PathBuf {
    here().join("editors/vscode/syntaxes/perso.tmLanguage.json")
}

/// Every source that ships: name and text.
fn sources() -> Vec<(String, String)> {
    let root = here().join("../..");
    let mut found = Vec::new();
    for top in [
        "examples",
        "profiles",
        "layouts",
        "tests/cases/codes/shared",
    ] {
        collect(&root.join(top), &mut found);
    }
    found.sort();
    assert!(found.len() > 20, "the sources were found");
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "perso") {
            let text = std::fs::read_to_string(&path).expect("a text");
            found.push((path.display().to_string(), text.replace("\r\n", "\n")));
        }
    }
}

#[test]
fn the_grammar_is_what_the_vocabulary_gives() {
    let made = cardwright_lsp::textmate_grammar();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(grammar_file(), &made).expect("written");
    }
    let kept = std::fs::read_to_string(grammar_file()).unwrap_or_default();
    assert!(
        kept.replace("\r\n", "\n") == made,
        "the grammar is old: run `UPDATE=1 cargo test -p cardwright-lsp --test editors`"
    );
}

/// A line for each token: place and innermost scope.
fn record(grammar: &Grammar, text: &str) -> String {
    let mut out = String::new();
    for (n, line) in grammar.lines(text).iter().enumerate() {
        for Token { start, end, scope } in line {
            let _ = writeln!(out, "{}:{start}-{end} {scope}", n + 1);
        }
    }
    out
}

#[test]
fn our_walk_is_that_of_the_editors_engine() {
    let grammar = Grammar::new(&cardwright_lsp::textmate_grammar());
    let text = include_str!("grammar/sample.perso").replace("\r\n", "\n");
    let path = here().join("tests/grammar/sample.scopes");
    let wanted = std::fs::read_to_string(path).expect("the record");
    let found = record(&grammar, &text);
    let differs = wanted.lines().zip(found.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None, "theirs and ours");
    assert_eq!(wanted.lines().count(), found.lines().count());
}

/// What a token is, as roughly as a grammar without a parser can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Clause,
    Comment,
    Keyword,
    Number,
    Operator,
    Punctuation,
    Tag,
    Text,
    Unit,
    Word,
}

fn class_of_scope(scope: &str) -> Option<Class> {
    const STARTS: [(&str, Class); 16] = [
        ("comment", Class::Comment),
        ("constant.character", Class::Text),
        ("constant.numeric", Class::Number),
        ("constant.other.tag", Class::Tag),
        ("entity.", Class::Word),
        ("keyword.control", Class::Keyword),
        ("keyword.operator", Class::Operator),
        ("keyword.other.clause", Class::Clause),
        ("keyword.other.unit", Class::Unit),
        ("punctuation", Class::Punctuation),
        ("storage", Class::Word),
        ("string", Class::Text),
        ("support", Class::Word),
        ("variable", Class::Word),
        ("constant.language", Class::Word),
        ("meta.embedded", Class::Punctuation),
    ];
    let mut all = STARTS.iter();
    all.find(|(start, _)| scope.starts_with(start))
        .map(|(_, class)| *class)
}

fn class_of_leaf(kind: Kind, text: &str) -> Option<Class> {
    Some(match kind {
        Kind::Whitespace | Kind::Newline | Kind::File => return None,
        Kind::Comment | Kind::DocComment | Kind::FileDoc => Class::Comment,
        Kind::Segment | Kind::ArgumentName => Class::Word,
        Kind::ClauseKeyword => Class::Clause,
        Kind::Keyword => Class::Keyword,
        Kind::Operator | Kind::PrefixOperator if ["and", "or", "not"].contains(&text) => {
            Class::Keyword
        }
        Kind::Operator | Kind::PrefixOperator | Kind::Equals | Kind::Spread => Class::Operator,
        Kind::Number | Kind::Magnitude | Kind::Hex => Class::Number,
        Kind::Unit => Class::Unit,
        Kind::Tag => Class::Tag,
        Kind::Quote | Kind::TextChars | Kind::Escape => Class::Text,
        _ => Class::Punctuation,
    })
}

#[test]
fn the_grammar_sees_what_the_parser_sees() {
    let grammar = Grammar::new(&cardwright_lsp::textmate_grammar());
    let mut differing = String::new();
    for (name, text) in sources() {
        let lines = grammar.lines(&text);
        let starts: Vec<usize> = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        parse(&text).tree.root().walk(&mut |node| {
            let Some(wanted) = class_of_leaf(node.kind(), node.text()).filter(|_| node.is_leaf())
            else {
                return;
            };
            if node.range().is_empty() {
                return;
            }
            let at = node.range().start;
            let line = starts.partition_point(|start| *start <= at) - 1;
            let column = at - starts[line];
            let token = lines[line]
                .iter()
                .find(|t| t.start <= column && column < t.end);
            let scope = token.map_or("", |t| t.scope.as_str());
            let found = class_of_scope(scope);
            // The dots of imported names and of names of functions are parts of them.
            let dotted = ["entity.name.namespace", "support.function"];
            let dot = node.kind() == Kind::Dot && dotted.iter().any(|d| scope.starts_with(d));
            // `else` is a word of expressions and of clauses.
            let either = node.text() == "else" && found == Some(Class::Keyword);
            if found != Some(wanted) && !dot && !either {
                let _ = writeln!(
                    differing,
                    "{name}:{}: `{}` is {wanted:?}, coloured as {scope:?}",
                    line + 1,
                    node.text()
                );
            }
        });
    }
    assert!(differing.is_empty(), "{differing}");
}

#[test]
fn every_pattern_names_what_is_there() {
    let grammar: Value = serde_json::from_str(&cardwright_lsp::textmate_grammar()).expect("JSON");
    let repository = grammar["repository"].as_object().expect("named patterns");
    let text = grammar.to_string();
    for (at, _) in text.match_indices("\"include\":\"#") {
        let rest = &text[at + 12..];
        let name = &rest[..rest.find('"').expect("an end")];
        assert!(repository.contains_key(name), "{name}");
    }
}

#[test]
fn the_extension_names_files_that_are_there() {
    let folder = here().join("editors/vscode");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the file");
    let package: Value = serde_json::from_str(&read("package.json")).expect("JSON");
    let _: Value = serde_json::from_str(&read("language-configuration.json")).expect("JSON");
    let language = &package["contributes"]["languages"][0];
    let grammar = &package["contributes"]["grammars"][0];
    for path in [
        &package["main"],
        &language["configuration"],
        &grammar["path"],
    ] {
        let path = path.as_str().expect("a path");
        assert!(folder.join(path).is_file(), "{path}");
    }
    assert_eq!(language["extensions"][0], ".perso");
    assert_eq!(grammar["scopeName"], "source.perso");
    assert_eq!(package["license"], "Apache-2.0");
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    assert!(read("extension.js").contains("\"lsp\""));
    assert!(read("LICENSE").contains("Apache License"));
}

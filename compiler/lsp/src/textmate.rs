//! The TextMate grammar: colours for editors before, or without, the server. It is made from the
//! vocabulary's tables, so that a new kind, function or flag is coloured without anybody's hand.
//!
//! `editors/vscode/syntaxes/perso.tmLanguage.json` is this value as text; a test holds it.

use cardwright_dsl::words::{CLAUSE_KEYWORDS, EXPRESSION_KEYWORDS, FILE_KEYWORDS, UNITS};
use cardwright_vocabulary::{
    Attribute, CVM_CODES, CVM_CONDITIONS, FUNCTIONS, Is, KEY_ALGORITHMS, KINDS, Piece, QUIRKS,
    SERVICE_CODE_WORDS, Shape, Want, bit_fields, pieces, top_kinds,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The grammar as the file's text.
#[must_use]
pub fn textmate_grammar() -> String {
    let mut text = serde_json::to_string_pretty(&grammar()).unwrap_or_default();
    text.push('\n');
    text
}

fn grammar() -> Value {
    json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "comment": "Made from the vocabulary; see compiler/lsp/src/textmate.rs.",
        "name": "Cardwright",
        "scopeName": "source.perso",
        "fileTypes": ["perso"],
        "patterns": [
            { "include": "#comments" },
            { "include": "#files" },
            { "include": "#declarations" },
            { "include": "#expressions" },
        ],
        "repository": {
            "comments": comments(),
            "files": files(),
            "declarations": declarations(),
            "heads": heads(),
            "block": {
                "begin": "\\{",
                "end": "\\}",
                "beginCaptures": { "0": { "name": "punctuation.section.block.begin.perso" } },
                "endCaptures": { "0": { "name": "punctuation.section.block.end.perso" } },
                "patterns": [
                    { "include": "#comments" },
                    { "include": "#heads" },
                    { "include": "#expressions" },
                ],
            },
            "list": bracketed("\\[", "\\]", "brackets"),
            "group": bracketed("\\(", "\\)", "parens"),
            "expressions": { "patterns": expressions() },
            "text": text(),
        },
    })
}

fn comments() -> Value {
    json!({ "patterns": [
        { "match": "///(?!/).*$", "name": "comment.line.documentation.perso" },
        { "match": "//!.*$", "name": "comment.line.documentation.perso" },
        { "match": "//.*$", "name": "comment.line.double-slash.perso" },
    ] })
}

/// `package a.b`, `use a.b`.
fn files() -> Value {
    json!({
        "match": format!("^\\s*({})\\s+([A-Za-z_][A-Za-z0-9_]*(?:\\.[A-Za-z_][A-Za-z0-9_]*)*)", alternatives(FILE_KEYWORDS)),
        "captures": {
            "1": { "name": "keyword.control.import.perso" },
            "2": { "name": "entity.name.namespace.perso" },
        },
    })
}

/// The kind and the name that a declaration begins with. A block's own entries are no declarations:
/// inside blocks this is not looked for.
fn declarations() -> Value {
    let kinds: Vec<&str> = top_kinds().map(|k| k.name).collect();
    json!({ "patterns": [
        {
            "match": "^(fn)\\s+([A-Za-z_][A-Za-z0-9_]*)(?=\\s*\\()",
            "captures": {
                "1": { "name": "storage.type.perso" },
                "2": { "name": "entity.name.function.perso" },
            },
        },
        {
            "match": format!("^({})\\b(?:\\s+([A-Za-z_][A-Za-z0-9_]*))?", alternatives(&kinds)),
            "captures": {
                "1": { "name": "storage.type.perso" },
                "2": { "name": "entity.name.type.perso" },
            },
        },
    ] })
}

/// The first word of an entry: at the beginning of a line, behind a brace or a semicolon.
fn heads() -> Value {
    let known = attribute_words();
    let known: Vec<&str> = known.iter().copied().collect();
    let start = "(?:^\\s*|(?<=[{;])\\s*)";
    let reserved: Vec<&str> = EXPRESSION_KEYWORDS.to_vec();
    json!({ "patterns": [
        {
            "match": format!("{start}({})\\b(?![.(])", alternatives(&known)),
            "captures": { "1": { "name": "support.type.property-name.perso" } },
        },
        {
            "match": format!("{start}(?!(?:{})\\b)([A-Za-z_][A-Za-z0-9_]*)\\b(?![.(\"])", alternatives(&reserved)),
            "captures": { "1": { "name": "variable.other.property.perso" } },
        },
    ] })
}

fn bracketed(open: &str, close: &str, what: &str) -> Value {
    json!({
        "begin": open,
        "end": close,
        "beginCaptures": { "0": { "name": format!("punctuation.section.{what}.begin.perso") } },
        "endCaptures": { "0": { "name": format!("punctuation.section.{what}.end.perso") } },
        "patterns": [
            { "include": "#comments" },
            {
                "match": "([A-Za-z_][A-Za-z0-9_]*)\\s*(:)",
                "captures": {
                    "1": { "name": "variable.parameter.perso" },
                    "2": { "name": "punctuation.separator.perso" },
                },
            },
            { "include": "#expressions" },
        ],
    })
}

fn expressions() -> Value {
    let functions: Vec<&str> = FUNCTIONS.iter().map(|f| f.name).collect();
    let constants = constant_words();
    let constants: Vec<&str> = constants.iter().copied().collect();
    let algorithms: Vec<&str> = KEY_ALGORITHMS.iter().map(|row| row.0).collect();
    let unit = "(?!\\.[A-Za-z_]|[(\\[\"])";
    json!([
        { "match": "x\"[0-9A-Fa-f ]*\"", "name": "constant.numeric.hex.perso" },
        { "include": "#text" },
        { "match": "#(?:[0-9A-Fa-f]{2})+\\b", "name": "constant.other.tag.perso" },
        { "match": "#\\w*", "name": "invalid.illegal.tag.perso" },
        {
            "match": format!("\\b(?!0x)([0-9]+(?:\\.[0-9]+)?)[ \\t]*((?:{}|[A-Z]{{3}})\\b){unit}", alternatives(UNITS)),
            "captures": {
                "1": { "name": "constant.numeric.perso" },
                "2": { "name": "keyword.other.unit.perso" },
            },
        },
        { "match": "\\b(?:0x[0-9A-Fa-f]+|[0-9]+(?:\\.[0-9]+)?)\\b", "name": "constant.numeric.perso" },
        { "match": format!("\\b(?:{})\\b", alternatives(EXPRESSION_KEYWORDS)), "name": "keyword.control.perso" },
        // A clause stands behind something on its line; as the name of an argument it has a colon.
        { "match": format!("(?<=[ \\t])(?:{})\\b(?![.(]|\\s*[:=])", alternatives(CLAUSE_KEYWORDS)), "name": "keyword.other.clause.perso" },
        { "match": "\\b(?:true|false)\\b", "name": "constant.language.perso" },
        {
            "match": "\\b(required|default|final)\\s+(?=[A-Za-z_#\"])",
            "captures": { "1": { "name": "storage.modifier.perso" } },
        },
        { "match": format!("\\b(?:{})(?=\\()", alternatives(&functions)), "name": "support.function.perso" },
        { "match": "\\b[A-Za-z_][A-Za-z0-9_]*(?=\\()", "name": "entity.name.function.perso" },
        { "match": format!("(?<!\\.)\\b(?:{})\\b(?!\\.)", alternatives(&algorithms)), "name": "storage.type.key.perso" },
        { "match": format!("(?<!\\.)\\b(?:{})\\b(?!\\.)", alternatives(&constants)), "name": "support.constant.perso" },
        { "match": "\\b[A-Za-z_][A-Za-z0-9_]*", "name": "variable.other.perso" },
        { "match": "\\.\\.\\.", "name": "keyword.operator.spread.perso" },
        { "match": "\\|>|==|!=|<=|>=|<|>|\\+|-|\\.\\.", "name": "keyword.operator.perso" },
        { "match": "=", "name": "keyword.operator.assignment.perso" },
        { "match": "[:;,.]", "name": "punctuation.separator.perso" },
        { "include": "#block" },
        { "include": "#list" },
        { "include": "#group" },
    ])
}

fn text() -> Value {
    json!({
        "begin": "\"",
        "end": "\"|$",
        "name": "string.quoted.double.perso",
        "patterns": [
            { "match": "\\\\(?:[\"\\\\n{}]|u\\{[0-9A-Fa-f]{1,6}\\})", "name": "constant.character.escape.perso" },
            { "match": "\\\\.", "name": "invalid.illegal.escape.perso" },
            {
                "begin": "\\{",
                "end": "\\}|(?=\")|$",
                "name": "meta.embedded.perso",
                "contentName": "source.perso",
                "beginCaptures": { "0": { "name": "punctuation.section.embedded.begin.perso" } },
                "endCaptures": { "0": { "name": "punctuation.section.embedded.end.perso" } },
                "patterns": [{ "include": "#expressions" }],
            },
        ],
    })
}

/// Words that rows of any block begin with.
fn attribute_words() -> BTreeSet<&'static str> {
    let rows = KINDS.iter().flat_map(|kind| kind.attributes);
    rows.filter_map(|row| match pieces(row.pattern).into_iter().next()? {
        Piece::Word(word) => Some(word),
        _ => None,
    })
    .collect()
}

/// Words that the tables give a meaning of their own: flags, choices, methods and conditions.
fn constant_words() -> BTreeSet<&'static str> {
    let mut found: BTreeSet<&'static str> = BTreeSet::new();
    let flags = bit_fields().flat_map(|field| field.rows.iter().map(|row| row.word));
    found.extend(flags);
    found.extend(CVM_CODES.iter().chain(CVM_CONDITIONS).map(|row| row.word));
    found.extend(SERVICE_CODE_WORDS.iter().map(|row| row.word));
    found.extend(QUIRKS.iter().map(|row| row.name));
    for row in KINDS.iter().flat_map(|kind| kind.attributes) {
        found.extend(choices(row));
    }
    // What the language itself has a use for keeps it.
    found.retain(|word| {
        let reserved = CLAUSE_KEYWORDS.iter().chain(EXPRESSION_KEYWORDS);
        !reserved.chain(FILE_KEYWORDS).any(|r| r == word)
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    found
}

fn choices(row: &Attribute) -> Vec<&'static str> {
    let of = |is: Is| match is {
        Is::Call(words) | Is::Word(words) | Is::WordList(words) => words.to_vec(),
        Is::Expr(Want::Choice(words), _) => words.iter().map(|(word, _)| *word).collect(),
        _ => Vec::new(),
    };
    let mut found = match row.shape {
        Shape::Value(is) | Shape::ValueAndBlock(is, _) => of(is),
        _ => Vec::new(),
    };
    found.extend(row.clauses.iter().flat_map(|clause| of(clause.takes)));
    for piece in pieces(row.pattern) {
        match piece {
            Piece::OneOf(words) => found.extend(words),
            Piece::Perhaps(word) => found.push(word),
            _ => {}
        }
    }
    found
}

/// Words as a pattern, longer ones first, so that none is taken for the beginning of another.
fn alternatives(words: &[&str]) -> String {
    let mut words: Vec<&str> = words.to_vec();
    words.sort_by_key(|word| (std::cmp::Reverse(word.len()), *word));
    words.join("|").replace('.', "\\.")
}

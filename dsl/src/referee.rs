//! Holds the matcher against pest itself: both have the same grammar, and must find the same nodes
//! in every text.
#![allow(clippy::unwrap_used)] // a test may fail by a panic

use crate::matcher::tokens;
use pest::Parser;
use pest::iterators::Pair;
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

#[derive(pest_derive::Parser)]
#[grammar = "grammar.pest"]
struct Pest;

/// Names and places of all nodes, parents first, each with its depth.
type Found = Vec<(String, usize, usize, usize)>;

fn by_pest(text: &str) -> Found {
    let mut found = Vec::new();
    for pair in Pest::parse(Rule::file, text).unwrap() {
        note(pair, 0, &mut found);
    }
    found
}

fn note(pair: Pair<'_, Rule>, depth: usize, found: &mut Found) {
    let (rule, span) = (pair.as_rule(), pair.as_span());
    // The end of the text is a node for pest.
    if rule != Rule::EOI {
        found.push((format!("{rule:?}"), depth, span.start(), span.end()));
    }
    for inner in pair.into_inner() {
        note(inner, depth + 1, found);
    }
}

fn by_us(text: &str) -> Found {
    let mut ends: Vec<u32> = Vec::new();
    let tokens = tokens(text).into_iter().zip(0_u32..);
    let found = tokens.map(|(token, at)| {
        while ends.last().is_some_and(|behind| *behind <= at) {
            ends.pop();
        }
        let depth = ends.len();
        ends.push(token.behind);
        let (start, end) = (token.start as usize, token.end as usize);
        (format!("{:?}", token.rule), depth, start, end)
    });
    found.collect()
}

fn agree(text: &str) {
    // Deeper than the language allows, pest does not go.
    if crate::scan::scan(text).too_deep.is_none() {
        assert_eq!(by_us(text), by_pest(text), "{text:?}");
    }
}

/// All sources of the project: examples, packages, cases.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "perso" || e == "pp") {
            found.extend(std::fs::read_to_string(path));
        }
    }
}

static ALL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    sources(&root, &mut found);
    assert!(found.len() > 100, "the sources lie beside the crate");
    found.sort();
    found
});

#[test]
fn all_sources_of_the_project_have_the_same_nodes() {
    ALL.iter().for_each(|text| agree(text));
}

#[test]
fn sources_that_break_off_have_the_same_nodes() {
    // Each breaks off at another place of its last lines.
    for (text, n) in ALL.iter().zip(0..) {
        let ends = (0..=text.len()).rev().skip(n % 89).step_by(89).take(12);
        let ends = ends.filter_map(|end| text.get(..end));
        ends.for_each(|text| agree(text.get(text.len().saturating_sub(1_500)..).unwrap_or(text)));
    }
}

/// Words and signs of the language, and what is neither.
const PIECES: &[&str] = &[
    "package",
    "use",
    "if",
    "then",
    "else",
    "and",
    "or",
    "not",
    "when",
    "for",
    "as",
    "with",
    "a",
    "label",
    "x\"A0 00\"",
    "x\"A\"",
    "\"text\"",
    "\"{a}\"",
    "\"\\n",
    "\"{",
    "\"",
    "#9F0D",
    "#9",
    "12",
    "0x1F",
    "1.5",
    "3 mm",
    "12ab",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    ";",
    "=",
    "==",
    "|>",
    "!=",
    "<=",
    "<",
    "+",
    "-",
    "..",
    "...",
    ".",
    "\\",
    "// c\n",
    "/// d\n",
    "//! e\n",
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "\u{FEFF}",
    "\r",
    "é",
    "玲",
    "\u{1F600}",
    "@",
    "?",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn texts_of_words_and_signs_have_the_same_nodes(
        pieces in prop::collection::vec((prop::sample::select(PIECES), any::<bool>()), 0..40)
    ) {
        let mut text = String::new();
        for (piece, space) in pieces {
            text.push_str(piece);
            text.push_str(if space { " " } else { "" });
        }
        agree(&text);
    }

    #[test]
    fn any_texts_have_the_same_nodes(text in "\\PC{0,60}") {
        agree(&text);
    }

    #[test]
    fn changed_sources_have_the_same_nodes(
        which in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        length in 0_usize..6,
        piece in prop::sample::select(PIECES),
    ) {
        let characters: Vec<char> = which.get(&ALL).chars().collect();
        let from = from.index(characters.len() + 1);
        let start = from.saturating_sub(500);
        let before: String = characters.iter().skip(start).take(from - start).collect();
        let behind: String = characters.iter().skip(from + length).take(500).collect();
        agree(&format!("{before}{piece}{behind}"));
    }
}

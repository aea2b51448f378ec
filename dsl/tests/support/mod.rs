//! What the tests of the language share: case folders, rendered errors, random sources.
#![allow(dead_code)] // each test binary uses its own part

use cardwright_dsl::{Parsed, parse};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders under `tests/cases/<phase>`, by name.
pub(crate) fn case_folders(phase: &str) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/cases")
        .join(phase);
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("in.perso").exists())
        .collect();
    folders.sort();
    folders
}

/// The source of every case of every phase that this crate knows.
pub(crate) fn sources() -> Vec<String> {
    let folders = case_folders("parse")
        .into_iter()
        .chain(case_folders("format"));
    folders
        .map(|folder| fs::read_to_string(folder.join("in.perso")).unwrap())
        .collect()
}

/// Sources that ship: examples, profiles, layouts, templates of new projects.
pub(crate) fn shipped() -> Vec<String> {
    let sources = shipped_files();
    let sources = sources.iter().map(|path| fs::read_to_string(path).unwrap());
    sources.collect()
}

/// Where they stand.
pub(crate) fn shipped_files() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut open: Vec<PathBuf> = ["examples", "profiles", "layouts", "compiler/cli/templates"]
        .map(|f| root.join(f))
        .to_vec();
    let mut paths = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "perso") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
}

/// The source of one case.
pub(crate) fn source_of(phase: &str, case: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    fs::read_to_string(root.join(phase).join(case).join("in.perso")).unwrap()
}

/// Compares with a file of the case; `UPDATE_CASES=1` writes the file instead, for a person to read.
pub(crate) fn check(folder: &Path, file: &str, actual: &str, failed: &mut Vec<String>) {
    let path = folder.join(file);
    if std::env::var_os("UPDATE_CASES").is_some() {
        match actual.is_empty() {
            true => drop(fs::remove_file(&path)),
            false => fs::write(&path, actual).unwrap(),
        }
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected != actual {
        failed.push(format!(
            "{}:\n--- expected\n{expected}--- actual\n{actual}",
            path.display()
        ));
    }
}

/// Diagnostics as text, with the line that each of them speaks of.
pub(crate) fn render(parsed: &Parsed) -> String {
    let source = parsed.tree.source();
    let mut out = String::new();
    for diagnostic in &parsed.diagnostics {
        let (line, column) = parsed.tree.line_column(diagnostic.range.start);
        let text = source.lines().nth(line as usize - 1).unwrap_or("");
        let marked = &source[diagnostic.range.start..diagnostic.range.end];
        let width = marked.lines().next().unwrap_or("").chars().count().max(1);
        let indent = " ".repeat(column as usize - 1);
        out += &format!(
            "{} {}:{}: {}\n",
            diagnostic.code, line, column, diagnostic.message
        );
        out += &format!("  | {text}\n  | {indent}{}\n", "^".repeat(width));
        for label in &diagnostic.labels {
            let (line, column) = parsed.tree.line_column(label.range.start);
            out += &format!("  {line}:{column}: {}\n", label.message);
        }
        if let Some(help) = &diagnostic.help {
            out += &format!("  help: {help}\n");
        }
    }
    out
}

/// The comments of a source, sorted.
pub(crate) fn comments(source: &str) -> Vec<String> {
    let tree = parse(source).tree;
    let mut found = Vec::new();
    tree.root().walk(&mut |node| {
        if node.kind().is_comment() {
            found.push(node.text().trim_end().to_owned());
        }
    });
    found.sort();
    found
}

/// The tree without what the formatter may change.
pub(crate) fn meaning(source: &str) -> String {
    let layout = ["semicolon", "comment", "doc_comment", "file_doc"];
    let print = parse(source).tree.print();
    let keep = |line: &&str| !layout.contains(&line.trim().split(' ').next().unwrap_or(""));
    print.lines().filter(keep).collect::<Vec<_>>().join("\n")
}

const PIECES: &[&str] = &[
    "a",
    "key",
    "name",
    "when",
    "at",
    "else",
    "if",
    "then",
    "not",
    "and",
    "or",
    "use",
    "package",
    "x\"A0 0",
    "x\"A0\"",
    "\"",
    "\"t\"",
    "\"{a.b}\"",
    "\"{",
    "\\",
    "#5F20",
    "#",
    "12",
    "0x9",
    "1.5",
    "mm",
    "EUR",
    ".",
    "..",
    "...",
    ",",
    ";",
    ":",
    "=",
    "==",
    "<",
    "|>",
    "-",
    "+",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "f(",
    "t[4]",
    "// c",
    "/// d",
    "//! f",
    "\n",
    "\n",
    "\n",
    "\n  ",
    "\r\n",
    "\t",
    "\r",
    " ",
    " ",
    " ",
    "é",
    "\u{202E}",
    "\0",
    "“",
    "@",
    "a = 1\n",
    "b { c = 2 }\n",
    "d {\n",
    "}\n",
    "use a.b\n",
    "k n : t\n",
    "= [1,\n 2]\n",
    "if a then b else c",
];

/// Sources put together from pieces of the language and of its enemies.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// Case sources with a few characters removed, put in or doubled.
pub(crate) fn mutant() -> impl Strategy<Value = String> {
    mutant_of(sources())
}

/// One of these sources after a few random edits.
pub(crate) fn mutant_of(sources: Vec<String>) -> impl Strategy<Value = String> {
    let edit = (0.0..1.0_f64, 0..4_usize, prop::sample::select(PIECES));
    (
        prop::sample::select(sources),
        prop::collection::vec(edit, 1..6),
    )
        .prop_map(|(source, edits)| {
            let mut characters: Vec<char> = source.chars().collect();
            for (place, removed, piece) in edits {
                let at = ((characters.len() as f64) * place) as usize;
                let end = (at + removed).min(characters.len());
                characters.splice(at..end, piece.chars());
            }
            characters.into_iter().collect()
        })
}

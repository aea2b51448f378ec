//! Snapshot cases: a folder with `in.perso` and what comes of it beside it. Adding a case is adding
//! a folder; `UPDATE_CASES=1 cargo test -p cardwright-dsl` writes the outputs for you to read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail by a panic

mod support;

use cardwright_dsl::{format, parse};
use std::fs;

#[test]
fn parse_cases_give_their_tree_and_errors() {
    let mut failed = Vec::new();
    for folder in support::case_folders("parse") {
        let source = fs::read_to_string(folder.join("in.perso")).unwrap();
        let parsed = parse(&source);
        support::check(&folder, "out.tree", &parsed.tree.print(), &mut failed);
        support::check(
            &folder,
            "out.errors",
            &support::render(&parsed),
            &mut failed,
        );
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn format_cases_give_their_layout() {
    let mut failed = Vec::new();
    for folder in support::case_folders("format") {
        let source = fs::read_to_string(folder.join("in.perso")).unwrap();
        support::check(&folder, "out.perso", &format(&source), &mut failed);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What ships is laid out as `cardwright fmt` lays it out.
#[test]
fn what_ships_is_laid_out() {
    let mut failed = Vec::new();
    for path in support::shipped_files() {
        let source = fs::read_to_string(&path).unwrap();
        let laid_out = format(&source);
        if laid_out != source && std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&path, laid_out).unwrap();
        } else if laid_out != source {
            failed.push(path.display().to_string());
        }
    }
    assert!(failed.is_empty(), "not laid out: {failed:#?}");
}

#[test]
fn the_tour_is_without_an_error() {
    let folder = support::case_folders("parse")
        .into_iter()
        .find(|path| path.ends_with("the-tour"));
    let source = fs::read_to_string(folder.unwrap().join("in.perso")).unwrap();
    assert_eq!(parse(&source).diagnostics, []);
}

#[test]
fn the_examples_of_the_language_page_are_without_an_error() {
    let page = include_str!("../../docs/language/grammar.md");
    let mut examples = 0;
    for example in page.split("```perso\n").skip(1) {
        let source = example.split("```").next().unwrap();
        assert_eq!(parse(source).diagnostics, [], "{source}");
        examples += 1;
    }
    assert!(examples > 1);
}

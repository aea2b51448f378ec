//! Folder cases: `tests/cases/<phase>/<plain-words>/in.perso` and what comes of it in `out.txt`.
//!
//! Adding a case is adding a folder. `UPDATE=1 cargo test -p cardwright-compiler --test cases`
//! writes the snapshots; read them before you commit them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that stops says so"
)]

use cardwright_compiler::check_language;
use cardwright_compiler::diagnostics::human;
use cardwright_compiler::project::{MemoryFiles, Project};
use std::path::{Path, PathBuf};

const MANIFEST: &str = "name = \"case\"\nversion = \"1.0.0\"\nsequence = 1\n";

fn cases(phase: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/cases")
        .join(phase);
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|e| panic!("{}: {e}", root.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("in.perso").is_file())
        .collect();
    folders.sort();
    folders
}

/// The case's own file, and `shared.perso` of its phase when there is one.
fn files(folder: &Path) -> MemoryFiles {
    let read = |path: PathBuf| std::fs::read(path).unwrap();
    let mut files = MemoryFiles::new()
        .with("cardwright.toml", MANIFEST)
        .with("in.perso", read(folder.join("in.perso")));
    let shared = folder.parent().unwrap().join("shared.perso");
    if shared.is_file() {
        files = files.with("shared.perso", read(shared));
    }
    files
}

fn run(phase: &str, print: fn(&MemoryFiles) -> String) -> usize {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let folders = cases(phase);
    for folder in &folders {
        let found = print(&files(folder));
        let snapshot = folder.join("out.txt");
        if update {
            std::fs::write(&snapshot, &found).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&snapshot).unwrap_or_default();
        if expected != found {
            wrong.push(format!("{}\n{found}", folder.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "these differ from their out.txt:\n{}",
        wrong.join("\n")
    );
    folders.len()
}

fn findings(files: &MemoryFiles) -> String {
    let project = Project::read(files);
    let found = human(&check_language(&project).findings);
    if found.is_empty() {
        "nothing to find\n".to_owned()
    } else {
        found
    }
}

#[test]
fn check_finds_what_is_wrong_and_says_how_to_mend_it() {
    assert!(run("check", findings) >= 20);
}

#[test]
fn no_secret_reaches_a_lower_sink() {
    assert!(run("secrecy", findings) >= 25);
}

#[test]
fn models_print_what_is_effective_and_where_it_comes_from() {
    assert!(
        run("model", |files| {
            let project = Project::read(files);
            let checked = check_language(&project);
            let found = human(&checked.findings);
            format!(
                "{}{found}",
                cardwright_compiler::model::print(&checked.model)
            )
        }) >= 2
    );
}

#[test]
fn every_function_of_the_vocabulary_is_an_instruction_of_the_bundle() {
    for row in cardwright_vocabulary::FUNCTIONS {
        if matches!(
            row.name,
            "bits"
                | "count"
                | "hash_total"
                | "kcv"
                | "listed"
                | "lookup"
                | "match"
                | "sequence"
                | "sum"
                | "unique"
        ) {
            continue; // operations of their own, a rule of a format, a constant
        }
        let known = cardwright_bundle::function(row.instruction).is_some()
            || cardwright_bundle::intent(row.instruction).is_some();
        assert!(known, "{} -> {}", row.name, row.instruction);
    }
}

//! `tests/cases/leaks`: pairs of sources, one of which leaks and must fail with the whole way from
//! the field to the sink, and a near twin that is fine and must pass without a finding.
//!
//! Both are read as one more file of the package `bank` beside `shared.perso`. The comment at the
//! head of `leaking.perso` names the code and each step of the way, in its order; the test compares
//! them exactly. A new pair is a new folder; `UPDATE=1` writes the steps, to be read before they are
//! kept.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail loudly"
)]

use cardwright_bundle::Environment;
use cardwright_compiler::diagnostics::{Finding, Severity, human};
use cardwright_compiler::emit::{build, check};
use cardwright_compiler::project::{MemoryFiles, Project};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/leaks")
}

fn files(source: &str) -> MemoryFiles {
    let shared = std::fs::read(root().join("shared.perso")).expect("the shared bank");
    MemoryFiles::new()
        .with(
            "cardwright.toml",
            "name = \"bank\"\nversion = \"1.0.0\"\nsequence = 1\n",
        )
        .with("shared.perso", shared)
        .with(
            "crown.png",
            std::fs::read(root().join("crown.png")).expect("a picture"),
        )
        .with("case.perso", source)
}

fn findings(source: &str) -> Vec<Finding> {
    let files = files(source);
    let mut found = check(&Project::read(&files), Environment::Test).findings;
    // The pairs are short: no job comes to most of what they declare.
    found.retain(|f| f.code != "E0118");
    found
}

fn pairs() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root())
        .expect("pairs")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Code and steps of each leak as the head of a source names them; one value may reach two sinks.
fn described(findings: &[Finding]) -> String {
    let mut text = String::new();
    for leak in findings.iter().filter(|f| f.severity == Severity::Error) {
        let _ = writeln!(text, "//! {}", leak.code);
        for (number, step) in leak.path.iter().enumerate() {
            let _ = writeln!(text, "//! {}. {}", number + 1, step.what);
        }
    }
    text
}

/// The head of a source: its first sentence, then what is expected.
fn head(source: &str) -> (String, String) {
    let mut lines = source.lines().take_while(|line| line.starts_with("//!"));
    let first = lines.next().unwrap_or_default();
    let rest = lines.fold(String::new(), |all, line| all + line + "\n");
    (first.to_owned(), rest)
}

#[test]
fn every_leak_is_refused_with_its_whole_way() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let folders = pairs();
    assert!(folders.len() >= 64, "{} pairs", folders.len());
    for folder in &folders {
        let path = folder.join("leaking.perso");
        let source = std::fs::read_to_string(&path).expect("a source");
        let found = findings(&source);
        let (first, expected) = head(&source);
        let said = described(&found);
        let one = found.iter().filter(|f| f.severity == Severity::Error);
        let leaks = one.clone().all(|f| f.code.starts_with("E10"));
        if one.count() == 0 || !leaks {
            wrong.push(format!(
                "{}: leaks alone are expected\n{}",
                path.display(),
                human(&found)
            ));
        } else if update {
            let body = source.lines().skip_while(|line| line.starts_with("//!"));
            let body = body.fold(String::new(), |all, line| all + line + "\n");
            std::fs::write(&path, format!("{first}\n{said}{body}")).expect("it can be written");
        } else if said != expected {
            wrong.push(format!("{}:\n{said}expected:\n{expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Ways of leaking that have to be among the pairs, each with one that stands for it.
const KINDS: [(&str, &[&str]); 11] = [
    (
        "functions",
        &["a_function_in_an_argument", "three_functions"],
    ),
    ("templates", &["a_template", "a_template_of_a_let"]),
    (
        "steps that fail on a secret",
        &[
            "a_refusal_by_a_blank",
            "a_refusal_by_a_date",
            "a_refusal_by_a_letter",
            "a_refusal_by_a_sign",
        ],
    ),
    (
        "conditions on a PIN",
        &[
            "a_pin_that_is_compared",
            "an_application_by_the_pin",
            "a_key_by_the_pin",
        ],
    ),
    (
        "texts of refusals",
        &["the_text_of_a_refusal", "a_choice_in_a_refusal"],
    ),
    (
        "names of files",
        &["the_name_of_a_file", "the_name_of_a_file_by_choice"],
    ),
    (
        "tables",
        &[
            "a_cell_of_a_table_on_paper",
            "a_lookup_by_a_secret",
            "a_row_of_a_table_on_paper",
        ],
    ),
    (
        "counts that depend on a secret",
        &[
            "the_number_of_characters",
            "the_length_of_octets",
            "a_copy_for_each_row",
            "a_further_page",
        ],
    ),
    ("pictures that are there or not", &["an_image_by_a_secret"]),
    (
        "applications that are there or not",
        &["an_application_by_a_secret"],
    ),
    ("what tests look at", &["an_expectation_about_the_pin"]),
];

#[test]
fn every_kind_of_leak_has_its_pairs() {
    let there: Vec<String> = pairs()
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    for (kind, names) in KINDS {
        for name in names {
            assert!(there.iter().any(|n| n == name), "{kind}: {name}");
        }
    }
}

#[test]
fn every_near_twin_passes_and_builds() {
    let mut wrong = Vec::new();
    for folder in pairs() {
        let path = folder.join("fine.perso");
        let source = std::fs::read_to_string(&path).expect("a source");
        let found = human(&findings(&source));
        if !found.is_empty() {
            wrong.push(format!("{}:\n{found}", path.display()));
            continue;
        }
        let files = files(&source);
        if let Err(refused) = build(&Project::read(&files), Environment::Test) {
            wrong.push(format!("{}:\n{}", path.display(), human(&refused)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

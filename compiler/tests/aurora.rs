//! The example bank is checked without a finding, within its budget of work.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that stops says so"
)]

use cardwright_compiler::check_language;
use cardwright_compiler::diagnostics::human;
use cardwright_compiler::project::{MemoryFiles, Project};
use std::path::Path;

fn load(folder: &Path, inside: &str, files: MemoryFiles) -> MemoryFiles {
    let mut files = files;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{inside}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() && name != "generator" {
            files = load(&path, &format!("{name}/"), files);
        } else if path.is_file() {
            files = files.with(&name, std::fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn the_example_bank_has_no_finding() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aurora-bank");
    let files = load(&root, "", MemoryFiles::new());
    let project = Project::read(&files);
    let checked = check_language(&project);
    assert_eq!(human(&checked.findings), "");
    assert!(checked.model.concrete("card").count() >= 3);
}

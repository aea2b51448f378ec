//! The example bank compiles without a finding, to the same bytes every time.

use cardwright_bundle::Environment;
use cardwright_compiler::emit::{build, check};
use cardwright_compiler::project::{FileError, Files, Project};
use std::path::{Path, PathBuf};

struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        std::fs::read(self.0.join(path)).map_err(|_| FileError::missing(path))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.0, &self.0.join(folder), &mut found);
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if let Ok(inside) = path.strip_prefix(root) {
            found.push(inside.to_string_lossy().replace('\\', "/"));
        }
    }
}

fn aurora() -> Folder {
    Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aurora-bank"))
}

#[test]
fn aurora_compiles_without_a_finding() {
    let files = aurora();
    let project = Project::read(&files);
    let checked = check(&project, Environment::Test);
    let shown = cardwright_compiler::diagnostics::human(&checked.findings);
    assert!(shown.is_empty(), "{shown}");
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let files = aurora();
    let once = build(&Project::read(&files), Environment::Test).expect("it builds");
    let again = build(&Project::read(&files), Environment::Test).expect("it builds");
    assert_eq!(once.digest(), again.digest());
    assert_eq!(once.to_bytes(), again.to_bytes());
}

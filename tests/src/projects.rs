//! Projects and their bundles: the example bank, and sources written in a test.

use crate::workspace;
use cardwright_bundle::{Bundle, Environment, Limits, SigningKey, Trust};
use cardwright_compiler::{
    diagnostics::human,
    emit::{build, check},
    project::{FileError, Files, MemoryFiles, Project},
};
use cardwright_runtime::{Loaded, load};
use std::path::{Path, PathBuf};

/// A project's folder on the disk.
pub struct Folder(pub PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        std::fs::read(self.0.join(path)).map_err(|_| FileError::missing(path))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        workspace::collect(&self.0.join(folder), &mut |path| {
            let inside = path.strip_prefix(&self.0).expect("below the project");
            found.push(inside.to_string_lossy().replace('\\', "/"));
        });
        found
    }
}

/// The example bank's folder.
pub fn aurora_folder() -> PathBuf {
    workspace::root().join("examples/aurora-bank")
}

/// A project's unsigned TEST bundle; findings end the test.
pub fn compile(files: &dyn Files) -> Bundle {
    build(&Project::read(files), Environment::Test)
        .unwrap_or_else(|findings| panic!("{}", human(&findings)))
}

/// A TEST bundle of one source, as a file signed by the open test signer.
pub fn bundle_of_source(source: &str) -> Bundle {
    let manifest = "name = \"case\"\nversion = \"1.0.0\"\nsequence = 1\n";
    signed(compile(
        &MemoryFiles::new()
            .with("cardwright.toml", manifest)
            .with("in.perso", source),
    ))
}

/// The same bundle with the open test signer's signature.
pub fn signed(mut bundle: Bundle) -> Bundle {
    bundle.sign(&SigningKey::open_test_signer());
    bundle
}

/// The example bank's bundle, signed, as the file's octets.
pub fn aurora_bytes() -> Vec<u8> {
    signed(compile(&Folder(aurora_folder())))
        .to_bytes()
        .expect("a bundle has octets")
}

/// The example bank's bundle as a site loads it.
pub fn aurora() -> Loaded {
    load::load(&aurora_bytes(), &Limits::default(), &Trust::test_only()).expect("it loads")
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// The smallest bank that has everything, from `tests/cases/emit/small-card`.
pub fn small() -> Bundle {
    small_of("issuer small {", "", &[])
}

/// The same bank with a second file of declarations. Its issuer has the example's name, and so the
/// example's open test keys.
pub fn small_with(more: &str) -> Bundle {
    small_of("issuer aurora {", more, &[])
}

/// The same with a file of the project beside it.
pub fn small_with_file(more: &str, name: &str, octets: Vec<u8>) -> Bundle {
    small_of("issuer aurora {", more, &[(name, octets)])
}

/// What the compiler finds in the same bank with a second file of declarations, as people read it.
pub fn findings_of_small_with(more: &str) -> String {
    let project = small_project("issuer aurora {", more, &[]);
    let mut found = check(&Project::read(&project), Environment::Test).findings;
    found.retain(|f| f.code != "E0118"); // what is declared here is seldom for a job
    human(&found)
}

fn small_of(issuer: &str, more: &str, files: &[(&str, Vec<u8>)]) -> Bundle {
    signed(compile(&small_project(issuer, more, files)))
}

fn small_project(issuer: &str, more: &str, files: &[(&str, Vec<u8>)]) -> MemoryFiles {
    let source = workspace::read("tests/cases/emit/small-card/in.perso");
    let source = source.replace("issuer small {", issuer);
    let keys = aurora_folder().join("keys");
    let key = |name: &str| std::fs::read(keys.join(name)).expect("a key of the example");
    let manifest = "name = \"small\"\nversion = \"1.0.0\"\nsequence = 1\n";
    let mut project = MemoryFiles::new()
        .with("cardwright.toml", manifest)
        .with("in.perso", source)
        .with("more.perso", format!("package small\n{more}"))
        .with("keys/issuer-92.cer", key("issuer-92.cer"))
        .with("keys/test-ca-92.pub", key("test-ca-92.pub"));
    for (name, octets) in files {
        project = project.with(name, octets.clone());
    }
    project
}

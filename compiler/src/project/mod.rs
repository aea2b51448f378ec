//! Reading a project: a folder with `cardwright.toml` and `*.perso` files, through a trait.
//!
//! The compiler never touches a disk. Whoever calls it gives it [`Files`]; tests give it
//! [`MemoryFiles`].

use crate::session::turn;

mod files;
mod lock;
mod manifest;
mod package;
mod resolve;
mod standard;

pub use files::{FileError, Files, MemoryFiles};
pub use lock::{LOCK, Lock, LockUse, Locked};
pub use manifest::{BundleEntry, Dependency, Manifest, ManifestError, PathDependency};
pub use package::{MAX_PACKAGE_BYTES, MAX_PACKAGE_FILES, Package};
pub use standard::{StandardFile, standard_asset, standard_packages};

/// Most source files that a project may have.
pub const MAX_SOURCES: usize = 1_000;
/// Largest source file, octets.
pub const MAX_SOURCE_BYTES: usize = 256 << 10;
/// Largest sum of a project's own sources, octets.
pub const MAX_PROJECT_BYTES: usize = 4 << 20;
/// Most nodes that the syntax trees of a project and of the packages that it uses have together.
/// What a check keeps in memory grows with them, and with nothing else so fast.
pub const MAX_PROJECT_NODES: usize = 540_000;
/// Most syntax errors of a project: each needs more room than its text.
pub const MAX_PROJECT_ERRORS: usize = 10_000;
/// Largest asset, octets.
pub const MAX_ASSET_BYTES: usize = 32 << 20;

/// One source file as read.
#[derive(Clone, Debug)]
pub struct ProjectSource {
    /// Path inside the project, with forward slashes.
    pub path: String,
    /// Text.
    pub text: String,
}

/// What was wrong with a project before its sources were looked at.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Stable code.
    pub code: &'static str,
    /// File that it is about.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Trouble {
    fn new(code: &'static str, path: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            path: path.to_owned(),
            message: message.into(),
            help: None,
        }
    }
}

/// A project as read: manifest, sources, packages, and the way to its other files.
pub struct Project<'f> {
    /// The manifest.
    pub manifest: Manifest,
    /// Sources, sorted by path.
    pub sources: Vec<ProjectSource>,
    /// Packages that it builds on, sorted by name; the standard ones when the manifest names them.
    pub packages: Vec<Package>,
    /// Where assets come from.
    pub files: &'f dyn Files,
    /// What was wrong with the manifest, with packages, or with reading.
    pub troubles: Vec<Trouble>,
    /// The lock that is to be written, when the one that is there is missing or to be renewed.
    pub new_lock: Option<String>,
}

impl<'f> Project<'f> {
    /// Reads a project from its root folder. Never fails: what is wrong becomes a finding.
    #[must_use]
    pub fn read(files: &'f dyn Files) -> Self {
        Self::read_with(files, LockUse::Check)
    }

    /// The same, with a lock that must fit, or is written anew.
    #[must_use]
    pub fn read_with(files: &'f dyn Files, lock_use: LockUse) -> Self {
        let mut troubles = Vec::new();
        let manifest = files
            .read(resolve::MANIFEST)
            .map_err(|e| e.to_string())
            .and_then(|bytes| Manifest::parse(&bytes).map_err(|e| e.to_string()))
            .unwrap_or_else(|error| {
                troubles.push(Trouble::new("E0110", resolve::MANIFEST, error));
                Manifest::default()
            });
        let packages = resolve::resolve(&manifest, files, &mut troubles);
        // Packages that could not be found are reported as such, not as changes of the lock.
        let new_lock = if troubles.is_empty() {
            locked(files, &packages, lock_use, &mut troubles)
        } else {
            None
        };
        let sources = sources(files, &mut troubles);
        Self {
            manifest,
            sources,
            packages,
            files,
            troubles,
            new_lock,
        }
    }

    /// A file that a source names: `file("letter.pdf")` from the project, `file("std:…")` from
    /// the standard packages.
    ///
    /// # Errors
    /// The file is missing, too large, or outside the project.
    pub fn asset(&self, name: &str) -> Result<Vec<u8>, FileError> {
        self.asset_of(None, name)
    }

    /// The same, for a source of a package by its label (`house@1.2.0`): the file is that
    /// package's.
    ///
    /// # Errors
    /// The file is missing, too large, or outside the package.
    pub fn asset_of(&self, package: Option<&str>, name: &str) -> Result<Vec<u8>, FileError> {
        turn::ask_file(package, name);
        if let Some(standard) = name.strip_prefix("std:") {
            return standard_asset(standard)
                .map(<[u8]>::to_vec)
                .ok_or_else(|| FileError::missing(name));
        }
        if name.starts_with('/') || name.contains('\\') || name.split('/').any(|p| p == "..") {
            return Err(FileError::outside(name));
        }
        let bytes = match package {
            None => self.files.read(name)?,
            Some(label) => {
                let package = self.packages.iter().find(|p| p.label() == label);
                package
                    .ok_or_else(|| FileError::missing(name))?
                    .read(name)?
            }
        };
        if bytes.len() > MAX_ASSET_BYTES {
            return Err(FileError::too_large(name, bytes.len(), MAX_ASSET_BYTES));
        }
        Ok(bytes)
    }
}

/// The project's own sources, sorted by path; what lies in `vendor/` belongs to packages.
fn sources(files: &dyn Files, troubles: &mut Vec<Trouble>) -> Vec<ProjectSource> {
    let mut paths = own_files(files);
    paths.retain(|path| path.ends_with(".perso"));
    if paths.len() > MAX_SOURCES {
        let message = format!("{} sources, at most {MAX_SOURCES} are read", paths.len());
        troubles.push(Trouble::new("E0111", "", message));
        paths.truncate(MAX_SOURCES);
    }
    let mut sources: Vec<ProjectSource> = Vec::new();
    let mut octets = 0;
    for path in paths {
        match read_text(files, &path) {
            Ok(text) => {
                octets += text.len();
                if octets > MAX_PROJECT_BYTES {
                    let message = format!(
                        "from here on nothing is read: the sources of a project have at most \
                         {MAX_PROJECT_BYTES} octets together"
                    );
                    troubles.push(Trouble::new("E0111", &path, message));
                    break;
                }
                sources.push(ProjectSource { path, text });
            }
            Err(message) => troubles.push(Trouble::new("E0111", &path, message)),
        }
    }
    sources
}

/// Paths of the files that belong to a folder, sorted: neither its copies of packages, nor what
/// lies in a folder with a manifest of its own, which is another project.
fn own_files(files: &dyn Files) -> Vec<String> {
    let mut paths = files.list("");
    let manifest = format!("/{}", resolve::MANIFEST);
    let others: Vec<String> = paths
        .iter()
        .filter_map(|path| Some(format!("{}/", path.strip_suffix(&manifest)?)))
        .collect();
    paths.retain(|path| {
        !path.starts_with("vendor/") && !others.iter().any(|other| path.starts_with(other))
    });
    paths.sort();
    paths.dedup();
    paths
}

/// Holds packages against the lock; gives the lock that is to be written.
fn locked(
    files: &dyn Files,
    packages: &[Package],
    lock_use: LockUse,
    troubles: &mut Vec<Trouble>,
) -> Option<String> {
    let mut say = |code, message: String, help: &str| {
        troubles.push(Trouble {
            code,
            path: LOCK.to_owned(),
            message,
            help: Some(help.to_owned()),
        });
    };
    let found = Lock::of(packages);
    let strict = lock_use == LockUse::Locked;
    let Ok(bytes) = files.read(LOCK) else {
        if strict && !packages.is_empty() {
            let message = "there is no lock, and `--locked` asks for one".to_owned();
            say(
                "E0126",
                message,
                "run `cardwright check` once, and commit the lock",
            );
            return None;
        }
        return (!packages.is_empty()).then(|| found.text());
    };
    if lock_use == LockUse::Update {
        let text = found.text();
        return (text.as_bytes() != bytes.as_slice()).then_some(text);
    }
    let lock = match Lock::parse(&bytes) {
        Ok(lock) => lock,
        Err(reason) => {
            let help = "take it from version control, or write it anew with `--update-lock`";
            say("E0127", format!("the lock can't be read: {reason}"), help);
            return None;
        }
    };
    for difference in lock.differences(&found, strict) {
        let help = "look at what changed; if that is meant, run `cardwright check --update-lock`";
        say("E0126", difference, help);
    }
    None
}

fn read_text(files: &dyn Files, path: &str) -> Result<String, String> {
    let bytes = files.read(path).map_err(|e| e.to_string())?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(format!(
            "{} octets, at most {MAX_SOURCE_BYTES} are read",
            bytes.len()
        ));
    }
    String::from_utf8(bytes).map_err(|e| {
        format!(
            "the text is not UTF-8 from octet {} on",
            e.utf8_error().valid_up_to()
        )
    })
}

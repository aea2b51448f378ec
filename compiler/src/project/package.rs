//! Packages that a project builds on: found by path or in `vendor/`, read whole, and digested.

use super::{FileError, Files, ProjectSource, StandardFile, read_text, standard};
use semver::Version;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Where the standard packages come from, in a lock.
pub(super) const COMPILER: &str = "compiler";
/// Most files of one package.
pub const MAX_PACKAGE_FILES: usize = 2_000;
/// Largest package, octets of all files together.
pub const MAX_PACKAGE_BYTES: usize = 64 << 20;

/// A package as read.
pub struct Package {
    /// Name, as its own manifest says.
    pub name: String,
    /// Version.
    pub version: Version,
    /// `path ../house` as the manifest that asked for it says, or `compiler`.
    pub source: String,
    /// SHA-256 over its content: for each file, sorted by path, the lengths and octets of path and
    /// file. Line ends count as they are.
    pub digest: String,
    /// SHA-256 of each file, by path.
    pub digests: BTreeMap<String, String>,
    /// Its sources, sorted by path.
    pub sources: Vec<ProjectSource>,
    files: Option<Box<dyn Files>>,
}

impl Package {
    /// What stands before its files' paths in messages and in a bundle: `house@1.2.0`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The first segment of its packages' names.
    #[must_use]
    pub fn root(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Whether it is what the compiler carries.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        self.source == COMPILER
    }

    /// Paths of all its files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.digests.keys().map(String::as_str)
    }

    /// Its folder.
    pub(super) fn folder(&self) -> Option<&dyn Files> {
        self.files.as_deref()
    }

    /// A file's octets.
    ///
    /// # Errors
    /// The file is missing or can't be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match &self.files {
            Some(files) => files.read(path),
            None => Err(FileError::missing(path)),
        }
    }

    /// The standard packages, as the compiler carries them.
    pub(super) fn standard() -> Self {
        // Megabytes of fonts: once is enough.
        static DIGESTS: LazyLock<(String, BTreeMap<String, String>, Version)> =
            LazyLock::new(|| {
                let digest = |file: &StandardFile| (file.path.to_owned(), sha256(file.bytes));
                let digests = standard::all().map(digest).collect();
                let whole = whole_digest(standard::all().map(|f| (f.path, f.bytes)));
                (whole, digests, standard::version())
            });
        let (digest, digests, version) = DIGESTS.clone();
        Self {
            name: "std".to_owned(),
            version,
            source: COMPILER.to_owned(),
            digest,
            digests,
            sources: Vec::new(),
            files: None,
        }
    }

    /// Reads a package's folder whole.
    ///
    /// # Errors
    /// A file can't be read, or the package is too large; in words.
    pub(super) fn load(
        name: &str,
        version: Version,
        source: String,
        files: Box<dyn Files>,
    ) -> Result<Self, String> {
        let paths = content(files.as_ref());
        if paths.len() > MAX_PACKAGE_FILES {
            return Err(format!(
                "it has {} files, at most {MAX_PACKAGE_FILES} are read",
                paths.len()
            ));
        }
        let mut sources = Vec::new();
        let mut read = Vec::new();
        let mut total = 0_usize;
        for path in paths {
            let bytes = files.read(&path).map_err(|e| e.to_string())?;
            total = total.saturating_add(bytes.len());
            if total > MAX_PACKAGE_BYTES {
                return Err(format!("it has more than {MAX_PACKAGE_BYTES} octets"));
            }
            if path.ends_with(".perso") {
                let text = read_text(files.as_ref(), &path)?;
                sources.push(ProjectSource {
                    path: path.clone(),
                    text,
                });
            }
            read.push((path, bytes));
        }
        Ok(Self {
            name: name.to_owned(),
            version,
            source,
            digests: read
                .iter()
                .map(|(path, bytes)| (path.clone(), sha256(bytes)))
                .collect(),
            digest: whole_digest(read),
            sources,
            files: Some(files),
        })
    }
}

/// Paths of what belongs to a package, sorted: neither what it was built into, nor its lock.
fn content(files: &dyn Files) -> Vec<String> {
    let mut paths = super::own_files(files);
    paths.retain(|path| !path.ends_with(".cwb") && path != super::lock::LOCK);
    paths
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode_upper(Sha256::digest(bytes))
}

fn whole_digest(files: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<[u8]>)>) -> String {
    let mut hash = Sha256::new();
    for (path, bytes) in files {
        let path = path.as_ref().as_bytes();
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path);
        let bytes = bytes.as_ref();
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hex::encode_upper(hash.finalize())
}

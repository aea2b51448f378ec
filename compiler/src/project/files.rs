//! The trait through which all files come in, and an implementation in memory.

use std::collections::BTreeMap;

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct FileError {
    /// Path as asked for.
    pub path: String,
    /// What is wrong, in words.
    pub reason: String,
}

impl FileError {
    /// There is no such file.
    #[must_use]
    pub fn missing(path: &str) -> Self {
        Self::because(path, "there is no such file")
    }

    /// The path leaves the project.
    #[must_use]
    pub fn outside(path: &str) -> Self {
        Self::because(
            path,
            "a path stays inside its project: relative, with forward slashes, without ..",
        )
    }

    /// The file is larger than allowed.
    #[must_use]
    pub fn too_large(path: &str, found: usize, most: usize) -> Self {
        Self::because(path, &format!("{found} octets, at most {most} are read"))
    }

    /// Any other reason.
    #[must_use]
    pub fn because(path: &str, reason: &str) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// The files of a project; paths are relative to its root, with forward slashes.
pub trait Files {
    /// A file's octets.
    ///
    /// # Errors
    /// The file is missing or can't be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// Paths of all files below a folder (`""` for the root), in any order. Folders whose names
    /// begin with a dot, and the folder `target`, are best left out.
    fn list(&self, folder: &str) -> Vec<String>;
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryFiles {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more file.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| FileError::missing(path))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{}/", folder.trim_end_matches('/'))
        };
        self.files
            .keys()
            .filter(|path| path.starts_with(&prefix))
            .cloned()
            .collect()
    }
}

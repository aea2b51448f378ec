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
pub trait Files: Sync {
    /// A file's octets.
    ///
    /// # Errors
    /// The file is missing or can't be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// Paths of all files below a folder (`""` for the root), in any order. Folders whose names
    /// begin with a dot, and the folder `target`, are best left out.
    fn list(&self, folder: &str) -> Vec<String>;

    /// The files of another package's folder, by a path relative to this one's root that may begin
    /// with `..`.
    ///
    /// # Errors
    /// There is no such folder, or these files know no others.
    fn package(&self, path: &str) -> Result<Box<dyn Files>, FileError> {
        Err(FileError::because(path, "no other folder is within reach"))
    }
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
            .filter(|path| path.starts_with(&prefix) && !path.starts_with(".."))
            .cloned()
            .collect()
    }

    /// A folder below this one, or beside it: files whose paths begin with `../`.
    fn package(&self, path: &str) -> Result<Box<dyn Files>, FileError> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let mut files = BTreeMap::new();
        for (name, bytes) in &self.files {
            if let Some(inside) = name.strip_prefix(&prefix) {
                files.insert(inside.to_owned(), bytes.clone());
            } else if path.starts_with("../") && name.starts_with("../") {
                // What lies beside the project lies beside that package, too.
                files.insert(name.clone(), bytes.clone());
            }
        }
        if files.keys().all(|name| name.starts_with("..")) {
            return Err(FileError::missing(path));
        }
        Ok(Box::new(MemoryFiles { files }))
    }
}

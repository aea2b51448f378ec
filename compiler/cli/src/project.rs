//! Projects and files on disk: the edge at which the pure compiler gets its texts.

use crate::failure::{Failure, exit};
use cardwright_bundle::{Bundle, Limits};
use cardwright_compiler::project::{FileError, Files, LOCK, LockUse, MAX_ASSET_BYTES, Project};
use std::path::{Path, PathBuf};

/// Name of a project's manifest.
pub(crate) const MANIFEST: &str = "cardwright.toml";
/// Deepest folder below a project's root that is looked into.
const DEPTH_MAX: usize = 16;

/// A project's folder.
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder that was named, or the one around the current folder or the file that was named.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let start = named.unwrap_or(Path::new("."));
        let start = if start.as_os_str().is_empty() {
            Path::new(".")
        } else {
            start
        };
        let place = std::fs::canonicalize(start).map_err(|e| Failure::file(start, &e))?;
        // A project that is named must be there; only a file or no name looks further up.
        let ancestors = if named.is_some() && place.is_dir() {
            1
        } else {
            usize::MAX
        };
        let from = if place.is_dir() {
            place.as_path()
        } else {
            place.parent().unwrap_or(&place)
        };
        let found = from
            .ancestors()
            .take(ancestors)
            .find(|p| p.join(MANIFEST).is_file());
        match found {
            Some(root) => Ok(Self {
                root: root.to_path_buf(),
            }),
            None => Err(Failure::new(
                exit::ENVIRONMENT,
                "E0190",
                format!("{} has no {MANIFEST}", start.display()),
                "name the project's folder, or make one with `cardwright new NAME`",
            )),
        }
    }

    /// Its root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Reads it.
    pub(crate) fn project(&self) -> Project<'_> {
        Project::read(self)
    }

    /// Reads it with its lock, and writes the lock that is missing or to be renewed.
    pub(crate) fn locked_project(&self, lock_use: LockUse) -> Result<Project<'_>, Failure> {
        let project = Project::read_with(self, lock_use);
        if let Some(text) = &project.new_lock {
            let path = self.root.join(LOCK);
            let written = write_whole(&path, text.as_bytes());
            // A folder that can't be written to can still be checked.
            if lock_use == LockUse::Update {
                written?;
            }
        }
        Ok(project)
    }

    /// A place of the project, when it does not lead out of it by way of symbolic links.
    fn inside(&self, path: &str) -> Result<PathBuf, FileError> {
        let place = std::fs::canonicalize(self.root.join(path)).map_err(|e| missing(path, &e))?;
        if place.starts_with(&self.root) {
            Ok(place)
        } else {
            Err(FileError::outside(path))
        }
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let place = self.inside(path)?;
        let metadata = std::fs::metadata(&place).map_err(|e| missing(path, &e))?;
        if !metadata.is_file() {
            return Err(FileError::because(path, "it is no file"));
        }
        let length = metadata.len();
        if length > MAX_ASSET_BYTES as u64 {
            let found = usize::try_from(length).unwrap_or(usize::MAX);
            return Err(FileError::too_large(path, found, MAX_ASSET_BYTES));
        }
        std::fs::read(place).map_err(|e| FileError::because(path, &e.to_string()))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.root.join(folder), DEPTH_MAX, &mut |path| {
            if let Ok(inside) = path.strip_prefix(&self.root) {
                let parts = inside.components().map(|c| c.as_os_str().to_string_lossy());
                found.push(parts.collect::<Vec<_>>().join("/"));
            }
        });
        found.sort();
        found
    }

    fn package(&self, path: &str) -> Result<Box<dyn Files>, FileError> {
        let root = std::fs::canonicalize(self.root.join(path)).map_err(|e| missing(path, &e))?;
        if !root.join(MANIFEST).is_file() {
            return Err(FileError::because(path, &format!("it has no {MANIFEST}")));
        }
        Ok(Box::new(Folder { root }))
    }
}

fn missing(path: &str, error: &std::io::Error) -> FileError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FileError::missing(path),
        kind => FileError::because(path, &kind.to_string()),
    }
}

/// Shows every file below a folder, but for hidden folders and `target`.
pub(crate) fn collect(folder: &Path, depth: usize, visit: &mut dyn FnMut(&Path)) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden && name != "target" => {
                collect(&entry.path(), depth, visit);
            }
            Ok(kind) if !kind.is_dir() && !hidden => visit(&entry.path()),
            _ => {}
        }
    }
}

/// All sources below a folder, sorted.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, DEPTH_MAX, &mut |path| {
        if path.extension().is_some_and(|e| e == "perso") {
            found.push(path.to_path_buf());
        }
    });
    found.sort();
    found
}

/// Reads a file, no larger than a limit.
pub(crate) fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let length = std::fs::metadata(path)
        .map_err(|e| Failure::file(path, &e))?
        .len();
    if length > most {
        let what = format!("{} is larger than {most} octets", path.display());
        return Err(Failure::new(
            exit::ENVIRONMENT,
            "E0192",
            what,
            "name the right file",
        ));
    }
    std::fs::read(path).map_err(|e| Failure::file(path, &e))
}

/// Reads a source.
pub(crate) fn read_source(path: &Path) -> Result<String, Failure> {
    let most = cardwright_compiler::project::MAX_SOURCE_BYTES as u64;
    String::from_utf8(read_file(path, most)?).map_err(|_| {
        let what = format!("{} is not UTF-8", path.display());
        Failure::new(exit::ENVIRONMENT, "E0192", what, "save the file as UTF-8")
    })
}

/// Opens a bundle; its signatures are checked, trust is not asked for.
pub(crate) fn open_bundle(path: &Path) -> Result<Bundle, Failure> {
    let limits = Limits::default();
    let bytes = read_file(path, limits.bundle_bytes as u64)?;
    Ok(Bundle::open(&bytes, &limits)?)
}

/// Writes a file whole: beside its place first, then renamed, so that nobody ever sees half of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::file(path, &e);
    let name = path
        .file_name()
        .ok_or_else(|| failed(std::io::ErrorKind::InvalidInput.into()))?;
    // Two processes may write the same file at once: each has a part of its own.
    let process = std::process::id();
    let part = path.with_file_name(format!(".{}.{process}.part", name.to_string_lossy()));
    std::fs::write(&part, bytes).map_err(failed)?;
    std::fs::rename(&part, path).map_err(|e| {
        let _ = std::fs::remove_file(&part);
        failed(e)
    })
}

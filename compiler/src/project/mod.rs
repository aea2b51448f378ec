//! Reading a project: a folder with `cardwright.toml` and `*.perso` files, through a trait.
//!
//! The compiler never touches a disk. Whoever calls it gives it [`Files`]; tests give it
//! [`MemoryFiles`].

mod files;
mod manifest;
mod standard;

pub use files::{FileError, Files, MemoryFiles};
pub use manifest::{Manifest, ManifestError};
pub use standard::{StandardFile, standard_asset, standard_packages};

/// Most source files that a project may have.
pub const MAX_SOURCES: usize = 1_000;
/// Largest source file, octets.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
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

/// A project as read: manifest, sources, and the way to its other files.
pub struct Project<'f> {
    /// The manifest.
    pub manifest: Manifest,
    /// Sources, sorted by path.
    pub sources: Vec<ProjectSource>,
    /// Where assets come from.
    pub files: &'f dyn Files,
    /// What was wrong with the manifest or with reading, as (code, path, message).
    pub troubles: Vec<(&'static str, String, String)>,
}

impl<'f> Project<'f> {
    /// Reads a project from its root folder. Never fails: what is wrong becomes a finding.
    #[must_use]
    pub fn read(files: &'f dyn Files) -> Self {
        let mut troubles = Vec::new();
        let manifest = match files.read("cardwright.toml") {
            Ok(bytes) => Manifest::parse(&bytes).unwrap_or_else(|error| {
                troubles.push(("E0110", "cardwright.toml".into(), error.to_string()));
                Manifest::default()
            }),
            Err(error) => {
                troubles.push(("E0110", "cardwright.toml".into(), error.to_string()));
                Manifest::default()
            }
        };
        let mut sources = Vec::new();
        let mut paths: Vec<String> = files
            .list("")
            .into_iter()
            .filter(|path| path.ends_with(".perso"))
            .collect();
        paths.sort();
        paths.dedup();
        if paths.len() > MAX_SOURCES {
            let message = format!("{} sources, at most {MAX_SOURCES} are read", paths.len());
            troubles.push(("E0111", String::new(), message));
            paths.truncate(MAX_SOURCES);
        }
        for path in paths {
            match read_text(files, &path) {
                Ok(text) => sources.push(ProjectSource { path, text }),
                Err(message) => troubles.push(("E0111", path, message)),
            }
        }
        Self {
            manifest,
            sources,
            files,
            troubles,
        }
    }

    /// A file that a source names: `file("letter.pdf")` from the project, `file("std:…")` from
    /// the standard packages.
    ///
    /// # Errors
    /// The file is missing, too large, or outside the project.
    pub fn asset(&self, name: &str) -> Result<Vec<u8>, FileError> {
        if let Some(standard) = name.strip_prefix("std:") {
            return standard_asset(standard)
                .map(<[u8]>::to_vec)
                .ok_or_else(|| FileError::missing(name));
        }
        if name.starts_with('/') || name.contains('\\') || name.split('/').any(|p| p == "..") {
            return Err(FileError::outside(name));
        }
        let bytes = self.files.read(name)?;
        if bytes.len() > MAX_ASSET_BYTES {
            return Err(FileError::too_large(name, bytes.len(), MAX_ASSET_BYTES));
        }
        Ok(bytes)
    }
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

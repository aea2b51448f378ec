//! Snapshots in `tests/` beside the project's sources, one a test.

use super::difference::difference;
use crate::{failure::Failure, project::write_whole};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Ending of a snapshot.
const ENDING: &str = "snap";

/// What became of a snapshot.
pub(super) enum Kept {
    /// As it was.
    Same,
    /// Written anew.
    Written,
    /// There is none yet.
    Missing,
    /// Another text: what differs.
    Differs(String),
}

/// The folder of snapshots.
pub(super) struct Shelf {
    folder: PathBuf,
    update: bool,
    used: BTreeSet<String>,
}

impl Shelf {
    pub(super) fn new(root: &Path, update: bool) -> Self {
        Self {
            folder: root.join("tests"),
            update,
            used: BTreeSet::new(),
        }
    }

    /// Compares a test's snapshot with the kept one, or writes it.
    pub(super) fn keep(&mut self, test: &str, text: &str) -> Result<Kept, Failure> {
        let name = self.name(test);
        let path = self.folder.join(&name);
        self.used.insert(name);
        let kept = match std::fs::read_to_string(&path) {
            Ok(kept) => Some(kept.replace("\r\n", "\n")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::file(&path, &error)),
        };
        match kept {
            Some(kept) if kept == text => Ok(Kept::Same),
            _ if self.update => {
                std::fs::create_dir_all(&self.folder)
                    .map_err(|e| Failure::file(&self.folder, &e))?;
                write_whole(&path, text.as_bytes())?;
                Ok(Kept::Written)
            }
            None => Ok(Kept::Missing),
            Some(kept) => Ok(Kept::Differs(difference(&kept, text))),
        }
    }

    /// Snapshots that no test has used; with `--update` they are removed.
    pub(super) fn stale(&self) -> Result<Vec<String>, Failure> {
        let mut stale = Vec::new();
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(&format!(".{ENDING}")) || self.used.contains(&name) {
                continue;
            }
            if self.update {
                let path = entry.path();
                std::fs::remove_file(&path).map_err(|e| Failure::file(&path, &e))?;
            }
            stale.push(format!("tests/{name}"));
        }
        stale.sort();
        Ok(stale)
    }

    /// A file name that is this test's alone: its words, and a number when another has the same.
    fn name(&self, test: &str) -> String {
        let slug = slug(test);
        let mut name = format!("{slug}.{ENDING}");
        let mut n = 2;
        while self.used.contains(&name) {
            name = format!("{slug}-{n}.{ENDING}");
            n += 1;
        }
        name
    }
}

/// A name as a file name: small letters and digits, hyphens between.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.to_lowercase().chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug: String = slug.trim_end_matches('-').chars().take(80).collect();
    if slug.is_empty() {
        "test".to_owned()
    } else {
        slug
    }
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn names_become_file_names() {
        assert_eq!(
            slug("a long, accented name isn't cut"),
            "a-long-accented-name-isn-t-cut"
        );
        assert_eq!(slug("../.."), "test");
    }
}

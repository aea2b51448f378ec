//! Snapshots in `tests/` beside the project's sources: a text and its pictures for each test.

use super::difference::difference;
use crate::{failure::Failure, project::write_whole};
use cardwright_rehearsal::picture_difference;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Ending of a snapshot's text.
const ENDING: &str = "snap";
/// Ending of its pictures: `NAME.LAYOUT.png`.
const PICTURE: &str = "png";

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

    /// Compares a test's text and pictures with the kept ones, or writes them; the text comes first.
    pub(super) fn keep(
        &self,
        name: &str,
        text: &str,
        pictures: &[(String, Vec<u8>)],
    ) -> Result<Vec<(String, Kept)>, Failure> {
        let same = |kept: &[u8]| {
            let kept = String::from_utf8_lossy(kept).replace("\r\n", "\n");
            (kept != text).then(|| difference(&kept, text))
        };
        let file = format!("{name}.{ENDING}");
        let kept = self.one(&file, text.as_bytes(), &same)?;
        let mut all = vec![(format!("tests/{file}"), kept)];
        for (which, png) in pictures {
            let file = format!("{name}.{}.{PICTURE}", slug(which));
            let differs = |kept: &[u8]| {
                let found = picture_difference(kept, png)?;
                Some(format!("        {found}\n"))
            };
            let kept = self.one(&file, png, &differs)?;
            all.push((format!("tests/{file}"), kept));
        }
        for file in self.pictures_of(name) {
            let drawn = |(which, _): &(String, Vec<u8>)| {
                file == format!("{name}.{}.{PICTURE}", slug(which))
            };
            if !pictures.iter().any(drawn) {
                let gone = Kept::Differs("        it is not drawn any more\n".to_owned());
                let path = self.folder.join(&file);
                if self.update {
                    std::fs::remove_file(&path).map_err(|e| Failure::file(&path, &e))?;
                } else {
                    all.push((format!("tests/{file}"), gone));
                }
            }
        }
        Ok(all)
    }

    fn one(
        &self,
        file: &str,
        found: &[u8],
        differs: &dyn Fn(&[u8]) -> Option<String>,
    ) -> Result<Kept, Failure> {
        let path = self.folder.join(file);
        let kept = match std::fs::read(&path) {
            Ok(kept) => Some(kept),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::file(&path, &error)),
        };
        let difference = kept.as_deref().map(differs);
        match difference {
            Some(None) => Ok(Kept::Same),
            _ if self.update => {
                std::fs::create_dir_all(&self.folder)
                    .map_err(|e| Failure::file(&self.folder, &e))?;
                write_whole(&path, found)?;
                Ok(Kept::Written)
            }
            None => Ok(Kept::Missing),
            Some(Some(difference)) => Ok(Kept::Differs(difference)),
        }
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries.flatten().map(|e| e.file_name());
        let mut names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn pictures_of(&self, name: &str) -> Vec<String> {
        let mut files = self.files();
        files.retain(|file| owner(file) == Some(name) && file.ends_with(".png"));
        files
    }

    /// Snapshots that no test has used; with `--update` they are removed.
    pub(super) fn stale(&self) -> Result<Vec<String>, Failure> {
        let mut stale = Vec::new();
        for file in self.files() {
            let Some(owner) = owner(&file) else { continue };
            if self.used.contains(owner) {
                continue;
            }
            if self.update {
                let path = self.folder.join(&file);
                std::fs::remove_file(&path).map_err(|e| Failure::file(&path, &e))?;
            }
            stale.push(format!("tests/{file}"));
        }
        Ok(stale)
    }

    /// A file name, without ending, that is this test's alone: its words, and a number when another
    /// has the same.
    pub(super) fn name(&mut self, test: &str) -> String {
        let slug = slug(test);
        let mut name = slug.clone();
        let mut n = 2;
        while !self.used.insert(name.clone()) {
            name = format!("{slug}-{n}");
            n += 1;
        }
        name
    }
}

/// The test that a file in `tests/` belongs to: `NAME.snap`, or `NAME.LAYOUT.png`. Other files are
/// not ours.
fn owner(file: &str) -> Option<&str> {
    if let Some(name) = file.strip_suffix(".snap") {
        return Some(name);
    }
    let (name, layout) = file.strip_suffix(".png")?.split_once('.')?;
    (!layout.contains('.') && slug(name) == name).then_some(name)
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
    use super::{owner, slug};

    #[test]
    fn files_tell_whose_they_are() {
        assert_eq!(owner("a-gold-card.snap"), Some("a-gold-card"));
        assert_eq!(
            owner("a-gold-card.gold-card-front.png"),
            Some("a-gold-card")
        );
        for other in ["logo.png", "notes.txt", "a.b.c.png", "A Logo.x.png"] {
            assert_eq!(owner(other), None, "{other}");
        }
    }

    #[test]
    fn names_become_file_names() {
        assert_eq!(
            slug("a long, accented name isn't cut"),
            "a-long-accented-name-isn-t-cut"
        );
        assert_eq!(slug("../.."), "test");
    }
}

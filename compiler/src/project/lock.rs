//! `cardwright.lock`: which packages a project was built with, to the octet.

use super::package::Package;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Name of the lock file, beside the manifest.
pub const LOCK: &str = "cardwright.lock";
/// Version of the lock's form.
const FORM: u32 = 1;
/// Changed files that are named before `and n more` stands for the rest.
const NAMED_FILES: usize = 3;

/// How a lock is to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockUse {
    /// A lock that is there must fit; where none is, one is written.
    #[default]
    Check,
    /// A lock must be there and fit to the octet, that of the standard packages too.
    Locked,
    /// The lock is written anew, whatever it said.
    Update,
}

/// What a lock says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Version of its form.
    pub version: u32,
    /// Packages, sorted by name.
    #[serde(default, rename = "package")]
    pub packages: Vec<Locked>,
}

/// One locked package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `path ../house` as the manifest says, or `compiler` for the standard packages.
    pub source: String,
    /// SHA-256 over the paths and octets of all files.
    pub digest: String,
    /// SHA-256 of each file, by path.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

impl Lock {
    /// The lock that fits packages.
    #[must_use]
    pub fn of(packages: &[Package]) -> Self {
        let mut locked: Vec<Locked> = packages
            .iter()
            .map(|package| Locked {
                name: package.name.clone(),
                version: package.version.to_string(),
                source: package.source.clone(),
                digest: package.digest.clone(),
                // The compiler's own files are many, and change with its version only.
                files: if package.is_standard() {
                    BTreeMap::new()
                } else {
                    package.digests.clone()
                },
            })
            .collect();
        locked.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            version: FORM,
            packages: locked,
        }
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// Not UTF-8, not TOML, another form.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let lock: Lock = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        if lock.version == FORM {
            Ok(lock)
        } else {
            Err(format!(
                "it has form {}, this compiler knows {FORM}",
                lock.version
            ))
        }
    }

    /// Its canonical text: the same packages give the same octets.
    #[must_use]
    pub fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut out = String::from(
            "# Written by cardwright. Commit it; `--update-lock` writes it anew.\n\
             version = 1\n",
        );
        for package in &self.packages {
            let _ = writeln!(
                out,
                "\n[[package]]\nname = {}\nversion = {}\nsource = {}\ndigest = {}",
                quoted(&package.name),
                quoted(&package.version),
                quoted(&package.source),
                quoted(&package.digest),
            );
            if !package.files.is_empty() {
                out.push_str("\n[package.files]\n");
            }
            for (path, digest) in &package.files {
                let _ = writeln!(out, "{} = {}", quoted(path), quoted(digest));
            }
        }
        out
    }

    /// What differs from the packages that were found, in words. `strict` compares the standard
    /// packages to the octet as well; else their version is enough, since the compiler carries them.
    #[must_use]
    pub fn differences(&self, found: &Lock, strict: bool) -> Vec<String> {
        let mut said = Vec::new();
        for now in &found.packages {
            match self.packages.iter().find(|p| p.name == now.name) {
                None => said.push(format!("the package `{}` is new", now.name)),
                Some(then) => said.extend(changed(then, now, strict)),
            }
        }
        for then in &self.packages {
            if !found.packages.iter().any(|p| p.name == then.name) {
                said.push(format!("the package `{}` is no longer used", then.name));
            }
        }
        said
    }
}

fn changed(then: &Locked, now: &Locked, strict: bool) -> Option<String> {
    let name = &now.name;
    if then.version != now.version {
        return Some(format!(
            "`{name}` was {}, now it is {}",
            then.version, now.version
        ));
    }
    if then.source != now.source {
        return Some(format!(
            "`{name}` came from `{}`, now it comes from `{}`",
            then.source, now.source
        ));
    }
    let standard = now.source == super::package::COMPILER;
    if then.digest == now.digest || (standard && !strict) {
        return None;
    }
    if standard {
        return Some(format!(
            "the standard packages of this compiler are not those that were locked, though both \
             are {}",
            now.version
        ));
    }
    Some(format!(
        "the content of `{name}` {} has changed: {}",
        now.version,
        files(then, now)
    ))
}

/// Which files changed, came, or went.
fn files(then: &Locked, now: &Locked) -> String {
    let mut said = Vec::new();
    for (path, digest) in &now.files {
        match then.files.get(path) {
            None => said.push(format!("`{path}` is new")),
            Some(old) if old != digest => said.push(format!("`{path}` is another")),
            Some(_) => {}
        }
    }
    let gone = then.files.keys().filter(|p| !now.files.contains_key(*p));
    said.extend(gone.map(|path| format!("`{path}` is gone")));
    let more = said.len().saturating_sub(NAMED_FILES);
    said.truncate(NAMED_FILES);
    if more > 0 {
        said.push(format!("{more} more"));
    }
    if said.is_empty() {
        return "its digest is another".to_owned();
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(digest: &str, file: &str) -> Lock {
        Lock {
            version: FORM,
            packages: vec![Locked {
                name: "house".into(),
                version: "1.0.0".into(),
                source: "path ../house".into(),
                digest: digest.into(),
                files: [("rules.perso".to_owned(), file.to_owned())].into(),
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let one = lock("AA", "BB");
        assert_eq!(Lock::parse(one.text().as_bytes()), Ok(one));
    }

    #[test]
    fn says_which_file_changed() {
        let said = lock("AA", "BB").differences(&lock("CC", "DD"), false);
        assert_eq!(
            said,
            ["the content of `house` 1.0.0 has changed: `rules.perso` is another"]
        );
    }

    #[test]
    fn another_form_is_refused() {
        assert!(Lock::parse(b"version = 9\n").is_err());
        assert!(Lock::parse(b"version = 1\ncolour = 2\n").is_err());
    }
}

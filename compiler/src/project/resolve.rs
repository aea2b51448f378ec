//! From a manifest's `[dependencies]` to packages: each once, none in a circle, each as asked for.

use super::manifest::{Dependency, Manifest};
use super::package::Package;
use super::{Files, Trouble};
use semver::VersionReq;

/// Most packages that a project may build on.
const MAX_PACKAGES: usize = 100;
/// Deepest chain of packages that build on packages.
const MAX_DEPTH: usize = 16;
/// The manifest's name.
pub(super) const MANIFEST: &str = "cardwright.toml";

/// Finds all packages of a project, sorted by name.
pub(super) fn resolve(
    manifest: &Manifest,
    files: &dyn Files,
    troubles: &mut Vec<Trouble>,
) -> Vec<Package> {
    let mut resolver = Resolver {
        root: files,
        packages: Vec::new(),
        troubles,
    };
    resolver.all(manifest, files, MANIFEST, &mut vec![manifest.name.clone()]);
    let mut packages = resolver.packages;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    packages
}

struct Resolver<'r> {
    root: &'r dyn Files,
    packages: Vec<Package>,
    troubles: &'r mut Vec<Trouble>,
}

impl Resolver<'_> {
    fn all(&mut self, manifest: &Manifest, files: &dyn Files, at: &str, trail: &mut Vec<String>) {
        for (name, dependency) in &manifest.dependencies {
            if name == "std" {
                self.standard(dependency, at);
            } else {
                self.one(name, dependency, files, at, trail);
            }
        }
    }

    fn say(&mut self, code: &'static str, at: &str, message: String, help: &str) {
        self.troubles.push(Trouble {
            code,
            path: at.to_owned(),
            message,
            help: Some(help.to_owned()),
        });
    }

    fn standard(&mut self, dependency: &Dependency, at: &str) {
        let standard = Package::standard();
        if dependency.path().is_some() {
            let message = "the standard packages come with the compiler, not from a path";
            let help = "write `std = \"0.1\"`, or give your package another name";
            self.say("E0122", at, message.to_owned(), help);
            return;
        }
        self.fits(&standard, dependency, at);
        if !self.packages.iter().any(Package::is_standard) {
            self.packages.push(standard);
        }
    }

    /// Says E0123 when the version is not one that was asked for.
    fn fits(&mut self, package: &Package, dependency: &Dependency, at: &str) {
        let Some(asked) = dependency.version() else {
            return;
        };
        match VersionReq::parse(asked) {
            Ok(req) if req.matches(&package.version) => {}
            Ok(_) => {
                let message = format!(
                    "`{}` is asked for in version {asked}, it is {}",
                    package.name, package.version
                );
                let help = "ask for its version, or take the package in the version that you need";
                self.say("E0123", at, message, help);
            }
            Err(error) => {
                let message = format!("`{}`: the version {asked:?}: {error}", package.name);
                self.say(
                    "E0123",
                    at,
                    message,
                    "write it as \"1\", \"1.2\" or \">=1.2, <2\"",
                );
            }
        }
    }

    fn one(
        &mut self,
        name: &str,
        dependency: &Dependency,
        files: &dyn Files,
        at: &str,
        trail: &mut Vec<String>,
    ) {
        if let Some(start) = trail.iter().position(|n| n == name) {
            let mut circle: Vec<&str> = trail.iter().skip(start).map(String::as_str).collect();
            circle.push(name);
            let message = format!("packages build on each other: {}", circle.join(" -> "));
            let help = "move what both need into a third package";
            self.say("E0124", at, message, help);
            return;
        }
        if trail.len() > MAX_DEPTH || self.packages.len() >= MAX_PACKAGES {
            let message = format!(
                "more than {MAX_PACKAGES} packages, or more than {MAX_DEPTH} one upon the other"
            );
            self.say("E0124", at, message, "join small packages");
            return;
        }
        let Some((found, manifest)) = self.open(name, dependency, files, at) else {
            return;
        };
        self.fits(&found, dependency, at);
        if let Some(known) = self.packages.iter().find(|p| p.name == found.name) {
            if known.digest != found.digest {
                let message = format!(
                    "`{name}` is asked for twice: {} from `{}`, and {} from `{}` with other content",
                    known.version, known.source, found.version, found.source
                );
                let help = "let all manifests name the same package: two of one name can't be \
                            told apart";
                self.say("E0125", at, message, help);
            }
            return;
        }
        let inside = format!("{}/{MANIFEST}", found.label());
        trail.push(name.to_owned());
        if let Some(folder) = found.folder() {
            self.all(&manifest, folder, &inside, trail);
        }
        trail.pop();
        self.packages.push(found);
    }

    fn folder(
        &self,
        name: &str,
        dependency: &Dependency,
        files: &dyn Files,
    ) -> Result<Box<dyn Files>, String> {
        let vendored = format!("vendor/{name}");
        if self.root.read(&format!("{vendored}/{MANIFEST}")).is_ok() {
            return self.root.package(&vendored).map_err(|e| e.to_string());
        }
        let Some(path) = dependency.path() else {
            return Err(format!("`{name}` has no path, and is not in `vendor/`"));
        };
        files.package(path).map_err(|e| e.to_string())
    }

    fn open(
        &mut self,
        name: &str,
        dependency: &Dependency,
        files: &dyn Files,
        at: &str,
    ) -> Option<(Package, Manifest)> {
        if let Some(path) = dependency.path()
            && !is_plain(path)
        {
            let message = format!(
                "the path {path:?} of `{name}`: a path is relative, with forward slashes, and \
                 goes up only at its beginning"
            );
            let help = "write it as \"../house\" or \"packages/house\"";
            self.say("E0121", at, message, help);
            return None;
        }
        let folder = match self.folder(name, dependency, files) {
            Ok(folder) => folder,
            Err(reason) => {
                let message = format!("the package `{name}` can't be read: {reason}");
                let help = "give its folder: `house = { path = \"../house\", version = \"1\" }`; \
                            `cardwright vendor` copies packages into the project";
                self.say("E0120", at, message, help);
                return None;
            }
        };
        let manifest = folder
            .read(MANIFEST)
            .map_err(|e| e.to_string())
            .and_then(|bytes| Manifest::parse_package(&bytes).map_err(|e| e.to_string()));
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(reason) => {
                let message = format!("the manifest of the package `{name}`: {reason}");
                let help = "a package's folder has a `cardwright.toml` with `name` and `version`";
                self.say("E0120", at, message, help);
                return None;
            }
        };
        if manifest.name != name {
            let case = manifest.name.eq_ignore_ascii_case(name);
            let message = format!(
                "`{name}` is asked for, that folder holds `{}`",
                manifest.name
            );
            let help = if case {
                "write the name as the package does: names are told apart by case"
            } else {
                "ask for it by its own name, or correct the path"
            };
            self.say("E0122", at, message, help);
            return None;
        }
        let version = semver::Version::parse(&manifest.version).ok()?;
        let source = dependency
            .path()
            .map_or_else(|| "vendor".to_owned(), |path| format!("path {path}"));
        match Package::load(name, version, source, folder) {
            Ok(package) => Some((package, manifest)),
            Err(reason) => {
                let message = format!("the package `{name}` can't be read: {reason}");
                self.say("E0120", at, message, "correct the package");
                None
            }
        }
    }
}

/// Relative, with forward slashes, `..` only at the beginning, no empty and no `.` parts.
fn is_plain(path: &str) -> bool {
    let mut below = false;
    !path.is_empty()
        && path.len() <= 4_096
        && !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| match part {
            "" | "." => false,
            ".." => !below,
            _ => {
                below = true;
                true
            }
        })
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn paths_go_up_only_at_their_beginning() {
        for good in ["../house", "house", "../../a/b", "packages/a.b"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "",
            "/house",
            "a/../../b",
            "C:/x",
            "a\\b",
            "a//b",
            "./a",
            "a/",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}

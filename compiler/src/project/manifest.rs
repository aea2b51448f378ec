//! The project's manifest, `cardwright.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `cardwright.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name: lower-case letters, digits and hyphens.
    pub name: String,
    /// Version for people, such as `1.4.0`.
    pub version: String,
    /// Monotonic version: a site never goes back to a lower one. A package that is no project may
    /// leave it out.
    #[serde(default)]
    pub sequence: u64,
    /// Name of the issuer declaration.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Packages that it builds on, by name.
    #[serde(default)]
    pub dependencies: BTreeMap<String, Dependency>,
    /// Rules by qualified name whose breach is graver here than the rule itself says.
    #[serde(default)]
    pub rules: BTreeMap<String, String>,
    /// Bundles by name, each with the jobs that go into it; none stands for one with all jobs.
    #[serde(default)]
    pub bundles: BTreeMap<String, BundleEntry>,
}

/// How a package is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Dependency {
    /// By version only: the standard packages, and what lies in `vendor/`.
    Version(String),
    /// By path, and perhaps version.
    Path(PathDependency),
}

/// `{ path = "../house", version = "1" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathDependency {
    /// Folder, relative to the manifest's.
    pub path: String,
    /// Versions that will do, such as `1.2`; any when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Dependency {
    /// Versions that will do.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        match self {
            Dependency::Version(version) => Some(version),
            Dependency::Path(at) => at.version.as_deref(),
        }
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Dependency::Version(_) => None,
            Dependency::Path(at) => Some(&at.path),
        }
    }
}

/// One bundle of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    /// Names of the jobs in it.
    #[serde(default)]
    pub jobs: Vec<String>,
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(pub String);

impl Manifest {
    /// Reads a project's manifest.
    ///
    /// # Errors
    /// Not UTF-8, not TOML, an unknown key, a name or version out of form, no sequence.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest = Self::parse_package(bytes)?;
        let said = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<toml::Table>().ok())
            .is_some_and(|table| table.contains_key("sequence"));
        if !said {
            return Err(ManifestError(
                "`sequence` is missing: a whole number that grows with each release".into(),
            ));
        }
        Ok(manifest)
    }

    /// Reads a package's manifest: that of a project, or one without `sequence`.
    ///
    /// # Errors
    /// Not UTF-8, not TOML, an unknown key, a name or version out of form.
    pub fn parse_package(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| ManifestError("it is not UTF-8".into()))?;
        let table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| ManifestError(e.message().to_owned()))?;
        dependencies_in_form(&table)?;
        let manifest: Manifest =
            toml::from_str(text).map_err(|e| ManifestError(e.message().to_owned()))?;
        if !is_name(&manifest.name) {
            return Err(ManifestError(
                "`name` has 1 to 64 small letters, digits and hyphens".into(),
            ));
        }
        if let Err(error) = semver::Version::parse(&manifest.version) {
            return Err(ManifestError(format!(
                "`version` is three numbers such as \"1.0.0\": {error}"
            )));
        }
        let bad = manifest.bundles.keys().find(|name| !is_name(name));
        if let Some(name) = bad {
            return Err(ManifestError(format!(
                "the bundle {name:?}: a name has small letters, digits and hyphens"
            )));
        }
        Ok(manifest)
    }
}

/// 1 to 64 small letters, digits and hyphens.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Says in the trade's words what the reader of TOML would say in its own.
fn dependencies_in_form(table: &toml::Table) -> Result<(), ManifestError> {
    let Some(toml::Value::Table(all)) = table.get("dependencies") else {
        return Ok(());
    };
    for (name, value) in all {
        let good = match value {
            toml::Value::String(_) => true,
            toml::Value::Table(keys) => {
                keys.get("path").is_some_and(toml::Value::is_str)
                    && keys.get("version").is_none_or(toml::Value::is_str)
                    && keys.keys().all(|key| key == "path" || key == "version")
            }
            _ => false,
        };
        if !good {
            return Err(ManifestError(format!(
                "the dependency `{name}` is a version (\"0.1\"), or \
                 {{ path = \"../{name}\", version = \"1\" }}"
            )));
        }
        if !is_name(name) {
            return Err(ManifestError(format!(
                "the dependency {name:?}: a package's name has small letters, digits and hyphens"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_manifest() {
        let manifest = Manifest::parse(b"name = \"aurora\"\nversion = \"1.0.0\"\nsequence = 3\n")
            .expect("a good manifest");
        assert_eq!(manifest.sequence, 3);
        assert!(manifest.bundles.is_empty());
    }

    #[test]
    fn refuses_a_name_with_capitals() {
        let error = Manifest::parse(b"name = \"Aurora\"\nversion = \"1.0.0\"\nsequence = 3\n")
            .expect_err("capitals");
        assert!(error.to_string().contains("small letters"));
    }

    #[test]
    fn packages_are_asked_for_by_version_or_path() {
        let text = b"name = \"a\"\nversion = \"1.0.0\"\nsequence = 3\n[dependencies]\n\
            std = \"0.1\"\nhouse = { path = \"../house\", version = \"1\" }\n";
        let manifest = Manifest::parse(text).expect("a good manifest");
        let house = manifest.dependencies.get("house").expect("it is there");
        assert_eq!(
            (house.path(), house.version()),
            (Some("../house"), Some("1"))
        );
        for bad in [
            "std = 1",
            "House = \"1\"",
            "house = { git = \"x\" }",
            "house = {}",
        ] {
            let text = format!("name = \"a\"\nversion = \"1.0.0\"\n[dependencies]\n{bad}\n");
            assert!(Manifest::parse_package(text.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_project_has_a_sequence_and_a_package_may_do_without() {
        let text = b"name = \"a\"\nversion = \"1.0.0\"\n";
        assert!(Manifest::parse(text).is_err());
        assert!(Manifest::parse_package(text).is_ok());
    }

    #[test]
    fn refuses_an_unknown_key() {
        let text = b"name = \"a\"\nversion = \"1.0.0\"\nsequence = 3\ncolour = 1\n";
        assert!(Manifest::parse(text).is_err());
    }
}

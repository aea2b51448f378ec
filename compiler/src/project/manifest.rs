//! The project's manifest, `cardwright.toml`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `cardwright.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name: lower-case letters, digits and hyphens.
    pub name: String,
    /// Version for people, such as `1.4.0`.
    pub version: String,
    /// Monotonic version: a site never goes back to a lower one.
    pub sequence: u64,
    /// Name of the issuer declaration.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Packages of other projects; none are known yet but the standard ones.
    #[serde(default)]
    pub dependencies: BTreeMap<String, String>,
    /// Bundles by name, each with the jobs that go into it; none stands for one with all jobs.
    #[serde(default)]
    pub bundles: BTreeMap<String, BundleEntry>,
}

/// One bundle of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Reads a manifest.
    ///
    /// # Errors
    /// Not UTF-8, not TOML, an unknown key, a name or version out of form.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| ManifestError("it is not UTF-8".into()))?;
        let manifest: Manifest =
            toml::from_str(text).map_err(|e| ManifestError(e.message().to_owned()))?;
        let name_is_fine = !manifest.name.is_empty()
            && manifest.name.len() <= 64
            && manifest
                .name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !name_is_fine {
            return Err(ManifestError(
                "`name` has 1 to 64 small letters, digits and hyphens".into(),
            ));
        }
        if let Err(error) = semver::Version::parse(&manifest.version) {
            return Err(ManifestError(format!(
                "`version` is three numbers such as \"1.0.0\": {error}"
            )));
        }
        Ok(manifest)
    }
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
    fn refuses_an_unknown_key() {
        let text = b"name = \"a\"\nversion = \"1.0.0\"\nsequence = 3\ncolour = 1\n";
        assert!(Manifest::parse(text).is_err());
    }
}

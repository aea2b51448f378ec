//! The standard packages that the compiler carries: `profiles/` and `layouts/`, as data.

include!(concat!(env!("OUT_DIR"), "/standard.rs"));

/// A file of the standard packages.
#[derive(Clone, Copy, Debug)]
pub struct StandardFile {
    /// Path below the workspace, such as `profiles/cpa.perso`.
    pub path: &'static str,
    /// Octets.
    pub bytes: &'static [u8],
}

/// Sources of the standard packages, sorted by path.
pub fn standard_packages() -> impl Iterator<Item = (&'static str, &'static str)> {
    STANDARD
        .iter()
        .filter(|file| file.path.ends_with(".perso"))
        .filter_map(|file| Some((file.path, std::str::from_utf8(file.bytes).ok()?)))
}

/// A file of the standard packages that is no source, by its path: `layouts/fonts/x.ttf`, or
/// without the first folder: `fonts/x.ttf`.
#[must_use]
pub fn standard_asset(path: &str) -> Option<&'static [u8]> {
    STANDARD
        .iter()
        .find(|file| {
            file.path == path
                || file
                    .path
                    .strip_prefix("layouts/")
                    .or_else(|| file.path.strip_prefix("profiles/"))
                    == Some(path)
        })
        .map(|file| file.bytes)
}

/// All files of the standard packages, sorted by path.
pub(super) fn all() -> impl Iterator<Item = &'static StandardFile> {
    STANDARD.iter()
}

/// Version of the standard packages, as `profiles/cardwright.toml` says.
pub(super) fn version() -> semver::Version {
    let manifest = STANDARD
        .iter()
        .find(|f| f.path == "profiles/cardwright.toml");
    manifest
        .and_then(|file| super::Manifest::parse_package(file.bytes).ok())
        .and_then(|manifest| semver::Version::parse(&manifest.version).ok())
        .unwrap_or(semver::Version::new(0, 0, 0))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_standard_packages_have_a_version() {
        assert_eq!(super::version(), semver::Version::new(0, 1, 0));
    }
}

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

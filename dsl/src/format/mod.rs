//! The formatter.

/// Lays a source text out.
pub fn format(source: &str) -> String {
    source.to_owned()
}

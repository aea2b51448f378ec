//! Limits on everything that comes from outside.

/// Largest sizes that a loader takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whole bundle, octets.
    pub bundle_bytes: usize,
    /// Content (JSON), octets.
    pub content_bytes: usize,
    /// Number of assets.
    pub assets: usize,
    /// Number of signatures.
    pub signatures: usize,
    /// Nodes in one program.
    pub nodes: usize,
    /// Entries in any other list.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bundle_bytes: 64 << 20,
            content_bytes: 16 << 20,
            assets: 256,
            signatures: 16,
            nodes: 20_000,
            entries: 10_000,
        }
    }
}

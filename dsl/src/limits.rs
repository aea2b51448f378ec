//! Limits of the language, the same on every machine: beyond them a source gets a diagnostic.

/// Longest source text in bytes. A longer one is kept whole in the tree but not analysed.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;

/// Deepest nesting of `{}`, `()` and `[]` together.
pub const NESTING_MAX: usize = 32;

/// Highest expression tree. It bounds the recursion of everything that walks a tree.
pub const EXPRESSION_HEIGHT_MAX: u32 = 256;

/// Most diagnostics that one parse reports; a note tells how many more there were.
pub const DIAGNOSTICS_MAX: usize = 500;

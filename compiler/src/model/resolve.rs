//! What a name means, in the scope of the file that it was written in.

use super::{MSegment, Model, Span};
use indexmap::IndexMap;

/// What a dotted name begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A declaration, and how many segments named it.
    Decl {
        /// Qualified name.
        qualified: String,
        /// Segments used; the rest are attributes or fields of it.
        used: usize,
    },
    /// Hidden by a syntax error.
    Poisoned,
    /// Nothing of that name.
    Unknown,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Import {
    pub(crate) alias: String,
    pub(crate) target: String,
    pub(crate) span: Span,
    pub(crate) builtin: bool,
}

/// Package and imports of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) package: String,
    pub(crate) imports: Vec<Import>,
}

/// Names of one package: short name to qualified name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) names: IndexMap<String, String>,
}

impl Model {
    /// Resolves a dotted name in the scope of the file of `span`.
    #[must_use]
    pub fn resolve(&self, segments: &[MSegment], span: Span) -> Target {
        let _ = (segments, span);
        Target::Unknown
    }
}

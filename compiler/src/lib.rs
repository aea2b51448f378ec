//! Tree to Bundle: lower, check, emit. Pure: files come in through a trait.
//!
//! ```text
//! Project --parse, lower--> Model --check--> findings --emit--> Content and assets
//! ```

mod check;
pub mod diagnostics;
pub mod elaborate;
pub mod emit;
pub mod metrics;
pub mod model;
pub mod project;
mod rules;
pub mod secrecy;
mod session;
mod standard_codes;
pub mod types;

pub use cardwright_bundle::{Environment, Secrecy};
pub use emit::{build, check};
pub use session::Session;

use diagnostics::Finding;
use model::Model;
use project::Project;

/// What a check gives: all findings of one run, and the Model.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Findings, sorted by file and position.
    pub findings: Vec<Finding>,
    /// The Model; it holds all that could be understood.
    pub model: Model,
    /// Lengths that the emission came upon, where they were written.
    pub measures: Vec<Measure>,
}

/// How long a thing of the source becomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Measure {
    /// Where it was written.
    pub span: model::Span,
    /// In words: `up to 181 octets of 254`.
    pub words: String,
}

impl Checked {
    /// Whether nothing stands against building a bundle.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|f| f.severity == diagnostics::Severity::Error)
    }
}

/// Checks a project against the language: names, types, inheritance, keys, secrecy, rules.
#[must_use]
pub fn check_language(project: &Project<'_>) -> Checked {
    Session::default().check_language(project)
}

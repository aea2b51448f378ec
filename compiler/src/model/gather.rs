//! Trees to declarations: packages, imports, names declared twice.

use super::Model;
use crate::diagnostics::Findings;
use crate::project::Project;

/// Lowers a project's sources to a Model. Problems go into `findings`; the Model holds all that
/// could be understood.
pub fn lower(project: &Project<'_>, findings: &mut Findings) -> Model {
    let _ = findings;
    Model {
        manifest: project.manifest.clone(),
        ..Model::default()
    }
}

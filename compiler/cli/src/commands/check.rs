//! `check`: every finding in one run.

use crate::{
    arguments::{Check, Format},
    failure::{Failure, exit},
    findings,
    project::Folder,
    terminal,
};
use cardwright_bundle::Environment;
use cardwright_compiler::emit;

/// Carries the verb out.
pub(crate) fn run(arguments: &Check) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    let project = folder.locked_project(arguments.lock.how())?;
    let environment = if arguments.live {
        Environment::Live
    } else {
        Environment::Test
    };
    let checked = emit::check(&project, environment);
    findings::print(&checked.findings, &checked.model.sources, arguments.format);
    if arguments.format == Format::Human {
        let files = checked
            .model
            .sources
            .files
            .iter()
            .filter(|f| !f.standard)
            .count();
        let said = findings::counted(&checked.findings);
        terminal::note(&format!(
            "{}: {said} in {files} files",
            checked.model.manifest.name
        ));
    }
    Ok(if checked.is_good() { 0 } else { exit::FINDINGS })
}
